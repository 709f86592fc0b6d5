"""Compares the adaptive specialization (PEP 659) of two revisions of a Python project."""

__version__ = "0.1.0"

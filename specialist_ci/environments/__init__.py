"""Interpreters, and environments with what a commit needs installed."""

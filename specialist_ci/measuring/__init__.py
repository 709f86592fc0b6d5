"""Runs a suite with the collector inside every Python process, and makes a snapshot of it."""

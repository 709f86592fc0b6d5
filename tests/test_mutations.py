"""Realistic one-change commits, drawn as diffs, measured for real on every version."""

HARNESS_PLACEHOLDER = True

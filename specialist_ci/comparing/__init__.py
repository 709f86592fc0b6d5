"""Compares two snapshots and decides what of it fails a build; pure."""

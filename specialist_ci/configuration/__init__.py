"""What the user configured, and which suites run by it."""

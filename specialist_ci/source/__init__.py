"""What is read of the source files of the measured repository."""

"""The values that cross a file or a process, and how they are read and written."""

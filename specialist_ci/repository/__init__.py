"""The user's git repository, and checkouts of it that are ours."""

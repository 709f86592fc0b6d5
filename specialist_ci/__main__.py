"""Lets ``python -m specialist_ci`` do what ``specialist-ci`` does."""

from specialist_ci.cli import run

if __name__ == "__main__":
    run()

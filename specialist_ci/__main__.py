"""Lets ``python -m specialist_ci`` do what ``specialist-ci`` does."""

import sys

from specialist_ci.cli import main

if __name__ == "__main__":
    sys.exit(main())

"""Tells whether two runs of a suite wrote the same, but for figures such as times."""

import hashlib
import re

from specialist_ci.process import Outcome

_LINES = 200  # at the end of each stream: only so much of it is kept
# Counts of tests are the outcome of a suite; all other numbers may be times or addresses.
_COUNT = re.compile(
    r"\b(\d+) (?=(?:passed|failed|errors?|skipped|xfailed|xpassed|deselected|tests?|failures?)\b)"
)
_LONG = re.compile(r" \((?:\d+ days?, )?\d+:\d\d:\d\d\)")  # pytest's, from a minute on
_NUMBER = re.compile(r"0x[0-9a-fA-F]+|\d+(?:[.,:]\d+)*(?:e[+-]?\d+)?")
_RUN = re.compile(r"([ \t=_.*-])\1+")  # as long as the figures beside them leave room


def digest(outcome: Outcome) -> str:
    """Return what runs that wrote the same have in common."""
    streams = (_masked(text) for text in (outcome.stdout, outcome.stderr))
    return hashlib.sha256("\0".join(streams).encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _masked(text: str) -> str:
    end = "\n".join(text.splitlines()[-_LINES:])
    counted = _COUNT.sub(lambda found: _spelled(found[1]), _LONG.sub("", end))
    return _RUN.sub(r"\1", _NUMBER.sub("#", counted))


def _spelled(number: str) -> str:
    """Return a number in letters, which are not masked."""
    return "".join(chr(ord("a") + int(digit)) for digit in number) + " "

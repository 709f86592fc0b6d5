"""The knowledge as a page: docs/reasons.md."""

from collections.abc import Iterator, Mapping
from string import Formatter

from specialist_ci.reasons import TABLES, attributes, elimination, values
from specialist_ci.reasons.rows import NEWEST, OLDEST, Minor, Outcome, Row

_HEAD = """# Why a site does not specialize

What the explaining run knows: one row a rule. A site is explained by the first row of its table
whose situation it meets. Words in *italics* stand for what was met.

| sign | a site that meets only this |
| --- | --- |
| ✗ | fails to specialize: adaptive |
| ⚠ | specializes, and misses at each execution: unstable |
| ? | may fail or miss, by what cannot be observed |
| ✓ | specializes |
| – | is the matter of another row, or has no specializable instruction on that version |

*Cost* is what the operation takes over its specialized form; 1.0 is nothing to gain. Each row has
a snippet in `tests/situations.py`, which the tests run on CPython 3.11 to 3.15: it fails where the
row says so, and specializes after the advice was taken.
"""  # noqa: RUF001 - as in its tables
_SIGNS = {
    Outcome.FAILS: "✗",
    Outcome.MISSES: "⚠",
    Outcome.DOUBTFUL: "?",
    Outcome.SPECIALIZES: "✓",
    None: "–",  # noqa: RUF001 - in a table: nothing to say
}
_TITLES = {
    "binary": "Operators",
    "subscript": "Subscripts",
    "store_subscript": "Setting items",
    "compare": "Comparisons",
    "contains": "Tests of membership",
    "truth": "Truth values",
    "iterate": "Loops",
    "get_iter": "Making iterators",
    "unpack": "Unpacking",
    "send": "await and yield from",
    "attribute": "Attributes",
    "call": "Calls",
    "with_exit": "Leaving a with statement",
    "load_global": "Global names",
    "super_attribute": "super()",
}
# Rows that no situation alone tells.
_ALSO = {"compare": (values.VALUE,), "attribute": (attributes.CHANGED,)}
# The first version with such an instruction.
_SINCE = {"contains": 13, "truth": 13, "iterate": 12, "send": 12, "super_attribute": 12} | {
    "get_iter": 15
}


def as_markdown() -> str:
    """Return the page."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield _HEAD
    for kind, title in _TITLES.items():
        rows = TABLES[kind] + _ALSO.get(kind, ())
        yield from _table(title, rows, _SINCE.get(kind, OLDEST))
    yield from _table("By elimination", elimination.ROWS, OLDEST)


def _table(title: str, rows: tuple[Row, ...], since: Minor) -> Iterator[str]:
    minors = range(OLDEST, NEWEST + 1)
    yield f"## {title}\n"
    yield f"| {' | '.join(f'3.{minor}' for minor in minors)} | reason | advice | cost |"
    yield f"|{' --- |' * (len(minors) + 2)} --: |"
    for row in rows:
        if row.bad:
            signs = [_SIGNS[row.outcome(minor) if minor >= since else None] for minor in minors]
            advice = _prose(row.advice or "")
            yield f"| {' | '.join(signs)} | {_prose(row.reason)} | {advice} | {row.cost:.1f} |"
    yield ""


class _Italic(Formatter):
    """Writes the name of a fact in place of its value."""

    def get_value(self, key: int | str, _args: object, _kwargs: Mapping[str, object]) -> str:
        """Return the fact's name."""
        return f"*{key}*"


def _prose(text: str) -> str:
    escaped = text.replace("|", "\\|").replace("*", "\\*").replace("_", "\\_")
    return _Italic().format(escaped)

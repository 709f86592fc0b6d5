"""The family and file tables as rows of text, for a format to lay out."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from specialist_ci.formats.report import Report, Verdict
from specialist_ci.formats.snapshot import Counts, Snapshot
from specialist_ci.render.wording import NOTHING, arrow, number, percent, points

MOST_ROWS = 20
_COUNTS = ("specialized", "unstable", "adaptive")


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of a measured label and figures; ``hidden`` counts the rows left out."""

    noun: str
    plural: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    hidden: int

    @property
    def title(self) -> str:
        """What the table lists."""
        return self.plural.capitalize()


_Pair = tuple[str, Counts, Counts]


def compared(report: Report) -> tuple[Table, Table]:
    """Return the families and the files of which more or fewer sites fail, the worst first.

    Of what cannot be compared there are none.
    """
    comparable = report.verdict is not Verdict.NOT_COMPARABLE
    families = [(row.family, row.base, row.head) for row in report.families if comparable]
    files = [(row.path, row.base, row.head) for row in report.files if comparable]
    return _compared("family", "families", families), _compared("file", "files", files)


def measured(snapshot: Snapshot) -> tuple[Table, Table]:
    """Return the families and the files with sites that were tried, most failing first."""
    return (
        _measured("family", "families", snapshot.families.items()),
        _measured("file", "files", ((file.path, file.counts) for file in snapshot.files)),
    )


def none_differ(tables: Iterable[Table]) -> str:
    """Return the one line for tables without a row, or nothing."""
    nouns = [table.noun for table in tables if not table.rows]
    return f"No {' and no '.join(nouns)} differs in what fails." if nouns else ""


def _compared(noun: str, plural: str, pairs: Iterable[_Pair]) -> Table:
    differing = sorted(
        (pair for pair in pairs if _counts(pair[1])[1:] != _counts(pair[2])[1:]), key=_loss
    )
    rows = tuple((label, *_difference(base, head)) for label, base, head in differing[:MOST_ROWS])
    columns = (noun, *_COUNTS, "ratio", "points")
    return Table(noun, plural, columns, rows, max(0, len(differing) - MOST_ROWS))


def _measured(noun: str, plural: str, counted: Iterable[tuple[str, Counts]]) -> Table:
    tried = [(label, counts) for label, counts in counted if any(_counts(counts))]
    tried.sort(key=lambda row: (-row[1].unstable - row[1].adaptive, row[1].ratio or 0.0, row[0]))
    rows = tuple(
        (label, *map(number, _counts(counts)), percent(counts.ratio))
        for label, counts in tried[:MOST_ROWS]
    )
    return Table(noun, plural, (noun, *_COUNTS, "ratio"), rows, max(0, len(tried) - MOST_ROWS))


def _counts(counts: Counts) -> tuple[int, int, int]:
    return counts.specialized, counts.unstable, counts.adaptive


def _loss(pair: _Pair) -> tuple[float, str]:
    label, base, head = pair
    if base.ratio is None or head.ratio is None:
        return 0.0, label
    return head.ratio - base.ratio, label


def _difference(base: Counts, head: Counts) -> Iterator[str]:
    for base_count, head_count in zip(_counts(base), _counts(head), strict=True):
        yield arrow(number(base_count), number(head_count))
    yield arrow(percent(base.ratio), percent(head.ratio))
    yield points(base.ratio, head.ratio) or NOTHING

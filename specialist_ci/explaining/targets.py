"""Chooses the sites that an explaining run looks at, and plans the probes; pure."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from specialist_ci.comparing.matching import Place
from specialist_ci.formats.paths import from_text
from specialist_ci.formats.report import Change, ChangeKind
from specialist_ci.reasons import cost_class

_UNKNOWN = 10_000  # executions of a site whose number nobody knows: it stays among the first
LIMIT = 100  # changes that are looked at: each probe slows its line down

KINDS = (ChangeKind.REGRESSION, ChangeKind.NEW, ChangeKind.IMPROVEMENT)

Changed = tuple[Change, Place | None, Place]
Plan = list[tuple[str, list[tuple[object, ...]]]]
"""Path, and for each site: number, qualname, line, offset, family, argrepr, position."""


def choose(changed: Iterable[Changed]) -> list[Changed]:
    """Return the changes to look at: regressions first, of each kind what costs most."""

    def rank(each: Changed) -> tuple[int, float]:
        change = each[0]
        return KINDS.index(change.kind), -_likely_loss(change.executions, change.family)

    return sorted(changed, key=rank)[:LIMIT]


def rank(places: Iterable[Place]) -> list[Place]:
    """Return the places in the order of what they are likely to cost."""
    return sorted(places, key=lambda place: -_likely_loss(place.site.executions, place.site.family))


def worst_lines(places: Iterable[Place], most: int) -> list[list[Place]]:
    """Return the failing places of the lines that are likely to cost most, line by line."""
    lines: dict[tuple[str, int], list[Place]] = {}
    for place in places:
        if place.site.state.failing:
            lines.setdefault((place.file.path, place.line), []).append(place)

    def cost(line: Iterable[Place]) -> float:
        return sum(_likely_loss(each.site.executions, each.site.family) for each in line)

    return sorted(lines.values(), key=cost, reverse=True)[:most]


def _likely_loss(executions: int | None, family: str) -> float:
    """Return what a site may cost, in executions of a specialized one, before it is looked at."""
    return (_UNKNOWN if executions is None else executions) * (cost_class(family) - 1.0)


def plan(places: Sequence[Place], root: Path) -> Plan:
    """Return what the collector is told of the sites in a checkout; without columns, nothing."""
    files: dict[str, list[tuple[object, ...]]] = {}
    for number, place in enumerate(places):
        site = place.site
        if site.column is None:
            continue
        files.setdefault(str(from_text(root, place.file.path)), []).append(
            (
                number,
                place.function.qualname,
                place.function.line,
                site.offset,
                site.family,
                site.argrepr,
                (place.line, site.end_line, site.column, site.end_column),
            )
        )
    return sorted(files.items())

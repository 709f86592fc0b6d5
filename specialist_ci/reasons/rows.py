"""What a row of the knowledge is: a situation, the versions on which it fails, why, the cure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache

from specialist_ci.formats.report import NOTHING_TO_DO

Fact = str | int | bool | None
Facts = Mapping[str, Fact]
Minor = int  # 13 of 3.13

EVERY = "11-15"
NOTHING = NOTHING_TO_DO
OLDEST, NEWEST = 11, 15


class Outcome(StrEnum):
    """What becomes of a site that meets nothing but one situation."""

    SPECIALIZES = "specializes"
    FAILS = "fails"  # each attempt
    MISSES = "misses"  # it enters a form, whose guard fails at each execution
    DOUBTFUL = "doubtful"  # fails or misses under conditions that cannot be observed
    UNKNOWN = "unknown"  # no row: nothing is claimed


@dataclass(frozen=True, slots=True)
class Row:
    """One rule. Versions are minors of Python 3, such as ``11-13``, or ``11, 13-15``.

    The first row of its table holds whose situation is met and that has something to say about
    the version: it fails there, misses, may do either, or specializes as ``form``, on all
    versions if none are named.
    """

    id: str
    when: Callable[[Facts], object]
    fails: str = ""
    misses: str = ""
    doubtful: str = ""
    form: str | None = None  # without its family's name, as CPython's newest version calls it
    since: Minor = OLDEST  # before, other rows tell
    reason: str = ""  # facts in braces
    kind: "Kind" = None  # of the failure, as in specialize.c, without SPEC_FAIL_
    advice: str | None = NOTHING
    cost: float = 1.0  # of the operation, over the specialized one

    def outcome(self, minor: Minor) -> Outcome | None:
        """Return what happens on a version, or None where other rows tell."""
        if minor < self.since:
            return None
        for versions, outcome in (
            (self.fails, Outcome.FAILS),
            (self.misses, Outcome.MISSES),
            (self.doubtful, Outcome.DOUBTFUL),
        ):
            if minor in minors(versions):
                return outcome
        return Outcome.SPECIALIZES if self.form else None

    @property
    def bad(self) -> frozenset[Minor]:
        """The versions on which the situation is no good."""
        return minors(self.fails) | minors(self.misses) | minors(self.doubtful)


# One name; one a version ("11-12"); or whatever the facts make of it.
Kind = str | None | Mapping[str, str | None] | Callable[[Facts, Minor], str | None]


def kind_of(row: Row, facts: Facts, minor: Minor) -> str | None:
    """Return the failure kind that specialize.c of a version has for a row's situation."""
    kind = row.kind
    if callable(kind):
        return kind(facts, minor)
    if isinstance(kind, Mapping):
        return next((name for versions, name in kind.items() if minor in minors(versions)), None)
    return kind


def find(rows: Sequence[Row], facts: Facts, minor: Minor) -> tuple[Row | None, Outcome]:
    """Return the row that tells what becomes of a situation on a version."""
    for row in rows:
        if row.when(facts) and (outcome := row.outcome(minor)):
            return row, outcome
    return None, Outcome.UNKNOWN


@cache
def minors(versions: str) -> frozenset[Minor]:
    """Read versions such as ``11-13, 15``."""
    found: set[Minor] = set()
    for part in filter(None, versions.split(", ")):
        first, _, last = part.partition("-")
        found.update(range(int(first), int(last or first) + 1))
    return frozenset(found)

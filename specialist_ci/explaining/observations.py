"""What sites met in the processes of an explaining run; pure."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from specialist_ci import reasons
from specialist_ci.formats.snapshot import State
from specialist_ci.reasons.rows import Fact


@dataclass(frozen=True, slots=True)
class Observation:
    """What one site met in all processes of an explaining run."""

    executions: int = 0
    switches: int = 0
    misses: int = 0  # of a cache that holds one situation
    situations: tuple[reasons.Situation, ...] = ()
    problem: str = ""
    states: frozenset[State] = frozenset()  # at the end of the run, where they can be told


class Row(NamedTuple):
    """What one site met in one process, as the collector writes it."""

    number: int
    problem: str
    executions: int
    switches: int
    misses: int
    situations: list[tuple[str, tuple[Fact, ...], int]]


@dataclass(frozen=True, slots=True)
class Side:
    """One side's explaining run: what it saw of each place, or why it saw nothing."""

    observations: Mapping[int, Observation] = field(default_factory=dict)  # by place
    failure: str | None = None


def merge(
    processes: Iterable[Iterable[Row]], fields: Mapping[str, Sequence[str]]
) -> dict[int, Observation]:
    """Add up what all processes saw, by the number of the site."""
    found: dict[int, Observation] = {}
    counts: dict[int, Counter[tuple[str, tuple[Fact, ...]]]] = {}
    for rows in processes:
        for row in rows:
            seen = found.get(row.number, Observation(problem=row.problem))
            found[row.number] = replace(
                seen,
                executions=seen.executions + row.executions,
                switches=seen.switches + row.switches,
                misses=seen.misses + row.misses,
                # One process that could look at it is enough.
                problem=seen.problem and row.problem and max(seen.problem, row.problem),
            )
            counter = counts.setdefault(row.number, Counter())
            for kind, values, count in row.situations:
                counter[kind, values] += count
    return {
        number: replace(seen, situations=_situations(counts[number], fields))
        for number, seen in found.items()
    }


def _situations(
    counter: "Counter[tuple[str, tuple[Fact, ...]]]", fields: Mapping[str, Sequence[str]]
) -> tuple[reasons.Situation, ...]:
    ordered = sorted(counter.items(), key=lambda item: (-item[1], repr(item[0])))
    return tuple(
        reasons.Situation(kind, dict(zip(fields[kind], values, strict=True)), count)
        for (kind, values), count in ordered
    )

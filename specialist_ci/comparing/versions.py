"""Pairs the sites of one source in two versions of CPython, by place and by work; pure.

Bytecode differs from version to version, and the source does not: a site is where its
instruction stands in it, and what it does. A version may compile one place several times (a
``finally`` block, the condition of a loop) where another does once, so that all the sites
of a place and a work are one spot.
"""

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from specialist_ci.comparing.matching import Place, shape_of
from specialist_ci.formats.report import ChangeKind
from specialist_ci.formats.snapshot import Counts, Snapshot, SourceFile, State, is_warm

# Up to 3.12 the place of a loop is all of it, from 3.13 on what it runs over.
_LOOP, _LOOP_MOVED = "FOR_ITER", (3, 13)

_Position = tuple[int, int]  # line and column
_Span = tuple[_Position, _Position]
_Key = tuple[str, _Span, str, str]  # path, span, family and operand


class Spot(NamedTuple):
    """The sites that do one work at one place of the source, on both sides."""

    base: tuple[Place, ...]
    head: tuple[Place, ...]

    @property
    def family(self) -> str:
        """What the sites do, under one name for all versions."""
        return shape_of(self.head[0].site.family)


@dataclass(frozen=True, slots=True)
class Pairing:
    """Every site of both sides exactly once."""

    spots: tuple[Spot, ...]
    base_only: tuple[Place, ...]
    head_only: tuple[Place, ...]


def pair_versions(base: Snapshot, head: Snapshot) -> Pairing:
    """Pair the sites of the same files in two versions."""
    old, new = _spots(base), _spots(head)
    before, after = (_version(snapshot) for snapshot in (base, head))
    if (before < _LOOP_MOVED) != (after < _LOOP_MOVED):
        wide, narrow = (old, new) if before < after else (new, old)
        _move_loops(wide, narrow)
    spots = [Spot(tuple(old[key]), tuple(new[key])) for key in old if key in new]
    return Pairing(
        tuple(spots),
        tuple(place for key, places in old.items() if key not in new for place in places),
        tuple(place for key, places in new.items() if key not in old for place in places),
    )


def _version(snapshot: Snapshot) -> tuple[int, ...]:
    return tuple(map(int, snapshot.provenance.python.minor.split(".")))


def _spots(snapshot: Snapshot) -> dict[_Key, list[Place]]:
    found: dict[_Key, list[Place]] = {}
    for place in _places(snapshot.files):
        site = place.site
        span = (place.line, site.column or 0), (site.end_line, site.end_column or 0)
        key = (place.file.path, span, shape_of(site.family), site.argrepr)
        found.setdefault(key, []).append(place)
    return found


def _places(files: Iterable[SourceFile]) -> Iterator[Place]:
    for file in files:
        for line in file.lines:
            for site in line.sites:
                yield Place(file, line.line, site)


def _move_loops(wide: dict[_Key, list[Place]], narrow: dict[_Key, list[Place]]) -> None:
    """Give loops that stand at what they run over the place of the whole loop.

    It is the smallest loop around them, and is left alone where it is not certain which.
    """
    loops: defaultdict[str, list[_Span]] = defaultdict(list)
    for path, span, family, _ in wide:
        if family == _LOOP:
            loops[path].append(span)
    for spans in loops.values():
        spans.sort()
    inner: defaultdict[tuple[str, _Span], list[_Key]] = defaultdict(list)
    unplaced = []
    for key in [key for key in narrow if key[2] == _LOOP]:
        loop = _smallest_around(key[1], loops[key[0]])
        if loop is None:
            unplaced.append(key)
        else:
            inner[key[0], loop].append(key)
    moved: dict[_Key, list[Place]] = {}
    for (path, loop), keys in inner.items():
        # Two `for` in one comprehension are at one place, and so are the copies of a loop.
        alone = len(keys) == 1
        for key in keys:
            places = narrow.pop(key)
            moved[(path, loop, _LOOP, "") if alone else (path, key[1], _LOOP, "narrow")] = places
    for key in unplaced:
        moved[key[0], key[1], _LOOP, "narrow"] = narrow.pop(key)
    narrow.update(moved)


def _smallest_around(span: _Span, loops: Sequence[_Span]) -> _Span | None:
    """Return the smallest of the sorted spans that is larger than the span and holds it."""
    around = [
        loop
        for loop in loops[: bisect_right(loops, (span[0], (1 << 60, 0)))]
        if loop != span and loop[0] <= span[0] and span[1] <= loop[1]
    ]
    # Loops are nested, so that the smallest begins last, and of those ends first.
    return max(around, key=lambda loop: (loop[0], (-loop[1][0], -loop[1][1])), default=None)


# --- what differs ---


def differing(pairing: Pairing) -> Iterator[tuple[ChangeKind, Place, Place]]:
    """Yield what specialized on one side and failed on the other, with a site of each.

    Whoever specialized must have done so on all that ran at the spot and without a miss:
    with one, chance may decide where a site that meets several types ends, and no two
    versions have the same chance. For the same reason what misses says nothing here.
    """
    for spot in pairing.spots:
        before, after = _settled(spot.base), _failing(spot.head)
        if before and after:
            yield ChangeKind.REGRESSION, before, after
        before, after = _failing(spot.base), _settled(spot.head)
        if before and after:
            yield ChangeKind.IMPROVEMENT, before, after


def unsettled(pairing: Pairing) -> int:
    """Return how many spots miss on one side and not on the other, which says nothing."""
    states = [(_state(spot.base), _state(spot.head)) for spot in pairing.spots]
    return sum({State.SPECIALIZED, State.UNSTABLE} == set(pair) for pair in states)


def _settled(places: Sequence[Place]) -> Place | None:
    """Return a site of a spot whose sites all specialized for good, as far as they ran."""
    ran = [place for place in places if place.site.state is not State.COLD]
    for place in ran:
        site = place.site
        if site.state is not State.SPECIALIZED or site.misses or site.respecialized:
            return None
    return ran[0] if ran else None


def _failing(places: Sequence[Place]) -> Place | None:
    """Return the site of a spot that failed most often, if any did in hot code."""
    failed = [p for p in places if p.site.state is State.ADAPTIVE and is_warm(p.site)]
    return max(failed, key=lambda place: place.site.executions or 0, default=None)


# --- figures ---


def _state(places: Sequence[Place]) -> State:
    """Return the state of a spot: the worst of its sites that were tried."""
    states = {place.site.state for place in places}
    order = (State.HIDDEN, State.ADAPTIVE, State.UNSTABLE, State.SPECIALIZED, State.COLD)
    return next(state for state in order if state in states)


def counts(spots: Iterable[Spot]) -> tuple[Counts, Counts]:
    """Return how many spots are in which state, on base and on head."""
    pairs = [(_state(spot.base), _state(spot.head)) for spot in spots]
    return Counts.of(before for before, _ in pairs), Counts.of(after for _, after in pairs)


def by_family(spots: Iterable[Spot]) -> dict[str, list[Spot]]:
    """Return the spots of each family."""
    found: defaultdict[str, list[Spot]] = defaultdict(list)
    for spot in spots:
        found[spot.family].append(spot)
    return dict(sorted(found.items()))


def by_file(spots: Iterable[Spot]) -> dict[str, list[Spot]]:
    """Return the spots of each file."""
    found: defaultdict[str, list[Spot]] = defaultdict(list)
    for spot in spots:
        found[spot.head[0].file.path].append(spot)
    return dict(sorted(found.items()))


def families(places: Iterable[Place]) -> dict[str, int]:
    """Count sites by the family that their own version gives them."""
    return dict(sorted(Counter(place.site.family for place in places).items()))

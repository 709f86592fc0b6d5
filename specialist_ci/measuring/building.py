"""Builds a snapshot from dumps: merges processes, names states, counts by line and family."""

import io
import tokenize
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from operator import attrgetter
from pathlib import Path
from typing import NamedTuple

from specialist_ci.formats.dump import Dump, DumpedCode, Reading
from specialist_ci.formats.paths import from_text, to_text
from specialist_ci.formats.snapshot import (
    UNSTABLE_MISSES,
    UNSTABLE_RESPECIALIZED,
    Condition,
    Counts,
    Function,
    Line,
    Provenance,
    Site,
    Snapshot,
    SourceFile,
    State,
)
from specialist_ci.measuring.merging import decide

_STATE, _TRACED = attrgetter("state"), attrgetter("traced")
_Layout = tuple[tuple[int, int, int, str], ...]
_Located = tuple[int, Site]  # and its line


class _Copy(NamedTuple):
    """What one process saw of a code object."""

    process: int
    code: DumpedCode
    readings: Sequence[Reading]  # the code's, with the states that snapshots have


def build_snapshot(
    dumps: Sequence[Dump],
    *,
    root: Path,
    provenance: Provenance,
    conditions: Iterable[Condition] = (),
) -> Snapshot:
    """Merge the dumps of one suite into a snapshot.

    Paths become relative to root, whose files' texts are read. The result depends
    neither on the order of the dumps nor on that of the code objects in them.
    """
    codes: defaultdict[str, list[_Copy]] = defaultdict(list)
    for process, dump in enumerate(dumps):
        shared: tuple[Reading, ...] = ()
        readings: list[Reading] = []
        for code in dump.codes:
            if code.readings is not shared:
                shared = code.readings
                readings = list(map(_judged, shared))
            codes[code.path].append(_Copy(process, code, readings))
    files = tuple(_source_file(path, root, codes[path]) for path in sorted(codes))
    every = [site for file in files for line in file.lines for site in line.sites]
    return Snapshot(
        schema_version=1,
        provenance=provenance,
        totals=count(every),
        families=by_family(every),
        pystats=add_up(dump.pystats for dump in dumps),
        conditions=tuple(conditions),
        files=files,
    )


def _judged(reading: Reading) -> Reading:
    """Return a reading with the state that it stands for."""
    family, argrepr, state, form, misses, failed, executions, respecialized, traced = reading
    if state is State.SPECIALIZED and (
        misses >= UNSTABLE_MISSES or respecialized >= UNSTABLE_RESPECIALIZED
    ):
        state = State.UNSTABLE
    return family, argrepr, state, form, misses, failed, executions, respecialized, traced


def _functions(copies: Iterable[_Copy]) -> Iterator[tuple[Function, Sequence[_Copy]]]:
    """Yield a file's code objects in order, with the copies that are of each."""
    by_name: defaultdict[tuple[int, str], list[_Copy]] = defaultdict(list)
    for copy in copies:
        by_name[copy.code.line, copy.code.qualname].append(copy)
    for line, qualname in sorted(by_name):
        for variant in _variants(by_name[line, qualname]):
            yield Function(qualname, line), variant


def _variants(copies: Sequence[_Copy]) -> Iterable[Sequence[_Copy]]:
    """Tell apart what shares a place."""
    if len(copies) == 1:
        return [copies]
    by_layout: defaultdict[_Layout, list[_Copy]] = defaultdict(list)
    for copy in copies:
        # Columns are None where the interpreter kept no ranges, and None does not compare.
        layout = tuple(
            (offset, line, column or 0, copy.readings[number][0])
            for line, offset, column, _end_line, _end_column, number in copy.code.rows
        )
        by_layout[layout].append(copy)
    return [by_layout[layout] for layout in sorted(by_layout)]


def _sites(function: int, copies: Sequence[_Copy]) -> Iterator[_Located]:
    """Yield the sites of one code object, its copies within and over processes joined."""
    if len(copies) == 1:
        _process, code, readings = copies[0]
        for line, offset, column, end_line, end_column, number in code.rows:
            reading = readings[number]
            yield line, Site(function, offset, column, end_line, end_column, *reading)
        return
    by_process: defaultdict[int, list[Iterator[_Located]]] = defaultdict(list)
    for copy in copies:
        by_process[copy.process].append(_sites(function, [copy]))
    within = [map(_merge, zip(*seen, strict=True)) for seen in by_process.values()]
    for seen in zip(*within, strict=True):
        line, site = _merge(seen)
        if len(seen) > 1:
            # In the order of the states, whichever process came first.
            site.processes = in_order(Counter([one.state for _, one in seen]))
        yield line, site


def _merge(seen: Sequence[_Located]) -> _Located:
    line, site = seen[0]
    if len(seen) == 1:
        return line, site
    decisive, executions, traced = decide([one for _, one in seen], _STATE)
    return line, replace(decisive, executions=executions, traced=traced)


def in_order(states: Mapping[State, int]) -> dict[State, int]:
    """Return how many processes saw which state, in the order of the states."""
    return {state: states[state] for state in State if state in states}


def _source_file(path: str, root: Path, copies: Iterable[_Copy]) -> SourceFile:
    functions = []
    by_line: defaultdict[int, list[Site]] = defaultdict(list)
    for index, (function, variant) in enumerate(_functions(copies)):
        functions.append(function)
        for line, site in _sites(index, variant):
            by_line[line].append(site)
    lines = tuple(line_of(number, by_line[number]) for number in sorted(by_line))
    relative = path.removeprefix(to_text(f"{root}/"))
    return SourceFile(
        path=relative,
        source=read_source(from_text(root, relative)),
        counts=count([site for line in lines for site in line.sites]),
        functions=tuple(functions),
        lines=lines,
    )


def line_of(number: int, sites: Sequence[Site]) -> Line:
    """Return the sites of one line with their counts."""
    shares = _shares(tuple(map(_STATE, sites)))
    return Line(number, *shares, tuple(sites), sum(map(_TRACED, sites)))


@lru_cache(maxsize=4096)  # most lines of a program are like many others
def _shares(states: tuple[State, ...]) -> tuple[int, int, int, int, int, float | None]:
    """Return the counts of specialized, unstable, adaptive, cold and hidden, and the ratio."""
    counts = Counts.of(states)
    return (
        *(counts.specialized, counts.unstable, counts.adaptive, counts.cold, counts.hidden),
        counts.ratio,
    )


def read_source(path: Path) -> str:
    """Return a file's text as the compiler read it, damaged characters replaced."""
    try:
        source = path.read_bytes()
    except OSError:
        return ""  # gone since it was imported; the sites are still true
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(source).readline)
        text = source.decode(encoding)
    except (SyntaxError, UnicodeDecodeError):
        text = source.decode("utf-8", errors="replace")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def by_family(sites: Sequence[Site]) -> dict[str, Counts]:
    """Count sites by family."""
    found: defaultdict[str, list[Site]] = defaultdict(list)
    for site in sites:
        found[site.family].append(site)
    return {family: count(found[family]) for family in sorted(found)}


def count(sites: Sequence[Site]) -> Counts:
    """Count sites by state."""
    return Counts.of(map(_STATE, sites), sum(map(_TRACED, sites)))


def add_up(counts: Iterable[dict[str, int]]) -> dict[str, int]:
    """Add counters up by key."""
    total: defaultdict[str, int] = defaultdict(int)
    for key, count in _items(counts):
        total[key] += count
    return dict(sorted(total.items()))


def _items(counts: Iterable[dict[str, int]]) -> Iterator[tuple[str, int]]:
    for one in counts:
        yield from one.items()

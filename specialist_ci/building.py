"""Builds a snapshot from dumps: merges processes, names states, counts by line and family."""

import tokenize
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from operator import attrgetter
from pathlib import Path

from specialist_ci.dump import Dump, DumpedCode, DumpedSite
from specialist_ci.snapshot import (
    UNSTABLE_MISSES,
    Condition,
    Counts,
    Function,
    Line,
    Provenance,
    Site,
    Snapshot,
    SourceFile,
    State,
    ratio,
)

# What several processes saw of one site, the decisive first: nothing that fails or
# cannot be read in one process turns green because another one liked it.
_PRECEDENCE = (State.ADAPTIVE, State.UNSTABLE, State.HIDDEN, State.SPECIALIZED, State.COLD)

_Key = tuple[str, str, int, tuple[tuple[int, int, int | None, str], ...]]


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
    merged = _merge(code for dump in dumps for code in dump.codes)
    by_path: defaultdict[str, list[tuple[Function, Sequence[DumpedSite]]]] = defaultdict(list)
    for (path, qualname, line, _layout), sites in sorted(merged.items(), key=_order):
        by_path[path].append((Function(qualname, line), sites))
    files = tuple(_source_file(Path(path), root, by_path[path]) for path in sorted(by_path))
    every = [site for file in files for line in file.lines for site in line.sites]
    return Snapshot(
        schema_version=1,
        provenance=provenance,
        totals=Counts.of(site.state for site in every),
        families=_by_family(every),
        pystats=_sum(dump.pystats for dump in dumps),
        conditions=tuple(conditions),
        files=files,
    )


def _order(item: tuple[_Key, Sequence[DumpedSite]]) -> tuple[object, ...]:
    path, qualname, line, layout = item[0]
    # Columns are None where the interpreter kept no ranges, and None does not compare.
    return path, line, qualname, [(offset, first, col or 0) for offset, first, col, _ in layout]


def _merge(codes: Iterable[DumpedCode]) -> dict[_Key, Sequence[DumpedSite]]:
    """Join the copies of each code object, within a process and over processes."""
    copies: defaultdict[_Key, list[Sequence[DumpedSite]]] = defaultdict(list)
    for code in codes:
        layout = tuple((site.offset, site.line, site.column, site.family) for site in code.sites)
        copies[code.path, code.qualname, code.line, layout].append(code.sites)
    return {
        key: found[0]
        if len(found) == 1
        else [_merge_site(seen) for seen in zip(*found, strict=True)]
        for key, found in copies.items()
    }


def _merge_site(seen: Sequence[DumpedSite]) -> DumpedSite:
    named = [site._replace(state=_state(site)) for site in seen]
    state = min((site.state for site in named), key=_PRECEDENCE.index)
    decisive = max(
        (site for site in named if site.state is state),
        key=lambda site: (site.misses, site.failed_attempts, site.form or ""),
    )
    executions = [site.executions for site in seen if site.executions is not None]
    return decisive._replace(executions=max(executions, default=None))


def _state(site: DumpedSite) -> State:
    if site.state is State.SPECIALIZED and site.misses >= UNSTABLE_MISSES:
        return State.UNSTABLE
    return site.state


def _source_file(
    path: Path, root: Path, functions: Sequence[tuple[Function, Sequence[DumpedSite]]]
) -> SourceFile:
    by_line: defaultdict[int, list[Site]] = defaultdict(list)
    for index, (_function, sites) in enumerate(functions):
        for site in sites:
            by_line[site.line].append(_site(index, site))
    lines = tuple(_line(number, by_line[number]) for number in sorted(by_line))
    return SourceFile(
        path=path.relative_to(root).as_posix(),
        source=_read_source(path),
        counts=Counts.of(site.state for line in lines for site in line.sites),
        functions=tuple(function for function, _sites in functions),
        lines=lines,
    )


def _site(function: int, site: DumpedSite) -> Site:
    return Site(
        function=function,
        offset=site.offset,
        column=site.column,
        end_line=site.end_line,
        end_column=site.end_column,
        family=site.family,
        argrepr=site.argrepr,
        state=_state(site),
        form=site.form,
        misses=site.misses,
        failed_attempts=site.failed_attempts,
        executions=site.executions,
    )


def _line(number: int, sites: Sequence[Site]) -> Line:
    states = [site.state for site in sites]
    specialized = states.count(State.SPECIALIZED)
    unstable = states.count(State.UNSTABLE)
    adaptive = states.count(State.ADAPTIVE)
    return Line(
        line=number,
        specialized=specialized,
        unstable=unstable,
        adaptive=adaptive,
        cold=states.count(State.COLD),
        hidden=states.count(State.HIDDEN),
        ratio=ratio(specialized, unstable, adaptive),
        sites=tuple(sorted(sites, key=attrgetter("function", "offset"))),
    )


def _read_source(path: Path) -> str:
    """Return a file's text as the compiler read it, damaged characters replaced."""
    try:
        with tokenize.open(path) as file:
            return file.read()
    except (SyntaxError, UnicodeDecodeError):
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""  # gone since it was imported; the sites are still true


def _by_family(sites: Iterable[Site]) -> dict[str, Counts]:
    states: defaultdict[str, list[State]] = defaultdict(list)
    for site in sites:
        states[site.family].append(site.state)
    return {family: Counts.of(states[family]) for family in sorted(states)}


def _sum(counts: Iterable[dict[str, int]]) -> dict[str, int]:
    total: defaultdict[str, int] = defaultdict(int)
    for key, count in _items(counts):
        total[key] += count
    return dict(sorted(total.items()))


def _items(counts: Iterable[dict[str, int]]) -> Iterator[tuple[str, int]]:
    for one in counts:
        yield from one.items()

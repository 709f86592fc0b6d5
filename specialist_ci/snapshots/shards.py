"""Joins snapshots of shards, or of suites, into what one run of several processes had left."""

import shlex
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import groupby

from specialist_ci.comparing.compare import difference
from specialist_ci.errors import UsageError
from specialist_ci.formats.snapshot import (
    Condition,
    Function,
    Provenance,
    Shards,
    Site,
    Snapshot,
    SourceFile,
    State,
    Suite,
)
from specialist_ci.measuring.building import add_up, by_family, count, in_order, line_of
from specialist_ci.measuring.conditions import all_cold
from specialist_ci.measuring.merging import decide

Named = tuple[str, Snapshot]  # and where it is from, for messages

_Located = tuple[int, Site]  # and its line
_Code = tuple[int, str, tuple[tuple[object, ...], ...]]  # a code object: line, name, layout

_AGAIN = "measure all of one commit in the same way"


_AND, _PLUS = "&&", " + "  # between the commands of several suites, and between their names


def require_whole(named: Sequence[Named]) -> None:
    """Raise UsageError unless these fit together, of one commit and interpreter.

    They are all shards of one suite, or whole suites, each there once.
    """
    if len(named) > 1 and all(snapshot.provenance.shards is None for _, snapshot in named):
        _require_suites(named)
        return
    for name, snapshot in named:
        _require_shard(name, snapshot)
    (first, one), *others = named
    for name, other in others:
        _require_alike((first, one), (name, other))
    shards = [snapshot.provenance.shards for _, snapshot in named]
    found = Counter(part for each in shards if each is not None for part in each.parts)
    of = shards[0].of if shards[0] is not None else 0
    twice = [part for part, times in sorted(found.items()) if times > 1]
    if twice:
        raise UsageError(f"{_listed(twice, of)} there twice", remedy="name each once")
    if missing := [part for part in range(1, of + 1) if part not in found]:
        raise UsageError(f"{_listed(missing, of)} missing", remedy="measure and name all of them")


def join(snapshots: Sequence[Snapshot]) -> Snapshot:
    """Return one snapshot of several of one commit; neither order nor grouping matters."""
    snapshots = sorted(snapshots, key=lambda each: each.provenance.suite.command)
    files = tuple(_joined_files(snapshots))
    every = [site for file in files for line in file.lines for site in line.sites]
    joined = Snapshot(
        schema_version=1,
        provenance=_joined_provenance([snapshot.provenance for snapshot in snapshots]),
        totals=count(every),
        families=by_family(every),
        pystats=add_up(snapshot.pystats for snapshot in snapshots),
        conditions=(),
        files=files,
        policy=snapshots[0].policy,  # all are of one commit
    )
    return joined.model_copy(update={"conditions": _joined_conditions(snapshots, joined)})


# --- what cannot be joined ---


def _require_suites(named: Sequence[Named]) -> None:
    first, *others = named
    for name, snapshot in named:
        _require_clean(name, snapshot)
    for other in others:
        _require_alike(first, other)
    found = Counter(part for _, snapshot in named for part in _parts(snapshot.provenance.suite))
    twice = [command for (command, _), times in found.items() if times > 1]
    if twice:
        raise UsageError(
            f"the suite {shlex.join(min(twice))} is there twice", remedy="name each once"
        )


def _require_shard(name: str, snapshot: Snapshot) -> None:
    if snapshot.provenance.shards is None:
        raise UsageError(
            f"{name} is no shard of a suite",
            remedy="measure with `specialist-ci run --shard I/N`",
        )
    _require_clean(name, snapshot)


def _require_clean(name: str, snapshot: Snapshot) -> None:
    provenance = snapshot.provenance
    if provenance.dirty or provenance.commit is None:
        raise UsageError(
            f"{name} was measured with uncommitted changes, which the others may not have",
            remedy="commit them, then measure all of them",
        )


def _require_alike(first: Named, other: Named) -> None:
    before, after = (_origin(snapshot.provenance) for _, snapshot in (first, other))
    if before != after:
        places = f"in {first[0]}", f"in {other[0]}"
        raise UsageError(
            f"the snapshots do not belong together: {difference(before, after, places)}",
            remedy=_AGAIN,
        )
    sources = {file.path: file.source for file in first[1].files}
    for file in other[1].files:
        if sources.get(file.path, file.source) != file.source:
            raise UsageError(
                f"the text of {file.path} is not the same in {first[0]} and in {other[0]}",
                remedy="let the command leave the source files as they are",
            )


def _origin(provenance: Provenance) -> dict[str, object]:
    """Return what all that are joined have in common."""
    everywhere: dict[str, object] = {
        "commit": provenance.commit,
        "tool": provenance.tool,
        **provenance.python.model_dump(),
    }
    if provenance.shards is None:  # a suite of several
        return {**everywhere, "environment": provenance.suite.environment}
    return {
        **everywhere,
        **dict(provenance.suite),
        "number of shards": provenance.shards.of,
    }


def _listed(parts: Sequence[int], of: int) -> str:
    if len(parts) == 1:
        return f"shard {parts[0]} of {of} is"
    return f"shards {', '.join(map(str, parts[:-1]))} and {parts[-1]} of {of} are"


# --- joining ---


def _joined_provenance(all_sides: Sequence[Provenance]) -> Provenance:
    names = {side.revision for side in all_sides}
    shards = [side.shards for side in all_sides if side.shards is not None]
    return all_sides[0].model_copy(
        update={
            "suite": _joined_suite([side.suite for side in all_sides]),
            "revision": names.pop() if len(names) == 1 else all_sides[0].commit,
            "processes": sum(side.processes for side in all_sides),
            # At least: who can tell which of them are the same?
            "generated": max(side.generated for side in all_sides),
            "shards": Shards(
                parts=tuple(sorted(part for each in shards for part in each.parts)),
                of=shards[0].of,
            )
            if shards
            else None,
            "cached": any(side.cached for side in all_sides),
            "output": None,  # of each part its own
        }
    )


def _joined_suite(suites: Sequence[Suite]) -> Suite:
    """Return the suite that runs several, one after the other; that of shards is one."""
    parts = sorted({part for suite in suites for part in _parts(suite)}, key=lambda part: part[0])
    if len(parts) == 1:
        return suites[0]
    names = [name for _, name in parts if name is not None]
    return Suite(
        command=tuple(word for command, _ in parts for word in (_AND, *command))[1:],
        name=_PLUS.join(names) if len(names) == len(parts) else None,
        source=tuple(sorted({pattern for suite in suites for pattern in suite.source})),
        exclude=tuple(sorted({pattern for suite in suites for pattern in suite.exclude})),
        environment=suites[0].environment,
    )


def _parts(suite: Suite) -> list[tuple[tuple[str, ...], str | None]]:
    """Return the commands of a suite that may be a joined one, and their names if it has any."""
    groups = groupby(suite.command, key=lambda word: word == _AND)
    commands = [tuple(words) for is_and, words in groups if not is_and]
    names = suite.name.split(_PLUS) if suite.name else [None] * len(commands)
    return list(zip(commands, names, strict=True))


def _joined_conditions(snapshots: Iterable[Snapshot], joined: Snapshot) -> tuple[Condition, ...]:
    """Return all conditions; whether all is cold shows in the whole only."""
    found = {
        condition
        for snapshot in snapshots
        for condition in snapshot.conditions
        if condition not in all_cold(snapshot)
    }
    return (
        *sorted(found, key=lambda condition: (condition.name, condition.message, condition.remedy)),
        *all_cold(joined),
    )


def _joined_files(snapshots: Iterable[Snapshot]) -> Iterator[SourceFile]:
    by_path: defaultdict[str, list[SourceFile]] = defaultdict(list)
    for snapshot in snapshots:
        for file in snapshot.files:
            by_path[file.path].append(file)
    for path in sorted(by_path):
        yield _joined_file(by_path[path])


def _joined_file(copies: Sequence[SourceFile]) -> SourceFile:
    codes: defaultdict[_Code, list[list[_Located]]] = defaultdict(list)
    for copy in copies:
        for code, sites in _codes(copy):
            codes[code].append(sites)
    by_line: defaultdict[int, list[Site]] = defaultdict(list)
    ordered = sorted(codes)
    for index, code in enumerate(ordered):
        for seen in zip(*codes[code], strict=True):
            by_line[seen[0][0]].append(_joined_site(index, [site for _, site in seen]))
    lines = tuple(line_of(number, by_line[number]) for number in sorted(by_line))
    return SourceFile(
        path=copies[0].path,
        source=max(copy.source for copy in copies),  # all the same, or gone from under a run
        counts=count([site for line in lines for site in line.sites]),
        functions=tuple(Function(qualname, line) for line, qualname, _ in ordered),
        lines=lines,
    )


def _codes(file: SourceFile) -> Iterator[tuple[_Code, list[_Located]]]:
    """Yield a file's code objects with their sites, in the order of their bytecode."""
    sites: list[list[_Located]] = [[] for _ in file.functions]
    for line in file.lines:
        for site in line.sites:
            sites[site.function].append((line.line, site))
    for function, located in zip(file.functions, sites, strict=True):
        located.sort(key=lambda found: found[1].offset)
        # What building.py tells code objects of one place apart by, and the rest of it.
        layout = tuple(
            (
                *(site.offset, number, site.column or 0, site.family),
                *(site.argrepr, site.end_line, site.end_column or 0),
            )
            for number, site in located
        )
        yield (function.line, function.qualname, layout), located


def _joined_site(function: int, seen: Sequence[Site]) -> Site:
    decisive, executions, traced = decide(seen, lambda site: site.state)
    processes: Counter[State] = Counter()
    for site in seen:
        processes.update(site.processes or {site.state: 1})
    return replace(
        decisive,
        function=function,
        executions=executions,
        traced=traced,
        processes=in_order(processes) if len(seen) > 1 else decisive.processes,
    )

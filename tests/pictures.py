"""Draws snapshots: real source, compiled here, with the states written on its lines.

    snapshot({"a.py": '''
        def half(x):
            return x / 2  #: BINARY_OP(/) adaptive
        '''})

A site is specialized unless a note on its line says otherwise. A note is a family, an
argument in parentheses if it matters, a state, and where it is unstable or specialized
the number of misses; several are separated by ``;``. Notes are no part of the source.
"""

import dis
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from textwrap import dedent
from types import CodeType
from typing import NamedTuple

from specialist_ci.formats.snapshot import (
    Condition,
    Counts,
    Function,
    Line,
    Provenance,
    Python,
    Site,
    Snapshot,
    SourceFile,
    State,
    Suite,
)

# What the collector calls the sites of every version that the tests may run on.
_FAMILIES = {
    **{
        name: name
        for name in (
            "BINARY_OP",
            "CALL",
            "CALL_KW",
            "COMPARE_OP",
            "CONTAINS_OP",
            "FOR_ITER",
            "LOAD_ATTR",
            "LOAD_GLOBAL",
            "STORE_ATTR",
            "STORE_SUBSCR",
            "TO_BOOL",
            "UNPACK_SEQUENCE",
        )
    },
    "BINARY_SUBSCR": "BINARY_OP",
    "LOAD_METHOD": "LOAD_ATTR",
}
_NAMED = ("LOAD_ATTR", "LOAD_GLOBAL", "LOAD_METHOD", "STORE_ATTR")

_NOTE = re.compile(
    r"(?P<family>[A-Z_]+)(\((?P<argrepr>.*)\))? (?P<state>[a-z]+)( (?P<misses>\d+))?"
)

PYTHON = Python(
    version="3.13.0",
    implementation="CPython",
    build="(main, Oct  8 2024)",
    platform="Linux-x86_64",
    cache_tag="cpython-313",
    debug=False,
    free_threaded=False,
    jit=False,
    pystats=False,
    specializes=True,
)
SUITE = Suite(command=("python", "bench.py"), source=(), environment={"PYTHONHASHSEED": "0"})
PROVENANCE = Provenance(
    tool="0",
    revision="main",
    commit="0" * 40,
    dirty=False,
    python=PYTHON,
    suite=SUITE,
    processes=1,
)


class Reading(NamedTuple):
    """What a run has made of one site."""

    state: State
    misses: int = 0
    executions: int | None = None


Judge = Callable[[str, str, str], Reading]
"""Gives a family, an argument and a source text their reading."""


def green(_family: str, _argrepr: str, _text: str) -> Reading:
    """Find all specialized."""
    return Reading(State.SPECIALIZED)


def snapshot(
    tree: Mapping[str, str],
    *,
    judge: Judge = green,
    provenance: Provenance = PROVENANCE,
    conditions: tuple[Condition, ...] = (),
) -> Snapshot:
    """Compile every file of a tree; notes decide the states, and the judge where there is none."""
    files = tuple(_file(path, text, judge) for path, text in tree.items())
    sites = [site for file in files for line in file.lines for site in line.sites]
    by_family = defaultdict(list)
    for site in sites:
        by_family[site.family].append(site.state)
    return Snapshot(
        schema_version=1,
        provenance=provenance,
        totals=Counts.of(site.state for site in sites),
        families={family: Counts.of(states) for family, states in sorted(by_family.items())},
        pystats={},
        conditions=conditions,
        files=files,
    )


def _file(path: str, text: str, judge: Judge) -> SourceFile:
    drawn = [line.partition("  #: ") for line in dedent(text).lstrip("\n").split("\n")]
    notes = {number: note for number, (_code, _mark, note) in enumerate(drawn, start=1)}
    source = "\n".join(code for code, _mark, _note in drawn)
    functions = list(_codes(compile(source, path, "exec")))
    lines: defaultdict[int, list[Site]] = defaultdict(list)
    for index, code in enumerate(functions):
        for number, site in _sites(index, code, source.split("\n"), notes, judge):
            lines[number].append(site)
    return SourceFile(
        path=path,
        source=source,
        counts=Counts.of(site.state for sites in lines.values() for site in sites),
        functions=tuple(Function(code.co_qualname, code.co_firstlineno) for code in functions),
        lines=tuple(_line(number, lines[number]) for number in sorted(lines)),
    )


def _line(number: int, sites: list[Site]) -> Line:
    counts = Counts.of(site.state for site in sites)
    return Line(number, **counts.model_dump(), sites=tuple(sites))


def _codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)


def _sites(
    index: int, code: CodeType, lines: list[str], notes: Mapping[int, str], judge: Judge
) -> Iterator[tuple[int, Site]]:
    for instruction in dis.get_instructions(code):
        family = _FAMILIES.get(instruction.opname)
        where = instruction.positions
        if family is None or where is None or where.lineno is None or where.end_lineno is None:
            continue
        argrepr = _argrepr(instruction)
        noted = _noted(notes[where.lineno], family, argrepr)
        text = "\n".join(lines[where.lineno - 1 : where.end_lineno])
        if where.lineno == where.end_lineno:
            text = text[where.col_offset : where.end_col_offset]
        reading = noted or judge(family, argrepr, text)
        works = reading.state in (State.SPECIALIZED, State.UNSTABLE)
        yield (
            where.lineno,
            Site(
                function=index,
                offset=instruction.offset,
                column=where.col_offset,
                end_line=where.end_lineno,
                end_column=where.end_col_offset,
                family=family,
                argrepr=argrepr,
                state=reading.state,
                form=f"{family}_FORM" if works else None,
                misses=reading.misses,
                failed_attempts=9 if reading.state is State.ADAPTIVE else 0,
                executions=reading.executions,
            ),
        )


def _argrepr(instruction: dis.Instruction) -> str:
    match instruction.opname:
        case name if name in _NAMED:
            return str(instruction.argval)
        case "BINARY_OP":
            return instruction.argrepr
        case "BINARY_SUBSCR":
            return "[]"
        case "COMPARE_OP":
            return instruction.argrepr.removeprefix("bool(").removesuffix(")")
        case "CONTAINS_OP":
            return "not in" if instruction.arg else "in"
        case _:
            return ""


def _noted(notes: str, family: str, argrepr: str) -> Reading | None:
    for note in filter(None, notes.split("; ")):
        found = _NOTE.fullmatch(note)
        assert found, f"{note!r} is no note"
        if found["family"] == family and found["argrepr"] in (None, argrepr):
            state = State(found["state"])
            usual = 30 if state is State.UNSTABLE else 0
            return Reading(state, int(found["misses"] or usual))
    return None

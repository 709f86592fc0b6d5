"""Line by line, our counts are those of Brandt Bucher's Specialist, but for known reasons.

Specialist 0.7.0 classifies the very code objects of the measured process, at its end.
The reasons why it counts otherwise are rules on single instructions, no tolerance.
"""

import json
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import pytest
from collecting import collect, draw
from packages import shared_folder, virtual_environment
from workload import script

from specialist_ci.formats.snapshot import State

SPECIALIST = "specialist==0.7.0"
ITS_VERSIONS = ("3.11", "3.12", "3.13")

# Its own loop and its own verdict on each instruction; we only listen to its answers.
WITNESS = """
import atexit
import dis
import json
import os
import sys


def watch(code):
    atexit.register(testify, code)


def testify(code):
    import specialist

    heard = []
    score = specialist._score_instruction

    def listening(instruction, previous, previous_previous, raw_bytecode):
        stats = score(instruction, previous, previous_previous, raw_bytecode)
        offset = instruction.offset
        counter = int.from_bytes(raw_bytecode[offset + 2:offset + 4], sys.byteorder)
        base = instruction.opname
        if hasattr(dis, "deoptop"):
            base = dis.opname[dis.deoptop(instruction.opcode)]
        elif hasattr(dis, "_deoptop"):
            base = dis.opname[dis._deoptop(dis._all_opmap[base])]
        else:
            base = instruction.baseopname
        if base not in specialist._CACHE_FORMAT:
            counter = None
        names = getattr(dis, "_all_opname", ())
        quickened = "RESUME_QUICK" in {names[each] for each in raw_bytecode[::2]} if names else True
        heard.append([instruction.positions.lineno, base, instruction.opname, counter, quickened,
                      stats.specialized, stats.adaptive])
        return stats

    specialist._score_instruction = listening
    for chunk in specialist._parse(code):
        pass
    with open(os.environ["TESTIMONY"], "w") as file:
        json.dump(heard, file)
"""


class Heard(NamedTuple):
    """One instruction, and how Specialist counts it."""

    line: int
    base: str
    name: str
    counter: int | None  # None without a cache for it
    quickened: bool
    specialized: int
    adaptive: int


class Count(NamedTuple):
    """Sites of one line."""

    specialized: int
    adaptive: int


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the packages."""
    return shared_folder(tmp_path_factory)


# Why Specialist counts an instruction otherwise than we do. Each rule says in one sentence
# what the difference is, and returns our count, or None where it does not apply.

NOT_A_SITE = """Specialist counts instructions that have no specialized forms: those that are
quickened into superinstructions or into themselves, and those whose work the instruction
before them does."""
_NO_SITES = {
    "3.11": "EXTENDED_ARG JUMP_BACKWARD LOAD_CONST LOAD_FAST POP_JUMP_BACKWARD_IF_FALSE "
    "POP_JUMP_BACKWARD_IF_TRUE POP_JUMP_FORWARD_IF_FALSE POP_JUMP_FORWARD_IF_TRUE POP_TOP "
    "RESUME STORE_FAST",
    "3.12": "LOAD_CONST LOAD_FAST POP_TOP STORE_FAST",
    "3.13": "POP_TOP STORE_FAST",
}

ABOUT_TO_TRY = """Specialist compares value and backoff as one pair, so it takes a site that failed
and is to be tried again at its next execution (value 0) for one that never was."""

GIVEN_UP = """3.11 leaves a plain BINARY_OP or COMPARE_OP in quickened code where it gave up for
good, which Specialist takes for one that never ran."""

FALLEN = """A site of 3.11 with backoff 5 missed 53 times, which is unstable to us and adaptive to
Specialist."""

ONE_CALL = """A call of 3.11 is PRECALL and CALL, two instructions to Specialist and one site to us:
what decides is the one that does the call, and CALL's failure where both fail."""


def our_counts(heard: list[Heard], version: str) -> tuple[dict[int, Count], Counter[str]]:
    """Return the counts by line after the rules, and how often each rule was needed."""
    counts: Counter[tuple[int, str]] = Counter()
    used: Counter[str] = Counter()
    precall = None
    for each in heard:
        count = Count(each.specialized, each.adaptive)
        if each.base in _NO_SITES[version].split():
            used[NOT_A_SITE] += any(count)
            continue
        if version == "3.11":
            count = _as_we_read_311(each, count, used)
            if each.base == "PRECALL":
                precall = each, count
                continue
            if each.base == "CALL" and precall is not None:
                used[ONE_CALL] += 1
                count = _one_call(*precall, each, count)
                precall = None
        if count == (0, 0) and version != "3.11" and _about_to_try(each):
            used[ABOUT_TO_TRY] += 1
            count = Count(0, 1)
        counts[each.line, "specialized"] += count.specialized
        counts[each.line, "adaptive"] += count.adaptive
    lines = {line for line, _ in counts}
    result = {line: Count(counts[line, "specialized"], counts[line, "adaptive"]) for line in lines}
    return {line: count for line, count in result.items() if any(count)}, used


def _about_to_try(each: Heard) -> bool:
    if each.name != each.base or each.counter is None:
        return False
    value, backoff = each.counter >> 4, each.counter & 15
    return value == 0 and backoff > 1


def _as_we_read_311(each: Heard, count: Count, used: Counter[str]) -> Count:
    if each.name == each.base and each.quickened and each.base in {"BINARY_OP", "COMPARE_OP"}:
        used[GIVEN_UP] += 1
        return Count(0, 1)
    if each.name.endswith("_ADAPTIVE") and each.counter is not None and each.counter & 15 == 5:
        used[FALLEN] += 1
        return Count(1, 0)
    return count


def _one_call(precall: Heard, before: Count, call: Heard, count: Count) -> Count:
    if not call.counter:  # never tried
        return before
    fails = precall.name == "PRECALL_ADAPTIVE"
    prepares = precall.name in {"PRECALL_PYFUNC", "PRECALL_BOUND_METHOD"}
    return count if prepares or (fails and call.name == "CALL_ADAPTIVE") else before


def test_each_line_counts_as_in_specialist(
    python: Path, version: str, shared: Path, tmp_path: Path
) -> None:
    """Specialized and adaptive sites of each line are as many as Specialist's after the rules."""
    if version not in ITS_VERSIONS:
        pytest.skip(f"Specialist 0.7.0 does not know {version}")
    oracle = virtual_environment(python, SPECIALIST, shared=shared)
    root = draw(tmp_path / "root", {"bench.py": script()})
    beside = draw(tmp_path / "beside", {"witness.py": WITNESS})
    testimony = tmp_path / "testimony.json"
    collected = collect(
        oracle,
        root,
        ["bench.py"],
        scratch=tmp_path / "scratch",
        env={"TESTIMONY": str(testimony), "PYTHONPATH": str(beside)},
    )
    heard = [Heard(*row) for row in json.loads(testimony.read_text())]
    expected, used = our_counts(heard, version)

    found: dict[int, Count] = {}
    for code in collected.codes():
        for site in code.sites:
            before = found.get(site.line, Count(0, 0))
            found[site.line] = Count(
                before.specialized + (site.state in {State.SPECIALIZED, State.UNSTABLE}),
                before.adaptive + (site.state == State.ADAPTIVE),
            )
    assert {line: count for line, count in found.items() if any(count)} == expected
    assert len(expected) > 500
    rules = {NOT_A_SITE, ABOUT_TO_TRY}
    if version == "3.11":
        rules = {NOT_A_SITE, GIVEN_UP, FALLEN, ONE_CALL}
    assert {rule for rule, times in used.items() if times} == rules

"""What the collector reads is what ``dis`` says in the same process, site by site."""

import json
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import pytest
from collecting import Collected, collect, draw
from workload import script

from specialist_ci.formats.snapshot import State

# Opcodes with an inline cache whose counter leads to a specialized form, by version.
# Written down, not computed: CPYTHON.md lists them from the interpreters' source.
_ALWAYS = {
    "BINARY_OP",
    "CALL",
    "COMPARE_OP",
    "LOAD_ATTR",
    "LOAD_GLOBAL",
    "STORE_ATTR",
    "STORE_SUBSCR",
    "UNPACK_SEQUENCE",
}
_SINCE_312 = {"FOR_ITER", "LOAD_SUPER_ATTR", "SEND"}
_SINCE_313 = {"CONTAINS_OP", "TO_BOOL"}
FAMILIES = {
    "3.11": _ALWAYS | {"BINARY_SUBSCR", "LOAD_METHOD", "PRECALL"},
    "3.12": _ALWAYS | {"BINARY_SUBSCR"} | _SINCE_312,
    "3.13": _ALWAYS | {"BINARY_SUBSCR"} | _SINCE_312 | _SINCE_313,
    "3.14": _ALWAYS | {"CALL_KW"} | _SINCE_312 | _SINCE_313,
    "3.15": _ALWAYS | {"CALL_FUNCTION_EX", "CALL_KW", "GET_ITER"} | _SINCE_312 | _SINCE_313,
}
REPORTED_AS = {"BINARY_SUBSCR": "BINARY_OP", "LOAD_METHOD": "LOAD_ATTR", "PRECALL": "CALL"}

# Families for which the collector gives an argument.
WITH_ARGUMENT = {
    "BINARY_OP",
    "BINARY_SUBSCR",
    "COMPARE_OP",
    "CONTAINS_OP",
    "LOAD_ATTR",
    "LOAD_GLOBAL",
    "LOAD_METHOD",
    "LOAD_SUPER_ATTR",
    "STORE_ATTR",
}

# At exit, after the script and before the recorder, which was there first: what dis says
# of each instruction of the code objects that the script handed over.
WITNESS = """
import atexit
import dis
import json
import os
import sys
import types

VERSION = sys.version_info[:2]


def watch(code):
    atexit.register(testify, code)


def testify(code):
    with open(os.environ["TESTIMONY"], "w") as file:
        json.dump([describe(each) for each in walk(code)], file)


def walk(code):
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from walk(constant)


def describe(code):
    generic = {each.offset: each for each in dis.get_instructions(code)}
    rows = []
    if VERSION >= (3, 13):
        for each in dis.get_instructions(code, adaptive=True):
            caches = each.cache_info or ()
            counters = [int.from_bytes(data, sys.byteorder) for name, _, data in caches
                        if name == "counter"]
            rows.append(row(each, generic, counters))
    else:
        found = list(dis.get_instructions(code, adaptive=True, show_caches=True))
        for place, each in enumerate(found):
            if each.opname == "CACHE":
                continue
            next_one = found[place + 1].argrepr if place + 1 < len(found) else ""
            counters = [int(next_one.split(": ")[1])] if next_one.startswith("counter: ") else []
            rows.append(row(each, generic, counters))
    return [code.co_qualname, code.co_firstlineno, rows]


def row(each, generic, counters):
    base = generic[each.offset]
    argrepr = base.argrepr
    if base.opname == "CONTAINS_OP" and VERSION == (3, 13):
        argrepr = ("in", "not in")[base.arg]  # dis of 3.13 alone prints nothing there
    return [each.offset, base.opname, each.opname, list(each.positions), argrepr,
            counters[0] if counters else None]
"""


class Instruction(NamedTuple):
    """One instruction as dis saw it."""

    offset: int
    base: str
    name: str
    positions: tuple[int | None, int | None, int | None, int | None]  # as dis orders them
    argrepr: str
    counter: int | None


class Truth(NamedTuple):
    """Both views of one process: dis's by (qualified name, line), and the collector's."""

    dis: list[tuple[str, int, list[Instruction]]]
    collected: Collected


def run_workload(python: Path, folder: Path, source: str) -> Truth:
    """Run a script that calls ``witness.watch``, with the collector inside."""
    root = draw(folder / "root", {"bench.py": source})
    beside = draw(folder / "beside", {"witness.py": WITNESS})
    testimony = folder / "testimony.json"
    collected = collect(
        python,
        root,
        ["bench.py"],
        scratch=folder / "scratch",
        env={"TESTIMONY": str(testimony), "PYTHONPATH": str(beside)},
    )
    codes = [
        (qualname, line, [Instruction._make((*row[:3], tuple(row[3]), *row[4:])) for row in rows])
        for qualname, line, rows in json.loads(testimony.read_text())
    ]
    return Truth(codes, collected)


@pytest.fixture(scope="session")
def truths() -> dict[Path, Truth]:
    """Return where the runs of the workload are kept: one a version is enough."""
    return {}


@pytest.fixture
def truth(python: Path, tmp_path: Path, truths: dict[Path, Truth]) -> Truth:
    """Return both views of one run of the workload."""
    if python not in truths:
        truths[python] = run_workload(python, tmp_path, script())
    return truths[python]


# Each site.


def test_every_site_is_there_and_no_other(truth: Truth, version: str) -> None:
    """The sites are exactly the instructions of the families, each with dis's positions."""
    expected: Counter[tuple[object, ...]] = Counter()
    for qualname, line, instructions in truth.dis:
        for site in reported(instructions, version):
            assert None not in site.positions, site
            first, last, column, end_column = site.positions
            family = REPORTED_AS.get(site.base, site.base)
            expected[qualname, line, first, site.offset, column, last, end_column, family] += 1
    found = Counter(
        (code.qualname, code.line, *site[:6])
        for code in truth.collected.codes()
        for site in code.sites
    )
    assert found == expected
    assert len(found) > 1500
    families = {REPORTED_AS.get(family, family) for family in FAMILIES[version]}
    assert {site.family for code in truth.collected.codes() for site in code.sites} == families


def reported(instructions: list[Instruction], version: str) -> list[Instruction]:
    """Return the instructions that are sites; a PRECALL is reported by its CALL."""
    sites = FAMILIES[version] - {"PRECALL"}
    return [each for each in instructions if each.base in sites and each.positions[0] is not None]


def test_every_form_is_what_dis_names(truth: Truth, version: str) -> None:
    """The form is dis's adaptive opcode where that is specialized, and none elsewhere."""
    expected, found = Counter[object](), Counter[object]()
    for qualname, line, instructions in truth.dis:
        for site in reported(instructions, version):
            forms = [site.name, *precall_names(instructions, site)]
            expected[qualname, line, site.offset, chosen_form(forms)] += 1
    for code in truth.collected.codes():
        for dumped in code.sites:
            assert (dumped.form is not None) == (dumped.state == State.SPECIALIZED), dumped
            found[code.qualname, code.line, dumped.offset, dumped.form] += 1
    assert found == expected
    assert len({key[3] for key in expected if isinstance(key, tuple)}) > 30


def precall_names(instructions: list[Instruction], site: Instruction) -> list[str]:
    """Return the adaptive name of the PRECALL in front of a CALL of 3.11."""
    before = [each for each in instructions if each.offset < site.offset]
    return [before[-1].name] if before and before[-1].base == "PRECALL" else []


def chosen_form(names: list[str]) -> str | None:
    """Return the one specialized form of an instruction, or of 3.11's CALL and PRECALL.

    A PRECALL that fails leaves no form, whatever its CALL did before; one that specializes
    does the whole call, unless it only prepares that of a Python function.
    """
    generic = {*_GENERIC, *(f"{name}_ADAPTIVE" for name in _GENERIC)}
    *call, last = names
    if not call or last in generic or last not in _PREPARING:
        return None if last in generic else last
    return None if call[0] in generic else call[0]


_GENERIC = set().union(*FAMILIES.values())
_PREPARING = {"PRECALL_PYFUNC", "PRECALL_BOUND_METHOD"}


def test_every_argument_is_what_dis_prints(truth: Truth, version: str) -> None:
    """The argument is dis's, without what dis adds to say how the value is pushed."""
    arguments = {
        (qualname, line, each.offset): (each.base, each.argrepr)
        for qualname, line, instructions in truth.dis
        for each in reported(instructions, version)
    }
    seen = set()
    for code in truth.collected.codes():
        for site in code.sites:
            base, argrepr = arguments[code.qualname, code.line, site.offset]
            if base not in WITH_ARGUMENT:
                assert site.argrepr == ""
            elif base == "BINARY_SUBSCR":
                assert site.argrepr == "[]"
            else:
                assert site.argrepr == undecorated(base, argrepr), (site, base)
                seen.add(base)
    assert seen == (WITH_ARGUMENT & FAMILIES[version]) - {"BINARY_SUBSCR"}


def undecorated(base: str, argrepr: str) -> str:
    """Return dis's text without ``NULL + ``, `` + NULL|self`` and ``bool()``."""
    if base in {"LOAD_ATTR", "LOAD_GLOBAL", "LOAD_SUPER_ATTR"}:
        (name,) = (part for part in argrepr.split(" + ") if part not in {"NULL", "NULL|self"})
        return name
    if base == "COMPARE_OP":
        return argrepr.removeprefix("bool(").removesuffix(")")
    return argrepr


def test_every_miss_is_counted(truth: Truth, version: str) -> None:
    """The misses are what a specialized site's cache counts down from its start."""
    start, shift = {"3.11": (53, 0), "3.15": (52, 3)}.get(version, (52, 4))
    counters = {
        (qualname, line, each.offset, each.name): each.counter
        for qualname, line, instructions in truth.dis
        for each in instructions
    }
    missing = 0
    for code in truth.collected.codes():
        for site in code.sites:
            if site.form is None:
                continue
            offset = site.offset - (4 if site.form.startswith("PRECALL") else 0)
            counter = counters[code.qualname, code.line, offset, site.form]
            assert counter is not None
            assert site.misses == start - (counter >> shift), (code.qualname, site)
            missing += site.misses > 0
    assert missing > 5


def test_what_never_ran_is_cold(truth: Truth) -> None:
    """Functions that were never called, or only once, hold nothing but cold sites."""
    seen = set()
    for code in truth.collected.codes():
        if code.qualname.startswith(("never_", "once_")):
            assert {site.state for site in code.sites} <= {State.COLD}, code
            seen.add(code.qualname)
    assert {"never_called", "never_called.<locals>.never_nested", "once_called"} <= seen


def test_what_always_fails_is_adaptive(truth: Truth) -> None:
    """An operation without any specialized form reads adaptive on every version."""
    for name in ("fails_binary", "fails_compare", "fails_subscript"):
        (site,) = truth.collected.sites(name)
        assert (site.state, site.form) == (State.ADAPTIVE, None), name


def test_what_meets_other_types_misses(truth: Truth, version: str) -> None:
    """A site that specializes and then meets another type now and then counts misses."""
    (unpacking,) = truth.collected.sites("misses_unpack")
    assert unpacking.misses > 0
    assert unpacking.form == "UNPACK_SEQUENCE_TWO_TUPLE"
    if version != "3.11":
        attribute = truth.collected.sites("misses_attribute")[0]
        assert attribute.misses > 0


def test_a_call_is_what_it_became(python: Path, version: str, tmp_path: Path) -> None:
    """A call that went over to a C function for good reads specialized for that one."""
    source = """
def plain(value):
    return value

def call(function):
    return function(1)

for _ in range(200):
    call(plain)
for _ in range(1000):
    call(abs)
"""
    root = draw(tmp_path / "root", {"bench.py": source})
    collected = collect(python, root, ["bench.py"], scratch=tmp_path / "scratch")
    (site,) = collected.sites("call")
    prefix = "PRECALL_NO_KW" if version == "3.11" else "CALL_NO_KW" if version == "3.12" else "CALL"
    assert site[7:10] == (State.SPECIALIZED, f"{prefix}_BUILTIN_O", 0)


# The decode rules against a count that is known.

# One site a function that never specializes, on no version (SITUATIONS.md).
FAILING = {
    "compare": ("if left == right:\n        return 1", "(1,), (1,)"),
    "subscript": ("left[right]", "b'x', 0"),
    "store": ("left[right] = 1", "bytearray(1), 0"),
    "unpack": ("first, second = left", "{1: 1, 2: 2}, 0"),
    "operator": ("left @ right", "matrix, 0"),
    "contains": ("left in right", "1, (1, 2)"),
    "truth": ("if left:\n        return 1", "b'x', 0"),
}
TIMES = (*range(1, 301), 1000, 2723, 2724, 5000, 8178, 8179, 9000, 30_000)

# At how many executions each attempt after the first fails (CPYTHON.md).
ATTEMPTS = {
    "3.11": (8, 9, 12, 19),
    "3.12": (2, 5, 12, 27, 58, 121, 248, 503, 1014, 2037, 4084),
    "3.15": (2, 8, 38, 164, 672),
}
# Up to here a cache tells how many executions there were, to the last one.
EXACT_UNTIL = {"3.11": 33, "3.12": 8178, "3.15": 8861}
WARM_UP_311 = 7  # executions before 3.11 quickens a function: no cache counts them


def counting_script() -> str:
    """Return a script that runs each failing site each number of times."""
    lines = ["class Matrix:", "    def __matmul__(self, other):", "        return other", ""]
    lines += ["matrix = Matrix()"]
    for name, (body, arguments) in FAILING.items():
        for times in TIMES:
            lines += [f"def {name}_{times}(left, right):", f"    {body}", ""]
            lines += [f"for _ in range({times}):", f"    {name}_{times}({arguments})", ""]
    return "\n".join(lines)


def test_attempts_and_executions(python: Path, version: str, tmp_path: Path) -> None:
    """The failed attempts and executions of a site that ran N times are what N says."""
    root = draw(tmp_path / "root", {"bench.py": counting_script()})
    collected = collect(python, root, ["bench.py"], scratch=tmp_path / "scratch")
    era = version if version in ATTEMPTS else "3.12"
    checked = 0
    for code in collected.codes():
        name, _, digits = code.qualname.partition("_")
        if name not in FAILING:
            continue
        times = int(digits)
        for site in code.sites:
            assert site.form is None, (code.qualname, site)
            if era == "3.11":
                check_count_311(name, times, site.state, site.failed_attempts, site.executions)
            else:
                check_count(era, times, site.state, site.failed_attempts, site.executions)
            checked += 1
    absent = {"contains", "truth"} if version in {"3.11", "3.12"} else set()
    assert checked == len(TIMES) * (len(FAILING) - len(absent))


def check_count(era: str, times: int, state: State, failed: int, executions: int | None) -> None:
    """Check 3.12 and later: exact up to a limit, and never too many."""
    case = (era, times, state, failed, executions)
    attempts = sum(at <= times for at in ATTEMPTS[era])
    if attempts == 0:
        assert (state, failed, executions) == (State.COLD, 0, None), case
        return
    assert state == State.ADAPTIVE, case
    assert executions is not None, case
    if times <= EXACT_UNTIL[era]:
        assert executions == times, case
        assert failed == attempts + (era == "3.15" and times >= 2724), case
    else:
        assert 0 < executions <= times, case
        assert failed > 0, case


def check_count_311(
    name: str, times: int, state: State, failed: int, executions: int | None
) -> None:
    """Check 3.11, which counts only what a quickened function does."""
    case = (name, times, state, failed, executions)
    if times <= WARM_UP_311:
        assert (state, failed, executions) == (State.COLD, 0, None), case
    elif name == "operator":  # the compiler of 3.11 gives it up and counts no more
        assert (state, failed, executions) == (State.ADAPTIVE, 1, None), case
    elif times <= EXACT_UNTIL["3.11"]:
        assert state == State.ADAPTIVE, case
        assert failed == sum(at <= times for at in ATTEMPTS["3.11"]), case
        assert executions == times - WARM_UP_311, case
    else:  # at the fifth attempt the cache is as after 53 misses
        assert state in {State.ADAPTIVE, State.UNSTABLE}, case
        assert executions is None, case

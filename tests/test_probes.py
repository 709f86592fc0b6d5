"""Probes see the operands of what they are told to look at, and the program does not see them."""

from collections import Counter
from pathlib import Path

import pytest
from collecting import draw
from kinds import SCRIPT
from packages import shared_folder, source_distribution, virtual_environment
from probing import Probed, again, probe, same

from specialist_ci.comparing.matching import Place
from specialist_ci.explaining.observations import Observation
from specialist_ci.formats.snapshot import State
from specialist_ci.reasons import explain

# What no probe can look at, since no expression of the source is the operand.
UNSEEN = (
    "an async for or with awaits there",
    "it is inside a nested pattern",
    "it is inside a pattern",
    "it is inside another target",
    "the compiler makes it of a",
)
# Loops and awaits are seen when they begin.
BEGUN = {"FOR_ITER", "SEND"}


def not_seen(found: list[tuple[Place, Observation]]) -> Counter[str]:
    """Count the problems of what was never seen."""
    return Counter(seen.problem for _, seen in found if not seen.executions)


def test_every_kind_is_seen_and_none_is_disturbed(python: Path, tmp_path: Path) -> None:
    """All sites of a program with all kinds of them are probed: it prints what it did.

    What ran is seen, as often as it ran.
    """
    root = draw(tmp_path / "root", {"kinds.py": SCRIPT})
    found = probe(python, root, ["kinds.py"], scratch=tmp_path)
    assert found.plain.status == 0
    assert found.outcome == found.plain
    problems = not_seen(found.seen)
    left = {problem for problem in problems if not problem.startswith(UNSEEN)}
    assert left == {""}  # looked at, and never reached
    missed = [
        place.text
        for place, seen in found.seen
        if not (seen.executions or seen.problem) and place.site.state is not State.COLD
    ]
    assert set(missed) <= {"undefined"}  # a global that is not there
    fewer = [
        (place.text, seen.executions, place.site.executions)
        for place, seen in found.seen
        if place.site.family not in BEGUN and seen.executions
        if seen.executions < (place.site.executions or 0)
    ]
    assert fewer == []


ENTRIES = {
    "package/__init__.py": "",
    "package/__main__.py": """\
from package.work import work

for number in range(20):
    total = number * 2.5  # by -m
print(work(7), total, __name__, __spec__.name)
""",
    "package/work.py": """\
def work(n):
    total = 0
    for number in range(n * 3):
        total += number * 1.5  # imported
    return total
""",
    "executed.py": "for number in range(30):\n    last = number * 3.5  # executed\n",
    "child.py": """\
import os
import sys

def work(n):
    return [number * 4.5 for number in range(n)]  # in children

if sys.argv[1:] == ["forks"]:
    work(10)
    if os.fork() == 0:
        work(20)
        os._exit(0)
    os.wait()
else:
    print(sum(work(40)))
""",
    "main.py": """\
import importlib
import os
import runpy
import subprocess
import sys

import package.work

def main(n):
    return [number * 5.5 for number in range(n)]  # of the script

print(package.work.work(4), sum(main(50)))
importlib.reload(package.work)
print(package.work.work(5))
with open("executed.py") as file:
    exec(compile(file.read(), file.name, "exec"), {})
exec(compile(open("executed.py").read(), os.path.abspath("executed.py"), "exec"), {})
print(runpy.run_path("executed.py")["last"])
print(runpy.run_module("executed")["last"])
for arguments in (["child.py"], ["child.py", "forks"], ["-m", "package"]):
    done = subprocess.run([sys.executable, *arguments], stdout=subprocess.PIPE, check=True)
    print(done.stdout.decode())
try:
    compile("a = ", "executed.py", "exec")
except SyntaxError as error:
    print(error, error.filename, error.__traceback__.tb_next)
from __future__ import annotations
""".replace("from __future__ import annotations\n", "")
    + "print(compile('x: 1 + 1', '?', 'exec').co_flags & 0x1000000, __file__)\n",
}


def test_code_is_found_however_it_is_run(python: Path, tmp_path: Path) -> None:
    """As a script, by -m, import, reload, exec, runpy, in child processes and after a fork."""
    root = draw(tmp_path / "root", ENTRIES)
    found = probe(
        python,
        root,
        ["main.py"],
        scratch=tmp_path,
        wanted=lambda place: place.site.argrepr in ("*", "+="),
    )
    assert found.outcome == found.plain
    times = {
        text: [seen.executions for seen in found.of(text)]
        for text in ("# by -m", "# imported", "# executed", "# in children", "# of the script")
    }
    assert times == {
        "# by -m": [20],
        "# imported": [48, 48],
        "# executed": [120],
        "# in children": [70],
        "# of the script": [50],
    }


TESTS = """
import pytest

class Thing:
    def __init__(self):
        self.value = 2

def halved(value):
    return value * 0.5  # helper

@pytest.mark.parametrize("number", range(30))
def test_half(number):
    thing = Thing()
    assert halved(number) * thing.value == number, "not half"  # asserted
"""


def test_what_pytest_rewrites_is_seen_as_it_was_rewritten(
    version: str, python: Path, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The first run leaves rewritten bytecode behind; it is not read, and stays what it was."""
    environment = virtual_environment(python, "pytest", shared=shared_folder(tmp_path_factory))
    root = draw(tmp_path / "root", {"test_half.py": TESTS})
    found = probe(environment, root, ["-m", "pytest", "-q"], scratch=tmp_path)
    assert same(found.outcome, found.plain), found.outcome
    assert [seen.executions for seen in found.of("# helper")] == [30] * len(found.of("# helper"))
    asserted = [seen for place, seen in found.seen if "# asserted" in place.source_line]
    ran = [seen for seen in asserted if seen.executions]
    assert {seen.executions for seen in ran} == {30}
    kinds = {seen.situations[0].kind for seen in ran}
    assert {"attribute", "binary", "call", "compare"} <= kinds
    assert not not_seen(found.seen).keys() - {""}
    repeated, seen = again(
        environment,
        root,
        ["-m", "pytest", "-q"],
        [place for place, _ in found.seen],
        scratch=tmp_path,
    )
    assert same(repeated, found.plain)
    assert list(seen.values()) == [seen for _, seen in found.seen]
    del version


MISTUNE = "mistune==3.1.4"


@pytest.fixture
def mistune(python: Path, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Probed:
    """Return the sites of a real suite that fail or miss, all of them probed."""
    shared = shared_folder(tmp_path_factory)
    environment = virtual_environment(python, "pytest", shared=shared)
    root = source_distribution(MISTUNE, shared=shared)
    return probe(
        environment,
        root,
        ["-m", "pytest", "-q", "-p", "no:cacheprovider", "tests"],
        scratch=tmp_path,
        wanted=lambda place: place.site.state.failing and place.file.path.startswith("src"),
    )


def test_a_real_suite_passes_with_all_that_fails_probed(mistune: Probed) -> None:
    """949 tests pass as ever; of all that is adaptive or unstable at least 98% is seen."""
    assert mistune.plain.status == 0
    assert same(mistune.outcome, mistune.plain), mistune.outcome
    seen = [seen for _, seen in mistune.seen if seen.executions]
    assert len(mistune.seen) > 100
    assert len(seen) >= 0.98 * len(mistune.seen), not_seen(mistune.seen)
    fewer = [
        place.text
        for place, found in mistune.seen
        if place.site.family not in BEGUN and found.executions < (place.site.executions or 0)
    ]
    assert fewer == []


MADE = """
class Manager:
    def __enter__(self):
        return self

    def __exit__(self, *error):
        return None

def enter(manager):
    with manager:  # entered
        pass

def make(base):
    class Made(base):  # made
        pass
    return Made

for number in range(60):
    enter(Manager())
    make(object)
"""


def test_what_has_no_operand_in_the_source_is_seen(
    python: Path, version: str, tmp_path: Path
) -> None:
    """The calls that enter a with statement and make a class are told by what they call."""
    found = probe(python, draw(tmp_path / "root", {"made.py": MADE}), ["made.py"], scratch=tmp_path)
    assert found.outcome == found.plain
    names = {
        text: [
            (seen.situations[0].facts["name"], seen.executions)
            for place, seen in found.seen
            if text in place.source_line and place.site.family == "CALL"
            if seen.situations and seen.situations[0].kind == "call"
        ]
        for text in ("# entered", "# made")
    }
    is_call = version in {"3.14", "3.15"}  # before, it is part of another instruction
    assert names == {
        "# entered": [("__main__:Manager.__enter__", 60)] if is_call else [],
        "# made": [("__build_class__", 60)],
    }


CHANGING = """
class C:
    def __init__(self):
        self.x = 1

def read(c):
    return c.x  # read

c = C()
for number in range(3):
    for _ in range(20):
        read(c)
    C.count = number
"""


def test_a_class_that_changes_now_and_then_is_a_reason(
    python: Path, version: str, tmp_path: Path
) -> None:
    """Its caches miss until they are filled anew, though all objects are of one class."""
    root = draw(tmp_path / "root", {"changing.py": CHANGING})
    found = probe(python, root, ["changing.py"], scratch=tmp_path)
    assert found.outcome == found.plain
    ((place, seen),) = (each for each in found.seen if "# read" in each[0].source_line)
    assert (seen.executions, seen.misses) == (60, 40)  # from the 21st on
    if version != "3.11":  # that is too short there to specialize and miss
        assert place.site.state is State.UNSTABLE
    told = explain(
        "LOAD_ATTR",
        "x",
        State.UNSTABLE,
        place.site.form,
        (3, int(version.partition(".")[2])),
        seen.situations,
        seen.switches,
        seen.executions,
        seen.misses,
    )
    assert told is not None
    assert "was changed after this had specialized for it" in told.reason
    assert not told.eliminated


INLINED = """
def both(values):
    return all(value for value in values), any(value is None for value in values)  # inlined

def unless(values):
    if not any(values):  # asked
        return None
    return values

for number in range(60):
    both([number + 1, True])
    unless([number + 1])
"""


def test_what_the_compiler_makes_of_a_call_is_not_taken_for_its_function(
    python: Path, tmp_path: Path
) -> None:
    """From 3.14 on, it asks for the truth of what all() and any() are given, on its own."""
    root = draw(tmp_path / "root", {"inlined.py": INLINED})
    found = probe(python, root, ["inlined.py"], scratch=tmp_path)
    assert found.outcome == found.plain
    asked = {
        situation.facts["type"]
        for place, seen in found.seen
        if place.site.family == "TO_BOOL"
        for situation in seen.situations
    }
    assert asked <= {"bool"}


OWN_STRUCT = """
import struct

def double(number):
    return number.real * 2

for number in range(60):
    double(struct.value + number)
print(struct.__file__)
"""


def test_modules_of_the_project_with_names_of_the_standard_library(
    python: Path, tmp_path: Path
) -> None:
    """What we import is the standard library's, and what the program imports its own."""
    modules = {
        "bench.py": OWN_STRUCT,
        "struct.py": "value = 1.5\n",
        "sysconfig.py": "print('imported by nobody')\n",
    }
    root = draw(tmp_path / "root", modules)
    env = {"PYTHONPATH": str(root)}
    found = probe(python, root, ["bench.py"], scratch=tmp_path, env=env)
    assert found.outcome == found.plain
    assert found.outcome.stdout == f"{root}/struct.py\n"
    (seen,) = (seen for place, seen in found.seen if place.site.argrepr == "real")
    assert seen.executions == 60


SET_OFTEN = """
class C:
    def __init__(self):
        self.x = 1

def configure(number):
    C.count = number  # set

def read(c):
    return c.x  # read

for number in range(2000):
    configure(number)
c = C()
for number in range(60):
    read(c)
"""


def test_a_class_keeps_its_versions_for_the_program(python: Path, tmp_path: Path) -> None:
    """From 3.13 on it has a thousand, and setting an attribute on it takes none."""
    root = draw(tmp_path / "root", {"often.py": SET_OFTEN})
    found = probe(python, root, ["often.py"], scratch=tmp_path)
    assert found.outcome == found.plain
    ((place, seen),) = (each for each in found.seen if "# read" in each[0].source_line)
    assert place.site.state is State.SPECIALIZED
    assert [situation.facts["exhausted"] for situation in seen.situations] == [False]
    assert any("# set" in place.source_line for place, _ in found.seen)

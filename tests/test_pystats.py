"""The numbers under pystats keys agree with an interpreter that counts every event itself."""

import re
from pathlib import Path

import pytest
from collecting import Collected, collect, draw

# The interpreter writes there if the folder exists, else to stderr.
_OUTPUT = Path("/tmp/py_stats")  # noqa: S108 - hard-coded in CPython

# Functions whose one specializable instruction always meets the same types, which no form
# of 3.13 serves; see SITUATIONS.md.
FAILING = {
    "BINARY_OP": ("a @ b", "matrix, 1"),
    "BINARY_SUBSCR": ("a[b]", "b'x', 0"),
    "COMPARE_OP": ("a == b", "(1,), (1,)"),
    "CONTAINS_OP": ("a in b", "1, (1, 2)"),
    "STORE_ATTR": ("a.attribute = b", "sealed, 0"),
    "STORE_SUBSCR": ("a[b] = 1", "bytearray(1), 0"),
    "TO_BOOL": ("not a", "b'x', 0"),
    "UNPACK_SEQUENCE": ("c, d = a", "{1: 1, 2: 2}, 0"),
}
ROUNDS = (1, 2, 4, 5, 11, 12, 200, 3000)

# Runs each function, and lets the interpreter count nothing else that would fail: the
# instructions of its own loop have specialized before.
_HARNESS = """
import sys

import failing


class Matrix:
    def __matmul__(self, other):
        return other


class Sealed:
    __slots__ = ()

    def __setattr__(self, name, value):
        pass


def count(function, arguments, rounds):
    first, second = arguments
    for _ in range(rounds):
        function(first, second)


def nothing(first, second):
    pass


matrix, sealed = Matrix(), Sealed()
sys._stats_off()
for _ in range(30):
    count(nothing, (1, 2), 30)
sys._stats_clear()
for function, arguments in CALLS:
    sys._stats_on()
    count(function, arguments, ROUNDS)
    sys._stats_off()
sys._stats_dump()
sys._stats_clear()
"""


def truth_and_dump(python: Path, folder: Path, rounds: int) -> tuple[dict[str, int], Collected]:
    """Return the interpreter's own counts, and what the collector read of the functions."""
    if _OUTPUT.exists():
        pytest.skip(f"statistics go to {_OUTPUT}, under names that tell no process")
    functions = [f"def {name}(a, b):\n    {body}\n" for name, (body, _) in FAILING.items()]
    calls = [f"(failing.{name}, ({arguments}))" for name, (_, arguments) in FAILING.items()]
    harness = _HARNESS.replace("CALLS", f"[{', '.join(calls)}]").replace("ROUNDS", str(rounds))
    root = draw(folder / "root", {"failing.py": "\n".join(functions)})
    beside = draw(folder / "beside", {"harness.py": harness})
    collected = collect(
        python,
        root,
        [str(beside / "harness.py")],
        scratch=folder / "scratch",
        env={"PYTHONSTATS": "1"},
    )
    found = re.findall(
        r"^\s*opcode\[(\w+)\]\.specialization\.(failure|deferred|success|miss) : (\d+)$",
        collected.outcome.stderr,
        re.MULTILINE,
    )
    truth = {
        f"opcode[{family}].specialization.{kind}": int(number)
        for family, kind, number in found
        if family in FAILING
    }
    return truth, collected


@pytest.mark.parametrize("rounds", ROUNDS)
def test_failures_and_deferrals(pystats_python: Path, tmp_path: Path, rounds: int) -> None:
    """Failures and deferrals of sites that always fail are the interpreter's, to the last one."""
    truth, collected = truth_and_dump(pystats_python, tmp_path, rounds)
    (dump,) = collected.dumps
    assert {truth[f"opcode[{family}].specialization.deferred"] for family in FAILING} == {rounds}
    if rounds == 1:
        # A lower bound: until something failed, a cache does not tell one execution from none.
        assert dump.pystats == {}
    else:
        assert dump.pystats == truth


def test_beyond_the_longest_wait(pystats_python: Path, tmp_path: Path) -> None:
    """From the twelfth attempt on the backoff stays the same: the numbers are lower bounds."""
    truth, collected = truth_and_dump(pystats_python, tmp_path, 30_000)
    (dump,) = collected.dumps
    assert dump.pystats.keys() == truth.keys()
    for key, number in dump.pystats.items():
        assert 0 < number < truth[key], key

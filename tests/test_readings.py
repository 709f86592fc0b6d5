"""What thrashes is called unstable, wherever its counter stands when the program ends."""

from pathlib import Path

import pytest
from collecting import collect, draw

from specialist_ci.formats.snapshot import UNSTABLE_MISSES, UNSTABLE_RESPECIALIZED

# More functions than a counter has values, each called once more often than the one before:
# at the end, the counters of sites that always miss stand at every value there is.
FUNCTIONS, TIMES = 60, 3_000
WORK = "\n".join(
    f"def read_{number}(holder):\n    return holder.value\n" for number in range(FUNCTIONS)
)
BENCH = f"""
import work
kinds = [type("Kind%d" % n, (), {{"__init__": lambda self: setattr(self, "value", 1)}})()
         for n in range(8)]
functions = [getattr(work, "read_%d" % number) for number in range({FUNCTIONS})]
kept = []
for i in range({TIMES} + {FUNCTIONS}):
    for number, function in enumerate(functions):
        if i < {TIMES} + number:
            function(kinds[WHICH])
            kept.append([])  # for the garbage collector
"""
# Which of eight classes the i-th execution meets, by the rows of the table in docs/states.md.
MIXES = {
    "one class": "0",
    "another class from the middle on": f"i > {TIMES} // 2",
    "another class each hundredth time": "i % 100 == 0",
    "another class each tenth time": "i % 10 == 0",
    "two classes, ten times each": "i // 10 % 2",
    "two classes in turn": "i % 2",
    "three classes in turn": "i % 3",
    "five classes in turn": "i % 5",
    "eight classes in turn": "i % 8",
}
STATES = Path(__file__).parents[1] / "docs" / "states.md"
# Which of eight classes the i-th execution meets, by the rows of the table in docs/states.md.
MIXES = {
    "one class": "0",
    "another class from the middle on": f"i > {TIMES} // 2",
    "another class each hundredth time": "i % 100 == 0",
    "another class each tenth time": "i % 10 == 0",
    "two classes, ten times each": "i // 10 % 2",
    "two classes in turn": "i % 2",
    "three classes in turn": "i % 3",
    "five classes in turn": "i % 5",
    "eight classes in turn": "i % 8",
}
STATES = Path(__file__).parents[1] / "docs" / "states.md"
# The same functions, but each of them hot for a moment of its own.
MOMENTS = f"""
import work
kinds = [type("Kind%d" % n, (), {{"__init__": lambda self: setattr(self, "value", 1)}})()
         for n in range(2)]
kept = []
for number in range({FUNCTIONS}):
    function = getattr(work, "read_%d" % number)
    for i in range(20_000):
        function(kinds[i % 2])
        kept.append([])  # for the garbage collector
"""


def _states(python: Path, tmp_path: Path, which: str) -> tuple[list[bool], list[bool]]:
    """Return for each function whether its site thrashes by its end alone, and by all readings."""
    root = draw(tmp_path / "root", {"work.py": WORK, "bench.py": BENCH.replace("WHICH", which)})
    collected = collect(python, root, ["bench.py"], scratch=tmp_path / "scratch")
    sites = [site for code in collected.codes() for site in code.sites if site.argrepr == "value"]
    assert len(sites) == FUNCTIONS
    last = [site.state != "specialized" or site.misses >= UNSTABLE_MISSES for site in sites]
    every = [
        by_end or site.respecialized >= UNSTABLE_RESPECIALIZED
        for by_end, site in zip(last, sites, strict=True)
    ]
    return last, every


@pytest.mark.parametrize("mix", MIXES)
def test_the_table_holds(mix: str, python: Path, tmp_path: Path) -> None:
    """All that thrashes is unstable, whatever its end says, and what does not is not."""
    last, every = _states(python, tmp_path, MIXES[mix])
    (row,) = (
        line.split("|")[2:4]
        for line in STATES.read_text("utf-8").splitlines()
        if line.startswith(f"| {mix} |")
    )
    assert [sum(last), sum(every)] == list(map(int, row))


def test_readings_repeat(python: Path, tmp_path: Path) -> None:
    """Two runs find each site specialized anew equally often."""
    first, second = (
        collect(
            python,
            draw(tmp_path / run, {"work.py": WORK, "bench.py": BENCH.replace("WHICH", "i % 8")}),
            ["bench.py"],
            scratch=tmp_path / "scratch" / run,
        )
        for run in ("one", "two")
    )
    assert [code.sites for code in first.codes()] == [code.sites for code in second.codes()]
    assert any(site.respecialized for code in first.codes() for site in code.sites)

"""How long a diff takes: python benchmarks/wall.py [--python PYTHON] [--seconds S] [--rounds N].

Prints the wall time of a whole `diff` of two equal commits, as a ratio to twice the plain
suite: one job, two jobs, and one job with base in the cache. Each is between two runs of the plain
suite, so that a machine that gets faster or slower does so for both. What counts is the shortest
diff over twice the shortest plain run, since other load on the machine only ever adds; the ratios
of neighbours are told beside it, and those of their CPU seconds. The last line has two plain suites
at once, which is what the machine itself makes of two jobs.
"""

import argparse
import compileall
import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from cost import SITES_A_MODULE, project
from processes import Cost, run, spread
from tabulate import tabulate

import specialist_ci
from specialist_ci.environments.interpreters import find_interpreter

SITES = 10_000
# As diffs are named, with their options and the ratio that they may take.
DIFFS = {
    "one job": (("--jobs", "1", "--no-cache"), 1.05),
    "two jobs": (("--jobs", "2", "--no-cache"), 0.6),
    "one job, base in the cache": (("--jobs", "1"), 0.55),
}
PAIR = "two plain suites at once"
SUITE = """\
import runpy
for _ in range({}):
    runpy.run_path("short.py")
"""
TRIAL = 5  # repetitions by which their number is chosen


def make_suite(root: Path, python: Path, seconds: float) -> Path:
    """Return a script that takes about so many seconds here, the same at every call."""
    # Outside the commits: what runs is the same, however long.
    path = root.parent / "suite.py"
    took = []
    for times in (1, 1 + TRIAL):
        path.write_text(SUITE.format(times), encoding="utf-8")
        took.append(plain(path, root, python).cpu)
    once = max((took[1] - took[0]) / TRIAL, 0.001)
    path.write_text(SUITE.format(max(1, round(seconds / once))), encoding="utf-8")
    return path


def plain(suite: Path, root: Path, python: Path) -> Cost:
    """Run the suite as it is, with the hash seed that a measurement has."""
    surroundings = {**os.environ, "PYTHONHASHSEED": "0", "PYTHONPATH": str(root)}
    return run([str(python), str(suite)], root, surroundings)


def plain_pair(suite: Path, root: Path, python: Path) -> Cost:
    """Run the suite twice at once."""
    with ThreadPoolExecutor(2) as pool:
        one, other = (pool.submit(plain, suite, root, python).result for _ in range(2))
        both = one(), other()
    return Cost(
        sum(cost.cpu for cost in both),
        max(cost.memory for cost in both),
        max(cost.wall for cost in both),
    )


def rounds_of(root: Path, python: Path, seconds: float, rounds: int) -> tuple[list[float], str]:
    """Return how long the plain suite took, and the table."""
    suite = make_suite(root, python, seconds)
    plain_walls: list[float] = []
    shortest: dict[str, float] = {}
    walls: dict[str, list[float]] = {name: [] for name in (*DIFFS, PAIR)}
    cpus: dict[str, list[float]] = {name: [] for name in (*DIFFS, PAIR)}
    with tempfile.TemporaryDirectory() as cache:
        env = {**os.environ, "SPECIALIST_CI_CACHE": cache}
        command = [sys.executable, "-m", "specialist_ci", "diff", "HEAD", "HEAD"]
        named = ["--python", str(python), "--", "python", str(suite)]
        for number in range(rounds + 1):
            before = plain(suite, root, python)
            for name in (*DIFFS, PAIR):
                if name == PAIR:
                    cost = plain_pair(suite, root, python)
                else:
                    cost = run([*command, *DIFFS[name][0], *named], root, env)
                after = plain(suite, root, python)
                if number:  # the first warms the disk's cache, and ours
                    plain_walls.append(after.wall)
                    shortest[name] = min(shortest.get(name, cost.wall), cost.wall)
                    walls[name].append(cost.wall / (before.wall + after.wall))
                    cpus[name].append(cost.cpu / (before.cpu + after.cpu))
                before = after
            print(f"round {number} of {rounds}", file=sys.stderr)
    least = {name: took / 2 / min(plain_walls) for name, took in shortest.items()}
    bars = {name: bar for name, (_, bar) in DIFFS.items()}
    rows = [
        (
            name,
            f"{least[name]:.2f}",
            bars.get(name, ""),
            ("yes" if least[name] <= bars[name] else "NO") if name in bars else "",
            spread(walls[name], 2),
            spread(cpus[name], 2),
        )
        for name in least
    ]
    headers = ["diff", "shortest", "at most", "kept", "to neighbours", "CPU time"]
    return plain_walls, tabulate(rows, headers, tablefmt="github")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--python", help="interpreter to measure (as of specialist-ci)")
    parser.add_argument(
        "--seconds", type=float, default=20.0, help="of the plain suite (default: 20)"
    )
    parser.add_argument("--rounds", type=int, default=5, help="that count (default: 5)")
    arguments = parser.parse_args()
    python = find_interpreter(arguments.python, environ=os.environ)
    version = subprocess.run([python, "-V"], capture_output=True, text=True, check=True).stdout
    # As pip leaves it.
    compileall.compile_dir(Path(specialist_ci.__file__).parent, quiet=1)
    with project(SITES // SITES_A_MODULE) as root:
        took, table = rounds_of(root, python, arguments.seconds, arguments.rounds)
    print(
        f"{version.strip()}, {os.cpu_count()} cores, a suite of {spread(took, 1)} s: ratios to "
        "twice that suite, the shortest, and median (minimum to maximum) of "
        f"{arguments.rounds} rounds\n\n{table}"
    )


if __name__ == "__main__":
    main()

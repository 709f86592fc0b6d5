"""What measuring costs: python benchmarks/cost.py [--python PYTHON] [--pairs N] [--instructions].

Prints three tables, all in CPU seconds of whole processes, children included:

1. the measured command plain and under the collector, in turn, and the paired ratio;
2. what `diff` adds to the command's own time, a side, on a project of 10,000 sites;
3. `compare` of two snapshots of 100,000 sites each, with its peak memory.

With --instructions it prints one table instead: the instructions that the first table's processes
execute, as valgrind counts them, which no other load on the machine changes.
"""

import argparse
import compileall
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from processes import instructions, run, spread
from tabulate import tabulate

import specialist_ci
from specialist_ci.environments.interpreters import find_interpreter
from specialist_ci.measuring.control import Control
from specialist_ci.measuring.gate import watching_terminations
from specialist_ci.measuring.identity import identify
from specialist_ci.measuring.surroundings import deterministic_environment, measured_environment

Environ = Mapping[str, str]

PART = """
class Point{n}:
    def __init__(self, x, y):
        self.x = x
        self.y = y

    def moved(self, dx, dy):
        return Point{n}(self.x + dx, self.y + dy)


def walk{n}(points, step):
    total = 0.0
    for point in points:
        point = point.moved(step, -step)
        total = total + point.x * point.y - step / 2.0
        if total > 1e9:
            total = 0.0
    return total


def words{n}(text, table):
    for word in text.split():
        table[word] = table.get(word, 0) + len(word)
    return sorted(table.items())
"""
# About as many sites in a file as markdown-it-py or pyparsing have.
MODULE = "".join(PART.replace("{n}", str(n)) for n in range(4))
SITES_A_MODULE = 120  # at least, from 3.12 on
LONG = """
import importlib
NAMES = ("Point", "walk", "words")
modules = [importlib.import_module("package.part%d" % n) for n in range({modules})]
for _ in range({rounds}):
    for module in modules:
        for n in range(4):
            point, walk, words = (getattr(module, name + str(n)) for name in NAMES)
            walk([point(float(n), 1.0) for n in range(20)], 0.5)
            words("the quick brown fox jumps over the lazy dog", {{}})
"""


def git(root: Path, *arguments: str) -> None:
    """Run git under a name of its own."""
    author = ("-c", "user.name=benchmark", "-c", "user.email=benchmark@localhost")
    subprocess.run(["git", *author, *arguments], cwd=root, check=True, stdout=subprocess.DEVNULL)


@contextmanager
def project(modules: int) -> Iterator[Path]:
    """Make a repository of many equal modules, and a short and a long run of them."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "project"
        (root / "package").mkdir(parents=True)
        (root / "package" / "__init__.py").touch()
        for number in range(modules):
            (root / "package" / f"part{number}.py").write_text(MODULE, encoding="utf-8")
        for name, rounds in (("short", 20), ("long", 300)):
            text = LONG.format(modules=modules, rounds=rounds)
            (root / f"{name}.py").write_text(text, encoding="utf-8")
        git(root, "init", "--quiet")
        git(root, "add", "--all")
        git(root, "commit", "--quiet", "--message=project")
        yield root


SCRIPTS = ("-c pass", "short.py", "long.py")


@contextmanager
def surroundings(root: Path, python: Path) -> Iterator[Callable[[], tuple[Environ, Environ]]]:
    """Give what returns the variables of a plain run, and of one under a new collector."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as held:
        scratch = Path(folder)
        environment = deterministic_environment(os.environ, {})
        identify(python, scratch, environment)

        def both() -> tuple[Environ, Environ]:
            control = Control.make(scratch, "base", root=root, sources=())
            held.enter_context(watching_terminations(control, python))
            env = measured_environment(
                environment, python=python, control=control.folder, root=root, original=root
            )
            inert = {k: v for k, v in env.items() if k != "SPECIALIST_CI_CONTROL"}
            return {**inert, "PYTHONPATH": str(root)}, env

        yield both


def collector_table(root: Path, python: Path, pairs: int) -> str:
    """Return plain and collected runs of the same script, pair by pair."""
    rows = []
    with surroundings(root, python) as variables:
        for script in SCRIPTS:
            plain, collected = [], []
            for _ in range(pairs):
                inert, env = variables()
                argv = [str(python), *script.split()]
                plain.append(run(argv, root, inert))
                collected.append(run(argv, root, env))
            both = list(zip(plain, collected, strict=True))
            rows.append(
                (
                    script,
                    spread([cost.cpu for cost in plain], 3),
                    spread([cost.cpu for cost in collected], 3),
                    spread([after.cpu / before.cpu for before, after in both], 3),
                    spread([after.memory / before.memory for before, after in both], 3),
                )
            )
    return tabulate(
        rows, ["run", "plain, s", "collected, s", "CPU ratio", "memory ratio"], tablefmt="github"
    )


def instructions_table(root: Path, python: Path) -> str:
    """Return the millions of instructions of plain and collected runs, and their ratio."""
    rows = []
    with surroundings(root, python) as variables:
        for script in SCRIPTS:
            argv = [str(python), *script.split()]
            # The first pair compiles what is compiled once.
            for _ in range(2):
                before, after = (instructions(argv, root, env) for env in variables())
            rows.append((script, before / 1e6, after / 1e6, after / before))
    headers = ["run", "plain, millions", "collected, millions", "ratio"]
    return tabulate(rows, headers, floatfmt=("", ",.1f", ",.1f", ".4f"), tablefmt="github")


def diff_table(root: Path, python: Path, pairs: int) -> str:
    """Return what a whole diff takes beyond twice the plain command."""
    plain, whole, added = [], [], []
    command = [sys.executable, "-m", "specialist_ci", "diff", "HEAD", "HEAD", "--no-cache"]
    for number in range(pairs + 1):
        before = run([str(python), "short.py"], root, {**os.environ, "PYTHONHASHSEED": "0"})
        after = run([*command, "--python", str(python), "--", "short.py"], root, os.environ)
        if number:  # the first pair warms the disk's cache
            plain.append(before.cpu)
            whole.append(after.cpu)
            added.append((after.cpu - 2 * before.cpu) / 2)
    row = (spread(plain, 2), spread(whole, 2), spread(added, 2))
    return tabulate([row], ["command, s", "diff, s", "added a side, s"], tablefmt="github")


def compare_table(root: Path, python: Path, pairs: int) -> str:
    """Return the cost of comparing two large snapshots, one with all lines shifted."""
    command = [sys.executable, "-m", "specialist_ci"]
    files = [root / "base.json", root / "head.json"]
    for file in files:
        argv = ["run", "-o", str(file), "--python", str(python), "--", "short.py"]
        run([*command, *argv], root, os.environ)
        for part in (root / "package").glob("part*.py"):
            part.write_text("# shifted\n" + MODULE, encoding="utf-8")
    costs = [run([*command, "compare", *map(str, files)], root, os.environ) for _ in range(pairs)]
    row = (spread([c.cpu for c in costs], 2), spread([c.memory for c in costs], 0))
    return tabulate([row], ["compare, s", "peak memory, MB"], tablefmt="github")


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--python", help="interpreter to measure (as of specialist-ci)")
    parser.add_argument("--pairs", type=int, default=5, help="runs that count (default: 5)")
    parser.add_argument(
        "--instructions", action="store_true", help="count instructions instead, with valgrind"
    )
    arguments = parser.parse_args()
    python = find_interpreter(arguments.python, environ=os.environ)
    version = subprocess.run([python, "-VV"], capture_output=True, text=True, check=True).stdout
    # No bytecode is kept, so that every run compiles as the first one in a worktree does;
    # but our own is there, as pip leaves it.
    compileall.compile_dir(Path(specialist_ci.__file__).parent, quiet=1)
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    with project(10_000 // SITES_A_MODULE) as root:
        if arguments.instructions:
            print(version)
            print(instructions_table(root, python))
            return
        print(f"{version}median (minimum to maximum) of {arguments.pairs} runs\n")
        print(collector_table(root, python, arguments.pairs), end="\n\n")
        print(diff_table(root, python, arguments.pairs), end="\n\n")
    with project(100_000 // SITES_A_MODULE) as root:
        print(compare_table(root, python, arguments.pairs))


if __name__ == "__main__":
    main()

"""How long large repositories keep a measurement waiting: python benchmarks/start.py.

Makes repositories of 100,000 commits and of 50,000 files, and prints the seconds from the start of
``specialist-ci run`` and ``diff`` to the first line of the benchmark's own code, beside what
``git worktree add`` alone takes for the same commit: wall clock, median and range.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from processes import spread
from tabulate import tabulate

COMMITS, FILES = 100_000, 50_000
FILES_A_FOLDER = 100
FILES_A_TEST = 10

BENCH = """\
import os, time
with open(os.environ["STARTED"], "a") as log:
    print(time.time(), file=log, flush=True)
for number in range(1000):
    number + 1.5
"""
TEST = "def test_it():\n    pass\n"
MODULE = "def double(value):\n    return value + value\n"


def many_commits() -> Iterator[str]:
    """Yield a stream for ``git fast-import`` with a long history of a small project."""
    for number in range(COMMITS):
        yield from _commit(number)
        if not number:
            yield from _file("bench.py", BENCH)
        yield from _file("package.py", f"NUMBER = {number}\n{MODULE}")


def many_files() -> Iterator[str]:
    """Yield a stream for ``git fast-import`` with two commits of a large project."""
    yield from _commit(0)
    yield from _file("bench.py", BENCH)
    yield from _file("requirements.txt", "pytest-benchmark\n")
    for number in range(FILES):
        folder, name = f"part{number // FILES_A_FOLDER}", f"module{number}.py"
        if number % FILES_A_TEST == 0:
            yield from _file(f"tests/{folder}/test_{name}", TEST)
        else:
            yield from _file(f"src/{folder}/{name}", MODULE)
    yield from _commit(1)
    yield from _file("src/part0/module0.py", MODULE + "\n")


def _commit(number: int) -> Iterator[str]:
    yield f"commit refs/heads/main\ncommitter A <a@example.com> {1_700_000_000 + number} +0000\n"
    yield "data 1\nc\n"


def _file(path: str, text: str) -> Iterator[str]:
    yield f"M 100644 inline {path}\ndata {len(text)}\n{text}\n"


def repository(folder: Path, stream: Callable[[], Iterator[str]]) -> Path:
    """Make a repository from a stream, with its checkout."""
    subprocess.run(["git", "init", "--quiet", "--initial-branch=main", folder], check=True)
    with tempfile.TemporaryFile("w+") as written:
        written.writelines(stream())
        written.seek(0)
        git = ["git", "-C", str(folder), "fast-import", "--quiet"]
        subprocess.run(git, stdin=written, check=True)
    subprocess.run(["git", "-C", folder, "checkout", "--quiet", "main"], check=True)
    return folder


def plain_seconds(root: Path, scratch: Path) -> float:
    """Return the wall seconds of a mere ``git worktree add``."""
    start = time.monotonic()
    git = ["git", "-C", str(root), "worktree"]
    subprocess.run([*git, "add", "--quiet", "--detach", scratch / "plain", "HEAD"], check=True)
    seconds = time.monotonic() - start
    subprocess.run([*git, "remove", "--force", scratch / "plain"], check=True)
    return seconds


def started_seconds(root: Path, scratch: Path, arguments: list[str]) -> float:
    """Return the wall seconds until the benchmark's first line runs; what follows is ended."""
    log, messages = scratch / "log", scratch / "messages"
    log.unlink(missing_ok=True)
    start = time.time()
    with messages.open("wb") as stderr:
        running = subprocess.Popen(
            [sys.executable, "-m", "specialist_ci", *arguments],
            cwd=root,
            env={**os.environ, "STARTED": str(log)},
            stdout=subprocess.DEVNULL,
            stderr=stderr,
        )
    while not (log.exists() and log.read_text(encoding="utf-8").endswith("\n")):
        if running.poll() is not None:
            raise SystemExit(messages.read_text(encoding="utf-8"))
        time.sleep(0.01)
    running.terminate()
    running.wait()
    return float(log.read_text(encoding="utf-8").split()[0]) - start


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="of each (default: 3)")
    rounds = parser.parse_args().rounds
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        output = ["--output", str(scratch / "out")]
        commands = {
            "run HEAD": ["run", "HEAD", *output],
            "run": ["run", *output],
            "diff HEAD~1": ["diff", "HEAD~1", *output],
            "diff (merge base)": ["diff", *output],
        }
        for name, stream in (("100,000 commits", many_commits), ("50,000 files", many_files)):
            root = repository(scratch / name, stream)
            for called, arguments in commands.items():
                plain, started = [], []
                for _ in range(rounds):
                    plain.append(plain_seconds(root, scratch))
                    whole = [*arguments, "--no-cache", "--python", sys.executable]
                    started.append(started_seconds(root, scratch, whole))
                beyond = [one - other for one, other in zip(started, plain, strict=True)]
                rows.append([name, called, *(spread(one, 2) for one in (plain, started, beyond))])
    header = ["repository", "command", "git worktree add, s", "started after, s", "beyond it, s"]
    print(tabulate(rows, headers=header, tablefmt="github"))


if __name__ == "__main__":
    main()

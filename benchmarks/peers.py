"""What real suites cost under us and under others: python benchmarks/peers.py --python PYTHON.

Prints one table: CPU of whole processes, children included, and peak memory of the largest
one, as ratios to the plain run of the same round, and whether our collector keeps its bars.
A tool that cannot run a suite stays in the table, with the reason. Everything is installed
from PyPI, pinned, into a temporary folder.

With --instructions it prints another table: the instructions of each suite of one process, plain
and under our collector, as valgrind counts them, which no other load on the machine changes.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple, TypeVar

from processes import Cost, instructions, run, spread
from tabulate import tabulate

from specialist_ci.environments.interpreters import find_interpreter
from specialist_ci.measuring.control import Control
from specialist_ci.measuring.gate import watching_terminations
from specialist_ci.measuring.identity import identify
from specialist_ci.measuring.surroundings import deterministic_environment, measured_environment

PACKAGES = ("coverage==7.12.0", "mdurl==0.1.2", "pytest==9.0.1")
SPECIALIST = "specialist==0.7.0"
SPECIALIST_VERSIONS = ("3.11", "3.12", "3.13")
MISTUNE, MARKDOWN = "mistune==3.1.4", "markdown-it-py==4.0.0"

PLAIN, OURS = "plain", "specialist-ci"

CPU_BAR = 1.01  # ratio, of suites that run for several seconds
SEVERAL = 3.0  # seconds
UNBARRED = "has none, it is short"
SHOWN = 80  # characters of what a tool says when it fails
ATTEMPTS = 5
TIMEOUT = 300.0  # seconds of one run: far more than any takes that works
PROCESS_BAR = 12.0  # ms a process, of suites of short processes
MEMORY_BAR = 1.10  # ratio

PARSING = """
import pathlib
from markdown_it import MarkdownIt

parser = MarkdownIt("commonmark").enable(["table", "strikethrough"])
text = pathlib.Path("CHANGELOG.md").read_text() + pathlib.Path("README.md").read_text()
for _ in range(600):
    assert "<h1>" in parser.render(text)
"""

PROCESSES = 200
SHORT = f"""
import subprocess, sys

for number in range({PROCESSES}):
    text = "Chapter %d\\n===\\n\\n- *one*\\n- **two**\\n" % number
    subprocess.run([sys.executable, "-m", "mistune", "-m", text], check=True)
"""

# What a template engine, a logger and a named tuple do, far more often than they do it.
CALLS = """
import collections, logging, pathlib, sys

logging.basicConfig(stream=open("/dev/null", "w"), format="%(filename)s:%(lineno)d %(message)s")

def caller():
    return sys._getframe(1).f_lineno

lines = 0
for number in range(350):
    for path in sorted(pathlib.Path("src").rglob("*.py")):
        with open(path, encoding="utf-8") as file:
            text = file.read(2000)
        for line in text.splitlines():
            if line.startswith(("import ", "from ")) and line.count("(") == line.count(")"):
                compile(line, str(path), "exec")
                lines += caller() > 0
        logging.warning("%s", path)
    collections.namedtuple("Row%d" % number, "path line text")
    for _ in range(20_000):
        lines += caller() > 0
    for _ in range(500):
        compile("a + b * c", "<template>", "eval")
        open("/dev/null").close()
assert lines
"""


class Suite(NamedTuple):
    """A real project, and what runs in its root."""

    name: str
    project: str  # a requirement, whose source distribution is the root
    arguments: tuple[str, ...]  # of the interpreter
    scripts: Mapping[str, str] = MappingProxyType({})  # name and text, written into the root
    processes: int = 1  # the first one not counted, if it starts others


PYTEST = ("-m", "pytest", "-q", "-p", "no:cacheprovider")
SUITES = (
    Suite("mistune, 949 tests", MISTUNE, (*PYTEST, "tests")),
    Suite("markdown-it-py, parsing", MARKDOWN, ("parsing.py",), {"parsing.py": PARSING}),
    Suite(f"{PROCESSES} processes", MISTUNE, ("short.py",), {"short.py": SHORT}, PROCESSES),
    Suite("audited calls", MISTUNE, ("calls.py",), {"calls.py": CALLS}),
)


def _nothing() -> int:
    return 0


Taken = TypeVar("Taken")
Measure = Callable[[Sequence[str], Path, Mapping[str, str]], Taken]


class Start(NamedTuple):
    """How a variant starts one run."""

    before: tuple[str, ...] = ()  # arguments of the interpreter before the suite's
    env: Mapping[str, str] = MappingProxyType({})  # on top of the environment
    left: Callable[[], int] = _nothing  # how many processes left what the variant is for
    around: Callable[[], AbstractContextManager[None]] = nullcontext  # the run


class Variant(NamedTuple):
    """A way to run a suite: plain, or with a tool in it or over it."""

    name: str
    start: Callable[[Path, Path], Start]  # gets the project's root and a new folder
    unfit: str | None = None  # why it cannot run on this interpreter
    follows: bool = True  # into child processes

    def why_not(self, suite: Suite) -> str | None:
        """Return why there is no figure, if there is none."""
        if self.unfit is None and suite.processes > 1 and not self.follows:
            return "it does not follow into child processes"
        return self.unfit


class Bench(NamedTuple):
    """The interpreters and folders of one run of this script."""

    folder: Path
    python: Path  # of the virtual environment
    version: str  # as in 3.13
    environment: dict[str, str]

    def variants(self) -> Iterator[Variant]:
        """Yield every way to run a suite, plain first, ours second."""
        yield Variant(PLAIN, lambda _root, _out: Start())
        yield Variant(OURS, self._collected)
        yield Variant(
            SPECIALIST.replace("==", " ").capitalize(),
            lambda _root, out: Start(
                ("-m", "specialist", "-o", str(out), "-t", "**/*.py"),
                left=lambda: any(out.rglob("*.html")),
            ),
            unfit=None
            if self.version in SPECIALIST_VERSIONS
            else f"it knows {SPECIALIST_VERSIONS[0]} to {SPECIALIST_VERSIONS[-1]} only",
            follows=False,
        )
        yield Variant(
            "coverage, C tracer" if self.version == "3.11" else "coverage, sysmon", self._covered
        )
        yield Variant(
            "profiling.sampling --opcodes",
            lambda _root, out: Start(
                ("-m", "profiling.sampling", "run", "--opcodes", "--heatmap", "-o", str(out)),
                left=lambda: any(out.rglob("*.html")),
            ),
            unfit=None if self.version >= "3.15" else "it is in 3.15 and later only",
            follows=False,  # with --subprocesses it attaches to short ones when they are over
        )

    def _collected(self, root: Path, _out: Path) -> Start:
        """Do what `specialist-ci run` does before it starts the command."""
        control = Control.make(self.folder, "base", root=root, sources=())
        env = measured_environment(
            self.environment, python=self.python, control=control.folder, root=root, original=root
        )
        return Start(
            env=env,
            left=lambda: control.count("raw"),
            around=lambda: watching_terminations(control, self.python),
        )

    def _covered(self, root: Path, out: Path) -> Start:
        settings = out / "coveragerc"
        text = f"[run]\npatch = subprocess\nparallel = true\ndata_file = {out}/data\n"
        settings.write_text(f"{text}source = {root}\n", encoding="utf-8")
        return Start(
            ("-m", "coverage", "run", f"--rcfile={settings}"),
            {"COVERAGE_CORE": "ctrace" if self.version == "3.11" else "sysmon"},
            left=lambda: sum(1 for _ in out.glob("data*")),
        )

    def unpack(self, suite: Suite) -> Path:
        """Return the root of the suite's project, a folder of its own for each suite."""
        target = Path(tempfile.mkdtemp(dir=self.folder))
        pip = (str(self.python), "-m", "pip", "--quiet", "download", "--no-deps")
        options = ("--no-binary=:all:", f"--dest={target}", suite.project)
        subprocess.run([*pip, *options], check=True)
        (archive,) = target.glob("*.tar.gz")
        with tarfile.open(archive) as packed:
            packed.extractall(target, filter="data")
        archive.unlink()
        (root,) = target.iterdir()
        for name, text in suite.scripts.items():
            (root / name).write_text(text, encoding="utf-8")
        return root

    def run(self, suite: Suite, variant: Variant, root: Path) -> Cost:
        """Run a suite once; a variant that did not do its work ends the benchmark."""
        return self.measure(suite, variant, root, partial(run, timeout=TIMEOUT))

    def measure(self, suite: Suite, variant: Variant, root: Path, by: Measure[Taken]) -> Taken:
        """Run a suite once by a function, and return what that does."""
        with tempfile.TemporaryDirectory(dir=self.folder) as out:
            start = variant.start(root, Path(out))
            paths = [str(path) for path in (root / "src", root) if path.is_dir()]
            env = {**self.environment, "PYTHONPATH": os.pathsep.join(paths), **start.env}
            argv = [str(self.python), *start.before, *suite.arguments]
            with start.around():
                taken = by(argv, root, env)
            expected = suite.processes if variant.follows else 1
            if variant.name != PLAIN and start.left() < expected:
                raise SystemExit(f"it left results of {start.left()} of {expected} processes")
            return taken


def try_out(bench: Bench, suite: Suite, variant: Variant, root: Path) -> str | None:
    """Run a suite once, which compiles what it finds compiled later; return why it fails."""
    try:
        bench.run(suite, variant, root)
    except SystemExit as failure:
        if variant.name in {PLAIN, OURS}:
            raise
        print(f"{suite.name}, {variant.name}: {failure}", file=sys.stderr)
        said = [line.strip() for line in str(failure).splitlines() if line.strip()]
        # The last line names the command; what the tool said itself is before it.
        return f"fails: {(said[-2:] or [''])[0][:SHOWN]}".replace("|", "/")
    return None


def measure(
    bench: Bench, suite: Suite, variants: Sequence[Variant], rounds: int, root: Path
) -> Iterator[tuple[Cost, ...]]:
    """Yield what each variant took in each round, none of them always at the same place."""
    for number in range(rounds):
        taken = {}
        first = number % len(variants)
        for variant in (*variants[first:], *variants[:first]):
            cost = taken[variant.name] = _patiently(bench, suite, variant, root)
            print(f"{suite.name}, {variant.name}: {cost.cpu:.3f} s", file=sys.stderr)
        yield tuple(taken[variant.name] for variant in variants)


def _patiently(bench: Bench, suite: Suite, variant: Variant, root: Path) -> Cost:
    """Run a suite, and again where a tool fails that did not: a sampler may, now and then."""
    for left in reversed(range(ATTEMPTS)):
        try:
            return bench.run(suite, variant, root)
        except SystemExit as failure:
            if variant.name in {PLAIN, OURS} or not left:
                raise
            print(f"{suite.name}, {variant.name}: {failure}", file=sys.stderr)
    raise AssertionError(ATTEMPTS)


def counted(bench: Bench, suite: Suite) -> tuple[str, float, float, float, str]:
    """Return the row of a suite's instructions, in millions."""
    root = bench.unpack(suite)
    plain, ours, *_ = bench.variants()
    cost = bench.run(suite, ours, root)  # compiles what it finds compiled later
    before, after = (bench.measure(suite, each, root, instructions) for each in (plain, ours))
    bar = UNBARRED if cost.cpu < SEVERAL else _named(after / before, CPU_BAR)
    return suite.name, before / 1e6, after / 1e6, after / before, bar


def judge(suite: Suite, costs: Sequence[tuple[Cost, Cost]]) -> str:
    """Tell whether CPU and memory keep their bars, from (plain, collected) of each round."""
    memory = statistics.median([ours.memory / plain.memory for plain, ours in costs])
    return f"CPU {_judge_cpu(suite, costs)}, memory {_named(memory, MEMORY_BAR)}"


def _judge_cpu(suite: Suite, costs: Sequence[tuple[Cost, Cost]]) -> str:
    if suite.processes > 1:
        added = statistics.median([ours.cpu - plain.cpu for plain, ours in costs])
        return _named(1000 * added / suite.processes, PROCESS_BAR)
    if statistics.median([plain.cpu for plain, _ in costs]) < SEVERAL:
        return UNBARRED
    return _named(statistics.median([ours.cpu / plain.cpu for plain, ours in costs]), CPU_BAR)


def _named(figure: float, bar: float) -> str:
    return "holds" if figure <= bar else "FAILS"


def rows(bench: Bench, suite: Suite, rounds: int) -> Iterator[tuple[str, ...]]:
    """Yield the table's rows of one suite."""
    variants = list(bench.variants())
    root = bench.unpack(suite)
    reasons = {
        variant.name: variant.why_not(suite) or try_out(bench, suite, variant, root)
        for variant in variants
    }
    fit = [variant for variant in variants if reasons[variant.name] is None]
    taken = list(measure(bench, suite, fit, rounds, root))
    for variant in variants:
        reason = reasons[variant.name]
        if reason is not None:
            yield suite.name, variant.name, reason, "", "", ""
            continue
        costs = [(costs[0], costs[fit.index(variant)]) for costs in taken]
        if variant is fit[0]:
            cpu = spread([plain.cpu for plain, _ in costs], 2) + " s"
            memory = spread([plain.memory for plain, _ in costs], 0) + " MB"
            yield suite.name, variant.name, cpu, "", memory, ""
            continue
        added = [1000 * (cost.cpu - plain.cpu) / suite.processes for plain, cost in costs]
        bars = judge(suite, costs) if variant is fit[1] else ""
        yield (
            suite.name,
            variant.name,
            spread([cost.cpu / plain.cpu for plain, cost in costs], 3),
            spread(added, 1),
            spread([cost.memory / plain.memory for plain, cost in costs], 3),
            bars,
        )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--python", help="interpreter to measure (as of specialist-ci)")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each (default: 3)")
    parser.add_argument("--suite", action="append", help="only suites with this in their name")
    parser.add_argument(
        "--instructions", action="store_true", help="count instructions instead, with valgrind"
    )
    arguments = parser.parse_args()
    python = find_interpreter(arguments.python, environ=os.environ)
    chosen = [s for s in SUITES if any(part in s.name for part in arguments.suite or [""])]
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary).resolve()
        environment = deterministic_environment(os.environ, {})
        subprocess.run([python, "-m", "venv", folder / "venv"], check=True)
        python = folder / "venv" / "bin" / "python"
        identity = identify(python, folder, environment)
        version = ".".join(identity.version.split(".")[:2])
        packages = (*PACKAGES, *((SPECIALIST,) if version in SPECIALIST_VERSIONS else ()))
        subprocess.run([python, "-m", "pip", "--quiet", "install", *packages], check=True)
        bench = Bench(folder, python, version, environment)
        if arguments.instructions:
            alone = [counted(bench, suite) for suite in chosen if suite.processes == 1]
            titles = ("suite", "plain, millions", "collected, millions", "ratio", "bar")
            digits = ("", ",.0f", ",.0f", ".4f", "")
            print(f"CPython {identity.version}, bar: ratio {CPU_BAR}\n")
            print(tabulate(alone, titles, tablefmt="github", floatfmt=digits))
            return
        print(
            f"CPython {identity.version}: median (minimum to maximum) of {arguments.rounds} rounds"
        )
        print(
            f"bars: CPU ratio {CPU_BAR}, {PROCESS_BAR:.0f} ms a process, memory {MEMORY_BAR:.2f}\n"
        )
        table = [row for suite in chosen for row in rows(bench, suite, arguments.rounds)]
        headers = ("suite", "run", "CPU", "added, ms (a process)", "peak memory", "bars")
        print(tabulate(table, headers, tablefmt="github", disable_numparse=True))


if __name__ == "__main__":
    main()

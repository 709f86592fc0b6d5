"""Coverage, debuggers and profilers: what they hide is never green, and each is named.

Real tools, on every version. docs/tracers.md has the tables that these tests hold.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from collecting import Collected, collect, draw, surroundings
from packages import shared_folder, virtual_environment

from specialist_ci.errors import MeasurementError
from specialist_ci.formats.snapshot import Condition, Snapshot, State
from specialist_ci.measuring.identity import identify
from specialist_ci.measuring.measure import Checkout, Plan, measure
from specialist_ci.measuring.surroundings import deterministic_environment
from specialist_ci.measuring.tracers import recognize

COVERAGE = ("coverage==7.17.3", "pytest==9.2.0", "pytest-cov==7.1.0")
OLDEST, BEFORE_PAUSING = "3.11", ("3.11", "3.12")

# Sites that begin a line are those that tracers of lines hide.
WORK = """
def hot(numbers, limit):
    total = 0
    for number in numbers:
        total += number
        total = max(
            total,
            len(numbers),
        )
        if number > limit:
            limit = never(
                number.value,
                total,
            )
            print(limit)
            (number
             + total)
    return total


def never(left, right):
    return left + right


def once(items):
    (items
     [0])
    return len(items)


for _ in range(100):
    hot([1, 2, 3], 10)
once([1])
"""
SCRIPT = {"bench.py": WORK}
SUITE = {"work.py": WORK, "test_work.py": "def test_it():\n    import work\n"}
FUNCTION = "def function(*arguments):\n    return function\n"

LINES = "events.LINE"


def snapshot(
    python: Path, tmp_path: Path, tree: Mapping[str, str], *command: str, **env: str
) -> Snapshot:
    """Measure a tree as the command line does."""
    root = draw(tmp_path / "root", tree)
    scratch = tmp_path.resolve() / "scratch"
    scratch.mkdir()
    environment = deterministic_environment(surroundings(), env)
    checkout = Checkout("head", root, tuple(tree), "any", None, dirty=False, original=root)
    plan = Plan(command=command, python=python, source=tuple(tree), environment=env)
    identity = identify(python, scratch, environment)
    return measure(checkout, plan, identity=identity, environment=environment, scratch=scratch)


def traced(found: Snapshot) -> Condition | None:
    """Return the condition that names tracers, if there is one."""
    return next((each for each in found.conditions if each.name == "traced"), None)


def run(
    python: Path, folder: Path, tree: Mapping[str, str], *command: str, **env: str
) -> Collected:
    """Measure a tree, down to the sites."""
    root = draw(folder / "root", tree)
    return collect(python, root, command, scratch=folder / "scratch", env=env)


def states(found: Collected, file: str = "") -> dict[tuple[str, int], State]:
    """Return each site's state by function and offset, of one file if there are several."""
    return {
        (code.qualname, site.offset): site.state
        for code in found.codes()
        for site in code.sites
        if code.path.endswith(file)
    }


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the packages."""
    return shared_folder(tmp_path_factory)


@pytest.fixture
def covered_python(python: Path, shared: Path) -> Path:
    """Return an interpreter with coverage and its pytest plugin."""
    return virtual_environment(python, *COVERAGE, shared=shared)


# Tools that run the script.

RUNNERS: dict[str, tuple[Sequence[str], str, str]] = {
    "cProfile": (("-m", "cProfile"), "a profiler", "without -m cProfile"),
    "profile": (("-m", "profile"), "a profiler", "without -m cProfile"),
    "trace": (("-m", "trace", "--trace"), "the module trace", "without -m trace"),
    "pdb": (("-m", "pdb", "-c", "continue"), "the debugger pdb", "without -m pdb"),
    "profiling.tracing": (("-m", "profiling.tracing"), "a profiler", "-m profiling.tracing"),
}


@pytest.mark.parametrize("runner", RUNNERS)
def test_a_tool_that_runs_the_script_is_named(
    python: Path, version: str, tmp_path: Path, runner: str
) -> None:
    """The run is not comparable, and the message says who it was and how to do without."""
    if runner == "profiling.tracing" and version != "3.15":
        pytest.skip("new in 3.15")
    arguments, name, remedy = RUNNERS[runner]
    if runner == "pdb" and version in BEFORE_PAUSING:  # it drops the script's functions
        with pytest.raises(MeasurementError, match="ran no code"):
            snapshot(python, tmp_path, SCRIPT, "python", *arguments, "bench.py")
        return
    found = snapshot(python, tmp_path, SCRIPT, "python", *arguments, "bench.py")
    condition = traced(found)
    assert condition is not None
    assert condition.blocking
    assert condition.message.startswith(f"{name} was active")
    assert remedy in condition.remedy


def test_a_profiler_outside_does_not_show(python: Path, version: str, tmp_path: Path) -> None:
    """A profiler that samples from another process leaves every state as it is."""
    if version != "3.15":
        pytest.skip("new in 3.15")
    plain = run(python, tmp_path / "plain", SCRIPT, "bench.py")
    sampled = run(
        python, tmp_path / "sampled", SCRIPT, "-m", "profiling.sampling", "run", "bench.py"
    )
    assert states(plain) == states(sampled)
    assert all(dump.tracers == () for dump in sampled.dumps)


# Coverage.

CORES = ("ctrace", "pytrace", "sysmon")


@pytest.mark.parametrize("core", CORES)
def test_coverage_is_named(covered_python: Path, version: str, tmp_path: Path, core: str) -> None:
    """Only where coverage's sys.monitoring core can be read does a run under it count."""
    command = ("python", "-m", "coverage", "run", "bench.py")
    found = snapshot(covered_python, tmp_path, SCRIPT, *command, COVERAGE_CORE=core)
    condition = traced(found)
    assert condition is not None
    assert condition.message.startswith("coverage was active")
    assert "the script itself" in condition.remedy
    readable = core == "sysmon" and version not in BEFORE_PAUSING
    assert condition.blocking == (not readable)
    assert ("COVERAGE_CORE=sysmon" in condition.remedy) == (version not in BEFORE_PAUSING)


@pytest.mark.parametrize("core", CORES)
def test_pytest_cov_is_named(covered_python: Path, version: str, tmp_path: Path, core: str) -> None:
    """The switch of the plugin is named; with it the run is as any other."""
    options = ("-p", "no:cacheprovider", "test_work.py")
    command = ("python", "-m", "pytest", "--cov=.", *options)
    condition = traced(
        snapshot(covered_python, tmp_path / "on", SUITE, *command, COVERAGE_CORE=core)
    )
    assert condition is not None
    assert "--no-cov" in condition.remedy
    assert condition.blocking == (core != "sysmon" or version in BEFORE_PAUSING)
    found = snapshot(
        covered_python, tmp_path / "off", SUITE, *command, "--no-cov", COVERAGE_CORE=core
    )
    assert traced(found) is None


@pytest.mark.parametrize("core", CORES)
def test_coverage_turns_no_site_into_another(
    covered_python: Path, version: str, tmp_path: Path, core: str
) -> None:
    """What ran under coverage reads as it does without it, or hidden, and nothing else.

    On 3.11 it reads cold.
    """
    plain = states(run(covered_python, tmp_path / "plain", SCRIPT, "bench.py"))
    arguments = ("-m", "coverage", "run", "bench.py")
    seen = states(run(covered_python, tmp_path / "seen", SCRIPT, *arguments, COVERAGE_CORE=core))
    assert seen.keys() == plain.keys()
    changes = Counter((plain[site], seen[site]) for site in plain if plain[site] != seen[site])
    if version == OLDEST:
        assert set(seen.values()) == {State.COLD}
        return
    assert {after for _before, after in changes} <= {State.HIDDEN}
    if core == "sysmon" and version not in BEFORE_PAUSING:
        assert not [site for site in changes if site[0] is State.COLD]
    else:
        assert changes


def test_coverage_of_subprocesses_is_named(
    covered_python: Path, tmp_path: Path, shared: Path
) -> None:
    """A child that coverage starts in by its .pth file is as traced as its parent."""
    tree = {
        "bench.py": WORK,
        "parent.py": "import subprocess, sys\n"
        "subprocess.run([sys.executable, 'bench.py'], check=True)\n",
        ".coveragerc": "[run]\npatch = subprocess\nparallel = true\n",
    }
    assert shared.exists()
    found = run(
        covered_python, tmp_path, tree, "-m", "coverage", "run", "parent.py", COVERAGE_CORE="ctrace"
    )
    assert len(found.dumps) == 2
    assert all(recognize(dump.tracers, minor="3.13") for dump in found.dumps)


# Below an instrumented opcode.


def _monitoring_tool(*events: str) -> str:
    """Return the code of a tool that stays, and does nothing at some events."""
    return (
        "import sys\nm = sys.monitoring\nm.use_tool_id(3, 'mine')\n"
        f"for name in {events}:\n"
        "    m.register_callback(3, getattr(m.events, name), lambda *_: None)\n"
        f"m.set_events(3, sum(getattr(m.events, name) for name in {events}))\n"
    )


@pytest.mark.parametrize("event", ["LINE", "INSTRUCTION"])
def test_only_what_never_ran_reads_cold(
    python: Path, version: str, tmp_path: Path, event: str
) -> None:
    """Below a tracer that stays, all that ran and is instrumented reads hidden."""
    if version == OLDEST:
        pytest.skip("3.11 has no sys.monitoring")
    tool = _monitoring_tool(event)
    plain = run(
        python, tmp_path / "plain", {"work.py": WORK, "bench.py": "import work\n"}, "bench.py"
    )
    seen = run(
        python, tmp_path / "seen", {"work.py": WORK, "bench.py": f"{tool}import work\n"}, "bench.py"
    )
    assert [dump.tracers for dump in seen.dumps] == [("mine",)]
    before, after = states(plain, "work.py"), states(seen, "work.py")
    tried = (State.SPECIALIZED, State.UNSTABLE, State.ADAPTIVE)
    hidden = {site for site, state in after.items() if state is State.HIDDEN}
    assert {site for site in hidden if before[site] in tried}
    for site, state in after.items():
        if before[site] in tried:
            assert state in (before[site], State.HIDDEN), site
    never = {site for site in after if site[0] == "never"}
    assert never
    assert not never & hidden


@pytest.mark.parametrize("events", [("LINE", "CALL"), ("LINE", "BRANCH")])
def test_an_instrumented_opcode_below_another_is_hidden(
    python: Path, version: str, tmp_path: Path, events: tuple[str, ...]
) -> None:
    """A fresh counter proves nothing where two tools are on top of each other."""
    if version == OLDEST:
        pytest.skip("3.11 has no sys.monitoring")
    tool = _monitoring_tool(*events)
    tree = {"work.py": WORK, "bench.py": f"{tool}import work\n"}
    found = run(python, tmp_path, tree, "bench.py")
    loops = [site for site in found.sites("hot") if site.family in ("FOR_ITER", "CALL")]
    ran = [site for site in loops if site.line <= 8]
    assert ran
    assert State.COLD not in {site.state for site in ran}


# Tracers that come and go.

PARTLY = {
    "settrace": "sys.settrace(mine.function)\n{work}sys.settrace(None)\n",
    "setprofile": "sys.setprofile(mine.function)\n{work}sys.setprofile(None)\n",
}


@pytest.mark.parametrize("again", [0, 500])
@pytest.mark.parametrize("setter", PARTLY)
def test_a_tracer_that_left_makes_nothing_green(
    python: Path, tmp_path: Path, setter: str, again: int
) -> None:
    """A site's state is that of what ran outside the tracer, or hidden, or cold."""
    body = WORK.partition("for _ in")[0]
    mixed = "for _ in range(500):\n    hot([1, 2.0, 'x'][:2], 10)\n    once([1])\n"
    after = f"for _ in range({again}):\n    hot([1, 2.0], 10)\n    once([1])\n"
    part = PARTLY[setter].format(work=mixed)
    plain = run(python, tmp_path / "plain", {"bench.py": body + mixed + after}, "bench.py")
    tree = {"bench.py": f"import mine, sys\n{body}{part}{after}", "mine.py": FUNCTION}
    seen = run(python, tmp_path / "seen", tree, "bench.py")
    alone = run(python, tmp_path / "alone", {"bench.py": body + after}, "bench.py")
    expected, without, found = (states(each, "bench.py") for each in (plain, alone, seen))
    for site in expected:
        if site[0] in ("hot", "once", "never"):
            assert found[site] in (expected[site], without[site], State.HIDDEN, State.COLD)


def test_a_trace_function_for_threads_is_named(python: Path, tmp_path: Path) -> None:
    """What traces only the threads to come is seen too."""
    tree = {
        "bench.py": "import mine, threading\n"
        "threading.settrace(mine.function)\nthreading.setprofile(mine.function)\n",
        "mine.py": FUNCTION,
    }
    (dump,) = run(python, tmp_path, tree, "bench.py").dumps
    assert dump.tracers == ("mine",)


def test_a_debugger_is_never_green(python: Path, version: str, tmp_path: Path) -> None:
    """A breakpoint in the middle of a hot run makes it no measurement."""
    steps = "next\n" * (1 if version in BEFORE_PAUSING else 2) + "continue\n"
    stop = (
        "import io, pdb\n"
        f"pdb.Pdb(stdin=io.StringIO({steps!r}), stdout=io.StringIO()).set_trace()\n"
        "import other\n"
    )
    tree = {"bench.py": WORK + stop, "other.py": ""}
    condition = traced(snapshot(python, tmp_path, tree, "python", "bench.py"))
    assert condition is not None
    assert condition.blocking


def test_pytest_alone_is_no_tracer(covered_python: Path, tmp_path: Path) -> None:
    """Pytest imports the debugger, and --pdb without a failure never starts it."""
    command = ("python", "-m", "pytest", "--pdb", "-p", "no:cacheprovider", "test_work.py")
    assert traced(snapshot(covered_python, tmp_path, SUITE, *command)) is None


def test_a_quiet_tool_does_not_block(python: Path, version: str, tmp_path: Path) -> None:
    """A tool that hides nothing is named and no more."""
    if version == OLDEST:
        pytest.skip("3.11 has no sys.monitoring")
    tree = {"bench.py": f"import sys\nsys.monitoring.use_tool_id(3, 'quiet')\n{WORK}"}
    condition = traced(snapshot(python, tmp_path, tree, "python", "bench.py"))
    assert condition is not None
    assert (condition.blocking, condition.remedy) == (False, "turn quiet off")

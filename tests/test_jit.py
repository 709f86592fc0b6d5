"""With the JIT on, sites keep their states, and reports say how much of a line is compiled."""

import ctypes
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from collecting import Collected, collect, draw, execute, surroundings
from packages import shared_folder, source_distribution
from pythons import JIT, interpreters
from test_third_party import MARKDOWN, MARKDOWN_BENCH, MDURL, packages

from specialist_ci.comparing.compare import compare
from specialist_ci.formats.dump import DumpedSite
from specialist_ci.formats.report import Traces, Verdict
from specialist_ci.formats.snapshot import UNSTABLE_MISSES, Site, Snapshot, State, is_warm
from specialist_ci.measuring.identity import identify
from specialist_ci.measuring.measure import Checkout, Plan, measure
from specialist_ci.measuring.surroundings import deterministic_environment
from specialist_ci.render import Format, render_report, render_snapshot

VERSIONS = ("3.14", "3.15")
ON, OFF = {"PYTHON_JIT": "1"}, {"PYTHON_JIT": "0"}

WORK = """\
class Point:
    def __init__(self):
        self.x = 1

    def moved(self, by):
        return self.x + by


def hot(count):
    point = Point()
    total = 0
    for number in range(count):
        total += point.moved(number)
        items = [number, 2]
        total -= items[0]
        if number < -5:
            total = total / point.missing
            print(total)
    return total


def failing(count):
    for number in range(count):
        _ = number // 3
    return len([count])


hot(9000)
failing(9000)
"""
# Of Linux's sys/personality.h.
QUERY, ADDR_NO_RANDOMIZE = 0xFFFFFFFF, 0x0040000
# Lines of WORK. On 3.13, nothing tells whose the inlined method is.
INLINED = {6}
IN_TRACES = {6, 12, 13, 15, 16, 23, 24}
NEVER_RAN = {17, 18}


@pytest.fixture
def jit_python(python: Path, version: str) -> Path:
    """Return an interpreter with a JIT that can be turned on."""
    if version == "3.13" and JIT in interpreters().found:
        return interpreters().found[JIT]
    if version not in VERSIONS:
        pytest.skip("no JIT that can be turned on")
    question = "import sys; print(sys._jit.is_available())"
    if execute([str(python), "-c", question], cwd=Path.cwd(), env=OFF).stdout != "True\n":
        pytest.skip("built without the JIT")
    return python


def sites(found: Collected) -> dict[tuple[str, str, int, int], DumpedSite]:
    """Return every site by where it is."""
    return {
        (Path(code.path).name, code.qualname, code.line, site.offset): site
        for code in found.codes()
        for site in code.sites
    }


def state(site: DumpedSite) -> State:
    """Return a site's state as a snapshot has it."""
    unstable = site.state is State.SPECIALIZED and site.misses >= UNSTABLE_MISSES
    return State.UNSTABLE if unstable else site.state


def test_sites_in_traces_are_those_of_the_loops(
    jit_python: Path, version: str, tmp_path: Path
) -> None:
    """What the loops run, also in functions that they call, is compiled, and nothing else."""
    root = draw(tmp_path / "root", {"bench.py": WORK})
    found = sites(collect(jit_python, root, ["bench.py"], scratch=tmp_path / "on", env=ON))
    expected = IN_TRACES - INLINED if version == "3.13" else IN_TRACES
    assert {site.line for site in found.values() if site.traced} == expected
    inner = [site for site in found.values() if site.line in expected - {12, 23}]
    assert inner
    assert all(site.traced for site in inner)
    assert {site.state for site in found.values() if site.line in NEVER_RAN} == {State.COLD}


def test_no_site_is_in_a_trace_without_the_jit(jit_python: Path, tmp_path: Path) -> None:
    """The default is off, and then nothing is said."""
    root = draw(tmp_path / "root", {"bench.py": WORK})
    found = sites(collect(jit_python, root, ["bench.py"], scratch=tmp_path / "off", env=OFF))
    assert not any(site.traced for site in found.values())


def test_states_are_those_without_the_jit(jit_python: Path, tmp_path: Path) -> None:
    """On code without stray types the states are the same, site by site."""
    root = draw(tmp_path / "root", {"bench.py": WORK})
    off = sites(collect(jit_python, root, ["bench.py"], scratch=tmp_path / "off", env=OFF))
    on = sites(collect(jit_python, root, ["bench.py"], scratch=tmp_path / "on", env=ON))
    assert on.keys() == off.keys()
    assert {place: (on[place].state, on[place].form) for place in on} == {
        place: (off[place].state, off[place].form) for place in off
    }


@pytest.fixture(scope="session")
def markdown(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a tree with markdown-it-py and a script that keeps it busy."""
    tree = tmp_path_factory.mktemp("markdown").resolve()
    shared = shared_folder(tmp_path_factory)
    for requirement in (MARKDOWN, MDURL):
        for package in packages(source_distribution(requirement, shared=shared)):
            for path in package.rglob("*.py"):
                target = tree / package.name / path.relative_to(package)
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(path.read_bytes())
    (tree / "bench.py").write_text(MARKDOWN_BENCH.replace("range(12)", "range(150)"), "utf-8")
    return tree


@pytest.fixture
def fixed_addresses() -> Iterator[None]:
    """Have the system give every process the same addresses, which decide what the JIT drops."""
    personality = getattr(ctypes.CDLL(None), "personality", None)
    if personality is None:
        pytest.skip("addresses cannot be fixed here: only Linux has personality()")
    before = personality(QUERY)
    if personality(before | ADDR_NO_RANDOMIZE) == -1:
        pytest.skip("addresses cannot be fixed here: the system refuses personality()")
    yield
    personality(before)


@pytest.mark.usefixtures("fixed_addresses")
def test_real_code_differs_by_a_few_sites(jit_python: Path, markdown: Path, tmp_path: Path) -> None:
    """Of thousands of sites a handful differ, all of them polymorphic or hardly run.

    Compiled code counts no misses, and what a trace holds is specialized anew when it
    misses. Nothing is hidden, nothing that specializes turns cold, and the same run at
    the same addresses gives the same dump.
    """
    off, on, again = (
        sites(collect(jit_python, markdown, ["bench.py"], scratch=tmp_path / name, env=env))
        for name, env in (
            ("off", OFF),
            ("on1", ON),
            ("on2", ON),
        )  # the length of a path moves addresses
    )
    assert on == again
    assert sum(site.traced for site in on.values()) > 50
    changed = Counter(
        (state(off[place]), state(on[place]))
        for place in off
        if state(off[place]) is not state(on[place])
    )
    assert sum(changed.values()) < len(off) / 500
    assert not [pair for pair in changed if State.HIDDEN in pair]
    assert not [pair for pair in changed if pair[1] is State.COLD]
    tried = {(before, after) for before, after in changed if State.UNSTABLE not in (before, after)}
    assert tried <= {(State.COLD, State.ADAPTIVE)}


def snapshot(python: Path, tmp_path: Path, env: dict[str, str], text: str = WORK) -> Snapshot:
    """Measure WORK, or another text, as the command line does."""
    root = draw(tmp_path / "root", {"bench.py": text})
    scratch = tmp_path.resolve() / "scratch"
    scratch.mkdir(parents=True)
    environment = deterministic_environment(surroundings(), env)
    checkout = Checkout("head", root, ("bench.py",), "any", None, dirty=False, original=root)
    plan = Plan(command=("python", "bench.py"), python=python, environment=env)
    identity = identify(python, scratch, environment)
    return measure(checkout, plan, identity=identity, environment=environment, scratch=scratch)


def test_reports_say_what_is_compiled(jit_python: Path, version: str, tmp_path: Path) -> None:
    """Totals and failing lines have it in every format, and 3.15 what cannot be known."""
    found = snapshot(jit_python, tmp_path / "on", ON)
    assert 0 < found.totals.traced < found.totals.total
    assert found.totals.traced == sum(line.traced for file in found.files for line in file.lines)
    said = f"{found.totals.traced} of {found.totals.total} sites in compiled traces"
    for to in (Format.TERMINAL, Format.MARKDOWN):
        text = " ".join(render_snapshot(found, to).split())
        assert said in text
        assert "1 of 1 site in compiled traces" in text
    names = [condition.name for condition in found.conditions]
    assert names == (["jit"] if version == "3.15" else [])
    report = compare(found, found)
    assert report.verdict is Verdict.PASS
    assert "in compiled traces" in render_report(report, Format.TERMINAL)


def test_a_changed_line_says_what_is_compiled(jit_python: Path, tmp_path: Path) -> None:
    """The compiled generic form of a site is a regression like any other."""
    base = snapshot(jit_python, tmp_path / "base", ON, WORK.replace("number // 3", "number * 3"))
    head = snapshot(jit_python, tmp_path / "head", ON)
    report = compare(base, head)
    (change,) = report.changes
    assert (change.line, change.head_state) == (24, State.ADAPTIVE)
    assert change.traces == Traces(sites=1, traced=1)
    for to in (Format.TERMINAL, Format.MARKDOWN):
        assert "1 of 1 site in compiled traces" in " ".join(render_report(report, to).split())


def test_on_and_off_are_not_comparable(jit_python: Path, tmp_path: Path) -> None:
    """A side with the JIT is no base for one without, and neither says traces then."""
    on, off = (snapshot(jit_python, tmp_path / env["PYTHON_JIT"], env) for env in (ON, OFF))
    assert "traced" not in off.model_dump_json()
    assert "compiled traces" not in render_snapshot(off, Format.TERMINAL)
    assert compare(on, off).verdict is Verdict.NOT_COMPARABLE


@pytest.mark.parametrize("traced", [False, True])
def test_what_is_compiled_is_warm(*, traced: bool) -> None:
    """A counter that stopped when the loop was compiled does not say that the loop was short."""
    site = Site(0, 0, 0, 1, 1, "BINARY_OP", "//", State.ADAPTIVE, None, 0, 3, 17, 0, traced)
    assert is_warm(site) is traced

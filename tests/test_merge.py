"""Shards: what falls to each, what joins, and that the whole is what one run had left."""

import json
import os
import shutil
from collections.abc import Iterable, Mapping
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from collecting import surroundings
from hypothesis import given
from hypothesis import strategies as st
from packages import shared_folder, source_distribution, virtual_environment
from pictures import PROVENANCE, PYTHON, SUITE, snapshot
from pythons import VERSIONS, interpreters
from repositories import ENVIRONMENT, Drawing

from specialist_ci.cli import main
from specialist_ci.collector import _specialist_ci_shard
from specialist_ci.comparing.compare import compare
from specialist_ci.errors import UsageError
from specialist_ci.formats.dump import Dump, DumpedCode, DumpedSite
from specialist_ci.formats.report import Verdict
from specialist_ci.formats.snapshot import Condition, Provenance, Shards, Snapshot, State
from specialist_ci.measuring.building import build_snapshot
from specialist_ci.snapshots.shards import join, require_whole

# --- laws ---


def _provenance(part: int, of: int, **fields: object) -> Provenance:
    update = {"shards": Shards(parts=(part,), of=of), **fields}
    return PROVENANCE.model_copy(update=update)


_RAW_STATES = (State.SPECIALIZED, State.ADAPTIVE, State.COLD, State.HIDDEN)


@st.composite
def sites(draw: st.DrawFn, offset: int) -> DumpedSite:
    """Draw what one process saw of the site at an offset."""
    state = draw(st.sampled_from(_RAW_STATES))
    specialized, adaptive = state is State.SPECIALIZED, state is State.ADAPTIVE
    return DumpedSite(
        offset=offset,
        line=2 + offset // 4,
        column=4,
        end_line=2 + offset // 4,
        end_column=9,
        family="BINARY_OP",
        argrepr="+",
        state=state,
        form=draw(st.sampled_from(("BINARY_OP_ADD_INT", "BINARY_OP_ADD_FLOAT")))
        if specialized
        else None,
        misses=draw(st.integers(0, 8)) if specialized else 0,
        failed_attempts=draw(st.integers(1, 5)) if adaptive else 0,
        executions=draw(st.none() | st.integers(1, 90)) if adaptive else None,
        respecialized=draw(st.integers(0, 4)) if specialized else 0,
        traced=draw(st.booleans()),
    )


@st.composite
def dumps(draw: st.DrawFn) -> Dump:
    """Draw a process, with code objects that share a place among them, and copies of one."""
    codes = []
    for path in draw(st.lists(st.sampled_from(("/r/a.py", "/r/b.py")), unique=True)):
        for name, length in draw(
            st.lists(st.tuples(st.sampled_from("fgh"), st.integers(0, 3)), max_size=3)
        ):
            drawn = tuple(draw(sites(4 * number)) for number in range(length))
            codes.append(
                DumpedCode(
                    path=path,
                    qualname=name,
                    line=1,
                    rows=tuple((*site[:5], number) for number, site in enumerate(drawn)),
                    readings=tuple(site[5:] for site in drawn),
                )
            )
    counts = draw(st.dictionaries(st.sampled_from(("x", "y")), st.integers(0, 9)))
    return Dump(tracers=(), codes=tuple(codes), pystats=counts, elsewhere=(), generated=())


parts = st.lists(st.lists(dumps(), max_size=3), min_size=1, max_size=4)


def _built(processes: Iterable[Dump], provenance: Provenance) -> Snapshot:
    listed = tuple(processes)
    counted = provenance.model_copy(update={"processes": len(listed)})
    return build_snapshot(listed, root=Path("/r"), provenance=counted)


def _shards(drawn: list[list[Dump]]) -> list[Snapshot]:
    return [
        _built(processes, _provenance(number, len(drawn)))
        for number, processes in enumerate(drawn, start=1)
    ]


@given(parts)
def test_joining_is_what_one_run_would_build(drawn: list[list[Dump]]) -> None:
    """Snapshots of some processes each join into the snapshot of all of them."""
    joined = join(_shards(drawn))
    whole = _built((dump for part in drawn for dump in part), PROVENANCE)
    shared = {"provenance", "conditions"}  # that nothing is hot is said by measure.py
    assert joined.model_dump(exclude=shared) == whole.model_dump(exclude=shared)
    assert joined.provenance.processes == whole.provenance.processes


@given(parts, st.randoms(use_true_random=False))
def test_order_and_grouping_do_not_matter(drawn: list[list[Dump]], random: Any) -> None:  # noqa: ANN401 - hypothesis has no public name for it
    """Joining is commutative and associative."""
    shards = _shards(drawn)
    joined = join(shards)
    shuffled = list(shards)
    random.shuffle(shuffled)
    assert join(shuffled) == joined
    folded = shuffled[0]
    for shard in shuffled[1:]:
        folded = join([folded, shard])
    assert join([folded]) == joined
    assert joined.model_dump_json() == join([join([join(shuffled)])]).model_dump_json()


@given(st.lists(dumps(), max_size=3))
def test_states_are_idempotent(processes: list[Dump]) -> None:
    """The same again changes how many processes there were, and nothing else."""
    (one,) = _shards([processes])
    twice = join([one, one])
    assert (twice.totals, twice.families) == (one.totals, one.families)
    assert _states(twice) == _states(one)


@given(parts, st.randoms(), st.booleans())
def test_suites_join_in_any_order(
    drawn: list[list[Dump]],
    random: Any,  # noqa: ANN401 - hypothesis has no public name for it
    named: bool,  # noqa: FBT001 - drawn
) -> None:
    """The whole is what one run of all of them would be, however it is put together."""
    suites = [
        _built(processes, _of_suite(number, named=named)) for number, processes in enumerate(drawn)
    ]
    joined = join(suites)
    assert joined.files == join(_shards(drawn)).files
    random.shuffle(suites)
    cut = random.randint(0, len(suites))
    grouped = [join(group) for group in (suites[:cut], suites[cut:]) if group]
    assert join(grouped) == joined
    suite = joined.provenance.suite
    numbers = range(len(drawn))
    assert suite.label == (" + " if named else " '&&' ").join(
        f"s{number}" if named else f"python {number}.py" for number in numbers
    )
    assert suite.source == (tuple(f"{number}.py" for number in numbers))


def _of_suite(number: int, *, named: bool) -> Provenance:
    update = {
        "command": ("python", f"{number}.py"),
        "name": f"s{number}" if named else None,
        "source": (f"{number}.py",),
    }
    return PROVENANCE.model_copy(update={"suite": SUITE.model_copy(update=update)})


@given(parts)
def test_no_failing_site_turns_green(drawn: list[list[Dump]]) -> None:
    """What fails in a shard fails in the whole, and what is hidden is not specialized."""
    shards = _shards(drawn)
    joined = _states(join(shards))
    for shard in shards:
        for place, state in _states(shard).items():
            if state.failing:
                assert joined[place].failing
            if state is State.HIDDEN:
                assert joined[place] not in (State.SPECIALIZED, State.COLD)
    assert set(joined) == {place for shard in shards for place in _states(shard)}


def _states(of: Snapshot) -> dict[tuple[object, ...], State]:
    """Return the state of each site, by what tells sites apart."""
    lengths: dict[tuple[str, int], int] = {}
    every = [(file, site) for file in of.files for line in file.lines for site in line.sites]
    for file, site in every:
        key = file.path, site.function
        lengths[key] = lengths.get(key, 0) + 1
    return {
        (
            file.path,
            file.functions[site.function].qualname,
            lengths[file.path, site.function],
            site.offset,
        ): site.state
        for file, site in every
    }


# --- conditions ---

HOT = {"a.py": "def half(x):\n    return x / 2\n"}
COLD = {"a.py": "def half(x):\n    return x / 2  #: BINARY_OP(/) cold\n"}


def test_conditions_unite() -> None:
    """What limits a shard limits the whole, once."""
    lost, traced = (Condition(name=name, message="a", remedy="b") for name in ("lost", "traced"))
    shards = [
        snapshot(HOT, provenance=_provenance(part, 3), conditions=found)
        for part, found in enumerate([(traced, lost), (lost,), ()], start=1)
    ]
    assert join(shards).conditions == (lost, traced)


def test_cold_shard_of_a_hot_suite() -> None:
    """That nothing was hot in one shard says nothing; that nothing was in any blocks."""
    cold = Condition(
        name="all-cold",
        message="none of the 1 sites ran often enough to be specialized",
        remedy="let the command run the code more often",
        blocking=True,
    )
    shard = snapshot(COLD, provenance=_provenance(1, 2), conditions=(cold,))
    assert shard.totals.total == shard.totals.cold == 1
    other = snapshot(COLD, provenance=_provenance(2, 2), conditions=(cold,))
    hot = snapshot(HOT, provenance=_provenance(2, 2))
    assert join([shard, other]).conditions == (cold,)
    assert join([shard, hot]).conditions == ()
    assert join([join([shard, other]), hot]).conditions == ()


# --- what is refused ---

PYTHON_14 = PYTHON.model_copy(update={"version": "3.14.0"})
OTHER_SUITE = SUITE.model_copy(update={"command": ("pytest", "-x")})

MIXTURES: Mapping[str, tuple[list[Provenance], str]] = {
    "interpreters": (
        [_provenance(1, 2), _provenance(2, 2, python=PYTHON_14)],
        "version is 3.13.0 in 0.json and 3.14.0 in 1.json",
    ),
    "commits": (
        [_provenance(1, 2), _provenance(2, 2, commit="1" * 40)],
        f"commit is {'0' * 40} in 0.json and {'1' * 40} in 1.json",
    ),
    "tool versions": ([_provenance(1, 2), _provenance(2, 2, tool="1")], "tool is 0 in 0.json and"),
    "commands": (
        [_provenance(1, 2), _provenance(2, 2, suite=OTHER_SUITE)],
        "command is python bench.py in 0.json and pytest -x in 1.json",
    ),
    "numbers of shards": (
        [_provenance(1, 2), _provenance(2, 3)],
        "number of shards is 2 in 0.json and 3 in 1.json",
    ),
    "no shard": ([_provenance(1, 2), PROVENANCE], "1.json is no shard"),
    "changes": ([_provenance(1, 1, dirty=True)], "0.json was measured with uncommitted changes"),
    "one missing": ([_provenance(2, 2)], "shard 1 of 2 is missing"),
    "many missing": ([_provenance(3, 4)], "shards 1, 2 and 4 of 4 are missing"),
    "suites of other variables": (
        [
            PROVENANCE,
            PROVENANCE.model_copy(
                update={
                    "suite": OTHER_SUITE.model_copy(
                        update={"environment": {**SUITE.environment, "A": "1"}}
                    )
                }
            ),
        ],
        "A is not set in 0.json and 1 in 1.json",
    ),
    "suites of other commits": (
        [PROVENANCE, PROVENANCE.model_copy(update={"suite": OTHER_SUITE, "commit": "1" * 40})],
        f"commit is {'0' * 40} in 0.json and {'1' * 40} in 1.json",
    ),
    "a suite twice": ([PROVENANCE, PROVENANCE], "the suite python bench.py is there twice"),
    "twice": ([_provenance(1, 2), _provenance(1, 2)], "shard 1 of 2 is there twice"),
}


@pytest.mark.parametrize("name", MIXTURES)
def test_mixtures_are_refused(name: str) -> None:
    """Each with one line that says what is wrong."""
    provenances, message = MIXTURES[name]
    for order in permutations(range(len(provenances))):
        named = [(f"{at}.json", snapshot(HOT, provenance=provenances[at])) for at in order]
        with pytest.raises(UsageError) as caught:
            require_whole(named)
        assert "\n" not in str(caught.value)
        if order[0] == 0:
            assert message in str(caught.value)


def test_changed_texts_are_refused() -> None:
    """Two texts of one file at one commit are not the commit's."""
    named = [
        (f"{part}.json", snapshot({"a.py": text}, provenance=_provenance(part, 2)))
        for part, text in ((1, "x = a + 1\n"), (2, "x = a - 1\n"))
    ]
    with pytest.raises(UsageError, match=r"the text of a\.py is not the same"):
        require_whole(named)


def test_unmerged_shards_are_not_comparable() -> None:
    """A part says nothing about a whole, nor about another part; nor do other parts' sums."""
    whole = snapshot(HOT)
    one, two = (snapshot(HOT, provenance=_provenance(part, 2)) for part in (1, 2))
    joined = join([one, two])
    for base, head in ((whole, one), (one, whole), (one, one), (joined, one), (join([one]), one)):
        report = compare(base, head)
        assert report.verdict is Verdict.NOT_COMPARABLE
        assert "unmerged-shard" in {condition.name for condition in report.conditions}
    assert compare(joined, joined).conditions == ()
    (condition,) = compare(whole, joined).conditions
    assert condition.message == "base was measured in 1 and head in 2 parts"
    assert condition.blocking


# --- real suites ---

PACKAGE = """\
def add(first, second):
    return first + second
"""
TEST = """\
import pathlib
from package import add


def test_add():
    for number in range(500):
        assert add({value}(number), 1)


def test_environment(request):
    import os, sys
    assert "PYTEST_ADDOPTS" not in os.environ
    assert not any("specialist_ci" in entry for entry in sys.path)
    with open({log!r}, "a") as log:
        print(request.node.nodeid.partition("::")[0], os.getpid(), file=log)
"""
NAMES = ("a", "b", "c", "d", "e", "f")


class Suite:
    """A repository with a pytest suite of six files that log what runs."""

    def __init__(self, folder: Path, python: Path) -> None:
        """Make it in a folder."""
        self.log = folder / "log"
        self.python = python
        self.drawing = Drawing(folder / "repository")
        values = dict.fromkeys(NAMES, "int") | {"d": "float"}
        tree = {
            "package.py": PACKAGE,
            "pytest.ini": "[pytest]\nfilterwarnings = error\naddopts = -q\n",
            "conftest.py": "import os\nassert 'PYTEST_ADDOPTS' not in os.environ\n",
            **{
                f"tests/test_{name}.py": TEST.format(value=values[name], log=str(self.log))
                for name in NAMES
            },
        }
        self.drawing.commit(tree)

    def run(self, part: str | None, output: Path, *command: str) -> int:
        """Measure one shard, or all."""
        shard = ("--shard", part) if part else ()
        words = ("run", "HEAD", *shard, "--python", str(self.python), "--no-cache")
        return main([*words, "-o", str(output), "--", *(command or ("pytest",))])

    def ran(self) -> list[str]:
        """Return the files whose tests ran since the last question."""
        text = self.log.read_text(encoding="utf-8") if self.log.exists() else ""
        self.log.unlink(missing_ok=True)
        return sorted(line.split()[0] for line in text.splitlines())


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the packages."""
    return shared_folder(tmp_path_factory)


PYTEST = ("pytest==9.0.2", "pytest-xdist==3.8.0")


@pytest.fixture
def suite(python: Path, shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Suite:
    """Return a suite, whose repository is the current folder, for each interpreter."""
    return _suite(python, shared, tmp_path, monkeypatch)


@pytest.fixture
def one_suite(shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Suite:
    """Return a suite for what is the same on every interpreter."""
    found = interpreters().found
    python = next(found[version] for version in reversed(VERSIONS) if version in found)
    return _suite(python, shared, tmp_path, monkeypatch)


def _suite(python: Path, shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Suite:
    for name in os.environ.keys() - surroundings().keys():
        monkeypatch.delenv(name)
    for name, text in ENVIRONMENT.items():
        monkeypatch.setenv(name, text)
    made = Suite(tmp_path, virtual_environment(python, *PYTEST, shared=shared))
    monkeypatch.chdir(made.drawing.root)
    return made


COMMANDS = {
    "pytest": ("pytest",),
    "module": ("python", "-m", "pytest", "tests"),
    "xdist": ("pytest", "-n", "2"),
}


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_shards_part_the_suite(command: tuple[str, ...], suite: Suite, tmp_path: Path) -> None:
    """Every file runs in one shard, and the shards join into the sites of the whole."""
    files = []
    of_parts = []
    for part in ("1/2", "2/2"):
        output = tmp_path / f"{part[0]}.json"
        assert suite.run(part, output, *command) == 0
        of_parts.append(suite.ran())
        files.append(str(output))
    assert all(of_parts)
    assert sorted([*of_parts[0], *of_parts[1]]) == [f"tests/test_{name}.py" for name in NAMES]
    for number, ran in enumerate(of_parts, start=1):
        assert {_specialist_ci_shard.shard_of(f"{file}::test", 2) for file in ran} == {number}
    merged, whole = tmp_path / "merged.json", tmp_path / "whole.json"
    assert main(["merge", *reversed(files), "-o", str(merged)]) == 0
    again = tmp_path / "again.json"
    assert main(["merge", *files, "-o", str(again)]) == 0
    assert merged.read_bytes() == again.read_bytes()
    assert suite.run(None, whole, *command) == 0
    joined, one = (json.loads(file.read_text(encoding="utf-8")) for file in (merged, whole))
    assert joined["provenance"]["shards"] == {"parts": [1, 2], "of": 2}
    assert joined["conditions"] == one["conditions"] == []
    assert _places(joined) == _places(one)


def _places(of: dict[str, Any]) -> set[tuple[object, ...]]:
    return {
        (file["path"], line["line"], site["offset"], site["family"])
        for file in of["files"]
        for line in file["lines"]
        for site in line["sites"]
    }


def test_empty_shard(one_suite: Suite, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A shard that no test falls to is measured as that, and joins."""
    files = []
    for part in range(1, 9):
        files.append(str(tmp_path / f"{part}.json"))
        assert one_suite.run(f"{part}/8", Path(files[-1])) == 0, capsys.readouterr().err
    assert one_suite.ran() == [f"tests/test_{name}.py" for name in NAMES]
    merged = tmp_path / "merged.json"
    assert main(["merge", *files, "-o", str(merged)]) == 0
    assert main(["compare", str(merged), str(merged)]) == 0
    assert main(["merge", *files[1:], "-o", str(merged)]) == 2
    assert "shard 1 of 8 is missing" in capsys.readouterr().err
    assert main(["compare", files[0], files[0]]) == 3
    assert "is shard 1/8 of its suite" in capsys.readouterr().out


def test_suite_without_tests_fails(
    one_suite: Suite, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """To find no test at all is a failure in a shard too."""
    output = tmp_path / "1.json"
    assert one_suite.run("1/2", output, "pytest", "-k", "nothing") == 3
    assert one_suite.run("1/2", output, "pytest", "nowhere") == 3
    assert not output.exists()
    assert "exit status" in capsys.readouterr().err


UNSPLIT = {
    "python -c": (("python", "-c", "pass"), 2, "splits the tests of pytest"),
    "script": (("package.py",), 2, "splits the tests of pytest"),
    "other module": (("-m", "package", "pytest"), 2, "splits the tests of pytest"),
    "script's -m": (("python", "package.py", "-m", "pytest"), 3, "ran without the plugin"),
    "plugin off": (("pytest", "-p", "no:_specialist_ci_shard"), 3, "ran without the plugin"),
}


@pytest.mark.parametrize("name", UNSPLIT)
def test_what_cannot_be_split(
    name: str, one_suite: Suite, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """No command runs whole under the name of a shard."""
    command, code, message = UNSPLIT[name]
    assert one_suite.run("1/2", tmp_path / "1.json", *command) == code
    assert message in capsys.readouterr().err
    assert not (tmp_path / "1.json").exists()


@pytest.mark.parametrize("text", ["0/2", "3/2", "1", "1/", "a/b", "-1/2", "1/0", "1/2/3"])
def test_wrong_shards(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What is no part of a number of parts is refused."""
    assert main(["run", f"--shard={text}", "-o", "x.json", "--", "pytest"]) == 2
    assert "is no shard" in capsys.readouterr().err


def test_inner_pytest_is_left_alone(suite: Suite, tmp_path: Path) -> None:
    """A pytest that tests start runs all of its tests, and the user's options stay."""
    inner = """
import os, subprocess, sys, pytest
from package import add


def test_inner(tmp_path):
    assert os.environ.get("PYTEST_ADDOPTS") == "--maxfail=3"
    for name in "abcdef":
        (tmp_path / f"test_{name}.py").write_text("def test(): pass")
    command = [sys.executable, "-m", "pytest", "-q", "--rootdir", str(tmp_path), str(tmp_path)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert "6 passed" in done.stdout and "deselected" not in done.stdout
    assert pytest.main([*command[3:], "--import-mode=importlib"]) == 0
    add(1, 2)
"""
    suite.drawing.commit(
        {"package.py": PACKAGE, "tests/test_inner.py": inner, "tests/test_other.py": inner}
    )
    codes = []
    for part in ("1/2", "2/2"):
        output = tmp_path / f"{part[0]}.json"
        words = ("run", "HEAD", "--shard", part, "--env", "PYTEST_ADDOPTS=--maxfail=3")
        options = ("--python", str(suite.python), "-o", str(output), "--", "pytest")
        codes.append(main([*words, *options]))
    assert codes == [0, 0]


CACHETOOLS = "cachetools==5.5.0"  # its source distribution has the tests
# Some of these evict at random or after a time, and so do not run the same twice.
IGNORED = shutil.ignore_patterns(
    "*.egg-info", "test_func.py", "test_rr.py", "test_tlru.py", "test_ttl.py"
)


def test_third_party_suite_does_not_differ_from_itself(
    suite: Suite, shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twice the same commit of a real suite: no change, whole and cached, sharded and joined."""
    root = tmp_path / "cachetools"
    drawing = Drawing(root)
    for folder in ("src", "tests"):
        source = source_distribution(CACHETOOLS, shared=shared) / folder
        shutil.copytree(source, root / folder, ignore=IGNORED)
    drawing.git("add", "--all")
    drawing.git("commit", "--quiet", "--message=a commit")
    monkeypatch.chdir(root)
    python = ("--python", str(suite.python))
    command = ("--", "pytest", "-q")
    report = tmp_path / "report.json"
    for cached in (None, True):
        assert (
            main(["diff", "HEAD", "HEAD", *python, "--format=json", f"-o{report}", *command]) == 0
        )
        told = json.loads(report.read_text(encoding="utf-8"))
        assert (told["changes"], told["flaky"], told["conditions"]) == ([], [], [])
        assert told["totals"]["base"]["specialized"] > 100
        assert told["base"].get("cached") is cached
    sides = []
    for side in ("base", "head"):
        files = []
        for part in ("1/3", "2/3", "3/3"):
            files.append(str(tmp_path / f"{side}-{part[0]}.json"))
            words = ["run", "HEAD", "--no-cache", "--shard", part, *python, "-o", files[-1]]
            assert main([*words, *command]) == 0
        sides.append(str(tmp_path / f"{side}.json"))
        assert main(["merge", *files, "-o", sides[-1]]) == 0
    assert main(["compare", *sides, "--format=json", f"-o{report}"]) == 0
    told = json.loads(report.read_text(encoding="utf-8"))
    assert (told["verdict"], told["changes"], told["conditions"]) == ("pass", [], [])
    assert told["totals"]["base"]["specialized"] > 100

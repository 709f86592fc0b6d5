"""The cache of snapshots: what it saves, what it must not answer, and what may happen to it."""

import json
import os
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from collecting import execute, surroundings
from packages import shared_folder, virtual_environment
from pictures import PROVENANCE, snapshot
from pythons import any_python, interpreters
from repositories import ENVIRONMENT, Drawing

from specialist_ci.cli import main
from specialist_ci.formats.snapshot import Condition
from specialist_ci.snapshots.cache import Cache, open_cache

KEY = "0123456789abcdef" * 4
OTHER = "f" * 64
PICTURE = {"a.py": "def half(x):\n    return x / 2\n"}

# Each run leaves a line in a file that is named by a variable which belongs to no run.
BENCH = """\
import os


def convert(value):
    return 1 if value < {number} else 0


with open(os.environ["SPECIALIST_CI_TEST_LOG"], "a") as log:
    print(os.getcwd(), file=log)
kind = int if os.path.exists(os.environ["SPECIALIST_CI_TEST_LOG"] + ".odd") else float
for number in range(1000):
    convert(kind(number))
"""


class Runs:
    """A repository with the tags base and head, and a log of what was run of it."""

    def __init__(self, folder: Path) -> None:
        """Make the repository in the folder."""
        self.drawing = Drawing(folder / "repository")
        self.log = folder / "log"
        for tag, number in {"base": "32.0", "slow": "32", "head": "31.0"}.items():
            self.drawing.commit({"bench.py": BENCH.format(number=number)}, tag)
            self.drawing.git("tag", tag)

    def count(self) -> int:
        """Return how often the suite ran since the last question."""
        text = self.log.read_text(encoding="utf-8") if self.log.exists() else ""
        self.log.unlink(missing_ok=True)
        return text.count("\n")


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Runs:
    """Return a repository, which is the current folder."""
    for name, text in ENVIRONMENT.items():
        monkeypatch.setenv(name, text)
    made = Runs(tmp_path)
    monkeypatch.setenv("SPECIALIST_CI_TEST_LOG", str(made.log))
    monkeypatch.chdir(made.drawing.root)
    return made


Answer = Callable[..., dict[str, Any]]


@pytest.fixture
def diff(capsys: pytest.CaptureFixture[str]) -> Answer:
    """Return a function that runs ``diff`` and returns the report."""

    def run(*arguments: str) -> dict[str, Any]:
        options = ("--python", str(any_python()), "--format", "json", "--", "bench.py")
        assert main(["diff", *arguments, *options]) in (0, 1)
        report: dict[str, Any] = json.loads(capsys.readouterr().out)
        return report

    return run


# --- what is answered from it ---


def test_second_diff_runs_no_base(runs: Runs, diff: Answer) -> None:
    """Both reports are the same, but for the word that base was there already."""
    first = diff("base", "head")
    assert runs.count() == 2
    runs.drawing.commit({"bench.py": BENCH.format(number="31.0")}, "the same tree")
    second = diff("base", "head")
    assert runs.count() == 0
    third = diff("base", "HEAD")
    assert runs.count() == 1
    assert second["base"] == {**first["base"], "cached": True}
    for key in ("verdict", "totals", "families", "files", "changes", "conditions"):
        assert first[key] == second[key] == third[key]


def test_report_says_so(runs: Runs, capsys: pytest.CaptureFixture[str]) -> None:
    """The side that came from the cache says so, under the name that it was asked for."""
    command = ("--python", str(any_python()), "--", "bench.py")
    main(["diff", "base", *command])
    assert "cache" not in capsys.readouterr().out
    commit = runs.drawing.git("rev-parse", "base")
    main(["diff", "base~0", *command])
    out = capsys.readouterr().out
    assert f"base   base~0 at {commit[:7]}, from the cache\n" in out
    assert out.count("from the cache") == 1  # the working tree is never cached


def test_run_and_diff_share_it(runs: Runs, diff: Answer, tmp_path: Path) -> None:
    """What run measured, diff takes; --no-cache neither reads nor writes."""
    run = ("run", "base", "--python", str(any_python()), "-o", str(tmp_path / "base.json"))
    assert main([*run, "--no-cache", "--", "bench.py"]) == 0
    assert main([*run, "--", "bench.py"]) == 0
    assert runs.count() == 2
    report = diff("base", "base")  # nothing is compared with itself
    assert (runs.count(), report["base"].get("cached"), "cached" in report["head"]) == (
        1,
        True,
        False,
    )
    diff("base", "base", "--no-cache")
    assert runs.count() == 2


def test_working_tree_is_measured(runs: Runs, diff: Answer) -> None:
    """Even where nothing differs from HEAD."""
    for _ in range(2):
        diff("HEAD")
    assert runs.count() == 3


def test_regression_is_measured_on_both_sides(runs: Runs, diff: Answer) -> None:
    """What decides a verdict was seen by this run on both sides, and so were its reasons."""
    assert diff("base", "slow")["verdict"] == "fail"
    assert runs.count() == 6  # both, both again, and both with probes
    report = diff("base", "slow")
    assert runs.count() == 4
    assert (report["verdict"], report["flaky"]) == ("fail", [])


def test_what_does_not_reproduce_is_forgotten(runs: Runs, diff: Answer, cache_folder: Path) -> None:
    """An entry that a measurement contradicts neither decides nor stays."""
    odd = runs.log.with_name("log.odd")
    odd.touch()
    diff("slow", "slow")  # integers only: the comparison specializes
    odd.unlink()
    runs.drawing.commit({"bench.py": BENCH.format(number="32") + "# a comment\n"}, "as slow")
    runs.count()
    report = diff("slow", "HEAD")
    assert (report["verdict"], report["changes"]) == ("pass", [])
    assert "regression" in {change["kind"] for change in report["flaky"]}
    assert runs.count() == 3  # head, and both again
    assert len(list(cache_folder.glob("*/*"))) == 1
    assert diff("slow", "HEAD")["flaky"] == []
    assert runs.count() == 1


# --- what must not be answered from it ---


@pytest.mark.parametrize(
    "arguments",
    [
        ("base", "base", "--env", "SIZE=2"),
        ("base", "base", "--source", "bench.py"),
        ("base", "base", "--env", "PYTHONPATH=/nonexistent"),
        ("head", "head"),
    ],
    ids=" ".join,
)
def test_what_decides_is_in_the_key(arguments: tuple[str, ...], runs: Runs, diff: Answer) -> None:
    """Another variable, selection or commit is another entry."""
    diff("base", "base")
    runs.count()
    diff(*arguments)
    assert runs.count() == 2


def test_variables_of_the_shell(runs: Runs, diff: Answer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Any variable may decide, but not those that merely differ from shell to shell."""
    diff("base", "base")
    runs.count()
    monkeypatch.setenv("SHLVL", "17")
    monkeypatch.setenv("GITHUB_RUN_ID", "17")
    diff("base", "base")
    assert runs.count() == 1
    monkeypatch.setenv("SIZE", "17")
    diff("base", "base")
    assert runs.count() == 2


def test_other_interpreter(runs: Runs, capsys: pytest.CaptureFixture[str]) -> None:
    """Each interpreter has entries of its own."""
    for path in interpreters().found.values():
        main(["diff", "base", "base", "--python", str(path), "--", "bench.py"])
    capsys.readouterr()
    assert runs.count() == 2 * len([kind for kind in interpreters().found if kind != "3.13t"])


def test_installed_packages(
    runs: Runs, tmp_path_factory: pytest.TempPathFactory, tmp_path: Path
) -> None:
    """Another version of anything installed is another environment; nothing is imported for it."""
    made = virtual_environment(
        any_python(), "iniconfig==2.0.0", shared=shared_folder(tmp_path_factory)
    )
    folder = tmp_path / "environment"
    command = [str(made), "-m", "venv", "--without-pip", str(folder)]
    assert execute(command, cwd=tmp_path, env=surroundings()).status == 0
    (packages,) = (folder / "lib").glob("python3.*/site-packages")

    def measured() -> int:
        assert main(["diff", "base", "base", "--python", str(folder), "--", "bench.py"]) == 0
        return runs.count()

    assert (measured(), measured()) == (2, 1)
    info = packages / "thing-1.0.dist-info"
    info.mkdir()
    assert (measured(), measured()) == (2, 1)
    (info / "RECORD").write_text("thing.py,sha256=1,1\n", encoding="utf-8")
    assert (measured(), measured()) == (2, 1)
    info.rename(packages / "thing-2.0.dist-info")
    assert (measured(), measured()) == (2, 1)
    (packages / "thing.pth").write_text(f"{tmp_path}\n", encoding="utf-8")
    assert (measured(), measured()) == (2, 1)


def test_blocked_measurement_is_not_kept(
    runs: Runs, capsys: pytest.CaptureFixture[str], cache_folder: Path
) -> None:
    """What cannot be compared is measured again, whatever the reason was."""
    runs.drawing.commit({"bench.py": "import sys\nsys.settrace(lambda *_: None)\n" + BENCH})
    for _ in range(2):
        assert main(["diff", "HEAD", "HEAD", "--python", str(any_python()), "--", "bench.py"]) == 3
    capsys.readouterr()
    assert not list(cache_folder.glob("*/*"))


# --- what may happen to it ---


def _damages(path: Path) -> dict[str, bytes]:
    whole = path.read_bytes()
    first, _, payload = whole.partition(b"\n")
    middle = len(whole) // 2
    return {
        "empty": b"",
        "cut": whole[:middle],
        "no header": payload,
        "a flipped bit": whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :],
        "more": whole + b" ",
        "of another key": whole.replace(KEY.encode(), OTHER.encode()),
        "another format": whole.replace(b"snapshot 1", b"snapshot 2"),
        "text": first + b"\n" + zlib.compress(b"{}"),
    }


def test_damaged_entries_go(tmp_path: Path) -> None:
    """An entry that is not whole, or not its own, is no entry and is removed."""
    cache = Cache(tmp_path / "snapshots")
    kept = snapshot(PICTURE)
    cache.store(KEY, kept)
    (path,) = cache.folder.iterdir()
    for damage, data in _damages(path).items():
        cache.store(KEY, kept)
        assert cache.load(KEY) == kept
        path.write_bytes(data)
        assert cache.load(KEY) is None, damage
        assert not path.exists(), damage


def test_damaged_entry_is_measured_again(runs: Runs, diff: Answer, cache_folder: Path) -> None:
    """And what replaces it is whole."""
    diff("base", "base")
    (path,) = cache_folder.glob("*/*")
    path.write_bytes(path.read_bytes()[:-1])
    runs.count()
    diff("base", "base")
    diff("base", "base")
    assert runs.count() == 3


def test_limit(tmp_path: Path) -> None:
    """What was used last stays, and what was left half-written long ago goes."""
    cache = Cache(tmp_path)
    keys = [digit * 64 for digit in "abcd"]
    for age, key in enumerate(keys):
        cache.store(key, snapshot(PICTURE))
        os.utime(tmp_path / f"{key}.snapshot", (age, age))
    (size, *_) = cache.sizes()
    assert cache.load(keys[0]) is not None
    stranger = tmp_path / "precious"
    stranger.write_text("not ours", encoding="utf-8")
    abandoned = tmp_path / f"{KEY}.snapshot.abcd_123"
    abandoned.write_bytes(b"")
    os.utime(abandoned, (1, 1))
    fresh = tmp_path / f"{KEY}.snapshot.abcd_456"
    fresh.write_bytes(b"")
    Cache(tmp_path, limit=3 * size).store(KEY, snapshot(PICTURE))
    assert {path.name for path in tmp_path.iterdir()} == {
        "precious",
        fresh.name,
        *(f"{key}.snapshot" for key in (keys[0], keys[3], KEY)),
    }
    cache.clear()
    assert [path.name for path in tmp_path.iterdir()] == ["precious"]


def test_unusable_folder(runs: Runs, diff: Answer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file in its place fails no run."""
    monkeypatch.setenv("SPECIALIST_CI_CACHE", str(runs.drawing.root / "bench.py"))
    for _ in range(2):
        assert diff("base", "head")["verdict"] == "pass"
    assert runs.count() == 4


WRITER = """
import sys
from pathlib import Path
from pictures import PROVENANCE, snapshot
from specialist_ci.snapshots.cache import Cache

own, keys = int(sys.argv[2]), [digit * 64 for digit in "0123456789"]
found = 0
for turn in range(150):
    key = keys[(turn + own) % len(keys)]
    picture = snapshot({"a.py": f"x = 1 + {key}\\n"})
    size = 1500
    cache = Cache(Path(sys.argv[1]), limit=5 * size)
    kept = cache.load(key)
    if kept is None:
        cache.store(key, picture)
    else:
        found += 1
        assert kept == picture
    if turn % 50 == 49:
        cache.clear()
print(found)
"""


def test_concurrent_runs(tmp_path: Path) -> None:
    """Processes that read, write, evict and clear at the same time get whole entries or none."""
    path = os.pathsep.join(map(str, (Path(__file__).parent, Path(__file__).parents[1])))
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path), str(number)],
            env={**surroundings(), "PYTHONPATH": path},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(4)
    ]
    answers = [writer.communicate(timeout=120) for writer in writers]
    assert all(error == "" for _, error in answers), answers
    assert sum(int(out) for out, _ in answers) > 0


# --- the command ---


def test_cache_command(
    runs: Runs, diff: Answer, capsys: pytest.CaptureFixture[str], cache_folder: Path
) -> None:
    """It says where and how large the cache is, and empties it."""
    diff("base", "head")
    assert runs.count() == 2
    assert main(["cache"]) == 0
    (size,) = {sum(path.stat().st_size for path in cache_folder.glob("*/*"))}
    assert capsys.readouterr().out == (
        f"folder   {cache_folder}/snapshots\n"
        "entries  2\n"
        f"size     {size / 1e6:.1f} MB of at most 500.0 MB\n"
    )
    assert main(["cache", "clear"]) == 0
    assert "entries  0\n" in capsys.readouterr().out
    assert not list(cache_folder.glob("*/*"))


@pytest.mark.parametrize(
    ("environ", "folder"),
    [
        ({"SPECIALIST_CI_CACHE": "/c", "XDG_CACHE_HOME": "/x", "HOME": "/h"}, "/c/snapshots"),
        ({"XDG_CACHE_HOME": "/x", "HOME": "/h"}, "/x/specialist-ci/snapshots"),
        ({"XDG_CACHE_HOME": "x", "HOME": "/h"}, "/h/.cache/specialist-ci/snapshots"),
        ({"HOME": "/h"}, "/h/.cache/specialist-ci/snapshots"),
        ({}, None),
    ],
)
def test_folder(environ: dict[str, str], folder: str | None) -> None:
    """The folder follows the specification, and our own variable comes first."""
    cache = open_cache(environ)
    assert (cache and str(cache.folder)) == folder


def test_entries_keep_every_field(tmp_path: Path) -> None:
    """What is loaded is what was stored."""
    condition = Condition(name="a", message="b", remedy="c")
    kept = snapshot(PICTURE, provenance=PROVENANCE, conditions=(condition,))
    Cache(tmp_path).store(KEY, kept)
    assert Cache(tmp_path).load(KEY) == kept

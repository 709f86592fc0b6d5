"""Repositories as they are: clones that lack things, odd places, submodules and large files."""

import json
import os
import shlex
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from packages import shared_folder, virtual_environment
from pythons import any_python
from repositories import Drawing, fingerprint

from specialist_ci.cli import main
from specialist_ci.repository.git import open_repository
from specialist_ci.repository.workspace import Workspace, workspace

FAST = """\
def convert(value):
    return value - 32.0


for number in range(1000):
    convert(float(number))
"""
SLOW = FAST.replace("value - 32.0", "value // 32.0")
BENCH = {"bench.py": FAST}


pytestmark = pytest.mark.usefixtures("no_settings_of_the_user")


@pytest.fixture
def upstream(tmp_path: Path) -> Drawing:
    """Return a repository of 60 commits on main and 3 on topic, which left main 20 before."""
    drawing = Drawing(tmp_path.resolve() / "upstream")
    for number in range(60):
        drawing.commit({**BENCH, "number": str(number)})
        if number == 39:
            drawing.git("branch", "topic")
    drawing.git("tag", "--annotate", "--message=1.0", "v1.0", "main~30")
    drawing.git("checkout", "--quiet", "topic")
    for number in range(3):
        drawing.commit({"bench.py": FAST + f"# {number}\n", "number": "39"})
    return drawing


Clone = Callable[..., Drawing]


@pytest.fixture
def clone(upstream: Drawing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Clone:
    """Return a function that clones that repository and stands in the clone."""

    def make(*options: str) -> Drawing:
        made = upstream.clone(tmp_path / "a clone", *options)
        monkeypatch.chdir(made.root)
        return made

    return make


Answer = Callable[..., tuple[int, dict[str, Any], str]]


@pytest.fixture
def diff(capsys: pytest.CaptureFixture[str]) -> Answer:
    """Return a function that runs ``diff`` and returns exit code, report and messages."""

    def run(*arguments: str, command: str = "bench.py") -> tuple[int, dict[str, Any], str]:
        capsys.readouterr()
        python = any_python()
        code = main(
            ["diff", *arguments, "--python", str(python), "--format", "json", "--", command]
        )
        out, err = capsys.readouterr()
        return code, json.loads(out) if out else {}, err

    return run


def names(conditions: list[dict[str, Any]]) -> list[str]:
    """Return the names of conditions."""
    return [condition["name"] for condition in conditions]


# --- what a clone lacks ---


def history(clone: Drawing, revision: str) -> int:
    """Return how many commits of a history are there."""
    return len(clone.git("rev-list", revision).splitlines())


def references(clone: Drawing) -> str:
    """Return everything that names a commit."""
    return clone.git("for-each-ref") + clone.git("rev-parse", "HEAD")


@pytest.mark.parametrize(
    ("revision", "at"),
    [
        ("main", "main"),
        ("origin/main", "main"),
        ("refs/heads/main", "main"),
        ("v1.0", "v1.0^{commit}"),
        ("ID", "main~50"),
        ("HEAD~5", "topic~5"),
        ("HEAD^^", "topic~2"),
        ("main~2", "main~2"),
    ],
)
def test_base_is_fetched(
    revision: str, at: str, upstream: Drawing, clone: Clone, diff: Answer
) -> None:
    """A shallow clone of one branch gets the commit that is asked for, and little else."""
    wanted = upstream.git("rev-parse", at)
    made = clone("--depth=1", "--branch=topic", "--single-branch")
    before = references(made)
    code, report, err = diff(wanted if revision == "ID" else revision, "HEAD")
    assert (code, report["base"]["commit"]) == (0, wanted)
    assert err.startswith("fetching ")
    assert references(made) == before
    assert not (made.root / ".git/FETCH_HEAD").exists()
    assert history(made, "HEAD") <= 6
    assert history(made, wanted) <= 3


def test_merge_base_is_fetched(upstream: Drawing, clone: Clone, diff: Answer) -> None:
    """As in a pull request: neither the default branch nor where the topic left it is there."""
    wanted = upstream.git("merge-base", "main", "topic")
    upstream.git("checkout", "--quiet", "main")  # the remote's default branch
    made = clone("--depth=1", "--branch=topic", "--single-branch")
    before = references(made)
    code, report, _ = diff()
    assert (code, report["base"]["commit"]) == (0, wanted)
    assert report["base"]["revision"] == "merge base with origin/main"
    for base in ("main", "v1.0^{commit}"):
        assert history(made, upstream.git("rev-parse", base)) < history(upstream, base)
    code, report, _ = diff("main...HEAD")
    assert (code, report["base"]["commit"]) == (0, wanted)
    assert references(made) == before


def test_merge_base_of_a_cut_history_is_the_newest(
    tmp_path: Path, diff: Answer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A common commit that is visible is not taken while the boundary may hide a newer one."""
    upstream = Drawing(tmp_path / "upstream")
    oldest = upstream.commit(BENCH)
    wanted = upstream.commit({**BENCH, "number": "1"})
    for branch in ("main", "topic"):
        upstream.git("checkout", "--quiet", "-B", f"{branch}-side", oldest)
        upstream.commit({**BENCH, "side": branch})
        upstream.git("checkout", "--quiet", "-B", branch, wanted)
        for number in range(5):
            upstream.commit({**BENCH, branch: str(number)})
        # From here the oldest commit is nearer than the one where the branches parted.
        upstream.git("merge", "--quiet", "--no-edit", "--strategy=ours", f"{branch}-side")
    made = upstream.clone(tmp_path / "clone", "--depth=4", "--no-single-branch")
    assert made.git("merge-base", "origin/main", "origin/topic") == oldest
    monkeypatch.chdir(made.root)
    _, report, _ = diff("origin/main...origin/topic")
    assert report["base"]["commit"] == wanted


def test_whole_clone_stays_whole(upstream: Drawing, clone: Clone, diff: Answer) -> None:
    """A clone with all of its history gets what is new with all of its own."""
    made = clone()
    newest = upstream.commit({**BENCH, "number": "new"})
    count = history(made, "HEAD")
    code, report, _ = diff(newest, "HEAD")
    assert (code, report["base"]["commit"]) == (0, newest)
    assert not open_repository(made.root).is_shallow()
    assert (history(made, "HEAD"), history(made, newest)) == (count, count + 1)


@pytest.mark.parametrize(
    ("revision", "message", "remedy"),
    [
        ("0" * 39 + "1", "cannot be fetched (origin: ", f"git fetch --depth=1 origin {'0' * 39}1"),
        ("nowhere", "this clone is shallow and does not have 'nowhere'", "git fetch --unshallow"),
        ("HEAD~900", "this clone is shallow and does not have 'HEAD~900'", "git fetch --unshallow"),
    ],
)
def test_what_the_remote_has_not(
    revision: str, message: str, remedy: str, clone: Clone, diff: Answer
) -> None:
    """It is one line with the command that may help."""
    clone("--depth=1")
    code, _, err = diff(revision, "HEAD")
    assert code == 2
    last = err.splitlines()[-1]
    assert message in last
    assert remedy in last


def test_without_a_remote(clone: Clone, diff: Answer) -> None:
    """The command that may help names the remote that there is, or how to have one."""
    made = clone("--depth=1")
    made.git("remote", "rename", "origin", "upstream")
    made.git("config", "remote.upstream.url", "/nowhere")
    _, _, err = diff("0" * 39 + "1", "HEAD")
    assert "run `git fetch --depth=1 upstream 0000" in err.splitlines()[-1]
    made.git("remote", "remove", "upstream")
    _, _, err = diff("HEAD~1", "HEAD")
    assert "(`git remote add origin URL`), then run `git fetch --unsh" in err.splitlines()[-1]


def test_remote_out_of_reach(upstream: Drawing, clone: Clone, diff: Answer) -> None:
    """What would have to be fetched is told with the command, whichever way it was named."""
    clone("--depth=1", "--no-single-branch")
    upstream.root.rename(upstream.root.with_name("gone"))
    for arguments in (("HEAD~1", "HEAD"), ("main", "HEAD"), ("origin/main...HEAD",)):
        code, _, err = diff(*arguments)
        assert code == 2
        assert "this clone is shallow" in err.splitlines()[-1]
        assert "git fetch --unshallow" in err.splitlines()[-1]
        assert "fetch-depth: 0" in err.splitlines()[-1]


def test_unrelated_histories(repository: Drawing, diff: Answer) -> None:
    """Two histories without a common commit are refused, and compared when named directly."""
    repository.commit(BENCH)
    repository.git("checkout", "--quiet", "--orphan", "other")
    repository.commit({**BENCH, "b": ""})
    code, _, err = diff("main...other")
    assert code == 2
    assert "main and other have no common commit: compare them directly, as main..other" in err
    assert diff("main..other")[0] == 0


# --- submodules ---

LIBRARY = "def scale(value):\n    return value * {factor}\n"
USING = """\
import sys

sys.path.insert(0, "libs/the library")
from inner.deep import FACTOR
from library import scale

for number in range(1000):
    scale(float(number)) + FACTOR
"""


@pytest.fixture
def nested(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Drawing:
    """Return a repository with a submodule that has one too, and a newer commit of both."""
    inner = Drawing(tmp_path / "inner")
    inner.commit({"deep.py": "FACTOR = 1\n"})
    library = Drawing(tmp_path / "library")
    library.commit({"library.py": LIBRARY.format(factor="2.0")})
    allowed = ("-c", "protocol.file.allow=always", "submodule", "--quiet")
    library.git(*allowed, "add", str(inner.root), "inner")
    library.git("commit", "--quiet", "--message=inner")
    drawing = Drawing(tmp_path / "repository")
    drawing.commit({"bench.py": USING})
    drawing.git(*allowed, "add", "--name", "lib", str(library.root), "libs/the library")
    drawing.git(*allowed, "update", "--init", "--recursive")
    drawing.git("commit", "--quiet", "--message=library")
    drawing.git("tag", "first")
    own = Drawing(drawing.root / "libs/the library")
    (own.root / "library.py").write_text(LIBRARY.format(factor="3.0"), encoding="utf-8")
    own.git("commit", "--quiet", "--all", "--message=3")
    drawing.git("commit", "--quiet", "--all", "--message=newer library")
    monkeypatch.chdir(drawing.root)
    return drawing


def library_of(place: Path) -> tuple[str, str]:
    """Return the text of the library and of what is below it, in a checkout."""
    folder = place / "libs/the library"
    texts = [folder / "library.py", folder / "inner/deep.py"]
    return texts[0].read_text(encoding="utf-8"), texts[1].read_text(encoding="utf-8")


def checked_out(
    root: Path, revision: str | None, scratch: Path
) -> tuple[tuple[str, str] | None, Workspace]:
    """Return the library as a workspace of a revision has it, and the workspace."""
    repository = open_repository(root)
    commit = repository.resolve(revision) if revision else None
    with workspace(repository, commit, scratch, "side") as place:
        filled = (place.root / "libs/the library/library.py").exists()
        return library_of(place.root) if filled else None, place


def test_submodules(nested: Drawing, tmp_path: Path, diff: Answer) -> None:
    """Each side has them at its own commit, from the user's objects, and nothing is left."""
    before = fingerprint(nested.root)
    code, report, _ = diff("first", "HEAD")
    assert (code, report["conditions"]) == (0, [])
    assert fingerprint(nested.root).keys() == before.keys()
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    for revision, factor in (("first", "2.0"), ("HEAD", "3.0")):
        texts, place = checked_out(nested.root, revision, scratch)
        assert texts == (LIBRARY.format(factor=factor), "FACTOR = 1\n")
        assert (place.dirty, place.conditions) == (False, ())
    assert list(scratch.iterdir()) == []


def test_submodules_of_the_working_tree(nested: Drawing, tmp_path: Path) -> None:
    """They are as they lie there, with another commit and with changes."""
    texts, place = checked_out(nested.root, None, tmp_path)
    assert (texts, place.dirty) == ((LIBRARY.format(factor="3.0"), "FACTOR = 1\n"), False)
    own = Drawing(nested.root / "libs/the library")
    own.git("checkout", "--quiet", "HEAD~1")
    texts, place = checked_out(nested.root, None, tmp_path)
    assert (texts, place.dirty) == ((LIBRARY.format(factor="2.0"), "FACTOR = 1\n"), True)
    (own.root / "inner/deep.py").write_text("FACTOR = 5\n", encoding="utf-8")
    texts, place = checked_out(nested.root, None, tmp_path)
    assert (texts, place.dirty) == ((LIBRARY.format(factor="2.0"), "FACTOR = 5\n"), True)


def test_submodules_that_are_gone_from_the_checkout(nested: Drawing, tmp_path: Path) -> None:
    """What git still keeps of them is enough, as where a newer commit has none."""
    nested.git("rm", "--quiet", "libs/the library")
    nested.git("commit", "--quiet", "--message=no library")
    shutil.rmtree(nested.root / "libs", ignore_errors=True)
    texts, place = checked_out(nested.root, "first", tmp_path)
    assert (texts, place.conditions) == ((LIBRARY.format(factor="2.0"), "FACTOR = 1\n"), ())


def test_submodules_that_are_not_there(
    nested: Drawing, tmp_path: Path, diff: Answer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is a condition where the command does without, and else a part of the failure."""
    made = nested.clone(tmp_path / "clone")
    monkeypatch.chdir(made.root)
    code, _, err = diff("first", "HEAD")
    assert code == 3
    assert "a submodule is empty, since your checkout does not have that commit: libs/the" in err
    assert "git submodule update --init --recursive" in err
    made.commit(BENCH | {".gitmodules": ""})
    made.git("update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},libs/a")
    made.git("commit", "--quiet", "--message=one more")
    for _ in range(2):  # it is not kept: the submodule may come
        code, report, _ = diff("HEAD", "HEAD~1")
        assert code == 0
        assert names(report["conditions"]) == ["submodule-missing"]
        assert report["conditions"][0]["side"] == "base"
        assert "cached" not in report["base"]


# --- Git LFS ---

POINTER = f"""\
version https://git-lfs.github.com/spec/v1
oid sha256:{"0" * 64}
size 12345
"""


def test_lfs_pointers(repository: Drawing, diff: Answer) -> None:
    """They are told, with a failure where there is one, and content is not taken for one."""
    attributes = {"data/.gitattributes": "*.bin filter=lfs diff=lfs merge=lfs -text\n"}
    repository.commit({**BENCH, **attributes, "data/a.bin": "content", "b.bin": POINTER})
    assert diff("HEAD", "HEAD")[1]["conditions"] == []
    repository.commit({**BENCH, **attributes, "data/a.bin": POINTER})
    code, report, _ = diff("HEAD~1", "HEAD")
    assert code == 0
    assert [(one["name"], one["side"]) for one in report["conditions"]] == [
        ("lfs-pointers", "head")
    ]
    assert report["conditions"][0]["message"] == (
        "1 file is a pointer of Git LFS, not the content: data/a.bin"
    )
    reading = FAST + 'assert open("data/a.bin").read() == "content"\n'
    repository.commit({"bench.py": reading, **attributes, "data/a.bin": POINTER})
    code, _, err = diff("HEAD", "HEAD~1")
    assert code == 3
    assert "1 file is a pointer of Git LFS" in err.splitlines()[-1]
    assert "git lfs install" in err.splitlines()[-1]


# --- odd places and states ---


def test_export_ignore(repository: Drawing, diff: Answer) -> None:
    """What is left out of archives is measured all the same."""
    repository.commit({**BENCH, ".gitattributes": "bench.py export-ignore\n"})
    code, report, _ = diff("HEAD", "HEAD")
    assert (code, report["totals"]["head"]["specialized"] > 0) == (0, True)


def test_worktree_inside_a_worktree(
    repository: Drawing, diff: Answer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worktree in the checkout is no part of it, and can be measured from inside."""
    repository.commit({**BENCH, "part/a.py": ""})
    repository.git("worktree", "add", "--quiet", "-b", "topic", "part/of it")
    (repository.root / "part/of it/bench.py").write_text(SLOW, encoding="utf-8")
    code, report, _ = diff("HEAD")
    assert (code, report["head"]["dirty"], report["changes"]) == (0, False, [])
    monkeypatch.chdir(repository.root / "part/of it/part")
    code, report, _ = diff("main", command="../bench.py")
    assert (code, report["head"]["dirty"]) == (1, True)
    assert report["changes"][0]["path"] == "bench.py"


def test_names_of_all_kinds(tmp_path: Path, diff: Answer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Spaces, other scripts and quotes are right in the place and in the files."""
    drawing = Drawing(tmp_path / "mein Projekt (é, ☃, '\"$x)")
    name = "ein Ordner/mödul ☃.py"
    drawing.commit({name: FAST, "setup.py": ""})
    drawing.commit({name: SLOW, "setup.py": ""})
    monkeypatch.chdir(drawing.root / "ein Ordner")
    code, report, _ = diff("HEAD~1", command="mödul ☃.py")
    assert (code, [change["path"] for change in report["changes"]]) == (1, [name])


def test_package_of_a_monorepo(
    repository: Drawing,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The configuration of the folder rules, for its own code and nothing else's."""
    own = '[suites.own]\ncommand = "python bench.py"\nsource = ["pkg"]\n'
    package = {"one/pkg/hot.py": FAST, "one/bench.py": "import pkg.hot\n"}
    other = {"two/specialist-ci.toml": own.replace("own", "other"), "two/pkg/hot.py": SLOW}
    repository.commit({**package, **other, "one/specialist-ci.toml": own})
    repository.commit({**package, **other, "one/specialist-ci.toml": own, "one/pkg/hot.py": SLOW})
    monkeypatch.chdir(repository.root / "one" / "pkg")
    python = str(any_python())
    assert main(["diff", "HEAD~1", "--python", python, "--format", "json"]) == 1
    out, err = capsys.readouterr()
    assert [change["path"] for change in json.loads(out)["changes"]] == ["one/pkg/hot.py"]
    assert err.startswith("suite own: python bench.py (one/specialist-ci.toml:2)")


def test_merge_commit_without_a_branch(repository: Drawing, diff: Answer) -> None:
    """As in a pull request's checkout: HEAD is a merge, on no branch."""
    repository.commit(BENCH)
    repository.git("checkout", "--quiet", "-b", "topic")
    repository.commit({"bench.py": SLOW})
    repository.git("checkout", "--quiet", "--detach", "main")
    repository.git("merge", "--quiet", "--no-ff", "--no-edit", "topic")
    assert diff("HEAD^1", "HEAD^2")[0] == 1
    assert diff("HEAD^2", "HEAD")[1]["changes"] == []
    assert diff()[0] == 1


def test_unborn_branch(repository: Drawing, diff: Answer) -> None:
    """What needs HEAD says so; two commits that are named do not."""
    assert "has no commits: make one with 'git commit'" in diff("HEAD")[2]
    repository.commit(BENCH)
    repository.git("checkout", "--quiet", "--orphan", "new")
    for arguments in ((), ("main",)):
        code, _, err = diff(*arguments)
        assert code == 2
        assert err.startswith("specialist-ci: the branch that is checked out has no commit yet: ")
        assert "name both BASE and HEAD" in err
    assert diff("main", "main")[0] == 0


def test_bare_repository(
    repository: Drawing, tmp_path: Path, diff: Answer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has no checkout to stand in, and says how to get one."""
    repository.commit(BENCH)
    repository.git("clone", "--quiet", "--bare", ".", str(tmp_path / "bare"))
    monkeypatch.chdir(tmp_path / "bare")
    code, _, err = diff("main", "main")
    assert (code, len(err.splitlines())) == (2, 1)
    assert "is in a bare repository, which has no checkout: make one with 'git worktree add" in err


def test_repository_of_another_user(
    repository: Drawing, diff: Answer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Git does not trust it until it is told to, with the very command that we name."""
    repository.commit(BENCH)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(config := repository.root.parent / "config"))
    if os.geteuid() == 0:
        for path in [repository.root, *repository.root.rglob("*")]:
            os.chown(path, 12345, 12345, follow_symlinks=False)
    else:
        monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    code, _, err = diff("HEAD", "HEAD")
    assert (code, len(err.splitlines())) == (2, 1)
    command = err.partition("run `")[2].partition("`")[0]
    subprocess.run(shlex.split(command), check=True)
    assert "safe" in config.read_text(encoding="utf-8")
    assert diff("HEAD", "HEAD")[0] == 0


# --- tests that changed with the code ---

LIBRARY_CODE = """\
class A:
    def __init__(self):
        self.value = 1


class B(A):
    pass


def value_of(thing):
    return thing.value{}
"""
TESTS = """\
from package import A, B, value_of


def test_it():
    for number in range(200):
        value_of({})
"""


@pytest.mark.parametrize("new", ["\n\ndef test_new():\n    from package import NEW\n", "NEW, "])
def test_regression_that_only_the_tests_make(
    new: str,
    repository: Drawing,
    capsys: pytest.CaptureFixture[str],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Base is confirmed with head's tests; where it cannot run them, that is said."""
    same, mixed = TESTS.format("A()"), TESTS.format("A() if number % 2 else B()")
    code = LIBRARY_CODE.format("")
    base = {"package.py": code, "tests/test_it.py": same, "tests/gone.txt": ""}
    head = {"package.py": code + "\nNEW = 1\n", "tests/test_it.py": mixed}
    fails = new == "NEW, "  # when it is imported, not only in a test
    head["tests/test_it.py"] = mixed.replace("import ", f"import {new}") if fails else mixed + new
    repository.commit(base)
    repository.commit(head)
    shared = shared_folder(tmp_path_factory)
    python = virtual_environment(any_python(), "pytest", shared=shared)
    argv = ("diff", "HEAD~1", "HEAD", "--python", str(python), "--format", "json")
    code_of_exit = main([*argv, "--", "pytest", "tests"])
    report = json.loads(capsys.readouterr().out)
    (told,) = report["conditions"]
    assert (told["name"], told["blocking"]) == ("workload-changed", False)
    assert "(tests/gone.txt, tests/test_it.py)" in told["message"]
    assert ("base cannot run head's" in told["message"]) == fails
    changed, other = report["changes"], report["flaky"]
    if not fails:
        changed, other = other, changed
    assert {(one["path"], one["direct"]) for one in changed} == {("package.py", False)}
    assert (other, code_of_exit) == ([], int(fails))

"""Questions to real git repositories, asked as users' machines put them."""

import json
import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest
from repositories import Content, Drawing, Executable, Link, fingerprint

from specialist_ci.errors import MeasurementError, UsageError
from specialist_ci.repository.git import (
    Changes,
    Repository,
    RevisionRange,
    open_repository,
    parse_range,
)

PROJECT = Path(__file__).parent.parent
ODD_NAMES = ("a file.py", "new\nline.py", "naïve ☃.py", 'quo"te\\.py', "-dash.py", " lead.py")


pytestmark = pytest.mark.usefixtures("no_settings_of_the_user")


@pytest.fixture
def drawing(tmp_path: Path) -> Drawing:
    """Return an empty repository."""
    return Drawing(tmp_path.resolve() / "repository")


def python(code: str, env: dict[str, str]) -> object:
    """Run a few lines of Python that print JSON, in another environment."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": str(PROJECT), **env},
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    return json.loads(done.stdout)


# Opening.


def test_open_finds_the_root_upwards(drawing: Drawing) -> None:
    """Any directory of a checkout leads to its root."""
    drawing.draw({"src/deep/a.py": ""})
    assert open_repository(drawing.root / "src/deep").root == drawing.root
    assert open_repository(drawing.root).root == drawing.root


def test_open_resolves_symbolic_links(drawing: Drawing, tmp_path: Path) -> None:
    """A checkout that is entered through a link has its real root."""
    (tmp_path / "link").symlink_to(drawing.root)
    assert open_repository(tmp_path / "link").root == drawing.root


@pytest.mark.parametrize(
    ("directory", "message", "remedy"),
    [
        ("missing", "there is no directory", "inside a git repository"),
        ("outside", "is not in a git repository", "git init"),
        ("bare", "is in a bare repository", "git worktree add"),
        ("repository/.git", "is inside the .git directory", "in the checkout"),
    ],
)
def test_open_refuses(
    drawing: Drawing, tmp_path: Path, directory: str, message: str, remedy: str
) -> None:
    """What is no checkout is refused, and the remedy names the way out."""
    (tmp_path / "outside").mkdir()
    drawing.git("init", "--quiet", "--bare", str(tmp_path / "bare"))
    with pytest.raises(UsageError) as caught:
        open_repository(tmp_path.resolve() / directory)
    assert message in caught.value.message
    assert remedy in caught.value.remedy


def test_open_refuses_dubious_ownership(drawing: Drawing, monkeypatch: pytest.MonkeyPatch) -> None:
    """A repository of another user is refused with the command that makes git trust it."""
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    with pytest.raises(UsageError) as caught:
        open_repository(drawing.root)
    command = f"git config --global --add safe.directory {drawing.root}"
    assert caught.value.remedy == f"run `{command}`"


@pytest.mark.parametrize("refresh", ["", "raise", "quiet"])
def test_open_without_git(tmp_path: Path, refresh: str) -> None:
    """Without the program git there is one error of ours, however GitPython is set."""
    code = """if True:
        import json
        from pathlib import Path
        from specialist_ci.errors import UsageError
        from specialist_ci.repository.git import open_repository
        try:
            open_repository(Path.cwd())
        except UsageError as error:
            print(json.dumps(error.message))
        """
    (tmp_path / "env").symlink_to("/usr/bin/env")
    env = {"PATH": str(tmp_path)} | ({"GIT_PYTHON_REFRESH": refresh} if refresh else {})
    assert python(code, env) == "the program git is not on PATH"


# Revisions.


def test_resolve(drawing: Drawing) -> None:
    """Branches, tags, relative names and abbreviated ids all give the commit's full id."""
    first = drawing.commit({"a.py": "1"})
    second = drawing.commit({"a.py": "2"})
    drawing.git("tag", "light", first)
    drawing.git("tag", "--annotate", "--message=x", "heavy", first)
    repository = open_repository(drawing.root)
    names = ("main", "HEAD", second, second[:8], "main@{0}", ":/a commit")
    assert {repository.resolve(name) for name in names} == {second}
    names = ("HEAD~1", "HEAD^", "light", "heavy", "refs/tags/heavy", "main~1")
    assert {repository.resolve(name) for name in names} == {first}


@pytest.mark.parametrize(
    ("revision", "message", "remedy"),
    [
        ("", "'' is no revision", "name a commit"),
        ("--help", "'--help' is no revision", "name a commit"),
        ("^main", "'^main' is no revision", "name a commit"),
        ("a\nb", "'a\\nb' is no revision", "name a commit"),
        ("nope", "'nope' is not known in", "git fetch"),
        ("main..main", "'main..main' is not known in", "git fetch"),
        ("0" * 40, "is not known in", "git fetch"),
        ("HEAD:a.py", "'HEAD:a.py' names a blob, not a commit", "a commit"),
        ("HEAD^{tree}", "'HEAD^{tree}' names a tree, not a commit", "a commit"),
        ("blob-tag", "'blob-tag' names a tag, not a commit", "a commit"),
        ("twice", "'twice' names more than one thing", "refs/heads/twice"),
    ],
)
def test_resolve_refuses(drawing: Drawing, revision: str, message: str, remedy: str) -> None:
    """What names no commit, or more than one, is refused with the reason."""
    drawing.commit({"a.py": "1"})
    drawing.git("tag", "--annotate", "--message=x", "blob-tag", "HEAD:a.py")
    drawing.git("tag", "twice")
    drawing.git("branch", "twice")
    with pytest.raises(UsageError) as caught:
        open_repository(drawing.root).resolve(revision)
    assert message in caught.value.message
    assert remedy in caught.value.remedy


def test_resolve_refuses_an_ambiguous_abbreviation(drawing: Drawing) -> None:
    """An abbreviated id of two commits is refused."""
    commits = [drawing.commit({"a.py": str(number)}) for number in range(2)]
    stream = "".join(
        f"commit refs/heads/many\ncommitter A <a@example.com> {second} +0000\ndata 0\n"
        for second in range(2000)
    )
    subprocess.run(
        ["git", "fast-import", "--quiet"], cwd=drawing.root, input=stream.encode(), check=True
    )
    ids = sorted([*drawing.git("rev-list", "--all").split(), *commits])
    twins = next(a for a, b in pairwise(ids) if a[:4] == b[:4] and a != b)
    with pytest.raises(UsageError, match="names more than one thing: write more digits"):
        open_repository(drawing.root).resolve(twins[:4])


def test_describe(drawing: Drawing) -> None:
    """A name is shown with the start of its commit, an id alone is only cut."""
    commit = drawing.commit({"a.py": "1"})
    repository = open_repository(drawing.root)
    assert repository.describe("main") == f"main ({commit[:9]})"
    assert repository.describe(commit) == commit[:9]


def test_no_commits(drawing: Drawing) -> None:
    """A repository right after git init says that it has no commits."""
    repository = open_repository(drawing.root)
    assert not repository.has_commits()
    with pytest.raises(UsageError, match="has no commits: make one with 'git commit'"):
        repository.resolve("HEAD")
    with pytest.raises(UsageError, match="has no commits"):
        repository.changed_files()
    with pytest.raises(UsageError, match="cannot tell the default branch"):
        repository.default_branch()
    drawing.commit({})
    assert repository.has_commits()


def test_detached_head(drawing: Drawing) -> None:
    """HEAD resolves when no branch is checked out, as in GitHub Actions."""
    commit = drawing.commit({"a.py": "1"})
    drawing.commit({"a.py": "2"})
    drawing.git("checkout", "--quiet", "--detach", commit)
    assert open_repository(drawing.root).resolve("HEAD") == commit


@pytest.mark.parametrize(
    ("branches", "config", "expected"),
    [
        (("main", "master", "trunk"), (), "main"),
        (("master",), (), "master"),
        (("main", "trunk"), ("init.defaultBranch", "trunk"), "trunk"),
        (("main",), ("init.defaultBranch", "missing"), "main"),
    ],
)
def test_default_branch_of_a_local_repository(
    drawing: Drawing, branches: tuple[str, ...], config: tuple[str, ...], expected: str
) -> None:
    """Without a remote it is what git is set to, then main, then master."""
    drawing.commit({"a.py": "1"})
    drawing.git("checkout", "--quiet", "--detach")
    drawing.git("branch", "--delete", "--force", "main")
    for branch in branches:
        drawing.git("branch", branch)
    if config:
        drawing.git("config", *config)
    assert open_repository(drawing.root).default_branch() == expected


def test_default_branch_of_a_clone(drawing: Drawing, tmp_path: Path) -> None:
    """In a clone it is the remote's HEAD, and without it origin/main."""
    drawing.commit({"a.py": "1"})
    drawing.git("branch", "develop")
    drawing.git("checkout", "--quiet", "develop")
    clone = drawing.clone(tmp_path / "clone")
    repository = open_repository(clone.root)
    assert repository.default_branch() == "origin/develop"
    clone.git("remote", "set-head", "origin", "--delete")
    assert repository.default_branch() == "origin/main"


def test_default_branch_that_nothing_tells(drawing: Drawing) -> None:
    """With none of the usual names the user is asked for BASE."""
    drawing.git("checkout", "--quiet", "-b", "topic")
    drawing.commit({"a.py": "1"})
    with pytest.raises(UsageError, match="name BASE"):
        open_repository(drawing.root).default_branch()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("main...topic", RevisionRange("main", "topic", from_merge_base=True)),
        ("main..topic", RevisionRange("main", "topic", from_merge_base=False)),
        ("main...", RevisionRange("main", "HEAD", from_merge_base=True)),
        ("..topic", RevisionRange("HEAD", "topic", from_merge_base=False)),
        ("v1.0", RevisionRange("v1.0", None, from_merge_base=False)),
    ],
)
def test_parse_range(text: str, expected: RevisionRange) -> None:
    """Ranges read as in git, and one revision is compared with the working tree."""
    assert parse_range(text) == expected


@pytest.mark.parametrize("text", ["", "..", "..."])
def test_parse_range_refuses(text: str) -> None:
    """A range with no side at all is refused."""
    with pytest.raises(UsageError, match="names no revision"):
        parse_range(text)


# Files.


def test_a_clean_tree_has_no_changes(drawing: Drawing) -> None:
    """Right after a commit nothing is changed, ignored files or not."""
    drawing.commit({"a.py": "1", ".gitignore": "*.log\n"})
    (drawing.root / "x.log").write_text("ignored")
    repository = open_repository(drawing.root)
    assert repository.changed_files() == Changes((), ())
    assert not repository.is_dirty()


def test_changed_files(drawing: Drawing) -> None:
    """Modified, added, untracked and deleted files are found, staged or not."""
    drawing.commit({"same": "", "mod": "1", "staged": "1", "gone": "", "rm": "", "old": "long\n"})
    tree = {"same": "", "mod": "2", "staged": "2", "new": "long\n", "dir/untracked": ""}
    drawing.draw(tree)
    drawing.git("add", "--update", "staged", "rm")
    repository = open_repository(drawing.root)
    changes = repository.changed_files()
    assert changes == Changes(("dir/untracked", "mod", "new", "staged"), ("gone", "old", "rm"))
    assert repository.is_dirty()


@pytest.mark.parametrize("config", ["status.showUntrackedFiles=no", "status.relativePaths=true"])
def test_changed_files_whatever_the_configuration(drawing: Drawing, config: str) -> None:
    """The user's configuration of git status changes nothing."""
    drawing.commit({"a": ""})
    drawing.git("config", *config.split("="))
    drawing.draw({"a": "2", "b/c": ""})
    assert open_repository(drawing.root).changed_files() == Changes(("a", "b/c"), ())


def test_odd_names(drawing: Drawing) -> None:
    """Names with spaces, newlines, quotes and any script survive everywhere."""
    committed = drawing.commit(dict.fromkeys(ODD_NAMES, "1"))
    repository = open_repository(drawing.root)
    assert repository.python_files(committed) == tuple(sorted(ODD_NAMES))
    assert repository.python_files(None) == tuple(sorted(ODD_NAMES))
    drawing.draw(dict.fromkeys(ODD_NAMES, "2"))
    assert repository.changed_files() == Changes(tuple(sorted(ODD_NAMES)), ())
    drawing.draw({})
    assert repository.changed_files() == Changes((), tuple(sorted(ODD_NAMES)))


def test_names_that_are_no_utf8(drawing: Drawing) -> None:
    """A name that is no UTF-8 comes back as Python's own path of the file."""
    drawing.commit({})
    name = os.fsdecode(b"\xff.py")
    (drawing.root / name).write_text("")
    assert open_repository(drawing.root).changed_files() == Changes((name,), ())


def test_a_directory_replaced_by_a_link_is_deleted(drawing: Drawing) -> None:
    """A path that now leads through a symbolic link counts as deleted."""
    drawing.commit({"d/a": "1", "e/a": "1"})
    drawing.draw({"d": Link("e"), "e/a": "1"})
    assert open_repository(drawing.root).changed_files() == Changes(("d",), ("d/a",))


def test_nested_repositories_are_left_out(drawing: Drawing) -> None:
    """A repository inside the repository, tracked as submodule or not, is no change of ours."""
    drawing.commit({"a": ""})
    Drawing(drawing.root / "untracked").commit({"b.py": ""})
    inner = Drawing(drawing.root / "sub").commit({"c.py": ""})
    drawing.git("update-index", "--add", "--cacheinfo", f"160000,{inner},sub")
    drawing.git("commit", "--quiet", "--message=submodule")
    Drawing(drawing.root / "sub").draw({"c.py": "changed"})
    repository = open_repository(drawing.root)
    assert repository.changed_files() == Changes((), ())
    assert repository.python_files("HEAD") == ()
    assert repository.python_files(None) == ()


def test_python_files(drawing: Drawing) -> None:
    """Of a commit all Python files, of the working tree those that exist and are not ignored."""
    tree = {"a.py": "", "src/b.py": "", "c.txt": "", "d.pyc": "", ".gitignore": "ignored.py\n"}
    commit = drawing.commit({**tree, "run.py": Executable("#!"), "link.py": Link("a.py")})
    drawing.draw({**tree, "src/b.py": "2", "new.py": "", "ignored.py": ""})
    repository = open_repository(drawing.root)
    assert repository.python_files(commit) == ("a.py", "link.py", "run.py", "src/b.py")
    assert repository.python_files(None) == ("a.py", "new.py", "src/b.py")


def test_files_and_their_text(drawing: Drawing) -> None:
    """All files are listed, and read as they are there, links inside the repository followed."""
    tree: dict[str, Content] = {"a b.txt": "1\r\n2", "é/x.toml": "old", "[a].py": "x"}
    links = {"é/link": Link("../a b.txt"), "loop": Link("loop"), "out": Link("/etc/passwd")}
    commit = drawing.commit({**tree, **links})
    drawing.draw({**tree, "é/x.toml": "new"})
    repository = open_repository(drawing.root)
    assert repository.files(commit) == tuple(sorted({**tree, **links}))
    assert repository.files(None) == tuple(sorted(tree))
    assert repository.read_text(commit, "é/x.toml") == "old"
    assert repository.read_text(None, "é/x.toml") == "new"
    assert repository.read_text(commit, "é/link") == repository.read_text(commit, "a b.txt")
    assert repository.read_text(commit, "a b.txt") == "1\r\n2"
    assert repository.read_text(commit, "[a].py") == "x"
    for path in ("loop", "out", "é", "nope", "../x", "a"):
        assert repository.read_text(commit, path) is None
        assert repository.read_text(None, path) is None


def test_looking_changes_nothing(drawing: Drawing) -> None:
    """No question rewrites the index, even when its cached times are out of date."""
    drawing.commit({"a.py": "1", "b.py": "1"})
    os.utime(drawing.root / "a.py", (1, 1))
    index = fingerprint(drawing.root)
    repository = open_repository(drawing.root)
    assert not repository.is_dirty()
    repository.python_files(None)
    repository.common_commit("HEAD", "HEAD")
    assert fingerprint(drawing.root) == index


# Worktrees.


def test_worktree(drawing: Drawing, tmp_path: Path) -> None:
    """A worktree is a detached checkout that comes and goes without a trace."""
    first = drawing.commit({"a.py": "1"})
    drawing.commit({"a.py": "2"})
    trace = fingerprint(drawing.root)
    repository = open_repository(drawing.root)
    path = tmp_path.resolve() / "a worktree"
    repository.add_worktree(path, first)
    assert (path / "a.py").read_text() == "1"
    assert Drawing(path).git("rev-parse", "--abbrev-ref", "HEAD") == "HEAD"
    assert repository.worktrees() == (drawing.root, path)
    (path / "a.py").write_text("changed")
    repository.remove_worktree(path)
    assert not path.exists()
    assert fingerprint(drawing.root) == trace
    repository.remove_worktree(path)


def test_two_worktrees_of_one_commit(drawing: Drawing, tmp_path: Path) -> None:
    """One commit can be checked out several times."""
    commit = drawing.commit({"a.py": "1"})
    repository = open_repository(drawing.root)
    for name in ("base", "head"):
        repository.add_worktree(tmp_path / name, commit)
        assert (tmp_path / name / "a.py").exists()


def test_worktree_of_a_missing_commit(drawing: Drawing, tmp_path: Path) -> None:
    """What git refuses is one error with git's own words."""
    drawing.commit({"a.py": "1"})
    with pytest.raises(MeasurementError, match=r"'git worktree' failed \(.*invalid reference"):
        open_repository(drawing.root).add_worktree(tmp_path / "base", "0" * 40)


def test_hooks_do_not_run(drawing: Drawing, tmp_path: Path) -> None:
    """A worktree of ours runs none of the user's hooks."""
    commit = drawing.commit({"a.py": "1"})
    for name in ("post-checkout", "reference-transaction"):
        hook = drawing.root / ".git/hooks" / name
        hook.parent.mkdir(exist_ok=True)
        hook.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran-{name}\n")
        hook.chmod(0o755)
    repository = open_repository(drawing.root)
    repository.add_worktree(tmp_path / "base", commit)
    repository.remove_worktree(tmp_path / "base")
    assert not list(tmp_path.glob("ran-*"))
    drawing.git("worktree", "add", "--detach", str(tmp_path / "other"))
    assert list(tmp_path.glob("ran-post-checkout"))


def test_inside_a_hook(drawing: Drawing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The variables that git sets for hooks lead neither to another repository nor index."""
    commit = drawing.commit({"a.py": "1"})
    other = Drawing(tmp_path / "other")
    other.commit({"b.py": "1"})
    trace = fingerprint(other.root), fingerprint(drawing.root)
    monkeypatch.setenv("GIT_DIR", str(other.root / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(other.root))
    monkeypatch.setenv("GIT_INDEX_FILE", str(other.root / ".git/index"))
    monkeypatch.setenv("GIT_PREFIX", "sub/")
    repository = open_repository(drawing.root)
    assert repository.root == drawing.root
    assert repository.python_files(None) == ("a.py",)
    repository.add_worktree(tmp_path / "base", commit)
    assert Drawing(tmp_path / "base").git("status", "--porcelain") == ""
    repository.remove_worktree(tmp_path / "base")
    assert (fingerprint(other.root), fingerprint(drawing.root)) == trace


def test_inside_a_linked_worktree(drawing: Drawing, tmp_path: Path) -> None:
    """A worktree of the user's is as good a checkout as the first one."""
    commit = drawing.commit({"a.py": "1"})
    linked = tmp_path.resolve() / "linked"
    drawing.git("worktree", "add", "--quiet", "-b", "topic", str(linked))
    topic = Drawing(linked).commit({"a.py": "2"})
    (linked / "new.py").write_text("")
    repository = open_repository(linked)
    assert repository == Repository(linked)
    assert (repository.resolve("HEAD"), repository.resolve("main")) == (topic, commit)
    assert repository.changed_files() == Changes(("new.py",), ())
    repository.add_worktree(tmp_path / "base", commit)
    repository.remove_worktree(tmp_path / "base")
    assert repository.worktrees() == (drawing.root, linked)

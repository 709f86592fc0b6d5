"""Workspaces hold what they should, leave the user's checkout alone, and always go away."""

import os
import select
import signal
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from repositories import (
    Content,
    Drawing,
    Executable,
    Link,
    fingerprint,
    picture,
)

from specialist_ci.errors import MeasurementError, UsageError
from specialist_ci.interruption import terminate_as_interrupt
from specialist_ci.repository.git import open_repository
from specialist_ci.repository.trees import remove_tree
from specialist_ci.repository.workspace import (
    remove_stale,
    scratch_directory,
    workspace,
)

PROJECT = Path(__file__).parent.parent

COMMITTED: dict[str, Content] = {
    "pkg/__init__.py": "",
    "pkg/core.py": "x = 1\n",
    "tests/test_core.py": "",
    "run": Executable("#!/bin/sh\n"),
    "latest": Link("pkg/core.py"),
    ".gitignore": "*.log\nbuild/\n",
}


pytestmark = pytest.mark.usefixtures("no_settings_of_the_user")


@pytest.fixture
def drawing(tmp_path: Path) -> Drawing:
    """Return a repository with one commit."""
    drawing = Drawing(tmp_path.resolve() / "repository")
    drawing.commit(COMMITTED)
    return drawing


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    """Return a directory for worktrees."""
    scratch = tmp_path.resolve() / "scratch"
    scratch.mkdir()
    return scratch


def assert_no_trace(drawing: Drawing, scratch: Path) -> None:
    """Check that neither a worktree nor git's record of one is left."""
    assert not list(scratch.iterdir())
    assert not list(drawing.root.glob(".git/worktrees/*"))


# What a workspace holds.


def test_of_a_commit(drawing: Drawing, scratch: Path) -> None:
    """The workspace of a commit holds its tree, detached, and nothing of the working tree."""
    base = drawing.git("rev-parse", "HEAD")
    drawing.commit({"a.py": "later"})
    drawing.draw({"a.py": "uncommitted"})
    with workspace(open_repository(drawing.root), base, scratch, "base") as held:
        assert (held.root, held.commit, held.dirty) == (scratch / "base", base, False)
        assert picture(held.root) == COMMITTED
        assert Drawing(held.root).git("status", "--porcelain", "--branch") == "## HEAD (no branch)"
    assert_no_trace(drawing, scratch)


def test_of_a_clean_working_tree(drawing: Drawing, scratch: Path) -> None:
    """The workspace of a working tree without changes is HEAD's, and says so."""
    with workspace(open_repository(drawing.root), None, scratch, "head") as held:
        assert picture(held.root) == COMMITTED
        assert (held.commit, held.dirty) == (drawing.git("rev-parse", "HEAD"), False)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"pkg/core.py": "x = 2\n"}, id="modified"),
        pytest.param({"pkg/new.py": "", "deep/er/new.py": ""}, id="untracked"),
        pytest.param({"a file": "", "new\nline": "", "naïve ☃.py": "", "-dash": ""}, id="names"),
        pytest.param({"pkg/core.py": None, "tests/test_core.py": None}, id="deleted"),
        pytest.param({"pkg/core.py": None, "pkg/kernel.py": "x = 1\n"}, id="renamed"),
        pytest.param({"run": "#!/bin/sh\n", "go": Executable("")}, id="executable"),
        pytest.param({"latest": Link("run"), "dangling": Link("/no/where")}, id="links"),
        pytest.param({"latest": "a file now\n", "run": Link("latest")}, id="file-and-link"),
        pytest.param({"run": None, "run/me": "", "run/and/me": ""}, id="file-to-directory"),
        pytest.param({"latest": None, "latest/x": ""}, id="link-to-directory"),
        pytest.param({"tests/test_core.py": None, "tests": "file"}, id="directory-to-file"),
        pytest.param(
            {"tests/test_core.py": None, "tests": Link("other"), "other/test_core.py": ""},
            id="directory-to-link",
        ),
    ],
)
@pytest.mark.parametrize("staged", [False, True])
def test_of_a_dirty_working_tree(
    drawing: Drawing,
    scratch: Path,
    change: dict[str, Content | None],
    staged: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    """The workspace of the working tree equals it, whether or not its changes are staged."""
    tree = {path: text for path, text in {**COMMITTED, **change}.items() if text is not None}
    drawing.draw(tree)
    if staged:
        drawing.git("add", "--all")
    status = ("--no-optional-locks", "status", "--porcelain", "-z")
    before = fingerprint(drawing.root), drawing.git(*status)
    with workspace(open_repository(drawing.root), None, scratch, "head") as held:
        assert picture(held.root) == tree
        assert held.dirty
    assert_no_trace(drawing, scratch)
    assert (fingerprint(drawing.root), drawing.git(*status)) == before


def test_leaves_out_what_is_not_part_of_the_tree(drawing: Drawing, scratch: Path) -> None:
    """Ignored files, nested repositories and empty directories stay where they are."""
    drawing.draw({**COMMITTED, "a.log": "", "build/a.py": "", "pkg/b.py": ""})
    Drawing(drawing.root / "nested").commit({"c.py": ""})
    (drawing.root / "empty").mkdir()
    with workspace(open_repository(drawing.root), None, scratch, "head") as held:
        assert picture(held.root) == {**COMMITTED, "pkg/b.py": ""}
        assert not (held.root / "empty").exists()


def test_a_deleted_package_leaves_no_directory(drawing: Drawing, scratch: Path) -> None:
    """A directory that loses its last file goes too, or it could be imported as a namespace."""
    drawing.draw({"run": Executable("#!/bin/sh\n"), "latest": Link("pkg/core.py")})
    with workspace(open_repository(drawing.root), None, scratch, "head") as held:
        assert sorted(path.name for path in held.root.iterdir()) == [".git", "latest", "run"]


def test_keeps_modes_and_times(drawing: Drawing, scratch: Path) -> None:
    """An uncommitted file has the mode and the time that it has in the checkout."""
    file = drawing.root / "new.py"
    file.write_text("")
    file.chmod(0o700)
    os.utime(file, ns=(1_000_000_007, 1_000_000_007))
    with workspace(open_repository(drawing.root), None, scratch, "head") as held:
        copied = (held.root / "new.py").stat()
    assert stat.S_IMODE(copied.st_mode) == 0o700
    assert copied.st_mtime_ns == 1_000_000_007


def test_writes_through_no_link(drawing: Drawing, scratch: Path, tmp_path: Path) -> None:
    """Where HEAD has a link out of the repository, a file that replaces it is not written there."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").write_text("precious")
    links = {"dir": Link(str(outside)), "file": Link(str(outside / "file"))}
    drawing.commit(links)
    drawing.draw({"dir/file": "new", "file": "new"})
    with workspace(open_repository(drawing.root), None, scratch, "head") as held:
        assert picture(held.root) == {"dir/file": "new", "file": "new"}
    assert picture(outside) == {"file": "precious"}


def test_base_and_head_at_once(drawing: Drawing, scratch: Path) -> None:
    """Both sides of one commit can be held at the same time, in paths of one length."""
    repository = open_repository(drawing.root)
    commit = repository.resolve("HEAD")
    with (
        workspace(repository, commit, scratch, "base") as base,
        workspace(repository, None, scratch, "head") as head,
    ):
        assert picture(base.root) == picture(head.root) == COMMITTED
        assert len(str(base.root)) == len(str(head.root))
    assert_no_trace(drawing, scratch)


def test_of_a_linked_worktree(drawing: Drawing, scratch: Path, tmp_path: Path) -> None:
    """From a worktree of the user's it is that worktree's state, and the worktree stays."""
    linked = tmp_path.resolve() / "linked"
    drawing.git("worktree", "add", "--quiet", "-b", "topic", str(linked))
    Drawing(linked).draw({"only.py": "here"})
    before = fingerprint(linked), fingerprint(drawing.root)
    repository = open_repository(linked)
    with workspace(repository, None, scratch, "head") as held:
        assert picture(held.root) == {"only.py": "here"}
    assert repository.worktrees() == (drawing.root, linked)
    assert (fingerprint(linked), fingerprint(drawing.root)) == before


def test_of_a_detached_head(drawing: Drawing, scratch: Path) -> None:
    """A checkout without a branch, as in GitHub Actions, is as good as any."""
    drawing.git("checkout", "--quiet", "--detach")
    drawing.draw({"a.py": ""})
    with workspace(open_repository(drawing.root), None, scratch, "head") as held:
        assert picture(held.root) == {"a.py": ""}


def test_of_a_repository_without_commits(tmp_path: Path, scratch: Path) -> None:
    """Right after git init there is nothing to measure, and the error says so."""
    repository = open_repository(Drawing(tmp_path / "empty").root)
    with (
        pytest.raises(UsageError, match="has no commits"),
        workspace(repository, None, scratch, "head"),
    ):
        pass


def test_inside_a_hook(drawing: Drawing, scratch: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The variables that git sets for hooks do not lead a workspace to the user's index."""
    drawing.draw({**COMMITTED, "new.py": ""})
    before = fingerprint(drawing.root)
    monkeypatch.setenv("GIT_DIR", ".git")
    monkeypatch.setenv("GIT_INDEX_FILE", str(drawing.root / ".git/index"))
    with workspace(open_repository(drawing.root), None, scratch, "head") as held:
        assert picture(held.root) == {**COMMITTED, "new.py": ""}
    assert fingerprint(drawing.root) == before


def test_a_file_that_cannot_be_copied(drawing: Drawing, scratch: Path) -> None:
    """A file of the working tree that cannot be copied is named, and nothing is left."""
    secret = drawing.root / "secret.py"
    secret.write_text("")
    secret.chmod(0)
    if os.access(secret, os.R_OK):
        pytest.skip("this user can read everything")
    with (
        pytest.raises(MeasurementError, match=r"cannot copy .*secret\.py"),
        workspace(open_repository(drawing.root), None, scratch, "head"),
    ):
        pass
    assert_no_trace(drawing, scratch)


# How it goes away.


def test_goes_away_after_an_error(drawing: Drawing, scratch: Path) -> None:
    """An exception inside goes through, and takes the worktree with it."""
    with (
        pytest.raises(ZeroDivisionError),
        workspace(open_repository(drawing.root), None, scratch, "head"),
    ):
        raise ZeroDivisionError
    assert_no_trace(drawing, scratch)


def test_goes_away_when_git_fails(drawing: Drawing, scratch: Path) -> None:
    """A checkout that fails halfway leaves nothing."""
    drawing.commit({"a.py": "", ".gitattributes": "* filter=broken\n"})
    drawing.git("config", "filter.broken.smudge", "false")
    drawing.git("config", "filter.broken.required", "true")
    with (
        pytest.raises(MeasurementError, match=r"'git worktree' failed \(.*smudge filter"),
        workspace(open_repository(drawing.root), "HEAD", scratch, "head"),
    ):
        pass
    assert_no_trace(drawing, scratch)


@pytest.mark.parametrize(
    "vandalism",
    [
        "chmod -R a-w .",
        "mkdir -p a/b; touch a/b/c; chmod 0 a/b a",
        "rm .git",
        "rm -rf ../head",
        "rm .git; mkdir a; touch a/b; chmod 0 a",
        "git worktree lock .",
        "git checkout -q -b theirs; touch x; git add x",
    ],
)
def test_goes_away_whatever_the_suite_does(drawing: Drawing, scratch: Path, vandalism: str) -> None:
    """Read-only directories, a deleted .git and the like do not keep a worktree."""
    with workspace(open_repository(drawing.root), None, scratch, "head") as held:
        subprocess.run(["sh", "-c", vandalism], cwd=held.root, check=True)
    assert_no_trace(drawing, scratch)


def test_remove_tree(tmp_path: Path) -> None:
    """Whatever its permissions a tree is deleted, but nothing that it links to."""
    (tmp_path / "outside").mkdir(mode=0o500)
    tree = tmp_path / "tree"
    (tree / "closed/inner").mkdir(parents=True)
    (tree / "closed/inner/file").write_text("")
    (tree / "closed/link").symlink_to(tmp_path / "outside")
    (tree / "closed/inner").chmod(0o500)
    (tree / "closed").chmod(0)
    tree.chmod(0o500)
    remove_tree(tree)
    assert not tree.exists()
    assert stat.S_IMODE((tmp_path / "outside").stat().st_mode) == 0o500
    remove_tree(tree)


def test_scratch_directory() -> None:
    """A scratch directory has its real path, our name, and goes away."""
    with scratch_directory() as scratch:
        assert scratch.is_dir()
        assert scratch == scratch.resolve()
        assert scratch.name.startswith("specialist-ci-")
    assert not scratch.exists()


# Signals, sent to a real run.

RUN = """
import os, sys
from pathlib import Path
from specialist_ci.repository.git import open_repository
from specialist_ci.process import run
from specialist_ci.interruption import terminate_as_interrupt
from specialist_ci.repository.workspace import scratch_directory, workspace

with terminate_as_interrupt(), scratch_directory() as scratch:
    print(scratch, flush=True)
    repository = open_repository(Path(sys.argv[1]))
    with workspace(repository, "HEAD", scratch, "base"):
        with workspace(repository, None, scratch, "head") as head:
            run(["sh", "-c", sys.argv[2]], cwd=head.root, env=os.environ, what="head")
"""


class Run:
    """A run of ours in a process, in whose temporary directory nothing else is."""

    def __init__(self, drawing: Drawing, temporary: Path, suite: str) -> None:
        """Start it, and wait until its suite, which must make the file ``ready``, is there."""
        self.ready = temporary.parent / "ready"
        environment = {"PYTHONPATH": str(PROJECT), "TMPDIR": str(temporary)}
        self.process = subprocess.Popen(
            [sys.executable, "-c", RUN, str(drawing.root), f"ready={self.ready}; {suite}"],
            env={**os.environ, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        pause = threading.Event()
        for _ in range(1000):
            if self.ready.exists():
                break
            assert self.process.poll() is None, self.process.communicate()
            pause.wait(0.02)

    def stop(self, number: signal.Signals) -> str:
        """Send a signal, wait for the end, and return what is on stderr."""
        self.process.send_signal(number)
        return self.process.communicate(timeout=60)[1]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_leaves_nothing(drawing: Drawing, scratch: Path, number: signal.Signals) -> None:
    """Ctrl-C and the like end the suite and remove worktrees and scratch directory."""
    drawing.draw({**COMMITTED, "new.py": ""})
    before = fingerprint(drawing.root)
    run = Run(drawing, scratch, "echo $$ > $ready.new; mv $ready.new $ready; exec sleep 60")
    suite = int(run.ready.read_text())
    assert run.stop(number).splitlines()[-1].startswith("KeyboardInterrupt")
    assert_no_trace(drawing, scratch)
    assert fingerprint(drawing.root) == before
    assert _is_gone(suite)


def _is_gone(group: int) -> bool:
    """Wait until whoever inherits dead processes has noticed."""
    pause = threading.Event()
    for _ in range(1000):
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        pause.wait(0.02)
    return False


def test_a_second_signal_does_not_stop_the_cleaning(drawing: Drawing, scratch: Path) -> None:
    """However often Ctrl-C is pressed while worktrees are removed, they are."""
    drawing.commit({f"{number}.py": "" for number in range(500)})
    run = Run(drawing, scratch, "touch $ready; sleep 60")
    run.process.send_signal(signal.SIGINT)
    pause = threading.Event()
    while run.process.poll() is None:
        run.process.send_signal(signal.SIGINT)
        pause.wait(0.01)
    run.process.communicate()
    assert_no_trace(drawing, scratch)


def test_a_signal_during_the_checkout(drawing: Drawing, scratch: Path, tmp_path: Path) -> None:
    """Ctrl-C while git is still writing files ends git, and leaves nothing."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    smudge = f"exec 3>{pipe}; touch {tmp_path}/ready; sleep 60; cat"
    drawing.commit({"a.py": "", ".gitattributes": "a.py filter=slow\n"})
    drawing.git("config", "filter.slow.smudge", smudge)
    with os.fdopen(os.open(pipe, os.O_RDONLY | os.O_NONBLOCK), "rb") as end:
        run = Run(drawing, scratch, "exit")
        assert run.stop(signal.SIGINT).splitlines()[-1] == "KeyboardInterrupt"
        assert select.select([end], [], [], 10)[0], "git still holds the other end"
    assert_no_trace(drawing, scratch)


def test_signal_handlers_are_restored() -> None:
    """After the block, and after a signal, all handlers are what they were; ignored ones stay."""
    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = [signal.getsignal(number) for number in signals]

    def stop() -> None:
        signal.raise_signal(signal.SIGHUP)
        signal.raise_signal(signal.SIGTERM)

    hangup = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with (
        pytest.raises(KeyboardInterrupt, match="SIGTERM"),
        terminate_as_interrupt(),
        scratch_directory(),
    ):
        stop()
    assert signal.signal(signal.SIGHUP, hangup) == signal.SIG_IGN
    assert [signal.getsignal(number) for number in signals] == before


def test_works_outside_the_main_thread(drawing: Drawing, scratch: Path) -> None:
    """In another thread, where signals cannot be handled, all else is the same."""
    seen: list[dict[str, Content]] = []

    def work() -> None:
        with (
            terminate_as_interrupt(),
            workspace(open_repository(drawing.root), None, scratch, "head") as held,
        ):
            seen.append(picture(held.root))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [COMMITTED]
    assert_no_trace(drawing, scratch)


# What a killed run leaves.


def test_the_next_run_clears_up_after_a_killed_one(drawing: Drawing, scratch: Path) -> None:
    """Worktrees of a run that got SIGKILL, directories and records, go with the next run."""
    run = Run(drawing, scratch, "touch $ready; sleep 1")
    run.stop(signal.SIGKILL)
    repository = open_repository(drawing.root)
    assert len(repository.worktrees()) == 3
    with workspace(repository, None, scratch, "head"):
        assert len(repository.worktrees()) == 2
    assert_no_trace(drawing, scratch)


def test_the_next_run_clears_records_of_vanished_directories(
    drawing: Drawing, scratch: Path
) -> None:
    """Where the temporary directory was emptied meanwhile, the records still go."""
    run = Run(drawing, scratch, "touch $ready; sleep 1")
    run.stop(signal.SIGKILL)
    remove_tree(next(scratch.iterdir()))
    remove_stale(open_repository(drawing.root))
    assert_no_trace(drawing, scratch)


def test_concurrent_runs_leave_each_other_alone(drawing: Drawing, scratch: Path) -> None:
    """A run that is alive keeps its worktrees when another one starts."""
    run = Run(drawing, scratch, "touch $ready; sleep 60")
    repository = open_repository(drawing.root)
    remove_stale(repository)
    assert len(repository.worktrees()) == 3
    assert all(path.is_dir() for path in repository.worktrees())
    run.stop(signal.SIGTERM)
    assert_no_trace(drawing, scratch)


@pytest.mark.parametrize("name", ["specialist-ci-features", "specialist-ci-abcdefgh", "other"])
def test_the_users_worktrees_are_not_ours(drawing: Drawing, tmp_path: Path, name: str) -> None:
    """A worktree of the user's stays, though its path may look like ours."""
    theirs = tmp_path.resolve() / name / "base"
    drawing.git("worktree", "add", "--quiet", "--detach", str(theirs))
    repository = open_repository(drawing.root)
    remove_stale(repository)
    assert repository.worktrees() == (drawing.root, theirs)
    assert picture(theirs) == COMMITTED

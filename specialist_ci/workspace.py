"""Puts one commit, or the working tree as it is, into a directory of its own for a while.

The user's checkout is only read. Whatever happens, the worktree and git's record of it go
away at the end; what a run leaves that was itself killed, the next one clears away.
"""

import fcntl
import os
import re
import shutil
import signal
import stat
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from types import FrameType

from specialist_ci.errors import MeasurementError
from specialist_ci.git import Changes, Repository

_PREFIX = "specialist-ci-"
_SCRATCH_NAME = re.compile(rf"{_PREFIX}[a-z0-9_]{{8}}")  # as tempfile.mkdtemp completes it
_OWNER_FILE = ".specialist-ci-owner"  # locked for as long as the owner of a scratch lives

_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True, slots=True)
class Workspace:
    """A directory that holds the files of one side.

    ``commit`` is what is checked out; ``dirty`` says that the uncommitted changes of the
    user's working tree lie on top of it.
    """

    root: Path
    commit: str
    dirty: bool


@contextmanager
def workspace(
    repository: Repository, revision_commit: str | None, scratch: Path, name: str
) -> Iterator[Workspace]:
    """Check out a commit, or for None the working tree, in ``scratch``/``name``.

    The working tree is HEAD with all that differs from it: modified, added, deleted and
    untracked files, but no ignored ones and no submodules. Modes, times and symbolic
    links are kept. Raises ``UsageError`` when there is no commit yet, and
    ``MeasurementError`` when the files cannot be written.
    """
    remove_stale(repository)
    commit = repository.resolve("HEAD") if revision_commit is None else revision_commit
    root = scratch / name
    try:
        repository.add_worktree(root, commit)
        changes = Changes((), ())
        if revision_commit is None:
            changes = repository.changed_files()
            _overlay(repository.root, changes, root)
        yield Workspace(root, commit, dirty=bool(changes))
    finally:
        with _undisturbed():
            _discard(repository, root)


@contextmanager
def scratch_directory() -> Iterator[Path]:
    """Make a temporary directory, without symbolic links in its path, for as long as needed."""
    scratch = Path(tempfile.mkdtemp(prefix=_PREFIX)).resolve()
    try:
        with (scratch / _OWNER_FILE).open("wb") as owner:
            fcntl.flock(owner, fcntl.LOCK_EX)  # the kernel unlocks it, even after SIGKILL
            yield scratch
    finally:
        with _undisturbed():
            remove_tree(scratch)


@contextmanager
def terminate_as_interrupt() -> Iterator[None]:
    """Make SIGTERM and SIGHUP raise ``KeyboardInterrupt``, so that all is cleaned up.

    Its argument is the signal's name. A signal that is ignored, as by nohup, stays so.
    Does nothing outside the main thread, which alone can handle signals.
    """

    def interrupt(number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt(signal.Signals(number).name)

    with _handling((signal.SIGTERM, signal.SIGHUP), interrupt):
        yield


def remove_stale(repository: Repository) -> None:
    """Clear away worktrees of earlier runs that were killed before they could.

    Only those in a scratch directory of ours, when it is gone or its owner is.
    """
    for worktree in repository.worktrees():
        scratch = worktree.parent
        if _SCRATCH_NAME.fullmatch(scratch.name) and _is_abandoned(scratch):
            with suppress(MeasurementError):  # another run may be at it too
                _discard(repository, worktree)
            remove_tree(scratch)


def remove_tree(directory: Path) -> None:
    """Delete a directory with all that is in it, as far as permissions can be had.

    Does nothing when it is not there.
    """
    shutil.rmtree(directory, ignore_errors=True)
    if directory.exists():  # a suite may have made directories read-only
        _make_writable(directory)
        shutil.rmtree(directory, ignore_errors=True)


def _is_abandoned(scratch: Path) -> bool:
    """Tell whether a directory was our scratch, and nobody's any more."""
    try:
        with (scratch / _OWNER_FILE).open("rb") as owner:
            fcntl.flock(owner, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return not scratch.exists()  # a directory that is not marked is not ours
    except OSError:  # locked, or another user's
        return False
    return True


def _discard(repository: Repository, root: Path) -> None:
    # git first: it drops its record even when it cannot delete all files. It refuses when
    # the suite has deleted .git in the worktree; once the files are gone, it does not.
    with suppress(MeasurementError):
        repository.remove_worktree(root)
    remove_tree(root)
    repository.remove_worktree(root)


def _overlay(checkout: Path, changes: Changes, root: Path) -> None:
    """Make ``root``, which holds HEAD, equal to the checkout."""
    try:
        for path in changes.deleted:
            _delete(root, path)
        for path in changes.present:
            _make_way(root, path)
            # An editor's temporary file may have gone since git saw it.
            with suppress(FileNotFoundError):
                shutil.copy2(checkout / path, root / path, follow_symlinks=False)
    except OSError as error:
        raise MeasurementError(
            f"cannot copy {error.filename} of the working tree ({error.strerror})",
            remedy="make it readable, or add it to .gitignore",
        ) from error


def _delete(root: Path, path: str) -> None:
    """Delete a file and, as git does, the directories that it leaves empty."""
    file = root / path
    if file.is_symlink() or file.is_file():  # not an empty directory of a submodule
        file.unlink()
    for parent in PurePosixPath(path).parents:
        if parent.name:
            with suppress(OSError):  # it is not empty
                (root / parent).rmdir()


def _make_way(root: Path, path: str) -> None:
    """Make a path free, and its parents real directories: nothing is written through a link."""
    for parent in reversed(PurePosixPath(path).parents):
        directory = root / parent
        if directory.is_symlink() or directory.is_file():
            directory.unlink()
        directory.mkdir(exist_ok=True)
    file = root / path
    if file.is_symlink() or file.is_file():
        file.unlink()
    else:
        remove_tree(file)


def _make_writable(directory: Path) -> None:
    # Top-down: a directory can be entered only once it is ours again.
    _grant(directory)
    for parent, names, _ in os.walk(directory):
        for name in names:
            _grant(Path(parent, name))


def _grant(directory: Path) -> None:
    if not directory.is_symlink():
        with suppress(OSError):
            directory.chmod(directory.stat().st_mode | stat.S_IRWXU)


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Put off signals that would stop us until the block, which cleans up, is done."""
    received: list[int] = []

    def note(number: int, _frame: FrameType | None) -> None:
        received.append(number)

    with _handling(_STOP_SIGNALS, note):
        yield
    for number in received[:1]:
        signal.raise_signal(number)


@contextmanager
def _handling(signals: tuple[signal.Signals, ...], handler: "signal._HANDLER") -> Iterator[None]:
    """Handle signals, except ignored ones, for the length of a block."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in signals}
    # None: a handler that was not set from Python, and cannot be restored from it.
    before = {n: old for n, old in before.items() if old not in (signal.SIG_IGN, None)}
    try:
        for number in before:
            signal.signal(number, handler)
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)

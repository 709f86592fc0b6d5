"""Puts one commit, or the working tree as it is, into a directory of its own for a while.

The user's checkout is only read. Whatever happens, the worktree and git's record of it go
away at the end; what a run leaves that was itself killed, the next one clears away.
"""

import fcntl
import re
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from specialist_ci.errors import MeasurementError
from specialist_ci.formats.snapshot import Condition
from specialist_ci.interruption import undisturbed
from specialist_ci.repository.git import Changes, Repository
from specialist_ci.repository.pointers import pointer_conditions
from specialist_ci.repository.submodules import fill_submodules
from specialist_ci.repository.trees import overlay, remove_tree

_PREFIX = "specialist-ci-"
_SCRATCH_NAME = re.compile(rf"{_PREFIX}[a-z0-9_]{{8}}")  # as tempfile.mkdtemp completes it
_OWNER_FILE = ".specialist-ci-owner"  # locked for as long as the owner of a scratch lives

# One at a time: git deletes the folder of all worktrees' records with the last of them,
# which another call may be about to write to.
_GIT = threading.RLock()


@dataclass(frozen=True, slots=True)
class Workspace:
    """A directory that holds the files of one side.

    ``commit`` is what is checked out; ``dirty`` says that the uncommitted changes of the
    user's working tree lie on top of it, and ``conditions`` what of it could not be had.
    """

    root: Path
    commit: str
    dirty: bool
    conditions: tuple[Condition, ...] = ()


@contextmanager
def workspace(
    repository: Repository, revision_commit: str | None, scratch: Path, name: str
) -> Iterator[Workspace]:
    """Check out a commit, or for None the working tree, in ``scratch``/``name``.

    The working tree is HEAD with all that differs from it: modified, added, deleted and
    untracked files, but no ignored ones. Modes, times and symbolic links are kept. Submodules
    are filled with what the user has of them. Raises ``UsageError`` when there is no commit
    yet, and ``MeasurementError`` when the files cannot be written.
    """
    with _GIT:
        remove_stale(repository)
    commit = repository.resolve("HEAD") if revision_commit is None else revision_commit
    root = scratch / name
    try:
        with _GIT:
            repository.add_worktree(root, commit)
        changes = Changes((), ())
        if revision_commit is None:
            changes = repository.changed_files()
            overlay(repository.root, changes, root)
        filled = fill_submodules(repository, revision_commit, root)
        conditions = [*filled.conditions, *pointer_conditions(root)]
        dirty = bool(changes) or filled.dirty
        yield Workspace(root, commit, dirty=dirty, conditions=tuple(conditions))
    finally:
        with undisturbed(), _GIT:
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
        with undisturbed():
            remove_tree(scratch)


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

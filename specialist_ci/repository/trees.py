"""Copies what differs between two folders of files, and deletes them, whatever is in them."""

import os
import shutil
import stat
from contextlib import suppress
from pathlib import Path, PurePosixPath

from specialist_ci.errors import MeasurementError
from specialist_ci.repository.git import Changes


def remove_tree(directory: Path) -> None:
    """Delete a directory with all that is in it, as far as permissions can be had.

    Does nothing when it is not there.
    """
    shutil.rmtree(directory, ignore_errors=True)
    if directory.exists():  # a suite may have made directories read-only
        _make_writable(directory)
        shutil.rmtree(directory, ignore_errors=True)


def overlay(checkout: Path, changes: Changes, root: Path) -> None:
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


def put(root: Path, path: str, content: bytes | None) -> None:
    """Give a file below root this content, through no link; for None there is to be no file."""
    if content is None:
        _delete(root, path)
        return
    _make_way(root, path)
    (root / path).write_bytes(content)


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

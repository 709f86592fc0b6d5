"""Chooses which files of the repository to look at; pure."""

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from pathlib import PurePosixPath

from specialist_ci.errors import UsageError

_TEST_FOLDERS = frozenset({"test", "tests"})


def select_sources(files: Iterable[str], patterns: Sequence[str]) -> tuple[str, ...]:
    """Return the files to look at, as paths below the root.

    A pattern is a file, a folder or a glob. Without one: every file that is no test.
    Raises UsageError for a pattern that fits no file, and where there is none at all.
    """
    files = tuple(files)
    if not patterns:
        found = tuple(path for path in files if not _is_test(PurePosixPath(path)))
        if not found:
            raise UsageError(
                "the repository has no Python file that is no test",
                remedy="name the files to look at with --source",
            )
        return found
    chosen: set[str] = set()
    for pattern in patterns:
        fitting = {path for path in files if _fits(path, pattern)}
        if not fitting:
            raise UsageError(
                f"--source {pattern} fits no Python file of the repository",
                remedy="name a file, a folder or a glob, relative to the repository's root",
            )
        chosen |= fitting
    return tuple(path for path in files if path in chosen)


def _fits(path: str, pattern: str) -> bool:
    plain = pattern.removeprefix("./").rstrip("/")
    return plain in {"", ".", path} or path.startswith(plain + "/") or fnmatchcase(path, plain)


def _is_test(path: PurePosixPath) -> bool:
    return (
        not _TEST_FOLDERS.isdisjoint(path.parts[:-1])
        or path.name == "conftest.py"
        or path.stem.startswith("test_")
        or path.stem.endswith("_test")
    )

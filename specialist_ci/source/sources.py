"""Chooses which files of the repository to look at; pure."""

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase

from specialist_ci.errors import UsageError

_TEST_FOLDERS = frozenset({"test", "tests"})


def select_sources(
    files: Iterable[str], patterns: Sequence[str], exclude: Sequence[str] = ()
) -> tuple[str, ...]:
    """Return the files to look at, as paths below the root.

    A pattern is a file, a folder or a glob. Without one: every file that is no test.
    Files that ``exclude`` fits are left out of either. Raises UsageError for a pattern that
    fits no file, and where there is none at all.
    """
    found = _included(files, patterns)
    kept = tuple(path for path in found if not any(fits(path, out) for out in exclude))
    if not kept:
        raise UsageError(
            f"all {len(found)} source files are excluded", remedy="exclude fewer of them"
        )
    return kept


def unmatched(files: Iterable[str], exclude: Sequence[str]) -> tuple[str, ...]:
    """Return the patterns that fit no file, as a misspelt one does."""
    files = tuple(files)
    return tuple(out for out in exclude if not any(fits(path, out) for path in files))


def _included(files: Iterable[str], patterns: Sequence[str]) -> tuple[str, ...]:
    files = tuple(files)
    if not patterns:
        found = tuple(path for path in files if not is_test(path))
        if not found:
            raise UsageError(
                "the repository has no Python file that is no test",
                remedy="name the files to look at with --source",
            )
        return found
    chosen: set[str] = set()
    for pattern in patterns:
        fitting = {path for path in files if fits(path, pattern)}
        if not fitting:
            raise UsageError(
                f"--source {pattern} fits no Python file of the repository",
                remedy="name a file, a folder or a glob, relative to the repository's root",
            )
        chosen |= fitting
    return tuple(path for path in files if path in chosen)


def fits(path: str, pattern: str) -> bool:
    """Return whether a pattern is that file, a folder above it, or a glob that matches it."""
    plain = pattern.removeprefix("./").rstrip("/")
    return plain in {"", ".", path} or path.startswith(plain + "/") or fnmatchcase(path, plain)


def is_test(path: str) -> bool:
    """Tell whether a file is one of tests, by its name or a folder that it is in."""
    *folders, name = path.split("/")
    return (
        not _TEST_FOLDERS.isdisjoint(folders)
        or name == "conftest.py"
        or path in {"test.py", "tests.py"}
        or name.startswith("test_")
        or name.rpartition(".")[0].endswith("_test")
    )

"""Fills the submodules of a checkout of ours from the objects that the user's checkout has."""

from dataclasses import dataclass
from pathlib import Path

from specialist_ci.errors import MeasurementError, UsageError
from specialist_ci.formats.paths import to_text
from specialist_ci.formats.snapshot import Condition
from specialist_ci.repository.git import Repository
from specialist_ci.repository.trees import overlay

_NAMED = 3  # submodules in a message


@dataclass(frozen=True, slots=True)
class Filled:
    """What became of all submodules, those in submodules included."""

    missing: tuple[str, ...] = ()  # paths, relative to the checkout of the outermost repository
    dirty: bool = False  # the user's checkout has other commits or changed files

    @property
    def conditions(self) -> tuple[Condition, ...]:
        """What is to be told of them."""
        if not self.missing:
            return ()
        paths = list(map(to_text, self.missing))
        named = ", ".join(paths[:_NAMED]) + (" and more" if len(paths) > _NAMED else "")
        count = len(paths)
        plural = f"{count} submodules are empty" if count > 1 else "a submodule is empty"
        return (
            Condition(
                name="submodule-missing",
                message=f"{plural}, since your checkout does not have that commit: {named}",
                remedy="run 'git submodule update --init --recursive' in the checkout of that "
                "commit (actions/checkout: submodules: recursive)",
            ),
        )


def fill_submodules(repository: Repository, commit: str | None, root: Path) -> Filled:
    """Check out the submodules of a commit, or for None of the working tree, below root.

    ``root`` holds the repository's own files. Nothing is fetched. Of the working tree, a
    submodule is as it is there: its commit, with uncommitted changes.
    """
    missing: list[str] = []
    dirty = False
    for path, pinned in repository.submodules(commit).items():
        try:
            inner = _fill_one(repository, commit, path, pinned, root / path)
        except (UsageError, MeasurementError):  # it is not there, or a part of it is not
            missing.append(path)
            continue
        missing += [f"{path}/{below}" for below in inner.missing]
        dirty |= inner.dirty
    return Filled(tuple(missing), dirty)


def _fill_one(
    repository: Repository, commit: str | None, path: str, pinned: str, place: Path
) -> Filled:
    own = repository.submodule(path, commit)
    # The working tree may have put a link in its way, and nothing is written through one.
    if own is None or place.resolve() != place:
        raise UsageError(f"{path} is not checked out", remedy="check it out")
    follows = commit is None and not own.bare
    wanted = own.resolve("HEAD" if follows else pinned)
    changes = own.changed_files() if follows else None
    index = place.parent / f".{place.name}.specialist-ci-index"
    try:
        own.export(wanted, place, index)
    finally:
        index.unlink(missing_ok=True)
    if changes:
        overlay(own.root, changes, place)
    inner = fill_submodules(own, None if follows else wanted, place)
    return Filled(inner.missing, inner.dirty or bool(changes) or wanted != pinned)

"""Lets base run head's tests, so that what only they changed is not taken for the code's doing."""

import os
import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from specialist_ci.formats.paths import to_text
from specialist_ci.formats.snapshot import Condition
from specialist_ci.measuring.measure import Plan
from specialist_ci.measuring.sharding import runs_pytest
from specialist_ci.repository.git import Repository
from specialist_ci.repository.trees import put
from specialist_ci.source.sources import is_test, select_sources

WORKLOAD_CHANGED = "workload-changed"

_TESTS_FAILED = 1  # pytest.ExitCode
_NAMED = 3  # files in a message


@dataclass(frozen=True, slots=True)
class Workload:
    """Files of the suite that differ between the sides, as head has them; None: it has not."""

    files: Mapping[str, bytes | None] = field(default_factory=dict)
    statuses: tuple[int, ...] = (0,)  # with which base may end when it runs them

    def write(self, root: Path) -> None:
        """Put head's files into a checkout of base."""
        for path, content in self.files.items():
            put(root, path, content)

    def told(self, *, ran: bool) -> Condition:
        """Say that they differ, and whether base ran head's in the second measurement."""
        named = ", ".join(map(to_text, [*self.files][:_NAMED]))
        more = f" and {len(self.files) - _NAMED} more" if len(self.files) > _NAMED else ""
        what = f"the suite's own files differ between the sides ({named}{more})"
        if ran:
            return Condition(
                name=WORKLOAD_CHANGED,
                message=f"{what}: base ran head's too, and what came of them alone is flaky",
                remedy="none is needed; some of them may fail on base",
            )
        return Condition(
            name=WORKLOAD_CHANGED,
            message=f"{what}, and base cannot run head's: changes that are not in the diff may "
            "come of them",
            remedy="confirm those with a suite that is the same on both sides, such as a benchmark",
        )


def changed_workload(
    repository: Repository, base: str | None, head: str | None, plan: Plan
) -> Workload:
    """Return what differs of the suite's own files: what the command names, and tests if it does.

    Files that are measured are none of them: their changes are what the report is about.
    """
    if base is None:
        return Workload()
    python_files = {*repository.python_files(base), *repository.python_files(head)}
    sources = set(select_sources(sorted(python_files), plan.source, plan.exclude))
    # pytest, python -m unittest, tests/run.py: any other command has no use for them.
    tests = any("test" in word for word in plan.command)
    places = [posixpath.normpath(posixpath.join(plan.folder, word)) for word in plan.command]
    with repository.reading(head) as read:
        return Workload(
            {
                path: None if (text := read(path)) is None else os.fsencode(text)
                for path in _differing(repository, base, head)
                if path not in sources
                and ((tests and is_test(path)) or any(_is_below(path, place) for place in places))
            },
            # A test of what head mends fails on base, and the others run all the same. What
            # pytest cannot even import ends it with another status.
            statuses=(0, _TESTS_FAILED) if runs_pytest(plan.command) else (0,),
        )


def _differing(repository: Repository, base: str, head: str | None) -> Iterator[str]:
    """Yield what differs in content: an untracked file that base has not, too."""
    yield from repository.differing(base, head)
    if head is None:
        known = set(repository.files(base))
        yield from (path for path in repository.changed_files().present if path not in known)


def _is_below(path: str, place: str) -> bool:
    return path == place or path.startswith(f"{place}/")

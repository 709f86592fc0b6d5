"""Both sides from start to end: check out, measure, compare, and confirm what was found."""

from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from specialist_ci.compare import FailOn, compare
from specialist_ci.git import Repository
from specialist_ci.measure import Checkout, Plan, measure
from specialist_ci.report import ChangeKind, Report
from specialist_ci.snapshot import Snapshot
from specialist_ci.workspace import scratch_directory, workspace


@dataclass(frozen=True, slots=True)
class Revision:
    """What one side is: a commit under the user's name for it, or the working tree."""

    name: str
    commit: str | None  # None: the working tree


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the steps need from the outside."""

    environ: Mapping[str, str]
    begin: Callable[[str], None]  # a step has begun, for people to see
    on_wait: Callable[[], None]  # called about ten times a second


def measure_revision(
    repository: Repository, revision: Revision, plan: Plan, surroundings: Surroundings
) -> Snapshot:
    """Measure one revision in a checkout of its own."""
    with scratch_directory() as scratch:
        return _measure(repository, "head", revision, plan, surroundings, scratch)


def diff(
    repository: Repository,
    base: Revision,
    head: Revision,
    plan: Plan,
    surroundings: Surroundings,
    *,
    fail_on: Iterable[FailOn],
) -> Report:
    """Measure both revisions and compare them.

    Where something regressed, both are measured once more in new checkouts, and only
    what shows again counts.
    """
    fail_on = tuple(fail_on)
    with scratch_directory() as scratch:

        def both(suffix: str) -> tuple[Snapshot, Snapshot]:
            sides = []
            for side, revision in (("base", base), ("head", head)):
                surroundings.begin(f"{side}{suffix}")
                sides.append(_measure(repository, side, revision, plan, surroundings, scratch))
            return sides[0], sides[1]

        first = both("")
        report = compare(*first, fail_on=fail_on)
        if not any(change.kind is ChangeKind.REGRESSION for change in report.changes):
            return report
        return compare(*first, fail_on=fail_on, again=both(" again"))


def _measure(  # noqa: PLR0917 - all of it differs from side to side or run to run
    repository: Repository,
    side: str,
    revision: Revision,
    plan: Plan,
    surroundings: Surroundings,
    scratch: Path,
) -> Snapshot:
    with ExitStack() as stack:
        place = stack.enter_context(workspace(repository, revision.commit, scratch, side))
        checkout = Checkout(
            side=side,
            root=place.root,
            python_files=repository.python_files(revision.commit),
            revision=revision.name,
            commit=place.commit,
            dirty=place.dirty,
            original=repository.root,
        )
        return measure(
            checkout,
            plan,
            scratch=scratch,
            environ=surroundings.environ,
            on_wait=surroundings.on_wait,
        )

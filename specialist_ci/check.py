"""Both sides from start to end: check out, measure, compare, and confirm what was found."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from specialist_ci.compare import FailOn, compare
from specialist_ci.git import Repository
from specialist_ci.identity import identify
from specialist_ci.measure import Checkout, Plan, measure
from specialist_ci.report import ChangeKind, Report
from specialist_ci.snapshot import Snapshot
from specialist_ci.surroundings import deterministic_environment
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
        return _Measuring(repository, plan, surroundings, scratch).measure("head", revision)


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
        measuring = _Measuring(repository, plan, surroundings, scratch)

        def both(suffix: str) -> tuple[Snapshot, Snapshot]:
            sides = []
            for side, revision in (("base", base), ("head", head)):
                surroundings.begin(f"{side}{suffix}")
                sides.append(measuring.measure(side, revision))
            return sides[0], sides[1]

        first = both("")
        report = compare(*first, fail_on=fail_on)
        if not any(change.kind is ChangeKind.REGRESSION for change in report.changes):
            return report
        return compare(*first, fail_on=fail_on, again=both(" again"))


class _Measuring:
    """What stays the same from one measurement to the next."""

    def __init__(
        self, repository: Repository, plan: Plan, surroundings: Surroundings, scratch: Path
    ) -> None:
        self._repository = repository
        self._plan = plan
        self._on_wait = surroundings.on_wait
        self._scratch = scratch
        self._environment = deterministic_environment(surroundings.environ, plan.environment)
        self._identity = identify(plan.python, scratch, self._environment)

    def measure(self, side: str, revision: Revision) -> Snapshot:
        """Check a revision out, measure it, and clear it away."""
        with workspace(self._repository, revision.commit, self._scratch, side) as place:
            checkout = Checkout(
                side=side,
                root=place.root,
                python_files=self._repository.python_files(revision.commit),
                revision=revision.name,
                commit=place.commit,
                dirty=place.dirty,
                original=self._repository.root,
            )
            return measure(
                checkout,
                self._plan,
                identity=self._identity,
                environment=self._environment,
                scratch=self._scratch,
                on_wait=self._on_wait,
            )

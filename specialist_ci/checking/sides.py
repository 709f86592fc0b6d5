"""Measures revisions: each in a checkout of its own, unless what is kept of it still counts."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from specialist_ci.comparing.compare import (
    find_changes,
)
from specialist_ci.comparing.matching import Place
from specialist_ci.errors import MeasurementError, UsageError
from specialist_ci.formats.paths import to_text
from specialist_ci.formats.snapshot import Condition, Snapshot
from specialist_ci.jobs import Jobs, Stop
from specialist_ci.measuring.command import resolve_command
from specialist_ci.measuring.identity import identify
from specialist_ci.measuring.measure import Checkout, Plan, measure, suite_of
from specialist_ci.measuring.surroundings import deterministic_environment, program_path
from specialist_ci.measuring.workload import Workload
from specialist_ci.repository.git import Repository
from specialist_ci.repository.workspace import scratch_directory, workspace
from specialist_ci.snapshots import deciding
from specialist_ci.snapshots.cache import Cache

if TYPE_CHECKING:
    from specialist_ci.environments.environment import Environment
    from specialist_ci.explaining.observations import Side

    Observed = tuple[Side, tuple[Condition, ...]]  # and what went wrong there

_T = TypeVar("_T")


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
    cache: Cache | None = None  # None: everything is measured
    end: Callable[[], None] = lambda: None  # the thread that calls has no step any more
    jobs: Jobs = field(default_factory=Jobs)

    def heeding(self, stop: Stop) -> "Surroundings":
        """Return them for one piece of work, which ends where nobody needs it any more."""

        def begin(step: str) -> None:
            stop.check()
            self.begin(step)

        def on_wait() -> None:
            stop.check()
            self.on_wait()

        return replace(self, begin=begin, on_wait=on_wait)


def measure_revision(
    repository: Repository,
    revision: Revision,
    plan: Plan,
    surroundings: Surroundings,
    stop: Stop | None = None,
) -> Snapshot:
    """Measure one revision in a checkout of its own."""
    with scratch_directory() as scratch:
        measuring = Measuring(repository, plan, surroundings, scratch)
        (snapshot,) = surroundings.jobs.all(
            [partial(measuring.measure, "head", revision, step=revision.name)], stop
        )
        return snapshot


@dataclass(frozen=True, slots=True)
class Pair:
    """Both sides of a comparison, and how each is measured."""

    base: Revision
    head: Revision
    for_base: "Measuring"
    for_head: "Measuring"
    are_twins: bool  # the same commit in the same interpreter
    stop: Stop | None
    keep: Callable[[str, Snapshot], None] | None

    def measure(
        self, *, again: bool = False, workload: Workload | None = None
    ) -> tuple[Snapshot, Snapshot]:
        """Measure both, as many at once as there are jobs; ``again`` takes nothing kept."""
        suffix = " again" if again else ""
        of_base = partial(self.for_base.measure, "base", self.base, workload=workload)
        of_head = partial(self.for_head.measure, "head", self.head)
        before, after = self.for_head.at_once(
            [
                partial(of_base, step=f"base{suffix}", again=again),
                # A snapshot says nothing when it is compared with itself.
                partial(of_head, step=f"head{suffix}", again=again or self.are_twins),
            ],
            self.stop,
        )
        if self.are_twins:
            self.for_base.doubt(self.base, before, after)
        if self.keep is not None:
            for side, snapshot in (("base", before), ("head", after)):
                self.keep(f"{side}-again" if again else side, snapshot)
        return before, after

    def observe(
        self,
        places: tuple[Mapping[int, Place], Mapping[int, Place]],
        measured: tuple[Snapshot, Snapshot],
        workload: Workload | None,
    ) -> "list[Observed]":
        """Return what the places meet on each side; base runs with the workload."""
        of_base = partial(self.for_base.observe, "base", self.base, workload=workload)
        of_head = partial(self.for_head.observe, "head", self.head)
        works = [
            partial(of_base, places=places[0], first=measured[0]),
            partial(of_head, places=places[1], first=measured[1]),
        ]
        return self.for_head.at_once(works, self.stop)


@contextmanager
def pair_of(
    repository: Repository,
    sides: tuple[Revision, Revision],
    pythons: tuple[Path, Path],
    plan: Plan,
    surroundings: Surroundings,
    *,
    stop: Stop | None,
    keep: Callable[[str, Snapshot], None] | None,
) -> Iterator[Pair]:
    """Give both sides, with room to measure them in that goes away at the end."""
    with ExitStack() as scratches:

        def measuring_in(python: Path) -> Measuring:
            scratch = scratches.enter_context(scratch_directory())
            return Measuring(repository, replace(plan, python=python), surroundings, scratch)

        for_head = measuring_in(pythons[1])
        for_base = for_head if pythons[0] == pythons[1] else measuring_in(pythons[0])
        are_twins = for_base is for_head and sides[0].commit == sides[1].commit
        yield Pair(*sides, for_base, for_head, are_twins, stop, keep)


class Measuring:
    """What stays the same from one measurement to the next."""

    def __init__(
        self, repository: Repository, plan: Plan, surroundings: Surroundings, scratch: Path
    ) -> None:
        """Ask the plan's interpreter who it is; raises MeasurementError where it will not do."""
        self._repository = repository
        self._plan = plan
        self._around = surroundings
        self._cache = surroundings.cache
        self._scratch = scratch
        self._environment = deterministic_environment(surroundings.environ, plan.environment)
        self._identity = identify(plan.python, scratch, self._environment)
        self._environ = surroundings.environ

    def at_once(self, works: Sequence[Callable[[Stop], _T]], stop: Stop | None) -> list[_T]:
        """Return what the works return, as many of them at once as there are jobs."""
        return self._around.jobs.all(works, stop)

    def measure(
        self,
        side: str,
        revision: Revision,
        stop: Stop,
        *,
        step: str,
        again: bool = False,
        workload: Workload | None = None,
    ) -> Snapshot:
        """Return a revision's snapshot when it is its turn.

        That of a commit is from the cache, unless it is measured again.

        What two measurements do not agree on is no longer kept, and what ran with other
        packages than would be installed for it now counts for nothing.
        """
        around = self._around.heeding(stop)
        try:
            with around.jobs.slot(stop):
                if workload is not None:
                    return self._with_workload(side, revision, step, around, workload)
                return self._take(side, revision, step, around, again=again)
        finally:
            around.end()

    def observe(
        self,
        side: str,
        revision: Revision,
        stop: Stop,
        *,
        places: Mapping[int, Place],
        first: Snapshot,
        workload: Workload | None = None,
    ) -> "Observed":
        """Return what the places of a revision meet in an explaining run, when it is its turn.

        The suite is to do as in ``first``, with the same workload.
        """
        from specialist_ci.explaining.explain import observe  # noqa: PLC0415 - slow to import
        from specialist_ci.explaining.observations import Side  # noqa: PLC0415 - likewise

        if not places:
            return Side(), ()
        around = self._around.heeding(stop)
        try:
            with (
                around.jobs.slot(stop),
                self._ready(side, revision, around, workload) as (checkout, held),
            ):
                around.begin(f"{side} explained")
                return observe(
                    checkout,
                    self._plan,
                    places,
                    output=first.provenance.output,
                    statuses=(0,) if workload is None else workload.statuses,
                    environment=self._environment,
                    scratch=self._scratch,
                    held=held,
                    on_wait=around.on_wait,
                )
        finally:
            around.end()

    def doubt(self, revision: Revision, first: Snapshot, second: Snapshot) -> None:
        """Forget what is kept of a revision where two measurements of it do not agree."""
        if self._cache is not None and revision.commit is not None and find_changes(first, second):
            self._cache.drop(self._key(revision.commit))

    def _take(
        self, side: str, revision: Revision, step: str, around: Surroundings, *, again: bool
    ) -> Snapshot:
        if self._cache is None or revision.commit is None:
            return self._measure(side, revision, step, around)
        key = self._key(revision.commit)
        kept = self._cache.load(key)
        if kept is not None and not self._has_its_packages(kept):
            kept = None
        if kept is not None and not again:
            named = {"revision": to_text(revision.name), "cached": True}
            provenance = kept.provenance.model_copy(update=named)
            return kept.model_copy(update={"provenance": provenance})
        measured = self._measure(side, revision, step, around)
        if again:
            if kept is not None and find_changes(kept, measured):
                self._cache.drop(key)
        elif all(condition.is_lasting for condition in measured.conditions):
            self._cache.store(key, measured)
        return measured

    def _with_workload(
        self, side: str, revision: Revision, step: str, around: Surroundings, workload: Workload
    ) -> Snapshot:
        """Measure a revision with other tests than its own, or with these where it fails."""
        try:
            measured = self._measure(side, revision, step, around, workload)
            told = workload.told(ran=True)
        except MeasurementError:
            measured = self._measure(side, revision, step, around)
            told = workload.told(ran=False)
        return measured.model_copy(update={"conditions": (*measured.conditions, told)})

    def _measure(
        self,
        side: str,
        revision: Revision,
        step: str,
        around: Surroundings,
        workload: Workload | None = None,
    ) -> Snapshot:
        """Check a revision out, measure it, and clear it away."""
        with self._ready(side, revision, around, workload) as (checkout, held):
            around.begin(step)
            return measure(
                checkout,
                self._plan,
                identity=self._identity,
                environment=self._environment,
                scratch=self._scratch,
                held=held,
                statuses=(0,) if workload is None else workload.statuses,
                on_wait=around.on_wait,
            )

    @contextmanager
    def _ready(
        self,
        side: str,
        revision: Revision,
        around: Surroundings,
        workload: Workload | None = None,
    ) -> "Iterator[tuple[Checkout, Environment | None]]":
        """Check a revision out, with its environment, and clear it away."""
        with workspace(self._repository, revision.commit, self._scratch, side) as place:
            if workload is not None:
                workload.write(place.root)
            checkout = Checkout(
                side=side,
                root=place.root,
                python_files=self._repository.python_files(revision.commit),
                revision=revision.name,
                commit=place.commit,
                dirty=place.dirty,
                original=self._repository.root,
                conditions=place.conditions,
            )
            with self._held(checkout, around) as held:
                yield checkout, held

    @contextmanager
    def _held(self, checkout: Checkout, around: Surroundings) -> "Iterator[Environment | None]":
        """Hold the environment of the checkout, where it is to have its own."""
        if self._plan.install is None:
            yield None
            return
        from specialist_ci.environments.environment import Environments  # noqa: PLC0415 - slow to import

        environments = Environments(
            self._plan.python,
            self._identity,
            self._environ,
            self._scratch,
            around.begin,
            around.on_wait,
        )
        with environments.held(
            checkout.side, checkout.root, self._plan.folder, self._plan.install
        ) as held:
            yield held

    def _has_its_packages(self, snapshot: Snapshot) -> bool:
        """Tell whether what was installed for a snapshot is what would be installed now."""
        installed = snapshot.provenance.installed
        if installed is None:
            return True
        from specialist_ci.environments.environment import is_current  # noqa: PLC0415 - slow to import

        return is_current(installed, self._environ)

    def _key(self, commit: str) -> str:
        install = self._plan.install
        return deciding.digest(
            {
                **self._surroundings,
                "commit": [commit, self._repository.tree(commit)],
                # What is imported from the user's own checkout is told by its path.
                "original": str(self._repository.root),
                "folder": [self._plan.folder, self._plan.project],
                "shard": str(self._plan.shard),
                "install": asdict(install) if install is not None else None,
            }
        )

    def _program(self) -> str:
        """Return what the command executes, as far as that is known before installing."""
        path = program_path(self._plan.python, self._environment)
        try:
            return resolve_command(self._plan.command, self._plan.python, {"PATH": path})[0]
        except UsageError:
            if self._plan.install is None:
                raise
            return self._plan.command[0]  # the environment is to bring it

    @cached_property
    def _surroundings(self) -> dict[str, object]:
        return deciding.surroundings_of(
            self._plan.python,
            self._identity,
            suite_of(self._plan, self._environment),
            program=self._program(),
            environment=self._environment,
            scratch=self._scratch,
        )

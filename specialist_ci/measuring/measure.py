"""Measures one side: runs the suite with the collector inside and builds the snapshot."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from specialist_ci import __version__, process
from specialist_ci.environments.wanted import Wanted
from specialist_ci.formats.paths import to_text
from specialist_ci.formats.snapshot import Condition, Provenance, Python, Shards, Snapshot, Suite
from specialist_ci.measuring.building import build_snapshot
from specialist_ci.measuring.bytecode import forget_bytecode
from specialist_ci.measuring.command import resolve_command
from specialist_ci.measuring.conditions import name_conditions, nothing_measured, unmatched_excludes
from specialist_ci.measuring.control import Control
from specialist_ci.measuring.elsewhere import find_imports, judge_imports
from specialist_ci.measuring.executions import watching
from specialist_ci.measuring.failing import command_failed
from specialist_ci.measuring.gate import watching_terminations
from specialist_ci.measuring.outputs import digest
from specialist_ci.measuring.runner import import_path
from specialist_ci.measuring.sharding import is_empty, require_pytest, require_split, sharded
from specialist_ci.measuring.surroundings import decisive, measured_environment
from specialist_ci.measuring.unreached import with_unreached
from specialist_ci.source.sources import select_sources, unmatched

if TYPE_CHECKING:
    from specialist_ci.environments.environment import Environment


@dataclass(frozen=True, slots=True)
class Plan:
    """What to run and what to look at, the same for both sides."""

    command: tuple[str, ...]
    python: Path
    source: tuple[str, ...] = ()  # patterns; none: all that is no test
    environment: Mapping[str, str] = field(default_factory=dict)  # set on top of ours
    timeout: float | None = None  # seconds
    folder: str = "."  # of the repository, to run the command in
    exclude: tuple[str, ...] = ()  # patterns of what not to look at
    project: str = "."  # folder of the repository whose code is imported from it, or its src
    name: str | None = None  # of the suite; None: a command that the user typed
    shard: Shards | None = None  # the part to run; None: the whole suite
    install: Wanted | None = None  # None: nothing, the interpreter has it all
    asked: str | None = None  # what the user called the interpreter; None: the default


@dataclass(frozen=True, slots=True)
class Checkout:
    """A revision's files, ready to run."""

    side: str  # base or head: how messages call it
    root: Path
    python_files: tuple[str, ...]  # relative to root
    revision: str  # as the user named it
    commit: str | None  # None for the working tree of a repository without a commit
    dirty: bool  # uncommitted changes are in it
    original: Path  # the user's own checkout
    conditions: tuple[Condition, ...] = ()  # what of it could not be had


def suite_of(plan: Plan, environment: Mapping[str, str]) -> Suite:
    """Return what snapshots say of a plan that runs in an environment."""
    return Suite(
        command=tuple(map(to_text, plan.command)),
        name=plan.name,
        source=tuple(map(to_text, plan.source)),
        exclude=tuple(map(to_text, plan.exclude)),
        environment=decisive(environment, plan.environment),
    )


def run_suite(
    checkout: Checkout,
    plan: Plan,
    control: Control,
    *,
    environment: Mapping[str, str],
    scratch: Path,
    held: "Environment | None" = None,
    on_wait: Callable[[], None] | None = None,
) -> process.Outcome:
    """Run the suite once, with the collector inside, and return how it ended."""
    python = held.python if held else plan.python
    measured = measured_environment(
        held.entered(environment) if held else environment,
        python=python,
        control=control.folder,
        root=checkout.root,
        original=checkout.original,
        project=plan.project,
        scripts=import_path(plan.command, scratch),
    )
    if plan.shard is not None:
        measured = sharded(measured, plan.shard)
    forget_bytecode(checkout.root, checkout.python_files)
    return process.run(
        resolve_command(plan.command, python, measured),
        cwd=checkout.root / plan.folder,
        env=measured,
        timeout=plan.timeout,
        what=checkout.side,
        on_wait=on_wait,
    )


def measure(
    checkout: Checkout,
    plan: Plan,
    *,
    identity: Python,
    environment: Mapping[str, str],
    scratch: Path,
    held: "Environment | None" = None,
    on_wait: Callable[[], None] | None = None,
    statuses: Collection[int] = (0,),
) -> Snapshot:
    """Run the suite once and return its snapshot.

    ``identity`` is the plan's interpreter, ``environment`` what it runs in before the
    checkout adds its paths, and ``held`` the commit's own environment, where it has one. The
    command is to end with one of the ``statuses``.
    Raises UsageError for a plan that fits no file, and MeasurementError where the command
    fails or nothing was measured.
    """
    if plan.shard is not None:
        require_pytest(plan.command)
    python = held.python if held else plan.python
    sources = select_sources(checkout.python_files, plan.source, plan.exclude)
    excludes = unmatched(checkout.python_files, plan.exclude)
    control = Control.make(scratch, checkout.side, root=checkout.root, sources=sources)
    with watching_terminations(control, python), watching(python) as executions:

        def wait() -> None:
            executions.read()
            if on_wait is not None:
                on_wait()

        outcome = run_suite(
            checkout,
            plan,
            control,
            environment=environment,
            scratch=scratch,
            held=held,
            on_wait=wait,
        )
    control.tell_executions(executions.found())
    empty = plan.shard is not None and is_empty(control.folder, outcome)
    if outcome.status not in statuses and not empty:
        raise command_failed(
            checkout.side,
            plan.command,
            outcome,
            folder=checkout.root / plan.folder,
            installed=held is not None,
            conditions=checkout.conditions,
        )
    if plan.shard is not None:
        require_split(control.folder, checkout.side)
    dumps = control.collect(python, checkout.side)
    imports = find_imports(dumps, sources, root=checkout.root, original=checkout.original)
    wrong_place = judge_imports(imports, dumps, root=checkout.root, original=checkout.original)
    if not empty and not any(code.rows for dump in dumps for code in dump.codes):
        raise nothing_measured(checkout.side, control, sources, wrong_place)
    snapshot = build_snapshot(
        dumps,
        root=checkout.root,
        provenance=Provenance(
            tool=__version__,
            revision=to_text(checkout.revision),
            commit=checkout.commit,
            dirty=checkout.dirty,
            python=identity,
            suite=suite_of(plan, environment),
            processes=len(dumps),
            generated=len({code for dump in dumps for code in dump.generated}),
            shards=plan.shard,
            installed=held.installed if held else None,
            output=digest(outcome),
        ),
    )
    conditions = (
        *checkout.conditions,
        *(held.conditions if held else ()),
        # Head's configuration rules, and base may lack what it is about.
        *unmatched_excludes(excludes if checkout.side == "head" else ()),
        *wrong_place,
        *name_conditions(snapshot, dumps, control),
    )
    judged = snapshot.model_copy(update={"conditions": conditions})
    return with_unreached(judged, sources, checkout.root)

"""Measures one side: runs the suite with the collector inside and builds the snapshot."""

import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from specialist_ci import __version__, process
from specialist_ci.building import build_snapshot
from specialist_ci.command import resolve_command
from specialist_ci.control import Control
from specialist_ci.errors import MeasurementError
from specialist_ci.snapshot import Condition, Provenance, Python, Snapshot, Suite
from specialist_ci.sources import select_sources
from specialist_ci.surroundings import decisive, measured_environment

# More hidden sites than this share of those that ran, and nothing can be said.
_HIDDEN_LIMIT = 0.005


@dataclass(frozen=True, slots=True)
class Plan:
    """What to run and what to look at, the same for both sides."""

    command: tuple[str, ...]
    python: Path
    source: tuple[str, ...] = ()  # patterns; none: all that is no test
    environment: Mapping[str, str] = field(default_factory=dict)  # set on top of ours
    timeout: float | None = None  # seconds
    folder: str = "."  # of the repository, to run the command in


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


def measure(
    checkout: Checkout,
    plan: Plan,
    *,
    identity: Python,
    environment: Mapping[str, str],
    scratch: Path,
    on_wait: Callable[[], None] | None = None,
) -> Snapshot:
    """Run the suite once and return its snapshot.

    ``identity`` is the plan's interpreter, ``environment`` what it runs in before the
    checkout adds its paths. Raises UsageError for a plan that fits no file, and
    MeasurementError where the command fails or nothing was measured.
    """
    sources = select_sources(checkout.python_files, plan.source)
    control = Control.make(scratch, checkout.side, root=checkout.root, sources=sources)
    measured = measured_environment(
        environment,
        python=plan.python,
        control=control.folder,
        root=checkout.root,
        original=checkout.original,
    )
    outcome = process.run(
        resolve_command(plan.command, plan.python, measured),
        cwd=checkout.root / plan.folder,
        env=measured,
        timeout=plan.timeout,
        what=checkout.side,
        on_wait=on_wait,
    )
    if outcome.status != 0:
        raise MeasurementError(
            f"{checkout.side}: the command {process.describe_failure(outcome)}",
            remedy=f"make `{shlex.join(plan.command)}` succeed there, then measure again",
            detail=process.tail(outcome),
        )
    dumps = control.collect(plan.python, checkout.side)
    if not any(code.sites for dump in dumps for code in dump.codes):
        raise _nothing_measured(checkout.side, control, sources)
    snapshot = build_snapshot(
        dumps,
        root=checkout.root,
        provenance=Provenance(
            tool=__version__,
            revision=checkout.revision,
            commit=checkout.commit,
            dirty=checkout.dirty,
            python=identity,
            suite=Suite(
                command=plan.command,
                source=plan.source,
                environment=decisive(environment, plan.environment),
            ),
            processes=len(dumps),
        ),
    )
    tracers = sorted({tracer for dump in dumps for tracer in dump.tracers})
    conditions = (
        *_process_conditions(control),
        *_tracer_conditions(snapshot, tracers),
        *_cold_conditions(snapshot),
    )
    return snapshot.model_copy(update={"conditions": conditions})


def _nothing_measured(side: str, control: Control, sources: Sequence[str]) -> MeasurementError:
    """Say why there is no site at all."""
    if control.count("foreign"):
        return MeasurementError(
            f"{side}: the command ran another interpreter than the one named",
            remedy="start it through python, such as `-- python -m pytest`, or name its --python",
        )
    if not control.count("started"):
        return MeasurementError(
            f"{side}: the command started no Python that could be measured",
            remedy="run Python without -I, -E and -S",
        )
    if not control.count("raw"):
        return MeasurementError(
            f"{side}: no process of the command ended in a way that could be measured",
            remedy="let it end by itself, not by os._exit or a signal",
        )
    return MeasurementError(
        f"{side}: the command ran no code of the {len(sources)} source files",
        remedy="run code of this repository, not of an installed copy, or name it with --source",
    )


def _process_conditions(control: Control) -> list[Condition]:
    conditions = []
    started, measured = control.count("started"), control.count("raw")
    foreign, cut, failed = (control.count(suffix) for suffix in ("foreign", "cut", "failed"))
    lost = started - measured - foreign - cut - failed
    if cut or failed:
        conditions.append(
            Condition(
                name="damaged-dumps",
                message=f"{cut + failed} of {started} processes could not write their state"
                + "".join(f" ({reason})" for reason in control.failures()),
                remedy="make room on the disk, then measure again",
                blocking=True,
            )
        )
    if lost:
        conditions.append(
            Condition(
                name="unmeasured-processes",
                message=f"{lost} of {started} processes ended without leaving their state",
                remedy="let them end by themselves, not by os._exit or a signal",
            )
        )
    if foreign:
        conditions.append(
            Condition(
                name="foreign-processes",
                message=f"{foreign} of {started} processes ran in another interpreter",
                remedy="measure that interpreter in a run of its own",
            )
        )
    return conditions


def _cold_conditions(snapshot: Snapshot) -> list[Condition]:
    """Judge a run in which nothing was hot: it is no proof of anything."""
    totals = snapshot.totals
    if totals.total > totals.cold:
        return []
    return [
        Condition(
            name="all-cold",
            message=f"none of the {totals.total} sites ran often enough to be specialized",
            remedy="let the command run the code more often",
            blocking=True,
        )
    ]


def _tracer_conditions(snapshot: Snapshot, tracers: Sequence[str]) -> list[Condition]:
    """Judge what coverage, a debugger or a profiler did to the sites."""
    totals = snapshot.totals
    ran = totals.total - totals.cold
    hiding = totals.hidden > _HIDDEN_LIMIT * ran
    # 3.11 runs traced code without its specialized forms and leaves no sign of it.
    pausing = bool(tracers) and snapshot.provenance.python.minor == "3.11"
    if not hiding and not pausing:
        return []
    who = ", ".join(tracers) or "a tracer"
    what = f"hides {totals.hidden} of {ran} sites" if hiding else "kept code from specializing"
    return [
        Condition(
            name="traced",
            message=f"{who} was active and {what}",
            remedy="measure without coverage, debugger and profiler (pytest-cov: --no-cov)",
            blocking=True,
        )
    ]

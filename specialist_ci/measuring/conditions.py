"""Names what limits a measurement: lost processes, tracers, code that never got hot."""

from collections.abc import Sequence

from specialist_ci.errors import MeasurementError
from specialist_ci.formats.dump import Dump
from specialist_ci.formats.paths import to_text
from specialist_ci.formats.snapshot import Condition, Snapshot
from specialist_ci.measuring.control import Control
from specialist_ci.measuring.missing import how_to_see, missing_processes
from specialist_ci.measuring.tracers import THE_JIT, UNKNOWN, recognize

# More hidden sites than this share of those that ran, and nothing can be said.
_HIDDEN_LIMIT = 0.005
_MAKE_ROOM = "make room on the disk, then measure again"


def name_conditions(
    snapshot: Snapshot, dumps: Sequence[Dump], control: Control
) -> tuple[Condition, ...]:
    """Return every condition of a measurement, the blocking ones among them."""
    tracers = sorted({tracer for dump in dumps for tracer in dump.tracers})
    return (
        *_process_conditions(control),
        *_tracer_conditions(snapshot, tracers),
        *_jit_conditions(snapshot),
        *_thread_conditions(snapshot),
        *all_cold(snapshot),
    )


def unmatched_excludes(patterns: Sequence[str]) -> list[Condition]:
    """Tell of patterns that exclude nothing: what was meant is measured."""
    if not patterns:
        return []
    return [
        Condition(
            name="exclude-unmatched",
            message=f"nothing is excluded by {', '.join(map(to_text, patterns))}: "
            "no Python file of the repository fits",
            remedy="correct the path, which counts from the repository's root, or take it out",
        )
    ]


def nothing_measured(
    side: str, control: Control, sources: Sequence[str], wrong_place: Sequence[Condition]
) -> MeasurementError:
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
    if control.count("failed") and not control.count("raw"):
        return MeasurementError(
            f"{side}: no process of the command could write its state" + _reasons(control),
            remedy=_MAKE_ROOM,
        )
    if not control.count("raw"):
        return MeasurementError(
            f"{side}: no process of the command ended in a way that could be measured",
            remedy="let it end by itself, not by os._exit or a signal",
        )
    for condition in wrong_place:
        return MeasurementError(
            f"{side}: the command ran no code of the {len(sources)} source files, "
            f"and {condition.message}",
            remedy=condition.remedy,
        )
    if unseen := control.unmeasured():
        return MeasurementError(
            f"{side}: the command ran no code of the {len(sources)} source files in a process "
            f"that could be measured, and started {unseen.total()} that could not",
            remedy=how_to_see(unseen),
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
                + _reasons(control),
                remedy=_MAKE_ROOM,
                blocking=True,
            )
        )
    conditions += missing_processes(control.unmeasured(), started=started, lost=lost)
    if foreign:
        conditions.append(
            Condition(
                name="foreign-processes",
                message=f"{foreign} of {started} processes ran in another interpreter",
                remedy="measure that interpreter in a run of its own",
            )
        )
    return conditions


def _reasons(control: Control) -> str:
    return "".join(f" ({reason})" for reason in control.failures())


def all_cold(snapshot: Snapshot) -> list[Condition]:
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


def _tracer_conditions(snapshot: Snapshot, found: Sequence[str]) -> list[Condition]:
    """Judge what coverage, a debugger or a profiler did to the sites."""
    totals = snapshot.totals
    python = snapshot.provenance.python
    tools = recognize(found, minor=python.minor)
    if not tools and totals.hidden:
        tools = (THE_JIT if python.jit else UNKNOWN,)
    ran = totals.total - totals.cold
    hiding = totals.hidden > _HIDDEN_LIMIT * ran
    # 3.11 runs traced code without its specialized forms and leaves no sign of it.
    pausing = python.minor == "3.11"
    if not tools:
        return []
    if pausing:
        what = " and kept code from specializing"
    elif totals.hidden:
        what = f" and hides {totals.hidden} of {ran} sites"
    else:
        what = ": code that ran only below it may read as cold"
    return [
        Condition(
            name="traced",
            message=f"{', '.join(tool.name for tool in tools)} was active{what}",
            remedy="; ".join(tool.remedy for tool in tools),
            blocking=hiding or pausing or any(tool.hopeless for tool in tools),
        )
    ]


def _jit_conditions(snapshot: Snapshot) -> list[Condition]:
    """Say what cannot be known of sites that the JIT compiled."""
    python = snapshot.provenance.python
    if not python.jit or python.minor != "3.15" or not snapshot.totals.traced:
        return []
    return [
        Condition(
            name="jit",
            message=f"the JIT reset the counters of the {snapshot.totals.traced} sites in"
            " compiled traces: those that miss can read as specialized",
            remedy="measure without PYTHON_JIT=1 to tell unstable sites",
        )
    ]


def _thread_conditions(snapshot: Snapshot) -> list[Condition]:
    """Say what cannot be read of threads with bytecode of their own.

    Free-threaded builds of 3.14 and later give each thread a copy (``Objects/codeobject.c``,
    thread-local bytecode), and ``code._co_code_adaptive`` is the main thread's.
    """
    if not snapshot.provenance.python.free_threaded:
        return []
    return [
        Condition(
            name="free-threaded",
            message="a free-threaded build gives each thread bytecode of its own, of which only the"
            " main thread's can be read: what ran in other threads alone is missing or cold",
            remedy="measure threads with the default build",
        )
    ]

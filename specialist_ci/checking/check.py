"""Compares two revisions from start to end: measure, compare, confirm, and say why."""

from collections.abc import Callable, Iterable
from pathlib import Path

from specialist_ci.checking.sides import Revision, Surroundings, pair_of
from specialist_ci.comparing.compare import (
    changed_places,
    changed_version_places,
    compare,
    compare_versions,
    find_changes,
    find_version_changes,
)
from specialist_ci.formats.report import Change, ChangeKind, Outcome, Report
from specialist_ci.formats.snapshot import Condition, Policy, Snapshot
from specialist_ci.jobs import Stop
from specialist_ci.measuring.measure import Plan
from specialist_ci.measuring.workload import WORKLOAD_CHANGED, Workload, changed_workload
from specialist_ci.repository.git import Repository


def diff(
    repository: Repository,
    base: Revision,
    head: Revision,
    plan: Plan,
    surroundings: Surroundings,
    *,
    policy: Policy,
    conditions: Iterable[Condition] = (),
    base_python: Path | None = None,
    stop: Stop | None = None,
    on_measured: Callable[[Snapshot, Snapshot], None] | None = None,
    keep: Callable[[str, Snapshot], None] | None = None,
    explained: bool = True,
) -> Report:
    """Measure both revisions and compare them; ``conditions`` do not come from that.

    With ``base_python``, base is measured in that interpreter, and the two interpreters are
    compared. Where something regressed, both are measured once more in new checkouts,
    whatever is cached, and only what shows again counts; so are they where a contract is
    broken. ``on_measured`` is given the snapshots that the report is about, ``keep`` every
    one, under the names base, head, base-again and head-again. Where anything changed and is
    to be explained, both run once again, with probes around the operands of what changed; what
    these do not bear out does not count.
    """
    compared = compare if base_python is None else compare_versions
    find = find_changes if base_python is None else find_version_changes
    pythons = (base_python or plan.python, plan.python)
    sides = (base, head)
    with pair_of(repository, sides, pythons, plan, surroundings, stop=stop, keep=keep) as pair:
        first = pair.measure()
        known = tuple(conditions)  # to find them may take a second, which no suite waits for
        if on_measured is not None:
            on_measured(*first)
        report = compared(*first, policy=policy, conditions=known)
        # A part of a suite is not compared by itself, but its regressions are looked at again.
        part = plan.shard is not None and _has_regression(find(*first))
        second, ran_with = first, None
        if _to_confirm(report) or part:
            workload = changed_workload(repository, base.commit, head.commit, plan)
            second = pair.measure(again=True, workload=workload if workload.files else None)
            ran_with = _told_to_run(second[0], workload)
            known += tuple(one for one in second[0].conditions if one.name == WORKLOAD_CHANGED)
            report = compared(*first, policy=policy, again=second, conditions=known)
        if not explained or not report.changes:
            return report
        places = changed_places if base_python is None else changed_version_places
        from specialist_ci.checking.explained import with_reasons  # noqa: PLC0415 - slow to import

        return with_reasons(report, places(*first), second, pair, ran_with)


def _told_to_run(base: Snapshot, workload: Workload) -> Workload | None:
    """Return head's tests where base ran them: it is explained with them, too."""
    return workload if workload.told(ran=True) in base.conditions else None


def _to_confirm(report: Report) -> bool:
    return _has_regression(report.changes) or any(
        contract.outcome is Outcome.BROKEN for contract in report.contracts
    )


def _has_regression(changes: Iterable[Change]) -> bool:
    return any(change.kind is ChangeKind.REGRESSION for change in changes)

"""Reports for tests of what is made of them, without measuring anything."""

import pictures

from specialist_ci.formats.report import Change, ChangeKind, Failure, Report, Reports, Side, Verdict
from specialist_ci.formats.snapshot import Condition, Counts, State

PROVENANCE = pictures.PROVENANCE.model_copy(
    update={"commit": "a" * 40, "suite": pictures.SUITE.model_copy(update={"environment": {}})}
)


def change(**values: object) -> Change:
    """Return a direct regression."""
    usual = {
        "kind": ChangeKind.REGRESSION,
        "path": "convert.py",
        "line": 2,
        "end_line": 2,
        "column": None,
        "end_column": None,
        "function": "convert",
        "source": "    return value // 32.0",
        "base_path": "convert.py",
        "base_line": 2,
        "base_source": "    return value - 32.0",
        "family": "BINARY_OP",
        "argrepr": "//",
        "base_state": State.SPECIALIZED,
        "head_state": State.ADAPTIVE,
        "base_form": "BINARY_OP_SUBTRACT_FLOAT",
        "head_form": None,
        "head_misses": 0,
        "head_failed_attempts": 8,
        "direct": True,
        "executions": 1000,
    }
    return Change.model_validate(usual | values)


def report(*changes: Change, verdict: Verdict = Verdict.PASS, **values: object) -> Report:
    """Return a report whose verdict need not fit."""
    counts = Counts()
    usual = {
        "verdict": verdict,
        "base": PROVENANCE,
        "head": PROVENANCE,
        "totals": Side(base=counts, head=counts),
        "families": (),
        "files": (),
        "changes": changes,
        "flaky": (),
        "conditions": (),
        "fail_on": ("regression",),
    }
    return Report.model_validate(usual | values)


def of_suite(name: str, found: Report) -> Report:
    """Return the report as that of a suite."""
    suite = PROVENANCE.suite.model_copy(update={"name": name})
    side = PROVENANCE.model_copy(update={"suite": suite})
    return found.model_copy(update={"base": side, "head": side})


def several(*reports: Report, failures: tuple[Failure, ...] = ()) -> Reports:
    """Return reports together."""
    return Reports(reports=reports, failures=failures)


def blocked(verdict: Verdict = Verdict.NOT_COMPARABLE) -> Report:
    """Return a report whose sides cannot be compared."""
    condition = Condition(name="tracer", message="a tracer", remedy="none", blocking=True)
    return report(conditions=(condition,), verdict=verdict)

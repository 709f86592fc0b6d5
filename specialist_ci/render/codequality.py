"""Reports and snapshots as a Code Quality artifact of GitLab.

The format: https://docs.gitlab.com/ci/testing/code_quality/#code-quality-report-format
"""

import json
from collections.abc import Iterable

from specialist_ci.formats.report import Report
from specialist_ci.formats.snapshot import Snapshot
from specialist_ci.render.findings import Finding, Rule, of_report, of_snapshot

_SEVERITIES = {
    Rule.REGRESSION: "major",
    Rule.NEW: "minor",
    Rule.CONTRACT: "critical",
    Rule.FAILING: "info",
}


def render_code_quality(reports: Iterable[Report]) -> str:
    """Return what reports found, less what is acknowledged, each once."""
    found = {finding.fingerprint: finding for report in reports for finding in of_report(report)}
    return _artifact(found.values())


def render_code_quality_snapshot(snapshot: Snapshot) -> str:
    """Return a snapshot's failing sites."""
    return _artifact(of_snapshot(snapshot))


def _artifact(found: Iterable[Finding]) -> str:
    issues = [
        {
            "description": finding.message,
            "check_name": f"specialist-ci/{finding.rule.value}",
            "fingerprint": finding.fingerprint,
            "severity": _SEVERITIES[finding.rule],
            "location": {"path": finding.path, "lines": {"begin": max(finding.line, 1)}},
        }
        for finding in found
        if finding.accepted is None
    ]
    return json.dumps(issues, indent=2)

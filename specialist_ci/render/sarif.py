"""Reports and snapshots as SARIF 2.1.0 (OASIS), which code scanning services read."""

import json
from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import quote

from specialist_ci.formats.report import Failure, Report, Verdict
from specialist_ci.formats.snapshot import Condition, Provenance, Snapshot
from specialist_ci.render.escape import visible
from specialist_ci.render.findings import DESCRIPTIONS, Finding, Rule, of_report, of_snapshot

_SCHEMA = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)
_LEVELS = {
    Rule.REGRESSION: "error",
    Rule.NEW: "warning",
    Rule.CONTRACT: "error",
    Rule.FAILING: "note",
}
_RULES = list(Rule)


def render_sarif(reports: Sequence[Report], failures: Sequence[Failure] = ()) -> str:
    """Return reports as one log with a run for each; what failed to be measured has one too."""
    runs = [
        _run(
            of_report(report),
            report.conditions,
            report.head,
            successful=report.verdict is not Verdict.NOT_COMPARABLE,
        )
        for report in reports
    ]
    return _log([*runs, *map(_failed_run, failures)])


def render_sarif_snapshot(snapshot: Snapshot) -> str:
    """Return a snapshot's failing sites as a log."""
    blocked = any(condition.blocking for condition in snapshot.conditions)
    return _log(
        [
            _run(
                of_snapshot(snapshot),
                snapshot.conditions,
                snapshot.provenance,
                successful=not blocked,
            )
        ]
    )


def _log(runs: list[dict[str, Any]]) -> str:
    return json.dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": runs}, indent=2)


def _run(
    found: Iterable[Finding],
    conditions: Iterable[Condition],
    provenance: Provenance,
    *,
    successful: bool,
) -> dict[str, Any]:
    suite = provenance.suite.name or "suite"
    return {
        "tool": {"driver": _driver(provenance.tool)},
        "automationDetails": {"id": f"specialist-ci/{visible(suite)}/"},
        "columnKind": "unicodeCodePoints",
        "invocations": [
            {
                "executionSuccessful": successful,
                "toolExecutionNotifications": [_notification(each) for each in conditions],
            }
        ],
        "results": [_result(finding) for finding in found],
    }


def _failed_run(failure: Failure) -> dict[str, Any]:
    condition = Condition(
        name="not-measured", message=failure.message, remedy=failure.remedy, blocking=True
    )
    return {
        "tool": {"driver": _driver(None)},
        "automationDetails": {"id": f"specialist-ci/{visible(failure.suite)}/"},
        "invocations": [
            {
                "executionSuccessful": False,
                "toolExecutionNotifications": [_notification(condition)],
            }
        ],
        "results": [],
    }


def _driver(version: str | None) -> dict[str, Any]:
    rules = [
        {
            "id": rule.value,
            "shortDescription": {"text": DESCRIPTIONS[rule]},
            "defaultConfiguration": {"level": _LEVELS[rule]},
        }
        for rule in _RULES
    ]
    return {"name": "specialist-ci", **({"version": version} if version else {}), "rules": rules}


def _notification(condition: Condition) -> dict[str, Any]:
    side = f"{condition.side}: " if condition.side else ""
    return {
        "descriptor": {"id": visible(condition.name)},
        "level": "error" if condition.blocking else "warning",
        "message": _message(f"{side}{condition.message}; {condition.remedy}"),
    }


def _result(finding: Finding) -> dict[str, Any]:
    region = {
        "startLine": max(finding.line, 1),
        "startColumn": finding.column,
        "endLine": finding.end_line or max(finding.line, 1),
        "endColumn": finding.end_column,
    }
    result: dict[str, Any] = {
        "ruleId": finding.rule.value,
        "ruleIndex": _RULES.index(finding.rule),
        "level": _LEVELS[finding.rule],
        "message": _message(finding.message),
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": _uri(finding.path), "uriBaseId": "%SRCROOT%"},
                    "region": {name: value for name, value in region.items() if value},
                }
            }
        ],
        "partialFingerprints": {"specialistCi/v1": finding.fingerprint},
    }
    if finding.accepted is not None:
        kind = "inSource" if finding.accepted_in_source else "external"
        result["suppressions"] = [{"kind": kind, "justification": visible(finding.accepted)}]
    return result


def _uri(path: str) -> str:
    return quote(path, safe="/", errors="surrogatepass")


def _message(text: str) -> dict[str, str]:
    """Return plain text, in which only `[text](target)` would be a link (SARIF 3.11.6)."""
    return {"text": visible(text).replace("](", r"\](")}

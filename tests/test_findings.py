"""SARIF and GitLab's Code Quality: well formed, whole, and the same from run to run."""

import json
import os
import re
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given, settings
from jsonschema import Draft202012Validator
from repositories import Drawing
from test_render import FAIL, NOT_COMPARABLE, PASS, SNAPSHOT, hostile_reports

from specialist_ci.cli import main
from specialist_ci.formats.report import (
    ChangeKind,
    Contract,
    Failure,
    Outcome,
    Report,
    Reports,
    RequiredSite,
)
from specialist_ci.formats.snapshot import State
from specialist_ci.render import Format, render_report, render_reports, render_snapshot
from specialist_ci.render.findings import Rule, of_report

OFFICIAL = os.environ.get("SARIF_SCHEMA")
"""A copy of sarif-schema-2.1.0.json, where there is one: it has no place in this repository."""


def _object(required: dict[str, Any], optional: dict[str, Any] | None = None) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {**required, **(optional or {})},
        "required": list(required),
        "additionalProperties": False,
    }


def _list(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items}


_TEXT = {"type": "string", "minLength": 1}
# A report may name no path, and then there is no address.
_ADDRESS = {"type": "string"}
_PLACE = {"type": "integer", "minimum": 1}
_MESSAGE = _object({"text": _TEXT})
_LEVEL = {"enum": ["none", "note", "warning", "error"]}
# What we write of SARIF 2.1.0, section by section.
SARIF = _object(
    {
        "$schema": _TEXT,
        "version": {"const": "2.1.0"},
        "runs": _list(
            _object(
                {
                    "tool": _object(
                        {
                            "driver": _object(
                                {
                                    "name": _TEXT,
                                    "rules": _list(
                                        _object(
                                            {
                                                "id": _TEXT,
                                                "shortDescription": _MESSAGE,
                                                "defaultConfiguration": _object({"level": _LEVEL}),
                                            }
                                        )
                                    ),
                                },
                                {"version": _TEXT},
                            )
                        }
                    ),
                    "automationDetails": _object({"id": _TEXT}),
                    "invocations": _list(
                        _object(
                            {
                                "executionSuccessful": {"type": "boolean"},
                                "toolExecutionNotifications": _list(
                                    _object(
                                        {
                                            "descriptor": _object({"id": _TEXT}),
                                            "level": _LEVEL,
                                            "message": _MESSAGE,
                                        }
                                    )
                                ),
                            }
                        )
                    ),
                    "results": _list(
                        _object(
                            {
                                "ruleId": {"enum": list(Rule)},
                                "ruleIndex": {"type": "integer", "minimum": 0},
                                "level": _LEVEL,
                                "message": _MESSAGE,
                                "locations": _list(
                                    _object(
                                        {
                                            "physicalLocation": _object(
                                                {
                                                    "artifactLocation": _object(
                                                        {
                                                            "uri": _ADDRESS,
                                                            "uriBaseId": {"const": "%SRCROOT%"},
                                                        }
                                                    ),
                                                    "region": _object(
                                                        {"startLine": _PLACE, "endLine": _PLACE},
                                                        {
                                                            "startColumn": _PLACE,
                                                            "endColumn": _PLACE,
                                                        },
                                                    ),
                                                }
                                            )
                                        }
                                    )
                                ),
                                "partialFingerprints": _object({"specialistCi/v1": _TEXT}),
                            },
                            {
                                "suppressions": _list(
                                    _object(
                                        {
                                            "kind": {"enum": ["inSource", "external"]},
                                            "justification": {"type": "string"},
                                        }
                                    )
                                )
                            },
                        )
                    ),
                },
                {"columnKind": {"const": "unicodeCodePoints"}},
            )
        ),
    }
)
# https://docs.gitlab.com/ci/testing/code_quality/#code-quality-report-format
CODE_QUALITY = _list(
    _object(
        {
            "description": _TEXT,
            "check_name": _TEXT,
            "fingerprint": _TEXT,
            "severity": {"enum": ["info", "minor", "major", "critical", "blocker"]},
            "location": _object({"path": _TEXT, "lines": _object({"begin": _PLACE})}),
        }
    )
)

CONTRACTS = (
    Contract(path="a.py", line=3, subject="f", outcome=Outcome.KEPT),
    Contract(
        path="a.py",
        line=9,
        subject="g",
        outcome=Outcome.BROKEN,
        failing=(
            RequiredSite(line=10, family="BINARY_OP", argrepr="/", state=State.ADAPTIVE),
            RequiredSite(line=11, family="CALL", argrepr="", state=State.UNSTABLE),
        ),
    ),
    Contract(path="a.py", line=20, subject="h", outcome=Outcome.UNMEASURED),
    Contract(path="b.py", line=1, subject="i", outcome=Outcome.UNMEASURED),
    Contract(path="a.py", line=30, subject="", outcome=Outcome.MALFORMED, problem="no reason"),
)
AGREED = FAIL.model_copy(update={"contracts": CONTRACTS, "elsewhere": ("b.py:1",)})


def sarif(text: str) -> list[dict[str, Any]]:
    """Return the runs of a log that fits the format."""
    log = json.loads(text)
    Draft202012Validator(SARIF).validate(log)
    if OFFICIAL:
        schema = json.loads(Path(OFFICIAL).read_text(encoding="utf-8"))
        Draft202012Validator(schema).validate(log)
    for run in log["runs"]:
        rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
        for result in run["results"]:
            assert rules[result["ruleIndex"]] == result["ruleId"]
            region = result["locations"][0]["physicalLocation"]["region"]
            assert region["endLine"] >= region["startLine"]
    runs: list[dict[str, Any]] = log["runs"]
    return runs


def code_quality(text: str) -> list[dict[str, Any]]:
    """Return the issues of an artifact that fits the format; each has its own fingerprint."""
    issues: list[dict[str, Any]] = json.loads(text)
    Draft202012Validator(CODE_QUALITY).validate(issues)
    assert len({issue["fingerprint"] for issue in issues}) == len(issues)
    return issues


def test_a_log_has_what_the_report_has() -> None:
    """Regressions, new code and contracts are results; improvements are none."""
    (run,) = sarif(render_report(AGREED, Format.SARIF))
    assert [(r["ruleId"], r["level"]) for r in run["results"]] == [
        ("regression", "error"),
        ("regression", "error"),
        ("regression", "error"),
        ("new", "warning"),
        ("new", "warning"),
        ("contract", "error"),
        ("contract", "error"),
        ("contract", "error"),
    ]
    accepted = run["results"][4]
    assert accepted["suppressions"] == [
        {"kind": "external", "justification": "one label, once | a year"}
    ]
    broken = "BINARY_OP / on line 10 is adaptive; CALL on line 11 is unstable"
    assert [r["message"]["text"] for r in run["results"][5:]] == [
        f"g is required to be specialized: {broken}",
        "h is required to be specialized, and none of it ran hot",
        "This is no contract: no reason",
    ]
    assert run["invocations"][0]["executionSuccessful"] is True


def test_columns_are_characters() -> None:
    """A site behind two wide characters is where an editor would look for it."""
    new = next(change for change in FAIL.changes if change.kind is ChangeKind.NEW)
    start = len('    label = ("面積: " + '.encode())
    change = new.model_copy(update={"column": start, "end_column": start + len("str(area)")})
    (run,) = sarif(render_report(FAIL.model_copy(update={"changes": (change,)}), Format.SARIF))
    region = run["results"][0]["locations"][0]["physicalLocation"]["region"]
    assert change.source[region["startColumn"] - 1 : region["endColumn"] - 1] == "str(area)"


def test_what_could_not_be_measured_is_no_success() -> None:
    """Conditions are notifications; a blocking one, or a suite without a report, is an error."""
    (run,) = sarif(render_report(NOT_COMPARABLE, Format.SARIF))
    invocation = run["invocations"][0]
    assert invocation["executionSuccessful"] is False
    levels = [note["level"] for note in invocation["toolExecutionNotifications"]]
    assert sorted(levels) == ["error", "warning"]
    failure = Failure(suite="b", message="it broke", remedy="mend it")
    several = Reports(reports=(PASS,), failures=(failure,))
    good, failed = sarif(render_reports(several, Format.SARIF))
    assert (good["results"], failed["results"]) == ([], [])
    assert failed["invocations"][0]["executionSuccessful"] is False
    assert failed["automationDetails"]["id"] == "specialist-ci/b/"


def test_an_artifact_lists_what_counts() -> None:
    """What is acknowledged is left out, and what several suites find is there once."""
    one = code_quality(render_report(AGREED, Format.CODE_QUALITY))
    assert [(i["check_name"], i["severity"]) for i in one] == [
        *[("specialist-ci/regression", "major")] * 3,
        ("specialist-ci/new", "minor"),
        *[("specialist-ci/contract", "critical")] * 3,
    ]
    assert one[0]["location"] == {"path": "src/shapes/geometry.py", "lines": {"begin": 42}}
    several = Reports(reports=(AGREED, AGREED), failures=())
    assert code_quality(render_reports(several, Format.CODE_QUALITY)) == one
    assert code_quality(render_report(PASS, Format.CODE_QUALITY)) == []


def test_a_snapshot_lists_its_failing_sites() -> None:
    """Each is a note: there is nothing to compare it with."""
    (run,) = sarif(render_snapshot(SNAPSHOT, Format.SARIF))
    issues = code_quality(render_snapshot(SNAPSHOT, Format.CODE_QUALITY))
    assert {result["ruleId"] for result in run["results"]} == {"failing"}
    places = [(i["location"]["path"], i["location"]["lines"]["begin"]) for i in issues]
    assert places == [("src/shapes/geometry.py", 2)] * 2 + [("src/shapes/labels.py", 2)]


def test_a_fingerprint_stays_where_lines_move() -> None:
    """Another line, column or number of misses is the same finding; another site is not."""
    moved = {"line": 99, "end_line": 99, "column": 1, "end_column": 2, "head_misses": 9}
    first, *_ = FAIL.changes
    renamed = first.model_copy(update={"argrepr": "+"})
    reports = [
        FAIL.model_copy(update={"changes": (change,), "acknowledged": ()})
        for change in (first, first.model_copy(update=moved), renamed)
    ]
    same, again, other = ([one.fingerprint for one in of_report(report)] for report in reports)
    assert same == again != other


@given(hostile_reports())
@settings(max_examples=20)  # each is a whole report, full of hostile text
def test_hostile_reports_are_well_formed(report: Report) -> None:
    """Every text arrives on one line, no message has a link, and paths are those of the files."""
    worse = [change for change in report.changes if change.kind is not ChangeKind.IMPROVEMENT]
    (run,) = sarif(render_report(report, Format.SARIF))
    assert len(run["results"]) == len(worse) + len(report.acknowledged)
    for change, result in zip(worse, run["results"], strict=False):
        uri = result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
        assert unquote(uri, errors="surrogatepass") == change.path
        assert not urlsplit(uri).scheme
        text = result["message"]["text"]
        assert text.isprintable()
        assert not re.search(r"(?<!\\)\]\(", text)
    code_quality(render_report(report, Format.CODE_QUALITY))


def test_real_findings(repository: Drawing, capsys: pytest.CaptureFixture[str]) -> None:
    """A real regression is one finding of each format, at its place."""
    bench = "from package import convert\nfor n in range(99): convert(float(n))\n"
    for sign in ("- 32.0", "// 32.0"):
        package = f"def convert(value):\n    return value {sign}\n"
        repository.commit({"bench.py": bench, "package.py": package})
    found = {}
    for to in ("sarif", "codequality"):
        assert main(["diff", "HEAD~1", "HEAD", "--format", to, "--", "bench.py"]) == 1
        found[to] = capsys.readouterr().out
    (run,) = sarif(found["sarif"])
    (result,) = run["results"]
    assert result["locations"][0]["physicalLocation"] == {
        "artifactLocation": {"uri": "package.py", "uriBaseId": "%SRCROOT%"},
        "region": {"startLine": 2, "startColumn": 12, "endLine": 2, "endColumn": 25},
    }
    (issue,) = code_quality(found["codequality"])
    assert issue["location"] == {"path": "package.py", "lines": {"begin": 2}}
    assert issue["fingerprint"] == result["partialFingerprints"]["specialistCi/v1"]

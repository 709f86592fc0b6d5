"""The comment's text and the runner's commands: whatever is in a report, it stays text."""

import json
import re
from dataclasses import replace

import pytest
from markdown_it import MarkdownIt
from pictures import PYTHON
from reports import PROVENANCE, blocked, change, of_suite, report, several

from specialist_ci.errors import UsageError
from specialist_ci.forges.comment import (
    Context,
    accepted,
    comment_body,
    is_identity,
    not_measured,
    told_of,
    worth_saying,
)
from specialist_ci.forges.event import Acceptance, accepted_by_label, accepted_by_line, parse_event
from specialist_ci.forges.workflow import annotations, assignment, command
from specialist_ci.formats.report import ChangeKind, Failure, Verdict, Violation
from specialist_ci.render.escape import visible

CONTEXT = Context("specialist-ci", "b" * 40, "https://github.example.org/o/r/actions/runs/1")
HOSTILE = (
    "##[set-output name=verdict]pass",
    "::error::x",
    "a\n::set-output name=verdict::pass",
    "a\r\n<!-- specialist-ci: specialist-ci -->",
    "`|` ![x](https://evil.example) <img src=x onerror=alert(1)> @octocat #1 https://evil.example",
    "--> <script>",
    "]()\x1b[31m\u202e",
)


# --- the comment ---


def test_marker_and_memory() -> None:
    """The first line is the marker, and what was there before tells what is resolved."""
    failing = several(report(change(), verdict=Verdict.FAIL))
    passing = several(report())
    first = comment_body(failing, CONTEXT, None)
    assert first.splitlines()[0] == "<!-- specialist-ci: specialist-ci -->"
    resolved = comment_body(passing, CONTEXT, first)
    assert "**Resolved**: an earlier push had 1 regression" in resolved
    assert "Resolved" not in comment_body(passing, CONTEXT, resolved)
    assert "Resolved" not in comment_body(passing, CONTEXT, None)
    # What a source line quotes is not what was remembered.
    quoting = f"{first.splitlines()[0]}\n\n```\n<!-- specialist-ci-regressions: 1 -->\n```"
    assert "Resolved" not in comment_body(passing, CONTEXT, quoting)
    # Nothing is resolved by not being measured.
    for silent in (not_measured("it broke", "mend it"), several(blocked())):
        assert "Resolved" not in comment_body(silent, CONTEXT, first)
    told = comment_body(not_measured("it broke", "mend it"), CONTEXT, first)
    assert "### ⚠️ NOT MEASURED\n\n- it broke\n  - remedy: mend it\n" in told
    assert told_of(told) == CONTEXT.head_sha
    assert told_of(f"quoted\n\n{told}") is None


def test_what_several_interpreters_share_is_counted_once() -> None:
    """The number of regressions is the one that the comment shows."""
    newer = PYTHON.model_copy(update={"version": "3.14.0"})
    failing = report(change(), verdict=Verdict.FAIL)
    side = PROVENANCE.model_copy(update={"python": newer})
    both = several(failing, failing.model_copy(update={"base": side, "head": side}))
    first = comment_body(both, CONTEXT, None)
    assert "FAIL: 1 regression \\(on all versions\\)" in first
    assert "an earlier push had 1 regression," in comment_body(several(report()), CONTEXT, first)


def test_several_suites_begin_with_how_each_did() -> None:
    """One line tells all, and what failed comes first."""
    slow = Failure(suite="slow", message="it broke", remedy="mend it")
    fine, bad = (
        of_suite("fi|ne", report()),
        of_suite("bad", report(change(), verdict=Verdict.FAIL)),
    )
    body = comment_body(several(fine, bad, failures=(slow,)), CONTEXT, None)
    assert body.split("\n\n")[1] == "❌ `bad` · ⚠️ `slow` · ✅ `fi|ne`"
    assert re.findall("^### (.)", body, re.MULTILINE) == ["❌", "⚠", "✅"]


def test_a_few_lines_are_open_and_the_rest_is_folded() -> None:
    """A long comment is short to read: the worst changes first, whatever their kind."""
    worse = [change(path=f"{index}.py", base_path=f"{index}.py") for index in range(4)]
    new = [change(path=f"n{index}.py", kind=ChangeKind.NEW) for index in range(3)]
    better = change(path="b.py", kind=ChangeKind.IMPROVEMENT)
    body = comment_body(several(report(*worse, *new, better, verdict=Verdict.FAIL)), CONTEXT, None)
    shown, *folded = body.split("<details>")
    assert re.findall(r"^\*\*`(\w+)\.py", shown, re.MULTILINE) == ["0", "1", "2", "3", "n0"]
    assert [text.partition("</summary>")[0] for text in folded] == [
        "<summary>2 more new failing sites",
        "<summary>1 improvement",
    ]


def test_rules_that_failed_are_a_list() -> None:
    """One stands in the line of what was compared; of many, the first five are listed."""

    def body(count: int) -> str:
        found = tuple(Violation(rule="budget", message=f"number {n}") for n in range(count))
        return comment_body(several(report(verdict=Verdict.FAIL, violations=found)), CONTEXT, None)

    assert " · failed by budget (number 0)\n" in body(1)
    assert "\n\nFailed by\n\n- budget (number 0)\n- budget (number 1)\n" in body(2)
    assert body(7).count("\n- budget") == 5
    assert "\n- … and 2 more rules\n" in body(7)


def test_what_is_worth_a_comment() -> None:
    """Any change, and all that could not be measured."""
    assert not worth_saying(several(report()))
    assert worth_saying(several(report(change(kind=ChangeKind.IMPROVEMENT))))
    assert worth_saying(several(blocked()))
    assert worth_saying(several())
    assert worth_saying(not_measured("", ""))


@pytest.mark.parametrize("suites", [1, 3, 1000])
def test_a_huge_comment_is_cut(suites: int) -> None:
    """It stays below the limit, says what is left out, and links the whole report."""
    changes = [change(path=f"{'d' * 60}/{index}.py", source="x" * 300) for index in range(2_000)]
    found = report(*changes[: 6000 // suites], verdict=Verdict.FAIL)
    body = comment_body(
        several(*(of_suite(f"suite-{number}", found) for number in range(suites))), CONTEXT, None
    )
    assert len(body) < 65_536
    assert body.count("Left out to stay within the size limit") == min(suites, 3) or (
        "more suites" in body
    )
    assert "[run and whole report](<https://github.example.org/o/r/actions/runs/1>)" in body


def test_small_reports_leave_their_room_to_large_ones() -> None:
    """Only what does not fit is cut."""
    changes = [
        change(path="other.py", base_path="other.py", line=index, source="x" * 90)
        for index in range(2_000)
    ]
    small, large = report(change()), report(*changes)
    found = (of_suite(name, one) for name, one in zip("abc", (small, large, small), strict=True))
    body = comment_body(several(*found), CONTEXT, None)
    assert body.count("`convert.py:2`") == 2
    assert len(body) > 60_000


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_in_a_comment(text: str) -> None:
    """No name of a file, a function or a type, and no source line, makes markup or a marker."""
    hostile = change(
        path=text,
        function=text,
        source=text,
        argrepr=text,
        reason=text,
        base_path=text,
        advice=text,
    )
    failure = Failure(suite=text, message=text, remedy=text)
    links = "https://github.example.org/o/r/blob/{commit}/{path}#L{line}"
    context = Context("specialist-ci", text, "https://x/1", links, Acceptance(text, text))
    broken = (Violation(rule="regression", message=text),)
    failing = report(hostile, verdict=Verdict.FAIL, violations=broken)
    body = comment_body(several(failing, failures=(failure,)), context, None)
    shown = MarkdownIt("commonmark").enable("table").render(body)
    assert "<script" not in shown
    assert not re.search(
        r'<(?:img|a)[^>]+(?:src|href)="(?!https://(?:github\.example\.org|x)/)', shown
    )
    assert shown.count("<!--") == 2
    assert "<strong>Accepted</strong>" in shown
    assert "##[" not in body
    prose = re.sub(r"(?s)<code.*?</code>", "", shown)
    assert not re.search(r"@octocat|#1\b|https://evil", prose)


def test_identities() -> None:
    """What identifies a comment cannot end its marker."""
    assert is_identity("packages.core-1")
    for text in ("", "-->", "a b", "a\nb", "x" * 65, "../x"):
        assert not is_identity(text)


# --- commands to the runner ---


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_in_an_annotation(text: str) -> None:
    """One annotation is one command and nothing else."""
    hostile = change(path=text, argrepr=text, reason=text)
    failure = Failure(suite=text, message=text, remedy=text)
    for line in annotations(several(report(hostile), failures=(failure,))):
        assert line.splitlines() == [line]
        assert "##[" not in line
        assert "\x1b" not in line
        assert re.match(r"::(?:error|warning) ?(?:(?:file|line|title)=[^:,]*,?)*::", line)
        assert "file=" not in line or visible(text) == text  # no file could be named


def test_properties_cannot_be_added() -> None:
    """Comma, colon and percent in a value stay in it."""
    assert (
        command("error", "50%", file="a,line=1::b%0A")
        == "::error file=a%2Cline=1%3A%3Ab%250A::50%25"
    )


def test_ten_errors_and_ten_warnings() -> None:
    """What fails the build is an error; the most important come first."""
    failing = [change(path=f"{index}.py") for index in range(30)]
    remarks = [change(path=f"{index}.py", kind=ChangeKind.NEW) for index in range(30)]
    lines = annotations(several(report(*failing, *remarks), failures=()))
    assert [line.split("file=")[0] for line in lines] == ["::error "] * 10 + ["::warning "] * 10
    assert "file=0.py" in lines[0]


def test_a_value_cannot_end_its_heredoc() -> None:
    """The delimiter is random; one that is in the value is refused."""
    text = assignment("path", "a\nverdict=pass", "end-1")
    assert text == "path<<end-1\na\nverdict=pass\nend-1\n"
    with pytest.raises(ValueError, match="delimiter"):
        assignment("path", "a\nend-1\nverdict=pass", "end-1")


# --- acceptance ---


def test_acceptance_by_line() -> None:
    """A line of its own, by somebody who belongs to the repository, outside of comments."""
    assert accepted_by_line("x\nspecialist-ci: accept", "me", trusted=True) == Acceptance(
        "me", "a line of the description"
    )
    given = accepted_by_line("specialist-ci: accept: by design\r\n", "me", trusted=True)
    assert given == Acceptance("me", "a line of the description: by design")
    assert accepted_by_line("specialist-ci: accept", "me", trusted=False) is None
    for text in (
        "",
        "write specialist-ci: accept",
        "<!--\nspecialist-ci: accept\n-->",
        "<!--\nspecialist-ci: accept",
        "specialist-ci: acceptable",
    ):
        assert accepted_by_line(text, "me", trusted=True) is None


def test_what_is_accepted() -> None:
    """Changes are; a budget or a contract is not, and nor is what passes anyway."""

    def body(*rules: str) -> str:
        found = tuple(Violation(rule=rule, message="x") for rule in rules)
        verdict = Verdict.FAIL if rules else Verdict.PASS
        context = replace(CONTEXT, acceptance=Acceptance("me", "a label"))
        return comment_body(several(report(verdict=verdict, violations=found)), context, None)

    assert "**Accepted** for this pull request by me, by a label." in body("regression")
    anonymous = accepted(
        several(report(violations=(Violation(rule="regression", message="x"),))),
        Acceptance(None, "a label"),
    )
    assert anonymous == "**Accepted** for this pull request by a label."
    for rules in ((), ("regression", "contract"), ("budget",)):
        assert "Accepted" not in body(*rules)


def test_acceptance_by_label() -> None:
    """Only the configured label counts, and none where none is configured."""
    assert accepted_by_label(["fine"], "fine", "me") == Acceptance("me", "the label fine")
    assert accepted_by_label(["other"], "fine", "me") is None
    assert accepted_by_label([""], "", "me") is None


@pytest.mark.parametrize("text", ["", "[]", '{"pull_request": {"number": "x"}}', "{"])
def test_payloads_that_cannot_be_read(text: str) -> None:
    """One clear line, as for every wrong input."""
    with pytest.raises(UsageError, match="payload"):
        parse_event(text)


def test_a_payload_with_shas_that_are_none() -> None:
    """What goes to git is a full commit id."""
    sides = {"base": {"sha": "--upload-pack=x"}, "head": {"sha": "a" * 40}}
    pull = {"number": 1, "user": {"login": "x"}, **sides}
    with pytest.raises(UsageError, match=r"pull_request\.base\.sha"):
        parse_event(json.dumps({"pull_request": pull}))

"""The note on a GitLab merge request: one, true, ours, and never two of it."""

import re
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from forge import BOT, READER, WRITER, Fault, GitLab, gitlab
from hypothesis import given, settings
from test_render import FAIL, HOSTILE, NOT_COMPARABLE, PASS

from specialist_ci.cli import main
from specialist_ci.comparing.policy import judge
from specialist_ci.forges.gitlab import TOKEN, MergeRequest, State, keep_note
from specialist_ci.formats.report import Failure, Report, Reports

GOOD, BAD = judge(PASS), judge(FAIL)

Post = Callable[..., int]


@pytest.fixture
def server() -> Iterator[GitLab]:
    """Serve a merge request."""
    with gitlab() as found:
        yield found


@pytest.fixture
def post(server: GitLab, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Post:
    """Return what posts a report as a job of a pipeline would."""
    environment = {
        "CI_API_V4_URL": server.address,
        "CI_MERGE_REQUEST_PROJECT_ID": "group/project",
        "CI_MERGE_REQUEST_IID": "12",
        "CI_MERGE_REQUEST_SOURCE_PROJECT_URL": "https://gitlab.example/fork/project",
        "CI_PIPELINE_URL": "https://gitlab.example/p/1",
        "CI_COMMIT_SHORT_SHA": "1a2b3c4d",
        TOKEN: WRITER,
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    for name in ("GITHUB_SERVER_URL", "GITHUB_REPOSITORY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("time.sleep", lambda _seconds: None)
    path = tmp_path / "report.json"

    def run(report: Report | Reports | str | None, *options: str) -> int:
        path.unlink(missing_ok=True)
        if report is not None:
            text = report if isinstance(report, str) else report.model_dump_json(indent=2)
            path.write_text(text, encoding="utf-8")
        return main(["gitlab-note", str(path), *options])

    return run


def test_a_note_lives_as_long_as_the_merge_request(
    server: GitLab, post: Post, capsys: pytest.CaptureFixture[str]
) -> None:
    """Created, brought up to date, resolved, and replaced where nothing could be measured."""
    assert post(BAD) == 0
    assert server.bodies[0].startswith("<!-- specialist-ci::bad -->\n### ❌ FAIL: 3 regressions")
    assert "https://gitlab.example/fork/project/-/blob/9f8e7d6" in server.bodies[0]
    assert post(GOOD) == 0
    (body,) = server.bodies
    assert body.startswith("<!-- specialist-ci::good -->\n**Resolved:**")
    assert "✅ PASS" in body
    assert post(GOOD) == 0
    assert "Resolved" not in server.bodies[0]
    assert post(judge(NOT_COMPARABLE)) == 0
    assert server.bodies[0].startswith("<!-- specialist-ci::unknown -->\n### ⚠️ NOT COMPARABLE")
    assert capsys.readouterr().out.split("\n")[:2] == ["note created", "note updated"]


@pytest.mark.parametrize("content", [None, "", "{", '{"verdict": "pass"}', "[]"])
def test_a_job_without_a_report_replaces_the_note(
    content: str | None, server: GitLab, post: Post, capsys: pytest.CaptureFixture[str]
) -> None:
    """What an earlier run said may no longer hold, and the exit code says that too."""
    assert post(BAD) == 0
    assert post(content) == 3
    (body,) = server.bodies
    assert "NOT MEASURED: there is no report of `1a2b3c4d`" in body
    assert "<https://gitlab.example/p/1>" in body
    assert "FAIL" not in body
    assert "specialist-ci: " in capsys.readouterr().err


def test_a_suite_without_a_report_is_never_good(server: GitLab, post: Post) -> None:
    """It stands in the note beside the reports of the others."""
    failure = Failure(suite="slow", message="it broke", remedy="mend it")
    assert post(Reports(reports=(GOOD,), failures=(failure,))) == 0
    assert server.bodies[0].startswith("<!-- specialist-ci::unknown -->")
    assert "✅ PASS" in server.bodies[0]
    assert "NOT MEASURED: suite slow" in server.bodies[0]


def test_a_forged_verdict_is_decided_again(server: GitLab, post: Post) -> None:
    """The report comes from a job that ran the merge request's own code."""
    assert post(PASS.model_copy(update={"changes": FAIL.changes, "fail_on": ("regression",)})) == 0
    assert "FAIL: 3 regressions" in server.bodies[0]


def test_only_changes_makes_no_empty_note(
    server: GitLab, post: Post, capsys: pytest.CaptureFixture[str]
) -> None:
    """A note that is there is brought up to date all the same."""
    assert post(GOOD, "--only-changes") == 0
    assert server.bodies == []
    assert capsys.readouterr().out == "note left out\n"
    assert post(BAD, "--only-changes") == 0
    assert post(GOOD, "--only-changes") == 0
    assert "Resolved" in server.bodies[0]


def test_a_note_is_found_among_many(server: GitLab, post: Post) -> None:
    """On every page, by its marker and its author; names tell several notes apart."""
    marker = "<!-- specialist-ci::bad -->\nours?"
    before = [server.add(f"note {n}") for n in range(130)]
    foreign = server.add(marker)
    server.add(marker, BOT, system=True)
    server.add(f"quoted: {marker}", BOT)
    ours = server.add(marker, BOT)
    before += [server.add(f"note {n}") for n in range(130)]
    assert post(BAD) == 0
    assert post(GOOD, "--name", "py3.14") == 0
    texts = {note["id"]: note["body"] for note in server.notes}
    assert "FAIL" in texts[ours]
    assert texts[foreign] == marker
    assert all(texts[number].startswith("note ") for number in before)
    assert len(texts) == 265
    assert sum("specialist-ci:py3.14:good" in text for text in texts.values()) == 1


def test_doubles_are_cleared_away(server: GitLab, post: Post) -> None:
    """Two pipelines that began at once leave two notes, the next one leaves the first."""
    first = server.add("<!-- specialist-ci::bad -->", BOT)
    server.add("<!-- specialist-ci::bad -->", BOT)
    assert post(BAD) == 0
    assert [note["id"] for note in server.notes] == [first]


@pytest.mark.parametrize(
    "fault",
    [
        Fault("POST", 500, after=True),
        Fault("POST", 0, after=True),
        Fault("POST", 502),
        Fault("POST", 0),
        Fault("POST", 429, headers={"Retry-After": "3"}),
        Fault("GET", 503),
        Fault("GET", 429),
        Fault("GET", 0),
    ],
    ids=lambda fault: f"{fault.method} {fault.status}{' after' if fault.after else ''}",
)
def test_a_lost_answer_makes_no_second_note(fault: Fault, server: GitLab, post: Post) -> None:
    """Before a note is posted again, it is looked for."""
    server.faults.append(fault)
    assert post(BAD) == 0
    assert len(server.bodies) == 1
    posts = [place for place, (method, _) in enumerate(server.requests) if method == "POST"]
    for first, second in pairwise(posts):
        assert "GET" in [method for method, _ in server.requests[first:second]]
    assert len(posts) == (2 if fault.method == "POST" and not fault.after else 1)


@pytest.mark.parametrize("method", ["GET", "POST", "PUT"])
def test_a_server_that_stays_broken_is_one_clear_line(
    method: str, server: GitLab, post: Post, capsys: pytest.CaptureFixture[str]
) -> None:
    """A few tries, and then it says so."""
    if method == "PUT":
        server.add("<!-- specialist-ci::bad -->", BOT)
    server.faults += [Fault(method, 500)] * 10
    assert post(BAD) == 2
    assert "answered 500 (something is wrong): run the job again later" in capsys.readouterr().err
    assert sum(found == method for found, _ in server.requests) == 4


LACKS: dict[str, tuple[str, str, str]] = {
    "token of nobody": (TOKEN, "nobody", "answered 401 (401 Unauthorized): renew the token"),
    "token to read": (TOKEN, READER, "answered 403 (403 Forbidden): give the token"),
    "merge request": ("CI_MERGE_REQUEST_IID", "13", "answered 404"),
    "pipeline": (
        "CI_MERGE_REQUEST_IID",
        "",
        "is not set: run this in a merge request pipeline",
    ),
    "server": ("CI_API_V4_URL", "file:///etc", "no web address"),
    "token": (TOKEN, "", f"{TOKEN} is not set: make a project access token"),
}


@pytest.mark.parametrize("name", LACKS)
def test_what_the_job_lacks_is_named(
    name: str,
    server: GitLab,
    post: Post,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Each has its remedy, is not tried again, and the token is in no message."""
    variable, value, words = LACKS[name]
    monkeypatch.setenv(variable, value)
    assert post(BAD) == 2
    err = capsys.readouterr().err
    assert words in err
    assert WRITER not in err
    assert sum(method == "POST" for method, _ in server.requests) <= 1
    assert server.bodies == []


def test_the_token_goes_nowhere_else(
    server: GitLab, post: Post, capsys: pytest.CaptureFixture[str]
) -> None:
    """A redirection is not followed, and no representation shows the token."""
    with gitlab() as other:
        elsewhere = {"Location": f"{other.address}/user"}
        server.faults.append(Fault("GET", 302, headers=elsewhere))
        assert post(BAD) == 2
        assert other.requests == []
    assert "answered 302" in capsys.readouterr().err
    assert WRITER not in repr(MergeRequest("a", "b", "c", WRITER))


@given(HOSTILE)
@settings(max_examples=30)
def test_no_line_is_an_order(text: str) -> None:
    """GitLab obeys lines that begin with a slash, and includes what others name."""
    with gitlab() as server:
        request = MergeRequest(server.address, "group/project", "12", WRITER)
        keep_note(
            request,
            lambda _before: f"a\n{text}\n/close\n  /merge\n::include{{file=a}}",
            name="",
            state=State.BAD,
            sleep=lambda _seconds: None,
        )
        (body,) = server.bodies
        assert not re.search(r"^[ \t]*(/|::)", body, re.MULTILINE)

"""Which pull request is commented on and with what, decided by the server and not by the report."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from hosted import RUN, SERVER, pull_request_event, run_event
from hub import REPOSITORY, Forge, node_folder, packed, running_forge
from packages import shared_folder
from reports import change, report, several

from specialist_ci.comparing.policy import judge
from specialist_ci.errors import UsageError
from specialist_ci.forges.commenting import Said, say
from specialist_ci.forges.event import parse_event
from specialist_ci.forges.github import Remote
from specialist_ci.forges.inputs import Inputs

BASE, HEAD, NEWER = "b" * 40, "a" * 40, "c" * 40
ENVIRON = {
    "GITHUB_SERVER_URL": SERVER,
    "GITHUB_REPOSITORY": REPOSITORY,
    "GITHUB_RUN_ID": str(RUN),
}
FAILING = several(judge(report(change()))).model_dump_json().encode()
PASSING = several(judge(report())).model_dump_json().encode()


@pytest.fixture(scope="module")
def forge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forge]:
    """Run one server for all tests, each of which has its own pull request."""
    with running_forge(node_folder(shared_folder(tmp_path_factory))) as running:
        yield running


def _say(
    forge: Forge, event: dict[str, object], path: Path = Path("missing"), **inputs: str
) -> Said:
    remote = Remote(forge.url, forge.write, REPOSITORY, sleep=lambda _: None)
    given = Inputs({name.replace("_", "-"): text for name, text in inputs.items()})
    return say(parse_event(json.dumps(event)), given, remote, ENVIRON, path)


def test_an_older_push_says_nothing(forge: Forge, tmp_path: Path) -> None:
    """A run that ends after a newer push began does not turn the comment back."""
    path = tmp_path / "report.json"
    path.write_bytes(FAILING)
    number = forge.pull_request(HEAD)
    older = pull_request_event(forge, number, BASE)
    assert _say(forge, older, path).url is not None
    forge.push(number, NEWER)
    before = forge.ours(number)
    path.write_bytes(PASSING)
    assert _say(forge, older, path) == Said(None, "there is a newer push")
    assert forge.ours(number) == before


def test_a_closed_pull_request_is_left_alone(forge: Forge) -> None:
    """Nothing is open that the run was for."""
    number = forge.pull_request(HEAD, fork=True)
    event = run_event(forge, number, "failure")
    forge.ask("PATCH", f"/repos/{REPOSITORY}/pulls/{number}", {"state": "closed"})
    assert _say(forge, event, mode="comment").url is None
    assert forge.ours(number) == []


def test_a_run_that_was_stopped_says_nothing(forge: Forge) -> None:
    """A label put on while it measures cancels it; only what an older push was told is replaced."""
    number = forge.pull_request(HEAD, fork=True)
    stopped = ("cancelled", "action_required")

    def ended(conclusion: str, *, report: bytes | None = None) -> Said:
        forge.artifacts[RUN] = {} if report is None else {"specialist-ci-report": packed(report)}
        return _say(forge, run_event(forge, number, conclusion), mode="comment")

    for conclusion in stopped:
        assert ended(conclusion) == Said(None, f"the measuring run ended as {conclusion}")
    assert ended("failure", report=FAILING).url is not None
    before = forge.ours(number)
    for conclusion in stopped:
        assert ended(conclusion).url is None
    assert forge.ours(number) == before
    for conclusion, remedy in zip(stopped, ("see its log", "approve it"), strict=True):
        forge.push(number, NEWER if conclusion == "cancelled" else HEAD)
        assert ended(conclusion).url is not None
        (body,) = forge.ours(number)
        assert f"ended as {conclusion} and left no report".replace("_", "\\_") in body
        assert f"remedy: {remedy}" in body
    # What it left before it was stopped counts.
    assert ended("cancelled", report=FAILING).url is not None
    assert "FAIL: 1 regression" in forge.ours(number)[0]


def test_the_last_attempt_counts(forge: Forge) -> None:
    """Of several reports of one run, the newest is read, and only that of the id."""
    number = forge.pull_request(HEAD, fork=True)
    event = run_event(forge, number, "failure")
    forge.artifacts[RUN] = {
        "specialist-ci-report": packed(FAILING),
        "other-report": packed(PASSING),
    }
    assert _say(forge, event, id="other", comment="always").url is not None
    assert _say(forge, event).url is not None
    other, own = forge.ours(number)
    assert "PASS" in other
    assert "**other**" in other
    assert "FAIL: 1 regression" in own


def test_the_trusted_policy_wins(forge: Forge) -> None:
    """A report that wants to be judged by nothing is judged by what the trusted workflow says."""
    lenient = several(judge(report(change(), fail_on=("never",)))).model_dump_json().encode()
    number = forge.pull_request(HEAD, fork=True)
    event = run_event(forge, number, "success")
    forge.artifacts[RUN] = {"specialist-ci-report": packed(lenient)}
    _say(forge, event)
    assert "PASS: 1 regression" in forge.ours(number)[0]
    _say(forge, event, fail_on="regression")
    assert "FAIL: 1 regression" in forge.ours(number)[0]
    with pytest.raises(UsageError, match="fail-on cannot be 'all'"):
        _say(forge, event, fail_on="all")


def test_two_pull_requests_of_one_head(forge: Forge) -> None:
    """It cannot be told which one the run was for, unless the event names it."""
    number = forge.pull_request(HEAD)
    branch = forge.payload(number)["head"]["ref"]
    forge.ask("POST", f"/repos/{REPOSITORY}/git/refs", _release(forge))
    made = forge.ask(
        "POST",
        f"/repos/{REPOSITORY}/pulls",
        {"title": "The same", "head": f"octocat:{branch}", "base": "release"},
    )
    forge.push(made["number"], HEAD)
    forge.artifacts[RUN] = {"specialist-ci-report": packed(FAILING)}
    with pytest.raises(UsageError, match="several pull requests"):
        _say(forge, run_event(forge, number, "success"))
    named = [{"number": number}]
    assert _say(forge, run_event(forge, number, "success", pull_requests=named)).url
    assert (len(forge.ours(number)), forge.ours(made["number"])) == (1, [])


def _release(forge: Forge) -> dict[str, str]:
    main = forge.ask("GET", f"/repos/{REPOSITORY}/git/ref/heads/main")
    return {"ref": "refs/heads/release", "sha": main["object"]["sha"]}

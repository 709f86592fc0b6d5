"""The REST client: one comment, whatever the server does, and no request that GitHub refuses."""

from collections.abc import Iterator

import pytest
from hub import REPOSITORY, Forge, node_folder, packed, running_forge
from packages import shared_folder

from specialist_ci.forges.github import ACTIONS_BOT, ForbiddenError, GitHubError, Origin, Remote

MARKER = "<!-- specialist-ci: specialist-ci -->"
BODY = f"{MARKER}\nfirst"
SHA = "a" * 40


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forge]:
    """Run one server for all tests, each of which has its own pull request."""
    with running_forge(node_folder(shared_folder(tmp_path_factory))) as forge:
        yield forge


@pytest.fixture
def forge(served: Forge) -> Forge:
    """Forget what other tests asked for."""
    served.seen.clear()
    served.fail.clear()
    served.unfiltered = False
    return served


def _remote(forge: Forge, *, token: str | None = None, author: str = ACTIONS_BOT) -> Remote:
    waits: list[float] = []  # nobody waits for real
    return Remote(forge.url, token or forge.write, REPOSITORY, author=author, sleep=waits.append)


def test_created_then_updated(forge: Forge) -> None:
    """The second time the same comment gets the new text."""
    number = forge.pull_request(SHA)
    first = _remote(forge).keep_comment(number, MARKER, BODY)
    second = _remote(forge).keep_comment(number, MARKER, f"{MARKER}\nsecond")
    assert first.number == second.number
    assert forge.ours(number) == [f"{MARKER}\nsecond"]
    assert _remote(forge).find_comment(number, MARKER) == second


def test_comments_of_others_are_never_touched(forge: Forge) -> None:
    """Somebody who quotes the marker, and another id of ours, are left alone."""
    number = forge.pull_request(SHA)
    forge.comment(number, BODY)  # a person's, word for word
    quoting = f"> {MARKER}\n{BODY}"
    other = "<!-- specialist-ci: other -->"
    _remote(forge).keep_comment(number, other, f"{other}\nanother suite")
    forge.comment(number, quoting, token=forge.write)
    _remote(forge).keep_comment(number, MARKER, f"{MARKER}\nsecond")
    bodies = [one["body"] for one in forge.comments(number)]
    assert bodies == [BODY, f"{other}\nanother suite", quoting, f"{MARKER}\nsecond"]


def test_found_behind_250_comments(forge: Forge) -> None:
    """All pages are read, a hundred comments each."""
    number = forge.pull_request(SHA)
    for index in range(150):
        forge.comment(number, f"remark {index}")
    _remote(forge).keep_comment(number, MARKER, BODY)
    for index in range(100):
        forge.comment(number, f"remark {index}")
    forge.seen.clear()
    _remote(forge).keep_comment(number, MARKER, f"{MARKER}\nsecond")
    assert forge.ours(number) == [f"{MARKER}\nsecond"]
    pages = [seen.query for seen in forge.seen if seen.path.endswith("/comments")]
    assert len(pages) == 3
    assert all("per_page=100" in query for query in pages)


@pytest.mark.parametrize("how", ["before", "after", "cut", "secondary"])
def test_a_lost_answer_makes_no_second_comment(forge: Forge, how: str) -> None:
    """Whether or not the comment was created before the failure, there is one."""
    number = forge.pull_request(SHA)
    forge.fail.append(("POST", how))
    kept = _remote(forge).keep_comment(number, MARKER, BODY)
    assert forge.fail == []
    assert [one["id"] for one in forge.comments(number)] == [kept.number]


def test_no_blind_second_post(forge: Forge) -> None:
    """Before each further attempt to create, the comments are listed."""
    number = forge.pull_request(SHA)
    forge.fail += [("POST", "before"), ("POST", "before")]
    _remote(forge).keep_comment(number, MARKER, BODY)
    steps = [seen.method for seen in forge.seen if seen.path.endswith("/comments")]
    assert steps == ["GET", "POST", "GET", "POST", "GET", "POST"]


def test_a_server_that_stays_down_is_an_error(forge: Forge) -> None:
    """After a few attempts the job says so."""
    number = forge.pull_request(SHA)
    forge.fail += [("POST", "before")] * 9
    with pytest.raises(GitHubError, match="502"):
        _remote(forge).keep_comment(number, MARKER, BODY)
    assert forge.comments(number) == []


def test_a_long_rate_limit_is_not_waited_for(forge: Forge) -> None:
    """The wait that a server asks for is kept, but no longer than a few minutes."""
    number = forge.pull_request(SHA)
    waits: list[float] = []
    remote = Remote(forge.url, forge.write, REPOSITORY, sleep=waits.append)
    forge.fail.append(("GET", "secondary"))
    remote.pull_request(number)
    assert waits == [2.0]
    forge.fail.append(("GET", "exhausted"))
    with pytest.raises(GitHubError, match=r"403.*later"):
        remote.pull_request(number)
    assert waits == [2.0]


def test_twins_go(forge: Forge) -> None:
    """What two runs at the same moment created besides is deleted."""
    number = forge.pull_request(SHA)
    for _ in range(3):
        forge.comment(number, BODY, token=forge.write)
    _remote(forge).keep_comment(number, MARKER, f"{MARKER}\nsecond")
    assert forge.ours(number) == [f"{MARKER}\nsecond"]


def test_read_only_token_is_refused(forge: Forge) -> None:
    """The token of a pull request from a fork reads and cannot comment."""
    number = forge.pull_request(SHA, fork=True)
    with pytest.raises(ForbiddenError, match="pull-requests: write"):
        _remote(forge, token=forge.read).keep_comment(number, MARKER, BODY)
    assert forge.comments(number) == []


def test_another_author_leaves_nothing(forge: Forge) -> None:
    """A comment that would not be known again goes, and the error names the author."""
    number = forge.pull_request(SHA)
    with pytest.raises(GitHubError, match="comment-author to octocat"):
        _remote(forge, token="octocat").keep_comment(number, MARKER, BODY)
    assert forge.comments(number) == []
    kept = _remote(forge, token="octocat", author="octocat").keep_comment(number, MARKER, BODY)
    assert [one["id"] for one in forge.comments(number)] == [kept.number]


def test_pull_requests_of_a_run(forge: Forge) -> None:
    """Repository, branch and commit must all fit: nothing of an artifact decides."""
    number = forge.pull_request(SHA, fork=True)
    branch = forge.payload(number)["head"]["ref"]
    remote = _remote(forge)

    def found(repository: str, name: str, sha: str) -> list[int]:
        return [one.number for one in remote.pull_requests_of(Origin(repository, name, sha))]

    assert found("stranger/project", branch, SHA) == [number]
    assert found("stranger/project", branch, "b" * 40) == []
    assert found("stranger/another", branch, SHA) == []
    assert found("octocat/project", branch, SHA) == []
    assert found("stranger/project", "main", SHA) == []
    forge.unfiltered = True
    assert found("stranger/project", "main", SHA) == []
    assert found("stranger/project", branch, SHA) == [number]


def test_artifacts_are_read_without_the_token(forge: Forge) -> None:
    """The file comes from another host, which does not get the token, and has a size limit."""
    forge.artifacts[7] = {"specialist-ci-report": packed(b"{}"), "other": b""}
    remote = _remote(forge)
    artifact, other = remote.artifacts(7)
    assert (artifact.name, other.name) == ("specialist-ci-report", "other")
    assert remote.download(artifact, 10_000) == packed(b"{}")
    assert [seen.authorized for seen in forge.seen if seen.path == "/blob"] == [False]
    with pytest.raises(GitHubError, match="more than 10 bytes"):
        remote.download(artifact, 10)


def test_who_put_a_label(forge: Forge) -> None:
    """The server tells; of a label that nobody put it does not."""
    number = forge.pull_request(SHA)
    forge.ask("POST", f"/repos/{REPOSITORY}/labels", {"name": "fine", "color": "ffffff"})
    forge.label(number, "fine")
    remote = _remote(forge)
    assert remote.pull_request(number).labels == ("fine",)
    assert remote.who_labelled(number, "fine") == "octocat"
    assert remote.who_labelled(number, "other") is None


def test_the_token_is_in_no_text(forge: Forge) -> None:
    """Neither the client's repr nor an error shows it."""
    remote = _remote(forge, token="a-secret-token")
    with pytest.raises(GitHubError) as raised:
        remote.pull_request(10_000)
    assert "a-secret-token" not in f"{remote!r} {raised.value} {raised.value.detail}"

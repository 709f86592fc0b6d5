"""The REST client of GitHub: one comment on a pull request, kept true, and reports of other runs.

The only importer of PyGithub, which the extra ``github`` installs. None of its own retries
are used: they repeat a POST whose answer was lost, and that is a second comment.
"""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeVar

import requests
from github import (
    Auth,
    Github,
    GithubException,
    RateLimitExceededException,
    UnknownObjectException,
)
from github.IssueComment import IssueComment
from github.PullRequest import PullRequest as RemotePullRequest
from requests import RequestException

from specialist_ci.errors import SpecialistCIError

ACTIONS_BOT = "github-actions[bot]"  # who comments with the token of a job

_WAITS = (2.0, 10.0, 30.0)  # seconds before the same is asked once more
_PATIENCE = 180.0  # seconds that a server may ask us to wait
_TIMEOUT = 30  # seconds for an answer
_OK = 200
_REFUSED = (401, 403)
_TOO_MANY, _SERVER_ERROR = 429, 500
_CHUNK = 64 * 1024
TRUSTED = frozenset({"OWNER", "MEMBER", "COLLABORATOR"})

_T = TypeVar("_T")


class GitHubError(SpecialistCIError):
    """The server refused, or did not answer (exit code 2)."""

    exit_code = 2


class ForbiddenError(GitHubError):
    """The token does not allow it, as that of a pull request from a fork."""


@dataclass(frozen=True, slots=True)
class PullRequest:
    """What the server says of a pull request."""

    number: int
    head_sha: str
    author: str  # login
    trusted: bool  # the author belongs to the repository
    description: str
    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Artifact:
    """A file that a run left; ``size`` is in bytes, packed."""

    number: int
    name: str
    size: int


@dataclass(frozen=True, slots=True)
class Comment:
    """A comment of ours."""

    number: int
    url: str
    body: str


@dataclass(frozen=True, slots=True)
class Origin:
    """The side of a pull request that a workflow run was started for, as the event tells it."""

    repository: str  # owner/name, of the fork where it is one
    branch: str
    sha: str


class Remote:
    """One repository on a GitHub server.

    All methods raise GitHubError, and ForbiddenError where the token is too weak. They wait
    for a server that is busy, but never for longer than a few minutes.
    """

    def __init__(
        self,
        api: str,
        token: str,
        repository: str,
        *,
        author: str = ACTIONS_BOT,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Take the root of the REST API and owner/name; ``author`` is whose comments are ours."""
        self._server = Github(
            auth=Auth.Token(token),
            base_url=api,
            per_page=100,
            retry=None,
            timeout=_TIMEOUT,
            seconds_between_requests=None,
            seconds_between_writes=None,
            lazy=True,
        )
        self._repository = self._server.get_repo(repository)
        self._url = f"{api}/repos/{repository}"
        self._headers = {"Authorization": f"Bearer {token}"}
        self._author = author
        self._sleep = sleep
        self._clock = clock

    def pull_request(self, number: int) -> PullRequest:
        """Return what the server says of a pull request at this moment."""
        return _described(self._pull(number))

    def pull_requests_of(self, origin: Origin) -> tuple[PullRequest, ...]:
        """Return the open pull requests whose head is just that commit of that branch."""
        owner = origin.repository.partition("/")[0]

        def found() -> tuple[PullRequest, ...]:
            pulls = self._repository.get_pulls(state="open", head=f"{owner}:{origin.branch}")
            return tuple(
                _described(pull)
                for pull in pulls
                # The server looks for the owner and branch only, and a fork may have gone.
                if pull.head.sha == origin.sha
                and pull.head.ref == origin.branch
                and getattr(pull.head.repo, "full_name", None) == origin.repository
            )

        return self._ask(found)

    def who_labelled(self, number: int, label: str) -> str | None:
        """Return the login of who last put a label on a pull request, if the server tells."""
        pull = self._pull(number)

        def last() -> str | None:
            actors = [
                getattr(event.actor, "login", None)
                for event in pull.get_issue_events()
                if event.event == "labeled" and getattr(event.label, "name", None) == label
            ]
            return actors[-1] if actors else None

        return self._ask(last)

    def find_comment(self, number: int, marker: str) -> Comment | None:
        """Return our comment with that first line on a pull request."""
        return next((_kept(one) for one in self._own(self._pull(number), marker)), None)

    def keep_comment(self, number: int, marker: str, body: str) -> Comment:
        """Make ``body`` our one comment with its first line, ``marker``, on a pull request.

        It is updated where there is one and else created; what two runs at once may have
        created besides goes.
        """
        pull = self._pull(number)
        own = self._own(pull, marker)
        for twin in own[1:]:
            self._deleted(twin)
        kept = self._edited(own[0], body) if own else None
        return _kept(self._created(pull, marker, body) if kept is None else kept)

    def artifacts(self, run: int) -> tuple[Artifact, ...]:
        """Return what a workflow run left."""

        def listed() -> tuple[Artifact, ...]:
            found = self._repository.get_workflow_run(run).get_artifacts()
            return tuple(
                Artifact(one.id, one.name, one.size_in_bytes) for one in found if not one.expired
            )

        return self._ask(listed)

    def download(self, artifact: Artifact, limit: int) -> bytes:
        """Return the packed content of an artifact. Raises GitHubError beyond ``limit`` bytes."""
        # PyGithub follows no redirection to another host, which is where the files are;
        # requests does, and keeps the token to itself.
        url = f"{self._url}/actions/artifacts/{artifact.number}/zip"

        def read() -> bytes:
            content = b""
            with requests.get(url, headers=self._headers, stream=True, timeout=_TIMEOUT) as answer:
                if answer.status_code != _OK:
                    raise GithubException(answer.status_code, headers=dict(answer.headers))
                for chunk in answer.iter_content(_CHUNK):
                    content += chunk
                    if len(content) > limit:
                        raise GitHubError(
                            f"the artifact {artifact.name} has more than {limit} bytes",
                            remedy="see what the measuring run uploaded",
                        )
            return content

        return self._ask(read)

    # --- comments ---

    def _own(self, pull: RemotePullRequest, marker: str) -> list[IssueComment]:
        """Return our comments with that first line, the oldest first, from all pages."""
        return self._ask(
            lambda: [
                comment
                for comment in pull.get_issue_comments()
                if comment.body.partition("\n")[0].rstrip() == marker
                and getattr(comment.user, "login", None) == self._author
            ]
        )

    def _edited(self, comment: IssueComment, body: str) -> IssueComment | None:
        """Return the comment with its new body, or None where it is gone."""

        def edit() -> IssueComment | None:
            try:
                comment.edit(body)
            except UnknownObjectException:
                return None
            return comment

        return self._ask(edit)

    def _deleted(self, comment: IssueComment) -> None:
        def delete() -> None:
            with suppress(UnknownObjectException):  # it is gone
                comment.delete()

        self._ask(delete)

    def _created(self, pull: RemotePullRequest, marker: str, body: str) -> IssueComment:
        """Create a comment; look first whether it is there where an answer did not come."""

        def create() -> IssueComment:
            return pull.create_issue_comment(body)

        def look_then_create() -> IssueComment:
            return next(iter(self._own(pull, marker)), None) or create()

        try:
            created = create()
        except _ERRORS as error:
            self._wait_for(error, _WAITS[0])
            created = self._ask(look_then_create)
        if created.user.login != self._author:
            self._deleted(created)  # we would not know it again, and leave a second one
            raise GitHubError(
                f"the token comments as {created.user.login}, not as {self._author}",
                remedy=f"set the input comment-author to {created.user.login}",
            )
        return created

    # --- requests ---

    def _pull(self, number: int) -> RemotePullRequest:
        def fetch() -> RemotePullRequest:
            pull = self._repository.get_pull(number)
            pull.complete()
            return pull

        return self._ask(fetch)

    def _ask(self, request: Callable[[], _T]) -> _T:
        """Return the answer to a request that may be repeated without harm."""
        for wait in _WAITS:
            try:
                return request()
            except _ERRORS as error:
                self._wait_for(error, wait)
        try:
            return request()
        except _ERRORS as error:
            raise _named(error) from error

    def _wait_for(self, error: Exception, wait: float) -> None:
        """Wait before the next attempt, as long as asked to. Raises what will not pass."""
        asked = self._asked(error)
        if not _passes(error) or asked > _PATIENCE:
            raise _named(error) from error
        self._sleep(max(asked, wait))

    def _asked(self, error: Exception) -> float:
        """Return the seconds that the server asks to wait, 0 where it does not."""
        headers = error.headers or {} if isinstance(error, GithubException) else {}
        if "retry-after" in headers:
            return _number(headers["retry-after"])
        if headers.get("x-ratelimit-remaining") == "0":
            return max(0.0, _number(headers.get("x-ratelimit-reset", "0")) - self._clock())
        return 0.0


_ERRORS = (GithubException, RequestException)


def _described(pull: RemotePullRequest) -> PullRequest:
    return PullRequest(
        number=pull.number,
        head_sha=pull.head.sha,
        author=pull.user.login,
        trusted=pull.raw_data.get("author_association") in TRUSTED,
        description=pull.body or "",
        labels=tuple(label.name for label in pull.labels),
    )


def _kept(comment: IssueComment) -> Comment:
    return Comment(number=comment.id, url=comment.html_url, body=comment.body)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0


def _passes(error: Exception) -> bool:
    """Tell whether the same request may be answered later."""
    if not isinstance(error, GithubException):
        return True  # the connection
    return (
        error.status >= _SERVER_ERROR
        or error.status == _TOO_MANY
        or isinstance(error, RateLimitExceededException)
        or "retry-after" in (error.headers or {})
    )


def _named(error: Exception) -> GitHubError:
    if not isinstance(error, GithubException):
        return GitHubError(
            f"the GitHub server cannot be reached ({type(error).__name__})",
            remedy="run the job again",
        )
    message = error.data.get("message") if isinstance(error.data, dict) else None
    said = f"the GitHub server answered {error.status} ({message or 'without a word'})"
    if _passes(error):
        return GitHubError(said, remedy="run the job again later")
    if error.status in _REFUSED:
        return ForbiddenError(
            said,
            remedy="give the job `permissions: pull-requests: write`, and `actions: read` where "
            "another run measured; a pull request from a fork cannot have the first and needs "
            "the second workflow",
        )
    return GitHubError(said, remedy="see what the job asked for in its log")

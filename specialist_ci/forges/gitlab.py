"""Keeps one note on a GitLab merge request, through GitLab's REST API (v4).

https://docs.gitlab.com/api/notes/#merge-requests and https://docs.gitlab.com/api/rest/
"""

import json
import re
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from http.client import HTTPException
from typing import Any
from urllib.parse import quote, urlsplit

from specialist_ci.errors import UsageError

TOKEN = "SPECIALIST_CI_GITLAB_TOKEN"  # noqa: S105 - the name of a variable

_PER_PAGE = 100
_TRIES = 4
_TIMEOUT = 30.0  # seconds
_LONGEST_WAIT = 60.0  # seconds
_LIMIT = 20_000_000  # bytes of an answer
_TOO_MANY, _SERVER_ERROR = 429, 500

_MARKER = re.compile(r"<!-- specialist-ci:(?P<name>[A-Za-z0-9._-]*):(?P<state>[a-z]+) -->")
# What GitLab would take for a quick action or an include, at the start of any line.
_ACTION = re.compile(r"^(?=[ \t]*(?:/|::))", re.MULTILINE)


class State(StrEnum):
    """What a note says, for the next run to know."""

    GOOD = "good"
    BAD = "bad"
    UNKNOWN = "unknown"  # it could not be measured


class Outcome(StrEnum):
    """What became of the note."""

    CREATED = "created"
    UPDATED = "updated"
    LEFT_OUT = "left out"  # there was nothing to say


@dataclass(frozen=True, slots=True)
class Note:
    """One of our notes."""

    number: int
    state: State


@dataclass(frozen=True, slots=True)
class MergeRequest:
    """A merge request of a GitLab server, and the right to write there."""

    api: str  # address, such as https://gitlab.com/api/v4
    project: str  # number or path
    number: str  # the IID
    token: str = field(repr=False)


def merge_request(environ: Mapping[str, str]) -> MergeRequest:
    """Return the merge request of a CI job by its predefined variables.

    Raises UsageError, naming the variable, where the job has none.
    """
    api = _required(environ, "CI_API_V4_URL", "run this in a job of GitLab CI")
    if urlsplit(api).scheme not in {"https", "http"}:
        raise UsageError(
            f"CI_API_V4_URL is no web address: {api}", remedy="leave it as GitLab has it"
        )
    pipelines = "run this in a merge request pipeline, by rules as docs/ci.md shows"
    return MergeRequest(
        api=api.rstrip("/"),
        project=_required(environ, "CI_MERGE_REQUEST_PROJECT_ID", pipelines),
        number=_required(environ, "CI_MERGE_REQUEST_IID", pipelines),
        token=_required(
            environ,
            TOKEN,
            "make a project access token with the scope api and the role Reporter, and keep it "
            "in a masked variable of that name",
        ),
    )


def keep_note(
    request: MergeRequest,
    write: Callable[[State | None], str],
    *,
    name: str,
    state: State,
    create: bool = True,
    sleep: Callable[[float], None],
) -> Outcome:
    """Create the note of that name or update it, so that there is one, and say which it was.

    ``write`` returns the text, given the state that the note had (None: there is none).
    Without ``create``, only a note that is there is brought up to date. Notes of others are never
    touched. Raises UsageError where the server refuses.
    """
    client = _Client(request, sleep)
    known = client.notes(name)
    if not known:
        if not create:
            return Outcome.LEFT_OUT
        client.create(_body(name, state, write(None)), name)
        return Outcome.CREATED
    kept, *others = known
    client.update(kept, _body(name, state, write(kept.state)))
    for double in others:  # two pipelines began at the same moment
        client.delete(double)
    return Outcome.UPDATED


def _body(name: str, state: State, text: str) -> str:
    """Return a note that we find again, and that GitLab obeys in nothing."""
    harmless = _ACTION.sub("\u200b", text)
    return f"<!-- specialist-ci:{name}:{state.value} -->\n{harmless}"


def _required(environ: Mapping[str, str], name: str, remedy: str) -> str:
    if not environ.get(name):
        raise UsageError(f"the variable {name} is not set", remedy=remedy)
    return environ[name]


class _RefusedError(Exception):
    """An answer that is no success, or none at all: then the status is None."""

    def __init__(self, status: int | None, said: str, wait: float | None = None) -> None:
        super().__init__(said)
        self.status = status
        self.wait = wait  # seconds that the server asks for

    @property
    def passing(self) -> bool:
        """Whether the same request may succeed a little later."""
        return self.status is None or self.status == _TOO_MANY or self.status >= _SERVER_ERROR


class _StaysHere(urllib.request.HTTPRedirectHandler):
    """Follows no redirection: it would take the token elsewhere."""

    def redirect_request(self, *_arguments: Any, **_named: Any) -> None:  # noqa: ANN401 - as urllib has it
        return None


@dataclass(frozen=True, slots=True)
class _Answer:
    content: Any
    headers: Mapping[str, str]


class _Client:
    """Speaks with the server; what is safe to repeat is repeated, and no POST is."""

    def __init__(self, request: MergeRequest, sleep: Callable[[float], None]) -> None:
        self._request = request
        self._sleep = sleep
        self._opener = urllib.request.build_opener(_StaysHere)
        self._me: int | None = None
        project, number = (quote(part, safe="") for part in (request.project, request.number))
        self._notes = f"/projects/{project}/merge_requests/{number}/notes"

    def notes(self, name: str) -> list[Note]:
        """Return our notes of that name, the oldest first."""
        if self._me is None:
            self._me = int(self._repeated("GET", "/user").content["id"])
        found = []
        for note in self._every_note():
            marker = _MARKER.match(note["body"])
            ours = note["author"]["id"] == self._me and not note.get("system")
            if ours and marker and marker["name"] == name:
                state = marker["state"]
                known = State(state) if state in list(State) else State.UNKNOWN
                found.append(Note(int(note["id"]), known))
        return found

    def create(self, body: str, name: str) -> None:
        """Create the note. Where no answer comes, look whether it is there before another try."""
        tried = 0
        while not tried or not self.notes(name):
            try:
                self._once("POST", self._notes, {"body": body})
            except _RefusedError as refusal:
                tried += 1
                self._wait(tried, refusal)
            else:
                return

    def update(self, note: Note, body: str) -> None:
        """Replace the text of a note."""
        self._repeated("PUT", f"{self._notes}/{note.number}", {"body": body})

    def delete(self, note: Note) -> None:
        """Delete a note."""
        self._repeated("DELETE", f"{self._notes}/{note.number}")

    def _every_note(self) -> Iterator[Mapping[str, Any]]:
        page = "1"
        while page:
            path = f"{self._notes}?order_by=created_at&sort=asc&per_page={_PER_PAGE}&page={page}"
            answer = self._repeated("GET", path)
            yield from answer.content
            page = answer.headers.get("x-next-page", "")

    def _repeated(self, method: str, path: str, content: object = None) -> _Answer:
        tried = 0
        while True:
            try:
                return self._once(method, path, content)
            except _RefusedError as refusal:
                tried += 1
                self._wait(tried, refusal)

    def _wait(self, tried: int, refusal: _RefusedError) -> None:
        """Wait before the next try. Raises UsageError where another one is no use."""
        if not refusal.passing or tried == _TRIES:
            raise self._error(refusal) from refusal
        self._sleep(min(refusal.wait or 2.0**tried, _LONGEST_WAIT))

    def _once(self, method: str, path: str, content: object = None) -> _Answer:
        request = urllib.request.Request(  # noqa: S310 - the scheme was looked at
            self._request.api + path,
            method=method,
            data=None if content is None else json.dumps(content).encode(),
            headers={
                "PRIVATE-TOKEN": self._request.token,
                "Accept": "application/json",
                "Content-Type": "application/json",
                "User-Agent": "specialist-ci",
            },
        )
        try:
            with self._opener.open(request, timeout=_TIMEOUT) as response:
                data = response.read(_LIMIT)
                headers = {key.lower(): text for key, text in response.headers.items()}
            return _Answer(json.loads(data) if data else None, headers)
        except urllib.error.HTTPError as error:
            with error:
                raise _RefusedError(error.code, _said(error), _asked_wait(error)) from error
        except (OSError, HTTPException, ValueError) as error:  # lost on its way, or cut
            raise _RefusedError(None, str(error) or type(error).__name__) from error

    def _error(self, refusal: _RefusedError) -> UsageError:
        status = "gave no answer" if refusal.status is None else f"answered {refusal.status}"
        remedies = {
            401: f"renew the token in {TOKEN}",
            403: f"give the token in {TOKEN} the scope api and the role Reporter or above",
            404: f"give the token in {TOKEN} access to the project of the merge request",
        }
        return UsageError(
            f"{self._request.api} {status} ({refusal})",
            remedy=remedies.get(refusal.status or 0, "run the job again later"),
        )


def _said(error: urllib.error.HTTPError) -> str:
    """Return what the server says of an error, in one short line."""
    try:
        content = json.loads(error.read(_LIMIT))
    except (OSError, HTTPException, ValueError):
        return str(error.reason)
    if isinstance(content, Mapping):
        content = content.get("message") or content.get("error") or content
    return str(content)[:200]


def _asked_wait(error: urllib.error.HTTPError) -> float | None:
    text = error.headers.get("Retry-After", "")
    return float(text) if text.isascii() and text.isdecimal() else None

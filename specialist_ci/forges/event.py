"""What the event that started a workflow says, as far as it matters to a comparison; pure."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from specialist_ci.errors import UsageError

# Only people who answer for the repository accept a regression by writing so; a label can
# be put by none but them anyway.
_TRUSTED = frozenset({"OWNER", "MEMBER", "COLLABORATOR"})
_ACCEPTING = re.compile(r"^[ \t]*specialist-ci:[ \t]*accept\b(?P<reason>[^\r\n]*)", re.MULTILINE)
_REMARK = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)

_Sha = Annotated[str, Field(pattern=r"^(?:[0-9a-f]{40}|[0-9a-f]{64})$")]


class _Part(BaseModel):
    """A part of a payload: what else it has does not matter here."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class Named(_Part):
    """A repository."""

    full_name: str
    default_branch: str | None = None


class User(_Part):
    """An account."""

    login: str


class Label(_Part):
    """A label of a pull request."""

    name: str


class Ref(_Part):
    """One side of a pull request."""

    sha: _Sha


class PullRequest(_Part):
    """A pull request as it was when the event happened."""

    number: int
    base: Ref
    head: Ref
    user: User
    body: str | None = None
    labels: tuple[Label, ...] = ()
    author_association: str = "NONE"

    @property
    def trusted(self) -> bool:
        """Whether the author belongs to the repository."""
        return is_trusted(self.author_association)


class Run(_Part):
    """A workflow run that has ended."""

    id: int
    event: str
    conclusion: str | None = None
    html_url: str
    head_sha: _Sha
    head_branch: str | None = None
    head_repository: Named | None = None
    pull_requests: tuple["Numbered", ...] = ()


class Numbered(_Part):
    """A pull request of the same repository, as a workflow run names it."""

    number: int


class Group(_Part):
    """A group of a merge queue."""

    base_sha: _Sha
    head_sha: _Sha


class Event(_Part):
    """The payload of any event."""

    repository: Named | None = None
    ref: str | None = None  # of a push
    action: str | None = None
    sender: User | None = None
    label: Label | None = None
    pull_request: PullRequest | None = None
    merge_group: Group | None = None
    workflow_run: Run | None = None

    @property
    def on_default_branch(self) -> bool:
        """Whether this is a push to the branch that pull requests start from."""
        branch = self.repository and self.repository.default_branch
        return bool(branch) and self.ref == f"refs/heads/{branch}"


@dataclass(frozen=True, slots=True)
class Acceptance:
    """Who let the regressions of one pull request pass, and how."""

    who: str | None  # login; None: the server does not tell
    how: str


def parse_event(text: str) -> Event:
    """Read a payload. Raises UsageError for what is none."""
    try:
        return Event.model_validate_json(text)
    except ValidationError as error:
        place = ".".join(map(str, error.errors()[0]["loc"])) or "its beginning"
        raise UsageError(
            f"the payload of the event cannot be read (at {place})",
            remedy="run this as a step of a GitHub workflow",
        ) from error


def is_trusted(association: str | None) -> bool:
    """Tell whether an author with that association belongs to the repository."""
    return association in _TRUSTED


def accepted_by_line(description: str, author: str, *, trusted: bool) -> Acceptance | None:
    """Return the acceptance by a line `specialist-ci: accept REASON` of the description."""
    found = _ACCEPTING.search(_REMARK.sub("", description)) if trusted else None
    if found is None:
        return None
    reason = found["reason"].strip(" \t:-")
    return Acceptance(author, "a line of the description" + (f": {reason}" if reason else ""))


def accepted_by_label(labels: Iterable[str], label: str, who: str | None) -> Acceptance | None:
    """Return the acceptance by a label, where the pull request has it."""
    return Acceptance(who, f"the label {label}") if label and label in labels else None

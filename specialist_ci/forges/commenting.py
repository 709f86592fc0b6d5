"""Says on the pull request what was measured: from this run, or from one that may not comment."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from specialist_ci.comparing.policy import settle
from specialist_ci.errors import SpecialistCIError, UsageError
from specialist_ci.forges.comment import (
    Context,
    comment_body,
    marker,
    not_measured,
    told_of,
    worth_saying,
)
from specialist_ci.forges.event import Acceptance, Event, Run, accepted_by_label, accepted_by_line
from specialist_ci.forges.github import Origin, PullRequest, Remote
from specialist_ci.forges.inputs import Inputs
from specialist_ci.forges.intake import LIMIT, parse_reports, read_file, unpack
from specialist_ci.formats.report import Reports

# Runs that end so before they measured have nothing to say of the pull request: a newer one of
# the same push stopped it, or it waits for somebody to approve it.
_UNSAYING = frozenset({"cancelled", "action_required"})


@dataclass(frozen=True, slots=True)
class Said:
    """What became of the comment: its address, or the reason why there is none."""

    url: str | None
    note: str = ""


def say(
    event: Event, inputs: Inputs, remote: Remote, environ: Mapping[str, str], report: Path
) -> Said:
    """Bring the comment up to date; ``report`` is the file of this run, where it measured.

    Raises GitHubError, and UsageError where the event fits no pull request.
    """
    if inputs.comment == "never":
        return Said(None, "the input comment says never")
    if event.workflow_run is not None:
        return _say_of_other_run(event.workflow_run, inputs, remote, environ)
    if event.pull_request is None:
        return Said(None, "this is no pull request")
    pull = remote.pull_request(event.pull_request.number)
    if pull.head_sha != event.pull_request.head.sha:
        return Said(None, "there is a newer push")
    number = environ.get("GITHUB_RUN_ID", "")
    run_url = f"{_site(environ)}/actions/runs/{number}"
    return _say(_own_reports(report), pull, run_url, _Glue(inputs, remote, environ))


def _say_of_other_run(run: Run, inputs: Inputs, remote: Remote, environ: Mapping[str, str]) -> Said:
    if run.event != "pull_request":
        return Said(None, f"the measuring run was started by {run.event}")
    if run.conclusion == "skipped":
        return Said(None, "the measuring run was skipped")
    if run.head_repository is None or run.head_branch is None:
        return Said(None, "the repository of the pull request is gone")
    pulls = remote.pull_requests_of(
        Origin(run.head_repository.full_name, run.head_branch, run.head_sha)
    )
    if not pulls:
        return Said(None, "the pull request is closed or has a newer push")
    # Of the same repository the event names them; one branch can have several.
    named = {one.number for one in run.pull_requests}
    pulls = tuple(pull for pull in pulls if pull.number in named) or pulls
    if len(pulls) > 1:
        raise UsageError(
            "several pull requests have the same head: "
            + ", ".join(f"#{pull.number}" for pull in pulls),
            remedy="close all but one of them",
        )
    several = _reports(run, inputs.identity, remote)
    if several is None:
        if run.conclusion in _UNSAYING and not _stale(pulls[0], inputs, remote):
            return Said(None, f"the measuring run ended as {run.conclusion}")
        several = not_measured(
            f"the measuring run ended as {run.conclusion} and left no report",
            "approve it" if run.conclusion == "action_required" else "see its log",
        )
    return _say(several, pulls[0], run.html_url, _Glue(inputs, remote, environ))


def _stale(pull: PullRequest, inputs: Inputs, remote: Remote) -> bool:
    """Tell whether there is a comment, and it is about an older push."""
    before = remote.find_comment(pull.number, marker(inputs.identity))
    return before is not None and told_of(before.body) != pull.head_sha


@dataclass(frozen=True, slots=True)
class _Glue:
    inputs: Inputs
    remote: Remote
    environ: Mapping[str, str]


def _say(several: Reports, pull: PullRequest, run_url: str, glue: _Glue) -> Said:
    inputs, remote = glue.inputs, glue.remote
    if rules := inputs.fail_on:
        asked = [one.model_copy(update={"fail_on": rules}) for one in several.reports]
        several = several.model_copy(update={"reports": settle(asked)})
    first_line = marker(inputs.identity)
    before = remote.find_comment(pull.number, first_line)
    if before is None and inputs.comment == "changes" and not worth_saying(several):
        return Said(None, "there is nothing to say")
    context = Context(
        identity=inputs.identity,
        head_sha=pull.head_sha,
        run_url=run_url,
        links=f"{_site(glue.environ)}/blob/{{commit}}/{{path}}#L{{line}}",
        acceptance=_acceptance(pull, inputs["accept-label"], remote),
    )
    body = comment_body(several, context, before.body if before else None)
    return Said(remote.keep_comment(pull.number, first_line, body).url)


def _acceptance(pull: PullRequest, label: str, remote: Remote) -> Acceptance | None:
    if label and label in pull.labels:
        return accepted_by_label(pull.labels, label, remote.who_labelled(pull.number, label))
    return accepted_by_line(pull.description, pull.author, trusted=pull.trusted)


def _reports(run: Run, identity: str, remote: Remote) -> Reports | None:
    """Return what a run reported, or what stands for it; None where it left nothing."""
    try:
        name = f"{identity}-report"
        found = [artifact for artifact in remote.artifacts(run.id) if artifact.name == name]
        if not found:
            return None
        newest = max(found, key=lambda artifact: artifact.number)  # of several attempts
        return parse_reports(unpack(remote.download(newest, LIMIT)))
    except SpecialistCIError as error:
        return not_measured(error.message, error.remedy)


def _own_reports(path: Path) -> Reports:
    """Return what this run reported, or what stands for it."""
    try:
        return parse_reports(read_file(path))
    except SpecialistCIError as error:
        return not_measured(error.message, error.remedy)


def _site(environ: Mapping[str, str]) -> str:
    server = environ.get("GITHUB_SERVER_URL", "")
    return f"{server}/{environ.get('GITHUB_REPOSITORY', '')}"

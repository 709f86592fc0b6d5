"""Words a merge request's note: what a report says, and what became of an earlier one."""

from collections.abc import Mapping

from specialist_ci.forges.gitlab import State
from specialist_ci.formats.report import Reports, Verdict
from specialist_ci.render.escape import markdown_code
from specialist_ci.render.several import render_limited

_LIMIT = 200_000  # characters; GitLab takes a million, people fewer
_RESOLVED = "**Resolved:** what an earlier push of this merge request made worse is gone."


def state_of(reports: Reports) -> State:
    """Return what the note says in short: what could not be measured is never good."""
    verdicts = {report.verdict for report in reports.reports}
    if Verdict.FAIL in verdicts:
        return State.BAD
    if reports.failures or Verdict.NOT_COMPARABLE in verdicts or not verdicts:
        return State.UNKNOWN
    return State.GOOD


def tells_something(reports: Reports) -> bool:
    """Return whether there is more to tell than that nothing changed."""
    changed = any(report.changes for report in reports.reports)
    return changed or state_of(reports) is not State.GOOD


def text_of(reports: Reports, before: State | None, *, links: str | None) -> str:
    """Return the note's text; ``before`` is the state that it had."""
    good = state_of(reports) is State.GOOD
    resolved = [_RESOLVED] if good and before is State.BAD else []
    return "\n\n".join([*resolved, render_limited(reports, links=links, limit=_LIMIT)])


def not_measured(environ: Mapping[str, str]) -> str:
    """Return the note of a job that left no report that can be read."""
    pipeline = environ.get("CI_PIPELINE_URL")
    where = f"[The pipeline's jobs](<{pipeline}>)" if pipeline else "The pipeline's jobs"
    push = markdown_code(environ.get("CI_COMMIT_SHORT_SHA") or "the last push")
    return (
        f"### ⚠️ NOT MEASURED: there is no report of {push}\n\n"
        f"{where} say why. What this note said before may no longer hold."
    )

"""The text of the one comment on a pull request, and what it remembers; pure."""

import re
from dataclasses import dataclass

from specialist_ci.forges.event import Acceptance
from specialist_ci.formats.report import ChangeKind, Failure, Reports, Verdict
from specialist_ci.render.across import groups
from specialist_ci.render.escape import markdown_code, markdown_text
from specialist_ci.render.fit import shorten
from specialist_ci.render.several import render_limited
from specialist_ci.render.wording import plural

LIMIT = 65_000  # characters; GitHub takes 65,536
DEFAULT_ID = "specialist-ci"

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_MEMORY = re.compile(r"<!-- specialist-ci-regressions: (\d{1,9}) -->")
_HEAD = re.compile(r"<!-- specialist-ci-head: ([0-9a-f]{40,64}) -->")
_REASON = 200
_SHORT = 7


@dataclass(frozen=True, slots=True)
class Context:
    """What the comment says beside the reports, all from the server and none from a report."""

    identity: str  # of the comment: several can be on one pull request
    head_sha: str
    run_url: str  # of the run that measured, where the whole report is
    links: str | None = None  # address of a line, with {commit}, {path} and {line}
    acceptance: Acceptance | None = None


def is_identity(text: str) -> bool:
    """Tell whether a text can identify a comment."""
    return _ID.fullmatch(text) is not None


def marker(identity: str) -> str:
    """Return the hidden first line that the comment is found by."""
    return f"<!-- specialist-ci: {identity} -->"


def count(several: Reports, kind: ChangeKind) -> int:
    """Return the number of changes of a kind, one that several interpreters share as one."""
    return sum(one.first.kind is kind for group in groups(several) for one in group.changes)


def told_of(body: str) -> str | None:
    """Return the head commit that a comment of ours is about."""
    found = _HEAD.search(body.partition("\n\n")[0])
    return found[1] if found else None


def accepted(several: Reports, acceptance: Acceptance | None) -> str | None:
    """Return the remark on who let the changes pass, where somebody did."""
    if acceptance is None or not acceptable(several):
        return None
    who = f" by {markdown_text(acceptance.who)}," if acceptance.who else ""
    how = markdown_text(shorten(acceptance.how, _REASON))
    return f"**Accepted** for this pull request{who} by {how}."


def unmeasured(several: Reports) -> bool:
    """Tell whether anything could not be measured or compared."""
    incomparable = any(report.verdict is Verdict.NOT_COMPARABLE for report in several.reports)
    return bool(several.failures) or incomparable or not several.reports


def acceptable(several: Reports) -> bool:
    """Tell whether changes are all that fails the build: budgets and contracts are to be edited."""
    rules = {broken.rule for report in several.reports for broken in report.violations}
    return bool(rules) and not rules & {"budget", "contract"}


def worth_saying(several: Reports) -> bool:
    """Tell whether there is a change to speak of, or something was not measured."""
    failing = any(report.verdict is Verdict.FAIL for report in several.reports)
    return failing or unmeasured(several) or any(report.changes for report in several.reports)


def not_measured(message: str, remedy: str) -> Reports:
    """Return what stands for a run without a report."""
    failure = Failure(suite="", message=message, remedy=remedy)
    return Reports(reports=(), failures=(failure,))


def comment_body(several: Reports, context: Context, before: str | None) -> str:
    """Return the text, of at most 65,000 characters; ``before`` is that of the comment so far."""
    opening = [
        marker(context.identity),
        f"<!-- specialist-ci-regressions: {count(several, ChangeKind.REGRESSION)} -->",
    ]
    head = f"<!-- specialist-ci-head: {context.head_sha} -->"
    if _HEAD.fullmatch(head):
        opening.append(head)
    if context.identity != DEFAULT_ID:
        opening.append(f"\n**{markdown_text(context.identity)}**")
    if remark := _remark(several, context.acceptance, before):
        opening.append(f"\n{remark}")
    short = markdown_code(context.head_sha[:_SHORT])
    closing = f"<sub>Of {short} · [run and whole report](<{context.run_url}>)</sub>"
    frame = "\n".join(opening) + "\n\n", f"\n\n{closing}\n"
    room = LIMIT - sum(map(len, frame))
    return frame[0] + render_limited(several, links=context.links, limit=room) + frame[1]


def _remark(several: Reports, acceptance: Acceptance | None, before: str | None) -> str | None:
    if remark := accepted(several, acceptance):
        return remark
    earlier = _MEMORY.search(before.partition("\n\n")[0]) if before else None
    left = count(several, ChangeKind.REGRESSION)
    if earlier and int(earlier[1]) and not left and not unmeasured(several):
        had = plural(int(earlier[1]), "regression")
        return f"**Resolved**: an earlier push had {had}, this one has none."
    return None

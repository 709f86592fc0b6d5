"""The words that GitHub's runner obeys: commands in the log, and files of assignments; pure."""

from collections.abc import Iterable, Iterator

from specialist_ci.comparing.policy import FailOn
from specialist_ci.formats.report import Change, ChangeKind, Report, Reports, Verdict
from specialist_ci.render import wording
from specialist_ci.render.escape import visible

_LEVEL_LIMIT = 10  # annotations of each level that GitHub shows of a step
_MESSAGE = 500  # characters


def command(name: str, message: str, **properties: str | int) -> str:
    """Return a workflow command as one line, whatever is in the message."""
    pairs = ",".join(f"{key}={_property(str(text))}" for key, text in properties.items())
    return f"::{name}{' ' if pairs else ''}{pairs}::{_data(message)}"


def assignment(name: str, value: str, delimiter: str) -> str:
    """Return what sets an output; the delimiter must be a secret to whoever made the value.

    Raises ValueError where the value contains it.
    """
    if delimiter in value or delimiter in name:
        raise ValueError("the delimiter is in the value")
    return f"{name}<<{delimiter}\n{value}\n{delimiter}\n"


def annotations(several: Reports) -> list[str]:
    """Return at most ten errors and ten warnings on lines, the most important ones.

    An error is what fails the build; what was not measured comes before all lines.
    """
    errors = [
        command("error", _short(": ".join(filter(None, [failure.suite, failure.message]))))
        for failure in several.failures
    ]
    warnings: list[str] = []
    errors += (
        command("error", _short(f"{broken.rule}: {broken.message}"))
        for report in several.reports
        for broken in report.violations
        if broken.rule not in set(FailOn)  # these are told on their lines
    )
    for report in several.reports:
        if report.verdict is Verdict.NOT_COMPARABLE:
            blocking = [one.message for one in report.conditions if one.blocking]
            errors.append(command("error", _short("; ".join(blocking) or "not comparable")))
    for fail_on, changes in _lines(several.reports):
        rules = [FailOn(rule) for rule in fail_on if rule in set(FailOn)]
        failing = any(rule.hit_by(change) for rule in rules for change in changes)
        (errors if failing else warnings).append(_on_line(changes, failing=failing))
    return [*errors[:_LEVEL_LIMIT], *warnings[:_LEVEL_LIMIT]]


def _lines(reports: Iterable[Report]) -> Iterator[tuple[tuple[str, ...], list[Change]]]:
    """Yield what got worse by line, with the policy, in the order of the reports."""
    for report in reports:
        lines: dict[tuple[ChangeKind, str, int], list[Change]] = {}
        for change in report.changes:
            if change.kind is not ChangeKind.IMPROVEMENT:
                lines.setdefault((change.kind, change.path, change.line), []).append(change)
        for changes in lines.values():
            yield report.fail_on, changes


def _on_line(changes: list[Change], *, failing: bool) -> str:
    first = changes[0]
    title = "Stopped specializing" if first.kind is ChangeKind.REGRESSION else "Fails to specialize"
    sites = ", ".join(f"{wording.site(change)} is {change.head_state}" for change in changes)
    notes = [first.reason, first.advice, None if first.direct else "not a line of the diff"]
    message = "; ".join(filter(None, [sites, *notes]))
    place: dict[str, str | int] = {
        "file": first.path,
        "line": first.line,
        "title": f"specialist-ci: {title}",
    }
    if visible(first.path) != first.path:
        del place["file"], place["line"]  # no file of that name can be named here
        message = f"{first.path}:{first.line}: {message}"
    return command("error" if failing else "warning", _short(message), **place)


def _short(text: str) -> str:
    return text if len(text) <= _MESSAGE else f"{text[: _MESSAGE - 1]}…"


def _data(text: str) -> str:
    return visible(text).replace("%", "%25")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")

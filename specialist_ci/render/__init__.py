"""Values in, text out: one renderer for every format."""

from collections.abc import Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, assert_never

from specialist_ci.formats.report import ExplainedLine, Failure, Report, Reports
from specialist_ci.formats.snapshot import Snapshot

if TYPE_CHECKING:
    from specialist_ci.render.across import Group

__all__ = [
    "Format",
    "render_line",
    "render_lines",
    "render_report",
    "render_reports",
    "render_snapshot",
]

# Each format is imported when it is asked for: rich and tabulate take their time.


class Format(StrEnum):
    """What a report or a snapshot can be printed as."""

    TERMINAL = "terminal"
    MARKDOWN = "markdown"
    JSON = "json"
    HTML = "html"
    SARIF = "sarif"
    CODE_QUALITY = "codequality"  # GitLab's


def render_report(
    report: Report,
    to: Format,
    *,
    width: int = 80,
    color: bool = False,
    links: str | None = None,
    heads: Sequence[Snapshot] = (),
) -> str:
    """Return the report in a format, without a newline at its end.

    ``width`` (in cells, at least 60) and ``color`` matter to the terminal. ``links``, for
    Markdown and HTML, is the address of a line, with {commit}, {path} and {line} in it.
    If head's snapshot is among ``heads``, HTML shows every line of its files.
    """
    match to:
        case Format.TERMINAL:
            from specialist_ci.render.terminal import render_terminal

            return render_terminal(report, width=width, color=color)
        case Format.MARKDOWN:
            from specialist_ci.render.markdown import render_markdown

            return render_markdown(report, links=links)
        case Format.JSON:
            return report.model_dump_json(indent=2)
        case Format.HTML:
            from specialist_ci.render.html import render_html

            return render_html(report, links=links, heads=heads)
        case Format.SARIF:
            from specialist_ci.render.sarif import render_sarif

            return render_sarif([report])
        case Format.CODE_QUALITY:
            from specialist_ci.render.codequality import render_code_quality

            return render_code_quality([report])
        case _:
            assert_never(to)


def render_reports(
    several: Reports,
    to: Format,
    *,
    width: int = 80,
    color: bool = False,
    links: str | None = None,
    heads: Sequence[Snapshot] = (),
) -> str:
    """Return the reports of several suites, one after the other, as ``render_report`` does.

    Those of one suite in several interpreters are one.
    """
    match to:
        case Format.TERMINAL | Format.MARKDOWN:
            pass
        case Format.JSON:
            return several.model_dump_json(indent=2)
        case Format.HTML:
            from specialist_ci.render.html import render_html_reports

            return render_html_reports(several, links=links, heads=heads)
        case Format.SARIF:
            from specialist_ci.render.sarif import render_sarif

            return render_sarif(several.reports, several.failures)
        case Format.CODE_QUALITY:
            from specialist_ci.render.codequality import render_code_quality

            return render_code_quality(several.reports)
        case _:
            assert_never(to)
    from specialist_ci.render.across import Group, groups

    def render(group: Group) -> list[str]:
        if group.plain:
            reports = [
                render_report(report, to, width=width, color=color, links=links)
                for report in group.reports
            ]
        else:
            reports = [_render_group(group, to, width=width, color=color, links=links)]
        return [
            *reports,
            *(_render_failure(one, to, width=width, color=color) for one in group.failures),
        ]

    return "\n\n".join(text for group in groups(several) for text in render(group))


def _render_group(group: "Group", to: Format, *, width: int, color: bool, links: str | None) -> str:
    if to is Format.TERMINAL:
        from specialist_ci.render.terminal import render_terminal_group

        return render_terminal_group(group, width=width, color=color)
    from specialist_ci.render.markdown import render_markdown_group

    return render_markdown_group(group, links=links)


def _render_failure(failure: Failure, to: Format, *, width: int, color: bool) -> str:
    if to is Format.TERMINAL:
        from specialist_ci.render.terminal import render_terminal_failure

        return render_terminal_failure(failure, width=width, color=color)
    from specialist_ci.render.markdown import render_markdown_failure

    return render_markdown_failure(failure)


def render_line(found: ExplainedLine, to: Format, *, width: int = 80, color: bool = False) -> str:
    """Return an explained line for the terminal, as Markdown or as JSON."""
    if to is Format.JSON:
        return found.model_dump_json(indent=2)
    return render_lines([found], to, width=width, color=color)


def render_lines(
    found: Sequence[ExplainedLine], to: Format, *, width: int = 80, color: bool = False
) -> str:
    """Return explained lines of one run for the terminal, as Markdown or as a list in JSON."""
    if to is Format.JSON:
        return f"[{', '.join(each.model_dump_json(indent=2) for each in found)}]"
    if not found:
        return "All that was tried is specialized."
    if to is Format.MARKDOWN:
        from specialist_ci.render.markdown import render_markdown_lines

        return render_markdown_lines(found)
    from specialist_ci.render.terminal import render_terminal_lines

    return render_terminal_lines(found, width=width, color=color)


def render_snapshot(
    snapshot: Snapshot,
    to: Format,
    *,
    width: int = 80,
    color: bool = False,
    limit_lines: int = 20,
) -> str:
    """Return the snapshot in a format, without a newline at its end.

    ``width`` and ``color`` are as for a report; ``limit_lines`` is for people's formats.
    """
    match to:
        case Format.TERMINAL:
            from specialist_ci.render.terminal import (
                render_terminal_snapshot,
            )

            return render_terminal_snapshot(
                snapshot, width=width, color=color, limit_lines=limit_lines
            )
        case Format.MARKDOWN:
            from specialist_ci.render.markdown import (
                render_markdown_snapshot,
            )

            return render_markdown_snapshot(snapshot, limit_lines=limit_lines)
        case Format.JSON:
            return snapshot.model_dump_json(indent=2)
        case Format.HTML:
            from specialist_ci.render.html import render_html_snapshot

            return render_html_snapshot(snapshot)
        case Format.SARIF:
            from specialist_ci.render.sarif import render_sarif_snapshot

            return render_sarif_snapshot(snapshot)
        case Format.CODE_QUALITY:
            from specialist_ci.render.codequality import render_code_quality_snapshot

            return render_code_quality_snapshot(snapshot)
        case _:
            assert_never(to)

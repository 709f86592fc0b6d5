"""Values in, text out: one renderer for every format."""

from enum import StrEnum
from typing import assert_never

from specialist_ci.report import Report
from specialist_ci.snapshot import Snapshot

__all__ = ["Format", "render_report", "render_snapshot"]

# Each format is imported when it is asked for: rich and tabulate take their time.


class Format(StrEnum):
    """What a report or a snapshot can be printed as."""

    TERMINAL = "terminal"
    MARKDOWN = "markdown"
    JSON = "json"


def render_report(
    report: Report, to: Format, *, width: int = 80, color: bool = False, links: str | None = None
) -> str:
    """Return the report in a format, without a newline at its end.

    ``width`` (in cells, at least 60) and ``color`` matter to the terminal. ``links``, for
    Markdown, is the address of a line, with {commit}, {path} and {line} in it.
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
        case _:
            assert_never(to)


def render_snapshot(
    snapshot: Snapshot,
    to: Format,
    *,
    width: int = 80,
    color: bool = False,
    limit_lines: int = 20,
) -> str:
    """Return the snapshot in a format, without a newline at its end.

    ``width`` and ``color`` are as for a report; JSON is never limited in its lines.
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
        case _:
            assert_never(to)

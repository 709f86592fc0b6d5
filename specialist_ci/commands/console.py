"""Prints what commands answer, and tells the exit code that follows."""

import argparse
import os
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypedDict

from specialist_ci.errors import SpecialistCIError, UsageError
from specialist_ci.formats.files import write
from specialist_ci.formats.report import Report, Verdict
from specialist_ci.formats.snapshot import Snapshot
from specialist_ci.render import render_report
from specialist_ci.render.escape import visible

EXIT_CODES = {Verdict.PASS: 0, Verdict.FAIL: 1, Verdict.NOT_COMPARABLE: 3}
_MINIMUM_WIDTH, _PIPE_WIDTH = 60, 80


def complain(error: SpecialistCIError) -> None:
    """Say on stderr what is wrong, and what to do."""
    for line in error.detail.splitlines():
        print(f"  | {visible(line)}", file=sys.stderr)
    print(f"specialist-ci: {visible(str(error))}", file=sys.stderr)


def note(step: str) -> None:
    """Say on stderr what takes a while before the first suite runs."""
    print(visible(f"{step} …"), file=sys.stderr)


def answer(
    report: Report,
    arguments: argparse.Namespace,
    environ: Mapping[str, str],
    heads: Sequence[Snapshot] = (),
) -> int:
    """Print a report; return the exit code of its verdict."""
    text = render_report(report, arguments.format, **appearance(arguments, environ), heads=heads)
    print_text(text, arguments.output)
    return EXIT_CODES[report.verdict]


class Appearance(TypedDict):
    """How a report looks, as the renderers take it."""

    width: int
    color: bool
    links: str | None


def appearance(arguments: argparse.Namespace, environ: Mapping[str, str]) -> Appearance:
    """Return how a report looks where it is printed."""
    return {
        "width": width_of(arguments),
        "color": color_of(arguments, environ),
        "links": links_of(environ),
    }


def print_text(text: str, output: Path | None = None) -> None:
    """Print to a file, or to stdout."""
    if output is not None:
        write(output, text + "\n")
        return
    with writing():
        print(text)


@contextmanager
def writing() -> Iterator[None]:
    """See that what the block prints has arrived. Raises UsageError where there is no room."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:  # who read it has seen enough
        raise
    except OSError as error:
        # What is left in the buffer would fail once more when the process ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise UsageError(
            f"cannot write to stdout ({error.strerror})",
            remedy="make room where it leads to, or name a file elsewhere with --output",
        ) from error


def width_of(arguments: argparse.Namespace) -> int:
    """Return the cells of a line, as of the terminal."""
    if arguments.output is not None or not sys.stdout.isatty():
        return _PIPE_WIDTH
    return max(_MINIMUM_WIDTH, shutil.get_terminal_size().columns)


def color_of(arguments: argparse.Namespace, environ: Mapping[str, str]) -> bool:
    """Tell whether to colour: on a terminal, unless NO_COLOR is set (no-color.org)."""
    return arguments.output is None and sys.stdout.isatty() and not environ.get("NO_COLOR")


def links_of(environ: Mapping[str, str]) -> str | None:
    """Return the address of a line on the GitHub or GitLab server that we run on, if any."""
    server, repository = environ.get("GITHUB_SERVER_URL"), environ.get("GITHUB_REPOSITORY")
    if server and repository:
        return f"{server}/{repository}/blob/{{commit}}/{{path}}#L{{line}}"
    project = environ.get("CI_MERGE_REQUEST_SOURCE_PROJECT_URL") or environ.get("CI_PROJECT_URL")
    return f"{project}/-/blob/{{commit}}/{{path}}#L{{line}}" if project else None

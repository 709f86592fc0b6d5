"""Reads the arguments: commands, options, and the COMMAND behind ``--``."""

import argparse
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from specialist_ci import __version__
from specialist_ci.comparing.policy import RULES, parse_rule
from specialist_ci.environments.wanted import PACKAGE
from specialist_ci.errors import UsageError
from specialist_ci.formats.snapshot import Shards
from specialist_ci.measuring.sharding import parse_shard
from specialist_ci.render import Format
from specialist_ci.suites.found import CALLS

_EPILOG = """\
COMMAND is what you would type: python bench.py, pytest tests, -m pytest, bench.py.
Without it, the suites run that [tool.specialist-ci] names, or else what is found.

exit codes:
  0  fine
  1  the policy (--fail-on) fails the build
  2  wrong use or configuration
  3  a side could not be measured, or the sides cannot be compared
"""


class _Parser(argparse.ArgumentParser):
    """Reports wrong use as every other error is reported."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(message, remedy=f"see `{self.prog} --help`")


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """Return the arguments; ``action`` is the command's name, ``command_line`` COMMAND."""
    options, command = _split(argv)
    arguments = build_parser().parse_args(options)
    arguments.command_line = command
    return arguments


def _split(argv: Sequence[str]) -> tuple[list[str], tuple[str, ...]]:
    """Part our own arguments from the COMMAND behind ``--``."""
    words = list(argv)
    if "--" not in words:
        return words, ()
    place = words.index("--")
    return words[:place], tuple(words[place + 1 :])


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of everything before ``--``."""
    parser = _Parser(
        prog="specialist-ci",
        description="Find the lines that a change stops CPython from specializing (PEP 659).",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_diff(commands)
    _add_run(commands)
    _add_explain(commands)
    _add_merge(commands)
    _add_compare(commands)
    _add_show(commands)
    _add_demo(commands)
    _add_check_config(commands)
    _add_init(commands)
    _add_cache(commands)
    _add_gitlab_note(commands)
    return parser


_Commands = argparse._SubParsersAction  # noqa: SLF001 - argparse has no public name for it


def _command(
    commands: "_Commands[_Parser]", name: str, purpose: str, usage: str
) -> argparse.ArgumentParser:
    parser = commands.add_parser(
        name,
        help=purpose,
        description=purpose[0].upper() + purpose[1:] + ".",
        usage=f"specialist-ci {name} {usage}",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(action=name)
    return parser


def _add_diff(commands: "_Commands[_Parser]") -> None:
    parser = _command(
        commands,
        "diff",
        "measure two revisions and report what changed",
        "[BASE] [HEAD] [options] [-- COMMAND...]",
    )
    parser.add_argument(
        "base",
        nargs="?",
        metavar="BASE",
        help="older revision, or BASE...HEAD to start from their merge base "
        "(default: the merge base with the default branch)",
    )
    parser.add_argument(
        "head", nargs="?", metavar="HEAD", help="newer revision (default: the working tree)"
    )
    _add_measuring(parser)
    _add_shard(parser)
    for side, which in (("base", "older"), ("head", "newer")):
        parser.add_argument(
            f"--{side}-python",
            metavar="PYTHON",
            help=f"{which} interpreter of two to compare on one commit, which is BASE "
            "(default: the working tree)",
        )
    _add_explaining(parser)
    _add_policy(parser)
    parser.add_argument(
        "--snapshots",
        metavar="FOLDER",
        type=Path,
        help="folder to write the snapshots of both sides to as well",
    )
    _add_output(parser)


def _add_run(commands: "_Commands[_Parser]") -> None:
    parser = _command(
        commands,
        "run",
        "measure one revision and write its snapshot",
        "[REV] [options] -o FILE [-- COMMAND...]",
    )
    parser.add_argument(
        "revision", nargs="?", metavar="REV", help="revision (default: the working tree)"
    )
    _add_measuring(parser)
    _add_shard(parser)
    _add_snapshot(parser, "; of several suites, each has its name before the suffix")


def _add_shard(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--shard",
        metavar="I/N",
        type=_shard,
        help="run only the I-th of N parts of the tests (pytest only); see merge",
    )


def _add_explain(commands: "_Commands[_Parser]") -> None:
    parser = _command(
        commands,
        "explain",
        "say what instructions meet, and why they fail: those of a line, or of the worst lines",
        "PATH[:LINE] [REV] [options] [-- COMMAND...]",
    )
    parser.add_argument(
        "place",
        metavar="PATH[:LINE]",
        type=_place,
        help="line of a file below the current folder, or a file or folder for its worst lines",
    )
    parser.add_argument(
        "revision", nargs="?", metavar="REV", help="revision (default: the working tree)"
    )
    _add_measuring(parser)
    _add_lines(parser)
    _add_output(parser, (Format.TERMINAL, Format.MARKDOWN, Format.JSON))


def _add_merge(commands: "_Commands[_Parser]") -> None:
    parser = _command(
        commands, "merge", "join the snapshots of all shards into one", "SNAPSHOT.json... -o FILE"
    )
    parser.add_argument(
        "snapshots", nargs="+", metavar="SNAPSHOT.json", type=Path, help="snapshots of all shards"
    )
    _add_snapshot(parser)


def _add_snapshot(parser: argparse.ArgumentParser, note: str = "") -> None:
    parser.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        required=True,
        type=_output,
        help=f"snapshot to write{note}",
    )


def _add_compare(commands: "_Commands[_Parser]") -> None:
    parser = _command(
        commands,
        "compare",
        "compare two snapshots without running anything",
        "BASE.json HEAD.json [options]",
    )
    parser.add_argument("base", metavar="BASE.json", type=Path, help="snapshot of the older side")
    parser.add_argument("head", metavar="HEAD.json", type=Path, help="snapshot of the newer side")
    parser.add_argument(
        "--upgrade",
        action="store_true",
        help="the snapshots are of one commit in two interpreters, which are compared",
    )
    _add_policy(parser)
    _add_output(parser)


def _add_show(commands: "_Commands[_Parser]") -> None:
    parser = _command(
        commands, "show", "show a snapshot, worst lines first, or a report", "FILE.json [options]"
    )
    parser.add_argument(
        "file", metavar="FILE.json", type=Path, help="snapshot to show, or a report in JSON"
    )
    parser.add_argument(
        "--explain",
        action="store_true",
        help="measure the snapshot's commit again, in its repository, and say why its worst lines "
        "fail",
    )
    _add_lines(parser)
    _add_output(parser)


def _add_demo(commands: "_Commands[_Parser]") -> None:
    parser = _command(
        commands,
        "demo",
        "make a small repository with a regression and show its report",
        "[options]",
    )
    _add_python(parser, several=False)
    _add_explaining(parser)
    _add_output(parser)


def _add_check_config(commands: "_Commands[_Parser]") -> None:
    parser = _command(
        commands,
        "check-config",
        "show what would run, and where each setting comes from",
        "[REV] [options] [-- COMMAND...]",
    )
    parser.add_argument(
        "revision", nargs="?", metavar="REV", help="revision (default: the working tree)"
    )
    _add_measuring(parser)
    _add_policy(parser)


def _add_init(commands: "_Commands[_Parser]") -> None:
    parser = _command(
        commands,
        "init",
        "write a configuration with what is found, and workflows for GitHub, for you to edit",
        "[--github]",
    )
    parser.add_argument(
        "--github",
        action="store_true",
        help="write the two workflows of the GitHub Action, and no configuration",
    )


def _add_cache(commands: "_Commands[_Parser]") -> None:
    parser = _command(commands, "cache", "show or empty the cache of snapshots", "[clear]")
    parser.add_argument(
        "clear",
        nargs="?",
        choices=["clear"],
        help="delete all entries, and the environments of --install that are not in use",
    )


def _add_gitlab_note(commands: "_Commands[_Parser]") -> None:
    parser = _command(
        commands,
        "gitlab-note",
        "keep one note on a GitLab merge request, in a job of its pipeline",
        "REPORT.json [options]",
    )
    parser.add_argument("report", metavar="REPORT.json", type=Path, help="report in JSON to show")
    parser.add_argument(
        "--name",
        metavar="NAME",
        type=_note_name,
        default="",
        help="tells this note from others of ours on the same merge request",
    )
    parser.add_argument(
        "--only-changes",
        action="store_true",
        help="make no new note where nothing changed",
    )


def _add_python(parser: argparse.ArgumentParser, *, several: bool) -> None:
    more = "; repeatable " if several else " "
    parser.add_argument(
        "--python",
        metavar="PYTHON",
        action="append" if several else "store",
        default=[] if several else None,
        help=f"interpreter to measure: a version such as 3.13, or a path{more}"
        "(default: the active virtual environment's, else python3)",
    )


def _add_measuring(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--suite",
        metavar="NAME",
        action="append",
        default=[],
        help="run this one of the configured or found suites; repeatable (default: all of the "
        "configured ones, else the best that is found)",
    )
    parser.add_argument(
        "--calls",
        metavar="N",
        type=_calls,
        help="how often to call each benchmark of a suite that is found (default: "
        f"{CALLS}, which is enough for code that runs once a call)",
    )
    _add_python(parser, several=True)
    parser.add_argument(
        "--source",
        metavar="PATTERN",
        action="append",
        default=[],
        help="file, folder or glob to look at; repeatable "
        "(default: the repository's Python files, tests excepted)",
    )
    parser.add_argument(
        "--exclude",
        metavar="PATTERN",
        action="append",
        default=[],
        help="file, folder or glob not to look at; repeatable",
    )
    parser.add_argument(
        "--env",
        metavar="NAME=VALUE",
        action="append",
        default=[],
        type=_assignment,
        help="set a variable for the command; repeatable. PYTHONHASHSEED=0 and PYTHON_JIT=0 "
        "are set, PYTHONNODEBUGRANGES and PYTHONPYCACHEPREFIX are unset unless named here",
    )
    _add_installing(parser)
    parser.add_argument(
        "--timeout", metavar="SECONDS", type=_seconds, help="limit for each run of the command"
    )
    parser.add_argument(
        "--no-cache", action="store_true", help="measure commits that were measured before, too"
    )
    parser.add_argument(
        "-j",
        "--jobs",
        metavar="N",
        type=_jobs,
        default=_cores(),
        help="measurements to make at once: sides, suites and interpreters "
        "(default: the cores that there are)",
    )


def _add_installing(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--install",
        action=argparse.BooleanOptionalAction,
        help="install each revision's project with its dependencies into an environment of its "
        "own, from uv.lock, pylock.toml or its metadata (default: take the interpreter's "
        "environment as it is)",
    )
    for option, metavar, what in (
        ("--extra", "NAME", "extra of the project"),
        ("--group", "NAME", "dependency group of pyproject.toml"),
        ("--requirement", "FILE", "requirements file of the revision"),
        ("--package", "PACKAGE", "package that the project does not name, such as pytest<9,"),
    ):
        parser.add_argument(
            option,
            metavar=metavar,
            action="append",
            default=[],
            type=_package if option == "--package" else str,
            help=f"{what} to install too; repeatable, implies --install",
        )


def _add_explaining(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--explain",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="where something changed, run both sides once more with probes around the operands "
        "of what did, to say why (default: --explain)",
    )


def _add_policy(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--fail-on",
        metavar="KINDS",
        type=_fail_on,
        help="what fails the build, comma separated: "
        + ", ".join(RULES)
        + " (default: what head's configuration says, else regression)",
    )


def _add_lines(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-n", "--lines", metavar="N", type=_positive, default=20, help="lines to show (default: 20)"
    )


def _add_output(parser: argparse.ArgumentParser, formats: Sequence[Format] = tuple(Format)) -> None:
    parser.add_argument(
        "--format",
        choices=list(formats),
        type=Format,
        default=Format.TERMINAL,
        help="how to print (default: terminal)",
    )
    parser.add_argument(
        "-o", "--output", metavar="FILE", type=_output, help="file to write to (default: stdout)"
    )


def _output(text: str) -> Path:
    """Refuse a file that cannot be written before anything is measured for it."""
    path = Path(text)
    if path.is_dir() or not os.access(path.parent, os.W_OK):
        raise argparse.ArgumentTypeError(f"{text!r} is no file that can be written")
    return path


def _place(text: str) -> tuple[str, int | None]:
    path, colon, line = text.rpartition(":")
    if not colon:
        return text, None
    if not path or not line.isdecimal() or int(line) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no PATH:LINE, such as src/a.py:12")
    return path, int(line)


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of lines")
    return int(text)


def _jobs(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of jobs")
    return int(text)


def _calls(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of calls")
    return int(text)


def _cores() -> int:
    """Return how many processes can run at once, as far as we may use the machine's cores."""
    if hasattr(os, "sched_getaffinity"):  # not on macOS
        return len(os.sched_getaffinity(0)) or 1
    return os.cpu_count() or 1


def _shard(text: str) -> Shards:
    try:
        return parse_shard(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no shard such as 1/4, the first of four"
        ) from error


def _note_name(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9._-]*", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not made of letters, digits, '.', '_', '-'")
    return text


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds")
    return seconds


def _assignment(text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not name or not sign:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=VALUE")
    return name, value


def _package(text: str) -> str:
    if not re.fullmatch(PACKAGE, text):
        raise argparse.ArgumentTypeError(f"{text!r} is no requirement such as pytest or pytest<9")
    return text


def _fail_on(text: str) -> tuple[str, ...]:
    try:
        return tuple(parse_rule(word.strip()) for word in text.split(","))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not made of {', '.join(RULES)}") from error

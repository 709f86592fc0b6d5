"""The command line: reads arguments, wires the parts, prints, and sets the exit code."""

import argparse
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NoReturn

from specialist_ci import __version__
from specialist_ci.check import Revision, Surroundings, diff, measure_revision
from specialist_ci.compare import FailOn, compare
from specialist_ci.demo import demo_repository
from specialist_ci.errors import SpecialistCIError, UsageError
from specialist_ci.files import load_snapshot, save_snapshot, without_collecting, write
from specialist_ci.git import Repository, open_repository, parse_range
from specialist_ci.interpreters import find_interpreter
from specialist_ci.measure import Plan
from specialist_ci.progress import steps
from specialist_ci.render import Format, render_report, render_snapshot
from specialist_ci.report import Report, Verdict
from specialist_ci.workspace import terminate_as_interrupt

WORKING_TREE = "working tree"

_EXIT_CODES = {Verdict.PASS: 0, Verdict.FAIL: 1, Verdict.NOT_COMPARABLE: 3}
_INTERRUPTED = 130  # 128 + SIGINT, as shells have it
_MINIMUM_WIDTH, _PIPE_WIDTH = 60, 80

_EPILOG = """\
COMMAND is what you would type: python bench.py, pytest tests, -m pytest, bench.py.

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


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code."""
    try:
        with terminate_as_interrupt():
            return _dispatch(sys.argv[1:] if argv is None else argv, os.environ)
    except SpecialistCIError as error:
        for line in error.detail.splitlines():
            print(f"  | {line}", file=sys.stderr)
        print(f"specialist-ci: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("specialist-ci: interrupted, nothing is left behind", file=sys.stderr)
        return _INTERRUPTED
    except BrokenPipeError:
        # Who read our output has seen enough; Python must not complain about it at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _dispatch(argv: Sequence[str], environ: Mapping[str, str]) -> int:
    options, command = _split(argv)
    arguments = build_parser().parse_args(options)
    arguments.command_line = command
    code: int = arguments.action(arguments, environ)
    return code


def _split(argv: Sequence[str]) -> tuple[list[str], tuple[str, ...]]:
    """Part our own arguments from the COMMAND behind ``--``."""
    words = list(argv)
    if "--" not in words:
        return words, ()
    place = words.index("--")
    return words[:place], tuple(words[place + 1 :])


# --- arguments ---


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
    _add_compare(commands)
    _add_show(commands)
    _add_demo(commands)
    return parser


_Commands = argparse._SubParsersAction  # noqa: SLF001 - argparse has no public name for it


def _command(
    commands: "_Commands[_Parser]", name: str, purpose: str, usage: str
) -> argparse.ArgumentParser:
    return commands.add_parser(
        name,
        help=purpose,
        description=purpose[0].upper() + purpose[1:] + ".",
        usage=f"specialist-ci {name} {usage}",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def _add_diff(commands: "_Commands[_Parser]") -> None:
    parser = _command(
        commands,
        "diff",
        "measure two revisions and report what changed",
        "[BASE] [HEAD] [options] -- COMMAND...",
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
    _add_reporting(parser)
    parser.set_defaults(action=_diff)


def _add_run(commands: "_Commands[_Parser]") -> None:
    parser = _command(
        commands,
        "run",
        "measure one revision and write its snapshot",
        "[REV] [options] -o FILE -- COMMAND...",
    )
    parser.add_argument(
        "revision", nargs="?", metavar="REV", help="revision (default: the working tree)"
    )
    _add_measuring(parser)
    parser.add_argument(
        "-o", "--output", metavar="FILE", required=True, type=_output, help="snapshot to write"
    )
    parser.set_defaults(action=_run)


def _add_compare(commands: "_Commands[_Parser]") -> None:
    parser = _command(
        commands,
        "compare",
        "compare two snapshots without running anything",
        "BASE.json HEAD.json [options]",
    )
    parser.add_argument("base", metavar="BASE.json", type=Path, help="snapshot of the older side")
    parser.add_argument("head", metavar="HEAD.json", type=Path, help="snapshot of the newer side")
    _add_reporting(parser)
    parser.set_defaults(action=_compare)


def _add_show(commands: "_Commands[_Parser]") -> None:
    parser = _command(
        commands, "show", "show one snapshot, worst lines first", "SNAPSHOT.json [options]"
    )
    parser.add_argument("snapshot", metavar="SNAPSHOT.json", type=Path, help="snapshot to show")
    parser.add_argument(
        "-n", "--lines", metavar="N", type=_positive, default=20, help="lines to show (default: 20)"
    )
    _add_output(parser)
    parser.set_defaults(action=_show)


def _add_demo(commands: "_Commands[_Parser]") -> None:
    parser = _command(
        commands,
        "demo",
        "make a small repository with a regression and show its report",
        "[options]",
    )
    _add_python(parser)
    _add_output(parser)
    parser.set_defaults(action=_demo)


def _add_python(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--python",
        metavar="PYTHON",
        help="interpreter to measure: a version such as 3.13, or a path "
        "(default: the active virtual environment's, else python3)",
    )


def _add_measuring(parser: argparse.ArgumentParser) -> None:
    _add_python(parser)
    parser.add_argument(
        "--source",
        metavar="PATTERN",
        action="append",
        default=[],
        help="file, folder or glob to look at; repeatable "
        "(default: the repository's Python files, tests excepted)",
    )
    parser.add_argument(
        "--env",
        metavar="NAME=VALUE",
        action="append",
        default=[],
        type=_assignment,
        help="set a variable for the command; repeatable. PYTHONHASHSEED=0 and PYTHON_JIT=0 "
        "are set and PYTHONNODEBUGRANGES is unset unless named here",
    )
    parser.add_argument(
        "--timeout", metavar="SECONDS", type=_seconds, help="limit for each run of the command"
    )


def _add_reporting(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--fail-on",
        metavar="KINDS",
        type=_fail_on,
        default=(FailOn.REGRESSION,),
        help="what fails the build, comma separated: "
        + ", ".join(FailOn)
        + " (default: regression)",
    )
    _add_output(parser)


def _add_output(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--format",
        choices=list(Format),
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


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of lines")
    return int(text)


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


def _fail_on(text: str) -> tuple[FailOn, ...]:
    try:
        return tuple(FailOn(word.strip()) for word in text.split(","))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not made of {', '.join(FailOn)}") from error


# --- commands ---


def _diff(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    repository = open_repository(Path.cwd())
    plan = _plan(arguments, repository, environ)
    base, head = _sides(repository, arguments.base, arguments.head)
    with without_collecting(), steps(2) as progress:
        report = diff(
            repository,
            base,
            head,
            plan,
            Surroundings(environ, progress.begin, progress.tick),
            fail_on=arguments.fail_on,
        )
    return _answer(report, arguments, environ)


def _run(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    repository = open_repository(Path.cwd())
    plan = _plan(arguments, repository, environ)
    revision = _revision(repository, arguments.revision)
    with steps(1) as progress:
        progress.begin(revision.name)
        surroundings = Surroundings(environ, progress.begin, progress.tick)
        snapshot = measure_revision(repository, revision, plan, surroundings)
    save_snapshot(snapshot, arguments.output)
    return 0


def _compare(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    with without_collecting():
        base, head = load_snapshot(arguments.base), load_snapshot(arguments.head)
        return _answer(compare(base, head, fail_on=arguments.fail_on), arguments, environ)


def _show(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    snapshot = load_snapshot(arguments.snapshot)
    text = render_snapshot(
        snapshot,
        arguments.format,
        width=_width(arguments),
        color=_color(arguments, environ),
        limit_lines=arguments.lines,
    )
    _print(text, arguments.output)
    return 0


def _demo(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    python = find_interpreter(arguments.python, environ=environ)
    with demo_repository() as path, steps(4) as progress:
        report = diff(
            open_repository(path),
            Revision("HEAD~1", open_repository(path).resolve("HEAD~1")),
            Revision("HEAD", open_repository(path).resolve("HEAD")),
            Plan(command=("python", "bench.py"), python=python),
            Surroundings(environ, progress.begin, progress.tick),
            fail_on=(FailOn.REGRESSION,),
        )
    code = _answer(report, arguments, environ)
    return 0 if code == _EXIT_CODES[Verdict.FAIL] else code  # here, to fail is to work


def _plan(
    arguments: argparse.Namespace, repository: Repository, environ: Mapping[str, str]
) -> Plan:
    if not arguments.command_line:
        raise UsageError(
            "no command to measure", remedy="name it after --, such as `-- python bench.py`"
        )
    folder = Path.cwd().resolve().relative_to(repository.root)
    return Plan(
        command=tuple(_rooted(word, repository) for word in arguments.command_line),
        python=find_interpreter(arguments.python, environ=environ),
        source=tuple(arguments.source),
        environment=dict(arguments.env),
        timeout=arguments.timeout,
        folder=str(folder),
    )


def _rooted(word: str, repository: Repository) -> str:
    """Make a path that leads out of the checkout absolute: it must do so from a worktree too."""
    path = Path(os.path.normpath(Path.cwd() / word))
    outside = word.startswith("..") and not path.is_relative_to(repository.root)
    return str(path) if outside and path.exists() else word


def _sides(repository: Repository, base: str | None, head: str | None) -> tuple[Revision, Revision]:
    """Make the two revisions of BASE and HEAD as the user wrote them."""
    repository.resolve("HEAD")  # there must be a commit to compare with
    if base is None:
        branch = repository.default_branch()
        return (
            Revision(f"merge base with {branch}", repository.merge_base(branch, "HEAD")),
            Revision(WORKING_TREE, None),
        )
    if ".." in base:
        if head is not None:
            raise UsageError(
                f"{base} names both sides, and {head} is one more", remedy="leave one of them out"
            )
        sides = parse_range(base)
        head = sides.head
        if sides.from_merge_base and head is not None:
            common = repository.merge_base(sides.base, head)
            return Revision(f"merge base of {base}", common), _revision(repository, head)
        base = sides.base
    return Revision(base, repository.resolve(base)), _revision(repository, head)


def _revision(repository: Repository, name: str | None) -> Revision:
    if name is None:
        return Revision(WORKING_TREE, None)
    return Revision(name, repository.resolve(name))


# --- output ---


def _answer(report: Report, arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    text = render_report(
        report,
        arguments.format,
        width=_width(arguments),
        color=_color(arguments, environ),
        links=_links(environ),
    )
    _print(text, arguments.output)
    return _EXIT_CODES[report.verdict]


def _print(text: str, output: Path | None) -> None:
    if output is not None:
        write(output, text + "\n")
        return
    print(text)
    sys.stdout.flush()


def _width(arguments: argparse.Namespace) -> int:
    if arguments.output is not None or not sys.stdout.isatty():
        return _PIPE_WIDTH
    return max(_MINIMUM_WIDTH, shutil.get_terminal_size().columns)


def _color(arguments: argparse.Namespace, environ: Mapping[str, str]) -> bool:
    """Tell whether to colour: on a terminal, unless NO_COLOR is set (no-color.org)."""
    return arguments.output is None and sys.stdout.isatty() and not environ.get("NO_COLOR")


def _links(environ: Mapping[str, str]) -> str | None:
    """Return the address of a line on the GitHub server that we run on, if any."""
    server, repository = environ.get("GITHUB_SERVER_URL"), environ.get("GITHUB_REPOSITORY")
    if not server or not repository:
        return None
    return f"{server}/{repository}/blob/{{commit}}/{{path}}#L{{line}}"

"""The commands that read files of ours: merge, compare and show."""

import argparse
from collections.abc import Mapping

from specialist_ci.commands.arguments import parse
from specialist_ci.commands.console import answer, appearance, color_of, print_text, width_of
from specialist_ci.comparing.compare import compare, compare_versions
from specialist_ci.errors import UsageError
from specialist_ci.forges.intake import parse_reports, read_file
from specialist_ci.formats.files import (
    is_report,
    load_snapshot,
    save_snapshot,
    without_collecting,
)
from specialist_ci.formats.paths import to_text
from specialist_ci.formats.snapshot import Policy, Provenance
from specialist_ci.render import (
    render_report,
    render_reports,
    render_snapshot,
)
from specialist_ci.snapshots.shards import join, require_whole


def merge(arguments: argparse.Namespace, _environ: Mapping[str, str]) -> int:
    """Join snapshots into one."""
    with without_collecting():
        named = [(to_text(str(path)), load_snapshot(path)) for path in arguments.snapshots]
        require_whole(named)
        save_snapshot(join([snapshot for _, snapshot in named]), arguments.output)
    return 0


def compare_snapshots(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Report what changed between two snapshots."""
    with without_collecting():
        base, head = load_snapshot(arguments.base), load_snapshot(arguments.head)
        compared = compare_versions if arguments.upgrade else compare
        policy = head.policy or Policy()
        if arguments.fail_on is not None:
            policy = policy.model_copy(update={"fail_on": arguments.fail_on})
        return answer(compared(base, head, policy=policy), arguments, environ, [head])


def show(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Print a snapshot or a report, or what `explain` says of a snapshot's commit."""
    if is_report(arguments.file):
        if arguments.explain:
            raise UsageError(
                f"{arguments.file} is a report, which has its reasons",
                remedy="leave --explain out, or name a snapshot",
            )
        found = parse_reports(read_file(arguments.file))
        looks = appearance(arguments, environ)
        if len(found.reports) == 1 and not found.failures:
            text = render_report(found.reports[0], arguments.format, **looks)
        else:
            text = render_reports(found, arguments.format, **looks)
        print_text(text, arguments.output)
        return 0
    snapshot = load_snapshot(arguments.file)
    if arguments.explain:
        from specialist_ci.commands.measuring import explain  # noqa: PLC0415 - reading needs less

        again = parse(_explaining(snapshot.provenance, arguments))
        again.measured = snapshot.provenance.suite.command  # whatever its suite runs by now
        return explain(again, environ)
    text = render_snapshot(
        snapshot,
        arguments.format,
        width=width_of(arguments),
        color=color_of(arguments, environ),
        limit_lines=arguments.lines,
    )
    print_text(text, arguments.output)
    return 0


def _explaining(provenance: Provenance, arguments: argparse.Namespace) -> list[str]:
    """Return the words of `explain` that measure what a snapshot is of.

    Raises UsageError where that cannot be had again.
    """
    if provenance.dirty or provenance.commit is None:
        raise UsageError(
            f"{arguments.file} is of uncommitted changes, which are gone or others now",
            remedy="explain the working tree as it is, with `specialist-ci explain .`",
        )
    suite = provenance.suite
    words = ["explain", ".", provenance.commit, "--python", provenance.python.minor]
    words += ["--lines", str(arguments.lines), "--format", arguments.format.value]
    words += [f"--source={pattern}" for pattern in suite.source]
    words += [f"--exclude={pattern}" for pattern in suite.exclude]
    words += [f"--env={name}={value}" for name, value in suite.environment.items() if value]
    if arguments.output is not None:
        words += ["--output", str(arguments.output)]
    if provenance.installed is not None:
        words.append("--install")
    return [*words, "--suite", suite.name] if suite.name else [*words, "--", *suite.command]

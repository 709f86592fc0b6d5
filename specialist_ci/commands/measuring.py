"""The commands that run suites: diff, run and explain."""

import argparse
import os
import re
import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TypeVar

from specialist_ci.checking import check, sides
from specialist_ci.checking.sides import Surroundings
from specialist_ci.commands.asked import (
    base_python_of,
    chosen,
    folder_of,
    options_of,
    plans_of,
    revision_of,
    sides_of,
)
from specialist_ci.commands.console import (
    EXIT_CODES,
    answer,
    appearance,
    color_of,
    complain,
    note,
    print_text,
    width_of,
)
from specialist_ci.comparing.policy import settle
from specialist_ci.configuration.planning import FOUND, Choice, Planned, changed_suite, choose
from specialist_ci.errors import SpecialistCIError, UsageError
from specialist_ci.formats.files import (
    save_snapshot,
    without_collecting,
)
from specialist_ci.formats.paths import to_text
from specialist_ci.formats.report import ExplainedLine, Failure, Report, Reports
from specialist_ci.formats.snapshot import Snapshot
from specialist_ci.jobs import Jobs, Stop
from specialist_ci.measuring.measure import Plan
from specialist_ci.progress import steps
from specialist_ci.render import (
    Format,
    render_line,
    render_lines,
    render_reports,
)
from specialist_ci.render.escape import visible
from specialist_ci.repository.fetching import Fetching
from specialist_ci.repository.git import open_repository
from specialist_ci.snapshots.cache import open_cache

_Outcome = TypeVar("_Outcome")
_Work = Callable[[Planned, Plan, Surroundings, Stop], _Outcome]


def diff(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Measure two revisions, or one in two interpreters, and report what changed."""
    repository = open_repository(Path.cwd())
    base_python = base_python_of(arguments, environ)
    if base_python is None:
        base, head = sides_of(repository, arguments.base, arguments.head)
    else:
        base = head = revision_of(Fetching(repository, note), arguments.base)
    folder, options = folder_of(repository), options_of(arguments, repository)
    choice = choose(repository, head.commit, folder, options)
    # To see what base would run instead, whatever it calls its suites.
    base_options = replace(options, suites=())

    heads: list[Snapshot] = []  # a page shows their source

    def keep(_base: Snapshot, measured: Snapshot) -> None:
        heads.append(measured)

    def compare_sides(
        planned: Planned, plan: Plan, surroundings: Surroundings, stop: Stop
    ) -> Report:
        return check.diff(
            repository,
            base,
            head,
            replace(plan, shard=arguments.shard),
            surroundings,
            policy=choice.policy,
            conditions=changed_suite(
                planned, lambda: choose(repository, base.commit, folder, base_options)
            ),
            on_measured=keep if arguments.format is Format.HTML else None,
            base_python=base_python,
            stop=stop,
            keep=_keeping(arguments.snapshots, planned, plan, choice, plans),
            explained=arguments.explain,
        )

    plans = plans_of(arguments, repository, head.commit, choice, environ)
    outcomes = _measured(arguments, environ, plans, compare_sides, sides=2)
    if len(plans) == 1:
        if isinstance(outcomes[0], SpecialistCIError):
            raise outcomes[0]
        return answer(outcomes[0], arguments, environ, heads)
    reports, failures, codes = [], [], [0]
    for (planned, plan), outcome in zip(plans, outcomes, strict=True):
        if isinstance(outcome, Report):
            reports.append(outcome)
            continue
        complain(outcome)  # the others have their say
        codes.append(outcome.exit_code)
        failures.append(
            Failure(
                suite=planned.name or shlex.join(planned.command),
                message=outcome.message,
                remedy=outcome.remedy,
                python=plan.asked if len(plans) > len(choice.suites) else None,
            )
        )
    settled = settle(reports)
    codes += [EXIT_CODES[report.verdict] for report in settled]
    several = Reports(reports=settled, failures=tuple(failures))
    looks = appearance(arguments, environ)
    print_text(render_reports(several, arguments.format, **looks, heads=heads), arguments.output)
    return max(codes)


def run(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Measure one revision and write its snapshots."""
    repository, revision, choice = chosen(arguments)
    plans = plans_of(arguments, repository, revision.commit, choice, environ)

    def measure_part(
        planned: Planned, plan: Plan, surroundings: Surroundings, stop: Stop
    ) -> Snapshot:
        part = replace(plan, shard=arguments.shard)
        snapshot = sides.measure_revision(repository, revision, part, surroundings, stop)
        path = _own_path(arguments.output, planned, plan, choice, plans)
        save_snapshot(snapshot.model_copy(update={"policy": choice.policy}), path)
        return snapshot

    outcomes = _measured(arguments, environ, plans, measure_part, sides=1)
    errors = [outcome for outcome in outcomes if isinstance(outcome, SpecialistCIError)]
    if errors and len(plans) == 1:
        raise errors[0]
    for error in errors:
        complain(error)
    return max([0, *(error.exit_code for error in errors)])


def explain(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Say what each instruction of a line meets, or what fails on the worst lines of a path."""
    repository, revision, choice = chosen(arguments)
    name, line = arguments.place
    path = Path(os.path.normpath(Path.cwd().resolve() / name))
    if not path.is_relative_to(repository.root):
        raise UsageError(f"{name} is not in the repository", remedy="name a file below its root")

    def explain(
        _planned: Planned, plan: Plan, surroundings: Surroundings, stop: Stop
    ) -> list[ExplainedLine]:
        from specialist_ci.checking.explained import explain_lines  # noqa: PLC0415 - slow to import

        relative = to_text(path.relative_to(repository.root).as_posix())
        return explain_lines(
            repository,
            revision,
            plan,
            surroundings,
            path=relative,
            line=line,
            most=arguments.lines,
            stop=stop,
        )

    plans = plans_of(arguments, repository, revision.commit, choice, environ)
    texts = []
    for outcome in _measured(arguments, environ, plans, explain, sides=2):
        if isinstance(outcome, SpecialistCIError):
            raise outcome
        width, color = width_of(arguments), color_of(arguments, environ)
        if line is not None:
            texts.append(render_line(outcome[0], arguments.format, width=width, color=color))
        else:
            texts.append(render_lines(outcome, arguments.format, width=width, color=color))
    print_text("\n\n".join(texts), arguments.output)
    return 0


def _measured(
    arguments: argparse.Namespace,
    environ: Mapping[str, str],
    plans: Sequence[tuple[Planned, Plan]],
    work: _Work[_Outcome],
    *,
    sides: int,
) -> "list[_Outcome | SpecialistCIError]":
    """Do the work for each plan, as many at once as there are jobs; return what came of each."""
    _announce(plans)
    jobs = Jobs(arguments.jobs)
    cache = None if arguments.no_cache else open_cache(environ)
    with without_collecting(), steps(sides * len(plans)) as progress:

        def do(planned: Planned, plan: Plan, stop: Stop) -> _Outcome | SpecialistCIError:
            def begin(step: str) -> None:
                names = (planned.name, plan.asked) if len(plans) > 1 else ()
                progress.begin(" ".join([step, *filter(None, names)]))

            surroundings = Surroundings(
                environ, begin, progress.tick, cache, end=progress.end, jobs=jobs
            )
            try:
                return work(planned, plan, surroundings, stop)
            except SpecialistCIError as error:
                return error

        return jobs.all([partial(do, planned, plan) for planned, plan in plans])


def _announce(plans: Sequence[tuple[Planned, Plan]]) -> None:
    """Say on stderr which suites run, unless the user typed the command, and what is a guess."""
    for planned in {id(planned): planned for planned, _ in plans}.values():
        if planned.name is not None:
            line = f"suite {planned.name}: {shlex.join(planned.command)} ({planned.because})"
            print(visible(line), file=sys.stderr)
        origin = planned.origins["install"]
        if origin.startswith(FOUND):
            print(visible(f"installed with the project ({origin})"), file=sys.stderr)


def _keeping(
    folder: Path | None,
    planned: Planned,
    plan: Plan,
    choice: Choice,
    plans: Sequence[tuple[Planned, Plan]],
) -> Callable[[str, Snapshot], None] | None:
    """Return what writes the snapshots of a diff, where they are wanted."""
    if folder is None:
        return None
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(
            f"cannot make the folder {folder}: {error.strerror}", remedy="name another one"
        ) from error

    def keep(name: str, snapshot: Snapshot) -> None:
        path = _own_path(folder / f"{name}.json", planned, plan, choice, plans)
        save_snapshot(snapshot.model_copy(update={"policy": choice.policy}), path)

    return keep


def _own_path(
    path: Path, planned: Planned, plan: Plan, choice: Choice, plans: Sequence[tuple[Planned, Plan]]
) -> Path:
    """Return the file of one snapshot: with the names of its suite and interpreter, if several."""
    parts = [path.stem]
    if len(choice.suites) > 1:
        parts.append(str(planned.name))
    if len(plans) > len(choice.suites):
        parts.append(re.sub(r"[^A-Za-z0-9.]+", "-", plan.asked or "python").strip("-"))
    return path.with_name("-".join(parts) + path.suffix)

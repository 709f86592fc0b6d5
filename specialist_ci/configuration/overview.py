"""Tells what would run and where each value comes from, for people to read."""

import shlex
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from specialist_ci.configuration.planning import DEFAULT, Choice, Planned
from specialist_ci.environments.wanted import Wanted
from specialist_ci.formats.snapshot import Budget
from specialist_ci.measuring.measure import Plan
from specialist_ci.measuring.surroundings import DETERMINISTIC
from specialist_ci.render.escape import terminal_output, visible
from specialist_ci.source.sources import select_sources

_Row = tuple[str, str, str]  # what, its value, where it comes from


def describe(
    choice: Choice, plans: Iterable[tuple[Planned, Plan]], files: Sequence[str], revision: str
) -> str:
    """Return the lines of ``check-config``, without a newline at the end.

    ``files`` are the revision's Python files. Raises UsageError for patterns that fit none.
    """
    parts = [[("configuration", choice.config.path or "none", revision)], [*_policy(choice)]]
    for _, measured in groupby(plans, key=lambda pair: id(pair[0])):
        pairs = list(measured)
        parts.append([*_suite(pairs[0][0], [plan for _, plan in pairs], files)])
    return terminal_output("\n\n".join("\n".join(_aligned(rows)) for rows in parts))


def _policy(choice: Choice) -> Iterator[_Row]:
    config = choice.config
    yield "fails on", ", ".join(choice.fail_on), choice.fail_on_origin
    for budget in choice.policy.budgets:
        yield "budget", _budget(budget), config.place("budgets")
    for entry in choice.policy.acknowledged:
        names = " ".join(filter(None, [entry.path, entry.function, entry.family]))
        yield "accepts", f"{names}: {entry.reason}", config.place("acknowledged")


def _budget(budget: Budget) -> str:
    limits = []
    if budget.max_failing is not None:
        limits.append(f"at most {budget.max_failing} failing sites")
    if budget.min_ratio is not None:
        limits.append(f"at least {budget.min_ratio:g}% specialized")
    return f"{budget.pattern}: {', '.join(limits)}"


def _install(wanted: Wanted | None) -> str:
    if wanted is None:
        return "nothing"
    listed = {
        "extras": wanted.extras,
        "groups": wanted.groups,
        "requirements": wanted.requirements,
        "packages": wanted.packages,
        "steps": tuple(map(shlex.join, wanted.steps)),
    }
    parts = [f"{name}: {', '.join(names)}" for name, names in listed.items() if names]
    return "; ".join(["the project", *parts])


def _suite(planned: Planned, plans: Sequence[Plan], files: Sequence[str]) -> Iterator[_Row]:
    def origin(name: str) -> str:
        return planned.origins.get(name, DEFAULT)

    sources = select_sources(files, planned.source, planned.exclude)
    yield "suite", planned.name or "of the command line", ""
    yield "  command", shlex.join(planned.command), origin("command")
    yield "  folder", planned.folder, origin("folder")
    patterns = " ".join(planned.source) or "all but tests"
    yield (
        "  source",
        f"{patterns} ({len(sources)} file{'s' * (len(sources) > 1)})",
        origin("source"),
    )
    yield "  exclude", " ".join(planned.exclude) or "nothing", origin("exclude")
    for name, value in {**DETERMINISTIC, **planned.env}.items():
        shown = f"{name} unset" if value is None else f"{name}={value}"
        yield "  env", shown, origin("env") if name in planned.env else DEFAULT
    limit = "none" if planned.timeout is None else f"{planned.timeout:g} s"
    yield "  timeout", limit, origin("timeout")
    yield "  install", _install(plans[0].install), origin("install")
    for plan in plans:
        asked = f"{plan.asked}: " if plan.asked else ""
        yield "  python", f"{asked}{plan.python}", origin("python")


def _aligned(rows: Sequence[_Row]) -> Iterator[str]:
    width = max(len(what) for what, _, _ in rows)
    for what, value, origin in rows:
        place = f"  [{visible(origin)}]" if origin else ""
        yield f"{what.ljust(width)}  {visible(value)}{place}"

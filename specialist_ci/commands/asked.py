"""Turns the arguments into what is asked for: revisions, suites and interpreters."""

import argparse
import os
from collections.abc import Mapping
from dataclasses import fields, replace
from functools import cache, partial
from pathlib import Path

from specialist_ci.checking.sides import Revision
from specialist_ci.commands.console import note
from specialist_ci.configuration.config import Config
from specialist_ci.configuration.needs import wanted_for
from specialist_ci.configuration.planning import (
    COMMAND_LINE,
    DEFAULT,
    FOUND,
    Choice,
    Options,
    Planned,
    choose,
)
from specialist_ci.environments.interpreters import find_interpreter
from specialist_ci.environments.wanted import Wanted
from specialist_ci.errors import UsageError
from specialist_ci.measuring.measure import Plan
from specialist_ci.repository.fetching import Fetching
from specialist_ci.repository.git import Repository, open_repository, parse_range

WORKING_TREE = "working tree"


def chosen(arguments: argparse.Namespace) -> tuple[Repository, Revision, Choice]:
    """Return the one revision in question, and what runs for it."""
    repository = open_repository(Path.cwd())
    revision = revision_of(Fetching(repository, note), arguments.revision)
    options = options_of(arguments, repository)
    return repository, revision, choose(repository, revision.commit, folder_of(repository), options)


def sides_of(
    repository: Repository, base: str | None, head: str | None
) -> tuple[Revision, Revision]:
    """Make the two revisions of BASE and HEAD as the user wrote them."""
    fetching = Fetching(repository, note)
    if base is None:
        repository.resolve("HEAD")  # there must be a commit to compare with
        branch, newest = fetching.default_branch()
        common = fetching.merge_base(newest, repository.resolve("HEAD"), (branch, "HEAD"))
        return Revision(f"merge base with {branch}", common), Revision(WORKING_TREE, None)
    if ".." in base:
        if head is not None:
            raise UsageError(
                f"{base} names both sides, and {head} is one more", remedy="leave one of them out"
            )
        sides = parse_range(base)
        head = sides.head
        if sides.from_merge_base and head is not None:
            tips = fetching.resolve(sides.base), fetching.resolve(head)
            common = fetching.merge_base(*tips, (sides.base, head))
            return Revision(f"merge base of {base}", common), Revision(head, tips[1])
        base = sides.base
    return Revision(base, fetching.resolve(base)), revision_of(fetching, head)


def revision_of(fetching: Fetching, name: str | None) -> Revision:
    """Make the revision of a name as the user wrote it; None is the working tree."""
    if name is None:
        fetching.repository.resolve("HEAD")  # what it differs from
        return Revision(WORKING_TREE, None)
    return Revision(name, fetching.resolve(name))


def base_python_of(arguments: argparse.Namespace, environ: Mapping[str, str]) -> Path | None:
    """Return base's interpreter where two are compared on one commit."""
    pythons = (arguments.base_python, arguments.head_python)
    if pythons == (None, None):
        return None
    if None in pythons:
        raise UsageError(
            "--base-python and --head-python belong together",
            remedy="name both interpreters, or several with --python to measure two commits",
        )
    if arguments.python:
        raise UsageError(
            "--python measures two commits, --base-python and --head-python one",
            remedy="leave --python out",
        )
    if arguments.head is not None or ".." in (arguments.base or ""):
        raise UsageError(
            "two interpreters are compared on one commit", remedy="name one revision, or none"
        )
    return find_interpreter(arguments.base_python, environ=environ)


def options_of(arguments: argparse.Namespace, repository: Repository) -> Options:
    """Return what was asked for instead of what is configured."""
    return Options(
        command=tuple(_rooted(word, repository) for word in arguments.command_line),
        suites=tuple(arguments.suite),
        python=tuple(_pythons(arguments)),
        source=tuple(arguments.source),
        exclude=tuple(arguments.exclude),
        env=dict(arguments.env),
        timeout=arguments.timeout,
        fail_on=getattr(arguments, "fail_on", None),
        calls=arguments.calls,
        measured=getattr(arguments, "measured", ()),
    )


def _pythons(arguments: argparse.Namespace) -> list[str]:
    """Return the interpreters that were asked for, head's where two are compared."""
    head: str | None = getattr(arguments, "head_python", None)
    python: list[str] = arguments.python
    return python if head is None else [head]


def _rooted(word: str, repository: Repository) -> str:
    """Make a path that leads out of the checkout absolute: it must do so from a worktree too."""
    path = Path(os.path.normpath(Path.cwd() / word))
    outside = word.startswith("..") and not path.is_relative_to(repository.root)
    return str(path) if outside and path.exists() else word


def folder_of(repository: Repository) -> str:
    """Return where in the repository we stand."""
    return str(Path.cwd().resolve().relative_to(repository.root))


def plans_of(
    arguments: argparse.Namespace,
    repository: Repository,
    commit: str | None,
    choice: Choice,
    environ: Mapping[str, str],
) -> list[tuple[Planned, Plan]]:
    """Find the interpreters of each suite, and what to install, before the first one runs."""
    found = cache(partial(find_interpreter, environ=environ))
    plans = []
    for suite in choice.suites:
        wanted, origin = _wanted(arguments, repository, commit, suite, choice.config)
        planned = replace(suite, origins={**suite.origins, "install": origin})
        asked: dict[Path, str | None] = {}
        for name in planned.python or (None,):
            asked.setdefault(found(name), name)  # what is asked for twice is measured once
        plans += [
            (planned, replace(planned.plan(python), install=wanted, asked=name))
            for python, name in asked.items()
        ]
    return plans


def _wanted(
    arguments: argparse.Namespace,
    repository: Repository,
    commit: str | None,
    planned: Planned,
    config: Config,
) -> tuple[Wanted | None, str]:
    """Return what to install and where that comes from.

    What was asked for, else what is configured, else what the suite seems to need, else nothing.
    Steps are in the configuration only, and belong to any environment of a revision's own.
    """
    table = config.table.install
    typed = Wanted(
        extras=tuple(arguments.extra),
        groups=tuple(arguments.group),
        requirements=tuple(arguments.requirement),
        packages=tuple(arguments.package),
    )
    if arguments.install is False:
        return None, COMMAND_LINE
    if typed != Wanted():
        return replace(typed, steps=table.steps if table else ()), COMMAND_LINE
    if table:
        named = {one.name: getattr(table, one.name) for one in fields(Wanted)}
        return Wanted(**named), config.place("install")
    if arguments.install:
        wanted, because = wanted_for(repository, commit, planned)
        return wanted, f"{FOUND}: {because}" if because else COMMAND_LINE
    return None, DEFAULT if table is None else config.place("install")

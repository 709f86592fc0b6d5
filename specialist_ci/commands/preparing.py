"""The commands around measuring: check-config, init and cache."""

import argparse
from collections.abc import Iterable, Mapping
from pathlib import Path

from specialist_ci.commands.asked import chosen, folder_of, plans_of
from specialist_ci.configuration.initial import (
    is_on_github,
    write_configuration,
    write_workflows,
)
from specialist_ci.configuration.overview import describe
from specialist_ci.errors import UsageError
from specialist_ci.formats.paths import to_text
from specialist_ci.render.escape import visible
from specialist_ci.repository.git import open_repository
from specialist_ci.snapshots.cache import LIMIT, open_cache


def check_config(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Print what would run."""
    repository, revision, choice = chosen(arguments)
    files = repository.python_files(revision.commit)
    plans = plans_of(arguments, repository, revision.commit, choice, environ)
    print(describe(choice, plans, files, revision.name))
    return 0


def init(arguments: argparse.Namespace, _environ: Mapping[str, str]) -> int:
    """Write a configuration, and the workflows for GitHub; only these where they are asked for."""
    repository = open_repository(Path.cwd())
    folder = folder_of(repository)
    to_github = is_on_github(repository)
    if not arguments.github:
        _tell(write_configuration(repository, folder))
    if arguments.github or to_github:
        _tell(write_workflows(repository, folder))
    return 0


def _tell(lines: Iterable[str]) -> None:
    for line in lines:
        print(visible(line))


def cache(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Tell how large the cache is, or clear it."""
    cache = open_cache(environ)
    if cache is None:
        raise UsageError(
            "there is no folder for a cache",
            remedy="name one with the variable SPECIALIST_CI_CACHE",
        )
    if arguments.clear:
        from specialist_ci.environments.environment import remove_environments  # noqa: PLC0415 - slow to import

        cache.clear()
        remove_environments(environ, unused_for=0.0)
    sizes = cache.sizes()
    print(f"folder   {to_text(str(cache.folder))}")
    print(f"entries  {len(sizes)}")
    print(f"size     {_megabytes(sum(sizes))} of at most {_megabytes(LIMIT)}")
    return 0


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB"

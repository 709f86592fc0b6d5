"""Writes a first configuration and workflows, and never over one that is there."""

import json
import re
import shlex
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path, PurePosixPath

from specialist_ci.configuration.config import OWN_FILE, PYPROJECT, nearest_config
from specialist_ci.configuration.needs import is_project, need_of
from specialist_ci.configuration.planning import (
    Planned,
    found_suites,
    project_folder,
    tree_of,
)
from specialist_ci.environments.tables import table_of
from specialist_ci.errors import UsageError
from specialist_ci.formats.files import write
from specialist_ci.render.escape import visible
from specialist_ci.repository.git import Repository

ACTION = "OWNER/specialist-ci@v1"  # as the templates have it

_INSTALL = '# install: "true" # each revision\'s own dependencies'  # so are these
_COMMENT = "comment: never"
_MINOR = 13  # of the Python that they set up

_TEMPLATES = Path(__file__).parent / "templates"
_WORKFLOWS = PurePosixPath(".github/workflows")

_HEAD = """\
{header}# What specialist-ci runs and looks at: `specialist-ci check-config` shows the outcome.
# fail-on = ["regression"]  # also: indirect, unstable, new, ratio:1.5, never
# source = ["src"]          # files, folders or globs; default: all but tests
# exclude = []
# python = ["3.13"]
# timeout = 600             # seconds
# install = {{ extras = [], groups = [], requirements = [], packages = [], steps = [] }}
# env = {{ NAME = "value" }}
"""
_SUITE = """
{table}  # {because}
command = {command}
"""
_NO_SUITE = """
# {table}
# command = "python bench.py"
"""


def write_configuration(repository: Repository, folder: str) -> Iterator[str]:
    """Write one for the project in a folder of the working tree; yield what was done, by line.

    Into pyproject.toml where there is one that can take it, else into specialist-ci.toml.
    Raises UsageError where there is a configuration, right or wrong.
    """
    config = nearest_config(folder, partial(repository.read_text, None))
    if config.path:
        raise UsageError(f"{config.place()} configures specialist-ci", remedy="edit that one")
    project = PurePosixPath(project_folder(repository.files(None), folder))
    suites = found_suites(repository, None, config, folder, best=True)
    path = project / PYPROJECT
    text = repository.read_text(None, str(path))
    extended = _extended(text, suites) if text is not None else None
    if extended is not None:
        write(repository.root / path, extended)
        yield f"appended [tool.specialist-ci] to {path}"
    else:
        path = project / OWN_FILE
        write(repository.root / path, _text("", suites))
        yield f"wrote {path}"
    for suite in suites:
        yield f"suite {suite.name}: {shlex.join(suite.command)} ({suite.because})"
    if not suites:
        yield "found neither benchmarks nor tests: name a command in it"
    yield "`specialist-ci check-config` shows what would run"


def is_on_github(repository: Repository) -> bool:
    """Tell whether a repository is kept on GitHub, and has none of our workflows yet."""
    there = any((repository.root / _WORKFLOWS / path.name).exists() for path in _templates())
    remotes = repository.ask("remote", "--verbose").stdout
    return not there and ("github.com" in remotes or (repository.root / _WORKFLOWS.parent).is_dir())


def write_workflows(repository: Repository, folder: str) -> Iterator[str]:
    """Write the two workflows of the GitHub Action; yield what was done, by line.

    They are for the project in a folder of the working tree: with its oldest Python, and with
    what its suite needs installed. Raises UsageError where one of them is there.
    """
    place = repository.root / _WORKFLOWS
    for template in _templates():
        if (place / template.name).exists():
            raise UsageError(f"{_WORKFLOWS / template.name} is there", remedy="edit that one")
    branch = "main"
    with suppress(UsageError):
        branch = repository.default_branch().removeprefix("origin/")
    place.mkdir(parents=True, exist_ok=True)
    settings = {'["main"]': json.dumps([branch]), **_settings(repository, folder)}
    for template in _templates():
        text = template.read_text(encoding="utf-8")
        for before, after in settings.items():
            text = text.replace(before, after)
        write(place / template.name, text)
        yield f"wrote {_WORKFLOWS / template.name}"
    yield f"replace OWNER in {ACTION} by the account that has the action, in both"


def _templates() -> list[Path]:
    return sorted(_TEMPLATES.glob("*.yml"))


def _settings(repository: Repository, folder: str) -> dict[str, str]:
    """Return what of a template to replace by what, for the project in a folder."""
    files = repository.files(None)
    project = project_folder(files, folder)
    config = nearest_config(folder, partial(repository.read_text, None))
    suites = [(name, suite.command) for name, suite in config.table.suites.items()]
    if not suites:
        found = found_suites(repository, None, config, folder, best=True)
        suites = [(suite.name or "", suite.command) for suite in found]
    prefix = "" if project == "." else f"{project}/"
    paths = [path for path in files if path.startswith(prefix)]
    tree = tree_of(paths, prefix, partial(repository.read_text, None))
    settings = {}
    if is_project(tree) and config.table.install is None:
        lines = ['install: "true" # each revision\'s own dependencies']
        need = need_of(tree, *next(iter(suites), ("", ())))
        if need is not None:
            values = json.dumps("\n".join(need.values))
            lines.append(f"{need.option}: {values}")
        settings[_INSTALL] = "\n          ".join(lines)
    if project != ".":
        settings[_COMMENT] = f"{_COMMENT}\n          working-directory: {json.dumps(project)}"
    said = table_of(tree.toml("pyproject.toml"), "project").get("requires-python")
    oldest = re.search(r">=\s*3\.(\d+)", str(said))
    if oldest is not None and int(oldest[1]) > _MINOR:
        settings[f'"3.{_MINOR}"'] = f'"3.{oldest[1]}"'
    return settings


def _extended(text: str, suites: Sequence[Planned]) -> str | None:
    """Return pyproject.toml with the table at its end, or None where it cannot take one."""
    extended = text + ("" if text.endswith("\n") or not text else "\n") + "\n"
    extended += _text("tool.specialist-ci", suites)
    try:
        tomllib.loads(extended)
    except tomllib.TOMLDecodeError:  # [tool] is written as one value
        return None
    return extended


def _text(table: str, suites: Sequence[Planned]) -> str:
    text = _HEAD.format(header=f"[{table}]\n" if table else "")
    prefix = f"{table}." if table else ""
    for suite in suites:
        text += _SUITE.format(
            table=f"[{prefix}suites.{suite.name}]",
            because=visible(suite.because),
            command=json.dumps(shlex.join(suite.command), ensure_ascii=False),
        )
    return text if suites else text + _NO_SUITE.format(table=f"[{prefix}suites.bench]")

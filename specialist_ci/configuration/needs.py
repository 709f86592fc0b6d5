"""Guesses, by the files' text alone, what of a project brings the tool that a suite runs by."""

import posixpath
import re
from collections.abc import Iterator, Sequence
from configparser import ConfigParser
from configparser import Error as ParserError
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from specialist_ci.configuration.planning import Planned, project_folder, tree_of
from specialist_ci.environments.distributions import normalized
from specialist_ci.environments.tables import strings, table_of
from specialist_ci.environments.wanted import Wanted
from specialist_ci.repository.git import Repository
from specialist_ci.suites import Tree
from specialist_ci.suites.asv import required_by_asv

_BY_SUITE = {
    "pytest-benchmark": "pytest-benchmark",
    "pytest-codspeed": "pytest-codspeed",
    "pyperf": "pyperf",
    "pyperformance": "pyperf",
}
_PROJECT_FILES = ("pyproject.toml", "setup.py", "setup.cfg", "requirements.txt")


@dataclass(frozen=True, slots=True)
class Need:
    """One option of ours, such as --group, its values, and why they are needed."""

    option: str  # group, extra, requirement or package
    values: tuple[str, ...]
    because: str


def wanted_for(
    repository: Repository, commit: str | None, planned: Planned
) -> tuple[Wanted, str | None]:
    """Return what to install for a suite where nobody said it, and why, if anything.

    What a revision (None: the working tree) says of the project that is nearest to the suite.
    """
    files = repository.files(commit)
    project = project_folder(files, planned.folder)
    prefix = "" if project == "." else f"{project}/"
    with repository.reading(commit) as read:
        tree = tree_of([path for path in files if path.startswith(prefix)], prefix, read)
        need = need_of(tree, planned.name or "", planned.command)
    match need:
        case Need("group", values, because):
            return Wanted(groups=values), because
        case Need("extra", values, because):
            return Wanted(extras=values), because
        case Need("package", values, because):
            return Wanted(packages=values), because
        case Need(_, values, because):
            paths = (posixpath.join(project, value) for value in values)
            relative = tuple(posixpath.relpath(path, planned.folder) for path in paths)
            return Wanted(requirements=relative), because
    return Wanted(), None


def is_project(tree: Tree) -> bool:
    """Tell whether there is something to install at all."""
    return any(tree.has(name) for name in _PROJECT_FILES)


def need_of(tree: Tree, suite: str, command: Sequence[str]) -> Need | None:
    """Return what a suite needs installed beside the project and what it requires, if anything."""
    if suite == "asv" or "_specialist_ci_asv" in command:
        packages = required_by_asv(tree)
        return Need("package", packages, "asv's matrix has them") if packages else None
    tool = _BY_SUITE.get(suite) or ("pytest" if "pytest" in command else None)
    if tool is None:
        return None
    pyproject = tree.toml("pyproject.toml")
    if _name(tool, table_of(pyproject, "project").get("dependencies")):
        return None
    if tree.has("pylock.toml") and not tree.has("uv.lock"):  # it has neither groups nor extras
        locked = tree.toml("pylock.toml").get("packages")
        every = locked if isinstance(locked, list) else []
        if any(isinstance(one, dict) and one.get("name") == tool for one in every):
            return None
        return Need("package", (tool,), f"pylock.toml does not have {tool}")
    bringing = [
        (option, value)
        for option, value, requirements in _lists(tree, pyproject)
        if _name(tool, requirements)
    ]
    if not bringing:
        return Need("package", (tool,), f"nothing in the project brings {tool}")
    option, value = min(bringing, key=lambda pair: _aside(pair[1], tool))
    return Need(option, (value,), f"{option} {value} brings {tool}")


def _aside(name: str, tool: str) -> int:
    """Return how far a list is from being there for the suite, by its name.

    What is there for all that developers do brings more than is needed, and may not be had.
    """
    wanted = ("test",) if tool == "pytest" else ("bench", "perf", "test")
    return next((rank for rank, word in enumerate(wanted) if word in name), len(wanted))


def _lists(tree: Tree, pyproject: dict[str, Any]) -> Iterator[tuple[str, str, object]]:
    """Yield the lists of requirements, by the option and its value, the most standard first."""
    for option, tables in (
        ("group", ("dependency-groups",)),
        ("extra", ("project", "optional-dependencies")),
        ("group", ("tool", "pdm", "dev-dependencies")),
    ):
        for name, requirements in table_of(pyproject, *tables).items():
            yield option, name, requirements
    for name, requirements in _setup_extras(tree.read("setup.cfg") or ""):
        yield "extra", name, requirements
    yield "group", "dev", table_of(pyproject, "tool", "uv").get("dev-dependencies")
    if tree.has("poetry.lock"):  # without it, Poetry's groups have no versions
        poetry = table_of(pyproject, "tool", "poetry")
        for name in table_of(poetry, "group"):
            yield "group", name, [*table_of(poetry, "group", name, "dependencies")]
        yield "group", "dev", [*table_of(poetry, "dev-dependencies")]
    if tree.has("Pipfile.lock"):
        yield "group", "develop", [*table_of(tree.toml("Pipfile"), "dev-packages")]
    for path in tree.paths:
        if path.endswith(".txt") and "requirements" in path and path.count("/") <= 1:
            yield "requirement", path, (tree.read(path) or "").splitlines()


def _setup_extras(text: str) -> Iterator[tuple[str, list[str]]]:
    """Yield the extras of a setup.cfg, none where it is broken."""
    parser = ConfigParser(interpolation=None)
    section = "options.extras_require"
    with suppress(ParserError):
        parser.read_string(text)
        if parser.has_section(section):
            yield from ((name, lines.split("\n")) for name, lines in parser.items(section))


def _name(tool: str, requirements: object) -> bool:
    """Tell whether one of the requirements is of a tool."""
    names = (re.match(r"[A-Za-z0-9._-]*", one) for one in strings(requirements))
    return tool in {normalized(found[0]) for found in names if found}

"""Guesses, by the files' text alone, what of a project brings the tool that a suite runs by."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from specialist_ci.environments.distributions import normalized
from specialist_ci.environments.tables import strings, table_of
from specialist_ci.suites import Tree

_BY_SUITE = {
    "pytest-benchmark": "pytest-benchmark",
    "pytest-codspeed": "pytest-codspeed",
    "pyperf": "pyperf",
    "pyperformance": "pyperf",
}
_PROJECT_FILES = ("pyproject.toml", "setup.py", "setup.cfg", "requirements.txt")


@dataclass(frozen=True, slots=True)
class Need:
    """One option of ours, such as --group, and its value."""

    option: str
    value: str


def needs_of(tree: Tree, suite: str, command: Sequence[str]) -> tuple[Need, ...] | None:
    """Return what to install for a suite beside the project, None where there is no project."""
    if not any(tree.has(name) for name in _PROJECT_FILES):
        return None
    tool = _BY_SUITE.get(suite) or ("pytest" if "pytest" in command else None)
    if tool is None:
        return ()
    pyproject = tree.toml("pyproject.toml")
    if _name(tool, table_of(pyproject, "project").get("dependencies")):
        return ()
    return tuple(_bringing(tree, pyproject, tool))[:1]


def _bringing(tree: Tree, pyproject: dict[str, Any], tool: str) -> Iterator[Need]:
    """Yield what brings a tool, the most standard first."""
    for option, tables in (
        ("group", ("dependency-groups",)),
        ("extra", ("project", "optional-dependencies")),
        ("group", ("tool", "pdm", "dev-dependencies")),
    ):
        for name, requirements in table_of(pyproject, *tables).items():
            if _name(tool, requirements):
                yield Need(option, name)
    for name in table_of(pyproject, "tool", "poetry", "group"):
        if tool in table_of(pyproject, "tool", "poetry", "group", name, "dependencies"):
            yield Need("group", name)
    for path in tree.paths:
        if path.endswith(".txt") and "requirements" in path and path.count("/") <= 1:
            lines = (tree.read(path) or "").splitlines()
            if _name(tool, lines):
                yield Need("requirement", path)


def _name(tool: str, requirements: object) -> bool:
    """Tell whether one of the requirements is of a tool."""
    names = (re.match(r"[A-Za-z0-9._-]*", one) for one in strings(requirements))
    return tool in {normalized(found[0]) for found in names if found}

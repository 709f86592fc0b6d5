"""Reads dependency groups: those of PEP 735, and what uv, PDM, Poetry and pipenv have instead."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from specialist_ci.environments.distributions import normalized
from specialist_ci.environments.locks import Lock
from specialist_ci.environments.tables import UnusableError, strings, table_of

_DEV = "dev"
_PYTHON = re.compile(r"\s*(<=|>=|<|>|==|!=)\s*(\d+\.\d+(?:\.\d+)?)\s*")
_MINOR = 1  # dots in a version such as 3.12


@dataclass(frozen=True, slots=True)
class _Wish:
    """A requirement as Poetry's tables have it: a version, or a table."""

    name: str
    table: object

    def written(self, lock: Lock | None) -> str:
        """Return it as PEP 508 does, its version left to the lock file."""
        if lock is None or normalized(self.name) not in lock.names():
            where = "there is no poetry.lock" if lock is None else f"{lock.path.name} has none"
            raise UnusableError(f"{self.name} is required by [tool.poetry], and {where} to pin it")
        table = self.table if isinstance(self.table, dict) else {}
        extras = ",".join(strings(table.get("extras", [])))
        markers = [f"({table['markers']})"] if "markers" in table else []
        markers += _python_markers(str(table.get("python", "")))
        requirement = f"{self.name}[{extras}]" if extras else self.name
        return f"{requirement} ; {' and '.join(markers)}" if markers else requirement


def group_names(pyproject: Mapping[str, Any], lock: Lock | None) -> tuple[str, ...]:
    """Return the names, normalized and sorted, of all groups that there are."""
    return tuple(sorted(_groups(pyproject, lock)))


def group_requirements(
    pyproject: Mapping[str, Any], lock: Lock | None, names: Sequence[str]
) -> tuple[str, ...]:
    """Return what groups contain, those that they include among it, as requirements (PEP 508).

    Raises UnusableError for one that there is not, or that is no list of requirements.
    """
    groups = _groups(pyproject, lock)
    found = [one for name in names for one in _expanded(groups, name, (), lock)]
    return tuple(dict.fromkeys(found))


def poetry_requirements(table: Mapping[str, Any], lock: Lock | None) -> tuple[str, ...]:
    """Return a table of Poetry's as requirements (PEP 508), less what only an extra brings.

    Raises UnusableError where the lock file is not there, or does not have all of them.
    """
    return tuple(
        wish.written(lock)
        for wish in _wishes(table)
        if not (isinstance(wish.table, dict) and wish.table.get("optional"))
    )


def _groups(pyproject: Mapping[str, Any], lock: Lock | None) -> dict[str, object]:
    """Return the groups by their normalized names, each as PEP 735 has it."""
    found: dict[str, object] = {}
    for name, packages in (lock.categories if lock else {}).items():
        found[normalized(name)] = list(packages)
    poetry = table_of(pyproject, "tool", "poetry")
    if "dev-dependencies" in poetry:  # up to Poetry 1.1
        found[_DEV] = [*_wishes(table_of(poetry, "dev-dependencies"))]
    for name in table_of(poetry, "group"):
        group = table_of(poetry, "group", name)
        included = [{"include-group": one} for one in strings(group.get("include-groups", []))]
        found[normalized(name)] = [*included, *_wishes(table_of(group, "dependencies"))]
    own = table_of(pyproject, "tool", "uv").get("dev-dependencies")
    for groups in (
        {_DEV: own} if own else {},
        table_of(pyproject, "tool", "pdm", "dev-dependencies"),
        table_of(pyproject, "dependency-groups"),
    ):
        found |= {normalized(name): group for name, group in groups.items()}
    return found


def _wishes(table: Mapping[str, Any]) -> Iterator[_Wish]:
    for name, wish in table.items():
        if name != "python":
            for each in wish if isinstance(wish, list) else [wish]:
                yield _Wish(name, each)


def _python_markers(versions: str) -> Iterator[str]:
    """Yield Poetry's limits of the Python version as markers, less those that only it can read."""
    for part in filter(None, versions.split(",")):
        if found := _PYTHON.fullmatch(part):
            variable = "version" if found[2].count(".") == _MINOR else "full_version"
            yield f'python_{variable} {found[1]} "{found[2]}"'


def _expanded(
    groups: Mapping[str, object], name: str, above: tuple[str, ...], lock: Lock | None
) -> Iterator[str]:
    group = groups.get(normalized(name))
    if not isinstance(group, list):
        known = ", ".join(sorted(groups)) or "none"
        raise UnusableError(f"pyproject.toml has no dependency group {name} (it has: {known})")
    if normalized(name) in above:
        raise UnusableError(f"the dependency group {name} includes itself")
    for entry in group:
        if isinstance(entry, str):
            yield entry
        elif isinstance(entry, _Wish):
            yield entry.written(lock)
        elif isinstance(entry, dict) and isinstance(entry.get("include-group"), str):
            yield from _expanded(groups, entry["include-group"], (*above, normalized(name)), lock)
        else:
            raise UnusableError(f"the dependency group {name} has an entry that is no requirement")

"""Reads what a commit says of its own dependencies: as data, nothing of it runs."""

import os
import re
import shlex
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from specialist_ci.environments.distributions import Distribution
from specialist_ci.environments.groups import (
    group_names,
    group_requirements,
    poetry_requirements,
)
from specialist_ci.environments.locks import PIPENV, Lock, read_lock
from specialist_ci.environments.tables import UnusableError, strings, table_of
from specialist_ci.environments.wanted import Wanted

_DECIDING = ("pyproject.toml", "setup.py", "setup.cfg")  # of a project, on what it needs
_UV, _PYLOCK, _POETRY = "uv.lock", "pylock.toml", "poetry.lock"
_OTHERS = (_POETRY, "pdm.lock", PIPENV)  # that no installer but their own reads
_MARKS = (*_DECIDING, _UV, _PYLOCK, *_OTHERS, "requirements.txt")  # of a project's folder

_INCLUDES = ("-r", "--requirement", "-c", "--constraint")
# Requirements that are folders: -e ., ./part, /part, part @ file:///part
_LOCAL = re.compile(r"^\s*(-e\b|--editable\b|\.|/)|@\s*file:", re.MULTILINE)


_ITSELF = re.compile(rb"^\s*(-e|--editable)?[\s=]*\.(\[[^]]*\])?\s*(#.*)?$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Project:
    """What a checkout's metadata say before anything was built."""

    folder: Path
    pyproject: Mapping[str, Any]
    is_built: bool  # it is a package, not a mere list of dependencies
    uv_lock: Path | None
    pylock: Path | None
    requirements: tuple[Path, ...]
    lock: Lock | None = None  # what is followed as constraints
    unread_lock: str | None = None  # the lock file of a format that is not known

    @property
    def uv_settings(self) -> tuple[Mapping[str, Any], bytes]:
        """What decides how uv resolves and where from."""
        return table_of(self.pyproject, "tool", "uv"), _read(self.folder / "uv.toml")

    @property
    def groups(self) -> tuple[str, ...]:
        """The names of its dependency groups, normalized."""
        return group_names(self.pyproject, self.lock)

    def stated(self) -> Distribution | None:
        """Return the metadata of a project that is not built, None where it has none."""
        table = table_of(self.pyproject, "project")
        poetry = table_of(self.pyproject, "tool", "poetry")
        if not table and not poetry:
            return None
        if "dependencies" in table.get("dynamic", ()) and not poetry:
            raise UnusableError("pyproject.toml has dynamic dependencies and no build-system")
        extras = table_of(table, "optional-dependencies") or table_of(poetry, "extras")
        requires = list(strings(table.get("dependencies", [])))
        if not requires:
            requires += poetry_requirements(table_of(poetry, "dependencies"), self.lock)
        for extra, requirements in extras.items():
            requires += [_with_extra(one, extra) for one in strings(requirements)]
        return Distribution(
            name=str(table.get("name", poetry.get("name", "project"))),
            version=str(table.get("version", poetry.get("version", "0"))),
            requires=tuple(requires),
            extras=tuple(extras),
        )

    def group_requirements(self, names: Sequence[str]) -> tuple[str, ...]:
        """Return what dependency groups contain, those that they include among it."""
        return group_requirements(self.pyproject, self.lock, names)


def find_project(root: Path, folder: str, wanted: Wanted) -> Project:
    """Find the project that is nearest to a folder of the checkout, upwards from it.

    Raises UnusableError where there is nothing to install, or it cannot be read.
    """
    start = root / folder
    above = [one for one in (start, *start.parents) if one.is_relative_to(root)]
    place = next((one for one in above if any((one / mark).is_file() for mark in _MARKS)), root)
    pyproject = _load(place / "pyproject.toml")
    requirements = tuple(start / name for name in wanted.requirements)
    for name, path in zip(wanted.requirements, requirements, strict=True):
        if not path.is_file():
            raise UnusableError(f"there is no file {name}")
    uv_lock = next((one / _UV for one in above if (one / _UV).is_file()), None)
    pylock = place / _PYLOCK if uv_lock is None and (place / _PYLOCK).is_file() else None
    locks = [uv_lock, *(place / name for name in _OTHERS if (place / name).is_file())]
    lock_file = next(filter(None, locks), None) if pylock is None else None
    lock = _lock(lock_file) if lock_file is not None else None
    described = any((place / name).is_file() for name in ("setup.py", "setup.cfg"))
    described |= any(key in pyproject for key in ("project", "build-system"))
    described |= bool(table_of(pyproject, "tool", "poetry"))
    listed = lock is not None and bool(lock.categories)  # pipenv's says by itself what is needed
    if not described and uv_lock is None and pylock is None and not listed and not requirements:
        requirements = (place / "requirements.txt",)
        if not requirements[0].is_file() and not (wanted.groups or wanted.packages or wanted.steps):
            raise UnusableError("there is no project to install, and no requirements.txt")
    return Project(
        folder=place,
        pyproject=pyproject,
        is_built=_is_built(place, pyproject),
        uv_lock=uv_lock,
        pylock=pylock,
        requirements=tuple(path for path in requirements if path.is_file()),
        lock=lock,
        unread_lock=lock_file.name if lock_file is not None and lock is None else None,
    )


def deciding_files(project: Project, root: Path) -> dict[str, bytes]:
    """Return the content of every file that decides what is installed, by relative path.

    Requirement files bring the files that they include. Where they name folders of the
    checkout, whatever describes a project in it decides too.
    """
    found: dict[str, bytes] = {}
    locks = [project.uv_lock, project.pylock, project.lock.path if project.lock else None]
    waiting = [path for path in locks if path]
    waiting += project.requirements
    while waiting:
        path = Path(os.path.normpath(waiting.pop()))
        name = os.path.relpath(path, root)
        if name not in found:
            found[name] = _read(path)
            if path not in locks:
                waiting += _included(path, found[name])
    texts = [text.decode(errors="replace") for text in found.values()]
    if any(_LOCAL.search(text) for text in texts) or (project.lock and project.lock.is_local):
        for path in sorted(root.rglob("*")):
            if path.name in _DECIDING:
                found[str(path.relative_to(root))] = _read(path)
    return found


def names_itself(files: Mapping[str, bytes]) -> bool:
    """Tell whether a requirement is the project itself, such as ``-e .[test]``."""
    return any(_ITSELF.search(content) for content in files.values())


def _is_built(folder: Path, pyproject: Mapping[str, Any]) -> bool:
    """Tell whether there is a package: without a build system, tables are mere lists (as uv)."""
    for tool, key in (("uv", "package"), ("poetry", "package-mode")):
        package = table_of(pyproject, "tool", tool).get(key)
        if isinstance(package, bool):
            return package
    if "build-system" in pyproject or (folder / "setup.py").is_file():
        return True
    return "[metadata]" in _read(folder / "setup.cfg").decode(errors="replace")


def _with_extra(requirement: str, extra: str) -> str:
    requirement, _, marker = requirement.partition(" ;" if "@" in requirement else ";")
    condition = f'extra == "{extra}"'
    return f"{requirement} ; " + (f"({marker.strip()}) and {condition}" if marker else condition)


def _included(path: Path, text: bytes) -> Iterator[Path]:
    for line in text.decode(errors="replace").splitlines():
        for option in _INCLUDES:
            after = line.strip().removeprefix(option)
            # -rfile, -r file, --requirement=file
            if after != line.strip() and (len(option) == len("-r") or after[:1] in {"=", " "}):
                name = after.lstrip("= ").partition(" #")[0].strip()
                if "://" not in name:
                    yield path.parent / next(iter(_words(name)), name)
                break


def _words(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError:  # an unbalanced quote
        return []


def _lock(path: Path) -> Lock | None:
    try:
        return read_lock(path)
    except (OSError, ValueError, RecursionError) as error:
        raise UnusableError(f"{path.name} cannot be read ({error})") from error


def _load(path: Path) -> Mapping[str, Any]:
    try:
        return tomllib.loads(_read(path).decode())
    except (ValueError, RecursionError) as error:
        raise UnusableError(f"{path.name} cannot be read ({error})") from error


def _read(path: Path) -> bytes:
    """Return a file's content, nothing for what is no file: a device has no end."""
    try:
        return path.read_bytes() if path.is_file() else b""
    except OSError:
        return b""

"""Reads lock files of uv, Poetry, PDM and pipenv as data: which version each package is to have.

They are followed as constraints (pip, "Constraints Files"): the commit's metadata say what is
needed, with extras, groups and markers, and the lock file says in which version. So nothing of
a lock file has to be understood but names, versions and where a package comes from.
"""

import json
import posixpath
import tomllib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit, urlunsplit

from specialist_ci.environments.distributions import normalized


@dataclass(frozen=True, slots=True)
class Locked:
    """One package at one version.

    ``url`` is where it comes from, as requirements name it (PEP 440, direct references), None
    for an index. ``marker`` says where it is the one to install, None where that is not said.
    """

    name: str
    version: str
    url: str | None = None
    marker: str | None = None


@dataclass(frozen=True, slots=True)
class Lock:
    """What a lock file says; of pipenv's also the requirements by category, there are no others."""

    path: Path
    packages: tuple[Locked, ...]
    categories: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def constraints(self, *, but: str | None) -> tuple[str, ...]:
        """Return the lines that hold each package, but for one, to its version."""
        return tuple(
            line
            for name, choices in self._by_name().items()
            if name != but
            for line in _lines(choices)
        )

    def undecided(self) -> tuple[str, ...]:
        """Return the names with several versions of which nothing says which is for whom."""
        return tuple(name for name, choices in self._by_name().items() if not [*_lines(choices)])

    def names(self) -> frozenset[str]:
        """Return the names of all packages that it decides, normalized."""
        return frozenset(self._by_name()) - frozenset(self.undecided())

    @property
    def is_local(self) -> bool:
        """Whether folders or files of the checkout are among the packages."""
        return any(one.url and one.url.startswith("file:") for one in self.packages)

    def bare(self, requirement: str) -> str:
        """Return a requirement without its address, where the lock file has one for the name.

        An address of a branch is not that of the commit that it had been at.
        """
        words, at, rest = requirement.partition("@")
        name = normalized(words.partition("[")[0].strip())
        if not at or not any(one.url for one in self._by_name().get(name, ())):
            return requirement
        _, found, marker = rest.partition(" ;")
        return f"{words.strip()} ;{marker}" if found else words.strip()

    def _by_name(self) -> dict[str, list[Locked]]:
        found: defaultdict[str, list[Locked]] = defaultdict(list)
        for one in self.packages:
            found[normalized(one.name)].append(one)
        return found


def read_lock(path: Path) -> Lock | None:
    """Return what a lock file says, None where its format is not one that we know.

    Raises ValueError for what is no TOML or JSON, or lacks what the format has.
    """
    text = path.read_text(encoding="utf-8")
    data: Any = json.loads(text) if path.name == PIPENV else tomllib.loads(text)
    read, is_known = _FORMATS[path.name]
    if not isinstance(data, dict) or not is_known(data):
        return None
    try:
        packages = tuple(read(data, path.parent))
        categories = _categories(data, path.parent) if path.name == PIPENV else {}
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"it lacks what such a file has: {error}") from error
    return Lock(path, packages, categories)


def _lines(choices: Iterable[Locked]) -> Iterator[str]:
    """Yield the constraints of one package; none where it is not said which choice is for whom."""
    several = list(dict.fromkeys((one.name, one.version, one.url) for one in choices))
    for name, version, url in several:
        line = f"{name} @ {url}" if url else f"{name}=={version}"
        if len(several) == 1:
            yield line
            continue
        markers = [one.marker for one in choices if (one.version, one.url) == (version, url)]
        if any(marker is None or "extra" in marker for marker in markers):
            return
        yield f"{line} ; " + " or ".join(f"({marker})" for marker in dict.fromkeys(markers))


def _git(address: str, commit: str, subdirectory: str | None) -> str:
    folder = f"#subdirectory={subdirectory}" if subdirectory else ""
    return f"git+{address.removeprefix('git+')}@{commit}{folder}"


def _local(folder: Path, path: str) -> str:
    return Path(posixpath.normpath(folder / path)).as_uri()


# --- the formats ---


def _uv(data: Mapping[str, Any], folder: Path) -> Iterator[Locked]:
    """Docs of uv, "Locking and syncing"; written by crates/uv-resolver/src/lock."""
    for package in data.get("package", ()):
        source = package.get("source", {})
        if "virtual" in source:
            continue  # a member that is no package
        markers = package.get("resolution-markers")
        yield Locked(
            package["name"],
            str(package.get("version", "")),
            _uv_url(source, folder),
            " or ".join(f"({marker})" for marker in markers) if markers else None,
        )


def _uv_url(source: Mapping[str, str], folder: Path) -> str | None:
    if "git" in source:
        found = urlsplit(source["git"])
        below = parse_qs(found.query).get("subdirectory", [None])[0]
        return _git(urlunsplit((*found[:3], "", "")), found.fragment, below)
    if "url" in source:
        return source["url"]
    places = [source[key] for key in ("editable", "directory", "path") if key in source]
    return _local(folder, places[0]) if places else None


def _poetry(data: Mapping[str, Any], folder: Path) -> Iterator[Locked]:
    """Source: poetry/packages/locker.py; lock-version 2.1 has markers, older ones have none."""
    for package in data.get("package", ()):
        source = package.get("source", {})
        url = None
        match source.get("type"):
            case "git":
                url = _git(source["url"], source["resolved_reference"], source.get("subdirectory"))
            case "url":
                url = source["url"]
            case "directory" | "file":
                url = _local(folder, source["url"])
        markers = package.get("markers")
        if isinstance(markers, dict):  # by group, less those that need it everywhere
            everywhere = len(markers) < len(package.get("groups", ()))
            by_group = " or ".join(f"({marker})" for marker in markers.values())
            markers = None if everywhere else by_group
        yield Locked(package["name"], package["version"], url, markers)


def _pdm(data: Mapping[str, Any], folder: Path) -> Iterator[Locked]:
    """Docs of PDM, "Lock file"; a package with extras is there once more, without extras too."""
    for package in data.get("package", ()):
        url = package.get("url")
        if "git" in package:
            url = _git(package["git"], package["revision"], package.get("subdirectory"))
        elif "path" in package:
            url = _local(folder, package["path"])
        yield Locked(package["name"], package.get("version", ""), url, package.get("marker"))


def _pipenv(data: Mapping[str, Any], folder: Path) -> Iterator[Locked]:
    """Docs of pipenv, "Pipfile and Pipfile.lock"."""
    for category, packages in data.items():
        if category != "_meta":
            for name, package in packages.items():
                version = package.get("version", "").removeprefix("==")
                yield Locked(name, version, _pipenv_url(package, folder), package.get("markers"))


def _pipenv_url(package: Mapping[str, Any], folder: Path) -> str | None:
    if "git" in package:
        return _git(package["git"], package["ref"], package.get("subdirectory"))
    if "path" in package:
        return _local(folder, package["path"])
    return package.get("file")


def _categories(data: Mapping[str, Any], folder: Path) -> dict[str, tuple[str, ...]]:
    """Return the requirements of each category, less the project itself, which is built."""
    return {
        category: tuple(
            f"{name}{_brackets(package)}" + (f" ; {marker}" if marker else "")
            for name, package in packages.items()
            if _pipenv_url(package, folder) != folder.as_uri()
            for marker in (package.get("markers"),)
        )
        for category, packages in data.items()
        if category != "_meta"
    }


def _brackets(package: Mapping[str, Any]) -> str:
    return f"[{','.join(package['extras'])}]" if package.get("extras") else ""


PIPENV = "Pipfile.lock"
_Read = Callable[[Mapping[str, Any], Path], Iterator[Locked]]
_FORMATS: dict[str, tuple[_Read, Callable[[Mapping[str, Any]], bool]]] = {
    "uv.lock": (_uv, lambda data: data.get("version") == 1),
    "poetry.lock": (_poetry, lambda data: _major(data, "metadata", "lock-version") in {"1", "2"}),
    "pdm.lock": (_pdm, lambda data: _major(data, "metadata", "lock_version") == "4"),
    PIPENV: (_pipenv, lambda data: _major(data, "_meta", "pipfile-spec") == "6"),
}


def _major(data: Mapping[str, Any], table: str, key: str) -> str:
    """Return the first number of the format's version."""
    found = data.get(table)
    return str(found.get(key)).partition(".")[0] if isinstance(found, dict) else ""

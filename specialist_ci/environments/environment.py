"""Keeps a virtual environment for what a commit depends on, and puts its project on top.

What the project depends on is installed once and kept in the user's cache, under a digest
of all that decides it; both sides share it where that is equal. The project itself is
installed editable into a folder of its own for each measurement, since it lies in a
checkout that goes away.
"""

import fcntl
import json
import os
import shlex
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from specialist_ci.environments.distributions import (
    Distribution,
    installed_in,
    pins,
)
from specialist_ci.environments.installers import (
    NOT_INSTALLED,
    Errand,
    Installer,
    find_installer,
    installing_environment,
)
from specialist_ci.environments.recipe import (
    Recipe,
    complete,
    followed,
    new_path,
    site_packages,
    unread,
)
from specialist_ci.environments.requirements import find_project
from specialist_ci.environments.tables import UnusableError
from specialist_ci.environments.wanted import Wanted
from specialist_ci.errors import MeasurementError
from specialist_ci.formats.snapshot import Condition, Installed, Python
from specialist_ci.repository.trees import remove_tree

_PROJECTS = "SPECIALIST_CI_PROJECT"  # folders for the environment to take as its own
# An editable project is a .pth file, which only counts in a folder that site reads.
_HOOK = f"""\
import os, site; list(map(site.addsitedir, \
filter(None, os.environ.get("{_PROJECTS}", "").split(os.pathsep))))
"""
_MARK = "specialist-ci.json"  # written last: an environment without it is half made
_DAY = 24 * 60 * 60.0  # seconds that an index's answers count, where no lock file has them
_UNUSED = 30 * _DAY
_PAUSE = 0.1  # seconds between two looks at a lock


@dataclass(frozen=True, slots=True)
class Environment:
    """What a measured command runs in."""

    folder: Path
    projects: tuple[Path, ...]  # with what was installed from the checkout, in order
    installed: Installed
    conditions: tuple[Condition, ...] = ()  # what of the commit's own wishes was not followed

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.folder / "bin" / "python"

    def entered(self, environment: Mapping[str, str]) -> dict[str, str]:
        """Return the variables of a process that runs in it."""
        paths = [str(project / "bin") for project in self.projects]
        variables = {"VIRTUAL_ENV": str(self.folder)}
        if self.projects:
            variables[_PROJECTS] = os.pathsep.join(map(str, self.projects))
        paths.append(environment.get("PATH", os.defpath))
        return {**environment, **variables, "PATH": os.pathsep.join(paths)}


@dataclass(frozen=True, slots=True)
class Environments:
    """Makes environments from one interpreter, or takes them from the user's cache."""

    python: Path
    identity: Python
    environ: Mapping[str, str]
    scratch: Path
    begin: Callable[[str], None]  # a step has begun, for people to see
    on_wait: Callable[[], None] | None

    @contextmanager
    def held(self, side: str, root: Path, folder: str, wanted: Wanted) -> Iterator[Environment]:
        """Make or take the environment of the checkout at root, and hold it for the block.

        The project is that of the folder, a path relative to root, or the next one above.
        Raises MeasurementError where the metadata cannot be followed or a build fails.
        """
        errand = Errand(side, installing_environment(self.environ), self.on_wait)
        installer = find_installer(self.python, errand)
        with _understood(side):
            project = followed(find_project(root, folder, wanted), installer)
        projects: list[Path] = []
        with _understood(side):
            own = None if project.is_built else project.stated()
        if project.is_built:
            self.begin(f"building {side}")
            builder = Recipe(installer, errand, root)
            with self._kept(builder, None) as made:
                projects.append(self._build(made.folder, project.folder, installer, errand))
            own = _built_from(project.folder, projects[0], side)
        with _understood(side):
            recipe = complete(Recipe(installer, errand, root), project, own, wanted)
        with self._kept(recipe, f"environment for {side}") as made:
            others = [root / local for local in made.local]
            if project.is_built:
                others = [other for other in others if other != project.folder]
            projects += [self._build(made.folder, other, installer, errand) for other in others]
            if project.is_built:
                _point_scripts(projects[0] / "bin", made.folder)
            installed = Installed(digest=made.folder.name, packages=made.packages)
            conditions = tuple(unread(project))
            environment = Environment(made.folder, tuple(projects), installed, conditions)
            for step in wanted.steps:
                self.begin(f"{side}: {shlex.join(step)}")
                _take_step(environment, step, root / folder, errand)
            yield environment

    def _build(self, environment: Path, folder: Path, installer: Installer, errand: Errand) -> Path:
        """Install a project of the checkout, editable, into a new folder."""
        target = new_path(self.scratch, f"{errand.side}-project")
        installer.install_editable(environment, folder, target=target, errand=errand)
        return target

    @contextmanager
    def _kept(self, recipe: "Recipe", step: str | None) -> "Iterator[_Made]":
        """Hold what a recipe makes, so that nobody changes it in the block."""
        cache = environments_folder(self.environ)
        folder = cache / recipe.digest(self.python, self.identity)
        with _lock_file(folder) as lock:
            self._wait_for(lock, fcntl.LOCK_SH)
            made = _look(folder)
            if step is not None:
                self.begin(f"{step} (cached)" if made else step)
            while made is None:
                fcntl.flock(lock, fcntl.LOCK_UN)
                self._wait_for(lock, fcntl.LOCK_EX)
                if _look(folder) is None:
                    self._make(folder, recipe)
                # Another run may clear it away between the two locks.
                self._wait_for(lock, fcntl.LOCK_SH)
                made = _look(folder)
            os.utime(lock.fileno())  # when it was last used
            yield made

    def _make(self, folder: Path, recipe: "Recipe") -> None:
        """Make an environment where it will be used, since none can be moved."""
        remove_environments(self.environ, unused_for=_UNUSED)
        remove_tree(folder)
        try:
            recipe.installer.create(folder, recipe.errand)
            local = recipe.install(folder, self.scratch)
            site = site_packages(folder)
            (site / "_specialist_ci_project.pth").write_text(_HOOK, encoding="ascii")
            packages = _packages(folder)
            mark = {"local": local, "packages": packages, "lasts": recipe.lasts_with(packages)}
            (folder / _MARK).write_text(json.dumps(mark), encoding="utf-8")
        except BaseException:
            remove_tree(folder)
            raise

    def _wait_for(self, lock: IO[bytes], kind: int) -> None:
        """Take a lock, without being deaf meanwhile."""
        while True:
            try:
                fcntl.flock(lock, kind | fcntl.LOCK_NB)
            except BlockingIOError:
                time.sleep(_PAUSE)  # flock alone would wait where no signal is looked at
                if self.on_wait is not None:
                    self.on_wait()
            else:
                return


def environments_folder(environ: Mapping[str, str]) -> Path:
    """Return where environments are kept (XDG Base Directory Specification)."""
    cache = Path(environ.get("XDG_CACHE_HOME", ""))
    if not cache.is_absolute():
        cache = Path(environ.get("HOME") or Path.home()) / ".cache"
    return cache / "specialist-ci" / "environments"


def remove_environments(environ: Mapping[str, str], *, unused_for: float = 0.0) -> int:
    """Delete environments that nobody uses and used for so many seconds; return how many."""
    removed = 0
    for path in sorted(environments_folder(environ).glob("*.lock")):
        folder = path.with_suffix("")
        with path.open("rb") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            if folder.exists() and time.time() - path.stat().st_mtime >= unused_for:
                remove_tree(folder)
                removed += 1
    return removed


def is_current(installed: Installed, environ: Mapping[str, str]) -> bool:
    """Tell whether a measurement of today would meet what was installed for an earlier one.

    That is so while its environment is there as it was, and would not be made anew.
    """
    folder = environments_folder(environ) / installed.digest
    made = _look(folder)
    return made is not None and made.packages == installed.packages


# --- what is there ---


@dataclass(frozen=True, slots=True)
class _Made:
    """An environment that was made to its end."""

    folder: Path
    local: tuple[str, ...]
    packages: tuple[str, ...]


def _look(folder: Path) -> _Made | None:
    """Return the environment in a folder, None where it is missing, damaged or too old."""
    mark = folder / _MARK
    try:
        told = json.loads(mark.read_bytes())
        made = _Made(folder, tuple(told["local"]), tuple(told["packages"]))
        if not told["lasts"] and time.time() - mark.stat().st_mtime > _DAY:
            return None
        whole = (folder / "bin" / "python").exists() and _packages(folder) == list(made.packages)
    except (OSError, ValueError, TypeError, KeyError):
        return None
    return made if whole else None


def _packages(folder: Path) -> list[str]:
    """Return what is installed in an environment; pip is there for us only."""
    return list(pins(one for one in installed_in(site_packages(folder)) if one.name != "pip"))


def _take_step(
    environment: Environment, step: tuple[str, ...], folder: Path, errand: Errand
) -> None:
    """Run a command of the configuration, which may change the checkout and nothing else."""
    entered = environment.entered(errand.environ)
    path = os.pathsep.join((str(environment.python.parent), entered["PATH"]))
    what = f"the step `{shlex.join(step)}`"
    errand.run(step, cwd=folder, what=what, env={**entered, "PATH": path})
    if tuple(_packages(environment.folder)) != environment.installed.packages:
        raise MeasurementError(
            f"{errand.side}: {what} changed what is installed, which other runs share",
            remedy="name what it needs as install.extras, groups, requirements or packages",
        )


def _built_from(folder: Path, target: Path, side: str) -> Distribution:
    for one in installed_in(target):
        if one.source == folder:
            return one
    raise MeasurementError(
        f"{side}: building the project left no metadata",
        remedy=f"see whether its build system can install it editable, or {NOT_INSTALLED}",
    )


def _point_scripts(scripts: Path, environment: Path) -> None:
    """Let console scripts start the environment's Python, not the one that built them."""
    cache = os.fsencode(environment.parent) + b"/"
    for path in scripts.glob("*"):
        head, found, rest = path.read_bytes().partition(cache)
        if found:  # behind it is the digest of the other environment
            path.write_bytes(head + cache + os.fsencode(environment.name) + rest[32:])


@contextmanager
def _lock_file(folder: Path) -> Iterator[IO[bytes]]:
    path = folder.with_name(f"{folder.name}.lock")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = path.open("ab")
    except OSError as error:
        raise MeasurementError(
            f"cannot write {path} ({error.strerror})",
            remedy="set XDG_CACHE_HOME to a folder that can be written",
        ) from error
    with lock:
        yield lock


@contextmanager
def _understood(side: str) -> Iterator[None]:
    try:
        yield
    except UnusableError as error:
        raise MeasurementError(
            f"{side}: {error}", remedy=f"mend it in that commit, or {NOT_INSTALLED}"
        ) from error

"""Knows what an environment is made of, by what that is told from others, and how it is made."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import Any

from specialist_ci import __version__
from specialist_ci.environments.distributions import (
    Distribution,
    installed_in,
    is_plain,
    normalized,
    write_metadata_wheel,
)
from specialist_ci.environments.installers import Errand, Installer, Uv
from specialist_ci.environments.requirements import Project, deciding_files, names_itself
from specialist_ci.environments.tables import UnusableError
from specialist_ci.environments.wanted import Wanted
from specialist_ci.formats.snapshot import Condition, Python

_SEEDS = frozenset({"pip", "setuptools", "wheel"})  # that a new environment may bring along


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything that an environment is made of; as it begins, of nothing."""

    installer: Installer
    errand: Errand
    root: Path
    project: Project | None = None
    own: Distribution | None = None  # the project's metadata, None where it has none
    wanted: Wanted = field(default_factory=Wanted)
    groups: tuple[str, ...] = ()  # what the dependency groups contain
    files: Mapping[str, bytes] | None = None

    @property
    def is_locked(self) -> bool:
        """Whether nothing but the content of files decides what comes out."""
        if self.project is None:
            return True
        return bool(self.project.uv_lock or self.project.pylock) and not self.wanted.packages

    def lasts_with(self, packages: Sequence[str]) -> bool:
        """Tell whether it gives these packages on any day, as a lock file that has all does."""
        if self.is_locked or self.project is None or self.project.lock is None:
            return self.is_locked
        names = self.project.lock.names() | _SEEDS
        return all(pin.partition("==")[0] in names for pin in packages)

    def digest(self, python: Path, identity: Python) -> str:
        """Return the name of what comes out."""
        settings = {
            name: _hash(text.encode(errors="surrogateescape"))
            for name, text in self.errand.environ.items()
            if name.startswith(("PIP_", "UV_"))
        }
        inputs: list[Any] = [
            __version__,
            [str(python.resolve()), identity.model_dump()],
            self.installer.version,
            settings,
        ]
        if self.project is not None:
            table, file = self.project.uv_settings
            inputs += [
                [sorted(self.wanted.extras), sorted(self.wanted.groups), sorted(self.groups)],
                sorted(self.wanted.packages),
                {name: _hash(content) for name, content in (self.files or {}).items()},
                [table, _hash(file)] if isinstance(self.installer, Uv) else [],
                str(self.project.folder.relative_to(self.root)),
            ]
        if self.own is not None and not self.is_locked:
            requires = [line.replace(str(self.root), "") for line in sorted(self.own.requires)]
            inputs += [self.own.name, _release(self.own.version), requires]
        text = json.dumps(inputs, sort_keys=True, default=str)
        return _hash(text.encode(errors="surrogateescape"))[:32]

    def install(self, environment: Path, scratch: Path) -> list[str]:
        """Install into a new environment.

        Return the folders of the checkout, relative to its root, that are to be installed
        too: they go away with it, and so are not left in the environment.
        """
        if self.project is None:
            return []
        leaving: set[str] = set()
        if self.project.uv_lock is not None:
            self._sync(environment)
            self._install_all(environment, self._listed(scratch, self.wanted.packages), [])
        elif self.project.pylock is not None:
            self._install_all(environment, ["-r", str(self.project.pylock)], [])
            if self.wanted.packages:
                self._install_all(environment, self._listed(scratch, self.wanted.packages), [])
        else:
            arguments = []
            extras = f"[{','.join(self.wanted.extras)}]" if self.wanted.extras else ""
            if names_itself(self.files or {}):  # as a requirements file with -e . does
                arguments += ["-e", f"{self.project.folder}{extras}"] if extras else []
            elif self.own is not None:
                # What the project requires without its code.
                wheel = write_metadata_wheel(
                    self.own, new_path(scratch, f"{self.errand.side}-metadata")
                )
                arguments.append(f"{self.own.name}{extras} @ {wheel.as_uri()}")
                leaving.add(self.own.name)
            arguments += self._listed(scratch, (*self.groups, *self.wanted.packages))
            self._install_all(environment, arguments, self._constraints(scratch))
        found = [
            one
            for one in installed_in(site_packages(environment))
            if one.source is not None and one.source.is_relative_to(self.root) and is_plain(one)
        ]
        leaving.update(one.name for one in found)
        if leaving:
            self.installer.uninstall(environment, sorted(leaving), self.errand)
        return [str(one.source.relative_to(self.root)) for one in found if one.source]

    def _constraints(self, scratch: Path) -> list[str]:
        """Return what holds packages to the versions of a lock file."""
        if self.project is None or self.project.lock is None:
            return []
        own = normalized(self.own.name) if self.own else None
        lines = self.project.lock.constraints(but=own)
        return ["-c", str(self._written(scratch, "constraints", lines))]

    def _listed(self, scratch: Path, requirements: Sequence[str]) -> list[str]:
        """Return the arguments that install requirements, none where there are none."""
        if not requirements:
            return []
        return ["-r", str(self._written(scratch, "requirements", requirements))]

    def _written(self, scratch: Path, stem: str, lines: Sequence[str]) -> Path:
        path = new_path(scratch, f"{self.errand.side}-{stem}")
        path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        return path

    def _sync(self, environment: Path) -> None:
        project = self.project
        if project is None or not isinstance(self.installer, Uv):
            return
        self.installer.sync(
            environment,
            extras=self.wanted.extras,
            groups=self.wanted.groups,
            cwd=project.folder,
            errand=self.errand,
        )

    def _install_all(
        self, environment: Path, arguments: Sequence[str], constraints: Sequence[str]
    ) -> None:
        """Install it all at once, so that it fits together."""
        project = self.project
        if project is None:
            return
        files = [word for path in project.requirements for word in ("-r", str(path))]
        calls = [[*arguments, *files]]
        # pip takes hashes for all or for nothing, and what we make has none.
        if arguments and any(b"--hash" in content for content in (self.files or {}).values()):
            calls = [files, list(arguments)]
        for call in calls:
            if call:
                whole = [*constraints, *call]
                self.installer.install(environment, whole, cwd=project.folder, errand=self.errand)


def followed(project: Project, installer: Installer) -> Project:
    """Return a project less what its installer does by itself; raise for what it needs."""
    if project.uv_lock is None:
        return project
    if isinstance(installer, Uv):  # which follows it to the letter
        return replace(project, lock=None, unread_lock=None)
    if project.lock is None:
        raise UnusableError("uv.lock of this version needs uv, which is not on PATH")
    return replace(project, uv_lock=None)


def complete(start: Recipe, project: Project, own: Distribution | None, wanted: Wanted) -> Recipe:
    """Complete a recipe; raises UnusableError for what cannot be had."""
    if project.pylock is not None and (wanted.extras or wanted.groups):
        raise UnusableError("pylock.toml holds what is installed, without extras and groups")
    if own is not None and not is_plain(own):
        raise UnusableError(f"{own.name!r} {own.version!r} is no name and version of a project")
    groups: tuple[str, ...] = ()
    if project.pylock is None and (own is not None or project.uv_lock is None):
        wanted = _known(wanted, project, own)
    if project.uv_lock is None:
        always = ("default",) if project.lock and project.lock.categories else ()
        groups = project.group_requirements((*always, *wanted.groups))
    if project.lock is not None:  # an address in the metadata is often that of a branch
        groups = tuple(map(project.lock.bare, groups))
        own = own and replace(own, requires=tuple(map(project.lock.bare, own.requires)))
    files = deciding_files(project, start.root)
    return replace(start, project=project, own=own, wanted=wanted, groups=groups, files=files)


def _known(wanted: Wanted, project: Project, own: Distribution | None) -> Wanted:
    """Return what is wanted as the revision has it: what was an extra may now be a group."""
    known = {
        "extra": sorted(map(normalized, own.extras if own else ())),
        "group": sorted(project.groups),
    }
    chosen: dict[str, list[str]] = {"extra": [], "group": []}
    for names, kinds in ((wanted.extras, ("extra", "group")), (wanted.groups, ("group", "extra"))):
        for name in names:
            kind = next((kind for kind in kinds if normalized(name) in known[kind]), None)
            if kind is None:
                has = [f"{one}s: {', '.join(known[one]) or 'none'}" for one in kinds]
                raise UnusableError(f"there is no {kinds[0]} {name} ({'; '.join(has)})")
            chosen[kind].append(name)
    return replace(wanted, extras=tuple(chosen["extra"]), groups=tuple(chosen["group"]))


def unread(project: Project) -> Iterator[Condition]:
    """Yield the condition that a lock file, or a part of one, decided nothing."""
    allowed = "what the project's metadata allow was installed, in the newest versions"
    if project.unread_lock is not None:
        yield Condition(
            name="lock-unread",
            message=f"{project.unread_lock} is of a format that is not known: {allowed}",
            remedy="lock again with the tool of today, or name a requirements file with "
            "--requirement",
        )
    undecided = project.lock.undecided() if project.lock else ()
    if project.lock is not None and undecided:
        yield Condition(
            name="lock-unread",
            message=f"{project.lock.path.name} has several versions of {', '.join(undecided)}, and "
            f"does not say which is for this Python: {allowed}",
            remedy="lock again with the tool of today (Poetry from 2.0 on), or name a requirements "
            "file with --requirement",
        )


def _release(version: str) -> str:
    """Return a version without what changes with each commit: how far it is from the last tag."""
    public = version.partition("+")[0]
    stem, dev, _ = public.partition(".dev")
    return stem + dev


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def new_path(scratch: Path, stem: str) -> Path:
    """Return a path below scratch that is not there yet."""
    return next(
        path for path in (scratch / f"{stem}-{number}" for number in count()) if not path.exists()
    )


def site_packages(folder: Path) -> Path:
    """Return where an environment has its packages; raise FileNotFoundError for a half one."""
    found = sorted((folder / "lib").glob("python*/site-packages"))
    if not found:
        raise FileNotFoundError(folder)
    return found[0]

"""Runs a real interpreter with the collector inside, as a measurement does, and without."""

import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from specialist_ci.formats.dump import Dump, DumpedCode, DumpedSite
from specialist_ci.measuring.control import Control
from specialist_ci.measuring.gate import watching_terminations
from specialist_ci.measuring.surroundings import deterministic_environment, measured_environment

_TIMEOUT = 120  # seconds


class Outcome(NamedTuple):
    """How a program ended and what it wrote."""

    status: int
    stdout: str
    stderr: str


class Collected(NamedTuple):
    """A measured program, and what the collector made of it."""

    outcome: Outcome
    control: Control
    dumps: tuple[Dump, ...]

    def codes(self) -> Iterator[DumpedCode]:
        """Yield the code objects of all processes."""
        for dump in self.dumps:
            yield from dump.codes

    def functions(self) -> set[str]:
        """Return the qualified names of all code objects."""
        return {code.qualname for code in self.codes()}

    def sites(self, qualname: str) -> list[DumpedSite]:
        """Return the sites of the one code object of that name."""
        (code,) = (code for code in self.codes() if code.qualname == qualname)
        return list(code.sites)


def draw(root: Path, tree: Mapping[str, str]) -> Path:
    """Write files and return the folder they are in, without symbolic links in its path."""
    for name, text in tree.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return root.resolve()


def start(
    python: Path,
    root: Path,
    arguments: Sequence[str],
    *,
    scratch: Path,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
) -> tuple[Control, Outcome]:
    """Run ``python arguments...`` with the collector inside, and leave what it wrote."""
    scratch.mkdir(parents=True, exist_ok=True)
    sources = sorted(path.relative_to(root).as_posix() for path in root.rglob("*.py"))
    control = Control.make(scratch.resolve(), "head", root=root, sources=sources)
    environment = environment_of(python, control.folder, root, env)
    with watching_terminations(control, python):
        return control, execute([str(python), *arguments], cwd=cwd or root, env=environment)


def collect(
    python: Path,
    root: Path,
    arguments: Sequence[str],
    *,
    scratch: Path,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    status: int = 0,
) -> Collected:
    """Run ``python arguments...`` with the collector inside and decode what it wrote."""
    control, outcome = start(python, root, arguments, scratch=scratch, cwd=cwd, env=env)
    assert outcome.status == status, outcome
    return Collected(outcome, control, control.collect(python, "head"))


def without_collector(
    python: Path,
    root: Path,
    arguments: Sequence[str],
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
) -> Outcome:
    """Run ``python arguments...`` in the same surroundings, but for the collector."""
    nowhere = root / "no-control"
    environment = environment_of(python, nowhere, root, env)
    del environment["SPECIALIST_CI_CONTROL"]
    entries = environment["PYTHONPATH"].split(os.pathsep)[1:]
    environment["PYTHONPATH"] = os.pathsep.join(entries)
    return execute([str(python), *arguments], cwd=cwd or root, env=environment)


def environment_of(
    python: Path, control: Path, root: Path, env: Mapping[str, str] | None
) -> dict[str, str]:
    """Return the variables of a measured process."""
    environment = deterministic_environment(surroundings(), env or {})
    return measured_environment(
        environment, python=python, control=control, root=root, original=root
    )


def surroundings() -> dict[str, str]:
    """Return our own environment without what would make the interpreters behave unlike."""
    return {
        name: text
        for name, text in os.environ.items()
        if not name.startswith(("PYTHON", "PYTEST", "COV_", "VIRTUAL_ENV"))
    }


def execute(
    argv: Sequence[str], *, cwd: Path, env: Mapping[str, str], timeout: float = _TIMEOUT
) -> Outcome:
    """Run any program to its end."""
    done = subprocess.run(
        argv,
        cwd=cwd,
        env=dict(env),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        errors="backslashreplace",
        check=False,
        timeout=timeout,
    )
    return Outcome(done.returncode, done.stdout, done.stderr)

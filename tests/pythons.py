"""Finds the interpreters to test on: whatever the PATH and pyenv offer."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

VERSIONS = ("3.11", "3.12", "3.13", "3.14", "3.15")
PYSTATS, FREE_THREADED, JIT = "3.13-pystats", "3.13t", "3.13-jit"

_QUESTION = """
import json, sys, sysconfig
executable = getattr(sys, "_base_executable", sys.executable)
print(json.dumps([executable, sys.implementation.name, "%d.%d" % sys.version_info[:2],
    bool(sysconfig.get_config_var("Py_GIL_DISABLED")), hasattr(sys, "_stats_on"),
    "--enable-experimental-jit" in (sysconfig.get_config_var("CONFIG_ARGS") or "")]))
"""


class Interpreters(NamedTuple):
    """The first interpreter found of each kind, and the kinds that were not found."""

    found: dict[str, Path]
    missing: tuple[str, ...]


@cache
def interpreters() -> Interpreters:
    """Look for every kind once."""
    found: dict[str, Path] = {}
    for candidate in _candidates():
        if (named := _identify(candidate)) is not None:
            found.setdefault(*named)
    kinds = (*VERSIONS, PYSTATS, FREE_THREADED, JIT)
    return Interpreters(
        {kind: found[kind] for kind in kinds if kind in found},
        tuple(kind for kind in kinds if kind not in found),
    )


def any_python() -> Path:
    """Return the interpreter of tests that hold on any version, and need no more than one."""
    found = interpreters().found
    return next(found[version] for version in ("3.13", *VERSIONS) if version in found)


def _candidates() -> Iterator[Path]:
    """Yield programs named like a supported version, each once."""
    names = [f"python{version}{suffix}" for version in VERSIONS for suffix in ("", "t")]
    folders = [Path(entry) for entry in os.environ.get("PATH", "").split(os.pathsep) if entry]
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    folders += sorted(pyenv.glob("*/bin"), reverse=True)
    seen = set()
    for folder in folders:
        for name in names:
            path = folder / name
            if path.is_file() and os.access(path, os.X_OK) and path.resolve() not in seen:
                seen.add(path.resolve())
                yield path


def _identify(path: Path) -> tuple[str, Path] | None:
    """Ask a program what and where it is; None where it does not run or is of no use.

    Of a virtual environment it is the interpreter that it was made from, since an
    environment hides the user's own site-packages.
    """
    answer = subprocess.run(
        [path, "-I", "-S", "-c", _QUESTION], capture_output=True, text=True, check=False, timeout=60
    )
    if answer.returncode != 0:  # a shim of a version that is not selected
        return None
    executable, implementation, version, free_threaded, pystats, jit = json.loads(answer.stdout)
    kind = f"{version}{'t' if free_threaded else ''}{'-pystats' if pystats else ''}"
    if jit and kind == "3.13":  # newer ones have it turned off where nobody asks
        kind = JIT
    known = implementation == "cpython" and kind in (*VERSIONS, PYSTATS, FREE_THREADED, JIT)
    return (kind, Path(executable)) if known else None


@cache
def unspecializing() -> list[Path]:
    """Return Pythons that do not specialize: the CPythons up to 3.10 of pyenv, and a PyPy."""
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    names = ("2.7", *(f"3.{minor}" for minor in range(4, 11)))
    found = [path for name in names for path in pyenv.glob(f"{name}.*/bin/python{name}")]
    pypy = shutil.which("pypy3") or shutil.which("pypy")
    return [*sorted(found), *([Path(pypy)] if pypy else [])]

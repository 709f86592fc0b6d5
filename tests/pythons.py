"""Finds the interpreters to test on: whatever the PATH and pyenv offer."""

import json
import os
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

VERSIONS = ("3.11", "3.12", "3.13", "3.14", "3.15")
PYSTATS, FREE_THREADED = "3.13-pystats", "3.13t"

_QUESTION = """
import json, sys, sysconfig
print(json.dumps([sys.executable, sys.implementation.name, "%d.%d" % sys.version_info[:2],
    bool(sysconfig.get_config_var("Py_GIL_DISABLED")), hasattr(sys, "_stats_on")]))
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
    kinds = (*VERSIONS, PYSTATS, FREE_THREADED)
    return Interpreters(
        {kind: found[kind] for kind in kinds if kind in found},
        tuple(kind for kind in kinds if kind not in found),
    )


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
    """Ask a program what and where it is; None where it does not run or is of no use."""
    answer = subprocess.run(
        [path, "-I", "-S", "-c", _QUESTION], capture_output=True, text=True, check=False, timeout=60
    )
    if answer.returncode != 0:  # a shim of a version that is not selected
        return None
    executable, implementation, version, free_threaded, pystats = json.loads(answer.stdout)
    kind = f"{version}{'t' if free_threaded else ''}{'-pystats' if pystats else ''}"
    known = implementation == "cpython" and kind in (*VERSIONS, PYSTATS, FREE_THREADED)
    return (kind, Path(executable)) if known else None

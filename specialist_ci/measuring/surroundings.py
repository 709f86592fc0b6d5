"""The environment variables of the measured processes: deterministic, and recorded."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from specialist_ci.formats.paths import to_text
from specialist_ci.repository.git import LOCAL_VARIABLES

# Surroundings that make two runs of one commit alike; --env overrides each.
DETERMINISTIC: Mapping[str, str | None] = {
    "PYTHONHASHSEED": "0",
    "PYTHON_JIT": "0",
    "PYTHONNODEBUGRANGES": None,
    "PYTHONPYCACHEPREFIX": None,  # what is compiled again makes garbage, and collections
}
# Variables of the interpreter that can decide what specializes, and so belong to the suite.
_DECISIVE = (
    "PYTHONASYNCIODEBUG",
    "PYTHONDEVMODE",
    "PYTHONHASHSEED",
    "PYTHONMALLOC",
    "PYTHONNODEBUGRANGES",
    "PYTHONOPTIMIZE",
    "PYTHON_GIL",
    "PYTHON_JIT",
    "PYTHON_TLBC",
)


def deterministic_environment(
    environ: Mapping[str, str], overrides: Mapping[str, str]
) -> dict[str, str]:
    """Return the user's variables with ours on top, and the overrides on top of these."""
    unset = dict.fromkeys(LOCAL_VARIABLES)
    merged = {**environ, **unset, **DETERMINISTIC, **overrides}
    return {name: value for name, value in merged.items() if value is not None}


def program_path(python: Path, environment: Mapping[str, str]) -> str:
    """Return the PATH of the measured processes: the interpreter's folder comes first."""
    return os.pathsep.join((str(python.parent), environment.get("PATH", os.defpath)))


def measured_environment(
    environment: Mapping[str, str],
    *,
    python: Path,
    control: Path,
    root: Path,
    original: Path,
    project: str = ".",
    scripts: Iterable[str] = (),
) -> dict[str, str]:
    """Return the variables of the measured processes.

    The interpreter's folder comes first on PATH; the collector, then the checkout at
    root come first on PYTHONPATH, so that no installed copy is measured instead; before
    the root comes the project's folder in it, where that is another one, and after it
    come folders with scripts of ours.
    Entries inside the user's original checkout are moved to root.
    """
    import_path = (
        str(control / "collector"),
        *dict.fromkeys([*_import_roots(root / project), *_import_roots(root)]),
        *scripts,
        *_translated(environment.get("PYTHONPATH", ""), original, root),
    )
    return {
        **environment,
        "PATH": program_path(python, environment),
        "PYTHONPATH": os.pathsep.join(import_path),
        "SPECIALIST_CI_CONTROL": str(control),
    }


def decisive(environment: Mapping[str, str], overrides: Mapping[str, str]) -> dict[str, str | None]:
    """Return the variables that belong to the suite's identity; None: not set."""
    names = sorted({*_DECISIVE, *overrides} - {"PYTHONPATH"})
    found = {name: environment.get(name) for name in names}
    return {to_text(name): text if text is None else to_text(text) for name, text in found.items()}


def _import_roots(root: Path) -> list[str]:
    return [str(path) for path in (root / "src", root) if path.is_dir()]


def _translated(path: str, original: Path, root: Path) -> list[str]:
    entries = []
    for entry in filter(None, path.split(os.pathsep)):
        # The checkout may be named through a link; a link in it may lead out of it.
        for absolute in (Path(os.path.normpath(entry)), Path(os.path.realpath(entry))):
            if Path(entry).is_absolute() and absolute.is_relative_to(original):
                entries.append(str(root / absolute.relative_to(original)))
                break
        else:
            entries.append(entry)
    return entries

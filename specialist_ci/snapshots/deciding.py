"""Names by one digest everything that decides a measurement and can be known beforehand."""

import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from hashlib import sha256
from pathlib import Path

from specialist_ci import __version__, process
from specialist_ci.errors import MeasurementError
from specialist_ci.formats.snapshot import Python, Suite

# What differs from shell to shell and from job to job, and is not meant for a program's work.
_PASSING = frozenset(
    {
        "COLORTERM",
        "COLUMNS",
        "DISPLAY",
        "LINES",
        "LS_COLORS",
        "OLDPWD",
        "PS1",
        "PWD",
        "SHLVL",
        "STY",
        "TMUX",
        "TMUX_PANE",
        "VTE_VERSION",
        "WAYLAND_DISPLAY",
        "WINDOWID",
        "_",
    }
)
_PASSING_PREFIXES = (
    "ACTIONS_",
    "DBUS_",
    "GITHUB_",
    "INVOCATION_ID",
    "JOURNAL_STREAM",
    "RUNNER_",
    "SPECIALIST_CI_",
    "SSH_",
    "TERM",
    "XDG_SESSION",
)

# Where the site module would look; it is imported but not run, so that no .pth file and no
# sitecustomize is. A virtual environment's prefix is the argument.
_FOLDERS = """
import json, site, sys
prefix, own = sys.argv[1], sys.argv[2] == "true"
prefixes = ([prefix] if prefix else []) + ([] if own else [sys.base_prefix, sys.base_exec_prefix])
user = [] if own else [site.getusersitepackages()]
print(json.dumps(list(dict.fromkeys(site.getsitepackages(prefixes) + user))))
"""


def digest(parts: Mapping[str, object]) -> str:
    """Return 64 hexadecimal digits for what decides a measurement."""
    return sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def surroundings_of(
    python: Path,
    identity: Python,
    suite: Suite,
    *,
    program: str,
    environment: Mapping[str, str],
    scratch: Path,
) -> dict[str, object]:
    """Return what decides every measurement of a run, whatever its commit.

    ``program`` is what the command executes, and ``environment`` what it runs in. Nothing
    of the measured project runs for it. Raises MeasurementError where the interpreter
    cannot tell its folders.
    """
    return {
        "tool": [__version__, _own_code()],
        "python": identity.model_dump(mode="json"),
        "programs": [_file(path) for path in (str(python), program)],
        "suite": suite.model_dump(mode="json"),
        "environment": _lasting(environment),
        "installed": [
            _installed(Path(folder)) for folder in _folders(python, environment, scratch)
        ],
    }


def _lasting(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that a program may work by: all but a few, to be sure."""
    return {
        name: text
        for name, text in environment.items()
        if name not in _PASSING and not name.startswith(_PASSING_PREFIXES)
    }


@cache
def _own_code() -> str:
    """Return a digest of this package, which a checkout changes without a new version."""
    package = Path(__file__).parents[1]
    found = sha256()
    for path in sorted(package.rglob("*.py")):
        found.update(f"{path.relative_to(package)}\0".encode())
        found.update(sha256(path.read_bytes()).digest())
    return found.hexdigest()


def _file(path: str) -> list[object]:
    """Return a program's path, that of the file it leads to, and what changes with that."""
    found = shutil.which(path) or path
    real = Path(os.path.realpath(found))
    try:
        status = real.stat()
    except OSError:
        return [found]
    return [found, str(real), status.st_size, status.st_mtime_ns]


def _folders(python: Path, environment: Mapping[str, str], scratch: Path) -> list[str]:
    """Return the interpreter's site-packages, those of a virtual environment's base too."""
    prefix = python.parent.parent
    settings = _settings(prefix / "pyvenv.cfg")
    alone = settings is not None and settings.get("include-system-site-packages") != "true"
    names = ("HOME", "PYTHONUSERBASE")
    outcome = process.run(
        [
            *(str(python), "-I", "-S", "-c", _FOLDERS),
            str(prefix) if settings is not None else "",
            "true" if alone else "false",
        ],
        cwd=scratch,
        env={name: environment[name] for name in names if name in environment},
        what=str(python),
    )
    if outcome.status != 0:
        raise MeasurementError(
            f"{python} does not tell where its packages are: " + process.describe_failure(outcome),
            remedy="measure with --no-cache",
        )
    folders: list[str] = json.loads(outcome.stdout)
    return folders


def _settings(path: Path) -> dict[str, str] | None:
    """Return what a pyvenv.cfg says, as the site module reads it; None where there is none."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None
    pairs = (line.partition("=") for line in lines)
    return {key.strip().lower(): value.strip().lower() for key, _, value in pairs}


def _installed(folder: Path) -> list[object]:
    """Return a folder, and each distribution in it with its files' hashes."""
    try:
        names = sorted(path.name for path in folder.iterdir())
    except OSError:
        return [str(folder)]
    return [str(folder), *_contents(folder, names)]


def _contents(folder: Path, names: Iterable[str]) -> Iterator[tuple[str, str]]:
    for name in names:
        if name.endswith((".dist-info", ".egg-info")):
            # RECORD has the hash of every installed file, where the installer wrote one.
            yield name, _hash(folder / name / "RECORD")
        elif name.endswith((".pth", ".egg-link", "customize.py")):
            yield name, _hash(folder / name)


def _hash(path: Path) -> str:
    try:
        return sha256(path.read_bytes()).hexdigest()
    except OSError:
        return ""

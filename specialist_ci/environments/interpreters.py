"""Finds the Python to measure with: the one asked for, else the one the user works with."""

import json
import os
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from specialist_ci.errors import MeasurementError, UsageError
from specialist_ci.process import describe_failure, run

_OLDEST = (3, 11)  # the first CPython that specializes
_PROBE_SECONDS = 30.0

# What the environment and site-packages would add does not matter, and may fail. Python 2
# must understand all of it, to be refused for what it is.
_PROBE = ("-E", "-S", "-B", "-c")
_PROBE_CODE = """
import sys
del sys.path[0]  # the working directory, whose modules are no business of ours
import json
version, threads = list(sys.version_info[:3]), "t" in getattr(sys, "abiflags", "")
try:
    name = sys.implementation.name
except AttributeError:
    import platform
    name = platform.python_implementation().lower()
print(json.dumps([sys.executable, version, name, threads]))
"""

_VERSION = re.compile(r"(?:python)?(\d+)\.(\d+)(?:\.(\d+))?(t?)")


@dataclass(frozen=True, slots=True)
class _Interpreter:
    executable: Path  # as it names itself: behind a shim, but not behind the links of a venv
    version: tuple[int, int, int]
    implementation: str
    free_threaded: bool

    def __str__(self) -> str:
        """Return the version as it is asked for, such as 3.13.1t."""
        name = "" if self.implementation == "cpython" else f"{self.implementation} "
        return name + ".".join(map(str, self.version)) + ("t" if self.free_threaded else "")


@dataclass(frozen=True, slots=True)
class _Version:
    """A request such as 3.13, 3.13.1 or 3.13t."""

    numbers: tuple[int, ...]
    free_threaded: bool

    def program(self) -> str:
        """Return the name of the program, such as python3.13t."""
        major, minor = self.numbers[:2]
        return f"python{major}.{minor}" + ("t" if self.free_threaded else "")

    def fits(self, interpreter: _Interpreter) -> bool:
        """Tell whether an interpreter is what was asked for."""
        return (
            interpreter.implementation == "cpython"
            and interpreter.version[: len(self.numbers)] == self.numbers
            and interpreter.free_threaded == self.free_threaded
        )


def find_interpreter(request: str | None, *, environ: Mapping[str, str]) -> Path:
    """Return the absolute path of an interpreter that runs.

    ``request`` is one of

    - None: that of $VIRTUAL_ENV; else our own when we run in a virtual environment; else
      python3 or python on PATH; else our own. Only CPython 3.11 and newer.
    - a path, of an interpreter or of a virtual environment: that one, links unresolved.
    - a version such as 3.13, 3.13.1 or python3.13, with a t at the end for the
      free-threaded build: from PATH, pyenv, uv, /usr/local/bin or /usr/bin.
    - any other word: the program of this name on PATH.

    Raises ``UsageError``.
    """
    if request is None:
        return _default(environ)
    version = _VERSION.fullmatch(request)
    if version:
        numbers = tuple(int(number) for number in version.groups()[:3] if number)
        return _of_version(request, _Version(numbers, bool(version[4])), environ)
    if os.sep in request or Path(request).exists():
        return _at_path(request, environ)
    for interpreter in _running(_on_path([request], environ), environ):
        return interpreter.executable
    raise UsageError(
        f"there is no Python {request!r} on PATH",
        remedy="name a version such as 3.13, or the path of an interpreter",
    )


def _default(environ: Mapping[str, str]) -> Path:
    own = Path(sys.executable)

    def candidates() -> Iterator[Path]:
        if environ.get("VIRTUAL_ENV"):
            yield Path(environ["VIRTUAL_ENV"], "bin", "python").absolute()
        # The action's own environment holds nothing of the project.
        if sys.prefix != sys.base_prefix and not environ.get("SPECIALIST_CI_APART"):
            yield own
        yield from _on_path(["python3"], environ)
        yield from _on_path(["python"], environ)
        yield own

    for interpreter in _running(candidates(), environ):
        if interpreter.implementation == "cpython" and interpreter.version >= _OLDEST:
            return interpreter.executable
    raise UsageError(
        "there is no CPython 3.11 or newer on PATH",
        remedy="activate a virtual environment that has one, or name the path of one",
    )


def _at_path(request: str, environ: Mapping[str, str]) -> Path:
    path = Path(request).expanduser().absolute()
    if path.is_dir():
        path = path / "bin" / "python"
    found = _inspect(path, environ)
    if isinstance(found, str):
        raise UsageError(
            f"{path} is no Python that runs ({found})",
            remedy="name an interpreter, or a virtual environment with bin/python",
        )
    return path


def _of_version(request: str, version: _Version, environ: Mapping[str, str]) -> Path:
    pyenv, uv = _pyenv_versions(environ), _uv_versions(environ)

    def candidates() -> Iterator[Path]:
        yield from _on_path([version.program(), "python3", "python"], environ)
        yield from _installed(pyenv)
        yield from _installed(uv)
        for directory in ("/usr/local/bin", "/usr/bin"):
            yield Path(directory, version.program())

    others = []
    for interpreter in _running(candidates(), environ):
        if version.fits(interpreter):
            return interpreter.executable
        others.append(str(interpreter))
    found = ", ".join(sorted(set(others), key=_numbers)) or "none"
    raise UsageError(
        f"there is no Python {request} on PATH, in {pyenv}, {uv}, /usr/local/bin or /usr/bin "
        f"(found: {found})",
        remedy="install it, or name the path of an interpreter",
    )


def _on_path(names: list[str], environ: Mapping[str, str]) -> Iterator[Path]:
    """Yield the programs of these names, directory by directory."""
    for directory in environ.get("PATH", os.defpath).split(os.pathsep):
        for name in names:
            yield Path(directory, name).absolute()


def _pyenv_versions(environ: Mapping[str, str]) -> Path:
    root = environ.get("PYENV_ROOT")
    return (Path(root) if root else _home(environ) / ".pyenv") / "versions"


def _uv_versions(environ: Mapping[str, str]) -> Path:
    if environ.get("UV_PYTHON_INSTALL_DIR"):
        return Path(environ["UV_PYTHON_INSTALL_DIR"])
    data = environ.get("XDG_DATA_HOME")
    return (Path(data) if data else _home(environ) / ".local/share") / "uv" / "python"


def _home(environ: Mapping[str, str]) -> Path:
    return Path(environ["HOME"]) if environ.get("HOME") else Path.home()


def _installed(versions: Path) -> Iterator[Path]:
    """Yield the interpreters in the subdirectories, the highest version first."""
    try:
        folders = list(versions.iterdir())
    except OSError:  # there is none, or it is somebody else's
        return
    for directory in sorted(folders, key=lambda folder: _numbers(folder.name), reverse=True):
        if not (directory / "pyvenv.cfg").exists():  # pyenv-virtualenv keeps its venvs here
            yield directory / "bin" / "python3"


def _numbers(name: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", name)]


def _running(candidates: Iterator[Path], environ: Mapping[str, str]) -> Iterator[_Interpreter]:
    """Yield those that run, each once: pyenv's shims, for one, may be there and not run."""
    seen = set()
    for path in candidates:
        if path not in seen and os.access(path, os.X_OK) and path.is_file():
            seen.add(path)
            found = _inspect(path, environ)
            if isinstance(found, _Interpreter):
                yield found


def _inspect(path: Path, environ: Mapping[str, str]) -> _Interpreter | str:
    """Run an interpreter to see what it is; return the reason when that fails."""
    argv = [str(path), *_PROBE, _PROBE_CODE]
    try:
        outcome = run(argv, cwd=Path.cwd(), env=environ, what="Python", timeout=_PROBE_SECONDS)
    except MeasurementError as error:
        return error.message
    if outcome.status != 0:
        return f"it {describe_failure(outcome)}"
    try:
        executable, version, implementation, threads = json.loads(outcome.stdout)
        major, minor, micro = version
    except (TypeError, ValueError):
        return "it does not answer as Python does"
    own_name = Path(executable) if executable else path
    return _Interpreter(own_name, (major, minor, micro), implementation, threads)

"""Makes virtual environments and installs into them, with uv where it is, else venv and pip."""

import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from specialist_ci import process
from specialist_ci.errors import MeasurementError
from specialist_ci.repository.git import LOCAL_VARIABLES

NOT_INSTALLED = "measure without --install (--no-install), in an environment that has it all"

# The user's, but they say where to install or to which Python: that is for us to say.
_OUR_BUSINESS = {
    *LOCAL_VARIABLES,
    "CONDA_PREFIX",
    "PIP_PREFIX",
    "PIP_PYTHON",
    "PIP_REQUIRE_VIRTUALENV",
    "PIP_ROOT",
    "PIP_TARGET",
    "PIP_USER",
    "UV_FROZEN",
    "UV_LOCKED",
    "UV_NO_SYNC",
    "UV_PREFIX",
    "UV_PROJECT",
    "UV_PROJECT_ENVIRONMENT",
    "UV_PYTHON",
    "UV_SYSTEM_PYTHON",
    "UV_TARGET",
    "UV_WORKING_DIR",
    "UV_WORKING_DIRECTORY",
    "VIRTUAL_ENV",
}
_OURS = {
    "GIT_TERMINAL_PROMPT": "0",
    "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    "PIP_NO_INPUT": "1",
    "UV_PYTHON_DOWNLOADS": "never",
}
_PIP_VERSION = "import ensurepip, venv; print(ensurepip.version())"


def installing_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of what builds and installs: the user's settings, no collector.

    PYTHONPATH and the like would let any folder change the installer itself.
    """
    kept = {
        name: value
        for name, value in environ.items()
        if name not in _OUR_BUSINESS and not name.startswith(("PYTHON", "SPECIALIST_CI_"))
    }
    return {**kept, **_OURS}


@dataclass(frozen=True, slots=True)
class Errand:
    """For which side things are installed, and in which surroundings."""

    side: str
    environ: Mapping[str, str]
    on_wait: Callable[[], None] | None

    def run(
        self, argv: Sequence[str], *, cwd: Path, what: str, env: Mapping[str, str] | None = None
    ) -> str:
        """Run a program to its end and return its stdout.

        ``what`` is what it does, for messages. Raises MeasurementError where it fails.
        """
        outcome = process.run(
            argv,
            cwd=cwd,
            env={**self.environ, **(env or {})},
            what=f"{self.side}: {what}",
            on_wait=self.on_wait,
        )
        if outcome.status != 0:
            raise MeasurementError(
                f"{self.side}: {what} failed with exit status {outcome.status}",
                remedy=f"mend what the lines above tell, or {NOT_INSTALLED}",
                detail=process.tail(outcome),
            )
        return outcome.stdout


# As pip does by itself: the first run is not to compile what the second one reads.
_COMPILED = ("--compile-bytecode",)


class Installer(Protocol):
    """What uv and pip can both do; environments are named by their folder."""

    @property
    def version(self) -> str:
        """Its name and version."""

    def create(self, environment: Path, errand: Errand) -> None:
        """Make a new virtual environment."""

    def install(
        self, environment: Path, arguments: Sequence[str], *, cwd: Path, errand: Errand
    ) -> None:
        """Install requirements, as ``pip install`` takes them."""

    def uninstall(self, environment: Path, names: Sequence[str], errand: Errand) -> None:
        """Remove distributions."""

    def install_editable(
        self, environment: Path, folder: Path, *, target: Path, errand: Errand
    ) -> None:
        """Build the project in a folder and install it, editable and alone, into target."""


def find_installer(python: Path, errand: Errand) -> Installer:
    """Return uv where PATH has it, else pip as the interpreter brings it along."""
    # A relative entry would lead into the measured repository.
    entries = errand.environ.get("PATH", os.defpath).split(os.pathsep)
    absolute = os.pathsep.join(entry for entry in entries if Path(entry).is_absolute())
    uv = shutil.which("uv", path=absolute)
    if uv is not None:
        version = errand.run([uv, "--version"], cwd=python.parent, what="looking at uv")
        return Uv(uv, python, " ".join(version.split()[:2]))
    outcome = process.run(
        [str(python), "-I", "-c", _PIP_VERSION],
        cwd=python.parent,
        env=errand.environ,
        what=f"{errand.side}: looking at pip",
    )
    if outcome.status != 0:
        raise MeasurementError(
            f"{errand.side}: there is no uv on PATH, and {python} has no venv with pip",
            remedy=f"install uv, or python3-venv (Debian and Ubuntu), or {NOT_INSTALLED}",
        )
    return Pip(python, f"pip {outcome.stdout.strip()}")


@dataclass(frozen=True, slots=True)
class Uv:
    """Installs with uv, which can also follow its own lock file."""

    program: str
    python: Path
    version: str

    def create(self, environment: Path, errand: Errand) -> None:
        """Make a new virtual environment, without pip in it."""
        errand.run(
            [self.program, "venv", "--no-project", "--python", str(self.python), str(environment)],
            cwd=environment.parent,
            what="making an environment with uv",
        )

    def install(
        self, environment: Path, arguments: Sequence[str], *, cwd: Path, errand: Errand
    ) -> None:
        """Install requirements."""
        errand.run(
            [self.program, "pip", "install", *_COMPILED, *_into(environment), *arguments],
            cwd=cwd,
            what="installing the dependencies with uv",
        )

    def uninstall(self, environment: Path, names: Sequence[str], errand: Errand) -> None:
        """Remove distributions."""
        errand.run(
            [self.program, "pip", "uninstall", *_into(environment), *names],
            cwd=environment,
            what="uninstalling what is the checkout's own with uv",
        )

    def install_editable(
        self, environment: Path, folder: Path, *, target: Path, errand: Errand
    ) -> None:
        """Build the project in a folder and install it, editable and alone, into target."""
        where = ("--target", str(target), "--editable", str(folder))
        errand.run(
            [self.program, "pip", "install", *_COMPILED, *_into(environment), "--no-deps", *where],
            cwd=folder,
            what="building the project with uv",
        )

    def sync(
        self,
        environment: Path,
        *,
        extras: Sequence[str],
        groups: Sequence[str],
        cwd: Path,
        errand: Errand,
    ) -> None:
        """Install what the lock file says, as it is and without the project."""
        chosen = [f"--extra={extra}" for extra in extras] + [f"--group={name}" for name in groups]
        errand.run(
            [
                *(self.program, "sync", "--frozen", "--no-default-groups", "--no-install-project"),
                *_COMPILED,
                *_into(environment),
                *chosen,
            ],
            cwd=cwd,
            what="installing from uv.lock",
            env={"UV_PROJECT_ENVIRONMENT": str(environment)},
        )


@dataclass(frozen=True, slots=True)
class Pip:
    """Installs with the pip that comes with the interpreter, isolated from all folders (-I)."""

    python: Path
    version: str

    def create(self, environment: Path, errand: Errand) -> None:
        """Make a new virtual environment with pip in it."""
        errand.run(
            [str(self.python), "-I", "-m", "venv", str(environment)],
            cwd=environment.parent,
            what="making an environment with venv",
        )

    def install(
        self, environment: Path, arguments: Sequence[str], *, cwd: Path, errand: Errand
    ) -> None:
        """Install requirements."""
        errand.run(
            [*_pip(environment), "install", *arguments],
            cwd=cwd,
            what="installing the dependencies with pip",
        )

    def uninstall(self, environment: Path, names: Sequence[str], errand: Errand) -> None:
        """Remove distributions."""
        errand.run(
            [*_pip(environment), "uninstall", "--yes", *names],
            cwd=environment,
            what="uninstalling what is the checkout's own with pip",
        )

    def install_editable(
        self, environment: Path, folder: Path, *, target: Path, errand: Errand
    ) -> None:
        """Build the project in a folder and install it, editable and alone, into target."""
        where = ("--target", str(target), "--editable", str(folder))
        errand.run(
            [*_pip(environment), "install", "--no-deps", "--use-pep517", *where],
            cwd=folder,
            what="building the project with pip",
        )


def _into(environment: Path) -> tuple[str, str]:
    return "--python", str(environment / "bin" / "python")


def _pip(environment: Path) -> tuple[str, ...]:
    return str(environment / "bin" / "python"), "-I", "-m", "pip"

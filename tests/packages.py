"""Installs what tests need from PyPI, once a session; without a network they are skipped."""

import fcntl
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from collecting import surroundings

_TIMEOUT = 180  # seconds
_PIP = ("-m", "pip", "--disable-pip-version-check", "--quiet", "--retries=1", "--timeout=15")


def shared_folder(factory: pytest.TempPathFactory) -> Path:
    """Return a folder that all workers of pytest-xdist share."""
    base = factory.getbasetemp()
    shared = (base.parent if base.name.startswith("popen-") else base) / "packages"
    shared.mkdir(exist_ok=True)
    return shared


def virtual_environment(python: Path, *requirements: str, shared: Path) -> Path:
    """Return the python of a virtual environment with the packages installed."""
    folder = shared / "-".join([*python.parts[1:], *requirements]).replace("==", "-")
    with once(folder) as missing:
        if missing:
            _or_skip([str(python), "-m", "venv", str(folder)], folder)
            _or_skip([str(folder / "bin/python"), *_PIP, "install", *requirements], folder)
    return folder / "bin" / "python"


def source_distribution(requirement: str, *, shared: Path) -> Path:
    """Return the unpacked source distribution of a pinned package, as PyPI has it."""
    folder = shared / requirement.replace("==", "-")
    with once(folder) as missing:
        if missing:
            folder.mkdir()
            options = ("--no-deps", "--no-binary=:all:", f"--dest={folder}", requirement)
            _or_skip([_with_pip(), *_PIP, "download", *options], folder)
            (archive,) = folder.glob("*.tar.gz")
            with tarfile.open(archive) as packed:
                packed.extractall(folder, filter="data")
            archive.unlink()
    (root,) = folder.iterdir()
    return root


def _with_pip() -> str:
    """Return an interpreter that has pip; ours may have been made by uv, without."""
    probe = subprocess.run(
        [sys.executable, "-m", "pip", "--version"], capture_output=True, check=False
    )
    return sys.executable if probe.returncode == 0 else "python3"


@contextmanager
def once(folder: Path) -> Iterator[bool]:
    """Hold the folder's lock and tell whether it is still to be made."""
    with folder.with_name(f"{folder.name}.lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield not folder.exists()


def _or_skip(command: list[str], folder: Path) -> None:
    """Run a command; where it fails, leave no half-made folder and skip the test."""
    done = subprocess.run(
        command,
        env=surroundings(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        check=False,
        timeout=_TIMEOUT,
    )
    if done.returncode != 0:
        shutil.rmtree(folder, ignore_errors=True)
        last = (done.stderr.strip().splitlines() or ["no output"])[-1]
        pytest.skip(f"cannot install from PyPI: {last}")

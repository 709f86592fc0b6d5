"""Interpreters are found where users have them, and only if they run."""

import os
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from specialist_ci.environments.interpreters import find_interpreter
from specialist_ci.errors import UsageError

PROJECT = Path(__file__).parent.parent
OWN_VERSION = f"{sys.version_info[0]}.{sys.version_info[1]}"
SYSTEM_PATH = "/usr/bin:/bin"  # for the shell of the fakes

pytestmark = pytest.mark.skipif(
    "t" in sys.abiflags, reason="the tests ask for builds with a lock by their version"
)


def fake(path: Path, version: str, implementation: str = "cpython") -> Path:
    """Install a program that answers as a Python of some version, such as 3.13.1t, would."""
    numbers = version.removesuffix("t").replace(".", ", ")
    threads = str(version.endswith("t")).lower()
    answer = f'["%s", [{numbers}], "{implementation}", {threads}]'
    return program(path, f"printf '{answer}\\n' \"$0\"")


def broken(path: Path) -> Path:
    """Install what a pyenv shim is for a version that is not active."""
    return program(path, f"echo 'pyenv: {path.name}: command not found' >&2; exit 127")


def program(path: Path, script: str) -> Path:
    """Install a shell script."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def environ(home: Path, *path: Path | str, **more: str) -> dict[str, str]:
    """Return an environment with a home and a PATH of its own."""
    return {"HOME": str(home), "PATH": os.pathsep.join(map(str, path)), **more}


def make_venv(path: Path) -> Path:
    """Make a virtual environment of our own interpreter and return its python."""
    venv.create(path, symlinks=True)
    return path / "bin" / "python"


# No request.


def test_the_active_virtual_environment_comes_first(tmp_path: Path) -> None:
    """$VIRTUAL_ENV wins over PATH, and its python is not resolved to what it links to."""
    python = make_venv(tmp_path / "venv")
    fake(tmp_path / "bin/python3", "3.14.0")
    env = environ(tmp_path, tmp_path / "bin", VIRTUAL_ENV=str(tmp_path / "venv"))
    assert python.is_symlink()
    assert find_interpreter(None, environ=env) == python


def test_our_own_virtual_environment_comes_next(tmp_path: Path) -> None:
    """When we run in a virtual environment, its python wins over PATH, even of a stale one."""
    python = make_venv(tmp_path / "venv")
    fake(tmp_path / "bin/python3", "3.14.0")
    code = (
        "import os; from specialist_ci.environments.interpreters import find_interpreter; "
        "print(find_interpreter(None, environ=os.environ), end='')"
    )
    env = environ(tmp_path, tmp_path / "bin", VIRTUAL_ENV=str(tmp_path / "gone"))
    done = subprocess.run(
        [python, "-c", code],
        env=env | {"PYTHONPATH": str(PROJECT)},
        capture_output=True,
        check=True,
        text=True,
    )
    assert done.stdout == str(python)


def from_base(env: dict[str, str]) -> str:
    """Return what is found when we run outside any virtual environment."""
    code = (
        "import os, sys; sys.prefix = sys.base_prefix; "
        "from specialist_ci.environments.interpreters import find_interpreter; "
        "print(find_interpreter(None, environ=os.environ), end='')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=env | {"PYTHONPATH": str(PROJECT)},
        capture_output=True,
        check=True,
        text=True,
    )
    return done.stdout


def test_path_comes_last(tmp_path: Path) -> None:
    """On PATH python3 wins over python; what does not run, or is too old, is no find."""
    broken(tmp_path / "shims/python3")
    fake(tmp_path / "old/python3", "3.10.9")
    fake(tmp_path / "pypy/python3", "3.11.1", "pypy")
    first = fake(tmp_path / "first/python", "3.12.0")
    directories = [tmp_path / name for name in ("shims", "old", "pypy", "first")]
    assert from_base(environ(tmp_path, *directories)) == str(first)
    second = fake(tmp_path / "second/python3", "3.11.0")
    assert from_base(environ(tmp_path, *directories, tmp_path / "second")) == str(second)


def test_without_any_other_it_is_our_own(tmp_path: Path) -> None:
    """With nothing on PATH, what runs us is what measures."""
    assert from_base(environ(tmp_path)) == sys.executable


# A path.


def test_a_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A path names an interpreter or a virtual environment, absolute or not, links unresolved."""
    python = make_venv(tmp_path / ".venv")
    (tmp_path / "link").symlink_to(python)
    monkeypatch.chdir(tmp_path)
    env = environ(tmp_path)
    for request in (str(python), ".venv/bin/python", ".venv", "./.venv", str(tmp_path / ".venv")):
        assert find_interpreter(request, environ=env) == python
    assert find_interpreter("link", environ=env) == tmp_path / "link"


def test_a_path_that_is_no_python(tmp_path: Path) -> None:
    """A path that is not there, does not run, or is no Python is refused with the reason."""
    (tmp_path / "file").write_text("")
    broken(tmp_path / "shim")
    program(tmp_path / "other", "echo hello")
    for name, reason in {
        "missing": "No such file or directory",
        "file": "Permission denied",
        "shim": "it ended with exit status 127 (pyenv: shim: command not found)",
        "other": "it does not answer as Python does",
        "": "No such file or directory",
    }.items():
        with pytest.raises(UsageError) as caught:
            find_interpreter(str(tmp_path / name), environ=environ(tmp_path))
        assert "is no Python that runs" in caught.value.message
        assert reason in caught.value.message


# A version.


@pytest.mark.parametrize("request_", [OWN_VERSION, f"python{OWN_VERSION}"])
def test_a_real_version(tmp_path: Path, request_: str) -> None:
    """The interpreter that runs these tests is found by its version."""
    (tmp_path / f"python{OWN_VERSION}").symlink_to(sys.executable)
    found = find_interpreter(request_, environ=environ(tmp_path, tmp_path))
    code = "import sys; print('%d.%d' % sys.version_info[:2], end='')"
    assert subprocess.check_output([found, "-c", code], text=True) == OWN_VERSION


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        ("3.98", "b/python3.98"),
        ("python3.98", "b/python3.98"),
        ("3.98.4", "b/python3.98"),
        ("3.98.2", ".pyenv/versions/3.98.2/bin/python3"),
        ("3.98t", "b/python3.98t"),
        ("3.97", ".pyenv/versions/3.97.10/bin/python3"),
        ("3.97.9", ".pyenv/versions/3.97.9/bin/python3"),
        ("3.97t", ".pyenv/versions/3.97.9t/bin/python3"),
        ("3.96", ".local/share/uv/python/cpython-3.96.1-linux/bin/python3"),
        ("3.95", "c/python"),
    ],
)
def test_a_version(tmp_path: Path, request_: str, expected: str) -> None:
    """A version is looked for on PATH, then in pyenv, whose highest patch wins, then in uv."""
    broken(tmp_path / "a/python3.98")
    fake(tmp_path / "b/python3.98", "3.98.4")
    fake(tmp_path / "b/python3.98t", "3.98.4t")
    fake(tmp_path / "c/python3", "3.98.3")
    fake(tmp_path / "c/python", "3.95.0")
    for version in ("3.97.9", "3.97.10", "3.97.9t", "3.98.2", "2.7.18"):
        fake(tmp_path / f".pyenv/versions/{version}/bin/python3", version)
    fake(tmp_path / ".pyenv/versions/pypy3.97-7/bin/python3", "3.97.99", "pypy")
    fake(tmp_path / ".pyenv/versions/3.97-of-mine/bin/python3", "3.97.10")
    (tmp_path / ".pyenv/versions/3.97-of-mine/pyvenv.cfg").write_text("")
    fake(tmp_path / ".local/share/uv/python/cpython-3.96.1-linux/bin/python3", "3.96.1")
    fake(tmp_path / ".local/share/uv/python/cpython-3.96.0-linux/bin/python3", "3.96.0")
    env = environ(tmp_path, *(tmp_path / name for name in "abc"))
    assert find_interpreter(request_, environ=env) == tmp_path / expected


def test_other_places_of_pyenv_and_uv(tmp_path: Path) -> None:
    """The variables that move pyenv and uv are heeded."""
    pyenv = fake(tmp_path / "p/versions/3.97.0/bin/python3", "3.97.0")
    uv = fake(tmp_path / "u/cpython-3.96.0+freethreaded-linux/bin/python3", "3.96.0t")
    places = {"PYENV_ROOT": str(tmp_path / "p"), "UV_PYTHON_INSTALL_DIR": str(tmp_path / "u")}
    env = environ(tmp_path, **places)
    assert find_interpreter("3.97", environ=env) == pyenv
    assert find_interpreter("3.96t", environ=env) == uv


def test_places_that_cannot_be_read(tmp_path: Path) -> None:
    """They have nothing for us: that of another user, for one."""
    uv = fake(tmp_path / "u/cpython-3.96.0-linux/bin/python3", "3.96.0")
    # A name that is too long fails for root too, who may read what is not theirs.
    places = {"PYENV_ROOT": f"/{'x' * 300}", "UV_PYTHON_INSTALL_DIR": str(tmp_path / "u")}
    assert find_interpreter("3.96", environ=environ(tmp_path, **places)) == uv


def test_a_version_that_is_not_there(tmp_path: Path) -> None:
    """The error says where was looked, and what is there instead."""
    fake(tmp_path / "bin/python3", "3.97.10")
    fake(tmp_path / ".pyenv/versions/3.97.9t/bin/python3", "3.97.9t")
    with pytest.raises(UsageError) as caught:
        find_interpreter("3.97.5", environ=environ(tmp_path, tmp_path / "bin"))
    assert caught.value.message == (
        f"there is no Python 3.97.5 on PATH, in {tmp_path}/.pyenv/versions, "
        f"{tmp_path}/.local/share/uv/python, /usr/local/bin or /usr/bin "
        "(found: 3.97.9t, 3.97.10)"
    )


# Any other word.


def test_a_name(tmp_path: Path) -> None:
    """A bare name is the program on PATH, as in a shell."""
    pypy = fake(tmp_path / "pypy3", "3.11.0", "pypy")
    env = environ(tmp_path, tmp_path, SYSTEM_PATH)
    assert find_interpreter("pypy3", environ=env) == pypy
    with pytest.raises(UsageError, match="there is no Python 'nope' on PATH"):
        find_interpreter("nope", environ=env)

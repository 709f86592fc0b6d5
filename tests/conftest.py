"""Fixtures: the interpreters that this machine offers."""

from pathlib import Path

import pytest
from pythons import FREE_THREADED, PYSTATS, VERSIONS, interpreters


def pytest_report_header() -> list[str]:
    """Say what is tested on and, just as important, what is not."""
    found, missing = interpreters()
    return [
        "interpreters: " + ", ".join(f"{kind} ({path})" for kind, path in found.items()),
        "not on this machine: " + (", ".join(missing) or "none"),
    ]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test that takes ``python`` once on every version that is there."""
    if "python" in metafunc.fixturenames:
        found = interpreters().found
        metafunc.parametrize("python", [v for v in VERSIONS if v in found], indirect=True)


@pytest.fixture
def python(request: pytest.FixtureRequest) -> Path:
    """Return one of the interpreters; its version is the test's parameter."""
    return interpreters().found[request.param]


@pytest.fixture
def version(request: pytest.FixtureRequest) -> str:
    """Return the version, such as 3.13, of the test's ``python``."""
    parameter: str = request.node.callspec.params["python"]
    return parameter


def _special(kind: str) -> Path:
    found = interpreters().found
    if kind not in found:
        pytest.skip(f"no {kind} on this machine")
    return found[kind]


@pytest.fixture
def pystats_python() -> Path:
    """Return a CPython 3.13 that counts specialization, as the oracle of counters."""
    return _special(PYSTATS)


@pytest.fixture
def free_threaded_python() -> Path:
    """Return a free-threaded CPython 3.13, which never specializes."""
    return _special(FREE_THREADED)

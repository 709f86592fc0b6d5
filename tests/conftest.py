"""Fixtures: the interpreters that this machine offers, an empty cache, a repository."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from subprocess import run

import pytest
from hypothesis import HealthCheck, settings
from pythons import FREE_THREADED, PYSTATS, VERSIONS, interpreters
from repositories import ENVIRONMENT, Drawing

from specialist_ci.repository.git import LOCAL_VARIABLES

COLLECTOR = Path(__file__).parents[1] / "specialist_ci" / "collector"

# A shell starts what is in the background with Ctrl-C ignored, and nohup what it runs with SIGHUP:
# so would be all that we start.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)

# How long an example takes says nothing here: other workers share the machine. A build server
# tries the same examples each time, a developer others.
settings.register_profile(
    "untimed",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize="CI" in os.environ,
)
settings.load_profile("untimed")


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


@pytest.fixture(scope="session", autouse=True)
def _compiled_collector() -> None:
    """Compile the collector for each interpreter once, and not again in every measured process."""
    for path in interpreters().found.values():
        run([path, "-m", "compileall", "-q", COLLECTOR], check=True)


@pytest.fixture(scope="session", autouse=True)
def _no_cache_of_the_user(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep every test, and all that fixtures run, away from the user's own cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPECIALIST_CI_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(autouse=True)
def cache_folder(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give each test an empty cache, so that none meets what another one measured."""
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("SPECIALIST_CI_CACHE", str(folder))
    return folder


@pytest.fixture
def python(request: pytest.FixtureRequest) -> Path:
    """Return one of the interpreters; its version is the test's parameter."""
    return interpreters().found[request.param]


@pytest.fixture
def version(request: pytest.FixtureRequest) -> str:
    """Return the version, such as 3.13, of the test's ``python``."""
    parameter: str = request.node.callspec.params["python"]
    return parameter


@pytest.fixture
def no_settings_of_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep git to what the test says: no hook of ours tells it a repository, no file its author."""
    for name in LOCAL_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def repository(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    no_settings_of_the_user: None,  # noqa: ARG001 - for what it does
) -> Drawing:
    """Make an empty repository and stand in it."""
    drawing = Drawing(tmp_path / "repository")
    monkeypatch.chdir(drawing.root)
    return drawing


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

"""Several measurements at once: the same results, one answer, and nothing left behind."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from pythons import VERSIONS, interpreters
from repositories import Drawing, fingerprint

from specialist_ci.cli import main
from specialist_ci.jobs import Jobs, Stop, StoppedError

FOUND = [version for version in VERSIONS if version in interpreters().found]
_PATIENCE = 60  # seconds


# --- in threads ---


@pytest.mark.parametrize("number", [1, 2, 8])
def test_results_are_in_order(number: int) -> None:
    """Whatever is faster, and never more at once than there are jobs."""
    jobs, lock = Jobs(number), threading.Lock()
    at_once: list[int] = []
    running = 0

    def work(result: int, stop: Stop) -> int:
        nonlocal running
        with jobs.slot(stop):
            with lock:
                running += 1
                at_once.append(running)
            threading.Event().wait(0.02 * (result % 3))
            with lock:
                running -= 1
        return result

    works = [lambda stop, n=n: work(n, stop) for n in range(6)]
    assert jobs.all(works) == list(range(6))
    assert max(at_once) <= number


def test_they_are_at_once() -> None:
    """Two works that wait for each other both end."""
    meeting = threading.Barrier(2, timeout=_PATIENCE)
    assert sorted(Jobs(2).all([lambda _: meeting.wait(), lambda _: meeting.wait()])) == [0, 1]


@pytest.mark.parametrize("number", [1, 2])
def test_the_first_in_order_is_raised(number: int) -> None:
    """The error does not depend on who is faster, and those behind it are stopped."""
    late = threading.Event()
    stopped: list[bool] = []

    def first(_stop: Stop) -> None:
        late.wait(_PATIENCE if number == 2 else 0)
        raise ZeroDivisionError

    def second(_stop: Stop) -> None:
        late.set()
        raise KeyError

    def third(stop: Stop) -> None:
        try:
            while True:
                stop.check()
                threading.Event().wait(0.01)
        except StoppedError:
            stopped.append(True)
            raise

    with pytest.raises(ZeroDivisionError):
        Jobs(number).all([first, second, third])
    assert stopped == ([True] if number > 1 else [])


def test_what_is_below_stops_too() -> None:
    """A work's own works hear that nobody needs them, and those that wait for a turn."""
    jobs = Jobs(2)
    waiting = threading.Event()

    def inner(stop: Stop) -> None:
        with jobs.slot(stop):
            waiting.set()
            while True:
                stop.check()

    def outer(stop: Stop) -> list[None]:
        return jobs.all([inner, inner, inner], stop)

    def fails(_stop: Stop) -> list[None]:
        waiting.wait(_PATIENCE)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        jobs.all([fails, outer])


# --- for real ---

BENCH = """\
def half(value):
    return value {operator} 2.0


for number in range(1000):
    half(float(number))
"""
CONFIG = f"""\
python = {json.dumps(FOUND[-2:])}
[suites.one]
command = "bench.py"
[suites.two]
command = "python -m bench"
[suites.fails]
command = "fails.py"
"""


@pytest.fixture
def compared(repository: Drawing) -> Drawing:
    """Make base and head, with three suites in two interpreters."""
    for tag, operator in (("base", "-"), ("head", "//")):
        repository.commit(
            {
                "bench.py": BENCH.format(operator=operator),
                "fails.py": "import bench\nraise SystemExit(3)\n",
                "specialist-ci.toml": CONFIG,
            }
        )
        repository.git("tag", tag)
    return repository


def test_reports_do_not_depend_on_the_number_of_jobs(
    compared: Drawing, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same bytes, on stdout and stderr, with one job and with several."""
    before = fingerprint(compared.root)
    answers = []
    for jobs in ("1", "2", "5"):
        code = main(["diff", "base", "head", "--no-cache", "--format", "json", "--jobs", jobs])
        answers.append((code, *capsys.readouterr()))
    assert answers[0] == answers[1] == answers[2]
    several = json.loads(answers[0][1])
    versions = len(FOUND[-2:])
    assert (len(several["reports"]), len(several["failures"])) == (2 * versions, versions)
    assert all(report["changes"] for report in several["reports"])
    assert compared.git("worktree", "list").count("\n") == 0
    after = fingerprint(compared.root)
    assert {
        path for path in before.keys() | after.keys() if before.get(path) != after.get(path)
    } == set()


@pytest.mark.usefixtures("compared")
def test_both_sides_run_at_once(tmp_path: Path) -> None:
    """A suite that waits until both of its runs are there ends with two jobs."""
    script = f"""
import os, pathlib, time, bench
place = pathlib.Path({str(tmp_path)!r})
(place / f"here-{{os.getpid()}}").touch()
for _ in range({_PATIENCE * 20}):
    if len(list(place.glob("here-*"))) > 1:
        break
    time.sleep(0.05)
else:
    raise SystemExit("alone")
"""
    argv = ("diff", "base", "base", "--python", FOUND[-1], "--no-cache")
    assert main([*argv, "--jobs", "2", "--", "-c", script]) == 0


@pytest.mark.usefixtures("compared")
def test_runs_that_are_in_each_others_way(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A suite that fails beside another run is told how to be alone, and is fine then."""
    lock = tmp_path / "lock"
    script = (
        f"import bench, os, time; os.mkdir({str(lock)!r}); time.sleep(1); os.rmdir({str(lock)!r})"
    )
    argv = ("diff", "base", "base", "--python", FOUND[-1], "--no-cache")
    lock.mkdir()
    assert main([*argv, "--jobs", "2", "--", "-c", script]) == 3
    assert "--jobs 1" in capsys.readouterr().err
    lock.rmdir()
    assert main([*argv, "--jobs", "1", "--", "-c", script]) == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_leaves_nothing(compared: Drawing, tmp_path: Path, number: signal.Signals) -> None:
    """Ctrl-C and the like end all runs of all suites, and remove all worktrees."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    before = fingerprint(compared.root)
    script = (
        "import os, pathlib, signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
        f"pathlib.Path({str(tmp_path)!r}, f'run-{{os.getpid()}}').touch(); time.sleep(600)"
    )
    several = [word for version in FOUND[-2:] for word in ("--python", version)]
    command = [sys.executable, "-m", "specialist_ci", "diff", "base", "head", *several]
    process = subprocess.Popen(
        [*command, "--jobs", "3", "--", "-c", script],
        env={**os.environ, "TMPDIR": str(temporary)},
        stderr=subprocess.PIPE,
        text=True,
    )
    at_once = min(3, len(several))  # both sides of each version
    _wait_until(lambda: len(list(tmp_path.glob("run-*"))) == at_once, process)
    process.send_signal(number)
    _out, err = process.communicate(timeout=_PATIENCE)
    assert (process.returncode, err) == (
        130,
        "specialist-ci: interrupted, nothing is left behind\n",
    )
    assert list(temporary.iterdir()) == []
    assert compared.git("worktree", "list").count("\n") == 0
    assert not (compared.root / ".git" / "worktrees").exists()
    assert fingerprint(compared.root) == before
    for run in tmp_path.glob("run-*"):
        assert _is_gone(int(run.name.removeprefix("run-")))


def test_a_signal_during_a_checkout(compared: Drawing, tmp_path: Path) -> None:
    """Ctrl-C while git still writes the files of both sides ends git too."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    smudge = f"touch {tmp_path}/ready; sleep 600; cat"
    compared.git("config", "filter.slow.smudge", smudge)
    (compared.root / ".git/info").mkdir(exist_ok=True)
    (compared.root / ".git/info/attributes").write_text("bench.py filter=slow\n", encoding="utf-8")
    process = subprocess.Popen(
        [sys.executable, "-m", "specialist_ci", "diff", "base", "head", "--jobs", "2"],
        env={**os.environ, "TMPDIR": str(temporary)},
        stderr=subprocess.PIPE,
        text=True,
    )
    _wait_until((tmp_path / "ready").exists, process)
    process.send_signal(signal.SIGINT)
    _out, err = process.communicate(timeout=_PATIENCE)
    assert process.returncode == 130
    assert err.endswith("specialist-ci: interrupted, nothing is left behind\n")
    assert list(temporary.iterdir()) == []
    assert compared.git("worktree", "list").count("\n") == 0


def _wait_until(holds: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    for _ in range(_PATIENCE * 50):
        if holds():
            return
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)
    process.kill()
    raise AssertionError(process.communicate())


def _is_gone(process: int) -> bool:
    """Wait until whoever inherits dead processes has noticed."""
    for _ in range(_PATIENCE * 50):
        try:
            os.kill(process, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.02)
    return False


@pytest.mark.usefixtures("compared")
def test_wrong_number_of_jobs(capsys: pytest.CaptureFixture[str]) -> None:
    """It is a number from 1 on."""
    for text in ("0", "-1", "many"):
        assert main(["diff", "base", f"--jobs={text}", "--", "bench.py"]) == 2
        assert "is no number of jobs" in capsys.readouterr().err

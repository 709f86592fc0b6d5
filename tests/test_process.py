"""Programs are run to their end, described, and never left behind."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path

import pytest

from specialist_ci.errors import MeasurementError
from specialist_ci.process import (
    CommandNotFoundError,
    CommandTimeoutError,
    Outcome,
    describe_failure,
    run,
    tail,
)

HERE = Path(__file__).parent
ENV = dict(os.environ)


def python(code: str, *, env: Mapping[str, str] = ENV, timeout: float | None = 60) -> Outcome:
    """Run a few lines of Python."""
    return run([sys.executable, "-c", code], cwd=HERE, env=env, what="head", timeout=timeout)


def shell(code: str, *, timeout: float | None = 60) -> Outcome:
    """Run a few lines of shell."""
    return run(["sh", "-c", code], cwd=HERE, env=ENV, what="head", timeout=timeout)


def is_alive(pid: int) -> bool:
    """Tell whether a process, that is nobody's zombie, has this id."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{pid}/stat")
    return not (stat.exists() and ") Z " in stat.read_text())


def wait_until_dead(pid: int) -> None:
    """Return once the process has ended, which the kernel may do a moment after a kill."""
    pause = threading.Event()
    for _ in range(500):
        if not is_alive(pid):
            return
        pause.wait(0.01)
    pytest.fail(f"process {pid} is still alive")


def test_returns_status_and_output() -> None:
    """The exit status and both streams come back, whatever the status."""
    code = "import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)"
    assert python(code) == Outcome(3, "out\n", "err\n")


def test_gives_cwd_env_and_no_input(tmp_path: Path) -> None:
    """The program sees the directory and environment that it is given, and an empty stdin."""
    code = "pwd -P; echo $COLOUR; cat"
    env = {"PATH": os.environ["PATH"], "COLOUR": "blue"}
    outcome = run(["sh", "-c", code], cwd=tmp_path, env=env, what="head")
    assert outcome == Outcome(0, f"{tmp_path.resolve()}\nblue\n", "")


def test_keeps_the_end_of_long_output() -> None:
    """Of output longer than 64 KiB the end is kept."""
    outcome = python("print('a' * 200_000); print('the end')")
    assert len(outcome.stdout) == 64 * 1024
    assert outcome.stdout.endswith("aaa\nthe end\n")


def test_decodes_any_bytes() -> None:
    """Output that is no UTF-8 is decoded with replacement characters."""
    assert python(r"import os; os.write(1, b'\xff\xc3\xa9')").stdout == "\ufffdé"


@pytest.mark.parametrize(
    ("argv", "cwd", "words"),
    [
        (["no-such-program"], HERE, "head: cannot run no-such-program (No such file or directory)"),
        ([str(HERE / "test_process.py")], HERE, "(Permission denied)"),
        (["sh", "a\0b"], HERE, "(embedded null byte)"),
        (["sh"], HERE / "missing", "head: there is no directory"),
    ],
)
def test_refuses_what_cannot_start(argv: list[str], cwd: Path, words: str) -> None:
    """A program or directory that is not there is a typed error that names the errand."""
    with pytest.raises(CommandNotFoundError) as caught:
        run(argv, cwd=cwd, env=ENV, what="head")
    assert words in caught.value.message
    assert caught.value.remedy


def test_finds_the_program_on_the_path_it_is_given(tmp_path: Path) -> None:
    """The PATH of the child's environment decides, not ours."""
    program = tmp_path / "hello"
    program.write_text("#!/bin/sh\necho hello\n")
    program.chmod(0o755)
    outcome = run(["hello"], cwd=HERE, env={"PATH": str(tmp_path)}, what="head")
    assert outcome.stdout == "hello\n"


def test_timeout_ends_the_group() -> None:
    """On a timeout the program and its background children are ended, and its output is shown."""
    with pytest.raises(CommandTimeoutError) as caught:
        shell("sleep 60 & echo $!; wait", timeout=0.5)
    assert caught.value.message == "head: sh did not end within 0.5 seconds"
    assert isinstance(caught.value, MeasurementError)
    wait_until_dead(int(caught.value.detail))


def test_timeout_ends_what_ignores_sigterm() -> None:
    """A program that ignores SIGTERM is killed after a grace."""
    with pytest.raises(CommandTimeoutError) as caught:
        shell("trap '' TERM; echo $$; while :; do sleep 0.1; done", timeout=0.3)
    wait_until_dead(int(caught.value.detail))


def test_failure_ends_the_group() -> None:
    """When a program fails, its background children are ended."""
    wait_until_dead(int(shell("sleep 60 & echo $!; exit 1").stdout))


def test_success_leaves_background_children_in_peace() -> None:
    """When a program succeeds, its background children go on, and do not keep us waiting."""
    pid = int(shell("sleep 60 & echo $!").stdout)
    assert is_alive(pid)
    os.kill(pid, signal.SIGKILL)


def test_on_wait_is_called_while_waiting() -> None:
    """The progress callback is called about ten times a second."""
    calls: list[None] = []
    run(["sleep", "0.55"], cwd=HERE, env=ENV, what="head", on_wait=lambda: calls.append(None))
    assert 2 <= len(calls) <= 6


def test_an_exception_ends_the_group(tmp_path: Path) -> None:
    """Whatever leaves run(), a Ctrl-C among them, the program is ended and reaped first."""
    noted = tmp_path / "pid"

    def interrupt() -> None:
        if noted.exists() and noted.read_text().endswith("\n"):
            raise KeyboardInterrupt

    argv = ["sh", "-c", 'echo $$ > "$0"; sleep 60', str(noted)]
    with pytest.raises(KeyboardInterrupt):
        run(argv, cwd=HERE, env=ENV, what="head", timeout=60, on_wait=interrupt)
    assert not is_alive(int(noted.read_text()))


def test_a_signal_while_a_program_starts_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C just before Popen returns leaves no program that nobody knows."""
    started = []

    class Interrupted(subprocess.Popen[bytes]):
        def __init__(self, argv: list[str], **options: object) -> None:
            super().__init__(argv, **options)  # type: ignore[call-overload] # passes them on
            started.append(self.pid)
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(subprocess, "Popen", Interrupted)
    with pytest.raises(KeyboardInterrupt):
        shell("sleep 60")
    (pid,) = started
    wait_until_dead(pid)


def test_runs_outside_the_main_thread() -> None:
    """Nothing in run() needs the main thread."""
    outcomes: list[Outcome] = []
    thread = threading.Thread(target=lambda: outcomes.append(shell("exit 4")))
    thread.start()
    thread.join()
    assert outcomes == [Outcome(4, "", "")]


@pytest.mark.parametrize(
    ("outcome", "phrase"),
    [
        (Outcome(1, "", ""), "ended with exit status 1"),
        (Outcome(1, "FAILED\n", " \n"), "ended with exit status 1 (FAILED)"),
        (Outcome(2, "x\n", "Traceback\nKeyError: 1\n\n"), "ended with exit status 2 (KeyError: 1)"),
        (Outcome(1, "", "\x1b[31mno\x1b[0m\x07\u202e!\n"), "ended with exit status 1 (no!)"),
        (Outcome(-9, "", "noise"), "was killed by SIGKILL"),
        (Outcome(-40, "", ""), "was killed by signal 40"),
    ],
)
def test_describe_failure(outcome: Outcome, phrase: str) -> None:
    """A failure is one phrase, with the last line of stderr, else of stdout, made harmless."""
    assert describe_failure(outcome) == phrase


def test_describe_failure_behind_a_warning() -> None:
    """The source line of a warning says nothing of the failure: the last line of stdout does."""
    warning = "a.py:1: UserWarning: old\n  warnings.warn(text)\n"
    assert describe_failure(Outcome(2, "7 errors\n", warning)).endswith("(7 errors)")
    assert describe_failure(Outcome(2, "", warning)).endswith("(a.py:1: UserWarning: old)")
    assert describe_failure(Outcome(2, "", "  only\n  this\n")).endswith("(this)")
    summary = "===== 1 failed in 2.00s =====\n"
    assert describe_failure(Outcome(1, summary, "")).endswith("(1 failed in 2.00s)")


def test_describe_failure_is_short() -> None:
    """A long last line is cut to 200 characters."""
    phrase = describe_failure(Outcome(1, "", "x" * 1000))
    assert phrase == f"ended with exit status 1 ({'x' * 199}…)"


def test_describe_failure_of_a_real_crash() -> None:
    """The phrase holds the exception of a Python program, and the name of a real signal."""
    assert "(ModuleNotFoundError: No module named 'nope')" in describe_failure(
        python("import nope")
    )
    assert describe_failure(shell("kill -ABRT $$")) == "was killed by SIGABRT"


def test_tail() -> None:
    """The tail is the last lines of stdout and then of stderr, without control characters."""
    outcome = Outcome(1, "one\ntwo\r10%\r\x1b[1mthree\x1b[0m\n", "\nfour\n\tfive\n")
    assert tail(outcome, lines=2) == "10%\nthree\nfour\n        five"

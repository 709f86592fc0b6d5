"""Our only subprocess call: runs one program to its end and never leaves it behind."""

import os
import re
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from specialist_ci.errors import MeasurementError
from specialist_ci.interruption import undisturbed

PIPE = subprocess.PIPE  # for who starts a program through another library

_KEPT_BYTES = 64 * 1024  # of each stream: its end is what explains a failure
_TICK = 0.1  # seconds between two calls of on_wait
_GRACE = 2.0  # seconds a program has between SIGTERM and SIGKILL
_PHRASE_LENGTH = 200  # characters

_ESCAPE_SEQUENCE = re.compile(r"\x1b\[[0-9;:?]*[ -/]*[@-~]")  # ECMA-48, 5.4: CSI


_RUNNING: set[subprocess.Popen[bytes]] = set()
_RUNNING_LOCK = threading.Lock()
_ENDING = threading.Event()


class CommandNotFoundError(MeasurementError):
    """A program could not be started: it, or the directory to start it in, is not there."""


class CommandTimeoutError(MeasurementError):
    """A program ran for longer than it was allowed to, and was ended."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a program ended.

    ``status`` is its exit status, or minus the number of the signal that killed it;
    ``stdout`` and ``stderr`` are the last 64 KiB of what it wrote to each.
    """

    status: int
    stdout: str
    stderr: str


def run(
    argv: Sequence[str],
    *,
    cwd: Path,
    env: Mapping[str, str],
    what: str,
    timeout: float | None = None,
    on_wait: Callable[[], None] | None = None,
) -> Outcome:
    """Run a program in a session of its own, without input, and return how it ended.

    Any exit status is returned: what it means is for the caller to decide. ``what``
    names the errand in error messages, ``timeout`` is in seconds, and ``on_wait`` is
    called about ten times a second. When the program fails, is out of time, or this
    function is left by any exception (``KeyboardInterrupt`` among them), all that
    still runs in its process group is ended too: SIGTERM, then SIGKILL. After a
    success, what the program left in the background stays.

    Raises ``CommandNotFoundError`` and ``CommandTimeoutError``.
    """
    # Files, not pipes: a background process that holds them open keeps nobody waiting,
    # and endless output fills no memory.
    with tempfile.TemporaryFile() as stdout, tempfile.TemporaryFile() as stderr:
        process = None
        try:
            with undisturbed():  # a program that Popen has started and not returned is nobody's
                process = _start(argv, cwd=cwd, env=env, what=what, stdout=stdout, stderr=stderr)
            with running(process):
                in_time = _wait(process, timeout, on_wait)
        except BaseException:
            if process is not None:
                end_group(process)
            raise
        if not in_time or process.returncode != 0:
            end_group(process)
        outcome = Outcome(process.returncode, _end_of(stdout), _end_of(stderr))
    if not in_time:
        raise CommandTimeoutError(
            f"{what}: {argv[0]} did not end within {timeout:g} seconds",
            remedy="allow it more time, or give it less to do",
            detail=tail(outcome),
        )
    return outcome


@contextmanager
def running(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """Let ``ending_all`` end a program, in whichever thread it is waited for."""
    with _RUNNING_LOCK:
        _RUNNING.add(process)
        if _ENDING.is_set():
            _signal_group(process, signal.SIGTERM)
    try:
        yield
    finally:
        with _RUNNING_LOCK:
            _RUNNING.discard(process)


@contextmanager
def ending_all() -> Iterator[None]:
    """Ask all programs that any thread waits for to end, those too that start in the block.

    The threads see to it that they do.
    """
    with _RUNNING_LOCK:
        _ENDING.set()
        for process in _RUNNING:
            if process.poll() is None:  # reaped, its number may be another's
                _signal_group(process, signal.SIGTERM)
    try:
        yield
    finally:
        _ENDING.clear()


def end_group(process: subprocess.Popen[bytes]) -> None:
    """End a process that leads its own group, and the group with it; return when reaped.

    SIGTERM first; whatever is left when the leader has ended, or after two seconds,
    gets SIGKILL. A second Ctrl-C during these seconds goes to SIGKILL at once.
    """
    try:
        _signal_group(process, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(_GRACE)
    finally:
        _signal_group(process, signal.SIGKILL)
        process.wait()


def describe_failure(outcome: Outcome) -> str:
    """Return one short phrase on how a program ended, with the last line that it wrote."""
    if outcome.status < 0:
        return f"was killed by {_signal_name(-outcome.status)}"
    phrase = f"ended with exit status {outcome.status}"
    lines = _lines(outcome.stderr)
    # An indented line ends a warning that shows its source, or explains the one above it.
    if not lines or lines[-1][:1].isspace():
        said = [line for line in lines if not line[:1].isspace()]
        lines = _lines(outcome.stdout) or said or lines
    return f"{phrase} ({_shorten(lines[-1].strip(' ='))})" if lines else phrase


def tail(outcome: Outcome, lines: int = 20) -> str:
    """Return the last ``lines`` lines of stdout, then those of stderr, fit for a terminal.

    Blank lines, escape sequences and control characters are left out.
    """
    return "\n".join([*_lines(outcome.stdout)[-lines:], *_lines(outcome.stderr)[-lines:]])


def _start(
    argv: Sequence[str],
    *,
    cwd: Path,
    env: Mapping[str, str],
    what: str,
    stdout: IO[bytes],
    stderr: IO[bytes],
) -> subprocess.Popen[bytes]:
    if not cwd.is_dir():
        raise CommandNotFoundError(
            f"{what}: there is no directory {cwd} to run {argv[0]} in",
            remedy="name a directory that exists in this commit",
        )
    try:
        return subprocess.Popen(
            argv,
            cwd=cwd,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            start_new_session=True,  # so that its descendants can be ended with it
        )
    except (OSError, ValueError) as error:  # ValueError: a NUL in an argument
        reason = error.strerror if isinstance(error, OSError) else error
        raise CommandNotFoundError(
            f"{what}: cannot run {argv[0]} ({reason})",
            remedy="install it, or name a program that is on PATH and executable",
        ) from error


def _wait(
    process: subprocess.Popen[bytes], timeout: float | None, on_wait: Callable[[], None] | None
) -> bool:
    """Return whether the process ended in time."""
    deadline = None if timeout is None else time.monotonic() + timeout
    while True:
        left = _TICK if deadline is None else min(_TICK, deadline - time.monotonic())
        try:
            process.wait(max(left, 0))
        except subprocess.TimeoutExpired:
            if deadline is not None and time.monotonic() >= deadline:
                return False
        else:
            return True
        if on_wait is not None:
            on_wait()


def _signal_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    # The group outlives its leader as long as it has members. PermissionError: macOS
    # says so of a group in which only zombies are left.
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)


def _end_of(stream: IO[bytes]) -> str:
    size = stream.seek(0, os.SEEK_END)
    stream.seek(max(0, size - _KEPT_BYTES))
    return stream.read(_KEPT_BYTES).decode("utf-8", errors="replace")


def _lines(text: str) -> list[str]:
    plain = _ESCAPE_SEQUENCE.sub("", text).expandtabs()
    printable = ("".join(filter(str.isprintable, line)) for line in plain.splitlines())
    return [line.rstrip() for line in printable if line.strip()]


def _shorten(line: str) -> str:
    return line if len(line) <= _PHRASE_LENGTH else line[: _PHRASE_LENGTH - 1] + "…"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # a real-time signal
        return f"signal {number}"

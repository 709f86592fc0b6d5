"""Lets a process write its state before another measured process, or itself, sends it SIGTERM.

SIGTERM keeps its default action, since a handler in Python can come too late: a signal that
arrives just before a blocking call is not looked at until that returns, and then nothing
ends the process. So the sender first asks, by SIGURG, which is ignored by default, more than
once if need be, and waits until the state is written. What anything but Python sends, nobody
announces: there the process is held, where it can be (``_specialist_ci_gate.py``).
"""

import _signal  # the module signal is larger, and the program may never import it
import os
import time

from _specialist_ci_gate import is_ours, watch_termination
from _specialist_ci_standins import replace_in_os, standing_in

# Only for type checkers: importing typing would cost the measured process milliseconds.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType
    from typing import Any

_REQUEST = _signal.SIGURG
_BEGINS = 2.0  # seconds until the asked process has begun to write; it may be stuck
_AGAIN = 0.02  # seconds until it is asked again: what came just before it blocked, it did not see
_ENDS = 10.0  # seconds until it has written all
_PAUSE = 0.001  # seconds

_handlers: "list[object]" = []


def answer_requests(finish: "Callable[[], None]") -> bool:
    """Write the state whenever another measured process asks for it.

    Return whether it may: a subinterpreter handles no signals.
    """

    def requested(_number: int, _frame: "FrameType | None") -> None:
        finish()

    if _signal.getsignal(_REQUEST) != _signal.SIG_DFL:
        return False
    try:
        _signal.signal(_REQUEST, requested)
    except ValueError:
        return False
    _handlers.append(requested)
    return True


def watch_kills(raw: str, finish: "Callable[[], None]") -> None:
    """Ask before os.kill and os.killpg send SIGTERM; ``raw`` holds the states written so far."""

    def kill(pid: object, number: object) -> None:
        if number == _signal.SIGTERM and type(pid) is int:
            if pid == os.getpid():
                finish()
            elif pid > 0:
                _ask(raw, [pid])

    def killpg(group: object, number: object) -> None:
        if number == _signal.SIGTERM and type(group) is int:
            members = [pid for pid in _unwritten(raw) if _group(pid) == group]
            if os.getpid() in members:
                finish()
            _ask(raw, members)

    replace_in_os("kill", standing_in(kill, os.kill))
    replace_in_os("killpg", standing_in(killpg, os.killpg))


def watch_signal_module(module: "dict[str, Any]", finish: "Callable[[], None]") -> None:
    """Make the signal module hide our handler, and write the state before it raises SIGTERM."""
    default = module["SIG_DFL"]

    def hiding(original: "Callable[..., Any]") -> "Callable[..., Any]":
        def function(*args: object, **kwargs: object) -> object:
            handler = original(*args, **kwargs)
            if args == (_signal.SIGTERM, default):
                watch_termination()
            return default if handler in _handlers or is_ours(handler) else handler

        for attribute in ("__doc__", "__module__", "__name__", "__qualname__"):
            setattr(function, attribute, getattr(original, attribute))
        return function

    def raising(number: object) -> None:
        if number == _signal.SIGTERM:
            finish()

    for name in ("getsignal", "signal"):
        module[name] = hiding(module[name])
    replacement = standing_in(raising, module["raise_signal"])
    for namespace in (module, vars(_signal)):
        namespace["raise_signal"] = replacement


def _ask(raw: str, pids: "list[int]") -> None:
    """Have the measured ones among some processes write their state, and wait for it."""
    unwritten = _unwritten(raw)
    waiting = {pid: unwritten[pid] for pid in pids if pid in unwritten and pid != os.getpid()}
    begun = asked = time.monotonic()
    again = _AGAIN
    try:
        for pid in waiting:
            os.kill(pid, _REQUEST)
        while waiting:
            time.sleep(_PAUSE)  # another process writes: there is nothing to wait on but its file
            waiting = {pid: name for pid, name in waiting.items() if not _written(raw, name)}
            idle = [
                pid
                for pid, name in waiting.items()
                if not os.path.exists(_path(raw, name, "writing"))
            ]
            now = time.monotonic()
            if now - begun > (_BEGINS if len(idle) == len(waiting) else _ENDS):
                return
            if now - asked > again:
                asked, again = now, 2 * again
                for pid in idle:
                    os.kill(pid, _REQUEST)
    except OSError:
        return  # gone, or not ours to signal


def _unwritten(raw: str) -> "dict[int, str]":
    """Return the names of the processes that have not written any state, by process id."""
    try:
        names = os.listdir(raw)
    except OSError:
        return {}  # the measurement is over
    started = [name.removesuffix(".started") for name in names if name.endswith(".started")]
    return {
        int(name.partition("-")[0]): name for name in sorted(started) if not _written(raw, name)
    }


def _written(raw: str, name: str) -> bool:
    return os.path.exists(_path(raw, name, "raw")) or os.path.exists(_path(raw, name, "failed"))


def _path(raw: str, name: str, suffix: str) -> str:
    return os.path.join(raw, "%s.%s" % (name, suffix))


def _group(pid: int) -> "int | None":
    try:
        return os.getpgid(pid)
    except OSError:
        return None

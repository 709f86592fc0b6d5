"""Lets the recorder finish in processes that end without atexit: fork, exec, _exit, SIGTERM.

Each function is inert until it is called with the recorder's methods. What replaces a
function of the os module does its errand first and then exactly what the original does.
"""

import _signal  # the module signal is larger, and the program may never import it
import os
import sys

# Only for type checkers: importing typing would cost the measured process milliseconds.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType
    from typing import Any

# os.execl, os.execvp and the like all end in one of these two.
_LAST_CALLS = ("_exit", "execv", "execve")


def watch_last_calls(finish: "Callable[[], None]") -> None:
    """Finish before a process is replaced or ends at once.

    When exec fails the process goes on, and finishes again later.
    """
    for name in _LAST_CALLS:
        replacement = _after(finish, getattr(os, name))
        for module in (os, sys.modules["posix"]):
            setattr(module, name, replacement)


def _after(finish: "Callable[[], None]", original: "Callable[..., Any]") -> "Callable[..., Any]":
    def last_call(*args: object, **kwargs: object) -> object:
        finish()
        return original(*args, **kwargs)

    for attribute in ("__doc__", "__module__", "__name__", "__qualname__"):
        setattr(last_call, attribute, getattr(original, attribute))
    return last_call


def watch_forks(restart: "Callable[[], None]") -> None:
    """Start again, as a process of its own, in every forked child."""

    def forked() -> None:
        # With preexec_fn, subprocess forks only to exec: that child is none of ours.
        if sys._getframe(1).f_code.co_name != "_execute_child":
            restart()

    os.register_at_fork(after_in_child=forked)


def watch_termination(finish: "Callable[[], None]") -> None:
    """Finish when SIGTERM is about to end the process, which it then does as ever.

    Only where the program leaves SIGTERM alone: a handler of its own, or to ignore the
    signal, replaces this one. ``see_no_handler`` keeps it out of the program's sight.
    """

    def terminated(number: int, _frame: "FrameType | None") -> None:
        finish()
        _signal.signal(number, _signal.SIG_DFL)
        os.kill(os.getpid(), number)

    if _signal.getsignal(_signal.SIGTERM) == _signal.SIG_DFL:
        _signal.signal(_signal.SIGTERM, terminated)
        _ours.append(terminated)


_ours: "list[object]" = []


def see_no_handler(module: "dict[str, Any]") -> None:
    """Make the signal module call our handler by the name of what it stands for."""
    default = module["SIG_DFL"]

    def hiding(original: "Callable[..., Any]") -> "Callable[..., Any]":
        def function(*args: object, **kwargs: object) -> object:
            handler = original(*args, **kwargs)
            return default if handler in _ours else handler

        for attribute in ("__doc__", "__module__", "__name__", "__qualname__"):
            setattr(function, attribute, getattr(original, attribute))
        return function

    for name in ("getsignal", "signal"):
        module[name] = hiding(module[name])

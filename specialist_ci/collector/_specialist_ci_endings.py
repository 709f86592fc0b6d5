"""Lets the recorder finish in processes that end without atexit: by fork, exec or _exit.

Each function is inert until it is called with the recorder's methods.
"""

import os
import sys

from _specialist_ci_standins import replace_in_os, standing_in, unnoticed

# Only for type checkers: importing typing would cost the measured process milliseconds.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

# os.execl, os.execvp and the like all end in one of these two.
_LAST_CALLS = ("_exit", "execv", "execve")


def watch_last_calls(finish: "Callable[[], None]") -> None:
    """Finish before a process is replaced or ends at once.

    When exec fails the process goes on, and finishes again later.
    """

    def errand(*_args: object, **_kwargs: object) -> None:
        finish()

    for name in _LAST_CALLS:
        replace_in_os(name, standing_in(errand, getattr(os, name)))


def watch_forks(restart: "Callable[[], None]") -> None:
    """Start again, as a process of its own, in every forked child."""

    def forked() -> None:
        # With preexec_fn, fork_exec calls this, and standing_in calls fork_exec. That
        # child is about to be replaced and none of ours.
        with unnoticed:
            if sys._getframe(1).f_globals is not standing_in.__globals__:
                restart()

    os.register_at_fork(after_in_child=forked)

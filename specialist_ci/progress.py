"""Shows people which step a long command is at, on a terminal only."""

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from rich.progress import Progress


class Steps(Protocol):
    """What a long command tells of its progress."""

    def begin(self, step: str) -> None:
        """Say that a step has begun and the one before it in this thread has ended."""

    def tick(self) -> None:
        """Say that the step goes on; called about ten times a second."""

    def end(self) -> None:
        """Say that the last step of this thread has ended, where there is one."""


class _Silence:
    def begin(self, step: str) -> None:
        pass

    def tick(self) -> None:
        pass

    def end(self) -> None:
        pass


class _Bar:
    """A bar with one part for each step, the steps at hand, and the time since the first."""

    def __init__(self, bar: "Progress", total: int) -> None:
        """Take a bar that was started and the number of steps to come."""
        self._bar = bar
        self._total = total
        self._ended = 0
        self._running: dict[int, str] = {}  # by thread
        self._lock = threading.Lock()
        self._task = bar.add_task("", total=total)

    def begin(self, step: str) -> None:
        with self._lock:
            self._ended += threading.get_ident() in self._running
            self._running[threading.get_ident()] = step
            self._show()

    def tick(self) -> None:
        self._bar.refresh()

    def end(self) -> None:
        with self._lock:
            self._ended += self._running.pop(threading.get_ident(), None) is not None
            self._show()

    def _show(self) -> None:
        steps = ", ".join(self._running.values())
        # More may come than was announced.
        self._total = max(self._total, self._ended + len(self._running))
        self._bar.update(
            self._task, description=steps, completed=self._ended, total=self._total, refresh=True
        )


@contextmanager
def steps(total: int) -> Iterator[Steps]:
    """Show progress on stderr while the block runs; in a pipe, show nothing."""
    if not sys.stderr.isatty():
        yield _Silence()
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        Progress,
        SpinnerColumn,
        TextColumn,
        TimeElapsedColumn,
    )

    with Progress(
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        transient=True,
        auto_refresh=False,
    ) as bar:
        yield _Bar(bar, total)

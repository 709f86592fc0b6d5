"""Shows people which step a long command is at, on a terminal only."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from rich.progress import Progress


class Steps(Protocol):
    """What a long command tells of its progress."""

    def begin(self, step: str) -> None:
        """Say that a step has begun and the one before it has ended."""

    def tick(self) -> None:
        """Say that the step goes on; called about ten times a second."""


class _Silence:
    def begin(self, step: str) -> None:
        pass

    def tick(self) -> None:
        pass


class _Bar:
    """A bar with one part for each step, and the time since the first."""

    def __init__(self, bar: "Progress", total: int) -> None:
        """Take a bar that was started and the number of steps to come."""
        self._bar = bar
        self._total = total
        self._begun = 0
        self._task = bar.add_task("", total=total)

    def begin(self, step: str) -> None:
        self._total = max(self._total, self._begun + 1)  # more may come than was announced
        self._bar.update(
            self._task, description=step, completed=self._begun, total=self._total, refresh=True
        )
        self._begun += 1

    def tick(self) -> None:
        self._bar.refresh()


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

"""Shows people which step a long command is at, on a terminal only."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn


class Steps:
    """A bar with one part for each step, and the time since the first."""

    def __init__(self, bar: Progress, total: int) -> None:
        """Take a bar that was started and the number of steps to come."""
        self._bar = bar
        self._total = total
        self._begun = 0
        self._task = bar.add_task("", total=total)

    def begin(self, step: str) -> None:
        """Say that a step has begun and the one before it has ended; more than told may come."""
        self._total = max(self._total, self._begun + 1)
        self._bar.update(
            self._task, description=step, completed=self._begun, total=self._total, refresh=True
        )
        self._begun += 1

    def tick(self) -> None:
        """Move the clock on."""
        self._bar.refresh()


@contextmanager
def steps(total: int) -> Iterator[Steps]:
    """Show progress on stderr while the block runs; in a pipe, show nothing."""
    console = Console(stderr=True)
    with Progress(
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
        auto_refresh=False,
    ) as bar:
        yield Steps(bar, total)

"""Does several pieces of work at once, in threads that mostly wait for processes of theirs."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from specialist_ci.interruption import undisturbed
from specialist_ci.process import ending_all

_TICK = 0.1  # seconds between two looks at what others say

_T = TypeVar("_T")


class StoppedError(BaseException):
    """Raised in a thread whose work nobody needs any more; its cleaning still happens."""


class Stop:
    """Tells one piece of work, and all below it, that nobody needs it any more."""

    def __init__(self, above: "Stop | None" = None) -> None:
        """Take that of the work which this one is a part of."""
        self._above = above
        self._set = threading.Event()

    def set(self) -> None:
        """Say so."""
        self._set.set()

    def check(self) -> None:
        """Raise StoppedError where it was said."""
        if self._set.is_set():
            raise StoppedError
        if self._above is not None:
            self._above.check()


class Jobs:
    """How many measurements go on at once, over all that a command has to measure."""

    def __init__(self, number: int = 1) -> None:
        """Take the number, from 1 on."""
        self.number = number
        self.stop = Stop()
        self._slots = threading.BoundedSemaphore(number)

    @contextmanager
    def slot(self, stop: Stop) -> Iterator[None]:
        """Wait for a measurement's turn, and hold it for the block."""
        while not self._slots.acquire(timeout=_TICK):
            stop.check()
        try:
            stop.check()
            yield
        finally:
            self._slots.release()

    def all(self, works: Sequence[Callable[[Stop], _T]], above: Stop | None = None) -> list[_T]:
        """Return what the works return, in their order; with one job, do one after the other.

        Raises what the first of them in this order raises, whichever is faster: those behind
        it are stopped, those before it go on. Ctrl-C in the main thread stops all and is
        raised when they have cleaned up. A program that waits is ended for it.
        """
        stop = Stop(above or self.stop)
        if self.number == 1 or len(works) == 1:
            return [work(stop) for work in works]
        return _in_threads(works, stop)


def _in_threads(works: Sequence[Callable[[Stop], _T]], above: Stop) -> list[_T]:
    stops = [Stop(above) for _ in works]
    results: dict[int, _T] = {}
    errors: dict[int, BaseException] = {}
    ends = [threading.Event() for _ in works]

    def do(number: int) -> None:
        try:
            results[number] = works[number](stops[number])
        except BaseException as error:  # noqa: BLE001 - raised where the result is waited for
            errors[number] = error
            for behind in stops[number + 1 :]:
                behind.set()
        finally:
            ends[number].set()

    threads = [threading.Thread(target=do, args=(number,)) for number in range(len(works))]
    try:
        for thread in threads:
            thread.start()
        _wait_for(ends)
    except BaseException:  # a signal, which only the main thread gets
        with undisturbed():
            above.set()
            with ending_all():
                started = zip(threads, ends, strict=True)
                _wait_for([end for thread, end in started if thread.ident is not None])
        raise
    for number in sorted(errors):
        raise errors[number]
    return [results[number] for number in range(len(works))]


def _wait_for(ends: Sequence[threading.Event]) -> None:
    """Wait for all, and hear signals meanwhile.

    Not by Thread.join: one that an exception leaves, as Ctrl-C raises it, takes the thread for
    ended on 3.11 and 3.12, and then nobody waits until it has cleaned up.
    """
    for end in ends:
        while not end.wait(_TICK):
            pass

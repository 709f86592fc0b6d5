"""Says when a signal that would stop us may, and when it has to wait."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def terminate_as_interrupt() -> Iterator[None]:
    """Make SIGTERM and SIGHUP raise ``KeyboardInterrupt``, so that all is cleaned up.

    Its argument is the signal's name. A signal that is ignored, as by nohup, stays so.
    Does nothing outside the main thread, which alone can handle signals.
    """

    def interrupt(number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt(signal.Signals(number).name)

    with _handling((signal.SIGTERM, signal.SIGHUP), interrupt):
        yield


@contextmanager
def undisturbed() -> Iterator[None]:
    """Put off signals that would stop us until the block, which must not be torn, is done."""
    received: list[int] = []

    def note(number: int, _frame: FrameType | None) -> None:
        received.append(number)

    with _handling(_STOP_SIGNALS, note):
        yield
    for number in received[:1]:
        signal.raise_signal(number)


@contextmanager
def _handling(signals: tuple[signal.Signals, ...], handler: "signal._HANDLER") -> Iterator[None]:
    """Handle signals, except ignored ones, for the length of a block."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in signals}
    # None: a handler that was not set from Python, and cannot be restored from it.
    before = {n: old for n, old in before.items() if old not in (signal.SIG_IGN, None)}
    try:
        for number in before:
            signal.signal(number, handler)
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)

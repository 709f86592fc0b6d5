"""Holds a process that SIGTERM is about to end, until its memory has been copied.

No sender asks first here: a shell, ``timeout``, or a program in C. SIGTERM keeps its default
action, and nothing in Python runs any more. The handler is faulthandler's, in C: it writes where
the program is, and lets the signal go on to kill. It writes into a socket that has room for a few
words only, so that it waits in the middle of that; who watches the command then copies what the
process has in memory, reads on, and the process ends. Where nobody watches, the write fails, and
the process ends at once. ``memory.py`` finds the state in what was copied.
"""

import _signal
import os
import sys

# Only for type checkers: importing typing would cost the measured process milliseconds.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType
    from typing import Any

    Handler = Callable[[int, "FrameType | None"], None]

_DOOR = "gate"  # in the control directory, where somebody watches
_NAME_SIZE, _ADDRESS_SIZE = 56, 8  # bytes of what is said first
_DESCRIPTORS = (1000, 200)  # of the socket: not what a program would be given or ask for

_modules: "dict[str, Any]" = {}
_finishing: "list[Handler]" = []
_held: "dict[int, int]" = {}  # the descriptor and what it leads to (an inode), once there is one


def be_held(control: str, name: str, kept: "tuple[Any, ...]") -> None:
    """Tell the watcher of this process, by its name in the control directory.

    ``kept`` is what memory.py begins with. The child of a fork is another process, and calls
    this again.
    """
    if os.path.exists(os.path.join(control, _DOOR)):
        address = id(kept).to_bytes(_ADDRESS_SIZE, sys.byteorder)
        try:
            _connect(control, name.encode().ljust(_NAME_SIZE, b"\0") + address)
        except (OSError, ImportError):  # nobody watches any more, or no descriptor is free
            for descriptor, inode in _held.items():
                if _inode(descriptor) == inode:
                    os.close(descriptor)  # of the process that forked this one


def watch_termination(finish: "Callable[[], None] | None" = None) -> None:
    """Be held when SIGTERM comes, unless something else than its default action is set.

    In a run that explains, ``finish`` is called then, by Python: its facts are nowhere else. Who
    watches sees to it that this comes to an end.
    """
    if finish is not None:
        _finishing[:] = [_ending(finish)]
    if _held and _signal.getsignal(_signal.SIGTERM) == _signal.SIG_DFL:
        for handler in _finishing:
            _signal.signal(_signal.SIGTERM, handler)
        (descriptor,) = _held
        # What was set since has taken its handler away, and it does not know.
        faulthandler = _module("faulthandler")
        faulthandler.unregister(_signal.SIGTERM)
        faulthandler.register(_signal.SIGTERM, file=descriptor, all_threads=False, chain=True)


def is_ours(handler: object) -> bool:
    """Return whether something is the handler that calls ``finish``."""
    return handler in _finishing


def _ending(finish: "Callable[[], None]") -> "Handler":
    def handler(number: int, _frame: "FrameType | None") -> None:
        finish()
        _signal.signal(number, _signal.SIG_DFL)
        os.kill(os.getpid(), number)

    return handler


def _module(name: str) -> "Any":
    """Return a module that the program is not to find imported."""
    if name not in _modules:
        known = name in sys.modules
        _modules[name] = __import__(name)
        if not known:
            del sys.modules[name]
    return _modules[name]


def _connect(control: str, words: bytes) -> None:
    system = _module("_socket")
    socket = system.socket(system.AF_UNIX, system.SOCK_STREAM)
    try:
        socket.setsockopt(system.SOL_SOCKET, system.SO_SNDBUF, 1)  # the least that there is
        socket.settimeout(0)
        folder = os.open(control, os.O_RDONLY)
        try:
            # The path of a socket has room for 108 bytes (unix(7)).
            socket.connect("/proc/self/fd/%d/%s" % (folder, _DOOR))
        finally:
            os.close(folder)
        socket.send(words)
        socket.settimeout(None)
        for descriptor in tuple(_held) or _DESCRIPTORS:
            if _inode(descriptor) in (0, _held.get(descriptor)):
                try:
                    os.dup2(socket.fileno(), descriptor, inheritable=False)
                except OSError:
                    continue  # the process may not have so many
                _held[descriptor] = _inode(descriptor)
                return
    finally:
        socket.close()


def _inode(descriptor: int) -> int:
    """Return zero where the descriptor is free."""
    try:
        return os.fstat(descriptor).st_ino
    except OSError:
        return 0

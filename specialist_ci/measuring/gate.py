"""Copies the memory of measured processes that SIGTERM ends, and has their state found in it.

By Linux's /proc alone. Such a process waits (``collector/_specialist_ci_gate.py``) for as long as
the copying takes, which is some milliseconds.
"""

import errno
import os
import re
import signal
import socket
import struct
import sys
import threading
import time
from array import array
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from io import FileIO
from itertools import groupby
from pathlib import Path
from selectors import EVENT_READ, DefaultSelector
from typing import BinaryIO

from specialist_ci.measuring.control import Control

_DOOR = "gate"
_HELLO = struct.Struct("=56sQ")  # the process's name in the control folder, and where to begin
_CREDENTIALS = struct.Struct("=3i")  # struct ucred: process, user, group
_NAME = re.compile(rb"([0-9]+)-[0-9a-f]{8}")
_WAITING = 1024  # that may have called and not been heard
_CHUNK = 1 << 20  # bytes that are copied at once

_TICK = 0.001  # seconds between two looks at a process that is to write by itself
_AGAIN = 0.02  # seconds until it is woken, and then twice as many each time
_BEGINS = 2.0  # seconds until it has begun to write
_ENDS = 10.0  # seconds until it has written all

# Documentation/admin-guide/mm/pagemap.rst: of each page, whether it is in memory or in swap.
_IN_USE = 3 << 62
_MOST = 1 << 30  # bytes of memory that are copied of one process
_RESERVED = 1 << 36  # bytes of a mapping that is no heap of Python's but somebody's address space

_WORD = struct.Struct("=Q")


@contextmanager
def watching_terminations(
    control: Control, python: Path, *, explaining: bool = False
) -> Iterator[None]:
    """Have the state of measured processes that SIGTERM ends in the block written, too.

    ``python`` is the measured interpreter. In a run that explains, such a process writes by
    itself what it knows, and is killed where it does not come to that. Where the system does not
    let us (another one than Linux, no right to look at them), such processes end as ever and are
    missed.
    """
    with ExitStack() as held:
        try:
            gate = _Gate(control, python, held, explaining=explaining)
        except OSError:
            held.close()
            yield
            return
        thread = threading.Thread(target=gate.watch, name="gate")
        thread.start()
        try:
            yield
        except BaseException:
            gate.abandoned = True  # nobody will ask for what was copied
            raise
        finally:
            gate.stop()
            thread.join()


class _Gate:
    """The processes that may come to be held, by their connection to us."""

    def __init__(
        self, control: Control, python: Path, held: ExitStack, *, explaining: bool
    ) -> None:
        """Open the door; raises OSError where there cannot be one."""
        if sys.platform != "linux":
            raise OSError
        self._control = control
        self._python = python
        self._raw = control.folder / "raw"
        self._take = self._urge if explaining else self._copy
        self._copies: list[tuple[str, int]] = []  # name and address
        self.abandoned = False
        self._selector = held.enter_context(DefaultSelector())
        self._listener = held.enter_context(socket.socket(socket.AF_UNIX))
        self._listener.settimeout(0)
        self._waker, waking = socket.socketpair()
        for each in (self._waker, waking):
            held.enter_context(each)
        folder = os.open(control.folder, os.O_RDONLY)
        try:
            # The path of a socket has room for 108 bytes (unix(7)).
            self._listener.bind(f"/proc/self/fd/{folder}/{_DOOR}")
        finally:
            os.close(folder)
        self._listener.listen(_WAITING)
        self._selector.register(self._listener, EVENT_READ, self._accept)
        self._selector.register(waking, EVENT_READ, None)

    def stop(self) -> None:
        """Have ``watch`` return when what was copied is written."""
        self._waker.close()

    def watch(self) -> None:
        """Hold and release processes until told to stop."""
        try:
            while self._turn():
                pass
            while self._copies and not self.abandoned:
                self._write()
        finally:  # nobody waits for us
            for key in list(self._selector.get_map().values()):
                if isinstance(key.fileobj, socket.socket):
                    key.fileobj.close()

    def _turn(self) -> bool:
        """Do what there is to do; return False when it is over."""
        ready = self._selector.select(0 if self._copies else None)
        for key, _ in ready:
            if key.data is None:
                return False
            key.data(key.fileobj)
        if not ready:  # nobody is held meanwhile
            self._write()
        return True

    def _accept(self, listener: socket.socket) -> None:
        try:
            connection, _ = listener.accept()
        except BlockingIOError:
            return  # it has ended meanwhile
        except OSError:  # too many files are open: who was not heard is not to wait for us
            self._selector.unregister(listener)
            listener.close()
            return
        self._selector.register(connection, EVENT_READ, self._hear)

    def _hear(self, connection: socket.socket) -> None:
        """Take a process's name."""
        try:
            words = connection.recv(_HELLO.size)
        except ConnectionError:
            words = b""
        name, address = _HELLO.unpack(words) if len(words) == _HELLO.size else (b"", 0)
        name = name.rstrip(b"\0")
        if _NAME.fullmatch(name) and (self._raw / f"{name.decode()}.started").exists():
            self._selector.modify(
                connection, EVENT_READ, lambda _: self._held(connection, name.decode(), address)
            )
        else:
            self._forget(connection)

    def _held(self, connection: socket.socket, name: str, address: int) -> None:
        """Take what a process knows that has begun to tell where it is, or let go of it."""
        if not self._said(connection, socket.MSG_PEEK):
            return  # it has ended otherwise
        if not self._is_written(name):
            credentials = connection.getsockopt(
                socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size
            )
            pid, _, _ = _CREDENTIALS.unpack(credentials)
            self._take(connection, pid, name, address)
        self._selector.modify(connection, EVENT_READ, self._said)

    def _is_written(self, name: str) -> bool:
        return any((self._raw / f"{name}.{suffix}").exists() for suffix in ("raw", "failed"))

    def _copy(self, _connection: socket.socket, pid: int, name: str, address: int) -> None:
        """Copy its memory."""
        copy = self._raw / f"{name}.memory"
        try:
            copy_memory(pid, copy)
        except OSError:
            copy.unlink(missing_ok=True)  # not ours to look at, or it was killed
        else:
            self._copies.append((name, address))

    def _urge(self, connection: socket.socket, pid: int, name: str, _address: int) -> None:
        """Let it go on, to write what it knows and end by itself.

        A signal that came just before it blocked, it did not see: another one wakes it. Where it
        is in C for longer, it ends without.
        """
        begun = asked = time.monotonic()
        again = _AGAIN
        connection.settimeout(_TICK)
        with suppress(ConnectionError, ProcessLookupError):
            while not self._is_written(name):
                with suppress(TimeoutError):
                    if not connection.recv(_CHUNK):
                        break  # it has ended
                now = time.monotonic()
                writing = (self._raw / f"{name}.writing").exists()
                if now - begun > (_ENDS if writing else _BEGINS):
                    os.kill(pid, signal.SIGKILL)
                    break
                if now - asked > again and not writing:
                    asked, again = now, 2 * again
                    os.kill(pid, signal.SIGURG)
        connection.settimeout(None)

    def _said(self, connection: socket.socket, flags: int = 0) -> bool:
        """Read on; return False where there will be no more."""
        try:
            if connection.recv(_CHUNK, flags):
                return True
        except ConnectionError:
            pass
        self._forget(connection)
        return False

    def _forget(self, connection: socket.socket) -> None:
        self._selector.unregister(connection)
        connection.close()

    def _write(self) -> None:
        """Have the state found in the copy that was made last."""
        self._control.recover(self._python, *self._copies.pop())


def copy_memory(pid: int, target: Path) -> None:
    """Write what a process has in memory of its own: pieces, then their table.

    The table is the address and the length of each piece in turn, and then their number.
    Raises OSError where nothing can be read, or is too much.
    """
    folder = Path("/proc") / str(pid)
    with (folder / "mem").open("rb", buffering=0) as memory, target.open("wb") as file:
        pieces = list(_pieces(folder))
        if sum(size for _, size in pieces) > _MOST:
            raise OSError(errno.EFBIG, os.strerror(errno.EFBIG), str(target))
        # What cannot be read, guards a stack, or another thread has just given it back.
        table = [piece for piece in pieces if _copied(memory, *piece, file)]
        for address, size in table:
            file.write(_WORD.pack(address) + _WORD.pack(size))
        file.write(_WORD.pack(len(table)))


def _copied(memory: FileIO, address: int, size: int, file: BinaryIO) -> bool:
    """Append a piece of memory to the file, or nothing where it cannot be read."""
    begin = file.tell()
    for start in range(0, size, _CHUNK):
        wanted = min(_CHUNK, size - start)
        try:
            data = os.pread(memory.fileno(), wanted, address + start)
        except OSError:
            data = b""
        if len(data) < wanted:
            file.seek(begin)
            file.truncate()
            return False
        file.write(data)
    return True


def _pieces(folder: Path) -> Iterator[tuple[int, int]]:
    """Yield address and length of what is in use of each private and writable mapping."""
    with (folder / "pagemap").open("rb", buffering=0) as pagemap:
        for line in (folder / "maps").read_text(encoding="utf-8", errors="replace").splitlines():
            where, rights, *_ = line.split(maxsplit=2)
            if rights.startswith("rw") and rights.endswith("p"):
                start, end = (int(number, 16) for number in where.split("-"))
                if end - start <= _RESERVED:
                    yield from _in_use(pagemap, start, end)


def _in_use(pagemap: FileIO, start: int, end: int) -> Iterator[tuple[int, int]]:
    page = os.sysconf("SC_PAGE_SIZE")
    while start < end:
        size = min((end - start) // page * _WORD.size, _CHUNK)
        data = os.pread(pagemap.fileno(), size, start // page * _WORD.size)
        if not data:
            return  # it has ended
        # Most of a large mapping is of one kind.
        alike = data == data[: _WORD.size] * (len(data) // _WORD.size)
        pages = array("Q", data[: _WORD.size] if alike else data)
        for used, run in groupby(pages, key=lambda entry: bool(entry & _IN_USE)):
            length = (len(data) // _WORD.size if alike else sum(1 for _ in run)) * page
            if used:
                yield start, length
            start += length

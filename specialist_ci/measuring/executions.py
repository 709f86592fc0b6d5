"""Counts how often an interpreter is executed below a command, where the system tells.

By the events of Linux's perf (include/uapi/linux/perf_event.h): the kernel notes each exec of our
descendants and what it maps, whoever started them and with whatever flags. Nothing is sampled, no
process is stopped or looked at, and none of them can see it.
"""

import ctypes
import mmap
import os
import platform
import struct
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

_PERF_EVENT_OPEN = {"x86_64": 298, "aarch64": 241}  # the system call
_CLOSE_ON_EXEC = 8
# struct perf_event_attr: an event that counts nothing, but has the kernel write records of
# what else happens: of new names (exec) and of executable mappings, in all descendants.
_SOFTWARE, _DUMMY = 1, 9
_FLAGS = sum(1 << bit for bit in (1, 5, 6, 8, 9, 24))  # inherit, exclude_kernel, exclude_hv,
_ATTR = struct.Struct("=IIQQQQQIIQQ")  # mmap, comm, comm_exec
_MMAP, _COMM, _BY_EXEC = 1, 3, 1 << 13
_HEADER, _PID = struct.Struct("=IHH"), struct.Struct("=I")
_NAME_IN_MMAP = 8 + 8 + 24
_HEAD, _TAIL = 1024, 1032  # in the page before the records, struct perf_event_mmap_page
_PAGES = 32  # of records, which are read ten times a second


class Executions:
    """How often an interpreter was executed, by process id; none where nobody tells."""

    def __init__(self, python: Path) -> None:
        """Take the interpreter, and watch nothing yet."""
        self._program = os.fsencode(os.path.realpath(python))
        self._buffers: list[mmap.mmap] = []
        self._execs: Counter[int] = Counter()
        self._mapped: Counter[int] = Counter()

    def open(self, held: ExitStack) -> None:
        """Watch what this thread will start, until the stack unwinds. Raises OSError."""
        number = _PERF_EVENT_OPEN.get(platform.machine())
        if sys.platform != "linux" or number is None:
            raise OSError
        system = ctypes.CDLL(None, use_errno=True)
        attr = _ATTR.pack(_SOFTWARE, _ATTR.size, _DUMMY, 0, 0, 0, _FLAGS, 0, 0, 0, 0)
        for cpu in range(os.cpu_count() or 1):  # descendants share no buffer of several
            event = system.syscall(number, attr, 0, cpu, -1, _CLOSE_ON_EXEC)
            if event < 0:
                raise OSError(ctypes.get_errno(), "perf_event_open")
            held.callback(os.close, event)
            buffer = mmap.mmap(event, (1 + _PAGES) * mmap.PAGESIZE)
            held.callback(buffer.close)
            self._buffers.append(buffer)

    def read(self) -> None:
        """Take over what the kernel has written; it drops what it has no room for."""
        for buffer in self._buffers:
            (head,) = struct.unpack_from("=Q", buffer, _HEAD)
            (tail,) = struct.unpack_from("=Q", buffer, _TAIL)
            if head == tail:
                continue
            records = buffer[mmap.PAGESIZE :]  # a ring
            begin = tail % len(records)
            self._count((records + records)[begin : begin + head - tail])
            struct.pack_into("=Q", buffer, _TAIL, head)

    def _count(self, records: bytes) -> None:
        offset = 0
        while offset < len(records):
            kind, misc, size = _HEADER.unpack_from(records, offset)
            (pid,) = _PID.unpack_from(records, offset + _HEADER.size)
            if kind == _COMM and misc & _BY_EXEC:
                self._execs[pid] += 1
            elif kind == _MMAP:
                name = records[offset + _NAME_IN_MMAP : offset + size].partition(b"\0")[0]
                self._mapped[pid] += name == self._program
            offset += size

    def found(self) -> Counter[int]:
        """Return how often each process became the interpreter, at least."""
        # An executable may be mapped in several parts, and the exec itself comes first.
        return self._execs & self._mapped


@contextmanager
def watching(python: Path) -> Iterator[Executions]:
    """Count the executions of an interpreter by what this thread starts in the block.

    Where the system does not let us (another one than Linux, ``kernel.perf_event_paranoid``
    above 2, a container that forbids it), none are found.
    """
    executions = Executions(python)
    with ExitStack() as held:
        try:
            executions.open(held)
        except (OSError, ValueError):
            held.close()
            executions = Executions(python)
        yield executions
        executions.read()

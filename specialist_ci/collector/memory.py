"""Finds the state of a process in a copy of its memory: python memory.py CONTROL NAME ADDRESS.

Runs beside decode.py, in the measured interpreter, and writes the raw dump that the process would
have written. Where things are in an object is learned from objects of this process, by looking
for what is known to be in them, so that no version's or build's layout is written down here.
"""

import mmap
import opcode
import os
import sys
from bisect import bisect_right

from _specialist_ci_recorder import END, dump
from counters import CACHES, NAMES

# Only for type checkers: importing typing takes longer than reading a small copy.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

_OPCODES: "Any" = opcode  # its tables differ from version to version
_WORD = 8  # bytes of an address, and of a length: other systems find nothing here
_MANY = 12_347  # a length that no other number in an object equals


class UnreadableError(Exception):
    """There is something else in memory than what we took it for."""


def _own(value: object) -> bytes:
    """Return what is in memory of an object of this process."""
    with open("/proc/self/mem", "rb", buffering=0) as memory:
        return os.pread(memory.fileno(), value.__sizeof__(), id(value))


def _word(number: int) -> bytes:
    return number.to_bytes(_WORD, sys.byteorder)


def _words(data: bytes) -> "list[int]":
    return [
        int.from_bytes(data[start : start + _WORD], sys.byteorder)
        for start in range(0, len(data), _WORD)
    ]


def _place(value: object, known: bytes) -> int:
    """Return where in an object something is."""
    return _own(value).index(known)


_TYPE = _place((), _word(id(tuple)))
_SIZE = _place(bytes(_MANY), _word(_MANY))
_BYTES = _place(b"some text", b"some text")
_TUPLE = _place((_BYTES, _SIZE), _word(id(_BYTES)) + _word(id(_SIZE)))
_LIST = _SIZE + _WORD  # the address of its items

_LENGTH = _place("a" * _MANY, _word(_MANY))
_KINDS = _LENGTH + 2 * _WORD  # of a text's characters: behind its length and its hash
_SAMPLES = {  # a text of each kind, and how it is encoded in memory
    "utf-8": "at some place",
    "latin-1": "\xe0t some place",
    "utf-16": "\u0101t some place",
    "utf-32": "\U0001f40dt some place",
}
# Include/cpython/unicodeobject.h: three bits, then whether all is in one block, then ASCII.
_WIDTHS = (1, 1, 2, 4)
_WIDTH, _ASCII = 7, 16


def _texts() -> "tuple[int, dict[int, tuple[int, int, str]]]":
    """Return what tells the kinds of texts apart, and where they have their characters.

    A mask of bits, and by what is in them: the place, the bytes a character, the encoding.
    """
    states = [_state(_own(text)[_KINDS:]) for text in _SAMPLES.values()]
    shift = next(
        shift
        for shift in range(32)
        if tuple(state >> shift & _WIDTH for state in states) == _WIDTHS
    )
    mask = (_WIDTH | _ASCII) << shift
    order = "-le" if sys.byteorder == "little" else "-be"
    kinds = {}
    for (encoding, text), state, width in zip(_SAMPLES.items(), states, _WIDTHS, strict=True):
        name = encoding + order if width > 1 else encoding
        kinds[state & mask] = (_place(text, text.encode(name)), width, name)
    return mask, kinds


def _state(data: bytes) -> int:
    return int.from_bytes(data[:4], sys.byteorder)


def _code_places() -> "dict[str, int]":
    # A name of its own, and one that is none of what else it refers to.
    code = _texts.__code__.replace(co_firstlineno=_MANY, co_qualname="in.%s" % __name__)
    names = ("co_consts", "co_names", "co_linetable", "co_qualname")
    places = {name: _place(code, _word(id(getattr(code, name)))) for name in names}
    places["line"] = _place(code, _MANY.to_bytes(4, sys.byteorder))
    places["bytecode"] = _place(code, code._co_code_adaptive)  # type: ignore[attr-defined] # not public
    return places


class _Memory:
    """A copy of a process's memory, and how to read objects in it."""

    def __init__(self, data: "mmap.mmap") -> None:
        self._data = data
        self._starts: list[int] = []  # of the pieces, in order; those without a gap are one
        self._sizes: list[int] = []
        self._offsets: list[int] = []
        offset = 0
        for start, size in self._table():
            if self._starts and start == self._starts[-1] + self._sizes[-1]:
                self._sizes[-1] += size
            else:
                self._starts.append(start)
                self._sizes.append(size)
                self._offsets.append(offset)
            offset += size
        self._mask, self._kinds = _texts()
        self._code = _code_places()

    def _table(self) -> "list[tuple[int, int]]":
        """Return where each piece was, and how long it is; its end is the file's."""
        last = len(self._data) - _WORD
        (count,) = _words(self._data[last:])
        numbers = _words(self._data[last - 2 * _WORD * count : last])
        return list(zip(numbers[::2], numbers[1::2], strict=True))

    def read(self, address: int, size: int) -> bytes:
        """Return what was at an address."""
        piece = bisect_right(self._starts, address) - 1
        offset = address - self._starts[piece]
        if piece < 0 or offset + size > self._sizes[piece]:
            raise UnreadableError
        begin = self._offsets[piece] + offset
        return self._data[begin : begin + size]

    def word(self, address: int) -> int:
        """Return the address or length at an address."""
        return int.from_bytes(self.read(address, _WORD), sys.byteorder)

    def _items(self, address: int, size: int) -> "list[int]":
        return _words(self.read(address, size * _WORD))

    def type_of(self, address: int) -> int:
        """Return the address of an object's type."""
        return self.word(address + _TYPE)

    def tuple_at(self, address: int) -> "list[int]":
        """Return the addresses of a tuple's items."""
        return self._items(address + _TUPLE, self.word(address + _SIZE))

    def list_at(self, address: int) -> "list[int]":
        """Return the addresses of a list's items."""
        size = self.word(address + _SIZE)
        return self._items(self.word(address + _LIST), size) if size else []

    def bytes_at(self, address: int) -> bytes:
        """Return a bytes object."""
        return self.read(address + _BYTES, self.word(address + _SIZE))

    def text_at(self, address: int) -> str:
        """Return a text."""
        kind = _state(self.read(address + _KINDS, 4)) & self._mask
        if kind not in self._kinds:
            raise UnreadableError
        place, width, encoding = self._kinds[kind]
        data = self.read(address + place, self.word(address + _LENGTH) * width)
        return data.decode(encoding, "surrogatepass")

    def in_code(self, address: int, name: str) -> int:
        """Return the address of what a code object refers to."""
        return self.word(address + self._code[name])

    def line_of(self, address: int) -> int:
        """Return a code object's first line."""
        return int.from_bytes(self.read(address + self._code["line"], 4), sys.byteorder)

    def bytecode_of(self, address: int) -> bytes:
        """Return a code object's live bytecode."""
        return self.read(address + self._code["bytecode"], 2 * self.word(address + _SIZE))


class _Process:
    """What a process kept for us: see the recorder's ``kept``."""

    def __init__(self, memory: _Memory, kept: int) -> None:
        self._memory = memory
        version, encoding, code, tracers, *lists = memory.tuple_at(kept)
        self._noted, self._codes, self._moments = lists
        self._types = {
            "tuple": memory.type_of(kept),
            "text": memory.type_of(version),
            "code": memory.type_of(code),
            "bytes": memory.type_of(memory.in_code(code, "co_linetable")),
            "list": memory.type_of(tracers),
        }
        self.version = self._get("text", version)
        self.encoding = self._get("text", encoding)
        self.tracers = [self._get("text", tracer) for tracer in self._get("list", tracers)]

    def _get(self, kind: str, address: int) -> "Any":
        """Return an object of a type, or the addresses of its items; it is of no other."""
        if self._memory.type_of(address) != self._types[kind]:
            raise UnreadableError
        reader: Callable[[int], Any] = getattr(self._memory, kind + "_at")
        return reader(address)

    def records(self) -> "Iterator[tuple[Any, ...]]":
        """Yield the records of a dump."""
        earlier = dict(
            zip(self._get("list", self._codes), self._get("list", self._moments), strict=False)
        )
        pending = [self._get("tuple", pair) for pair in reversed(self._get("list", self._noted))]
        seen = set()
        while pending:
            path, code = pending.pop()
            if code in seen:
                continue
            seen.add(code)
            constants = self._get("tuple", self._memory.in_code(code, "co_consts"))
            nested = [item for item in constants if self._is_code(item)]
            pending.extend((path, item) for item in nested)
            yield self._record(path, code, earlier.get(code))

    def _is_code(self, address: int) -> bool:
        try:
            return self._memory.type_of(address) == self._types["code"]
        except UnreadableError:
            return False  # not of the memory that a process writes to, as a code object is

    def _record(self, path: int, code: int, moments: "int | None") -> "tuple[Any, ...]":
        if not self._is_code(code):
            raise UnreadableError
        memory = self._memory
        bytecode = memory.bytecode_of(code)
        names = self._get("tuple", memory.in_code(code, "co_names"))
        earlier = () if moments is None else self._get("list", moments)
        return (
            self._get("text", path),
            self._get("text", memory.in_code(code, "co_qualname")),
            memory.line_of(code),
            bytecode,
            _generic(bytecode),
            self._get("bytes", memory.in_code(code, "co_linetable")),
            tuple(self._get("text", name) for name in names),
            tuple(self._get("bytes", moment) for moment in earlier),
        )


_NUMBERS = {name: number for number, name in NAMES.items()}
_GENERIC = {
    _NUMBERS[form]: opcode.opmap[name]
    for name, forms in _OPCODES._specializations.items()
    for form in forms
    if form in _NUMBERS
}
# What a tracer or the JIT put over another instruction, which is elsewhere in memory.
_COVERING = ("INSTRUMENTED_", "ENTER_EXECUTOR", "<")


def _generic(bytecode: bytes) -> bytes:
    """Return the bytecode as the compiler made it, as ``co_code`` has it."""
    generic = bytearray(len(bytecode))
    offset = 0
    while offset < len(bytecode):
        number = _GENERIC.get(bytecode[offset], bytecode[offset])
        name = NAMES.get(number, "<")
        if name.startswith(_COVERING):
            raise UnreadableError
        generic[offset : offset + 2] = number, bytecode[offset + 1]
        offset += 2 + 2 * CACHES.get(name, 0)
    return bytes(generic)


def main(control: str, name: str, address: str) -> None:
    """Write the raw dump of a process, unless its memory is not what it should be."""
    raw = os.path.join(control, "raw", name)
    with open(raw + ".memory", "rb") as file:
        data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        process = _Process(_Memory(data), int(address))
        header = {
            "version": process.version,
            "encoding": process.encoding,
            "tracers": sorted(process.tracers),
            "jit": False,
            "modules": [],
        }
        records = list(process.records()) if process.version == sys.version else []
    with open(raw + ".writing", "wb") as target:
        dump(header, target)
        for record in records:
            dump(record, target)
        target.write(END)
        dump(None, target)
    os.rename(raw + ".writing", raw + ".raw")

"""Turns the raw dumps of a control directory into JSON, a line each: python decode.py CONTROL.

Runs in the measured interpreter, since only that one knows its own opcodes. A line holds some
code objects, and what was read of their sites, once where sites read alike; the last line what
is known of the process. ``specialist_ci.formats.dump`` reads them.
"""

import gc
import marshal
import opcode
import os
import sys
from itertools import compress

from counters import (
    COLD,
    SITES,
    SIZES,
    SPECIALIZED,
    TELLING,
    VERSION,
    counter_of,
    decides_call_311,
    is_quickened,
    never_reached,
    read,
    read_recorded,
    read_traced,
    sharpen,
)
from places import portable, read_places

try:
    from _json import encode_basestring_ascii as quoted  # to import json takes longer than a dump
except ImportError:  # an accelerator, which a build may lack
    from json.encoder import encode_basestring_ascii as quoted

# Only for type checkers: importing typing takes longer than decoding a small dump.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence
    from typing import Any, BinaryIO

    from _specialist_ci_traces import MicroOp
    from counters import Reading
    from places import Places

    Record = tuple[str, str, int, bytes, bytes, bytes, tuple[str, ...], tuple[bytes, ...]]
    """Path, qualified name, first line, live and generic bytecode, line table, names, and what
    the live bytecode was at earlier moments."""

# Names that newer versions gave up, under the name that does the same work now.
_FAMILIES = {"BINARY_SUBSCR": "BINARY_OP", "LOAD_METHOD": "LOAD_ATTR", "PRECALL": "CALL"}

_OPCODES: "Any" = opcode  # its tables differ from version to version
_IS_SITE = bytes(number in SITES for number in range(256))
_IS_FORM = bytes(number in SPECIALIZED for number in range(256))
_EXTENDED_ARG = opcode.opmap["EXTENDED_ARG"]
# Where the argument is an index into the names, how many lower bits say something else, as
# that a NULL or self is asked for below the value.
_NAME_SHIFTS = {
    opcode.opmap[name]: shift
    for name, shift in {
        "LOAD_ATTR": 1 if VERSION >= (3, 12) else 0,
        "LOAD_GLOBAL": 1,
        "LOAD_METHOD": 0,
        "LOAD_SUPER_ATTR": 2,
        "STORE_ATTR": 0,
    }.items()
    if name in opcode.opmap
}
_COMPARE_SHIFT = 5 if VERSION >= (3, 13) else 4 if VERSION == (3, 12) else 0
_SUBSCRIPT = "[]"

_PART = 10_000  # sites of a line: so that a large program takes no more memory than a small one


def _symbol(raw: str, argument: int) -> str:
    """Return what dis would print for an argument that is no name, or an empty string."""
    if raw == "BINARY_OP":
        symbol: str = _OPCODES._nb_ops[argument][1]
        return symbol
    if raw == "COMPARE_OP":
        return opcode.cmp_op[argument >> _COMPARE_SHIFT]
    if raw == "CONTAINS_OP":
        return "not in" if argument else "in"
    if raw == "BINARY_SUBSCR":
        return _SUBSCRIPT
    return ""


def _argument(canonical: bytes, offset: int) -> int:
    argument, shift = canonical[offset + 1], 8
    while offset and canonical[offset - 2] == _EXTENDED_ARG:
        offset -= 2
        argument |= canonical[offset + 1] << shift
        shift += 8
    return argument


def _positions(
    line: int, table: bytes, size: int
) -> "Iterable[tuple[int | None, int | None, int | None, int | None]]":
    """Return (line, end line, column, end column) per code unit, as co_positions() does."""
    filler = bytes([opcode.opmap["NOP"], 0]) * (size // 2)
    code = _positions.__code__.replace(
        co_code=filler, co_linetable=table, co_firstlineno=line, co_exceptiontable=b""
    )
    return code.co_positions()


def _since_specialized(earlier: "Sequence[bytes]", adaptive: bytes) -> "Sequence[bytes]":
    """Return the moments since a first site was specialized; none where nothing changed then."""
    for number, moment in enumerate(earlier):
        if 1 in moment[::2].translate(_IS_FORM):
            moments = (*earlier[number:], adaptive)
            return moments if moments.count(adaptive) < len(moments) else ()
    return ()


def _stayed(moments: "Sequence[bytes]", offset: int, size: int) -> bool:
    """Return whether a site has not changed since it was first specialized."""
    end = offset + size
    found = [moment[offset:end] for moment in moments]
    for number, site in enumerate(found):
        if site[0] in SPECIALIZED:
            return found.count(site) == len(found) - number
    return True


class _Code:
    """Reads the sites of one code object, one after the other."""

    def __init__(self, record: "Record", covered: "Collection[int]", *, jit: bool) -> None:
        """Take the offsets that the JIT's traces hold, and whether there could be any."""
        self.adaptive, self.canonical = record[3:5]
        self.earlier = record[7]
        self.covered = covered
        self.jit = jit
        self.quickened = is_quickened(self.adaptive)
        self._never: frozenset[int] | None = None  # worked out when it is first needed
        self._precall: tuple[Reading, int] | None = None

    def look(self, offset: int) -> "tuple[str, Reading, int, bool] | None":
        """Return a site's family under its own name, and its reading.

        And how often earlier readings show it specialized anew, and whether a trace holds it.
        None for the first half of what is one site.
        """
        raw = SITES[self.canonical[offset]]
        reading, anew = self._read(raw, offset) if self.quickened else (COLD, 0)
        if raw == "PRECALL":
            self._precall = reading, anew
            return None
        if raw == "CALL" and self._precall is not None:
            precall, before = self._precall
            self._precall = None
            anew = max(before, anew)
            if decides_call_311(precall, reading):
                raw, reading = "PRECALL", precall
        if offset in self.covered:
            return raw, read_traced(reading), anew, True
        return raw, reading, anew, False

    def _read(self, raw: str, offset: int) -> "tuple[Reading, int]":
        counter = counter_of(self.adaptive, offset)
        reading = read(raw, self.adaptive[offset], counter)
        if reading[0] == "hidden" and self._is_never_reached(offset):
            reading = COLD
        if self.jit and counter == 0 and VERSION >= (3, 15):
            reading = read_recorded(reading)
        if not self.earlier:
            return reading, 0
        sharpened: tuple[Reading, int] = sharpen(
            reading, raw, offset, (*self.earlier, self.adaptive)
        )
        return sharpened

    def _is_never_reached(self, offset: int) -> bool:
        if self._never is None:
            self._never = never_reached(self.canonical, self.adaptive)
        return offset in self._never


class _Part:
    """The code objects that make up one line of a decoded dump."""

    def __init__(self, *, jit: bool) -> None:
        self._jit = jit
        self._codes: list[str] = []
        # Family under its own name, argument, reading, how often anew, traced: and a number.
        self._numbers: dict[tuple[str, str, Reading, int, bool], int] = {}
        self._seen: list[int] = []  # the number of each site
        # The number of most sites can be told by a few bytes.
        self._known: dict[tuple[int, str | int, int, int, int], int] = {}

    def add(self, path: str, record: "Record", covered: "Collection[int]" = ()) -> None:
        """Take in a code object of a measured file, with the offsets that traces hold of it."""
        # There is nothing else in it than integers.
        text = str(self._rows(record, covered)).replace("None", "null")
        self._codes.append(
            '{"path":%s,"qualname":%s,"line":%d,"sites":%s}'
            % (quoted(portable(path)), quoted(portable(record[1])), record[2], text)
        )

    def _rows(self, record: "Record", covered: "Collection[int]") -> "list[list[int | None]]":
        """Return the place of each site (see DumpedCode) and the number of its reading."""
        _path, _qualname, line, adaptive, canonical, table, names, earlier = record
        # Caches need no skipping: the generic bytecode has zeros there, no opcode of a site.
        are_sites = canonical[::2].translate(_IS_SITE)
        if 1 not in are_sites:
            return []
        code = _Code(record, covered, jit=self._jit)
        alike = code.quickened and not covered
        moments = _since_specialized(earlier, adaptive)
        known = self._known
        places = zip(
            range(0, len(canonical), 2), _positions(line, table, len(canonical)), strict=False
        )
        rows: list[list[int | None]] = []
        for offset, (first, last, column, end_column) in compress(places, are_sites):
            number = canonical[offset]
            argument = canonical[offset + 1]
            if offset and canonical[offset - 2] == _EXTENDED_ARG:
                argument = _argument(canonical, offset)
            shift = _NAME_SHIFTS.get(number)
            word = argument if shift is None else names[argument >> shift]
            seen = (number, word, adaptive[offset], adaptive[offset + 2], adaptive[offset + 3])
            ordinary = alike and (not moments or _stayed(moments, offset, SIZES[number]))
            found = known.get(seen) if ordinary else None
            if found is None:
                looked = code.look(offset)
                if looked is None:
                    continue
                raw, reading, anew, held = looked
                argrepr = word if isinstance(word, str) else _symbol(SITES[number], word)
                found = self._number(raw, argrepr, reading, anew, held)
                if ordinary and adaptive[offset] in TELLING:
                    known[seen] = found
            if first is not None:  # else made by the compiler, at no place in the source
                rows.append([first, offset, column, last, end_column, found])
                self._seen.append(found)
        return rows

    def _number(self, *reading: "Any") -> int:
        numbers = self._numbers
        return numbers.setdefault(reading, len(numbers))

    @property
    def size(self) -> int:
        """How many sites there are."""
        return len(self._seen)

    def text(self) -> str:
        """Return the line, without its end."""
        readings = ",".join(map(_reading_text, self._numbers))
        return '{"readings":[%s],"codes":[%s]}' % (readings, ",".join(self._codes))

    def count(self, totals: "dict[tuple[str, Reading], int]") -> None:
        """Add how many sites read what to the totals, by family under its own name."""
        counts = [0] * len(self._numbers)
        for number in self._seen:
            counts[number] += 1
        for (raw, _argrepr, reading, _anew, _traced), count in zip(
            self._numbers, counts, strict=True
        ):
            totals[raw, reading] = totals.get((raw, reading), 0) + count


def _reading_text(found: "tuple[str, str, Reading, int, bool]") -> str:
    """Return what specialist_ci.formats.dump calls a Reading."""
    raw, argrepr, (state, form, misses, failed, executions), anew, traced = found
    return '["%s",%s,"%s",%s,%d,%d,%s,%d,%s]' % (
        _FAMILIES.get(raw, raw),
        quoted(argrepr),
        state,
        "null" if form is None else quoted(form),
        misses,
        failed,
        "null" if executions is None else executions,
        anew,
        "true" if traced else "false",
    )


def _pystats(totals: "dict[tuple[str, Reading], int]") -> dict[str, int]:
    """Return what the caches tell under the keys that pystats prints.

    All are lower bounds: a cache holds no hits, and misses only since the last success.
    Each execution of a failing site is deferred, those that tried and failed too: they
    start over with the new counter.
    """
    counts: dict[str, int] = {}
    for (raw, (state, _form, misses, failed, executions)), sites in totals.items():
        for name, times in (
            ("success", state == "specialized"),
            ("failure", failed),
            ("miss", misses),
            ("deferred", executions or 0),
        ):
            if sites * times:
                key = "opcode[%s].specialization.%s" % (raw, name)
                counts[key] = counts.get(key, 0) + sites * times
    return counts


def _traced(
    addresses: tuple[int, ...], executors: "tuple[tuple[MicroOp, ...], ...]"
) -> dict[int, set[int]]:
    """Return the offsets that the JIT's traces hold, by number of the code record."""
    from _specialist_ci_traces import covered

    found: dict[int, set[int]] = covered(
        executors, {address: number for number, address in enumerate(addresses)}
    )
    return found


def _ran_hot(record: "Record") -> bool:
    """Return whether any site of a code object was tried."""
    code = _Code(record, (), jit=False)
    are_sites = code.canonical[::2].translate(_IS_SITE)
    found = map(code.look, compress(range(0, len(code.canonical), 2), are_sites))
    return any(looked is not None and looked[1][0] != "cold" for looked in found)


class ForeignError(Exception):
    """The dump is another interpreter's."""


def _size(file: "BinaryIO") -> int:
    """Return the length of the next object of a raw dump: zero where there is none."""
    return int.from_bytes(file.read(4), "little")


def _load(file: "BinaryIO") -> "Any":
    """Return the next object of a raw dump; raise EOFError where it was cut short."""
    return marshal.loads(file.read(_size(file)))


def _records(file: "BinaryIO") -> "Iterator[Record]":
    """Yield the code records of a raw dump."""
    while size := _size(file):
        yield marshal.loads(file.read(size))


def _skip_records(file: "BinaryIO") -> None:
    while size := _size(file):
        file.seek(size, os.SEEK_CUR)


def decode(dump: str, places: "Places") -> "Iterator[str]":
    """Yield the lines of one decoded dump.

    Raises EOFError where the raw one was cut short.
    """
    with open(dump, "rb") as raw:
        header = _load(raw)
        if header["version"] != sys.version:
            raise ForeignError
        traced: dict[int, set[int]] = {}
        if header["jit"]:
            start = raw.tell()
            _skip_records(raw)
            traced = _traced(*_load(raw))
            raw.seek(start)
        native = places.native(header["encoding"])
        modules = {name: native(path) for name, path in header["modules"]}
        generated = set()
        totals: dict[tuple[str, Reading], int] = {}
        part = _Part(jit=header["jit"])
        for index, record in enumerate(_records(raw)):
            named = native(record[0])
            path = places.source(named)
            if path is None:
                owner = places.generated_for(named, modules)
                if owner is not None and _ran_hot(record):
                    generated.add((portable(owner), portable(record[1]), record[2]))
                continue
            part.add(path, record, traced.get(index, ()))
            if part.size >= _PART:
                yield part.text()
                part.count(totals)
                part = _Part(jit=header["jit"])
        _load(raw)  # what is behind the records, or it was cut short
        yield part.text()
        part.count(totals)
    yield '{"tracers":%s,"pystats":{%s},"elsewhere":%s,"generated":%s}' % (
        _array(quoted(portable(tracer)) for tracer in header["tracers"]),
        ",".join("%s:%d" % (quoted(key), count) for key, count in _pystats(totals).items()),
        _array(_array(map(quoted, pair)) for pair in places.elsewhere(modules)),
        _array(
            _array([quoted(path), quoted(name), str(line)])
            for path, name, line in sorted(generated)
        ),
    )


def _array(texts: "Iterable[str]") -> str:
    return "[%s]" % ",".join(texts)


def main(control: str) -> None:
    """Decode every raw dump; those that cannot be are renamed to say why."""
    gc.disable()  # nothing here is garbage, and then this process ends
    places = read_places(control)
    raw = os.path.join(control, "raw")
    for name in sorted(os.listdir(raw)):
        if name.endswith(".raw"):
            path = os.path.join(raw, name)
            target = os.path.join(control, "dumps", name.removesuffix(".raw"))
            try:
                with open(target + ".writing", "w", encoding="ascii") as file:
                    file.writelines(line + "\n" for line in decode(path, places))
            except ForeignError:
                os.rename(path, path.removesuffix("raw") + "foreign")
            except (EOFError, ValueError, TypeError):
                os.rename(path, path.removesuffix("raw") + "cut")
            else:
                os.rename(target + ".writing", target + ".jsonl")


if __name__ == "__main__":
    main(sys.argv[1])

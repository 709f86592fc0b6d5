"""Turns the raw dumps of a control directory into JSON: python decode.py CONTROL.

Runs in the measured interpreter, since only that one knows its own opcodes. How each
counter is read follows Include/internal/pycore_backoff.h (3.13 and later) and
pycore_code.h (3.11, 3.12) of the interpreter's own source.
"""

import gc
import json
import marshal
import opcode
import os
import sys

# Only for type checkers: importing typing takes longer than decoding a small dump.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any, BinaryIO

Reading = tuple[str, str | None, int, int, int | None]
"""State, form, misses, failed attempts, and at least how many executions."""
Record = tuple[str, str, int, bytes, bytes, bytes, tuple[str, ...]]
"""Path, qualified name, first line, live and generic bytecode, line table, names."""

VERSION = sys.version_info[:2]

# Opcodes with forms or caches that are not specialization: quickening, superinstructions,
# branch history, the JIT's entry points, constants that need no reference count.
_NOT_SPECIALIZATION = frozenset(
    {
        "EXTENDED_ARG",
        "JUMP_BACKWARD",
        "LOAD_CONST",
        "LOAD_FAST",
        "RESUME",
        "STORE_FAST",
    }
)
# Names that newer versions gave up, under the name that does the same work now.
_FAMILIES = {"BINARY_SUBSCR": "BINARY_OP", "LOAD_METHOD": "LOAD_ATTR", "PRECALL": "CALL"}

_OPCODES: "Any" = opcode  # its tables differ from version to version
_FORMS: dict[str, str] = {
    form: family
    for family, forms in _OPCODES._specializations.items()
    if family not in _NOT_SPECIALIZATION
    for form in forms
}
_SITES = frozenset(_FORMS.values())
_NAMES: dict[int, str]
_CACHES: dict[str, int]

if VERSION >= (3, 13):
    _NAMES = {number: name for name, number in opcode.opmap.items()}
    _NAMES.update({number: name for name, number in _OPCODES._specialized_opmap.items()})
    _CACHES = {name: sum(entries.values()) for name, entries in _OPCODES._cache_format.items()}
else:
    import dis

    _DIS: "Any" = dis
    _NAMES = dict(enumerate(_DIS._all_opname))
    _CACHES = {
        opcode.opname[number]: entries
        for number, entries in enumerate(_OPCODES._inline_cache_entries)
        if entries
    }

_BACKOFF_BITS = 3 if VERSION >= (3, 15) else 4
_COMPARE_SHIFT = 5 if VERSION >= (3, 13) else 4 if VERSION == (3, 12) else 0
_SUBSCRIPT = "[]"

# 3.15 (pycore_backoff.h): the execution at which the k-th attempt fails, and the value
# the counter starts from after it.
_ATTEMPTS_AT = (0, 2, 8, 38, 164, 672, 2724)
_LAST_BACKOFF_315 = 6
_WAITS = (1, 6, 30, 126, 508, 2052, 8190)

# 3.11: the backoff that a site restarts from when it missed too often (pycore_code.h).
_RESTART_311 = 5
# 3.11: the forms of PRECALL that leave the call itself to CALL.
_PREPARING_311 = frozenset({"PRECALL_BOUND_METHOD", "PRECALL_PYFUNC"})

COLD: Reading = ("cold", None, 0, 0, None)


def _argrepr(name: str, argument: int, names: tuple[str, ...]) -> str:
    """Return what dis would print for the instruction's argument, or an empty string."""
    if name in ("LOAD_ATTR", "LOAD_GLOBAL"):
        # The low bit asks for a NULL or self below the value (LOAD_ATTR: from 3.12 on).
        return names[argument >> 1 if name == "LOAD_GLOBAL" or VERSION >= (3, 12) else argument]
    if name in ("LOAD_METHOD", "STORE_ATTR"):
        return names[argument]
    if name == "LOAD_SUPER_ATTR":
        return names[argument >> 2]
    if name == "BINARY_OP":
        symbol: str = _OPCODES._nb_ops[argument][1]
        return symbol
    if name == "COMPARE_OP":
        return opcode.cmp_op[argument >> _COMPARE_SHIFT]
    if name == "CONTAINS_OP":
        return "not in" if argument else "in"
    if name == "BINARY_SUBSCR":
        return _SUBSCRIPT
    return ""


def _read_specialized(form: str, counter: int) -> Reading:
    """Return the reading of a site in a specialized form.

    The counter starts at 52 (3.11: 53) and falls by one with each miss.
    """
    misses = 53 - counter if VERSION == (3, 11) else 52 - (counter >> _BACKOFF_BITS)
    return ("specialized", form, max(0, min(misses, 53)), 0, None)


def _read_generic(counter: int) -> Reading:
    """Return the reading of a site in its generic form (3.12 and later).

    The backoff starts at 1 and rises with each failed attempt; the value counts down
    to the next one. A backoff of 0 is the cooldown that follows a success: 3.14 and
    3.15 give it to attributes found neither on the class nor in its shared keys and
    try again every 53 executions.
    """
    value, backoff = counter >> _BACKOFF_BITS, counter & ((1 << _BACKOFF_BITS) - 1)
    if backoff == 0:
        return ("adaptive", None, 0, 1, None)
    if backoff == 1:
        return COLD
    failed = backoff - 1
    if VERSION < (3, 15):
        executions = (2 << failed) - failed - 1 + (1 << backoff) - 2 - value
    else:
        if backoff == _LAST_BACKOFF_315 and value > _WAITS[5] - 1:
            failed = 6
        executions = _ATTEMPTS_AT[failed] + _WAITS[failed] - 1 - value
    return ("adaptive", None, 0, failed, executions)


def _read_adaptive_311(counter: int) -> Reading:
    """Return the reading of an _ADAPTIVE opcode (3.11).

    The backoff counts failed attempts from cold, and a site that missed 53 times
    restarts at backoff 5. Executions before the code was quickened are not counted.
    """
    if counter == 0:
        return COLD
    value, backoff = counter >> 4, counter & 15
    if backoff == _RESTART_311:
        return ("unstable", None, 53, 0, None)
    if backoff > _RESTART_311:
        return ("adaptive", None, 0, backoff, None)
    executions = (2 << backoff) - backoff - 2 - value
    return ("adaptive", None, 0, backoff, executions)


def _read(family: str, name: str, counter: int, *, quickened: bool) -> Reading:
    """Return (state, form, misses, failed attempts, executions at least or None)."""
    if not quickened:
        return COLD
    if name.endswith("_ADAPTIVE"):
        return _read_adaptive_311(counter)
    if _FORMS.get(name) == family:
        return _read_specialized(name, counter)
    if name != family:
        return ("hidden", None, 0, 0, None)  # INSTRUMENTED_*, ENTER_EXECUTOR
    if VERSION >= (3, 12):
        return _read_generic(counter)
    if name in ("BINARY_OP", "COMPARE_OP"):
        return ("adaptive", None, 0, 1, None)  # 3.11 gave up for good
    return COLD


def _merge_call_311(precall: Reading, call: Reading) -> Reading:
    """Return the reading of the one call that 3.11 makes of PRECALL and CALL.

    A C callable specializes PRECALL, which then skips CALL, whatever that met before; a
    Python function leaves PRECALL_PYFUNC or PRECALL_BOUND_METHOD, and CALL decides.
    """
    if call[0] == "cold":
        return precall
    if precall[0] == "specialized" and precall[1] not in _PREPARING_311:
        return precall
    if precall[0] in ("adaptive", "unstable") and call[0] == "specialized":
        return precall
    return call


def _quickened(adaptive: bytes) -> bool:
    """Return whether 3.11 has quickened the code: it runs generic opcodes until then."""
    return VERSION >= (3, 12) or any(
        _NAMES[adaptive[unit]] == "RESUME_QUICK" for unit in range(0, len(adaptive), 2)
    )


def _instructions(canonical: bytes) -> "Iterator[tuple[int, str, int]]":
    """Yield (offset, generic name, argument) of each instruction that could be a site."""
    names, caches, sites = _NAMES, _CACHES, _SITES
    offset, extended, size = 0, 0, len(canonical)
    while offset < size:
        name = names[canonical[offset]]
        if name in sites:
            yield offset, name, extended | canonical[offset + 1]
        extended = (extended | canonical[offset + 1]) << 8 if name == "EXTENDED_ARG" else 0
        offset += 2 + 2 * caches.get(name, 0)


def _positions(
    line: int, table: bytes, size: int
) -> list[tuple[int | None, int | None, int | None, int | None]]:
    """Return (line, end line, column, end column) per code unit, as co_positions() does."""
    filler = bytes([opcode.opmap["NOP"], 0]) * (size // 2)
    code = _positions.__code__.replace(
        co_code=filler, co_linetable=table, co_firstlineno=line, co_exceptiontable=b""
    )
    return list(code.co_positions())


def _sites(record: Record) -> "Iterator[tuple[str, tuple[object, ...], Reading]]":
    """Yield each site of a code object: its raw family, where it is, and its reading."""
    _path, _qualname, line, adaptive, canonical, table, names = record
    positions = None
    quickened = _quickened(adaptive)
    precall: Reading | None = None
    for offset, name, argument in _instructions(canonical):
        if positions is None:
            positions = _positions(line, table, len(canonical))
        current = _NAMES[adaptive[offset]]
        counter = adaptive[offset + 2] | adaptive[offset + 3] << 8
        reading = _read(name, current, counter, quickened=quickened)
        if name == "PRECALL":
            precall = reading
            continue
        raw = name
        if name == "CALL" and precall is not None:
            reading = _merge_call_311(precall, reading)
            raw, precall = "PRECALL" if reading is precall else "CALL", None
        first, last, column, end_column = positions[offset // 2]
        if first is None:
            continue  # made by the compiler, at no place in the source
        argrepr = _argrepr(name, argument, names)
        row = (offset, first, column, last, end_column, _FAMILIES.get(name, name), argrepr)
        yield raw, row, reading


def _pystats(raw: str, reading: Reading, counts: dict[str, int]) -> None:
    """Add what a site's cache tells about it under the keys that pystats prints.

    All are lower bounds: a cache holds no hits, and misses only since the last success.
    Each execution of a failing site is deferred, those that tried and failed too: they
    start over with the new counter.
    """
    state, _form, misses, failed, executions = reading
    for what, count in (
        ("success", state == "specialized"),
        ("failure", failed),
        ("miss", misses),
        ("deferred", executions or 0),
    ):
        if count:
            key = "opcode[%s].specialization.%s" % (raw, what)
            counts[key] = counts.get(key, 0) + count


class ForeignError(Exception):
    """The dump is another interpreter's."""


def _records(file: "BinaryIO") -> "Iterator[Record]":
    """Yield the code records of a raw dump; raise EOFError where it was cut short."""
    count = 0
    while type(record := marshal.load(file)) is tuple:
        count += 1
        yield record
    if record != count:
        raise EOFError


def decode(dump: str, sources: frozenset[str]) -> dict[str, object]:
    """Return one raw dump as the JSON object that specialist_ci.dump describes."""
    with open(dump, "rb") as file:
        header = marshal.load(file)
        if header["version"] != sys.version:
            raise ForeignError
        codes = []
        counts: dict[str, int] = {}
        for record in _records(file):
            if record[0] not in sources:
                continue
            rows = []
            for raw, row, reading in _sites(record):
                rows.append(row + reading)
                _pystats(raw, reading, counts)
            path, qualname, line = record[:3]
            codes.append({"path": path, "qualname": qualname, "line": line, "sites": rows})
    return {"tracers": header["tracers"], "codes": codes, "pystats": counts}


def main(control: str) -> None:
    """Decode every raw dump; those that cannot be are renamed to say why."""
    gc.disable()  # all is alive until it is written, and then this process ends
    with open(os.path.join(control, "sources"), "rb") as file:
        sources = frozenset(os.fsdecode(file.read()).split("\0"))
    raw = os.path.join(control, "raw")
    for name in sorted(os.listdir(raw)):
        if name.endswith(".raw"):
            path = os.path.join(raw, name)
            try:
                dump = decode(path, sources)
            except ForeignError:
                os.rename(path, path.removesuffix("raw") + "foreign")
                continue
            except (EOFError, ValueError, TypeError):
                os.rename(path, path.removesuffix("raw") + "cut")
                continue
            target = os.path.join(control, "dumps", name.removesuffix(".raw"))
            with open(target + ".writing", "w", encoding="utf-8") as file:
                file.write(json.dumps(dump, separators=(",", ":")))  # dumps is in C, dump is not
            os.rename(target + ".writing", target + ".json")


if __name__ == "__main__":
    main(sys.argv[1])

"""Reads what became of a site: the opcode that is in its place, and the counter in its cache.

Runs beside decode.py, in the measured interpreter, since only that one knows its own opcodes.
How each counter is read follows Include/internal/pycore_backoff.h (3.13 and later) and
pycore_code.h (3.11, 3.12) of the interpreter's own source.
"""

import opcode
import sys

# Only for type checkers: importing typing takes longer than decoding a small dump.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

Reading = tuple[str, str | None, int, int, int | None]
"""State, form, misses, failed attempts, and at least how many executions."""

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

_OPCODES: "Any" = opcode  # its tables differ from version to version
_FORMS: dict[str, str] = {
    form: family
    for family, forms in _OPCODES._specializations.items()
    if family not in _NOT_SPECIALIZATION
    for form in forms
}
SITES = {opcode.opmap[family]: family for family in _FORMS.values()}
"""The families of this version under their own names, by the opcode that is no form."""
NAMES: dict[int, str]
"""The names of this version's opcodes, of forms too, by number."""
CACHES: dict[str, int]
"""How many code units of cache follow an opcode, by its name; none where it is not there."""

if VERSION >= (3, 13):
    NAMES = {number: name for name, number in opcode.opmap.items()}
    NAMES.update({number: name for name, number in _OPCODES._specialized_opmap.items()})
    CACHES = {name: sum(entries.values()) for name, entries in _OPCODES._cache_format.items()}
else:
    import dis

    _DIS: "Any" = dis
    NAMES = dict(enumerate(_DIS._all_opname))
    CACHES = dict(zip(opcode.opname, _OPCODES._inline_cache_entries, strict=False))

SIZES = {number: 2 + 2 * CACHES[family] for number, family in SITES.items()}
"""How many bytes of bytecode a site takes, its cache included, by opcode."""

SPECIALIZED = frozenset(number for number, name in NAMES.items() if name in _FORMS)
"""The opcodes that are forms."""

TELLING = frozenset(
    number
    for number, name in NAMES.items()
    if name in _FORMS or number in SITES or name.endswith("_ADAPTIVE")
    if VERSION >= (3, 12) or not name.startswith(("PRECALL", "CALL"))
)
"""The opcodes that say with their counter alone what became of a site: none that a tracer put
over the site's own, and on 3.11 neither half of a call."""

_BACKOFF_BITS = 3 if VERSION >= (3, 15) else 4
_FRESH = 1 << _BACKOFF_BITS | 1  # 3.12 and later: never executed

# 3.15 (pycore_backoff.h): the execution at which the k-th attempt fails, and the value
# the counter starts from after it.
_ATTEMPTS_AT = (0, 2, 8, 38, 164, 672, 2724)
_LAST_BACKOFF_315 = 6
_WAITS = (1, 6, 30, 126, 508, 2052, 8190)

# What no instruction behind it is reached from.
_LEAVING = frozenset(
    {
        "INTERPRETER_EXIT",
        "JUMP_BACKWARD",
        "JUMP_BACKWARD_NO_INTERRUPT",
        "JUMP_FORWARD",
        "RAISE_VARARGS",
        "RERAISE",
        "RETURN_CONST",
        "RETURN_VALUE",
    }
)

# 3.11: the backoff that a site restarts from when it missed too often (pycore_code.h).
_RESTART_311 = 5
# 3.11: the forms of PRECALL that leave the call itself to CALL.
_PREPARING_311 = frozenset({"PRECALL_BOUND_METHOD", "PRECALL_PYFUNC"})

# After as many a site is specialized anew.
_MISSES = 53

COLD: Reading = ("cold", None, 0, 0, None)


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
        return ("unstable", None, _MISSES, 0, None)
    if backoff > _RESTART_311:
        return ("adaptive", None, 0, backoff, None)
    executions = (2 << backoff) - backoff - 2 - value
    return ("adaptive", None, 0, backoff, executions)


def _read_hidden(family: str, name: str, counter: int) -> Reading:
    """Return the reading of a site whose opcode something else took the place of.

    Below INSTRUMENTED_LINE and INSTRUMENTED_INSTRUCTION the first execution takes one off
    a fresh counter and later ones put it back to that (pause_backoff_counter, 3.13 and
    later), unless there is yet another instrumented opcode below.
    """
    if (
        VERSION >= (3, 13)
        and name in ("INSTRUMENTED_LINE", "INSTRUMENTED_INSTRUCTION")
        and counter == _FRESH
        and "INSTRUMENTED_" + family not in opcode.opmap
    ):
        return COLD
    return ("hidden", None, 0, 0, None)


def read(family: str, number: int, counter: int) -> Reading:
    """Return the reading of the opcode in place and its counter, in quickened code."""
    name = NAMES[number]
    if name.endswith("_ADAPTIVE"):
        return _read_adaptive_311(counter)
    if _FORMS.get(name) == family:
        return _read_specialized(name, counter)
    if name != family:
        return _read_hidden(family, name, counter)
    if VERSION >= (3, 12):
        return _read_generic(counter)
    if name in ("BINARY_OP", "COMPARE_OP"):
        return ("adaptive", None, 0, 1, None)  # 3.11 gave up for good
    return COLD


def read_recorded(reading: Reading) -> Reading:
    """Return the reading of a site whose counter says nothing but that the JIT set it to zero.

    Each instruction that becomes part of a trace is to specialize anew when it runs or
    misses next (3.15).
    """
    if reading[0] == "specialized":
        return ("specialized", reading[1], 0, 0, None)
    return ("hidden", None, 0, 0, None)


def read_traced(reading: Reading) -> Reading:
    """Return the reading of a site in a trace: it has run, so that it is not cold.

    On 3.15, where the counter of what is traced is first set to zero, any other value in a
    generic form is that of an attempt that failed.
    """
    if reading is COLD and VERSION >= (3, 15):
        return ("adaptive", None, 0, 1, None)
    return reading


def decides_call_311(precall: Reading, call: Reading) -> bool:
    """Tell whether PRECALL says what became of the one call that 3.11 makes of it and CALL.

    A C callable specializes PRECALL, which then skips CALL, whatever that met before; a
    Python function leaves PRECALL_PYFUNC or PRECALL_BOUND_METHOD, and CALL decides.
    """
    if call[0] == "cold":
        return True
    if precall[0] == "specialized":
        return precall[1] not in _PREPARING_311
    return precall[0] in ("adaptive", "unstable") and call[0] == "specialized"


def sharpen(
    reading: Reading, raw: str, offset: int, moments: "Sequence[bytes]"
) -> tuple[Reading, int]:
    """Return a site's reading in the light of earlier ones, and how often it was specialized anew.

    ``moments`` are the live bytecode at each reading, the last one included. Between two of
    them a site was specialized anew when its form or its cache changed, when its misses
    became fewer, or when it was generic meanwhile.
    """
    size = 2 * CACHES[raw]
    anew, lost = 0, False
    before: tuple[str, bytes] | None = None
    last_misses = 0
    for moment in moments:
        form = NAMES[moment[offset]]
        if _FORMS.get(form) != raw:
            lost = before is not None
            continue
        misses = _read_specialized(form, counter_of(moment, offset))[2]
        now = form, moment[offset + 4 : offset + 2 + size]
        if before is not None and (lost or now != before or misses < last_misses):
            anew += 1
        before, last_misses, lost = now, misses, False
    if lost and reading[0] == "cold":  # generic since its last miss: it looks as if never tried
        reading = ("unstable", None, _MISSES, 0, None)
    return reading, anew


def counter_of(adaptive: bytes, offset: int) -> int:
    """Return the counter of the site at an offset of live bytecode."""
    return adaptive[offset + 2] | adaptive[offset + 3] << 8


def is_quickened(adaptive: bytes) -> bool:
    """Return whether 3.11 has quickened the code: it runs generic opcodes until then."""
    return VERSION >= (3, 12) or any(
        NAMES[adaptive[unit]] == "RESUME_QUICK" for unit in range(0, len(adaptive), 2)
    )


def never_reached(canonical: bytes, adaptive: bytes) -> frozenset[int]:
    """Return the offsets of the sites that only one that never ran leads to.

    Jumps lead to FOR_ITER from its own loop only.
    """
    import dis

    findlabels: Any = dis.findlabels  # takes bytes
    labels = frozenset(findlabels(canonical))
    found = set()
    never = False
    offset, size = 0, len(canonical)
    while offset < size:
        name, current = NAMES[canonical[offset]], NAMES[adaptive[offset]]
        if name in _LEAVING or (offset in labels and name != "FOR_ITER"):
            never = False
        if canonical[offset] in SITES:
            counter = counter_of(adaptive, offset)
            if never:
                found.add(offset)
            elif counter == _FRESH:
                never = current == name or _read_hidden(name, current, counter) is COLD
        offset += 2 + 2 * CACHES.get(name, 0)
    return frozenset(found)

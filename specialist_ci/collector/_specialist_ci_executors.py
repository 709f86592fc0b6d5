"""Reads the JIT's executors in the measured process. Imported only where there may be some."""

import gc
import sys
from types import CodeType

# Only for type checkers: importing typing would cost the measured process milliseconds.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_ANYWHERE = sys.version_info < (3, 14)  # the entry to an executor, in place of an instruction

if _ANYWHERE:
    import _opcode
    import opcode

    _ENTRY: int = opcode.opmap["ENTER_EXECUTOR"]
    _get_executor: "Any" = _opcode.get_executor


def restored(code: CodeType, bytecode: bytes) -> bytes:
    """Return live bytecode with the instructions that entries to executors stand for.

    From 3.14 on those are none that are specialized.
    """
    if not _ANYWHERE or _ENTRY not in bytecode[::2]:
        return bytecode
    found = bytearray(bytecode)
    for offset in range(0, len(found), 2):
        if found[offset] == _ENTRY:
            try:
                found[offset] = _get_executor(code, offset).get_opcode()
            except (RuntimeError, ValueError):
                continue  # a cache, or a build without the JIT
    return bytes(found)


def are_made() -> bool:
    """Return whether the JIT is on; from 3.14 on it may not be where it is available."""
    return "_jit" not in vars(sys) or bool(sys._jit.is_enabled())  # type: ignore[attr-defined]


def traces(codes: list[int]) -> "tuple[tuple[int, ...], tuple[Any, ...]]":
    """Return where the codes' bytecode is and what the executors hold."""
    executors = [
        tuple(executor)
        for executor in gc.get_objects()
        if type(executor).__name__ == "uop_executor" and executor.is_valid()
    ]
    return tuple(address + CodeType.__basicsize__ for address in codes), tuple(executors)

"""Finds the instructions that the JIT compiled, from the micro-ops of its executors.

An executor is a sequence of (name, argument, target, operand). A target is a place in the
bytecode, counted in code units, or, where a micro-op can leave the trace, the index of the
exit further down, whose own target is that place (Python/optimizer.c). Only ``_SET_IP``
says which code object it belongs to, by an address.
"""

import sys

# Only for type checkers: importing typing takes longer than decoding a small dump.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    MicroOp = tuple[str, int, int, int]

_EXITS = ("_DEOPT", "_EXIT_TRACE", "_ERROR_POP_N", "_HANDLE_PENDING_AND_DEOPT")
# They leave for another place than their own, or have none.
_ELSEWHERE = (
    "_CHECK_PERIODIC",
    "_CHECK_VALIDITY",
    "_GUARD_IP",
    "_GUARD_IS_",
    "_GUARD_NOT_EXHAUSTED_",
    "_JUMP_TO_TOP",
    "_MAKE_WARM",
    "_RESUME_CHECK",
    "_START_EXECUTOR",
    "_TIER2_RESUME_CHECK",
)
_ENTRIES = ("_CREATE_INIT_FRAME", "_PUSH_FRAME")
_RETURNS = ("_POP_FRAME", "_RETURN_GENERATOR", "_RETURN_VALUE", "_YIELD_VALUE")


class _Frame:
    """One function's part of a trace: its bytecode's address, once known, and its places."""

    def __init__(self) -> None:
        self.address: int | None = None
        self.units: set[int] = set()


def covered(
    executors: "Iterable[Sequence[MicroOp]]", addresses: "Mapping[int, int]"
) -> dict[int, set[int]]:
    """Return the offsets in bytes that some trace holds, by code object, at least.

    ``addresses`` names the code object whose bytecode begins at an address. The optimizer
    removes micro-ops, so that instructions of a trace can be missing.
    """
    found: dict[int, set[int]] = {}
    for executor in executors:
        for frame in _frames(executor):
            if frame.address is not None and frame.address in addresses:
                offsets = found.setdefault(addresses[frame.address], set())
                offsets.update(2 * unit for unit in frame.units)
    return found


def _frames(executor: "Sequence[MicroOp]") -> list[_Frame]:
    """Return the parts of a trace, those whose code is not known among them."""
    size = next(
        (index for index, op in enumerate(executor) if op[0] in _EXITS),
        len(executor),
    )
    stack = [_Frame()]
    frames = stack[:]
    exits = size  # each micro-op uses an exit that another one took, or takes the next
    for name, _argument, target, operand in executor[:size]:
        if name == "_SET_IP":
            address = operand - 2 * target
            if stack[-1].address not in (None, address):
                stack[-1] = _Frame()
                frames.append(stack[-1])
            stack[-1].address = address
        # With two exits, the one after an error is in the upper half.
        for place in (target & 0xFFFF, target >> 16) if target >> 16 else (target,):
            if size <= place <= exits < len(executor):
                exits = max(exits, place + 1)
                unit = _leaves_at(executor[place])
            else:
                unit = place
            if unit and not name.startswith(_ELSEWHERE):
                stack[-1].units.add(unit)
        if name.startswith(_ENTRIES):
            stack.append(_Frame())
            frames.append(stack[-1])
        elif name.startswith(_RETURNS):
            stack.pop()
            if not stack:
                stack.append(_Frame())
                frames.append(stack[-1])
    return frames


def _leaves_at(op: "MicroOp") -> int:
    """Return where an exit goes on in the bytecode, in code units; 0 where that is not told."""
    name, _argument, target, operand = op
    if name == "_EXIT_TRACE" and sys.version_info < (3, 14):
        return 0  # the target is the number of the exit
    return operand if name == "_ERROR_POP_N" else target

"""Reads the measured code now and then while the program runs: what thrashes is seen thrashing.

A site that keeps missing its cache is specialized anew after every 53 misses, and a
reading at exit may meet it right after that, without a miss. Earlier readings show the
others. They are taken at garbage collections, which come at the same moments in every
run of a program, and ever less often: the tenth, the fifteenth, the twenty-third...
"""

import gc

# Only for type checkers: importing typing would cost the measured process milliseconds.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType
    from typing import Any

_FIRST = 10  # collections; the start of a program is imports


class Readings:
    """The earlier bytecode of the noted modules' code objects."""

    def __init__(self, noted: "list[tuple[str, CodeType]]") -> None:
        """Watch the list of (path, module code), which grows while the program runs."""
        self._noted = noted
        self._known = 0  # modules of the list whose code objects are among these:
        self._codes: list[CodeType] = []
        self._earlier: dict[int, list[bytes]] = {}
        self._collections = 0
        self._next = _FIRST
        gc.callbacks.append(self._collected)

    def stop(self) -> None:
        """Read no more."""
        if self._collected in gc.callbacks:
            gc.callbacks.remove(self._collected)

    def earlier(self, code: "CodeType") -> "tuple[bytes, ...]":
        """Return the bytecode as it was before, oldest first, without repetitions."""
        return tuple(self._earlier.get(id(code), ()))

    def _collected(self, phase: str, _info: "dict[str, Any]") -> None:
        if phase == "stop":
            self._collections += 1
            if self._collections == self._next:
                self._next += self._next // 2
                self._read()

    def _read(self) -> None:
        self._learn()
        for code in self._codes:
            bytecode = code._co_code_adaptive  # type: ignore[attr-defined] # not public
            earlier = self._earlier.setdefault(id(code), [])
            if not earlier or earlier[-1] != bytecode:
                earlier.append(bytecode)

    def _learn(self) -> None:
        """Find the code objects of the modules that are new."""
        kind = type(self._learn.__code__)
        codes = [code for _path, code in self._noted[self._known :]]
        self._known = len(self._noted)
        for code in codes:  # grows while it is walked
            codes.extend(constant for constant in code.co_consts if type(constant) is kind)
        self._codes += codes

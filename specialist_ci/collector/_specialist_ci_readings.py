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
        self.codes: list[CodeType] = []
        self.moments: list[list[bytes]] = []  # of each of them
        self._numbers: dict[int, int] = {}  # by the identity of the code
        self._collections = 0
        self._next = _FIRST
        gc.callbacks.append(self._collected)

    def stop(self) -> None:
        """Read no more."""
        if self._collected in gc.callbacks:
            gc.callbacks.remove(self._collected)

    def earlier(self, code: "CodeType") -> "tuple[bytes, ...]":
        """Return the bytecode as it was before, oldest first, without repetitions."""
        number = self._numbers.get(id(code))
        return () if number is None else tuple(self.moments[number])

    def _collected(self, phase: str, _info: "dict[str, Any]") -> None:
        if phase == "stop":
            self._collections += 1
            if self._collections == self._next:
                self._next += self._next // 2
                self._read()

    def _read(self) -> None:
        self._learn()
        for code, earlier in zip(self.codes, self.moments, strict=True):
            bytecode = code._co_code_adaptive  # type: ignore[attr-defined] # not public
            if not earlier or earlier[-1] != bytecode:
                earlier.append(bytecode)

    def _learn(self) -> None:
        """Find the code objects of the modules that are new."""
        kind = type(self._learn.__code__)
        codes = [code for _path, code in self._noted[self._known :]]
        self._known = len(self._noted)
        for code in codes:  # grows while it is walked
            codes.extend(constant for constant in code.co_consts if type(constant) is kind)
        for number, code in enumerate(codes, len(self.codes)):
            self._numbers.setdefault(id(code), number)
        self.codes += codes
        self.moments += [[] for _ in codes]

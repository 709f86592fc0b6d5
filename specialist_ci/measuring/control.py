"""The control folder: how we and the collector inside the measured processes talk."""

import os
import shutil
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from specialist_ci import process
from specialist_ci.errors import MeasurementError
from specialist_ci.formats.dump import Dump, load_dumps

_COLLECTOR = Path(__file__).parents[1] / "collector"
# By import, since a script's own bytecode is never kept.
_DECODE = "import sys; sys.path.insert(0, sys.argv[1]); import decode; decode.main(sys.argv[2])"
_RECOVER = "import sys; sys.path.insert(0, sys.argv[1]); import memory; memory.main(*sys.argv[2:])"

_FORKED = b"fork"  # in a started file
# In unmeasured files: a Python that was to run nothing, code that went to a subinterpreter,
# and a Python of which no measured process told.
_NOTHING_RUNS, SENT, UNTOLD = "nothing", "subinterpreter", "untold"


def copy_collector(scratch: Path) -> Path:
    """Return the folder with the collector's code in scratch, copied there the first time.

    A copy, so that the measured interpreter keeps its bytecode there and not in ours; what
    pip compiled comes along, and spares an interpreter of our own version the work.
    """
    copy = scratch / "collector"
    if not copy.exists():
        shutil.copytree(_COLLECTOR, copy)
    return copy


@dataclass(frozen=True, slots=True)
class Control:
    """One run's folder: the collector's code, what it is told, and what it leaves.

    ``raw`` holds a file for each process, whose suffix tells how far it got: started,
    raw (its state), memory (that of a process which SIGTERM ended, until its state is found
    in it), failed (the reason), and after decoding also cut (short) and foreign (of another
    interpreter). An unmeasured file holds the reason why a process
    that another one started cannot be seen; docs/processes.md has them all.
    """

    folder: Path

    @classmethod
    def make(cls, scratch: Path, side: str, *, root: Path, sources: Sequence[str]) -> Self:
        """Lay out a new folder for a run in the checkout at root.

        ``sources`` are the files to look at, relative to root.
        """
        number = sum(1 for _ in scratch.glob(f"{side}-control-*"))
        folder = scratch / f"{side}-control-{number}"
        for name in ("raw", "dumps"):
            (folder / name).mkdir(parents=True)
        (folder / "collector").symlink_to(copy_collector(scratch))
        prefix = f"{root}{os.sep}"
        (folder / "roots").write_bytes(os.fsencode(prefix))
        (folder / "sources").write_bytes(os.fsencode("\0".join(prefix + path for path in sources)))
        return cls(folder)

    def collect(self, python: Path, side: str) -> tuple[Dump, ...]:
        """Let the measured interpreter decode what its processes left; return their dumps."""
        outcome = self._run(python, f"{side}: reading the dumps", _DECODE)
        if outcome.status != 0:
            raise MeasurementError(
                f"{side}: reading the dumps {process.describe_failure(outcome)}",
                remedy="measure again; if it happens again, report it as a bug",
                detail=process.tail(outcome),
            )
        return load_dumps(self.folder / "dumps")

    def recover(self, python: Path, name: str, address: int) -> None:
        """Let the measured interpreter find a process's state in the copy of its memory.

        It begins to look at that address. The copy is gone afterwards; where nothing came of it,
        the process counts as missed.
        """
        with suppress(MeasurementError):
            self._run(python, "reading a process's memory", _RECOVER, name, str(address))
        (self.folder / "raw" / f"{name}.memory").unlink(missing_ok=True)

    def _run(self, python: Path, what: str, code: str, *arguments: str) -> process.Outcome:
        """Run code with the collector on its path, which gets the control folder first."""
        collector = str(self.folder / "collector")
        return process.run(
            [str(python), "-I", "-S", "-c", code, collector, str(self.folder), *arguments],
            cwd=self.folder,
            env={},
            what=what,
        )

    def count(self, suffix: str) -> int:
        """Return how many processes got as far as the suffix says."""
        return sum(1 for _ in (self.folder / "raw").glob(f"*.{suffix}"))

    def failures(self) -> list[str]:
        """Return why processes could not write their state, each reason once.

        On a full disk they could not write the reason either.
        """
        failed = (self.folder / "raw").glob("*.failed")
        return sorted(
            {path.read_text(encoding="utf-8", errors="replace") for path in failed} - {""}
        )

    def unmeasured(self) -> Counter[str]:
        """Return how often each reason kept a process from being seen at all."""
        marks = (self.folder / "raw").glob("*.unmeasured")
        found = Counter(path.read_text(encoding="utf-8", errors="replace") for path in marks)
        del found[_NOTHING_RUNS]
        return found

    def tell_executions(self, found: Counter[int]) -> None:
        """Leave marks for the executions of the interpreter that nothing else tells of.

        ``found`` has how often each process became that interpreter. The child of a fork starts
        without; and what a measured process says of those that it starts is of any interpreter.
        """
        raw = self.folder / "raw"
        seen = Counter(
            int(path.name.partition("-")[0])
            for path in raw.glob("*.started")
            if path.read_bytes() != _FORKED
        )
        told = sum(1 for path in raw.glob("*.unmeasured") if path.read_text() != SENT)
        for number in range((found - seen).total() - told):
            (raw / f"{number}.unmeasured").write_text(UNTOLD, encoding="ascii")

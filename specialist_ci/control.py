"""The control folder: how we and the collector inside the measured processes talk."""

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from specialist_ci import process
from specialist_ci.dump import Dump, load_dumps
from specialist_ci.errors import MeasurementError

_COLLECTOR = Path(__file__).parent / "collector"
# By import, since a script's own bytecode is never kept.
_DECODE = "import sys; sys.path.insert(0, sys.argv[1]); import decode; decode.main(sys.argv[2])"


def copy_collector(scratch: Path) -> Path:
    """Return the folder with the collector's code in scratch, copied there the first time.

    A copy, so that the measured interpreter keeps its bytecode there and not in ours.
    """
    copy = scratch / "collector"
    if not copy.exists():
        shutil.copytree(_COLLECTOR, copy, ignore=shutil.ignore_patterns("__pycache__"))
    return copy


@dataclass(frozen=True, slots=True)
class Control:
    """One run's folder: the collector's code, what it is told, and what it leaves.

    ``raw`` holds a file for each process, whose suffix tells how far it got: started,
    raw (its state), failed (the reason), and after decoding also cut (short) and
    foreign (of another interpreter).
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
        outcome = process.run(
            [
                str(python),
                "-I",
                "-S",
                "-c",
                _DECODE,
                str(self.folder / "collector"),
                str(self.folder),
            ],
            cwd=self.folder,
            env={},
            what=f"{side}: reading the dumps",
        )
        if outcome.status != 0:
            raise MeasurementError(
                f"{side}: reading the dumps {process.describe_failure(outcome)}",
                remedy="measure again; if it happens again, report it as a bug",
                detail=process.tail(outcome),
            )
        return load_dumps(self.folder / "dumps")

    def count(self, suffix: str) -> int:
        """Return how many processes got as far as the suffix says."""
        return sum(1 for _ in (self.folder / "raw").glob(f"*.{suffix}"))

    def failures(self) -> list[str]:
        """Return why processes could not write their state, each reason once."""
        failed = (self.folder / "raw").glob("*.failed")
        return sorted({path.read_text(encoding="utf-8", errors="replace") for path in failed})

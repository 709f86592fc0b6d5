"""Lends the measured interpreter the scripts of ours that some suites are run by."""

import shutil
import threading
from collections.abc import Sequence
from pathlib import Path

_SCRIPTS = Path(__file__).parents[1] / "runners"
_COPYING = threading.Lock()  # both sides share a scratch


def import_path(command: Sequence[str], scratch: Path) -> tuple[str, ...]:
    """Return what must be on the import path for a command that names a script of ours.

    A copy in scratch, so that the measured interpreter keeps its bytecode there and not in
    ours. Other commands get nothing: their programs shall find what they always find.
    """
    names = {path.stem for path in _SCRIPTS.glob("*.py")}
    if names.isdisjoint(command):
        return ()
    copy = scratch / "runners"
    with _COPYING:
        if not copy.exists():
            shutil.copytree(_SCRIPTS, copy, ignore=shutil.ignore_patterns("__pycache__"))
    return (str(copy),)

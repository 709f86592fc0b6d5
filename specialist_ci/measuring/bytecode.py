"""Takes away the bytecode files that an earlier run left: each run is to compile the same.

What is compiled makes garbage that what is read does not, so that garbage collections, and with
them the readings during the run, would come at other moments the second time.
"""

import shutil
from collections.abc import Iterable
from pathlib import Path, PurePosixPath


def forget_bytecode(root: Path, files: Iterable[str]) -> None:
    """Remove the bytecode of a checkout of ours; ``files`` are its Python files, relative to it."""
    for folder in {PurePosixPath(file).parent for file in files}:
        kept = root / folder / "__pycache__"
        if kept.is_dir() and not kept.is_symlink():
            shutil.rmtree(kept, ignore_errors=True)

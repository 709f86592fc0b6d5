"""Adds the files to a snapshot that have contracts and did not run: those are not kept."""

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from specialist_ci.formats.paths import to_text
from specialist_ci.formats.snapshot import Counts, Snapshot, SourceFile
from specialist_ci.measuring.building import read_source
from specialist_ci.source.contracts import HINT, read_contracts


def with_unreached(snapshot: Snapshot, sources: Iterable[str], root: Path) -> Snapshot:
    """Return the snapshot with the text of each such source file, which has no site."""
    ran = {file.path for file in snapshot.files}
    unreached = [
        SourceFile(path=path, source=text, counts=Counts(), functions=(), lines=())
        for path, text in _hinting(sources, ran, root)
        if read_contracts(text)
    ]
    if not unreached:
        return snapshot
    files = sorted([*snapshot.files, *unreached], key=lambda file: file.path)
    return snapshot.model_copy(update={"files": tuple(files)})


def _hinting(sources: Iterable[str], ran: set[str], root: Path) -> Iterator[tuple[str, str]]:
    """Yield path and text of the files that did not run, and may have a contract in them."""
    hint = HINT.encode()
    for source in sources:
        path = to_text(source)
        if path in ran:
            continue
        file = os.path.join(root, source)  # noqa: PTH118 - a Path takes longer to make than a small file to read
        with suppress(OSError), open(file, "rb") as opened:  # noqa: PTH123 - likewise
            if hint in opened.read():
                yield path, read_source(Path(file))

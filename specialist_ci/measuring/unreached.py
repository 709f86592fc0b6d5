"""Adds the files to a snapshot that have contracts and did not run: those are not kept."""

from collections.abc import Iterable
from pathlib import Path

from specialist_ci.formats.paths import from_text, to_text
from specialist_ci.formats.snapshot import Counts, Snapshot, SourceFile
from specialist_ci.measuring.building import read_source
from specialist_ci.source.contracts import read_contracts


def with_unreached(snapshot: Snapshot, sources: Iterable[str], root: Path) -> Snapshot:
    """Return the snapshot with the text of each such source file, which has no site."""
    ran = {file.path for file in snapshot.files}
    texts = {
        path: read_source(from_text(root, path))
        for path in map(to_text, sources)
        if path not in ran
    }
    unreached = [
        SourceFile(path=path, source=text, counts=Counts(), functions=(), lines=())
        for path, text in texts.items()
        if read_contracts(text)
    ]
    if not unreached:
        return snapshot
    files = sorted([*snapshot.files, *unreached], key=lambda file: file.path)
    return snapshot.model_copy(update={"files": tuple(files)})

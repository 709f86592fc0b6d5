"""Reads and writes the JSON files of the published formats, whole or not at all.

We write each source file of a snapshot on a line of its own. That is the same JSON, and it can
be read file by file, in half the memory and three quarters of the time.
"""

import gc
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from pydantic import ValidationError

from specialist_ci.errors import UsageError
from specialist_ci.formats.snapshot import SCHEMA_VERSION, Snapshot, SourceFile

_FILES, _NO_FILES = '"files":[', '"files":[]'
_BEGINNING = 60  # bytes, with the first two keys of what we write


def write(path: Path, text: str) -> None:
    """Write text aside, then move it into place, so that nobody meets half a file.

    A link stays, and what it leads to is written; so are devices and pipes, which cannot be
    moved over. Raises UsageError where the folder is missing or cannot be written to.
    """
    try:
        target = path.resolve()
        if target.exists() and not target.is_file():
            target.write_text(text, encoding="utf-8")
        else:
            _replace(target, text)
    except OSError as error:
        raise UsageError(
            f"cannot write {path}: {error.strerror}", remedy="name a file that can be written"
        ) from error


def _replace(path: Path, text: str) -> None:
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        os.fchmod(descriptor, 0o666 & ~_umask())
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current


def save_snapshot(snapshot: Snapshot, path: Path) -> None:
    """Write a snapshot file."""
    write(path, snapshot_text(snapshot))


def snapshot_text(snapshot: Snapshot) -> str:
    """Return a snapshot as JSON."""
    bare = snapshot.model_copy(update={"files": ()}).model_dump_json()
    # Within a string, the quotes would be escaped.
    before, after = bare.split(_NO_FILES)
    files = ",\n".join(file.model_dump_json() for file in snapshot.files)
    return f"{before}{_FILES}\n{files}\n]{after}\n" if files else f"{bare}\n"


def parse_snapshot(data: bytes) -> Snapshot:
    """Return the snapshot that JSON stands for. Raises ValidationError."""
    bare, files = _parted(data)
    if files:
        with suppress(ValidationError):  # it is to be told in the terms of the whole
            snapshot = Snapshot.model_validate_json(bare)
            if not snapshot.files:
                read = tuple(map(SourceFile.model_validate_json, files))
                return snapshot.model_copy(update={"files": read})
    return Snapshot.model_validate_json(data)


def _parted(data: bytes) -> tuple[bytes, list[bytes]]:
    """Return a snapshot as we write it without its files, and these; of other JSON, no file.

    What is returned is JSON piece by piece exactly if the data is, since no string holds a newline.
    """
    first, *files = data.rstrip(b"\n").split(b"\n")
    last = files.pop() if files else b""
    ours = first.endswith(_FILES.encode()) and last.startswith(b"]")
    if not ours or not all(file.endswith(b",") for file in files[:-1]):
        return data, []
    return first + last, [*(file[:-1] for file in files[:-1]), *files[-1:]]


def load_snapshot(path: Path) -> Snapshot:
    """Read a snapshot file.

    Raises UsageError where it is missing, truncated, no JSON, of another schema
    version, or breaks the schema.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UsageError(
            f"cannot read {path}: {error.strerror}",
            remedy="name a snapshot that `specialist-ci run -o FILE` wrote",
        ) from error
    try:
        with without_collecting():
            return parse_snapshot(data)
    except ValidationError as error:
        raise _refusal(path, error) from error


def is_report(path: Path) -> bool:
    """Return whether a file is a report by its first key, and no snapshot."""
    try:
        with path.open("rb") as file:
            beginning = file.read(_BEGINNING)
    except OSError:
        return False
    return b'"verdict"' in beginning or b'"reports"' in beginning


@contextmanager
def without_collecting() -> Iterator[None]:
    """Keep the garbage collector still: a large snapshot is many small objects and no garbage."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


def _refusal(path: Path, error: ValidationError) -> UsageError:
    problems = {problem["loc"]: problem for problem in error.errors(include_url=False)}
    again = "measure again with `specialist-ci run`"
    version = problems.get(("schema_version",))
    if version is not None and version["type"] == "literal_error":
        return UsageError(
            f"{path} has schema version {version['input']!r}, this release reads {SCHEMA_VERSION}",
            remedy=again + ", or use the release that wrote it",
        )
    location, problem = next(iter(problems.items()))
    if problem["type"] == "json_invalid":
        return UsageError(f"{path} is no whole JSON file ({problem['ctx']['error']})", remedy=again)
    where = ".".join(map(str, location))
    return UsageError(f"{path} is no snapshot ({where}: {problem['msg']})", remedy=again)

"""Reads and writes the JSON files of the published formats, whole or not at all."""

import gc
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import ValidationError

from specialist_ci.errors import UsageError
from specialist_ci.snapshot import SCHEMA_VERSION, Snapshot


def write(path: Path, text: str) -> None:
    """Write text aside, then move it into place, so that nobody meets half a file.

    Raises UsageError where the folder is missing or cannot be written to.
    """
    try:
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            os.fchmod(descriptor, 0o666 & ~_umask())
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(text)
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise UsageError(
            f"cannot write {path}: {error.strerror}", remedy="name a file that can be written"
        ) from error


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current


def save_snapshot(snapshot: Snapshot, path: Path) -> None:
    """Write a snapshot file."""
    write(path, snapshot.model_dump_json() + "\n")


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
            return Snapshot.model_validate_json(data)
    except ValidationError as error:
        raise _refusal(path, error) from error


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

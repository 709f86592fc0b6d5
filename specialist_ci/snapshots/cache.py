"""Keeps snapshots of commits between runs; an entry that is not whole is as good as none.

A file an entry, written aside and renamed, so that runs at the same time meet whole
files only: whoever reads one that another run deletes keeps what it opened.
"""

import os
import re
import tempfile
import time
import zlib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from pydantic import ValidationError

from specialist_ci.errors import UsageError
from specialist_ci.formats.files import parse_snapshot, snapshot_text, without_collecting
from specialist_ci.formats.snapshot import Snapshot

LIMIT = 500_000_000  # bytes

_FORMAT = b"specialist-ci snapshot 1"
_SUFFIX = ".snapshot"
_OURS = re.compile(rf"[0-9a-f]{{64}}\{_SUFFIX}(?P<aside>\.[a-z0-9_]+)?")  # as mkstemp completes it
_ABANDONED = 3600.0  # seconds after which nobody writes a file aside any more


@dataclass(frozen=True, slots=True)
class _Entry:
    path: Path
    size: int  # bytes
    used: float  # seconds since the epoch


@dataclass(frozen=True, slots=True)
class Cache:
    """Snapshots by the digest of all that decided them; ``limit`` is in bytes.

    A folder that cannot be read or written to holds nothing: no run fails for it.
    """

    folder: Path
    limit: int = LIMIT

    def load(self, key: str) -> Snapshot | None:
        """Return the snapshot of that key, or None; what is damaged or foreign goes."""
        path = self._path(key)
        try:
            data = path.read_bytes()
        except OSError:
            return None
        snapshot = _read(key, data)
        with suppress(OSError):
            if snapshot is None:
                path.unlink()
            else:
                os.utime(path)  # the last use decides what goes first
        return snapshot

    def store(self, key: str, snapshot: Snapshot) -> None:
        """Keep a snapshot, then delete what was not used for longest until all fits the limit."""
        payload = zlib.compress(snapshot_text(snapshot).encode(), level=1)
        with suppress(OSError):
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._replace(self._path(key), _header(key, payload) + payload)
            self._shrink()

    def drop(self, key: str) -> None:
        """Forget what is kept under a key."""
        with suppress(OSError):
            self._path(key).unlink()

    def sizes(self) -> tuple[int, ...]:
        """Return the size of each entry in bytes."""
        return tuple(entry.size for entry in self._entries() if entry.path.suffix == _SUFFIX)

    def clear(self) -> None:
        """Delete all entries; other files in the folder stay.

        Raises UsageError for one that cannot be deleted.
        """
        for entry in self._entries():
            try:
                entry.path.unlink(missing_ok=True)
            except OSError as error:
                raise UsageError(
                    f"cannot delete {entry.path}: {error.strerror}",
                    remedy="make its folder writable, or delete it by hand",
                ) from error

    def _path(self, key: str) -> Path:
        return self.folder / f"{key}{_SUFFIX}"

    def _replace(self, path: Path, data: bytes) -> None:
        descriptor, name = tempfile.mkstemp(dir=self.folder, prefix=f"{path.name}.")
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise

    def _shrink(self) -> None:
        entries = sorted(self._entries(), key=lambda entry: entry.used)
        total = sum(entry.size for entry in entries)
        for entry in entries:
            aside = entry.path.suffix != _SUFFIX
            if aside and entry.used > time.time() - _ABANDONED:
                continue  # another run writes it at this moment
            if aside or total > self.limit:
                with suppress(FileNotFoundError):  # another run was faster
                    entry.path.unlink()
                total -= entry.size

    def _entries(self) -> Iterator[_Entry]:
        try:
            paths = [path for path in self.folder.iterdir() if _OURS.fullmatch(path.name)]
        except OSError:
            return
        for path in paths:
            with suppress(OSError):  # deleted by another run
                status = path.stat()
                yield _Entry(path, status.st_size, status.st_mtime)


def open_cache(environ: Mapping[str, str]) -> Cache | None:
    """Return the user's cache, or None where the user has no home to keep one in.

    It is below $SPECIALIST_CI_CACHE, else $XDG_CACHE_HOME, else ~/.cache
    (freedesktop.org, XDG Base Directory Specification).
    """
    if own := environ.get("SPECIALIST_CI_CACHE"):
        return Cache(Path(own).absolute() / "snapshots")
    # The specification has relative paths ignored.
    for place in (Path(environ.get("XDG_CACHE_HOME", "")), Path(environ.get("HOME", ""), ".cache")):
        if place.is_absolute():
            return Cache(place / "specialist-ci" / "snapshots")
    return None


def _header(key: str, payload: bytes) -> bytes:
    digest = sha256(payload).hexdigest()
    return b"%b %b %b\n" % (_FORMAT, key.encode(), digest.encode())


def _read(key: str, data: bytes) -> Snapshot | None:
    """Return an entry's snapshot, or None where it is not whole or not of this key."""
    first, newline, payload = data.partition(b"\n")
    if first + newline != _header(key, payload):
        return None
    try:
        with without_collecting():
            return parse_snapshot(zlib.decompress(payload))
    except (zlib.error, ValidationError):
        return None

"""Reads what is installed in a folder from its metadata, and writes metadata as a wheel.

Nothing is imported and no code runs: metadata are files of headers (PEP 566, PEP 610).
"""

import json
import re
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from email.parser import HeaderParser
from pathlib import Path
from urllib.parse import unquote, urlsplit


@dataclass(frozen=True, slots=True)
class Distribution:
    """What one distribution's metadata say.

    ``source`` is the local path that it was installed from, None for one from an index.
    """

    name: str
    version: str
    requires: tuple[str, ...] = ()  # as Requires-Dist has them, extras' markers included
    extras: tuple[str, ...] = ()
    source: Path | None = None

    @property
    def pin(self) -> str:
        """The name, normalized (PEP 503), and the version, as requirements pin them."""
        return f"{normalized(self.name)}=={self.version}"


def normalized(name: str) -> str:
    """Return the name of a distribution, an extra or a group as names are compared (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def is_plain(distribution: Distribution) -> bool:
    """Tell whether name and version are such as can be no option and no path."""
    words = (distribution.name, distribution.version)
    return all(re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._+!-]*", word) for word in words)


def installed_in(folder: Path) -> tuple[Distribution, ...]:
    """Return the distributions that lie in a site-packages folder, in the order of their names."""
    found = (_read(path) for path in sorted(folder.glob("*.dist-info/METADATA")))
    old = (_read(path) for path in sorted(folder.glob("*.egg-info/PKG-INFO")))
    return tuple(sorted((*found, *old), key=lambda one: normalized(one.name)))


def write_metadata_wheel(distribution: Distribution, folder: Path) -> Path:
    """Write a wheel that holds nothing but the metadata, and return its path.

    To an installer it is the project itself, with its extras and for whatever depends on
    it, so that all its dependencies can be installed without its code.
    """
    name = normalized(distribution.name).replace("-", "_")
    stem = f"{name}-{distribution.version.replace('-', '_')}"
    metadata = [
        "Metadata-Version: 2.1",
        f"Name: {distribution.name}",
        f"Version: {distribution.version}",
        *(f"Provides-Extra: {extra}" for extra in distribution.extras),
        *(f"Requires-Dist: {requirement}" for requirement in distribution.requires),
    ]
    wheel = ["Wheel-Version: 1.0", "Root-Is-Purelib: true", "Tag: py3-none-any"]
    names = [f"{stem}.dist-info/{file}" for file in ("METADATA", "WHEEL", "RECORD")]
    record = [f"{name},," for name in names]
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{stem}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name, lines in zip(names, (metadata, wheel, record), strict=True):
            archive.writestr(name, "".join(f"{line}\n" for line in lines))
    return path


def _read(path: Path) -> Distribution:
    headers = HeaderParser().parsestr(path.read_text(encoding="utf-8", errors="replace"))
    return Distribution(
        name=_one_line(headers["Name"]),
        version=_one_line(headers["Version"]),
        requires=tuple(_lines(headers.get_all("Requires-Dist", ()))),
        extras=tuple(_lines(headers.get_all("Provides-Extra", ()))),
        source=_source(path.with_name("direct_url.json")),
    )


def _lines(values: Sequence[object]) -> Iterator[str]:
    return (_one_line(value) for value in values)


def _one_line(value: object) -> str:
    """Unfold a header, which may have been continued on further lines."""
    return " ".join(str(value).split())


def _source(path: Path) -> Path | None:
    try:
        url = urlsplit(json.loads(path.read_bytes())["url"])
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None
    return Path(unquote(url.path)) if url.scheme == "file" else None


def pins(distributions: Iterable[Distribution]) -> tuple[str, ...]:
    """Return name and version of each, sorted."""
    return tuple(sorted(one.pin for one in distributions))

r"""Paths as the text of a file format: bytes that are no UTF-8 become escapes such as \xe9."""

import os
import re
from pathlib import Path

_ESCAPE = re.compile(rb"\\x([89a-f][0-9a-f])")


def to_text(path: str) -> str:
    """Return a path, or any word of a command line, without lone surrogates."""
    return os.fsencode(path).decode("utf-8", errors="backslashreplace")


def from_text(root: Path, text: str) -> Path:
    """Return the file below root that a relative path, written as text, stands for."""
    path = root / text
    if path.exists():
        return path
    raw = _ESCAPE.sub(lambda escape: bytes([int(escape[1], 16)]), text.encode())
    return root / os.fsdecode(raw)

"""Output files: whole or not at all, and nothing that is no file is moved over."""

import json
import os
import stat
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from pictures import snapshot
from pydantic import ValidationError

from specialist_ci.errors import UsageError
from specialist_ci.formats.files import parse_snapshot, snapshot_text, write
from specialist_ci.formats.snapshot import Snapshot


def test_a_new_file_has_the_usual_mode(tmp_path: Path) -> None:
    """As with open(), not the secret one of temporary files; and no other file stays."""
    write(tmp_path / "report.md", "text\n")
    assert (tmp_path / "report.md").read_text(encoding="utf-8") == "text\n"
    other = tmp_path / "other"
    other.touch()
    assert (tmp_path / "report.md").stat().st_mode == other.stat().st_mode
    assert len(list(tmp_path.iterdir())) == 2


def test_a_link_stays(tmp_path: Path) -> None:
    """What it leads to is written."""
    (tmp_path / "link").symlink_to("target")
    write(tmp_path / "link", "text\n")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "target").read_text(encoding="utf-8") == "text\n"


def test_a_pipe_is_written_to(tmp_path: Path) -> None:
    """As a device is: /dev/null and /dev/stdout are left in place."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    found: list[str] = []
    reader = threading.Thread(target=lambda: found.append(pipe.read_text(encoding="utf-8")))
    reader.start()
    write(pipe, "text\n")
    reader.join(timeout=60)
    assert found == ["text\n"]
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_a_folder_is_refused(tmp_path: Path) -> None:
    """In one line, and nothing is left in it."""
    with pytest.raises(UsageError, match="cannot write"):
        write(tmp_path, "text\n")
    assert not list(tmp_path.iterdir())


TREE = {
    "a.py": "def half(x):\n    return x / 2\n",
    "b.py": 'TEXT = "\\"files\\":[]"\n\n\ndef twice(x):\n    return x * 2\n',
}


def test_snapshots_are_read_file_by_file() -> None:
    """What we write is one JSON object, and reads the same however it is laid out."""
    written = snapshot(TREE)
    text = snapshot_text(written)
    assert text.count("\n") == len(TREE) + 2
    compact = written.model_dump_json()
    assert json.loads(text) == json.loads(compact)
    for layout in (text, text.rstrip("\n"), compact, written.model_dump_json(indent=2)):
        assert parse_snapshot(layout.encode()) == written
    empty = written.model_copy(update={"files": ()})
    assert parse_snapshot(snapshot_text(empty).encode()) == empty


DAMAGES: dict[str, Callable[[list[str]], list[str]]] = {
    "a line is missing": lambda lines: [lines[0], lines[1], *lines[3:]],
    "the end is missing": lambda lines: lines[:-1],
    "no comma": lambda lines: [lines[0], lines[1][:-1], *lines[2:]],
    "a comma too many": lambda lines: [*lines[:2], lines[2] + ",", *lines[3:]],
    "a file is cut": lambda lines: [lines[0], lines[1][:40] + ",", *lines[2:]],
    "a file is a number": lambda lines: [lines[0], "1,", *lines[2:]],
    "an unknown key": lambda lines: [lines[0], lines[1].replace('"path"', '"way"'), *lines[2:]],
    "files elsewhere": lambda lines: ['{"x":{"files":[', *lines[1:-1], "]}}"],
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_damaged_snapshots_are_refused(damage: Callable[[list[str]], list[str]]) -> None:
    """What is no whole snapshot is refused as the JSON that it is, its parts read or not."""
    text = "\n".join(damage(snapshot_text(snapshot(TREE)).splitlines()))
    with pytest.raises(ValidationError) as refused:
        parse_snapshot(text.encode())
    with pytest.raises(ValidationError) as whole:
        Snapshot.model_validate_json(text.encode())
    assert refused.value.errors() == whole.value.errors()

"""Finds files of Git LFS that a checkout has only the pointers of."""

from collections.abc import Iterator
from pathlib import Path

from specialist_ci.formats.paths import to_text
from specialist_ci.formats.snapshot import Condition
from specialist_ci.repository.git import Repository

_MAGIC = b"version https://git-lfs.github.com/spec/"  # git-lfs, docs/spec.md
_LARGEST = 1024  # bytes of a pointer
_NAMED = 3  # files in a message


def pointer_conditions(root: Path) -> Iterator[Condition]:
    """Yield the condition that files of a checkout are pointers, not their content."""
    found = [path for path in Repository(root).large_files() if _is_pointer(root / path)]
    if found:
        named = ", ".join(map(to_text, found[:_NAMED]))
        more = " and more" if len(found) > _NAMED else ""
        plural = "files are pointers" if len(found) > 1 else "file is a pointer"
        yield Condition(
            name="lfs-pointers",
            message=f"{len(found)} {plural} of Git LFS, not the content: {named}{more}",
            remedy="where the command reads them, install git-lfs and run 'git lfs install' and "
            "'git lfs fetch --all' (actions/checkout: lfs: true)",
        )


def _is_pointer(file: Path) -> bool:
    try:
        if file.is_symlink() or file.stat().st_size > _LARGEST:
            return False
        return file.read_bytes().startswith(_MAGIC)
    except OSError:
        return False

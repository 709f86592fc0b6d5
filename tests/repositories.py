r"""Draws small real git repositories for tests: a tree is a dict of path to content.

    repository = Drawing(tmp_path / "repository")
    base = repository.commit({"a.py": "x = 1\n", "run": Executable("#!/bin/sh\n")})
    head = repository.commit({"a.py": "x = 2\n", "link": Link("a.py")})
    repository.draw({"b c.py": "uncommitted\n"})

Each picture is the whole tree: what it does not show is not there.
"""

import hashlib
import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ENVIRONMENT = {
    "GIT_AUTHOR_DATE": "2024-01-01T00:00:00+0000",
    "GIT_AUTHOR_EMAIL": "author@example.com",
    "GIT_AUTHOR_NAME": "An Author",
    "GIT_COMMITTER_DATE": "2024-01-01T00:00:00+0000",
    "GIT_COMMITTER_EMAIL": "author@example.com",
    "GIT_COMMITTER_NAME": "An Author",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "LC_ALL": "C",
}
"""Makes git independent of the machine; fixtures set it for git calls of the code under test."""


@dataclass(frozen=True, slots=True)
class Executable:
    """A file with the executable bit."""

    text: str


@dataclass(frozen=True, slots=True)
class Link:
    """A symbolic link."""

    target: str


Content = str | Executable | Link
Tree = Mapping[str, Content]


class Drawing:
    """One repository, with its checkout at ``root``."""

    def __init__(self, root: Path) -> None:
        """Make an empty repository on the branch main, or take the one that is there."""
        self.root = root
        if not (root / ".git").exists():
            root.mkdir(parents=True, exist_ok=True)
            self.git("init", "--quiet", "--initial-branch=main")

    def git(self, *arguments: str) -> str:
        """Run git in the checkout and return what it prints, less the last newline."""
        inherited = {key: text for key, text in os.environ.items() if not key.startswith("GIT_")}
        done = subprocess.run(
            ["git", *arguments],
            cwd=self.root,
            env=inherited | ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr.decode()
        return os.fsdecode(done.stdout).removesuffix("\n")

    def draw(self, tree: Tree) -> None:
        """Make the checkout show exactly this tree, without committing it."""
        for entry in self.root.iterdir():
            if entry.name != ".git":
                shutil.rmtree(
                    entry
                ) if entry.is_dir() and not entry.is_symlink() else entry.unlink()
        for path, content in tree.items():
            file = self.root / path
            file.parent.mkdir(parents=True, exist_ok=True)
            match content:
                case Link(target):
                    file.symlink_to(target)
                case Executable(text):
                    file.write_text(text, encoding="utf-8")
                    file.chmod(0o755)
                case text:
                    file.write_text(text, encoding="utf-8")
                    file.chmod(0o644)

    def commit(self, tree: Tree, message: str = "a commit") -> str:
        """Commit exactly this tree and return the id of the commit."""
        self.draw(tree)
        self.git("add", "--all", "--force")
        self.git("commit", "--quiet", "--allow-empty", "--no-verify", f"--message={message}")
        return self.git("rev-parse", "HEAD")

    def clone(self, root: Path, *options: str) -> "Drawing":
        """Clone this repository as over a network, so that ``--depth=1`` counts."""
        self.git("clone", "--quiet", *options, f"file://{self.root}", str(root))
        return Drawing(root)


def picture(root: Path) -> dict[str, Content]:
    """Return the tree below a directory as ``draw`` takes it, without ``.git``."""
    tree: dict[str, Content] = {}
    for file in sorted(root.rglob("*")):
        path = file.relative_to(root).as_posix()
        if path.split("/")[0] == ".git":
            continue
        if file.is_symlink():
            tree[path] = Link(str(file.readlink()))
        elif file.is_file():
            text = file.read_text(encoding="utf-8")
            tree[path] = Executable(text) if file.stat().st_mode & 0o100 else text
    return tree


def fingerprint(root: Path) -> dict[str, tuple[int, int, str]]:
    """Return mode, mtime and hash of every file below a directory, ``.git`` included."""
    return {
        str(file.relative_to(root)): (
            file.lstat().st_mode,
            file.lstat().st_mtime_ns,
            hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else "",
        )
        for file in root.rglob("*")
        if file.is_symlink() or file.is_file()
    }

"""The files of one revision below a project's folder, as text."""

import ast
import json
import re
import tomllib
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePosixPath
from typing import Any


@dataclass(frozen=True)
class Tree:
    """Paths of all files, sorted, and how to read one; both relative to the project."""

    paths: tuple[str, ...]
    read: Callable[[str], str | None]  # None: there is no such file

    def has(self, path: str) -> bool:
        """Tell whether there is a file at a path."""
        return path in self._known

    def python_files(self, folder: str = "") -> Iterator[str]:
        """Yield the Python files below a folder, the whole project's for none."""
        prefix = f"{folder}/" if folder not in {"", "."} else ""
        return (path for path in self._python if path.startswith(prefix))

    @cached_property
    def _known(self) -> frozenset[str]:
        return frozenset(self.paths)

    @cached_property
    def _python(self) -> tuple[str, ...]:
        files = (path for path in self.paths if path.endswith(".py"))
        # Nobody looks for tests or benchmarks in hidden folders, such as .github.
        return tuple(path for path in files if not path.startswith(".") and "/." not in path)

    def parse(self, path: str) -> ast.Module:
        """Return the syntax tree of a Python file, an empty one where it does not parse."""
        try:
            with warnings.catch_warnings(action="ignore"):  # about the file's own syntax
                return ast.parse(self.read(path) or "")
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return ast.Module(body=[], type_ignores=[])

    def toml(self, path: str) -> dict[str, Any]:
        """Return a TOML file's data, none where it is missing or broken."""
        try:
            return tomllib.loads(self.read(path) or "")
        except tomllib.TOMLDecodeError:
            return {}

    def json(self, path: str) -> Any:  # noqa: ANN401 - JSON
        """Return the data of a JSON file with comments, None where it is missing or broken."""
        text = self.read(path) or ""
        bare = re.sub(r'("(?:\\.|[^"\\\n])*")|//[^\n]*|/\*.*?\*/', r"\1", text, flags=re.DOTALL)
        try:
            return json.loads(re.sub(r",(\s*[}\]])", r"\1", bare))
        except ValueError:
            return None

    def requires(self, package: str) -> bool:
        """Tell whether the project's metadata or requirements name a package."""
        name = "[-_]".join(map(re.escape, package.split("-")))
        word = re.compile(rf"(?<![\w.-]){name}(?![\w-])", re.IGNORECASE)
        return any(
            word.search(re.sub(r"(^|\s)#.*", "", self.read(path) or "", flags=re.MULTILINE))
            for path in self.paths
            if path.count("/") <= 1 and _lists_requirements(PurePosixPath(path))
        )


def _lists_requirements(path: PurePosixPath) -> bool:
    """Tell whether a file, not deeper than in a folder, is one of those."""
    if len(path.parts) == 1 and path.name in {
        "pyproject.toml",
        "setup.cfg",
        "setup.py",
        "tox.ini",
        "Pipfile",
        "noxfile.py",
    }:
        return True
    return path.suffix == ".txt" and "requirements" in str(path)

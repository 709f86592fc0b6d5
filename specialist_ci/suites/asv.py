"""Finds benchmarks of airspeed velocity, which a loop of ours runs without asv."""

import ast
import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from specialist_ci.environments.wanted import PACKAGE
from specialist_ci.suites.found import Found
from specialist_ci.suites.tree import Tree

_CONFIGURATIONS = ("asv.conf.json", "asv.conf.jsonc")
_SECTIONS = frozenset({"req", "env", "env_nobuild"})  # of a matrix since asv 0.5
_TIMED = re.compile(r"time_.|Time[A-Z_].")  # as asv tells benchmarks that are timed


def find_asv(tree: Tree, calls: int) -> Iterator[Found]:
    """Yield the folder that asv.conf.json names, else benchmarks/ where it has time_* in it."""
    for folder, because in _folders(tree):
        if any(_has_benchmark(tree, path) for path in tree.python_files(folder)):
            yield Found(
                "asv",
                ("python", "-m", "_specialist_ci_asv", str(calls), folder),
                f"{because}, run without asv",
                repeats=True,
            )
            return


def required_by_asv(tree: Tree) -> tuple[str, ...]:
    """Return the packages that asv would install beside the project, as requirements (PEP 508).

    Of each package in the matrix it is the first version, and none where that is null. What asv
    takes from conda only, is taken by its name there too.
    """
    for _, path in _folders(tree):
        data = tree.json(path)
        matrix = data.get("matrix") if isinstance(data, dict) else None
        if isinstance(matrix, dict):
            required = matrix.get("req", {} if _SECTIONS & matrix.keys() else matrix)
            found = required.items() if isinstance(required, dict) else ()
            return tuple(filter(None, (_requirement(*pair) for pair in found)))
    return ()


def _requirement(name: str, versions: object) -> str | None:
    first = versions[0] if isinstance(versions, list) and versions else versions or ""
    name = name.removeprefix("pip+")
    if not isinstance(first, str) or name == "python":
        return None
    exactly = "==" if first[:1].isalnum() else ""
    requirement = f"{name}{exactly}{first}"
    return requirement if re.fullmatch(PACKAGE, requirement) else None


def _folders(tree: Tree) -> Iterator[tuple[str, str]]:
    found = [PurePosixPath(path) for path in tree.paths if path.endswith(_CONFIGURATIONS)]
    found = [path for path in found if path.name in _CONFIGURATIONS]
    for path in sorted(found, key=lambda path: (len(path.parts), path)):
        data = tree.json(str(path))
        named = data.get("benchmark_dir") if isinstance(data, dict) else None
        folder = path.parent / (named if isinstance(named, str) else "benchmarks")
        if ".." not in folder.parts and not folder.is_absolute():
            yield str(folder), str(path)
    yield "benchmarks", "time_* in benchmarks/"


def _has_benchmark(tree: Tree, path: str) -> bool:
    """Tell whether a module defines a timed function, or a class with a timed method."""
    functions = ast.FunctionDef | ast.AsyncFunctionDef
    body = tree.parse(path).body
    inner = [node for top in body if isinstance(top, ast.ClassDef) for node in top.body]
    return any(isinstance(node, functions) and _TIMED.match(node.name) for node in (*body, *inner))

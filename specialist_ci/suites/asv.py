"""Finds benchmarks of airspeed velocity, which a loop of ours runs without asv."""

import ast
import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from specialist_ci.suites.found import CALLS, Found
from specialist_ci.suites.tree import Tree

_CONFIGURATIONS = ("asv.conf.json", "asv.conf.jsonc")
_TIMED = re.compile(r"time_.|Time[A-Z_].")  # as asv tells benchmarks that are timed


def find_asv(tree: Tree) -> Iterator[Found]:
    """Yield the folder that asv.conf.json names, else benchmarks/ where it has time_* in it."""
    for folder, because in _folders(tree):
        if any(_has_benchmark(tree, path) for path in tree.python_files(folder)):
            yield Found(
                "asv",
                ("python", "-m", "_specialist_ci_asv", str(CALLS), folder),
                f"{because}, run without asv",
            )
            return


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

"""Finds benchmarks that are scripts: those of pyperf, and those that just run."""

import ast
from collections.abc import Iterator
from pathlib import PurePosixPath
from posixpath import basename

from specialist_ci.suites.found import Found, pyperf_worker
from specialist_ci.suites.tests import is_test_file
from specialist_ci.suites.tree import Tree

_FOLDERS = ("benchmarks", "bench")
_MAIN = "__main__.py"

_PASSIVE = (
    ast.Import
    | ast.ImportFrom
    | ast.FunctionDef
    | ast.AsyncFunctionDef
    | ast.ClassDef
    | ast.Assign
    | ast.AnnAssign
)


def find_pyperf(tree: Tree, calls: int) -> Iterator[Found]:
    """Yield the scripts that use pyperf."""
    scripts = [path for path in _scripts(tree) if _imports_pyperf(tree.parse(path))]
    scripts += [
        path
        for path in tree.python_files()
        if _is_below_a_package(path)
        if _imports_pyperf(module := tree.parse(path)) and _does_something(module)
    ]
    if scripts:
        yield Found(
            "pyperf",
            (*_each(scripts), *_after(scripts), *pyperf_worker(calls)),
            f"pyperf in {_named(scripts)}",
            repeats=True,
        )


def find_scripts(tree: Tree) -> Iterator[Found]:
    """Yield the other scripts, each of which is run once."""
    scripts = [
        path
        for path in _scripts(tree)
        if not _imports_pyperf(module := tree.parse(path)) and _does_something(module)
    ]
    if scripts:
        yield Found("scripts", _each(scripts), _named(scripts))


def _scripts(tree: Tree) -> list[str]:
    return [
        path
        for path in tree.python_files()
        if _has_a_place_of_benchmarks(path)
        and (basename(path) == _MAIN or not _has_main(tree, path))
        and (basename(path) == _MAIN or not basename(path).startswith("_"))
        and not is_test_file(path)
        and basename(path) != "conftest.py"
    ]


def _has_main(tree: Tree, path: str) -> bool:
    """Tell whether a file is a part of a package that is run as a whole, by -m."""
    folder = path.rpartition("/")[0]
    return bool(folder) and tree.has(f"{folder}/{_MAIN}")


def _has_a_place_of_benchmarks(path: str) -> bool:
    folder, _, name = path.rpartition("/")
    return folder in _FOLDERS or (not folder and name.startswith("bench"))


def _is_below_a_package(path: str) -> bool:
    above, _, name = path.rpartition("/")[0].rpartition("/")
    return bool(above) and name in _FOLDERS


def _each(scripts: list[str]) -> tuple[str, ...]:
    names = [
        PurePosixPath(path).parent.name if basename(path) == _MAIN else path for path in scripts
    ]
    if len(names) == 1:
        return ("python", "-m", *names) if basename(scripts[0]) == _MAIN else ("python", *names)
    return ("python", "-m", "_specialist_ci_each", *names)


def _after(scripts: list[str]) -> tuple[str, ...]:
    """Return what parts several scripts from the arguments that each gets."""
    return ("--",) if len(scripts) > 1 else ()


def _named(scripts: list[str]) -> str:
    others = f" and {len(scripts) - 1} more" if len(scripts) > 1 else ""
    return f"{scripts[0]}{others}"


def _imports_pyperf(module: ast.Module) -> bool:
    return any(
        (isinstance(node, ast.Import) and any(_is_pyperf(alias.name) for alias in node.names))
        or (isinstance(node, ast.ImportFrom) and _is_pyperf(node.module or ""))
        for node in ast.walk(module)
    )


def _is_pyperf(module: str) -> bool:
    return module.partition(".")[0] == "pyperf"


def _does_something(module: ast.Module) -> bool:
    """Tell a script from a module that only defines things."""
    return any(
        not isinstance(node, _PASSIVE)
        and not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
        for node in module.body
    )

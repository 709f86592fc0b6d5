"""Finds tests that use the benchmark fixture of pytest-benchmark or pytest-codspeed."""

import ast
from collections.abc import Iterator

from specialist_ci.suites.found import Found
from specialist_ci.suites.tests import is_test_file, pytest_switches
from specialist_ci.suites.tree import Tree

_PLUGINS = ("pytest-benchmark", "pytest-codspeed")
_WORD = "benchmark"  # in all names of fixtures and marks below


def find_plugin_benchmarks(tree: Tree, calls: int) -> Iterator[Found]:
    """Yield the files whose tests ask for the fixture, where the project requires a plugin."""
    plugins = [plugin for plugin in _PLUGINS if tree.requires(plugin)]
    if not plugins:
        return
    files = [
        path
        for path in tree.python_files()
        if _may_hold_benchmarks(path)
        # To parse each of thousands of tests takes seconds.
        and _WORD in (tree.read(path) or "")
        and _uses_benchmark(tree.parse(path))
    ]
    if files:
        yield Found(
            plugins[0],
            (
                "python",
                "-m",
                "pytest",
                "-p",
                "_specialist_ci_rounds",
                f"--specialist-ci-rounds={calls}",
                *pytest_switches(tree),
                *files,
            ),
            f"{plugins[0]} and the benchmark fixture",
            repeats=True,
        )


def _may_hold_benchmarks(path: str) -> bool:
    return is_test_file(path) or "bench" in path.rpartition("/")[2]


def _uses_benchmark(module: ast.Module) -> bool:
    return _marks_all(module) or any(
        isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name.startswith(("test", "bench"))
        and (_takes(node) or any(map(_is_marker, node.decorator_list)))
        for node in ast.walk(module)
    )


def _marks_all(module: ast.Module) -> bool:
    """Recognize pytestmark = pytest.mark.benchmark, called or not, alone or in a list."""
    marks = [
        node.value
        for node in module.body
        if isinstance(node, ast.Assign)
        and any(
            isinstance(target, ast.Name) and target.id == "pytestmark" for target in node.targets
        )
    ]
    lists = ast.List | ast.Tuple
    return any(
        _is_marker(mark)
        for value in marks
        for mark in (value.elts if isinstance(value, lists) else [value])
    )


def _takes(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    arguments = {argument.arg for argument in (*node.args.args, *node.args.kwonlyargs)}
    return not arguments.isdisjoint({"benchmark", "codspeed_benchmark", "benchmark_weave"})


def _is_marker(node: ast.expr) -> bool:
    """Recognize @pytest.mark.benchmark, called or not."""
    mark = node.func if isinstance(node, ast.Call) else node
    return isinstance(mark, ast.Attribute) and mark.attr in {"benchmark", "codspeed_benchmark"}

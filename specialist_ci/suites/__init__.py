"""Finds the benchmarks and tests of a project that configures none, by its files' text alone."""

from collections.abc import Iterator

from specialist_ci.suites.asv import find_asv
from specialist_ci.suites.found import CALLS, Found
from specialist_ci.suites.manifest import find_manifest
from specialist_ci.suites.plugins import find_plugin_benchmarks
from specialist_ci.suites.scripts import find_pyperf, find_scripts
from specialist_ci.suites.tests import find_tests
from specialist_ci.suites.tree import Tree

__all__ = ["Found", "Tree", "find_suites"]


def find_suites(tree: Tree, calls: int = CALLS) -> Iterator[Found]:
    """Yield what a project could be measured by, the best first.

    Benchmarks come before tests, and what says more of itself before what says less.
    """
    yield from find_asv(tree, calls)
    yield from find_plugin_benchmarks(tree, calls)
    yield from find_manifest(tree, calls)
    yield from find_pyperf(tree, calls)
    yield from find_scripts(tree)
    yield from find_tests(tree)

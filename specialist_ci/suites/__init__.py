"""Finds the benchmarks and tests of a project that configures none, by its files' text alone."""

from collections.abc import Callable, Iterator

from specialist_ci.suites.asv import find_asv
from specialist_ci.suites.found import Found
from specialist_ci.suites.manifest import find_manifest
from specialist_ci.suites.plugins import find_plugin_benchmarks
from specialist_ci.suites.scripts import find_pyperf, find_scripts
from specialist_ci.suites.tests import find_tests
from specialist_ci.suites.tree import Tree

__all__ = ["ORDER", "Found", "Tree", "find_suites"]

ORDER: tuple[Callable[[Tree], Iterator[Found]], ...] = (
    find_asv,
    find_plugin_benchmarks,
    find_manifest,
    find_pyperf,
    find_scripts,
    find_tests,
)
"""Benchmarks before tests, and what says more of itself before what says less."""


def find_suites(tree: Tree) -> Iterator[Found]:
    """Yield what a project could be measured by, the best first."""
    return (found for find in ORDER for found in find(tree))

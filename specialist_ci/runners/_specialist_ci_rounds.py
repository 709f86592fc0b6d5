"""A pytest plugin: runs each test that uses the benchmark fixture a fixed number of times.

pytest-benchmark and pytest-codspeed choose the number of rounds by the clock; where both are
switched off, a call of the fixture is one call of the function. So the test is repeated.
"""

from typing import Any

_ROUND = "_specialist_ci_round"
_FIXTURES = ("benchmark", "benchmark_weave", "codspeed_benchmark")
_MARKERS = ("benchmark", "codspeed_benchmark")
# Of both plugins: what measures time, and what contradicts that it shall not.
_OFF = ("benchmark_enable", "benchmark_only", "benchmark_skip", "codspeed")


def pytest_addoption(parser: Any) -> None:
    """Take the number of rounds."""
    parser.addoption("--specialist-ci-rounds", type=int, required=True, help="runs of each test")


def pytest_cmdline_main(config: Any) -> None:
    """Switch measuring off before the plugins are configured."""
    for name in _OFF:
        if hasattr(config.option, name):
            setattr(config.option, name, False)
    if hasattr(config.option, "benchmark_disable"):
        config.option.benchmark_disable = True


def pytest_generate_tests(metafunc: Any) -> None:
    """Make as many tests of one benchmark as it shall have rounds."""
    if _is_benchmark(metafunc.fixturenames, metafunc.definition):
        metafunc.fixturenames.append(_ROUND)
        metafunc.parametrize(_ROUND, range(metafunc.config.option.specialist_ci_rounds))


def pytest_collection_modifyitems(config: Any, items: Any) -> None:
    """Leave out the tests that are no benchmarks."""
    kept: list[Any] = []
    others: list[Any] = []
    for item in items:
        found = _is_benchmark(getattr(item, "fixturenames", ()), item)
        (kept if found else others).append(item)
    if others:
        config.hook.pytest_deselected(items=others)
        items[:] = kept


def _is_benchmark(fixtures: Any, node: Any) -> bool:
    marked = any(node.get_closest_marker(name) is not None for name in _MARKERS)
    return marked or any(name in fixtures for name in _FIXTURES)

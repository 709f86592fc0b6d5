"""Knows the tools that trace programs: how each is called, and what turns it off."""

from collections.abc import Iterable
from typing import NamedTuple


class Tool(NamedTuple):
    """A tool, by the modules or names under which the collector finds it."""

    modules: tuple[str, ...]  # and everything below them
    name: str
    remedy: str
    hopeless: bool = False  # whether the run is no measurement, whatever can be read


_TOOLS = (
    Tool(
        ("coverage", "pytest_cov"),
        "coverage",
        "measure without coverage (pytest-cov: --no-cov; coverage run: the script itself)",
    ),
    Tool(
        ("bdb", "bdbtracer", "pdb"),
        "the debugger pdb",
        "measure the script itself, without -m pdb and breakpoint()",
        hopeless=True,  # it stops the program, starts it again and drops its modules
    ),
    Tool(
        ("pydevd", "_pydevd_bundle", "debugpy"),
        "the debugger debugpy",
        "start the command without the debugger",
        hopeless=True,
    ),
    Tool(
        ("cProfile", "_lsprof", "profile", "profiling"),
        "a profiler",
        "measure the script itself, without -m cProfile, -m profile and -m profiling.tracing",
    ),
    Tool(
        ("__main__",),
        "a trace function of the script",
        "remove its calls of sys.settrace and sys.setprofile",
    ),
    Tool(("trace",), "the module trace", "measure the script itself, without -m trace"),
)
UNKNOWN = Tool((), "a tracer", "measure without coverage, debugger and profiler")
THE_JIT = Tool((), "the JIT", "measure without PYTHON_JIT=1")
# The core of coverage that leaves what runs as it is, once each line was seen.
_SYSMON = "coverage.py"
_SYSMON_HELPS = ("3.13", "3.14", "3.15")


def recognize(found: Iterable[str], *, minor: str) -> tuple[Tool, ...]:
    """Return the tools that the collector found in a Python such as 3.13, each once."""
    names = sorted(set(found))
    tools = dict.fromkeys(_tool(name) for name in names)
    if _SYSMON in names or minor not in _SYSMON_HELPS:
        return tuple(tools)
    sysmon = "--env COVERAGE_CORE=sysmon" + (", without branches" if minor == "3.13" else "")
    return tuple(
        tool._replace(remedy=f"{tool.remedy}, or with {sysmon}")
        if "coverage" in tool.modules
        else tool
        for tool in tools
    )


def _tool(found: str) -> Tool:
    for tool in _TOOLS:
        if _within(found, tool.modules):
            return tool
    return Tool((found,), found, f"turn {found} off")


def _within(found: str, modules: Iterable[str]) -> bool:
    return any(found == module or found.startswith(f"{module}.") for module in modules)

"""Writes who this interpreter is, as JSON, and compiles its folder: python identify.py TARGET.

Any Python may be asked, so this parses on Python 2 and on other implementations.
"""

import json
import os
import sys
import sysconfig


def _specializes():
    """Return whether a hot addition of two floats gets a specialized opcode here."""

    def add(left, right):
        return left + right

    for _ in range(200):
        add(1.0, 2.0)
    adaptive = getattr(add.__code__, "_co_code_adaptive", None)
    if adaptive is None:
        return False
    import opcode

    specialized = getattr(opcode, "_specialized_opmap", None)
    if specialized is None:
        import dis

        names = getattr(dis, "_all_opname", ())
        specialized = {name: number for number, name in enumerate(names)}
    return specialized.get("BINARY_OP_ADD_FLOAT") in adaptive[::2]


def _jit():
    """Return whether loops are compiled to executors, by which 3.13 says so."""
    if hasattr(sys, "_jit"):
        return sys._jit.is_enabled()

    def loop(count):
        for _ in range(count):
            pass

    loop(10000)
    import opcode

    entry = opcode.opmap.get("ENTER_EXECUTOR")
    adaptive = getattr(loop.__code__, "_co_code_adaptive", b"")
    return entry is not None and entry in adaptive[::2]


def _implementation():
    if getattr(getattr(sys, "implementation", None), "name", None) == "cpython":
        return "CPython"
    import platform  # takes as long to import as all the rest

    return platform.python_implementation()


def _identity():
    version = sys.version_info
    words = sys.version.split(" ", 1)
    suffix = "" if version[3] == "final" else "%s%d" % (version[3], version[4])
    return {
        "version": "%d.%d.%d%s" % (version[0], version[1], version[2], suffix),
        "implementation": _implementation(),
        "build": " ".join(words[1].split()) if len(words) > 1 else "",
        "platform": sysconfig.get_platform(),
        "cache_tag": getattr(getattr(sys, "implementation", None), "cache_tag", None) or "",
        "debug": hasattr(sys, "gettotalrefcount"),
        "free_threaded": "t" in getattr(sys, "abiflags", ""),
        "jit": _jit(),
        "pystats": hasattr(sys, "_stats_on"),
        "specializes": _specializes(),
    }


# Half of all code, which only explaining runs need, and processes that a shell ends: they have
# it compiled when they come.
_LATER = ("describers", "explain", "facts", "internals", "mapping", "memory", "probes", "sites")


def _compile_collector():
    """Keep the bytecode of the files beside this one, whatever the environment says."""
    from importlib.machinery import SourceFileLoader

    here = os.path.dirname(os.path.abspath(__file__))
    sys.dont_write_bytecode = False
    for name in os.listdir(here):
        part = name.replace("_specialist_ci_", "")[:-3]
        if name.endswith(".py") and part not in _LATER:
            SourceFileLoader(name[:-3], os.path.join(here, name)).get_code(name[:-3])


if __name__ == "__main__":
    with open(sys.argv[1], "w") as target:
        json.dump(_identity(), target)
    if sys.version_info >= (3, 11):  # noqa: UP036 - any Python may be asked
        _compile_collector()

"""Writes who this interpreter is, as JSON, and compiles its folder: python identify.py TARGET.

Any Python may be asked, so this parses on Python 2 and on other implementations.
"""

import json
import os
import platform
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


def _identity():
    version = sys.version_info
    jit = getattr(sys, "_jit", None)
    words = sys.version.split(" ", 1)
    suffix = "" if version[3] == "final" else "%s%d" % (version[3], version[4])
    return {
        "version": "%d.%d.%d%s" % (version[0], version[1], version[2], suffix),
        "implementation": platform.python_implementation(),
        "build": " ".join(words[1].split()) if len(words) > 1 else "",
        "platform": sysconfig.get_platform(),
        "cache_tag": getattr(getattr(sys, "implementation", None), "cache_tag", None) or "",
        "debug": hasattr(sys, "gettotalrefcount"),
        "free_threaded": bool(sysconfig.get_config_var("Py_GIL_DISABLED")),
        "jit": bool(jit and jit.is_enabled()),
        "pystats": hasattr(sys, "_stats_on"),
        "specializes": _specializes(),
    }


def _compile_collector():
    """Keep the bytecode of the files beside this one, whatever the environment says."""
    from importlib.machinery import SourceFileLoader

    here = os.path.dirname(os.path.abspath(__file__))
    sys.dont_write_bytecode = False
    for name in os.listdir(here):
        if name.endswith(".py"):
            SourceFileLoader(name[:-3], os.path.join(here, name)).get_code(name[:-3])


if __name__ == "__main__":
    with open(sys.argv[1], "w") as target:
        json.dump(_identity(), target)
    if sys.version_info >= (3, 11):  # noqa: UP036 - any Python may be asked
        _compile_collector()

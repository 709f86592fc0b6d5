"""Starts the recorder in a measured process and is inert in any other.

Every Python below the measured command imports this file, Python 2 and PyPy
included: it must parse and stay silent on all of them. Any other sitecustomize
on the path still runs, as if this one were not there.
"""

import os
import sys


def _start_recorder():
    control = os.environ.get("SPECIALIST_CI_CONTROL")
    if control and sys.version_info >= (3, 11) and sys.implementation.name == "cpython":
        import _specialist_ci_recorder

        _specialist_ci_recorder.start(control)
        for name in list(sys.modules):
            if name.startswith("_specialist_ci_"):
                del sys.modules[name]  # it lives on in what it registered
        if os.environ.get("SPECIALIST_CI_SHARD"):
            import _specialist_ci_shard  # noqa: F401 - for pytest to find, off the path


def _step_aside():
    """Take this folder off the path and let the next sitecustomize run instead.

    Where there is none, the same ImportError as ever says so to the site module, and
    the import system forgets this file.
    """
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [entry for entry in sys.path if entry != here]
    sys.path_importer_cache.pop(here, None)
    del sys.modules["sitecustomize"]
    import sitecustomize  # noqa: F401 - the next one on the path


_start_recorder()
_step_aside()

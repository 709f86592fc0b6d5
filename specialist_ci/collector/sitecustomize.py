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


def _step_aside():
    """Take this folder off the path and let the next sitecustomize run instead."""
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [entry for entry in sys.path if entry != here]
    this = sys.modules.pop("sitecustomize")
    try:
        import sitecustomize  # noqa: F401 - the next one on the path
    except ImportError as error:
        if getattr(error, "name", "sitecustomize") != "sitecustomize":
            raise
    finally:
        # The import system looks the module up again when this file ends.
        sys.modules.setdefault("sitecustomize", this)


_start_recorder()
_step_aside()

"""Starts the recorder in a measured process and is inert in any other.

Every Python below the measured command imports this file, Python 2 and PyPy
included: it must parse and stay silent on all of them. Any other sitecustomize
on the path still runs, as if this one were not there.
"""

import os
import sys

_HERE = os.path.dirname(os.path.abspath(__file__))


def _start_recorder():
    control = os.environ.get("SPECIALIST_CI_CONTROL")
    if control and sys.version_info >= (3, 11) and sys.implementation.name == "cpython":
        # The project may have a struct.py or sysconfig.py, which is not what we import.
        path, given = sys.path[:], os.environ.get("PYTHONPATH", "").split(os.pathsep)
        folders = [folder for folder in given if folder and folder != _HERE]
        theirs = {name: module for name, module in sys.modules.items() if _is_of(folders, module)}
        for name in theirs:
            del sys.modules[name]
        sys.path[:] = [entry for entry in path if entry not in folders]
        known = set(sys.modules)
        try:
            import _specialist_ci_recorder

            _specialist_ci_recorder.start(control)
        finally:
            sys.path[:] = path
            for name in set(sys.modules) - known:
                # Ours live on in what they registered; others' are not to hide the project's.
                if name.startswith("_specialist_ci_") or _is_in(folders, name.partition(".")[0]):
                    del sys.modules[name]
            sys.modules.update(theirs)
        if os.environ.get("SPECIALIST_CI_SHARD"):
            import _specialist_ci_shard  # noqa: F401 - for pytest to find, off the path


def _is_of(folders, module):
    """Tell whether a module was imported from one of the folders, by a .pth file before us."""
    file = str(getattr(module, "__file__", None) or "")
    return any(file.startswith(folder + os.sep) for folder in folders)


def _is_in(folders, name):
    """Tell whether a module of that name would be imported from one of the folders."""
    places = [os.path.join(folder, name) for folder in folders]
    endings = (".py", os.sep + "__init__.py")
    return any(os.path.exists(place + ending) for place in places for ending in endings)


def _step_aside():
    """Take this folder off the path and let the next sitecustomize run instead.

    Where there is none, the same ImportError as ever says so to the site module, and
    the import system forgets this file.
    """
    sys.path[:] = [entry for entry in sys.path if entry != _HERE]
    sys.path_importer_cache.pop(_HERE, None)
    del sys.modules["sitecustomize"]
    import sitecustomize  # noqa: F401 - the next one on the path


_start_recorder()
_step_aside()

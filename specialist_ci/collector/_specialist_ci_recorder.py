"""Notes the code objects of the measured files as they come to life; writes their state at exit.

Nothing here stays in a hot path. The import system's call of ``exec`` and the few
functions of the standard library and pytest that hand out a module's code are
replaced by ones that note it first; a script's own code is caught when it starts.
What none of them sees (``exec`` by other code, ``code.replace``) is found at exit
through the functions that are still alive.

The raw dump holds bytes only; ``decode.py`` makes sense of them later, in another
process of the same interpreter, so that the measured process pays for a copy and
nothing else.
"""

import atexit
import gc
import marshal
import os
import sys
from types import CodeType, FrameType, FunctionType

from _specialist_ci_endings import (
    see_no_handler,
    watch_forks,
    watch_last_calls,
    watch_termination,
)

# Only for type checkers: importing typing would cost the measured process milliseconds.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any, BinaryIO

# Functions that return a module's code (alone, or in a tuple) to a caller that runs it
# by exec. Wrapping them leaves no frame of ours on the stack.
_CODE_SOURCES = {
    "_pytest.assertion.rewrite": ("_read_pyc", "_rewrite_test"),
    "runpy": ("_get_code_from_file", "_get_main_module_details", "_get_module_details"),
}
# Modules that compile a script and run it by exec. A global named compile shadows
# the builtin in that module alone.
_COMPILERS = frozenset(
    {"bdb", "cProfile", "coverage.execfile", "pdb", "profile", "profiling.tracing", "trace"}
)

_NAME = "specialist-ci"  # of our tool, while it waits for the script to start
_OURS = frozenset({_NAME, __name__})
_MONITORING_TOOL = 4  # ids 0, 1, 2 and 5 are for debuggers, coverage, profilers, optimizers


class _Recorder:
    """The code objects noted so far, and where their state goes."""

    def __init__(self, control: str) -> None:
        self.control = control
        with open(os.path.join(control, "roots"), "rb") as file:
            self.roots = tuple(os.fsdecode(file.read()).split("\0"))
        self.noted: list[tuple[str, CodeType]] = []  # with absolute paths
        self.tracers: set[str] = set()
        self._begin()

    def _begin(self) -> None:
        """Take a name for this process; what starts and never gets its dump is missed."""
        self.over = False
        self.name = "%d-%s" % (os.getpid(), os.urandom(4).hex())
        with open(self._path("started"), "wb"):
            pass

    def _path(self, suffix: str) -> str:
        return os.path.join(self.control, "raw", "%s.%s" % (self.name, suffix))

    def note(self, code: CodeType) -> None:
        """Keep a module's code object if it belongs to a measured file."""
        path = code.co_filename
        if not path.startswith("<"):
            try:
                path = os.path.abspath(path)  # a script is named as it was typed
            except OSError:
                return  # relative to a folder that is gone
        if path.startswith(self.roots):
            self.noted.append((path, code))

    def look_for_tracers(self) -> None:
        """Remember what is tracing: it hides or pauses the state that is to be read."""
        for tracer in (sys.gettrace(), sys.getprofile()):
            if tracer is not None:
                self.tracers.add(getattr(tracer, "__module__", None) or type(tracer).__module__)
        if hasattr(sys, "monitoring"):
            tools = (sys.monitoring.get_tool(tool) for tool in range(6))
            self.tracers.update(str(tool) for tool in tools if tool is not None)
        self.tracers -= _OURS

    def arrived(self, module: "dict[str, Any]") -> None:
        """Adapt a module that was just imported and runs other modules' code by itself."""
        self.look_for_tracers()
        name = str(module.get("__name__"))
        if name == "signal":
            see_no_handler(module)
        if name in _COMPILERS:
            module["compile"] = self._noting(compile)
        for function in _CODE_SOURCES.get(name, ()):
            if function in module:
                module[function] = self._noting(module[function])

    def _noting(self, function: "Callable[..., Any]") -> "Callable[..., Any]":
        def noting(*args: object, **kwargs: object) -> object:
            result = function(*args, **kwargs)
            for item in result if type(result) is tuple else (result,):
                if type(item) is CodeType:
                    self.note(item)
                elif type(item) is str and item in _COMPILERS:  # about to run by -m
                    vars(sys.modules["__main__"])["compile"] = self._noting(compile)
            return result

        return noting

    def _codes(self) -> "Iterator[tuple[str, CodeType]]":
        """Yield (path, code) for every code object of the measured files, each once."""
        seen = set()
        pending = self.noted[::-1]
        for function in gc.get_objects():
            if type(function) is FunctionType:
                code = function.__code__
                if code.co_filename.startswith(self.roots):
                    pending.append((code.co_filename, code))
        pending.reverse()
        while pending:
            path, code = pending.pop()
            if id(code) in seen:
                continue
            seen.add(id(code))
            yield path, code
            pending.extend(
                (path, constant) for constant in code.co_consts if type(constant) is CodeType
            )

    def _write(self, file: "BinaryIO") -> None:
        self.look_for_tracers()
        marshal.dump({"version": sys.version, "tracers": sorted(self.tracers)}, file)
        count = 0
        for path, code in self._codes():
            record = (
                path,
                code.co_qualname,
                code.co_firstlineno,
                code._co_code_adaptive,  # type: ignore[attr-defined] # not public
                code.co_code,
                code.co_linetable,
                code.co_names,
            )
            marshal.dump(record, file)
            count += 1
        marshal.dump(count, file)  # the end: a dump without it was cut short

    def restart(self) -> None:
        """Go on as a process of its own: the child of a fork."""
        try:
            self._begin()
        except OSError:
            self.over = True  # the measurement is over, and its folder is gone

    def finish(self) -> None:
        """Write the raw dump; whatever goes wrong stays out of the program's way.

        Writes it anew when called again.
        """
        if self.over:
            return
        try:
            with open(self._path("writing"), "wb") as file:
                self._write(file)
            os.rename(self._path("writing"), self._path("raw"))
        except BaseException as error:  # noqa: BLE001 - never raises into the program
            self._excuse(error)

    def finish_last(self) -> None:
        """Write the raw dump where nothing of the program can come after it."""
        self.finish()
        self.over = True

    def _excuse(self, error: BaseException) -> None:
        try:
            with open(self._path("failed"), "w", encoding="utf-8") as file:
                file.write("%s: %s" % (type(error).__name__, error))
        except OSError:
            return  # the started file without a dump tells as much


def _watch_imports(recorder: _Recorder) -> None:
    """Note each module's code when the import system executes it.

    ``importlib._bootstrap._call_with_frames_removed`` is what importlib's loaders call
    exec through. The replacement has the same depth, name and file, so that tracebacks
    and recursion limits are what they were.
    """
    bootstrap: Any = sys.modules["_frozen_importlib"]
    original = bootstrap._call_with_frames_removed
    note = recorder.note
    arrived = recorder.arrived
    execute = exec

    def _call_with_frames_removed(
        f: "Callable[..., Any]",
        *args: "Any",  # noqa: ANN401 - whatever importlib passes on
        **kwds: "Any",  # noqa: ANN401
    ) -> object:
        if f is not execute:
            return f(*args, **kwds)
        note(args[0])
        result = f(*args, **kwds)
        arrived(args[1])
        return result

    _call_with_frames_removed.__code__ = _call_with_frames_removed.__code__.replace(
        co_filename=original.__code__.co_filename,
        co_qualname=original.__code__.co_qualname,
    )
    bootstrap._call_with_frames_removed = _call_with_frames_removed

    def execute_frozen(code: CodeType, namespace: "dict[str, Any]") -> None:
        execute(code, namespace)
        arrived(namespace)

    bootstrap.exec = execute_frozen  # of runpy and its like, which come frozen


def _is_main(code: CodeType, namespace: "dict[str, Any]") -> bool:
    return code.co_name == "<module>" and namespace.get("__name__") == "__main__"


def _watch_for_script_by_monitoring(recorder: _Recorder) -> None:
    """Note the script's code when it starts, then leave sys.monitoring as it was."""
    monitoring = sys.monitoring
    event = monitoring.events.PY_START

    def started(code: CodeType, _offset: int) -> None:
        if _is_main(code, sys._getframe(1).f_globals):
            recorder.note(code)
            monitoring.set_events(_MONITORING_TOOL, 0)
            monitoring.register_callback(_MONITORING_TOOL, event, None)
            monitoring.free_tool_id(_MONITORING_TOOL)

    monitoring.use_tool_id(_MONITORING_TOOL, _NAME)
    monitoring.register_callback(_MONITORING_TOOL, event, started)
    monitoring.set_events(_MONITORING_TOOL, event)


def _watch_for_script_by_profile(recorder: _Recorder) -> None:
    """Note the script's code when it starts, then take the profile function away (3.11)."""

    def called(frame: FrameType, event: str, _argument: object) -> None:
        if event == "call" and _is_main(frame.f_code, frame.f_globals):
            sys.setprofile(None)
            recorder.note(frame.f_code)

    sys.setprofile(called)


def start(control: str) -> None:
    """Record this process into the control directory."""
    try:
        recorder = _Recorder(control)
    except OSError:
        return  # the measurement is over, and its folder is gone
    atexit.register(recorder.finish_last)
    watch_last_calls(recorder.finish)
    watch_forks(recorder.restart)
    watch_termination(recorder.finish_last)
    by_name = sys.argv[:1] == ["-m"]
    if by_name:
        # The packages above the module are imported first: no watching while they are.
        import runpy

        recorder.arrived(vars(runpy))
    _watch_imports(recorder)
    if by_name:
        return
    if hasattr(sys, "monitoring"):
        _watch_for_script_by_monitoring(recorder)
    else:
        _watch_for_script_by_profile(recorder)

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

import _imp
import _thread
import atexit
import gc
import marshal
import os
import sys
from types import CodeType, FrameType, FunctionType, ModuleType

from _specialist_ci_children import watch_calls, watch_fork_exec, watch_starts
from _specialist_ci_endings import watch_forks, watch_last_calls
from _specialist_ci_gate import be_held, watch_termination
from _specialist_ci_readings import Readings
from _specialist_ci_standins import leave_traceback, standing_in, unnoticed, watch_audit_hooks
from _specialist_ci_termination import answer_requests, watch_kills, watch_signal_module

# Only for type checkers: importing typing would cost the measured process milliseconds.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any, BinaryIO

    from _specialist_ci_explain import Explaining

# Functions that return a module's code (alone, or in a tuple) to a caller that runs it
# by exec. Wrapping them leaves no frame of ours on the stack.
_CODE_SOURCES = {
    "_pytest.assertion.rewrite": ("_read_pyc", "_rewrite_test"),
    "runpy": ("_get_code_from_file", "_get_main_module_details", "_get_module_details"),
}
_FROM_OUTSIDE = "profiling.sampling._sync_coordinator"  # no tracer: another process looks
# Modules that compile a script and run it by exec. A global named compile shadows
# the builtin in that module alone.
_COMPILERS = frozenset(
    {
        "bdb",
        "cProfile",
        "coverage.execfile",
        "pdb",
        "profile",
        "profiling.tracing",
        "trace",
        _FROM_OUTSIDE,
    }
)

# A module's real namespace: asking the module itself may load it, where it is a lazy one.
_MODULE: "Any" = ModuleType
_NAMESPACE = _MODULE.__dict__["__dict__"]

_NAME = "specialist-ci"  # of our tool, while it waits for the script to start
_OURS = frozenset({_NAME, __name__})
_MONITORING_TOOL = 4  # ids 0, 1, 2 and 5 are for debuggers, coverage, profilers, optimizers


_SIZE = 4  # bytes of the length before each object of a dump
END = bytes(_SIZE)
"""Behind the records of a dump: one without it was cut short."""


def dump(value: "dict[str, Any] | tuple[Any, ...] | None", file: "BinaryIO") -> None:
    """Write one object behind its length, since reading by marshal.load is twice as slow."""
    data = marshal.dumps(value)
    file.write(len(data).to_bytes(_SIZE, "little") + data)


class _Recorder:
    """The code objects noted so far, and where their state goes."""

    def __init__(self, control: str) -> None:
        self.control = control
        with open(os.path.join(control, "roots"), "rb") as file:
            self.roots = tuple(os.fsdecode(file.read()).split("\0"))
        self.folder = _folder()
        self.script = ""
        self.noted: list[tuple[str, CodeType]] = []  # with absolute paths
        self.frozen: dict[int, tuple[str, CodeType]] = {}  # by the identity of the code
        self.tracers: list[str] = []  # each once
        self.readings = Readings(self.noted)
        self.kept = (  # for memory.py, which begins here and knows the types by these
            sys.version,
            sys.getfilesystemencoding(),
            dump.__code__,
            self.tracers,
            self.noted,
            self.readings.codes,
            self.readings.moments,
        )
        self.executors = _executors()
        self.explaining = _explaining(control)
        self.is_held = False
        self._begin(b"")

    def _begin(self, how: bytes) -> None:
        """Take a name for this process; what starts and never gets its dump is missed."""
        self.over = self.writing = False
        self.name = "%d-%s" % (os.getpid(), os.urandom(4).hex())
        if self.explaining is not None:
            self.explaining.begin()
        with open(self._path("started"), "wb") as file:
            file.write(how)

    def _path(self, suffix: str) -> str:
        return os.path.join(self.control, "raw", "%s.%s" % (self.name, suffix))

    def note(self, code: CodeType) -> None:
        """Keep a module's code object if it belongs to a measured file."""
        path = code.co_filename
        if not path.startswith(("/", "<")):
            path = os.path.join(_folder(), path)  # a script is named as it was typed
        if not path.startswith(self.roots):
            path = os.path.normpath(path)  # others stay: a ".." may go through a link
        if path.startswith(self.roots):
            self.noted.append((path, code))

    def note_script(self, code: CodeType) -> None:
        """Keep the script's code object, and its path, which its module loses at the end."""
        self.script = code.co_filename
        self.note(code)

    def run_instead(self, code: CodeType, namespace: "dict[str, Any]") -> None:
        """Run a script with probes in place of its own code, where it is to be explained.

        Its own code, which has just started, goes no further.
        """
        probed = self.explaining and self.explaining.script(code)
        if probed:
            self.note(probed)
            exec(probed, namespace)  # noqa: S102 - the script itself
            raise SystemExit

    def _is_measured(self, code: CodeType) -> bool:
        return code.co_filename.startswith(self.roots)

    def look_for_tracers(self) -> None:
        """Remember what is tracing: it hides or pauses the state that is to be read."""
        threading = vars(sys.modules.get("threading", sys))
        for tracer in (
            sys.gettrace(),
            sys.getprofile(),
            threading.get("_trace_hook"),  # of the threads to come
            threading.get("_profile_hook"),
        ):
            if tracer is not None:
                self._met(getattr(tracer, "__module__", None) or type(tracer).__module__)
        if hasattr(sys, "monitoring"):
            for tool in map(sys.monitoring.get_tool, range(6)):
                if tool is not None:
                    self._met(str(tool))

    def _met(self, tracer: str) -> None:
        if tracer not in _OURS and tracer not in self.tracers:
            self.tracers.append(tracer)

    def arrived(self, module: "dict[str, Any]") -> None:
        """Adapt a module that was just imported and runs other modules' code by itself."""
        self.look_for_tracers()
        if self.explaining is not None:
            self.explaining.arrived(module)
        name = str(module.get("__name__"))
        if name == "signal":
            watch_signal_module(module, self.finish)
        if name == "_posixsubprocess":
            watch_fork_exec(module, "fork_exec", self.tell)
        if name in ("_interpreters", "_xxsubinterpreters"):
            watch_calls(module, self.tell, self._is_measured)
        if name in _COMPILERS:
            module["compile"] = self._noting(compile, name)
        for function in _CODE_SOURCES.get(name, ()):
            if function in module:
                module[function] = self._noting(module[function])

    def _noting(
        self, function: "Callable[..., Any]", tracer: str | None = None
    ) -> "Callable[..., Any]":
        """Return the function, but for noting the code that it returns to a tracer, if any."""

        def noting(*args: object, **kwargs: object) -> object:
            if tracer is not None and tracer != _FROM_OUTSIDE:
                self._met(tracer)  # it traces what it runs, and is gone at exit
            try:
                result = function(*args, **kwargs)
            except BaseException as error:
                leave_traceback(error)
                raise
            for item in result if type(result) is tuple else (result,):
                if type(item) is CodeType:
                    self.note(item)
                elif type(item) is str and item in _COMPILERS:  # about to run by -m
                    vars(sys.modules["__main__"])["compile"] = self._noting(compile, item)
            return result

        return noting

    def _living(self) -> "Iterator[tuple[str, CodeType]]":
        """Yield (path, code) of the functions that are alive and not frozen.

        Functions of no file, which a program generates, have their module's name for
        a path, as in "<pkg.module>".
        """
        outside = set()  # the paths of most functions, which are not looked at again
        for function in gc.get_objects():
            if type(function) is FunctionType:
                code = function.__code__
                path = code.co_filename
                if path in outside:
                    continue
                if path.startswith(self.roots):
                    yield path, code
                elif path.startswith("<"):
                    if not path.startswith("<frozen ") and type(function.__module__) is str:
                        yield "<%s>" % function.__module__, code
                elif not path.startswith("/"):  # compiled by hand; it may have changed folders
                    yield os.path.join(self.folder, path), code
                else:
                    outside.add(path)

    def about_to_freeze(self) -> None:
        """Keep the code of the functions that gc.freeze() will hide from us."""
        self.frozen.update((id(code), (path, code)) for path, code in self._living())

    def _codes(self) -> "Iterator[tuple[str, CodeType]]":
        """Yield (path, code) for every code object of the measured files, each once."""
        seen = set()
        pending = [*self.noted, *self.frozen.values(), *self._living()]
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
        jit = self.executors is not None and self.executors.are_made()
        header = {
            "version": sys.version,
            "encoding": sys.getfilesystemencoding(),
            "tracers": sorted(self.tracers),
            "jit": jit,
            "modules": [("__main__", os.path.join(self.folder, self.script)), *_modules()],
        }
        dump(header, file)
        addresses = []
        for path, code in self._codes():
            bytecode = code._co_code_adaptive  # type: ignore[attr-defined] # not public
            if self.executors:
                bytecode = self.executors.restored(code, bytecode)
            record = (
                path,
                code.co_qualname,
                code.co_firstlineno,
                bytecode,
                code.co_code,
                code.co_linetable,
                code.co_names,
                self.readings.earlier(code),
            )
            dump(record, file)
            if jit:
                addresses.append(id(code))
        file.write(END)
        dump(self.executors.traces(addresses) if jit else None, file)

    def tell(self, reason: str) -> None:
        """Leave a mark that the program starts a Python that will not be measured."""
        name = "%d-%s.unmeasured" % (os.getpid(), os.urandom(4).hex())
        try:
            with open(os.path.join(self.control, "raw", name), "w", encoding="ascii") as file:
                file.write(reason)
        except OSError:
            return  # the measurement is over, or this process cannot write its state either

    def restart(self) -> None:
        """Go on as a process of its own: the child of a fork."""
        try:
            self._begin(b"fork")
        except OSError:
            self.over = True  # the measurement is over, and its folder is gone
        if self.is_held:
            be_held(self.control, self.name, self.kept)

    def be_held(self) -> None:
        """Be measured where SIGTERM comes unannounced, this process and those that it forks."""
        if self.executors is None:  # else the code is not where it would be looked for
            self.is_held = True
            be_held(self.control, self.name, self.kept)
            watch_termination(None if self.explaining is None else self.finish)

    def finish(self) -> None:
        """Write the raw dump; whatever goes wrong stays out of the program's way.

        Writes it anew when called again.
        """
        if self.over or self.writing:  # a request may come at any moment
            return
        self.writing = True
        with unnoticed:
            try:
                with open(self._path("writing"), "wb") as file:
                    self._write(file)
                os.rename(self._path("writing"), self._path("raw"))
                if self.explaining is not None:
                    self.explaining.write(self._path("facts"))
            except BaseException as error:  # noqa: BLE001 - never raises into the program
                self._excuse(error)
        self.writing = False

    def finish_last(self) -> None:
        """Write the raw dump where nothing of the program can come after it."""
        self.finish()
        self.over = True
        self.readings.stop()

    def _excuse(self, error: BaseException) -> None:
        try:
            with open(self._path("failed"), "w", encoding="utf-8") as file:
                file.write("%s: %s" % (type(error).__name__, error))
        except OSError:
            return  # the started file without a dump tells as much


def _explaining(control: str) -> "Explaining | None":
    """Return the probes of an explaining run, which has a plan."""
    if not os.path.exists(os.path.join(control, "plan")):
        return None
    from _specialist_ci_explain import Explaining

    explaining = Explaining(control)
    explaining.install()
    return explaining


def _executors() -> "Any":
    """Return the module that reads what the JIT made, where it may be turned on."""
    if os.environ.get("PYTHON_JIT") == "0":
        return None
    if "_jit" in vars(sys):  # 3.14 and later; whether it is enabled, is said when site is over
        possible = sys._jit.is_available()  # type: ignore[attr-defined]
    else:
        possible = sys.version_info >= (3, 13) and "PYTHON_JIT" in os.environ
    if not possible:
        return None
    import _specialist_ci_executors

    return _specialist_ci_executors


def _folder() -> str:
    try:
        return os.getcwd()
    except OSError:
        return ""  # it is gone, and no file is in it


def _modules() -> "Iterator[tuple[str, str]]":
    """Yield the name and the file of each module that has one."""
    for name, module in list(sys.modules.items()):
        if issubclass(type(module), ModuleType):
            file = (_NAMESPACE.__get__(module) or {}).get("__file__")
            if type(file) is str and type(name) is str:
                yield name, file


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
    exec_builtin, exec_dynamic, module_type = _imp.exec_builtin, _imp.exec_dynamic, type(sys)

    def _call_with_frames_removed(
        f: "Callable[..., Any]",
        *args: "Any",
        **kwds: "Any",
    ) -> object:
        if f is not execute:
            result = f(*args, **kwds)
            if (f is exec_builtin or f is exec_dynamic) and type(args[0]) is module_type:
                arrived(vars(args[0]))
            return result
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
        with unnoticed:
            namespace = sys._getframe(1).f_globals
        if _is_main(code, namespace):
            recorder.note_script(code)
            monitoring.set_events(_MONITORING_TOOL, 0)
            monitoring.register_callback(_MONITORING_TOOL, event, None)
            monitoring.free_tool_id(_MONITORING_TOOL)
            recorder.run_instead(code, namespace)

    monitoring.use_tool_id(_MONITORING_TOOL, _NAME)
    monitoring.register_callback(_MONITORING_TOOL, event, started)
    monitoring.set_events(_MONITORING_TOOL, event)


def _watch_for_script_by_profile(recorder: _Recorder) -> None:
    """Note the script's code when it starts, then take the profile function away (3.11)."""

    def called(frame: FrameType, event: str, _argument: object) -> None:
        if event == "call" and _is_main(frame.f_code, frame.f_globals):
            sys.setprofile(None)
            recorder.note_script(frame.f_code)
            recorder.run_instead(frame.f_code, frame.f_globals)

    sys.setprofile(called)


def start(control: str) -> None:
    """Record this process into the control directory."""
    try:
        recorder = _Recorder(control)
    except OSError:
        return  # the measurement is over, and its folder is gone
    atexit.register(recorder.finish_last)
    watch_audit_hooks()
    watch_last_calls(recorder.finish)
    watch_forks(recorder.restart)
    if answer_requests(recorder.finish):
        recorder.be_held()
    watch_kills(os.path.join(control, "raw"), recorder.finish)
    watch_starts(recorder.tell)
    for name, function in (("_posixsubprocess", "fork_exec"), ("subprocess", "_fork_exec")):
        if name in sys.modules:  # a .pth file was before us
            watch_fork_exec(vars(sys.modules[name]), function, recorder.tell)
    gc.freeze = standing_in(recorder.about_to_freeze, gc.freeze)
    by_name = sys.argv[:1] == ["-m"]
    if by_name:
        # The packages above the module are imported first: no watching while they are.
        import runpy

        recorder.arrived(vars(runpy))
    _watch_imports(recorder)
    is_main = getattr(_thread, "_is_main_interpreter", None)  # from 3.13 on
    if by_name or (is_main and not is_main()):
        return  # a subinterpreter has no script
    if hasattr(sys, "monitoring"):
        _watch_for_script_by_monitoring(recorder)
    else:
        _watch_for_script_by_profile(recorder)

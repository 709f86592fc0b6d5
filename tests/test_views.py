"""A program that looks at all that it can see finds nothing but what docs/processes.md names."""

import re
import sys
from pathlib import Path

import pytest
from collecting import collect, draw, without_collector

# Each line is something that the program sees; the names that docs/processes.md lists are left
# out of it, and looked at by themselves below.
DOOR = "1000"
EARLY = ("_types", "atexit", "gc", "types")
OURS = ("PYTHONPATH", "SPECIALIST_CI_CONTROL")
INTERPRETER = f"""
import sys
print("modules", sorted(set(sys.modules) - set({EARLY})))
frame, depth = sys._getframe(), 0
while frame is not None:
    frame, depth = frame.f_back, depth + 1
print("frames", depth)
import _thread, gc, os, signal, threading, warnings

def down(depth):
    try:
        return down(depth + 1)
    except RecursionError:
        return depth

print("depth", down(0), sys.getrecursionlimit())
print("flags", sys.flags, sys.warnoptions, sys._xoptions, warnings.filters)
print("arguments", sys.argv, sys.orig_argv[1:])
print("path", sys.path, sys.meta_path, sys.path_hooks, sorted(sys.path_importer_cache))
print("files", sorted(set(os.listdir("/dev/fd")) - {{"{DOOR}"}}))
print("threads", threading.enumerate(), _thread._count())
print("hooks", sys.excepthook, sys.unraisablehook, sys.displayhook, sys.breakpointhook)
print("tracing", sys.gettrace(), sys.getprofile(), threading.gettrace(), threading.getprofile())
if hasattr(sys, "monitoring"):
    print("tools", [sys.monitoring.get_tool(number) for number in range(6)])
print("collector", gc.isenabled(), gc.get_threshold(), gc.get_debug(), gc.get_freeze_count())
print("handlers", [signal.getsignal(number) for number in sorted(signal.valid_signals())])
print("blocked", signal.pthread_sigmask(signal.SIG_BLOCK, ()), signal.getitimer(signal.ITIMER_REAL))
print("variables", sorted(set(os.environ) - set({OURS})))
print("place", os.getcwd(), os.umask(0o22), os.getsid(0) == os.getsid(os.getppid()))
print("names", sorted(vars(os)), sorted(vars(gc)), sorted(vars(sys)), sorted(vars(signal)))
"""
# A class makes methods of functions, but not of builtin ones.
BUILTINS = """
import gc, inspect, os, pickle, signal, sys
functions = [getattr(os, name) for name in (
    "_exit", "execv", "execve", "kill", "killpg", "posix_spawn", "posix_spawnp"
)] + [gc.freeze, signal.raise_signal, sys.addaudithook]
for function in functions:
    try:
        signature = inspect.signature(function)
    except ValueError as error:
        signature = error
    print(function, function.__name__, function.__module__, function.__qualname__, signature)
    print(function.__doc__, inspect.isroutine(function), function in os.supports_fd)
    print(pickle.loads(pickle.dumps(function)) is function)
class Holder:
    add, exit, freeze, kill, spawn = sys.addaudithook, os._exit, gc.freeze, os.kill, os.posix_spawn
holder = Holder()
holder.kill(os.getpid(), 0)
holder.add(lambda *event: None)
holder.freeze()
gc.unfreeze()
os.waitpid(holder.spawn("/bin/true", ["true"], {}), 0)
for call, *arguments in (
    (os.kill,), (os.kill, 1), (os.kill, "a", 1), (os.kill, 1, 15, 15), (os.killpg, 1.5, 15),
    (gc.freeze, 1), (os._exit,), (os.execv, 1), (signal.raise_signal,), (sys.addaudithook,),
):
    try:
        call(*arguments)
    except Exception as error:
        frames = 0
        while error.__traceback__:
            error.__traceback__, frames = error.__traceback__.tb_next, frames + 1
        print(repr(error), frames, repr(error.__context__))
holder.exit(3)
"""
# What a hook of the program hears: in each process, while it ends, and when nothing is left.
HEARD = """
import atexit, os, signal, subprocess, sys
heard = []
def hook(event, arguments):
    if event not in ("import", "object.__getattr__"):  # of modules that are in nobody's cache
        heard.append(event)
    if event == "mine":
        raise KeyError(arguments)
sys.addaudithook(hook=hook)
try:
    sys.audit("mine", 1)
except KeyError as error:
    print(repr(error), error.__traceback__.tb_next.tb_frame.f_code.co_name)
"""
WORK = """
import gc, os, signal, subprocess, sys, atexit, threading
subprocess.run(["/bin/true"])
subprocess.run([sys.executable, "-I", "-c", ""])
subprocess.run([sys.executable, "-c", ""], env={}, close_fds=False)
os.waitpid(os.posix_spawn("/bin/true", ["true"], {}), 0)
child = os.fork()
if not child:
    print("child", heard, flush=True)
    os._exit(0)
os.waitpid(child, 0)
reading, writing = os.pipe()
child = os.fork()
if not child:
    os.write(writing, b"x")
    signal.pause()
os.read(reading, 1)
os.kill(child, signal.SIGTERM)
os.waitpid(child, 0)
gc.freeze()
gc.unfreeze()
print("heard", heard)
thread = threading.Thread(target=sys.audit, args=("of a thread",))
thread.start()
thread.join()
class Last:
    def __del__(self, heard=heard, write=os.write):
        write(1, repr(heard).encode())
sys.last = Last()
atexit.register(lambda: print("exit", heard, flush=True))
"""
VIEWS = {"interpreter": (INTERPRETER, 0), "builtins": (BUILTINS, 3), "events": (HEARD + WORK, 0)}


@pytest.mark.parametrize("view", VIEWS)
def test_a_view(python: Path, tmp_path: Path, view: str) -> None:
    """The program prints the same, measured or not."""
    source, status = VIEWS[view]
    root = draw(tmp_path / "root", {"bench.py": source})
    plain = without_collector(python, root, ["bench.py"])
    scratch = tmp_path / "scratch"
    seen = collect(python, root, ["bench.py"], scratch=scratch, status=status).outcome
    assert (plain.status, plain.stderr) == (status, "")
    assert [_portable(line) for line in seen.stdout.splitlines()] == [
        _portable(line) for line in plain.stdout.splitlines()
    ]
    assert seen.stderr == ""


def _portable(text: str) -> str:
    """Return a line without addresses and the numbers of threads."""
    return re.sub(r"0x[0-9a-f]+|started \d+", "", text)


NAMED = f"""
import sys
early = set(sys.modules) & set({EARLY})
import atexit, gc, os
print(early == set({EARLY}) & {{*sys.builtin_module_names, "types"}})
print([name in os.environ for name in {OURS}], len(gc.callbacks), atexit._ncallbacks())
print("{DOOR}" in os.listdir("/dev/fd"))
"""


def test_what_is_named_is_all(python: Path, tmp_path: Path) -> None:
    """What docs/processes.md says that a program could notice is there, and no more of it."""
    root = draw(tmp_path / "root", {"bench.py": NAMED})
    _, plain, _ = without_collector(python, root, ["bench.py"]).stdout.splitlines()
    seen = collect(python, root, ["bench.py"], scratch=tmp_path / "scratch").outcome.stdout
    callbacks, calls = map(int, plain.split()[-2:])
    held = str(sys.platform == "linux")
    assert seen.splitlines() == ["True", f"[True, True] {callbacks + 1} {calls + 1}", held]

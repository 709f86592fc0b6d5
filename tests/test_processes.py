"""Every Python process below the command is measured, however it starts and ends."""

import signal
from pathlib import Path

import pytest
from collecting import Collected, collect, draw, without_collector
from test_tracers import snapshot

from specialist_ci.errors import MeasurementError
from specialist_ci.formats.snapshot import State

WORK = """\
def work(number):
    total = 0
    for value in range(number):
        total = total + value // 3
    return total
"""
START = "import multiprocessing, os, signal, subprocess, sys, time\nfrom work import work\n"

# How a second process comes to be and ends; each prints what the first sees of it.
SCRIPTS = {
    "fork, _exit": """
child = os.fork()
if not child:
    work(1000)
    os._exit(3)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
""",
    "fork, exit": """
child = os.fork()
work(1000)
if child:
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
else:
    raise SystemExit(4)
""",
    "fork, exception": """
child = os.fork()
if not child:
    work(1000)
    sys.stderr = open(os.devnull, "w")
    raise ValueError
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
""",
    "fork, SIGTERM": """
ready, tell = os.pipe()
child = os.fork()
if not child:
    work(1000)
    os.write(tell, b"x")
    time.sleep(60)
os.read(ready, 1)
os.kill(child, signal.SIGTERM)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
""",
    "exec": """
if len(sys.argv) == 1:
    work(10)
    os.execv(sys.executable, [sys.executable, __file__, "again"])
work(1000)
""",
    "failing exec": """
child = os.fork()
if not child:
    try:
        os.execv("/no/such/program", ["program"])
    except FileNotFoundError:
        work(1000)
        os._exit(5)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
""",
    "subprocess": """
if len(sys.argv) == 1:
    subprocess.run([sys.executable, __file__, "again"], check=True)
else:
    work(1000)
""",
    "shell": """
if len(sys.argv) == 1:
    subprocess.run('"$PYTHON" bench.py again; :', shell=True, check=True,
                   env={**os.environ, "PYTHON": sys.executable})
else:
    work(1000)
""",
    "preexec_fn": """
if len(sys.argv) == 1:
    command = [sys.executable, __file__, "again"]
    subprocess.run(command, check=True, preexec_fn=lambda: None)
else:
    work(1000)
""",
}
POOLS = ("fork", "spawn", "forkserver")


def _run(python: Path, tmp_path: Path, script: str) -> Collected:
    """Run a script under the collector; it must print and end as it does without."""
    root = draw(tmp_path / "root", {"work.py": WORK, "bench.py": START + script})
    collected = collect(python, root, ["bench.py"], scratch=tmp_path / "scratch")
    assert collected.outcome == without_collector(python, root, ["bench.py"])
    return collected


def _hot(collected: Collected) -> int:
    """Return how many processes tried the failing division of work."""
    return sum(
        site.family == "BINARY_OP" and site.argrepr == "//" and site.state == "adaptive"
        for code in collected.codes()
        if code.qualname == "work"
        for site in code.sites
    )


@pytest.mark.parametrize("how", SCRIPTS)
def test_second_process(how: str, python: Path, tmp_path: Path) -> None:
    """Both processes leave a dump, the second one with what it ran, and none is lost."""
    collected = _run(python, tmp_path, SCRIPTS[how])
    assert len(collected.dumps) == collected.control.count("started") == 2
    assert _hot(collected) >= 1


@pytest.mark.parametrize("method", POOLS)
def test_multiprocessing(method: str, python: Path, tmp_path: Path) -> None:
    """The workers of a pool, which are terminated at its end, and of an executor count."""
    script = f"""
if __name__ == "__main__":
    from concurrent.futures import ProcessPoolExecutor
    context = multiprocessing.get_context("{method}")
    with context.Pool(2) as pool:
        print(pool.map(work, [500] * 8, chunksize=1))
    with ProcessPoolExecutor(2, mp_context=context) as executor:
        print(list(executor.map(work, [500] * 8)))
    process = context.Process(target=work, args=(500,))
    process.start()
    process.join()
    print(process.exitcode)
"""
    collected = _run(python, tmp_path, script)
    assert len(collected.dumps) == collected.control.count("started")
    assert _hot(collected) >= 3  # of each kind at least one, busy as the machine may be


def test_many_pools_end(python: Path, tmp_path: Path) -> None:
    """Workers that are terminated the moment they finish end all the same, and are measured."""
    script = """
context = multiprocessing.get_context("fork")
for _ in range(60):
    with context.Pool(2) as pool:
        pool.map(work, [1] * 4, chunksize=1)
"""
    collected = _run(python, tmp_path, script)
    started = collected.control.count("started")
    assert 61 <= started <= 121  # one that ends before its first instruction is not seen
    assert len(collected.dumps) >= started - 11  # a worker that is stuck is not waited for


def test_killed_process_is_missed(python: Path, tmp_path: Path) -> None:
    """A process that SIGKILL ends leaves a mark that it was there, and no dump."""
    script = SCRIPTS["fork, SIGTERM"].replace("signal.SIGTERM)", "signal.SIGKILL)")
    collected = _run(python, tmp_path, script)
    assert (collected.control.count("started"), len(collected.dumps)) == (2, 1)


def test_program_sees_its_own_signal_handling(python: Path, tmp_path: Path) -> None:
    """No handler of ours shows, and the program's own are called once each."""
    script = """
print(signal.getsignal(signal.SIGURG) is signal.SIG_DFL)
print(signal.getsignal(signal.SIGTERM) is signal.SIG_DFL)
print(signal.signal(signal.SIGTERM, lambda *_: print("handled")) is signal.SIG_DFL)
os.kill(os.getpid(), signal.SIGTERM)
print(signal.signal(signal.SIGTERM, signal.SIG_DFL) is signal.SIG_DFL)
print(signal.signal(signal.SIGTERM, signal.SIG_IGN))
os.kill(os.getpid(), signal.SIGTERM)
"""
    assert "handled" in _run(python, tmp_path, script).outcome.stdout


def test_terminated_program_ends_as_ever(python: Path, tmp_path: Path) -> None:
    """SIGTERM kills the measured command itself, after its state was written."""
    script = "work(1000)\nos.kill(os.getpid(), signal.SIGTERM)\ntime.sleep(60)\n"
    root = draw(tmp_path / "root", {"work.py": WORK, "bench.py": START + script})
    scratch = tmp_path / "scratch"
    collected = collect(python, root, ["bench.py"], scratch=scratch, status=-signal.SIGTERM)
    assert _hot(collected) == 1


# Ends that leave nothing: the process is missed, and what the others wrote stays.
DEADLY = {
    "SIGKILL": "os.kill(os.getpid(), signal.SIGKILL)",
    "abort": "os.abort()",
    "segmentation fault": "import faulthandler; faulthandler._sigsegv()",
    "SIGXCPU": "os.kill(os.getpid(), signal.SIGXCPU)",
}


@pytest.mark.parametrize("end", DEADLY)
@pytest.mark.parametrize("start", ["fork", "subprocess"])
def test_deadly_end(python: Path, tmp_path: Path, start: str, end: str) -> None:
    """A process that dies at once is missed; the state of the others is all there."""
    how = "fork, _exit" if start == "fork" else "subprocess"
    deadly = f"import resource; resource.setrlimit(resource.RLIMIT_CORE, (0, 0)); {DEADLY[end]}"
    script = SCRIPTS[how].replace("os._exit(3)", deadly).replace("check=True", "check=False")
    if start == "subprocess":
        script = script.replace("    work(1000)\n", f"    work(1000); {deadly}\n")
    script = "work(1000)\n" + script
    collected = _run(python, tmp_path, script)
    assert (collected.control.count("started"), len(collected.dumps)) == (2, 1)
    assert _hot(collected) == 1


def test_out_of_memory(python: Path, tmp_path: Path) -> None:
    """A child that is out of memory ends as ever; it is measured, or else it is missed."""
    script = """
child = os.fork()
work(1000)
if not child:
    import resource
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + 2**20, used + 2**20))
    held = []
    while True:
        held.append(bytearray(4096))
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    if not Path("/proc/self/statm").exists():
        pytest.skip("needs /proc to know what is used")
    collected = _run(python, tmp_path, script)
    control = collected.control
    assert control.count("started") == 2
    assert len(collected.dumps) in {1, 2}
    assert _hot(collected) == len(collected.dumps)


def test_dump_cut_short(python: Path, tmp_path: Path) -> None:
    """Where the disk is full, the child's dump fails and the parent's, written before, stays."""
    script = """
ready, tell = os.pipe()
child = os.fork()
work(1000)
if not child:
    import resource
    os.read(ready, 1)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200, 200))
    os._exit(0)
second = os.fork()
if not second:
    os._exit(0)
os.waitpid(second, 0)
os.write(tell, b"x")
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    collected = _run(python, tmp_path, script)
    control = collected.control
    counted = [control.count(suffix) for suffix in ("started", "raw", "failed", "cut")]
    assert counted == [3, 2, 1, 0]
    (reason,) = control.failures()
    assert reason.startswith("OSError")
    assert _hot(collected) == 2


# What a second process does at its end, and what is said of it. The first one sees to the rest.
FULL = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (200, 200))"
TRUNCATE = """
import glob
(written,) = glob.glob(os.environ["SPECIALIST_CI_CONTROL"] + f"/raw/{child}-*.raw")
os.truncate(written, os.path.getsize(written) - 5)
"""
LOSSES = {
    "killed": ("os.kill(os.getpid(), signal.SIGKILL)", "", "1 ended without leaving"),
    "disk full": (FULL, "", "1 of 2 processes could not write their state (OSError: [Errno 27]"),
    "cut short": ("", TRUNCATE, "1 of 2 processes could not write their state"),
}


@pytest.mark.parametrize("loss", LOSSES)
def test_a_loss_is_named(python: Path, tmp_path: Path, loss: str) -> None:
    """One condition says what was lost, and the state of the first process is all there."""
    end, then, said = LOSSES[loss]
    script = f"""
work(1000)
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
child = os.fork()
if not child:
    {end or "pass"}
    os._exit(0)
os.waitpid(child, 0)
{then}
"""
    tree = {"work.py": WORK, "bench.py": START + script}
    found = snapshot(python, tmp_path, tree, "python", "bench.py")
    (condition,) = found.conditions
    damaged = loss != "killed"
    assert condition.name == ("damaged-dumps" if damaged else "unmeasured-processes")
    assert said in condition.message
    assert condition.blocking is damaged
    states = [
        site.state
        for file in found.files
        for line in file.lines
        for site in line.sites
        if site.argrepr == "//"
    ]
    assert states == [State.ADAPTIVE]


@pytest.mark.parametrize(
    ("end", "message", "remedy"),
    [
        (FULL, r"no process of the command could write its state \(OSError", "make room"),
        ("import atexit; atexit._clear()", "no process .* ended in a way", "end by itself"),
    ],
)
def test_all_is_lost(python: Path, tmp_path: Path, end: str, message: str, remedy: str) -> None:
    """Where nothing is left to read, the error says what happened, and what to do."""
    script = f"work(1000)\nsignal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n{end}\n"
    tree = {"work.py": WORK, "bench.py": START + script}
    with pytest.raises(MeasurementError, match=message) as caught:
        snapshot(python, tmp_path, tree, "python", "bench.py")
    assert remedy in caught.value.remedy

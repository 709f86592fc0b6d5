"""Every Python process below the command is measured, however it starts and ends."""

import signal
from pathlib import Path

import pytest
from collecting import Collected, collect, draw, without_collector

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


def test_killed_process_is_missed(python: Path, tmp_path: Path) -> None:
    """A process that SIGKILL ends leaves a mark that it was there, and no dump."""
    script = SCRIPTS["fork, SIGTERM"].replace("signal.SIGTERM)", "signal.SIGKILL)")
    collected = _run(python, tmp_path, script)
    assert (collected.control.count("started"), len(collected.dumps)) == (2, 1)


def test_program_sees_its_own_signal_handling(python: Path, tmp_path: Path) -> None:
    """Our handler of SIGTERM looks like the default one, and gives way to the program's."""
    script = """
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

"""Code is measured whichever thread ran it, and threads that never end disturb nothing."""

from pathlib import Path

import pytest
from collecting import collect, draw, without_collector
from pictures import PROVENANCE, PYTHON, snapshot

from specialist_ci.measuring.conditions import name_conditions
from specialist_ci.measuring.control import Control

MODULE = "".join(
    f"""
def in_{name}(number):
    total = 0
    for value in range(number):
        total = total + value // 3
    return total
"""
    for name in ("main", "thread", "daemon", "executor", "task", "loop", "endless", "sleeper")
)
THREADS = """\
import asyncio, hashlib, sys, threading, time
from concurrent.futures import ThreadPoolExecutor
import module

def endless():
    while True:
        module.in_endless(100)

def busy_in_c():
    while True:
        hashlib.pbkdf2_hmac("sha256", b"a", b"b", 20_000)

def sleeper():
    module.in_sleeper(500)
    time.sleep(60)

async def main():
    module.in_task(500)
    await asyncio.sleep(0)
    await asyncio.to_thread(module.in_loop, 500)

if __name__ == "__main__":
    sys.setswitchinterval(1e-6)
    module.in_main(500)
    for target, daemon in ((module.in_thread, False), (module.in_daemon, True)):
        thread = threading.Thread(target=target, args=(500,), daemon=daemon)
        thread.start()
        thread.join()
    with ThreadPoolExecutor(3) as executor:
        print(sum(executor.map(module.in_executor, [500] * 9)))
    asyncio.run(main())
    thread = threading.Thread(target=lambda: asyncio.run(main()))
    thread.start()
    thread.join()
    for target in (endless, endless, busy_in_c, sleeper):
        threading.Thread(target=target, daemon=True).start()
    time.sleep(0.02)
    print("end")
"""
LOOP_LEFT = """\
import asyncio, threading, module
loop = asyncio.new_event_loop()
threading.Thread(target=loop.run_forever, daemon=True).start()
async def work():
    return module.in_loop(500)
print(asyncio.run_coroutine_threadsafe(work(), loop).result())
"""


@pytest.mark.parametrize("times", [5])
def test_threads(python: Path, tmp_path: Path, times: int) -> None:
    """All threads' functions are read, while others still run, time and again."""
    root = draw(tmp_path / "root", {"module.py": MODULE, "bench.py": THREADS})
    without = without_collector(python, root, ["bench.py"])
    for number in range(times):
        scratch = tmp_path / f"scratch-{number}"
        collected = collect(python, root, ["bench.py"], scratch=scratch)
        assert collected.outcome == without
        control = collected.control
        assert control.count("started") == control.count("raw") == len(collected.dumps) == 1
        tried = {
            code.qualname.removeprefix("in_")
            for code in collected.codes()
            for site in code.sites
            if code.qualname.startswith("in_") and (site.argrepr, site.state) == ("//", "adaptive")
        }
        expected = {"main", "thread", "daemon", "executor", "task", "loop", "endless", "sleeper"}
        assert tried == expected


def test_event_loop_still_runs(python: Path, tmp_path: Path) -> None:
    """An event loop that a daemon thread runs at the end keeps nothing from being read."""
    root = draw(tmp_path / "root", {"module.py": MODULE, "bench.py": LOOP_LEFT})
    collected = collect(python, root, ["bench.py"], scratch=tmp_path / "scratch")
    assert collected.outcome == without_collector(python, root, ["bench.py"])
    assert collected.control.count("started") == len(collected.dumps) == 1
    assert "adaptive" in {site.state for site in collected.sites("in_loop")}


@pytest.mark.parametrize("free_threaded", [False, True])
def test_threads_with_bytecode_of_their_own(*, free_threaded: bool, tmp_path: Path) -> None:
    """No free-threaded 3.14 is at hand, so its identity stands in for it."""
    python = PYTHON.model_copy(update={"version": "3.14.0", "free_threaded": free_threaded})
    provenance = PROVENANCE.model_copy(update={"python": python})
    measured = snapshot({"a.py": "a.b\n"}, provenance=provenance)
    control = Control.make(tmp_path, "head", root=tmp_path, sources=["a.py"])
    named = [condition.name for condition in name_conditions(measured, [], control)]
    assert ("free-threaded" in named) is free_threaded

"""Runs whole processes, children included, and tells what they took."""

import json
import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

# Starts a program and tells what it took. A process of its own, and a small one, since a
# child's peak memory begins with that of whoever forked it.
LAUNCHER = """
import json, os, sys, time
begin = time.monotonic()
pid = os.posix_spawnp(sys.argv[1], sys.argv[1:], os.environ)
_, status, usage = os.wait4(pid, 0)
wall = time.monotonic() - begin
cpu = usage.ru_utime + usage.ru_stime
told = [os.waitstatus_to_exitcode(status), cpu, usage.ru_maxrss / 1024, wall]
print(json.dumps(told), file=sys.stderr)
"""


class Cost(NamedTuple):
    """What one process and its children took."""

    cpu: float  # seconds, user and system
    memory: float  # peak, MB, of the largest process
    wall: float  # seconds from its start to its end


def run(
    argv: Sequence[str],
    cwd: Path,
    env: Mapping[str, str],
    *,
    statuses: Collection[int] = (0,),
    timeout: float | None = None,
) -> Cost:
    """Run a program to its end; any other exit status ends the benchmark.

    So does one that takes longer than ``timeout`` seconds: it is killed, with all it started.
    """
    launcher = subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", LAUNCHER, *argv],
        cwd=cwd,
        env=env,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        _, said = launcher.communicate(timeout=timeout)
    except BaseException as error:
        os.killpg(launcher.pid, signal.SIGKILL)
        launcher.communicate()
        if isinstance(error, subprocess.TimeoutExpired):
            raise SystemExit(f"it did not end within {timeout:.0f} s") from error
        raise
    told = said.splitlines()
    status, *took = json.loads(told[-1])
    if status not in statuses:
        raise SystemExit("\n".join([*told[:-1], f"{argv} ended with {status}"]))
    return Cost(*took)


def instructions(argv: Sequence[str], cwd: Path, env: Mapping[str, str]) -> int:
    """Return how many instructions a process executes, its children not counted."""
    with tempfile.NamedTemporaryFile("r", encoding="utf-8") as log:
        options = ("--cache-sim=no", "--cachegrind-out-file=/dev/null", f"--log-file={log.name}")
        run(["valgrind", "--tool=cachegrind", *options, *argv], cwd, env)
        found = re.search(r"I +refs: +([\d,]+)", log.read())
    if found is None:
        raise SystemExit("valgrind counted no instructions")
    return int(found[1].replace(",", ""))


def spread(values: Sequence[float], digits: int) -> str:
    """Return the median with the minimum and the maximum."""
    low, middle, high = min(values), statistics.median(values), max(values)
    return f"{middle:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"

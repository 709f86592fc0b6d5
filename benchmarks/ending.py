"""How long a process takes to end by SIGTERM: python benchmarks/ending.py [--python PYTHON].

Prints it for a plain process and for a measured one, whose memory is copied while it waits, by how
much memory it has: from the signal that another program sends until the process is gone.
"""

import argparse
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

from processes import spread
from tabulate import tabulate

from specialist_ci.environments.interpreters import find_interpreter
from specialist_ci.measuring.control import Control
from specialist_ci.measuring.gate import watching_terminations
from specialist_ci.measuring.surroundings import deterministic_environment, measured_environment

WAITING = """
import os, sys, time
memory = os.urandom(1 << 20) * int(sys.argv[1])
print(flush=True)
time.sleep(60)  # it is killed long before
"""
MEGABYTES = (0, 50, 500)


def milliseconds(python: Path, megabytes: int, env: Mapping[str, str]) -> float:
    """Return how long one process takes to end."""
    argv = [str(python), "-c", WAITING, str(megabytes)]
    reading, writing = os.pipe()
    with subprocess.Popen(argv, env=env, stdout=writing) as process:
        os.close(writing)
        os.read(reading, 1)
        os.close(reading)
        begin = time.perf_counter()
        process.send_signal(signal.SIGTERM)
        process.wait()
        return 1000 * (time.perf_counter() - begin)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--python", help="interpreter to measure (as of specialist-ci)")
    parser.add_argument("--rounds", type=int, default=9, help="that count (default: 9)")
    arguments = parser.parse_args()
    python = find_interpreter(arguments.python, environ=os.environ)
    rows = []
    with tempfile.TemporaryDirectory() as folder, ExitStack() as held:
        root = Path(folder)
        control = Control.make(root, "head", root=root, sources=())
        held.enter_context(watching_terminations(control, python))
        plain = deterministic_environment(os.environ, {})
        measured = measured_environment(
            plain, python=python, control=control.folder, root=root, original=root
        )
        for megabytes in MEGABYTES:
            took = {
                name: [milliseconds(python, megabytes, env) for _ in range(arguments.rounds)]
                for name, env in (("plain", plain), ("measured", measured))
            }
            rows.append((megabytes, *(spread(times, 1) for times in took.values())))
        held.close()
        if control.count("raw") < arguments.rounds * len(MEGABYTES):
            raise SystemExit("not all were measured")
    headers = ["memory of its own, MB", "plain, ms", "measured, ms"]
    print(tabulate(rows, headers, tablefmt="github"))


if __name__ == "__main__":
    main()

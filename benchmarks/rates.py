"""How fast states are written, decoded and built: python benchmarks/rates.py [--profile].

Prints sites a second of CPU for each step after a run of 100,000 sites and more: writing the
raw dump at the measured process's end, decoding it in a second process, reading the result
and building the snapshot in ours. With --profile it adds what each step spends its time on.
"""

import argparse
import cProfile
import io
import os
import pstats
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from cost import SITES_A_MODULE, project
from processes import spread
from tabulate import tabulate

from specialist_ci.environments.interpreters import find_interpreter
from specialist_ci.formats.dump import load_dumps
from specialist_ci.formats.files import without_collecting
from specialist_ci.formats.snapshot import Provenance, Python, Suite
from specialist_ci.measuring.building import build_snapshot
from specialist_ci.measuring.control import Control
from specialist_ci.measuring.identity import identify
from specialist_ci.measuring.surroundings import deterministic_environment, measured_environment

SITES = 100_000
TOP = 12  # functions of a profile

T = TypeVar("T")

# Both run in the measured interpreter and print seconds of CPU, then the profile, if any.
TIMING = """
def timed(step, profiled):
    import cProfile, pstats, sys, time
    profile = cProfile.Profile()
    start = time.process_time()
    profile.runcall(step) if profiled else step()
    print(time.process_time() - start)
    if profiled:
        pstats.Stats(profile).sort_stats("tottime").print_stats(int(profiled))
"""
WRITING = (
    TIMING
    + """
import gc, runpy, sys
runpy.run_path("short.py")
(recorder,) = (x for x in gc.get_objects() if type(x).__name__ == "_Recorder")
timed(recorder.finish, int(sys.argv[1]))
"""
)
DECODING = (
    TIMING
    + """
import sys
sys.path.insert(0, sys.argv[2])
import decode
timed(lambda: decode.main(sys.argv[3]), int(sys.argv[1]))
"""
)


def in_measured(argv: list[str], cwd: Path, env: dict[str, str]) -> tuple[float, str]:
    """Run a script of the two above; return its seconds and its profile."""
    done = subprocess.run(argv, cwd=cwd, env=env, stdout=subprocess.PIPE, check=True, text=True)
    seconds, _, profile = done.stdout.partition("\n")
    return float(seconds), profile


def in_ours(step: Callable[[], T], top: int) -> tuple[tuple[float, str], T]:
    """Do one step in this process; return its seconds, its profile and its result."""
    profile = cProfile.Profile()
    start = time.process_time()
    with without_collecting():  # as measure.py has it
        result = profile.runcall(step) if top else step()
    seconds = time.process_time() - start
    text = io.StringIO()
    if top:
        pstats.Stats(profile, stream=text).sort_stats("tottime").print_stats(top)
    return (seconds, text.getvalue()), result


def steps(
    root: Path, python: Path, scratch: Path, identity: Python, top: int
) -> tuple[int, dict[str, tuple[float, str]]]:
    """Measure the project once; return its sites, and seconds and profile of each step."""
    environment = deterministic_environment(os.environ, {})
    control = Control.make(
        scratch, "base", root=root, sources=[str(p.relative_to(root)) for p in root.rglob("*.py")]
    )
    env = measured_environment(
        environment, python=python, control=control.folder, root=root, original=root
    )
    collector = str(control.folder / "collector")
    writing = in_measured([str(python), "-c", WRITING, str(top)], root, env)
    decoding = in_measured(
        [str(python), "-I", "-S", "-c", DECODING, str(top), collector, str(control.folder)],
        root,
        environment,
    )
    loading, dumps = in_ours(lambda: load_dumps(control.folder / "dumps"), top)
    provenance = Provenance(
        tool="",
        revision="",
        commit=None,
        dirty=False,
        python=identity,
        suite=Suite(command=(), source=(), environment={}),
        processes=1,
    )
    building, _ = in_ours(lambda: build_snapshot(dumps, root=root, provenance=provenance), top)
    sites = sum(len(code.rows) for dump in dumps for code in dump.codes)
    return sites, {
        "recorder.finish": writing,
        "decode.main": decoding,
        "load_dumps": loading,
        "build_snapshot": building,
    }


def main() -> None:
    """Print the table, and the profiles if they are asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--python", help="interpreter to measure (as of specialist-ci)")
    parser.add_argument("--rounds", type=int, default=5, help="runs (default: 5)")
    parser.add_argument("--profile", action="store_true", help="add the profile of each step")
    arguments = parser.parse_args()
    python = find_interpreter(arguments.python, environ=os.environ)
    with project(SITES // SITES_A_MODULE) as root, tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        identity = identify(python, scratch, deterministic_environment(os.environ, {}))
        runs = [steps(root, python, scratch, identity, 0) for _ in range(arguments.rounds)]
        sites = runs[0][0]
        table = [
            (
                name,
                spread([taken[name][0] for _, taken in runs], 3),
                spread([sites / taken[name][0] / 1000 for _, taken in runs], 0),
            )
            for name in runs[0][1]
        ]
        print(f"CPython {identity.version}, {sites:,} sites\n")
        print(tabulate(table, ["step", "CPU, s", "1,000 sites a second"], tablefmt="github"))
        if arguments.profile:
            for name, (_, profile) in steps(root, python, scratch, identity, TOP)[1].items():
                print(f"\n{name}\n{profile}")


if __name__ == "__main__":
    main()

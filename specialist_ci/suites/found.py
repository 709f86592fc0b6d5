"""One suite that was found."""

from dataclasses import dataclass

CALLS = 50
"""How often each benchmark is called where nobody says it.

A site that fails is tried four times within 27 executions (3.15: three within 38), and one
that failed in fewer than 32 does not count as a change. The collector's scripts are told it.
"""


def pyperf_worker(calls: int) -> tuple[str, ...]:
    """Return the arguments by which a pyperf script calls each of its benchmarks so often.

    In one process: without --worker, pyperf chooses the number by the clock, and gives its
    processes none of our variables.
    """
    return "--worker", f"--loops={calls}", "--warmups=0", "--values=1"


@dataclass(frozen=True, slots=True)
class Found:
    """What to run, and the files that say so."""

    name: str
    command: tuple[str, ...]
    because: str  # "found: ..."
    repeats: bool = False  # the command has the number of calls in it

"""One suite that was found."""

from dataclasses import dataclass

CALLS = 50
"""How often each benchmark is called where it is ours to say.

A site that fails is tried four times within 27 executions (3.15: three within 38), and one
that failed in fewer than 32 does not count as a change. The collector's scripts are told it.
"""

PYPERF_WORKER = ("--worker", f"--loops={CALLS}", "--warmups=0", "--values=1")
"""One process that runs each benchmark of a pyperf script in it, a fixed number of times.

Without --worker, pyperf chooses the number by the clock, and gives its processes none of our
variables.
"""


@dataclass(frozen=True, slots=True)
class Found:
    """What to run, and the files that say so."""

    name: str
    command: tuple[str, ...]
    because: str  # "found: ..."

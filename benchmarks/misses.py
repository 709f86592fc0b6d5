"""What misses cost: python benchmarks/misses.py, in each interpreter in question.

Prints how long one access to an attribute takes where each Nth object is of another class,
over that where all are of one. It is the least of many rounds, so that what else the machine
does matters little, and stands for every other instruction with a guard.
"""

import sys
import time
from collections.abc import Callable, Sequence

EVERY = (1000, 100, 20, 10, 2)
ACCESSES = 10  # in one round of the loop, to outweigh it
OBJECTS, ROUNDS = 4000, 100

BODY = "def run(objects):\n    for one in objects:\n        "


class Usual:
    """What a hot line is meant to meet."""

    def __init__(self) -> None:  # noqa: D107 - its one attribute
        self.value = 1


class Stray:
    """Another class with the attribute at another place."""

    def __init__(self) -> None:  # noqa: D107 - its two attributes
        self.other = 2
        self.value = 1


def main() -> None:
    """Print one row for each share of misses."""
    usual = access(0)
    print(f"Python {sys.version.split()[0]}: {usual * 1e9:.1f} ns without a miss")
    for every in EVERY:
        print(f"one of {every:>4} misses: {access(every) / usual:.2f}")


def access(every: int) -> float:
    """Return the seconds of one access where each Nth object is a stray."""
    objects = [
        Stray() if every and number % every == every - 1 else Usual() for number in range(OBJECTS)
    ]
    accesses = fastest(compiled("; ".join(["one.value"] * ACCESSES)), objects)
    return (accesses - fastest(compiled("pass"), objects)) / OBJECTS / ACCESSES


def compiled(body: str) -> Callable[[Sequence[object]], None]:
    """Return a function of its own, that no other measurement has specialized."""
    namespace: dict[str, Callable[[Sequence[object]], None]] = {}
    exec(BODY + body, namespace)  # noqa: S102 - a code object of its own, to specialize
    return namespace["run"]


def fastest(run: Callable[[Sequence[object]], None], objects: Sequence[object]) -> float:
    """Return the seconds of the fastest round."""
    return min(timed(run, objects) for _ in range(ROUNDS))


def timed(run: Callable[[Sequence[object]], None], objects: Sequence[object]) -> float:
    """Return the seconds of one round."""
    started = time.perf_counter()
    run(objects)
    return time.perf_counter() - started


if __name__ == "__main__":
    main()

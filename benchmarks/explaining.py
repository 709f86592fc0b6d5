"""What the explaining run costs: python benchmarks/explaining.py [--python VERSION]...

Prints one table, in CPU seconds of whole processes: real projects plain and with probes, one
after the other in each round, and the ratio of each pair.

- the 100 sites of a suite that rank highest, as `diff` looks at that many;
- all sites of a suite of 949 tests that are adaptive or unstable;
- all such sites of a program that does nothing but run them, over and over.
"""

import argparse
import marshal
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from processes import Cost, run, spread
from projects import PROJECTS, Bench, prepare
from tabulate import tabulate

from specialist_ci.comparing.matching import Place, every_place
from specialist_ci.explaining.targets import plan, rank
from specialist_ci.measuring.command import resolve_command
from specialist_ci.measuring.control import Control
from specialist_ci.measuring.measure import measure
from specialist_ci.measuring.surroundings import measured_environment
from specialist_ci.source.sources import select_sources

VERSIONS = ("3.11", "3.12", "3.13", "3.14", "3.15")
FORMAT = 2  # of marshal: any Python reads it


class Case(NamedTuple):
    """Which sites of a project get probes, and how much that may cost."""

    name: str
    project: str
    limit: int | None
    bar: float  # of the CPU, over the plain run's


CASES = (
    Case("mistune, 949 tests, 100 sites", "mistune", 100, 1.5),
    Case("mistune, 949 tests, all that fail", "mistune", None, 1.6),
    Case("markdown-it-py, parsing, all that fail", "markdown-it-py", None, 5.0),
)


def once(bench: Bench, places: Sequence[Place] | None) -> Cost:
    """Run the project's command once, with probes at places or plain."""
    checkout, given, _, environment, scratch = bench
    sources = select_sources(checkout.python_files, given.source, given.exclude)
    control = Control.make(scratch, "head", root=checkout.root, sources=sources)
    variables = measured_environment(
        environment,
        python=given.python,
        control=control.folder,
        root=checkout.root,
        original=checkout.root,
    )
    if places is None:
        variables = _without_collector(variables)
    else:
        planned = marshal.dumps(plan(places, checkout.root), FORMAT)
        (control.folder / "plan").write_bytes(planned)
    cost = run(resolve_command(given.command, given.python, variables), checkout.root, variables)
    if places is not None and not control.count("facts"):
        raise SystemExit(f"{given.command} left nothing")
    return cost


def _without_collector(variables: Mapping[str, str]) -> dict[str, str]:
    """Return what the command would see if nobody measured it."""
    found = {name: text for name, text in variables.items() if name != "SPECIALIST_CI_CONTROL"}
    _, *entries = found["PYTHONPATH"].split(os.pathsep)
    return {**found, "PYTHONPATH": os.pathsep.join(entries)}


def rows(
    version: str, cases: Sequence[Case], rounds: int, folder: Path
) -> Iterator[tuple[str, ...]]:
    """Yield the rows of one version."""
    benches: dict[str, tuple[Bench, list[Place]]] = {}
    for case in cases:
        if case.project not in benches:
            bench = prepare(PROJECTS[case.project], version, folder)
            checkout, given, identity, environment, scratch = bench
            snapshot = measure(
                checkout, given, identity=identity, environment=environment, scratch=scratch
            )
            failing = [each for each in every_place(snapshot) if each.site.state.failing]
            benches[case.project] = bench, rank(failing)
        bench, ranked = benches[case.project]
        chosen = ranked[: case.limit]
        once(bench, chosen)  # compiles what later runs find compiled
        plain, probed = [], []
        for _ in range(rounds):
            plain.append(once(bench, None).cpu)
            probed.append(once(bench, chosen).cpu)
            print(f"{case.name}, {version}: {plain[-1]:.2f} {probed[-1]:.2f}", file=sys.stderr)
        ratios = [after / before for before, after in zip(plain, probed, strict=True)]
        ratio = sorted(ratios)[len(ratios) // 2]
        yield (
            *(case.name, version, str(len(chosen)), spread(plain, 2), spread(probed, 2)),
            *(spread(ratios, 2), f"{case.bar:.1f}: {'holds' if ratio <= case.bar else 'FAILS'}"),
        )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--python", action="append", help="version (default: 3.11 to 3.15)")
    parser.add_argument("--rounds", type=int, default=5, help="pairs of runs (default: 5)")
    parser.add_argument("--case", action="append", help="only cases with this in their name")
    arguments = parser.parse_args()
    cases = [c for c in CASES if any(part in c.name for part in arguments.case or [""])]
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary).resolve()
        table = [
            row
            for version in arguments.python or VERSIONS
            for row in rows(version, cases, arguments.rounds, folder)
        ]
    print(f"median (minimum to maximum) of {arguments.rounds} pairs of runs\n")
    headers = ("run", "Python", "sites", "plain, s", "probed, s", "ratio", "bar")
    print(tabulate(table, headers, tablefmt="github", disable_numparse=True))


if __name__ == "__main__":
    main()

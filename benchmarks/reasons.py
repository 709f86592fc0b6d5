"""How often the explaining run is right: python benchmarks/reasons.py [--python VERSION]...

Runs real projects three more with probes around what they do, and prints one row for each on
each version:

- of all sites in its sources that are adaptive or unstable, how many get a reason that what
  they met supports, how many one by elimination, and how many none;
- whether two explaining runs say the same, and whether the suite did the same in all of them;
- of all sites that specialized and never missed, and were probed too, how many met nothing but
  what our rules say does not specialize.

With --rest it lists what is left over of both.
"""

import argparse
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from projects import PROJECTS, Bench, Project, prepare
from tabulate import tabulate

from specialist_ci.comparing.matching import Place, every_place
from specialist_ci.explaining.conclusions import explained_sites
from specialist_ci.explaining.explain import observe
from specialist_ci.explaining.observations import Observation, Side
from specialist_ci.formats.report import ExplainedSite
from specialist_ci.formats.snapshot import Condition, State
from specialist_ci.measuring.measure import measure
from specialist_ci.reasons import judge
from specialist_ci.reasons.rows import Outcome

VERSIONS = ("3.11", "3.13", "3.14", "3.15")
EXPLAINED_BAR = 0.98  # of the sites that fail, by what they met
WRONG_BAR = 1e-4  # of the clean specialized ones
HEADERS = (
    *("project", "Python", "fail", "explained", "by elimination", "not", "share"),
    *("twice the same", "clean", "wrongly called"),
)


class Result(NamedTuple):
    """What came of one project on one version."""

    failing: Sequence[tuple[Place, ExplainedSite]]
    repeated: bool  # the second explaining run said the same
    problems: tuple[str, ...]  # runs that did something else than the plain one
    clean: Sequence[tuple[Place, Observation]]  # that were executed
    minor: int

    @property
    def explained(self) -> int:
        """How many sites have a reason that their situations support."""
        return sum(found.reason is not None and not found.eliminated for _, found in self.failing)

    @property
    def eliminated(self) -> int:
        """How many have one by elimination."""
        return sum(found.eliminated for _, found in self.failing)

    @property
    def wrong(self) -> list[tuple[Place, Observation]]:
        """The sites that specialize although all they met does not, if our rules are asked."""
        return [each for each in self.clean if hopeless(each[1], self.minor)]


def hopeless(seen: Observation, minor: int) -> bool:
    """Whether nothing that a site met specializes, by our rules."""
    outcomes = {judge(each, minor).outcome for each in seen.situations}
    return bool(outcomes) and outcomes <= {Outcome.FAILS, Outcome.MISSES}


def examine(bench: Bench) -> Result:
    """Measure a project, explain what fails twice, and look at all that is specialized."""
    checkout, plan, identity, environment, scratch = bench
    around = {"environment": environment, "scratch": scratch}
    first = measure(checkout, plan, identity=identity, **around)  # type: ignore[arg-type] # both of them
    every = list(every_place(first))

    def look(places: Sequence[Place]) -> tuple[Side, tuple[Condition, ...]]:
        numbered = dict(enumerate(places))
        output = first.provenance.output
        return observe(checkout, plan, numbered, output=output, **around)  # type: ignore[arg-type] # both of them

    failing = [place for place in every if place.site.state.failing]
    once, problems = look(failing)
    twice, other = look(failing)
    whole, third = look(every)
    clean = [
        (place, whole.observations[number])
        for number, place in enumerate(every)
        if place.site.state is State.SPECIALIZED
        and not place.site.misses
        and number in whole.observations
    ]
    return Result(
        list(zip(failing, explained_sites(failing, once, identity), strict=True)),
        once == twice,
        tuple(each.message for each in (*problems, *other, *third)),
        [each for each in clean if each[1].executions],
        int(identity.minor.partition(".")[2]),
    )


def row(project: str, version: str, result: Result) -> tuple[object, ...]:
    """Return a row of the table."""
    fail, told = len(result.failing), result.explained
    return (
        *(project, version, fail, told, result.eliminated, fail - told - result.eliminated),
        f"{told / fail:.1%}" if fail else "",
        "yes" if result.repeated else "NO",
        *(len(result.clean), len(result.wrong)),
    )


def rest(result: Result) -> Iterator[str]:
    """Yield what is not explained by what was met, and what is wrongly said to fail."""
    left = [each for each in result.failing if each[1].reason is None or each[1].eliminated]
    why = Counter(found.not_explained or "by elimination" for _, found in left)
    for text, count in why.most_common():
        yield f"  {count} {text}"
    for place, found in left:
        met = "; ".join(f"{each.text} {each.count}" for each in found.seen.situations[:4])
        yield (
            f"    {place.file.path}:{place.line} {place.site.family} {place.site.argrepr}"
            f" {place.site.state} {place.site.form} misses {place.site.misses}"
            f" failed {place.site.failed_attempts}: {found.not_explained or found.reason}"
            f" [{met}; {found.seen.executions} executions, {found.seen.switches} switches]"
        )
    wrong = Counter(_claim(place, seen) for place, seen in result.wrong)
    for text, count in wrong.most_common():
        yield f"    WRONG {count} times: {text}"


def _claim(place: Place, seen: Observation) -> str:
    facts = dict(seen.situations[0].facts)
    told = {key: value for key, value in facts.items() if value not in (None, False, 0)}
    return f"{place.file.path}:{place.line} {place.site.family} {place.site.form}: {told}"


def total(results: Mapping[tuple[str, str], Result], version: str) -> tuple[object, ...]:
    """Return the row of all projects on one version."""
    found = [result for (_, of), result in results.items() if of == version]
    together = Result(
        [each for result in found for each in result.failing],
        all(result.repeated for result in found),
        (),
        [each for result in found for each in result.clean],
        found[0].minor,
    )
    return row("all", version, together)


def bars(results: Iterable[Result]) -> Iterator[str]:
    """Yield each bar and whether it holds."""
    found = list(results)
    least = min(each.explained / len(each.failing) for each in found)
    clean = sum(len(each.clean) for each in found)
    wrong = sum(len(each.wrong) for each in found)
    held = {
        f"at least {EXPLAINED_BAR:.0%} explained by what they met": least >= EXPLAINED_BAR,
        f"at most 1 in {1 / WRONG_BAR:,.0f} wrongly called": wrong <= clean * WRONG_BAR,
        "two runs say the same": all(each.repeated for each in found),
        "suites did as without probes": not any(each.problems for each in found),
    }
    for bar, holds in held.items():
        yield f"{bar}: {'holds' if holds else 'FAILS'}"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--python", action="append", help="version (default: all of the table)")
    parser.add_argument("--project", action="append", choices=PROJECTS, help="default: all")
    parser.add_argument("--rest", action="store_true", help="list what is not explained, or wrong")
    arguments = parser.parse_args()
    chosen: dict[str, Project] = {name: PROJECTS[name] for name in arguments.project or PROJECTS}
    versions = arguments.python or VERSIONS
    results: dict[tuple[str, str], Result] = {}
    with tempfile.TemporaryDirectory() as temporary:
        for version in versions:
            for name, project in chosen.items():
                result = results[name, version] = examine(
                    prepare(project, version, Path(temporary).resolve())
                )
                print(*row(name, version, result), sep="  ", file=sys.stderr)
                print(*result.problems, sep="\n", file=sys.stderr)
                if arguments.rest:
                    print(name, version, *rest(result), sep="\n")
    rows = [row(*where, result) for where, result in results.items()]
    if len(chosen) > 1:
        rows += [total(results, version) for version in versions]
    print(tabulate(rows, HEADERS, tablefmt="github"), end="\n\n")
    print(*bars(results.values()), sep="\n")


if __name__ == "__main__":
    main()

"""Runs a suite once more, on one side, with probes around the operands of chosen sites."""

import ast
import marshal
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from specialist_ci.comparing.matching import Place
from specialist_ci.errors import MeasurementError
from specialist_ci.explaining.observations import Row, Side, merge
from specialist_ci.explaining.targets import plan
from specialist_ci.formats.dump import Dump
from specialist_ci.formats.paths import from_text, to_text
from specialist_ci.formats.snapshot import Condition, State
from specialist_ci.measuring.control import Control
from specialist_ci.measuring.gate import watching_terminations
from specialist_ci.measuring.identity import compile_collector
from specialist_ci.measuring.measure import Checkout, run_suite
from specialist_ci.measuring.measure import Plan as Wanted
from specialist_ci.measuring.outputs import digest
from specialist_ci.process import describe_failure
from specialist_ci.source.sources import select_sources

if TYPE_CHECKING:
    from specialist_ci.environments.environment import Environment

_FORMAT = 2  # of marshal: any Python reads it
# Families whose instructions stay what they are between the probes.
_COMPARABLE = frozenset(
    {"BINARY_OP", "COMPARE_OP", "CONTAINS_OP", "STORE_ATTR", "STORE_SUBSCR", "TO_BOOL"}
)


def observe(
    checkout: Checkout,
    wanted: Wanted,
    places: Mapping[int, Place],
    *,
    output: str | None,
    statuses: Collection[int] = (0,),
    environment: Mapping[str, str],
    scratch: Path,
    held: "Environment | None" = None,
    on_wait: Callable[[], None] | None = None,
) -> tuple[Side, tuple[Condition, ...]]:
    """Run the suite with probes and return what the places, by number, met.

    ``output`` is the digest of what the suite wrote without probes, if it is known. A run
    that ends otherwise than with one of the ``statuses``, or writes something else, explains
    nothing, and a condition says so.
    """
    sources = select_sources(checkout.python_files, wanted.source, wanted.exclude)
    control = Control.make(scratch, checkout.side, root=checkout.root, sources=sources)
    numbers = list(places)
    planned = plan([places[number] for number in numbers], checkout.root)
    (control.folder / "plan").write_bytes(marshal.dumps(planned, _FORMAT))
    compile_collector(wanted.python, scratch, environment)
    python = held.python if held else wanted.python
    try:
        with watching_terminations(control, python, explaining=True):
            outcome = run_suite(
                checkout,
                wanted,
                control,
                environment=environment,
                scratch=scratch,
                held=held,
                on_wait=on_wait,
            )
        if outcome.status not in statuses:
            return _failed(checkout.side, f"the command {describe_failure(outcome)}")
        if output is not None and digest(outcome) != output:
            return _failed(checkout.side, "the command wrote something else than in the first run")
        dumps = control.collect(python, checkout.side)
    except MeasurementError as error:
        return _failed(checkout.side, error.message.removeprefix(f"{checkout.side}: "))
    observations = {
        numbers[number]: found for number, found in merge(*read_facts(control.folder)).items()
    }
    ended = _ended(dumps)
    return (
        Side(
            {
                number: replace(found, states=_states(ended, places[number], checkout.root))
                for number, found in observations.items()
            }
        ),
        (),
    )


def _failed(side: str, what: str) -> tuple[Side, tuple[Condition, ...]]:
    condition = Condition(
        name="not-explained",
        message=f"with probes around operands, {what}: no change is explained by it",
        remedy="let the command do the same in each run, or leave the reasons out by --no-explain",
        side="base" if side == "base" else "head",
    )
    return Side(failure=f"the explaining run of {side} says nothing (not-explained)"), (condition,)


def read_facts(folder: Path) -> tuple[list[list[Row]], dict[str, Sequence[str]]]:
    """Return each process's rows, and the names of the facts.

    Raises MeasurementError for what the collector cannot have written.
    """
    fields: dict[str, Sequence[str]] = {}
    processes = []
    for path in sorted((folder / "raw").glob("*.facts")):
        try:
            fields, rows = ast.literal_eval(path.read_text(encoding="ascii"))
            processes.append([Row(*row) for row in rows])
        except (SyntaxError, TypeError, ValueError) as error:
            raise MeasurementError(
                "what an explained process left is damaged",
                remedy="measure again; if it happens again, report it as a bug",
            ) from error
    return processes, fields


_Key = tuple[object, ...]


def _ended(dumps: Sequence[Dump]) -> dict[_Key, set[State]]:
    """Return how the sites of an explaining run ended, by where they are in the source."""
    found: dict[_Key, set[State]] = {}
    for dump in dumps:
        for code in dump.codes:
            for site in code.sites:
                key = (
                    *(code.path, code.qualname, code.line, site.line, site.end_line),
                    *(site.column, site.end_column, site.family, site.argrepr),
                )
                found.setdefault(key, set()).add(site.state)
    return found


def _states(ended: Mapping[_Key, set[State]], place: Place, root: Path) -> frozenset[State]:
    site = place.site
    if site.family not in _COMPARABLE:
        return frozenset()
    key = (
        *(to_text(str(from_text(root, place.file.path))), place.function.qualname),
        *(place.function.line, place.line, site.end_line, site.column, site.end_column),
        *(site.family, site.argrepr),
    )
    return frozenset(ended.get(key, ()))

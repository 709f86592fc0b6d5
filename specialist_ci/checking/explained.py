"""Says why: the run with probes, put together with what was found before it."""

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import islice

from specialist_ci.checking.sides import Measuring, Pair, Revision, Surroundings
from specialist_ci.comparing.matching import Place, every_place, places_of
from specialist_ci.errors import UsageError
from specialist_ci.explaining.conclusions import explain, explained_sites, loss_of_site
from specialist_ci.explaining.confirming import confirm
from specialist_ci.explaining.targets import Changed, choose, worst_lines
from specialist_ci.formats.report import ExplainedLine, Report
from specialist_ci.formats.snapshot import Snapshot
from specialist_ci.jobs import Stop
from specialist_ci.measuring.measure import Plan
from specialist_ci.measuring.workload import Workload
from specialist_ci.repository.git import Repository
from specialist_ci.repository.workspace import scratch_directory
from specialist_ci.source.sources import fits


def with_reasons(
    report: Report,
    found: Sequence[Changed],
    measured: tuple[Snapshot, Snapshot],
    pair: Pair,
    workload: Workload | None,
) -> Report:
    """Return a report with the reasons of its changes, by one more run of each side.

    ``found`` has them with their places, ``measured`` what the suite did on each side, with
    which that run is to agree. What it does not bear out does not count.
    """
    shown = list(_again(_shown(report, found), measured[0]))
    chosen = choose(shown)
    places = _places(chosen, 0), _places(chosen, 1)
    (on_base, missed), (on_head, failed) = pair.observe(places, measured, workload)
    pythons = report.base.python, report.head.python
    changes = explain(shown, chosen, (on_base, on_head), pythons)
    conditions = (*report.conditions, *missed, *failed)
    update = {"changes": tuple(changes), "conditions": conditions}
    return confirm(report.model_copy(update=update))


def _shown(report: Report, found: Sequence[Changed]) -> list[Changed]:
    """Return those of the changes that are in the report, in its order: some are flaky."""
    rest = list(found)
    shown = []
    for change in report.changes:
        index = next(number for number, each in enumerate(rest) if each[0] == change)
        shown.append(rest.pop(index))
    return shown


def _again(found: Iterable[Changed], base: Snapshot) -> Iterator[Changed]:
    """Yield changes with the places of another measurement of base, where it has them."""

    def where(place: Place) -> tuple[object, ...]:
        function = place.function
        return place.file.path, function.qualname, function.line, place.site.offset

    places = {where(place): place for place in every_place(base)}
    for change, before, after in found:
        yield change, before and places.get(where(before), before), after


def _places(chosen: Sequence[Changed], side: int) -> dict[int, Place]:
    """Return the places of one side, 0 for base and 1 for head, by the number of the change."""
    places = [each[1:][side] for each in chosen]
    return {number: place for number, place in enumerate(places) if place is not None}


def explain_lines(
    repository: Repository,
    revision: Revision,
    plan: Plan,
    surroundings: Surroundings,
    *,
    path: str,
    line: int | None,
    most: int,
    stop: Stop | None = None,
) -> list[ExplainedLine]:
    """Measure one revision, and say what all sites of one line of it meet.

    Without a line, it is said of what fails on as many lines of a file or folder as ``most``,
    the costly ones first. Raises UsageError for a line without a site, and for a path
    without a measured file.
    """
    jobs = surroundings.jobs
    with scratch_directory() as scratch:
        measuring = Measuring(repository, plan, surroundings, scratch)
        (snapshot,) = jobs.all(
            [partial(measuring.measure, "head", revision, step=revision.name)], stop
        )
        lines = _lines(snapshot, path, line, most)
        places = [place for each in lines for place in each]
        numbered = dict(enumerate(places))
        ((side, conditions),) = jobs.all(
            [partial(measuring.observe, "head", revision, places=numbered, first=snapshot)], stop
        )
    sites = iter(explained_sites(places, side, snapshot.provenance.python))
    explained = [
        ExplainedLine(
            provenance=snapshot.provenance,
            path=each[0].file.path,
            line=each[0].line,
            source=each[0].source_line,
            sites=tuple(islice(sites, len(each))),
            conditions=(*snapshot.conditions, *conditions),
        )
        for each in lines
    ]
    return sorted(explained, key=lambda found: -sum(map(loss_of_site, found.sites)))


def _lines(snapshot: Snapshot, path: str, line: int | None, most: int) -> list[list[Place]]:
    """Return the places in question, line by line."""
    if line is not None:
        if places := places_of(snapshot, path, line):
            return [places]
        raise UsageError(
            f"{path}:{line} has no instruction that could specialize, or never ran",
            remedy="name a line that `specialist-ci run` and `show` list, relative to the root",
        )
    below = [place for place in every_place(snapshot) if fits(place.file.path, path)]
    if not below:
        raise UsageError(
            f"nothing of {path} was measured",
            remedy="name a file or folder that `specialist-ci run` and `show` list",
        )
    return worst_lines(below, most)

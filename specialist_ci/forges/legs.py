"""Joins what the legs of a matrix measured into one answer; shards of a suite become one."""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

from specialist_ci.comparing.compare import compare
from specialist_ci.comparing.policy import settle
from specialist_ci.errors import SpecialistCIError
from specialist_ci.forges.intake import REPORT_NAME, parse_reports, read_file
from specialist_ci.formats.files import load_snapshot, without_collecting
from specialist_ci.formats.report import Failure, Report, Reports
from specialist_ci.formats.snapshot import Snapshot
from specialist_ci.snapshots.shards import join, require_whole

SNAPSHOTS = "snapshots"  # folder of a leg, beside its report

_FILE = re.compile(r"(?P<side>base|head)(?P<again>-again)?(?:-.*)?\.json")

_Suite = tuple[str | None, tuple[str, ...], str]  # its name, command and Python
_Measured = dict[str, Snapshot]  # by side, as a leg's files are named


def join_legs(folder: Path, result: str) -> Reports:
    """Return the reports of all legs, each of which left its files in a folder of its own.

    ``result`` is how the jobs ended together. One that failed without a word of it in a
    report left none, and is a failure here.
    """
    reports: list[Report] = []
    failures: list[Failure] = []
    shards: defaultdict[_Suite, list[tuple[str, Report, _Measured]]] = defaultdict(list)
    for leg in sorted(path for path in folder.iterdir() if path.is_dir()):
        try:
            several = parse_reports(read_file(leg / REPORT_NAME))
            failures += (_of_leg(leg.name, failure) for failure in several.failures)
            measured = dict(_measured(leg)) if any(map(_is_shard, several.reports)) else {}
        except SpecialistCIError as error:
            failures.append(_failure(leg.name, error))
            continue
        for report in several.reports:
            if _is_shard(report):
                suite = _suite(report)
                shards[suite].append((leg.name, report, measured.get(suite, {})))
            else:
                reports.append(report)
    for (name, *_), parts in shards.items():
        try:
            reports.append(_joined(parts))
        except SpecialistCIError as error:
            failures.append(_failure(name or "the suite", error))
    if result not in {"", "success"} and not failures:
        failures.append(_missing_leg(result))
    return Reports(reports=settle(reports), failures=tuple(failures))


def _joined(parts: Sequence[tuple[str, Report, _Measured]]) -> Report:
    """Return the report of all shards of a suite, joined before they are compared."""
    first = parts[0][1]
    # A part in which nothing regressed was not measured again: what it had counts.
    again = any("base-again" in measured for *_, measured in parts)
    sides = {}
    for side in ("base", "head", "base-again", "head-again"):
        named = [
            (f"{leg}/{side}", found)
            for leg, _, measured in parts
            if (found := measured.get(side) or measured.get(side.removesuffix("-again")))
        ]
        with without_collecting():
            require_whole(named)
            sides[side] = join([snapshot for _, snapshot in named])
    return compare(
        sides["base"],
        sides["head"],
        policy=sides["head"].policy,
        again=(sides["base-again"], sides["head-again"]) if again else None,
        conditions=[one for one in first.conditions if one.name == "suite-changed"],
    )


def _measured(leg: Path) -> Iterator[tuple[_Suite, _Measured]]:
    """Yield a leg's snapshots by suite."""
    found: defaultdict[_Suite, _Measured] = defaultdict(dict)
    for path in sorted((leg / SNAPSHOTS).glob("*.json")):
        name = _FILE.fullmatch(path.name)
        if name and path.is_file() and not path.is_symlink():
            snapshot = load_snapshot(path)
            suite, python = snapshot.provenance.suite, snapshot.provenance.python
            key = (suite.name, suite.command, python.model_dump_json())
            found[key][name["side"] + (name["again"] or "")] = snapshot
    yield from found.items()


def _suite(report: Report) -> _Suite:
    suite = report.head.suite
    return suite.name, suite.command, report.head.python.model_dump_json()


def _is_shard(report: Report) -> bool:
    shards = report.head.shards
    return shards is not None and bool(shards.missing)


def _of_leg(leg: str, failure: Failure) -> Failure:
    suite = f"{leg}: {failure.suite}" if failure.suite else leg
    return failure.model_copy(update={"suite": suite})


def _failure(name: str, error: SpecialistCIError) -> Failure:
    return Failure(suite=name, message=error.message, remedy=error.remedy)


def _missing_leg(result: str) -> Failure:
    return Failure(
        suite="the matrix",
        message=f"the measuring jobs ended as {result}, and not all of them left a report",
        remedy="see the log of the job that failed",
    )

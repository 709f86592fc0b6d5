"""Asks an interpreter who it is, and refuses one whose specialization cannot be read."""

from collections.abc import Mapping
from pathlib import Path

from specialist_ci import process
from specialist_ci.errors import MeasurementError
from specialist_ci.formats.dump import load_identity
from specialist_ci.formats.snapshot import Python
from specialist_ci.measuring.control import copy_collector

OLDEST, NEWEST = (3, 11), (3, 15)


def identify(python: Path, scratch: Path, environment: Mapping[str, str]) -> Python:
    """Ask an interpreter who it is, in the surroundings of the run.

    It compiles the collector on the way, so that no measured process has to.
    Raises MeasurementError for one that does not specialize or that this release
    cannot read.
    """
    target = scratch / "python.json"
    outcome = process.run(
        [str(python), "-S", str(copy_collector(scratch) / "identify.py"), str(target)],
        cwd=scratch,
        env=environment,
        what=str(python),
    )
    if outcome.status != 0 or not target.exists():
        raise MeasurementError(
            f"{python} {process.describe_failure(outcome)}",
            remedy="name a working CPython 3.11 or later with --python",
        )
    identity = load_identity(target)
    _refuse_unfit(python, identity)
    return identity


def compile_collector(python: Path, scratch: Path, environment: Mapping[str, str]) -> None:
    """Let an interpreter compile all of the collector, explaining runs' part included.

    So no measured process has to, not even where it may not keep bytecode.
    """
    process.run(
        [str(python), "-S", "-m", "compileall", "-q", str(copy_collector(scratch))],
        cwd=scratch,
        env=environment,
        what=str(python),
    )


def _refuse_unfit(python: Path, identity: Python) -> None:
    major, minor = identity.version.split(".")[:2]
    version = int(major), int(minor)
    known = f"{OLDEST[0]}.{OLDEST[1]} to {NEWEST[0]}.{NEWEST[1]}"
    remedy = f"name a CPython {known} with --python"
    if identity.implementation != "CPython":
        raise MeasurementError(
            f"{python} is {identity.implementation}, which does not specialize", remedy=remedy
        )
    if version < OLDEST:
        raise MeasurementError(
            f"{python} is CPython {identity.version}, which does not specialize", remedy=remedy
        )
    if version > NEWEST:
        raise MeasurementError(
            f"{python} is CPython {identity.version}, whose caches this release cannot read",
            remedy=remedy + ", or update specialist-ci",
        )
    if not identity.specializes:
        build = "a free-threaded build" if identity.free_threaded else "a build"
        raise MeasurementError(
            f"{python} is CPython {identity.version}, {build} that never specializes",
            remedy=remedy,
        )

"""What the collector leaves behind: one process's sites, as its own interpreter decoded them."""

from pathlib import Path
from typing import NamedTuple

from pydantic import ValidationError

from specialist_ci.errors import MeasurementError
from specialist_ci.snapshot import Python, State, Value


class DumpedSite(NamedTuple):
    """One site; the fields are those of ``snapshot.Site``, in the collector's order."""

    offset: int
    line: int
    column: int | None
    end_line: int
    end_column: int | None
    family: str
    argrepr: str
    state: State
    form: str | None
    misses: int
    failed_attempts: int
    executions: int | None


class DumpedCode(Value):
    """One code object: the absolute path of its file, its name and its sites."""

    path: str
    qualname: str
    line: int
    sites: tuple[DumpedSite, ...]


class Dump(Value):
    """One process."""

    tracers: tuple[str, ...]
    codes: tuple[DumpedCode, ...]
    pystats: dict[str, int]


def load_identity(path: Path) -> Python:
    """Read what ``collector/identify.py`` wrote."""
    return Python.model_validate_json(path.read_bytes())


def load_dumps(directory: Path) -> tuple[Dump, ...]:
    """Read every decoded dump of a control directory, in the order of their names.

    Raises MeasurementError for a dump that the collector cannot have written.
    """
    dumps = []
    for path in sorted(directory.glob("*.json")):
        try:
            dumps.append(Dump.model_validate_json(path.read_bytes()))
        except ValidationError as error:
            problem = error.errors()[0]
            raise MeasurementError(
                f"a dump of the measured processes is damaged ({problem['msg']})",
                remedy="measure again; if it happens again, report it as a bug",
            ) from error
    return tuple(dumps)

"""What the collector leaves behind: one process's sites, as its own interpreter decoded them.

The file has an object of JSON on each line: first parts, some code objects each, at last what
is known of the process.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, NamedTuple

from pydantic import Field, ValidationError

from specialist_ci.errors import MeasurementError
from specialist_ci.formats.snapshot import Python, State, Value

# Line, offset, column, end line, end column, and which reading of the part is the site's.
Row = tuple[int, int, int | None, int, int | None, Annotated[int, Field(ge=0)]]
# The other fields of a site, from its family on: most sites of a program read like many others.
Reading = tuple[str, str, State, str | None, int, int, int | None, int, bool]


class DumpedSite(NamedTuple):
    """One site: its line, and then the fields of ``snapshot.Site`` in their order."""

    line: int
    offset: int
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
    respecialized: int
    traced: bool = False


@dataclass(frozen=True, slots=True)
class DumpedCode:
    """One code object: the absolute path of its source file, its name and its sites.

    Paths are text, as ``specialist_ci.formats.paths`` has it.
    """

    path: str
    qualname: str
    line: int
    rows: tuple[Row, ...]
    readings: tuple[Reading, ...]  # that the rows refer to, shared with other code objects

    @property
    def sites(self) -> tuple[DumpedSite, ...]:
        """The sites, each put together from its row and its reading."""
        return tuple(DumpedSite._make((*row[:5], *self.readings[row[5]])) for row in self.rows)


@dataclass(frozen=True, slots=True)
class Dump:
    """One process."""

    tracers: tuple[str, ...]
    codes: tuple[DumpedCode, ...]
    pystats: dict[str, int]
    elsewhere: tuple[tuple[str, str], ...]  # modules named like a source file, and their files
    generated: tuple[tuple[str, str, int], ...]  # hot code of no file: for which, name, line


class _Code(Value):
    path: str
    qualname: str
    line: int
    sites: tuple[Row, ...]


class _Part(Value):
    readings: tuple[Reading, ...]
    codes: tuple[_Code, ...]


class _Process(Value):
    tracers: tuple[str, ...]
    pystats: dict[str, int]
    elsewhere: tuple[tuple[str, str], ...]
    generated: tuple[tuple[str, str, int], ...]


def load_identity(path: Path) -> Python:
    """Read what ``collector/identify.py`` wrote."""
    return Python.model_validate_json(path.read_bytes())


def load_dumps(directory: Path) -> tuple[Dump, ...]:
    """Read every decoded dump of a control directory, in the order of their names.

    Raises MeasurementError for a dump that the collector cannot have written.
    """
    try:
        return tuple(map(_load, sorted(directory.glob("*.jsonl"))))
    except ValidationError as error:
        raise _damaged(error.errors()[0]["msg"]) from error


def _load(path: Path) -> Dump:
    codes: list[DumpedCode] = []
    *parts, last = path.read_bytes().splitlines() or [b""]
    for line in parts:
        codes += _codes(_Part.model_validate_json(line))
    process = _Process.model_validate_json(last)
    return Dump(
        tracers=process.tracers,
        codes=tuple(codes),
        pystats=process.pystats,
        elsewhere=process.elsewhere,
        generated=process.generated,
    )


def _codes(part: _Part) -> Iterator[DumpedCode]:
    used = max([row[5] for code in part.codes for row in code.sites], default=-1)
    if used >= len(part.readings):
        raise _damaged("a reading is missing")
    for code in part.codes:
        yield DumpedCode(code.path, code.qualname, code.line, code.sites, part.readings)


def _damaged(problem: str) -> MeasurementError:
    return MeasurementError(
        f"a dump of the measured processes is damaged ({problem})",
        remedy="measure again; if it happens again, report it as a bug",
    )

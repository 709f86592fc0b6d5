"""The whole answer as a value: changes, totals, verdict and provenance of one comparison."""

from enum import StrEnum
from typing import Literal

from pydantic import NonNegativeInt

from specialist_ci.snapshot import Condition, Counts, Provenance, State, Value

SCHEMA_VERSION = 1


class ChangeKind(StrEnum):
    """How a site differs between base and head."""

    REGRESSION = "regression"  # specialized on base, unstable or adaptive on head
    IMPROVEMENT = "improvement"  # the other way round
    NEW = "new"  # added code that fails to specialize


class Verdict(StrEnum):
    """What the report says as a whole."""

    PASS = "pass"  # noqa: S105 - a verdict, no password
    FAIL = "fail"
    NOT_COMPARABLE = "not-comparable"


class Change(Value):
    """One site that differs; the position is head's unless it says base."""

    kind: ChangeKind
    path: str
    line: int
    end_line: int
    column: int | None  # UTF-8 bytes
    end_column: int | None
    function: str
    source: str  # head's line, as it stands
    base_path: str | None  # None for new
    base_line: int | None
    base_source: str | None
    family: str
    argrepr: str
    base_state: State | None
    head_state: State
    base_form: str | None
    head_form: str | None
    head_misses: NonNegativeInt
    head_failed_attempts: NonNegativeInt
    direct: bool  # the diff touches the line
    executions: int | None  # on head, at least
    reason: str | None = None
    advice: str | None = None


class Side(Value):
    """Both sides of one figure."""

    base: Counts
    head: Counts


class FamilyRow(Value):
    """One family's counts on both sides."""

    family: str
    base: Counts
    head: Counts


class FileRow(Value):
    """One file's counts on both sides; head's path, or base's where head has none."""

    path: str
    base: Counts
    head: Counts


class Report(Value):
    """What ``diff`` and ``compare`` answer; its JSON form is a published contract."""

    schema_version: Literal[1] = 1
    verdict: Verdict
    base: Provenance
    head: Provenance
    totals: Side
    families: tuple[FamilyRow, ...]
    files: tuple[FileRow, ...]
    changes: tuple[Change, ...]  # regressions, then new, then improvements; indirect first
    flaky: tuple[Change, ...]  # changes that a second measurement did not reproduce
    conditions: tuple[Condition, ...]
    fail_on: tuple[str, ...]  # the policy that decided the verdict

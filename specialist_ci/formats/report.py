"""The whole answer as a value: changes, totals, verdict and provenance of one comparison."""

from enum import StrEnum
from typing import Literal

from pydantic import Field, NonNegativeInt

from specialist_ci.formats.snapshot import Budget, Condition, Counts, Provenance, State, Value

SCHEMA_VERSION = 1
NOTHING_TO_DO = "nothing to do"
"""The advice where nothing makes a site specialize."""


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


class Traces(Value):
    """How many of a line's sites are in compiled traces, at least."""

    sites: NonNegativeInt
    traced: NonNegativeInt


class Situation(Value):
    """What a site met, in the terms that decide whether it specializes, and how often."""

    kind: str  # of the observation, which decides what facts there are
    facts: dict[str, str | int | bool | None]
    text: str  # the same, for people
    count: NonNegativeInt


class Seen(Value):
    """What one site met in the explaining run, in all processes."""

    executions: NonNegativeInt  # of a loop: how often it began
    switches: NonNegativeInt  # times that the situation was not that of the execution before
    # Share of the executions at which a cache that holds one situation would miss, or at which
    # the situation is one that its own form does not fit.
    predicted_misses: float
    # Share of those of which that cannot be told.
    doubtful_misses: float = 0.0
    situations: tuple[Situation, ...]  # the most frequent ones
    # Why it was not seen, or not as in the first run; None where it was.
    problem: str | None = None


class Explanation(Value):
    """What the explaining run saw of a change, and what it is worth."""

    base: Seen | None  # None: not looked at
    head: Seen | None
    share: float | None  # of the executions of all changed sites
    cost: float | None  # of the operation, over the specialized one; 1.0: nothing to gain
    eliminated: bool  # the reason is what is left, nothing that was seen says so
    not_explained: str | None  # why there is no reason


class ExplainedSite(Value):
    """One site of a line, how it ended, and what it met in the explaining run."""

    function: str
    column: int | None  # UTF-8 bytes
    end_line: int
    end_column: int | None
    family: str
    argrepr: str
    state: State
    form: str | None
    misses: NonNegativeInt
    failed_attempts: NonNegativeInt
    respecialized: NonNegativeInt
    executions: int | None  # in the first run, at least
    seen: Seen
    reason: str | None
    advice: str | None
    cost: float | None
    eliminated: bool
    not_explained: str | None


class ExplainedLine(Value):
    """What ``explain`` answers for one line of one revision."""

    schema_version: Literal[1] = 1
    provenance: Provenance
    path: str
    line: int
    source: str
    sites: tuple[ExplainedSite, ...]
    conditions: tuple[Condition, ...]


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
    head_respecialized: NonNegativeInt = 0  # times, as far as readings during the run show
    direct: bool  # the diff touches the line
    executions: int | None  # on head, at least
    reason: str | None = None
    advice: str | None = None
    # How much of head's line the JIT compiled; left out where it was off.
    traces: Traces | None = Field(default=None, exclude_if=lambda traces: traces is None)
    # Left out where no explaining run was made.
    explanation: Explanation | None = Field(default=None, exclude_if=lambda found: found is None)


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


class Acknowledged(Value):
    """A change that the policy does not count, since somebody has accepted it."""

    change: Change
    reason: str
    where: str  # it was accepted: a line of the source, or the configuration


class Unconfirmed(Value):
    """A change of the counters that the explaining run does not bear out: it is not counted."""

    change: Change
    reason: str


class Outcome(StrEnum):
    """What became of a contract in the source."""

    KEPT = "kept"
    BROKEN = "broken"  # a site of it was tried and fails
    FLAKY = "flaky"  # broken in the first measurement only
    UNMEASURED = "unmeasured"  # nothing of it ran hot, or a tracer hides some of it
    MALFORMED = "malformed"  # a comment that begins like a contract and is none


class RequiredSite(Value):
    """A failing site that a contract wants specialized."""

    line: int
    family: str
    argrepr: str
    state: State


class Contract(Value):
    """One `# specialist: require` of head's source, and whether it is kept."""

    path: str
    line: int  # of the comment
    subject: str  # what it is about: a function's qualified name, or the line's text
    outcome: Outcome
    failing: tuple[RequiredSite, ...] = ()  # where it is broken
    problem: str | None = None  # what is wrong with a malformed one

    @property
    def place(self) -> str:
        """Where it stands, such as a.py:12."""
        return f"{self.path}:{self.line}"


class Violation(Value):
    """One rule of the policy that the report breaks."""

    rule: str  # as in fail_on, or budget, or contract
    message: str


class Failure(Value):
    """A suite of several, or of several interpreters, that has no report."""

    suite: str  # empty where it is all of the job
    # As it was asked for, where there are several.
    python: str | None = Field(default=None, exclude_if=lambda python: python is None)
    message: str
    remedy: str


class Upgrade(Value):
    """How much of one source could be compared in two versions of CPython.

    A spot is a place of the source with the work that is done there. All counts of the
    report are of the spots that both versions have.
    """

    spots: NonNegativeInt
    base_only: dict[str, NonNegativeInt]  # sites of base without a spot on head, by family
    head_only: dict[str, NonNegativeInt]
    base_families: tuple[str, ...]  # that head does not have at all
    head_families: tuple[str, ...]
    unsettled: NonNegativeInt  # spots that miss on one side only, which says nothing


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
    unconfirmed: tuple[Unconfirmed, ...] = ()  # changes that the explaining run does not bear out
    conditions: tuple[Condition, ...]
    # The policy that decides the verdict, and what it decides by: see policy.py.
    fail_on: tuple[str, ...]
    budgets: tuple[Budget, ...] = ()
    contracts: tuple[Contract, ...] = ()
    acknowledged: tuple[Acknowledged, ...] = ()  # changes that are not counted
    elsewhere: tuple[str, ...] = ()  # contracts and budgets that another suite answers for
    violations: tuple[Violation, ...] = ()  # the rules that failed it
    # Of one commit in two versions; left out where two commits were compared.
    upgrade: Upgrade | None = Field(default=None, exclude_if=lambda upgrade: upgrade is None)


class Reports(Value):
    """What ``diff`` answers for several suites or interpreters; a published contract in JSON."""

    schema_version: Literal[1] = 1
    reports: tuple[Report, ...]  # suite by suite, interpreter by interpreter: base and head tell
    failures: tuple[Failure, ...]  # the suites that could not be measured

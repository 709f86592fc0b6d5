"""Every phrase that the formats share; measured text stays marked until a format escapes it."""

import shlex
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from specialist_ci.report import Change, ChangeKind, Report, Verdict
from specialist_ci.snapshot import Condition, Counts, Provenance, Python, Site, Snapshot, State

NOTHING = "–"  # noqa: RUF001 - in a table: no figure
_REVISION = 80
_COMMAND = 160
_SHORT_COMMIT = 7

NOUNS = {
    ChangeKind.REGRESSION: "regression",
    ChangeKind.NEW: "new failing site",
    ChangeKind.IMPROVEMENT: "improvement",
}
TITLES = {
    ChangeKind.REGRESSION: "Regressions",
    ChangeKind.NEW: "New code that does not specialize",
    ChangeKind.IMPROVEMENT: "Improvements",
}


@dataclass(frozen=True, slots=True)
class Measured:
    """Text from the measured repository or interpreter, shown as code."""

    text: str
    cells: int = 60


@dataclass(frozen=True, slots=True)
class Prose:
    """A sentence, of ours or of a plugin, that may quote measured text."""

    text: str


@dataclass(frozen=True, slots=True)
class Place:
    """A line of a file, linked where its commit is known."""

    path: str
    line: int
    commit: str | None = None
    line_only: bool = False  # the path has just been named

    @property
    def label(self) -> str:
        """The place as text."""
        return f"line {self.line}" if self.line_only else f"{self.path}:{self.line}"


Phrase = tuple[str | Measured | Prose | Place | State, ...]
Labelled = tuple[str, Phrase]


def number(value: int) -> str:
    """Return a count with thousands separators."""
    return f"{value:,}"


def plural(count: int, noun: str) -> str:
    """Return the count and its noun, in the plural unless there is one."""
    ending = "es" if noun.endswith("s") else "s"
    return f"{number(count)} {noun}{'' if count == 1 else ending}"


def more(count: int, noun: str) -> str:
    """Return what is said in place of so many left out, or nothing where none is."""
    return f"… and {plural(count, f'more {noun}')}" if count else ""


def percent(ratio: float | None) -> str:
    """Return a ratio as 94.1%; 100.0% and 0.0% are kept for all and none."""
    return NOTHING if ratio is None else f"{_tenths(ratio) / 10:.1f}%"


def points(base: float | None, head: float | None) -> str:
    """Return the difference of two ratios as shown, in percentage points, such as -1.4."""
    if base is None or head is None:
        return ""
    difference = _tenths(head) - _tenths(base)
    return f"{difference / 10:+.1f}" if difference else "0.0"


def arrow(base: str, head: str) -> str:
    """Return base → head, or the one value where they are equal."""
    return base if base == head else f"{base} → {head}"


def joined(phrases: Iterable[Phrase], separator: str) -> Phrase:
    """Return the phrases as one."""
    parts: Phrase = ()
    for phrase in phrases:
        parts += (separator, *phrase) if parts else phrase
    return parts


def verdict(report: Report) -> list[Phrase]:
    """Return the answer with its figures, clause by clause."""
    if report.verdict is Verdict.NOT_COMPARABLE:
        blocking = [condition.message for condition in report.conditions if condition.blocking]
        message = blocking[0] if blocking else "the two sides cannot be compared"
        return [("NOT COMPARABLE: ", Prose(message))]
    interpreters = arrow(python(report.base.python), python(report.head.python))
    share = _share(report.totals.base, report.totals.head)
    return [
        (f"{report.verdict.value.upper()}: {_found(report)}",),
        (f"{share} (Python ", Prose(interpreters), ")"),
    ]


def totals(snapshot: Snapshot) -> list[Phrase]:
    """Return the figures of one snapshot, clause by clause."""
    counts = snapshot.totals
    tried = counts.specialized + counts.unstable + counts.adaptive
    share = (
        f"{percent(counts.ratio)} of {plural(tried, 'tried site')} specialized"
        if tried
        else "No site was tried"
    )
    others = [
        f"{number(value)} {state.value}"
        for state, value in (
            (State.UNSTABLE, counts.unstable),
            (State.ADAPTIVE, counts.adaptive),
            (State.COLD, counts.cold),
            (State.HIDDEN, counts.hidden),
        )
        if value
    ]
    interpreter: Phrase = (" (Python ", Prose(python(snapshot.provenance.python)), ")")
    return [(share, *interpreter), *([(", ".join(others),)] if others else [])]


def sides(report: Report) -> list[Labelled]:
    """Return what was compared: both revisions, the suite, and the policy where it mattered."""
    base, head = report.base, report.head
    suites = {"suite": _suite(base)}
    if base.suite.command != head.suite.command:
        suites = {"base suite": _suite(base), "head suite": _suite(head)}
    rows = [("base", _revision(base)), ("head", _revision(head)), *suites.items()]
    if report.changes:
        rows.append(("fails on", (Prose(", ".join(report.fail_on) or "nothing"),)))
    return rows


def origin(provenance: Provenance) -> list[Labelled]:
    """Return where one snapshot comes from."""
    return [
        ("revision", _revision(provenance)),
        ("suite", (*_suite(provenance), f" ({plural(provenance.processes, 'process')})")),
    ]


def conditions(found: Iterable[Condition]) -> list[Condition]:
    """Return the conditions, those that make the comparison impossible first."""
    return sorted(found, key=lambda condition: not condition.blocking)


def condition_name(condition: Condition) -> Phrase:
    """Return a condition's name, its side, and whether it is blocking."""
    remarks = [condition.side, "blocking" if condition.blocking else None]
    listed = ", ".join(remark for remark in remarks if remark)
    return (Measured(condition.name), f" ({listed})" if listed else "")


def python(identity: Python) -> str:
    """Return an interpreter as users name it: its version and what is unusual about it."""
    traits = {
        identity.implementation: identity.implementation.lower() != "cpython",
        "free-threaded": identity.free_threaded,
        "JIT": identity.jit,
        "debug": identity.debug,
    }
    return ", ".join([identity.version, *(name for name, holds in traits.items() if holds)])


def state(value: State, form: str | None, misses: int = 0, failed_attempts: int = 0) -> Phrase:
    """Return a site's state, its form, and the figures that tell how bad it is."""
    details: list[Phrase] = []
    if form is not None:
        details.append((Measured(form),))
    if value is State.UNSTABLE and misses:
        details.append((plural(misses, "miss"),))
    if value is State.ADAPTIVE and failed_attempts:
        details.append((plural(failed_attempts, "failed attempt"),))
    return (value, " (", *joined(details, ", "), ")") if details else (value,)


def site(found: Change | Site) -> str:
    """Return a site's name: its family, and what it works on as ``dis`` prints it."""
    return f"{found.family} {found.argrepr}".rstrip()


def flaky(change: Change) -> Phrase:
    """Return a change that a second measurement did not reproduce, in short."""
    return (f"{NOUNS[change.kind]}: ", Place(change.path, change.line), " ", Measured(site(change)))


def executions(count: int | None) -> Phrase:
    """Return how often a site ran, where it is known."""
    return () if count is None else (f", at least {plural(count, 'execution')}",)


def _found(report: Report) -> str:
    counts = Counter(change.kind for change in report.changes)
    indirect = sum(
        change.kind is ChangeKind.REGRESSION and not change.direct for change in report.changes
    )
    found = [plural(counts[kind], noun) for kind, noun in NOUNS.items() if counts[kind]]
    if indirect:
        found[0] += f" ({number(indirect)} indirect)"
    if counts[ChangeKind.REGRESSION] or (found and report.verdict is Verdict.FAIL):
        return ", ".join(found)
    return "; ".join(["no line stopped specializing", *filter(None, [", ".join(found)])])


def _share(base: Counts, head: Counts) -> str:
    if base.ratio is None and head.ratio is None:
        return "no site was tried"
    shown = [
        "none tried" if counts.ratio is None else percent(counts.ratio) for counts in (base, head)
    ]
    return f"{arrow(*shown)} of tried sites specialized"


def _revision(provenance: Provenance) -> Phrase:
    commit = provenance.commit
    short = (Measured(commit[:_SHORT_COMMIT]),) if commit else ("no commit",)
    dirty = ", with uncommitted changes" if provenance.dirty else ""
    if commit and commit.startswith(provenance.revision):
        return (*short, dirty)
    return (Measured(provenance.revision, _REVISION), " at ", *short, dirty)


def _suite(provenance: Provenance) -> Phrase:
    return (Measured(shlex.join(provenance.suite.command), _COMMAND),)


def _tenths(ratio: float) -> int:
    """Return the tenths of a percent; 1000 and 0 only where the ratio is exactly 1 and 0."""
    return round(ratio * 1000) if ratio in (0, 1) else min(max(round(ratio * 1000), 1), 999)

"""Every phrase that the formats share; measured text stays marked until a format escapes it."""

import shlex
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from specialist_ci.formats.report import (
    Acknowledged,
    Change,
    ChangeKind,
    ExplainedLine,
    Failure,
    Report,
    Unconfirmed,
    Upgrade,
    Verdict,
    Violation,
)
from specialist_ci.formats.snapshot import (
    Condition,
    Counts,
    Provenance,
    Python,
    Site,
    Snapshot,
    State,
)

NOTHING = "–"  # noqa: RUF001 - in a table: no figure
_REVISION = 80
_COMMAND = 160
_SHORT_COMMIT = 7
_RULES = 5

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
    if snapshot.provenance.python.jit:
        others.append(
            f"{number(counts.traced)} of {plural(counts.total, 'site')} in compiled traces"
        )
    interpreter: Phrase = (" (Python ", Prose(python(snapshot.provenance.python)), ")")
    return [(share, *interpreter), *([(", ".join(others),)] if others else [])]


def sides(report: Report) -> list[Labelled]:
    """Return what was compared: both revisions, the suite, and the policy where it mattered."""
    base, head = report.base, report.head
    suites = {"suite": _suite(base)}
    if base.suite.command != head.suite.command:
        suites = {"base suite": _suite(base), "head suite": _suite(head)}
    rows = [("base", _revision(base)), ("head", _revision(head)), *suites.items()]
    if report.upgrade is not None:
        rows = _versions(report, report.upgrade)
    elif base.python.jit and head.python.jit:
        shown = [
            f"{number(counts.traced)} of {plural(counts.total, 'site')}"
            for counts in (report.totals.base, report.totals.head)
        ]
        rows.append(("JIT", (f"{arrow(*shown)} in compiled traces",)))
    rows += _skipped(base, head)
    if report.changes:
        rows.append(("fails on", (Prose(", ".join(report.fail_on) or "nothing"),)))
    return rows


def broken(found: Iterable[Violation]) -> list[Phrase]:
    """Return the rules that failed a report, each with what it found."""
    return [(Prose(one.rule), " (", Prose(one.message), ")") for one in found]


def failed_by(rules: Sequence[Phrase]) -> list[Labelled]:
    """Return the row of the rules that failed a report, if any did."""
    return [("failed by", joined(most(rules), "; "))] if rules else []


def most(rules: Sequence[Phrase]) -> list[Phrase]:
    """Return a few rules, and how many more there are."""
    rest = more(len(rules[_RULES:]), "rule")
    return [*rules[:_RULES], *([(rest,)] if rest else [])]


def acknowledged(found: Acknowledged) -> Phrase:
    """Return a change that is not counted, in short, with the reason."""
    return (*flaky(found.change), ": ", Prose(found.reason), " (", Prose(found.where), ")")


def _versions(report: Report, upgrade: Upgrade) -> list[Labelled]:
    """Return what was compared of one commit in two versions, and what could not be."""
    rows: list[Labelled] = [
        ("base", ("Python ", Prose(python(report.base.python)), " on ", *_revision(report.base))),
        ("head", ("Python ", Prose(python(report.head.python)), " on ", *_revision(report.head))),
        ("suite", _suite(report.head)),
        ("compared", (f"{plural(upgrade.spots, 'spot')} of the source that both have sites for",)),
    ]
    owned = [
        f"only {side} has {', '.join(families)}"
        for side, families in (("base", upgrade.base_families), ("head", upgrade.head_families))
        if families
    ]
    if owned:
        rows.append(("families", (Prose("; ".join(owned)),)))
    for side, only in (("base", upgrade.base_only), ("head", upgrade.head_only)):
        if only:
            listed = ", ".join(f"{number(count)} {family}" for family, count in only.items())
            rows.append((f"only {side}", (Prose(f"{listed}: sites that are left out"),)))
    if upgrade.unsettled:
        what = "that miss on one side only, where chance decides"
        rows.append(("left out", (f"{plural(upgrade.unsettled, 'spot')} {what}",)))
    return rows


def failure(found: Failure) -> Phrase:
    """Return why a suite has no report, and the remedy."""
    return (*unmeasured(found), ": ", Prose(found.message), "; ", Prose(found.remedy))


def unmeasured(found: Failure) -> Phrase:
    """Return what has no report."""
    return (
        "NOT MEASURED",
        *((": suite ", Prose(found.suite)) if found.suite else ()),
        *((" on Python ", Prose(found.python)) if found.python else ()),
    )


def origin(provenance: Provenance) -> list[Labelled]:
    """Return where one snapshot comes from."""
    return [
        ("revision", _revision(provenance)),
        ("suite", (*_suite(provenance), f" ({plural(provenance.processes, 'process')})")),
        *_skipped(provenance),
    ]


def conditions(found: Iterable[Condition]) -> list[tuple[Phrase, Condition]]:
    """Return the conditions with their names, those that make the comparison impossible first.

    One that both sides have in the same words is one.
    """
    sides: dict[Condition, list[str]] = {}
    for condition in sorted(found, key=lambda condition: not condition.blocking):
        named = sides.setdefault(condition.model_copy(update={"side": None}), [])
        if condition.side:
            named.append(condition.side)
    return [(_condition_name(condition, named), condition) for condition, named in sides.items()]


def _condition_name(condition: Condition, sides: Iterable[str]) -> Phrase:
    """Return a condition's name, its sides, and whether it is blocking."""
    remarks = [" and ".join(dict.fromkeys(sides)), "blocking" if condition.blocking else ""]
    listed = ", ".join(filter(None, remarks))
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


def state(
    value: State,
    form: str | None,
    *,
    misses: int = 0,
    respecialized: int = 0,
    failed_attempts: int = 0,
) -> Phrase:
    """Return a site's state, its form, and the figures that tell how bad it is."""
    details: list[Phrase] = []
    if form is not None:
        details.append((Measured(form),))
    if value is State.UNSTABLE and misses:
        details.append((plural(misses, "miss"),))
    if value is State.UNSTABLE and respecialized:
        times = {1: "once", 2: "twice"}.get(respecialized) or plural(respecialized, "time")
        details.append((f"specialized anew {times}",))
    if value is State.ADAPTIVE and failed_attempts:
        details.append((plural(failed_attempts, "failed attempt"),))
    return (value, " (", *joined(details, ", "), ")") if details else (value,)


def site(found: Change | Site) -> str:
    """Return a site's name: its family, and what it works on as ``dis`` prints it."""
    return f"{found.family} {found.argrepr}".rstrip()


def flaky(change: Change) -> Phrase:
    """Return a change that a second measurement did not reproduce, in short."""
    return (f"{NOUNS[change.kind]}: ", Place(change.path, change.line), " ", Measured(site(change)))


def unconfirmed(found: Unconfirmed) -> Phrase:
    """Return a change that the explaining run does not bear out, and why."""
    return (*flaky(found.change), ": ", Prose(found.reason))


@dataclass(frozen=True, slots=True)
class Uncounted:
    """Changes that decide nothing, for one reason."""

    noun: str
    why: str
    phrases: tuple[Phrase, ...]

    @property
    def title(self) -> str:
        """What they are and why they do not count, for a heading."""
        return f"Not counted: {self.why}"

    @property
    def summary(self) -> str:
        """The same, counted."""
        return f"{plural(len(self.phrases), 'change')} not counted: {self.why}"


def not_counted(
    accepted: Iterable[Acknowledged], flickering: Iterable[Change], doubted: Iterable[Unconfirmed]
) -> list[Uncounted]:
    """Return what changed and does not count: accepted, flaky, or not borne out."""
    found = (
        Uncounted("acknowledged change", "acknowledged", tuple(map(acknowledged, accepted))),
        Uncounted(
            "flaky change", "not reproduced by a second measurement", tuple(map(flaky, flickering))
        ),
        Uncounted(
            "unconfirmed change",
            "not borne out by the explaining run",
            tuple(map(unconfirmed, doubted)),
        ),
    )
    return [one for one in found if one.phrases]


def explained(found: ExplainedLine) -> str:
    """Return the title of an explained line."""
    return f"What its sites meet on Python {python(found.provenance.python)}"


def executions(count: int | None) -> Phrase:
    """Return how often a site ran, where it is known."""
    return () if count is None else (f", at least {plural(count, 'execution')}",)


def _found(report: Report) -> str:
    counts = Counter(change.kind for change in report.changes)
    indirect = sum(
        change.kind is ChangeKind.REGRESSION and not change.direct for change in report.changes
    )
    found = [plural(counts[kind], noun) for kind, noun in NOUNS.items() if counts[kind]]
    if indirect and report.upgrade is None:
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
    remarks = ", with uncommitted changes" if provenance.dirty else ""
    if provenance.shards is not None:
        remarks += (
            f", shard {provenance.shards}"
            if provenance.shards.missing
            else (f", joined from {plural(provenance.shards.of, 'shard')}")
        )
    if provenance.cached:
        remarks += ", from the cache"
    if commit and commit.startswith(provenance.revision):
        return (*short, remarks)
    return (Measured(provenance.revision, _REVISION), " at ", *short, remarks)


def _suite(provenance: Provenance) -> Phrase:
    name: Phrase = (Prose(provenance.suite.name), ": ") if provenance.suite.name else ()
    return (*name, Measured(shlex.join(provenance.suite.command), _COMMAND))


def _skipped(*sides: Provenance) -> list[Labelled]:
    """Return how much code no line of a file could be shown for, where there was any."""
    if not any(side.generated for side in sides):
        return []
    shown = arrow(number(sides[0].generated), plural(sides[-1].generated, "hot code object"))
    if sides[0].generated == sides[-1].generated:
        shown = plural(sides[-1].generated, "hot code object")
    return [("skipped", (f"{shown} of generated code",))]


def _tenths(ratio: float) -> int:
    """Return the tenths of a percent; 1000 and 0 only where the ratio is exactly 1 and 0."""
    return round(ratio * 1000) if ratio in (0, 1) else min(max(round(ratio * 1000), 1), 999)

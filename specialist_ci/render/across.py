"""One suite's reports from several interpreters as one: each change once, with who has it."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple, TypeVar

from specialist_ci.comparing.compare import order_of
from specialist_ci.comparing.matching import shape_of
from specialist_ci.formats.report import (
    Acknowledged,
    Change,
    ChangeKind,
    Failure,
    Report,
    Reports,
    Unconfirmed,
    Verdict,
)
from specialist_ci.formats.snapshot import Condition, Counts, Python
from specialist_ci.render import wording
from specialist_ci.render.lines import (
    MOST_SITES,
    Listing,
    Row,
    ShownLine,
    changed_line,
    changed_row,
    listed,
)
from specialist_ci.render.tables import MOST_ROWS, Table
from specialist_ci.render.wording import NOTHING, Labelled, Measured, Phrase, Prose

_SHOWN_PLACES = 3  # of changes that some interpreters have only

_Labelling = Callable[[Python], str]
_Judged = TypeVar("_Judged", Acknowledged, Unconfirmed)


class Shared(NamedTuple):
    """One change, as each interpreter has it that does, by the interpreter's number."""

    found: Mapping[int, Change]

    @property
    def first(self) -> Change:
        """The change of the first interpreter."""
        return self.found[min(self.found)]


@dataclass(frozen=True)
class Group:
    """The reports of one suite, one for each interpreter, and those that it has none of."""

    reports: tuple[Report, ...]
    failures: tuple[Failure, ...] = ()

    @property
    def suite(self) -> str:
        """What people call the suite, empty where it is all of the job."""
        if self.reports:
            return self.reports[0].head.suite.label
        return self.failures[0].suite

    @property
    def plain(self) -> bool:
        """Whether there is but one interpreter, or none that has a report."""
        return not self.reports or len(self.reports) + len(self.failures) == 1

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """The interpreters of the reports as users name them, as short as tells them apart."""
        pythons = [report.head.python for report in self.reports]
        ways: tuple[_Labelling, ...] = (lambda one: one.minor, lambda one: one.version)
        for way in (*ways, wording.python):
            names = tuple(map(way, pythons))
            if len(set(names)) == len(names):
                return names
        return tuple(f"{name} ({number})" for number, name in enumerate(names, 1))

    @cached_property
    def judged(self) -> frozenset[int]:
        """The interpreters on which the two sides could be compared."""
        return frozenset(
            number
            for number, report in enumerate(self.reports)
            if report.verdict is not Verdict.NOT_COMPARABLE
        )

    @property
    def verdict(self) -> Verdict:
        """The worst of all: what was not compared is not green."""
        if self.failures or len(self.judged) < len(self.reports):
            return Verdict.NOT_COMPARABLE
        failed = any(report.verdict is Verdict.FAIL for report in self.reports)
        return Verdict.FAIL if failed else Verdict.PASS

    @cached_property
    def changes(self) -> tuple[Shared, ...]:
        """The changes of all interpreters, each once."""
        return merged([report.changes for report in self.reports])

    def where(self, numbers: Iterable[int]) -> str:
        """Say on which interpreters something is, and whether on these only."""
        found = set(numbers)
        listed = f"on {_listed([self.labels[number] for number in sorted(found)])}"
        if self.judged - found:
            return f"{listed} only"
        known = len(found) == len(self.reports) and not self.failures
        return "on all versions" if known else listed


def groups(several: Reports) -> list[Group]:
    """Return the reports and failures by suite, in the order of the suites."""
    found: dict[str, tuple[list[Report], list[Failure]]] = {}
    for report in several.reports:
        found.setdefault(report.head.suite.label, ([], []))[0].append(report)
    for failure in several.failures:
        found.setdefault(failure.suite, ([], []))[1].append(failure)
    return [Group(tuple(reports), tuple(failures)) for reports, failures in found.values()]


def merged(several: Sequence[Sequence[Change]]) -> tuple[Shared, ...]:
    """Make the same change of several interpreters one, in the order of reports.

    The same are two of one kind on one line, that do the same work at the same columns, or,
    where versions tell other columns (of a loop: all of it, or what it runs over), at
    columns of which one holds the other.
    """
    buckets: dict[tuple[object, ...], list[dict[int, Change]]] = {}
    for number, changes in enumerate(several):
        rest = []
        for change in changes:
            entries = buckets.setdefault(_work(change), [])
            if not _join(entries, number, change, _same_span):
                rest.append(change)
        for change in rest:
            entries = buckets[_work(change)]
            if not _join(entries, number, change, _nested):
                entries.append({number: change})
    shared = [Shared(entry) for entries in buckets.values() for entry in entries]
    return tuple(sorted(shared, key=lambda one: order_of(one.first)))


def _join(
    entries: Iterable[dict[int, Change]],
    number: int,
    change: Change,
    same: Callable[[Change, Change], bool],
) -> bool:
    """Add a change to the first entry that is the same, if there is one."""
    for entry in entries:
        if number not in entry and any(same(other, change) for other in entry.values()):
            entry[number] = change
            return True
    return False


def _work(change: Change) -> tuple[object, ...]:
    return (change.kind, change.path, change.line, shape_of(change.family), change.argrepr)


def _same_span(one: Change, other: Change) -> bool:
    return _span(one) == _span(other)


def _nested(one: Change, other: Change) -> bool:
    if one.column is None or other.column is None:
        return True
    return _holds(one, other) or _holds(other, one)


def _holds(outer: Change, inner: Change) -> bool:
    (start, end), (inner_start, inner_end) = _span(outer), _span(inner)
    return start <= inner_start and inner_end <= end


def _span(change: Change) -> tuple[tuple[int, int], tuple[int, int]]:
    return (change.line, change.column or 0), (change.end_line, change.end_column or 0)


# --- what a format shows ---


def verdict(group: Group) -> list[Phrase]:
    """Return the answer with its figures, clause by clause; it begins with the worst."""
    clauses: list[Phrase] = []
    if group.failures:
        versions = _listed([failure.python or "?" for failure in group.failures])
        clauses.append(("NOT MEASURED on ", Prose(versions)))
    if unjudged := [n for n in range(len(group.reports)) if n not in group.judged]:
        versions = _listed([group.labels[number] for number in unjudged])
        clauses.append(("NOT COMPARABLE on ", Prose(versions)))
    if group.judged:
        word = "" if clauses else f"{group.verdict.value.upper()}: "
        clauses.append((word, *_counted(group)))
    return clauses


def _counted(group: Group) -> Phrase:
    """Say how many changes there are of each kind, and which some interpreters have only."""
    found: list[str] = []
    for kind, noun in wording.NOUNS.items():
        shared = [one for one in group.changes if one.first.kind is kind]
        if not shared:
            continue
        places = Counter(group.where(one.found) for one in shared)
        shown = [
            f"{wording.number(count)} {place}" if len(places) > 1 else place
            for place, count in places.most_common(_SHOWN_PLACES)
        ]
        if len(places) > _SHOWN_PLACES:
            shown.append("…")
        found.append(f"{wording.plural(len(shared), noun)} ({', '.join(shown)})")
    regressed = any(one.first.kind is ChangeKind.REGRESSION for one in group.changes)
    if not regressed:
        judged = [group.labels[number] for number in sorted(group.judged)]
        found.insert(0, f"no line stopped specializing on {_listed(judged)}")
    return (Prose("; ".join(found)),)


def sides(group: Group) -> list[Labelled]:
    """Return what was compared: a row for all where they agree, else one for each."""
    rows: dict[str, list[tuple[int, Phrase]]] = {}
    for number, report in enumerate(group.reports):
        for label, phrase in wording.sides(report):
            rows.setdefault(label, []).append((number, phrase))
    told: list[Labelled] = []
    for label, found in rows.items():
        if len({phrase for _, phrase in found}) == 1:
            told.append((label, found[0][1]))
        else:
            told += [(f"{label} {group.labels[number]}", phrase) for number, phrase in found]
    return told


def broken(group: Group) -> list[Phrase]:
    """Return the rules that failed the reports, each once, with the interpreters where it did."""
    found: dict[Phrase, list[int]] = {}
    for number, report in enumerate(group.reports):
        for phrase in wording.broken(report.violations):
            found.setdefault(phrase, []).append(number)
    return [(*phrase, " ", group.where(numbers)) for phrase, numbers in found.items()]


def conditions(group: Group) -> tuple[Condition, ...]:
    """Return the conditions, each once, with the interpreters that have it in its message."""
    found: dict[Condition, list[int]] = {}
    for number, report in enumerate(group.reports):
        for condition in report.conditions:
            found.setdefault(condition, []).append(number)
    return tuple(
        condition
        if len(numbers) == len(group.reports)
        else condition.model_copy(
            update={
                "message": f"on {_listed([group.labels[n] for n in numbers])}: {condition.message}"
            }
        )
        for condition, numbers in found.items()
    )


def not_counted(group: Group) -> list[wording.Uncounted]:
    """Return the changes that do not count on some interpreter, each once for each reason."""
    flaky = [one.first for one in merged([report.flaky for report in group.reports])]
    return wording.not_counted(
        _once([report.acknowledged for report in group.reports]),
        flaky,
        _once([report.unconfirmed for report in group.reports]),
    )


def _once(several: Sequence[Sequence[_Judged]]) -> list[_Judged]:
    """Return what was judged of the same changes of several interpreters, each once."""
    found = [one for some in several for one in some]
    shared = merged([[one.change for one in some] for some in several])
    return [next(one for one in found if one.change == each.first) for each in shared]


def shared_lines(group: Group, kind: ChangeKind) -> Listing:
    """Return the changes of one kind by line, each with its state on every interpreter."""
    lines: dict[tuple[str, int], list[Shared]] = {}
    for one in group.changes:
        if one.first.kind is kind:
            lines.setdefault((one.first.path, one.first.line), []).append(one)
    return listed([_shared_line(group, found) for found in lines.values()], kind)


def _shared_line(group: Group, found: Sequence[Shared]) -> ShownLine:
    report = group.reports[min(found[0].found)]
    rows = [_shared_row(group, one) for one in found[:MOST_SITES]]
    return replace(changed_line(report, [one.first for one in found]), rows=tuple(rows))


def _shared_row(group: Group, one: Shared) -> Row:
    rows = {number: changed_row(change) for number, change in sorted(one.found.items())}
    first = rows[min(rows)]
    where: Phrase = (group.where(one.found),)
    told = {number: row.state for number, row in rows.items()}
    notes: list[Labelled] = []
    if len(set(told.values())) == 1:
        state: Phrase = (*first.state, ", ", *where)
    else:
        state = where
        notes += [(group.labels[n], _named(rows[n], first, told[n])) for n in told]
    notes += [
        (group.labels[number], ("has no ", Measured(one.first.family)))
        for number in sorted(group.judged - one.found.keys())
        if not _has(group.reports[number], one.first.family)
    ]
    told_notes = (*notes, *_distinct(row.notes for row in rows.values()))
    brief = (*first.brief, ", ", *where)
    return replace(first, state=state, notes=told_notes, brief=brief)


def _named(row: Row, first: Row, state: Phrase) -> Phrase:
    return state if row.name == first.name else (Measured(row.name), ": ", *state)


def _has(report: Report, family: str) -> bool:
    return any(shape_of(row.family) == shape_of(family) for row in report.families)


def _distinct(notes: Iterable[Sequence[Labelled]]) -> Iterator[Labelled]:
    yield from dict.fromkeys(note for some in notes for note in some)


# --- tables ---


def tables(group: Group) -> tuple[Table, ...]:
    """Return the interpreters with what each found, and whose ratios differ on which."""
    families = [[(r.family, r.base, r.head) for r in report.families] for report in group.reports]
    files = [[(r.path, r.base, r.head) for r in report.files] for report in group.reports]
    return (
        _interpreters(group),
        _points("family", "families, points of their ratio", group, families),
        _points("file", "files, points of their ratio", group, files),
    )


def _interpreters(group: Group) -> Table:
    rows = []
    for label, report in zip(group.labels, group.reports, strict=True):
        kinds = Counter(change.kind for change in report.changes)
        rows.append(
            (
                label,
                report.verdict.value,
                *(wording.number(kinds[kind]) for kind in wording.NOUNS),
                wording.arrow(
                    wording.percent(report.totals.base.ratio),
                    wording.percent(report.totals.head.ratio),
                ),
            )
        )
    rows += [(failure.python or "?", "not measured", *[NOTHING] * 4) for failure in group.failures]
    columns = ("Python", "verdict", *(f"{kind.value}s" for kind in wording.NOUNS), "ratio")
    renamed = tuple("new" if column == "news" else column for column in columns)
    return Table("Python", "interpreters", renamed, tuple(rows), 0)


def _points(
    noun: str,
    plural: str,
    group: Group,
    several: Sequence[Sequence[tuple[str, Counts, Counts]]],
) -> Table:
    """Return one row for each label whose ratio differs somewhere, the largest loss first."""
    changes: dict[str, dict[int, tuple[float, str]]] = {}
    for number, rows in enumerate(several):
        for label, base, head in rows:
            shown = wording.points(base.ratio, head.ratio)
            if base.ratio is not None and head.ratio is not None:
                changes.setdefault(label, {})[number] = (head.ratio - base.ratio, shown)
    differing = {
        label: found
        for label, found in changes.items()
        if any(shown != "0.0" for _, shown in found.values())
    }
    order = sorted(differing, key=lambda label: (min(differing[label].values())[0], label))
    rows_shown = tuple(
        (
            label,
            *(
                differing[label][number][1] if number in differing[label] else NOTHING
                for number in range(len(group.reports))
            ),
        )
        for label in order[:MOST_ROWS]
    )
    hidden = max(0, len(order) - MOST_ROWS)
    return Table(noun, plural, (noun, *group.labels), rows_shown, hidden)


def _listed(names: Sequence[str]) -> str:
    """Return names as people list them."""
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))

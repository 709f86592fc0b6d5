"""Compares two snapshots: what stopped specializing, what started, what is new; pure."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from difflib import SequenceMatcher
from enum import StrEnum

from specialist_ci.matching import Match, Pair, Place, match
from specialist_ci.report import Change, ChangeKind, FamilyRow, FileRow, Report, Side, Verdict
from specialist_ci.snapshot import (
    UNSTABLE_MISSES,
    Condition,
    Counts,
    Site,
    Snapshot,
    SourceFile,
    State,
)
from specialist_ci.sourcetext import source_text

# A site that failed in fewer executions than this is no hot code: it takes the interpreter
# 27 of them (3.15: 38) to try and fail four times (3.15: three).
_WARM = 32

_RANK = {ChangeKind.REGRESSION: 0, ChangeKind.NEW: 1, ChangeKind.IMPROVEMENT: 2}


class FailOn(StrEnum):
    """What makes the verdict ``fail``."""

    REGRESSION = "regression"
    INDIRECT = "indirect"  # a regression on a line that the diff does not touch
    UNSTABLE = "unstable"  # a regression that is specialized but misses persistently
    NEW = "new"
    NEVER = "never"

    def hit_by(self, change: Change) -> bool:
        """Return whether a change fails the build under this rule."""
        regression = change.kind is ChangeKind.REGRESSION
        match self:
            case FailOn.REGRESSION:
                return regression
            case FailOn.INDIRECT:
                return regression and not change.direct
            case FailOn.UNSTABLE:
                return regression and change.head_state is State.UNSTABLE
            case FailOn.NEW:
                return change.kind is ChangeKind.NEW
            case FailOn.NEVER:
                return False


def compare(
    base: Snapshot,
    head: Snapshot,
    *,
    fail_on: Iterable[FailOn] = (FailOn.REGRESSION,),
    again: tuple[Snapshot, Snapshot] | None = None,
    conditions: Iterable[Condition] = (),
) -> Report:
    """Return what changed from base to head.

    ``again`` is a second measurement of both sides: changes that it does not show too
    are listed as flaky and decide nothing. With a blocking condition on either side,
    or between them, nothing is compared and the verdict says so.
    """
    fail_on = tuple(fail_on)
    found = (*_told_by(base, head), *_incomparable(base, head), *conditions)
    changes: list[Change] = []
    flaky: list[Change] = []
    if not any(condition.blocking for condition in found):
        changes = find_changes(base, head)
        if again is not None:
            changes, flaky = _reproduced(changes, find_changes(*again))
    return Report(
        verdict=_verdict(changes, found, fail_on),
        base=base.provenance,
        head=head.provenance,
        totals=Side(base=base.totals, head=head.totals),
        families=tuple(_family_rows(base, head)),
        files=tuple(_file_rows(base, head)),
        changes=tuple(changes),
        flaky=tuple(flaky),
        conditions=tuple(sorted(found, key=lambda condition: not condition.blocking)),
        fail_on=tuple(fail_on),
    )


def _verdict(
    changes: Iterable[Change], conditions: Iterable[Condition], fail_on: Iterable[FailOn]
) -> Verdict:
    if any(condition.blocking for condition in conditions):
        return Verdict.NOT_COMPARABLE
    rules = tuple(fail_on)
    failed = any(rule.hit_by(change) for change in changes for rule in rules)
    return Verdict.FAIL if failed else Verdict.PASS


# --- what forbids a comparison ---


def _told_by(base: Snapshot, head: Snapshot) -> Iterator[Condition]:
    for side, snapshot in (("base", base), ("head", head)):
        for condition in snapshot.conditions:
            yield condition.model_copy(update={"side": side})


def _incomparable(base: Snapshot, head: Snapshot) -> Iterator[Condition]:
    before, after = base.provenance, head.provenance
    if before.python != after.python:
        yield Condition(
            name="different-interpreters",
            message="the sides ran on different interpreters: "
            + _difference(before.python.model_dump(), after.python.model_dump()),
            remedy="measure both with the same --python",
            blocking=True,
        )
    if before.suite != after.suite:
        yield Condition(
            name="different-suites",
            message="the sides ran different suites: "
            + _difference(before.suite.model_dump(), after.suite.model_dump()),
            remedy="measure both with the same command, --source and environment",
            blocking=True,
        )


def _difference(base: Mapping[str, object], head: Mapping[str, object]) -> str:
    """Name the first field that differs, with both values."""
    name = next(key for key in base if base[key] != head[key])
    before, after = base[name], head[name]
    if isinstance(before, dict) and isinstance(after, dict):
        names = {**before, **after}
        return _difference(
            {key: before.get(key) for key in names}, {key: after.get(key) for key in names}
        )
    return f"{name} is {_shown(before)} on base and {_shown(after)} on head"


def _shown(value: object) -> str:
    return " ".join(map(str, value)) if isinstance(value, tuple) else str(value)


# --- changes ---


def find_changes(base: Snapshot, head: Snapshot) -> list[Change]:
    """Return every change of one comparison, regressions first and indirect ones foremost."""
    matched = match(base, head)
    touched = _TouchedLines(base, head, matched)
    changes = [_change(kind, pair.base, pair.head, touched) for kind, pair in _differing(matched)]
    changes += [
        _change(ChangeKind.NEW, None, place, touched)
        for place in (*matched.added, *_orphans(matched))
        if place.site.state.failing and _is_warm(place.site)
    ]
    return sorted(changes, key=_order)


def _order(change: Change) -> tuple[object, ...]:
    return (
        _RANK[change.kind],
        change.direct,
        change.path,
        change.line,
        change.column or 0,
        change.function,
        change.family,
        change.argrepr,
    )


def _differing(matched: Match) -> Iterator[tuple[ChangeKind, Pair]]:
    """Yield the pairs that say something.

    Cold and hidden sites say nothing, nor does one that failed in a few executions, one
    failing state is no worse than another, and a site becomes (or stops being) unstable
    only by a margin: one that misses now and then may cross the limit without any change
    in the program.
    """
    for pair in matched.pairs:
        before, after = pair.base.site, pair.head.site
        if before.state is after.state or not pair.certain:
            continue
        if before.state is State.SPECIALIZED and _fails_beyond(before, after):
            yield ChangeKind.REGRESSION, pair
        elif after.state is State.SPECIALIZED and _fails_beyond(after, before):
            yield ChangeKind.IMPROVEMENT, pair


def _orphans(matched: Match) -> Iterator[Place]:
    """Yield head's sites whose ancestor is but a guess, where that one was specialized."""
    for pair in matched.pairs:
        if not pair.certain and pair.base.site.state is State.SPECIALIZED:
            yield pair.head


def _fails_beyond(good: Site, bad: Site) -> bool:
    if bad.state is State.UNSTABLE:
        return bad.misses >= good.misses + UNSTABLE_MISSES
    return bad.state is State.ADAPTIVE and _is_warm(bad)


def _is_warm(site: Site) -> bool:
    return site.executions is None or site.executions >= _WARM


def _change(
    kind: ChangeKind, before: Place | None, after: Place, touched: "_TouchedLines"
) -> Change:
    return Change(
        kind=kind,
        path=after.file.path,
        line=after.line,
        end_line=after.site.end_line,
        column=after.site.column,
        end_column=after.site.end_column,
        function=after.function.qualname,
        source=after.source_line,
        base_path=before.file.path if before else None,
        base_line=before.line if before else None,
        base_source=before.source_line if before else None,
        family=after.site.family,
        argrepr=after.site.argrepr,
        base_state=before.site.state if before else None,
        head_state=after.site.state,
        base_form=before.site.form if before else None,
        head_form=after.site.form,
        head_misses=after.site.misses,
        head_failed_attempts=after.site.failed_attempts,
        direct=touched.touches(after),
        executions=after.site.executions,
    )


class _TouchedLines:
    """Head's lines that the difference to base touches, found per file when asked."""

    def __init__(self, base: Snapshot, head: Snapshot, matched: Match) -> None:
        self._base = {file.path: file for file in base.files}
        self._origin: dict[str, SourceFile] = {}
        votes: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for pair in matched.pairs:
            if pair.head.file.path not in self._base:
                votes[pair.head.file.path][pair.base.file.path] += 1
        for file in head.files:
            if file.path in self._base:
                self._origin[file.path] = self._base[file.path]
            elif votes[file.path]:
                self._origin[file.path] = self._base[votes[file.path].most_common(1)[0][0]]
        self._touched: dict[str, frozenset[int] | None] = {}

    def touches(self, place: Place) -> bool:
        """Return whether the diff touches a line that the site spans."""
        path = place.file.path
        if path not in self._touched:
            origin = self._origin.get(path)
            self._touched[path] = (
                _changed_lines(source_text(origin).lines, source_text(place.file).lines)
                if origin
                else None
            )
        touched = self._touched[path]
        span = range(place.line, max(place.line, place.site.end_line) + 1)
        return touched is None or not touched.isdisjoint(span)


def _changed_lines(base: list[str], head: list[str]) -> frozenset[int]:
    """Return the numbers of head's lines that are not base's."""
    matcher = SequenceMatcher(None, base, head, autojunk=False)
    return frozenset(
        line
        for tag, _i, _i_end, j, j_end in matcher.get_opcodes()
        if tag != "equal"
        for line in range(j + 1, j_end + 1)
    )


# --- what reproduces ---


def _reproduced(
    first: Iterable[Change], second: Iterable[Change]
) -> tuple[list[Change], list[Change]]:
    """Split a measurement's changes into those that a second one shows too, and the rest."""
    shown = Counter(map(_identity, second))
    stable: list[Change] = []
    flaky: list[Change] = []
    for change in first:
        identity = _identity(change)
        if shown[identity]:
            shown[identity] -= 1
            stable.append(change)
        else:
            flaky.append(change)
    return stable, flaky


def _identity(change: Change) -> tuple[object, ...]:
    return (
        change.kind,
        change.path,
        change.line,
        change.column,
        change.end_line,
        change.end_column,
        change.function,
        change.family,
        change.argrepr,
    )


# --- tables ---


def _family_rows(base: Snapshot, head: Snapshot) -> Iterator[FamilyRow]:
    for family in sorted({*base.families, *head.families}):
        yield FamilyRow(
            family=family,
            base=base.families.get(family, Counts()),
            head=head.families.get(family, Counts()),
        )


def _file_rows(base: Snapshot, head: Snapshot) -> Iterator[FileRow]:
    before = {file.path: file.counts for file in base.files}
    after = {file.path: file.counts for file in head.files}
    for path in sorted({*before, *after}):
        yield FileRow(path=path, base=before.get(path, Counts()), head=after.get(path, Counts()))

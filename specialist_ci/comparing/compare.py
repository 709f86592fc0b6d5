"""Compares two snapshots: what stopped specializing, what started, what is new; pure."""

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from difflib import SequenceMatcher
from operator import attrgetter

from specialist_ci.comparing import versions
from specialist_ci.comparing.agreements import Agreements
from specialist_ci.comparing.matching import Match, Pair, Place, match
from specialist_ci.comparing.policy import judge, malformed_conditions, unmeasured_conditions
from specialist_ci.formats.report import (
    Change,
    ChangeKind,
    FamilyRow,
    FileRow,
    Report,
    Side,
    Traces,
    Upgrade,
    Verdict,
)
from specialist_ci.formats.snapshot import (
    UNSTABLE_MISSES,
    UNSTABLE_RESPECIALIZED,
    Condition,
    Counts,
    Policy,
    Provenance,
    Site,
    Snapshot,
    SourceFile,
    State,
    Suite,
    is_warm,
)
from specialist_ci.source.sourcetext import source_text

_SHOWN_PACKAGES = 5

_RANK = {ChangeKind.REGRESSION: 0, ChangeKind.NEW: 1, ChangeKind.IMPROVEMENT: 2}


def compare(
    base: Snapshot,
    head: Snapshot,
    *,
    policy: Policy | None = None,
    again: tuple[Snapshot, Snapshot] | None = None,
    conditions: Iterable[Condition] = (),
) -> Report:
    """Return what changed from base to head, with the verdict of the policy (default: head's own).

    ``again`` is a second measurement of both sides: changes that it does not show too
    are listed as flaky and decide nothing. With a blocking condition on either side,
    or between them, nothing is compared and the verdict says so.
    """
    policy = policy or head.policy or Policy()
    found = (
        *_told_by(base, head),
        *_incomparable(base, head),
        *_remarkable(base, head),
        *conditions,
    )
    report = Report(
        verdict=Verdict.NOT_COMPARABLE,
        base=base.provenance,
        head=head.provenance,
        totals=Side(base=base.totals, head=head.totals),
        families=tuple(_family_rows(base, head)),
        files=tuple(_file_rows(base, head)),
        changes=(),
        flaky=(),
        conditions=tuple(sorted(found, key=lambda condition: not condition.blocking)),
        fail_on=policy.fail_on,
        budgets=policy.budgets,
    )
    return _completed(report, (base, head), policy, again, find_changes)


def compare_versions(
    base: Snapshot,
    head: Snapshot,
    *,
    policy: Policy | None = None,
    again: tuple[Snapshot, Snapshot] | None = None,
    conditions: Iterable[Condition] = (),
) -> Report:
    """Return which lines of one source gain or lose specialization by another interpreter.

    The arguments are those of ``compare``. What only one of the versions has a site for is
    counted and is no change.
    """
    policy = policy or head.policy or Policy()
    pairing = versions.pair_versions(base, head)
    found = (
        *_told_by(base, head),
        *_different_runs(base.provenance, head.provenance),
        *_different_sources(base, head),
        *_remarkable(base, head),
        *conditions,
    )
    before, after = versions.counts(pairing.spots)
    report = Report(
        verdict=Verdict.NOT_COMPARABLE,
        base=base.provenance,
        head=head.provenance,
        totals=Side(base=before, head=after),
        families=tuple(
            FamilyRow(family=family, base=before, head=after)
            for family, spots in versions.by_family(pairing.spots).items()
            for before, after in [versions.counts(spots)]
        ),
        files=tuple(
            FileRow(path=path, base=before, head=after)
            for path, spots in versions.by_file(pairing.spots).items()
            for before, after in [versions.counts(spots)]
        ),
        changes=(),
        flaky=(),
        conditions=tuple(sorted(found, key=lambda condition: not condition.blocking)),
        fail_on=policy.fail_on,
        budgets=policy.budgets,
        upgrade=Upgrade(
            spots=len(pairing.spots),
            base_only=versions.families(pairing.base_only),
            head_only=versions.families(pairing.head_only),
            base_families=tuple(sorted(base.families.keys() - head.families)),
            head_families=tuple(sorted(head.families.keys() - base.families)),
            unsettled=versions.unsettled(pairing),
        ),
    )
    return _completed(report, (base, head), policy, again, find_version_changes)


def _completed(
    report: Report,
    sides: tuple[Snapshot, Snapshot],
    policy: Policy,
    again: tuple[Snapshot, Snapshot] | None,
    find: Callable[[Snapshot, Snapshot], list[Change]],
) -> Report:
    """Return a report with the changes that are found, and the verdict; a blocked one as it is."""
    if any(condition.blocking for condition in report.conditions):
        return report
    changes = find(*sides)
    flaky: list[Change] = []
    if again is not None:
        changes, flaky = _reproduced(changes, find(*again))
    agreements = Agreements(sides[1], policy.acknowledged)
    counted, accepted = agreements.split(changes)
    report = report.model_copy(
        update={
            "changes": tuple(counted),
            "flaky": tuple(flaky),
            "acknowledged": tuple(accepted),
            "contracts": tuple(agreements.contracts(again[1] if again else None)),
        }
    )
    told = (
        *malformed_conditions(report),
        *(condition for _, condition in unmeasured_conditions(report)),
        *agreements.unused(),
    )
    return judge(report.model_copy(update={"conditions": (*report.conditions, *told)}))


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
            + difference(before.python.model_dump(), after.python.model_dump()),
            remedy="measure both with the same --python; to compare the interpreters, measure one "
            "commit with --base-python and --head-python, or compare with --upgrade",
            blocking=True,
        )
    yield from _different_runs(before, after)


def _different_runs(before: Provenance, after: Provenance) -> Iterator[Condition]:
    ours, theirs = (_what_ran(side.suite) for side in (before, after))
    if ours != theirs:
        yield Condition(
            name="different-suites",
            message="the sides ran different suites: " + difference(ours, theirs),
            remedy="measure both with the same command, --source and environment",
            blocking=True,
        )
    yield from _shard_conditions(before, after)


def _what_ran(suite: Suite) -> dict[str, object]:
    """Return all of a suite but its name, which changes nothing."""
    return {key: value for key, value in suite if key != "name"}


def _shard_conditions(base: Provenance, head: Provenance) -> Iterator[Condition]:
    """Judge parts of a suite: each process has its own states, and a part lacks some."""
    for side, provenance in (("base", base), ("head", head)):
        if provenance.shards is not None and provenance.shards.missing:
            yield Condition(
                name="unmerged-shard",
                message=f"{side} is shard {provenance.shards} of its suite",
                remedy="join all shards with `specialist-ci merge`, then compare",
                blocking=True,
            )
    before, after = (
        1 if provenance.shards is None else provenance.shards.of for provenance in (base, head)
    )
    if before != after:
        yield Condition(
            name="different-shards",
            message=f"base was measured in {before} and head in {after} parts",
            remedy="measure both with the same number of shards",
            blocking=True,
        )


def _different_sources(base: Snapshot, head: Snapshot) -> Iterator[Condition]:
    """Refuse to compare versions on two sources: what the code changes would be theirs."""
    before, after = ({file.path: file.source for file in side.files} for side in (base, head))
    if differing := [path for path, source in before.items() if after.get(path, source) != source]:
        yield Condition(
            name="different-sources",
            message=f"the sides ran different code: {differing[0]} is not the same",
            remedy="measure one commit with both interpreters",
            blocking=True,
        )


def _remarkable(base: Snapshot, head: Snapshot) -> Iterator[Condition]:
    """Say what may be behind the changes beside the code."""
    before, after = base.provenance.installed, head.provenance.installed
    if before is None or after is None or before.packages == after.packages:
        return
    versions = [
        dict(pin.split("==", 1) for pin in side.packages if "==" in pin) for side in (before, after)
    ]
    differing = [
        f"{name} {versions[0].get(name, 'missing')} → {versions[1].get(name, 'missing')}"
        for name in sorted({*versions[0], *versions[1]})
        if versions[0].get(name) != versions[1].get(name)
    ]
    shown = differing[:_SHOWN_PACKAGES]
    if len(differing) > len(shown):
        shown.append(f"{len(differing) - len(shown)} more")
    yield Condition(
        name="dependencies-differ",
        message=f"the sides ran with different dependencies: {', '.join(shown)}",
        remedy="pin the same versions on both sides to see what the code alone changes",
    )


def difference(
    base: Mapping[str, object],
    head: Mapping[str, object],
    places: tuple[str, str] = ("on base", "on head"),
) -> str:
    """Name the first field that differs, with both values and where each is."""
    name = next(key for key in base if base[key] != head[key])
    before, after = base[name], head[name]
    if isinstance(before, dict) and isinstance(after, dict):
        names = {**before, **after}
        return difference(
            {key: before.get(key) for key in names},
            {key: after.get(key) for key in names},
            places,
        )
    return f"{name} is {_shown(before)} {places[0]} and {_shown(after)} {places[1]}"


def _shown(value: object) -> str:
    if value is None or value == ():
        return "not set"
    return " ".join(map(str, value)) if isinstance(value, tuple) else str(value)


# --- changes ---


def find_changes(base: Snapshot, head: Snapshot) -> list[Change]:
    """Return every change of one comparison, regressions first and indirect ones foremost."""
    return [change for change, _, _ in changed_places(base, head)]


def changed_places(base: Snapshot, head: Snapshot) -> list[tuple[Change, Place | None, Place]]:
    """Return every change with the site it is about on base, if there is one, and on head."""
    matched = match(base, head)
    touched = _TouchedLines(base, head, matched)
    jit = head.provenance.python.jit
    found: list[tuple[ChangeKind, Place | None, Place]] = [
        (kind, pair.base, pair.head) for kind, pair in _differing(matched)
    ]
    found += [
        (ChangeKind.NEW, None, place)
        for place in (*matched.added, *_orphans(matched))
        if place.site.state.failing and is_warm(place.site)
    ]
    changes = [
        (_change(kind, before, after, direct=touched.touches(after), jit=jit), before, after)
        for kind, before, after in found
    ]
    return sorted(changes, key=lambda change: order_of(change[0]))


def order_of(change: Change) -> tuple[object, ...]:
    """Return where a change stands in a report: the worst first, then by place."""
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
    for pair in matched.differing:
        before, after = pair.base.site, pair.head.site
        if not pair.certain:
            continue
        if before.state is State.SPECIALIZED and _fails_beyond(before, after):
            yield ChangeKind.REGRESSION, pair
        elif after.state is State.SPECIALIZED and _fails_beyond(after, before):
            yield ChangeKind.IMPROVEMENT, pair


def _orphans(matched: Match) -> Iterator[Place]:
    """Yield head's sites whose ancestor is but a guess, where that one was specialized."""
    for pair in matched.edited:
        if not pair.certain and pair.base.site.state is State.SPECIALIZED:
            yield pair.head


def _fails_beyond(good: Site, bad: Site) -> bool:
    if bad.state is State.UNSTABLE:
        if bad.respecialized >= good.respecialized + UNSTABLE_RESPECIALIZED:
            return True
        # A site that was specialized anew may have been as bad, its misses are chance.
        return not good.respecialized and bad.misses >= good.misses + UNSTABLE_MISSES
    return bad.state is State.ADAPTIVE and is_warm(bad)


def _change(
    kind: ChangeKind,
    before: Place | None,
    after: Place,
    *,
    direct: bool,
    jit: bool,
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
        head_respecialized=after.site.respecialized,
        direct=direct,
        executions=after.site.executions,
        traces=_traces(after) if jit else None,
    )


def _traces(place: Place) -> Traces:
    lines = place.file.lines
    line = lines[bisect_left(lines, place.line, key=attrgetter("line"))]
    return Traces(sites=len(line.sites), traced=line.traced)


class _TouchedLines:
    """Head's lines that the difference to base touches, found per file when asked."""

    def __init__(self, base: Snapshot, head: Snapshot, matched: Match) -> None:
        self._base = {file.path: file for file in base.files}
        self._origin: dict[str, SourceFile] = {}
        votes: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for twins in matched.twins:
            votes[twins.head.path][twins.base.path] += len(twins.head_sites)
        for pair in matched.edited:
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


def find_version_changes(base: Snapshot, head: Snapshot) -> list[Change]:
    """Return what one source gains and loses by another version, as ``find_changes`` does."""
    return [change for change, _, _ in changed_version_places(base, head)]


def changed_version_places(
    base: Snapshot, head: Snapshot
) -> list[tuple[Change, Place | None, Place]]:
    """Return every change of ``find_version_changes`` with its site on base and on head."""
    changes: list[tuple[Change, Place | None, Place]] = [
        (_change(kind, before, after, direct=False, jit=False), before, after)
        for kind, before, after in versions.differing(versions.pair_versions(base, head))
    ]
    return sorted(changes, key=lambda change: order_of(change[0]))


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
    former = _former_paths(before, after)
    rows = {path: before.get(former.get(path, path), Counts()) for path in after}
    gone = before.keys() - after.keys() - set(former.values())
    rows |= {path: before[path] for path in gone}
    for path in sorted(rows):
        yield FileRow(path=path, base=rows[path], head=after.get(path, Counts()))


def _former_paths(before: Iterable[str], after: Iterable[str]) -> dict[str, str]:
    """Return where files were that stand in another folder now, as below ``src``."""
    lost, gained = set(before) - set(after), set(after) - set(before)
    found: dict[str, str] = {}
    for path in sorted(gained):
        same = [old for old in lost if path.endswith(f"/{old}") or old.endswith(f"/{path}")]
        if len(same) == 1:
            found[path] = same[0]
            lost.discard(same[0])
    return found

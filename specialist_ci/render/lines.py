"""The lines that a format shows: each with its source once and one row for every site."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from rich.cells import cell_len

from specialist_ci.formats.report import (
    NOTHING_TO_DO,
    Change,
    ChangeKind,
    ExplainedLine,
    ExplainedSite,
    Report,
)
from specialist_ci.formats.snapshot import Line, Provenance, Site, Snapshot, SourceFile
from specialist_ci.render import explanations, wording
from specialist_ci.render.escape import visible
from specialist_ci.render.fit import Span, cover
from specialist_ci.render.wording import (
    Labelled,
    Measured,
    Phrase,
    Place,
    executions,
    joined,
    number,
    plural,
    state,
)
from specialist_ci.source.sourcetext import source_text

MOST_SITES = 8  # sites shown of one line
# Lines of one kind that are shown in full; a report is to be read to its end.
_FULL = {ChangeKind.REGRESSION: 10, ChangeKind.NEW: 10, ChangeKind.IMPROVEMENT: 3}
_REASONS = ("why", "advice")  # labels of notes
_MARKS = 4  # more rows of carets under one line would only confuse


@dataclass(frozen=True, slots=True)
class Row:
    """One site: its family and operand, its state, and what else is known about it."""

    name: str
    state: Phrase
    notes: tuple[Labelled, ...] = ()
    span: Span | None = None  # UTF-8 bytes of the shown source
    brief: Phrase = ()  # the same in a few words
    hopeless: bool = False  # there is nothing to do about it


@dataclass(frozen=True, slots=True)
class ShownLine:
    """One source line and its sites; ``hidden`` counts the sites without a row."""

    place: Place
    function: str
    remarks: tuple[Phrase, ...]
    base_source: str | None  # where head's differs
    source: str
    rows: tuple[Row, ...]
    hidden: int

    @property
    def count(self) -> int:
        """All sites of the line, shown or not."""
        return len(self.rows) + self.hidden

    @property
    def brief(self) -> Phrase:
        """The line in a few words, as one item of a list."""
        more = wording.more(self.hidden, "site")
        told = [row.brief for row in self.rows] + ([(more,)] if more else [])
        return (self.place, " ", *joined(told, "; "))


@dataclass(frozen=True, slots=True)
class Brief:
    """Lines that are listed one by one under a title, and not shown."""

    title: str
    lines: tuple[ShownLine, ...]

    @property
    def count(self) -> int:
        """All sites of the lines."""
        return sum(line.count for line in self.lines)


@dataclass(frozen=True, slots=True)
class Listing:
    """The changes of one kind: lines to show, and lines to list after them."""

    full: tuple[ShownLine, ...]
    brief: tuple[Brief, ...]

    @property
    def every(self) -> list[ShownLine]:
        """All of the lines."""
        return [*self.full, *(line for brief in self.brief for line in brief.lines)]


def changed_lines(report: Report, kind: ChangeKind) -> Listing:
    """Return the changes of one kind by line, in the report's order."""
    lines: dict[tuple[str, int], list[Change]] = {}
    for change in report.changes:
        if change.kind is kind:
            lines.setdefault((change.path, change.line), []).append(change)
    return listed([changed_line(report, changes) for changes in lines.values()], kind)


def listed(lines: Sequence[ShownLine], kind: ChangeKind) -> Listing:
    """Part the lines of one kind: the first are shown, the others listed, the hopeless last.

    A regression is shown whether there is something to do about it or not: it may fail a build.
    """
    hopeless = [
        line
        for line in lines
        if kind is ChangeKind.NEW and line.rows and all(row.hopeless for row in line.rows)
    ]
    gone = set(map(id, hopeless))
    others = [line for line in lines if id(line) not in gone]
    full, rest = others[: _FULL[kind]], others[_FULL[kind] :]
    briefs = (
        Brief(plural(len(rest), "more line"), tuple(rest)),
        Brief(f"{plural(len(hopeless), 'line')} that nothing can be done about", tuple(hopeless)),
    )
    return Listing(tuple(_referring(full)), tuple(brief for brief in briefs if brief.lines))


def _referring(lines: Iterable[ShownLine]) -> Iterator[ShownLine]:
    """Yield the lines, where a reason and its advice are told but once and then referred to."""
    told: dict[tuple[Labelled, ...], tuple[ShownLine, Row]] = {}
    for line in lines:
        rows = []
        for row in line.rows:
            reason = tuple(note for note in row.notes if note[0] in _REASONS)
            first, same = told.setdefault(reason, (line, row))
            if same is row or len(reason) < len(_REASONS):
                rows.append(row)
                continue
            where: Phrase = ("as above",) if first is line else ("as in ", first.place)
            others = [note for note in row.notes if note not in (*reason, *same.notes)]
            rows.append(replace(row, notes=(*others, ("why", where))))
        yield replace(line, rows=tuple(rows))


def failing_lines(snapshot: Snapshot, limit: int) -> tuple[list[ShownLine], int]:
    """Return the worst lines, at most so many, and how many lines have failing sites at all.

    The worst have most failing sites, then the lowest ratio, then most executions.
    """
    found = [
        (file, line)
        for file in snapshot.files
        for line in file.lines
        if line.unstable + line.adaptive
    ]
    found.sort(key=_worst_first)
    worst = [_failing_line(file, line, snapshot.provenance) for file, line in found[:limit]]
    return worst, len(found)


def explained_line(found: ExplainedLine) -> ShownLine:
    """Return a line with a row for each of its sites."""
    return ShownLine(
        place=Place(found.path, found.line, _commit(found.provenance)),
        function=_distinct(site.function for site in found.sites),
        remarks=((plural(len(found.sites), "site"),),),
        base_source=None,
        source=_tidy(found.source),
        rows=tuple(_explained_row(site, found) for site in found.sites),
        hidden=0,
    )


def _explained_row(site: ExplainedSite, found: ExplainedLine) -> Row:
    ended = state(
        site.state,
        site.form,
        misses=site.misses,
        respecialized=site.respecialized,
        failed_attempts=site.failed_attempts,
    )
    return Row(
        name=f"{site.family} {site.argrepr}".rstrip(),
        state=(*ended, *explanations.site_executions(site)),
        notes=tuple(explanations.site_notes(site)),
        span=_span(site, found.line, found.source),
    )


def _worst_first(found: tuple[SourceFile, Line]) -> tuple[int, float, int, str, int]:
    file, line = found
    hottest = max(site.executions or 0 for site in line.sites if site.state.failing)
    return (-line.unstable - line.adaptive, line.ratio or 0.0, -hottest, file.path, line.line)


def marks(line: ShownLine, room: int) -> list[str]:
    """Return carets under the sites of a line, one row of them for each different place.

    They are as wide as the source, cut to so many cells, and named where there are several.
    """
    spans: dict[Span, str] = {}
    for row in line.rows:
        if row.span is not None:
            spans.setdefault(cover(line.source, row.span), row.name)
    found = [
        (" " * start + "^" * (min(end, room) - start), f" {visible(name)}")
        for (start, end), name in list(spans.items())[:_MARKS]
        if start < min(end, room)
    ]
    return [
        mark + (name if len(spans) > 1 and cell_len(mark + name) <= room else "")
        for mark, name in found
    ]


def changed_line(report: Report, changes: Sequence[Change]) -> ShownLine:
    """Return changes of one line of head."""
    first = changes[0]
    base_source = None if first.base_source is None else _tidy(first.base_source)
    source = _tidy(first.source)
    return ShownLine(
        place=Place(first.path, first.line, _commit(report.head)),
        function=_distinct(change.function for change in changes),
        remarks=()
        if report.upgrade
        else (*_remarks(first, report.base), *explanations.line_executions(changes)),
        base_source=None if base_source == source else base_source,
        source=source,
        rows=tuple(changed_row(change) for change in changes[:MOST_SITES]),
        hidden=max(0, len(changes) - MOST_SITES),
    )


def _remarks(change: Change, base: Provenance) -> Iterator[Phrase]:
    yield ("direct",) if change.direct else ("indirect: not in the diff",)
    if change.traces is not None:
        yield _traces(change.traces.traced, change.traces.sites)
    if change.base_path is None or change.base_line is None:
        return
    if change.base_path != change.path:
        yield ("base ", Place(change.base_path, change.base_line, _commit(base)))
    elif change.base_line != change.line:
        yield ("base ", Place(change.base_path, change.base_line, _commit(base), line_only=True))


def _traces(traced: int, sites: int) -> Phrase:
    return (f"{number(traced)} of {plural(sites, 'site')} in compiled traces",)


def _commit(provenance: Provenance) -> str | None:
    """Return the commit that holds the measured lines: none does with uncommitted changes."""
    return None if provenance.dirty else provenance.commit


def changed_row(change: Change) -> Row:
    """Return what became of one site."""
    form = None if change.head_form == change.base_form else change.head_form
    ran = explanations.executions(change)
    head = state(
        change.head_state,
        form,
        misses=change.head_misses,
        respecialized=change.head_respecialized,
        # They tell how often it ran where nothing else does.
        failed_attempts=0 if ran else change.head_failed_attempts,
    )
    base = () if change.base_state is None else state(change.base_state, change.base_form)
    name, hopeless = wording.site(change), change.advice == NOTHING_TO_DO
    mostly = explanations.mostly(change) if hopeless else ()
    return Row(
        name=name,
        state=(*joined(filter(None, [base, head]), " → "), *ran),
        notes=tuple(explanations.notes(change)),
        span=_span(change, change.line, change.source),
        brief=(Measured(name), *explanations.count_of(change), *mostly),
        hopeless=hopeless,
    )


def _failing_line(file: SourceFile, line: Line, provenance: Provenance) -> ShownLine:
    sites = [site for site in line.sites if site.state.failing]
    source = source_text(file).line(line.line)
    tried = line.specialized + line.unstable + line.adaptive
    return ShownLine(
        place=Place(file.path, line.line, _commit(provenance)),
        function=_distinct(file.functions[site.function].qualname for site in sites),
        remarks=(
            (f"{number(len(sites))} of {plural(tried, 'site')} not specialized",),
            *((_traces(line.traced, len(line.sites)),) if provenance.python.jit else ()),
        ),
        base_source=None,
        source=_tidy(source),
        rows=tuple(_failing_row(site, line.line, source) for site in sites[:MOST_SITES]),
        hidden=max(0, len(sites) - MOST_SITES),
    )


def _failing_row(site: Site, line: int, source: str) -> Row:
    found = state(
        site.state,
        site.form,
        misses=site.misses,
        respecialized=site.respecialized,
        failed_attempts=0 if site.executions else site.failed_attempts,
    )
    return Row(
        name=wording.site(site),
        state=(*found, *executions(site.executions)),
        span=_span(site, line, source),
    )


def _span(found: Change | Site | ExplainedSite, line: int, source: str) -> Span | None:
    """Return a site's part of its first line, counted from the line's first visible character."""
    if found.column is None or found.end_column is None:
        return None
    indent = len(source[: len(source) - len(source.lstrip())].encode("utf-8", "surrogatepass"))
    end = (
        len(source.rstrip().encode("utf-8", "surrogatepass"))
        if found.end_line > line
        else found.end_column
    )
    return (found.column - indent, end - indent) if found.column >= indent else None


def _tidy(source: str) -> str:
    """Return a line without its indentation; a tab within takes one cell, as it takes one byte."""
    return source.strip().replace("\t", " ")


def _distinct(names: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(names))

"""The lines that a format shows: each with its source once and one row for every site."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from rich.cells import cell_len

from specialist_ci.render import wording
from specialist_ci.render.escape import visible
from specialist_ci.render.fit import Span, cover
from specialist_ci.render.wording import (
    Labelled,
    Phrase,
    Place,
    Prose,
    executions,
    joined,
    number,
    plural,
    state,
)
from specialist_ci.report import Change, ChangeKind, Report
from specialist_ci.snapshot import Line, Provenance, Site, Snapshot, SourceFile
from specialist_ci.sourcetext import source_text

_ROWS = 8  # sites shown of one line
_MARKS = 4  # more rows of carets under one line would only confuse


@dataclass(frozen=True, slots=True)
class Row:
    """One site: its family and operand, its state, and what else is known about it."""

    name: str
    state: Phrase
    notes: tuple[Labelled, ...] = ()
    span: Span | None = None  # UTF-8 bytes of the shown source


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


def changed_lines(report: Report, kind: ChangeKind) -> list[ShownLine]:
    """Return the changes of one kind by line, in the report's order."""
    lines: dict[tuple[str, int], list[Change]] = {}
    for change in report.changes:
        if change.kind is kind:
            lines.setdefault((change.path, change.line), []).append(change)
    return [_changed_line(report, changes) for changes in lines.values()]


def failing_lines(snapshot: Snapshot, limit: int) -> tuple[list[ShownLine], int]:
    """Return the worst lines, at most so many, and how many lines have failing sites at all.

    The worst have most failing sites, then the lowest ratio.
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


def _worst_first(found: tuple[SourceFile, Line]) -> tuple[int, float, str, int]:
    file, line = found
    return (-line.unstable - line.adaptive, line.ratio or 0.0, file.path, line.line)


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


def _changed_line(report: Report, changes: list[Change]) -> ShownLine:
    first = changes[0]
    base_source = None if first.base_source is None else _tidy(first.base_source)
    source = _tidy(first.source)
    return ShownLine(
        place=Place(first.path, first.line, _commit(report.head)),
        function=_distinct(change.function for change in changes),
        remarks=tuple(_remarks(first, report.base)),
        base_source=None if base_source == source else base_source,
        source=source,
        rows=tuple(_changed_row(change) for change in changes[:_ROWS]),
        hidden=max(0, len(changes) - _ROWS),
    )


def _remarks(change: Change, base: Provenance) -> Iterator[Phrase]:
    yield ("direct",) if change.direct else ("indirect: not in the diff",)
    if change.base_path is None or change.base_line is None:
        return
    if change.base_path != change.path:
        yield ("base ", Place(change.base_path, change.base_line, _commit(base)))
    elif change.base_line != change.line:
        yield ("base ", Place(change.base_path, change.base_line, _commit(base), line_only=True))


def _commit(provenance: Provenance) -> str | None:
    """Return the commit that holds the measured lines: none does with uncommitted changes."""
    return None if provenance.dirty else provenance.commit


def _changed_row(change: Change) -> Row:
    form = None if change.head_form == change.base_form else change.head_form
    head = state(change.head_state, form, change.head_misses, change.head_failed_attempts)
    base = () if change.base_state is None else state(change.base_state, change.base_form)
    notes = (("why", change.reason), ("advice", change.advice))
    return Row(
        name=wording.site(change),
        state=(*joined(filter(None, [base, head]), " → "), *executions(change.executions)),
        notes=tuple((label, (Prose(text),)) for label, text in notes if text is not None),
        span=_span(change, change.line, change.source),
    )


def _failing_line(file: SourceFile, line: Line, provenance: Provenance) -> ShownLine:
    sites = [site for site in line.sites if site.state.failing]
    source = source_text(file).line(line.line)
    tried = line.specialized + line.unstable + line.adaptive
    return ShownLine(
        place=Place(file.path, line.line, _commit(provenance)),
        function=_distinct(file.functions[site.function].qualname for site in sites),
        remarks=((f"{number(len(sites))} of {plural(tried, 'site')} not specialized",),),
        base_source=None,
        source=_tidy(source),
        rows=tuple(_failing_row(site, line.line, source) for site in sites[:_ROWS]),
        hidden=max(0, len(sites) - _ROWS),
    )


def _failing_row(site: Site, line: int, source: str) -> Row:
    found = state(site.state, site.form, site.misses, site.failed_attempts)
    return Row(
        name=wording.site(site),
        state=(*found, *executions(site.executions)),
        span=_span(site, line, source),
    )


def _span(found: Change | Site, line: int, source: str) -> Span | None:
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

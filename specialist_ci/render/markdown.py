"""Reports and snapshots as GitHub Flavored Markdown, for comments and job summaries."""

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass

from tabulate import tabulate

from specialist_ci.render import tables, wording
from specialist_ci.render.escape import (
    link_target,
    markdown_cell,
    markdown_code,
    markdown_fence,
    markdown_text,
)
from specialist_ci.render.fit import shorten, shorten_middle
from specialist_ci.render.lines import Row, ShownLine, changed_lines, failing_lines, marks
from specialist_ci.render.wording import Labelled, Measured, Phrase, Place, Prose
from specialist_ci.report import Change, ChangeKind, Report, Verdict
from specialist_ci.snapshot import Condition, Snapshot, State

# In cells: one hostile name must not use up a comment's room.
_PATH = 120
_LABEL = 80
_SOURCE = 120
_FUNCTION = 80
_PROSE = 600

_SIGNS = {Verdict.PASS: "✅", Verdict.FAIL: "❌", Verdict.NOT_COMPARABLE: "⚠️"}


@dataclass(frozen=True, slots=True)
class _Unit:
    """A piece of the body that is shown whole or not at all, and how many things it shows."""

    text: str
    count: int = 1


@dataclass(frozen=True, slots=True)
class _Section:
    """Units of one kind; sections and their units are in the order of importance."""

    noun: str
    units: tuple[_Unit, ...]
    opening: str
    closing: str = ""
    between: str = "\n\n"

    def text(self, shown: tuple[_Unit, ...]) -> str:
        """Return the section with some of its units."""
        body = self.between.join(unit.text for unit in shown)
        return "\n\n".join(filter(None, [self.opening, body, self.closing]))


def render_markdown(report: Report, *, links: str | None = None, limit: int | None = None) -> str:
    """Return the report as Markdown of at most limit characters, the least important left out.

    ``links`` is the address of a line on the web, with {commit}, {path} and {line} in it.
    """
    writer = _Writer(links)
    compared = tables.compared(report)
    not_comparable = report.verdict is Verdict.NOT_COMPARABLE
    word = report.verdict.value.upper().replace("-", " ")
    verdict = f"### {_SIGNS[report.verdict]} {writer.sentence(wording.verdict(report))}"
    heads = (f"{verdict}\n\n{writer.labelled(wording.sides(report))}", verdict, word)
    sections = [
        writer.conditions(report.conditions),
        *(writer.changes(kind, changed_lines(report, kind)) for kind in wording.TITLES),
        writer.flaky(report.flaky),
        writer.tables(compared, "" if not_comparable else tables.none_differ(compared)),
    ]
    return _limited(heads, sections, limit)


def render_markdown_snapshot(snapshot: Snapshot, *, limit_lines: int) -> str:
    """Return the snapshot as Markdown, with at most so many lines of source."""
    writer = _Writer(None)
    totals = f"### {writer.sentence(wording.totals(snapshot))}"
    head = f"{totals}\n\n{writer.labelled(wording.origin(snapshot.provenance))}"
    sections = [
        writer.conditions(snapshot.conditions),
        writer.failing(*failing_lines(snapshot, limit_lines)),
        writer.tables(tables.measured(snapshot), ""),
    ]
    return _limited((head,), sections, None)


class _Writer:
    """Turns phrases, lines and tables into Markdown; all it knows is how to link."""

    def __init__(self, links: str | None) -> None:
        self._links = links

    def phrase(self, phrase: Phrase) -> str:
        return "".join(map(self._part, phrase))

    def sentence(self, clauses: list[Phrase]) -> str:
        return self.phrase(wording.joined(clauses, "; "))

    def labelled(self, rows: Iterable[Labelled]) -> str:
        return " · ".join(f"{label} {self.phrase(phrase)}" for label, phrase in rows)

    def conditions(self, conditions: tuple[Condition, ...]) -> _Section:
        units = tuple(_Unit(self._condition(each)) for each in wording.conditions(conditions))
        return _Section("condition", units, "#### Conditions", between="\n")

    def changes(self, kind: ChangeKind, lines: list[ShownLine]) -> _Section:
        units = tuple(self._unit(line) for line in lines)
        noun = wording.NOUNS[kind]
        if kind is not ChangeKind.IMPROVEMENT:
            return _Section(noun, units, f"#### {wording.TITLES[kind]}")
        count = sum(unit.count for unit in units)
        return _Section(noun, units, *_folded(wording.plural(count, noun)))

    def failing(self, lines: list[ShownLine], found: int) -> _Section:
        units = [_Unit(self._line(line)) for line in lines]
        if more := wording.more(found - len(lines), "line"):
            units.append(_Unit(more))
        return _Section("line", tuple(units), "#### Lines that do not specialize, the worst first")

    def flaky(self, changes: tuple[Change, ...]) -> _Section:
        units = tuple(_Unit(f"- {self.phrase(wording.flaky(change))}") for change in changes)
        noun = "flaky change"
        summary = f"{wording.plural(len(changes), noun)}, not reproduced by a second measurement"
        return _Section(noun, units, *_folded(summary), between="\n")

    def tables(self, found: tuple[tables.Table, tables.Table], remark: str) -> _Section:
        units = [_Unit(_table(table)) for table in found if table.rows]
        if remark:
            units.append(_Unit(remark))
        return _Section("table", tuple(units), "")

    def _condition(self, condition: Condition) -> str:
        name = self.phrase(wording.condition_name(condition))
        message, remedy = (
            self.phrase((Prose(text),)) for text in (condition.message, condition.remedy)
        )
        return f"- **{name}**: {message}\n  - remedy: {remedy}"

    def _unit(self, line: ShownLine) -> _Unit:
        return _Unit(self._line(line), line.count)

    def _line(self, line: ShownLine) -> str:
        place = f"**{self.phrase((line.place,))}** in {_code(line.function, _FUNCTION)}"
        heading = f"{place} · {self.phrase(wording.joined(line.remarks, ' · '))}"
        rows = [self._row(row) for row in line.rows]
        if more := wording.more(line.hidden, "site"):
            rows.append(f"- {more}")
        return "\n".join([heading, _source(line), *rows])

    def _row(self, row: Row) -> str:
        notes = [f"  - {label}: {self.phrase(phrase)}" for label, phrase in row.notes]
        return "\n".join([f"- {_code(row.name, _LABEL)}: {self.phrase(row.state)}", *notes])

    def _part(self, part: str | Measured | Prose | Place | State) -> str:
        match part:
            case str():  # ours, a state's name among them
                return str(part)
            case Measured():
                return _code(part.text, part.cells)
            case Prose():
                return markdown_text(shorten(part.text, _PROSE))
            case Place():
                return self._place(part)

    def _place(self, place: Place) -> str:
        label = (
            place.label if place.line_only else markdown_code(shorten_middle(place.label, _PATH))
        )
        if self._links is None or place.commit is None:
            return label
        target = link_target(self._links, commit=place.commit, path=place.path, line=place.line)
        return f"[{label}](<{target}>)"


def _limited(heads: tuple[str, ...], sections: list[_Section], limit: int | None) -> str:
    """Return the longest head and the most units that fit; what is left out is counted."""
    everything = sum(len(section.units) for section in sections)
    body = _assembled(heads[0], sections, everything)
    if limit is None or len(body) <= limit:
        return body
    for head in heads:

        def size(keep: int, head: str = head) -> int:
            return len(_assembled(head, sections, keep))

        if fitting := bisect_right(range(everything), limit, key=size):
            return _assembled(head, sections, fitting - 1)
    return heads[-1][:limit]  # a bare word


def _assembled(head: str, sections: list[_Section], keep: int) -> str:
    """Return the body with the first so many units, and a note on the others."""
    blocks, missing = [head], []
    for section in sections:
        shown = section.units[:keep]
        keep -= len(shown)
        if shown:
            blocks.append(section.text(shown))
        if left := sum(unit.count for unit in section.units[len(shown) :]):
            missing.append(wording.plural(left, section.noun))
    if missing:
        blocks.append(f"_Left out to stay within the size limit: {', '.join(missing)}._")
    return "\n\n".join(blocks)


def _folded(summary: str) -> tuple[str, str]:
    return f"<details><summary>{summary}</summary>", "</details>"


def _code(text: str, cells: int) -> str:
    return markdown_code(shorten(text, cells))


def _source(line: ShownLine) -> str:
    head = shorten(line.source, _SOURCE)
    carets = marks(line, _SOURCE)
    if line.base_source is None:
        return markdown_fence((head, *carets), "python")
    changed = (f"-{shorten(line.base_source, _SOURCE)}", f"+{head}")
    return markdown_fence((*changed, *(f" {mark}" for mark in carets)), "diff")


def _table(table: tables.Table) -> str:
    rows = [
        [markdown_cell(shorten_middle(label, _LABEL)), *figures] for label, *figures in table.rows
    ]
    alignment = ["left", *("right" for _ in table.columns[1:])]
    grid = tabulate(rows, table.columns, tablefmt="pipe", disable_numparse=True, colalign=alignment)
    opening, closing = _folded(table.title)
    more = wording.more(table.hidden, "row")
    return "\n\n".join(filter(None, [opening, grid, more, closing]))

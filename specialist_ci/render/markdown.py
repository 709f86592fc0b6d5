"""Reports and snapshots as GitHub Flavored Markdown, for comments and job summaries."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from tabulate import tabulate

from specialist_ci.formats.report import ChangeKind, ExplainedLine, Failure, Report, Verdict
from specialist_ci.formats.snapshot import Condition, Snapshot, State
from specialist_ci.render import across, tables, wording
from specialist_ci.render.escape import (
    link_target,
    markdown_cell,
    markdown_code,
    markdown_fence,
    markdown_text,
)
from specialist_ci.render.fit import shorten, shorten_middle
from specialist_ci.render.lines import (
    Listing,
    Row,
    ShownLine,
    changed_lines,
    explained_line,
    failing_lines,
    marks,
)
from specialist_ci.render.wording import Labelled, Measured, Phrase, Place, Prose

# In cells: one hostile name must not use up a comment's room.
_PATH = 120
_LABEL = 80
_SOURCE = 120
_FUNCTION = 80
_PROSE = 600
_SEVERAL = 2
_SUITES = 20  # of an overview
_OPEN = 5  # lines of changes that are shown at once; the others are folded

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
    told = writer.sides(wording.sides(report), wording.broken(report.violations))
    heads = (f"{verdict}\n\n{told}", verdict, word)
    sections = [
        writer.conditions(report.conditions),
        *writer.changes({kind: changed_lines(report, kind) for kind in wording.TITLES}),
        *writer.not_counted(
            wording.not_counted(report.acknowledged, report.flaky, report.unconfirmed)
        ),
        writer.tables(compared, "" if not_comparable else tables.none_differ(compared)),
    ]
    return _limited(heads, sections, limit)


def render_markdown_group(
    group: across.Group, *, links: str | None = None, limit: int | None = None
) -> str:
    """Return the reports of several interpreters as ``render_markdown`` does one."""
    writer = _Writer(links)
    word = group.verdict.value.upper().replace("-", " ")
    verdict = f"### {_SIGNS[group.verdict]} {writer.sentence(across.verdict(group))}"
    interpreters, *others = across.tables(group)
    told = writer.sides(across.sides(group), across.broken(group))
    heads = (f"{verdict}\n\n{told}", verdict, word)
    sections = [
        _Section("table", (_Unit(_grid(interpreters)),), ""),
        writer.conditions(across.conditions(group)),
        *writer.changes({kind: across.shared_lines(group, kind) for kind in wording.TITLES}),
        *writer.not_counted(across.not_counted(group)),
        writer.tables(others, ""),
    ]
    return _limited(heads, sections, limit)


def render_markdown_overview(groups: Sequence[across.Group]) -> str:
    """Return one line on how each suite did, in the order given."""
    told = [
        f"{_SIGNS[group.verdict]} {_code(group.suite or 'all', _LABEL)}"
        for group in groups[:_SUITES]
    ]
    more = wording.more(len(groups) - len(told), "suite")
    return " · ".join([*told, *filter(None, [more])])


def render_markdown_failure(failure: Failure) -> str:
    """Return a suite without a report as Markdown."""
    writer = _Writer(None)
    message, remedy = (writer.phrase((Prose(text),)) for text in (failure.message, failure.remedy))
    title = f"### {_SIGNS[Verdict.NOT_COMPARABLE]} {writer.phrase(wording.unmeasured(failure))}"
    return f"{title}\n\n- {message}\n  - remedy: {remedy}"


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


def render_markdown_lines(found: Sequence[ExplainedLine]) -> str:
    """Return explained lines of one run as Markdown."""
    writer, first = _Writer(None), found[0]
    head = f"### {wording.explained(first)}\n\n{writer.labelled(wording.origin(first.provenance))}"
    lines = _Section("line", tuple(writer.unit(explained_line(each)) for each in found), "")
    return _limited((head,), [writer.conditions(first.conditions), lines], None)


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

    def sides(self, rows: Iterable[Labelled], rules: Sequence[Phrase]) -> str:
        """Return what was compared, and the rules that failed, below where they are several."""
        if len(rules) < _SEVERAL:
            return self.labelled([*rows, *wording.failed_by(rules)])
        listed = "\n".join(f"- {self.phrase(rule)}" for rule in wording.most(rules))
        return f"{self.labelled(rows)}\n\nFailed by\n\n{listed}"

    def conditions(self, conditions: tuple[Condition, ...]) -> _Section:
        units = tuple(_Unit(self._condition(*each)) for each in wording.conditions(conditions))
        return _Section("condition", units, "#### Conditions", between="\n")

    def changes(self, found: Mapping[ChangeKind, Listing]) -> Iterator[_Section]:
        """Yield the worst lines, and then folded the others, what is listed and what got better."""
        room = _OPEN
        for kind, listing in found.items():
            noun = wording.NOUNS[kind]
            units = tuple(self.unit(line) for line in listing.full)
            shown = () if kind is ChangeKind.IMPROVEMENT else units[:room]
            room -= len(shown)
            yield _Section(noun, shown, f"#### {wording.TITLES[kind]}")
            folded = units[len(shown) :]
            count = wording.plural(
                sum(unit.count for unit in folded), f"more {noun}" if shown else noun
            )
            yield _Section(noun, folded, *_folded(count))
            for brief in listing.brief:
                items = tuple(
                    _Unit(f"- {self.phrase(line.brief)}", line.count) for line in brief.lines
                )
                count = brief.title if units else f"{wording.TITLES[kind]}: {brief.title}"
                yield _Section(noun, items, *_folded(count), between="\n")

    def failing(self, lines: list[ShownLine], found: int) -> _Section:
        units = [_Unit(self._line(line)) for line in lines]
        if more := wording.more(found - len(lines), "line"):
            units.append(_Unit(more))
        return _Section("line", tuple(units), "#### Lines that do not specialize, the worst first")

    def not_counted(self, found: Iterable[wording.Uncounted]) -> Iterator[_Section]:
        for one in found:
            units = tuple(_Unit(f"- {self.phrase(phrase)}") for phrase in one.phrases)
            yield _Section(one.noun, units, *_folded(one.summary), between="\n")

    def tables(self, found: Iterable[tables.Table], remark: str) -> _Section:
        units = [_Unit(_table(table)) for table in found if table.rows]
        if remark:
            units.append(_Unit(remark))
        return _Section("table", tuple(units), "")

    def _condition(self, named: Phrase, condition: Condition) -> str:
        name = self.phrase(named)
        message, remedy = (
            self.phrase((Prose(text),)) for text in (condition.message, condition.remedy)
        )
        return f"- **{name}**: {message}\n  - remedy: {remedy}"

    def unit(self, line: ShownLine) -> _Unit:
        return _Unit(self._line(line), line.count)

    def _line(self, line: ShownLine) -> str:
        place = f"**{self.phrase((line.place,))}** in {_code(line.function, _FUNCTION)}"
        heading = " · ".join([place, *map(self.phrase, line.remarks)])
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
    blocks, missing = [head], Counter[str]()
    for section in sections:
        shown = section.units[:keep]
        keep -= len(shown)
        if shown:
            blocks.append(section.text(shown))
        missing[section.noun] += sum(unit.count for unit in section.units[len(shown) :])
    if left := [wording.plural(count, noun) for noun, count in missing.items() if count]:
        blocks.append(f"_Left out to stay within the size limit: {', '.join(left)}._")
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
    opening, closing = _folded(table.title)
    more = wording.more(table.hidden, "row")
    return "\n\n".join(filter(None, [opening, _grid(table), more, closing]))


def _grid(table: tables.Table) -> str:
    rows = [
        [markdown_cell(shorten_middle(label, _LABEL)), *figures] for label, *figures in table.rows
    ]
    alignment = ["left", *("right" for _ in table.columns[1:])]
    return tabulate(rows, table.columns, tablefmt="pipe", disable_numparse=True, colalign=alignment)

"""Reports and snapshots for the terminal: plain text of a given width, coloured or not."""

import io
from collections.abc import Iterable, Sequence

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table as Grid
from rich.text import Text

from specialist_ci.formats.report import ExplainedLine, Failure, Report, Verdict
from specialist_ci.formats.snapshot import Condition, Snapshot, State
from specialist_ci.render import across, wording
from specialist_ci.render import tables as figures
from specialist_ci.render.escape import terminal_output, visible
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
from specialist_ci.render.wording import Measured, Phrase, Place, Prose

_NARROWEST = 60
_LABEL = 20  # the least room for a table's first column
_GAP = 2
_INDENT = 6  # the most that a paragraph is moved in
_LISTED = 20  # lines of one list

_VERDICTS = {
    Verdict.PASS: "bold green",
    Verdict.FAIL: "bold red",
    Verdict.NOT_COMPARABLE: "bold yellow",
}
_STATES = {State.SPECIALIZED: "green", State.UNSTABLE: "yellow", State.ADAPTIVE: "red"}


def render_terminal(report: Report, *, width: int, color: bool) -> str:
    """Return the report as lines no wider than width cells, for widths of at least 60."""
    page = _Page(width, color=color)
    page.clauses(wording.verdict(report), style=_VERDICTS[report.verdict])
    page.gap()
    rules = wording.failed_by(wording.broken(report.violations))
    page.labelled([*wording.sides(report), *rules])
    page.conditions(report.conditions)
    for kind, title in wording.TITLES.items():
        page.changes(title, changed_lines(report, kind))
    page.not_counted(wording.not_counted(report.acknowledged, report.flaky, report.unconfirmed))
    compared = figures.compared(report)
    page.tables(compared)
    page.remark("" if report.verdict is Verdict.NOT_COMPARABLE else figures.none_differ(compared))
    return page.text()


def render_terminal_group(group: across.Group, *, width: int, color: bool) -> str:
    """Return the reports of several interpreters as lines no wider than width cells."""
    page = _Page(width, color=color)
    page.clauses(across.verdict(group), style=_VERDICTS[group.verdict])
    page.gap()
    page.labelled([*across.sides(group), *wording.failed_by(across.broken(group))])
    interpreters, *others = across.tables(group)
    page.tables([interpreters])
    page.conditions(across.conditions(group))
    for kind, title in wording.TITLES.items():
        page.changes(title, across.shared_lines(group, kind))
    page.not_counted(across.not_counted(group))
    page.tables(others)
    return page.text()


def render_terminal_failure(failure: Failure, *, width: int, color: bool) -> str:
    """Return a suite without a report as lines no wider than width cells."""
    page = _Page(width, color=color)
    page.clauses([wording.failure(failure)], style="bold red")
    return page.text()


def render_terminal_snapshot(
    snapshot: Snapshot, *, width: int, color: bool, limit_lines: int
) -> str:
    """Return the snapshot as lines no wider than width cells, for widths of at least 60."""
    page = _Page(width, color=color)
    page.clauses(wording.totals(snapshot), style="bold")
    page.gap()
    page.labelled(wording.origin(snapshot.provenance))
    page.conditions(snapshot.conditions)
    worst, found = failing_lines(snapshot, limit_lines)
    page.lines("Lines that do not specialize, the worst first", worst)
    page.more(found - len(worst), "line")
    page.tables(figures.measured(snapshot))
    return page.text()


def render_terminal_lines(found: Sequence[ExplainedLine], *, width: int, color: bool) -> str:
    """Return explained lines of one run, none wider than width cells, for widths of at least 60."""
    page = _Page(width, color=color)
    page.labelled(wording.origin(found[0].provenance))
    page.conditions(found[0].conditions)
    page.lines(wording.explained(found[0]), [explained_line(each) for each in found])
    return page.text()


class _Page:
    """Collects lines; each is cut or wrapped here, so that none is wider than the page."""

    def __init__(self, width: int, *, color: bool) -> None:
        self._width = max(width, _NARROWEST)
        self._file = io.StringIO()
        self._console = Console(
            file=self._file,
            width=self._width,
            color_system="standard" if color else None,
            force_terminal=color,
            force_jupyter=False,
            no_color=not color,
            markup=False,
            emoji=False,
            highlight=False,
            legacy_windows=False,
            _environ={},
        )

    def text(self) -> str:
        return terminal_output(self._file.getvalue().rstrip("\n"))

    def gap(self) -> None:
        self._file.write("\n")

    def write(self, phrase: Phrase, *, first: str = "", rest: str = "", style: str = "") -> None:
        """Write a phrase, wrapped; the first line begins with one prefix, others with another."""
        room = self._width - max(cell_len(first), cell_len(rest))
        lines = self._text(phrase, style).wrap(self._console, room)
        for index, line in enumerate(lines):
            line.rstrip()
            self._line(Text(first if index == 0 else rest) + line)

    def clauses(self, clauses: list[Phrase], *, style: str) -> None:
        """Write clauses on one line if they fit, otherwise one a line."""
        sentence = wording.joined(clauses, "; ")
        fits = self._text(sentence, style).cell_len <= self._width
        for phrase in [sentence] if fits else clauses:
            self.write(phrase, style=style)

    def remark(self, text: str) -> None:
        """Write a paragraph of ours, where there is one."""
        if text:
            self.gap()
            self.write((text,))

    def labelled(self, rows: Iterable[wording.Labelled], indent: str = "") -> None:
        """Write phrases side by side with their labels."""
        rows = list(rows)
        size = max((len(label) for label, _ in rows), default=0)
        for label, phrase in rows:
            first = f"{indent}{label.ljust(size)}  "
            self.write(phrase, first=first, rest=" " * len(first))

    def conditions(self, conditions: tuple[Condition, ...]) -> None:
        if conditions:
            self._heading("Conditions")
        for name, condition in wording.conditions(conditions):
            style = "bold yellow" if condition.blocking else "yellow"
            self.write(name, first="  ", rest="    ", style=style)
            self.write((Prose(condition.message),), first="    ", rest="    ")
            self.labelled([("remedy", (Prose(condition.remedy),))], "    ")

    def changes(self, title: str, found: Listing) -> None:
        self.lines(title, found.full)
        for brief in found.brief:
            if found.full:
                self.gap()
            else:
                self._heading(title)
            self.write((brief.title, ":"), first="  ")
            for line in brief.lines[:_LISTED]:
                self.write(line.brief, first="    ", rest="      ")
            self.more(len(brief.lines) - _LISTED, "line", "    ")

    def lines(self, title: str, lines: Sequence[ShownLine]) -> None:
        if lines:
            self._heading(title)
        for index, line in enumerate(lines):
            if index:
                self.gap()
            self._shown_line(line)

    def more(self, count: int, noun: str, indent: str = "  ") -> None:
        if count > 0:
            self.write((wording.more(count, noun),), first=indent, style="dim")

    def not_counted(self, found: Iterable[wording.Uncounted]) -> None:
        for one in found:
            self._heading(one.title)
            for phrase in one.phrases[:_LISTED]:
                self.write(phrase, first="  ", rest="    ")
            self.more(len(one.phrases) - _LISTED, one.noun)

    def tables(self, found: Iterable[figures.Table]) -> None:
        for table in found:
            if table.rows:
                self._heading(table.title)
                self._table(table)
                self.more(table.hidden, "row")

    def _heading(self, title: str) -> None:
        self.gap()
        self.write((title,), style="bold underline")

    def _shown_line(self, line: ShownLine) -> None:
        place: Phrase = (line.place, " in ", Measured(line.function, self._width // 3))
        remarks = (" (", *wording.joined(line.remarks, ", "), ")") if line.remarks else ()
        self.write((*place, *remarks), first="  ", rest="    ")
        room = self._width - 4
        if line.base_source is not None:
            self._line(Text("  - ") + Text(shorten(line.base_source, room)))
        gutter = "|" if line.base_source is None else "+"
        self._line(Text(f"  {gutter} ") + Text(shorten(line.source, room)))
        for mark in marks(line, room):
            self._line(Text("  | ") + Text(mark, style="red"))
        for row in line.rows:
            self._row(row)
        self.more(line.hidden, "site", "    ")

    def _row(self, row: Row) -> None:
        self.write((Measured(row.name), ": ", *row.state), first="    ", rest="      ")
        self.labelled(row.notes, "      ")

    def _table(self, table: figures.Table) -> None:
        kept, label_width = _fitting(table, self._width)
        grid = Grid(box=None, pad_edge=False, padding=(0, _GAP, 0, 0), header_style="dim")
        for column in kept:
            grid.add_column(
                table.columns[column], justify="right" if column else "left", no_wrap=True
            )
        for row in table.rows:
            cells = [Text(row[column]) for column in kept[1:]]
            grid.add_row(Text(shorten_middle(row[0], label_width)), *cells)
        self._console.print(grid)

    def _line(self, line: Text) -> None:
        self._console.print(line, no_wrap=True, overflow="ignore", crop=False)

    def _text(self, phrase: Phrase, style: str) -> Text:
        text = Text(style=style)
        for part in phrase:
            match part:
                case State():
                    text.append(part.value, style=_STATES.get(part))
                case str():
                    text.append(part)
                case Measured():
                    text.append(shorten(part.text, part.cells))
                case Prose():
                    text.append(visible(part.text))
                case Place():
                    text.append(
                        shorten_middle(part.label, self._width - _INDENT), style="bold cyan"
                    )
        return text


def _fitting(table: figures.Table, width: int) -> tuple[list[int], int]:
    """Return the columns that leave room for the label, and that room; counts go before ratios."""
    sizes = [
        max(cell_len(cell) for cell in column)
        for column in zip(table.columns, *table.rows, strict=True)
    ]
    kept = list(range(len(sizes)))
    while True:
        room = width - sum(sizes[column] + _GAP for column in kept[1:])
        if room >= _LABEL or len(kept) == 2:  # noqa: PLR2004 - the label and one figure
            return kept, max(room, 1)
        del kept[1]

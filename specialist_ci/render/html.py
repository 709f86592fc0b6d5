"""Reports and snapshots as one HTML page that loads nothing and runs nothing."""

import base64
from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import sha256
from html import escape
from itertools import count

from specialist_ci.formats.report import Failure, Report, Reports, Verdict
from specialist_ci.formats.snapshot import Condition, Line, Site, Snapshot, SourceFile, State
from specialist_ci.render import across, tables, wording
from specialist_ci.render.escape import link_target, visible
from specialist_ci.render.fit import Span
from specialist_ci.render.lines import Listing, Row, ShownLine, changed_lines, failing_lines
from specialist_ci.render.style import STYLE
from specialist_ci.render.wording import Labelled, Measured, Phrase, Place, Prose
from specialist_ci.source.sourcetext import source_text

# Sites of a longer line are not marked in it: nobody reads such a line.
_LONG_LINE = 2_000
_WORST = 20  # lines of a snapshot that are listed before its files
_SITES = 50  # of one line

# The worst first: a line has the colour of the worst of its sites.
_WORST_FIRST = (State.ADAPTIVE, State.UNSTABLE, State.HIDDEN, State.SPECIALIZED, State.COLD)
_SIGNS = {
    State.SPECIALIZED: "✓",
    State.UNSTABLE: "~",
    State.ADAPTIVE: "✗",
    State.COLD: "·",
    State.HIDDEN: "?",
}

_POLICY = (
    "default-src 'none'; style-src 'sha256-{}'; img-src data:; base-uri 'none'; form-action 'none'"
)


def render_html(report: Report, *, links: str | None = None, heads: Sequence[Snapshot] = ()) -> str:
    """Return the report as a page, with every line of its head's files if that is among heads.

    ``links`` is the address of a line on the web, with {commit}, {path} and {line} in it.
    """
    return _page(_title(report), _article(report, links, heads))


def render_html_reports(
    several: Reports, *, links: str | None = None, heads: Sequence[Snapshot] = ()
) -> str:
    """Return the reports of several suites and interpreters as one page.

    What several interpreters have in common comes before the report of each.
    """
    parts: list[str] = []
    numbers = count()
    for group in across.groups(several):
        if not group.plain:
            parts.append(_group_article(group, links, f"several-{len(parts)}-"))
        parts += [
            _article(report, links, heads, name=f"suite-{next(numbers)}-")
            for report in group.reports
        ]
        parts += map(_failure, group.failures)
    return _page("specialist-ci", "\n".join(parts))


def render_html_failure(failure: Failure) -> str:
    """Return a suite without a report as a page."""
    return render_html_reports(Reports(reports=(), failures=(failure,)))


def render_html_snapshot(snapshot: Snapshot) -> str:
    """Return the snapshot as a page, with every line of its files."""
    writer = _Writer(None)
    worst, found = failing_lines(snapshot, _WORST)
    listing = _Listing(snapshot, {})
    parts = [
        f"<h1>{writer.sentence(wording.totals(snapshot))}</h1>",
        writer.labelled(wording.origin(snapshot.provenance)),
        *writer.conditions(snapshot.conditions),
        *writer.lines(
            "Lines that do not specialize, the worst first", "worst", worst, listing.anchors
        ),
        _paragraph(wording.more(found - len(worst), "line")),
        *writer.tables(tables.measured(snapshot)),
        *listing.parts(),
    ]
    body = "\n".join(filter(None, parts))
    return _page(f"specialist-ci: {_revision(snapshot)}", f"<article>\n{body}\n</article>")


def _failure(failure: Failure) -> str:
    title = _Writer(None).phrase(wording.unmeasured(failure))
    message, remedy = map(_text, (failure.message, failure.remedy))
    return (
        f'<article>\n<h1 class="not-comparable">{title}</h1>\n'
        f'<ul class="conditions"><li>{message}<br>Remedy: {remedy}</li></ul>\n</article>'
    )


def _title(report: Report) -> str:
    return f"{report.verdict.value}: {report.base.revision} → {report.head.revision}"


def _revision(snapshot: Snapshot) -> str:
    return snapshot.provenance.revision


def _article(
    report: Report, links: str | None, heads: Sequence[Snapshot], *, name: str = ""
) -> str:
    """Return one report; ``name`` tells its places in the page from those of another."""
    writer = _Writer(links)
    lines = {kind: changed_lines(report, kind) for kind in wording.TITLES}
    shown = [
        (f"{name}{kind.value}-{n}", line)
        for kind, found in lines.items()
        for n, line in enumerate(found.every)
    ]
    head = next((one for one in heads if one.provenance == report.head), None)
    changes = {line.place.label: at for at, line in shown}
    listing = _Listing(head, changes, name=name) if head else None
    compared = tables.compared(report)
    remark = "" if report.verdict is Verdict.NOT_COMPARABLE else tables.none_differ(compared)
    parts = [
        f'<h1 class="{report.verdict.value}">{writer.sentence(wording.verdict(report))}</h1>',
        writer.sides(wording.sides(report), wording.broken(report.violations)),
        *writer.conditions(report.conditions),
        *(
            part
            for kind, title in wording.TITLES.items()
            for part in writer.changes(
                title, f"{name}{kind.value}", lines[kind], listing.anchors if listing else {}
            )
        ),
        *writer.not_counted(
            wording.not_counted(report.acknowledged, report.flaky, report.unconfirmed)
        ),
        *writer.tables(compared),
        _paragraph(remark),
        *(listing.parts() if listing else ()),
    ]
    return "\n".join(["<article>", *filter(None, parts), "</article>"])


def _group_article(group: across.Group, links: str | None, name: str) -> str:
    """Return the reports of several interpreters."""
    writer = _Writer(links)
    interpreters, *others = across.tables(group)
    parts = [
        f'<h1 class="{group.verdict.value}">{writer.sentence(across.verdict(group))}</h1>',
        writer.sides(across.sides(group), across.broken(group)),
        *writer.tables([interpreters]),
        *writer.conditions(across.conditions(group)),
        *(
            part
            for kind, title in wording.TITLES.items()
            for part in writer.changes(
                title, f"{name}{kind.value}", across.shared_lines(group, kind), {}
            )
        ),
        *writer.not_counted(across.not_counted(group)),
        *writer.tables(others),
    ]
    return "\n".join(["<article>", *filter(None, parts), "</article>"])


def _page(title: str, body: str) -> str:
    digest = base64.b64encode(sha256(STYLE.encode()).digest()).decode()
    return f"""\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{_POLICY.format(digest)}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<meta name="color-scheme" content="light dark">
<title>{_text(title)}</title>
<link rel="icon" href="data:,">
<style>{STYLE}</style>
</head>
<body>
{body}
</body>
</html>"""


class _Writer:
    """Turns phrases, lines and tables into HTML; all it knows is how to link."""

    def __init__(self, links: str | None) -> None:
        self._links = links if links and links.startswith(("https://", "http://")) else None

    def phrase(self, phrase: Phrase) -> str:
        return "".join(map(self._part, phrase))

    def sentence(self, clauses: list[Phrase]) -> str:
        return self.phrase(wording.joined(clauses, "; "))

    def labelled(self, rows: Iterable[Labelled]) -> str:
        return self._list([(label, self.phrase(phrase)) for label, phrase in rows])

    def sides(self, rows: Iterable[Labelled], rules: Sequence[Phrase]) -> str:
        """Return what was compared, and each rule that failed on a line of its own."""
        told = [(label, self.phrase(phrase)) for label, phrase in rows]
        if rules:
            told.append(("failed by", "<br>".join(map(self.phrase, rules))))
        return self._list(told)

    def _list(self, rows: Iterable[tuple[str, str]]) -> str:
        return (
            "<dl>" + "\n".join(f"<dt>{name}</dt><dd>{text}</dd>" for name, text in rows) + "</dl>"
        )

    def conditions(self, conditions: tuple[Condition, ...]) -> Iterator[str]:
        if conditions:
            items = (self._condition(*each) for each in wording.conditions(conditions))
            yield f'<h2>Conditions</h2>\n<ul class="conditions">{"".join(items)}</ul>'

    def changes(
        self, title: str, name: str, found: Listing, anchors: Mapping[str, str]
    ) -> Iterator[str]:
        """Yield the lines that are shown, then those that are listed, folded."""
        yield from self.lines(title, name, found.full, anchors)
        if found.brief and not found.full:
            yield f"<h2>{title}</h2>"
        number = count(len(found.full))
        for brief in found.brief:
            items = [
                f'<li id="{name}-{next(number)}">{self.phrase(line.brief)}'
                f"{self._jump(line, anchors)}</li>"
                for line in brief.lines
            ]
            yield from self._folded(brief.title, items)

    def _jump(self, line: ShownLine, anchors: Mapping[str, str]) -> str:
        """Return the way to a line in the listing of its file."""
        anchor = anchors.get(line.place.label)
        return f' · <a href="#{anchor}">in the file</a>' if anchor else ""

    def lines(
        self, title: str, name: str, lines: Sequence[ShownLine], anchors: Mapping[str, str]
    ) -> Iterator[str]:
        """Yield the lines that stand out; ``anchors`` are the places of lines in the listing."""
        if lines:
            yield f"<h2>{title}</h2>"
        for number, line in enumerate(lines):
            jump = self._jump(line, anchors)
            remarks = "".join(f" · {self.phrase(remark)}" for remark in line.remarks)
            rows = "".join(map(self._row, line.rows))
            if left := wording.more(line.hidden, "site"):
                rows += f"<li>{left}</li>"
            yield (
                f'<section id="{name}-{number}">'
                f"<h3>{self.phrase((line.place,))} in {_code(line.function)}{remarks}{jump}</h3>"
                f"{_source(line)}<ul>{rows}</ul></section>"
            )

    def not_counted(self, found: Iterable[wording.Uncounted]) -> Iterator[str]:
        for one in found:
            items = [f"<li>{self.phrase(phrase)}</li>" for phrase in one.phrases]
            yield from self._folded(one.summary, items)

    def tables(self, found: Iterable[tables.Table]) -> Iterator[str]:
        for table in found:
            if table.rows:
                yield f"<h2>{table.title}</h2>\n{_table(table)}"
                yield _paragraph(wording.more(table.hidden, "row"))

    def _folded(self, summary: str, items: list[str]) -> Iterator[str]:
        if items:
            listed = "".join(items)
            yield f"<details><summary>{summary}</summary><ul>{listed}</ul></details>"

    def _condition(self, named: Phrase, condition: Condition) -> str:
        blocking = ' class="blocking"' if condition.blocking else ""
        name = self.phrase(named)
        message, remedy = map(_text, (condition.message, condition.remedy))
        return f"<li{blocking}><strong>{name}</strong>: {message}<br>Remedy: {remedy}</li>"

    def _row(self, row: Row) -> str:
        notes = "".join(f"<br>{label}: {self.phrase(phrase)}" for label, phrase in row.notes)
        return f"<li>{_code(row.name)}: {self.phrase(row.state)}{notes}</li>"

    def _part(self, part: str | Measured | Prose | Place | State) -> str:
        match part:
            case State():
                return f'<span class="state {part.value}">{part.value}</span>'
            case str():
                return escape(part)
            case Measured():
                return _code(part.text)
            case Prose():
                return _text(part.text)
            case Place():
                return self._place(part)

    def _place(self, place: Place) -> str:
        label = _text(place.label) if place.line_only else _code(place.label)
        if self._links is None or place.commit is None:
            return label
        target = link_target(self._links, commit=place.commit, path=place.path, line=place.line)
        return f'<a href="{escape(target)}" rel="noopener noreferrer">{label}</a>'


class _Listing:
    """All lines of all files, each with its state; ``changes`` are places of changed lines."""

    def __init__(self, snapshot: Snapshot, changes: Mapping[str, str], *, name: str = "") -> None:
        self._name = f"{name}file"
        self._files = snapshot.files
        self._changes = changes
        self._writer = _Writer(None)
        self.anchors = {
            f"{file.path}:{line.line}": f"{self._name}-{index}-{line.line}"
            for index, file in enumerate(snapshot.files)
            for line in file.lines
        }

    def parts(self) -> Iterator[str]:
        """Yield the legend, then file by file."""
        if not self._files:
            return
        legend = " ".join(
            f'<span class="state {state.value}">{_SIGNS[state]} {state.value}</span>'
            for state in _SIGNS
        )
        yield f'<h2>Source</h2>\n<p class="legend">Sites of a line: {legend}</p>'
        for index, file in enumerate(self._files):
            yield self._file(index, file)

    def _file(self, index: int, file: SourceFile) -> str:
        lines = {line.line: line for line in file.lines}
        text = source_text(file).lines
        if text and not text[-1]:
            text = text[:-1]
        rows = "\n".join(
            self._row(index, number, source, lines.get(number), file.path)
            for number, source in enumerate(text, start=1)
        )
        counts = file.counts
        figures = f"{wording.percent(counts.ratio)}, {_counted(_by_state(counts))}"
        changed = any(f"{file.path}:{number}" in self._changes for number in lines)
        opened = " open" if changed else ""
        return (
            f"<details{opened}><summary>{_code(file.path)} {figures}</summary>\n"
            f'<table class="source">{rows}</table></details>'
        )

    def _row(self, index: int, number: int, source: str, line: Line | None, path: str) -> str:
        if line is None:
            return (
                f"<tr><th>{number}</th><td></td><td><code>{_source_text(source)}</code></td></tr>"
            )
        by_state = _by_state(line)
        worst = next(state for state in _WORST_FIRST if by_state[state])
        failing = [site for site in line.sites if site.state.failing]
        spans = [(_span(site, line.line, source), site.state) for site in failing]
        code = f"<code>{_marked(source, spans)}</code>"
        if failing:
            rows = "".join(self._site(site) for site in failing[:_SITES])
            code = f"<details><summary>{code}</summary><ul>{rows}</ul></details>"
        change = self._changes.get(f"{path}:{number}")
        label = f'<a href="#{change}">{number}</a>' if change else str(number)
        return (
            f'<tr class="{worst.value}" id="{self._name}-{index}-{number}"><th>{label}</th>'
            f"<td>{_counted(by_state)}</td><td>{code}</td></tr>"
        )

    def _site(self, site: Site) -> str:
        phrase = wording.state(
            site.state,
            site.form,
            misses=site.misses,
            respecialized=site.respecialized,
            failed_attempts=site.failed_attempts,
        )
        runs = wording.executions(site.executions)
        return f"<li>{_code(wording.site(site))}: {self._writer.phrase((*phrase, *runs))}</li>"


def _by_state(counts: object) -> dict[State, int]:
    return {state: getattr(counts, state.value) for state in State}


def _counted(by_state: Mapping[State, int]) -> str:
    """Return how many sites are in which state, in signs."""
    return " ".join(
        f'<span title="{state.value}">{by_state[state]}{sign}</span>'
        for state, sign in _SIGNS.items()
        if by_state[state]
    )


def _span(site: Site, line: int, source: str) -> Span | None:
    """Return the bytes of its first line that a site spans."""
    if site.column is None or site.end_column is None:
        return None
    end = site.end_column if site.end_line == line else len(_bytes(source))
    return site.column, end


def _source(line: ShownLine) -> str:
    head = _marked(line.source, [(row.span, _state(row)) for row in line.rows])
    if line.base_source is None:
        return f"<pre>{head}</pre>"
    return f"<pre><del>{_source_text(line.base_source)}</del>\n<ins>{head}</ins></pre>"


def _state(row: Row) -> State:
    """Return the last state that a row tells, which is head's."""
    # Of several interpreters, each has its state in a note of its own.
    phrases = (row.state, *(phrase for _, phrase in row.notes))
    return [part for phrase in phrases for part in phrase if isinstance(part, State)][-1]


def _marked(source: str, spans: Iterable[tuple[Span | None, State]]) -> str:
    """Return a source line with its sites marked, the narrowest where several overlap."""
    if len(source) > _LONG_LINE:
        return _source_text(source)
    known = [(span, state) for span, state in spans if span is not None]
    known.sort(key=lambda found: found[0][0] - found[0][1])
    parts: list[tuple[str, State | None]] = []
    current: State | None = None
    offset, shown = 0, ""
    for character in source:
        state = next(
            (state for (start, end), state in reversed(known) if start <= offset < end), None
        )
        if state is not current:
            parts.append((shown, current))
            shown, current = "", state
        shown += character
        offset += len(_bytes(character))
    return "".join(
        _source_text(text)
        if state is None
        else f'<mark class="{state.value}">{_source_text(text)}</mark>'
        for text, state in (*parts, (shown, current))
        if text
    )


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _table(table: tables.Table) -> str:
    heads = "".join(f"<th>{column}</th>" for column in table.columns)
    rows = "\n".join(
        f"<tr><td>{_code(label)}</td>{''.join(f'<td>{figure}</td>' for figure in figures)}</tr>"
        for label, *figures in table.rows
    )
    return f'<div class="scroll"><table class="figures"><tr>{heads}</tr>\n{rows}</table></div>'


def _paragraph(text: str) -> str:
    return f"<p>{text}</p>" if text else ""


def _code(text: str) -> str:
    return f"<code>{_text(text)}</code>"


def _text(text: str) -> str:
    return escape(visible(text))


def _source_text(text: str) -> str:
    """Return source with its tabs, which are white space there and nothing to spell out."""
    return "\t".join(map(_text, text.split("\t")))

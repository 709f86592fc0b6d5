"""Reports of several suites as one Markdown text that is cut to a size, each to its share."""

from collections.abc import Callable, Iterator
from functools import partial

from specialist_ci.formats.report import Failure, Report, Reports, Verdict
from specialist_ci.render import wording
from specialist_ci.render.across import Group, groups
from specialist_ci.render.markdown import (
    render_markdown,
    render_markdown_failure,
    render_markdown_group,
    render_markdown_overview,
)

_BETWEEN = "\n\n"
_Piece = Callable[[int | None], str]

_LEAST = 400  # characters: less of a report says nothing
_WORST_FIRST = (Verdict.FAIL, Verdict.NOT_COMPARABLE, Verdict.PASS)


def render_limited(several: Reports, *, links: str | None, limit: int) -> str:
    """Return all reports and failures as Markdown of at most ``limit`` characters.

    Several suites begin with a line on how each did; those that failed come first.
    """
    ranked = sorted(groups(several), key=lambda group: _WORST_FIRST.index(group.verdict))
    if len(ranked) > 1:
        opening = render_markdown_overview(ranked) + _BETWEEN
        return opening + _limited(ranked, links=links, limit=limit - len(opening))
    return _limited(ranked, links=links, limit=limit)


def _limited(ranked: list[Group], *, links: str | None, limit: int) -> str:
    pieces = [piece for group in ranked for piece in _pieces(group, links)]
    most = max(1, limit // (_LEAST + len(_BETWEEN)) - 1)
    texts = [piece(None) for piece in pieces[:most]]
    if more := wording.more(len(pieces) - most, "suite") if len(pieces) > most else "":
        texts.append(more)
    room = limit - len(_BETWEEN) * (len(texts) - 1)
    share = _share([len(text) for text in texts], room)
    fitted = [
        text if len(text) <= share else piece(share)
        for text, piece in zip(texts, pieces, strict=False)
    ]
    return _BETWEEN.join([*fitted, *texts[len(fitted) :]])


def _share(sizes: list[int], room: int) -> int:
    """Return the most that a text may take, so that all fit: short ones leave theirs to others."""
    left = sorted(sizes)
    while left and left[0] * len(left) <= room:
        room -= left.pop(0)
    return room // len(left) if left else max(sizes, default=0)


def _pieces(group: Group, links: str | None) -> Iterator[_Piece]:
    """Yield what the reports of one suite become: one text where it ran in several interpreters."""
    if group.plain:
        yield from (partial(_report, report, links) for report in group.reports)
    else:
        yield partial(_group, group, links)
    yield from (partial(_failure, failure) for failure in group.failures)


def _report(report: Report, links: str | None, limit: int | None) -> str:
    return render_markdown(report, links=links, limit=limit)


def _group(group: Group, links: str | None, limit: int | None) -> str:
    return render_markdown_group(group, links=links, limit=limit)


def _failure(failure: Failure, limit: int | None) -> str:
    return render_markdown_failure(failure)[:limit]

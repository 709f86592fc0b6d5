"""What an explaining run saw of a change, in words."""

from collections.abc import Iterator, Sequence

from specialist_ci.formats.report import Change, ChangeKind, ExplainedSite, Seen
from specialist_ci.formats.snapshot import State
from specialist_ci.render.wording import Labelled, Phrase, Prose, joined, number, percent, plural

_SHOWN = 3  # situations of one side
_LOOPS = "FOR_ITER"


def notes(change: Change) -> Iterator[Labelled]:
    """Yield what was seen, why it is so, and what to do, as far as each is known."""
    found = change.explanation
    if seen := _met(change):
        yield "met", seen
    if change.reason is not None:
        eliminated = found is not None and found.eliminated
        yield "why", (Prose(change.reason), *((" (by elimination)",) if eliminated else ()))
    elif found is not None and found.not_explained and change.kind is not ChangeKind.IMPROVEMENT:
        yield "not explained", (Prose(found.not_explained),)
    if change.advice is not None:
        yield "advice", (Prose(change.advice),)


def site_notes(site: ExplainedSite) -> Iterator[Labelled]:
    """Yield what one site met, why it fails where it does, and what to do."""
    if site.seen.situations and site.seen.problem is None:
        mix: Phrase = _mix(site.seen)
        if site.state.failing and site.seen.switches:
            misses = percent(site.seen.predicted_misses)
            mix = (*mix, f", changing {_often(site.seen.switches)}", f": about {misses} would miss")
        yield "met", mix
    if site.reason is not None:
        yield "why", (Prose(site.reason), " (by elimination)" if site.eliminated else "")
    elif site.not_explained is not None:
        yield "not explained", (Prose(site.not_explained),)
    if site.advice is not None:
        yield "advice", (Prose(site.advice),)


def site_executions(site: ExplainedSite) -> Phrase:
    """Return how often a site ran."""
    if site.seen.executions and site.seen.problem is None:
        return (f", {_times(site, site.seen.executions)}",)
    count = site.executions
    return () if count is None else (f", at least {plural(count, 'execution')}",)


def executions(change: Change) -> Phrase:
    """Return how often a site ran on head, and its share of what all changed sites did."""
    found = change.explanation
    share = None if found is None or _head(change) is None else found.share
    return (*count_of(change), *_share(share))


def count_of(change: Change) -> Phrase:
    """Return how often a site ran on head."""
    if (head := _head(change)) is not None:
        return (f", {_times(change, head.executions)}",)
    count = change.executions
    return () if count is None else (f", at least {plural(count, 'execution')}",)


def mostly(change: Change) -> Phrase:
    """Return what a site met most on head, where that was seen."""
    head = _head(change)
    return () if head is None or not head.situations else (": ", Prose(head.situations[0].text))


def _head(change: Change) -> Seen | None:
    """Return what was seen of head, if it was."""
    head = None if change.explanation is None else change.explanation.head
    return None if head is None or not head.executions or head.problem else head


def line_executions(changes: Sequence[Change]) -> Iterator[Phrase]:
    """Yield how often all changed sites of a line ran, where there are several."""
    counts: list[int] = [
        change.explanation.head.executions
        for change in changes
        if change.explanation is not None and change.explanation.head is not None
    ]
    total = sum(counts)
    if len(changes) > 1 and len(counts) == len(changes) and total:
        yield (f"{plural(total, 'execution')} in all",)


def _share(share: float | None) -> Phrase:
    """Return a site's share of what all changed sites ran, where it is not alone."""
    return () if share is None or share >= 1 else (f" ({percent(share)} of all changed)",)


def _times(site: Change | ExplainedSite, count: int) -> str:
    return plural(count, "loop" if site.family == _LOOPS else "execution")


def _often(count: int) -> str:
    return {1: "once", 2: "twice"}.get(count) or f"{number(count)} times"


def _met(change: Change) -> Phrase:
    """Return the situations of both sides, such as float and float on base, ... on head."""
    found = change.explanation
    if found is None:
        return ()
    base, head = (
        side if side is not None and side.situations and side.problem is None else None
        for side in (found.base, found.head)
    )
    if base is not None and head is not None and _texts(base) == _texts(head):
        return (*_mix(head), " on both sides", *_switches(change, head))
    sides: list[Phrase] = []
    if base is not None:
        sides.append((*_mix(base), " on base"))
    if head is not None:
        on = "" if change.kind is ChangeKind.NEW else " on head"
        sides.append((*_mix(head), on, *_switches(change, head)))
    return joined(sides, ", ")


def _texts(side: Seen) -> list[str]:
    return [situation.text for situation in side.situations]


def _mix(side: Seen) -> Phrase:
    """Return a side's situations, with their shares where there are several."""
    if len(side.situations) == 1 and side.situations[0].count == side.executions:
        return (Prose(side.situations[0].text),)
    shown = side.situations[:_SHOWN]
    parts: list[Phrase] = [
        (Prose(situation.text), f" {percent(situation.count / side.executions)}")
        for situation in shown
    ]
    rest = side.executions - sum(situation.count for situation in shown)
    if rest > 0:
        parts.append((f"others {percent(rest / side.executions)}",))
    return joined(parts, " or ")


def _switches(change: Change, side: Seen) -> Phrase:
    """Return how often the situation changed, where that is what makes a site miss."""
    if change.head_state is not State.UNSTABLE or not side.switches:
        return ()
    misses = f": about {percent(side.predicted_misses)} of the executions miss"
    return (f", changing {_often(side.switches)}", "" if change.reason else misses)

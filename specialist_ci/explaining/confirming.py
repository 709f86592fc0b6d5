"""Holds changes against what the explaining run saw, which knows more than counters; pure.

A counter holds misses modulo 53, and no hits: it cannot tell a site that misses each second
time from one that misses each thousandth, and now and then a site that keeps missing reads
as if it did not. The explaining run counts executions and situations.
"""

from specialist_ci.comparing.policy import judge
from specialist_ci.explaining.conclusions import BEGUN, shared
from specialist_ci.formats.report import Change, ChangeKind, Report, Seen, Unconfirmed
from specialist_ci.formats.snapshot import UNSTABLE_RESPECIALIZED, WARM, State
from specialist_ci.reasons import MISSES
from specialist_ci.reasons.rows import NOTHING

# A site that misses less often is well: benchmarks/misses.py shows what misses cost.
HARMLESS = 0.01
# One that misses so often runs about as slow as one that is not specialized.
_MUCH = 0.25
# Misses that grew by less are the same misses, seen by two readings of a counter.
_GROWN = 2.0


def confirm(report: Report) -> Report:
    """Return the report with what the explaining run does not bear out set apart, judged anew."""
    doubts = [(change, doubt(change)) for change in report.changes]
    return judge(
        report.model_copy(
            update={
                "changes": tuple(shared([one for one, reason in doubts if reason is None])),
                "unconfirmed": tuple(
                    Unconfirmed(change=change, reason=reason)
                    for change, reason in doubts
                    if reason is not None
                ),
            }
        )
    )


def doubt(change: Change) -> str | None:
    """Return why a change does not count, or None where the explaining run says nothing else."""
    found = change.explanation
    if found is None:
        return None
    base, head = _known(found.base), _known(found.head)
    improved = change.kind is ChangeKind.IMPROVEMENT
    failing, other = (base, head) if improved else (head, base)
    state = change.base_state if improved else change.head_state
    if failing is None:
        return None
    each = change.family not in BEGUN
    if each and failing.executions < WARM:
        times = "once" if failing.executions == 1 else f"{failing.executions} times"
        return f"it ran {times} only"
    if state is not State.UNSTABLE:
        if each and other and _thrashes(other):
            side, often = "head" if improved else "base", _percent(other.predicted_misses)
            return f"it misses in {often} of its executions on {side}, and reads well by chance"
        return None
    share = failing.predicted_misses + failing.doubtful_misses
    ruled_out = found.eliminated and change.advice != NOTHING
    if each and share < HARMLESS and not ruled_out:
        return f"it misses in less than {HARMLESS:.0%} of its executions"
    if base and head and other and 0 < share < other.predicted_misses * _GROWN:
        on_base, on_head = _percent(base.predicted_misses), _percent(head.predicted_misses)
        return f"it misses in {on_base} of its executions on base and in {on_head} on head"
    return None


def _thrashes(seen: Seen) -> bool:
    """Tell whether a site keeps missing, by what makes one unstable, whatever its counter says."""
    misses = seen.predicted_misses * seen.executions
    return seen.predicted_misses >= _MUCH and misses >= UNSTABLE_RESPECIALIZED * MISSES


def _known(seen: Seen | None) -> Seen | None:
    """Return a side that was seen, and as in the first run."""
    return None if seen is None or seen.problem is not None or not seen.executions else seen


def _percent(share: float) -> str:
    return f"{share:.1%}"

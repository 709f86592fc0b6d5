"""What the explaining run does not bear out does not count, and everything else does."""

import json
from typing import Any

import pytest
from reports import change, report
from repositories import Drawing

from specialist_ci.cli import main
from specialist_ci.explaining.confirming import confirm, doubt
from specialist_ci.formats.report import Change, ChangeKind, Explanation, Seen, Verdict
from specialist_ci.formats.snapshot import State


def seen(
    executions: int, misses: float, problem: str | None = None, *, doubtful: float = 0.0
) -> Seen:
    """Return what one side met: how often it ran, and the share of that at which it misses."""
    return Seen(
        executions=executions,
        switches=0,
        predicted_misses=misses,
        doubtful_misses=doubtful,
        situations=(),
        problem=problem,
    )


def looked_at(base: Seen | None, head: Seen | None, **values: object) -> Change:
    """Return an unstable regression, and what the explaining run saw of it."""
    explanation = Explanation(
        base=base, head=head, share=None, cost=None, eliminated=False, not_explained=None
    )
    usual = {"head_state": State.UNSTABLE, "explanation": explanation}
    return change(**(usual | values))


GOOD, BAD = seen(1000, 0.0), seen(1000, 0.45)
UNSEEN = seen(1000, 0.0, "it ended adaptive in the explaining run, specialized in the first")
NEW = {"kind": ChangeKind.NEW, "base_state": None}
BETTER = {
    "kind": ChangeKind.IMPROVEMENT,
    "base_state": State.UNSTABLE,
    "head_state": State.SPECIALIZED,
}
ADAPTIVE = {"head_state": State.ADAPTIVE}
SPECIALIZED_NOW = {**BETTER, "base_state": State.ADAPTIVE}


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        # Misses that are there, and were not on base.
        (looked_at(GOOD, BAD), None),
        (looked_at(None, BAD, **NEW), None),
        (looked_at(BAD, GOOD, **BETTER), None),
        (looked_at(seen(1000, 0.1), BAD), None),
        # Those that base has too: its counter read well by chance.
        (
            looked_at(seen(1000, 0.3), BAD),
            "it misses in 30.0% of its executions on base and in 45.0% on head",
        ),
        (
            looked_at(BAD, seen(1000, 0.3), **BETTER),
            "it misses in 45.0% of its executions on base and in 30.0% on head",
        ),
        # It misses where it reads specialized, often enough to be unstable.
        (
            looked_at(seen(1000, 0.3), GOOD, **ADAPTIVE),
            "it misses in 30.0% of its executions on base, and reads well by chance",
        ),
        (
            looked_at(GOOD, seen(1000, 0.3), **SPECIALIZED_NOW),
            "it misses in 30.0% of its executions on head, and reads well by chance",
        ),
        (looked_at(seen(1000, 0.24), GOOD, **ADAPTIVE), None),
        (looked_at(seen(200, 0.6), GOOD, **ADAPTIVE), None),  # it was specialized anew twice
        (looked_at(seen(1000, 0.3), GOOD, **ADAPTIVE, family="FOR_ITER"), None),
        (looked_at(UNSEEN, GOOD, **ADAPTIVE), None),
        # A few strays, and the first execution that counts.
        (looked_at(GOOD, seen(1000, 0.009)), "it misses in less than 1% of its executions"),
        (
            looked_at(None, seen(1000, 0.009), **NEW),
            "it misses in less than 1% of its executions",
        ),
        (
            looked_at(seen(1000, 0.009), GOOD, **BETTER),
            "it misses in less than 1% of its executions",
        ),
        (looked_at(GOOD, seen(1000, 0.01)), None),
        # Of a loop only the beginning is seen: how often it misses depends on its length.
        (looked_at(GOOD, seen(1000, 0.009), family="FOR_ITER"), None),
        (looked_at(GOOD, seen(6, 0.5), family="FOR_ITER"), None),
        # Too few executions to matter, in whatever state.
        (looked_at(GOOD, seen(31, 0.45)), "it ran 31 times only"),
        (looked_at(GOOD, seen(1, 0.0), **ADAPTIVE), "it ran once only"),
        (looked_at(GOOD, seen(32, 0.45)), None),
        # Nobody can tell whether it misses: on head it may, and on base it may not have.
        (looked_at(GOOD, seen(1000, 0.0, doubtful=1.0)), None),
        (looked_at(seen(1000, 0.0, doubtful=1.0), seen(1000, 0.0, doubtful=1.0)), None),
        (looked_at(seen(1000, 0.3), seen(1000, 0.4, doubtful=0.5)), None),
        # What always fails is no matter of misses.
        (looked_at(GOOD, GOOD, **ADAPTIVE), None),
        # Nothing was seen, or something else than in the first run.
        (looked_at(GOOD, UNSEEN), None),
        (looked_at(GOOD, seen(0, 0.0)), None),
        (looked_at(UNSEEN, BAD), None),
        (change(), None),
    ],
)
def test_only_what_the_explaining_run_contradicts_is_doubted(
    found: Change, reason: str | None
) -> None:
    """Where it saw nothing, the counters stand."""
    assert doubt(found) == reason


@pytest.mark.parametrize(
    ("advice", "reason"),
    [("define the function once", None), ("nothing to do", "it misses in less than 1%")],
)
def test_what_is_left_by_elimination_is_kept_where_there_is_a_cure(
    advice: str, reason: str | None
) -> None:
    """Such a cause is not among what is observed, so that nothing contradicts it."""
    found = looked_at(GOOD, GOOD)
    assert found.explanation is not None
    explanation = found.explanation.model_copy(update={"eliminated": True})
    doubted = doubt(found.model_copy(update={"explanation": explanation, "advice": advice}))
    assert (doubted or "").startswith(reason or "\0") if reason else doubted is None


def test_the_verdict_is_that_of_what_is_left() -> None:
    """What is set apart is listed with the reason, and no rule counts it."""
    real, chance = looked_at(GOOD, BAD), looked_at(BAD, BAD, line=3)
    both = confirm(report(real, chance, verdict=Verdict.FAIL))
    assert (both.verdict, [one.line for one in both.changes]) == (Verdict.FAIL, [real.line])
    assert [one.explanation.share for one in both.changes if one.explanation] == [1.0]
    assert [one.change for one in both.unconfirmed] == [chance]
    assert confirm(report(chance, verdict=Verdict.FAIL)).verdict is Verdict.PASS


STRAYS = """
class Point:
    def __init__(self):
        self.x = 1

class Other(Point):
    pass

def read(point):
    return point.x

points = [Point()] * 4000
points[EVERY::EVERY] = [Other()] * len(points[EVERY::EVERY])
for point in points:
    read(point)
"""


@pytest.mark.parametrize(("every", "verdict"), [(500, "pass"), (5, "fail")])
def test_a_few_strays_fail_no_build(
    repository: Drawing, capsys: pytest.CaptureFixture[str], every: int, verdict: str
) -> None:
    """Seven misses of 4,000 are counted like seven of 14, until somebody counts executions."""
    base = repository.commit({"bench.py": "EVERY = 4000\n" + STRAYS})
    head = repository.commit({"bench.py": f"EVERY = {every}\n" + STRAYS})
    main(["diff", base, head, "--no-cache", "--format", "json", "--", "bench.py"])
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert found["verdict"] == verdict
    (read,) = found["changes"] or [one["change"] for one in found["unconfirmed"]]
    assert (read["kind"], read["family"]) == ("regression", "LOAD_ATTR")
    assert (read["head_state"], read["function"]) == ("unstable", "read")

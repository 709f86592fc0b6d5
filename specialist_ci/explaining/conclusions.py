"""Turns what an explaining run saw into reasons, and ranks changes by what they cost; pure."""

import ast
from collections.abc import Sequence
from dataclasses import replace

from specialist_ci import reasons
from specialist_ci.comparing.matching import Place
from specialist_ci.explaining.observations import Observation, Side
from specialist_ci.explaining.targets import KINDS, LIMIT, Changed
from specialist_ci.explaining.words import describe
from specialist_ci.formats.report import (
    Change,
    ChangeKind,
    ExplainedSite,
    Explanation,
    Seen,
    Situation,
)
from specialist_ci.formats.snapshot import Python, State
from specialist_ci.reasons.binary import EXAMPLE

_SHOWN = 8  # situations of one site
# Families of which each execution is seen; of loops and of await only the beginning is.
BEGUN = frozenset({"FOR_ITER", "SEND"})
_EXACT = 1 << 53  # up to here a float is the same number


def explain(
    changed: Sequence[Changed],
    chosen: Sequence[Changed],
    sides: tuple[Side, Side],
    pythons: tuple[Python, Python],
) -> list[Change]:
    """Return the changes with what was seen of them and why they fail, the worst of a kind first.

    ``chosen`` are those that were looked at; observations are by their numbers. Changes
    are worth their executions times what each costs more than the specialized form. Each side
    is explained by the rules of its own interpreter.
    """
    numbers = {id(each[0]): number for number, each in enumerate(chosen)}
    found = []
    for change, before, after in changed:
        number = numbers.get(id(change))
        if number is None:
            text = f"only the {LIMIT} hottest changes are looked at"
            found.append((change, _unexplained(text)))
        else:
            found.append(_explained(change, before, after, sides, number, pythons))
    changes = [change.model_copy(update={"explanation": each}) for change, each in found]
    changes.sort(key=lambda change: (KINDS.index(change.kind), -loss(change)))
    return shared(changes)


def shared(changes: Sequence[Change]) -> list[Change]:
    """Return the changes, each with its share of the executions of all of them on head."""
    counts = [
        (_executions(change.explanation) or 0) if change.explanation else 0 for change in changes
    ]
    total = sum(counts)
    return [
        change.model_copy(
            update={
                "explanation": change.explanation.model_copy(
                    update={"share": count / total if total else None}
                )
            }
        )
        if change.explanation
        else change
        for change, count in zip(changes, counts, strict=True)
    ]


def loss(change: Change) -> float:
    """Return what a change is worth: executions of the specialized form that its time would do."""
    found = change.explanation
    if found is None:
        return 0.0
    return _loss(_executions(found), change.executions, found.cost, change.family)


def loss_of_site(site: ExplainedSite) -> float:
    """Return what a site is worth, as ``loss`` does for a change."""
    if not site.state.failing:
        return 0.0
    return _loss(site.seen.executions, site.executions, site.cost, site.family)


def _loss(seen: int | None, least: int | None, cost: float | None, family: str) -> float:
    executions = (least or 0) if seen is None else seen
    return executions * ((reasons.cost_class(family) if cost is None else cost) - 1.0)


def _executions(explanation: Explanation) -> int | None:
    return None if explanation.head is None else explanation.head.executions


def _unexplained(text: str) -> Explanation:
    return Explanation(
        base=None, head=None, share=None, cost=None, eliminated=False, not_explained=text
    )


def _explained(  # noqa: PLR0917 - private
    change: Change,
    before: Place | None,
    after: Place,
    sides: tuple[Side, Side],
    number: int,
    pythons: tuple[Python, Python],
) -> tuple[Change, Explanation]:
    base, head = (
        None if place is None else _seen(side, number, place, python)
        for side, place, python in zip(sides, (before, after), pythons, strict=True)
    )
    improved = change.kind is ChangeKind.IMPROVEMENT
    failing, place = (base, before) if improved else (head, after)
    side, python = sides[0 if improved else 1], pythons[0 if improved else 1]
    explanation = Explanation(
        base=base, head=head, share=None, cost=None, eliminated=False, not_explained=None
    )
    if failing is None or place is None or failing.problem is not None:
        problem = failing.problem if failing is not None else "it was not looked at"
        return change, explanation.model_copy(update={"not_explained": problem})
    found, text = _reason(place, side.observations[number], python)
    if found is None:
        return change, explanation.model_copy(update={"not_explained": text})
    update = {"cost": found.cost, "eliminated": found.eliminated}
    told = {} if improved else {"reason": found.reason, "advice": found.advice}
    return change.model_copy(update=told), explanation.model_copy(update=update)


def explained_sites(places: Sequence[Place], side: Side, python: Python) -> list[ExplainedSite]:
    """Return what was seen of each place, by its number, and why it fails where it does."""
    return [_explained_site(place, side, number, python) for number, place in enumerate(places)]


def _explained_site(place: Place, side: Side, number: int, python: Python) -> ExplainedSite:
    site, seen = place.site, _seen(side, number, place, python)
    found, text = None, seen.problem
    if seen.problem is None and site.state.failing:
        found, text = _reason(place, side.observations[number], python)
    return ExplainedSite(
        function=place.function.qualname,
        column=site.column,
        end_line=site.end_line,
        end_column=site.end_column,
        family=site.family,
        argrepr=site.argrepr,
        state=site.state,
        form=site.form,
        misses=site.misses,
        failed_attempts=site.failed_attempts,
        respecialized=site.respecialized,
        executions=site.executions,
        seen=seen,
        reason=found.reason if found else None,
        advice=found.advice if found else None,
        cost=found.cost if found else None,
        eliminated=found is not None and found.eliminated,
        not_explained=text,
    )


def _reason(
    place: Place, observation: Observation, python: Python
) -> tuple[reasons.Explanation | None, str | None]:
    """Return why a site fails, or why that cannot be told."""
    site = place.site
    found = reasons.explain(
        site.family,
        site.argrepr,
        site.state,
        site.form,
        _minor(python),
        observation.situations,
        observation.switches,
        observation.executions,
        observation.misses,
    )
    if found is not None:
        return replace(found, advice=_concrete(found.advice, place.text)), None
    if site.state is State.UNSTABLE and not observation.switches:
        return None, "what it met never changed: that it is unstable is not confirmed"
    return None, "no rule says why it does not specialize with what it met"


def _concrete(advice: str | None, text: str) -> str | None:
    """Name the int that is to be a float, where the source has one literal of the two operands."""
    if advice is None or EXAMPLE not in advice:
        return advice
    try:
        (statement,) = ast.parse(f"({text})" if "=" not in text else text).body
    except (SyntaxError, ValueError):
        return advice
    match statement:
        case ast.Expr(ast.BinOp(left, _, right)):
            operands = [left, right]
        case ast.AugAssign(_, _, right):
            operands = [right]
        case _:
            operands = []
    ints = [n.value for n in operands if isinstance(n, ast.Constant) and type(n.value) is int]
    if len(ints) != 1 or ints[0] > _EXACT:
        return advice
    return advice.replace(EXAMPLE, f": {ints[0]}.0 for {ints[0]}")


def _minor(python: Python) -> tuple[int, int]:
    major, minor = python.minor.split(".")
    return int(major), int(minor)


def _seen(side: Side, number: int, place: Place, python: Python) -> Seen:
    observation = side.observations.get(number, Observation())
    situations = observation.situations[:_SHOWN]
    executions = observation.executions
    misses, doubtful = reasons.expected_misses(
        observation.situations, _minor(python), observation.misses
    )
    return Seen(
        executions=executions,
        switches=observation.switches,
        predicted_misses=min(misses / executions, 1.0) if executions else 0.0,
        doubtful_misses=min(doubtful / executions, 1.0) if executions else 0.0,
        situations=tuple(
            Situation(kind=each.kind, facts=dict(each.facts), text=text, count=each.count)
            for each, text in zip(situations, describe(situations), strict=True)
        ),
        problem=side.failure or _problem(observation, place),
    )


def _problem(observation: Observation, place: Place) -> str | None:
    """Return why what was seen does not explain a site of the first run."""
    site = place.site
    if site.column is None:
        return "there are no columns to find it by: PYTHONNODEBUGRANGES is set"
    if not observation.executions:
        return observation.problem or "the explaining run did not reach it"
    least = None if site.family in BEGUN else site.executions
    if least is not None and observation.executions < least:
        return (
            f"it ran {observation.executions:,} times in the explaining run, "
            f"at least {least:,} times in the first"
        )
    other = {State.ADAPTIVE: State.SPECIALIZED, State.SPECIALIZED: State.ADAPTIVE}.get(site.state)
    if other is not None and observation.states == {other}:
        return f"it ended {other} in the explaining run, {site.state} in the first"
    return None

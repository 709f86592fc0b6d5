"""Decides by a report's own figures what fails the build: the one place of verdicts; pure."""

import re
from collections.abc import Collection, Iterator, Sequence
from enum import StrEnum
from fractions import Fraction

from specialist_ci.formats.report import (
    Change,
    ChangeKind,
    Contract,
    Outcome,
    Report,
    Verdict,
    Violation,
)
from specialist_ci.formats.snapshot import Budget, Condition, Counts, State
from specialist_ci.source.sources import fits

UNUSED = "acknowledged-unused"
_SHOWN = 3


class FailOn(StrEnum):
    """A rule that makes the verdict ``fail``; ``ratio:POINTS`` is one more."""

    REGRESSION = "regression"
    INDIRECT = "indirect"  # a regression on a line that the diff does not touch
    UNSTABLE = "unstable"  # a regression that is specialized but misses persistently
    NEW = "new"
    NEVER = "never"

    def hit_by(self, change: Change) -> bool:
        """Return whether a change fails the build under this rule."""
        regression = change.kind is ChangeKind.REGRESSION
        match self:
            case FailOn.REGRESSION:
                return regression
            case FailOn.INDIRECT:
                return regression and not change.direct
            case FailOn.UNSTABLE:
                return regression and change.head_state is State.UNSTABLE
            case FailOn.NEW:
                return change.kind is ChangeKind.NEW
            case FailOn.NEVER:
                return False


RATIO = "ratio:POINTS"
RULES = (*FailOn, RATIO)  # as messages list them
RULE = rf"^({'|'.join(FailOn)}|ratio:\d{{1,3}}(\.\d{{1,3}})?)$"


def parse_rule(text: str) -> str:
    """Return a rule as reports record it. Raises ValueError for what is none."""
    if not re.match(RULE, text, re.ASCII):
        raise ValueError(f"{text!r} is not one of {', '.join(RULES)}")
    return text


def judge(report: Report) -> Report:
    """Return the report with the verdict that its figures and its recorded policy lead to.

    What the report itself says of its verdict and its violations takes no part, so that
    whoever does not trust it can have it decided again.
    """
    found = tuple(_violations(report))
    if _blocked(report):
        found, verdict = (), Verdict.NOT_COMPARABLE
    else:
        verdict = Verdict.FAIL if found else Verdict.PASS
    return report.model_copy(update={"verdict": verdict, "violations": found})


def settle(reports: Sequence[Report]) -> tuple[Report, ...]:
    """Judge the reports of several suites and interpreters together.

    What one suite does not run hot, another may: a contract or budget that any of them
    measured in an interpreter is no longer unmeasured in the others in that one, and an
    acknowledgement that one of them uses anywhere is used.
    """
    measured = {(report.head.python.minor, key) for report in reports for key in _measured(report)}
    unused = [
        {condition for condition in report.conditions if condition.name == UNUSED}
        for report in reports
    ]
    by_all = set.intersection(*unused) if unused else set()
    return tuple(judge(_settled(report, measured, by_all)) for report in reports)


def _settled(
    report: Report, measured: Collection[tuple[str, str]], unused: Collection[Condition]
) -> Report:
    unmeasured = dict(unmeasured_conditions(report))
    python = report.head.python.minor
    elsewhere = tuple(key for key in unmeasured if (python, key) in measured)
    answered = [unmeasured[key] for key in elsewhere]
    kept = tuple(
        condition
        for condition in report.conditions
        if condition not in answered and (condition.name != UNUSED or condition in unused)
    )
    return report.model_copy(update={"elsewhere": elsewhere, "conditions": kept})


def _measured(report: Report) -> Iterator[str]:
    """Yield a key of each contract and budget that the report has an answer for."""
    if _blocked(report):
        return
    answered = {Outcome.KEPT, Outcome.BROKEN, Outcome.FLAKY}
    yield from (one.place for one in report.contracts if one.outcome in answered)
    yield from (one.pattern for one in report.budgets if _ratio(budget_counts(one, report)))


def unmeasured_conditions(report: Report) -> Iterator[tuple[str, Condition]]:
    """Yield what each contract and budget without an answer is about, and the condition."""
    for contract in report.contracts:
        if contract.outcome is Outcome.UNMEASURED:
            yield (
                contract.place,
                Condition(
                    name="contract-unmeasured",
                    message=f"{contract.place} requires {contract.subject} to be specialized,"
                    " and none of it was seen to run hot",
                    remedy="let the suite run it more often, or take the contract out",
                    side="head",
                ),
            )
    for budget in report.budgets:
        if _ratio(budget_counts(budget, report)) is None:
            yield (
                budget.pattern,
                Condition(
                    name="budget-unmeasured",
                    message=f"{budget.pattern} has a budget, and no site of it was tried",
                    remedy="let the suite run that code hot, or correct the budget's pattern",
                    side="head",
                ),
            )


def malformed_conditions(report: Report) -> Iterator[Condition]:
    """Yield the condition of each comment that begins like a contract and is none."""
    for contract in report.contracts:
        if contract.outcome is Outcome.MALFORMED:
            yield Condition(
                name="contract-malformed",
                message=f"{contract.place}: {contract.problem}",
                remedy="correct the comment, or begin it with another word",
                side="head",
            )


def _blocked(report: Report) -> bool:
    return any(condition.blocking for condition in report.conditions)


# --- rules ---


def _violations(report: Report) -> Iterator[Violation]:
    if set(report.fail_on) == {FailOn.NEVER}:
        return
    for rule in report.fail_on:
        if not re.match(RULE, rule, re.ASCII):
            yield Violation(rule=rule, message="this release does not know the rule")
        elif rule.startswith("ratio:"):
            yield from _ratio_violation(rule, report)
        elif hits := sum(FailOn(rule).hit_by(change) for change in report.changes):
            yield Violation(rule=rule, message=f"{hits} change{'s' * (hits > 1)}")
    for budget in report.budgets:
        if message := _excess(budget, budget_counts(budget, report), report.elsewhere):
            yield Violation(rule="budget", message=message)
    for contract in report.contracts:
        if contract.place not in report.elsewhere and (message := _breach(contract)):
            yield Violation(rule="contract", message=message)


def _ratio_violation(rule: str, report: Report) -> Iterator[Violation]:
    before, after = (_ratio(counts) for counts in (report.totals.base, report.totals.head))
    if before is None or after is None:
        return  # nothing was tried on a side, which a condition tells
    points = (before - after) * 100
    if points > Fraction(rule.partition(":")[2]):
        yield Violation(rule=rule, message=f"the ratio fell by {_rounded(points)} points")


def _ratio(counts: Counts) -> Fraction | None:
    tried = counts.specialized + counts.unstable + counts.adaptive
    return Fraction(counts.specialized, tried) if tried else None


def _rounded(value: Fraction) -> str:
    return f"{float(value):.2f}".rstrip("0").rstrip(".")


# --- budgets ---


def budget_counts(budget: Budget, report: Report) -> Counts:
    """Return head's counts of the files that a budget's pattern fits, taken together."""
    rows = [row.head for row in report.files if fits(row.path, budget.pattern)]
    return Counts(
        specialized=sum(row.specialized for row in rows),
        unstable=sum(row.unstable for row in rows),
        adaptive=sum(row.adaptive for row in rows),
    )


def _excess(budget: Budget, counts: Counts, elsewhere: Collection[str]) -> str:
    """Return how a budget is exceeded, or nothing where it is kept."""
    ratio, failing = _ratio(counts), counts.unstable + counts.adaptive
    if ratio is None:
        unknown = budget.pattern not in elsewhere
        return f"{budget.pattern}: nothing of it was measured" if unknown else ""
    if budget.max_failing is not None and failing > budget.max_failing:
        sites = "site" if failing == 1 else "sites"
        return f"{budget.pattern}: {failing} failing {sites}, at most {budget.max_failing} allowed"
    if budget.min_ratio is not None and ratio * 100 < Fraction(str(budget.min_ratio)):
        share = _rounded(ratio * 100)
        return f"{budget.pattern}: {share}% specialized, at least {budget.min_ratio:g}% required"
    return ""


# --- contracts ---


def _breach(contract: Contract) -> str:
    """Return how a contract is broken, or nothing where it is kept."""
    match contract.outcome:
        case Outcome.KEPT | Outcome.FLAKY:
            return ""
        case Outcome.BROKEN:
            sites = _sites(contract)
            return f"{contract.place} requires {contract.subject} to be specialized: {sites}"
        case Outcome.UNMEASURED:
            return f"{contract.place} requires {contract.subject}: nothing of it was measured"
        case Outcome.MALFORMED:
            return f"{contract.place} is no contract: {contract.problem}"


def _sites(contract: Contract) -> str:
    shown = [
        f"{site.family} {site.argrepr}".rstrip() + f" on line {site.line} is {site.state.value}"
        for site in contract.failing[:_SHOWN]
    ]
    left = len(contract.failing) - len(shown)
    return ", ".join(shown) + (f" and {left} more" if left else "")

"""Says why a site fails or misses, and what to write instead, from the situations it meets.

The knowledge is data: one module a family, one row a rule (``rows.Row``), with the versions of
CPython that it holds for. docs/reasons.md is the same as a table.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from specialist_ci.formats.snapshot import State
from specialist_ci.reasons import (
    attributes,
    binary,
    calls,
    containers,
    elimination,
    iteration,
    names,
    values,
)
from specialist_ci.reasons.rows import (
    NEWEST,
    OLDEST,
    Fact,
    Facts,
    Minor,
    Outcome,
    Row,
    find,
    kind_of,
)

# By the kind of the situation, which is the function that told it.
TABLES: dict[str, tuple[Row, ...]] = {
    "binary": binary.ROWS,
    "subscript": containers.SUBSCRIPT,
    "store_subscript": containers.STORE,
    "compare": values.COMPARE,
    "contains": containers.CONTAINS,
    "truth": values.TRUTH,
    "iterate": iteration.LOOP,
    "get_iter": iteration.ITERATOR,
    "unpack": containers.UNPACK,
    "send": iteration.SEND,
    "attribute": attributes.ROWS,
    "call": calls.ROWS,
    "with_exit": calls.WITH,
    "load_global": names.GLOBAL,
    "super_attribute": names.SUPER,
}

# The kinds of situations that instructions of a family meet.
_FAMILIES = {
    "BINARY_OP": ("binary", "subscript"),
    "CALL": ("call",),
    "CALL_FUNCTION_EX": ("call",),
    "CALL_KW": ("call",),
    "COMPARE_OP": ("compare",),
    "CONTAINS_OP": ("contains",),
    "FOR_ITER": ("iterate",),
    "GET_ITER": ("get_iter",),
    "LOAD_ATTR": ("attribute",),
    "LOAD_GLOBAL": ("load_global",),
    "LOAD_SUPER_ATTR": ("super_attribute",),
    "SEND": ("send",),
    "STORE_ATTR": ("attribute",),
    "STORE_SUBSCR": ("store_subscript",),
    "TO_BOOL": ("truth",),
    "UNPACK_SEQUENCE": ("unpack",),
}

# How a situation is called among others; the facts that its cache is guarded by, besides its form.
_LABELS = {
    "binary": "{left} {operator} {right}",
    "subscript": "{container}[{index}]",
    "store_subscript": "{container}[{index}] =",
    "compare": "{left} {operator} {right}",
    "contains": "in {container}",
    "truth": "{type}",
    "iterate": "{iterable}",
    "get_iter": "{iterable}",
    "unpack": "{value}",
    "send": "{receiver}",
    "attribute": "{owner}.{name}",
    "call": "{name}()",
    "with_exit": "{manager}",
    "load_global": "{name}",
    "super_attribute": "super",
}
_GUARDED: dict[str, dict[str | None, tuple[str, ...]]] = {
    "binary": {"EXTEND": ("operator", "left", "right")},
    "subscript": {"GETITEM": ("container",)},
    "truth": {"ALWAYS_TRUE": ("type",)},
    "attribute": {None: ("owner",)},
    "call": {
        None: ("name",),
        "BUILTIN_CLASS": ("name",),
        "BUILTIN_": (),
        "EX": (),
        "KW_NON_PY": (),
        "NON_PY_GENERAL": (),
    },
}
_SHOWN = 3  # situations named in a sentence
_HALF_A_PERCENT = 0.005  # what rounding hides
_ARTICLE = re.compile(r"\ba \{(\w+)\}")  # of a field in what a row says
MISSES = 53
"""How often a specialized site misses until CPython specializes it anew."""
_TURNS = {
    "binary": "make the operands of one type, or give each type a line of its own",
    "attribute": "split the loop by class, so that each line meets one",
    "call": "choose what to call outside the loop",
    "truth": "ask what is meant, which is not the same for all: x is None, or len(x) > 0",
}
# What is counted where only the beginning is seen.
_BEGINNINGS = {"iterate": "loops", "send": "awaits"}
_TURN_COST = 1.7


@dataclass(frozen=True, slots=True)
class Situation:
    """What a site met so many times: kind and facts as the facts' function names them."""

    kind: str
    facts: Facts
    count: int


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a site is failing: one sentence, and one of advice."""

    reason: str
    advice: str | None
    cost: float  # of the operation, over the specialized one; 1.0: nothing to gain
    eliminated: bool  # not seen in the operands: everything else was ruled out
    share: float  # of the executions that the reason covers, 0 to 1
    kind: str | None  # of the failure, as in that version's specialize.c, without SPEC_FAIL_


@dataclass(frozen=True, slots=True)
class _Judged:
    situation: Situation
    row: Row | None
    outcome: Outcome


def explain(  # noqa: PLR0917 - what is known of a site
    family: str,
    argrepr: str,  # noqa: ARG001 - part of what identifies a site
    state: State,
    form: str | None,
    python_minor: tuple[int, int],
    situations: Sequence[Situation],
    switches: int,
    executions: int,
    misses: int | None = None,
) -> Explanation | None:
    """Return why a site that met these situations is adaptive or unstable, or None.

    ``misses`` are those that a cache of one situation would have had in this order; without
    them they are estimated from how often the situation switched.

    None for sites that are well, for versions that are not known (3.11 to 3.15 are), and where
    the situations do not tell.
    """
    minor = python_minor[1]
    total = sum(situation.count for situation in situations)
    if not (state.failing and OLDEST <= minor <= NEWEST and python_minor[0] == 3 and total):  # noqa: PLR2004 - Python 3
        return None
    judged = [judge(situation, minor) for situation in situations]
    counts = [count for _, count in _groups(judged)]
    if misses is not None and executions:
        share = misses / executions
    else:
        share = miss_share(counts, switches, executions)
    if state is State.ADAPTIVE:
        return (
            _by_row(judged, (Outcome.FAILS, Outcome.DOUBTFUL), minor, "")
            or (_as_value(judged, minor) if family == "COMPARE_OP" else None)
            or _by_row(judged, (Outcome.MISSES,), minor, "")
            or _in_turn(judged, share)
            or _by_elimination(judged, Outcome.FAILS, minor, "")
        )
    fails = _by_row(judged, (Outcome.FAILS,), minor, "")
    if fails and fails.share == 1.0:  # 3.11 does not tell failures from misses for long
        return fails
    missed = form or "any form"
    guarded = _by_row(judged, (Outcome.MISSES, Outcome.DOUBTFUL), minor, missed)
    turns = _in_turn(judged, share)
    if guarded and turns and guarded.share < _others(judged) / total:
        return turns
    changed = _changed(judged, misses, minor, missed)
    return (
        guarded
        or turns
        or changed
        or fails
        or _by_elimination(judged, Outcome.MISSES, minor, missed)
    )


@cache
def cost_class(family: str) -> float:
    """Return what a failing instruction of a family costs, over a specialized one.

    It is the mean of the rows that it may be explained by; 1.0 for a family without any.
    """
    costs = [row.cost for kind in _FAMILIES.get(family, ()) for row in TABLES[kind] if row.bad]
    return sum(costs) / len(costs) if costs else 1.0


def _changed(
    judged: Sequence[_Judged], misses: int | None, minor: Minor, missed: str
) -> Explanation | None:
    """Return the reason of a site that met one class, which has changed meanwhile."""
    situation = judged[0].situation
    if not misses or situation.kind != "attribute" or len(_groups(judged)) > 1:
        return None
    return _told(attributes.CHANGED, situation, minor, missed, share=1.0)


def judge(situation: Situation, minor: Minor) -> _Judged:
    """Look up what becomes of a situation on a version."""
    row, outcome = find(TABLES[situation.kind], situation.facts, minor)
    return _Judged(situation, row, outcome)


def expected_misses(
    situations: Iterable[Situation], python_minor: tuple[int, int], misses: int
) -> tuple[int, int]:
    """Return at how many executions a site misses that met these situations, and may miss.

    ``misses`` are those of a cache that holds one situation, in the order that they came.
    Situations that share a cache do not miss it for each other; one that enters a form and
    does not fit it misses each time. What fails, or what no row tells of, may miss: the form
    that is in place was made for something else, or nobody knows.
    """
    judged = [judge(situation, python_minor[1]) for situation in situations]
    counts: Counter[Outcome] = Counter()
    for each in judged:
        counts[each.outcome] += each.situation.count
    certain = max(misses if len(_groups(judged)) > 1 else 0, counts[Outcome.MISSES])
    return certain, counts.total() - counts[Outcome.SPECIALIZES] - counts[Outcome.MISSES]


def _by_row(
    judged: Iterable[_Judged], outcomes: tuple[Outcome, ...], minor: Minor, missed: str
) -> Explanation | None:
    """Return the reason of the row that covers most executions among those of such outcomes.

    missed is the form that an unstable site is in, empty for an adaptive one.
    """
    covered: Counter[str] = Counter()
    first: dict[str, tuple[Row, Situation]] = {}
    total = 0
    for each in judged:
        total += each.situation.count
        if each.row is not None and each.outcome in outcomes:
            covered[each.row.id] += each.situation.count
            first.setdefault(each.row.id, (each.row, each.situation))
    if not covered:
        return None
    ((name, count),) = covered.most_common(1)
    return _told(*first[name], minor, missed, share=count / total)


def _told(
    row: Row,
    situation: Situation,
    minor: Minor,
    missed: str,
    *,
    share: float,
    eliminated: bool = False,
) -> Explanation:
    shown = show(situation.facts)
    kind = None if missed else kind_of(row, situation.facts, minor)
    reason = _filled(row.reason, shown)
    if kind is not None:
        reason += f" ({kind})"
    elif missed:
        reason += f" (misses {missed})"
    advice = None if row.advice is None else _filled(row.advice, shown)
    return Explanation(reason, advice, row.cost, eliminated, share, kind)


def _filled(text: str, shown: Mapping[str, str]) -> str:
    """Fill what a row says with the facts; their articles go by how they begin."""
    fitting = _ARTICLE.sub(lambda found: f"{article(shown[found[1]])} {{{found[1]}}}", text)
    return fitting.format_map(shown)


def article(name: str) -> str:
    """Return a or an, as fits before a name."""
    return "an" if name[:1].lower() in set("aeiou") else "a"


def _as_value(judged: Sequence[_Judged], minor: Minor) -> Explanation | None:
    """3.11 gives up comparisons that no jump follows, whatever they compare."""
    if minor not in values.VALUE.bad:
        return None
    return _told(values.VALUE, judged[0].situation, minor, "", share=1.0)


def _key(each: _Judged) -> tuple[Fact, ...]:
    """Return what a cache that holds this situation is guarded by."""
    situation = each.situation
    form = form_of(each.row, situation.facts) if each.row is not None else None
    guards = _GUARDED.get(situation.kind, {})
    for start, fields in guards.items():
        if start is not None and form is not None and form.startswith(start):
            return (form, *(situation.facts[field] for field in fields))
    return (form, *(situation.facts[field] for field in guards.get(None, ())))


def _groups(judged: Iterable[_Judged]) -> list[tuple[_Judged, int]]:
    """Join the situations that share a cache; the most frequent group first."""
    counts: Counter[tuple[Fact, ...]] = Counter()
    first: dict[tuple[Fact, ...], _Judged] = {}
    for each in judged:
        key = _key(each)
        counts[key] += each.situation.count
        first.setdefault(key, each)
    return [(first[key], count) for key, count in counts.most_common()]


def _others(judged: Iterable[_Judged]) -> int:
    return sum(count for _, count in _groups(judged)[1:])


def _in_turn(judged: Sequence[_Judged], share: float) -> Explanation | None:
    """Return the reason of a site that meets several situations, of which its cache holds one.

    ``share`` is that of the executions that miss.
    """
    groups = _groups(judged)
    if len(groups) == 1:
        return None
    total = sum(count for _, count in groups)
    named = [
        f"{label(each.situation)} {_rounded(count / total)}" for each, count in groups[:_SHOWN]
    ]
    if len(groups) > _SHOWN:
        named.append(f"{len(groups) - _SHOWN} more")
    kind = groups[0][0].situation.kind
    rounded = _rounded(share)
    about = "about " if rounded[0].isdecimal() else ""
    executions = _BEGINNINGS.get(kind, "executions")
    return Explanation(
        reason=f"{len(groups)} situations in turn: {', '.join(named)}; the cache holds one of them"
        f" ({about}{rounded} of the {executions} miss)",
        advice=_TURNS.get(kind, "give each its own line, so that each meets one"),
        cost=_TURN_COST,
        eliminated=False,
        share=1.0,
        kind=None,
    )


def _rounded(share: float) -> str:
    """Return a share in percent; 0% and 100% are kept for none and all."""
    if 0 < share < _HALF_A_PERCENT:
        return "under 1%"
    return "over 99%" if 1 - _HALF_A_PERCENT < share < 1 else f"{share:.0%}"


def miss_share(counts: Sequence[int], switches: int, executions: int) -> float:
    """Return the share of executions that miss, if each cache lives for 53 misses.

    A situation of share p is cached p times of all, each time for 53 / (1 - p) executions;
    and there are no misses but behind a switch, 53 at most.
    """
    total = sum(counts)
    if len(counts) < 2:  # noqa: PLR2004 - there is nothing to switch to
        return 0.0
    held = sum(count / (total - count) for count in counts)
    return min(1 / held, 1.0, MISSES * switches / executions if executions else 1.0)


def _by_elimination(
    judged: Sequence[_Judged], wanted: Outcome, minor: Minor, missed: str
) -> Explanation | None:
    situation = judged[0].situation
    facts = {**situation.facts, "form": missed}
    for row in elimination.ROWS:
        if row.when(facts) and row.outcome(minor) is wanted:
            return _told(row, situation, minor, missed, share=1.0, eliminated=True)
    return None


def label(situation: Situation) -> str:
    """Name a situation in a few words, as ``float - int``."""
    return _LABELS[situation.kind].format_map(show(situation.facts))


def show(facts: Facts) -> dict[str, str]:
    """Return the facts as they are written in sentences: types without their modules."""
    shown = {name: _plain(fact) for name, fact in facts.items()}
    operator = str(facts.get("operator", ""))
    if "result" in facts:
        shown["plain"] = operator.removesuffix("=")
        shown["word"] = binary.word(facts)
    return shown


def _plain(fact: Fact) -> str:
    name, _, number = str(fact).rpartition(":")[2].partition("#")
    return f"{name} ({number})" if number else name


def form_of(row: Row, facts: Facts) -> str | None:
    """Return the form that a row foretells, without its family's name."""
    return (
        row.form
        and row.form.format_map(show(facts))
        .replace("FASTCALL", "FAST")
        .replace("|", "_WITH_")
        .upper()
    )

"""Each rule of the knowledge on each interpreter: the site fails, for that reason, till cured."""

import json
import re
from collections import defaultdict
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from collecting import collect, draw
from pythons import VERSIONS, interpreters
from situations import HARNESS, MIXED, OTHERS, SNIPPETS, WELL, Snippet, module_of, module_of_others

from specialist_ci.formats.dump import DumpedSite
from specialist_ci.formats.snapshot import UNSTABLE_MISSES, State
from specialist_ci.reasons import (
    TABLES,
    Explanation,
    Situation,
    expected_misses,
    explain,
    form_of,
    judge,
    miss_share,
)
from specialist_ci.reasons.document import as_markdown
from specialist_ci.reasons.rows import NOTHING, Outcome
from specialist_ci.reasons.values import VALUE

COLLECTOR = Path(__file__).parents[1] / "specialist_ci" / "collector"
PAGE = Path(__file__).parents[1] / "docs" / "reasons.md"
RULES = {row.id: row for table in TABLES.values() for row in table if row.bad} | {VALUE.id: VALUE}
KINDS = {row.id: kind for kind, table in TABLES.items() for row in table} | {VALUE.id: "compare"}
FAMILIES = {
    "binary": ("BINARY_OP",),
    "subscript": ("BINARY_OP []", "BINARY_OP"),
    "store_subscript": ("STORE_SUBSCR",),
    "compare": ("COMPARE_OP",),
    "contains": ("CONTAINS_OP",),
    "truth": ("TO_BOOL",),
    "iterate": ("FOR_ITER",),
    "get_iter": ("GET_ITER",),
    "unpack": ("UNPACK_SEQUENCE",),
    "send": ("SEND",),
    "attribute": ("LOAD_ATTR", "STORE_ATTR"),
    "call": ("CALL", "CALL_KW"),
    "with_exit": ("CALL",),
    "load_global": ("LOAD_GLOBAL",),
    "super_attribute": ("LOAD_SUPER_ATTR",),
}


# Where a builtin's calling convention cannot be read from memory: no GIL builds, newer versions.
WITHOUT_MEMORY = {"builtin-of-unknown-convention", "class-of-c-unknown"}


class Met(NamedTuple):
    """What became of a snippet on one interpreter."""

    site: DumpedSite
    cured: list[DumpedSite]
    situations: list[Situation]
    explanation: Explanation | None

    @property
    def state(self) -> State:
        """The state of the site, as a snapshot would give it."""
        return state_of(self.site)


Results = dict[str, Met]
Sites = dict[tuple[str, str], list[DumpedSite]]  # by module and qualified name


def state_of(site: DumpedSite) -> State:
    """Return the state that a snapshot would give a site."""
    if site.state is State.SPECIALIZED and site.misses >= UNSTABLE_MISSES:
        return State.UNSTABLE
    return site.state


@pytest.fixture(scope="session")
def results(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Results]:
    """Run all snippets on a version, once."""
    return cache(lambda version: run(version, tmp_path_factory.mktemp("snippets")))


@pytest.fixture
def met(results: Callable[[str], Results], python: Path, version: str) -> Results:
    """Return what became of each snippet on the test's interpreter."""
    assert python.exists()
    return results(version)


def run(version: str, folder: Path) -> Results:
    """Run the snippets in one process of an interpreter; leave out what it has no site for."""
    snippets = {**SNIPPETS, **WELL, **MIXED, **OTHERS}
    names = {name: re.sub(r"\W", "_", f"s {name}") + ":" for name in snippets}
    names |= {name: f"others:_{number}" for number, name in enumerate(OTHERS)}
    root = draw(
        folder / "root",
        {"others.py": module_of_others()}
        | {
            f"{names[name][:-1]}.py": module_of(snippet)
            for name, snippet in snippets.items()
            if name not in OTHERS
        },
    )
    beside = draw(folder / "beside", {"harness.py": HARNESS})
    told = folder / "told.json"
    collected = collect(
        interpreters().found[version],
        root,
        [str(beside / "harness.py"), str(COLLECTOR), str(told), *names.values()],
        scratch=folder / "scratch",
        env={"PYTHONPATH": str(root)},
    )
    facts = json.loads(told.read_text())
    sites: Sites = defaultdict(list)
    for code in collected.codes():
        sites[Path(code.path).stem, code.qualname] += code.sites
    found = {
        name: _met(snippet, names[name], sites, facts, _minor(version))
        for name, snippet in snippets.items()
    }
    return {name: met for name, met in found.items() if met is not None}


def _met(
    snippet: Snippet, where: str, sites: Sites, facts: Mapping[str, Any], minor: int
) -> Met | None:
    situations, switches = facts[where]
    module, _, suffix = where.partition(":")
    kind = snippet.kind
    seen = [
        Situation(kind, dict(zip(facts["FIELDS"][kind], met, strict=True)), count)
        for met, count in situations
    ]
    function = f"{snippet.where}{suffix}"
    found = [site for site in sites.get((module, function), ()) if _is_of(site, kind)]
    if not found:
        return None
    site = found[-1]
    explanation = explain(
        site.family,
        site.argrepr,
        state_of(site),
        site.form,
        (3, minor),
        seen,
        switches,
        sum(each.count for each in seen),
    )
    return Met(site, sites.get((module, f"cured{suffix}"), []), seen, explanation)


def _is_of(site: DumpedSite, kind: str) -> bool:
    if site.family not in FAMILIES[kind]:
        return False
    return site.family != "BINARY_OP" or (site.argrepr == "[]") == (kind == "subscript")


def _minor(version: str) -> int:
    return int(version.partition(".")[2])


def test_each_rule_has_a_snippet() -> None:
    """Nothing is claimed that no interpreter is asked about."""
    assert RULES.keys() - SNIPPETS.keys() == WITHOUT_MEMORY
    assert not SNIPPETS.keys() - RULES.keys()
    assert len({**SNIPPETS, **WELL, **MIXED, **OTHERS}) == sum(
        map(len, (SNIPPETS, WELL, MIXED, OTHERS))
    )
    assert all(SNIPPETS[name].kind == KINDS[name] for name in SNIPPETS)


def test_what_fails(met: Results, version: str) -> None:
    """A site fails or misses on the versions of its rule, and elsewhere if another rule says so."""
    minor = _minor(version)
    wrong = {}
    for name in SNIPPETS.keys() & met.keys():
        outcomes = {judge(situation, minor).outcome for situation in met[name].situations}
        foretold = minor in RULES[name].bad or not outcomes <= {Outcome.SPECIALIZES}
        if met[name].state.failing != foretold:
            wrong[name] = (met[name].state, foretold)
    assert not wrong


def test_reasons(met: Results, version: str) -> None:
    """Each failing site is explained by its own rule; on 3.11 a broader one may come first."""
    minor = _minor(version)
    wrong = {}
    for name in SNIPPETS.keys() & met.keys():
        explanation = met[name].explanation
        if not met[name].state.failing:
            assert explanation is None, name
            continue
        rows = [judge(situation, minor).row for situation in met[name].situations]
        named = {row.id for row in rows if row is not None}
        own = minor not in RULES[name].bad or minor == 11 or name in named
        if explanation is None or not own or explanation.eliminated or "{" in explanation.reason:
            wrong[name] = (explanation, named)
    assert not wrong


def test_on_some_version_each_rule_is_the_reason(results: Callable[[str], Results]) -> None:
    """No rule is hidden by those before it."""
    found = set()
    for version in VERSIONS_FOUND:
        for met in results(version).values():
            found |= {
                row.id
                for row in (judge(each, _minor(version)).row for each in met.situations)
                if row is not None and _minor(version) in row.bad
            }
    minors = {_minor(version) for version in VERSIONS_FOUND}
    possible = {name for name, row in RULES.items() if not minors.isdisjoint(row.bad)}
    assert possible - found == (WITHOUT_MEMORY | {VALUE.id}) & possible


def test_cures(met: Results, version: str) -> None:
    """What the advice says, done to the snippet, leaves no failing site."""
    minor = _minor(version)
    wrong = {}
    for name in SNIPPETS.keys() & met.keys():
        snippet, rule = SNIPPETS[name], RULES[name]
        if snippet.cure is None or minor not in rule.bad:
            continue
        failing = [
            (site.family, site.argrepr) for site in met[name].cured if state_of(site).failing
        ]
        well = any(state_of(site) is State.SPECIALIZED for site in met[name].cured)
        if failing or (met[name].cured and not well):
            wrong[name] = failing
    assert not wrong


def test_advice_is_tested_or_says_that_there_is_none() -> None:
    """A rule without a cure promises nothing to gain, or no more than fewer executions."""
    for name, snippet in SNIPPETS.items():
        if snippet.cure is None:
            assert str(RULES[name].advice).startswith(("nothing to do", "read it once")) or (
                name in UNTRIED
            ), name
        assert (RULES[name].cost == 1.0) == str(RULES[name].advice).startswith(NOTHING), name


# Their advice is to change what stands around the site.
UNTRIED = {
    "builtin-keywords",  # dict.update has no other way
    "globals-come-and-go",
    "globals-no-dict",
    "globals-with-other-keys",
    "in-dict-subclass",
    "super-shadowed",
}
VERSIONS_FOUND = [version for version in VERSIONS if version in interpreters().found]


def test_what_is_well_is_called_well(met: Results, version: str) -> None:
    """Sites that specialize are foretold to, in the form that they get."""
    minor = _minor(version)
    wrong: dict[str, tuple[object, ...]] = {}
    for name in WELL.keys() & met.keys():
        (situation, *more) = met[name].situations
        row, outcome = judge(situation, minor).row, judge(situation, minor).outcome
        site = met[name].site
        form = (row and form_of(row, situation.facts)) or ""
        same = minor < 13 or not form or form in str(site.form)
        if met[name].state is not State.SPECIALIZED or outcome is not Outcome.SPECIALIZES:
            wrong[name] = (met[name].state, outcome, site.form)
        elif not same or more:
            wrong[name] = (form, site.form, more)
    assert not wrong


def test_other_situations(met: Results, version: str) -> None:
    """What becomes of hundreds of other sites is foretold, and those that fail are explained."""
    wrong = {}
    for name in OTHERS.keys() & met.keys():
        judged = [judge(situation, _minor(version)) for situation in met[name].situations]
        outcomes = {each.outcome for each in judged}
        failing = met[name].state.failing
        foretold = failing if Outcome.DOUBTFUL in outcomes else outcomes != {Outcome.SPECIALIZES}
        if foretold != failing or (failing and met[name].explanation is None):
            wrong[name] = (met[name].state, outcomes)
    assert not wrong
    assert len(OTHERS.keys() & met.keys()) >= 290


def test_situations_in_turn(met: Results) -> None:
    """A site that meets several situations is unstable; the reason names each with its share."""
    for name in MIXED.keys() & met.keys():
        explanation = met[name].explanation
        assert met[name].state is State.UNSTABLE, (name, met[name].site)
        assert explanation is not None, name
        assert "situations in turn" in explanation.reason, (name, explanation)
        assert explanation.share == 1.0
        assert re.search(r"\d+%.*\d+%.*miss", explanation.reason), explanation.reason


@pytest.mark.parametrize(
    ("counts", "switches", "executions", "share"),
    [
        ([500, 500], 999, 1000, 0.5),
        ([990, 10], 20, 1000, 0.01),
        ([250, 250, 250, 250], 999, 1000, 0.75),
        ([500_000, 500_000], 1, 1_000_000, 53 / 1_000_000),
    ],
)
def test_share_of_misses(counts: list[int], switches: int, executions: int, share: float) -> None:
    """A cache that holds one of several situations misses on the others."""
    assert miss_share(counts, switches, executions) == pytest.approx(share, rel=0.1)


def test_words_fit_what_they_are_about() -> None:
    """Articles go by the name that follows; nothing that happens is 0%, or all."""
    facts = {"container": "enumerate", "base": None, "getitem": None, "heap": False}
    sliced = Situation("subscript", {**facts, "index": "slice"}, 1000)
    argued = explain("BINARY_OP", "[]", State.ADAPTIVE, None, (3, 14), [sliced], 0, 1000)
    assert argued is not None
    assert argued.reason.startswith("items of an enumerate have")
    read = [_read("ascii", 99_999), _read("", 1, "list")]
    in_turn = explain(
        "BINARY_OP", "[]", State.UNSTABLE, "BINARY_OP_SUBSCR_STR_INT", (3, 14), read, 2, 100_000
    )
    assert in_turn is not None
    assert "over 99%" in in_turn.reason
    assert "(under 1% of the executions miss)" in in_turn.reason
    loops = [
        Situation("iterate", {"iterable": name, "base": None, "iterator": iterator}, count)
        for name, iterator, count in (("list", "list_iterator", 750), ("str", "str_iterator", 250))
    ]
    turns = explain("FOR_ITER", "", State.UNSTABLE, "FOR_ITER_LIST", (3, 13), loops, 999, 1000, 250)
    assert turns is not None
    assert "(about 25% of the loops miss)" in turns.reason
    assert "under 1%" in in_turn.reason


def _read(text: str, count: int, container: str = "str", value: str | None = None) -> Situation:
    """Return that an item was read so many times."""
    facts = {"container": container, "base": None, "index": "int", "value": value, "inside": True}
    return Situation("subscript", {**facts, "text": text, "getitem": None, "heap": False}, count)


@pytest.mark.parametrize(
    ("situations", "misses", "expected"),
    [
        ([_read("ascii", 900)], 0, (0, 0)),
        ([_read("ascii", 900), _read("", 100, "list")], 120, (120, 0)),
        ([_read("ascii", 900), _read("", 500, "list", "negative")], 120, (120, 500)),
        # One form reads them all, and leaves what is not ASCII alone to the generic one.
        (
            [_read("ascii", 900), _read("ascii in non-ascii", 90), _read("non-ascii", 10)],
            120,
            (10, 0),
        ),
        ([Situation("binary", {**_read("", 1).facts, "operator": "?"}, 7)], 0, (0, 7)),
    ],
)
def test_misses_are_those_that_the_cache_would_have(
    situations: list[Situation], misses: int, expected: tuple[int, int]
) -> None:
    """Situations that share a cache do not miss it, and what has no form may."""
    assert expected_misses(situations, (3, 13), misses) == expected


@pytest.mark.parametrize("state", [State.SPECIALIZED, State.COLD, State.HIDDEN])
def test_sites_that_do_not_fail(state: State) -> None:
    """Only failing sites are explained, and only on versions that are known."""
    facts = dict.fromkeys(("left_base", "right_base", "left_value", "right_value", "result"))
    situation = Situation("binary", {"operator": "-", "left": "float", "right": "int", **facts}, 9)
    assert explain("BINARY_OP", "-", state, None, (3, 13), [situation], 0, 9) is None
    assert explain("BINARY_OP", "-", State.ADAPTIVE, None, (3, 16), [situation], 0, 9) is None
    assert explain("BINARY_OP", "-", State.ADAPTIVE, None, (3, 13), [], 0, 0) is None
    explanation = explain("BINARY_OP", "-", State.ADAPTIVE, None, (3, 13), [situation], 0, 9)
    assert explanation == Explanation(
        reason="float - int: the operands are of different types"
        " (BINARY_OP_SUBTRACT_DIFFERENT_TYPES)",
        advice="write the int as a float, as 2.0 for 2, if no int comes from the other side",
        cost=1.7,
        eliminated=False,
        share=1.0,
        kind="BINARY_OP_SUBTRACT_DIFFERENT_TYPES",
    )


def test_the_page_is_the_knowledge() -> None:
    """docs/reasons.md says what the rows say.

    To write it anew: python -c "from specialist_ci.reasons.document import as_markdown;
    print(as_markdown(), end='')" > docs/reasons.md
    """
    assert PAGE.read_text(encoding="utf-8") == as_markdown()


def test_by_elimination(results: Callable[[str], Results]) -> None:
    """Where all that was met has a form, what is left is said, and said to be no more than that."""
    (situation,) = results(VERSIONS_FOUND[-1])["call of a function"].situations
    told = ("CALL", "", State.UNSTABLE, "CALL_PY_EXACT_ARGS", (3, 13), [situation], 0, 400)
    explanation = explain(*told)
    assert explanation is not None
    assert explanation.eliminated
    assert "deep recursion" in explanation.reason
    assert (explanation.advice, explanation.cost) == (NOTHING, 1.0)
    (situation,) = results(VERSIONS_FOUND[-1])["instance attribute"].situations
    assert explain("LOAD_ATTR", "x", State.UNSTABLE, None, (3, 13), [situation], 0, 400) is None


def test_what_fails_and_reads_unstable(results: Callable[[str], Results]) -> None:
    """A site of 3.11 that failed five times reads like one that missed: the operands tell."""
    (situation,) = results(VERSIONS_FOUND[0])["array-like-item"].situations
    explanation = explain("BINARY_OP", "[]", State.UNSTABLE, None, (3, 11), [situation], 0, 400)
    assert explanation is not None
    assert explanation.kind == "SUBSCR_BUFFER_INT"

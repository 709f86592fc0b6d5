"""What differs between two snapshots is named once, with its kind, its place and its weight."""

import random
from collections import Counter
from collections.abc import Mapping
from itertools import product
from textwrap import dedent
from zlib import crc32

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pictures import PROVENANCE, PYTHON, SUITE, Judge, Reading, green, snapshot

from specialist_ci.comparing.compare import compare, find_changes
from specialist_ci.comparing.policy import FailOn
from specialist_ci.formats.report import Change, ChangeKind, Report, Verdict
from specialist_ci.formats.snapshot import (
    UNSTABLE_MISSES,
    WARM,
    Condition,
    Policy,
    Snapshot,
    State,
)

REGRESSION, IMPROVEMENT, NEW = ChangeKind
SPECIALIZED, UNSTABLE, ADAPTIVE, COLD, HIDDEN = State

HALF = "def half(x):\n    return x / 2{}\n"
"""One site that the tests are about."""


def half(note: str = "") -> Snapshot:
    """Draw HALF with a note on its line."""
    return snapshot({"a.py": HALF.format(f"  #: BINARY_OP(/) {note}" if note else "")})


def drawn(text: str) -> Snapshot:
    """Draw one file."""
    return snapshot({"a.py": dedent(text).lstrip("\n")})


def read(reading: Reading) -> Snapshot:
    """Draw HALF with a reading."""
    return snapshot({"a.py": HALF.format("")}, judge=lambda *_site: reading)


def seen(changes: list[Change] | tuple[Change, ...]) -> list[tuple[str, int, str, bool]]:
    """Return kind, line, state on head and directness of changes."""
    return [(c.kind, c.line, c.head_state, c.direct) for c in changes]


# --- states ---

STATES: Mapping[tuple[State, State], ChangeKind] = {
    (SPECIALIZED, UNSTABLE): REGRESSION,
    (SPECIALIZED, ADAPTIVE): REGRESSION,
    (UNSTABLE, SPECIALIZED): IMPROVEMENT,
    (ADAPTIVE, SPECIALIZED): IMPROVEMENT,
}


@pytest.mark.parametrize(("before", "after"), list(product(State, State)))
def test_only_these_states_make_a_change(before: State, after: State) -> None:
    """Of all 25 pairs of states four say something; cold, hidden and a change of failure none."""
    expected = STATES.get((before, after))
    changes = find_changes(half(before), half(after))
    assert [change.kind for change in changes] == ([expected] if expected else [])


@pytest.mark.parametrize("state", State)
def test_added_code_is_new_where_it_fails(state: State) -> None:
    """An added site that fails is new, any other one is nothing."""
    changes = find_changes(drawn("x = 1\n"), half(state))
    kinds = [NEW] if state in (UNSTABLE, ADAPTIVE) else []
    assert [change.kind for change in changes] == kinds


@pytest.mark.parametrize("note", ["unstable 9", "adaptive"])
@pytest.mark.parametrize(
    ("before", "after", "kind"),
    [
        ("if self.nargs == -1:\n        pass", "self._validate(prompt, deprecated)", NEW),
        ("self.during = kwargs.get(name, False)", "return self.during or during or other", NEW),
        ("total = self.price * amount", "total = self.cost * amount", REGRESSION),
        ("total = self.price * amount", "result = this.cost * count", REGRESSION),
    ],
)
def test_another_attribute_on_another_line_is_no_regression(
    before: str, after: str, kind: ChangeKind, note: str
) -> None:
    """Without its names each attribute is like any other: the line says whether it is the same."""
    first, _, rest = before.partition("\n")
    base = drawn(f"def f(self):\n    {first}  #: LOAD_ATTR specialized\n{rest}\n")
    head = drawn(f"def f(self):\n    {after}  #: LOAD_ATTR {note}\n")
    found = [change.kind for change in find_changes(base, head) if change.family == "LOAD_ATTR"]
    assert found == [kind]


@pytest.mark.parametrize("state", State)
def test_removed_code_is_nothing(state: State) -> None:
    """What is gone neither failed nor got better."""
    assert find_changes(half(state), drawn("x = 1\n")) == []


@pytest.mark.parametrize(
    ("before", "after", "changes"),
    [
        (0, UNSTABLE_MISSES, 1),
        (1, UNSTABLE_MISSES, 0),
        (1, UNSTABLE_MISSES + 1, 1),
        (UNSTABLE_MISSES - 1, 2 * UNSTABLE_MISSES - 2, 0),
        (UNSTABLE_MISSES - 1, 2 * UNSTABLE_MISSES - 1, 1),
    ],
)
def test_a_site_becomes_unstable_by_a_margin(before: int, after: int, changes: int) -> None:
    """A site that missed now and then must miss that much more often, either way round."""
    base, head = half(f"specialized {before}"), half(f"unstable {after}")
    assert len(find_changes(base, head)) == changes
    assert len(find_changes(head, base)) == changes


@pytest.mark.parametrize(("executions", "changes"), [(WARM - 1, 0), (WARM, 1), (None, 1)])
def test_a_few_executions_say_nothing(executions: int | None, changes: int) -> None:
    """A site that failed in a few executions is as good as cold."""
    green, failing = read(Reading(SPECIALIZED)), read(Reading(ADAPTIVE, executions=executions))
    nothing = drawn("x = 1\n")
    for base, head in ((green, failing), (failing, green), (nothing, failing)):
        assert len(find_changes(base, head)) == changes


# --- laws ---

SOURCE = """
    class Order:
        def __init__(self, price, count):
            self.price = price
            self.count = count

        def total(self):
            return self.price * self.count // 2

    def load(rows):
        orders = []
        for row in rows:
            orders.append(Order(row[0], row[-1]))
        return orders

    def best(orders):
        return max(orders, key=lambda order: order.total())
"""

_READINGS = st.one_of(
    st.just(Reading(SPECIALIZED)),
    st.builds(Reading, st.just(SPECIALIZED), st.integers(0, UNSTABLE_MISSES - 1)),
    st.builds(Reading, st.just(UNSTABLE), st.integers(UNSTABLE_MISSES, 53)),
    st.builds(Reading, st.just(ADAPTIVE), st.just(0), st.none() | st.integers(0, 99)),
    st.just(Reading(COLD)),
    st.just(Reading(HIDDEN)),
)


class Judged:
    """Gives the n-th site that it is asked for the n-th of its readings, round and round."""

    def __init__(self, readings: list[Reading]) -> None:
        """Begin with the first."""
        self._readings = readings
        self._asked = 0

    def __call__(self, _family: str, _argrepr: str, _text: str) -> Reading:
        """Return the next reading."""
        self._asked += 1
        return self._readings[self._asked % len(self._readings)]


_JUDGES = st.lists(_READINGS, min_size=1, max_size=31).map(Judged)


def by_text(family: str, argrepr: str, text: str) -> Reading:
    """Give the same code the same reading, whatever stands around it."""
    choice = crc32(f"{family} {argrepr} {text}".encode()) % len(State)
    return Reading(list(State)[choice])


@given(_JUDGES)
def test_a_snapshot_does_not_differ_from_itself(judge: Judge) -> None:
    """Whatever the states, a comparison with itself passes without a change."""
    same = snapshot({"a.py": SOURCE}, judge=judge)
    report = compare(same, same, policy=Policy(fail_on=tuple(FailOn)))
    assert (report.verdict, report.changes, report.flaky) == (Verdict.PASS, (), ())


@given(_JUDGES, _JUDGES)
def test_swapped_sides_swap_what_is_found(first: Judge, second: Judge) -> None:
    """What regressed from base to head improves from head to base."""
    base = snapshot({"a.py": SOURCE}, judge=first)
    head = snapshot({"a.py": SOURCE}, judge=second)

    def found(changes: list[Change], kind: ChangeKind) -> Counter[tuple[object, ...]]:
        return Counter(
            (c.line, c.column, c.end_column, c.family, c.argrepr) for c in changes if c.kind is kind
        )

    there, back = find_changes(base, head), find_changes(head, base)
    assert found(there, REGRESSION) == found(back, IMPROVEMENT)
    assert found(there, IMPROVEMENT) == found(back, REGRESSION)
    assert not any(change.direct for change in there)


@given(st.randoms(use_true_random=False))
def test_the_order_of_files_and_functions_does_not_matter(order: random.Random) -> None:
    """Shuffled files with shuffled functions are the same program."""
    blocks = dedent(SOURCE).strip("\n").split("\n\n")
    texts = {f"{n}.py": block.replace("    def", "def") + "\n" for n, block in enumerate(blocks)}
    texts = {path: dedent(text) for path, text in texts.items() if not text.startswith("class")}
    together = snapshot({"a.py": "\n\n".join(texts.values())}, judge=by_text)
    names = order.sample(sorted(texts), len(texts))
    shuffled = snapshot({"a.py": "\n\n".join(texts[name] for name in names)}, judge=by_text)
    assert find_changes(together, shuffled) == []
    apart = snapshot(texts, judge=by_text)
    assert find_changes(apart, snapshot({n: texts[n] for n in names}, judge=by_text)) == []


def test_the_answer_is_in_order_and_always_the_same() -> None:
    """Regressions come first, the indirect ones foremost, and improvements last."""
    base = drawn(
        """
        def f(x):
            a = x / 2
            b = x % 2
            return x.c  #: LOAD_ATTR adaptive
        """
    )
    head = drawn(
        """
        def f(x):
            a = x / 3  #: BINARY_OP adaptive
            b = x % 2  #: BINARY_OP adaptive
            print(x ** 5, x)  #: BINARY_OP adaptive
            return x.c
        """
    )
    expected = [
        (REGRESSION, 3, ADAPTIVE, False),
        (REGRESSION, 2, ADAPTIVE, True),
        (NEW, 4, ADAPTIVE, True),
        (IMPROVEMENT, 5, SPECIALIZED, False),
    ]
    assert seen(find_changes(base, head)) == expected
    assert find_changes(base, head) == find_changes(base, head)


# --- ancestors that are but guesses ---


def moved(base_note: str, head_note: str) -> list[Change]:
    """Move a line out of its function and give its variables other names."""
    base = drawn(
        f"""
        def f(a, b):
            print(a)
            a.x = a // b  #: BINARY_OP {base_note}
        """
    )
    head = drawn(
        f"""
        def f(a, b):
            print(a)

        def g(c, d):
            c.x = c // d  #: BINARY_OP {head_note}
        """
    )
    return find_changes(base, head)


def test_a_guessed_ancestor_excuses_a_failure_but_accuses_nobody() -> None:
    """What failed in all likelihood before is nothing; what did not is new, no regression."""
    assert moved("adaptive", "adaptive") == []
    assert moved("adaptive", "specialized") == []
    assert moved("cold", "adaptive") == []
    assert [change.kind for change in moved("specialized", "adaptive")] == [NEW]


# --- direct and indirect ---


def test_an_edited_line_is_direct_and_its_neighbour_is_not() -> None:
    """A change is direct where the diff touches a line that the site spans."""
    base = drawn("def f(x):\n    a = x / 2\n    return x / 4\n")
    head = drawn(
        """
        def f(x):
            a = x / 3  #: BINARY_OP adaptive
            return x / 4  #: BINARY_OP adaptive
        """
    )
    assert seen(find_changes(base, head)) == [
        (REGRESSION, 3, ADAPTIVE, False),
        (REGRESSION, 2, ADAPTIVE, True),
    ]


def test_a_site_on_several_lines_is_direct_if_one_was_edited() -> None:
    """The line that a site begins on need not be the edited one."""
    base = drawn("def f(x):\n    return g(\n        x,\n        2.0,\n    )\n")
    head = drawn(
        """
        def f(x):
            return g(  #: CALL adaptive
                x,
                2,
            )
        """
    )
    assert seen(find_changes(base, head)) == [(REGRESSION, 2, ADAPTIVE, True)]


def test_a_renamed_file_is_compared_with_what_it_was() -> None:
    """Untouched lines of a renamed file are indirect, and the change names both paths."""
    text = "def f(x):\n    a = x / 2{}\n    return a.b{}\n"
    base = snapshot({"old.py": text.format("", "")})
    head = snapshot({"new.py": "# moved\n" + text.format("", "  #: LOAD_ATTR adaptive")})
    (change,) = find_changes(base, head)
    assert (change.path, change.line, change.direct) == ("new.py", 4, False)
    assert (change.base_path, change.base_line) == ("old.py", 3)


def test_a_moved_line_is_direct() -> None:
    """A line that is in another place is part of the diff."""
    rest = "def f(x):\n    return x.a + x.b\n\n"
    line = "def g(x):\n    return x.c % x.d{}\n\n"
    base = snapshot({"a.py": line.format("") + rest, "b.py": "print(1)\n"})
    head = snapshot({"a.py": rest, "b.py": "print(1)\n\n" + line.format("  #: BINARY_OP adaptive")})
    (change,) = find_changes(base, head)
    assert (change.kind, change.path, change.direct) == (REGRESSION, "b.py", True)


def test_a_change_tells_both_sides() -> None:
    """A report needs nothing but the change to show it."""
    base = snapshot({"a.py": HALF.format("")})
    head = snapshot({"a.py": "\n" + HALF.format("  #: BINARY_OP(/) unstable 17").replace("2", "3")})
    (change,) = find_changes(base, head)
    assert change.model_dump(mode="json", exclude={"reason", "advice"}) == {
        "kind": "regression",
        "path": "a.py",
        "line": change.line,
        "end_line": change.line,
        "column": 11,
        "end_column": 16,
        "function": "half",
        "source": "    return x / 3",
        "base_path": "a.py",
        "base_line": 2,
        "base_source": "    return x / 2",
        "family": "BINARY_OP",
        "argrepr": "/",
        "base_state": "specialized",
        "head_state": "unstable",
        "base_form": "BINARY_OP_FORM",
        "head_form": "BINARY_OP_FORM",
        "head_misses": 17,
        "head_failed_attempts": 0,
        "head_respecialized": 0,
        "direct": True,
        "executions": None,
    }


# --- verdicts ---

CHANGES: Mapping[str, tuple[Snapshot, Snapshot]] = {
    "direct regression": (
        half(),
        snapshot({"a.py": HALF.format("  #: BINARY_OP adaptive").replace("2", "3")}),
    ),
    "indirect regression": (half(), half("adaptive")),
    "direct unstable": (
        half(),
        snapshot({"a.py": HALF.format("  #: BINARY_OP unstable").replace("2", "3")}),
    ),
    "indirect unstable": (half(), half("unstable")),
    "new": (drawn("x = 1\n"), half("adaptive")),
    "improvement": (half("adaptive"), half()),
    "nothing": (half(), half()),
}
FAILING: Mapping[FailOn, set[str]] = {
    FailOn.REGRESSION: {name for name in CHANGES if name.startswith(("direct", "indirect"))},
    FailOn.INDIRECT: {"indirect regression", "indirect unstable"},
    FailOn.UNSTABLE: {"direct unstable", "indirect unstable"},
    FailOn.NEW: {"new"},
    FailOn.NEVER: set(),
}


@pytest.mark.parametrize(("rule", "name"), list(product(FailOn, CHANGES)))
def test_a_rule_fails_what_it_names(rule: FailOn, name: str) -> None:
    """Every rule, on every kind of change."""
    verdict = Verdict.FAIL if name in FAILING[rule] else Verdict.PASS
    report = compare(*CHANGES[name], policy=Policy(fail_on=(rule,)))
    assert report.verdict is verdict
    assert report.fail_on == (rule,)


def test_one_of_several_rules_is_enough() -> None:
    """Rules add up, and never takes nothing back."""
    rules = (FailOn.NEVER, FailOn.UNSTABLE, FailOn.NEW)
    assert compare(*CHANGES["new"], policy=Policy(fail_on=rules)).verdict is Verdict.FAIL
    assert (
        compare(*CHANGES["indirect regression"], policy=Policy(fail_on=rules)).verdict
        is Verdict.PASS
    )


def test_regressions_fail_by_default() -> None:
    """Without a rule, a regression fails and new code does not."""
    assert compare(*CHANGES["direct regression"]).verdict is Verdict.FAIL
    assert compare(*CHANGES["new"]).verdict is Verdict.PASS


# --- what reproduces ---


def test_what_a_second_measurement_shows_too_counts() -> None:
    """A change of both measurements decides."""
    pair = CHANGES["indirect regression"]
    report = compare(*pair, again=pair)
    assert seen(report.changes) == [(REGRESSION, 2, ADAPTIVE, False)]
    assert (report.flaky, report.verdict) == ((), Verdict.FAIL)


def test_what_it_does_not_show_is_flaky_and_decides_nothing() -> None:
    """A change of the first measurement alone is listed apart."""
    report = compare(*CHANGES["indirect regression"], again=(half(), half()))
    assert seen(report.flaky) == [(REGRESSION, 2, ADAPTIVE, False)]
    assert (report.changes, report.verdict) == ((), Verdict.PASS)


def test_another_way_to_fail_is_the_same_failure() -> None:
    """A site that is unstable once and adaptive the next time regressed twice."""
    report = compare(
        *CHANGES["indirect unstable"],
        again=CHANGES["indirect regression"],
        policy=Policy(fail_on=tuple(FailOn)),
    )
    assert seen(report.changes) == [(REGRESSION, 2, UNSTABLE, False)]


def test_what_only_the_second_shows_is_left_out() -> None:
    """It did not show in the first, so it does not reproduce either."""
    report = compare(half(), half(), again=CHANGES["indirect regression"])
    assert (report.changes, report.flaky, report.verdict) == ((), (), Verdict.PASS)


@given(_JUDGES, _JUDGES, _JUDGES, _JUDGES)
def test_a_second_measurement_only_takes_away(
    first: Judge, second: Judge, third: Judge, fourth: Judge
) -> None:
    """Changes and flaky ones together are those of the first measurement, in order."""
    sides = [snapshot({"a.py": SOURCE}, judge=judge) for judge in (first, second, third, fourth)]
    once = compare(sides[0], sides[1])
    twice = compare(sides[0], sides[1], again=(sides[2], sides[3]))
    assert Counter(map(repr, once.changes)) == Counter(map(repr, twice.changes + twice.flaky))
    assert [c for c in once.changes if c in twice.changes] == list(twice.changes)


# --- conditions ---

BLOCKING = Condition(name="traced", message="hidden", remedy="none", blocking=True)
REMARK = Condition(name="foreign-processes", message="some", remedy="none")


def refused(report: Report) -> bool:
    """Whether a report says that it compared nothing."""
    assert (report.verdict is Verdict.NOT_COMPARABLE) is any(c.blocking for c in report.conditions)
    return report.verdict is Verdict.NOT_COMPARABLE and report.changes == report.flaky == ()


@pytest.mark.parametrize("side", ["base", "head"])
def test_a_blocking_condition_of_a_side_forbids_the_comparison(side: str) -> None:
    """It is named with its side, and nothing is compared, whatever the rules."""
    base, head = half(), half("adaptive")
    if side == "base":
        base = base.model_copy(update={"conditions": (BLOCKING,)})
    else:
        head = head.model_copy(update={"conditions": (BLOCKING,)})
    for fail_on in (tuple(FailOn), (FailOn.NEVER,)):
        report = compare(base, head, policy=Policy(fail_on=fail_on))
        assert refused(report)
        assert [(c.name, c.side) for c in report.conditions] == [("traced", side)]


def test_a_condition_that_does_not_block_is_only_told() -> None:
    """The comparison stands."""
    base, head = half(), half("adaptive").model_copy(update={"conditions": (REMARK,)})
    report = compare(base, head)
    assert not refused(report)
    assert report.verdict is Verdict.FAIL
    assert [(c.name, c.side) for c in report.conditions] == [("foreign-processes", "head")]


def test_blocking_conditions_come_first() -> None:
    """What forbids the comparison is told before what limits it."""
    base = half().model_copy(update={"conditions": (REMARK,)})
    report = compare(base, half(), conditions=[BLOCKING])
    assert [condition.name for condition in report.conditions] == ["traced", "foreign-processes"]
    assert refused(report)


@pytest.mark.parametrize(
    ("update", "told"),
    [
        ({"version": "3.13.1"}, "version is 3.13.0 on base and 3.13.1 on head"),
        ({"build": "(other)"}, "build is (main, Oct  8 2024) on base and (other) on head"),
        ({"jit": True}, "jit is False on base and True on head"),
    ],
)
def test_different_interpreters_are_not_compared(update: dict[str, object], told: str) -> None:
    """Any difference between the interpreters is named."""
    python = PYTHON.model_copy(update=update)
    head = half("adaptive").model_copy(
        update={"provenance": PROVENANCE.model_copy(update={"python": python})}
    )
    report = compare(half(), head)
    assert refused(report)
    (condition,) = report.conditions
    assert condition.name == "different-interpreters"
    assert told in condition.message


@pytest.mark.parametrize(
    ("update", "told"),
    [
        ({"command": ("pytest",)}, "command is python bench.py on base and pytest on head"),
        ({"source": ("src",)}, "source is not set on base and src on head"),
        ({"environment": {"PYTHONHASHSEED": "1"}}, "PYTHONHASHSEED is 0 on base and 1 on head"),
        ({"environment": {}}, "PYTHONHASHSEED is 0 on base and not set on head"),
    ],
)
def test_different_suites_are_not_compared(update: dict[str, object], told: str) -> None:
    """Any difference between the suites is named."""
    suite = SUITE.model_copy(update=update)
    head = half("adaptive").model_copy(
        update={"provenance": PROVENANCE.model_copy(update={"suite": suite})}
    )
    report = compare(half(), head)
    assert refused(report)
    (condition,) = report.conditions
    assert condition.name == "different-suites"
    assert told in condition.message


def test_different_commits_are_compared() -> None:
    """What a comparison is for is no condition."""
    provenance = PROVENANCE.model_copy(update={"commit": "1" * 40, "dirty": True, "processes": 2})
    report = compare(half(), half().model_copy(update={"provenance": provenance}))
    assert (report.verdict, report.conditions) == (Verdict.PASS, ())


# --- tables ---


def test_families_and_files_of_either_side_have_a_row() -> None:
    """What is on one side only counts nothing on the other."""
    base = snapshot({"a.py": "def f(x):\n    return x.a\n"}, judge=green)
    head = snapshot({"b.py": "def f(x):\n    return x / 2  #: BINARY_OP adaptive\n"}, judge=green)
    report = compare(base, head)
    families = [(row.family, row.base.total, row.head.total) for row in report.families]
    assert families == [("BINARY_OP", 0, 1), ("LOAD_ATTR", 1, 0)]
    files = [(row.path, row.base.ratio, row.head.ratio) for row in report.files]
    assert files == [("a.py", 1.0, None), ("b.py", None, 0.0)]
    assert (report.totals.base.specialized, report.totals.head.adaptive) == (1, 1)


def test_files_below_another_folder_are_the_same_files() -> None:
    """A package that moved to ``src`` has one row a file, and one that is gone has its own."""
    source = "def half(x):\n    return x / 2  #: BINARY_OP(/) {}\n"
    base = drawn_files({"pkg/a.py": "adaptive", "pkg/b.py": "adaptive", "c.py": "adaptive"}, source)
    head = drawn_files({"src/pkg/a.py": "specialized", "src/pkg/b.py": "adaptive"}, source)
    rows = {row.path: (row.base.adaptive, row.head.adaptive) for row in compare(base, head).files}
    assert rows == {"c.py": (1, 0), "src/pkg/a.py": (1, 0), "src/pkg/b.py": (1, 1)}


def drawn_files(states: Mapping[str, str], source: str) -> Snapshot:
    """Return files with one site each, in the states named."""
    return snapshot({path: source.format(state) for path, state in states.items()})

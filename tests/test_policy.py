"""What fails a build: rules, budgets, contracts, and what somebody has accepted."""

import json
from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pictures import PYTHON, Reading, snapshot
from repositories import Drawing

from specialist_ci.cli import main
from specialist_ci.comparing.compare import compare
from specialist_ci.comparing.policy import FailOn, judge, parse_rule, settle
from specialist_ci.formats.report import Outcome, Report, Reports, Verdict
from specialist_ci.formats.snapshot import (
    WARM,
    Acknowledgement,
    Budget,
    Condition,
    Policy,
    Snapshot,
    State,
)
from specialist_ci.render import Format, render_reports

SPECIALIZED, UNSTABLE, ADAPTIVE, COLD, HIDDEN = State
KEPT, BROKEN, FLAKY, UNMEASURED, MALFORMED = Outcome


def drawn(text: str, path: str = "a.py") -> Snapshot:
    """Draw one file."""
    return snapshot({path: dedent(text).lstrip("\n")})


def told(report: Report) -> list[tuple[str, str]]:
    """Return what failed a report."""
    return [(one.rule, one.message) for one in report.violations]


def conditions(report: Report) -> list[str]:
    """Return the names of a report's conditions."""
    return [condition.name for condition in report.conditions]


# --- the ratio ---

TEN = "".join(f"x / {n}{{}}\n" for n in range(10))


def share(failing: int) -> Snapshot:
    """Draw ten sites so many of which fail."""
    notes = ["  #: BINARY_OP adaptive"] * failing + [""] * (10 - failing)
    return drawn(TEN.format(*notes))


@pytest.mark.parametrize(
    ("base", "head", "rule", "fails"),
    [
        (0, 1, "ratio:9.9", True),
        (0, 1, "ratio:10", False),
        (0, 0, "ratio:0", False),
        (1, 2, "ratio:0", True),
        (2, 1, "ratio:0", False),
        (0, 3, "ratio:29.999", True),
    ],
)
def test_the_ratio_may_fall_by_so_many_points(base: int, head: int, rule: str, fails: bool) -> None:  # noqa: FBT001 - an expectation
    """Exactly as many points are fine, the least more is not, and rising always is."""
    report = compare(share(base), share(head), policy=Policy(fail_on=(rule,)))
    assert report.verdict is (Verdict.FAIL if fails else Verdict.PASS)
    if fails:
        assert told(report) == [(rule, f"the ratio fell by {10 * (head - base)} points")]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ratio",
        "ratio:",
        "ratio:-1",
        "ratio:1e3",
        "ratio:nan",
        "all",
        "ratio:1/0",
        "ratio:\u0661",
    ],
)
def test_other_rules_are_refused(text: str) -> None:
    """What is not in the list is no rule, and one that a report records fails it."""
    with pytest.raises(ValueError, match="is not one of"):
        parse_rule(text)
    report = compare(share(0), share(0), policy=Policy(fail_on=(text,)))
    assert report.verdict is Verdict.FAIL


# --- budgets ---

TREE = {
    "src/a.py": "x / 1  #: BINARY_OP adaptive\nx / 2\n",
    "src/b.py": "x / 1  #: BINARY_OP unstable\nx / 2\n",
    "src/cold.py": "x / 1  #: BINARY_OP cold\n",
    "lib/c.py": "x / 1\n",
}


@pytest.mark.parametrize(
    ("budget", "message"),
    [
        (Budget(pattern="src/a.py", max_failing=1), None),
        (Budget(pattern="src/a.py", max_failing=0), "1 failing site, at most 0 allowed"),
        (Budget(pattern="src", max_failing=2), None),
        (Budget(pattern="src", max_failing=1), "2 failing sites, at most 1 allowed"),
        (Budget(pattern="src/*.py", min_ratio=50), None),
        (Budget(pattern="src/*.py", min_ratio=50.1), "50% specialized, at least 50.1% required"),
        (Budget(pattern="lib", max_failing=0, min_ratio=100), None),
        (Budget(pattern="src/cold.py", max_failing=9), "nothing of it was measured"),
        (Budget(pattern="gone.py", min_ratio=0), "nothing of it was measured"),
    ],
)
def test_a_budget_limits_what_its_pattern_fits(budget: Budget, message: str | None) -> None:
    """All files of a pattern count together, and none that was not measured keeps a budget."""
    same = snapshot(TREE)
    report = compare(same, same, policy=Policy(budgets=(budget,)))
    expected = [("budget", f"{budget.pattern}: {message}")] if message else []
    assert told(report) == expected
    assert ("budget-unmeasured" in conditions(report)) == (
        message is not None and "nothing" in message
    )


# --- contracts ---

CONTRACTS: Mapping[str, tuple[str, Outcome]] = {
    "kept": ("x / 1  # specialist: require\n", KEPT),
    "failing": ("x / 1  # specialist: require  #: BINARY_OP adaptive\n", BROKEN),
    "unstable": ("x / 1  # specialist: require  #: BINARY_OP unstable\n", BROKEN),
    "cold": ("x / 1  # specialist: require  #: BINARY_OP cold\n", UNMEASURED),
    "hidden": ("x / y.z  # specialist: require  #: LOAD_ATTR hidden\n", UNMEASURED),
    "partly cold": ("x / y.z  # specialist: require  #: LOAD_ATTR cold\n", KEPT),
    "no site": ("pass  # specialist: require\n", UNMEASURED),
    "another family": ("x / y.z  # specialist: require[BINARY_OP]  #: LOAD_ATTR adaptive\n", KEPT),
    "that family": ("x / y.z  # specialist: require[LOAD_ATTR]  #: LOAD_ATTR adaptive\n", BROKEN),
    "function": (
        "def f(x):  # specialist: require\n    x / 1\n    return x % 2  #: BINARY_OP adaptive\n",
        BROKEN,
    ),
    "function with an exception": (
        """\
def f(x):  # specialist: require
    x / 1
    return x % 2  # specialist: ignore[BINARY_OP] rare  #: BINARY_OP adaptive
""",
        KEPT,
    ),
    "other function": (
        "def f(x):  # specialist: require\n    return x / 1\nx % 2  #: BINARY_OP adaptive\n",
        KEPT,
    ),
    "malformed": ("x / 1  # specialist: requires\n", MALFORMED),
}


@pytest.mark.parametrize("name", CONTRACTS)
def test_only_what_was_seen_specialized_keeps_a_contract(name: str) -> None:
    """One that fails, and one of which nothing is known, fail the build and are told."""
    text, outcome = CONTRACTS[name]
    head = drawn(text)
    report = compare(drawn("pass\n"), head, policy=Policy(fail_on=("regression",)))
    assert [contract.outcome for contract in report.contracts] == [outcome]
    assert report.verdict is (Verdict.PASS if outcome is KEPT else Verdict.FAIL)
    places = [message.partition(" ")[0] for _rule, message in told(report)]
    assert places == ([] if outcome is KEPT else ["a.py:1"])
    expected = {UNMEASURED: ["contract-unmeasured"], MALFORMED: ["contract-malformed"]}
    assert conditions(report) == expected.get(outcome, [])
    assert compare(head, head, policy=Policy(fail_on=("never",))).verdict is Verdict.PASS


@pytest.mark.parametrize(("executions", "outcome"), [(WARM - 1, UNMEASURED), (WARM, BROKEN)])
def test_a_contract_needs_hot_code(executions: int, outcome: Outcome) -> None:
    """A site that failed in a few executions neither breaks nor keeps it."""
    reading = Reading(ADAPTIVE, executions=executions)
    head = snapshot({"a.py": "x / 1  # specialist: require\n"}, judge=lambda *_: reading)
    assert compare(head, head).contracts[0].outcome is outcome


def test_a_contract_on_base_binds_nobody() -> None:
    """Whoever takes a contract out does so before everybody's eyes, in the diff."""
    base = drawn("x / 1  # specialist: require  #: BINARY_OP adaptive\n")
    head = drawn("x / 1  #: BINARY_OP adaptive\n")
    assert compare(base, head).contracts == ()


def test_what_breaks_a_contract_once_only_is_flaky() -> None:
    """A second measurement that does not show it again takes it back."""
    good = drawn("x / 1  # specialist: require\n")
    bad = drawn("x / 1  # specialist: require  #: BINARY_OP adaptive\n")
    first = compare(bad, bad, again=(good, good))
    assert ([one.outcome for one in first.contracts], first.verdict) == ([FLAKY], Verdict.PASS)
    assert compare(bad, bad, again=(bad, bad)).verdict is Verdict.FAIL


# --- what is accepted ---

GREEN = "class A:\n    def f(x):\n        return x / 1\n"
RED = GREEN.replace("1\n", "1{}  #: BINARY_OP adaptive\n")


@pytest.mark.parametrize(
    ("comment", "entry", "where"),
    [
        ("", None, None),
        ("  # specialist: ignore[BINARY_OP] why", None, "a.py:3"),
        ("  # specialist: ignore why", None, "a.py:3"),
        ("  # specialist: ignore[CALL] why", None, None),
        ("", Acknowledgement(path="a.py", reason="why"), "configuration"),
        ("", Acknowledgement(path="*", function="A.*", reason="why"), "configuration"),
        ("", Acknowledgement(path="a.py", function="f", reason="why"), None),
        ("", Acknowledgement(path="a.py", family="BINARY_OP", reason="why"), "configuration"),
        ("", Acknowledgement(path="a.py", family="CALL", reason="why"), None),
        ("", Acknowledgement(path="b.py", reason="why"), None),
    ],
)
@pytest.mark.parametrize("kind", ["regression", "new"])
def test_what_is_accepted_does_not_count(
    comment: str, entry: Acknowledgement | None, where: str | None, kind: str
) -> None:
    """It is listed apart with its reason; an entry that nothing needs is told."""
    base = drawn(GREEN if kind == "regression" else "pass\n")
    policy = Policy(fail_on=("regression", "new"), acknowledged=(entry,) if entry else ())
    report = compare(base, drawn(RED.format(comment)), policy=policy)
    counted, accepted = (1, []) if where is None else (0, [(where, "why", kind)])
    assert len(report.changes) == counted
    assert [(one.where, one.reason, one.change.kind) for one in report.acknowledged] == accepted
    assert report.verdict is (Verdict.FAIL if counted else Verdict.PASS)
    assert conditions(report) == (["acknowledged-unused"] if entry and counted else [])


def test_what_is_accepted_stays_so() -> None:
    """Where it fails on both sides nothing changed, and the entry is in use all the same."""
    same = drawn(RED.format(""))
    policy = Policy(acknowledged=(Acknowledgement(path="a.py", reason="why"),))
    assert conditions(compare(same, same, policy=policy)) == []


def test_an_improvement_needs_no_acceptance() -> None:
    """It is listed with the others."""
    entry = Acknowledgement(path="a.py", reason="why")
    report = compare(drawn(RED.format("")), drawn(GREEN), policy=Policy(acknowledged=(entry,)))
    assert ([change.kind for change in report.changes], report.acknowledged) == (
        ["improvement"],
        (),
    )


# --- the verdict, decided again ---


@given(st.sampled_from(Verdict), st.booleans())
def test_a_forged_verdict_changes_nothing(verdict: Verdict, empty: bool) -> None:  # noqa: FBT001 - drawn
    """It follows from what the report lists, whatever the report says of itself."""
    policy = Policy(
        fail_on=("regression", "ratio:0"),
        budgets=(Budget(pattern="a.py", max_failing=0),),
    )
    good = drawn("x / 1  # specialist: require\n")
    bad = drawn("x / 1  # specialist: require  #: BINARY_OP adaptive\n")
    blocked = snapshot(
        {"a.py": "x / 1\n"},
        conditions=(Condition(name="a", message="b", remedy="c", blocking=True),),
    )
    for base, head in ((good, bad), (good, good), (good, blocked)):
        report = compare(base, head, policy=policy)
        forged = report.model_copy(
            update={"verdict": verdict} | ({"violations": ()} if empty else {})
        )
        assert judge(Report.model_validate_json(forged.model_dump_json())) == report
    assert {rule for rule, _ in told(compare(good, bad, policy=policy))} == {
        *("regression", "ratio:0", "budget", "contract")
    }


def test_never_decides_nothing_at_all() -> None:
    """Budgets and contracts included; beside another rule it takes nothing back."""
    bad = drawn("x / 1  # specialist: require  #: BINARY_OP adaptive\n")
    budgets = (Budget(pattern="a.py", max_failing=0),)
    for fail_on, count in ((("never",), 0), (tuple(FailOn), 2), ((), 2)):
        report = compare(bad, bad, policy=Policy(fail_on=fail_on, budgets=budgets))
        assert len(report.violations) == count


def test_suites_answer_for_each_other() -> None:
    """What one suite does not run hot, another may; what none does stays unmeasured."""
    text = "x / 1  # specialist: require{}\ny.z  # specialist: require  #: LOAD_ATTR cold\n"
    hot, cold = drawn(text.format("")), drawn(text.format("  #: BINARY_OP cold"))
    policy = Policy(
        budgets=(Budget(pattern="a.py", max_failing=0), Budget(pattern="b.py", max_failing=0)),
        acknowledged=(Acknowledgement(path="c.py", reason="why"),),
    )
    reports = [compare(side, side, policy=policy) for side in (cold, hot)]
    assert conditions(reports[0]).count("contract-unmeasured") == 2
    first, second = settle(reports)
    assert first.elsewhere == ("a.py:1", "a.py")
    assert settle([first, second]) == (first, second)
    assert sorted(conditions(first)) == sorted(conditions(second))
    assert sorted(conditions(second)) == [
        "acknowledged-unused",
        "budget-unmeasured",
        "contract-unmeasured",
    ]
    assert told(first) == told(second)
    assert [message.partition(" ")[0] for _, message in told(first)] == ["b.py:", "a.py:2"]
    older = PYTHON.model_copy(update={"version": "3.12.1"})
    provenance = second.head.model_copy(update={"python": older})
    apart = reports[1].model_copy(update={"base": provenance, "head": provenance})
    assert settle([reports[0], apart])[0].elsewhere == ()  # another interpreter proves nothing
    used = drawn("x / 1  #: BINARY_OP adaptive\n", path="c.py")
    (third, *_) = settle([*reports, compare(used, used, policy=policy)])
    assert "acknowledged-unused" not in conditions(third)


@pytest.mark.parametrize("to", [Format.TERMINAL, Format.MARKDOWN])
def test_interpreters_share_what_is_accepted(to: Format) -> None:
    """In the report of several, it is listed once."""
    report = compare(drawn(GREEN), drawn(RED.format("  # specialist: ignore on purpose")))
    python = PYTHON.model_copy(update={"version": "3.12.1"})
    provenance = report.head.model_copy(update={"python": python})
    older = report.model_copy(update={"base": provenance, "head": provenance})
    text = render_reports(Reports(reports=(report, older), failures=()), to)
    assert text.count("on purpose") == 1


# --- from end to end ---

PACKAGE = """\
def convert(value):  # specialist: require
    return value {} 32.0


def scale(value):
    return value {} 1.8{}
"""
BENCH = """\
from package import convert, scale

for n in range(99):
    convert(float(n)), scale(float(n))
"""
UNUSED = "def unused():  # specialist: require\n    return 1\n"
CONFIGURATION = """\
fail-on = ["regression", "ratio:50"]

[budgets]
"package.py" = { max-failing = 1 }

[[acknowledged]]
path = "old.py"
reason = "nobody runs it"
"""


@pytest.fixture
def measured(repository: Drawing) -> Drawing:
    """Make a repository whose head breaks a contract, and accepts another failure."""
    base = {"bench.py": BENCH, "package.py": PACKAGE.format("-", "*", "")}
    repository.commit({**base}, "base")
    repository.git("tag", "base")
    accepted = PACKAGE.format("//", "//", "  # specialist: ignore[BINARY_OP] for the test")
    head = {"bench.py": BENCH, "package.py": accepted, "specialist-ci.toml": CONFIGURATION}
    repository.commit({**head, "unused.py": UNUSED}, "head")
    repository.git("tag", "head")
    return repository


def _answer(*argv: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, Report]:
    code = main([*argv, "--format", "json", "--", "bench.py"] if argv[0] == "diff" else [*argv])
    return code, Report.model_validate_json(capsys.readouterr().out)


@pytest.mark.usefixtures("measured")
def test_a_real_policy_decides(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Contracts, budgets and what is accepted, from a configuration and from source.

    A comparison of snapshots says the same, since head's snapshot knows its policy.
    """
    code, report = _answer("diff", "base", "head", capsys=capsys)
    assert (code, report.verdict) == (1, Verdict.FAIL)
    assert [(c.path, c.line) for c in report.changes] == [("package.py", 2)]
    assert [(a.change.line, a.where) for a in report.acknowledged] == [(6, "package.py:6")]
    assert [(c.place, c.outcome, c.subject) for c in report.contracts] == [
        ("package.py:1", BROKEN, "convert"),
        ("unused.py:1", UNMEASURED, "unused"),
    ]
    assert conditions(report) == ["contract-unmeasured", "acknowledged-unused"]
    assert told(report) == [
        ("regression", "1 change"),
        ("budget", "package.py: 2 failing sites, at most 1 allowed"),
        (
            "contract",
            "package.py:1 requires convert to be specialized: BINARY_OP // on line 2 is adaptive",
        ),
        ("contract", "unused.py:1 requires unused: nothing of it was measured"),
    ]
    files = [str(tmp_path / f"{tag}.json") for tag in ("base", "head")]
    for tag, file in zip(("base", "head"), files, strict=True):
        assert main(["run", tag, "-o", file, "--", "bench.py"]) == 0
    code, again = _answer("compare", *files, "--format", "json", capsys=capsys)
    assert (code, again.violations, again.contracts) == (1, report.violations, report.contracts)
    argv = ("compare", *files, "--format", "json", "--fail-on", "never")
    assert _answer(*argv, capsys=capsys)[0] == 0


@pytest.mark.parametrize(("broken", "outcome"), [(2, FLAKY), (4, BROKEN)])
def test_a_broken_contract_is_measured_again(
    broken: int,
    outcome: Outcome,
    repository: Drawing,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Without any change it fails the build, once a second measurement shows it too."""
    log = tmp_path / "log"
    script = f"""
import package, pathlib
log = pathlib.Path({str(log)!r})
runs = len(log.read_text()) if log.exists() else 0
log.write_text("." * (runs + 1))
for number in range(99):
    package.convert(complex(number) if runs < {broken} else float(number))
"""
    package = PACKAGE.format("-", "*", "")
    repository.commit({"bench.py": script, "package.py": package})
    code, report = _answer("diff", "HEAD", "HEAD", "--jobs", "1", capsys=capsys)
    assert log.read_text(encoding="utf-8") == "...."  # both sides, and both again
    assert (code, report.changes) == (int(outcome is BROKEN), ())
    assert [contract.outcome for contract in report.contracts] == [outcome]


def test_suites_of_a_configuration_answer_together(
    repository: Drawing, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The exit code is that of the reports together, and `show` finds the same in their file."""
    tree = {
        "specialist-ci.toml": "\n".join(
            f'[suites.{name}]\ncommand = "python {name}.py"' for name in ("one", "two")
        ),
        "one.py": "import a\nfor n in range(99): a.one(n)\n",
        "two.py": "import a\nfor n in range(99): a.two(n)\n",
        "a.py": "".join(
            f"def {name}(x):  # specialist: require\n    return x + x\n" for name in ("one", "two")
        ),
    }
    repository.commit(tree)
    assert main(["diff", "HEAD", "HEAD", "--format", "json"]) == 0
    out = capsys.readouterr().out
    reports = json.loads(out)["reports"]
    path = tmp_path / "reports.json"
    path.write_text(out, encoding="utf-8")
    assert main(["show", str(path), "--format", "json"]) == 0
    assert capsys.readouterr().out == out
    assert [report["elsewhere"] for report in reports] == [["a.py:3"], ["a.py:1"]]
    assert main(["diff", "HEAD", "HEAD", "--suite", "one"]) == 1

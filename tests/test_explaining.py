"""What a change met on both sides, what it is worth, and when nothing is said of it."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from pictures import PYTHON, snapshot
from repositories import Drawing

from specialist_ci import reasons
from specialist_ci.cli import main
from specialist_ci.comparing.compare import changed_places
from specialist_ci.explaining.conclusions import explain
from specialist_ci.explaining.observations import Observation, Row, Side, merge
from specialist_ci.explaining.targets import LIMIT, Changed, choose, plan
from specialist_ci.explaining.words import describe
from specialist_ci.formats.report import Change
from specialist_ci.formats.snapshot import State
from specialist_ci.measuring.outputs import digest
from specialist_ci.process import Outcome
from specialist_ci.reasons.rows import Fact

FAST = """
def sub(left, right):
    return left - right

def half(value):
    return value * 0.5

total = 0.0
for number in range(500):
    total += half(sub(float(number), 2.0))
print(total)
"""
SLOW = FAST.replace("2.0", "2").replace("left - right", "left // right")
MIXED = FAST.replace("2.0", "2.0 if number % 4 else 2")


# --- pure ---


def changed(base: str, head: str) -> list[Changed]:
    """Return the changes of one file."""
    return changed_places(snapshot({"a.py": base}), snapshot({"a.py": head}))


ONE = changed(
    """
    def half(x):
        return x / 2  #: BINARY_OP(/) specialized
    """,
    """
    def half(x):
        return x / 2  #: BINARY_OP(/) adaptive
    """,
)
FACTS: dict[str, Fact] = {
    "operator": "/",
    "left": "float",
    "right": "float",
    "left_base": None,
    "right_base": None,
    "left_value": None,
    "right_value": None,
    "result": None,
}
FLOATS = (reasons.Situation("binary", FACTS, 50),)


def explained(observation: Observation, failure: str | None = None) -> Change:
    """Explain the one change with the same observation on both sides."""
    sides = Side({0: observation}), Side({0: observation}, failure)
    (change,) = explain(ONE, choose(ONE), sides, (PYTHON, PYTHON))
    return change


def why_not(change: Change) -> str | None:
    """Return why a change is not explained."""
    assert change.explanation is not None
    return change.explanation.not_explained


def test_a_reason_is_given_for_what_was_seen() -> None:
    """With the executions of both sides, and the share of all changes."""
    change = explained(Observation(executions=50, situations=FLOATS))
    assert change.reason is not None
    assert why_not(change) is None
    assert change.explanation is not None
    assert change.explanation.head is not None
    assert change.explanation.head.executions == 50
    assert change.explanation.share == 1.0


def test_attributes_are_told_in_words() -> None:
    """Where an attribute is found and kept, as a reader would say it."""
    facts: dict[str, Fact] = {"name": "x", "owner": "m:C", "kind": "instance", "found": "method"}
    owners = [
        {**facts, "value": "function", "place": "values"},
        {**facts, "value": "function", "place": "values, dict"},
        {**facts, "value": "function", "place": "values", "detail": "shadowed"},
        {**facts, "found": "plain", "value": "int"},
        {**facts, "found": "absent", "detail": "missing"},
    ]
    assert describe([reasons.Situation("attribute", each, 1) for each in owners]) == [
        "C (a method of the class, kept in the instance's values)",
        "C (a method of the class, the __dict__ of the object was read)",
        "C (a method of the class, hidden by the object's own, kept in the instance's values)",
        "C (int on the class)",
        "C (not there)",
    ]
    assert describe([reasons.Situation("attribute", owners[0], 1)]) == ["C (a method of the class)"]


def test_changes_of_a_class_are_told_in_words() -> None:
    """Where nothing else tells two situations apart."""
    facts: dict[str, Fact] = {"name": "x", "owner": "module:C", "kind": None, "found": None}
    situations = [reasons.Situation("attribute", {**facts, "modified": n}, 10) for n in (0, 2)]
    assert describe(situations) == ["C", "C (changes of the class: 2)"]


@pytest.mark.parametrize(
    ("source", "advice"),
    [
        ("x - 32", "write the int as a float: 32.0 for 32, if no int comes from the other side"),
        ("32 - x", "write the int as a float: 32.0 for 32, if no int comes from the other side"),
        ("x - n", "write the int as a float, as 2.0 for 2, if no int comes from the other side"),
        (
            "x - 9007199254740993",
            "write the int as a float, as 2.0 for 2, if no int comes from the other side",
        ),  # no float is that
    ],
)
def test_advice_names_the_literal_in_question(source: str, advice: str) -> None:
    """Where the source has one, and it is the same number as a float."""
    facts = {**FACTS, "operator": "-", "right": "int"}
    observation = Observation(executions=50, situations=(reasons.Situation("binary", facts, 50),))
    line = f"return {source}  #: BINARY_OP(-)"
    one = changed(f"def f(x):\n    {line} specialized\n", f"def f(x):\n    {line} adaptive\n")
    sides = Side({0: observation}), Side({0: observation})
    (change,) = explain(one, choose(one), sides, (PYTHON, PYTHON))
    assert change.advice == advice


@pytest.mark.parametrize(
    ("observation", "why"),
    [
        (Observation(problem="it is inside a pattern"), "it is inside a pattern"),
        (Observation(), "the explaining run did not reach it"),
        (
            Observation(executions=50, situations=FLOATS, states=frozenset({State.SPECIALIZED})),
            "it ended specialized in the explaining run, adaptive in the first",
        ),
    ],
)
def test_what_was_not_seen_is_not_explained(observation: Observation, why: str) -> None:
    """The reason is what went wrong, never a guess."""
    change = explained(observation)
    assert (change.reason, why_not(change)) == (None, why)


def test_what_ran_less_often_is_not_explained() -> None:
    """It behaved differently: what it met may be something else too."""
    place = ONE[0][2]
    place.site.executions = 60
    try:
        change = explained(Observation(executions=50, situations=FLOATS))
    finally:
        place.site.executions = None
    assert (
        why_not(change) == "it ran 50 times in the explaining run, at least 60 times in the first"
    )


def test_a_failed_run_explains_nothing() -> None:
    """What the other side saw is kept."""
    change = explained(Observation(executions=50, situations=FLOATS), "it failed")
    assert change.reason is None
    assert why_not(change) == "it failed"


def test_processes_are_added_up() -> None:
    """One process that could look is enough; situations are in the order of their counts."""
    rows = [
        [Row(0, "its file was never compiled", 0, 0, 0, [])],
        [Row(0, "", 3, 1, 1, [("truth", ("int",), 2), ("truth", ("str",), 1)])],
        [Row(0, "", 5, 1, 0, [("truth", ("str",), 5)])],
    ]
    fields = {"truth": ("type",)}
    merged = merge(rows, fields)
    assert merged == merge(reversed(rows), fields)
    assert merged == {
        0: Observation(
            executions=8,
            switches=2,
            misses=1,
            situations=(
                reasons.Situation("truth", {"type": "str"}, 6),
                reasons.Situation("truth", {"type": "int"}, 2),
            ),
        )
    }


def test_the_hottest_changes_are_looked_at_and_the_costly_come_first() -> None:
    """No more than the limit, and the others say so."""
    lines = [f"x{number} = a / b  #: BINARY_OP(/) {{}}" for number in range(LIMIT + 5)]
    every = changed(
        "\n".join(lines).format(*["specialized"] * len(lines)),
        "\n".join(lines).format(*["adaptive"] * len(lines)),
    )
    for number, (_, _, place) in enumerate(every):
        place.site.executions = 100 + number
    every = [
        (change.model_copy(update={"executions": place.site.executions}), before, place)
        for change, before, place in every
    ]
    chosen = choose(every)
    assert [each[0].line for each in chosen[:2]] == [LIMIT + 5, LIMIT + 4]
    seen = {
        number: Observation(executions=1000 - number, situations=FLOATS) for number in range(LIMIT)
    }
    changes = explain(every, chosen, (Side(seen), Side(seen)), (PYTHON, PYTHON))
    left_out = [change for change in changes if change.reason is None]
    assert len(changes) == LIMIT + 5
    assert {why_not(change) for change in left_out} == {
        "only the 100 hottest changes are looked at"
    }


def test_a_plan_names_each_site_by_its_place(tmp_path: Path) -> None:
    """By file, function, offset and position; what has no columns is left out."""
    place = ONE[0][2]
    ((path, (row,)),) = plan([place], tmp_path)
    assert path == str(tmp_path / "a.py")
    assert row[:3] == (0, "half", 1)
    assert row[4:] == ("BINARY_OP", "/", (2, 2, 11, 16))
    column, place.site.column = place.site.column, None
    try:
        assert plan([place], tmp_path) == []
    finally:
        place.site.column = column


@pytest.mark.parametrize(
    ("kind", "facts", "texts"),
    [
        ("binary", [("left", "right"), ("float", "m:C"), ("float", "n:C")], None),
        (
            "attribute",
            [("owner", "found"), ("m:C", "absent"), ("m:D", "slot")],
            ["C", "D (a slot)"],
        ),
        ("truth", [("type",), ("dict",)], ["dict"]),
        ("something", [("new", "none"), (1, None)], ["new 1"]),
    ],
)
def test_situations_are_told_apart(
    kind: str, facts: list[tuple[Any, ...]], texts: list[str] | None
) -> None:
    """Types are shown without their modules, unless two have one name."""
    fields, *values = facts
    situations = [
        reasons.Situation(kind, dict(zip(fields, each, strict=True)), 1) for each in values
    ]
    assert describe(situations) == (texts or ["float and m:C", "float and n:C"])


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        ("took 1.25 s", "took 0.5 s", True),
        ("<object at 0x7f12>", "<object at 0xabc>", True),
        ("==== 974 passed in 9.80s ====", "=== 974 passed in 10.20s ===", True),
        ("974 passed in 59.80s", "974 passed in 170.02s (0:02:50)", True),
        ("==== 974 passed in 9.80s ====", "==== 973 passed in 9.80s ====", False),
        ("Ran 12 tests in 0.1s", "Ran 13 tests in 0.1s", False),
        ("a", "b", False),
    ],
)
def test_figures_may_differ_and_outcomes_may_not(one: str, other: str, equal: bool) -> None:  # noqa: FBT001 - a column of the table
    """Times and addresses are another ones in each run, numbers of tests are not."""
    digests = {digest(Outcome(0, text, "")) for text in (one, other)}
    assert len(digests) == (1 if equal else 2)


# --- as the user meets it ---


def run(*argv: str, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """Run a command on an empty cache and return the JSON that it prints."""
    main([*argv[:-1], "--no-cache", "--format", "json", "--", argv[-1]])
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def texts(side: dict[str, Any]) -> list[tuple[str, int]]:
    """Return the situations of a side with their counts."""
    return [(each["text"], each["count"]) for each in side["situations"]]


def test_diff_says_what_the_operands_were(
    repository: Drawing, capsys: pytest.CaptureFixture[str]
) -> None:
    """On base and on head, how often, and how often they changed."""
    base = repository.commit({"bench.py": FAST})
    head = repository.commit({"bench.py": SLOW})
    report = run("diff", base, head, "bench.py", capsys=capsys)
    for change in _failing(report):
        found = change["explanation"]
        assert texts(found["base"]) == [("float and float", 500)]
        assert texts(found["head"]) == [("float and int", 500)]
        assert (found["head"]["executions"], found["head"]["switches"]) == (500, 0)
        assert found["share"] == 1.0
        assert change["reason"]
    assert report["conditions"] == []


def _failing(report: dict[str, Any]) -> Iterable[dict[str, Any]]:
    found = [change for change in report["changes"] if change["kind"] != "improvement"]
    assert found
    return found


def test_no_explain_runs_nothing_more(
    repository: Drawing, capsys: pytest.CaptureFixture[str]
) -> None:
    """And leaves the explanation out."""
    base, head = repository.commit({"bench.py": FAST}), repository.commit({"bench.py": SLOW})
    report = run("diff", base, head, "--no-explain", "bench.py", capsys=capsys)
    assert ["explanation" in change for change in report["changes"]] == [False]


COUNTED = """
import os, sys
path = os.environ["COUNT"]
runs = len(open(path).read()) if os.path.exists(path) else 0
with open(path, "a") as file:
    file.write("x")
"""


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        ("print('run', 'abcdefgh'[runs])", "wrote something else than in the first run"),
        ("sys.exit(type(compile) is not type(len))", "ended with exit status 1"),
    ],
    ids=["output", "status"],
)
def test_a_suite_that_notices_is_not_explained(
    repository: Drawing,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    extra: str,
    message: str,
) -> None:
    """The verdict stands, a condition says why there are no reasons."""
    base = repository.commit({"bench.py": COUNTED + FAST + extra})
    head = repository.commit({"bench.py": COUNTED + SLOW + extra})
    count = f"COUNT={tmp_path / 'count'}"
    report = run("diff", base, head, "--env", count, "bench.py", capsys=capsys)
    assert report["verdict"] == "fail"
    assert [each["name"] for each in report["conditions"]] == ["not-explained"] * 2
    assert all(message in each["message"] for each in report["conditions"])
    (change,) = report["changes"]
    assert change["reason"] is None
    assert "says nothing" in change["explanation"]["not_explained"]


def test_explain_says_what_a_line_meets(
    repository: Drawing, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Changes or not, relative to the folder that the user stands in."""
    (repository.root / "inner").mkdir()
    repository.commit({"inner/bench.py": MIXED})
    monkeypatch.chdir(repository.root / "inner")
    found = run("explain", "bench.py:3", "bench.py", capsys=capsys)
    (site,) = (site for site in found["sites"] if site["family"] == "BINARY_OP")
    assert (found["path"], found["line"]) == ("inner/bench.py", 3)
    assert texts(site["seen"]) == [("float and float", 375), ("float and int", 125)]
    assert site["seen"]["switches"] == 249
    assert 0 < site["seen"]["predicted_misses"] < 1
    for form in ("terminal", "markdown"):
        assert main(["explain", "bench.py:3", "--format", form, "--", "bench.py"]) == 0
        assert "float and float 75.0%" in capsys.readouterr().out


def test_explain_finds_the_worst_lines(
    repository: Drawing, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of a file or folder, what costs most first; nothing where nothing fails."""
    rare = (
        "\ndef rare(left, right):\n    return left % right\n\nfor n in range(90):\n    rare(n, 7)\n"
    )
    repository.commit({"inner/bench.py": MIXED + rare, "fine.py": "print(1 + 1)\n"})
    found = json.loads(_out("explain", "inner", "--format", "json", capsys=capsys))
    lines = [(each["line"], [site["family"] for site in each["sites"]]) for each in found]
    assert lines[0] == (3, ["BINARY_OP"])
    assert (14, ["BINARY_OP"]) in lines
    assert all(each["path"] == "inner/bench.py" for each in found)
    text = _out("explain", ".", "-n", "1", capsys=capsys)
    assert ("inner/bench.py:3" in text, "inner/bench.py:14" in text) == (True, False)
    assert _out("explain", "fine.py", capsys=capsys) == "All that was tried is specialized.\n"


CALLED = """
import os
for number in range(int(os.environ["CALLS"])):
    number // 2.0
"""


def test_show_explains_a_snapshot(
    repository: Drawing,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As explain does of all that the commit runs, whatever is checked out by now."""
    repository.commit({"inner/bench.py": MIXED + CALLED, "fine.py": "print(1 + 1)\n"})
    (repository.root / "inner/bench.py").write_text(CALLED)
    file = str(tmp_path / "snapshot.json")
    monkeypatch.setenv("CALLS", "7")
    _out("run", "HEAD", "-o", file, "--env", "CALLS=90", "--source", "inner", capsys=capsys)
    explained = ("HEAD", "--env", "CALLS=90", "--source", "inner", "--format", "json")
    expected = json.loads(_out("explain", ".", *explained, capsys=capsys))
    assert main(["show", file, "--explain", "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [each["sites"] for each in found] == [each["sites"] for each in expected] != []
    assert {each["path"] for each in found} == {"inner/bench.py"}
    assert main(["show", file, "--explain", "--format", "json", "-n", "1"]) == 0
    assert [each["line"] for each in json.loads(capsys.readouterr().out)] == [found[0]["line"]]


def test_show_explains_what_ran_then(
    repository: Drawing, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A suite that was found runs again as often as it did."""
    text = "def time_it():\n    for number in range(40):\n        number // 2.0\n"
    repository.commit({"benchmarks/speed.py": text})
    file = str(tmp_path / "snapshot.json")
    assert main(["run", "HEAD", "-o", file, "--calls", "3"]) == 0
    assert main(["show", file, "--explain", "--format", "json"]) == 0
    (line,) = json.loads(capsys.readouterr().out)
    assert [site["seen"]["executions"] for site in line["sites"]] == [3 * 40]


def test_show_explains_no_uncommitted_changes(
    repository: Drawing, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """They may be others by now. Nor has a report anything to explain."""
    repository.commit({"bench.py": FAST})
    (repository.root / "bench.py").write_text(SLOW)
    file = str(tmp_path / "snapshot.json")
    assert main(["run", "-o", file, "--", "bench.py"]) == 0
    assert main(["show", file, "--explain"]) == 2
    assert "uncommitted changes" in capsys.readouterr().err
    assert main(["compare", file, file, "--format", "json", "-o", file]) == 0
    assert main(["show", file, "--explain"]) == 2
    assert "is a report" in capsys.readouterr().err


def _out(*argv: str, capsys: pytest.CaptureFixture[str]) -> str:
    script = "import runpy; runpy.run_path('inner/bench.py'); runpy.run_path('fine.py')"
    assert main([*argv, "--", "python", "-c", script]) == 0
    return capsys.readouterr().out


TESTED = """
import half

for number in range({}):
    half.half(float(number))
"""


def test_base_is_explained_with_the_tests_it_was_confirmed_with(
    repository: Drawing, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where both sides' tests differ, base meets what head's bring."""
    text = "def half(value):\n    return value {}\n"
    base = repository.commit({"half.py": text.format("* 0.5"), "tests/run.py": TESTED.format(500)})
    head = repository.commit({"half.py": text.format("// 2"), "tests/run.py": TESTED.format(700)})
    argv = ("diff", base, head, "--no-cache", "--format", "json")
    main([*argv, "--", "python", "tests/run.py"])
    report = json.loads(capsys.readouterr().out)
    assert [each["name"] for each in report["conditions"]] == ["workload-changed"]
    (change,) = report["changes"]
    found = change["explanation"]
    assert texts(found["base"]) == [("float and float", 700)]
    assert texts(found["head"]) == [("float and int", 700)]


@pytest.mark.parametrize(
    "place", ["bench.py:1", "bench.py:999", "nothing.py:1", "nothing", "../bench.py:1"]
)
def test_explain_refuses_a_line_without_instructions(
    repository: Drawing, capsys: pytest.CaptureFixture[str], place: str
) -> None:
    """With exit code 2, and what to do."""
    repository.commit({"bench.py": FAST})
    assert main(["explain", place, "--", "bench.py"]) == 2
    assert capsys.readouterr().err.startswith("specialist-ci: ")

"""Several interpreters in one report: each change once, with who has it, and the worst verdict."""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from pythons import interpreters
from repositories import Drawing

from specialist_ci.cli import main
from specialist_ci.comparing.compare import order_of
from specialist_ci.formats.report import Change, ChangeKind, Failure, Report, Reports, Verdict
from specialist_ci.formats.snapshot import State
from specialist_ci.render import Format, render_reports
from specialist_ci.render.across import Group, groups, merged

SCHEMA = Path(__file__).parents[1] / "docs" / "schemas" / "reports-v1.schema.json"

# From 3.13 on a membership test is a site; a floor division fails on every version.
BENCH = """\
def member(value):
    return value in {container}


def halve(value):
    return value {operator} 2.0


for number in range(1000):
    member(number)
    halve(float(number))
"""
BASE = BENCH.format(container="{1, 2}", operator="-")
HEAD = BENCH.format(container="(1, 2)", operator="//")
PAIRS = [pair for pair in (("3.11", "3.13"), ("3.12", "3.14")) if set(pair) <= {*interpreters()[0]}]


def change(column: int = 0, end: int = 9, **other: Any) -> Change:  # noqa: ANN401 - any field
    """Return a regression of an attribute at some columns of the first line."""
    values: dict[str, Any] = {
        "kind": ChangeKind.REGRESSION,
        "path": "a.py",
        "line": 1,
        "end_line": 1,
        "column": column,
        "end_column": end,
        "function": "f",
        "source": "x.a + y.a",
        "base_path": "a.py",
        "base_line": 1,
        "base_source": "x.a + y.a",
        "family": "LOAD_ATTR",
        "argrepr": "a",
        "base_state": State.SPECIALIZED,
        "head_state": State.ADAPTIVE,
        "base_form": "LOAD_ATTR_SLOT",
        "head_form": None,
        "head_misses": 0,
        "head_failed_attempts": 5,
        "direct": True,
        "executions": 40,
    }
    return Change(**{**values, **other})


def seen(several: Sequence[Sequence[Change]]) -> list[set[int]]:
    """Return which interpreters have each of the merged changes."""
    return [set(one.found) for one in merged(several)]


@pytest.mark.parametrize(
    ("several", "expected"),
    [
        ([[change()], [change()]], [{0, 1}]),
        ([[change()], []], [{0}]),
        ([[change()], [change(argrepr="b")]], [{0}, {1}]),
        ([[change()], [change(kind=ChangeKind.NEW)]], [{0}, {1}]),
        ([[change()], [change(line=2, end_line=2)]], [{0}, {1}]),
        # Two sites of one name on a line are told apart by their columns.
        ([[change(0, 3)], [change(6, 9)]], [{0}, {1}]),
        ([[change(0, 3), change(6, 9)], [change(6, 9)]], [{0}, {0, 1}]),
        # A loop is at all of it in 3.12, at what it runs over in 3.13.
        ([[change(0, 3, end_line=4)], [change(6, 9)]], [{0, 1}]),
        # A call with keywords has a family of its own from 3.14 on.
        ([[change(family="CALL", argrepr="")], [change(family="CALL_KW", argrepr="")]], [{0, 1}]),
        # Without columns, in order.
        (
            [[change()], [change().model_copy(update={"column": None, "end_column": None})]],
            [{0, 1}],
        ),
    ],
)
def test_the_same_change_is_one(several: list[list[Change]], expected: list[set[int]]) -> None:
    """It is the same on one line, of the same work, at columns that fit."""
    assert seen(several) == expected


CHANGES = st.lists(
    st.builds(
        change,
        st.integers(0, 3),
        st.integers(4, 6),
        line=st.integers(1, 2),
        end_line=st.just(2),
        family=st.sampled_from(("CALL", "CALL_KW", "LOAD_ATTR")),
    ),
    max_size=5,
).map(lambda changes: sorted(changes, key=order_of))


@given(st.lists(CHANGES, min_size=1, max_size=4))
def test_every_change_is_there_exactly_once(several: list[list[Change]]) -> None:
    """Nothing is lost and nothing counted twice, and each interpreter has an entry once."""
    found = [(number, each) for one in merged(several) for number, each in one.found.items()]
    assert sorted(map(repr, found)) == sorted(
        repr((number, each)) for number, changes in enumerate(several) for each in changes
    )


@given(CHANGES, st.integers(1, 4))
def test_equal_interpreters_share_everything(changes: list[Change], number: int) -> None:
    """The same changes on all interpreters are on all of them."""
    assert all(len(one.found) == number for one in merged([changes] * number))


# --- real interpreters ---


@pytest.fixture
def compared(repository: Drawing) -> Drawing:
    """Make base and head."""
    for tag, text in (("base", BASE), ("head", HEAD)):
        repository.commit({"bench.py": text, "sub.py": "import bench\n"})
        repository.git("tag", tag)
    return repository


def run(*argv: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    """Run the command line in the repository."""
    code = main(argv)
    captured = capsys.readouterr()
    return code, captured.out, captured.err


@pytest.mark.parametrize("pair", PAIRS, ids="+".join)
def test_one_report_for_several_interpreters(
    compared: Drawing, pair: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    """What one interpreter alone has is said so, in every format."""
    older, newer = pair
    argv = ["diff", "base", "head", "--python", older, "--python", newer, "--python", older]
    code, out, _err = run(*argv, "--format", "json", "--", "bench.py", capsys=capsys)
    data = json.loads(out)
    Draft202012Validator(json.loads(SCHEMA.read_text(encoding="utf-8"))).validate(data)
    several = Reports.model_validate(data)
    assert (code, several.failures) == (1, ())
    assert [report.head.python.minor for report in several.reports] == [older, newer]
    assert all(report.verdict is Verdict.FAIL for report in several.reports)
    (group,) = groups(several)
    where = {one.first.family: group.where(one.found) for one in group.changes}
    assert where == {"CONTAINS_OP": f"on {newer} only", "BINARY_OP": "on all versions"}
    page = render_reports(several, Format.HTML)
    assert (page.count("<article>"), f"on {newer} only" in page) == (3, True)
    for style in (Format.TERMINAL, Format.MARKDOWN):
        text = render_reports(several, style)
        flat = " ".join(text.replace("`", "").split())
        assert "^^^" in text
        assert text.count("bench.py:2") == 1
        assert f"on {newer} only" in flat
        assert re.search(rf"{re.escape(older)}:? has no CONTAINS_OP", flat)
    assert compared.git("worktree", "list").count("\n") == 0


@pytest.mark.usefixtures("compared")
@pytest.mark.parametrize("pair", PAIRS[:1], ids="+".join)
def test_an_interpreter_that_fails_is_not_green(
    pair: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    """The others have their report, and the answer begins with what is missing."""
    older, newer = pair
    script = f"import sys, bench; sys.exit(sys.version_info[:2] == ({older.replace('.', ', ')}))"
    argv = ["diff", "base", "base", "--python", older, "--python", newer]
    code, out, err = run(*argv, "--", "-c", script, capsys=capsys)
    assert code == 3
    assert out.startswith(f"NOT MEASURED on {older}; no line stopped specializing on {newer}")
    assert f"on Python {older}: " in " ".join(out.split())
    assert "exit status 1" in err
    _code, out, _err = run(*argv, "--format", "markdown", "--", "-c", script, capsys=capsys)
    assert out.startswith("### ⚠️ NOT MEASURED")
    assert "✅" not in out


@pytest.mark.parametrize("pair", PAIRS[:1], ids="+".join)
def test_configured_interpreters_and_their_files(
    compared: Drawing,
    pair: tuple[str, str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """All of the list are measured; `run` writes a file for each; an option replaces them."""
    older, newer = pair
    config = f'python = ["{older}", "{newer}"]\n[suites.s]\ncommand = "bench.py"\n'
    compared.commit({"bench.py": HEAD, "specialist-ci.toml": config})
    code, _out, err = run("run", "-o", str(tmp_path / "x.json"), capsys=capsys)
    assert (code, err.count("suite s")) == (0, 1)
    files = sorted(path.name for path in tmp_path.glob("*.json"))
    assert files == sorted([f"x-{older}.json", f"x-{newer}.json"])
    for version in pair:
        snapshot = json.loads((tmp_path / f"x-{version}.json").read_text(encoding="utf-8"))
        assert snapshot["provenance"]["python"]["version"].startswith(version)
    _code, out, _err = run("check-config", capsys=capsys)
    assert out.count("  python  ") == 2
    _code, out, _err = run("check-config", "--python", newer, capsys=capsys)
    assert out.count("  python  ") == 1
    assert "[command line]" in out


# --- wording ---


def report_of(report: Report, *, version: str, changes: tuple[Change, ...] = ()) -> Report:
    """Return a report of another version with these changes."""
    python = report.head.python.model_copy(update={"version": version})
    side = report.head.model_copy(update={"python": python})
    verdict = Verdict.FAIL if changes else Verdict.PASS
    return report.model_copy(
        update={"base": side, "head": side, "changes": changes, "verdict": verdict}
    )


@pytest.mark.usefixtures("compared")
def test_what_is_said_of_where(capsys: pytest.CaptureFixture[str]) -> None:
    """Only where the others are known to be without it; labels are as long as they must be."""
    _code, out, _err = run(
        "diff", "base", "base", "--format", "json", "--", "bench.py", capsys=capsys
    )
    plain = Report.model_validate_json(out)
    versions = ("3.12.1", "3.13.0", "3.14.2")
    with_, without, third = (
        report_of(plain, version=version, changes=changes)
        for version, changes in zip(versions, ((change(),), (), (change(),)), strict=True)
    )
    group = Group((with_, without, third))
    assert group.labels == ("3.12", "3.13", "3.14")
    assert [group.where(one.found) for one in group.changes] == ["on 3.12 and 3.14 only"]
    failure = Failure(suite="s", message="m", remedy="r", python="3.13")
    unknown = Group((with_, third), (failure,))
    assert [unknown.where(one.found) for one in unknown.changes] == ["on 3.12 and 3.14"]
    assert unknown.verdict is Verdict.NOT_COMPARABLE
    refused = without.model_copy(update={"verdict": Verdict.NOT_COMPARABLE})
    assert Group((with_, refused)).verdict is Verdict.NOT_COMPARABLE
    assert Group((with_, third)).verdict is Verdict.FAIL
    assert [Group((with_, third)).where({0, 1})] == ["on all versions"]
    builds = Group((with_, report_of(plain, version="3.12.2"), report_of(plain, version="3.12.1")))
    assert builds.labels == ("3.12.1 (1)", "3.12.2 (2)", "3.12.1 (3)")

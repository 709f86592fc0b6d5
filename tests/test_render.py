"""Reports and snapshots as text: goldens of whole outputs, and laws for hostile ones.

Write the goldens anew with ``UPDATE_GOLDEN=1 pytest tests/test_render.py`` and read their
diff. Where an output differs, it is saved beside its golden, with ``.actual`` in its name.
"""

import dataclasses
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token
from pictures import PYTHON
from rich.cells import cell_len

from specialist_ci.formats.report import (
    Acknowledged,
    Change,
    ChangeKind,
    ExplainedLine,
    ExplainedSite,
    Explanation,
    FamilyRow,
    FileRow,
    Report,
    Seen,
    Side,
    Situation,
    Unconfirmed,
    Verdict,
    Violation,
)
from specialist_ci.formats.snapshot import (
    Condition,
    Counts,
    Function,
    Line,
    Provenance,
    Python,
    Site,
    Snapshot,
    SourceFile,
    State,
    Suite,
    ratio,
)
from specialist_ci.reasons.rows import NOTHING
from specialist_ci.render import Format, render_line, render_report, render_snapshot
from specialist_ci.render.fit import shorten
from specialist_ci.render.lines import changed_lines
from specialist_ci.render.markdown import render_markdown

GOLDEN = Path(__file__).parent / "golden"
LINKS = "https://github.com/octo/shapes/blob/{commit}/{path}#L{line}"
BASE_COMMIT = "1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d"
HEAD_COMMIT = "9f8e7d6c5b4a39281706f5e4d3c2b1a09f8e7d6c"
SUITE = Suite(command=("python", "-m", "pytest", "-q"), source=(), environment={})

WIDTHS = st.integers(min_value=60, max_value=140)
# Words that mean something to Markdown, to GitHub, to a terminal or to a runner of Actions.
WORDS = [
    "`", "``", "```\n", "|", "\\", "\\|", "<!--", "-->", "<img src=x onerror=y>", "</details>",
    "@octocat", "#123", "GH-7", "o/r#1", "[a](http://x.y)", "![a](b)", "http://x.y", "www.x.y",
    "a@b.cd", ":tada:", "$x$", "&lt;", "***", "_", "~~", "-", "1.", "::error::x", "##[group]",
    "[red]", "[/]",
]  # fmt: skip
CHARACTERS = [*"\n\r\t\x1b\x07\u202e\u2028\u200b\ud800 a漢\u0301👩🏽", "\n\n# h\n", "x" * 70]
HOSTILE = st.lists(
    st.sampled_from(WORDS) | st.sampled_from(CHARACTERS) | st.text(max_size=5),
    min_size=1,
    max_size=8,
).map("".join)


def counts(specialized: int, unstable: int = 0, adaptive: int = 0, cold: int = 0) -> Counts:
    """Return counts with their ratio."""
    share = ratio(specialized, unstable, adaptive)
    return Counts(
        specialized=specialized, unstable=unstable, adaptive=adaptive, cold=cold, ratio=share
    )


def python(version: str = "3.13.0") -> Python:
    """Return an interpreter that differs from others by its version only."""
    return PYTHON.model_copy(update={"version": version})


def provenance(
    revision: str, commit: str | None, *, dirty: bool = False, version: str = "3.13.0"
) -> Provenance:
    """Return where a side comes from."""
    return Provenance(
        tool="0.1.0",
        revision=revision,
        commit=commit,
        dirty=dirty,
        python=python(version),
        suite=SUITE,
        processes=3,
    )


def seen(executions: int, *situations: tuple[str, int], switches: int = 0) -> Seen:
    """Return what a site met: texts, and how often."""
    return Seen(
        executions=executions,
        switches=switches,
        predicted_misses=0.444 if switches else 0.0,
        situations=tuple(
            Situation(kind="binary", facts={}, text=text, count=count) for text, count in situations
        ),
    )


def explanation(base: Seen | None, head: Seen | None, **more: Any) -> Explanation:  # noqa: ANN401 - its fields
    """Return an explanation that says nothing else than what is given."""
    return Explanation(
        **{
            "base": base,
            "head": head,
            "share": 0.5,
            "cost": None,
            "eliminated": False,
            "not_explained": None,
            **more,
        }
    )


FLOATS, MIXED = ("float and float", 1_200_000), ("float and int", 1_200_000)
REGRESSION = Change(
    kind=ChangeKind.REGRESSION,
    path="src/shapes/geometry.py",
    line=42,
    end_line=42,
    column=13,
    end_column=29,
    function="Point.distance",
    source="        dx = self.x - other.x",
    base_path="src/shapes/geometry.py",
    base_line=40,
    base_source="        dx = self.x - other.x",
    family="BINARY_OP",
    argrepr="-",
    base_state=State.SPECIALIZED,
    head_state=State.ADAPTIVE,
    base_form="BINARY_OP_SUBTRACT_FLOAT",
    head_form=None,
    head_misses=0,
    head_failed_attempts=10,
    direct=False,
    executions=1_200_000,
    reason="the operands are float and int; on base both were float",
    advice="write 32.0 instead of 32 in src/shapes/units.py",
    explanation=explanation(seen(1_200_000, FLOATS), seen(1_200_000, MIXED)),
)
UNSTABLE = REGRESSION.model_copy(
    update={
        "column": 13,
        "end_column": 19,
        "family": "LOAD_ATTR",
        "argrepr": "x",
        "head_state": State.UNSTABLE,
        "base_form": "LOAD_ATTR_INSTANCE_VALUE",
        "head_form": "LOAD_ATTR_INSTANCE_VALUE",
        "head_misses": 37,
        "executions": None,
        "reason": None,
        "advice": None,
        "explanation": explanation(
            seen(90, ("Point", 90)),
            seen(90_000, ("Point", 40_000), ("Circle", 30_000), ("Line", 19_000), switches=59_990),
            not_explained="no rule says why it does not specialize with what it met",
        ),
    }
)
DIRECT = REGRESSION.model_copy(
    update={
        "path": "src/shapes/units.py",
        "line": 7,
        "end_line": 7,
        "function": "fahrenheit",
        "source": "    return celsius * 9 / 5 + 32",
        "base_path": "src/shapes/convert.py",
        "base_line": 7,
        "base_source": "    return celsius * 1.8 + 32.0",
        "argrepr": "+",
        "base_form": "BINARY_OP_ADD_FLOAT",
        "column": 11,
        "end_column": 31,
        "direct": True,
        "reason": None,
        "advice": None,
        "explanation": None,
    }
)
NEW = REGRESSION.model_copy(
    update={
        "kind": ChangeKind.NEW,
        "path": "src/shapes/labels.py",
        "line": 3,
        "end_line": 3,
        "column": 14,
        "end_column": 32,
        "function": "title",
        "source": '    label = ("面積: " + str(area))[::2]',
        "base_path": None,
        "base_line": None,
        "base_source": None,
        "family": "BINARY_SUBSCR",
        "argrepr": "",
        "base_state": None,
        "base_form": None,
        "head_failed_attempts": 1,
        "direct": True,
        "executions": 64,
        "reason": "a slice has no specialized form on 3.13",
        "advice": None,
        "explanation": explanation(
            None, seen(64, ("str[slice]", 64)), eliminated=True, share=0.001
        ),
    }
)
HOPELESS = NEW.model_copy(
    update={
        "line": 5,
        "end_line": 5,
        "family": "BINARY_OP",
        "argrepr": "*",
        "advice": NOTHING,
        "explanation": explanation(None, seen(40, ("list and int", 30), ("str and int", 10))),
    }
)
# For the same reason, with the same advice, as the first regression.
AGAIN = REGRESSION.model_copy(update={"line": 90, "end_line": 90, "base_line": 88})
IMPROVEMENT = REGRESSION.model_copy(
    update={
        "kind": ChangeKind.IMPROVEMENT,
        "line": 77,
        "end_line": 77,
        "function": "Polygon.area",
        "source": "    for a in self.edges:",
        "base_line": 77,
        "base_source": "    for a in self.edges:",
        "column": 13,
        "end_column": 23,
        "family": "FOR_ITER",
        "argrepr": "",
        "base_state": State.ADAPTIVE,
        "head_state": State.SPECIALIZED,
        "base_form": None,
        "head_form": "FOR_ITER_LIST",
        "head_failed_attempts": 0,
        "direct": True,
        "executions": None,
        "reason": None,
        "advice": None,
        "explanation": explanation(seen(7, ("dict", 7)), seen(7, ("list", 7))),
    }
)
SITE = ExplainedSite(
    function="Point.distance",
    column=13,
    end_line=42,
    end_column=29,
    family="BINARY_OP",
    argrepr="-",
    state=State.ADAPTIVE,
    form=None,
    misses=0,
    failed_attempts=9,
    respecialized=0,
    executions=70,
    seen=seen(80, ("float and int", 80)),
    reason="the operands are float and int",
    advice=None,
    cost=1.7,
    eliminated=False,
    not_explained=None,
)
LINE = ExplainedLine(
    provenance=provenance("main", BASE_COMMIT),
    path="src/shapes/geometry.py",
    line=42,
    source=REGRESSION.source,
    sites=(
        SITE,
        SITE.model_copy(
            update={
                "family": "LOAD_ATTR",
                "argrepr": "x",
                "end_column": 19,
                "form": "SLOT",
                "state": State.SPECIALIZED,
                "reason": None,
                "seen": seen(80, ("Point", 80)),
            }
        ),
        SITE.model_copy(
            update={
                "family": "LOAD_ATTR",
                "argrepr": "x",
                "column": 22,
                "form": "SLOT",
                "state": State.UNSTABLE,
                "reason": None,
                "seen": seen(0),
                "not_explained": "it is inside a pattern",
            }
        ),
    ),
    conditions=(),
)

FAIL = Report(
    verdict=Verdict.FAIL,
    base=provenance("main", BASE_COMMIT),
    head=provenance("add-units", HEAD_COMMIT),
    totals=Side(base=counts(1_129, 0, 71, 400), head=counts(1_113, 1, 86, 402)),
    families=(
        FamilyRow(family="BINARY_OP", base=counts(210, 0, 20), head=counts(198, 0, 33)),
        FamilyRow(family="FOR_ITER", base=counts(40, 0, 2), head=counts(41, 0, 1)),
        FamilyRow(family="LOAD_ATTR", base=counts(500, 0, 3), head=counts(499, 1, 3)),
        FamilyRow(family="LOAD_GLOBAL", base=counts(300), head=counts(300)),
    ),
    files=(
        FileRow(path="src/shapes/geometry.py", base=counts(1_000, 0, 40), head=counts(985, 1, 55)),
        FileRow(path="src/shapes/labels.py", base=counts(0), head=counts(7, 0, 1)),
        FileRow(path="src/shapes/unchanged.py", base=counts(5), head=counts(5, 0, 0, 9)),
        FileRow(
            path="src/shapes/" + "deeply/nested/" * 5 + "units.py",
            base=counts(12),
            head=counts(10, 0, 2),
        ),
    ),
    changes=(REGRESSION, UNSTABLE, DIRECT, NEW, IMPROVEMENT),
    flaky=(UNSTABLE.model_copy(update={"line": 60}),),
    conditions=(
        Condition(
            name="suite-failed",
            message="2 tests failed on head, so that fewer lines ran",
            remedy="mend the tests; what they do not reach is not measured",
            side="head",
        ),
    ),
    fail_on=("regression",),
    acknowledged=(
        Acknowledged(
            change=NEW.model_copy(update={"line": 9}),
            reason="one label, once | a year",
            where="pyproject.toml",
        ),
    ),
    violations=(
        Violation(rule="regression", message="3 changes"),
        Violation(rule="budget", message="src/shapes: 16 failing sites, at most 15 allowed"),
    ),
)
# With what is told in few words, too.
LONG = FAIL.model_copy(
    update={
        "changes": (REGRESSION, UNSTABLE, DIRECT, AGAIN, NEW, HOPELESS, IMPROVEMENT),
        "unconfirmed": (
            Unconfirmed(
                change=UNSTABLE.model_copy(update={"line": 61}),
                reason="it misses in less than 1% of its executions",
            ),
        ),
        "conditions": (
            *FAIL.conditions,
            *(
                Condition(
                    name="lfs-pointers",
                    message="data.bin is a pointer of Git LFS",
                    remedy="run 'git lfs pull'",
                    side=side,
                )
                for side in ("base", "head")
            ),
        ),
    }
)
PASS = FAIL.model_copy(
    update={
        "verdict": Verdict.PASS,
        "head": provenance("HEAD", HEAD_COMMIT, dirty=True),
        "totals": Side(base=FAIL.totals.base, head=FAIL.totals.base),
        "families": FAIL.families[3:],
        "files": FAIL.files[2:3],
        "changes": (),
        "flaky": (),
        "conditions": (),
        "acknowledged": (),
        "violations": (),
    }
)
NOT_COMPARABLE = PASS.model_copy(
    update={
        "verdict": Verdict.NOT_COMPARABLE,
        "head": provenance("add-units", HEAD_COMMIT, version="3.14.0"),
        "conditions": (
            *FAIL.conditions,
            Condition(
                name="different-python",
                message="base ran on Python 3.13.0 and head on Python 3.14.0",
                remedy="measure both with the same interpreter, or ask for --across-pythons",
                blocking=True,
            ),
        ),
    }
)

SITES = (
    Site(
        function=1, offset=6, column=9, end_line=2, end_column=15, family="LOAD_ATTR", argrepr="x",
        state=State.UNSTABLE, form="LOAD_ATTR_INSTANCE_VALUE", misses=37, executions=5_000,
    ),
    Site(
        function=1, offset=26, column=18, end_line=2, end_column=25, family="LOAD_ATTR",
        argrepr="x", state=State.SPECIALIZED, form="LOAD_ATTR_INSTANCE_VALUE",
    ),
    Site(
        function=1, offset=46, column=9, end_line=2, end_column=25, family="BINARY_OP",
        argrepr="-", state=State.ADAPTIVE, failed_attempts=9,
    ),
)  # fmt: skip
SPLIT_SITE = Site(
    function=0, offset=8, column=37, end_line=3, end_column=10, family="BINARY_OP", argrepr="*",
    state=State.ADAPTIVE, failed_attempts=1,
)  # fmt: skip
SNAPSHOT = Snapshot(
    schema_version=1,
    provenance=provenance("main", BASE_COMMIT),
    totals=counts(11, 1, 2, 40),
    families={"BINARY_OP": counts(1, 0, 2), "LOAD_ATTR": counts(10, 1), "CALL": counts(0, cold=4)},
    pystats={},
    conditions=(),
    files=(
        SourceFile(
            path="src/shapes/geometry.py",
            source="def distance(self, other):\n    dx = self.x - other.x\n    return dx\n",
            counts=counts(1, 1, 1),
            functions=(Function("<module>", 1), Function("distance", 1)),
            lines=(Line(2, 1, 1, 1, 0, 0, 1 / 3, SITES),),
        ),
        SourceFile(
            path="src/shapes/labels.py",
            source="def title(n):\n    return '面積: ' + f'{n:\t>8}' + 1 * (\n        n)\n",
            counts=counts(10, 0, 1, 36),
            functions=(Function("title", 1),),
            lines=(Line(2, 0, 0, 1, 0, 0, 0.0, (SPLIT_SITE,)),),
        ),
    ),
)


def golden(name: str, actual: str) -> None:
    """Compare with a golden file, or write it if asked to."""
    path = GOLDEN / name
    actual += "\n"
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(actual, encoding="utf-8")
    if not path.exists() or path.read_text(encoding="utf-8") != actual:
        saved = path.with_suffix(f".actual{path.suffix}")
        saved.write_text(actual, encoding="utf-8")
        pytest.fail(f"{path.name} differs from {saved}; see this module's docstring")


REPORTS = {"fail": LONG, "pass": PASS, "not-comparable": NOT_COMPARABLE}
SUFFIXES = {Format.TERMINAL: "txt", Format.MARKDOWN: "md"}


@pytest.mark.parametrize("name", REPORTS)
@pytest.mark.parametrize("to", SUFFIXES)
def test_report_reads_as_its_golden(name: str, to: Format) -> None:
    """A whole report is what a reader once approved."""
    golden(f"{name}.{SUFFIXES[to]}", render_report(REPORTS[name], to, links=LINKS))


@pytest.mark.parametrize("to", SUFFIXES)
def test_snapshot_reads_as_its_golden(to: Format) -> None:
    """A whole snapshot is what a reader once approved."""
    golden(f"snapshot.{SUFFIXES[to]}", render_snapshot(SNAPSHOT, to))


@pytest.mark.parametrize("to", SUFFIXES)
def test_explained_line_reads_as_its_golden(to: Format) -> None:
    """A whole explained line is what a reader once approved."""
    golden(f"line.{SUFFIXES[to]}", render_line(LINE, to))


@pytest.mark.parametrize("to", Format)
def test_every_format_renders_both_values(to: Format) -> None:
    """Each member of the enum is wired, for reports and for snapshots, and is deterministic."""
    for text in (render_report(FAIL, to), render_snapshot(SNAPSHOT, to)):
        assert text
        assert text == text.strip()
    assert render_report(FAIL, to) == render_report(FAIL.model_copy(deep=True), to)


def test_json_is_the_value() -> None:
    """JSON comes back as the same report and the same snapshot."""
    assert Report.model_validate_json(render_report(FAIL, Format.JSON)) == FAIL
    assert Snapshot.model_validate_json(render_snapshot(SNAPSHOT, Format.JSON)) == SNAPSHOT
    assert json.loads(render_report(FAIL, Format.JSON))["verdict"] == "fail"


def test_terminal_ignores_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Width and color are the caller's decision alone."""
    plain, colored = (render_report(FAIL, Format.TERMINAL, color=color) for color in (False, True))
    for name, value in {"NO_COLOR": "1", "COLUMNS": "20", "TERM": "dumb"}.items():
        monkeypatch.setenv(name, value)
    assert render_report(FAIL, Format.TERMINAL, color=True) == colored
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert render_report(FAIL, Format.TERMINAL) == plain
    assert "\x1b[1;31mFAIL" in colored
    assert SGR.sub("", colored) == plain


@pytest.mark.parametrize(
    ("update", "sentence"),
    [
        ({"changes": ()}, "FAIL: no line stopped specializing; 94.1% → 92.8%"),
        ({"changes": (NEW, NEW)}, "FAIL: 2 new failing sites; 94.1%"),
        ({"changes": (DIRECT,)}, "FAIL: 1 regression; 94.1%"),
        ({"changes": (UNSTABLE,), "verdict": Verdict.PASS}, "PASS: 1 regression (1 indirect); "),
        (
            {"changes": (IMPROVEMENT,), "verdict": Verdict.PASS},
            "PASS: no line stopped specializing; 1 improvement; 94.1%",
        ),
        ({"totals": Side(base=counts(0), head=counts(0))}, "; no site was tried (Python 3.13.0)"),
        ({"totals": Side(base=counts(0), head=counts(1))}, "; none tried → 100.0% of tried sites"),
        ({"totals": Side(base=counts(2), head=counts(9_999, 0, 1))}, "; 100.0% → 99.9% of tried"),
        ({"totals": Side(base=counts(0, 1), head=counts(1, 0, 9_999))}, "; 0.0% → 0.1% of tried"),
        ({"head": provenance("x", None, version="3.14.1")}, "(Python 3.13.0 → 3.14.1)"),
        ({"verdict": Verdict.NOT_COMPARABLE}, "NOT COMPARABLE: the two sides cannot be compared"),
    ],
)
def test_verdict_is_one_sentence(update: dict[str, object], sentence: str) -> None:
    """The first line says what happened, with the figures, in the singular or the plural."""
    text = render_report(FAIL.model_copy(update=update), Format.TERMINAL, width=140)
    assert sentence in text.splitlines()[0]


def test_a_crowded_line_shows_some_sites_and_counts_the_others() -> None:
    """A line with very many sites stays short, in both formats."""
    report = FAIL.model_copy(update={"changes": (REGRESSION,) * 1_000})
    for to in SUFFIXES:
        text = render_report(report, to)
        assert "1,000 regressions (1,000 indirect)" in text
        assert "… and 992 more sites" in text
        assert len(text) < 6_000


@pytest.mark.parametrize("to", [*SUFFIXES, Format.HTML])
def test_a_long_report_shows_the_first_lines_and_lists_the_others(to: Format) -> None:
    """Each change has its place in it, the hopeless last; a reason is told once."""
    changes = [
        change.model_copy(update={"line": line, "end_line": line, "path": f"{name}.py"})
        for name, change, lines in (
            ("worse", REGRESSION, 25),
            ("new", NEW, 14),
            ("hopeless", HOPELESS, 3),
            ("better", IMPROVEMENT, 6),
        )
        for line in range(1, lines + 1)
    ]
    text = render_report(FAIL.model_copy(update={"changes": tuple(changes)}), to)
    for title in ("15 more lines", "4 more lines", "3 lines that nothing can be done about"):
        assert title in text
    for change in changes:
        assert re.search(rf"{change.path}:{change.line}\b", text)
    assert text.count("on base both were float") == 1
    assert text.count("as in ") == 9
    assert text.index("new.py:14") < text.index("hopeless.py:1") < text.index("better.py:1")


@pytest.mark.parametrize("to", [*SUFFIXES, Format.HTML])
def test_a_reason_is_told_once_on_a_line(to: Format) -> None:
    """Two equal instructions on it are two sites, with one reason."""
    other = REGRESSION.model_copy(update={"column": 22, "end_column": 24})
    text = render_report(FAIL.model_copy(update={"changes": (REGRESSION, other)}), to)
    assert text.count("on base both were float") == 1
    assert text.count("as above") == 1


def test_what_has_no_cure_is_shown_where_it_is_a_regression() -> None:
    """It may fail the build, so that the reader wants to see it."""
    change = REGRESSION.model_copy(update={"advice": NOTHING})
    text = render_report(FAIL.model_copy(update={"changes": (change,)}), Format.TERMINAL)
    assert "dx = self.x" in text
    assert "nothing can be done" not in text


@pytest.mark.parametrize("to", [*SUFFIXES, Format.HTML])
def test_what_cannot_be_compared_is_not_compared(to: Format) -> None:
    """No table sets two interpreters side by side as if their figures meant the same."""
    update = {"families": FAIL.families, "files": FAIL.files}
    text = render_report(NOT_COMPARABLE.model_copy(update=update), to)
    assert "BINARY_OP" not in text
    assert "points" not in text


def test_a_place_is_never_cut_where_it_fits() -> None:
    """It is there to be copied, or to be clicked on."""
    path = "a/path/of/many/folders/" * 2 + "x.py"
    change = REGRESSION.model_copy(update={"path": path})
    text = render_report(FAIL.model_copy(update={"changes": (change,)}), Format.TERMINAL)
    assert f"  {path}:42" in text


def test_show_counts_the_lines_left_out() -> None:
    """A limit on the lines keeps the worst and says how many there are besides."""
    for to in SUFFIXES:
        text = render_snapshot(SNAPSHOT, to, limit_lines=1)
        assert "geometry.py:2" in text
        assert "labels.py:2" not in text
        assert "… and 1 more line" in text


def test_the_hottest_of_equally_bad_lines_comes_first() -> None:
    """Where as many sites fail on lines of the same ratio."""
    sites = [dataclasses.replace(SPLIT_SITE, executions=ran) for ran in (None, 40, 7_000)]
    lines = tuple(Line(n, 0, 0, 1, 0, 0, 0.0, (site,)) for n, site in enumerate(sites, 1))
    file = SNAPSHOT.files[1].model_copy(update={"lines": lines})
    snapshot = SNAPSHOT.model_copy(update={"files": (file,)})
    shown = render_snapshot(snapshot, Format.TERMINAL)
    assert re.findall(r"labels\.py:(\d)", shown) == ["3", "2", "1"]


def test_uncommitted_lines_have_no_link() -> None:
    """No commit holds the lines of a dirty working tree, so only base is linked."""
    dirty = FAIL.model_copy(update={"head": PASS.head})
    text = render_markdown(dirty, links=LINKS)
    assert HEAD_COMMIT not in text
    assert BASE_COMMIT in text


SGR = re.compile(r"\x1b\[[0-9;]*m")
OURS = re.compile(r"<details><summary>[\w ,:]+</summary>\n?|</details>\n?")
# What GitHub would turn into links, pictures or formulas in running text.
TRIGGERS = re.compile(r"@\w|#\d|\bgh-\d|\bwww\.|://|:\w+:|\$\w", re.IGNORECASE)


def hostile_explanations() -> st.SearchStrategy[Explanation]:
    """Draw an explanation with anything for types and reasons."""
    count = st.integers(1, 10**9)
    met = st.builds(
        lambda texts, count: seen(len(texts) * count, *((text, count) for text in texts)),
        st.lists(HOSTILE, min_size=1, max_size=4),
        count,
    )
    sides = st.none() | met
    return st.builds(
        lambda base, head, why: explanation(base, head, not_explained=why),
        sides,
        sides,
        st.none() | HOSTILE,
    )


@st.composite
def hostile_changes(draw: st.DrawFn) -> Change:
    """Draw a change whose every text may be anything, and so may its columns."""
    optional = st.none() | HOSTILE
    start = draw(st.none() | st.integers(0, 90))
    texts = {name: draw(HOSTILE) for name in ("path", "function", "source", "family", "argrepr")}
    texts["path"] = texts["path"] or "."  # any name but none
    maybe = {
        name: draw(optional)
        for name in ("base_path", "base_source", "base_form", "head_form", "reason", "advice")
    }
    rest = {
        "kind": draw(st.sampled_from(ChangeKind)),
        "line": draw(st.integers(1, 3)),
        "column": start,
        "end_column": None if start is None else start + draw(st.integers(0, 90)),
        "head_state": draw(st.sampled_from(State)),
        "executions": draw(st.none() | st.integers(0, 10**12)),
        "explanation": draw(st.none() | hostile_explanations()),
    }
    return REGRESSION.model_copy(update=texts | maybe | rest)


@st.composite
def hostile_reports(draw: st.DrawFn) -> Report:
    """Draw a report whose every text may be anything."""
    condition = st.builds(
        Condition, name=HOSTILE, message=HOSTILE, remedy=HOSTILE, blocking=st.booleans()
    )
    figure = st.builds(counts, *([st.integers(0, 10**7)] * 3))
    side = st.builds(
        lambda revision, command: provenance(revision, HEAD_COMMIT).model_copy(
            update={"suite": SUITE.model_copy(update={"command": tuple(command)})}
        ),
        HOSTILE,
        st.lists(HOSTILE),
    )
    rows: dict[str, st.SearchStrategy[list[Any]]] = {
        "families": st.lists(st.builds(FamilyRow, family=HOSTILE, base=figure, head=figure)),
        "files": st.lists(st.builds(FileRow, path=HOSTILE, base=figure, head=figure)),
        "changes": st.lists(hostile_changes(), max_size=4),
        "flaky": st.lists(hostile_changes(), max_size=1),
        "conditions": st.lists(condition, max_size=2),
        "fail_on": st.lists(HOSTILE, max_size=2),
        "acknowledged": st.lists(
            st.builds(Acknowledged, change=hostile_changes(), reason=HOSTILE, where=HOSTILE),
            max_size=2,
        ),
        "unconfirmed": st.lists(
            st.builds(Unconfirmed, change=hostile_changes(), reason=HOSTILE), max_size=1
        ),
        "violations": st.lists(st.builds(Violation, rule=HOSTILE, message=HOSTILE), max_size=2),
    }
    update: dict[str, object] = {name: tuple(draw(values)) for name, values in rows.items()}
    update |= {"base": draw(side), "head": draw(side), "verdict": draw(st.sampled_from(Verdict))}
    return FAIL.model_copy(update=update)


def flat(tokens: list[Token]) -> Iterator[Token]:
    """Yield tokens and those inside them."""
    for token in tokens:
        yield token
        yield from flat(token.children or [])


def check_markdown(text: str) -> list[Token]:
    """Assert that nothing in the Markdown is alive but what we wrote, and return its tokens."""
    text.encode()
    parser = MarkdownIt("commonmark").enable(["table", "strikethrough"])
    tokens = list(flat(parser.parse(text)))
    kinds = {token.type for token in tokens}
    assert kinds.isdisjoint({"image", "s_open", "hardbreak", "hr", "code_block"})
    for token in tokens:
        if token.type.startswith("html"):
            assert OURS.fullmatch(token.content), token.content
        elif token.type == "link_open":
            assert str(token.attrs["href"]).startswith("https://github.com/octo/shapes/blob/")
        elif token.type == "text":
            assert not TRIGGERS.search(token.content), token.content
        elif token.type == "heading_open":
            assert token.markup in {"###", "####"}
    opened, closed = (sum(part in t.content for t in tokens if t.type == "html_block")
                      for part in ("<details>", "</details>"))  # fmt: skip
    assert opened == closed
    return tokens


@given(hostile_reports())
def test_hostile_text_stays_text_in_markdown(report: Report) -> None:
    """Whatever the repository contains, no markup, link or mention of its own comes alive."""
    tokens = check_markdown(render_markdown(report, links=LINKS))
    fences = [token.content for token in tokens if token.type == "fence"]
    assert len(fences) == sum(len(changed_lines(report, kind).full) for kind in ChangeKind)
    assert sum(token.type == "heading_open" and token.tag == "h3" for token in tokens) == 1
    cells = sum(token.type in {"th_open", "td_open"} for token in tokens)
    rows = sum(token.type == "tr_open" for token in tokens)
    assert cells == 6 * rows
    spans = [token.content for token in tokens if token.type == "code_inline"]
    for change in report.changes[:1]:
        assert shorten(change.function, 80) in "\n".join(spans)
        assert shorten(change.source.strip().replace("\t", " "), 120) in "\n".join(fences)


@given(hostile_reports(), st.integers(0, 4_000))
def test_markdown_keeps_its_limit(report: Report, limit: int) -> None:
    """A limited body is never longer, and as well formed as a whole one."""
    text = render_markdown(report, links=LINKS, limit=limit)
    assert len(text) <= limit
    check_markdown(text)


@pytest.mark.parametrize("limit", [*range(0, 600, 7), *range(600, 6_000, 211)])
def test_the_least_important_is_left_out_first(limit: int) -> None:
    """Tables go first, then improvements, then the tail of the changes; each is counted."""
    changes = [
        change.model_copy(update={"line": line})
        for change in (REGRESSION, NEW, IMPROVEMENT)
        for line in range(1, 10)
    ]
    report = FAIL.model_copy(update={"changes": tuple(changes)})
    text = render_markdown(report, limit=limit)
    assert len(text) <= limit
    for nouns, shown, total in (
        ("regression", "dx = self.x", 9),
        ("new failing site", "[::2]", 9),
    ):
        left = re.search(rf"(\d+) {nouns}s?[,.]", text.partition("_Left out")[2])
        if "_Left out" in text:
            assert text.count(shown) + (int(left[1]) if left else 0) == total
    if "<summary>Files" in text:
        assert "_Left out" not in text


@settings(max_examples=30)
@given(hostile_reports(), WIDTHS, st.booleans())
def test_hostile_text_stays_text_in_the_terminal(report: Report, width: int, color: bool) -> None:  # noqa: FBT001 - drawn
    """No line is wider than the page, and no control sequence or runner command is let through."""
    text = render_report(report, Format.TERMINAL, width=width, color=color)
    plain = SGR.sub("", text) if color else text
    text.encode()
    assert "##[" not in plain
    for line in plain.split("\n"):
        assert cell_len(line) <= width
        assert line.isprintable()
        assert not line.lstrip().startswith("::")


@given(HOSTILE, HOSTILE, HOSTILE)
def test_hostile_snapshots_are_shown(path: str, source: str, name: str) -> None:
    """The laws of reports hold for snapshots, too."""
    file = SNAPSHOT.files[0].model_copy(
        update={"path": path, "source": f"\n{source}", "functions": (Function(name, 1),) * 2}
    )
    snapshot = SNAPSHOT.model_copy(update={"files": (file,), "families": {name: counts(1, 2)}})
    check_markdown(render_snapshot(snapshot, Format.MARKDOWN))
    for line in render_snapshot(snapshot, Format.TERMINAL, width=60).split("\n"):
        assert cell_len(line) <= 60
        assert line.isprintable()

"""One commit in two versions of CPython: what is paired, what counts, and no false alarms."""

import json
import shutil
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from packages import shared_folder, source_distribution
from pictures import snapshot as drawn
from pythons import VERSIONS, interpreters
from repositories import Drawing
from test_third_party import PROJECTS, Circumstances, packages
from test_third_party import run as run_once

from specialist_ci.cli import main
from specialist_ci.comparing.compare import compare, compare_versions
from specialist_ci.comparing.matching import Place
from specialist_ci.comparing.versions import Pairing, Spot, differing, pair_versions
from specialist_ci.formats.report import ChangeKind, Report, Verdict
from specialist_ci.formats.snapshot import Snapshot, State

FOUND = [version for version in VERSIONS if version in interpreters().found]
PAIRS = list(pairwise(FOUND))

# Each function is hot; what becomes of it on each version was read from `dis` by hand.
SITUATIONS = """
import typing
from collections import defaultdict


class Lines:
    def __init__(self):
        self.lines = [1, 2]

    def __iter__(self):
        return iter(self.lines)


class Left:
    def __init__(self):
        self.x = 1


class Right:
    def __init__(self):
        self.y = self.x = 2


LINES, ORDERS, SOME, BOTH = Lines(), defaultdict(int, a=1), {1, 2}, (Left(), Right())


def float_minus_int(value):
    return value - 1


def character(text):
    return text[0]


def compared(value):
    return value < 3.0


def module_attribute(value):
    return typing.cast(int, value)


def own_iterator(_value):
    return [line for line in LINES]


def dict_subclass(_value):
    return ORDERS["a"]


def floor_division(value):
    return value // 2.0


def member(value):
    return value in (1.5, 2.5)


def taking(value, *, other):
    return value


def keyword(value):
    return taking(value, other=1)


def unpacked(value):
    return taking(value, **{"other": 1})


def sliced(_value):
    return LINES.lines[:1]


def loops(_value):
    # A list outside and a set inside: only the outer loop specializes.
    total = 0
    for x in [y for y in SOME]:
        total += x
    for row in [[1], [2]]:
        for x in row:
            total += x
    return total + len([[z for z in SOME] for _ in [1, 2]]) + len([x for r in [[1]] for x in r])


def twice(value):
    try:
        return value.real
    finally:
        value.imag


def whiles(value):
    while value > 0.5:
        value = value - 1.0
    return value


def several(thing):
    return thing.x


for number in range(2000):
    value = float(number % 3)
    for function in (
        float_minus_int, compared, module_attribute, own_iterator, dict_subclass,
        floor_division, member, keyword, unpacked, sliced, loops, twice, whiles,
    ):
        function(value)
    character("text")
    several(BOTH[number % 2])
"""

# What differs between two versions that follow each other, by function and family.
KNOWN: dict[tuple[str, str], set[tuple[str, str, str]]] = {
    ("3.11", "3.12"): {("improvement", "compared", "COMPARE_OP")},
    ("3.12", "3.13"): {
        ("improvement", "character", "BINARY_OP"),
        ("regression", "module_attribute", "LOAD_ATTR"),
    },
    ("3.13", "3.14"): {("improvement", "float_minus_int", "BINARY_OP")},
    ("3.14", "3.15"): {
        ("improvement", "module_attribute", "LOAD_ATTR"),
        ("improvement", "dict_subclass", "BINARY_OP"),
        ("regression", "own_iterator", "FOR_ITER"),
    },
}

Measured = Callable[[str, str], Snapshot]


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Measured:
    """Return a function that gives a project's snapshot on a version, measured once."""
    folder = tmp_path_factory.mktemp("versions").resolve()
    kept: dict[tuple[str, str], Snapshot] = {}

    def measure(name: str, version: str) -> Snapshot:
        if (name, version) not in kept:
            tree = folder / name
            if not tree.exists():
                _lay_out(name, tree, shared_folder(tmp_path_factory))
            place = folder / version / name
            place.mkdir(parents=True)
            kept[name, version] = run_once(
                interpreters().found[version], tree, place, Circumstances("a")
            )
        return kept[name, version]

    return measure


def _lay_out(name: str, tree: Path, shared: Path) -> None:
    bench, requirements = SITUATIONS, tuple[str, ...]()
    if name != "situations":
        bench, requirements = PROJECTS[name].bench, PROJECTS[name].requirements
    sources = [source_distribution(requirement, shared=shared) for requirement in requirements]
    tree.mkdir()
    for source in sources:
        for package in packages(source):
            shutil.copytree(package, tree / package.name)
    (tree / "bench.py").write_text(bench, encoding="utf-8")


def sites(places: Sequence[Place]) -> list[int]:
    """Return who the sites are."""
    return [id(place.site) for place in places]


def everything(pairing: Pairing) -> tuple[list[int], list[int]]:
    """Return the sites of base and of head."""
    base = [site for spot in pairing.spots for site in sites(spot.base)]
    head = [site for spot in pairing.spots for site in sites(spot.head)]
    return base + sites(pairing.base_only), head + sites(pairing.head_only)


def all_sites(snapshot: Snapshot) -> list[int]:
    """Return all sites of a snapshot."""
    return [id(s) for file in snapshot.files for line in file.lines for s in line.sites]


def where(place: Place) -> tuple[object, ...]:
    """Return where a site is."""
    site = place.site
    return (place.file.path, place.line, site.column, site.end_line, site.end_column, site.offset)


# --- laws, on real code ---

PROJECT = pytest.mark.parametrize("project", ["situations", *PROJECTS])
PAIR = pytest.mark.parametrize("pair", PAIRS, ids="-".join)


@PROJECT
@PAIR
def test_every_site_is_there_exactly_once(
    measured: Measured, project: str, pair: tuple[str, str]
) -> None:
    """Pairing loses none and takes none twice, is the same the other way round, and is large."""
    base, head = (measured(project, version) for version in pair)
    pairing = pair_versions(base, head)
    for found, expected in zip(everything(pairing), map(all_sites, (base, head)), strict=True):
        assert sorted(found) == sorted(expected)
    swapped = pair_versions(head, base)
    assert {
        (tuple(map(where, spot.base)), tuple(map(where, spot.head))) for spot in pairing.spots
    } == {(tuple(map(where, spot.head)), tuple(map(where, spot.base))) for spot in swapped.spots}
    assert len(pairing.base_only) < 0.2 * base.totals.total


@PROJECT
@PAIR
def test_every_change_can_be_pointed_at(
    measured: Measured, project: str, pair: tuple[str, str]
) -> None:
    """Paired sites do the same work on the same text, and what is reported names it."""
    base, head = (measured(project, version) for version in pair)
    pairing = pair_versions(base, head)
    for spot in pairing.spots:
        assert len({place.site.argrepr for place in (*spot.base, *spot.head)}) == 1
        if spot.family != "FOR_ITER":
            assert len({place.text for place in (*spot.base, *spot.head)}) == 1
        else:
            assert _nested(spot)
    for change in compare_versions(base, head).changes:
        assert change.source.strip()
        name = "[" if change.argrepr == "[]" else change.argrepr
        assert name in change.source or change.end_line > change.line
        assert change.column is not None
        assert (change.path, change.line) == (change.base_path, change.base_line)


def _nested(spot: Spot) -> bool:
    """Return whether the one loop is where the other is."""
    spans = [
        ((p.line, p.site.column or 0), (p.site.end_line, p.site.end_column or 0))
        for p in (spot.base[0], spot.head[0])
    ]
    (start, end), (inner_start, inner_end) = sorted(spans, key=lambda s: (s[0], s[1][0] * -1))
    return start <= inner_start and inner_end <= end


@PAIR
def test_known_differences(measured: Measured, pair: tuple[str, str]) -> None:
    """Exactly what was read by hand changes, and nothing else of what looks like it."""
    if pair not in KNOWN:
        pytest.skip("these two do not follow each other")
    base, head = (measured("situations", version) for version in pair)
    report = compare_versions(base, head)
    found = {(c.kind.value, c.function.split(".")[0], c.family) for c in report.changes}
    assert found == KNOWN[pair]
    assert not report.conditions
    assert report.upgrade is not None
    expected = {
        "3.12": {"FOR_ITER"},
        "3.13": {"CONTAINS_OP"},
        "3.14": {"CALL_KW"},
        "3.15": {"CALL_FUNCTION_EX", "GET_ITER"},
    }[pair[1]]
    assert expected <= set(report.upgrade.head_families)
    assert not set(report.upgrade.head_families) & {change.family for change in report.changes}
    assert report.totals.base.total == report.totals.head.total == report.upgrade.spots


def test_a_version_is_paired_with_itself(measured: Measured) -> None:
    """Everything has its like, and nothing changes."""
    one = measured("situations", FOUND[-1])
    pairing = pair_versions(one, one)
    assert (pairing.base_only, pairing.head_only) == ((), ())
    assert list(differing(pairing)) == []
    assert compare_versions(one, one).verdict is Verdict.PASS


def test_misses_say_nothing() -> None:
    """Where a site meets several types, chance decides how it ends on each version."""
    good = drawn({"a.py": "def half(x):\n    return x / 2\n"})
    for note, kinds in {
        "adaptive": [ChangeKind.REGRESSION],
        "unstable 9": [],
        "cold": [],
        "specialized 1": [],
    }.items():
        other = drawn({"a.py": f"def half(x):\n    return x / 2  #: BINARY_OP(/) {note}\n"})
        assert [kind for kind, *_ in differing(pair_versions(good, other))] == kinds, note
    shaky = drawn({"a.py": "def half(x):\n    return x / 2  #: BINARY_OP(/) specialized 1\n"})
    bad = drawn({"a.py": "def half(x):\n    return x / 2  #: BINARY_OP(/) adaptive\n"})
    assert list(differing(pair_versions(shaky, bad))) == []
    assert {spot.base[0].site.state for spot in pair_versions(shaky, bad).spots} == {
        State.SPECIALIZED
    }


# --- the command line ---


def _run(*argv: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    code = main(argv)
    captured = capsys.readouterr()
    return code, captured.out, captured.err


FLOATS = "def f(x):\n    return x - 1\n\nfor n in range(1000):\n    f(float(n))\n"
UPGRADE = ("--base-python", "3.13", "--head-python", "3.14")


@pytest.mark.skipif(not {"3.13", "3.14"} <= set(FOUND), reason="needs 3.13 and 3.14")
def test_upgrade_report(
    repository: Drawing, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The working tree or a commit is measured in both, from files too, and only if asked."""
    repository.commit({"bench.py": FLOATS})
    runs: list[tuple[str, ...]] = [("diff",), ("diff", "HEAD")]
    for revision in runs:
        argv = (*revision, *UPGRADE, "--format", "json", "--", "bench.py")
        code, out, _err = _run(*argv, capsys=capsys)
        report = Report.model_validate_json(out)
        assert (code, [(c.kind.value, c.line) for c in report.changes]) == (0, [("improvement", 2)])
        assert [side.python.minor for side in (report.base, report.head)] == ["3.13", "3.14"]
        assert report.base.commit == report.head.commit
        met = report.changes[0].explanation
        assert met is not None
        assert met.base is not None
        assert (met.base.situations[0].text, met.base.executions) == ("float and int", 1000)
    back = ("--base-python", "3.14", "--head-python", "3.13")
    out = _run("diff", *back, "--format", "json", "--", "bench.py", capsys=capsys)[1]
    (change,) = Report.model_validate_json(out).changes
    assert (change.kind, change.advice) == (
        ChangeKind.REGRESSION,
        "write the int as a float: 1.0 for 1, if no int comes from the other side",
        # By the rules of 3.13: on 3.14 it specializes.
    )
    files = []
    for version in ("3.13", "3.14"):
        files.append(str(tmp_path / f"{version}.json"))
        assert main(["run", "--python", version, "-o", files[-1], "--", "bench.py"]) == 0
    code, out, _err = _run("compare", *files, capsys=capsys)
    assert code == 3
    assert "--upgrade" in out
    code, out, _err = _run("compare", *files, "--upgrade", capsys=capsys)
    assert (code, "BINARY_OP -: adaptive → specialized" in out) == (0, True)
    sarif = _run("compare", *reversed(files), "--upgrade", "--format", "sarif", capsys=capsys)[1]
    assert ("BINARY_OP -" in sarif, "does not touch" in sarif) == (True, False)
    for text in (
        out,
        _run("compare", *files, "--upgrade", "--format", "markdown", capsys=capsys)[1],
    ):
        assert "direct" not in text
        assert "Python 3.14" in text
    code, out, _err = _run("compare", *reversed(files), "--upgrade", capsys=capsys)
    assert (code, out[:18]) == (1, "FAIL: 1 regression")
    data: Any = json.loads(Path(files[1]).read_text(encoding="utf-8"))
    data["files"][0]["source"] += "# other\n"
    Path(files[1]).write_text(json.dumps(data), encoding="utf-8")
    code, out, _err = _run("compare", *files, "--upgrade", capsys=capsys)
    assert (code, "different-sources" in out) == (3, True)


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (("--base-python", "3.13"), "belong together"),
        ((*UPGRADE, "--python", "3.13"), "leave --python out"),
        (("HEAD", "HEAD", *UPGRADE), "name one revision"),
        (("HEAD...HEAD", *UPGRADE), "name one revision"),
        (("HEAD", "--base-python", "3.99", "--head-python", "3.13"), "3.99"),
    ],
)
def test_wrong_use(
    argv: tuple[str, ...],
    words: str,
    repository: Drawing,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Two interpreters are for one commit."""
    repository.commit({"bench.py": FLOATS})
    code, out, err = _run("diff", *argv, "--", "bench.py", capsys=capsys)
    assert (code, out, err.count("\n"), words in err) == (2, "", 1, True), err


def test_other_interpreters_are_still_refused() -> None:
    """Without being asked, two versions are not compared."""
    one = drawn({"a.py": FLOATS})
    python = one.provenance.python.model_copy(update={"version": "3.14.0"})
    provenance = one.provenance.model_copy(update={"python": python})
    other = one.model_copy(update={"provenance": provenance})
    assert compare(one, other).verdict is Verdict.NOT_COMPARABLE
    assert compare_versions(one, other).verdict is Verdict.PASS

"""Real projects between two releases: each kind of suite, and no release differs from itself."""

import json
import shutil
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import indent
from typing import Any

import pytest
from packages import shared_folder, source_distribution, virtual_environment
from pythons import VERSIONS, interpreters
from repositories import Drawing, fingerprint
from test_third_party import MARKDOWN_BENCH, TOMLI_BENCH

from specialist_ci.cli import main

UNITTEST = (
    "import unittest\n\n\nclass TestUse(unittest.TestCase):\n    def test_it(self):\n"
    + indent(TOMLI_BENCH.strip(), "        ").replace(
        "        several\n        lines", "several\nlines"
    )
    + "\n"
)

ASV = """\
import attr
from attr import filters, validators


@attr.s
class Point:
    x = attr.ib(validator=validators.instance_of(float))
    y = attr.ib(validator=validators.optional(validators.in_((1.0, 2.0, None))))
    inner = attr.ib(default=None)


class TimeUse:
    params = [1, 4]

    def setup(self, number):
        self.points = [Point(float(n), 1.0, Point(2.0, None)) for n in range(number)]

    def time_asdict(self, _number):
        for point in self.points:
            attr.asdict(point)
            attr.astuple(point, filter=filters.exclude(int))

    def time_evolve(self, _number):
        for point in self.points:
            attr.evolve(point, y=2.0)

    def time_define(self, _number):
        attr.make_class("Made", ["a", "b"])


def time_fields():
    attr.fields(Point)
"""

PYPERF = """\
import pyparsing as pp
import pyperf

WORD = pp.Word(pp.alphas)
PAIR = pp.Group(WORD("key") + pp.Suppress("=") + (pp.QuotedString('"') | pp.Word(pp.nums))("value"))


def parse():
    assert len(pp.ZeroOrMore(PAIR).parse_string('a = 1 b = "two" c = 3', parse_all=True)) == 3


def fail():
    try:
        PAIR.parse_string("a = ?")
    except pp.ParseException as error:
        assert str(error)


runner = pyperf.Runner()
runner.bench_func("parse", parse)
runner.bench_func("fail", fail)
"""

FIXTURE = """\
import pytest
from sortedcontainers import SortedDict, SortedList, SortedSet


@pytest.mark.parametrize("load", [4, 1000])
def test_list(benchmark, load):
    def use():
        values = SortedList(range(0, 90, 3))
        values._reset(load)
        for value in (7, 1, 88, 40):
            values.add(value)
        return values.bisect(40), list(values.irange(10, 50)), values.pop(2)

    assert benchmark(use)[2] == 3


def test_dict(benchmark):
    def use():
        found = SortedDict((-n, n) for n in range(30))
        del found[-3]
        return found.peekitem(0)

    assert benchmark(use) == (-29, 29)


def test_set(benchmark):
    def use():
        return (SortedSet(range(20)) | SortedSet(range(10, 40)))[5:8]

    assert benchmark(use) == [5, 6, 7]
"""

CONFIG = """\
[suites.own]
command = "pytest -q -p no:benchmark tests/test_misc.py tests/test_renderers.py"
"""


@dataclass(frozen=True, slots=True)
class Project:
    """Two releases of a distribution, what is added to both, and how they are measured."""

    base: str
    head: str
    suite: str  # its kind
    files: Mapping[str, str]
    versions: tuple[str, ...]  # on which it is measured in all ways; on the others in one
    tried: int  # sites, at least
    needs_plugins: bool = False  # what NEEDS has is to be installed for the suite
    beside: tuple[str, ...] = field(default=())  # distributions whose packages it imports
    without: tuple[str, ...] = ("tests",)  # of the distribution


PROJECTS = {
    "tomli": Project(  # src layout, unittest
        "tomli==2.0.1",
        "tomli==2.2.1",
        "tests",
        {"tests/test_use.py": UNITTEST},
        VERSIONS,
        300,
    ),
    "attrs": Project(  # two packages below src, asv
        "attrs==23.1.0",
        "attrs==25.3.0",
        "asv",
        {"asv.conf.json": '{"benchmark_dir": "speed"}', "speed/use.py": ASV},
        ("3.15",),
        300,
    ),
    "markdown-it-py": Project(  # a package at the root, a script
        "markdown-it-py==2.2.0",
        "markdown-it-py==3.0.0",
        "scripts",
        {"bench.py": MARKDOWN_BENCH},
        ("3.13",),
        2000,
        beside=("mdurl==0.1.2",),
    ),
    "mistune": Project(  # src layout, its own tests as they are configured, by pytest
        "mistune==3.0.2",
        "mistune==3.1.4",
        "own",
        {"specialist-ci.toml": CONFIG},
        ("3.14",),
        300,
        needs_plugins=True,
        without=(),
    ),
    "pyparsing": Project(  # a package at the root, a pyperf script
        "pyparsing==3.1.2",
        "pyparsing==3.1.4",
        "pyperf",
        {"benchmarks/speed.py": PYPERF},
        ("3.11",),
        500,
        needs_plugins=True,
    ),
    "sortedcontainers": Project(  # setup.py and nothing else, pytest-benchmark
        "sortedcontainers==2.3.0",
        "sortedcontainers==2.4.0",
        "pytest-benchmark",
        {"requirements.txt": "pytest-benchmark\n", "tests/test_speed.py": FIXTURE},
        ("3.12",),
        100,
        needs_plugins=True,
    ),
}

NEEDS = ("pytest==9.0.2", "pytest-benchmark==5.2.3", "pyperf==2.10.0")

# The same of whatever is measured, but for where the snapshots are from.
VARIANTS = (("--jobs", "1", "--no-cache"), ("--jobs", "2"), ("--jobs", "1"))


@pytest.fixture
def released(
    request: pytest.FixtureRequest,
    repository: Drawing,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[Project, str, bool]]:
    """Commit both releases and stand in the repository.

    Return the project, the interpreter's option, and whether it is to be measured in all ways.
    """
    name, version = request.param
    project, shared = PROJECTS[name], shared_folder(tmp_path_factory)
    for tag, requirement in (("base", project.base), ("head", project.head)):
        repository.draw({})
        source = source_distribution(requirement, shared=shared)
        ignored = shutil.ignore_patterns(*project.without, "docs", "*.egg-info")
        shutil.copytree(source, repository.root, dirs_exist_ok=True, ignore=ignored)
        for other in project.beside:
            found = source_distribution(other, shared=shared)
            for package in (found / "src").iterdir():
                shutil.copytree(package, repository.root / package.name)
        for path, text in project.files.items():
            (repository.root / path).parent.mkdir(exist_ok=True)
            (repository.root / path).write_text(text, encoding="utf-8")
        repository.git("add", "--all", "--force")
        repository.git("commit", "--quiet", f"--message={requirement}")
        repository.git("tag", tag)
    python = interpreters().found[version]
    if project.needs_plugins:
        python = virtual_environment(python, *NEEDS, shared=shared)
    before = fingerprint(repository.root)
    yield project, str(python), version in project.versions
    assert fingerprint(repository.root) == before
    assert repository.git("worktree", "list").count("\n") == 0


def combinations(*names: str) -> pytest.MarkDecorator:
    """Run a test for projects on each version that is there."""
    chosen = [
        (name, version)
        for name in names or PROJECTS
        for version in interpreters().found
        if version in VERSIONS
    ]
    return pytest.mark.parametrize("released", chosen, ids="-".join, indirect=True)


def _diff(*argv: str, capsys: pytest.CaptureFixture[str]) -> tuple[dict[str, Any], str]:
    code = main(["diff", *argv, "--format", "json"])
    out, err = capsys.readouterr()
    assert code in (0, 1), err
    report: dict[str, Any] = json.loads(out)
    assert code == (report["verdict"] == "fail")
    return report, err


@combinations()
def test_releases(released: tuple[Project, str, bool], capsys: pytest.CaptureFixture[str]) -> None:
    """A release does not differ from itself, however it is measured, and two compare."""
    project, python, in_all_ways = released
    answers = []
    for variant in VARIANTS if in_all_ways else VARIANTS[:1]:
        report, err = _diff("head", "head", *variant, "--python", python, capsys=capsys)
        assert err.startswith(f"suite {project.suite}: ")
        assert (report["verdict"], report["changes"], report["flaky"]) == ("pass", [], []), variant
        assert report["conditions"] == []
        for side in ("base", "head"):
            report[side].pop("output", None)  # of what the suite prints, such as its durations
        answers.append((report["base"].pop("cached", False), report))
    totals = answers[0][1]["totals"]["head"]
    assert totals["specialized"] + totals["unstable"] + totals["adaptive"] >= project.tried
    if not in_all_ways:
        return
    assert [cached for cached, _ in answers] == [False, False, True]
    assert answers[0][1] == answers[1][1] == answers[2][1]

    report, _err = _diff("base", "head", "--python", python, capsys=capsys)
    assert report["flaky"] == []
    assert not any(condition["blocking"] for condition in report["conditions"])
    assert report["head"]["commit"] != report["base"]["commit"]
    for change in report["changes"]:
        assert change["source"].strip()
        assert change["base_source"] is None or change["base_source"].strip()


@combinations("mistune")
def test_parts_of_releases(
    released: tuple[Project, str, bool], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A release that is measured in parts does not differ from itself either."""
    python = released[1]
    joined = []
    for again in ("a", "b"):
        parts = [str(tmp_path / f"{again}-{part}.json") for part in (1, 2)]
        for part, path in enumerate(parts, 1):
            options = ("--python", python, "--no-cache", "--shard", f"{part}/2")
            assert main(["run", "head", *options, "-o", path]) == 0
        joined.append(str(tmp_path / f"{again}.json"))
        assert main(["merge", *parts, "-o", joined[-1]]) == 0
    capsys.readouterr()
    assert main(["compare", *joined, "--format", "json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["changes"], report["flaky"], report["conditions"]) == ([], [], [])
    assert report["totals"]["base"] == report["totals"]["head"]


def test_our_own_interpreter_is_one_of_them() -> None:
    """The tool runs on one of the versions that it measures."""
    assert f"{sys.version_info[0]}.{sys.version_info[1]}" in VERSIONS

"""Real projects measure the same every time: the same commit, wherever and however it runs."""

import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from collecting import surroundings
from packages import shared_folder, source_distribution
from repositories import ENVIRONMENT, Drawing

from specialist_ci.checking.check import diff
from specialist_ci.checking.sides import Revision, Surroundings
from specialist_ci.comparing.policy import FailOn
from specialist_ci.formats.report import Verdict
from specialist_ci.formats.snapshot import Policy, Snapshot
from specialist_ci.measuring.identity import identify
from specialist_ci.measuring.measure import Checkout, Plan, measure
from specialist_ci.measuring.surroundings import deterministic_environment
from specialist_ci.repository.git import open_repository

TOMLI, MARKDOWN, MDURL = "tomli==2.2.1", "markdown-it-py==3.0.0", "mdurl==0.1.2"

TOMLI_BENCH = '''
import tomli

DOCUMENT = """
title = "example \\\\u00e9"
count = 1_000
ratio = -6.25e3
since = 1979-05-27T07:32:00-08:00
flags = [true, false]
text = \\"\\"\\"
several
lines\\"\\"\\"

[owner]
name = 'literal'
nested = { a = 1, b = [1, 2, [3, "x"]], c.d = 0xff }

[[products]]
name = "hammer"
sku = 738594937

[[products]]
name = "nail"
"""

for _ in range(60):
    assert len(tomli.loads(DOCUMENT)["products"]) == 2
for broken in ("a = ", "[a", "a = 1\\na = 2", "x = 1979-99-99", 'y = "\\\\q"') * 5:
    try:
        tomli.loads(broken)
    except tomli.TOMLDecodeError as error:
        assert str(error)
'''

MARKDOWN_BENCH = '''
from markdown_it import MarkdownIt

DOCUMENT = """
Heading with *emphasis*
=======================

A [link](https://example.com/p%C3%A9 "title"), `code`, **strong _nested_**, ![image](x.png)
and <https://auto.example>, a hard\\\\
break &amp; an entity &copy;.

> quoted
> * list
>   1. nested

- [ref]
- one

    indented code

```python
fenced = 1
```

| a | b |
|---|:-:|
| 1 | ~~2~~ |

***

<div>html</div>

[ref]: <https://example.com> "reference"
"""

parser = MarkdownIt("commonmark").enable(["table", "strikethrough"])
for _ in range(12):
    assert "<table>" in parser.render(DOCUMENT)
'''


@dataclass(frozen=True, slots=True)
class Project:
    """Unpacked packages, and a script that uses them."""

    requirements: tuple[str, ...]
    bench: str
    least_sites: int


PROJECTS = {
    "tomli": Project((TOMLI,), TOMLI_BENCH, 500),
    "markdown-it-py": Project((MARKDOWN, MDURL), MARKDOWN_BENCH, 3000),
}


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What may differ between two runs without any meaning."""

    place: str  # the folder of the checkout
    folder: str = "."  # where the command runs
    environment: Mapping[str, str] = field(default_factory=dict)
    again: bool = False  # in a checkout that an earlier run left bytecode in


TEN_TIMES = (
    Circumstances("a"),
    Circumstances("a", again=True),
    Circumstances("a", again=True, environment={"PYTHONDONTWRITEBYTECODE": "1"}),
    Circumstances("b", environment={"PYTHONDONTWRITEBYTECODE": "1"}),
    Circumstances("c", folder="docs"),
    Circumstances("some/where deeper/than ünï/the others"),
    Circumstances("d", environment={"HOME": "/nonexistent", "LANG": "C", "TZ": "Asia/Tokyo"}),
    Circumstances("e", environment={f"VARIABLE_{number}": "x" * 500 for number in range(50)}),
    Circumstances("f", folder="docs", environment={"PYTHONPYCACHEPREFIX": "/nonexistent/no"}),
    Circumstances("a", again=True, folder="docs"),
)


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the packages."""
    return shared_folder(tmp_path_factory)


@pytest.fixture(params=PROJECTS)
def project(request: pytest.FixtureRequest, shared: Path, tmp_path: Path) -> tuple[Project, Path]:
    """Return a project and the tree of its commit."""
    chosen = PROJECTS[request.param]
    tree = tmp_path / "tree"
    (tree / "docs").mkdir(parents=True)
    for requirement in chosen.requirements:
        for package in packages(source_distribution(requirement, shared=shared)):
            shutil.copytree(package, tree / package.name)
    (tree / "bench.py").write_text(chosen.bench, encoding="utf-8")
    return chosen, tree


def packages(distribution: Path) -> Iterator[Path]:
    """Yield the import packages of a source distribution."""
    source = distribution / "src" if (distribution / "src").is_dir() else distribution
    for init in sorted(source.glob("*/__init__.py")):
        if init.parent.name != "tests":
            yield init.parent


def run(python: Path, tree: Path, tmp_path: Path, circumstances: Circumstances) -> Snapshot:
    """Measure the tree's script once."""
    root = tmp_path / circumstances.place
    assert root.exists() == circumstances.again
    if not circumstances.again:
        shutil.copytree(tree, root)
    scratch = tmp_path / "scratch" / str(len(list(tmp_path.glob("scratch/*"))))
    scratch.mkdir(parents=True)
    checkout = Checkout(
        side="head",
        root=root,
        python_files=tuple(sorted(f.relative_to(root).as_posix() for f in root.rglob("*.py"))),
        revision="any",
        commit=None,
        dirty=False,
        original=tree,
    )
    script = os.path.relpath(root / "bench.py", root / circumstances.folder)
    plan = Plan(command=("python", script), python=python, folder=circumstances.folder)
    environment = deterministic_environment({**surroundings(), **circumstances.environment}, {})
    identity = identify(python, scratch, environment)
    return measure(checkout, plan, identity=identity, environment=environment, scratch=scratch)


def test_ten_runs_give_the_same_bytes(
    python: Path, project: tuple[Project, Path], tmp_path: Path
) -> None:
    """One commit gives the same snapshot ten times, but for where it says it comes from."""
    chosen, tree = project
    first, *others = (run(python, tree, tmp_path.resolve(), each) for each in TEN_TIMES)
    assert first.totals.total > chosen.least_sites
    assert "bench.py" in {file.path for file in first.files}
    assert first.totals.specialized > first.totals.total // 10
    assert list(tmp_path.glob("a/**/*.pyc"))
    assert not list(tmp_path.glob("b/**/*.pyc"))
    expected = first.model_dump_json(exclude={"provenance"})
    for circumstances, other in zip(TEN_TIMES[1:], others, strict=True):
        text = other.model_dump_json(exclude={"provenance"})
        if text != expected:  # what pytest makes of texts of this size takes minutes
            at = next(
                (
                    i
                    for i, pair in enumerate(zip(text, expected, strict=False))
                    if len(set(pair)) > 1
                ),
                0,
            )
            around = slice(max(0, at - 300), at + 100)
            pytest.fail(f"{circumstances}\nfirst {expected[around]}\nthen  {text[around]}")


def test_a_commit_does_not_differ_from_itself(
    python: Path,
    project: tuple[Project, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The diff of a commit with itself has no change, and nothing flaky either."""
    for name, text in ENVIRONMENT.items():
        monkeypatch.setenv(name, text)
    _chosen, tree = project
    drawing = Drawing(tmp_path / "repository")
    shutil.copytree(tree, drawing.root, dirs_exist_ok=True)
    drawing.git("add", "--all")
    drawing.git("commit", "--quiet", "--message=a commit")
    head = drawing.git("rev-parse", "HEAD")
    report = diff(
        open_repository(drawing.root),
        Revision("base", head),
        Revision("head", None),
        Plan(command=("python", "bench.py"), python=python),
        Surroundings(surroundings(), lambda _step: None, lambda: None),
        policy=Policy(fail_on=tuple(FailOn)),
    )
    assert (report.verdict, report.changes, report.flaky) == (Verdict.PASS, (), ())
    assert report.totals.base == report.totals.head
    assert report.conditions == ()

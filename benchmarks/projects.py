"""Real projects from PyPI, pinned, and what of theirs is run to see what sites meet."""

import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from specialist_ci.environments.interpreters import find_interpreter
from specialist_ci.formats.snapshot import Python
from specialist_ci.measuring.identity import identify
from specialist_ci.measuring.measure import Checkout, Plan
from specialist_ci.measuring.surroundings import deterministic_environment

PYTEST = ("python", "-m", "pytest", "-q", "-p", "no:cacheprovider")
PYTEST_PINNED = "pytest==9.0.2"
_PIP = ("-m", "pip", "--disable-pip-version-check", "--quiet")

# Neither of the two has its tests on PyPI: others' documents make them run.
MARKDOWN = """\
import json
import pathlib
from markdown_it import MarkdownIt

parsers = [
    MarkdownIt("commonmark"),
    MarkdownIt("commonmark", {"typographer": True}).enable(
        ["table", "strikethrough", "replacements", "smartquotes"]
    ),
    MarkdownIt("zero"),
]
files = sorted(pathlib.Path("documents").rglob("*"))
texts = [path.read_text(encoding="utf-8") for path in files if path.is_file()]
for text in texts:
    for parser in parsers:
        parser.render(text)
        parser.parseInline(text)
for example in json.loads(pathlib.Path("documents/commonmark.json").read_text(encoding="utf-8")):
    html = parsers[0].render(example["markdown"])
    print(example["example"], html == example["html"])
"""
TOMLI = """\
import pathlib
import tomli

texts = []
for path in sorted(pathlib.Path("documents").rglob("*.toml")):
    data = path.read_bytes()
    texts += [data, data[: len(data) // 2], data.replace(b'"', b"'"), data.replace(b"=", b"= +")]
texts += [b"a = 0x%x\\nb = 1979-05-%02dT07:32:00-08:00\\nc = [1.5, -2e%d]\\nd.e = {f = true}" % (
    n, n % 28 + 1, n % 9) for n in range(300)]
fine = 0
for data in texts:
    try:
        fine += len(tomli.loads(data.decode(errors="replace"))) > 0
    except tomli.TOMLDecodeError as error:
        assert str(error)
print(len(texts), fine)
"""


class Project(NamedTuple):
    """A distribution, what runs in its root, and which of its files are looked at."""

    requirement: str
    command: tuple[str, ...]
    source: tuple[str, ...]
    needs: tuple[str, ...] = (PYTEST_PINNED,)
    files: Mapping[str, str] = MappingProxyType({})  # to be written into the root
    documents: tuple[str, ...] = ()  # distribution and folder of what is to be read
    beside: str | None = None  # a distribution whose packages are imported


PROJECTS = {
    "markdown-it-py": Project(
        "markdown-it-py==3.0.0",
        ("python", "use.py"),
        ("markdown_it",),
        (),
        {"use.py": MARKDOWN},
        ("mistune==3.1.4", "tests/fixtures"),
        "mdurl==0.1.2",
    ),
    "tomli": Project(
        "tomli==2.2.1",
        ("python", "use.py"),
        ("src",),
        (),
        {"use.py": TOMLI},
        ("tomlkit==0.13.3", "tests/examples"),
    ),
    "mistune": Project("mistune==3.1.4", (*PYTEST, "tests"), ("src",)),
    "sqlparse": Project("sqlparse==0.5.3", (*PYTEST, "tests"), ("sqlparse",)),
    # Two of its tests expect the textwrap of before 3.14.
    "tabulate": Project(
        "tabulate==0.9.0", (*PYTEST, "test", "-k", "not wrap_multiword"), ("tabulate",)
    ),
    "pyparsing": Project(
        "pyparsing==3.2.3",
        # Its other classes run the same tests with memoization, and one test takes as long as all.
        (*PYTEST, "tests/test_unit.py", "-k", "Test02_WithoutPackrat and not infix"),
        ("pyparsing",),
    ),
    "sqlglot": Project(
        "sqlglot==25.34.1",
        (
            *PYTEST,
            "tests/test_tokens.py",
            "tests/test_parser.py",
            "tests/test_expressions.py",
            "tests/test_transpile.py",
        ),
        ("sqlglot",),
        (PYTEST_PINNED, "pytz==2025.2"),
    ),
}


class Bench(NamedTuple):
    """A project that is ready to run on one interpreter."""

    checkout: Checkout
    plan: Plan
    identity: Python
    environment: Mapping[str, str]
    scratch: Path


def prepare(project: Project, version: str, folder: Path) -> Bench:
    """Unpack a project in a place of its own in the folder, with an environment for it."""
    place = folder / f"{project.requirement.replace('==', '-')}-{version}"
    root, scratch = place / "root", place / "scratch"
    shutil.copytree(_unpacked(project.requirement, folder), root)
    for path, text in project.files.items():
        (root / path).write_text(text, encoding="utf-8")
    if project.documents:
        requirement, inside = project.documents
        shutil.copytree(_unpacked(requirement, folder) / inside, root / "documents")
    if project.beside is not None:
        for package in (_unpacked(project.beside, folder) / "src").iterdir():
            shutil.copytree(package, root / package.name)
    scratch.mkdir()
    environment = deterministic_environment(os.environ, {})
    python = _environment(find_interpreter(version, environ=os.environ), project.needs, place)
    files = sorted(path.relative_to(root).as_posix() for path in root.rglob("*.py"))
    return Bench(
        Checkout(
            side="head",
            root=root,
            python_files=tuple(files),
            revision=project.requirement,
            commit=None,
            dirty=False,
            original=root,
        ),
        Plan(project.command, python, project.source),
        identify(python, scratch, environment),
        environment,
        scratch,
    )


def _environment(python: Path, needs: tuple[str, ...], place: Path) -> Path:
    """Return the interpreter of an environment that has what a project needs."""
    if not needs:
        return python
    subprocess.run([python, "-m", "venv", place / "venv"], check=True)
    inside = place / "venv" / "bin" / "python"
    subprocess.run([inside, *_PIP, "install", *needs], check=True)
    return inside


def _unpacked(requirement: str, folder: Path) -> Path:
    """Return the root of a source distribution, downloaded the first time."""
    place = folder / "sources" / requirement
    if not place.exists():
        place.mkdir(parents=True)
        options = ("download", "--no-deps", "--no-binary=:all:", f"--dest={place}", requirement)
        subprocess.run([_with_pip(), *_PIP, *options], check=True)
        (archive,) = place.glob("*.tar.gz")
        with tarfile.open(archive) as packed:
            packed.extractall(place, filter="data")
        archive.unlink()
    (root,) = place.iterdir()
    return root


def _with_pip() -> str:
    """Return an interpreter that has pip; ours may have been made by uv, without."""
    asked = [sys.executable, "-m", "pip", "--version"]
    found = subprocess.run(asked, capture_output=True, check=False).returncode == 0
    return sys.executable if found else "python3"

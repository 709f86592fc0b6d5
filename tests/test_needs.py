"""What of a project brings the tool that its suite runs by, as far as files tell."""

from collections.abc import Mapping

import pytest

from specialist_ci.configuration.needs import need_of
from specialist_ci.suites import Tree, find_suites

TEST = {"test_a.py": "def test(): pass\n"}
PYPERF = {"setup.py": "", "bench.py": "import pyperf\n"}
ASV = {"setup.py": "", "benchmarks/b.py": "def time_it(): pass\n"}
GROUP = {"pyproject.toml": '[dependency-groups]\ntest = ["pytest"]\n', **TEST}
POETRY = {"pyproject.toml": '[tool.poetry.group.dev.dependencies]\npyperf = "*"\n', **PYPERF}

# The files of a project, and the option that brings what its suite runs by.
NEEDS: dict[str, tuple[Mapping[str, str], str | None]] = {
    "group": (GROUP, "group test"),
    "extra": (
        {"pyproject.toml": "project.optional-dependencies.a = ['Pytest[x] >=8']\n", **TEST},
        "extra a",
    ),
    "dependency": ({"pyproject.toml": "project.dependencies = ['pytest']\n", **TEST}, None),
    "nothing": (TEST, "package pytest"),
    "script": ({"setup.py": "", "bench.py": "print()\n"}, None),
    "PDM": ({"pyproject.toml": "tool.pdm.dev-dependencies.a = ['pytest']\n", **TEST}, "group a"),
    "uv": ({"pyproject.toml": "tool.uv.dev-dependencies = ['pytest']\n", **TEST}, "group dev"),
    "Poetry": ({**POETRY, "poetry.lock": ""}, "group dev"),
    "Poetry without a lock file": (POETRY, "package pyperf"),
    "old Poetry": (
        {
            "pyproject.toml": "tool.poetry.dev-dependencies.pytest = '6'\n",
            "poetry.lock": "",
            **TEST,
        },
        "group dev",
    ),
    "pipenv": (
        {"Pipfile": "dev-packages.pytest = '*'\n", "Pipfile.lock": "{}", **TEST},
        "group develop",
    ),
    "pylock with it": ({"pylock.toml": "[[packages]]\nname = 'pytest'\n", **GROUP}, None),
    "pylock without it": ({"pylock.toml": "packages = []\n", **GROUP}, "package pytest"),
    "broken pylock": ({"pylock.toml": "packages = 1\n", **GROUP}, "package pytest"),
    "two lock files": ({"pylock.toml": "packages = []\n", "uv.lock": "", **GROUP}, "group test"),
    "setup.cfg": (
        {"setup.cfg": "[options.extras_require]\na = x\nb =\n  y\n  pytest>=7\n", **TEST},
        "extra b",
    ),
    "broken setup.cfg": ({"setup.cfg": "tests =\n", **TEST}, "package pytest"),
    # Rather what is there for the suite than what developers need.
    "several groups": (
        {"pyproject.toml": "[dependency-groups]\na = ['pytest']\ntests = ['pytest']\n", **TEST},
        "group tests",
    ),
    "several files": (
        {**{f"requirements/{name}.txt": "pyperf\n" for name in ("a", "bench", "tests")}, **PYPERF},
        "requirement requirements/bench.txt",
    ),
    "asv": (
        {
            "asv.conf.json": """{"matrix": {"numpy": [], "pip+six": ["1.17", "1.16"], // old
            "a": [null, ""], "b": ["<2"], "python": [], "../x": []}}""",
            **ASV,
        },
        "package numpy six==1.17 b<2",
    ),
    "asv of today": (
        {"asv.conf.json": '{"matrix": {"req": {"numpy": ["2"]}, "env": {"A": ["1"]}}}', **ASV},
        "package numpy==2",
    ),
    "asv with variables only": (
        {"asv.conf.json": '{"matrix": {"env": {"A": ["1"]}}}', **ASV},
        None,
    ),
    "asv without a matrix": (ASV, None),
}


@pytest.mark.parametrize("name", NEEDS)
def test_what_a_suite_needs(name: str) -> None:
    """It is found in the files that say so, the most standard and the nearest to tests first."""
    files, expected = NEEDS[name]
    tree = Tree(tuple(sorted(files)), files.get)
    suite = next(find_suites(tree))
    need = need_of(tree, suite.name, suite.command)
    assert (need and " ".join([need.option, *need.values])) == expected

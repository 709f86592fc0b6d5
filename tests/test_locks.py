"""Lock files of other tools: which version each package is to have, and what is not said."""

import json
from pathlib import Path

import pytest

from specialist_ci.environments.distributions import Distribution
from specialist_ci.environments.locks import read_lock
from specialist_ci.environments.requirements import Project, find_project
from specialist_ci.environments.tables import UnusableError
from specialist_ci.environments.wanted import Wanted

HASH = "a" * 40

UV = f"""\
version = 1
revision = 3
requires-python = ">=3.11"
resolution-markers = ["python_full_version >= '3.13'", "python_full_version < '3.13'"]

[[package]]
name = "own"
version = "1"
source = {{ editable = "." }}
dependencies = [{{ name = "several", version = "1.0" }}, {{ name = "plain" }}]

[[package]]
name = "several"
version = "1.0"
source = {{ registry = "https://index.example/simple" }}
resolution-markers = ["python_full_version < '3.13'"]

[[package]]
name = "several"
version = "2.0"
source = {{ registry = "https://index.example/simple" }}
resolution-markers = ["python_full_version >= '3.13'"]

[[package]]
name = "plain"
version = "3"
source = {{ registry = "https://index.example/simple" }}

[[package]]
name = "vcs"
version = "4"
source = {{ git = "https://example.com/vcs?subdirectory=inner&rev=main#{HASH}" }}

[[package]]
name = "part"
version = "5"
source = {{ directory = "part" }}

[[package]]
name = "members"
source = {{ virtual = "members" }}
"""

POETRY = f"""\
[[package]]
name = "Plain"
version = "3"
optional = false
python-versions = ">=3.9"
groups = ["main", "dev"]
markers = "python_version >= \\"3.11\\""

[package.dependencies]
several = {{version = "*", markers = "python_version < \\"3.13\\""}}

[[package]]
name = "several"
version = "1.0"
groups = ["main", "dev"]
markers = {{main = "python_version < \\"3.12\\"", dev = "python_version < \\"3.13\\""}}

[[package]]
name = "several"
version = "2.0"
groups = ["main"]
markers = "python_version >= \\"3.13\\""

[[package]]
name = "unsaid"
version = "1.0"

[[package]]
name = "unsaid"
version = "2.0"

[[package]]
name = "by-extra"
version = "1.0"
markers = "extra == \\"a\\""

[[package]]
name = "by-extra"
version = "2.0"
markers = "extra == \\"b\\""

[[package]]
name = "partly"
version = "1.0"
groups = ["main", "dev"]
markers = {{dev = "python_version < \\"3.12\\""}}

[[package]]
name = "partly"
version = "2.0"
groups = ["dev"]
markers = "python_version >= \\"3.12\\""

[[package]]
name = "vcs"
version = "4"
[package.source]
type = "git"
url = "https://example.com/vcs"
reference = "main"
resolved_reference = "{HASH}"

[[package]]
name = "part"
version = "5"
develop = true
[package.source]
type = "directory"
url = "../part"

[[package]]
name = "private"
version = "6"
[package.source]
type = "legacy"
url = "https://example.com/simple"
reference = "ours"

[metadata]
lock-version = "2.1"
python-versions = ">=3.11"
"""

PDM = f"""\
[metadata]
groups = ["default", "bench"]
strategy = ["inherit_metadata"]
lock_version = "4.5.0"

[[package]]
name = "plain"
version = "3"
groups = ["default"]
marker = "python_version >= \\"3.11\\""

[[package]]
name = "plain"
version = "3"
extras = ["more"]
groups = ["default"]
dependencies = ["plain==3"]

[[package]]
name = "several"
version = "1.0"
marker = "python_version < \\"3.13\\""

[[package]]
name = "several"
version = "2.0"
marker = "python_version >= \\"3.13\\""

[[package]]
name = "vcs"
version = "4"
git = "https://example.com/vcs"
ref = "main"
revision = "{HASH}"

[[package]]
name = "part"
version = "5"
path = "./part"
editable = true
"""

PIPFILE = json.dumps(
    {
        "_meta": {"pipfile-spec": 6, "requires": {}},
        "default": {
            "plain": {
                "version": "==3",
                "extras": ["more"],
                "markers": "python_version >= '3.11'",
            },
            "vcs": {"git": "https://example.com/vcs", "ref": HASH},
            "own": {"editable": True, "path": "."},
        },
        "develop": {"dev": {"version": "==7"}},
    }
)

# A lock file, the constraints that follow from it, and what it leaves undecided. FOLDER is its own.
LOCKS: dict[str, tuple[str, set[str], set[str]]] = {
    "uv.lock": (
        UV,
        {
            "several==1.0 ; ((python_full_version < '3.13'))",
            "several==2.0 ; ((python_full_version >= '3.13'))",
            "plain==3",
            f"vcs @ git+https://example.com/vcs@{HASH}#subdirectory=inner",
            "part @ file://FOLDER/part",
        },
        set(),
    ),
    "poetry.lock": (
        POETRY,
        {
            "Plain==3",
            'several==1.0 ; ((python_version < "3.12") or (python_version < "3.13"))',
            'several==2.0 ; (python_version >= "3.13")',
            f"vcs @ git+https://example.com/vcs@{HASH}",
            "part @ file://ABOVE/part",
            "private==6",
        },
        {"unsaid", "by-extra", "partly"},
    ),
    "pdm.lock": (
        PDM,
        {
            "plain==3",
            'several==1.0 ; (python_version < "3.13")',
            'several==2.0 ; (python_version >= "3.13")',
            f"vcs @ git+https://example.com/vcs@{HASH}",
            "part @ file://FOLDER/part",
        },
        set(),
    ),
    "Pipfile.lock": (
        PIPFILE,
        {"plain==3", f"vcs @ git+https://example.com/vcs@{HASH}", "dev==7"},
        set(),
    ),
}


@pytest.mark.parametrize("name", LOCKS)
def test_what_a_lock_file_decides(name: str, tmp_path: Path) -> None:
    """Each package has its version or address, by marker where there are several."""
    text, expected, undecided = LOCKS[name]
    (tmp_path / name).write_text(text, encoding="utf-8")
    lock = read_lock(tmp_path / name)
    assert lock is not None
    places = {"FOLDER": str(tmp_path), "ABOVE": str(tmp_path.parent)}
    for word, place in places.items():
        expected = {line.replace(word, place) for line in expected}
    assert set(lock.constraints(but="own")) == expected
    assert set(lock.undecided()) == undecided
    assert lock.names().isdisjoint(undecided)


def test_addresses_are_those_of_the_lock_file(tmp_path: Path) -> None:
    """A requirement loses its own address where the lock file knows the commit of it."""
    (tmp_path / "poetry.lock").write_text(POETRY, encoding="utf-8")
    lock = read_lock(tmp_path / "poetry.lock")
    assert lock is not None
    for requirement, expected in {
        "VCS[a] @ git+https://example.com/vcs@main": "VCS[a]",
        "vcs @ git+https://x@main ; extra == 'b'": "vcs ; extra == 'b'",
        "other @ https://x/y.whl": "other @ https://x/y.whl",
        "plain>=2": "plain>=2",
    }.items():
        assert lock.bare(requirement) == expected


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("poetry.lock", ""),
        ("poetry.lock", '[metadata]\nlock-version = "3.0"\n'),
        ("pdm.lock", '[metadata]\nlock_version = "2"\n'),
        ("uv.lock", "version = 2\n"),
        ("Pipfile.lock", "[]"),
    ],
)
def test_other_formats_are_not_read(name: str, text: str, tmp_path: Path) -> None:
    """A version of the format that we do not know says nothing."""
    (tmp_path / name).write_text(text, encoding="utf-8")
    assert read_lock(tmp_path / name) is None


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("poetry.lock", "["),
        ("poetry.lock", '[metadata]\nlock-version = "2.1"\n[[package]]\nversion = "1"\n'),
        ("pdm.lock", 'package = [1]\n[metadata]\nlock_version = "4.5"\n'),
        ("Pipfile.lock", "{"),
    ],
)
def test_broken_lock_files_are_refused(name: str, text: str, tmp_path: Path) -> None:
    """What is no such file is named, with the reason."""
    (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(UnusableError, match=f"{name} cannot be read"):
        find_project(tmp_path, ".", Wanted())


def test_a_lock_file_alone_is_no_project(tmp_path: Path) -> None:
    """It says in which versions, and not what is needed."""
    with pytest.raises(UnusableError, match="no project to install"):
        _project(tmp_path, poetry_lock=POETRY)


# --- groups, which each tool writes in its own way ---

POETRY_TABLES = """\
[tool.poetry]
name = "own"
package-mode = false

[tool.poetry.dependencies]
python = "^3.11"
plain = "^3"
several = { version = "*", optional = true }

[tool.poetry.extras]
more = ["several"]

[tool.poetry.group.bench.dependencies]
plain = { version = "*", extras = ["a", "b"], markers = "os_name == 'posix'", python = ">=3.11,<4" }
vcs = { git = "https://example.com/vcs", branch = "main" }
private = [{ version = "1", python = "<3.12" }, { version = "2", python = "^3.12" }]

[tool.poetry.group.all]
include-groups = ["bench"]
"""


def _project(tmp_path: Path, **texts: str) -> Project:
    for name, text in texts.items():
        (tmp_path / name.replace("_", ".")).write_text(text, encoding="utf-8")
    return find_project(tmp_path, ".", Wanted())


def test_tables_of_poetry(tmp_path: Path) -> None:
    """They name what is needed, and leave the versions to the lock file."""
    project = _project(tmp_path, pyproject_toml=POETRY_TABLES, poetry_lock=POETRY)
    assert not project.is_built
    assert project.stated() == Distribution(
        "own", "0", requires=("plain", 'several ; extra == "more"'), extras=("more",)
    )
    assert project.groups == ("all", "bench")
    marked = "(os_name == 'posix') and python_version >= \"3.11\""
    expected = (f"plain[a,b] ; {marked}", "vcs", 'private ; python_version < "3.12"', "private")
    assert project.group_requirements(("All",)) == expected


def test_tables_of_poetry_need_its_lock_file(tmp_path: Path) -> None:
    """Its versions are in no other form than its own, so without one it is not guessed."""
    project = _project(tmp_path, pyproject_toml=POETRY_TABLES)
    with pytest.raises(UnusableError, match=r"plain is required by .* no poetry\.lock to pin it"):
        project.stated()
    other = POETRY.replace('"vcs"', '"csv"')
    project = _project(tmp_path, pyproject_toml=POETRY_TABLES, poetry_lock=other)
    with pytest.raises(
        UnusableError, match=r"vcs is required by .* poetry\.lock has none to pin it"
    ):
        project.group_requirements(("bench",))


def test_groups_of_other_tools(tmp_path: Path) -> None:
    """Those that were before PEP 735, which wins where both are there."""
    text = """\
[project]
name = "own"
[dependency-groups]
both = ["new"]
[tool.uv]
dev-dependencies = ["uvs"]
[tool.pdm.dev-dependencies]
both = ["old"]
pdms = ["pdm"]
"""
    project = _project(tmp_path, pyproject_toml=text)
    assert project.group_requirements(("dev", "both", "PDMs")) == ("uvs", "new", "pdm")


def test_categories_of_pipenv(tmp_path: Path) -> None:
    """They are all that there is, less the project itself."""
    project = _project(tmp_path, Pipfile_lock=PIPFILE)
    assert project.groups == ("default", "develop")
    assert project.group_requirements(("default", "develop")) == (
        "plain[more] ; python_version >= '3.11'",
        "vcs",
        "dev",
    )

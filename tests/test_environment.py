"""An environment for each revision: real projects, built and installed by uv and by pip."""

import fcntl
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from packages import shared_folder, virtual_environment
from pythons import VERSIONS, interpreters
from repositories import ENVIRONMENT, Drawing, picture

from specialist_ci.cli import main
from specialist_ci.environments.distributions import installed_in
from specialist_ci.environments.environment import environments_folder, remove_environments
from specialist_ci.environments.requirements import deciding_files, find_project
from specialist_ci.environments.tables import UnusableError
from specialist_ci.environments.wanted import Wanted
from specialist_ci.process import run

PROJECT = Path(__file__).parents[1]

PYPROJECT = """\
[build-system]
requires = ["setuptools>=77"]
build-backend = "setuptools.build_meta"

[project]
name = "Hot.Project"
version = "1.5"
dependencies = ["iniconfig==2.0.0"]

[project.optional-dependencies]
fast = ["mdurl==0.1.1"]
all = ["hot-project[fast]"]

[project.scripts]
hot = "hot:main"

[dependency-groups]
base = ["toml==0.10.1"]
bench = ["tomli==2.0.1", { include-group = "base" }]

[tool.setuptools.packages.find]
where = ["lib"]
"""
HOT = """\
import importlib.metadata
import json
import os
import sys


def hot(values):
    total = 0
    for value in values:
        total = total + value
    return total


def main():
    hot(list(range(100)))
    names = {"PYTHONPATH", "VIRTUAL_ENV"} & set(os.environ)
    print(json.dumps({
        "file": __file__,
        "version": importlib.metadata.version("hot-project"),
        "prefix": sys.prefix,
        "names": sorted(names),
        "iniconfig": importlib.metadata.version("iniconfig"),
    }), file=open(os.environ["ANSWER"], "w"))
"""
TREE = {
    "pyproject.toml": PYPROJECT,
    "lib/hot/__init__.py": HOT,
    ".gitignore": "*.egg-info\nbuild\n",
}
BUMPED = {**TREE, "pyproject.toml": PYPROJECT.replace("iniconfig==2.0.0", "iniconfig==2.1.0")}
INSTALLED = ("--install", "--", "bench.py")
LISTED = {  # no project: only what it needs
    "requirements.txt": "-r more/base.txt\n",
    "more/base.txt": "iniconfig==2.0.0\n",
    "bench.py": "import iniconfig\nfor number in range(100):\n    number + 1\n",
}


def _without_uv() -> str:
    """Return PATH less the folders that have uv."""
    folders = os.environ["PATH"].split(os.pathsep)
    return os.pathsep.join(one for one in folders if not Path(one, "uv").exists())


@pytest.fixture(scope="session")
def uv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a uv: that on PATH, else PyPI's; skip, with the reason, where it reaches nothing."""
    found = shutil.which("uv")
    if found:
        path = Path(found)
    else:
        shared = shared_folder(tmp_path_factory)
        path = virtual_environment(Path(sys.executable), "uv", shared=shared).with_name("uv")
    asked = subprocess.run(
        [path, "pip", "compile", "--quiet", "-"],
        cwd=tmp_path_factory.mktemp("uv"),
        input="iniconfig==2.0.0\n",
        capture_output=True,
        text=True,
        check=False,
    )
    if asked.returncode != 0:  # its certificates and settings are not those of pip
        pytest.skip(f"uv cannot reach PyPI: {asked.stderr.strip()}")
    return path


@pytest.fixture(scope="session")
def network(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Skip, with the reason, where PyPI cannot be reached."""
    shared = shared_folder(tmp_path_factory)
    virtual_environment(_oldest(), "iniconfig==2.0.0", shared=shared)


def _oldest() -> Path:
    found = interpreters().found
    return next(found[version] for version in VERSIONS if version in found)


@pytest.fixture(params=["uv", "pip"])
def installer(
    request: pytest.FixtureRequest, network: None, monkeypatch: pytest.MonkeyPatch
) -> str:
    """Choose what PATH offers to install with; return its name."""
    del network
    name: str = request.param
    path = _without_uv()
    if name == "uv":
        path = f"{request.getfixturevalue('uv').parent}{os.pathsep}{path}"
    monkeypatch.setenv("PATH", path)
    return name


@pytest.fixture(autouse=True)
def shared_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep environments and downloads for all tests, none of them where the user's are."""
    shared = shared_folder(tmp_path_factory)
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("UV_CACHE_DIR", str(shared / "uv-cache"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(shared / "cache"))
    monkeypatch.delenv("VIRTUAL_ENV", raising=False)
    return shared


@pytest.fixture
def cache(shared_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of the environments, a new one for the test."""
    del shared_cache
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return environments_folder(os.environ)


class Runner:
    """Runs our command line in a repository."""

    def __init__(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:  # noqa: ANN401 - CaptureFixture is generic
        """Take a folder for what is written."""
        self.tmp_path, self.monkeypatch, self.capsys = tmp_path, monkeypatch, capsys
        self.answer_file = tmp_path / "answer.json"
        monkeypatch.setenv("ANSWER", str(self.answer_file))
        self.python = _oldest()
        self.error = ""

    def __call__(self, drawing: Drawing, command: str, *words: str) -> int:
        """Run a command and return its exit code; its last words are in error."""
        self.monkeypatch.chdir(drawing.root)
        place = words.index("--")
        options = ("--python", str(self.python), "-o", str(self.output))
        code = main((command, *words[:place], *options, *words[place:]))
        self.error = self.capsys.readouterr().err
        print(self.error)  # noqa: T201 - pytest shows it where a test fails
        return code

    @property
    def output(self) -> Path:
        """The snapshot or report."""
        return self.tmp_path / "output.json"

    @property
    def result(self) -> Any:  # noqa: ANN401 - JSON
        """The snapshot or report that was written."""
        return json.loads(self.output.read_text(encoding="utf-8"))

    @property
    def answer(self) -> Any:  # noqa: ANN401 - JSON
        """What the project's own command wrote."""
        return json.loads(self.answer_file.read_text(encoding="utf-8"))

    @property
    def packages(self) -> list[str]:
        """What the snapshot says was installed, but for what venv brings along on 3.11."""
        packages = self.result["provenance"]["installed"]["packages"]
        return [pin for pin in packages if not pin.startswith("setuptools==")]


@pytest.fixture
def runner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> Runner:  # noqa: ANN401 - as above
    """Return what runs our command line."""
    return Runner(tmp_path, monkeypatch, capsys)


@pytest.fixture
def drawing(tmp_path: Path) -> Drawing:
    """Return a repository with the project in it."""
    drawing = Drawing(tmp_path / "repository")
    drawing.commit(TREE)
    return drawing


def _environments(cache: Path) -> list[Path]:
    """Return the environments that hold something: the one that builds is empty."""
    marks = {
        path.parent: json.loads(path.read_text()) for path in cache.glob("*/specialist-ci.json")
    }
    return sorted(
        folder
        for folder, mark in marks.items()
        if [one for one in mark["packages"] if not one.startswith("setuptools")]
    )


# --- what is installed ---


def test_a_project_as_a_whole(installer: str, runner: Runner, drawing: Drawing) -> None:
    """Console script, metadata, any layout and own dependencies work, measured in the worktree."""
    assert runner(drawing, "run", "--install", "--", "hot") == 0, (installer, runner.error)
    assert runner.packages == ["iniconfig==2.0.0"]
    assert runner.answer["version"] == "1.5"
    assert runner.answer["iniconfig"] == "2.0.0"
    assert runner.answer["file"].endswith("/head/lib/hot/__init__.py")
    assert runner.answer["prefix"].endswith(runner.result["provenance"]["installed"]["digest"])
    (file,) = runner.result["files"]
    assert (file["path"], file["counts"]["ratio"]) == ("lib/hot/__init__.py", 1.0)
    assert runner.result["conditions"] == []
    assert picture(drawing.root) == TREE


def test_what_is_installed_is_compiled(
    installer: str, runner: Runner, drawing: Drawing, cache: Path
) -> None:
    """The side that runs first does not compile what the other one reads."""
    words = ("--install", "--env", "PYTHONDONTWRITEBYTECODE=1", "--", "hot")
    assert runner(drawing, "run", *words) == 0, (installer, runner.error)
    (environment,) = _environments(cache)
    assert list(environment.rglob("iniconfig/__pycache__/*.pyc"))


def test_extras_and_groups(installer: str, runner: Runner, drawing: Drawing) -> None:
    """Both bring what they name, an extra that names another and a group that includes one too."""
    words = ("--extra", "all", "--group", "Bench", "--", "hot")
    assert runner(drawing, "run", *words) == 0, (installer, runner.error)
    assert runner.packages == ["iniconfig==2.0.0", "mdurl==0.1.1", "toml==0.10.1", "tomli==2.0.1"]


def test_requirement_files(installer: str, runner: Runner, drawing: Drawing) -> None:
    """They are installed beside the project, with what they include."""
    drawing.commit({**TREE, "req/a.txt": "-r b.txt\n", "req/b.txt": "toml==0.10.1\n"})
    assert runner(drawing, "run", "--requirement", "req/a.txt", "--", "hot") == 0, (
        installer,
        runner.error,
    )
    assert runner.packages == ["iniconfig==2.0.0", "toml==0.10.1"]


def test_packages(installer: str, runner: Runner, drawing: Drawing) -> None:
    """What the project names nowhere is installed beside it."""
    words = ("--package", "toml == 0.10.1", "--package", "mdurl[x]<=0.1.1; os_name != 'nt'")
    assert runner(drawing, "run", *words, "--", "hot") == 0, (installer, runner.error)
    assert runner.packages == ["iniconfig==2.0.0", "mdurl==0.1.1", "toml==0.10.1"]


TESTED = {**TREE, "tests/test_hot.py": "import hot\n\ndef test():\n    hot.hot(range(100))\n"}
# What more a project has, and what --install alone then takes.
BRINGING: dict[str, tuple[Mapping[str, str], str, str]] = {
    "nothing": ({}, "pytest==", "nothing in the project brings pytest"),
    "a file": (
        {"requirements/test.txt": "pytest==8.4.2\n"},
        "pytest==8.4.2",
        "requirement requirements/test.txt brings pytest",
    ),
    "a configured group": (
        {
            "pyproject.toml": PYPROJECT.replace("base =", 'test = ["pytest==8.4.1"]\nbase =')
            + "[tool.specialist-ci]\ninstall.groups = ['test', 'base']\n"
        },
        "pytest==8.4.1",
        "",
    ),
}


@pytest.mark.parametrize("what", BRINGING)
def test_what_the_suite_runs_by(
    what: str, installer: str, runner: Runner, drawing: Drawing
) -> None:
    """Where nobody says what brings it, it is looked for in the project, and told."""
    more, pin, told = BRINGING[what]
    drawing.commit({**TESTED, **more})
    assert runner(drawing, "run", "--install", "--") == 0, (installer, runner.error)
    assert [one for one in runner.packages if one.startswith(pin)]
    assert ("toml==0.10.1" in runner.packages) == (not told)
    assert (f"installed with the project (found: {told})" in runner.error) == bool(told)


def test_a_list_of_requirements(installer: str, runner: Runner, tmp_path: Path) -> None:
    """Where there is no project, requirements.txt says what is needed."""
    drawing = Drawing(tmp_path / "repository")
    drawing.commit(LISTED)
    assert runner(drawing, "run", "--install", "--", "bench.py") == 0, (installer, runner.error)
    assert runner.packages == ["iniconfig==2.0.0"]


def test_tables_without_a_build_system(installer: str, runner: Runner, tmp_path: Path) -> None:
    """A pyproject.toml that builds nothing is a list of dependencies with extras."""
    drawing = Drawing(tmp_path / "repository")
    table = PYPROJECT[PYPROJECT.index("[project]") : PYPROJECT.index("[project.scripts]")]
    table = table.replace('"mdurl==0.1.1"', "\"mdurl==0.1.1; python_version > '3'\"")
    drawing.commit({"pyproject.toml": table, "bench.py": LISTED["bench.py"]})
    assert runner(drawing, "run", "--extra", "all", "--", "bench.py") == 0, (
        installer,
        runner.error,
    )
    assert runner.packages == ["iniconfig==2.0.0", "mdurl==0.1.1"]


def test_folders_of_the_checkout(installer: str, runner: Runner, drawing: Drawing) -> None:
    """Requirements that are parts of the repository are measured there, and not kept."""
    part = '[build-system]\nrequires = ["setuptools>=77"]\n[project]\nname = "part"\n'
    part += 'version = "3"\ndependencies = ["toml==0.10.1"]\n'
    tree = {
        **TREE,
        "requirements.txt": "-e .\n-e ./part\n",
        "part/pyproject.toml": part,
        "part/src/part.py": "def warm():\n    for number in range(100):\n        number + 1\n",
        "bench.py": "import hot, part, importlib.metadata\n"
        "assert importlib.metadata.version('part') == '3'\nhot.main()\npart.warm()\n",
    }
    drawing.commit(tree)
    words = ("--requirement", "requirements.txt", "--", "bench.py")
    assert runner(drawing, "run", *words) == 0, (installer, runner.error)
    assert runner.packages == ["iniconfig==2.0.0", "toml==0.10.1"]
    files = [file["path"] for file in runner.result["files"]]
    assert files == ["bench.py", "lib/hot/__init__.py", "part/src/part.py"]
    drawing.commit({**tree, "part/pyproject.toml": part.replace("0.10.1", "0.10.2")})
    assert runner(drawing, "run", *words) == 0, runner.error
    assert runner.packages == ["iniconfig==2.0.0", "toml==0.10.2"]


def test_a_compiled_module(installer: str, runner: Runner, drawing: Drawing) -> None:
    """What a build compiles lies beside the sources, which are measured all the same."""
    code = """\
#include <Python.h>
static PyObject *answer(PyObject *s, PyObject *a) { return PyLong_FromLong(42); }
static PyMethodDef methods[] = {{"answer", answer, METH_NOARGS, ""}, {NULL}};
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "hot._c", "", -1, methods};
PyMODINIT_FUNC PyInit__c(void) { return PyModule_Create(&module); }
"""
    setup = "from setuptools import Extension, setup\n"
    setup += 'setup(ext_modules=[Extension("hot._c", ["c.c"])])\n'
    hot = HOT.replace("import sys\n", "import sys\n\nfrom hot._c import answer\n", 1)
    drawing.commit({**TREE, "setup.py": setup, "c.c": code, "lib/hot/__init__.py": hot})
    if shutil.which("cc") is None:
        pytest.skip("no C compiler on this machine")
    assert runner(drawing, "run", "--install", "--", "hot") == 0, (installer, runner.error)
    (file,) = runner.result["files"]
    assert file["path"] == "lib/hot/__init__.py"


def test_uv_lock(runner: Runner, drawing: Drawing, uv: Path, network: None) -> None:
    """A lock file is followed to the letter, by pip too where there is no uv."""
    del network
    runner.monkeypatch.setenv("PATH", f"{uv.parent}{os.pathsep}{_without_uv()}")
    drawing.draw({**TREE, "pyproject.toml": PYPROJECT.replace("==2.0.0", "==1.1.1")})
    command = [str(uv), "lock", "-q", "--python", str(runner.python)]
    outcome = run(command, cwd=drawing.root, env=os.environ, what="lock")
    assert outcome.status == 0, outcome.stderr
    lock = (drawing.root / "uv.lock").read_text()
    drawing.commit({**TREE, "pyproject.toml": PYPROJECT.replace("==2.0.0", ""), "uv.lock": lock})
    assert runner(drawing, "run", "--group", "bench", "--", "hot") == 0, runner.error
    assert runner.packages == ["iniconfig==1.1.1", "toml==0.10.1", "tomli==2.0.1"]
    beside = ("--package", "iniconfig", "--package", "mdurl==0.1.1")
    assert runner(drawing, "run", *beside, "--", "hot") == 0, runner.error
    assert runner.packages == ["iniconfig==1.1.1", "mdurl==0.1.1"]
    runner.monkeypatch.setenv("PATH", _without_uv())
    assert runner(drawing, "run", "--group", "bench", "--", "hot") == 0, runner.error
    assert runner.packages == ["iniconfig==1.1.1", "toml==0.10.1", "tomli==2.0.1"]
    assert runner(drawing, "run", *beside, "--", "hot") == 0, runner.error
    assert runner.packages == ["iniconfig==1.1.1", "mdurl==0.1.1"]
    assert runner.result["conditions"] == []
    drawing.commit({**TREE, "uv.lock": "version = 2\n"})
    assert runner(drawing, "run", "--install", "--", "hot") == 3
    assert "head: uv.lock of this version needs uv, which is not on PATH" in runner.error


PINS = {
    "iniconfig": "2.0.0",
    "mdurl": "0.1.1",
    "toml": "0.10.1",
    "tomli": "2.0.0",
}
TOML_PINS = "".join(
    f'[[package]]\nname = "{name}"\nversion = "{version}"\n' for name, version in PINS.items()
)
POETRY = """\
[tool.poetry]
package-mode = false
[tool.poetry.dependencies]
iniconfig = "^2"
mdurl = { version = "*", optional = true }
[tool.poetry.extras]
more = ["mdurl"]
[tool.poetry.group.bench.dependencies]
toml = "*"
"""
PDM = """\
[project]
name = "own"
version = "1"
dependencies = ["iniconfig"]
optional-dependencies.bench = ["toml"]
[tool.pdm.dev-dependencies]
more = ["mdurl"]
"""
PIPFILE_LOCK = json.dumps(
    {
        "_meta": {"pipfile-spec": 6},
        "default": {"iniconfig": {"version": "==2.0.0"}},
        "more": {"mdurl": {"version": "==0.1.1", "markers": "python_version > '3'"}},
        "bench": {"toml": {"version": "==0.10.1"}},
    }
)
LOCKED = {
    "poetry.lock": {
        "pyproject.toml": POETRY,
        "poetry.lock": f'{TOML_PINS}[metadata]\nlock-version = "2.1"\n',
    },
    "pdm.lock": {
        "pyproject.toml": PDM,
        "pdm.lock": f'{TOML_PINS}[metadata]\nlock_version = "4.5.0"\n',
    },
    "Pipfile.lock": {"Pipfile.lock": PIPFILE_LOCK},
}


def test_lock_files_of_other_tools(
    installer: str, runner: Runner, tmp_path: Path, cache: Path
) -> None:
    """What is needed is installed in the locked versions, groups and extras by either name."""
    chosen = [*LOCKED] if installer == "uv" else ["poetry.lock"]  # pip takes its time
    for name, tree in LOCKED.items():
        if name not in chosen:
            continue
        drawing = Drawing(tmp_path / name)
        drawing.commit({**tree, "bench.py": LISTED["bench.py"]})
        words = ("--extra", "more", "--group", "bench", "--", "bench.py")
        assert runner(drawing, "run", *words) == 0, (installer, name, runner.error)
        assert runner.packages == ["iniconfig==2.0.0", "mdurl==0.1.1", "toml==0.10.1"], name
        assert runner.result["conditions"] == []
    marks = [json.loads(path.read_text()) for path in cache.glob("*/specialist-ci.json")]
    assert [mark["lasts"] for mark in marks] == [True] * len(chosen)


STEPS = """\
[install]
steps = [{}]
[suites.bench]
command = "bench.py"
"""
STEP = """\
import os, sys, sysconfig
from pathlib import Path
assert sys.prefix == os.environ["VIRTUAL_ENV"]
assert "SPECIALIST_CI_CONTROL" not in os.environ
for name in sys.argv[1:]:
    place = Path(sysconfig.get_path("purelib"), f"{name}-1.dist-info")
    place.mkdir()
    (place / "METADATA").write_text(f"Name: {name}\\nVersion: 1\\n")
Path("made.py").write_text("NUMBER = 1\\n")
"""


def test_steps(runner: Runner, drawing: Drawing, cache: Path, uv: Path) -> None:
    """They run in each checkout and its environment, and may change only the former."""
    del cache
    runner.monkeypatch.setenv("PATH", f"{uv.parent}{os.pathsep}{_without_uv()}")
    tree = {
        "step.py": STEP,
        "bench.py": "import made\nfor number in range(100):\n    number + made.NUMBER\n",
        ".gitignore": "made.py\n",
    }
    for steps, words in {
        "'touch made.py', 'python step.py'": "",
        "'sh -c \"echo why >&2; exit 4\"'": "head: the step `sh -c 'echo why >&2; exit 4'` failed",
        "'python step.py x'": "head: the step `python step.py x` changed what is installed",
    }.items():
        drawing.commit({**tree, "specialist-ci.toml": STEPS.format(steps)})
        assert runner(drawing, "run", "--") == (3 if words else 0), runner.error
        assert words in runner.error.splitlines()[-1]
    assert runner(drawing, "run", "--no-install", "--") == 3
    assert "No module named 'made'" in runner.error
    assert picture(drawing.root).keys() == {*tree, "specialist-ci.toml"}


# --- two sides ---


def test_a_bumped_dependency(installer: str, runner: Runner, drawing: Drawing, cache: Path) -> None:
    """Each side runs with its own version, and the report names what differs."""
    drawing.commit(BUMPED)
    # One after the other, so that the answer is head's.
    words = ("HEAD~1", "HEAD", "--install", "--jobs", "1", "--format", "json", "--", "hot")
    assert runner(drawing, "diff", *words) == 0, (installer, runner.error)
    assert runner.answer["iniconfig"] == "2.1.0"
    (condition,) = runner.result["conditions"]
    assert (condition["name"], condition["blocking"]) == ("dependencies-differ", False)
    assert condition["message"].endswith("dependencies: iniconfig 2.0.0 → 2.1.0")
    assert len(_environments(cache)) == 2


def test_equal_sides_share_one(
    installer: str, runner: Runner, drawing: Drawing, cache: Path
) -> None:
    """What does not decide what is installed makes no second environment."""
    more = PYPROJECT.replace("[tool", "[tool.ruff]\nline-length = 9\n[tool")
    drawing.commit({**TREE, "pyproject.toml": more, "lib/hot/__init__.py": HOT + "\n"})
    words = ("HEAD~1", "HEAD", "--install", "--format", "json", "--", "hot")
    assert runner(drawing, "diff", *words) == 0, (installer, runner.error)
    assert runner.result["conditions"] == []
    assert len(_environments(cache)) == 1


def test_unknown_dependencies_never_differ(
    runner: Runner, drawing: Drawing, installer: str
) -> None:
    """A snapshot that does not say what was installed is compared without a word on it."""
    del installer
    drawing.draw({**TREE, "bench.py": LISTED["bench.py"].replace("import iniconfig\n", "")})
    assert runner(drawing, "run", "--group", "base", "--", "bench.py") == 0, runner.error
    installed = runner.output.rename(runner.tmp_path / "installed.json")
    assert runner(drawing, "run", "--group", "base", "--no-install", "--", "bench.py") == 0
    assert "installed" not in runner.result["provenance"]
    for sides in ((installed, runner.output), (runner.output, installed)):
        assert main(("compare", *map(str, sides), "--format", "json")) == 0
        assert json.loads(runner.capsys.readouterr().out)["conditions"] == []


# --- what goes wrong ---

GROUPS, EXTRAS = "groups: base, bench", "extras: all, fast"
BROKEN: dict[str, tuple[Mapping[str, str], tuple[str, ...], str, str]] = {
    "no project": ({"bench.py": ""}, (), "there is no project to install", ""),
    "no file": (TREE, ("--requirement", "x.txt"), "there is no file x.txt", ""),
    "no group": (
        TREE,
        ("--group", "x"),
        "there is no group x (groups: base, bench; extras: all, fast)",
        "",
    ),
    "no extra": (
        TREE,
        ("--extra", "x"),
        "there is no extra x (extras: all, fast; groups: base, bench)",
        "",
    ),
    "an option for a name": (
        {"pyproject.toml": "[project]\nname = '--target=/'\nversion = '../1'\n"},
        (),
        "'--target=/' '../1' is no name and version of a project",
        "",
    ),
    "build": (
        {**TREE, "setup.py": "raise RuntimeError('it will not do')\n"},
        (),
        "building the project with",
        "it will not do",
    ),
    "no such version": (
        {**TREE, "pyproject.toml": PYPROJECT.replace("==2.0.0", "==99")},
        (),
        "installing the dependencies with",
        "iniconfig==99",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_what_cannot_be_installed(
    case: str, runner: Runner, drawing: Drawing, uv: Path, network: None
) -> None:
    """One clear line names side and reason, above it is what the build said last."""
    del network
    runner.monkeypatch.setenv("PATH", f"{uv.parent}{os.pathsep}{_without_uv()}")
    tree, options, message, detail = BROKEN[case]
    drawing.commit(tree)
    assert runner(drawing, "run", "--install", *options, "--", "bench.py") == 3
    *lines, last = runner.error.splitlines()
    assert last.startswith("specialist-ci: head: ")
    assert message in last
    assert last.endswith(
        "measure without --install (--no-install), in an environment that has it all"
    )
    assert detail in "\n".join(lines)
    assert bool(lines) == bool(detail)


def test_no_network(installer: str, runner: Runner, drawing: Drawing, cache: Path) -> None:
    """The installer says what it could not reach; nothing half made is left."""
    for name in ("PIP_INDEX_URL", "UV_DEFAULT_INDEX"):
        runner.monkeypatch.setenv(name, "http://127.0.0.1:9/simple")
    runner.monkeypatch.setenv("PIP_RETRIES", "0")
    runner.monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    runner.monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    runner.monkeypatch.setenv("PIP_NO_INDEX", "0")
    runner.monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    runner.monkeypatch.setenv("UV_NO_CACHE", "1")
    drawing.commit(LISTED)
    assert runner(drawing, "run", "--install", "--", "bench.py") == 3, installer
    assert "iniconfig" in runner.error
    assert "--no-install" in runner.error.splitlines()[-1]
    assert list(cache.glob("*/")) == []


def test_neither_uv_nor_pip(runner: Runner, drawing: Drawing) -> None:
    """Where the interpreter has no pip to give, the line says what to install."""
    bare = runner.tmp_path / "bare" / "bin" / "python"
    bare.parent.mkdir(parents=True)
    bare.write_text(
        f'#!/bin/sh\ncase "$*" in *ensurepip*) exit 1;; esac\nexec {runner.python} "$@"\n'
    )
    bare.chmod(0o755)
    runner.python = bare
    runner.monkeypatch.setenv("PATH", _without_uv())
    assert runner(drawing, "run", "--install", "--", "hot") == 3
    assert "there is no uv on PATH" in runner.error
    assert "python3-venv" in runner.error


def test_the_repository_decides_nothing_else(
    installer: str, runner: Runner, drawing: Drawing
) -> None:
    """Files that look like our tools are not run, and a build meets no collector."""
    seen = runner.tmp_path / "seen"
    setup = "import os\nfrom pathlib import Path\nfrom setuptools import setup\n"
    setup += f"Path({str(seen)!r}).write_text(repr(dict(os.environ)))\nsetup()\n"
    trap = f"open({str(runner.tmp_path / 'trap')!r}, 'w')\n"
    names = ("pip", "venv", "ensurepip", "email", "encodings", "sitecustomize", "usercustomize")
    script = f"#!/bin/sh\ntouch {runner.tmp_path}/trap\n"
    drawing.commit({**TREE, "setup.py": setup, **{f"{name}.py": trap for name in names}})
    Path(drawing.root, "uv").write_text(script)
    Path(drawing.root, "uv").chmod(0o755)
    drawing.git("add", "uv")
    drawing.git("commit", "-qm", "uv")
    runner.monkeypatch.setenv("PATH", f".{os.pathsep}{os.environ['PATH']}")
    path = runner.tmp_path / "path"
    path.mkdir()
    for name in ("pip", "venv", "ensurepip", "sitecustomize", "usercustomize"):
        (path / f"{name}.py").write_text(trap)
    runner.monkeypatch.setenv("PYTHONPATH", str(path))
    # The command itself is the repository's business, so it is one that does not get there.
    runner(drawing, "run", "--install", "--", "true")
    assert "started no Python" in runner.error, installer
    assert not (runner.tmp_path / "trap").exists()
    variables = seen.read_text()
    assert "SPECIALIST_CI" not in variables
    assert f"'PYTHONPATH': '{path}" not in variables  # pip sets its own
    assert "'PATH'" in variables


# --- the cache ---


def test_the_cache_heals(
    runner: Runner, drawing: Drawing, uv: Path, network: None, cache: Path
) -> None:
    """What is half made, damaged or too old is made anew, and nothing else is."""
    del network
    runner.monkeypatch.setenv("PATH", f"{uv.parent}{os.pathsep}{_without_uv()}")
    drawing.commit(LISTED)

    def made_at() -> int:
        assert runner(drawing, "run", "--install", "--", "bench.py") == 0
        assert runner.packages == ["iniconfig==2.0.0"]
        (folder,) = _environments(cache)
        return (folder / "pyvenv.cfg").stat().st_mtime_ns

    first = made_at()
    assert made_at() == first
    (folder,) = _environments(cache)
    mark = folder / "specialist-ci.json"

    def remove_a_package() -> None:
        (site,) = folder.glob("lib/python*/site-packages")
        assert [one.pin for one in installed_in(site)] == ["iniconfig==2.0.0"]
        for path in site.glob("iniconfig*"):
            shutil.rmtree(path)

    damages = (
        mark.unlink,
        lambda: mark.write_text("{"),
        remove_a_package,
        (folder / "bin/python").unlink,
        lambda: os.utime(mark, (time.time() - 90_000,) * 2),
    )
    last = first
    for damage in damages:
        damage()
        now = made_at()
        assert now != last
        assert made_at() == now
        last = now


def test_two_runs_at_once(
    runner: Runner, drawing: Drawing, uv: Path, network: None, cache: Path
) -> None:
    """One makes the environment while the other waits, and both measure in it."""
    del network
    drawing.commit(LISTED)
    environment = {**os.environ, "PYTHONPATH": str(PROJECT)}
    environment["PATH"] = f"{uv.parent}{os.pathsep}{_without_uv()}"
    command = [sys.executable, "-m", "specialist_ci", "run", "--install"]
    command += ["--python", str(runner.python)]
    runs = [
        subprocess.Popen(
            [*command, "-o", str(runner.tmp_path / f"{number}.json"), "--", "bench.py"],
            cwd=drawing.root,
            env=environment,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(3)
    ]
    assert [one.communicate(timeout=300)[1] for one in runs] == [""] * 3
    assert len(_environments(cache)) == 1


def test_clearing_spares_what_is_used(cache: Path) -> None:
    """An environment goes when it is old enough and nobody holds it."""
    for name in ("a" * 32, "b" * 32):
        (cache / name).mkdir(parents=True)
        (cache / f"{name}.lock").touch()
    with (cache / f"{'a' * 32}.lock").open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        assert remove_environments(os.environ, unused_for=3600) == 0
        assert remove_environments(os.environ) == 1
        assert [path.name for path in cache.glob("*/")] == ["a" * 32]
    assert remove_environments(os.environ) == 1


# --- pure parts ---


def test_files_that_decide(tmp_path: Path) -> None:
    """Requirement files bring all that they include, in a ring too, but no addresses."""
    texts = {
        "a.txt": "-r b.txt  # why\n--requirement=c/d.txt\n-ce.txt\n-r https://x/y.txt\n",
        "b.txt": "-r a.txt\n",
        "c/d.txt": "--constraint ../e.txt\n-r gone.txt\n",
        "e.txt": "x==1\n",
    }
    for name, text in texts.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    project = find_project(tmp_path, ".", Wanted(requirements=("a.txt",)))
    assert sorted(deciding_files(project, tmp_path)) == sorted([*texts, "c/gone.txt"])


def test_a_group_that_includes_itself(tmp_path: Path) -> None:
    """It is named, and does not go on for ever."""
    text = '[dependency-groups]\na = [{ include-group = "b" }]\nb = [{ include-group = "A" }]\n'
    (tmp_path / "pyproject.toml").write_text(text)
    project = find_project(tmp_path, ".", Wanted(groups=("a",)))
    with pytest.raises(UnusableError, match="includes itself"):
        project.group_requirements(("a",))


def test_snapshots_are_kept_with_their_environment(
    runner: Runner, tmp_path: Path, cache: Path
) -> None:
    """A second run takes base as it was, until its packages might be others."""
    drawing = Drawing(tmp_path / "repository")
    bench = "for number in range(1000):\n    number + {}\n"
    # Nothing to install: this needs neither a network nor a build.
    table = '[project]\nname = "hot"\nversion = "1"\n'
    for number in "12":
        drawing.commit({"bench.py": bench.format(number), "pyproject.toml": table})

    def cached() -> list[bool]:
        # One after the other: else head's is looked at before base made it anew.
        options = ("--jobs=1", "--format=json")
        assert runner(drawing, "diff", "HEAD~1", "HEAD", *options, *INSTALLED) == 0
        return ["cached" in runner.result[side] for side in ("base", "head")]

    assert cached() == [False, False]
    assert cached() == [True, True]
    (mark,) = cache.glob("*/specialist-ci.json")  # both have the same
    made = mark.stat()
    os.utime(mark, (made.st_atime, made.st_mtime - 2 * 24 * 60 * 60))
    # Base makes it anew, with the same packages: that is what head was measured with.
    assert cached() == [False, True]
    assert runner.result["conditions"] == []
    drawing.commit({"bench.py": bench.format(1), "pyproject.toml": table, "poetry.lock": ""})
    assert cached()
    (told,) = runner.result["conditions"]
    assert (told["name"], told["side"], told["blocking"]) == ("lock-unread", "head", False)
    assert "poetry.lock is of a format that is not known" in told["message"]
    assert runner(drawing, "run", "HEAD", "--", "bench.py") == 0
    assert "installed" not in runner.result["provenance"]

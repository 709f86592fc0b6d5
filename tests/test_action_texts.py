"""The action's files agree with each other, with the documentation, and with the command line."""

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from hosted import ROOT
from repositories import Drawing

from specialist_ci.cli import main
from specialist_ci.commands.arguments import build_parser
from specialist_ci.configuration.config import allowed_keys
from specialist_ci.configuration.initial import ACTION
from specialist_ci.forges.inputs import OPTIONS, PREFIX

REPLACE = "# replace OWNER by the account that has the action"


def _action() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
    return found


def test_inputs_are_the_same_everywhere() -> None:
    """action.yml and its steps, its documentation, the options and the configuration agree."""
    action = _action()
    inputs = set(action["inputs"])
    documented = (ROOT / "docs" / "action.md").read_text(encoding="utf-8")
    table = documented.partition("| input | meaning |")[2].partition("\n\n")[0]
    assert set(re.findall(r"^\| `([a-z-]+)`", table, re.MULTILINE)) == inputs
    passed: dict[str, set[str]] = {}
    for step in action["runs"]["steps"]:
        for name, value in step.get("env", {}).items():
            if name.startswith(PREFIX):
                given = name.removeprefix(PREFIX).lower().replace("_", "-")
                assert value == f"${{{{ inputs.{given} }}}}"
                passed.setdefault(given, set()).add(step["name"])
    assert set(passed) == inputs - {"upload", "token"}
    commands = next(a for a in build_parser()._actions if a.metavar == "COMMAND")  # noqa: SLF001 - argparse has no public way
    assert isinstance(commands.choices, dict)
    options = {
        option.removeprefix("--").removeprefix("no-")
        for each in commands.choices["diff"]._actions  # noqa: SLF001 - argparse has no public way
        for option in each.option_strings
        if option.startswith("--")
    }
    others = {"help", "format", "output", "snapshots", "jobs", "base-python", "head-python"}
    assert options - others == set(OPTIONS)
    renamed = {"folder": "working-directory", "suites": "suite"}
    configured = {renamed.get(key, key) for key in allowed_keys(())}
    assert configured - {"acknowledged", "budgets"} <= inputs  # tables belong into a file
    installed = {key.rstrip("s") for key in allowed_keys(("install",))}
    assert installed - {"step"} <= inputs


def test_outputs_are_the_same_everywhere() -> None:
    """action.yml and its documentation agree."""
    action = _action()
    documented = (ROOT / "docs" / "action.md").read_text(encoding="utf-8")
    table = documented.partition("| output | meaning |")[2].partition("\n\n")[0]
    assert set(re.findall(r"^\| `([a-z-]+)`", table, re.MULTILINE)) == set(action["outputs"])


def test_our_own_workflows_are_the_templates() -> None:
    """What this repository runs on its own pull requests is what ``init --github`` writes."""
    templates = list((ROOT / "specialist_ci" / "configuration" / "templates").glob("*.yml"))
    assert len(templates) == 2
    for template in templates:
        own = (ROOT / ".github" / "workflows" / template.name).read_text(encoding="utf-8")
        lines = [line.partition(" # zizmor")[0] for line in own.splitlines()]
        written = template.read_text(encoding="utf-8").replace(f"{ACTION} {REPLACE}", "./")
        for line in written.splitlines():
            if not line.startswith("          # "):  # what a user may want to set
                assert line.partition(" # zizmor")[0] in lines


def _texts() -> dict[Path, str]:
    """Return all that a user copies or is given: documents, workflows, templates, the package."""
    kinds = ("*.md", "docs/*.md", "*.yml", ".github/**/*.yml", "specialist_ci/**/*.yml")
    paths = {path for kind in (*kinds, "specialist_ci/**/*.py") for path in ROOT.glob(kind)}
    return {path: path.read_text(encoding="utf-8") for path in sorted(paths)}


def test_what_is_to_be_replaced_says_so() -> None:
    """The action and the package have no address yet: each place that is copied tells it."""
    places = 0
    for path, text in _texts().items():
        for line in text.splitlines():
            if path.suffix != ".py" and f"uses: {ACTION}" in line:
                places += 1
                assert line.endswith(REPLACE), path
        if re.search(r"pip install specialist-ci\b", text):
            places += 1
            assert "`specialist-ci` is not on PyPI yet" in text, path
    assert places >= 7
    document = (ROOT / "docs" / "action.md").read_text(encoding="utf-8")
    assert "**replace\nOWNER**" in document


def test_what_is_used_is_pinned() -> None:
    """In workflows that are copied, too, another's action is named by its commit."""
    for path, text in _texts().items():
        for used in re.findall(r"^ *(?:- )?uses: (\S+.*)$", text, re.MULTILINE):
            pinned = re.fullmatch(r"[\w/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", used)
            assert pinned or used.startswith((ACTION, "./ #")), (path, used)


def test_the_workflows_have_no_right_too_many() -> None:
    """What runs the pull request's code may read, what comments runs none of it."""
    rights = {
        "specialist-ci.yml": {"contents": "read"},
        "specialist-ci-comment.yml": {"actions": "read", "pull-requests": "write"},
    }
    paths = [path for path in _texts() if path.name in rights]
    assert len(paths) == 4  # ours and the templates
    for path in paths:
        text = path.read_text(encoding="utf-8")
        workflow = yaml.safe_load(text)
        assert "pull_request_target" not in text
        assert "${{ secrets" not in text
        assert workflow["permissions"] == {}
        (job,) = workflow["jobs"].values()
        assert job["permissions"] == rights[path.name]
        for step in job["steps"]:
            given = step.get("with", {})
            assert "run" not in step
            if "checkout" in step["uses"]:
                assert given["persist-credentials"] is False
                assert "ref" not in given  # which could be that of the pull request


def test_scripts_take_inputs_from_variables_only() -> None:
    """No expression is part of a script, and all that is used is pinned to a commit."""
    action = _action()
    for step in action["runs"]["steps"]:
        assert "${{" not in step.get("run", "")
        assert re.fullmatch(r"[\w/-]+@[0-9a-f]{40}", step.get("uses", f"x@{'0' * 40}"))
        assert "token" not in str(step.get("env", {})) or step["id"] == "comment"
        if "specialist_ci" in step.get("run", ""):
            assert step["run"].startswith('"$TOOL" -I -m specialist_ci.action ')


def test_nothing_but_what_is_locked_is_installed() -> None:
    """Each installer heeds hashes and builds nothing, whose parts no hash would pin."""
    script = (ROOT / ".github" / "action" / "install.sh").read_text(encoding="utf-8")
    joined = script.replace("\\\n", " ")
    installs = [line for line in joined.splitlines() if "pip install" in line]
    assert len(installs) == 2
    for line in installs:
        assert "--require-hashes" in line
        assert "--only-binary :all:" in line
    assert joined.count(" --no-config ") == 2
    # Beside standing elsewhere: no module of the folder, and none that a variable names.
    assert re.findall(r"(\S+) -m ", joined) == ["-I", "-I"]


def test_init_writes_the_workflows(repository: Drawing, capsys: pytest.CaptureFixture[str]) -> None:
    """Both are written for the default branch, and never over one that is there."""
    repository.commit({"a.py": ""})
    repository.git("branch", "--move", "master")
    assert main(["init", "--github"]) == 0
    written = sorted((repository.root / ".github" / "workflows").iterdir())
    assert [path.name for path in written] == ["specialist-ci-comment.yml", "specialist-ci.yml"]
    measuring = yaml.safe_load(written[1].read_text(encoding="utf-8"))
    assert measuring[True]["push"]["branches"] == ["master"]  # YAML 1.1 reads `on` as true
    assert f"replace OWNER in {ACTION} by the account" in capsys.readouterr().out
    assert main(["init", "--github"]) == 2


FIXTURE = "def test_it(benchmark): pass\n"

# What a project says of itself, and what the workflow sets up for it.
PROJECTS: dict[str, tuple[dict[str, str], dict[str, str]]] = {
    "no project": ({"bench.py": "print()\n"}, {}),
    "a group": (
        {
            "pyproject.toml": '[project]\nname = "x"\nrequires-python = ">=3.14"\n'
            '[project.optional-dependencies]\ntest = ["pytest"]\n'
            '[dependency-groups]\nlint = ["ruff"]\ntests = ["Pytest >=8", "attrs"]\n',
            "test_a.py": "def test(): pass\n",
        },
        {"install": "true", "group": "tests", "python": "3.14"},
    ),
    "an extra": (
        {
            "pyproject.toml": '[project]\nname = "x"\n'
            '[project.optional-dependencies]\ntest = ["pytest[a]"]\n',
            "test_a.py": "def test(): pass\n",
        },
        {"install": "true", "extra": "test"},
    ),
    "Poetry": (
        {
            "pyproject.toml": '[tool.poetry.group.dev.dependencies]\npyperf = "*"\n',
            "poetry.lock": "",
            "bench.py": "import pyperf\n",
        },
        {"install": "true", "group": "dev"},
    ),
    "asv": (
        {
            "setup.py": "",
            "asv.conf.json": '{"matrix": {"numpy": [], "six": []}}',
            "benchmarks/b.py": "def time_it(): pass\n",
        },
        {"install": "true", "package": "numpy\nsix"},
    ),
    "requirements": (
        {"setup.py": "", "requirements/test.txt": "pytest-benchmark\n", "test_a.py": FIXTURE},
        {"install": "true", "requirement": "requirements/test.txt"},
    ),
    "nothing more": ({"setup.py": "", "bench.py": "print()\n"}, {"install": "true"}),
    "configured": (
        {
            "pyproject.toml": "[tool.specialist-ci]\ninstall = { groups = ['a'] }\n",
            "bench.py": "print()\n",
        },
        {},
    ),
}


@pytest.mark.parametrize("name", PROJECTS)
def test_init_fits_the_workflow_to_the_project(
    name: str, repository: Drawing, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It installs what the suite runs by, in the folder of the project."""
    files, expected = PROJECTS[name]
    for folder in (".", "libs/a"):
        repository.commit({f"{folder}/{path}": text for path, text in files.items()})
        monkeypatch.chdir(repository.root / folder)
        assert main(["init", "--github"]) == 0
        path = repository.root / ".github" / "workflows" / "specialist-ci.yml"
        *_, python, measuring = yaml.safe_load(path.read_text())["jobs"]["measure"]["steps"]
        below = {} if folder == "." or name == "no project" else {"working-directory": folder}
        wanted = {"comment": "never", **below, **expected}
        assert python["with"] == {"python-version": wanted.pop("python", "3.13")}
        assert measuring["with"] == wanted


def test_init_writes_workflows_where_the_repository_is_on_github(
    repository: Drawing, capsys: pytest.CaptureFixture[str]
) -> None:
    """Beside the configuration, unless they are there; elsewhere only when asked for."""
    workflow = repository.root / ".github" / "workflows" / "specialist-ci.yml"
    repository.commit({"bench.py": "print()\n"})
    assert main(["init"]) == 0
    assert not workflow.exists()
    (repository.root / "specialist-ci.toml").unlink()
    repository.git("remote", "add", "origin", "git@github.com:a/b.git")
    assert main(["init"]) == 0
    assert "install:" not in workflow.read_text().replace("# install:", "")
    (repository.root / "specialist-ci.toml").unlink()
    assert main(["init"]) == 0
    assert "wrote specialist-ci.toml" in capsys.readouterr().out


def test_what_the_action_installs_is_locked() -> None:
    """Each dependency of the tool and of its extra is there, with hashes and without a place."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["github"]]
    text = (ROOT / ".github" / "action" / "requirements.txt").read_text(encoding="utf-8")
    pinned = re.findall(r"^([a-z0-9-]+)==\S+ .*\\\n    --hash=sha256:", text, re.MULTILINE)
    assert {re.split(r"[<>=]", one)[0] for one in wanted} <= set(pinned)
    assert len(pinned) == len(re.findall(r"^\w", text, re.MULTILINE))
    assert "://" not in text


def test_each_defence_names_its_test() -> None:
    """The tests that docs/security.md names are there."""
    document = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`(test_\w+)`", document))
    files = re.findall(r"`(tests/\w+\.py)`", document)
    code = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").glob("test_*.py"))
    assert len(named) > 10
    assert named <= set(re.findall(r"^def (test_\w+)", code, re.MULTILINE))
    assert all((ROOT / file).is_file() for file in files)


def test_npm_packages_are_locked() -> None:
    """The tests' own tools are pinned exactly, by hashes, and their place is the user's choice."""
    folder = ROOT / "tests" / "action"
    wanted = json.loads((folder / "package.json").read_text(encoding="utf-8"))["dependencies"]
    text = (folder / "package-lock.json").read_text(encoding="utf-8")
    locked = json.loads(text)["packages"]
    for name, version in wanted.items():
        assert re.fullmatch(r"[0-9.]+", version)
        assert locked[f"node_modules/{name}"]["version"] == version
    assert all("integrity" in entry for path, entry in locked.items() if path)
    assert '"resolved"' not in text

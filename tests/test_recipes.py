"""The recipes of docs/ci.md are run word for word, less what installs."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from repositories import Drawing

DOCUMENT = (Path(__file__).parents[1] / "docs" / "ci.md").read_text(encoding="utf-8")
BENCH = "from package import convert\nfor n in range(99): convert(float(n))\n"


def _block(language: str, words: str) -> str:
    (found,) = (
        block
        for block in re.findall(rf"```{language}\n(.*?)```", DOCUMENT, re.DOTALL)
        if words in block
    )
    return str(found)


def _gitlab_script() -> str:
    """Return what the measuring job runs; GitLab runs it in one shell that stops at errors."""
    script = _block("yaml", "stages:").partition("script:\n")[2].partition("  artifacts:")[0]
    lines = [line.strip().removeprefix("- ") for line in script.strip().split("\n")]
    return "set -eo pipefail\n" + "\n".join(line for line in lines if not line.startswith("pip "))


RECIPES = {"gitlab": _gitlab_script(), "any": _block("sh", "set -u")}
FILES = {
    "gitlab": {"report.json", "specialization.html", "codequality.json"},
    "any": {"report.json", "report.html", "report.sarif"},
}


@pytest.mark.parametrize(("bench", "code"), [(BENCH, 1), ("1 / 0\n", 3)])
@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_checks_and_leaves_its_files(
    name: str, bench: str, code: int, tmp_path: Path
) -> None:
    """The job has the exit code of the check, and its files are there where it measured."""
    origin = Drawing(tmp_path / "origin")
    configuration = '[suites.bench]\ncommand = "python bench.py"\n'
    tree = {"bench.py": BENCH, "package.py": "def convert(x):\n    return x - 32.0\n"}
    origin.commit({**tree, "specialist-ci.toml": configuration}, "base")
    checkout = origin.clone(tmp_path / "checkout")
    package = "def convert(x):\n    return x // 32.0\n"
    head = {"bench.py": bench, "package.py": package, "specialist-ci.toml": configuration}
    checkout.commit(head, "head")
    done = subprocess.run(
        ["bash", "-c", RECIPES[name]],
        cwd=checkout.root,
        env={
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "main",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stderr
    made = {path.name for path in checkout.root.iterdir()} - {*head, ".git"}
    assert made == (FILES[name] if code != 3 else set())
    if code == 1:
        report = json.loads((checkout.root / "report.json").read_text(encoding="utf-8"))
        assert [(c["path"], c["line"]) for c in report["changes"]] == [("package.py", 2)]
        assert "FAIL: 1 regression" in done.stdout

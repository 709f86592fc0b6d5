"""The action as a whole: the real action.yml and tool, and a server that checks every request."""

import json
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hosted import (
    RUN,
    Machine,
    Outcome,
    hostile_tree,
    install,
    machine_at,
    merged,
    pull_request_event,
    run_event,
    tools,
)
from hub import Forge, node_folder, packed, running_forge
from packages import shared_folder
from reports import change as regression
from reports import report, several
from repositories import Drawing

from specialist_ci.formats.report import Verdict

MODULE = """\
def convert(value):
    return value - 32.0
"""
SLOW_MODULE = MODULE.replace("value - 32.0", "value // 32.0")
BENCH = """\
from convert import convert

for number in range(1000):
    convert(float(number))
"""
BASE = {"convert.py": MODULE, "bench.py": BENCH}
SLOW = {"convert.py": SLOW_MODULE, "bench.py": BENCH}
FIXED = {"convert.py": "# fixed\n" + MODULE, "bench.py": BENCH}
FAILING = {"convert.py": MODULE, "bench.py": "raise SystemExit('no such thing')\n"}
COMMAND = "python bench.py"
# Without the run that explains, where a test is not about what is told.
QUICK = {"command": COMMAND, "explain": "false"}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forge]:
    """Run one server for all tests, each of which has its own pull request."""
    with running_forge(node_folder(shared_folder(tmp_path_factory))) as forge:
        yield forge


@pytest.fixture
def machine(served: Forge, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Machine:
    """Make a runner."""
    shared = shared_folder(tmp_path_factory)
    return machine_at(tmp_path, shared, node_folder(shared), served)


class Change:
    """A pull request in a repository of its own, whose merge commit is checked out."""

    def __init__(self, machine: Machine, repository: Drawing, *, fork: bool = False) -> None:
        """Draw the base, and open the pull request with the slow version."""
        self.machine, self.forge, self.repository = machine, machine.forge, repository
        self.base = repository.commit(BASE, "base")
        self.number = -1
        self.fork = fork

    def push(self, tree: dict[str, str]) -> None:
        """Push a commit on top of base."""
        self.repository.git("checkout", "--quiet", "--detach", self.base)
        head = self.repository.commit(tree, "head")
        if self.number < 0:
            self.number = self.forge.pull_request(head, fork=self.fork)
        else:
            self.forge.push(self.number, head)
        merged(self.repository, self.base, head)

    def event(self, **more: object) -> dict[str, object]:
        """Return the payload of the push."""
        return pull_request_event(self.forge, self.number, self.base, **more)

    @property
    def comments(self) -> list[str]:
        """Our comments."""
        return self.forge.ours(self.number)


@pytest.fixture
def change(machine: Machine, repository: Drawing) -> Change:
    """Make a pull request."""
    return Change(machine, repository)


def test_life_of_a_pull_request(change: Change, machine: Machine) -> None:
    """Created, updated, resolved, replaced by what went wrong: always the same one comment."""

    def run(tree: dict[str, str]) -> Outcome:
        change.push(tree)
        machine.forget()
        root = change.repository.root
        token = machine.forge.write
        return machine.run(root, "pull_request", change.event(), token=token, command=COMMAND)

    outcome = run(SLOW)
    assert outcome.exit == 1, outcome.text
    assert outcome.outputs["verdict"] == "fail"
    assert outcome.outputs["regressions"] == "1"
    assert outcome.outputs["ratio"].endswith("%")
    (error,) = (one for one in outcome.commands if one["name"] == "error")
    assert "file=convert.py,line=2" in error["properties"]
    assert "`convert.py:2`" in outcome.summary
    uploaded = machine.artifact("specialist-ci-snapshots")
    assert {path.name for path in (uploaded / "snapshots").iterdir()} == {
        "base.json",
        "head.json",
        "base-again.json",
        "head-again.json",
    }
    assert json.loads((machine.artifact("specialist-ci-report") / "report.json").read_text())
    page = (machine.artifact("specialist-ci.html") / "specialist-ci.html").read_text("utf-8")
    assert page.startswith("<!doctype html>")
    assert '<a href="#suite-0-regression-0">2</a>' in page  # in the source, line by line
    (first,) = machine.forge.comments(change.number)
    assert first["body"].startswith("<!-- specialist-ci: specialist-ci -->\n")
    assert "FAIL: 1 regression" in first["body"]
    assert "https://github.example.org/octocat/project/actions/runs/77" in first["body"]
    assert outcome.outputs["comment-url"].endswith(f"#issuecomment-{first['id']}")

    assert run(SLOW | {"convert.py": SLOW_MODULE + "\n# more\n"}).exit == 1
    assert [one["id"] for one in machine.forge.comments(change.number)] == [first["id"]]

    outcome = run(FIXED)
    assert (outcome.exit, outcome.outputs["verdict"]) == (0, "pass")
    (body,) = change.comments
    assert "**Resolved**: an earlier push had 1 regression, this one has none" in body
    assert "PASS" in body

    outcome = run(FAILING)
    assert (outcome.exit, outcome.outputs["verdict"]) == (3, "not-measured")
    (body,) = change.comments
    assert "NOT MEASURED" in body
    assert "no such thing" in body
    assert "PASS" not in body


def test_nothing_to_say_is_no_comment(change: Change, machine: Machine) -> None:
    """By default what is found is measured, and a comment comes with the first change."""
    change.push(FIXED)
    for comment, count in (("changes", 0), ("always", 1)):
        machine.forget()
        outcome = machine.run(
            change.repository.root,
            "pull_request",
            change.event(),
            token=machine.forge.write,
            comment=comment,
        )
        assert (outcome.exit, len(change.comments)) == (0, count)


def test_fork(machine: Machine, repository: Drawing) -> None:
    """The measuring job may not comment and fails; the trusted one believes the server only."""
    change = Change(machine, repository, fork=True)
    change.push(SLOW)
    root, forge = change.repository.root, machine.forge
    outcome = machine.run(root, "pull_request", change.event(), token=forge.read, **QUICK)
    assert outcome.exit == 1
    assert any("needs the second workflow" in text for text in outcome.said("notice"))
    assert change.comments == []
    machine.end_run()

    def comment(conclusion: str = "failure", **more: object) -> int:
        event = run_event(forge, change.number, conclusion, **more)
        empty = machine.temp / "empty"  # nothing is checked out
        empty.mkdir(exist_ok=True)
        done = machine.run(empty, "workflow_run", event, token=forge.write, mode="comment")
        return done.exit

    assert comment() == 0
    (body,) = change.comments
    assert "FAIL: 1 regression" in body

    # A run without a report replaces what was said.
    forge.artifacts[RUN] = {}
    assert comment("failure") == 0
    (body,) = change.comments
    assert "NOT MEASURED" in body
    assert "ended as failure and left no report" in body

    # An older push than the pull request's says nothing, nor does another branch.
    before = change.comments
    assert comment(head_sha="0" * 40) == 0
    assert comment(head_branch="main") == 0
    assert comment(event="push") == 0
    assert change.comments == before


def test_label_and_line_accept(change: Change, machine: Machine) -> None:
    """A label or a line of a member lets the regressions pass, and the comment says whose."""
    change.push(SLOW)
    root, forge = change.repository.root, machine.forge

    def run(**pull: object) -> Outcome:
        machine.forget()
        event = change.event()
        assert isinstance(event["pull_request"], dict)
        event["pull_request"].update(pull)
        return machine.run(root, "pull_request", event, token=forge.write, **QUICK)

    outcome = run(author_association="OWNER", body="Words.\r\nspecialist-ci: accept by design")
    assert (outcome.exit, outcome.outputs["accepted-by"]) == (0, "octocat")
    assert outcome.outputs["verdict"] == "fail"
    forge.label(change.number, "specialist-ci-accepted")
    outcome = run(labels=[{"name": "specialist-ci-accepted"}])
    assert outcome.exit == 0
    (body,) = change.comments
    assert "**Accepted** for this pull request by octocat, by the label" in body
    assert "FAIL: 1 regression" in body


def test_shallow_clone(change: Change, machine: Machine, tmp_path: Path) -> None:
    """Of a clone of one commit no more is fetched than is compared."""
    change.push(SLOW)
    change.repository.git("branch", "--force", "merge")
    shallow = change.repository.clone(tmp_path / "shallow", "--depth=1", "--branch=merge")
    shallow.git("checkout", "--quiet", "--detach")
    event = change.event()
    outcome = machine.run(shallow.root, "pull_request", event, **QUICK, comment="never")
    assert outcome.outputs["regressions"] == "1", outcome.text
    assert shallow.git("rev-list", "--count", "HEAD") == "1"  # no history that nobody needs

    # The head of the branch instead of the merge commit: the merge base is looked for.
    machine.forget()
    head = change.repository.git("rev-parse", "merge^2")
    change.repository.git("branch", "--force", "topic", head)
    change.repository.git("checkout", "--quiet", "main")
    other = change.repository.clone(tmp_path / "other", "--depth=1", "--branch=topic")
    outcome = machine.run(other.root, "pull_request", event, **QUICK, comment="never")
    assert outcome.outputs["regressions"] == "1", outcome.text

    # Where the server gives no more, the remedy is named.
    machine.forget()
    gone = change.repository.clone(tmp_path / "gone", "--depth=1", "--branch=merge")
    gone.git("remote", "set-url", "origin", str(tmp_path / "nowhere"))
    outcome = machine.run(gone.root, "pull_request", event, **QUICK, comment="never")
    assert (outcome.exit, outcome.outputs["verdict"]) == (3, "not-measured")
    assert "cannot be fetched" in outcome.summary
    assert "fetch-depth" in outcome.summary


def test_base_from_the_cache(change: Change, machine: Machine) -> None:
    """A push to the default branch stores its snapshot, and a pull request takes it from there."""
    root = change.repository.root
    push = {
        "ref": "refs/heads/main",
        "repository": {"full_name": "octocat/project", "default_branch": "main"},
    }
    outcome = machine.run(root, "push", push, command=COMMAND)
    assert (outcome.exit, outcome.outputs["verdict"]) == (0, "measured"), outcome.text
    kept = list(machine.store.glob("cache-*"))
    assert len(kept) == 1
    machine.forget()
    change.push(FIXED)
    outcome = machine.run(root, "pull_request", change.event(), command=COMMAND, comment="never")
    (report,) = json.loads(
        (machine.artifact("specialist-ci-report") / "report.json").read_text(encoding="utf-8")
    )["reports"]
    assert report["base"]["cached"] is True
    assert "cached" not in report["head"]
    # A pull request stores nothing, and neither does another branch.
    assert list(machine.store.glob("cache-*")) == kept
    machine.forget()
    machine.run(root, "push", push | {"ref": "refs/heads/other"}, command=COMMAND)
    assert list(machine.store.glob("cache-*")) == kept


def test_matrix_of_two(machine: Machine, repository: Drawing) -> None:
    """Two shards leave their snapshots, and one job joins, compares and comments once."""
    test = "from convert import convert\n\ndef test_{name}():\n    for number in range(1000):\n"
    test += "        convert(float(number))\n"
    tests = {
        "tests/test_one.py": test.format(name="one"),
        "tests/test_two.py": test.format(name="two"),
    }
    change = Change(machine, repository)
    repository.git("checkout", "--quiet", "main")
    change.base = repository.commit(BASE | tests, "with tests")
    change.push(SLOW | tests)
    root, forge = repository.root, machine.forge
    for leg in ("1", "2"):
        outcome = machine.run(
            root,
            "pull_request",
            change.event(),
            mode="measure",
            leg=leg,
            shard=f"{leg}/2",
            command="python -m pytest -q -p no:cacheprovider tests",
            python=sys.executable,  # has pytest
        )
        assert (outcome.exit, outcome.said("error")) == (0, []), outcome.text
    empty = machine.temp / "empty"
    empty.mkdir()

    def answer(result: str = "success") -> Outcome:
        return machine.run(
            empty,
            "pull_request",
            change.event(),
            token=forge.write,
            mode="report",
            legs_result=result,
        )

    outcome = answer()
    assert (outcome.exit, outcome.outputs["verdict"]) == (1, "fail"), outcome.text
    (body,) = change.comments
    assert "joined from 2 shards" in body
    for name in ("specialist-ci-report", "specialist-ci.html"):
        shutil.rmtree(machine.artifact(name))
    shutil.rmtree(machine.artifact("specialist-ci-snapshots-2"))
    outcome = answer("failure")
    assert (outcome.exit, outcome.outputs["verdict"]) == (3, "not-measured")
    (body,) = change.comments
    assert "shard 2 of 2 is missing" in body


# What the measured process says of what it was given.
SPY = """\
import os, sys

with open({mark!r}, "a") as file:
    for name, text in os.environ.items():
        if "ghs_" in text or "a token" in text or name in {{"GITHUB_ENV", "GITHUB_OUTPUT"}}:
            file.write("leaked " + name + chr(10))
"""
NOISE = """\
for line in (
    "::error::obeyed",
    "   ::set-output name=verdict::pass",
    "x ##[error]obeyed",
    "::stop-commands::mine",
    "::add-mask::obeyed",
    "\\x1b[31m::error::obeyed",
):
    print(line)
    print(line, file=sys.stderr)
    sys.stdout.flush()
"""
COMMAND_NAME = "##[set-output name=verdict]pass.py"


def test_hostile_pull_request(machine: Machine, repository: Drawing, tmp_path: Path) -> None:
    """Nothing that it brings is imported by the tool, obeyed by the runner, or sees a token."""
    mark = str(tmp_path / "mark")
    change = Change(machine, repository)
    tree = {
        **hostile_tree(mark),
        "sitecustomize.py": "import sys\nsys.path.append('/nowhere')\n",
        "convert.py": SLOW_MODULE,
        COMMAND_NAME: SLOW_MODULE.replace("convert", "odd_convert"),
        "bench.py": SPY.format(mark=mark)
        + BENCH
        + "print('x' * 80 * 100_000)\n"
        + NOISE
        + "import importlib.util\n"
        + f"spec = importlib.util.spec_from_file_location('odd', {COMMAND_NAME!r})\n"
        + "odd = importlib.util.module_from_spec(spec)\nspec.loader.exec_module(odd)\n"
        + "for number in range(1000):\n    odd.odd_convert(float(number))\n",
    }
    change.push(tree)
    root, forge = repository.root, machine.forge
    outcome = machine.run(
        root, "pull_request", change.event(), token=forge.write, command=COMMAND, fail_on="new"
    )
    assert outcome.outputs["verdict"] == "fail", outcome.text
    assert Path(mark).read_text(encoding="utf-8") == ""
    assert len(outcome.text) < 20_000
    assert {one["name"] for one in outcome.commands} <= {"error", "warning", "notice"}
    assert not any("obeyed" in one["message"] for one in outcome.commands)
    assert outcome.errors == []  # nothing that the runner reads apart and may obey late
    (body,) = change.comments
    assert "##[" not in body + outcome.summary + outcome.text
    page = machine.artifact("specialist-ci.html") / "specialist-ci.html"
    assert "##[" not in page.read_text(encoding="utf-8")
    words = outcome.words

    # The same as the output of a command that fails, which is shown.
    machine.forget()
    change.push(tree | {"bench.py": tree["bench.py"] + "raise SystemExit(NameError)\n"})
    event = change.event()
    outcome = machine.run(root, "pull_request", event, token=forge.write)  # what is found
    assert outcome.outputs["verdict"] == "not-measured"
    assert any("obeyed" in line for line in outcome.log)
    assert not any("obeyed" in one["message"] for one in outcome.commands)
    assert outcome.errors == []
    assert not re.search(r"##\[|\x1b|^\s*::set-output", outcome.text, re.MULTILINE)
    # No word that ends a value or the silence is one that a measured process could know.
    words += outcome.words
    assert len(set(words)) == len(words) > 10
    assert Path(mark).read_text(encoding="utf-8") == ""


def test_forged_files_of_the_measuring_run(machine: Machine, repository: Drawing) -> None:
    """The trusted job believes no verdict, refuses what is no report, and still says so."""
    change = Change(machine, repository, fork=True)
    change.push(SLOW)
    forge = machine.forge
    empty = machine.temp / "empty"
    empty.mkdir()

    def comment(content: bytes) -> str:
        forge.artifacts[RUN] = {"specialist-ci-report": content}
        event = run_event(forge, change.number, "success")
        done = machine.run(empty, "workflow_run", event, token=forge.write, mode="comment")
        assert done.exit == 0, done.text
        (body,) = change.comments
        return body

    lie = several(report(regression(), verdict=Verdict.PASS)).model_dump_json().encode()
    assert "FAIL: 1 regression" in comment(packed(lie))
    assert "NOT MEASURED" in comment(packed(lie, "../report.json"))
    assert "FAIL: 1 regression" in comment(packed(lie))
    assert "NOT MEASURED" in comment(b"no zip")


def test_install_heeds_no_file_of_the_workspace(machine: Machine) -> None:
    """It was installed where a hostile checkout stood, and nothing of that was run or read."""
    installed = (machine.temp / "specialist-ci" / "environment").resolve().parents[1]
    assert (installed / "hostile" / "venv.py").exists()
    assert not (installed / "mark").exists()


def test_install_where_python_is_old(tmp_path: Path) -> None:
    """It gets uv, pinned by its hashes, which finds or fetches another Python."""
    old, newer = _python("3.9"), _python("3.13")
    # As uv keeps the interpreters that it has fetched.
    kept = tmp_path / "kept" / f"cpython-3.13.0-linux-{platform.machine()}-gnu"
    kept.mkdir(parents=True)
    (kept / "bin").symlink_to(newer.parent)
    found = {"UV_PYTHON_INSTALL_DIR": str(kept.parent), "UV_PYTHON_DOWNLOADS": "never"}
    first = _installed(tmp_path, tools(tmp_path / "old", python3=old), **found)
    # With uv on PATH it is the same: its settings are the user's, never the checkout's.
    uv = first.parents[2] / "uv" / "bin" / "uv"
    (second := tmp_path / "second").mkdir()
    _installed(second, tools(second / "bin", uv=uv), **found)


def _python(version: str) -> Path:
    found = sorted((Path.home() / ".pyenv" / "versions").glob(f"{version}.*/bin/python3"))
    if not found:
        pytest.skip(f"no Python {version} in pyenv")
    return found[-1]


def _installed(folder: Path, path: str, **environ: str) -> Path:
    """Install on a machine with that PATH, and return the Python of the environment."""
    done = install(folder, PATH=path, **environ)
    if "Failed to fetch" in done.stderr or "No matching distribution" in done.stderr:
        pytest.skip("PyPI cannot be reached")
    assert done.returncode == 0, done.stderr
    assert not (folder / "mark").exists()
    python = Path((folder / "output").read_text(encoding="utf-8").removeprefix("python=").strip())
    code = "import sys, github, specialist_ci.action; assert sys.version_info >= (3, 11)"
    subprocess.run([python, "-I", "-c", code], check=True)
    return python


@pytest.mark.parametrize(
    ("programs", "environ", "told"),
    [
        ((), {}, "needs Python 3.11 or newer, or uv: put actions/setup-python or"),
        (("3.7",), {}, "needs Python 3.11 or newer, or uv: put actions/setup-python or"),
        ((), {"RUNNER_OS": "Windows"}, "runs on Linux and macOS only: give the job another runner"),
    ],
)
def test_what_cannot_be_installed_is_one_line(
    programs: tuple[str, ...], environ: dict[str, str], told: str, tmp_path: Path
) -> None:
    """Without any Python, with one that is too old even for uv, and on Windows."""
    path = tools(tmp_path / "bin", **{f"python{one[0]}": _python(one) for one in programs})
    done = install(tmp_path, PATH=path, **environ)
    assert (done.returncode, done.stderr) == (2, "")
    (line,) = done.stdout.splitlines()
    assert line.startswith(f"::error::specialist-ci {told}")

"""Runs the action as a job of GitHub would: the real action.yml, on this host."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from collecting import surroundings
from hub import REPOSITORY, Forge, packed
from packages import once
from repositories import ENVIRONMENT, Drawing

ROOT = Path(__file__).parents[1]
SERVER = "https://github.example.org"
RUN = 77
_BASH = shutil.which("bash") or "bash"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a job."""

    status: str
    exit: int
    steps: list[dict[str, Any]]
    log: list[str]
    errors: list[str]  # lines of stderr
    commands: list[dict[str, str]]  # that the runner obeyed
    words: list[str]  # that end a value of an output, or a silence
    summary: str
    outputs: dict[str, str]

    @property
    def text(self) -> str:
        """The log."""
        return "\n".join([*self.log, *self.errors])

    def said(self, command: str) -> list[str]:
        """Return the messages of the commands of that name."""
        return [one["message"] for one in self.commands if one["name"] == command]


@dataclass
class Machine:
    """A runner: jobs on it start without files of other jobs, but keep what is installed."""

    node: Path
    temp: Path
    store: Path  # caches and artifacts
    forge: Forge
    extra: dict[str, str] = field(default_factory=dict)  # variables

    def run(
        self,
        workspace: Path,
        event: str,
        payload: Mapping[str, object],
        *,
        token: str = "",
        **inputs: str,
    ) -> Outcome:
        """Run a job with one step that uses the action."""
        home = self.temp / "specialist-ci"
        for name in ("uses", "cache"):
            shutil.rmtree(home / name, ignore_errors=True)
        for path in self.temp.glob("_*"):
            path.unlink()
        (self.temp / "_event.json").write_text(json.dumps(payload), encoding="utf-8")
        variables = {
            **{key: text for key, text in surroundings().items() if not key.startswith("GIT")},
            **ENVIRONMENT,
            "PATH": _path(),
            "CI": "true",
            "GITHUB_ACTIONS": "true",
            "GITHUB_API_URL": self.forge.url,
            "GITHUB_SERVER_URL": SERVER,
            "GITHUB_REPOSITORY": REPOSITORY,
            "GITHUB_EVENT_NAME": event,
            "GITHUB_EVENT_PATH": str(self.temp / "_event.json"),
            "GITHUB_RUN_ID": str(RUN),
            "GITHUB_WORKSPACE": str(workspace),
            "GITHUB_TOKEN": "a token of the workflow",
            "RUNNER_OS": "Linux",
            "RUNNER_ARCH": "X64",
            **self.extra,
        }
        job = {
            "action": str(ROOT),
            "inputs": {name.replace("_", "-"): text for name, text in inputs.items()},
            "github": {"token": token, "event_name": event},
            "env": variables,
            "temp": str(self.temp),
            "store": str(self.store),
            "workspace": str(workspace),
        }
        done = subprocess.run(
            ["node", "--import", "./json.mjs", "runner.mjs"],
            cwd=self.node,
            input=json.dumps(job),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return Outcome(**json.loads(done.stdout))

    def artifact(self, name: str) -> Path:
        """Return the folder of what was uploaded under a name."""
        return self.store / f"artifact-{name}"

    def end_run(self, run: int = RUN, name: str = "specialist-ci-report") -> None:
        """Let the server offer the report, and forget the files of the run."""
        report = self.artifact(name) / "report.json"
        if report.exists():
            self.forge.artifacts[run] = {name: packed(report.read_bytes())}
        self.forget()

    def forget(self) -> None:
        """Forget all artifacts, as of an earlier run."""
        for path in self.store.glob("artifact-*"):
            shutil.rmtree(path)


def merged(repository: Drawing, base: str, head: str) -> str:
    """Check out the merge of two commits, as actions/checkout does, and return its id."""
    repository.git("checkout", "--quiet", "--detach", base)
    repository.git("merge", "--quiet", "--no-ff", "--no-edit", head)
    return repository.git("rev-parse", "HEAD")


def pull_request_event(forge: Forge, number: int, base: str, **more: object) -> dict[str, object]:
    """Return the payload of an event of a pull request."""
    pull = forge.payload(number)
    pull["base"]["sha"] = base
    return {
        "action": "synchronize",
        "number": number,
        "pull_request": pull,
        "repository": {"full_name": REPOSITORY, "default_branch": "main"},
        "sender": {"login": "octocat"},
        **more,
    }


def run_event(forge: Forge, number: int, conclusion: str, **more: object) -> dict[str, object]:
    """Return the payload of the end of a workflow run, of a pull request from a fork."""
    pull = forge.payload(number)
    run = {
        "id": RUN,
        "event": "pull_request",
        "conclusion": conclusion,
        "html_url": f"{SERVER}/{REPOSITORY}/actions/runs/{RUN}",
        "head_sha": pull["head"]["sha"],
        "head_branch": pull["head"]["ref"],
        "head_repository": {"full_name": pull["head"]["repo"]["full_name"]},
        "pull_requests": [],  # of a fork there is none
        **more,
    }
    return {
        "action": "completed",
        "workflow_run": run,
        "repository": {"full_name": REPOSITORY, "default_branch": "main"},
    }


def machine_at(folder: Path, shared: Path, node: Path, forge: Forge) -> Machine:
    """Return a machine whose installed tool is made once for all workers of the tests."""
    tool = shared / "tool"
    with once(tool) as missing:
        if missing:
            tool.mkdir()
            done = install(tool)
            if done.returncode != 0:
                shutil.rmtree(tool)
                pytest.skip(f"cannot install from PyPI: {done.stderr.strip()[-200:]}")
    temp, store = folder / "temp", folder / "store"
    (temp / "specialist-ci").mkdir(parents=True)
    store.mkdir()
    made = tool / "specialist-ci" / "environment"
    (temp / "specialist-ci" / "environment").symlink_to(made)
    return Machine(node, temp, store, forge)


def hostile_tree(mark: str) -> dict[str, str]:
    """Return what a pull request may bring along to be imported or obeyed; it leaves a mark."""
    module = _MARK.format(mark=mark)
    names = ("json", "venv", "ensurepip", "pip", "pydantic", "git", "github", "sysconfig")
    return {
        **{f"{name}.py": module for name in names},
        "specialist_ci/__init__.py": module,
        "specialist_ci/action.py": module,
        "pyvenv.cfg": "home = /nowhere\n",
        ".python-version": "2.7.18\n",
        "uv.toml": 'index-url = "http://127.0.0.1:9/simple"\nrequired-version = "==0.0.1"\n',
        "pip.conf": "[global]\nindex-url = http://127.0.0.1:9/simple\n",
        "pyproject.toml": '[tool.uv]\nrequired-version = "==0.0.1"\n',
    }


def install(folder: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run the action's installer, standing in a hostile checkout; its mark is ``mark``."""
    hostile = folder / "hostile"
    for path, text in hostile_tree(str(folder / "mark")).items():
        (hostile / path).parent.mkdir(parents=True, exist_ok=True)
        (hostile / path).write_text(text, encoding="utf-8")
    return subprocess.run(
        [_BASH, str(ROOT / ".github" / "action" / "install.sh")],
        cwd=hostile,
        env={
            **surroundings(),
            "PATH": _path(),
            "RUNNER_TEMP": str(folder),
            "GITHUB_OUTPUT": str(folder / "output"),
            **environ,
        },
        capture_output=True,
        text=True,
        check=False,
    )


def tools(folder: Path, **programs: Path) -> str:
    """Return a PATH with what every runner has, and with nothing else but the programs named."""
    folder.mkdir()
    for name in ("bash", "cmp", "cp", "dirname", "mkdir", "rm"):
        (folder / name).symlink_to(str(shutil.which(name)))
    for name, path in programs.items():
        (folder / name).symlink_to(path)
    return str(folder)


_MARK = """\
import sys
with open({mark!r}, "a") as file:
    file.write(__name__ + " " + " ".join(sys.orig_argv) + chr(10))
"""


def _path() -> str:
    """Return a PATH on which python3 is the interpreter of the tests, not of their environment."""
    return os.pathsep.join((str(Path(sys.executable).resolve().parent), os.environ["PATH"]))

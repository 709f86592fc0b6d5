"""A GitHub server for tests: an emulator with real permissions, behind a proxy that checks us.

The proxy refuses every request that GitHub's own description of its API does not allow, names
our commits where the emulator made its own, fails when it is told to, and serves what the
emulator lacks: the artifacts of workflow runs, and the events of pull requests.
"""

import io
import json
import re
import shutil
import socket
import subprocess
import threading
import time
import urllib.parse
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests
from openapi_core import OpenAPI
from openapi_core.datatypes import RequestParameters
from openapi_core.exceptions import OpenAPIError
from packages import once

HERE = Path(__file__).parent
REPOSITORY = "octocat/project"
_NODE = 20
_TIMEOUT = 30  # seconds
# The description that we have is a part; this path is not in it.
_UNDESCRIBED = re.compile(r"/repos/[^/]+/[^/]+/issues/\d+/events")


def node_folder(shared: Path) -> Path:
    """Return a folder with our scripts and the npm packages that they need."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("no node and npm on this machine")
    version = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True)
    if int(version.stdout.lstrip("v").partition(".")[0]) < _NODE:
        pytest.skip(f"node is older than {_NODE}")
    folder = shared / "node"
    with once(folder) as missing:
        if missing:
            shutil.copytree(HERE / "action", folder)
            done = subprocess.run(
                ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
                cwd=folder,
                capture_output=True,
                text=True,
                check=False,
            )
            if done.returncode != 0:
                shutil.rmtree(folder)
                pytest.skip(f"cannot install from npm: {done.stderr.strip()[-200:]}")
    return folder


@dataclass
class Seen:
    """One request of ours."""

    method: str
    path: str
    query: str
    authorized: bool


@dataclass
class Forge:
    """The server as tests see it."""

    url: str
    upstream: str
    write: str  # a token that may comment
    read: str  # one that may not, as of a pull request from a fork
    seen: list[Seen] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)  # what is not GitHub's API
    commits: dict[str, str] = field(default_factory=dict)  # the emulator's, and ours in its place
    fail: list[tuple[str, str]] = field(default_factory=list)  # method and how, for next requests
    artifacts: dict[int, dict[str, bytes]] = field(default_factory=dict)  # packed, by run
    labelled: dict[int, list[tuple[str, str]]] = field(default_factory=dict)  # who, which
    unfiltered: bool = False  # lists all pull requests, whatever head was asked for

    @cached_property
    def openapi(self) -> OpenAPI:
        """GitHub's own description of its API."""
        text = (HERE / "openapi" / "github.json").read_text(encoding="utf-8")
        return OpenAPI.from_dict(json.loads(text) | {"servers": [{"url": self.url}]})

    def ask(self, method: str, path: str, body: object = None, *, token: str = "octocat") -> Any:  # noqa: ANN401 - JSON
        """Ask the emulator itself, as people would."""
        answer = requests.request(
            method,
            f"{self.upstream}{path}",
            json=body,
            headers={"Authorization": f"token {token}"},
            timeout=_TIMEOUT,
        )
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def pull_request(self, sha: str, *, fork: bool = False, body: str = "") -> int:
        """Open a pull request from a new branch whose head is one of our commits."""
        branch = f"change-{len(self.commits)}"
        owner = "stranger" if fork else "octocat"
        made = self.ask(
            "POST",
            f"/repos/{REPOSITORY}/pulls",
            {"title": "A change", "head": f"{owner}:{branch}", "base": "main", "body": body},
        )
        self.push(made["number"], sha)
        number: int = made["number"]
        return number

    def push(self, number: int, sha: str) -> None:
        """Let a pull request's head be another commit of ours."""
        pull = self.ask("GET", f"/repos/{REPOSITORY}/pulls/{number}")
        # The emulator gives all branches of a repository one commit.
        self.commits[f"{number}"] = sha
        self.commits.setdefault(pull["head"]["sha"], "")

    def comment(self, number: int, body: str, *, token: str = "octocat") -> int:
        """Comment as somebody else."""
        path = f"/repos/{REPOSITORY}/issues/{number}/comments"
        made: int = self.ask("POST", path, {"body": body}, token=token)["id"]
        return made

    def label(self, number: int, label: str, *, who: str = "octocat") -> None:
        """Put a label on a pull request."""
        self.ask(
            "POST", f"/repos/{REPOSITORY}/issues/{number}/labels", {"labels": [label]}, token=who
        )
        self.labelled.setdefault(number, []).append((who, label))

    def comments(self, number: int) -> list[dict[str, Any]]:
        """Return all comments of a pull request."""
        found: list[dict[str, Any]] = []
        for page in range(1, 10):
            path = f"/repos/{REPOSITORY}/issues/{number}/comments?per_page=100&page={page}"
            found += self.ask("GET", path)
        return found

    def ours(self, number: int) -> list[str]:
        """Return the text of the comments of ours."""
        return [
            one["body"]
            for one in self.comments(number)
            if one["user"]["login"] == "github-actions[bot]"
        ]

    def payload(self, number: int, **changes: object) -> dict[str, Any]:
        """Return the pull request as an event has it."""
        pull = self.ask("GET", f"/repos/{REPOSITORY}/pulls/{number}")
        pull["head"]["sha"] = self.commits[f"{number}"]
        return {**pull, **changes}


class _Handler(BaseHTTPRequestHandler):
    forge: Forge

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def _serve(self) -> None:
        forge = self.forge
        url = urllib.parse.urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)) or None
        authorized = "Authorization" in self.headers
        forge.seen.append(Seen(self.command, url.path, url.query, authorized))
        if url.path == "/blob":  # another host on GitHub: no token may come here
            number, name = url.query.split("/", 1)
            self._answer(200, forge.artifacts[int(number)][name], {})
            return
        if not _UNDESCRIBED.fullmatch(url.path):
            try:
                forge.openapi.validate_request(_Request(self, forge.url, url, body))
            except OpenAPIError as error:
                forge.refused.append(f"{self.command} {self.path}: {error!r} {error.__cause__!r}")
                self._answer(500, b'{"message": "this is not the API of GitHub"}', {})
                return
        how = ""
        if forge.fail and forge.fail[0][0] == self.command:
            how = forge.fail.pop(0)[1]
        if how == "secondary":
            self._answer(403, b'{"message": "secondary rate limit"}', {"Retry-After": "1"})
            return
        if how == "exhausted":
            headers = {
                "X-RateLimit-Remaining": "0",
                "X-RateLimit-Reset": f"{time.time() + 3600:.0f}",
            }
            self._answer(403, b'{"message": "API rate limit exceeded"}', headers)
            return
        if how == "before":
            self._answer(502, b"<html>", {})
            return
        status, answer, headers = self._own_answer(url) or self._ask_upstream(body)
        if how == "after":  # done, and the answer is lost
            status, answer, headers = 502, b"<html>", {}
        if how == "cut":
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        self._answer(status, answer, headers)

    def do_GET(self) -> None:
        """Answer."""
        self._serve()

    do_POST = do_PATCH = do_DELETE = do_GET  # noqa: N815 - as the base class looks for them

    def _answer(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _own_answer(
        self, url: urllib.parse.SplitResult
    ) -> tuple[int, bytes, dict[str, str]] | None:
        forge = self.forge
        json_type = {"Content-Type": "application/json"}
        if found := re.fullmatch(rf"/repos/{REPOSITORY}/actions/runs/(\d+)", url.path):
            run = {"id": int(found[1]), "url": f"{forge.url}{url.path}"}
            run["artifacts_url"] = f"{run['url']}/artifacts"
            return 200, json.dumps(run).encode(), json_type
        if found := re.fullmatch(rf"/repos/{REPOSITORY}/actions/runs/(\d+)/artifacts", url.path):
            listed = [
                {"id": int(found[1]) * 10 + index, "name": name, "size_in_bytes": 1}
                | {"expired": False, "url": f"{forge.url}/unused"}
                for index, name in enumerate(forge.artifacts.get(int(found[1]), {}))
            ]
            answer = {"total_count": len(listed), "artifacts": listed}
            return 200, json.dumps(answer).encode(), json_type
        if found := re.fullmatch(rf"/repos/{REPOSITORY}/actions/artifacts/(\d+)/zip", url.path):
            run_number, index = divmod(int(found[1]), 10)
            name = list(forge.artifacts[run_number])[index]
            other = forge.url.replace("127.0.0.1", "localhost")
            return 302, b"", {"Location": f"{other}/blob?{run_number}/{name}"}
        if found := re.fullmatch(rf"/repos/{REPOSITORY}/issues/(\d+)/events", url.path):
            events = [
                {"event": "labeled", "actor": {"login": who}, "label": {"name": label}}
                for who, label in forge.labelled.get(int(found[1]), [])
            ]
            return 200, json.dumps(events).encode(), json_type
        return None

    def _ask_upstream(self, body: bytes | None) -> tuple[int, bytes, dict[str, str]]:
        forge = self.forge
        kept = {
            name: self.headers[name]
            for name in ("Authorization", "Accept", "Content-Type")
            if name in self.headers
        }
        path = re.sub(r"\bhead=[^&]*", "", self.path) if forge.unfiltered else self.path
        answered = requests.request(
            self.command,
            f"{forge.upstream}{path}",
            data=body,
            headers=kept,
            timeout=_TIMEOUT,
        )
        status, text, headers = answered.status_code, answered.content, answered.headers
        passing = {
            name: value.replace(forge.upstream, forge.url)
            for name, value in headers.items()
            if name.lower() in {"content-type", "link", "x-ratelimit-remaining"}
        }
        text = text.replace(forge.upstream.encode(), forge.url.encode())
        return status, self._with_our_commits(text), passing

    def _with_our_commits(self, text: bytes) -> bytes:
        try:
            answer = json.loads(text)
        except ValueError:
            return text
        for one in answer if isinstance(answer, list) else [answer]:
            if isinstance(one, dict) and "head" in one and f"{one['number']}" in self.forge.commits:
                one["head"]["sha"] = self.forge.commits[f"{one['number']}"]
        return json.dumps(answer).encode()


class _Request:
    """A request in openapi-core's terms."""

    def __init__(
        self,
        handler: BaseHTTPRequestHandler,
        host: str,
        url: urllib.parse.SplitResult,
        body: bytes | None,
    ) -> None:
        """Take what came over the wire."""
        self.host_url = host
        self.path = url.path
        self.method = handler.command.lower()
        self.content_type = handler.headers.get("Content-Type") or ""
        self.body = body
        query = urllib.parse.parse_qsl(url.query)
        self.parameters = RequestParameters(
            query=dict(query),
            header=dict(handler.headers.items()),
        )


def packed(content: bytes, name: str = "report.json") -> bytes:
    """Return an artifact with one file, byte for byte the same each time."""
    archive = io.BytesIO()
    # A bare name would be stamped with the time of day.
    member = zipfile.ZipInfo(name)
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as target:
        target.writestr(member, content, zipfile.ZIP_DEFLATED)
    return archive.getvalue()


@contextmanager
def running_forge(folder: Path) -> Iterator[Forge]:
    """Run the emulator and the proxy before it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    emulator = subprocess.Popen(
        ["node", "emulate.mjs", str(port)],
        cwd=folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    try:
        assert emulator.stdout is not None
        told = json.loads(emulator.stdout.readline())
        url = f"http://127.0.0.1:{server.server_address[1]}"
        forge = Forge(url, told["url"], told["write"], told["read"])
        _Handler.forge = forge
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield forge
        assert forge.refused == []
    finally:
        server.shutdown()
        server.server_close()
        emulator.communicate("", timeout=10)

"""A small GitLab: notes of merge requests, strict about every request, faulty where asked to be.

It takes only what https://docs.gitlab.com/api/notes/#merge-requests documents, answers in
its shapes, and fails the test for everything else.
"""

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

READER, WRITER = "reader-token", "writer-token"
BOT, OTHER = 7, 8

_NOTES = re.compile(r"/api/v4/projects/([^/]+)/merge_requests/(\d+)/notes(?:/(\d+))?")
_DOCUMENTED = {("GET", False), ("POST", False), ("PUT", True), ("DELETE", True)}  # on one note?
_LONGEST = 1_000_000  # characters of a note


@dataclass
class Fault:
    """What goes wrong with the next request of a method; 0 is a connection that breaks."""

    method: str
    status: int
    after: bool = False  # only after the request was done
    headers: dict[str, str] = field(default_factory=dict)


class GitLab(ThreadingHTTPServer):
    """One project with one merge request."""

    daemon_threads = True

    def __init__(self) -> None:
        """Listen on the loopback alone."""
        super().__init__(("127.0.0.1", 0), _Handler)
        self.notes: list[dict[str, Any]] = []
        self.faults: list[Fault] = []
        self.requests: list[tuple[str, str]] = []
        self.wrong: list[str] = []
        self._next = 300

    @property
    def address(self) -> str:
        """The address of the API."""
        return f"http://127.0.0.1:{self.server_address[1]}/api/v4"

    def add(self, body: str, author: int = OTHER, *, system: bool = False) -> int:
        """Put a note there and return its number."""
        self._next += 1
        self.notes.append(
            {
                "id": self._next,
                "body": body,
                "author": {"id": author, "username": f"user{author}", "state": "active"},
                "system": system,
                "noteable_type": "MergeRequest",
                "noteable_iid": 12,
                "internal": False,
                "resolvable": False,
            }
        )
        return self._next

    @property
    def bodies(self) -> list[str]:
        """The texts of the notes of our bot."""
        return [note["body"] for note in self.notes if note["author"]["id"] == BOT]


@contextmanager
def gitlab() -> Iterator[GitLab]:
    """Serve, and see in the end that no request was one that GitLab does not document."""
    with GitLab() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
    assert server.wrong == []


class _Handler(BaseHTTPRequestHandler):
    server: GitLab

    def log_message(self, *_arguments: object) -> None:
        """Be quiet."""

    def do_GET(self) -> None:
        self._serve("GET")

    def do_POST(self) -> None:
        self._serve("POST")

    def do_PUT(self) -> None:
        self._serve("PUT")

    def do_DELETE(self) -> None:
        self._serve("DELETE")

    def _serve(self, method: str) -> None:
        url = urlsplit(self.path)
        length = int(self.headers.get("Content-Length", "0"))
        data = self.rfile.read(length) if length else b""
        self.server.requests.append((method, self.path))
        fault = next((one for one in self.server.faults if one.method == method), None)
        if fault is not None:
            self.server.faults.remove(fault)
            if not fault.after:
                self._fail(fault)
                return
        answer = self._answer(method, url.path, parse_qs(url.query), data)
        if fault is not None:
            self._fail(fault)
        else:
            self._send(*answer)

    def _fail(self, fault: Fault) -> None:
        if not fault.status:
            self.close_connection = True
            self.connection.close()
            return
        self._send(fault.status, {"message": "something is wrong"}, fault.headers)

    def _answer(
        self, method: str, path: str, query: dict[str, list[str]], data: bytes
    ) -> tuple[int, object, dict[str, str]]:
        token = self.headers.get("PRIVATE-TOKEN")
        if token not in {READER, WRITER}:
            return 401, {"message": "401 Unauthorized"}, {}
        if (method, path) == ("GET", "/api/v4/user"):
            return 200, {"id": BOT, "username": "project_5_bot"}, {}
        found = _NOTES.fullmatch(path)
        if found is None or (method, bool(found[3])) not in _DOCUMENTED:
            self.server.wrong.append(f"{method} {path}")
            return 404, {"error": "404 Not Found"}, {}
        if (unquote(found[1]), found[2]) != ("group/project", "12"):
            return 404, {"message": "404 Project Not Found"}, {}
        if method == "GET":
            return self._page(query)
        if token == READER:
            return 403, {"message": "403 Forbidden"}, {}
        return self._change(method, int(found[3] or 0), data)

    def _change(self, method: str, number: int, data: bytes) -> tuple[int, object, dict[str, str]]:
        if method == "POST":
            return 201, self._note(self.server.add(self._body(data), BOT)), {}
        note = self._note(number)
        if note is None:
            return 404, {"message": "404 Not found"}, {}
        if note["author"]["id"] != BOT:
            self.server.wrong.append(f"{method} of a note of somebody else")
        if method == "DELETE":
            self.server.notes.remove(note)
            return 204, None, {}
        note["body"] = self._body(data)
        return 200, note, {}

    def _body(self, data: bytes) -> str:
        content = json.loads(data)
        if self.headers.get("Content-Type") != "application/json" or content.keys() != {"body"}:
            self.server.wrong.append(f"a body with {sorted(content)}")
        if not 0 < len(content["body"]) <= _LONGEST:
            self.server.wrong.append(f"a note of {len(content['body'])} characters")
        return str(content["body"])

    def _note(self, number: int) -> dict[str, Any] | None:
        return next((note for note in self.server.notes if note["id"] == number), None)

    def _page(self, query: dict[str, list[str]]) -> tuple[int, object, dict[str, str]]:
        if unknown := query.keys() - {"sort", "order_by", "per_page", "page"}:
            self.server.wrong.append(f"a query with {sorted(unknown)}")
        size, page = (int(query.get(name, [usual])[0]) for name, usual in
                      (("per_page", "20"), ("page", "1")))  # fmt: skip
        if not 1 <= size <= 100:
            self.server.wrong.append(f"a page of {size}")
        ordered = sorted(self.server.notes, key=lambda note: note["id"])
        if query.get("sort", ["desc"]) == ["desc"]:
            ordered.reverse()
        start = (page - 1) * size
        following = str(page + 1) if start + size < len(ordered) else ""
        headers = {"x-next-page": following, "x-page": str(page), "x-per-page": str(size)}
        return 200, ordered[start : start + size], headers

    def _send(self, status: int, content: object, headers: dict[str, str]) -> None:
        data = b"" if content is None else json.dumps(content).encode()
        self.send_response(status)
        for name, text in headers.items():
            self.send_header(name, text)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

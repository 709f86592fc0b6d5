"""The HTML page: hostile text stays text, nothing is loaded, every line shows its state."""

import base64
import re
import shutil
import subprocess
from collections import Counter
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from repositories import Drawing
from test_render import FAIL, HOSTILE, LINKS, REPORTS, SNAPSHOT, hostile_reports

from specialist_ci.cli import main
from specialist_ci.formats.report import Failure, Report, Reports
from specialist_ci.formats.snapshot import Snapshot
from specialist_ci.render.escape import visible
from specialist_ci.render.html import render_html, render_html_reports, render_html_snapshot

VOID = {"meta", "link", "br"}
TAGS = VOID | {
    *("html", "head", "title", "style", "body", "article", "section", "div", "span", "p", "a"),
    *("h1", "h2", "h3", "dl", "dt", "dd", "ul", "li", "strong", "code", "pre", "del", "ins"),
    *("mark", "table", "tr", "th", "td", "details", "summary"),
}
ATTRIBUTES = {
    *("lang", "charset", "http-equiv", "content", "name", "rel", "href", "class", "id", "title"),
    "open",
}


class Page(HTMLParser):
    """Reads a page as a browser does, and fails on everything that we did not write."""

    def __init__(self, text: str) -> None:
        """Read the whole page."""
        super().__init__()
        self.open: list[str] = []
        self.texts: list[str] = []
        self.links: list[str] = []
        self.ids: Counter[str] = Counter()
        self.classes: list[tuple[str, str]] = []
        self.metas: dict[str, str] = {}
        self.style = ""
        text.encode()
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take a tag."""
        assert tag in TAGS
        found = {name: value or "" for name, value in attrs}
        assert found.keys() <= ATTRIBUTES
        assert "style" not in found
        if "href" in found:
            self.links.append(found["href"])
        if "id" in found:
            self.ids[found["id"]] += 1
        if "class" in found:
            self.classes.append((tag, found["class"]))
        if tag == "meta":
            self.metas[found.get("http-equiv") or found.get("name", "")] = found.get("content", "")
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """Take the end of a tag."""
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        """Take text."""
        if self.open and self.open[-1] == "style":
            self.style += data
        else:
            self.texts.append(data)

    def handle_comment(self, data: str) -> None:
        """Refuse comments: we write none."""
        pytest.fail(data)

    @property
    def text(self) -> str:
        """All that a reader sees."""
        return "".join(self.texts)


def check(text: str) -> Page:
    """Assert that a page is whole, closed, and leads nowhere but to the given repository."""
    page = Page(text)
    policy = page.metas["Content-Security-Policy"]
    digest = base64.b64encode(sha256(page.style.encode()).digest()).decode()
    assert policy.startswith(f"default-src 'none'; style-src 'sha256-{digest}';")
    assert "script-src" not in policy
    assert "unsafe" not in policy
    assert "url(" not in page.style
    assert "@import" not in page.style
    for link in page.links:
        if link.startswith("#"):
            assert page.ids[link[1:]] == 1
        else:
            assert link == "data:," or link.startswith("https://github.com/octo/shapes/blob/")
    assert max(page.ids.values(), default=1) == 1
    return page


@given(hostile_reports())
def test_hostile_text_stays_text(report: Report) -> None:
    """Whatever the repository contains, no tag, attribute or address of its own comes alive."""
    page = check(render_html(report, links=LINKS))
    for change in report.changes:
        assert visible(change.path) in page.text
        assert visible(change.function) in page.text
    for condition in report.conditions:
        assert visible(condition.remedy) in page.text


@given(HOSTILE, HOSTILE)
def test_hostile_source_stays_text(path: str, source: str) -> None:
    """So it is with every line of a file, whatever its sites say about columns."""
    (first, *_) = SNAPSHOT.files
    file = first.model_copy(update={"path": path, "source": f"# one\n{source}\n"})
    snapshot = SNAPSHOT.model_copy(update={"files": (file,)})
    page = check(render_html_snapshot(snapshot))
    assert visible(path) in page.text
    whole = page.text.replace(r"##\[", "##[")  # a mark may begin within
    for line in source.split("\n"):
        shown = "\t".join(visible(part) for part in line.split("\t"))
        assert shown.replace(r"##\[", "##[") in whole


@pytest.mark.parametrize("name", REPORTS)
def test_every_report_is_a_page(name: str) -> None:
    """The page begins with the verdict, as the other formats word it."""
    page = check(render_html(REPORTS[name], links=LINKS))
    assert ("h1", REPORTS[name].verdict.value) in page.classes


def test_reports_of_several_suites_are_one_page() -> None:
    """Their places do not collide, each has its source, and a failure has its say."""
    failure = Failure(suite="a<b", message="it broke", remedy="mend it")
    several = Reports(reports=(FAIL, FAIL), failures=(failure,))
    head = SNAPSHOT.model_copy(update={"provenance": FAIL.head})
    page = check(render_html_reports(several, links=LINKS, heads=[SNAPSHOT, head]))
    assert page.ids.keys() >= {"suite-0-file-0-2", "suite-1-file-0-2", "suite-1-regression-0"}
    assert "NOT MEASURED: suite a<b\nit brokeRemedy: mend it" in page.text


@given(st.sampled_from(["javascript:alert(1)//{commit}", "data:text/html,{path}", "//x/{line}"]))
def test_only_web_addresses_are_links(template: str) -> None:
    """An address of another kind is none."""
    assert check(render_html(FAIL, links=template)).links == ["data:,"]


def test_an_address_stays_within_its_attribute() -> None:
    """A server's name that holds a quote adds no attribute to the link."""
    template = 'https://host/" onmouseover="alert(1)/{commit}/{path}#L{line}'
    links = Page(render_html(FAIL, links=template)).links
    assert any(link.startswith("https://host/%22%20onmouseover=%22alert%281%29/") for link in links)


def test_every_line_has_the_colour_of_its_worst_site() -> None:
    """All lines are there, with how many sites are in which state."""
    page = check(render_html_snapshot(SNAPSHOT))
    rows = [found for tag, found in page.classes if tag == "tr"]
    assert rows == ["adaptive", "adaptive"]
    lines = sum(file.source.count("\n") for file in SNAPSHOT.files)
    numbers = re.findall(r"<th>(?:<a [^>]*>)?(\d+)", render_html_snapshot(SNAPSHOT))
    assert len(numbers) == lines
    assert "1✓ 1~ 1✗" in page.text
    marks = [found for tag, found in page.classes if tag == "mark"]
    assert {"unstable", "adaptive"} == set(marks)


@pytest.fixture
def page(repository: Drawing, capsys: pytest.CaptureFixture[str]) -> Path:
    """Make the page of a real regression, hostile text and all."""
    text = 'def convert(value):\n    "<script>alert(1)</script>"\n    return value {}\n'
    bench = "from package import convert\nfor n in range(99): convert(float(n))\n"
    for sign in ("- 32.0", "// 32.0"):
        repository.commit({"bench.py": bench, "package.py": text.format(sign)})
    path = repository.root.parent / "report.html"
    argv = ("diff", "HEAD~1", "HEAD", "--format", "html", "-o", str(path), "--", "bench.py")
    assert main(argv) == 1
    capsys.readouterr()
    return path


def test_a_real_report_shows_its_source(page: Path) -> None:
    """A change leads to its line in the file, and the line to the change."""
    found = check(page.read_text(encoding="utf-8"))
    assert "<script>alert(1)</script>" in found.text
    assert "bench.py" in found.text
    assert {"#file-1-3", "#regression-0"} <= set(found.links)
    assert ("tr", "adaptive") in found.classes


def test_a_browser_has_nothing_to_complain_about(page: Path, tmp_path: Path) -> None:
    """It blocks nothing by the page's own policy, and asks for the file alone."""
    browser = shutil.which("chromium-headless-shell")
    if browser is None:
        pytest.skip("no chromium-headless-shell on this machine")
    log = tmp_path / "net.json"
    done = subprocess.run(
        [
            *(browser, "--no-sandbox", "--disable-gpu", "--enable-logging=stderr"),
            *(f"--user-data-dir={tmp_path / 'profile'}", f"--log-net-log={log}"),
            *("--dump-dom", page.as_uri()),
        ],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert "Content Security Policy" not in done.stderr
    assert "CONSOLE" not in done.stderr
    assert "alert(1)" in done.stdout
    urls = set(re.findall(r'"url":"([^"]+)"', log.read_text(encoding="utf-8")))
    assert {url for url in urls if not url.startswith(("file:", "data:", "chrome"))} == set()


def test_a_snapshot_without_files_is_a_page() -> None:
    """Nothing to list is no mistake."""
    check(render_html_snapshot(Snapshot.model_copy(SNAPSHOT, update={"files": ()})))

"""What the trusted job takes in: each way to lie with a report is refused or does not count."""

import io
import json
import os
import stat
import zipfile
from pathlib import Path

import pytest
from reports import blocked, change, report, several

from specialist_ci.errors import UsageError
from specialist_ci.forges.intake import LIMIT, parse_reports, read_file, unpack
from specialist_ci.formats.report import Verdict

GOOD = several(report(change(), verdict=Verdict.FAIL)).model_dump_json().encode()


def _zip(*members: tuple[str, bytes], mode: int = 0) -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in members:
            member = zipfile.ZipInfo(name)
            member.compress_type = zipfile.ZIP_DEFLATED
            member.external_attr = mode << 16
            packed.writestr(member, content)
    return archive.getvalue()


def test_a_good_report_comes_through() -> None:
    """Packed by any system, alone or as one of several suites."""
    for mode in (0, stat.S_IFREG | 0o644):
        assert unpack(_zip(("report.json", GOOD), mode=mode)) == GOOD
    alone = report(change()).model_dump_json().encode()
    assert len(parse_reports(alone).reports) == 1
    assert parse_reports(GOOD).reports[0].changes == (change(),)


ARCHIVES = {
    "no archive": b"PK\x03\x04 and no more",
    "empty": _zip(),
    "other name": _zip(("other.json", GOOD)),
    "one more file": _zip(("report.json", GOOD), ("sitecustomize.py", b"")),
    "the same name twice": _zip(("report.json", GOOD), ("./report.json", GOOD)),
    "a folder above": _zip(("../report.json", GOOD)),
    "an absolute path": _zip(("/root/report.json", GOOD)),
    "a link": _zip(("report.json", b"/etc/passwd"), mode=stat.S_IFLNK | 0o777),
    "a folder": _zip(("report.json/", b"")),
    "a device": _zip(("report.json", b""), mode=stat.S_IFCHR),
    "damaged": _zip(("report.json", GOOD))[:60] + b"\0" * 20 + _zip(("report.json", GOOD))[80:],
}


@pytest.mark.parametrize("case", ARCHIVES)
def test_archives_that_are_refused(case: str) -> None:
    """Nothing is unpacked to the disk, and only one plain file of the known name is read."""
    with pytest.raises(UsageError, match="is refused"):
        unpack(ARCHIVES[case])


def test_a_zip_bomb_is_not_unpacked() -> None:
    """What packs small is read up to the limit, and then refused."""
    bomb = _zip(("report.json", b" " * (3 * LIMIT)))
    assert len(bomb) < 100_000
    data = unpack(bomb)
    assert len(data) == LIMIT + 1
    with pytest.raises(UsageError, match="more than"):
        parse_reports(data)


def test_files_that_are_refused(tmp_path: Path) -> None:
    """A link is not followed, a pipe is not waited for, a large file is not read to its end."""
    good = tmp_path / "good.json"
    good.write_bytes(GOOD)
    assert read_file(good) == GOOD
    link, pipe = tmp_path / "link.json", tmp_path / "pipe.json"
    link.symlink_to(good)
    os.mkfifo(pipe)
    for path in (link, pipe, tmp_path, tmp_path / "missing.json"):
        with pytest.raises(UsageError, match="is refused"):
            read_file(path)
    with (tmp_path / "large.json").open("wb") as file:
        file.truncate(100 * LIMIT)
    assert len(read_file(tmp_path / "large.json")) == LIMIT + 1


def _with(**values: object) -> bytes:
    data = json.loads(GOOD)
    data["reports"][0]["changes"][0].update(values)
    return json.dumps(data).encode()


REPORTS = {
    "nothing": b"",
    "no JSON": b"<html>",
    "no UTF-8": b'{"reports": ["\xff"]}',
    "a list": b"[]",
    "another schema": json.dumps(json.loads(GOOD) | {"schema_version": 2}).encode(),
    "an unknown key": _with(html="<script>"),
    "a wrong type": _with(line="two"),
    "an unknown state": _with(head_state="fine"),
    "a number that takes long to print": GOOD.replace(b'"line":2', b'"line":1' + b"0" * 400),
    "no number": GOOD.replace(b'"ratio":null', b'"ratio":NaN'),
    "an infinite number": GOOD.replace(b'"ratio":null', b'"ratio":1e999'),
    "deep": b'{"reports":' + b"[" * 200_000,
}


@pytest.mark.parametrize("case", REPORTS)
def test_reports_that_are_refused(case: str) -> None:
    """Each breaks the schema, or would break what is made of it."""
    with pytest.raises(UsageError, match="is refused"):
        parse_reports(REPORTS[case])


def test_a_forged_verdict_does_not_count() -> None:
    """The verdict is what the changes and conditions amount to."""
    forged = several(report(change(), verdict=Verdict.PASS)).model_dump_json().encode()
    assert parse_reports(forged).reports[0].verdict is Verdict.FAIL
    assert parse_reports(several(blocked(Verdict.PASS)).model_dump_json().encode()).reports[
        0
    ].verdict is (Verdict.NOT_COMPARABLE)


def test_an_unknown_policy_is_not_green() -> None:
    """What the report wants judged by must be known."""
    unknown = GOOD.replace(b'"fail_on":["regression"]', b'"fail_on":["nothing"]')
    assert parse_reports(unknown).reports[0].verdict is Verdict.FAIL

"""Takes in a report that code of a pull request may have written: nothing of it is believed."""

import io
import json
import math
import stat
import zipfile
import zlib
from pathlib import Path
from typing import NoReturn

from pydantic import ValidationError

from specialist_ci.comparing.policy import settle
from specialist_ci.errors import UsageError
from specialist_ci.formats.report import Report, Reports

REPORT_NAME = "report.json"
LIMIT = 20_000_000  # bytes of a report

_UNPACKING = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    NotImplementedError,  # of a way to pack that nobody uses
    OSError,
    RuntimeError,  # of a password
    ValueError,
)
_MEMBERS = 100  # nothing of ours packs as many
_LARGEST = 2**53  # no count is larger, and none of these takes long to print


def unpack(archive: bytes) -> bytes:
    """Return the one file of an artifact, in memory. Raises UsageError."""
    try:
        with zipfile.ZipFile(io.BytesIO(archive)) as packed:
            members = packed.infolist()
            if [member.filename for member in members[:_MEMBERS]] != [REPORT_NAME]:
                raise _refused(f"it holds other files than {REPORT_NAME}")
            (member,) = members
            if not _is_file(member):
                raise _refused(f"{REPORT_NAME} is no plain file")
            with packed.open(member) as file:
                data = file.read(LIMIT + 1)  # the size that the archive names may be a lie
    except _UNPACKING as error:
        raise _refused(f"it cannot be unpacked ({type(error).__name__})") from error
    return data


def read_file(path: Path) -> bytes:
    """Return a report file's content; a link is not followed. Raises UsageError."""
    try:
        if not stat.S_ISREG(path.lstat().st_mode):
            raise _refused(f"{path.name} is no plain file")
        with path.open("rb") as file:
            return file.read(LIMIT + 1)
    except OSError as error:
        raise _refused(f"{path.name} cannot be read ({error.strerror})") from error


def parse_reports(data: bytes) -> Reports:
    """Return the reports, each with the verdict that its changes amount to. Raises UsageError."""
    if len(data) > LIMIT:
        raise _refused(f"it has more than {LIMIT} bytes")
    try:
        found = json.loads(data, parse_int=_whole, parse_float=_real, parse_constant=_no_number)
        if isinstance(found, dict) and "reports" not in found:
            several = Reports(reports=(Report.model_validate_json(data),), failures=())
        else:
            several = Reports.model_validate_json(data)
        judgements = settle(several.reports)
    except ValidationError as error:
        place = ".".join(map(str, error.errors(include_url=False, include_input=False)[0]["loc"]))
        raise _refused(f"it is no report (at {place[:200] or 'its beginning'})") from error
    except (ValueError, RecursionError) as error:  # UnicodeDecodeError and JSONDecodeError too
        raise _refused("it is no JSON that a report can be") from error
    return several.model_copy(update={"reports": judgements})


def _is_file(member: zipfile.ZipInfo) -> bool:
    """Tell whether a member is a plain file: what has no mode, as of other systems, is one."""
    mode = stat.S_IFMT(member.external_attr >> 16)
    return not member.is_dir() and mode in (0, stat.S_IFREG)


def _whole(text: str) -> int:
    if len(text) > len(str(_LARGEST)) + 1 or abs(int(text)) > _LARGEST:
        raise ValueError(text[:20])
    return int(text)


def _real(text: str) -> float:
    value = float(text)
    if not math.isfinite(value) or abs(value) > _LARGEST:
        raise ValueError(text[:20])
    return value


def _no_number(text: str) -> NoReturn:
    raise ValueError(text)


def _refused(why: str) -> UsageError:
    return UsageError(
        f"the report of the measuring run is refused: {why}",
        remedy="see what that run did in its log",
    )

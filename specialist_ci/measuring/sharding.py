"""Runs one part of a suite: tells pytest by a plugin of ours which tests to keep."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePath

from specialist_ci.errors import MeasurementError, UsageError
from specialist_ci.formats.snapshot import Shards
from specialist_ci.process import Outcome

_SHARD = re.compile(r"([1-9][0-9]{0,3})/([1-9][0-9]{0,3})")
_PYTHON = re.compile(r"python[0-9.]*t?")
_PYTEST = ("pytest", "py.test")
_OPTION = "-p _specialist_ci_shard"  # collector/_specialist_ci_shard.py
_NO_TESTS = 5  # pytest.ExitCode.NO_TESTS_COLLECTED


def parse_shard(text: str) -> Shards:
    """Read I/N. Raises ValueError."""
    found = _SHARD.fullmatch(text)
    if not found or int(found[1]) > int(found[2]):
        raise ValueError(text)
    return Shards(parts=(int(found[1]),), of=int(found[2]))


def runs_pytest(command: Sequence[str]) -> bool:
    """Tell whether a command is pytest's."""
    program, *arguments = command
    words = list(command) if program.startswith("-") else arguments
    called = _PYTHON.fullmatch(PurePath(program).name) or program.startswith("-")
    module = words[words.index("-m") + 1 :][:1] if called and "-m" in words else []
    return PurePath(program).name in _PYTEST or module in ([name] for name in _PYTEST)


def require_pytest(command: Sequence[str]) -> None:
    """Raise UsageError for a command whose tests we cannot split."""
    if runs_pytest(command):
        return
    raise UsageError(
        "--shard splits the tests of pytest, and the command is another",
        remedy="name a command that starts with pytest or `python -m pytest`",
    )


def sharded(environment: Mapping[str, str], shard: Shards) -> dict[str, str]:
    """Return the variables of the measured processes with those that make a shard of them."""
    own = environment.get("PYTEST_ADDOPTS")
    return {
        **environment,
        "PYTEST_ADDOPTS": _OPTION if own is None else f"{_OPTION} {own}",
        "SPECIALIST_CI_SHARD": str(shard),
    }


def is_empty(control: Path, outcome: Outcome) -> bool:
    """Tell whether pytest found tests and none of them is the shard's, which is no failure."""
    counts = [mark.read_text(encoding="ascii").split() for mark in _marks(control)]
    return outcome.status == _NO_TESTS and any(
        kept == "0" and total != "0" for kept, _, total in counts
    )


def require_split(control: Path, side: str) -> None:
    """Raise MeasurementError where the command ran without being split."""
    if not _marks(control):
        raise MeasurementError(
            f"{side}: pytest ran without the plugin that keeps the tests of a shard",
            remedy="let the command run pytest itself and keep the variable PYTEST_ADDOPTS",
        )


def _marks(control: Path) -> list[Path]:
    return list(control.glob("shard.*"))

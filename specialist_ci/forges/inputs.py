"""The inputs of the action, as its steps hand them over in variables, and what they amount to."""

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, get_args

from specialist_ci.comparing.policy import RULES, parse_rule
from specialist_ci.errors import UsageError
from specialist_ci.forges.comment import DEFAULT_ID, is_identity

PREFIX = "SPECIALIST_CI_INPUT_"

Kind = Literal["value", "lines", "switch", "off"]

OPTIONS: Mapping[str, Kind] = {
    "suite": "lines",
    "calls": "value",
    "python": "lines",
    "source": "lines",
    "exclude": "lines",
    "env": "lines",
    "install": "switch",
    "extra": "lines",
    "group": "lines",
    "requirement": "lines",
    "package": "lines",
    "timeout": "value",
    "cache": "off",
    "explain": "off",
    "shard": "value",
    "fail-on": "value",
}
"""The inputs that are options of the command line under the same name; ``cache`` and
``explain`` are --no-cache and --no-explain."""
_COMPARING = frozenset({"explain", "fail-on"})

Comments = Literal["changes", "always", "never"]


class Mode(StrEnum):
    """What one use of the action does."""

    CHECK = "check"  # measure both sides and answer
    MEASURE = "measure"  # measure both sides as one leg of a matrix
    REPORT = "report"  # answer for all legs
    COMMENT = "comment"  # say what another run measured


@dataclass(frozen=True, slots=True)
class Inputs:
    """The inputs by their names, empty where nothing was given."""

    values: Mapping[str, str]

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> "Inputs":
        """Read them from the variables."""
        given = {
            name.removeprefix(PREFIX).lower().replace("_", "-"): text.strip()
            for name, text in environ.items()
            if name.startswith(PREFIX)
        }
        return cls(given)

    def __getitem__(self, name: str) -> str:
        """Return the text of an input, stripped."""
        return self.values.get(name, "")

    @property
    def identity(self) -> str:
        """The id of the comment and of the artifacts. Raises UsageError."""
        return _name(self["id"] or DEFAULT_ID, "id")

    @property
    def leg(self) -> str:
        """The name of a matrix leg, or nothing. Raises UsageError."""
        return _name(self["leg"], "leg") if self["leg"] else ""

    @property
    def mode(self) -> Mode:
        """What to do. Raises UsageError."""
        try:
            return Mode(self["mode"] or Mode.CHECK)
        except ValueError as error:
            raise _wrong("mode", self["mode"], ", ".join(Mode)) from error

    @property
    def comment(self) -> Comments:
        """When to comment. Raises UsageError."""
        for value in get_args(Comments):
            if (self["comment"] or "changes") == value:
                found: Comments = value
                return found
        raise _wrong("comment", self["comment"], ", ".join(get_args(Comments)))

    @property
    def fail_on(self) -> tuple[str, ...]:
        """The policy, empty where the configuration has it. Raises UsageError."""
        words = filter(None, map(str.strip, self["fail-on"].split(",")))
        try:
            return tuple(map(parse_rule, words))
        except ValueError as error:
            raise _wrong("fail-on", self["fail-on"], ", ".join(RULES)) from error

    @property
    def python(self) -> tuple[str, ...]:
        """The interpreters to measure, none where the configuration has them."""
        return tuple(filter(None, map(str.strip, self["python"].splitlines())))

    def options(self, *, comparing: bool) -> tuple[str, ...]:
        """Return the options of the command line, with those of ``diff`` alone if ``comparing``.

        Raises UsageError.
        """
        words = [
            word
            for name, kind in OPTIONS.items()
            if comparing or name not in _COMPARING
            for word in _option(name, kind, self[name])
        ]
        return tuple(words)

    def command(self) -> tuple[str, ...]:
        """Return the command to measure, empty where the configuration or a suite has it."""
        try:
            return tuple(shlex.split(self["command"]))
        except ValueError as error:
            raise _wrong("command", self["command"], "words as a shell splits them") from error


def _option(name: str, kind: Kind, text: str) -> Iterator[str]:
    match kind:
        case "value" if text:
            yield f"--{name}={text}"
        case "lines":
            yield from (f"--{name}={line.strip()}" for line in text.splitlines() if line.strip())
        case "switch" if text:
            yield f"--{name}" if _flag(name, text) else f"--no-{name}"
        case "off" if text and not _flag(name, text):
            yield f"--no-{name}"
        case _:
            pass


def _flag(name: str, text: str) -> bool:
    if text not in {"true", "false"}:
        raise _wrong(name, text, "true, false")
    return text == "true"


def _name(text: str, name: str) -> str:
    if not is_identity(text):
        raise _wrong(name, text, "letters, digits, '.', '-' and '_', at most 64 of them")
    return text


def _wrong(name: str, text: str, allowed: str) -> UsageError:
    return UsageError(f"the input {name} cannot be {text!r}", remedy=f"give it one of: {allowed}")

"""The configuration: [tool.specialist-ci] of pyproject.toml, or specialist-ci.toml; pure."""

import re
import shlex
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import PurePosixPath
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    Strict,
    ValidationError,
    model_validator,
)
from pydantic_core import ErrorDetails

from specialist_ci.comparing.policy import RULE, RULES
from specialist_ci.configuration.tomllines import Key, lines_of_keys
from specialist_ci.environments.wanted import PACKAGE
from specialist_ci.errors import UsageError

PYPROJECT = "pyproject.toml"
OWN_FILE = "specialist-ci.toml"
TABLE = ("tool", "specialist-ci")

_NAME = r"[A-Za-z0-9][A-Za-z0-9_.-]*"
_VERSION = r"\d+\.\d+(\.\d+)?t?"


def _split(command: object) -> object:
    """Split a command that is written as one string, as a shell would."""
    if not isinstance(command, str):
        return command
    try:
        return shlex.split(command)
    except ValueError as error:  # an open quote
        raise ValueError(f"cannot be split into words: {str(error).lower()}") from error


def _inside(path: str) -> str:
    """Refuse a path that is absolute or leads out of the configuration's folder."""
    if path.startswith("/") or ".." in PurePosixPath(path).parts:
        raise ValueError("leads out of the folder of this file")
    return path


def _false_or_table(value: object) -> object:
    if value is False or isinstance(value, Mapping):
        return value
    raise ValueError(
        "must be false or a table with extras, groups, requirements, packages and steps"
    )


_Text = Annotated[str, Strict()]
_Texts = tuple[_Text, ...]
_Command = Annotated[
    tuple[_Text, ...],
    Field(min_length=1),
    BeforeValidator(_split, json_schema_input_type=str | list[str]),
]
_Path = Annotated[_Text, AfterValidator(_inside)]
_Pattern = Annotated[_Path, Field(min_length=1)]
_Percent = Annotated[float, Strict(), Field(ge=0, le=100, allow_inf_nan=False)]
_Rule = Annotated[_Text, Field(pattern=RULE)]
_Variable = Annotated[_Text, Field(pattern=r"^[^=]+$")]


class _Table(BaseModel):
    """A frozen table whose keys are written with hyphens, and no others."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        defer_build=True,
        alias_generator=lambda name: name.replace("_", "-"),
    )


class Settings(_Table):
    """What the top level says for all suites, and a suite for itself."""

    source: tuple[_Pattern, ...] | None = Field(
        default=None, description="Files, folders or globs to look at."
    )
    exclude: tuple[_Pattern, ...] | None = Field(
        default=None, description="Files, folders or globs not to look at."
    )
    env: dict[_Variable, _Text] | None = Field(
        default=None,
        description="Variables for the command; a suite's are added to the top level's.",
    )
    timeout: Annotated[float, Strict(), Field(gt=0, allow_inf_nan=False)] | None = Field(
        default=None, description="Seconds that each run of the command may take."
    )
    python: tuple[Annotated[_Text, Field(pattern=f"^{_VERSION}$")], ...] | None = Field(
        default=None,
        min_length=1,
        description="Versions of CPython to measure, each on both sides.",
    )
    folder: _Path | None = Field(default=None, description="Folder to run the command in.")


class SuiteTable(Settings):
    """One named suite."""

    command: _Command = Field(
        description="What to run: a string, split as a shell would, or a list of words."
    )


class InstallTable(_Table):
    """What to install for the command."""

    extras: _Texts = Field(default=(), description="Extras of the project.")
    groups: _Texts = Field(default=(), description="Dependency groups (PEP 735) of the project.")
    requirements: tuple[_Pattern, ...] = Field(default=(), description="Requirements files.")
    packages: tuple[Annotated[_Text, Field(pattern=PACKAGE)], ...] = Field(
        default=(), description="Packages that the project does not name (PEP 508)."
    )
    steps: tuple[_Command, ...] = Field(
        default=(), description="Commands to run in each checkout when all is installed."
    )


class BudgetTable(_Table):
    """How much may fail of the files that a pattern fits, all of them taken together."""

    max_failing: Annotated[int, Strict(), Field(ge=0)] | None = Field(
        default=None, description="Sites that may fail to specialize."
    )
    min_ratio: _Percent | None = Field(
        default=None, description="Percent of tried sites that must be specialized."
    )

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.max_failing is None and self.min_ratio is None:
            raise ValueError("limits nothing")
        return self


class AcknowledgedTable(_Table):
    """Failing sites that are accepted."""

    path: _Pattern = Field(description="File, folder or glob.")
    function: _Text | None = Field(
        default=None, min_length=1, description="Glob of the function's qualified name."
    )
    family: _Text | None = Field(
        default=None, pattern=r"^[A-Z][A-Z0-9_]*$", description="Family, as reports name it."
    )
    reason: _Text = Field(pattern=r"\S", description="Why that is so on purpose.")


class ConfigTable(Settings):
    """The whole configuration of specialist-ci."""

    fail_on: tuple[_Rule, ...] | None = Field(
        default=None, min_length=1, description="What fails the build."
    )
    install: Annotated[InstallTable | Literal[False], BeforeValidator(_false_or_table)] | None = (
        Field(default=None, description="What to install before the command runs; false: nothing.")
    )
    budgets: dict[_Pattern, BudgetTable] = Field(
        default_factory=dict, description="How much may fail, by file, folder or glob."
    )
    acknowledged: tuple[AcknowledgedTable, ...] = Field(
        default=(), description="Failing sites that the policy does not count."
    )
    suites: dict[Annotated[str, Field(pattern=f"^{_NAME}$")], SuiteTable] = Field(
        default_factory=dict, description="The suites by name."
    )


@dataclass(frozen=True, slots=True)
class Config:
    """A configuration with the place it was read from."""

    table: ConfigTable = field(default_factory=ConfigTable)
    path: str | None = None  # relative to the repository's root; None: there is none
    lines: Mapping[Key, int] = field(default_factory=dict)  # of keys below our table

    @property
    def folder(self) -> str:
        """The folder that its paths are relative to, relative to the repository's root."""
        return str(PurePosixPath(self.path).parent) if self.path else "."

    def place(self, *key: str) -> str:
        """Return where a key stands, such as pyproject.toml:12."""
        line = self.lines.get(key)
        return f"{self.path}:{line}" if line else str(self.path)


def nearest_config(folder: str, read: Callable[[str], str | None]) -> Config:
    """Return the configuration at or above a folder, or one that says nothing.

    ``folder`` is relative to the repository's root; ``read`` returns the text of a file
    relative to it, or None where there is no such file. Raises UsageError where two files
    of one folder hold a configuration, and for one that is wrong.
    """
    for parent in (place := PurePosixPath(folder), *place.parents):
        found = [
            config
            for name in (PYPROJECT, OWN_FILE)
            if (text := read(path := str(parent / name))) is not None
            and (config := parse_config(text, path)) is not None
        ]
        if len(found) > 1:
            raise UsageError(
                f"{found[0].place()} and {found[1].path} both configure specialist-ci",
                remedy="keep one of them",
            )
        if found:
            return found[0]
    return Config()


def parse_config(text: str, path: str) -> Config | None:
    """Read a file's configuration; None for a pyproject.toml without one.

    Raises UsageError, with the line, where the file is no TOML or breaks the schema.
    """
    try:
        data: Any = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _no_toml(path, str(error)) from error
    above: Key = () if PurePosixPath(path).name == OWN_FILE else TABLE
    for key in above:
        if not isinstance(data, Mapping) or key not in data:
            return None
        data = data[key]
    lines = {
        key[len(above) :]: line
        for key, line in lines_of_keys(text).items()
        if key[: len(above)] == above
    }
    try:
        table = ConfigTable.model_validate(data)
    except ValidationError as error:
        problems = [
            _Problem.of(details, data, lines)
            for details in error.errors()
            if details["type"] != "literal_error"  # of a table: it need not be false
        ]
        # One value of the wrong type breaks each way to read it: its first problem says it.
        unique = {problem.key: problem for problem in reversed(problems)}
        raise _refusal(path, sorted(unique.values(), key=lambda one: one.line)) from error
    return Config(table, path, lines)


# --- what is wrong ---


@dataclass(frozen=True, slots=True)
class _Problem:
    key: Key
    line: int
    message: str
    remedy: str

    @classmethod
    def of(cls, details: ErrorDetails, data: object, lines: Mapping[Key, int]) -> "_Problem":
        """Say what pydantic found, in the words of the file."""
        key = _real(details["loc"], data)
        name = ".".join(key) or "the configuration"
        known = (lines[key[:n]] for n in range(len(key), 0, -1) if key[:n] in lines)
        line = next(known, 1)
        return cls(key, line, *_explain(details, key, name))


def _real(location: Sequence[int | str], data: object) -> Key:
    """Keep the parts of a location that the file has: pydantic adds names of its own."""
    key: list[str] = []
    for part in location:
        if isinstance(data, Mapping) and part in data:
            key.append(str(part))
            data = data[part]
        elif isinstance(data, list) and isinstance(part, int) and isinstance(data[part], Mapping):
            key.append(str(part))  # of an array of tables
            data = data[part]
    return tuple(key)


def _explain(details: ErrorDetails, key: Key, name: str) -> tuple[str, str]:
    """Return what is wrong, and what to write instead."""
    allowed = allowed_keys(key[:-1])
    match details["type"]:
        case "extra_forbidden" if key == ("tool",):
            return (
                f"unknown key {name}",
                "begin with what is below [tool.specialist-ci], without it",
            )
        case "extra_forbidden":
            guess = get_close_matches(key[-1], allowed, n=1)
            ask = f"did you mean {guess[0]}? " if guess else ""
            return f"unknown key {name}", f"{ask}allowed here: {', '.join(allowed)}"
        case "missing":
            missing = str(details["loc"][-1])
            return f"{name} has no {missing}", f"add one, as {_example((missing,))}"
        case "value_error":
            return f"{name} {details['ctx']['error']}", "write " + _example(key)
        case "string_pattern_mismatch" if key[:-1] == ("suites",):
            return f"{key[1]!r} is no name of a suite", "use letters, digits, '.', '-' and '_'"
        case kind:
            said = _SAID.get(kind) or details["msg"].removeprefix("Input ")
            return f"{name} {said}", "write " + _example(key)


_SAID = {
    "string_type": "is no string",
    "float_type": "is no number",
    "greater_than": "is not above 0",
    "greater_than_equal": "is below 0",
    "less_than_equal": "is above 100",
    "int_type": "is no whole number",
    "tuple_type": "is no list",
    "dict_type": "is no table",
    "model_type": "is no table",
    "too_short": "is empty",
    "string_too_short": "has an empty string",
    "string_pattern_mismatch": "has a part that does not fit",
    "enum": "is nothing that is known",
}
_EXAMPLES = {
    "source": 'source = ["src"]',
    "exclude": 'exclude = ["src/vendored"]',
    "env": 'env = { NAME = "value" }',
    "timeout": "timeout = 600",
    "python": 'python = ["3.13"]',
    "folder": 'folder = "benchmarks"',
    "command": 'command = "python bench.py"',
    "fail-on": 'fail-on = ["regression"], of these: ' + ", ".join(RULES),
    "max-failing": "max-failing = 3",
    "min-ratio": "min-ratio = 97.5",
    "budgets": '"src/package" = { max-failing = 3 } or { min-ratio = 97.5 }',
    "path": 'path = "src/package/old.py"',
    "function": 'function = "Reader.*"',
    "family": 'family = "LOAD_ATTR"',
    "reason": 'reason = "one of each type on purpose"',
    "acknowledged": "[[acknowledged]] with a path and a reason",
    "install": 'install = false, or install = { extras = ["test"] }',
    "extras": 'extras = ["test"]',
    "groups": 'groups = ["test"]',
    "requirements": 'requirements = ["requirements.txt"]',
    "packages": 'packages = ["pytest<9"]',
    "steps": 'steps = ["make parser"]',
    "suites": "[suites.NAME] with a command",
}


def _example(key: Key) -> str:
    known = [part for part in key if part in _EXAMPLES]
    return _EXAMPLES[known[-1]] if known else "a table"


def allowed_keys(table: Key) -> list[str]:
    """Return the keys that a table of the configuration takes, as the file writes them."""
    match table:
        case ("suites", _):
            model: type[BaseModel] = SuiteTable
        case ("install",):
            model = InstallTable
        case ("budgets", _):
            model = BudgetTable
        case ("acknowledged", _):
            model = AcknowledgedTable
        case _:
            model = ConfigTable
    return [info.alias or name for name, info in model.model_fields.items()]


def _no_toml(path: str, message: str) -> UsageError:
    at = re.search(r" \(at line (\d+), column \d+\)", message)
    place = f"{path}:{at[1]}" if at else path
    said = message.replace(at[0], "") if at else message
    return UsageError(f"{place}: no valid TOML ({said})", remedy="correct the line")


def _refusal(path: str, problems: Sequence[_Problem]) -> UsageError:
    first = problems[0]
    return UsageError(
        f"{path}:{first.line}: {first.message}",
        remedy=first.remedy,
        detail="\n".join(_others(path, problems[1:])),
    )


def _others(path: str, problems: Sequence[_Problem]) -> Iterator[str]:
    for problem in problems:
        yield f"{path}:{problem.line}: {problem.message}: {problem.remedy}"

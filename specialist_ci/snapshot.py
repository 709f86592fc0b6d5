"""Snapshot v1, a file format: what one suite left in one interpreter at one commit, by line."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, with_config

SCHEMA_VERSION = 1

# A specialized site that missed this often since it last specialized is unstable: a
# cache that misses on every other execution reads a number between 0 and 52 at random,
# and one that met a stray type once or twice is doing its work. docs/states.md has the
# measurements.
UNSTABLE_MISSES = 4

NonNegative = Annotated[int, Field(ge=0)]
# Most sites have nothing to say there, and a large snapshot is read a quarter faster.
_LEFT_OUT_WHEN_EMPTY = Field(exclude_if=lambda value: not value)


class State(StrEnum):
    """What became of a site; see docs/states.md for how each is read."""

    SPECIALIZED = "specialized"
    UNSTABLE = "unstable"
    ADAPTIVE = "adaptive"
    COLD = "cold"
    HIDDEN = "hidden"

    @property
    def failing(self) -> bool:
        """Whether the site was tried and does not run specialized, or not for long."""
        return self in (State.UNSTABLE, State.ADAPTIVE)


class Value(BaseModel):
    """A frozen model that refuses keys it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


def ratio(specialized: int, unstable: int, adaptive: int) -> float | None:
    """Return the share of tried sites that run specialized, or None where none was tried."""
    tried = specialized + unstable + adaptive
    return specialized / tried if tried else None


class Counts(Value):
    """Sites per state, and the ratio specialized / (specialized + unstable + adaptive)."""

    specialized: NonNegative = 0
    unstable: NonNegative = 0
    adaptive: NonNegative = 0
    cold: NonNegative = 0
    hidden: NonNegative = 0
    ratio: float | None = None

    @classmethod
    def of(cls, states: Iterable[State]) -> Self:
        """Count states."""
        found = dict.fromkeys(State, 0)
        for state in states:
            found[state] += 1
        return cls(
            specialized=found[State.SPECIALIZED],
            unstable=found[State.UNSTABLE],
            adaptive=found[State.ADAPTIVE],
            cold=found[State.COLD],
            hidden=found[State.HIDDEN],
            ratio=ratio(found[State.SPECIALIZED], found[State.UNSTABLE], found[State.ADAPTIVE]),
        )

    @property
    def total(self) -> int:
        """All sites, whatever their state."""
        return self.specialized + self.unstable + self.adaptive + self.cold + self.hidden


@with_config(extra="forbid")
@dataclass(frozen=True, slots=True)
class Site:
    """One specializable instruction.

    Columns are offsets in UTF-8 bytes, as ``co_positions()`` gives them, and None
    where the interpreter kept only line numbers. ``offset`` is the instruction's
    place in its function's bytecode, in bytes, as ``dis`` prints it. In the file, the
    fields with a default are left out where they hold it.
    """

    function: int  # index into the file's functions
    offset: int
    column: int | None
    end_line: int
    end_column: int | None
    family: str
    argrepr: str  # attribute, global or operator, as dis prints it
    state: State
    form: Annotated[str | None, _LEFT_OUT_WHEN_EMPTY] = None  # the specialized opcode in place
    misses: Annotated[int, _LEFT_OUT_WHEN_EMPTY] = 0  # since it last specialized, modulo 53
    failed_attempts: Annotated[int, _LEFT_OUT_WHEN_EMPTY] = 0
    executions: Annotated[int | None, _LEFT_OUT_WHEN_EMPTY] = None  # at least, if it can be told


@with_config(extra="forbid")
@dataclass(frozen=True, slots=True)
class Line:
    """The sites that begin on one line, and how many of them are in each state."""

    line: int
    specialized: int
    unstable: int
    adaptive: int
    cold: int
    hidden: int
    ratio: float | None
    sites: tuple[Site, ...]


@with_config(extra="forbid")
@dataclass(frozen=True, slots=True)
class Function:
    """One code object: a function, a lambda, a comprehension, a class body or a module."""

    qualname: str
    line: int


class SourceFile(Value):
    """One measured file: its path below the repository's root, its text, and its sites."""

    path: str
    source: str
    counts: Counts
    functions: tuple[Function, ...]
    lines: tuple[Line, ...]


class Python(Value):
    """The identity of the measured interpreter, down to the build."""

    version: str
    implementation: str
    build: str  # sys.version without its first word: build number, date and compiler
    platform: str
    cache_tag: str
    debug: bool
    free_threaded: bool
    jit: bool  # whether the just-in-time compiler was enabled for the run
    pystats: bool
    specializes: bool  # found by trying, since some builds never do

    @property
    def minor(self) -> str:
        """The version as users name it, such as 3.13."""
        return ".".join(self.version.split(".")[:2])


class Suite(Value):
    """What was run, and which files were looked at."""

    command: tuple[str, ...]
    source: tuple[str, ...]  # the patterns given, empty for the default
    environment: dict[str, str | None]  # what decides the run; None: the variable was not set


class Condition(Value):
    """A named circumstance that limits what a measurement or comparison can say."""

    name: str
    message: str
    remedy: str
    side: Literal["base", "head"] | None = None
    blocking: bool = False  # whether it makes the comparison impossible


class Provenance(Value):
    """Where a snapshot comes from; nothing in it takes part in the comparison of states."""

    tool: str
    revision: str  # as the user named it
    commit: str | None  # None outside a repository
    dirty: bool  # the working tree with uncommitted changes
    python: Python
    suite: Suite
    processes: NonNegative


class Snapshot(Value):
    """One commit, one interpreter, one suite: every site of the measured source."""

    schema_version: Literal[1]
    provenance: Provenance
    totals: Counts
    families: dict[str, Counts]
    pystats: dict[str, NonNegative]
    conditions: tuple[Condition, ...]
    files: tuple[SourceFile, ...]

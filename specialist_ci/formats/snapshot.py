"""Snapshot v1, a file format: what one suite left in one interpreter at one commit, by line."""

import shlex
from collections import Counter
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
# So is one that earlier readings found specialized anew as often: once or twice is what a
# program does that turns from one kind of data to another.
UNSTABLE_RESPECIALIZED = 3

# A site that failed in fewer executions than this is no hot code: it takes the interpreter
# 27 of them (3.15: 38) to try and fail four times (3.15: three).
WARM = 32

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
    # In compiled traces of the JIT, at least, whatever their state.
    traced: Annotated[NonNegative, _LEFT_OUT_WHEN_EMPTY] = 0

    @classmethod
    def of(cls, states: Iterable[State], traced: int = 0) -> Self:
        """Count states, of sites so many of which are in compiled traces."""
        found = Counter(states)
        specialized, unstable, adaptive = (
            found[state] for state in (State.SPECIALIZED, State.UNSTABLE, State.ADAPTIVE)
        )
        return cls(
            specialized=specialized,
            unstable=unstable,
            adaptive=adaptive,
            cold=found[State.COLD],
            hidden=found[State.HIDDEN],
            ratio=ratio(specialized, unstable, adaptive),
            traced=traced,
        )

    @property
    def total(self) -> int:
        """All sites, whatever their state."""
        return self.specialized + self.unstable + self.adaptive + self.cold + self.hidden


# Sites and lines are as good as frozen, but not so by dataclass: that makes each four times
# slower to create, and a snapshot holds hundreds of thousands.


@with_config(extra="forbid")
@dataclass(slots=True)
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
    respecialized: Annotated[int, _LEFT_OUT_WHEN_EMPTY] = 0  # seen so by readings during the run
    traced: Annotated[bool, _LEFT_OUT_WHEN_EMPTY] = False  # part of what the JIT compiled
    # In how many processes it was in which state, where several ran its code.
    processes: Annotated[dict[State, int] | None, _LEFT_OUT_WHEN_EMPTY] = None


def is_warm(site: Site) -> bool:
    """Return whether a site ran often enough for its failure to mean something.

    What compiled code runs is not counted, and only what is hot is compiled.
    """
    return site.traced or site.executions is None or site.executions >= WARM


@with_config(extra="forbid")
@dataclass(slots=True)
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
    traced: Annotated[int, _LEFT_OUT_WHEN_EMPTY] = 0  # sites in compiled traces, at least


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
    exclude: Annotated[tuple[str, ...], _LEFT_OUT_WHEN_EMPTY] = ()  # patterns
    name: Annotated[str | None, _LEFT_OUT_WHEN_EMPTY] = None  # None: typed by the user

    @property
    def label(self) -> str:
        """What people call the suite."""
        return self.name or shlex.join(self.command)


class Condition(Value):
    """A named circumstance that limits what a measurement or comparison can say."""

    name: str
    message: str
    remedy: str
    side: Literal["base", "head"] | None = None
    blocking: bool = False  # whether it makes the comparison impossible

    @property
    def is_lasting(self) -> bool:
        """Whether measuring again would give the same: what the user lacks may come."""
        return not self.blocking and self.name not in {"lfs-pointers", "submodule-missing"}


class Shards(Value):
    """Which parts of a suite were run, each in a run of its own."""

    parts: tuple[Annotated[int, Field(ge=1)], ...]  # from 1 on, ascending
    of: Annotated[int, Field(ge=1)]

    @property
    def missing(self) -> tuple[int, ...]:
        """The parts that the whole suite has besides."""
        return tuple(part for part in range(1, self.of + 1) if part not in self.parts)

    def __str__(self) -> str:
        """Return them as people ask for them, such as 2/3."""
        return f"{','.join(map(str, self.parts))}/{self.of}"


class Installed(Value):
    """What was installed for a commit beside its own project."""

    digest: str  # of all that decided it
    packages: tuple[str, ...]  # name==version, sorted


class Provenance(Value):
    """Where a snapshot comes from; nothing in it takes part in the comparison of states."""

    tool: str
    revision: str  # as the user named it
    commit: str | None  # None outside a repository
    dirty: bool  # the working tree with uncommitted changes
    python: Python
    suite: Suite
    processes: NonNegative
    generated: NonNegative = 0  # hot code objects of no file, as dataclasses and templates make
    shards: Annotated[Shards | None, _LEFT_OUT_WHEN_EMPTY] = None  # None: the whole suite, at once
    cached: Annotated[bool, _LEFT_OUT_WHEN_EMPTY] = False  # measured by an earlier run
    # What the suite wrote, figures masked: an explaining run must write the same.
    output: Annotated[str | None, _LEFT_OUT_WHEN_EMPTY] = None
    # In an environment of the commit's own; left out where the user's was taken as it is.
    installed: Annotated[Installed | None, _LEFT_OUT_WHEN_EMPTY] = None


class Budget(Value):
    """How much of the files that a pattern fits may fail, all of them taken together."""

    pattern: str  # a file, a folder or a glob
    max_failing: NonNegative | None = None  # sites
    # Percent of tried sites.
    min_ratio: Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)] | None = None


class Acknowledgement(Value):
    """Failing sites that somebody has accepted for a reason."""

    path: str  # a file, a folder or a glob
    function: str | None = None  # a glob of its qualified name; None: any
    family: str | None = None  # None: any
    reason: str


class Policy(Value):
    """What fails the build, as a configuration says."""

    fail_on: tuple[str, ...] = ("regression",)  # rules, see policy.py
    budgets: tuple[Budget, ...] = ()
    acknowledged: tuple[Acknowledgement, ...] = ()


class Snapshot(Value):
    """One commit, one interpreter, one suite: every site of the measured source."""

    schema_version: Literal[1]
    provenance: Provenance
    totals: Counts
    families: dict[str, Counts]
    pystats: dict[str, NonNegative]
    conditions: tuple[Condition, ...]
    files: tuple[SourceFile, ...]
    # Of the measured commit's own configuration; it rules a comparison with this as head.
    policy: Policy | None = Field(default=None, exclude_if=lambda policy: policy is None)

"""Counts the situations that each explained site meets while the program runs."""

import builtins
import sys

# Only for type checkers: importing typing would cost the measured process milliseconds.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Situation = tuple[str | int | bool | None, ...]
    Describe = Callable[..., Situation]

# The functions below look names up here: a program's tests may replace those in builtins.
__builtins__ = vars(builtins).copy()  # type: ignore[assignment]

MISSES = 53  # after as many a site is specialized anew
_SITUATIONS = 1000  # that are told apart
_SHOWN = 8
_PENDING = 4096  # operands of expressions that are not over; more were left by exceptions


class Site:
    """One instruction of the first run, and what it meets in this one."""

    def __init__(self, identity: int, plan: "tuple[Any, ...]") -> None:
        """Take the plan's (qualname, line, offset, family, argrepr, position)."""
        self.identity = identity
        self.qualname, self.line, self.offset, self.family, self.argrepr, self.position = plan
        self.problem = "its file was never compiled"
        self._tallies: list[Tally] = []  # one each time that its file is compiled

    def begin(self) -> None:
        """Start to count."""
        for tally in self._tallies:
            tally.begin()

    def counted_by(self, tally: "Tally") -> None:
        """Be one of the sites that a tally counts for."""
        self._tallies.append(tally)
        self.problem = ""

    def row(self) -> "tuple[Any, ...]":
        """Return what was seen: plain values only."""
        counts: dict[Situation, int] = {}
        executions = switches = misses = 0
        for tally in self._tallies:
            tally.settle()
            executions += tally.executions + tally.unread
            switches += tally.switches
            misses += tally.misses
            for situation, count in tally.counts.items():
                counts[situation] = counts.get(situation, 0) + count
        shown = [
            (self._tallies[0].kind, values, count)
            for values, count in sorted(counts.items(), key=_order)[:_SHOWN]
        ]
        return self.identity, self.problem, executions, switches, misses, shown


def _order(item: "tuple[Situation, int]") -> "tuple[int, str]":
    return -item[1], ascii(item[0])


class Tally:
    """Counts what sites meet that were compiled from one operation.

    ``misses`` are those of a cache that holds one situation, and takes the present one
    after 53 of them.
    """

    # Probes count by themselves while the situation stays the one that the cache holds.
    __slots__ = (
        *("counts", "describe", "executions", "held", "kind", "last", "misses", "run"),
        *("steady", "switches", "unread"),
    )

    def __init__(self, sites: "list[Site]", kind: str, describe: "Describe") -> None:
        """Count for sites what operands are described as."""
        self.kind = kind
        self.describe = describe
        for site in sites:
            site.counted_by(self)
        self.begin()

    def begin(self) -> None:
        """Start to count."""
        self.counts: dict[Situation, int] = {}
        self.executions = self.unread = self.switches = self.misses = 0
        self.last: Situation | None = None
        self.held: Situation | None = None
        self.steady: Situation | None = None  # the last one, if it is the one that is held
        self.run = 0  # executions since the last change that are not in the counts yet

    def see(self, *operands: object) -> None:
        """Count an execution. Whatever goes wrong stays out of the program's way."""
        try:
            situation = self.describe(*operands)
        except Exception:  # noqa: BLE001 - an operand that cannot be described
            self.unread += 1
        else:
            self.note(situation)

    def note(self, situation: "Situation") -> None:
        """Count an execution that met a situation."""
        if situation is not self.last and situation != self.last:
            self._change(situation)
        self.run += 1
        if self.last is not self.held:
            self.misses += 1
            if self.misses % MISSES == 0:
                self.held = self.steady = self.last

    def _change(self, situation: "Situation") -> None:
        self.settle()
        if self.last is None:
            self.held = situation
        else:
            self.switches += 1
        hit = situation == self.held
        self.last = self.held if hit else situation
        self.steady = self.held if hit else None

    def expire(self, owner: str) -> None:
        """Count that a cache for a class is of no use any more, as it has changed."""
        if self.held is not None and owner in self.held:
            self.held = self.steady = None
            self.switches += 1

    def settle(self) -> None:
        """Let the counts hold all that was seen."""
        counts, last = self.counts, self.last
        if last is not None and (last in counts or len(counts) < _SITUATIONS):
            counts[last] = counts.get(last, 0) + self.run
        self.executions += self.run
        self.run = 0


def seeing(tally: Tally) -> "Callable[[Any], Any]":
    """Return a probe for one operand."""
    describe = tally.describe

    def probe(value: object) -> object:
        try:
            situation = describe(value)
        except Exception:  # noqa: BLE001 - as Tally.see
            tally.unread += 1
            return value
        if situation is tally.steady:
            tally.run += 1
        else:
            tally.note(situation)
        return value

    return probe


def seeing_right(tally: Tally) -> "Callable[[Any, Any], Any]":
    """Return a probe that is passed both operands and returns the right one."""
    describe = tally.describe

    def probe(left: object, right: object) -> object:
        try:
            situation = describe(left, right)
        except Exception:  # noqa: BLE001 - as Tally.see
            tally.unread += 1
            return right
        if situation is tally.steady:
            tally.run += 1
        else:
            tally.note(situation)
        return right

    return probe


def seeing_left(tally: Tally) -> "Callable[[Any, Any], Any]":
    """Return a probe that is passed both operands and returns the left one."""
    probe_right = seeing_right(tally)

    def probe(left: object, right: object) -> object:
        probe_right(left, right)
        return left

    return probe


def seeing_global(tally: Tally) -> "Callable[[Any], Any]":
    """Return a probe for a global name: what counts is the namespace."""
    frame, see = sys._getframe, tally.see

    def probe(value: object) -> object:
        see(frame(1).f_globals)
        return value

    return probe


class Operands:
    """Probes for operands that are evaluated one after the other.

    What comes between them may run the same expression again, or suspend it: the first
    operand is kept by its frame.
    """

    def __init__(self) -> None:
        """Keep nothing yet."""
        self._pending: dict[int, object] = {}

    def first(self, value: object) -> object:
        """Keep the first operand."""
        if len(self._pending) > _PENDING:
            self._pending.clear()
        self._pending[id(sys._getframe(1))] = value
        return value

    def last(self, tally: Tally) -> "Callable[[Any], Any]":
        """Return the probe of the last operand."""
        pop, missing, frame, see = self._pending.pop, self, sys._getframe, tally.see

        def probe(value: object) -> object:
            first = pop(id(frame(1)), missing)
            if first is not missing:
                see(first, value)
            return value

        return probe


class Kept:
    """A value that a statement leaves to the next one, in no namespace of the program."""

    def __init__(self) -> None:
        """Keep nothing yet."""
        self._values: dict[int, Any] = {}

    @property
    def keep(self) -> "Any":
        """The value that this frame keeps."""
        return self._values[id(sys._getframe(1))]

    @keep.setter
    def keep(self, value: object) -> None:
        self._values[id(sys._getframe(1))] = value

    @property
    def take(self) -> "Any":
        """The value that this frame keeps, no longer kept then."""
        return self._values.pop(id(sys._getframe(1)))

    def seeing_right(self, tally: Tally) -> "Callable[[Any], Any]":
        """Return a probe for what is worked into the kept value."""
        values, frame, see = self._values, sys._getframe, tally.see

        def probe(right: object) -> object:
            left = values.get(id(frame(1)), values)
            if left is not values:
                see(left, right)
            return right

        return probe


class Indexed:
    """Returns the index that it is asked for: slices have no other expression."""

    @property
    def by(self) -> "Indexed":
        """Itself."""
        return self

    def __getitem__(self, index: object) -> object:
        """Return the index."""
        return index

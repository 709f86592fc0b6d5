"""The one rule for what several runs saw of one site: no failing one turns green by another."""

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from specialist_ci.formats.snapshot import State

# The decisive first: nothing that fails or cannot be read in one run turns green because
# another one liked it.
_PRECEDENCE = (State.ADAPTIVE, State.UNSTABLE, State.HIDDEN, State.SPECIALIZED, State.COLD)


class Seen(Protocol):
    """What one run saw of a site."""

    @property
    def form(self) -> str | None:
        """The specialized opcode in place."""

    @property
    def misses(self) -> int:
        """Since it last specialized."""

    @property
    def failed_attempts(self) -> int:
        """To specialize."""

    @property
    def executions(self) -> int | None:
        """At least, if it can be told."""

    @property
    def respecialized(self) -> int:
        """Times, as readings during the run show."""

    @property
    def traced(self) -> bool:
        """Whether the JIT compiled it."""


_Site = TypeVar("_Site", bound=Seen)


def decide(
    seen: Sequence[_Site], state_of: Callable[[_Site], State]
) -> tuple[_Site, int | None, bool]:
    """Return the sighting that counts, the most executions, and whether any was traced.

    Commutative and associative: the order and the grouping of runs do not matter.
    """
    named = [(state_of(site), site) for site in seen]
    decisive_state = min((state for state, _ in named), key=_PRECEDENCE.index)
    decisive = max(
        (site for state, site in named if state is decisive_state),
        key=lambda site: (site.misses, site.respecialized, site.failed_attempts, site.form or ""),
    )
    executions = [site.executions for site in seen if site.executions is not None]
    return decisive, max(executions, default=None), any(site.traced for site in seen)

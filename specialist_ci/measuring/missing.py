"""Names the processes that a measurement lacks, why, and what would bring them in."""

from collections import Counter

from specialist_ci.formats.snapshot import Condition
from specialist_ci.measuring.control import SENT, UNTOLD

_FLAGS = "start them without -I, -E and -S"
_HAND_DOWN = "hand PYTHONPATH and SPECIALIST_CI_CONTROL down to them (tox: pass_env)"
_USE_A_GLOBAL = "let the functions use a global name, so that they are imported there"
_END = "let them end by themselves, not by os._exit or a signal"

# What the collector writes about processes that it never gets into, and what to do.
_UNSEEN = {
    "-E": ("started with -E", (_FLAGS,)),
    "-I": ("started with -I", (_FLAGS,)),
    "-S": ("started with -S", (_FLAGS,)),
    "environment": (
        "started without our PYTHONPATH or SPECIALIST_CI_CONTROL",
        (_HAND_DOWN,),
    ),
    UNTOLD: (
        "started by another program than Python and not seen, or to run nothing",
        (_FLAGS, _HAND_DOWN),
    ),
}


def how_to_see(unseen: Counter[str]) -> str:
    """Return the remedy for the reasons that kept processes from being seen."""
    remedies = {reason: remedies for reason, (_, remedies) in _UNSEEN.items()}
    remedies[SENT] = (_USE_A_GLOBAL,)
    needed = [remedy for reason in remedies if unseen[reason] for remedy in remedies[reason]]
    return "; ".join(dict.fromkeys(needed))


def missing_processes(unseen: Counter[str], *, started: int, lost: int) -> list[Condition]:
    """Say how many processes are missing: a remark, since often they ran nothing that counts.

    ``unseen`` counts processes by the reason why they were not seen at all, ``started``
    those that were, and ``lost`` those of them that did not leave their state.
    """
    processes = Counter({reason: unseen[reason] for reason in _UNSEEN if unseen[reason]})
    conditions = []
    if missing := processes.total() + lost:
        ways = [f"{count} {_UNSEEN[reason][0]}" for reason, count in processes.items()]
        remedies = [how_to_see(processes)] if processes else []
        if lost:
            ways.append(f"{lost} ended without leaving their state")
            remedies.append(_END)
        conditions.append(
            Condition(
                name="unmeasured-processes",
                message=f"{missing} of {started + processes.total()} Python processes "
                f"were not measured: {', '.join(ways)}",
                remedy=f"if they ran code of the project, {'; '.join(remedies)}",
            )
        )
    if unseen[SENT]:
        conditions.append(
            Condition(
                name="unmeasured-subinterpreters",
                message="subinterpreters ran copies of functions, whose state was lost with them",
                remedy=_USE_A_GLOBAL,
            )
        )
    return conditions

"""Says what to do about a command that failed, from what it wrote and what the side lacks."""

import re
import shlex
from collections.abc import Iterable, Sequence
from pathlib import Path

from specialist_ci import process
from specialist_ci.errors import MeasurementError
from specialist_ci.formats.paths import to_text
from specialist_ci.formats.snapshot import Condition
from specialist_ci.process import Outcome

# python -m says the last one, and no error's name.
_NOT_INSTALLED = re.compile(r"\b(ModuleNotFound|PackageNotFound|Import)Error\b|No module named ")


def command_failed(
    side: str,
    command: Sequence[str],
    outcome: Outcome,
    *,
    folder: Path,
    installed: bool,
    conditions: Iterable[Condition],
) -> MeasurementError:
    """Return the error for a command that ran in a folder, with or without ``--install``."""
    message = f"{side}: the command {process.describe_failure(outcome)}"
    remedy = f"make `{shlex.join(command)}` succeed there, then measure again"
    # The suite is head's: base may not have its files yet.
    lacking = [
        word for word in command[1:] if word.endswith(".py") and not (folder / word).exists()
    ]
    if lacking:
        message += f"; {side} has no {', '.join(map(to_text, lacking))}"
        remedy += ", or measure by what both sides have (--suite, or a command after --)"
    elif _NOT_INSTALLED.search(outcome.stdout + outcome.stderr):
        remedy += (
            ", or name what it imports by --extra, --group, --requirement or --package"
            if installed
            else ", or let --install provide what it imports"
        )
    else:
        remedy += ", with --jobs 1 where two runs are in each other's way"
    remedy += "".join(f" ({one.message}: {one.remedy})" for one in conditions)
    return MeasurementError(message, remedy=remedy, detail=process.tail(outcome))

"""Finds out what to execute for a command as the user types it."""

import os
import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from specialist_ci.errors import UsageError

_PYTHON = re.compile(r"python[0-9.]*t?")


def resolve_command(
    command: Sequence[str], python: Path, environment: Mapping[str, str]
) -> list[str]:
    """Return what to execute for a command as the user types it.

    ``python ...``, ``-m module ...`` and ``script.py ...`` run in the interpreter, any
    other program is looked up beside it and then on PATH. Raises UsageError for none.
    """
    if not command:
        raise UsageError(
            "no command to measure", remedy="name it after --, such as `-- python bench.py`"
        )
    program, *arguments = command
    if _PYTHON.fullmatch(program):
        return [str(python), *arguments]
    if program.startswith("-") or program.endswith(".py"):
        return [str(python), *command]
    found = shutil.which(program, path=environment["PATH"])
    if found is None and os.sep not in program:
        raise UsageError(
            f"the command {program} is neither beside {python} nor on PATH",
            remedy="install it there, or name another interpreter with --python",
        )
    return [found or program, *arguments]

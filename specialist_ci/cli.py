"""The command line: finds the command, tells of errors, and sets the exit code."""

import gc
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import NoReturn

from specialist_ci.commands.arguments import parse
from specialist_ci.commands.console import complain, writing
from specialist_ci.errors import SpecialistCIError
from specialist_ci.interruption import terminate_as_interrupt

_INTERRUPTED = 130  # 128 + SIGINT, as shells have it

# Where each command is: its module is imported when it is asked for.
_COMMANDS = {
    "diff": ("measuring", "diff"),
    "run": ("measuring", "run"),
    "explain": ("measuring", "explain"),
    "merge": ("reading", "merge"),
    "compare": ("reading", "compare_snapshots"),
    "show": ("reading", "show"),
    "demo": ("demo", "demo"),
    "check-config": ("preparing", "check_config"),
    "init": ("preparing", "init"),
    "cache": ("preparing", "cache"),
    "gitlab-note": ("gitlab", "gitlab_note"),
}


def run() -> NoReturn:
    """Run the command line as all that this process is for.

    Nothing is collected and nothing freed: snapshots are many small objects and no garbage.
    """
    gc.disable()
    status = main()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code."""
    for stream in ("stdout", "stderr"):
        if getattr(sys, stream) is None:  # closed before we started
            setattr(sys, stream, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115 - to the end
    try:
        with terminate_as_interrupt(), writing():
            return dispatch(sys.argv[1:] if argv is None else argv, os.environ)
    except SpecialistCIError as error:
        complain(error)
        return error.exit_code
    except KeyboardInterrupt:
        print("specialist-ci: interrupted, nothing is left behind", file=sys.stderr)
        return _INTERRUPTED
    except BrokenPipeError:
        # Who read our output has seen enough; Python must not complain about it at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def dispatch(argv: Sequence[str], environ: Mapping[str, str]) -> int:
    """Run a command and return its exit code. Raises SpecialistCIError."""
    arguments = parse(argv)
    module, function = _COMMANDS[arguments.action]
    found = import_module(f"specialist_ci.commands.{module}")
    command: Callable[[object, Mapping[str, str]], int] = getattr(found, function)
    return command(arguments, environ)

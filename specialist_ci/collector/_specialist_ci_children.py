"""Tells of each Python that the program starts where the recorder cannot follow it.

That is with a flag that keeps sitecustomize out (-I, -E, -S), or in an environment
without our two variables. What starts a process is replaced by a function that looks
at the arguments and then does exactly what the original does. Nothing is foreseen
for what other programs start: a shell, ``make``, a library in C.
"""

import os
import sys
from types import CodeType, FunctionType

from _specialist_ci_standins import replace_in_os, standing_in

# Only for type checkers: importing typing would cost the measured process milliseconds.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from typing import Any

    Tell = Callable[[str], None]

_COLLECTOR = os.path.dirname(os.path.abspath(__file__))
_STARTS = ("execv", "execve", "posix_spawn", "posix_spawnp")

# Python/getopt.c and initconfig.c: options that take an argument, those that end the
# flags, and those with which nothing runs.
_WITH_ARGUMENT = frozenset({"W", "X", "check-hash-based-pycs"})
_LAST = frozenset({"c", "m"})
_NOTHING_RUNS = frozenset(
    {"?", "V", "h", "help", "help-all", "help-env", "help-xoptions", "version"}
)
_BLINDING = frozenset({"E", "I", "S"})

_KERNEL_READS = 256  # bytes of a script's first line, include/uapi/linux/binfmts.h


def watch_starts(tell: "Tell") -> None:
    """Look at what the os module starts; ``tell`` gets the reason why one goes unseen."""
    for name in _STARTS:
        replace_in_os(name, _looking(_os_arguments, tell, getattr(os, name)))


def watch_fork_exec(module: "dict[str, Any]", name: str, tell: "Tell") -> None:
    """Look at what subprocess and multiprocessing start."""
    module[name] = _looking(_fork_exec_arguments, tell, module[name])


def watch_calls(
    module: "dict[str, Any]", tell: "Tell", is_measured: "Callable[[CodeType], bool]"
) -> None:
    """Look at the functions that go to subinterpreters as copies of their code.

    Such a copy is gone when the call ends. What refers to globals is imported there, and
    measured as any import (Python/crossinterp_data_lookup.h, 3.14).
    """

    def errand(_interpreter: object, *sent: "Any", **_: object) -> None:
        functions = [sent[0], *(sent[1] if len(sent) > 1 and type(sent[1]) is tuple else ())]
        for function in functions:
            if type(function) is FunctionType and is_measured(function.__code__):
                names = function.__globals__
                if not any(name in names for name in function.__code__.co_names):
                    module.update(originals)  # once is enough to say
                    tell("subinterpreter")

    originals: dict[str, Any] = {
        name: module[name] for name in ("call", "exec", "run_func") if name in module
    }
    for name, original in originals.items():
        module[name] = standing_in(errand, original)


def _looking(
    order: "Callable[..., tuple[Any, Any, Any]]", tell: "Tell", original: "Callable[..., Any]"
) -> "Callable[..., Any]":
    def errand(*args: object, **kwargs: object) -> None:
        programs, argv, env = order(*args, **kwargs)
        variables = os.environ if env is None or env is os.environ else _variables(env)
        reason = _why_unseen(programs, [os.fsdecode(word) for word in argv], variables)
        if reason:
            tell(reason)

    replacement: Callable[..., Any] = standing_in(errand, original)
    return replacement


def _os_arguments(
    path: "Any",
    argv: "Sequence[Any]",
    env: "Mapping[Any, Any] | None" = None,
    **_: object,
) -> "tuple[list[str], Sequence[Any], Mapping[Any, Any] | None]":
    program = os.fsdecode(path)
    return [program, *_on_path(program, os.environ)], argv, env


def _fork_exec_arguments(
    argv: "Sequence[Any]",
    programs: "Sequence[Any]",
    _close: object,
    _passed: object,
    cwd: object,
    env: "Sequence[bytes] | None",
    *_: object,
) -> "tuple[list[str], Sequence[Any], Mapping[Any, Any] | None]":
    variables = None if env is None else dict(item.split(b"=", 1) for item in env)
    folder = os.fsdecode(cwd or "")  # type: ignore[arg-type] # a path, or refused
    return [os.path.join(folder, os.fsdecode(path)) for path in programs], argv, variables


def _variables(env: "Mapping[Any, Any]") -> "Mapping[str, str]":
    return {os.fsdecode(name): os.fsdecode(text) for name, text in env.items()}


def _on_path(program: str, env: "Mapping[str, str]") -> "Iterator[str]":
    if "/" not in program:
        for folder in env.get("PATH", os.defpath).split(os.pathsep):
            yield os.path.join(folder, program)


def _why_unseen(
    programs: "Sequence[str]", argv: "Sequence[str]", env: "Mapping[str, str]"
) -> "str | None":
    """Return the flag or "environment", or None for what is seen or is no Python of ours.

    "nothing" is the reason where it is to tell its version or to help, and runs nothing.

    ``programs`` are the paths to try; the first that can be executed is.
    """
    if not argv or any("\0" in word for word in argv):
        return None  # the original refuses them
    for program in programs:
        if os.access(program, os.X_OK) and not os.path.isdir(program):
            arguments = _python_arguments(program, argv, env)
            return None if arguments is None else _judge(arguments, env)
    return None


def _judge(arguments: "Sequence[str]", env: "Mapping[str, str]") -> "str | None":
    options = set(_options(arguments))
    if options & _NOTHING_RUNS:
        return "nothing"
    blinding = options & _BLINDING
    if blinding:
        return "-" + min(blinding)
    return None if _followed(env) else "environment"


def _followed(env: "Mapping[str, str]") -> bool:
    """Return whether the variables lead a Python to our sitecustomize, before any other."""
    if env.get("SPECIALIST_CI_CONTROL") != os.environ.get("SPECIALIST_CI_CONTROL"):
        return False
    for entry in env.get("PYTHONPATH", "").split(os.pathsep):
        if os.path.abspath(entry) == _COLLECTOR or os.path.realpath(entry) == _REAL:
            return True
        if os.path.exists(os.path.join(entry, "sitecustomize.py")):
            return False
    return False


_REAL = os.path.realpath(_COLLECTOR)


def _python_arguments(
    program: str, argv: "Sequence[str]", env: "Mapping[str, str]"
) -> "Sequence[str] | None":
    """Return the arguments of the interpreter that a program is, or is a script of."""
    if _specializes(program):
        return argv[1:]
    with open(program, "rb") as file:
        head = file.read(_KERNEL_READS)
    if head[:2] != b"#!":
        return None
    lines = os.fsdecode(head).splitlines()
    interpreter, _, rest = lines[0][2:].strip().partition(" ")
    words = [rest.strip()] if rest else []
    name = os.path.basename(interpreter)
    if name == "env":
        words = [word for word in rest.split() if word != "-S"]
        name = words.pop(0) if words else ""
        interpreter = next(filter(os.path.exists, _on_path(name, env)), name)
    elif name == "sh" and lines[1:] and lines[1].startswith("'''exec' "):
        # How pip writes a console script whose interpreter has a long path.
        interpreter = lines[1][len("'''exec' ") :].partition('"$0"')[0].strip().strip('"')
        words = []
    if not _specializes(interpreter):
        return None
    return [*words, program, *argv[1:]]


def _specializes(program: str) -> bool:
    """Return whether this is a CPython 3.11 or later, going by its name."""
    for path in (os.path.realpath(program), program):
        version = _version(os.path.basename(path))
        if version is not None:
            return version[:2] >= (3, 11) or version in ((), (3,))
    return os.path.realpath(program) == os.path.realpath(sys.executable)


def _version(name: str) -> "tuple[int, ...] | None":
    """Return the version in the name of an interpreter, () if it has none there."""
    if not name.lower().startswith("python"):
        return None
    numbers = name[len("python") :].rstrip("dt")  # debug and free-threaded builds
    if not numbers:
        return ()
    parts = numbers.split(".")
    return tuple(map(int, parts)) if all(part.isdecimal() for part in parts) else None


def _options(arguments: "Sequence[str]") -> "Iterator[str]":
    """Yield the options of a command line as Python/getopt.c finds them."""
    words = iter(arguments)
    for word in words:
        if not word.startswith("-") or word in ("-", "--"):
            return
        letters = [word[2:]] if word.startswith("--") else word[1:]
        for position, letter in enumerate(letters, 2):
            yield letter
            if letter in _LAST:
                return
            if letter in _WITH_ARGUMENT:
                if not word[position:] or len(letter) > 1:
                    next(words, None)
                break

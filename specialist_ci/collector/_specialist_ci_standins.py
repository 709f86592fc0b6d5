"""Replaces builtin functions so that the program finds no difference in what they are and do."""

import _thread
import os
import sys

# Only for type checkers: importing typing would cost the measured process milliseconds.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_at_work: "list[int]" = []  # threads, each as often as it has begun


class _Unnoticed:
    """A context in which a thread works for us.

    The program's audit hooks do not hear of it, and what goes wrong stays out of its way.
    """

    def __enter__(self) -> None:
        _at_work.append(_thread.get_ident())

    def __exit__(self, error: "type[BaseException] | None", *_: object) -> bool:
        _at_work.remove(_thread.get_ident())
        return error is not None and issubclass(error, Exception)


unnoticed = _Unnoticed()


class _Builtin(staticmethod):  # type: ignore[type-arg] # of any function
    """A function that no class makes a method of, and that is pickled by its name."""

    __wrapped__: "Any"  # the function, whose own is the original

    def __reduce__(self) -> str:
        return self.__name__

    def __repr__(self) -> str:
        return repr(self.__wrapped__.__wrapped__)


def _as_builtin(function: "Callable[..., Any]", original: "Callable[..., Any]") -> "Any":
    for attribute in ("__doc__", "__module__", "__name__", "__qualname__"):
        setattr(function, attribute, getattr(original, attribute))
    function.__wrapped__ = original  # type: ignore[attr-defined] # has the signature
    return _Builtin(function)


def standing_in(
    errand: "Callable[..., None]", original: "Callable[..., Any]"
) -> "Callable[..., Any]":
    """Return a function that does an errand with the arguments, and then the original.

    Arguments that the errand has no use for, the original refuses better.
    """

    def call(*args: object, **kwargs: object) -> object:
        with unnoticed:
            errand(*args, **kwargs)
        try:
            return original(*args, **kwargs)
        except BaseException as error:
            leave_traceback(error)
            raise

    replacement: Callable[..., Any] = _as_builtin(call, original)
    return replacement


def leave_traceback(error: BaseException) -> None:
    """Take the calling function, which caught the error, out of its traceback.

    A bare ``raise`` does not enter it again (RAISE_VARARGS in Python/bytecodes.c).
    """
    traceback = error.__traceback__
    error.__traceback__ = traceback and traceback.tb_next


def replace_in_os(name: str, replacement: "Callable[..., Any]") -> None:
    """Replace a function of the os module wherever that keeps it."""
    original = getattr(os, name)
    for module in (os, sys.modules["posix"]):
        setattr(module, name, replacement)
    if original in os.supports_fd:
        os.supports_fd.add(replacement)


def watch_audit_hooks() -> None:
    """Let the hooks that the program adds hear of what the program does, and not of our work."""
    original = sys.addaudithook

    def call(*hooks: object, **named: object) -> None:
        try:
            original(*map(_hearing, hooks), **{name: _hearing(named[name]) for name in named})
        except BaseException as error:
            leave_traceback(error)
            raise

    sys.addaudithook = _as_builtin(call, original)


def _hearing(hook: "Any") -> "Callable[..., None]":
    thread = _thread.get_ident

    def hear(*event: object) -> None:
        if _at_work and thread() in _at_work:
            return
        try:
            hook(*event)
        except BaseException as error:
            leave_traceback(error)
            raise

    if hasattr(hook, "__cantrace__"):
        hear.__cantrace__ = hook.__cantrace__  # type: ignore[attr-defined]
    return hear

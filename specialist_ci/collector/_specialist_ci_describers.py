"""Tells situations as the facts do, and remembers the answers: most sites meet few of them.

Each function returns what describes the operands of one site, with the answers of the function
of the same name in ``_specialist_ci_facts``. They are remembered under all that they depend on:
names of types, which no two types share, versions of types, and what is read of the operands.
"""

import builtins
from _operator import add, mul, sub
from types import BuiltinFunctionType, FunctionType, MethodDescriptorType, MethodType

import _specialist_ci_facts as facts
import _specialist_ci_internals as internals
from _specialist_ci_facts import COMPACT, type_names
from _specialist_ci_internals import type_version

# Only for type checkers: the program may never import typing.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Situation = tuple[str | int | bool | None, ...]
    Describe = Callable[..., Situation]

# The functions below look names up here: a program's tests may replace those in builtins.
__builtins__ = vars(builtins).copy()  # type: ignore[assignment]

_get = object.__getattribute__
_REMEMBERED = 1000  # answers of one site
_WORK: "dict[str, Callable[[Any, Any], Any]]" = {"+": add, "-": sub, "*": mul}


def _by_type(function: "Describe") -> "Callable[[], Describe]":
    """Return the maker of a describer whose answers depend on the type, as it is now."""

    def make() -> "Describe":
        known: dict[int, Situation] = {}  # by versions
        version_of = type_version

        def describe(value: "Any") -> "Situation":
            version = version_of(type(value))
            found = known.get(version) if version else None
            if found is None:
                found = function(value)
                if version and len(known) < _REMEMBERED:
                    known[version] = found
            return found

        return describe

    return make


contains = _by_type(facts.contains)
get_iter = _by_type(facts.get_iter)
send = _by_type(facts.send)
with_exit = _by_type(facts.with_exit)


def iterate() -> "Describe":
    """Return what describes an iterable, and its iterator where one was made."""
    of_type: Describe = _by_type(facts.iterate)()

    def describe(iterable: "Any", iterator: object = None) -> "Situation":
        if iterator is None:
            return of_type(iterable)
        found: Situation = facts.iterate(iterable, iterator)
        return found

    return describe


def truth() -> "Describe":
    """Return what describes the value of a TO_BOOL."""
    of_type: Describe = _by_type(facts.truth)()

    def describe(value: "Any") -> "Situation":
        kind = type(value)
        if kind is not int and kind is not float:
            return of_type(value)
        found: Situation = facts.truth(value)
        return found

    return describe


def unpack(count: int) -> "Describe":
    """Return what describes the value of an UNPACK_SEQUENCE."""
    fitting = {id(kind): facts.unpack(kind("a" * count), count) for kind in (tuple, list, str)}

    def describe(value: "Any") -> "Situation":
        found: Situation | None = fitting.get(id(type(value)))
        if found is None or len(value) != count:
            told: Situation = facts.unpack(value, count)
            return told
        return found

    return describe


def binary(operator: str, inplace: bool) -> "Describe":
    """Return what describes both operands of a BINARY_OP."""

    def tell(left: "Any", right: "Any") -> "Any":
        return facts.binary(operator, left, right, inplace)

    return _of_two(tell, lambda _: 1, _WORK.get(operator))


def compare(operator: str) -> "Describe":
    """Return what describes both operands of a COMPARE_OP."""

    def tell(left: "Any", right: "Any") -> "Any":
        return facts.compare(operator, left, right)

    return _of_two(tell, type_version, None)


def _of_two(  # noqa: C901 - each call would cost as much as the rest
    tell: "Describe",
    version_of: "Callable[[type], int | None]",
    work: "Callable[[Any, Any], Any] | None",
) -> "Describe":
    """Describe operands of which the version of the left one's type counts, and numbers."""
    known: dict[tuple[str | int | None, ...], Situation] = {}
    names, limit = type_names, COMPACT

    def describe(left: "Any", right: "Any") -> "Situation":
        first, second = type(left), type(right)
        if first is int:
            if not -limit < left < limit:
                return tell(left, right)
        elif first is float and left != left:  # noqa: PLR0124 - that is what tells NaN
            return tell(left, right)
        if second is int:
            if not -limit < right < limit:
                return tell(left, right)
            if work is not None and first is int and not -limit < work(left, right) < limit:
                return tell(left, right)
        elif second is float and right != right:  # noqa: PLR0124 - that is what tells NaN
            return tell(left, right)
        key = names.get(id(first)), names.get(id(second)), version_of(first)
        found = known.get(key)
        if found is None:
            found = tell(left, right)
            key = names.get(id(first)), names.get(id(second)), version_of(first)
            if all(key) and len(known) < _REMEMBERED:
                known[key] = found
        return found

    return describe


def subscript() -> "Describe":
    """Return what describes a container and its index."""
    return _of_item(facts.subscript, (list, tuple, str))


def store_subscript() -> "Describe":
    """Return what describes a container and the index to be set."""
    return _of_item(facts.store_subscript, (list,))


def _of_item(tell: "Describe", sequences: "tuple[type, ...]") -> "Describe":
    inside: dict[int, Situation] = {}  # by the identity of a sequence's type
    mixed: dict[int, Situation] = {}  # of str that is not ASCII: whether the character is
    foreign: dict[int, Situation] = {}
    known: dict[tuple[int, str | None], Situation] = {}  # with an index of another type
    kinds = {id(kind) for kind in sequences}
    names, limit = type_names, COMPACT

    def describe(container: "Any", index: "Any") -> "Situation":
        kind = type(container)
        if type(index) is int and kind is not dict:
            if id(kind) not in kinds or not 0 <= index < len(container) < limit:
                return tell(container, index)
            if kind is str and not container.isascii():
                found = mixed if container[index] < "\x80" else foreign
            else:
                found = inside
            if id(kind) not in found:
                found[id(kind)] = tell(container, index)
            return found[id(kind)]
        if kind is not dict and id(kind) not in kinds:
            return tell(container, index)
        if type(index) is int and not 0 <= index < limit:
            return tell(container, index)
        told = known.get((id(kind), names.get(id(type(index)))))
        if told is None:
            told = tell(container, index)
            if len(known) < _REMEMBERED:
                known[id(kind), names[id(type(index))]] = told
        return told

    return describe


def attribute(name: str, store: bool, method: bool) -> "Describe":
    """Return what describes the owner of an attribute."""
    return Attribute(name, store, method).describe


class Attribute:
    """What was seen of an attribute's owners."""

    __slots__ = ("_asked", "_known", "_looks", "_versions", "changed")

    def __init__(self, name: str, store: bool, method: bool) -> None:
        self._asked = name, store, method
        self._known: dict[tuple[object, ...], Situation] = {}
        # What to ask of each object of a type, by its identity, for one version of it; or all
        # that there is to say of it.
        self._looks: dict[int, tuple[Any, ...]] = {}
        self._versions: dict[str | None, int] = {}  # of the types that were met, by name
        self.changed: Callable[[str], None] | None = None  # told of types that are others now

    def _remember(self, kind: type, version: int) -> None:
        """Tell of a type that is another one than when it was met."""
        name = type_names.get(id(kind))
        if self._versions.get(name, version) != version and name and self.changed is not None:
            self.changed(name)
        self._versions[name] = version

    def describe(self, owner: "Any") -> "Situation":
        kind = type(owner)
        look = self._looks.get(id(kind))
        if look is None or look[0] != type_version(kind):
            return self._meet(owner, kind)
        _, told, place, answered, shares, own = look
        if told is not None:
            return told  # type: ignore[no-any-return] # a situation
        if place.__class__ is FunctionType:
            place = place(owner)
        name, store, _ = self._asked
        if own is not None:
            try:
                _get(owner, name)
                return own[place]  # type: ignore[no-any-return] # a situation
            except (AttributeError, KeyError):
                pass
        detail = facts.detail_of(owner, name, store, answered, place)
        key = look[0], place, detail, shares is not None and shares()
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = self._tell(owner)
        if own is not None and detail == "instance":
            own[place] = found
        return found

    def _tell(self, owner: "Any") -> "Situation":
        told: Situation = facts.attribute(owner, *self._asked)
        return told

    def _meet(self, owner: "Any", kind: type) -> "Situation":
        """Describe an owner of a new kind, and find out what to ask of the next ones."""
        if issubclass(kind, facts.ModuleType):
            return self._tell(owner)
        if facts.is_class(kind):
            return self._of_class(owner, kind)
        told = self._tell(owner)  # which gives the type its version
        version = type_version(kind)
        if version:
            self._remember(kind, version)
            name, store, _ = self._asked
            if len(self._known) > _REMEMBERED:
                self._known.clear()
                self._looks.clear()
            answered = facts.answer(kind, name, store, version)
            place, found = internals.placing(kind), answered[0]
            of_class = not store and found in ("method", "plain")
            shares = internals.sharing(kind, name) if of_class else None
            if (found == "method" and place == "nowhere") or (
                found not in ("absent", "method", "plain") and (store or found != "slot")
            ):
                self._looks[id(kind)] = version, told, *(None, None, None, None)
            else:
                # What objects have of their own, by the place where they keep it.
                own: dict[str, Situation] | None = {} if found == "absent" and not store else None
                self._looks[id(kind)] = version, None, place, answered, shares, own
        return told

    def _of_class(self, owner: type, kind: type) -> "Situation":
        versions = type_version(owner), type_version(kind)
        found = self._known.get(versions)
        if found is None:
            found = self._tell(owner)
            versions = type_version(owner), type_version(kind)
            if versions[0]:
                self._remember(owner, versions[0])
            if all(versions) and len(self._known) < _REMEMBERED:
                self._known[versions] = found
        return found


def call(positional: int, keywords: tuple[str, ...], starred: bool, method: bool) -> "Describe":
    """Return what describes a callee."""
    known: dict[tuple[object, ...], Situation] = {}
    names = type_names
    definition_of, is_class = internals.definition, facts.is_class

    def key_of(callee: "Any") -> "tuple[object, ...] | None":
        kind = type(callee)
        if kind is FunctionType:
            code, defaults = callee.__code__, callee.__defaults__
            return names.get(id(code)), 0 if defaults is None else len(defaults)
        if kind is MethodType and type(callee.__func__) is FunctionType:
            function = callee.__func__
            code, defaults = function.__code__, function.__defaults__
            defaulted = 0 if defaults is None else len(defaults)
            return names.get(id(code)), defaulted, is_class(type(callee.__self__))
        if kind is BuiltinFunctionType:
            bound = type(callee.__self__)
            return None if is_class(bound) else (definition_of(callee), names.get(id(bound)))
        if kind is MethodDescriptorType:
            return definition_of(callee), names.get(id(callee.__objclass__))
        if kind is type:
            return type_version(callee) or None, "class"
        return None

    def describe(callee: "Any") -> "Situation":
        key = key_of(callee)
        found = known.get(key) if key is not None else None
        if found is None:
            found = facts.call(callee, positional, keywords, starred, method)
            key = key_of(callee)
            if key is not None and key[0] is not None and len(known) < _REMEMBERED:
                known[key] = found
        return found

    return describe


def enter(name: str) -> "Describe":
    """Return what describes how a context manager is entered."""
    describe: Describe = _by_type(lambda manager: facts.enter(manager, name))()
    return describe


def load_global(name: str) -> "Describe":
    """Return what describes the namespace of a global name."""
    return lambda namespace: facts.load_global(namespace, name)


def super_attribute() -> "Describe":
    """Return what describes what is called super()."""
    describe: Describe = facts.super_attribute
    return describe

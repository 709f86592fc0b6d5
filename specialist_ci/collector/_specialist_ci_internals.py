"""Reads from memory what CPython 3.11 to 3.15 decide by and Python code cannot ask for.

Only in the explaining run, only in builds with the GIL of versions whose layout is known (the
offsets are those of CPython's Include/cpython/object.h and Include/internal). Elsewhere each
function answers None, or as well as Python code can.
"""

import builtins
import sys
from types import BuiltinFunctionType, FunctionType

# Only for type checkers: the program may never import typing.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

# The functions below look names up here: a program's tests may replace those in builtins.
__builtins__ = vars(builtins).copy()  # type: ignore[assignment]

_VERSION = sys.version_info[:2]
_KNOWN = (
    sys.implementation.name == "cpython"
    and (3, 11) <= _VERSION <= (3, 15)
    and sys.maxsize == 2**63 - 1
    and "t" not in getattr(sys, "abiflags", "")
    and not hasattr(sys, "getobjects")  # a build that traces references
)

# Offsets in PyTypeObject, in bytes.
_BASICSIZE, _GETATTRO, _SETATTRO, _VERSION_TAG, _VECTORCALL = 32, 144, 152, 384, 400
# In PyMethodDef, PyCFunctionObject, PyMethodDescrObject, PyMemberDescrObject, PyMemberDef.
_ML_FLAGS, _CFUNCTION_DEF, _DESCRIPTOR_DEF, _MEMBER_DEF, _MEMBER_TYPE = 16, 16, 40, 40, 8
# Before an object with a managed dict: the dict; in PyDictObject: the values of a split one.
_MANAGED, _SPLIT = -24, 40
# In PyDictValues behind an object of 3.13 and newer: whether they are in use.
_VALID = 3
_T_OBJECT, _T_OBJECT_EX = 6, 16
# In PyDictKeysObject: sizes of its index, as logarithms; the number of entries; the index.
# An entry of shared keys is a name and an unused word.
_INDEX_BYTES, _ENTRIES, _INDEX, _ENTRY = 9, 24, 32, 16

_MANAGED_DICT, _INLINE_VALUES, _HEAP = 1 << 4, 1 << 2, 1 << 9
_flags = type.__dict__["__flags__"].__get__
_dictoffset = type.__dict__["__dictoffset__"].__get__
_basicsize = type.__dict__["__basicsize__"].__get__
_mro = type.__dict__["__mro__"].__get__
_namespace = type.__dict__["__dict__"].__get__

if _KNOWN:
    from ctypes import c_uint8, cast, py_object

    # All memory there is, to be read at an address: a fifth of the time of from_address().
    _bytes = memoryview((c_uint8 * ((1 << 48) - 8)).from_address(0)).cast("B")
    _halves, _words = _bytes.cast("I"), _bytes.cast("Q")
    _KNOWN = all(_words[id(kind) + _BASICSIZE >> 3] == _basicsize(kind) for kind in (int, type))

if _KNOWN:
    _GENERIC_GET = _words[id(object) + _GETATTRO >> 3]
    _GENERIC_SET = _words[id(object) + _SETATTRO >> 3]


def type_version(kind: type) -> int | None:
    """Return a type's version, which changes with the type; 0 for none."""
    return _halves[id(kind) + _VERSION_TAG >> 2] if _KNOWN else None


def has_vectorcall(kind: type) -> bool | None:
    """Whether instances of a built-in type are made by a vectorcall."""
    return _words[id(kind) + _VECTORCALL >> 3] != 0 if _KNOWN else None


def has_inline_values(kind: type) -> bool:
    """Whether instances keep their attributes beside themselves (3.13 and newer)."""
    return bool(_flags(kind) & _INLINE_VALUES)


def generic_getattr(kind: type) -> bool:
    """Whether attributes of instances are looked up as object does it."""
    if _KNOWN:
        return _words[id(kind) + _GETATTRO >> 3] == _GENERIC_GET
    return _defined(kind, "__getattribute__") and not _has(kind, "__getattr__")


def generic_setattr(kind: type) -> bool:
    """Whether attributes of instances are stored as object does it."""
    if _KNOWN:
        return _words[id(kind) + _SETATTRO >> 3] == _GENERIC_SET
    return _defined(kind, "__setattr__") and _defined(kind, "__delattr__")


def _has(kind: type, name: str) -> bool:
    return any(name in _namespace(base) for base in _mro(kind))


def _defined(kind: type, name: str) -> bool:
    """Whether no Python class overrides a method of object: as much as can be asked."""
    return not any(type(_namespace(base).get(name)) is FunctionType for base in _mro(kind))


def is_object_slot(member: object) -> bool:
    """Whether a member descriptor stands for a reference that specialized forms can load."""
    if not _KNOWN:
        return True
    kind = _halves[_words[id(member) + _MEMBER_DEF >> 3] + _MEMBER_TYPE >> 2]
    return kind == _T_OBJECT_EX or (kind == _T_OBJECT and _VERSION >= (3, 13))


def place(owner: object, kind: type) -> str | None:
    """Return where an instance keeps its attributes; None where that is not known.

    ``values`` beside itself, ``values, dict`` where a dict exists too; ``dict``, or ``split
    dict`` where it shares its keys; ``no dict yet``, ``late dict`` for types without room for
    values, ``own late dict`` where it shares no keys; ``unmanaged``, ``unmanaged dict`` for
    those that place the dict themselves, ``odd`` where that is behind items; ``nowhere``.
    """
    found = placing(kind)
    return found(owner) if callable(found) else found


def room(kind: type) -> str:
    """Return where instances of a type have room for attributes, whatever they do with it.

    ``managed`` by the interpreter, or as ``place`` calls it.
    """
    if _flags(kind) & _MANAGED_DICT:
        return "managed"
    offset = _dictoffset(kind)
    return "unmanaged" if offset > 0 else "odd" if offset else "nowhere"


def placing(kind: type) -> "str | Callable[[object], str] | None":
    """Return the place of all instances of a type, or what tells it of one."""
    flags = _flags(kind)
    if not flags & _MANAGED_DICT:
        offset = _dictoffset(kind)
        if offset == 0:
            return "nowhere"
        if offset < 0:
            return "odd"
        if not _KNOWN:
            return "unmanaged"
        return lambda owner: "unmanaged dict" if _words[id(owner) + offset >> 3] else "unmanaged"
    if not _KNOWN:
        return None
    if _VERSION <= (3, 12):
        return _place_by_pointer
    if not flags & _INLINE_VALUES:
        return _place_without_values
    valid = _basicsize(kind) + _VALID

    def place_with_values(owner: object) -> str:
        if not _bytes[id(owner) + valid]:
            return "dict"
        return "values, dict" if _words[id(owner) + _MANAGED >> 3] else "values"

    return place_with_values


def _place_without_values(owner: object) -> str:
    pointer = _words[id(owner) + _MANAGED >> 3]
    if not pointer:
        return "no dict yet"
    return "late dict" if _words[pointer + _SPLIT >> 3] else "own late dict"


def _place_by_pointer(owner: object) -> str:
    pointer = _words[id(owner) + _MANAGED >> 3]
    if _VERSION == (3, 12):
        if pointer & 1:
            return "values"
        if not pointer:
            return "no dict yet"
    elif not pointer:
        return "values"
    return "split dict" if _words[pointer + _SPLIT >> 3] else "dict"


def in_dict(owner: object, name: str) -> bool:
    """Whether the dict of an instance whose place is ``dict`` or ``own late dict`` holds a name."""
    held = cast(_words[id(owner) + _MANAGED >> 3], py_object).value
    return type(held) is dict and name in held


def _keys_offset() -> int | None:
    """Return where a class holds the names that its instances share: behind its qualified name."""

    class Sample:
        pass

    if not _KNOWN:
        return None
    Sample().sample = None  # type: ignore[attr-defined] # that makes it one of the names
    qualname = id(Sample.__qualname__)
    for offset in range(0, _basicsize(type) - 8, 8):
        if _words[id(Sample) + offset >> 3] == qualname:
            keys = offset + 8
            found = _words[id(Sample) + keys >> 3]
            if found and _names(found) == {id(sys.intern("sample"))}:
                return keys
    return None


def _names(keys: int) -> set[int]:
    """Return the identities of the names in shared keys."""
    first = keys + _INDEX + (1 << _bytes[keys + _INDEX_BYTES])
    last = first + _ENTRY * _words[keys + _ENTRIES >> 3]
    return {_words[entry >> 3] for entry in range(first, last, _ENTRY)}


_KEYS = _keys_offset()


def sharing(kind: type, name: str) -> "Callable[[], bool] | None":
    """Return what tells whether any instance of a class got an attribute of this name.

    The names that instances share are never forgotten, and 29 at most. None where instances
    of the type share none.
    """
    if _KEYS is None or not _flags(kind) & _MANAGED_DICT or not _flags(kind) & _HEAP:
        return None
    where, wanted = id(kind) + _KEYS >> 3, id(sys.intern(name))
    known, answer = (0, 0), False

    def shares() -> bool:
        nonlocal known, answer
        keys = _words[where]
        now = keys, _words[keys + _ENTRIES >> 3] if keys else 0
        if now != known:
            known, answer = now, bool(keys) and wanted in _names(keys)
        return answer

    return shares


_CONVENTIONS = {
    0x1: "VARARGS",
    0x3: "VARARGS|KEYWORDS",
    0x4: "NOARGS",
    0x8: "O",
    0x80: "FASTCALL",
    0x82: "FASTCALL|KEYWORDS",
}
_CONVENTION, _METHOD, _CLASS_OR_STATIC = 0x8F, 0x200, 0x30


def convention(callee: object) -> str | None:
    """Return the calling convention of a built-in function or method, as its METH flags name it."""
    flags = _method_flags(callee)
    if flags is None:
        return None
    if flags & _METHOD:
        return "METHOD|FASTCALL|KEYWORDS"
    return _CONVENTIONS.get(flags & _CONVENTION)


def is_class_method(callee: object) -> bool:
    """Whether a built-in function is a class method or a static method of its type."""
    return bool((_method_flags(callee) or 0) & _CLASS_OR_STATIC)


def _method_flags(callee: object) -> int | None:
    where = definition(callee)
    return _halves[where + _ML_FLAGS >> 2] if where else None


def definition(callee: object) -> int | None:
    """Return what tells a built-in function or method, however it is bound, from others."""
    if not _KNOWN:
        return None
    builtin = issubclass(type(callee), BuiltinFunctionType)
    return _words[id(callee) + (_CFUNCTION_DEF if builtin else _DESCRIPTOR_DEF) >> 3]

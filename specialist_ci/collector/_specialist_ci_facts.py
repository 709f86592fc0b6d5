"""Tells the situation at a site: the facts about its operands by which CPython specializes.

Runs inside the measured process, in the explaining run only, on CPython 3.11 and newer. Each
function returns a tuple of str, int, bool and None, whose values are named in FIELDS.

None of them runs code of the program: no len(), iter(), hash(), isinstance() or attribute of an
object whose type could answer by itself, no ``__dict__`` of an instance (reading it changes how
the object is kept), no reference to an instance that outlives the call.
"""

import builtins
from _io import _IOBase as _File
from _weakref import ref
from sys import version_info
from types import (
    AsyncGeneratorType,
    BuiltinFunctionType,
    ClassMethodDescriptorType,
    CodeType,
    CoroutineType,
    FunctionType,
    GeneratorType,
    MemberDescriptorType,
    MethodDescriptorType,
    MethodType,
    MethodWrapperType,
    ModuleType,
    WrapperDescriptorType,
)

import _specialist_ci_internals as internals

# Only for type checkers: the program may never import typing.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Operand = Any  # of the program: whatever it is

# The functions below look names up here: a program's tests may replace those in builtins.
__builtins__ = vars(builtins).copy()  # type: ignore[assignment]

FIELDS = {
    "binary": (
        *("operator", "left", "right", "left_base", "right_base"),
        *("left_value", "right_value", "result"),
    ),
    "subscript": ("container", "base", "index", "value", "inside", "text", "getitem", "heap"),
    "store_subscript": ("container", "base", "index", "value", "inside", "setitem"),
    "compare": (
        *("operator", "left", "right", "left_base", "right_base"),
        *("left_value", "right_value", "compares"),
    ),
    "contains": ("container", "base", "is_class", "contains"),
    "truth": ("type", "base", "value", "heap", "defines"),
    "iterate": ("iterable", "base", "iterator"),
    "get_iter": ("iterable", "base", "iterator"),
    "unpack": ("value", "base", "count", "fits", "shape"),
    "send": ("receiver", "base", "iterator"),
    "attribute": (
        *("name", "store", "method", "owner", "base", "kind", "found", "value"),
        *("place", "detail", "metaclass", "meta_found", "modified", "exhausted"),
    ),
    "call": (
        *("callee", "name", "parameters", "positional", "keywords", "starred", "method"),
        *("convention", "receiver", "nested"),
    ),
    "with_exit": ("manager", "exit"),
    "load_global": ("name", "place", "exact", "strings", "changed"),
    "super_attribute": ("shadowed", "is_class"),
}

_Facts = tuple[str | int | bool | None, ...]

_VERSION = version_info[:2]
_LIMITED = (3, 13)  # from here on a type gets 1000 versions at most
# Ints below are "compact": one digit of 30 bits.
COMPACT = 1 << 30
HEAP, IMMUTABLE, _METHOD_DESCRIPTOR = 1 << 9, 1 << 8, 1 << 17
_MANAGED_DICT = 1 << 4
_VARARGS, _KEYWORDS, _COMPLEX, _GENERATOR, _OPTIMIZED, _NESTED = 4, 8, 12, 0x20, 1, 0x10

_mro = type.__dict__["__mro__"].__get__
_namespace = type.__dict__["__dict__"].__get__
flags = type.__dict__["__flags__"].__get__
_dictoffset = type.__dict__["__dictoffset__"].__get__
_qualname = type.__dict__["__qualname__"].__get__
_module = type.__dict__["__module__"].__get__
_module_dict: "Any" = vars(ModuleType)["__dict__"].__get__
_get = object.__getattribute__

# The built-in types whose subclasses behave, or specialize, unlike themselves.
_BASES = (int, float, str, list, tuple, dict, set, frozenset, bytes, BaseException)

# --- names -------------------------------------------------------------------------------

type_names: dict[int, str] = {}  # of types and code objects, by id
_bases: dict[int, str | None] = {}  # of types, by id
_alive: dict[int, "ref[object]"] = {}
_namesakes: dict[str, int] = {}


def _remember(thing: object, name: str) -> str:
    """Give a type or a code object a name of its own, for as long as it lives.

    A dictionary by the thing itself would call the program's ``__hash__`` or ``__eq__``.
    """
    number = _namesakes[name] = _namesakes.get(name, 0) + 1
    key = id(thing)
    named = type_names[key] = name if number == 1 else f"{name}#{number}"
    _alive[key] = ref(thing, lambda _: _forget(key))
    return named


def _forget(key: int) -> None:
    for table in (type_names, _bases, _alive, _versions):
        table.pop(key, None)


def _type_name(kind: type) -> str:
    """Return ``int`` for a built-in type, else ``module:qualified.name``, unique."""
    known = type_names.get(id(kind))
    if known is not None:
        return known
    name, module = _qualname(kind), _module(kind)
    if type(module) is not str:
        module = "?"
    fixed = flags(kind) & IMMUTABLE or not flags(kind) & HEAP
    return _remember(kind, name if fixed and module == "builtins" else f"{module}:{name}")


def _code_name(function: FunctionType) -> str:
    code = function.__code__
    known = type_names.get(id(code))
    if known is not None:
        return known
    module = getattr(function, "__module__", None)
    return _remember(code, f"{module if type(module) is str else '?'}:{code.co_qualname}")


def _base(kind: type) -> str | None:
    """Return the built-in type that a type is a proper subclass of."""
    key = id(kind)
    if key not in _bases:
        _type_name(kind)  # which makes the entry end with the type
        mro = _mro(kind)[1:]
        _bases[key] = next((base.__name__ for base in _BASES if base in _Identity(mro)), None)
    return _bases[key]


class _Identity:
    """Tells whether an object is among others, without comparing them."""

    def __init__(self, things: tuple[type, ...]) -> None:
        self._ids = {id(thing) for thing in things}

    def __contains__(self, thing: object) -> bool:
        return id(thing) in self._ids


def _lookup(kind: type, name: str) -> "tuple[bool, Operand]":
    """Find an attribute on a type as the interpreter does, without binding it."""
    for base in _mro(kind):
        namespace = _namespace(base)
        if name in namespace:
            return True, namespace[name]
    return False, None


def _simple(code: CodeType) -> bool:
    """Whether a function takes plain parameters only: no *args, **kwargs, keyword-only."""
    return not code.co_flags & _COMPLEX and not code.co_kwonlyargcount


def is_class(kind: type) -> bool:
    return issubclass(kind, type)


def _shape(code: CodeType, parameters: int) -> str:
    """Return whether a function takes so many plain parameters: ``simple`` if it does."""
    if not _simple(code):
        return "complex"
    return "simple" if code.co_argcount == parameters else "defaults"


# --- operators ---------------------------------------------------------------------------


def _value(operand: "Operand", kind: type) -> str | None:
    """Return what the specialized forms ask about a number, or None if nothing is special."""
    if kind is int:
        return None if -COMPACT < operand < COMPACT else "big"
    if kind is float and operand != operand:  # noqa: PLR0124 - that is what tells NaN
        return "nan"
    return None


def binary(operator: str, left: "Operand", right: "Operand", inplace: bool) -> _Facts:
    """Tell what a BINARY_OP other than a subscript meets; operator is such as ``-``."""
    first, second = type(left), type(right)
    left_value, right_value = _value(left, first), _value(right, second)
    result = None
    if first is int and second is int and not (left_value or right_value):
        result = _result(operator, left, right)
    return (
        operator + "=" if inplace else operator,
        _type_name(first),
        _type_name(second),
        _base(first),
        _base(second),
        left_value,
        right_value,
        result,
    )


def _result(operator: str, left: "Operand", right: "Operand") -> str | None:
    """Tell whether a sum, difference or product of compact ints is no longer compact."""
    if operator == "+":
        result = left + right
    elif operator == "-":
        result = left - right
    elif operator == "*":
        result = left * right
    else:
        return None
    return None if -COMPACT < result < COMPACT else "big"


def compare(operator: str, left: "Operand", right: "Operand") -> _Facts:
    """Tell what a COMPARE_OP meets; operator is such as ``<``."""
    first, second = type(left), type(right)
    return (
        operator,
        _type_name(first),
        _type_name(second),
        _base(first),
        _base(second),
        _value(left, first),
        _value(right, second),
        _defines(first, ("__eq__", "__lt__", "__le__", "__gt__", "__ge__", "__ne__")),
    )


def _defines(kind: type, names: tuple[str, ...]) -> str | None:
    """Return who defines the first of these methods below object: ``python`` or ``C``."""
    for base in _mro(kind):
        if base is object:
            break
        namespace = _namespace(base)
        for name in names:
            if name in namespace:
                return "python" if type(namespace[name]) is FunctionType else "C"
    return None


# --- containers --------------------------------------------------------------------------

_SEQUENCES = {id(list), id(tuple), id(str)}


def _index(container: "Operand", kind: type, index: "Operand") -> tuple[str | None, bool | None]:
    """Return what is special about an index, and whether it is inside a built-in sequence."""
    if type(index) is not int:
        return None, None
    value = "negative" if index < 0 else None if index < COMPACT else "big"
    if id(kind) not in _SEQUENCES:
        return value, None
    size = len(container)
    return value, -size <= index < size


def _function(kind: type, name: str, parameters: int) -> str | None:
    """Return how a type defines a method: in Python, with which parameters, or in C."""
    found, method = _lookup(kind, name)
    if not found:
        return None
    if type(method) is not FunctionType:
        return "C" if method is not dict.__dict__.get(name) else "dict"
    return _shape(method.__code__, parameters)


def subscript(container: "Operand", index: "Operand") -> _Facts:
    """Tell what a BINARY_SUBSCR, or BINARY_OP [], meets."""
    kind = type(container)
    value, inside = _index(container, kind, index)
    text = None
    if kind is str and inside:
        if container.isascii():
            text = "ascii"
        else:
            text = "ascii in non-ascii" if container[index] < "\x80" else "non-ascii"
    getitem = None if id(kind) in _SEQUENCES else _function(kind, "__getitem__", 2)
    heap = bool(flags(kind) & HEAP)
    return (
        *(_type_name(kind), _base(kind), _type_name(type(index))),
        *(value, inside, text, getitem, heap),
    )


def store_subscript(container: "Operand", index: "Operand") -> _Facts:
    """Tell what a STORE_SUBSCR meets."""
    kind = type(container)
    value, inside = _index(container, kind, index)
    setitem = None if id(kind) in _SEQUENCES else _function(kind, "__setitem__", 3)
    if setitem == "dict" and _function(kind, "__delitem__", 2) != "dict":
        setitem = "C"  # one function does both, and this one asks for the Python method
    return _type_name(kind), _base(kind), _type_name(type(index)), value, inside, setitem


def contains(container: "Operand") -> _Facts:
    """Tell what a CONTAINS_OP searches."""
    kind = type(container)
    return _type_name(kind), _base(kind), is_class(kind), _defines(kind, ("__contains__",))


def truth(value: "Operand") -> _Facts:
    """Tell what a TO_BOOL meets."""
    kind = type(value)
    defines = None
    for name in ("__bool__", "__len__"):
        found, method = _lookup(kind, name)
        if found:
            defines = name if type(method) is FunctionType else f"{name} in C"
            break
    heap = bool(flags(kind) & HEAP)
    return _type_name(kind), _base(kind), _value(value, kind), heap, defines


# --- iteration ---------------------------------------------------------------------------

_ITERATORS: dict[int, str] = {
    id(kind): type(iter_).__name__
    for kind, iter_ in (
        (list, [].__iter__()),
        (tuple, ().__iter__()),
        (str, "a".__iter__()),
        (bytes, b"".__iter__()),
        (dict, {}.__iter__()),
        (set, set().__iter__()),
        (frozenset, frozenset().__iter__()),
        (range, range(1).__iter__()),
        (type({}.keys()), {}.keys().__iter__()),
        (type({}.values()), {}.values().__iter__()),
        (type({}.items()), {}.items().__iter__()),
    )
}


def iterates_in_python(iterable: "Operand") -> bool:
    """Whether only calling iter() tells what is iterated: a Python ``__iter__``, no generator."""
    found, method = _lookup(type(iterable), "__iter__")
    return found and type(method) is FunctionType and not method.__code__.co_flags & _GENERATOR


def _iterator(kind: type) -> str | None:
    """Return the name of the iterator that iter() makes of a type; None where code would tell."""
    if (known := _ITERATORS.get(id(kind))) is not None:
        return known
    found, method = _lookup(kind, "__iter__")
    if not found:
        return "iterator"  # over __getitem__
    if type(method) is FunctionType:
        return "generator" if method.__code__.co_flags & _GENERATOR else None
    for base in (list, tuple, str, bytes, dict, set, frozenset, range):
        if method is base.__dict__["__iter__"]:
            return _ITERATORS[id(base)]
    # A file is its own iterator too, but asks first whether it is closed.
    if type(method) is WrapperDescriptorType and method is not _lookup(_File, "__iter__")[1]:
        return "self" if _lookup(kind, "__next__")[0] else f"{_type_name(kind)} iterator"
    return f"{_type_name(kind)} iterator"


def iterate(iterable: "Operand", iterator: object = None) -> _Facts:
    """Tell what a FOR_ITER iterates: the object before iter(), and its iterator if it is known."""
    kind = type(iterable)
    made = _iterator(kind) if iterator is None else _type_name(type(iterator))
    if made == "self":
        made = _type_name(kind)
    return _type_name(kind), _base(kind), made


def get_iter(iterable: "Operand") -> _Facts:
    """Tell what a GET_ITER meets."""
    kind = type(iterable)
    return _type_name(kind), _base(kind), _iterator(kind)


def send(receiver: "Operand") -> _Facts:
    """Tell what a SEND drives: what stands behind ``await`` or ``yield from``."""
    kind = type(receiver)
    if kind is GeneratorType or kind is CoroutineType or kind is AsyncGeneratorType:
        return _type_name(kind), None, _type_name(kind)
    awaits, method = _lookup(kind, "__await__")
    if not awaits:
        made = _iterator(kind)
    elif type(method) is FunctionType:
        made = "generator" if method.__code__.co_flags & _GENERATOR else None
    else:
        itself = _lookup(kind, "__next__")[0]
        made = _type_name(kind) if itself else f"{_type_name(kind)} awaitable"
    return _type_name(kind), _base(kind), _type_name(kind) if made == "self" else made


def unpack(value: "Operand", count: int) -> _Facts:
    """Tell what an UNPACK_SEQUENCE takes apart."""
    kind = type(value)
    fits = len(value) == count if id(kind) in _SEQUENCES else None
    if _base(kind) != "dict" and kind is not dict and _lookup(kind, "__getitem__")[0]:
        shape = "sequence"
    else:
        shape = "iterator" if _lookup(kind, "__next__")[0] else "other"
    return _type_name(kind), _base(kind), count, fits, shape


# --- attributes --------------------------------------------------------------------------


def _describe(found: bool, attribute: "Operand", guarded: bool) -> str:
    """Return what kind of class attribute this is, as analyze_descriptor() does."""
    if not found:
        return "absent"
    kind = type(attribute)
    if not flags(kind) & IMMUTABLE:
        return "mutable"
    if _lookup(kind, "__set__")[0]:
        if kind is MemberDescriptorType:
            return "slot" if internals.is_object_slot(attribute) else "other slot"
        if kind is property:
            return "overridden" if guarded else "property"
        return "overriding"
    if _lookup(kind, "__get__")[0]:
        if flags(kind) & _METHOD_DESCRIPTOR:
            return "method"
        if kind is classmethod:
            return "classmethod"
        if kind is ClassMethodDescriptorType:
            return "builtin classmethod"
        return "staticmethod" if kind is staticmethod else "non-overriding"
    return "plain"


def _analyze(kind: type, name: str, store: bool) -> "tuple[str, Operand]":
    """Return how a type answers for an attribute, and the attribute it has of that name."""
    guarded = False
    if store:
        if not internals.generic_setattr(kind):
            return "overridden", None
    elif not internals.generic_getattr(kind):
        has_getattr = _lookup(kind, "__getattr__")[0]
        getattribute = _lookup(kind, "__getattribute__")[1]
        if _VERSION == (3, 11):
            return "overridden", None
        if type(getattribute) is FunctionType and not has_getattr:
            return "getattribute", getattribute
        # Up to 3.13, types in C that could inherit it have a __getattribute__ of their own.
        if not has_getattr or getattribute is not object.__dict__["__getattribute__"]:
            return "overridden", None
        guarded = True
    found, attribute = _lookup(kind, name)
    if found and name == "__class__" and attribute is object.__dict__["__class__"]:
        return "__class__", attribute
    return _describe(found, attribute, guarded), attribute


# How a type answers: found, value, detail, and the identity of the attribute it has.
Answer = tuple[str, str | None, str | None, int]
_answers: dict[tuple[int, str, bool], Answer] = {}
_ANSWERS = 20_000
# Of types, by id: the version last seen, how often it changed, and what _modified() returns.
_versions: dict[int, tuple[int, int, tuple[int, bool, int]]] = {}


def answer(kind: type, name: str, store: bool, version: int) -> Answer:
    """Return how a type answers for an attribute; remembered as long as its version holds."""
    key = (version, name, store)
    if version and (known := _answers.get(key)) is not None:
        return known
    found, attribute = _analyze(kind, name, store)
    detail = None
    if found == "property":
        getter = attribute.fget
        detail = _shape(getter.__code__, 1) if type(getter) is FunctionType else "C"
    elif found == "getattribute":
        detail = _shape(attribute.__code__, 2)
    elif found in ("absent", "overridden") and not store and _lookup(kind, "__getattr__")[0]:
        detail = "__getattr__"
    value = None if attribute is None else _type_name(type(attribute))
    answered = found, value, detail, id(attribute)
    if version and len(_answers) < _ANSWERS:
        _answers[key] = answered
    return answered


def _look_up(kind: type) -> None:
    """Make the interpreter give a type a version, as each use of an attribute does."""
    try:
        type.__getattribute__(kind, "\0")
    except AttributeError:
        return


def _modified(kind: type) -> tuple[int, bool, int]:
    """Return how often a type was seen changed, by order of magnitude; if it is worn out; version.

    A type has no version after each change, until something looks an attribute up on it.
    """
    version = internals.type_version(kind)
    if version is None:
        return 0, False, 0
    key = id(kind)
    known = _versions.get(key)
    if known is not None and (known[2][1] or (version and known[0] == version)):
        return known[2]  # a worn out type gets no version any more
    if version == 0:
        _look_up(kind)
        version = internals.type_version(kind) or 0
    last, changes = (version, 0) if known is None else known[:2]
    changes += version != last
    _type_name(kind)  # which makes the entry end with the type
    exhausted = version == 0 and _VERSION >= _LIMITED
    told = (0 if not changes else 10 ** (len(str(changes)) - 1)), exhausted, version
    _versions[key] = (version, changes, told)
    return told


def attribute(owner: "Operand", name: str, store: bool, method: bool) -> _Facts:
    """Tell what a LOAD_ATTR, LOAD_METHOD or STORE_ATTR meets; method: it is called at once."""
    kind = type(owner)
    if issubclass(kind, ModuleType) and _lookup(kind, "__getattribute__")[1] is _MODULE_GET:
        return _module_attribute(owner, kind, name, store, method)
    if is_class(kind):
        return _class_attribute(owner, kind, name, store, method)
    modified, exhausted, version = _modified(kind)
    if exhausted:  # nothing else counts, and none of it could be remembered
        return (
            *(name, store, method, _type_name(kind), _base(kind), "instance"),
            *(None, None, None, None, None, None, modified, exhausted),
        )
    answered = answer(kind, name, store, version)
    place = place_of(owner, kind, answered[0])
    detail = detail_of(owner, name, store, answered, place)
    if detail is None and not store and answered[0] in ("method", "plain"):
        shares = internals.sharing(kind, name)
        detail = "shared" if shares is not None and shares() else None
    return (
        *(name, store, method, _type_name(kind), _base(kind), "instance", *answered[:2], place),
        *(detail, None, None, modified, exhausted),
    )


# What objects of one type may keep in different places, or may hide.
_OF_OBJECTS = ("absent", "method", "plain")


def place_of(owner: "Operand", kind: type, found: str) -> str | None:
    """Return where an object keeps its attributes, as far as that matters for what was found."""
    place: str | None = (
        internals.place(owner, kind) if found in _OF_OBJECTS else internals.room(kind)
    )
    return place


def detail_of(
    owner: "Operand", name: str, store: bool, answered: Answer, place: str | None
) -> str | None:
    """Return what an instance adds to what its type says; asks only where C code answers."""
    found, value, detail, own = answered
    if store:
        if found == "absent" and place in ("dict", "own late dict"):
            return None if internals.in_dict(owner, name) else "new key"
        return detail
    if found not in ("absent", "slot", "plain", "method"):
        return detail
    try:
        got = _get(owner, name)
    except AttributeError:
        return {"absent": detail or "missing", "slot": "unset"}.get(found)
    except Exception:  # noqa: BLE001 - a C type's own
        return None
    if found == "absent":
        return "instance"
    if found == "plain":
        return None if id(got) == own else "shadowed"
    if found == "method":
        if type(got) is MethodType:
            return None if id(got.__func__) == own else "shadowed"
        bound = issubclass(type(got), _BOUND) or id(got) == own
        return None if bound and value != "function" else "shadowed"
    return None


def _module_attribute(
    owner: "Operand",
    kind: type,
    name: str,
    store: bool,
    method: bool,
) -> _Facts:
    namespace = _module_dict(owner)
    named = namespace.get("__name__")
    found = "present" if name in namespace else "missing"
    if "__getattr__" in namespace:
        found = f"{found}, __getattr__"
    detail = None if kind is ModuleType else "subclass"
    owner_name = named if type(named) is str else "?"
    return (
        *(name, store, method, owner_name, None, "module", found, None, None),
        *(detail, None, None, 0, False),
    )


_BOUND = (BuiltinFunctionType, MethodWrapperType)  # the first has subclasses, as re.Pattern's
_MODULE_GET = vars(ModuleType)["__getattribute__"]
_TYPE_GET = type.__dict__["__getattribute__"]


def _class_attribute(
    owner: type,
    kind: type,
    name: str,
    store: bool,
    method: bool,
) -> _Facts:
    # What is set on a class needs no version of it, and a class has few to give away.
    modified, exhausted = (0, False) if store else _modified(owner)[:2]
    if exhausted:
        return (
            *(name, store, method, _type_name(owner), _base(owner), "class"),
            *(None, None, None, None, _type_name(kind), None, modified, exhausted),
        )
    found, attribute_ = _analyze(owner, name, store=False)
    detail = "own instance" if found == "mutable" and type(attribute_) is owner else None
    overridden = _lookup(kind, "__getattribute__")[1] is not _TYPE_GET
    has, meta = _lookup(kind, name)
    return (
        *(name, store, method, _type_name(owner), _base(owner), "class", found),
        None if attribute_ is None else _type_name(type(attribute_)),
        None,
        detail,
        _type_name(kind),
        "overridden" if overridden else _describe(has, meta, guarded=False),
        *(modified, exhausted),
    )


# --- calls -------------------------------------------------------------------------------


def call(
    callee: "Operand",
    positional: int,
    keywords: tuple[str, ...],
    starred: bool,
    method: bool,
) -> _Facts:
    """Tell what a CALL calls; method: an attribute of an object is called at once."""
    kind = type(callee)
    convention = receiver = parameters = None
    nested = False
    if kind is FunctionType:
        sort, name = "function", _code_name(callee)
        parameters = _parameters(callee, positional)
        nested = bool(callee.__code__.co_flags & _NESTED)
    elif kind is MethodType:
        function = callee.__func__
        if type(function) is FunctionType:
            sort, name = "bound function", _code_name(function)
            parameters = _parameters(function, positional + 1)
            nested = bool(function.__code__.co_flags & _NESTED)
            receiver = "class" if is_class(type(callee.__self__)) else None
        else:
            sort, name = "bound other", _type_name(type(function))
    elif issubclass(kind, BuiltinFunctionType):
        sort, name, receiver = _builtin(callee, method)
        convention = internals.convention(callee)
        parameters = _fixed(convention, positional)
    elif kind is MethodDescriptorType:
        sort = "method descriptor"
        name = f"{_type_name(callee.__objclass__)}.{callee.__name__}"
        convention = internals.convention(callee)
        parameters = _fixed(convention, positional - 1)
    elif is_class(kind):
        sort, name = "class", _type_name(callee)
        convention, parameters = _constructor(callee, positional)
    else:
        sort = _WRAPPERS.get(id(kind), "instance")
        name = _type_name(kind)
    return (
        *(sort, name, parameters, positional, len(keywords), starred, method),
        *(convention, receiver, nested),
    )


_WRAPPERS = {id(WrapperDescriptorType): "slot wrapper", id(MethodWrapperType): "method wrapper"}


def _parameters(function: FunctionType, arguments: int) -> str:
    """Return how the arguments of a call fill the parameters of a Python function."""
    code = function.__code__
    if not _simple(code):
        return "complex"
    if not code.co_flags & _OPTIMIZED:
        return "unoptimized"
    if arguments == code.co_argcount:
        return "exact"
    least = code.co_argcount - len(function.__defaults__ or ())
    return "defaults" if least <= arguments < code.co_argcount else "wrong"


def _fixed(convention: str | None, positional: int) -> str | None:
    """Return whether a built-in function with a fixed number of arguments gets that number."""
    expected = {"NOARGS": 0, "O": 1}.get(convention or "")
    return None if expected is None else "exact" if positional == expected else "wrong"


def _builtin(callee: "Operand", method: bool) -> tuple[str, str, str | None]:
    """Return the sort and name of a built-in function or method, and what it is bound to."""
    bound = callee.__self__
    plain: str = callee.__name__
    kind = type(bound)
    if internals.is_class_method(callee):
        qualified: str = callee.__qualname__
        return "class method", qualified, None
    if bound is None or issubclass(kind, ModuleType):
        return "builtin", plain, None
    if is_class(kind) and not method:
        return "builtin", f"{_type_name(bound)}.{plain}", None
    if not method:
        return "builtin", f"{_type_name(kind)}.{plain}", None
    descriptor = _lookup(kind, plain)[1]
    if type(descriptor) is not MethodDescriptorType:
        return "builtin", f"{_type_name(kind)}.{plain}", None
    defined = descriptor.__objclass__
    receiver = None if defined is kind else _type_name(kind)
    return "method descriptor", f"{_type_name(defined)}.{plain}", receiver


def _constructor(kind: type, positional: int) -> tuple[str, str | None]:
    """Return how instances of a class are made, and how ``__init__`` takes its arguments."""
    if flags(kind) & IMMUTABLE:
        vectorcall = internals.has_vectorcall(kind)
        sorts = {True: "vectorcall", False: "no vectorcall", None: "built-in"}
        return sorts[vectorcall], None
    if type(kind) is not type:
        return "metaclass", None
    if _lookup(kind, "__new__")[1] is not object.__dict__["__new__"]:
        return "__new__", None
    init = _lookup(kind, "__init__")[1]
    if type(init) is not FunctionType:
        return "no __init__", None
    sort = "__init__" if internals.has_inline_values(kind) else "__init__, no inline values"
    return sort, _parameters(init, positional + 1)


def enter(manager: "Operand", name: str) -> _Facts:
    """Tell what a with statement calls to begin, by the name of the method: on the type itself."""
    method = _lookup(type(manager), name)[1]
    if type(method) is not FunctionType and type(method) is not MethodDescriptorType:
        method = None  # it is bound at each call, by code
    return call(method, 1, (), starred=False, method=False)


def with_exit(manager: "Operand") -> _Facts:
    """Tell whose ``__exit__`` a with statement calls."""
    kind = type(manager)
    return _type_name(kind), _defines(kind, ("__exit__", "__aexit__"))


# --- names -------------------------------------------------------------------------------

# Of namespaces, by id: how many entries, whether all keys are strings, whether that changed.
_sizes: dict[int, tuple[int, bool, bool]] = {}


def load_global(namespace: "Operand", name: str) -> _Facts:
    """Tell where a LOAD_GLOBAL finds a name, and whether names were seen to come or go."""
    if type(namespace) is not dict:
        return name, None, False, None, False
    size = len(namespace)
    last, strings, changed = _sizes.get(id(namespace), (None, True, False))
    if size != last:
        strings, changed = all_strings(namespace), last is not None
        _sizes[id(namespace)] = (size, strings, changed)
    place = "module" if name in namespace else "builtin"
    return name, place, True, strings, changed


def all_strings(namespace: dict[object, object]) -> bool:
    """Whether all keys of a namespace are strings."""
    return all(type(key) is str for key in list(namespace))


def super_attribute(called: object, first: object = type) -> _Facts:
    """Tell whether ``super`` is the built-in one, and its first argument a class."""
    return called is not super, is_class(type(first))

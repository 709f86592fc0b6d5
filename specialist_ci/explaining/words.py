"""Says what a site met, in no more words than tell its situations apart; pure."""

from collections.abc import Callable, Iterator, Mapping, Sequence

from specialist_ci import reasons
from specialist_ci.reasons.rows import Fact


def describe(situations: Sequence[reasons.Situation]) -> list[str]:
    """Return what was met, in no more words than tell the situations apart."""
    for more, name in ((False, _last_part), (True, _last_part), (True, str)):
        found = [_described(each, name, more=more) for each in situations]
        if len(set(found)) == len(found):
            break
    return found if situations else []


def _last_part(name: str) -> str:
    """Return a type's name without its module, as in ``module:Outer.Inner``."""
    return name.rpartition(":")[2]


def _described(situation: reasons.Situation, name: Callable[[str], str], *, more: bool) -> str:
    facts = {
        key: name(value) if type(value) is str else value for key, value in situation.facts.items()
    }
    text = _WORDS[situation.kind](facts) if situation.kind in _WORDS else ""
    if not text:
        return _listed(facts)
    details = [*_MORE[situation.kind](facts)] if more and situation.kind in _MORE else []
    if not details:
        return text
    if text.endswith(")"):
        return f"{text[:-1]}, {', '.join(details)})"
    return f"{text} ({', '.join(details)})"


_Facts = Mapping[str, Fact]


def _listed(facts: _Facts) -> str:
    return ", ".join(
        f"{key} {value}" for key, value in facts.items() if value not in (None, False, "")
    )


_VALUES = {"big": " of 2**30 and more", "negative": " below 0", "nan": " (NaN)", "zero": " 0"}


def _operand(facts: _Facts, side: str) -> str:
    return f"{facts[side]}{_VALUES.get(str(facts.get(f'{side}_value')), '')}"


def _both(facts: _Facts) -> str:
    result = _VALUES.get(str(facts.get("result")))
    after = f", with a result{result}" if result else ""
    return f"{_operand(facts, 'left')} and {_operand(facts, 'right')}{after}"


def _item(facts: _Facts) -> str:
    index = f"{facts['index']}{_VALUES.get(str(facts.get('value')), '')}"
    outside = ", outside" if facts.get("inside") is False else ""
    return f"{facts['container']}[{index}]{outside}"


# What an attribute turned out to be. An attribute of the object itself needs no word.
_FOUND = {
    "builtin classmethod": "a class method in C",
    "classmethod": "a class method",
    "getattribute": "answered by __getattribute__",
    "method": "a method of the class",
    "mutable": "{value} on the class",
    "non-overriding": "{value} on the class",
    "other slot": "a field in C",
    "overridden": "attribute access of its own",
    "overriding": "{value} on the class",
    "plain": "{value} on the class",
    "property": "a property",
    "slot": "a slot",
    "staticmethod": "a static method",
    "missing": "the module has none",
    "missing, __getattr__": "answered by __getattr__ of the module",
    "present, __getattr__": "the module has a __getattr__",
}
_DETAIL = {
    "C": "written in C",
    "__getattr__": "answered by __getattr__",
    "complex": "with *args, **kwargs or keyword-only parameters",
    "defaults": "with more parameters",
    "missing": "not there",
    "new key": "new to the object",
    "own instance": "an instance of the class itself",
    "shadowed": "hidden by the object's own",
    "shared": "some object of the class has its own",
    "subclass": "a subclass of module",
    "unset": "not set",
}
_PLACE = {
    "dict": "the object keeps its attributes in a __dict__",
    "late dict": "the object keeps its attributes in a __dict__",
    "own late dict": "the object keeps its attributes in a __dict__ with keys of its own",
    "no dict yet": "the object has no attributes yet",
    "split dict": "the __dict__ of the object was read",
    "unmanaged": "the object has no __dict__ yet",
    "unmanaged dict": "the object keeps its attributes in a __dict__ of C's",
    "values": "kept in the instance's values",
    "values, dict": "the __dict__ of the object was read",
}
_CALLEE = {
    "bound function": "method",
    "bound other": "method object",
    "builtin": "built-in",
    "class method": "class method in C",
    "instance": "object",
    "method descriptor": "method in C",
}
_PARAMETERS = {
    "complex": "with *args, **kwargs or keyword-only parameters",
    "defaults": "parameters left to their defaults",
    "exact": "all arguments given",
    "unoptimized": "the body of a module or class",
    "wrong": "with a wrong number of arguments",
}
_TEXT = {
    "ascii": "ASCII",
    "ascii in non-ascii": "an ASCII character among others",
    "non-ascii": "a character that is not ASCII",
}
_GETITEM = {
    "C": "__getitem__ in C",
    "complex": "__getitem__ with *args, **kwargs or keyword-only parameters",
    "defaults": "__getitem__ with more parameters",
    "dict": "__getitem__ of dict",
    "simple": "__getitem__ in Python",
}


def _attribute(facts: _Facts) -> str:
    kind = f"{facts['kind']} " if facts.get("kind") in ("class", "module") else ""
    found = facts.get("found")
    if found == "absent":
        detail = str(facts.get("detail"))
        told = _DETAIL[detail] if detail in ("missing", "__getattr__") else ""
    else:
        told = _FOUND.get(str(found), "").format(value=facts.get("value"))
    return f"{kind}{facts['owner']}{f' ({told})' if told else ''}"


def _more_of_attribute(facts: _Facts) -> Iterator[str]:
    detail = str(facts.get("detail"))
    if detail in _DETAIL and facts.get("found") != "absent":
        yield _DETAIL[detail]
    if facts.get("place") in _PLACE:
        yield _PLACE[str(facts["place"])]
    if facts.get("exhausted"):
        yield "its class has used up its versions"
    if facts.get("modified"):
        yield f"changes of the class: {facts['modified']}"


def _one(name: Fact) -> str:
    return f"{reasons.article(str(name))} {name}"


def _callee(facts: _Facts) -> str:
    sort = str(facts["callee"])
    return f"{_CALLEE.get(sort, sort)} {facts.get('name') or ''}".rstrip()


def _more_of_call(facts: _Facts) -> Iterator[str]:
    if facts.get("parameters") in _PARAMETERS:
        yield _PARAMETERS[str(facts["parameters"])]
    if facts.get("convention"):
        yield (
            f"made by {facts['convention']}"
            if facts["callee"] == "class"
            else (f"METH_{facts['convention']}")
        )
    if facts.get("receiver"):
        yield f"called on {_one(facts['receiver'])}"


def _more_of_item(facts: _Facts) -> Iterator[str]:
    for names, key in ((_TEXT, "text"), (_GETITEM, "getitem")):
        if facts.get(key) in names:
            yield names[str(facts[key])]


def _more_of_iterable(facts: _Facts) -> Iterator[str]:
    if facts.get("iterator"):
        yield f"by {_one(facts['iterator'])}"


def _unpacked(facts: _Facts) -> str:
    misfit = " of another length" if facts.get("fits") is False else ""
    return f"{facts['value']}{misfit}"


def _global(facts: _Facts) -> str:
    place = facts.get("place") or "neither module nor builtins"
    return f"{place}, names came or went" if facts.get("changed") else str(place)


def _super(facts: _Facts) -> str:
    if facts.get("shadowed"):
        return "another super than the built-in one"
    return "super() of a class" if facts.get("is_class") else "super() of what is no class"


_MORE: Mapping[str, Callable[[_Facts], Iterator[str]]] = {
    "attribute": _more_of_attribute,
    "call": _more_of_call,
    "iterate": _more_of_iterable,
    "get_iter": _more_of_iterable,
    "send": _more_of_iterable,
    "subscript": _more_of_item,
}
_WORDS: Mapping[str, Callable[[_Facts], str]] = {
    "attribute": _attribute,
    "binary": _both,
    "call": _callee,
    "compare": _both,
    "contains": lambda facts: str(facts["container"]),
    "get_iter": lambda facts: str(facts["iterable"]),
    "iterate": lambda facts: str(facts["iterable"]),
    "load_global": _global,
    "send": lambda facts: str(facts["receiver"]),
    "store_subscript": _item,
    "subscript": _item,
    "super_attribute": _super,
    "truth": lambda facts: (
        str(facts.get("type") or facts.get("value")) + _VALUES.get(str(facts.get("value")), "")
    ),
    "unpack": _unpacked,
    "with_exit": lambda facts: str(facts["manager"]),
}

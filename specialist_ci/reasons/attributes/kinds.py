"""The failure kinds of LOAD_ATTR and STORE_ATTR, as specialize.c of each version has them."""

from specialist_ci.reasons.attributes.situations import MANAGED
from specialist_ci.reasons.rows import Facts, Kind, Minor


def by_call(attribute: str, method: str, later: Kind = None) -> Kind:
    """Return the kinds of 3.11, where calls have their own, and of later versions."""

    def kind(facts: Facts, minor: Minor) -> str | None:
        if minor == 11:  # noqa: PLR2004 - 3.11
            return f"LOAD_METHOD_{method}" if facts["method"] else attribute
        if callable(later):
            return later(facts, minor)
        return later if isinstance(later, str) else attribute

    return kind


def descriptor(facts: Facts, minor: Minor) -> str | None:
    """Return the kind for descriptors that do not override, of instances, from 3.12 on."""
    if minor >= 14:  # noqa: PLR2004 - 3.14 counts none
        return None
    managed = facts["place"] in MANAGED
    return "ATTR_CLASS_ATTR_DESCRIPTOR" if managed else "ATTR_NOT_MANAGED_DICT"


def overriding(facts: Facts, minor: Minor) -> str | None:
    """Return the kind for C descriptors, which 3.12 and 3.13 file with the ones above."""
    return descriptor(facts, minor) if minor < 14 else "ATTR_OVERRIDING_DESCRIPTOR"  # noqa: PLR2004 - 3.14


def old_dict(facts: Facts) -> str:
    """Return the kind of 3.11 for what it looks up among an instance's own attributes."""
    return "OUT_OF_RANGE" if facts["place"] in MANAGED else "ATTR_NOT_MANAGED_DICT"


def class_descriptor(word: str, method: str) -> Kind:
    """Return the kinds for class attributes that instances read; 3.14 counts none."""

    def kind(facts: Facts, minor: Minor) -> str | None:
        if minor == 11:  # noqa: PLR2004 - 3.11
            return f"LOAD_METHOD_{method}" if facts["method"] else old_dict(facts)
        return None if minor >= 14 else f"ATTR_{word}"  # noqa: PLR2004 - 3.14

    return kind


def parameters(facts: Facts, _minor: Minor) -> str:
    """Return the kind for functions that take other than plain parameters, or not so many."""
    complex_ = facts["detail"] == "complex"
    return "CODE_COMPLEX_PARAMETERS" if complex_ else "WRONG_NUMBER_ARGUMENTS"


def stored_late(facts: Facts, minor: Minor) -> str | None:
    """Return the kind for objects that have, or get, a dict that shares its keys."""
    if facts["place"] == "no dict yet":
        return "NO_DICT"
    return {13: "ATTR_NON_STRING_OR_SPLIT"}.get(minor, "ATTR_SPLIT_DICT")


def plain_value(facts: Facts, minor: Minor) -> str | None:
    """Return the kind for plain class attributes that instances read."""
    if minor == 11:  # noqa: PLR2004 - 3.11
        return "LOAD_METHOD_NOT_DESCRIPTOR" if facts["method"] else old_dict(facts)
    if minor == 12:  # noqa: PLR2004 - 3.12
        managed = facts["place"] in MANAGED
        return "ATTR_CLASS_ATTR_SIMPLE" if managed else "ATTR_NOT_MANAGED_DICT"
    if minor == 13 and facts["detail"] == "shadowed" and not facts["method"]:  # noqa: PLR2004 - 3.13
        return "ATTR_SHADOWED"
    simple = not facts["method"]
    return "ATTR_CLASS_ATTR_SIMPLE" if minor == 13 or simple else None  # noqa: PLR2004 - 3.13


def of_class(facts: Facts, minor: Minor) -> str | None:
    """Follow load_attr_fail_kind() for descriptors of data."""
    found = facts["found"]
    if minor == 11 and not facts["method"]:  # noqa: PLR2004 - 3.11
        return "OVERRIDDEN"
    if found in ("overridden", "getattribute"):
        return "OVERRIDDEN"
    if minor < 14 and facts["metaclass"] != "type":  # noqa: PLR2004 - 3.14
        return "ATTR_METACLASS_ATTRIBUTE"
    words = {"property": "PROPERTY", "slot": "OBJECT_SLOT", "other slot": "NON_OBJECT_SLOT"}
    overriding = "NON_OVERRIDING" if minor in (12, 13) else "OVERRIDING"
    word = words.get(str(found), f"{overriding}_DESCRIPTOR")
    return f"{'LOAD_METHOD' if minor == 11 else 'ATTR'}_{word}"  # noqa: PLR2004 - 3.11


def class_method(facts: Facts, minor: Minor) -> str:
    """Return the kind for class methods, written in Python or C."""
    if minor == 11:  # noqa: PLR2004 - 3.11
        word = "BUILTIN_CLASS_METHOD" if facts["found"] != "classmethod" else "CLASS_METHOD_OBJ"
        return f"LOAD_METHOD_{word}" if facts["method"] else "OVERRIDDEN"
    if minor < 14 and facts["metaclass"] != "type":  # noqa: PLR2004 - 3.14
        return "ATTR_METACLASS_ATTRIBUTE"
    return (
        f"ATTR_{'CLASS_METHOD_OBJ' if facts['found'] == 'classmethod' else 'BUILTIN_CLASS_METHOD'}"
    )


def absent(facts: Facts, minor: Minor) -> str | None:
    """Return the kind for what neither the class nor an instance's shared keys have."""
    if minor >= 14:  # noqa: PLR2004 - 3.14 tries again without counting a failure
        return None
    if minor == 11 and facts["method"]:  # noqa: PLR2004 - 3.11
        return "LOAD_METHOD_INSTANCE_ATTRIBUTE"
    if facts["place"] not in MANAGED:
        return "ATTR_NOT_MANAGED_DICT"
    if minor == 11:  # noqa: PLR2004 - 3.11
        return "OUT_OF_RANGE"
    return f"ATTR_NOT_IN_{'KEYS' if str(facts['place']).startswith('values') else 'DICT'}"

"""Comparisons and truth values: which types are specialized."""

from specialist_ci.reasons.rows import EVERY, Facts, Minor, Row

_LATER = "13-15"  # TO_BOOL came with 3.13


def _are(facts: Facts, *kinds: str) -> bool:
    return facts["left"] in kinds and facts["right"] in kinds


def _same(facts: Facts) -> bool:
    return facts["left"] == facts["right"]


def _kind(facts: Facts, _minor: Minor) -> str | None:
    """Follow compare_op_fail_kind() of specialize.c."""
    left, right = facts["left"], facts["right"]
    if left != right:
        mixed = {("float", "int"): "FLOAT_LONG", ("int", "float"): "LONG_FLOAT"}
        return f"COMPARE_OP_{mixed.get((str(left), str(right)), 'DIFFERENT_TYPES')}"
    named = {"bytes": "BYTES", "tuple": "TUPLE", "list": "LIST", "bool": "BOOL"}
    named |= {"set": "SET", "frozenset": "SET"}
    if (name := named.get(str(left))) is not None:
        return f"COMPARE_OP_{name}"
    return "OTHER" if facts["compares"] else "COMPARE_OP_BASEOBJECT"


COMPARE = (
    Row(
        "compare-big-ints",
        lambda f: _are(f, "int") and (f["left_value"] or f["right_value"]),
        fails=EVERY,
        reason="{left} {operator} {right} with an operand of 2**30 or more: ints of one digit"
        " only are specialized",
        kind="COMPARE_OP_BIG_INT",
    ),
    Row("compare-ints", lambda f: _are(f, "int"), form="INT"),
    Row("compare-floats", lambda f: _are(f, "float"), form="FLOAT"),
    Row(
        "compare-strings",
        lambda f: _are(f, "str") and f["operator"] in ("==", "!="),
        form="STR",
    ),
    Row(
        "order-strings",
        lambda f: _are(f, "str"),
        fails=EVERY,
        reason="{left} {operator} {right}: of strings only == and != are specialized",
        kind="COMPARE_OP_STRING",
    ),
    Row(
        "compare-int-with-float",
        lambda f: _are(f, "int", "float"),
        fails=EVERY,
        reason="{left} {operator} {right}: the operands are of different types",
        kind=_kind,
        advice="compare with a float, as 0.0 for 0",
        cost=1.4,
    ),
    Row(
        "compare-with-none",
        lambda f: "NoneType" in (f["left"], f["right"]) and f["operator"] in ("==", "!="),
        fails=EVERY,
        reason="{left} {operator} {right}: comparisons with None have no specialized form",
        kind=_kind,
        advice="is None, or is not None, which asks no __eq__",
        cost=1.4,
    ),
    Row(
        "compare-bools",
        lambda f: _are(f, "bool", "int"),
        fails=EVERY,
        reason="{left} {operator} {right}: bool is a type of its own, and only int with int is"
        " specialized",
        kind=_kind,
        advice="ask for the truth itself, if nothing but a bool can come",
        cost=1.2,
    ),
    Row(
        "compare-subclasses",
        lambda f: (
            f["left_base"] in ("int", "float", "str") or f["right_base"] in ("int", "float", "str")
        ),
        fails=EVERY,
        reason="{left} {operator} {right}: subclasses of int, float and str are not specialized,"
        " only the types themselves",
        kind=_kind,
        advice="compare members of an enum by is, if each side always is one",
        cost=1.2,
    ),
    Row(
        "compare-identities",
        lambda f: _same(f) and not f["compares"] and f["operator"] in ("==", "!="),
        fails=EVERY,
        reason="{left} {operator} {right}: these objects compare by identity, which has no"
        " specialized form",
        kind=_kind,
        advice="is, or is not, where no subclass defines __eq__",
        cost=1.3,
    ),
    Row(
        "compare-different-types",
        lambda f: not _same(f),
        fails=EVERY,
        reason="{left} {operator} {right}: the operands are of different types",
        kind=_kind,
    ),
    Row(
        "compare-others",
        lambda _: True,
        fails=EVERY,
        reason="{left} {operator} {right}: only int, float and str are specialized",
        kind=_kind,
    ),
)

# What 3.11 does to a comparison whatever its operands are.
VALUE = Row(
    "compare-for-a-value",
    lambda f: f.get("given_up"),
    fails="11",
    form="INT",
    reason="the result of the comparison is kept as a value: before 3.12 only a comparison that"
    " decides about a jump is specialized",
    kind="COMPARE_OP_NOT_FOLLOWED_BY_COND_JUMP",
)


def _truth_kind(facts: Facts, _minor: Minor) -> str | None:
    """Follow _Py_Specialize_ToBool()."""
    kind, defines = str(facts["type"]), str(facts["defines"])
    if facts["heap"]:
        if defines.startswith("__bool__"):
            return "TO_BOOL_NUMBER"
        if defines == "__len__" or facts["base"]:
            return "TO_BOOL_MAPPING"
        return "TO_BOOL_SEQUENCE" if kind == "collections:deque" else None
    named = ("bytearray", "bytes", "dict", "float", "tuple")
    if kind in named:
        return f"TO_BOOL_{kind.upper()}"
    return {"set": "TO_BOOL_SET", "frozenset": "TO_BOOL_SET"}.get(
        kind, "TO_BOOL_MEMORY_VIEW" if kind == "memoryview" else "OTHER"
    )


TRUTH = (
    Row("truth-of-bool", lambda f: f["type"] == "bool", form="BOOL"),
    Row(
        "truth-of-big-int",
        lambda f: f["type"] == "int" and f["value"] == "big",
        misses="15",
        form="INT",
        reason="an int of 2**30 or more is tested, which the form for ints of one digit leaves to"
        " the generic one",
    ),
    Row("truth-of-int", lambda f: f["type"] == "int", form="INT"),
    Row("truth-of-none", lambda f: f["type"] == "NoneType", form="NONE"),
    Row("truth-of-str", lambda f: f["type"] == "str", form="STR"),
    Row("truth-of-list", lambda f: f["type"] == "list", form="LIST"),
    Row("truth-of-object", lambda f: f["heap"] and not f["defines"], form="ALWAYS_TRUE"),
    Row(
        "truth-by-method",
        lambda f: f["heap"],
        fails=_LATER,
        reason="the truth of a {type} is asked of its {defines}; only objects without __bool__"
        " and __len__ are specialized",
        kind=_truth_kind,
    ),
    Row(
        "truth-of-others",
        lambda _: True,
        fails=_LATER,
        reason="the truth of a {type} has no specialized form; that of bool, int, str, list and"
        " None has",
        kind=_truth_kind,
    ),
)

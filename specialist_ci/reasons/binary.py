"""BINARY_OP, but for subscripts: which operands the operators are specialized for."""

from specialist_ci.reasons.rows import EVERY, Facts, Minor, Row

_WORDS = {
    "+": "ADD",
    "-": "SUBTRACT",
    "*": "MULTIPLY",
    "/": "TRUE_DIVIDE",
    "//": "FLOOR_DIVIDE",
    "%": "REMAINDER",
    "**": "POWER",
    "<<": "LSHIFT",
    ">>": "RSHIFT",
    "@": "MATRIX_MULTIPLY",
    "&": "AND",
    "|": "OR",
    "^": "XOR",
}
_EXACT = ("int", "float", "str")
EXAMPLE = ", as 2.0 for 2"  # until the literal in question is known


def word(facts: Facts) -> str:
    """Return the operator as opcode names have it, such as ADD."""
    return _WORDS[_operator(facts)]


def _operator(facts: Facts) -> str:
    return str(facts["operator"]).removesuffix("=")


def _in_place(facts: Facts) -> bool:
    return str(facts["operator"]).endswith("=")


def _arithmetic(facts: Facts) -> bool:
    return _operator(facts) in ("+", "-", "*")


def _bitwise(facts: Facts) -> bool:
    return _operator(facts) in ("&", "|", "^")


def _are(facts: Facts, *kinds: str) -> bool:
    return facts["left"] in kinds and facts["right"] in kinds


def _mixed(facts: Facts) -> bool:
    return {facts["left"], facts["right"]} == {"int", "float"}


def _special(facts: Facts) -> bool:
    return facts["left_value"] in ("big", "nan") or facts["right_value"] in ("big", "nan")


def _same(facts: Facts) -> bool:
    return facts["left"] == facts["right"]


def _one(facts: Facts, *kinds: str) -> bool:
    return facts["left"] in kinds or facts["right"] in kinds


def _kind(facts: Facts, minor: Minor) -> str | None:
    """Follow binary_op_fail_kind() of specialize.c."""
    word = _WORDS[_operator(facts)]
    alike = _same(facts)
    if word in ("ADD", "SUBTRACT", "MULTIPLY"):
        return f"BINARY_OP_{word}_{'OTHER' if alike else 'DIFFERENT_TYPES'}"
    if word == "TRUE_DIVIDE":
        last = "FLOAT" if facts["left"] == "float" else "OTHER"
        return f"BINARY_OP_{word}_{last if alike else 'DIFFERENT_TYPES'}"
    if word == "AND" or (_bitwise(facts) and minor >= 14):  # noqa: PLR2004 - 3.14
        if not alike:
            return f"BINARY_OP_{word}_DIFFERENT_TYPES"
        other = "BINARY_OP_AND_OTHER" if word == "AND" else f"BINARY_OP_{word}"
        return f"BINARY_OP_{word}_INT" if facts["left"] == "int" else other
    return f"BINARY_OP_{word}"


ROWS = (
    Row(
        "int-arithmetic-big",
        lambda f: _arithmetic(f) and _are(f, "int") and _special(f),
        fails="15",
        form="{word}_INT",
        reason="{left} {operator} {right} with an operand of 2**30 or more: ints of one digit"
        " only are specialized",
        kind=_kind,
    ),
    Row(
        "int-arithmetic-big-result",
        lambda f: _arithmetic(f) and _are(f, "int") and f["result"] == "big",
        misses="15",
        form="{word}_INT",
        reason="{left} {operator} {right} with a result of 2**30 or more, which the form for"
        " ints of one digit leaves to the generic one",
    ),
    Row("int-arithmetic", lambda f: _arithmetic(f) and _are(f, "int"), form="{word}_INT"),
    Row("float-arithmetic", lambda f: _arithmetic(f) and _are(f, "float"), form="{word}_FLOAT"),
    Row("str-addition", lambda f: _operator(f) == "+" and _are(f, "str"), form="ADD_UNICODE"),
    Row(
        "mixed-numbers-special",
        lambda f: (_arithmetic(f) or _operator(f) == "/") and _mixed(f) and _special(f),
        fails=EVERY,
        reason="{left} {operator} {right} with NaN or an int of 2**30 or more",
        kind=_kind,
    ),
    Row(
        "mixed-numbers-in-place",
        lambda f: (_arithmetic(f) or _operator(f) == "/") and _mixed(f) and _in_place(f),
        fails="11-14",
        form="EXTEND",
        reason="{left} {operator} {right}: in place, float and int are not specialized together",
        kind=_kind,
        advice=f"write the int as a float{EXAMPLE}, if no int comes from the other side;"
        " or on 3.14 x = x {plain} y instead of x {operator} y",
        cost=1.7,
    ),
    Row(
        "mixed-arithmetic",
        lambda f: _arithmetic(f) and _mixed(f),
        fails="11-13",
        form="EXTEND",
        reason="{left} {operator} {right}: the operands are of different types",
        kind=_kind,
        advice=f"write the int as a float{EXAMPLE}, if no int comes from the other side",
        cost=1.7,
    ),
    Row(
        "mixed-division",
        lambda f: _operator(f) == "/" and _mixed(f),
        fails="11-13",
        form="EXTEND",
        reason="{left} {operator} {right}: division has no specialized form before 3.14",
        kind=_kind,
    ),
    Row(
        "int-bitwise-big",
        lambda f: _bitwise(f) and _are(f, "int") and _special(f),
        fails=EVERY,
        reason="{left} {operator} {right} with an operand of 2**30 or more: ints of one digit"
        " only are specialized, from 3.14 on",
        kind=_kind,
    ),
    Row(
        "int-bitwise",
        lambda f: _bitwise(f) and _are(f, "int"),
        fails="11-13",
        form="EXTEND",
        reason="{left} {operator} {right}: {plain} is not specialized before 3.14",
        kind=_kind,
    ),
    Row(
        "sequence-addition-in-place",
        lambda f: _operator(f) == "+" and _in_place(f) and _same(f) and _are(f, "list", "tuple"),
        fails=EVERY,
        reason="{left} {operator} {right} in place is not specialized",
        kind=_kind,
    ),
    Row(
        "sequence-addition",
        lambda f: _operator(f) == "+" and _same(f) and _are(f, "list", "tuple", "bytes"),
        fails="11-14",
        form="EXTEND",
        reason="{left} {operator} {right} is not specialized before 3.15",
        kind=_kind,
    ),
    Row(
        "repetition",
        lambda f: (
            _operator(f) == "*"
            and _one(f, "int")
            and _one(f, "str", "bytes", "tuple")
            and not _special(f)
        ),
        fails="11-14",
        form="EXTEND",
        reason="{left} {operator} {right}: repeating is not specialized before 3.15",
        kind=_kind,
    ),
    Row(
        "dict-union",
        lambda f: _operator(f) == "|" and _same(f) and _are(f, "dict", "frozendict"),
        fails="11-14",
        form="EXTEND",
        reason="{left} {operator} {right} is not specialized before 3.15",
        kind=_kind,
    ),
    Row(
        "bool-arithmetic",
        lambda f: (
            _arithmetic(f)
            and _one(f, "bool")
            and (_are(f, "bool", "int") or _are(f, "bool", "float"))
        ),
        fails=EVERY,
        reason="{left} {operator} {right}: bool is a type of its own, and only int with int and"
        " float with float are specialized",
        kind=_kind,
        advice="convert the bool once, outside the hot code, by int(flag)",
        cost=1.3,
    ),
    Row(
        "subclass-arithmetic",
        lambda f: (
            _arithmetic(f)
            and (f["left_base"] in _EXACT or f["right_base"] in _EXACT)
            and "bool" not in (f["left"], f["right"])
        ),
        fails=EVERY,
        reason="{left} {operator} {right}: subclasses of int, float and str are not specialized,"
        " only the types themselves",
        kind=_kind,
        advice="keep plain numbers and strings in hot code: int(x), float(x) or str(x) drops what"
        " the subclass adds",
        cost=1.3,
    ),
    Row(
        "different-types",
        lambda f: _arithmetic(f) and not _same(f),
        fails=EVERY,
        reason="{left} {operator} {right}: the operands are of different types",
        kind=_kind,
    ),
    Row(
        "float-division",
        lambda f: _operator(f) == "/" and _are(f, "float"),
        fails=EVERY,
        reason="{left} {operator} {right}: division of floats has no specialized form",
        kind=_kind,
        advice="nothing to do (a multiplication by the reciprocal is specialized, but rounds"
        " differently)",
    ),
    Row(
        "bitwise-other",
        _bitwise,
        fails=EVERY,
        reason="{left} {operator} {right}: {plain} is specialized for ints at most",
        kind=_kind,
    ),
    Row(
        "operator-without-form",
        lambda f: not _arithmetic(f),
        fails=EVERY,
        reason="{left} {operator} {right}: the operator {plain} has no specialized form for them",
        kind=_kind,
    ),
    Row(
        "other-types",
        lambda _: True,
        fails=EVERY,
        reason="{left} {operator} {right}: only int, float and str have specialized forms",
        kind=_kind,
    ),
)

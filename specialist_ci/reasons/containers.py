"""Subscripts, tests of membership, and unpacking: which containers are specialized."""

from specialist_ci.reasons.rows import EVERY, Facts, Minor, Row

_COPY = "copy it into a list or tuple once, where it is read often and does not change"


def _sequence(facts: Facts) -> bool:
    return facts["container"] in ("list", "tuple")


def _by_int(facts: Facts) -> bool:
    return facts["index"] == "int"


def _kind(facts: Facts, minor: Minor) -> str | None:
    """Follow binary_subscr_fail_kind(), from 3.14 on binary_op_fail_kind(), of specialize.c."""
    container, index = str(facts["container"]), facts["index"]
    if minor >= 14:  # noqa: PLR2004 - 3.14
        if (named := _named(facts)) is not None:
            return f"BINARY_OP_SUBSCR_{named}"
        return "BINARY_OP_SUBSCR_OTHER_SLICE" if index == "slice" else "BINARY_OP_SUBSCR"
    if container == "array:array":
        return {"int": "SUBSCR_ARRAY_INT", "slice": "SUBSCR_ARRAY_SLICE"}.get(str(index), "OTHER")
    # The classes that Python code makes have room for the methods of a buffer.
    if facts["heap"] or container in ("bytes", "bytearray", "memoryview"):
        return {"int": "SUBSCR_BUFFER_INT", "slice": "SUBSCR_BUFFER_SLICE"}.get(str(index), "OTHER")
    if index == "int" and container in ("range", "collections:deque"):
        return "SUBSCR_SEQUENCE_INT"
    return "OTHER"


_NAMED = {
    "mappingproxy": "MAPPINGPROXY",
    "bytes": "BYTES",
    "range": "RANGE",
    "array:array": "ARRAY",
    "re:Match": "RE_MATCH",
    "collections:deque": "DEQUE",
    "collections:defaultdict": "DEFAULTDICT",
    "collections:Counter": "COUNTER",
    "collections:OrderedDict": "ORDEREDDICT",
    "time:struct_time": "STRUCTTIME",
}


def _named(facts: Facts) -> str | None:
    base = "BYTES" if facts["base"] == "bytes" else None
    return _NAMED.get(str(facts["container"]), base)


SUBSCRIPT = (
    Row(
        "negative-index",
        lambda f: _sequence(f) and _by_int(f) and f["value"] == "negative",
        fails="12-15",
        misses="11",
        form="{container}_INT",
        reason="a {container} is read at a negative index; only 0 <= i < 2**30 is specialized",
        kind={"12-15": "OUT_OF_RANGE"},
        advice="keep what is read in a local where it was appended, or count from the front",
        cost=2.0,
    ),
    Row(
        "index-error",
        lambda f: _sequence(f) and f["inside"] is False,
        misses=EVERY,
        form="{container}_INT",
        reason="a {container} is read beyond its end, so that IndexError is raised",
        advice="test the length first, where it is exceeded often",
        cost=1.5,
    ),
    Row("sequence-index", lambda f: _sequence(f) and _by_int(f), form="{container}_INT"),
    Row(
        "list-slice",
        lambda f: f["container"] == "list" and f["index"] == "slice",
        fails="11-13",
        form="LIST_SLICE",
        reason="a list is read by a slice object, or with a step, which is not specialized"
        " before 3.14",
        kind="SUBSCR_LIST_SLICE",
    ),
    Row(
        "other-slice",
        lambda f: f["container"] in ("tuple", "str") and f["index"] == "slice",
        fails=EVERY,
        reason="slices of a {container} have no specialized form",
        kind=lambda f, minor: (
            f"{'SUBSCR' if minor < 14 else 'BINARY_OP_SUBSCR'}"  # noqa: PLR2004 - 3.14
            f"_{'TUPLE' if f['container'] == 'tuple' else 'STRING'}_SLICE"
        ),
    ),
    Row(
        "str-index-old",
        lambda f: f["container"] == "str" and _by_int(f),
        fails="11-12",
        reason="characters of a str have no specialized form before 3.13",
        kind="SUBSCR_STRING_INT",
        advice="iterate the string where each character is looked at",
        cost=1.5,
    ),
    Row(
        "str-negative-index",
        lambda f: f["container"] == "str" and _by_int(f) and f["value"] == "negative",
        fails="13-15",
        reason="a str is read at a negative index; only 0 <= i < 2**30 is specialized",
        kind="OUT_OF_RANGE",
        advice="str.startswith and str.endswith ask for the first and last character, and raise"
        " nothing where there is none",
        cost=1.5,
    ),
    Row(
        "str-index-error",
        lambda f: f["container"] == "str" and _by_int(f) and f["inside"] is False,
        misses="13-15",
        since=13,
        form="STR_INT",
        reason="a str is read beyond its end, so that IndexError is raised",
        advice="test the length first, where it is exceeded often",
        cost=1.5,
    ),
    Row(
        "str-index-non-ascii",
        lambda f: f["container"] == "str" and _by_int(f) and f["text"] == "non-ascii",
        misses="13-15",
        since=13,
        form="STR_INT",
        reason="the character read is not ASCII, which the specialized form leaves to the"
        " generic one",
    ),
    Row(
        "str-index-in-non-ascii",
        lambda f: f["container"] == "str" and _by_int(f) and f["text"] == "ascii in non-ascii",
        form="USTR_INT",
        since=15,
    ),
    Row("str-index", lambda f: f["container"] == "str" and _by_int(f), form="STR_INT"),
    Row(
        "odd-index",
        lambda f: f["container"] in ("list", "tuple", "str"),
        fails=EVERY,
        reason="a {container} is read at an index of type {index}; only int itself is specialized",
        kind={"11-13": "OTHER", "14-15": "BINARY_OP_SUBSCR"},
        advice="make the index an int before the hot code, by operator.index(i)",
        cost=1.3,
    ),
    Row("dict-item", lambda f: f["container"] == "dict", form="DICT"),
    Row(
        "frozendict-item",
        lambda f: f["container"] == "frozendict",
        form="DICT",
    ),
    Row(
        "dict-subclass-item",
        lambda f: f["base"] == "dict" and f["getitem"] == "dict",
        fails="11-14",
        form="DICT",
        reason="{container} is a subclass of dict; only dict itself is specialized before 3.15",
        kind=_kind,
        advice="a plain dict, with get or setdefault where keys are missing",
        cost=1.2,
    ),
    Row("python-getitem", lambda f: f["getitem"] == "simple" and f["heap"], form="GETITEM"),
    Row(
        "python-getitem-defaults",
        lambda f: f["getitem"] == "defaults",
        fails=EVERY,
        reason="__getitem__ of {container} has other parameters than self and one more",
        kind="WRONG_NUMBER_ARGUMENTS",
        advice="give __getitem__ exactly two parameters without *args",
        cost=1.5,
    ),
    Row(
        "python-getitem-complex",
        lambda f: f["getitem"] == "complex",
        fails=EVERY,
        reason="__getitem__ of {container} has *args, **kwargs or keyword-only parameters",
        kind={"11": "CALL_COMPLEX_PARAMETERS", "12-15": "CODE_COMPLEX_PARAMETERS"},
        advice="give __getitem__ exactly two plain parameters",
        cost=1.5,
    ),
    Row(
        "sequence-subclass-item",
        lambda f: f["base"] in ("list", "tuple", "str"),
        fails=EVERY,
        reason="{container} is a subclass of {base}; only {base} itself is specialized",
        kind=_kind,
        advice=f"use a plain {{base}}, or {_COPY}",
        cost=1.5,
    ),
    Row(
        "array-like-item",
        lambda f: (
            f["container"]
            in ("bytes", "bytearray", "memoryview", "array:array", "collections:deque", "range")
        ),
        fails=EVERY,
        reason="items of a {container} have no specialized form; those of list, tuple, str and"
        " dict have",
        kind=_kind,
        advice=_COPY,
        cost=1.3,
    ),
    Row(
        "other-item",
        lambda _: True,
        fails=EVERY,
        reason="items of a {container} have no specialized form; those of list, tuple, str and"
        " dict, and of classes with a plain __getitem__, have",
        kind=_kind,
    ),
)


def _store_kind(facts: Facts, _minor: Minor) -> str | None:
    """Follow the end of _Py_Specialize_StoreSubscr()."""
    container, index = facts["container"], str(facts["index"])
    if facts["setitem"] in ("simple", "defaults"):
        return "SUBSCR_PY_SIMPLE"
    if facts["setitem"] == "complex":
        return "SUBSCR_PY_OTHER"
    buffer = {"bytearray": "BYTEARRAY", "array:array": "ARRAY", "memoryview": "BUFFER"}
    if (name := buffer.get(str(container))) is None:
        return "OTHER"
    if index == "int":
        return "OUT_OF_RANGE" if facts["value"] == "negative" else f"SUBSCR_{name}_INT"
    return f"SUBSCR_{name}_SLICE" if index == "slice" else "OTHER"


STORE = (
    Row(
        "store-negative-index",
        lambda f: f["container"] == "list" and _by_int(f) and f["value"] == "negative",
        fails=EVERY,
        reason="an item of a list is set at a negative index; only 0 <= i < len is specialized",
        kind="OUT_OF_RANGE",
        advice="count from the front, where the length is at hand",
        cost=1.5,
    ),
    Row(
        "store-index-error",
        lambda f: f["container"] == "list" and f["inside"] is False,
        fails=EVERY,
        reason="an item of a list is set beyond its end, so that IndexError is raised",
        kind="OUT_OF_RANGE",
        advice="test the length first, where it is exceeded often",
        cost=1.5,
    ),
    Row("store-list-item", lambda f: f["container"] == "list" and _by_int(f), form="LIST_INT"),
    Row(
        "store-list-slice",
        lambda f: f["container"] == "list" and f["index"] == "slice",
        fails=EVERY,
        reason="a slice of a list is set, which has no specialized form",
        kind="SUBSCR_LIST_SLICE",
    ),
    Row(
        "store-odd-index",
        lambda f: f["container"] == "list",
        fails=EVERY,
        reason="an item of a list is set at an index of type {index}; only int itself is"
        " specialized",
        kind="OTHER",
        advice="make the index an int before the hot code, by operator.index(i)",
        cost=1.3,
    ),
    Row("store-dict-item", lambda f: f["container"] == "dict", form="DICT"),
    Row(
        "store-dict-subclass-item",
        lambda f: f["base"] == "dict" and f["setitem"] == "dict",
        fails="11-14",
        form="DICT",
        reason="{container} is a subclass of dict; only dict itself is specialized before 3.15",
        kind="SUBSCR_DICT_SUBCLASS_NO_OVERRIDE",
        advice="a plain dict in hot code",
        cost=1.2,
    ),
    Row(
        "store-other-item",
        lambda _: True,
        fails=EVERY,
        reason="setting items of a {container} has no specialized form; only list and dict have",
        kind=_store_kind,
    ),
)


_WITHOUT = {"tuple": "TUPLE", "list": "LIST", "str": "STR"}

CONTAINS = (
    Row("in-dict", lambda f: f["container"] == "dict", form="DICT"),
    Row("in-frozendict", lambda f: f["container"] == "frozendict", form="DICT"),
    Row("in-set", lambda f: f["container"] in ("set", "frozenset"), form="SET"),
    Row(
        "in-sequence",
        lambda f: f["container"] in ("list", "tuple"),
        fails="13-15",
        reason="a {container} is searched; only dict, set and frozenset are specialized",
        kind=lambda f, _: f"CONTAINS_OP_{_WITHOUT[str(f['container'])]}",
        advice="search a set, as in x in {{...}}, if x and all in it can be hashed",
        cost=1.4,
    ),
    Row(
        "in-dict-view",
        lambda f: f["container"] == "dict_keys",
        fails="13-15",
        reason="the keys() of a dict are searched; the dict itself is specialized",
        kind="OTHER",
        advice="x in d instead of x in d.keys()",
        cost=1.4,
    ),
    Row(
        "in-dict-subclass",
        lambda f: f["base"] == "dict",
        fails="13-15",
        reason="{container} is a subclass of dict; only dict itself is specialized",
        kind="OTHER",
    ),
    Row(
        "in-other",
        lambda _: True,
        fails="13-15",
        reason="a {container} is searched; only dict, set and frozenset are specialized",
        kind=lambda f, _: (
            "CONTAINS_OP_STR"
            if f["container"] == "str"
            else "CONTAINS_OP_USER_CLASS"
            if f["is_class"]
            else "OTHER"
        ),
    ),
)


UNPACK = (
    Row(
        "unpack-wrong-length",
        lambda f: f["value"] in ("list", "tuple") and f["fits"] is False,
        fails=EVERY,
        reason="a {value} of another length is unpacked into {count} names, so that ValueError is"
        " raised",
        kind="EXPECTED_ERROR",
        advice="test the length first, where it differs often",
        cost=1.5,
    ),
    Row(
        "unpack-pair",
        lambda f: f["value"] == "tuple" and f["count"] == 2,  # noqa: PLR2004 - a pair
        form="TWO_TUPLE",
    ),
    Row("unpack-tuple", lambda f: f["value"] == "tuple", form="TUPLE"),
    Row("unpack-list", lambda f: f["value"] == "list", form="LIST"),
    Row(
        "unpack-tuple-subclass",
        lambda f: f["base"] in ("tuple", "list"),
        fails=EVERY,
        reason="a {value} is unpacked, a subclass of {base}; only {base} itself is specialized",
        kind="UNPACK_SEQUENCE_SEQUENCE",
        advice="make it a plain {base} where nothing needs more",
        cost=1.3,
    ),
    Row(
        "unpack-other",
        lambda _: True,
        fails=EVERY,
        reason="a {value} is unpacked; only tuple and list are specialized",
        kind=lambda f, _: (
            "OTHER" if f["shape"] == "other" else f"UNPACK_SEQUENCE_{str(f['shape']).upper()}"
        ),
    ),
)

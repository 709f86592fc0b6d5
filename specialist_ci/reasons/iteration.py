"""Loops, ``await`` and ``yield from``: which iterators are specialized."""

from collections.abc import Callable

from specialist_ci.reasons.rows import Facts, Minor, Row

_LATER = "12-15"  # FOR_ITER and SEND came with 3.12
_HEADS = {
    "generator": "GENERATOR",
    "coroutine": "COROUTINE",
    "async_generator": "ASYNC_GENERATOR",
    "async_generator_asend": "ASYNC_GENERATOR_SEND",
    "list_iterator": "LIST",
    "tuple_iterator": "TUPLE",
    "set_iterator": "SET",
    "str_iterator": "STRING",
    "str_ascii_iterator": "ASCII_STRING",
    "bytes_iterator": "BYTES",
    "range_iterator": "RANGE",
    "dict_keyiterator": "DICT_KEYS",
    "dict_itemiterator": "DICT_ITEMS",
    "dict_valueiterator": "DICT_VALUES",
    "enumerate": "ENUMERATE",
    "map": "MAP",
    "zip": "ZIP",
    "iterator": "SEQ_ITER",
    "list_reverseiterator": "REVERSED_LIST",
    "callable_iterator": "CALLABLE",
}


def _kind(facts: Facts, minor: Minor) -> str | None:
    """Follow _PySpecialization_ClassifyIterator() of specialize.c, as of 3.12 to 3.14."""
    iterator = str(facts["iterator"])
    if minor > 14:  # noqa: PLR2004 - 3.14
        return None
    if (name := _HEADS.get(iterator)) is not None:
        return f"ITER_{name}"
    return "ITER_ITERTOOLS" if iterator.startswith("itertools:") else "OTHER"


def _iterator(*names: str) -> Callable[[Facts], bool]:
    return lambda facts: facts["iterator"] in names


def _iterable(*names: str) -> Callable[[Facts], bool]:
    return lambda facts: facts["iterable"] in names


LOOP = (
    Row("loop-over-list", _iterable("list"), form="LIST"),
    Row("loop-over-tuple", _iterable("tuple"), form="TUPLE"),
    Row("loop-over-range", _iterator("range_iterator"), form="RANGE"),
    Row("loop-over-generator", _iterator("generator"), form="GEN"),
    Row(
        "loop-over-iterator",
        _iterator("list_iterator", "tuple_iterator"),
        fails="15",
        form="LIST",
        reason="a {iterable} is iterated; from 3.15 on lists and tuples are specialized"
        " themselves, their iterators and subclasses no longer",
        advice="iterate the list or tuple itself",
        cost=1.5,
    ),
    Row(
        "loop-over-text",
        _iterable("str", "bytes"),
        fails="12-14",
        form="VIRTUAL",
        reason="a {iterable} is iterated, which is not specialized before 3.15",
        kind=lambda f, _: "ITER_BYTES" if f["iterable"] == "bytes" else None,
    ),
    Row(
        "loop-over-unknown",
        _iterator(None),  # type: ignore[arg-type]
        doubtful=_LATER,
        reason="__iter__ of {iterable} returns an iterator that is no list, tuple, range or"
        " generator",
    ),
    Row(
        "loop-over-others",
        lambda _: True,
        fails=_LATER,
        reason="a {iterable} is iterated; only lists, tuples, ranges and generators are"
        " specialized",
        kind=_kind,
    ),
)

ITERATOR = (
    Row("iter-of-sequence", _iterable("list", "tuple", "str", "bytes"), form="VIRTUAL"),
    Row("iter-of-iterator", _iterator("self"), form="SELF"),
    Row(
        "iter-of-others",
        lambda _: True,
        fails="15",
        reason="an iterator is made of a {iterable}; only list, tuple, str and bytes, and what is"
        " its own iterator, are specialized",
    ),
)

SEND = (
    Row("send-to-generator", _iterator("generator", "coroutine"), form="GEN"),
    Row(
        "send-to-sequence",
        lambda f: f["receiver"] in ("list", "tuple", "str", "bytes"),
        fails="12-14",
        form="VIRTUAL",
        reason="yield from takes a {receiver}, which is not specialized before 3.15",
        kind=lambda f, _: {"list": "ITER_LIST", "tuple": "ITER_TUPLE", "bytes": "ITER_BYTES"}.get(
            str(f["receiver"])
        ),
    ),
    Row(
        "send-to-async-generator",
        _iterator("async_generator_asend", "async_generator"),
        fails="12-14",
        form="ASYNC_GEN",
        reason="async for takes an asynchronous generator, which is not specialized before 3.15",
        kind="ITER_ASYNC_GENERATOR_SEND",
    ),
    Row(
        "send-to-unknown",
        _iterator(None),  # type: ignore[arg-type]
        doubtful=_LATER,
        reason="what {receiver} returns to be awaited or iterated is no generator and no coroutine",
    ),
    Row(
        "send-to-others",
        lambda _: True,
        fails=_LATER,
        reason="await or yield from takes a {receiver}; only generators and coroutines are"
        " specialized",
        kind=_kind,
    ),
)

"""Looks into data that a measured repository wrote, whose types may be any."""

from collections.abc import Iterator, Mapping
from typing import Any


class UnusableError(ValueError):
    """A commit's metadata cannot be followed; the text says what is wrong with them."""


def table_of(data: Mapping[str, Any], *keys: str) -> Mapping[str, Any]:
    """Return the table at a path of keys, an empty one where there is none."""
    for key in keys:
        inner = data.get(key)
        if not isinstance(inner, dict):
            return {}
        data = inner
    return data


def strings(values: object) -> Iterator[str]:
    """Yield what a list holds as text on one line; nothing where it is no list."""
    for value in values if isinstance(values, list) else ():
        yield " ".join(str(value).split())

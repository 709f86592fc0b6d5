"""Tells on which line of a TOML text each key stands, which tomllib keeps to itself; pure."""

import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping

Key = tuple[str, ...]


def lines_of_keys(text: str) -> dict[Key, int]:
    """Return the first line, counted from 1, of every table and key of a valid TOML text.

    tomllib itself reads each statement alone, so that what is a comment, a quoted key or
    the end of a long array is decided by no rule of ours. The tables of an array of tables
    are numbered from 0.
    """
    found: dict[Key, int] = {}
    table: Key = ()
    entries: Counter[Key] = Counter()
    for number, statement in _statements(text):
        for key in _keys(tomllib.loads(statement)):
            if statement.lstrip().startswith("["):
                table = key
                for length in range(1, len(key) + 1):
                    found.setdefault(key[:length], number)
                if statement.lstrip().startswith("[["):
                    table = (*key, str(entries[key]))
                    entries[key] += 1
                    found[table] = number
            else:
                for length in range(1, len(key) + 1):
                    found.setdefault(table + key[:length], number)
    return found


def _statements(text: str) -> Iterator[tuple[int, str]]:
    """Yield each table header and assignment with the line that it begins on."""
    pending, begun = "", 0
    for number, line in enumerate(text.replace("\r\n", "\n").split("\n"), start=1):
        begun = begun or number
        pending += line + "\n"
        try:
            parsed = tomllib.loads(pending)
        except tomllib.TOMLDecodeError:
            continue  # it goes on in the next line
        if parsed:
            yield begun, pending
        pending, begun = "", 0


def _keys(value: object, above: Key = ()) -> Iterator[Key]:
    """Yield the path of every leaf and every empty table."""
    if isinstance(value, list) and len(value) == 1 and value[0] == {}:
        value = value[0]  # [[table]]
    if not isinstance(value, Mapping) or not value:
        yield above
        return
    for key, inner in value.items():
        yield from _keys(inner, (*above, key))

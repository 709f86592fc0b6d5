"""The README's reference says the same as --help, action.yml and the configuration's schema."""

import argparse
import json
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
import yaml

from specialist_ci.commands.arguments import build_parser

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")

Row = tuple[str, str]


def options() -> Iterator[Row]:
    """Yield each option once, with what --help says of it."""
    parser = build_parser()
    commands = next(a for a in parser._actions if a.choices and a.metavar == "COMMAND")  # noqa: SLF001 - argparse has no public way
    assert isinstance(commands.choices, dict)
    of: dict[str, list[str]] = {}
    texts: dict[str, str] = {}
    for command, its in commands.choices.items():
        for action in its._actions:  # noqa: SLF001 - argparse has no public way
            names = sorted(action.option_strings, key=lambda option: option[:2] != "--")
            name = ", ".join(f"`{option}`" for option in names)
            if action.option_strings and not isinstance(action, argparse._HelpAction):  # noqa: SLF001 - likewise
                of.setdefault(name, []).append(command)
                texts.setdefault(name, (action.help or "") % {"default": action.default})
    for name, which in of.items():
        yield f"{name} ({', '.join(which)})", texts[name]


def keys() -> Iterator[Row]:
    """Yield each key of the configuration, with what its schema says of it."""
    schema = json.loads((ROOT / "docs/schemas/config.schema.json").read_text(encoding="utf-8"))

    def below(place: str, table: dict[str, object]) -> Iterator[Row]:
        properties = table["properties"]
        assert isinstance(properties, dict)
        for name, key in properties.items():
            yield f"`{place}{name}`", key["description"]
            for inner in references(key):
                named = "NAME." if inner == "SuiteTable" else ""
                yield from below(f"{place}{name}.{named}", schema["$defs"][inner])

    yield from below("", schema)


def references(key: object) -> Iterator[str]:
    """Yield the names of the tables that a key's schema leads to."""
    if isinstance(key, dict):
        for name, value in key.items():
            if name == "$ref":
                yield value.rpartition("/")[2]
            else:
                yield from references(value)
    elif isinstance(key, list):
        for value in key:
            yield from references(value)


def inputs() -> Iterator[Row]:
    """Yield each input of the action, with its description."""
    action = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
    for name, its in action["inputs"].items():
        yield f"`{name}`", its["description"]


def folded(summary: str, rows: Iterable[Row]) -> str:
    """Return a table as the README folds it."""
    lines = [f"| {name} | {' '.join(text.split()).rstrip('.')} |" for name, text in rows]
    table = "\n".join(["| | |", "| --- | --- |", *lines])
    return f"<details><summary>{summary}</summary>\n\n{table}\n\n</details>\n"


@pytest.mark.parametrize(
    ("summary", "rows"),
    [
        ("Every option", list(options())),
        ("Every key of the configuration", list(keys())),
        ("Every input of the action", list(inputs())),
    ],
)
def test_reference(summary: str, rows: list[Row]) -> None:
    """Each table is whole, in order, and in the words of what it is about."""
    assert len(rows) > 10
    assert folded(summary, rows) in README

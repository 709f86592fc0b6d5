"""The demo tells its story on every version, and nothing else."""

import json
from pathlib import Path

import pytest

from specialist_ci.cli import main
from specialist_ci.demo import BASE, HEAD

INDIRECT, DIRECT = "indirect", "direct"
Told = tuple[str, str, str, str, str, str]
"""Kind, path, source line, family and argument, whether direct, state on head."""

FREEZING: Told = (
    "regression",
    "convert.py",
    "return (fahrenheit - 32) * 0.5555555555555556",
    "BINARY_OP -",
    DIRECT,
    "adaptive",
)
"""To 3.13: an int taken from a float. 3.14 has a form for that."""

MASK: Told = (
    "regression",
    "convert.py",
    "return (value * 31) & 0xFFFFFFFF",
    "BINARY_OP &",
    DIRECT,
    "adaptive",
)
"""From 3.14 on, where & of small integers has a form. Before, it never had one."""

WARMEST: Told = (
    "regression",
    "tally.py",
    "if station.reading > best:",
    "LOAD_ATTR reading",
    INDIRECT,
    "unstable",
)
"""A second class comes by: the line itself is not in the diff."""

SQUARE: Told = (
    "improvement",
    "tally.py",
    "return total + reading * reading",
    "BINARY_OP *",
    DIRECT,
    "specialized",
)
"""No version has a form for powers."""


def run_demo(python: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, object]:
    """Run the command and return the report that it prints."""
    assert main(["demo", "--python", str(python), "--format", "json"]) == 0
    report: dict[str, object] = json.loads(capsys.readouterr().out)
    return report


def test_the_story_is_told(python: Path, version: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Two regressions, one of them far from the diff, and one improvement; a move is none."""
    report = run_demo(python, capsys)
    changes = report["changes"]
    assert isinstance(changes, list)
    told = [
        (
            change["kind"],
            change["path"],
            change["source"].strip(),
            f"{change['family']} {change['argrepr']}",
            DIRECT if change["direct"] else INDIRECT,
            change["head_state"],
        )
        for change in changes
    ]
    constant = MASK if version in {"3.14", "3.15"} else FREEZING
    assert told == [WARMEST, constant, SQUARE]
    assert (report["verdict"], report["flaky"], report["conditions"]) == ("fail", [], [])


def test_every_part_of_the_story_is_in_the_commits() -> None:
    """The label moves to another file, the mask and the constant are edited, all on one line."""
    assert "def label" in BASE["tally.py"]
    assert "def label" in HEAD["labels.py"]
    assert "labels.py" not in BASE
    edited = [line for line in HEAD["convert.py"].split("\n") if line not in BASE["convert.py"]]
    assert [line.strip() for line in edited] == [FREEZING[2], MASK[2]]


def test_the_story_is_explained(python: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What the operands were on both sides, as often as the benchmark has it."""
    report = run_demo(python, capsys)
    changes = report["changes"]
    assert isinstance(changes, list)
    met = {
        change["source"].strip(): tuple(
            [(each["text"], each["count"]) for each in change["explanation"][side]["situations"]]
            for side in ("base", "head")
        )
        for change in changes
    }
    floats, ints = [("float and float", 2000)], [("int and int", 2000)]
    big = ints, [("int and int of 2**30 and more", 2000)]
    expected = {
        WARMEST[2]: ([("Station", 6000)], [("Station", 4000), ("Buoy", 2000)]),
        FREEZING[2]: (floats, [("float and int", 2000)]),
        MASK[2]: big,
        SQUARE[2]: (floats, floats),
    }
    assert met == {source: expected[source] for source in met}
    assert [change["explanation"]["share"] for change in changes] == [0.6, 0.2, 0.2]

"""A real project is explained: what fails has a reason in what it met, what is well has none."""

import shutil
from pathlib import Path

import pytest
from collecting import draw
from packages import shared_folder, source_distribution
from probing import Probed, again, probe

from specialist_ci.explaining.observations import Observation
from specialist_ci.formats.snapshot import State
from specialist_ci.reasons import Explanation, explain, judge
from specialist_ci.reasons.rows import Outcome

TOMLI = "tomli==2.2.1"
TEXT = '''\
title = "TOML" # comment
[owner]
name = "Tom \\\\t \\u00e9"
born = 1979-05-27T07:32:00-08:00
[database.a."b c"]
ports = [ 8000, 8001, [1.5, -2e7, 0x1f, inf] ]
on = true
[[items]]
x = {y = 7, z = {w = \'literal\'}}
[[items]]
more = """
lines
"""
'''
USE = """
import pathlib
import tomli

TEXT = pathlib.Path("text.toml").read_text()
for n in range(60):
    for text in (TEXT, TEXT[: n * 7], TEXT.replace("=", "= +"), TEXT + "[owner]", "a" + TEXT):
        try:
            tomli.loads(text.replace("7", str(n)))
        except tomli.TOMLDecodeError as error:
            assert str(error)
"""


@pytest.fixture
def tomli(python: Path, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Probed:
    """Return all sites of tomli, every one of them probed."""
    root = draw(tmp_path / "root", {"use.py": USE, "text.toml": TEXT})
    source = source_distribution(TOMLI, shared=shared_folder(tmp_path_factory))
    shutil.copytree(source / "src" / "tomli", root / "tomli")
    return probe(
        python,
        root,
        ["use.py"],
        scratch=tmp_path,
        wanted=lambda place: place.file.path.startswith("tomli"),
    )


def hopeless(seen: Observation, minor: int) -> bool:
    """Whether nothing that a site met specializes, by our rules."""
    outcomes = {judge(each, minor).outcome for each in seen.situations}
    return bool(outcomes) and outcomes <= {Outcome.FAILS, Outcome.MISSES}


def test_what_fails_is_explained_and_what_is_well_is_not_accused(
    tomli: Probed, python: Path, version: str, tmp_path: Path
) -> None:
    """At least 98% by what was met, all runs say the same, and no clean site is hopeless."""
    assert tomli.outcome == tomli.plain
    assert tomli.plain.status == 0, tomli.plain.stderr
    minor = int(version.partition(".")[2])
    reasons: list[Explanation | None] = []
    for place, seen in tomli.seen:
        site = place.site
        if site.state.failing:
            told = (seen.situations, seen.switches, seen.executions, seen.misses)
            given = (site.family, site.argrepr, site.state, site.form, (3, minor))
            reasons.append(explain(*given, *told))
    supported = [each for each in reasons if each is not None and not each.eliminated]
    assert len(reasons) >= 25
    assert len(supported) >= 0.98 * len(reasons)
    clean = [
        (place, seen)
        for place, seen in tomli.seen
        if place.site.state is State.SPECIALIZED and not place.site.misses and seen.executions
    ]
    assert len(clean) >= 100
    assert [place.text for place, seen in clean if hopeless(seen, minor)] == []
    places = [place for place, _ in tomli.seen]
    outcome, repeated = again(
        python, tmp_path / "root", ["use.py"], places, scratch=tmp_path / "again"
    )
    assert outcome == tomli.plain
    assert list(repeated.values()) == [seen for _, seen in tomli.seen]

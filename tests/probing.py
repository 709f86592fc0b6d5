"""Measures a program, and runs it once more with probes around all that a test wants."""

import marshal
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from collecting import Outcome, collect, environment_of, execute, without_collector
from pictures import PYTHON

from specialist_ci.comparing.matching import Place
from specialist_ci.explaining.explain import read_facts
from specialist_ci.explaining.observations import Observation, merge
from specialist_ci.explaining.targets import plan
from specialist_ci.formats.snapshot import Provenance, Suite
from specialist_ci.measuring.building import build_snapshot
from specialist_ci.measuring.control import Control
from specialist_ci.measuring.gate import watching_terminations

PROVENANCE = Provenance(
    tool="0",
    revision="head",
    commit=None,
    dirty=False,
    python=PYTHON,
    suite=Suite(command=("python",), source=(), environment={}),
    processes=1,
)


class Probed(NamedTuple):
    """How a program ended without and with probes, and what each of its sites met."""

    plain: Outcome
    outcome: Outcome
    seen: list[tuple[Place, Observation]]

    def of(self, text: str) -> list[Observation]:
        """Return what the sites met whose line holds a text."""
        return [found for place, found in self.seen if text in place.source_line]


def probe(
    python: Path,
    root: Path,
    arguments: Sequence[str],
    *,
    scratch: Path,
    wanted: Callable[[Place], bool] = lambda _place: True,
    env: Mapping[str, str] | None = None,
) -> Probed:
    """Run a program without us, measured, and with probes at its sites."""
    scratch = scratch.resolve()
    plain = without_collector(python, root, arguments, env=env)
    first = collect(
        python, root, arguments, scratch=scratch / "first", env=env, status=plain.status
    )
    assert same(first.outcome, plain)
    snapshot = build_snapshot(first.dumps, root=root, provenance=PROVENANCE)
    places = [
        place
        for file in snapshot.files
        for line in file.lines
        for site in line.sites
        if wanted(place := Place(file, line.line, site))
    ]
    outcome, observations = again(python, root, arguments, places, scratch=scratch, env=env)
    seen = [(place, observations[number]) for number, place in enumerate(places)]
    return Probed(plain, outcome, seen)


def again(
    python: Path,
    root: Path,
    arguments: Sequence[str],
    places: Sequence[Place],
    *,
    scratch: Path,
    env: Mapping[str, str] | None = None,
) -> tuple[Outcome, dict[int, Observation]]:
    """Run a program with probes at the places."""
    scratch = scratch.resolve()
    sources = sorted(path.relative_to(root).as_posix() for path in root.rglob("*.py"))
    control = Control.make(scratch, "head", root=root, sources=sources)
    (control.folder / "plan").write_bytes(marshal.dumps(plan(places, root), 2))
    with watching_terminations(control, python, explaining=True):
        outcome = execute(
            [str(python), *arguments],
            cwd=root,
            env=environment_of(python, control.folder, root, env),
            timeout=300,
        )
    assert not control.failures()
    return outcome, merge(*read_facts(control.folder))


def same(one: Outcome, other: Outcome) -> bool:
    """Tell whether two runs ended and wrote the same, but for the time they took."""
    return _timeless(one) == _timeless(other)


def _timeless(outcome: Outcome) -> tuple[int, str, str]:
    stdout, stderr = (
        re.sub(r"=* *(\d+ passed.*) in \d+\.\d+s.*", r"\1", text)
        for text in (outcome.stdout, outcome.stderr)
    )
    return outcome.status, stdout, stderr

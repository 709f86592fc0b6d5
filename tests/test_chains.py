"""What runs through make, shells, console scripts and pytest-xdist is measured as one suite."""

import json
import shlex
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from collecting import collect, draw, surroundings, without_collector
from packages import shared_folder, virtual_environment
from pythons import interpreters

from specialist_ci.formats.dump import Dump
from specialist_ci.formats.snapshot import Provenance, Python, Suite
from specialist_ci.measuring.building import build_snapshot

WORK = """\
def work(number):
    total = 0
    for value in range(number):
        total = total + value // 3
    return total

def main():
    print(work(500))

if __name__ == "__main__":
    main()
"""


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the virtual environments."""
    return shared_folder(tmp_path_factory)


def test_make_and_shell(python: Path, tmp_path: Path) -> None:
    """A Python behind make, a shell and env is measured like any other."""
    program = shlex.quote(str(python))
    makefile = f"all:\n\t@sh -c '{program} work.py; :' && env A=b {program} -m work\n"
    bench = "import subprocess\nprint(subprocess.run(['make'], check=True).returncode)\n"
    root = draw(tmp_path / "root", {"work.py": WORK, "bench.py": bench, "Makefile": makefile})
    collected = collect(python, root, ["bench.py"], scratch=tmp_path / "scratch")
    assert collected.outcome == without_collector(python, root, ["bench.py"])
    assert collected.control.count("started") == len(collected.dumps) == 3
    assert not collected.control.unmeasured()
    assert [code.qualname for code in collected.codes()].count("work") == 2


def test_console_script(python: Path, shared: Path, tmp_path: Path) -> None:
    """A runner that starts a real entry point of the project in an environment is measured."""
    project = (
        '[project]\nname = "work"\nversion = "1"\ndescription = "work"\n'
        '[project.scripts]\nworker = "work:main"\n'
        '[build-system]\nrequires = ["flit_core"]\nbuild-backend = "flit_core.buildapi"\n'
    )
    runner = (
        "import subprocess, sys\nfor word in sys.argv[1:]: subprocess.run([word], check=True)\n"
    )
    tree = {"project/pyproject.toml": project, "project/work.py": WORK, "runner.py": runner}
    root = draw(tmp_path / "root", tree)
    inside = virtual_environment(python, "flit_core==3.12.0", shared=shared)
    target = tmp_path / "installed"
    options = ["--quiet", "--no-deps", "--no-build-isolation", "--target", str(target)]
    pip = [str(inside), "-m", "pip", "install", *options, str(root / "project")]
    subprocess.run(pip, check=True, capture_output=True, env=surroundings())
    script = target / "bin" / "worker"
    assert script.read_bytes().startswith(b"#!")
    env = {"PYTHONPATH": str(root / "project")}
    arguments = ["runner.py", str(script), str(script)]
    collected = collect(inside, root, arguments, scratch=tmp_path / "scratch", env=env)
    assert collected.outcome == without_collector(inside, root, arguments, env=env)
    assert collected.control.count("started") == len(collected.dumps) == 3
    assert not collected.control.unmeasured()
    assert [code.qualname for code in collected.codes()].count("work") == 2


@pytest.mark.parametrize("other", ["3.11", "3.12", "3.14", "3.15"])
def test_another_interpreter_below(tmp_path: Path, other: str) -> None:
    """A child of another CPython is counted as foreign, and its state is not mixed in."""
    found = interpreters().found
    if not {"3.13", other} <= set(found):
        pytest.skip(f"3.13 or {other} is not on this machine")
    child = f"subprocess.run([{str(found[other])!r}, 'work.py'])\n"
    bench = "import subprocess\nfrom work import work\nwork(500)\n" + child
    root = draw(tmp_path / "root", {"work.py": WORK, "bench.py": bench})
    collected = collect(found["3.13"], root, ["bench.py"], scratch=tmp_path / "scratch")
    control = collected.control
    assert [control.count(suffix) for suffix in ("started", "raw", "foreign")] == [2, 1, 1]
    assert not control.unmeasured()
    assert [code.qualname for code in collected.codes()].count("work") == 1


LIBRARY = """\
class Point:
    def __init__(self, x, y):
        self.x = x
        self.y = y

def length(points):
    total = 0.0
    for point in points:
        total = total + point.x * point.x + point.y / 2
    return total

def divided(number):
    found = []
    for value in range(1, number):
        found.append(number // value)
    return found

def words(text):
    table = {}
    for word in text.split():
        table[word] = table.get(word, 0) + 1
    return table
"""
TESTS = """\
import library, pytest
def test_length():
    points = [library.Point(float(n), 2.0) for n in range(500)]
    for _ in range(200):
        assert library.length(points) > 0
def test_divided():
    for _ in range(200):
        assert library.divided(500)[0] == 500
def test_words():
    for _ in range(200):
        assert library.words("a b a " * 50) == {"a": 100, "b": 50}
"""


def test_workers_of_xdist(python: Path, shared: Path, tmp_path: Path) -> None:
    """The snapshot is the same without pytest-xdist and with one, two and four workers."""
    inside = virtual_environment(python, "pytest==8.4.2", "pytest-xdist==3.8.0", shared=shared)
    root = draw(tmp_path / "root", {"library.py": LIBRARY, "test_library.py": TESTS})
    snapshots = {}
    for workers in (None, 1, 2, 4):
        options = [] if workers is None else ["-n", str(workers)]
        arguments = ["-m", "pytest", "-q", "-p", "no:cacheprovider", *options]
        scratch = tmp_path / f"scratch-{workers}"
        collected = collect(inside, root, arguments, scratch=scratch)
        assert collected.control.count("started") == len(collected.dumps) == 1 + (workers or 0)
        assert not collected.control.unmeasured()
        snapshots[workers] = _states(root, collected.dumps)
    assert snapshots[None]["totals"]["adaptive"] >= 1
    assert snapshots[None]["totals"]["specialized"] >= 5
    assert snapshots[None] == snapshots[1] == snapshots[2] == snapshots[4]


def _states(root: Path, dumps: tuple[Dump, ...]) -> dict[str, Any]:
    """Return the snapshot of the library as JSON, less where it comes from."""
    nobody = Python(
        version="3.13.0",
        implementation="CPython",
        build="",
        platform="",
        cache_tag="",
        debug=False,
        free_threaded=False,
        jit=False,
        pystats=False,
        specializes=True,
    )
    suite = Suite(command=(), source=(), environment={})
    provenance = Provenance(
        tool="", revision="", commit=None, dirty=False, python=nobody, suite=suite, processes=0
    )
    library = [
        replace(
            dump,
            codes=tuple(c for c in dump.codes if c.path.endswith("/library.py")),
            pystats={},  # sums over all files and processes
        )
        for dump in dumps
    ]
    snapshot = build_snapshot(library, root=root, provenance=provenance)
    states: dict[str, Any] = json.loads(snapshot.model_dump_json())
    for file in states["files"]:
        for line in file["lines"]:
            for site in line["sites"]:
                site.pop("processes", None)  # of which there are as many as workers
    return states

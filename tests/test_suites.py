"""Suites that are found without a configuration: by the files' text alone, and run for real."""

import json
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from packages import shared_folder, virtual_environment
from repositories import Drawing

from specialist_ci.cli import main
from specialist_ci.measuring import runner
from specialist_ci.suites import Tree, find_suites
from specialist_ci.suites.found import CALLS

RUN = 'print("ran")\n'
ASV = "class TimeIt:\n    def time_it(self):\n        pass\n"
FIXTURE = "def test_it(benchmark):\n    benchmark(int)\n"
PYPERF = "import pyperf\nrunner = pyperf.Runner()\n"
CASE = "import unittest\n\nclass TestIt(unittest.TestCase):\n    pass\n"
FUNCTION = "def test_it():\n    pass\n"
LOOP = ("python", "-m", "_specialist_ci_asv", "50")
ORDERED = ("-p", "no:randomly")
PYTEST = ("python", "-m", "pytest", *ORDERED)
PLUGIN = ("-p", "_specialist_ci_rounds", "--specialist-ci-rounds=50")
ROUNDS = ("python", "-m", "pytest", *PLUGIN, *ORDERED)
DISCOVER = ("python", "-m", "unittest", "discover")
MANIFEST = ("python", "-m", "_specialist_ci_manifest")
ROWS = "[benchmarks]\n\nname\tmetafile\na\t<local>\n"
WORKER = ("--worker", "--loops=50", "--warmups=0", "--values=1")


def _tree(files: Mapping[str, str]) -> Tree:
    return Tree(tuple(sorted(files)), files.get)


# What a project holds, and the suites that are found in it: name and command.
PICTURES: dict[str, tuple[dict[str, str], list[tuple[str, tuple[str, ...]]]]] = {
    "nothing": ({"package/module.py": "x = 1\n"}, []),
    "asv.conf.json": (
        {"asv.conf.json": '{"benchmark_dir": "perf" /* x */, // y\n}', "perf/a.py": ASV},
        [("asv", (*LOOP, "perf"))],
    ),
    "asv.conf.json below": (
        {"asv_bench/asv.conf.json": "{}", "asv_bench/benchmarks/a.py": "def time_it(): pass\n"},
        [("asv", (*LOOP, "asv_bench/benchmarks"))],
    ),
    "asv.conf.json leads out": ({"asv.conf.json": '{"benchmark_dir": "../x"}'}, []),
    "asv.conf.json is broken": (
        {"asv.conf.json": "{", "benchmarks/deep/a.py": ASV},
        [("asv", (*LOOP, "benchmarks"))],
    ),
    "benchmarks with time_*": ({"benchmarks/a.py": ASV}, [("asv", (*LOOP, "benchmarks"))]),
    "benchmarks without": ({"benchmarks/a.py": "def timer(): pass\n"}, []),
    "pytest-benchmark": (
        {"setup.cfg": "tests = pytest_benchmark>=4\n", "tests/test_a.py": FIXTURE},
        [
            ("pytest-benchmark", (*ROUNDS, "tests/test_a.py")),
            ("tests", (*PYTEST, "tests")),
        ],
    ),
    "pytest-codspeed": (
        {
            "requirements/test.txt": "pytest-codspeed==5\n",
            "benches/bench_a.py": "import pytest\n@pytest.mark.benchmark\ndef test_a(): pass\n",
            "benches/bench_b.py": FUNCTION,
        },
        [("pytest-codspeed", (*ROUNDS, "benches/bench_a.py"))],
    ),
    "a marker for the whole file": (
        {
            "requirements.txt": "pytest-codspeed\n",
            "bench/test_a.py": "import pytest\npytestmark = pytest.mark.benchmark()\n" + FUNCTION,
            "bench/test_b.py": f"pytestmark = [x, pytest.mark.benchmark]\n{FUNCTION}",
            "bench/test_c.py": f"pytestmark = pytest.mark.slow\n{FUNCTION}",
        },
        [
            ("pytest-codspeed", (*ROUNDS, "bench/test_a.py", "bench/test_b.py")),
            ("tests", PYTEST),
        ],
    ),
    "a fixture without its plugin": (
        {"tests/test_a.py": FIXTURE},
        [("tests", (*PYTEST, "tests"))],
    ),
    "a plugin in a comment": (
        {"requirements.txt": "# pytest-benchmark\n", "tests/test_a.py": FIXTURE},
        [("tests", (*PYTEST, "tests"))],
    ),
    "pyperf": (
        {"bench/a.py": PYPERF, "bench/b.py": RUN},
        [("pyperf", ("python", "bench/a.py", *WORKER)), ("scripts", ("python", "bench/b.py"))],
    ),
    "two of pyperf": (
        {"bench_a.py": PYPERF, "bench_b.py": "from pyperf import Runner\n"},
        [
            (
                "pyperf",
                ("python", "-m", "_specialist_ci_each", "bench_a.py", "bench_b.py", "--", *WORKER),
            )
        ],
    ),
    "scripts": (
        {"benchmarks/a.py": RUN, "bench.py": RUN, "package/bench.py": RUN, "benchmarks/_b.py": RUN},
        [("scripts", ("python", "-m", "_specialist_ci_each", "bench.py", "benchmarks/a.py"))],
    ),
    "a package of scripts": (
        {"bench/__main__.py": RUN, "bench/a.py": RUN, "bench/b.py": PYPERF},
        [("scripts", ("python", "-m", "bench"))],
    ),
    "a package of pyperf beside a script": (
        {
            "bench/__main__.py": "from pyperf._runner import Runner\n",
            "bench/a.py": RUN,
            "bench_b.py": PYPERF,
        },
        [
            (
                "pyperf",
                ("python", "-m", "_specialist_ci_each", "bench", "bench_b.py", "--", *WORKER),
            )
        ],
    ),
    "a manifest": (
        {"bench/MANIFEST": ROWS, "bench/bm_a/run_benchmark.py": PYPERF},
        [("pyperformance", (*MANIFEST, "bench/MANIFEST", *WORKER))],
    ),
    "a manifest that pyproject.toml names": (
        {
            "pyproject.toml": '[tool.pyperformance]\nmanifest = "x"\nmanifests = ["y/z"]\n',
            "y/z": ROWS,
            "MANIFEST": ROWS,
        },
        [("pyperformance", (*MANIFEST, "y/z", *WORKER))],
    ),
    "a manifest of something else": ({"MANIFEST": "setup.py\nREADME\n", "a/MANIFEST": ""}, []),
    "a module of definitions": ({"benchmarks/a.py": '"""Doc."""\nimport os\nx = 1\n'}, []),
    "a script that does not parse": ({"bench.py": "def\n"}, []),
    "pytest by its configuration": (
        {"pyproject.toml": "[tool.pytest.ini_options]\n", "tests/test_a.py": CASE},
        [("tests", (*PYTEST, "tests"))],
    ),
    "pytest by conftest.py": (
        {"conftest.py": "", "test_a.py": CASE},
        [("tests", PYTEST)],
    ),
    "testpaths": (
        {"pytest.ini": "[pytest]\ntestpaths = a b\n", "tests/test_a.py": FUNCTION},
        [("tests", PYTEST)],
    ),
    "coverage and workers": (
        {"tox.ini": "[pytest]\naddopts = -n auto --cov=x\n", "tests/test_a.py": FUNCTION},
        [("tests", (*PYTEST, "--no-cov", "-n0", "tests"))],
    ),
    "unittest": ({"tests/test_a.py": CASE}, [("tests", (*DISCOVER, "-s", "tests"))]),
    "unittest in a package": (
        {"tests/__init__.py": "", "tests/test_a.py": CASE},
        [("tests", (*DISCOVER, "-s", "tests", "-t", "."))],
    ),
    "a single file for unittest": (
        {"test.py": CASE, "package/test.py": CASE},
        [("tests", ("python", "-m", "unittest", "test.py"))],
    ),
    "a single file beside tests": (
        {"test.py": RUN, "tests/test_a.py": CASE},
        [("tests", (*DISCOVER, "-s", "tests"))],
    ),
    "unittest by the other pattern": (
        {"package/a_test.py": CASE},
        [("tests", (*DISCOVER, "-p", "*_test.py"))],
    ),
    "unittest by both patterns": (
        {"package/a_test.py": CASE, "test_b.py": CASE},
        [("tests", (*DISCOVER, "-p", "*test*.py"))],
    ),
    "hidden folders": ({".github/a_test.py": CASE, "a/.b/test_c.py": CASE, "bench.py": ""}, []),
    "pyperf inside the package": (
        {"package/benchmarks/a.py": PYPERF + RUN, "package/benchmarks/b.py": PYPERF},
        [("pyperf", ("python", "package/benchmarks/a.py", *WORKER))],
    ),
    "unittest beside the code": ({"test_a.py": CASE}, [("tests", DISCOVER)]),
    "all kinds in their order": (
        {
            "tests/test_a.py": FIXTURE,
            "requirements.txt": "pytest-benchmark",
            "bench.py": RUN,
            "bench_b.py": PYPERF,
            "benchmarks/a.py": ASV,
            "benchmarks/MANIFEST": ROWS,
        },
        [
            ("asv", (*LOOP, "benchmarks")),
            ("pytest-benchmark", (*ROUNDS, "tests/test_a.py")),
            ("pyperformance", (*MANIFEST, "benchmarks/MANIFEST", *WORKER)),
            ("pyperf", ("python", "bench_b.py", *WORKER)),
            ("scripts", ("python", "bench.py")),
            ("tests", (*PYTEST, "tests")),
        ],
    ),
}


@pytest.mark.parametrize("name", PICTURES)
def test_what_is_found(name: str) -> None:
    """Each kind is known by its files, and a file that is broken or odd is none."""
    files, expected = PICTURES[name]
    assert [(found.name, found.command) for found in find_suites(_tree(files))] == expected


def test_nothing_is_imported(tmp_path: Path) -> None:
    """Looking runs nothing of the project."""
    mark = tmp_path / "mark"
    text = f"open({str(mark)!r}, 'w')\n"
    find_suites(_tree(dict.fromkeys(("benchmarks/a.py", "setup.py", "conftest.py"), text + ASV)))
    assert not mark.exists()


def test_both_sides_get_whole_runners(tmp_path: Path) -> None:
    """Whoever asks first for the copy of our scripts, nobody meets a part of it."""
    expected = {path.name for path in (Path(runner.__file__).parents[1] / "runners").glob("*.py")}

    def copied(number: int) -> set[str]:
        scratch = tmp_path / str(number // 8)
        scratch.mkdir(exist_ok=True)
        (folder,) = runner.import_path(LOOP, scratch)
        return {path.name for path in Path(folder).iterdir()}

    with ThreadPoolExecutor(8) as threads:
        assert all(found == expected for found in threads.map(copied, range(80)))


# --- real runs ---

TRIED = 32  # executions after which each version has tried a site and given it up

PACKAGE = """\
def halve(value):
    return value - 2.0


def double(value):
    return value + value
"""
SLOW = PACKAGE.replace("value - 2.0", "value // 2.0")


def _diff(
    repository: Drawing, tree: Mapping[str, str], capsys: pytest.CaptureFixture[str], *options: str
) -> tuple[dict[str, Any], str]:
    """Compare a fast package with a slow one by what is found; return the report and stderr."""
    for name, text in (("fast", PACKAGE), ("slow", SLOW)):
        repository.commit({**tree, "package.py": text}, name)
        repository.git("tag", "--force", name)
    code = main(["diff", "fast", "slow", "--format", "json", *options])
    out, err = capsys.readouterr()
    assert code == 1, err
    return json.loads(out), err


def _executions(tmp_path: Path, line: int, *options: str) -> int:
    """Measure HEAD, and return how often a failing line of the package ran at least."""
    path = tmp_path / "snapshot.json"
    assert main(["run", "HEAD", "--no-cache", "-o", str(path), *options]) == 0
    data = json.loads(path.read_text(encoding="utf-8"))
    (file,) = [file for file in data["files"] if file["path"] == "package.py"]
    (found,) = [one for one in file["lines"] if one["line"] == line]
    # 3.11 gives an operator up for good, and tells no number then.
    told = [int(site["executions"]) for site in found["sites"] if site.get("executions")]
    return max(told, default=TRIED)


def _only_halve(report: dict[str, Any]) -> None:
    assert [(one["kind"], one["path"], one["line"]) for one in report["changes"]] == [
        ("regression", "package.py", 2)
    ]
    assert [one["name"] for one in report["conditions"] if one["blocking"]] == []


def test_asv_runs_without_asv(
    repository: Drawing, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Functions and methods run with their parameters, setup and teardown, and skip as in asv."""
    log = tmp_path / "log"
    suite = f"""\
from package import halve

LOG = open({str(log)!r}, "a", buffering=1)


def setup(*_arguments):
    LOG.write(" module ")


class Suite:
    params = [[1, 2], ["a", "b"]]
    param_names = ["number", "text"]
    repeat, number, timeout = 99, 20, 0.001

    def setup_cache(self):
        LOG.write("cache ")
        return 7.0

    def setup(self, cache, number, text):
        if (number, text) == (2, "b"):
            raise NotImplementedError
        self.calls = 0

    def time_halve(self, cache, number, text):
        self.calls += 1
        halve(cache + number)

    def teardown(self, cache, number, text):
        LOG.write(f"{{number}}{{text}}{{self.calls}} ")

    def mem_nothing(self, cache, number, text):
        raise AssertionError


class TimeNothing:
    pass


def time_flat(value):
    LOG.write("f" * value)
    halve(float(value))


time_flat.params = [1, 2]
"""
    tree = {"asv.conf.json": "{}", "benchmarks/suite.py": suite, "benchmarks/__init__.py": ""}
    report, err = _diff(repository, tree, capsys)
    _only_halve(report)
    assert err.startswith("suite asv: python -m _specialist_ci_asv 50 benchmarks (found: asv.conf")
    log.write_text("", encoding="utf-8")
    _executions(tmp_path, 2)
    said = log.read_text(encoding="utf-8").split()
    calls = [f"{values}{number}" for values in ("1a", "1b", "2a") for number in (20, 20, 10)]
    assert said[0] == "cache"
    assert [word for word in said if word[0].isdigit()] == calls
    assert [word for word in said if word[0] == "f"] == ["f" * CALLS, "f" * 2 * CALLS]
    assert said.count("module") == len(calls) + 3  # and that of what is skipped, and both flat


def test_asv_benchmarks_by_their_names(
    repository: Drawing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pattern behind the folder chooses, as --bench does for asv."""
    text = """\
import os
from package import halve

def time_it(name="small"):
    halve(3.0)
    with open(os.environ["LOG"], "a") as log:
        print(name, file=log)

class Big:
    def time_it(self):
        time_it("big")
"""
    repository.commit({"benchmarks/speed.py": text, "package.py": PACKAGE})
    log = tmp_path / "log"
    monkeypatch.setenv("LOG", str(log))
    for pattern, expected in ("speed.*Big", {"big"}), ("^speed.time", {"small"}):
        command = ("python", "-m", "_specialist_ci_asv", "50", "benchmarks", pattern)
        assert main(["run", "-o", str(tmp_path / "x.json"), "--", *command]) == 0
        assert set(log.read_text().split()) == expected
        log.unlink()


# The files of a project, and its command where each benchmark is called seven times.
CALLED: dict[str, tuple[Mapping[str, str], str]] = {
    "asv": ({"benchmarks/a.py": ASV}, "python -m _specialist_ci_asv 7 benchmarks"),
    "plugin": (
        {"requirements.txt": "pytest-benchmark\n", "test_a.py": "def test(benchmark): pass\n"},
        "python -m pytest -p _specialist_ci_rounds --specialist-ci-rounds=7",
    ),
    "manifest": (
        {"bench/MANIFEST": "[benchmarks]\nname\tmetafile\n"},
        "python -m _specialist_ci_manifest bench/MANIFEST --worker --loops=7",
    ),
    "pyperf": ({"bench.py": "import pyperf\n"}, "python bench.py --worker --loops=7"),
}


@pytest.mark.parametrize("name", CALLED)
def test_number_of_calls(
    name: str, repository: Drawing, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever has long benchmarks can have them called less often."""
    files, command = CALLED[name]
    repository.commit({"package.py": PACKAGE, **files})
    assert main(["check-config", "--calls", "7"]) == 0
    assert f"command  {command}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("files", "words", "message"),
    [
        ({"benchmarks/a.py": ASV}, ("--", "x"), "there is a command behind --: leave it out"),
        ({"bench.py": "print()\n"}, (), "no suite with benchmarks to call was found"),
        (
            {"specialist-ci.toml": "[suites.a]\ncommand = 'x'\n", "benchmarks/a.py": ASV},
            (),
            "specialist-ci.toml:1 configures what runs",
        ),
    ],
)
def test_no_number_of_calls(
    files: Mapping[str, str],
    words: tuple[str, ...],
    message: str,
    repository: Drawing,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """It is refused where it would change nothing."""
    repository.commit(files)
    assert main(["check-config", "--calls", "7", *words]) == 2
    assert f"--calls is for benchmarks that are found, and {message}" in capsys.readouterr().err


def test_asv_that_fails_is_not_measured(
    repository: Drawing, capsys: pytest.CaptureFixture[str]
) -> None:
    """A benchmark that raises, or a module that does not import, is no green result."""
    for name, text in {
        "raises": "def time_it():\n    1/0\n",
        "import": f"import nope\n{ASV}",
    }.items():
        repository.commit({"benchmarks/a.py": text, "package.py": PACKAGE}, name)
        assert main(["diff", "HEAD"]) == 3
        assert "failed" in capsys.readouterr().err


BENCHMARKS = """\
import pytest
from package import double, halve


def test_call(benchmark):
    assert benchmark(halve, 3.0) == 1.0


def test_pedantic(benchmark):
    benchmark.pedantic(double, args=(2.0,), rounds=1)


@pytest.mark.parametrize("value", [1.0])
def test_many(benchmark, value):
    @benchmark
    def run():
        double(value)


def test_no_benchmark():
    raise AssertionError
"""


@pytest.mark.parametrize(
    "requirements",
    [
        ("pytest==9.0.2", "pytest-benchmark==5.2.3"),
        ("pytest==9.0.2", "pytest-codspeed==4.2.0"),
        ("pytest==8.4.2", "pytest-benchmark==4.0.0"),
    ],
    ids=lambda requirements: requirements[1],
)
def test_benchmark_fixture(
    requirements: tuple[str, ...],
    repository: Drawing,
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Every benchmark runs a fixed number of times, whatever the plugin's clock would say."""
    shared = shared_folder(tmp_path_factory)
    python = str(virtual_environment(Path(sys.executable), *requirements, shared=shared))
    plugin = requirements[1].partition("==")[0]
    tree = {"requirements.txt": "\n".join(requirements), "tests/test_speed.py": BENCHMARKS}
    report, err = _diff(repository, tree, capsys, "--python", python)
    _only_halve(report)
    assert err.startswith(f"suite {plugin}: ")
    runs = {_executions(tmp_path, 2, "--python", python) for _ in range(2)}
    assert len(runs) == 1
    assert 32 <= runs.pop() <= CALLS


def test_pyperf(
    repository: Drawing,
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Every benchmark of a script runs in one process, a fixed number of times."""
    shared = shared_folder(tmp_path_factory)
    python = str(virtual_environment(Path(sys.executable), "pyperf==2.10.0", shared=shared))
    script = """\
import pyperf
from package import double, halve

runner = pyperf.Runner()
runner.bench_func("halve", halve, 3.0)
runner.bench_func("double", double, 3.0)
"""
    tree = {"benchmarks/speed.py": script, "benchmarks/other.py": script}
    report, err = _diff(repository, tree, capsys, "--python", python)
    _only_halve(report)
    assert err.startswith("suite pyperf: ")
    assert report["head"]["processes"] == 3  # the one that starts both scripts, and these
    assert 32 <= _executions(tmp_path, 2, "--python", python) <= CALLS


def test_manifest(
    repository: Drawing,
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Benchmarks of the default group run with their options, each in a process of its own."""
    shared = shared_folder(tmp_path_factory)
    python = str(virtual_environment(Path(sys.executable), "pyperf==2.10.0", shared=shared))
    log = tmp_path / "log"
    script = f"""\
import sys
import pyperf
import package

words = [word for word in sys.argv[1:] if not word.startswith("--")]
with open({str(log)!r}, "a") as log:
    print(__file__.rpartition("/")[2], *words, file=log)
runner = pyperf.Runner()
runner.argparser.add_argument("which", nargs="?", default="halve")
which = runner.parse_args().which
runner.bench_func(which, getattr(package, which), 3.0)
"""
    rows = ["one\t<local>", "two\t<local:one>", "other\tx/other.toml", "left\t<local>"]
    rows += ["new\tx/new.toml", "tagged\tx/tagged.toml", "loose\tx/loose.toml"]
    tree = {
        "bench/MANIFEST": "[includes]\n<default>\nmore/MANIFEST\n[benchmarks]\n\nname\tmetafile\n"
        + "".join(f"{row}\n" for row in rows)
        + "\n[group default]\nsome  # and more\ntag\nincluded\n-left\n\n"
        "[group some]\n-loose\n-tagged\n",
        "bench/more/MANIFEST": "[benchmarks]\nname\tmetafile\nincluded\t.\n",
        "bench/more/pyproject.toml": "[tool.pyperformance]\nextra_opts = ['double']\n",
        "bench/more/run_benchmark.py": script,
        "bench/bm_one/pyproject.toml": '[project]\nrequires-python = ">=3.8,<4"\n',
        "bench/bm_one/bm_two.toml": "[tool.pyperformance]\nextra_opts = ['double']\n",
        "bench/bm_one/run_benchmark.py": script,
        "bench/x/other.toml": "[tool.pyperformance]\nrunscript = 'o.py'\ninherits = '..'\n",
        "bench/base.toml": "[tool.pyperformance]\nextra_opts = ['halve']\n",
        "bench/x/o.py": script,
        "bench/x/loose.toml": "",
        "bench/bm_left/pyproject.toml": "",
        "bench/x/new.toml": "[project]\nrequires-python = '>=4'\n",
        "bench/x/tagged.toml": "[tool.pyperformance]\nrunscript = 'o.py'\ntags = 'a, tag'\n",
    }
    report, err = _diff(repository, tree, capsys, "--python", python, "--jobs", "1")
    _only_halve(report)
    assert err.startswith("suite pyperformance: python -m _specialist_ci_manifest bench/MANIFEST ")
    ran = ["run_benchmark.py double", "run_benchmark.py", "run_benchmark.py double"]
    ran += ["o.py halve", "o.py"]
    lines = log.read_text(encoding="utf-8").splitlines()
    assert lines[: len(ran)] == ran
    assert lines == ran * (len(lines) // len(ran))
    assert report["head"]["processes"] == len(ran) + 1
    assert 32 <= _executions(tmp_path, 2, "--python", python) <= 3 * CALLS


def test_scripts_tests_and_their_choice(
    repository: Drawing, capsys: pytest.CaptureFixture[str]
) -> None:
    """The best kind runs unless --suite names another; unittest needs nothing installed."""
    use = "from package import halve\nfor number in range(99):\n    halve(float(number))\n"
    case = (
        "import unittest\nfrom package import halve\n\n"
        "class TestIt(unittest.TestCase):\n    def test_it(self):\n"
        "        for number in range(99):\n            halve(float(number))\n"
    )
    tree = {"bench.py": use, "benchmarks/b.py": use, "tests/test_package.py": case}
    report, err = _diff(repository, tree, capsys)
    _only_halve(report)
    assert err.startswith("suite scripts: python -m _specialist_ci_each bench.py benchmarks/b.py")
    report, err = _diff(repository, tree, capsys, "--suite", "tests")
    _only_halve(report)
    assert err.startswith("suite tests: python -m unittest discover -s tests (found: tests/ and")


def test_failing_script_is_not_measured(
    repository: Drawing, capsys: pytest.CaptureFixture[str]
) -> None:
    """One script of several that fails is no green result."""
    repository.commit({"bench_a.py": RUN, "bench_b.py": "raise SystemExit(4)\n"})
    assert main(["diff", "HEAD"]) == 3
    assert "bench_b.py ended with status 4" in capsys.readouterr().err


def test_what_a_failure_is_likely_to_lack(
    repository: Drawing, capsys: pytest.CaptureFixture[str]
) -> None:
    """A module that is not installed, and a file that only head has, are told with the remedy."""
    repository.commit({"a.py": ""})
    repository.commit({"a.py": "", "bench_a.py": "import no_such_module\nprint()\n"})
    assert main(["diff", "HEAD", "HEAD"]) == 3
    err = capsys.readouterr().err
    assert "ModuleNotFoundError: No module named 'no_such_module'" in err
    assert "measure again, or let --install provide what it imports" in err
    words = ["--", "python", "-m", "no_such_module"]  # runpy's words are others
    assert main(["diff", "HEAD", "HEAD", *words]) == 3
    assert "measure again, or let --install provide what it imports" in capsys.readouterr().err
    assert main(["diff", "HEAD~1", "HEAD"]) == 3
    err = capsys.readouterr().err
    assert "; base has no bench_a.py: make `python bench_a.py` succeed there" in err
    assert "or measure by what both sides have (--suite, or a command after --)" in err


def test_nothing_found_is_one_clear_line(
    repository: Drawing, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without command, configuration and anything found, the user is asked for a command."""
    repository.commit({"package.py": PACKAGE})
    assert main(["diff", "HEAD"]) == 2
    err = capsys.readouterr().err
    assert (err.count("\n"), "no command to measure" in err) == (1, True)
    # Where there are several projects, none is chosen, and not all at once.
    projects = {f"libs/{name}/{file}": "" for name in "ab" for file in ("setup.py", "bench.py")}
    repository.commit({"package.py": PACKAGE, "libs/a/test_a.py": FUNCTION, **projects})
    assert main(["diff", "HEAD"]) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert "stand in the folder of one of the projects (libs/a, libs/b), or name the" in err


def test_package_of_a_monorepo(
    repository: Drawing, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is found belongs to the nearest project, whose folder and src are on the path."""
    use = "from package import halve\nfor number in range(99):\n    halve(float(number))\n"
    for name, text in (("fast", PACKAGE), ("slow", SLOW)):
        tree = {
            "bench.py": "raise SystemExit(1)\n",
            "one/pyproject.toml": "",
            "one/bench.py": use,
            "one/src/package.py": text,
            "one/docs/x.py": "",
        }
        repository.commit(tree, name)
        repository.git("tag", name)
    monkeypatch.chdir(repository.root / "one" / "docs")
    assert main(["diff", "fast", "slow"]) == 1
    out, err = capsys.readouterr()
    assert "one/src/package.py:2" in out
    assert err == "suite scripts: python bench.py (found: bench.py)\n"

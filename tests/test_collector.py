"""The collector finds the code that runs, and the program does not notice it."""

import ast
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from collecting import (
    Collected,
    Outcome,
    collect,
    draw,
    execute,
    start,
    surroundings,
    without_collector,
)
from packages import shared_folder, virtual_environment
from pythons import unspecializing

from specialist_ci.errors import MeasurementError
from specialist_ci.formats.snapshot import State
from specialist_ci.measuring.identity import identify

COLLECTOR = Path(__file__).parent.parent / "specialist_ci" / "collector"

HOT = """
def hot(a, b):
    return a + b

total = 0
for number in range(200):
    total = hot(total, number)
"""
HELPER = """
def helped(a, b):
    return a * b

class Helper:
    def method(self):
        return self

for number in range(200):
    helped(number, number)
"""


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the packages."""
    return shared_folder(tmp_path_factory)


@pytest.fixture
def venv_with_pytest(python: Path, shared: Path) -> Path:
    """Return the python of a virtual environment that has pytest."""
    return virtual_environment(python, "pytest==8.4.2", shared=shared)


def run(
    python: Path,
    folder: Path,
    tree: Mapping[str, str],
    *arguments: str,
    cwd: str = ".",
    status: int = 0,
    env: Mapping[str, str] | None = None,
) -> Collected:
    """Run ``python arguments...`` in a tree of files with the collector inside."""
    root = draw(folder / "root", tree)
    where = root / cwd
    where.mkdir(exist_ok=True)
    (root / "sub").mkdir(exist_ok=True)
    words = [word.replace("{root}", str(root)) for word in arguments]
    return collect(
        python, root, words, scratch=folder / "scratch", cwd=where, env=env, status=status
    )


def assert_seen(collected: Collected, *names: str) -> None:
    """Check that the functions are in the dumps, and that ``hot`` reads as it ran."""
    assert set(names) <= collected.functions()
    assert collected.control.count("raw") == collected.control.count("started")
    if "hot" in names:
        assert {site.form for site in collected.sites("hot")} == {"BINARY_OP_ADD_INT"}


# What is found.


@pytest.mark.parametrize(
    ("arguments", "cwd"),
    [
        pytest.param(["bench.py"], ".", id="relative"),
        pytest.param(["./bench.py"], ".", id="dot"),
        pytest.param(["../bench.py"], "sub", id="above"),
        pytest.param(["sub/../bench.py"], ".", id="detour"),
        pytest.param(["{root}/bench.py"], "sub", id="absolute"),
        pytest.param(["-u", "-X", "utf8", "bench.py", "an argument"], ".", id="options"),
        pytest.param(["-OO", "bench.py"], ".", id="optimized"),
        pytest.param(["-P", "bench.py"], ".", id="safe-path"),
        pytest.param(["-m", "bench"], ".", id="module"),
        pytest.param(["-m", "bench"], "sub", id="module-elsewhere"),
        pytest.param(["-c", "import bench"], ".", id="import"),
        pytest.param(["-c", "import bench"], "sub", id="import-elsewhere"),
        pytest.param(["-c", "import runpy; runpy.run_path('bench.py')"], ".", id="run-path"),
        pytest.param(["-c", "import runpy; runpy.run_module('bench')"], ".", id="run-module"),
        pytest.param(["-m", "timeit", "-n1", "-r1", "import bench"], ".", id="timeit"),
    ],
)
def test_a_script_is_found(
    python: Path, tmp_path: Path, arguments: Sequence[str], cwd: str
) -> None:
    """A script's module code and functions are found however the script is started."""
    collected = run(python, tmp_path, {"bench.py": HOT}, *arguments, cwd=cwd)
    assert_seen(collected, "<module>", "hot")
    assert {code.path for code in collected.codes()} == {
        str((tmp_path / "root/bench.py").resolve())
    }


@pytest.mark.parametrize(
    "arguments",
    [
        ["-m", "cProfile", "bench.py"],
        ["-m", "profile", "bench.py"],
        ["-m", "trace", "--count", "--missing", "--coverdir={root}/covered", "bench.py"],
        ["-m", "trace", "--listfuncs", "bench.py"],
        ["-c", "import cProfile, bench; cProfile.run('bench.hot(1, 2)')"],
    ],
    ids=lambda arguments: arguments[1].partition(" ")[0],
)
def test_a_profiled_script_is_found(python: Path, tmp_path: Path, arguments: Sequence[str]) -> None:
    """A script that runs under a profiler is found, whatever that does to its sites."""
    collected = run(python, tmp_path, {"bench.py": HOT}, *arguments)
    assert_seen(collected, "<module>")
    assert "hot" in collected.functions()


@pytest.mark.parametrize(
    ("arguments", "main"),
    [
        (["-m", "package"], "package/__main__.py"),
        (["package"], "package/__main__.py"),
        (["-m", "package.inner.bench"], "package/inner/bench.py"),
    ],
)
def test_a_package_is_found(
    python: Path, tmp_path: Path, arguments: Sequence[str], main: str
) -> None:
    """Packages that run as a program are found, with the packages above the module."""
    tree = {
        "package/__init__.py": HELPER,
        "package/inner/__init__.py": "def initial(): return 1 + int()\ninitial()",
        main: HOT,
    }
    collected = run(python, tmp_path, tree, *arguments)
    assert_seen(collected, "<module>", "hot")
    if arguments[0] == "-m":
        assert_seen(collected, "helped", "Helper.method", "Helper")
    if "inner" in main:
        assert_seen(collected, "initial")


def test_imports_of_all_kinds(python: Path, tmp_path: Path) -> None:
    """Imported, reloaded, late and relative modules are found, each with its module code."""
    tree = {
        "bench.py": HOT + "import importlib.util, os, sys\n"
        "import plain\nimportlib.reload(plain)\n"
        "from package import relative\n"
        "os.chdir('elsewhere'); sys.path.insert(0, '')\nimport afar\n"
        "importlib.import_module('package.late')\n"
        "spec = importlib.util.spec_from_file_location('byhand', '../byhand.py')\n"
        "module = importlib.util.module_from_spec(spec); spec.loader.exec_module(module)\n",
        "plain.py": "def in_plain(a): return a.b\n",
        "package/__init__.py": "",
        "package/relative.py": "from . import sibling\n",
        "package/sibling.py": "def in_sibling(a): return a.b\n",
        "package/late.py": "def in_late(a): return a.b\n",
        "elsewhere/afar.py": "def in_afar(a): return a.b\n",
        "byhand.py": "def in_byhand(a): return a.b\n",
    }
    collected = run(python, tmp_path, tree, "bench.py")
    assert_seen(collected, "hot", "in_plain", "in_sibling", "in_late", "in_afar", "in_byhand")


def test_module_code_of_imports(python: Path, tmp_path: Path) -> None:
    """The hot loop of a module is found after its import, from source and from bytecode."""
    tree = {"bench.py": "import helper\n", "helper.py": HELPER}
    for _ in ("source", "bytecode"):
        collected = run(python, tmp_path, tree, "bench.py")
        (module,) = (
            code
            for code in collected.codes()
            if code.path.endswith("helper.py") and code.qualname == "<module>"
        )
        assert State.SPECIALIZED in {site.state for site in module.sites}
    assert list((tmp_path / "root").rglob("helper.*.pyc"))


def test_functions_made_by_hand(python: Path, tmp_path: Path) -> None:
    """Functions made by exec under a real file's name, or by code.replace, are found."""
    source = (
        HOT
        + """
space = {}
exec(compile("def made(a): return a.b + 1", __file__, "exec"), space)
hot.__code__ = hot.__code__.replace(co_name="renamed", co_qualname="renamed")
for _ in range(200):
    hot(1.5, 2.5)
"""
    )
    collected = run(python, tmp_path, {"bench.py": source}, "bench.py")
    assert_seen(collected, "made", "renamed")
    assert collected.sites("renamed")[0].form == "BINARY_OP_ADD_FLOAT"


def test_functions_that_are_frozen(python: Path, tmp_path: Path) -> None:
    """gc.freeze() hides functions from the collector of garbage, but not from ours."""
    source = """
import gc
space = {}
exec(compile("def made(a): return a.b + 1", __file__, "exec"), space)
gc.freeze()
gc.freeze()
exec(compile("def later(a): return a.b + 1", __file__, "exec"), space)
print(gc.get_freeze_count() > 1000, gc.freeze.__name__, gc.freeze.__doc__ is not None)
"""
    collected = run(python, tmp_path, {"bench.py": source}, "bench.py")
    assert_seen(collected, "made", "later")
    assert collected.outcome.stdout == "True freeze True\n"


def test_children_are_found(python: Path, tmp_path: Path) -> None:
    """Python processes that the program starts leave dumps of their own."""
    source = "import subprocess, sys\nsubprocess.run([sys.executable, '-m', 'child'], check=True)\n"
    collected = run(python, tmp_path, {"bench.py": source, "child.py": HOT}, "bench.py")
    assert len(collected.dumps) == 2
    assert_seen(collected, "hot")


def test_rewritten_by_pytest(venv_with_pytest: Path, tmp_path: Path) -> None:
    """Modules whose asserts pytest rewrites are found, freshly rewritten and from its cache."""
    tree = {
        "conftest.py": "def in_conftest(a):\n    return a.b\n",
        "test_it.py": HOT + "def test_it():\n    assert hot(1, 2) == 3\n",
        "helper.py": HELPER,
        "test_other.py": "import helper\ndef test_other():\n    assert helper.helped(1, 2) == 2\n",
    }
    for _ in ("rewritten", "cached"):
        collected = run(venv_with_pytest, tmp_path, tree, "-m", "pytest", "-q")
        assert_seen(collected, "hot", "test_it", "test_other", "helped", "in_conftest", "<module>")
        modules = {c.path.rpartition("/")[2] for c in collected.codes() if c.qualname == "<module>"}
        assert {"test_it.py", "helper.py", "test_other.py"} <= modules
    assert list((tmp_path / "root").rglob("test_it.*-pytest-*.pyc"))


# Not disturbed: what programs do, with and without the collector.

RECURSION = """
import sys

def down(depth):
    try:
        return down(depth + 1)
    except RecursionError:
        return depth

print(down(0))
print(len(list(iter_frames := [])))
import deep
"""

CASES: dict[str, tuple[dict[str, str], list[str]]] = {
    "fine": ({"bench.py": HOT + "print(total)\n"}, ["bench.py"]),
    "exit": ({"bench.py": "import sys\nsys.exit(3)\n"}, ["bench.py"]),
    "exit-text": ({"bench.py": "raise SystemExit('a reason')\n"}, ["bench.py"]),
    "exit-at-once": (
        {"bench.py": "import os\nprint('x', flush=True)\nos._exit(4)\n"},
        ["bench.py"],
    ),
    "uncaught": ({"bench.py": "def fail():\n    1 / 0\nfail()\n"}, ["bench.py"]),
    "uncaught-module": ({"bench.py": "def fail():\n    1 / 0\nfail()\n"}, ["-m", "bench"]),
    "import-fails": (
        {
            "bench.py": "import outer\n",
            "outer.py": "from package import inner\n",
            "package/__init__.py": "",
            "package/inner.py": "def fail():\n    raise KeyError('deep')\nfail()\n",
        },
        ["bench.py"],
    ),
    "import-not-found": (
        {"bench.py": "import outer\n", "outer.py": "import nowhere_at_all\n"},
        ["bench.py"],
    ),
    "import-circle": (
        {
            "bench.py": "import one\n",
            "one.py": "from two import b\n",
            "two.py": "from one import a\n",
        },
        ["bench.py"],
    ),
    "syntax-error": (
        {"bench.py": "import broken\n", "broken.py": "def f(:\n    pass\n"},
        ["bench.py"],
    ),
    "syntax-error-in-script": ({"bench.py": "def f(:\n    pass\n"}, ["bench.py"]),
    "no-script": ({}, ["bench.py"]),
    "no-module": ({}, ["-m", "nowhere_at_all"]),
    "module-in-failing-package": (
        {"package/__init__.py": "1 / 0\n", "package/bench.py": ""},
        ["-m", "package.bench"],
    ),
    "package-without-main": ({"package/__init__.py": "print('here')\n"}, ["-m", "package"]),
    "recursion": (
        {
            "bench.py": "import deep\nprint(deep.down(0), deep.low)\n",
            "deep.py": "def down(depth):\n    try:\n        return down(depth + 1)\n"
            "    except RecursionError:\n        return depth\nlow = down(0)\nimport deeper\n",
            "deeper.py": "from deep import down\nprint(down(0))\n",
        },
        ["bench.py"],
    ),
    "recursion-uncaught": ({"bench.py": "def f():\n    f()\nf()\n"}, ["bench.py"]),
    "stack": (
        {
            "bench.py": "import helper, traceback\ntraceback.print_stack()\n",
            "helper.py": "import sys\nframe = sys._getframe()\nwhile frame:\n"
            "    code = frame.f_code\n    print(code.co_filename, code.co_qualname)\n"
            "    frame = frame.f_back\n",
        },
        ["bench.py"],
    ),
    "stack-of-module": (
        {"bench.py": "import traceback\ntraceback.print_stack()\n"},
        ["-m", "bench"],
    ),
    "stack-of-run-path": (
        {
            "bench.py": "import runpy\nrunpy.run_path('other.py')\nrunpy.run_module('other')\n",
            "other.py": "import traceback\ntraceback.print_stack()\n",
        },
        ["bench.py"],
    ),
    "state": (
        {
            "bench.py": "import gc, sys, threading, warnings\n"
            "print(sys.path, sys.argv, sys.flags, sys.orig_argv[1:])\n"
            "print(len(sys.meta_path), len(sys.path_hooks))\n"
            "print(sys.gettrace(), sys.getprofile())\n"
            "print(threading.gettrace(), threading.getprofile())\n"
            "print(gc.get_threshold(), gc.isenabled(), gc.get_freeze_count())\n"
            "print(sys.getrecursionlimit(), sys.getswitchinterval(), sys.excepthook is"
            " sys.__excepthook__, sys.unraisablehook is sys.__unraisablehook__)\n"
            "print(threading.active_count(), sorted(vars()), sorted(vars(sys)))\n"
            "if hasattr(sys, 'monitoring'):\n"
            "    print([sys.monitoring.get_tool(tool) for tool in range(6)])\n"
            "    print(sys.monitoring.use_tool_id(4, 'mine'), sys.monitoring.get_events(4))\n"
        },
        ["bench.py"],
    ),
    "state-of-module": (
        {
            "bench.py": "import sys\nprint(sys.path, sys.argv, sys.getprofile(), __name__,"
            " __spec__.name, __file__, sorted(vars()))\n"
            "if hasattr(sys, 'monitoring'):\n"
            "    print([sys.monitoring.get_tool(tool) for tool in range(6)])\n"
        },
        ["-m", "bench"],
    ),
    "state-of-command": (
        {},
        [
            "-c",
            "import sys; print(sys.path, sys.argv, sys.gettrace(), sys.getprofile(), *vars())",
        ],
    ),
    "warnings": (
        {"bench.py": HOT + "import helper\n", "helper.py": HELPER},
        ["-Werror", "bench.py"],
    ),
    "development-mode": (
        {"bench.py": HOT + "import helper\n", "helper.py": HELPER},
        ["-Xdev", "-bb", "-Werror", "-Xwarn_default_encoding", "bench.py"],
    ),
    "isolated": ({"bench.py": HOT + "import sys\nprint(sys.path)\n"}, ["-I", "bench.py"]),
    "without-site": ({"bench.py": HOT + "print(total)\n"}, ["-S", "bench.py"]),
    "at-exit": (
        {
            "bench.py": "import atexit, threading\natexit.register(print, 'first')\n"
            "atexit.register(print, 'second')\n"
            "class Last:\n    def __del__(self):\n        print('third')\nlast = Last()\n"
            "threading.Thread(target=print, args=('zeroth',)).start()\n"
        },
        ["bench.py"],
    ),
    "at-exit-fails": (
        {"bench.py": "import atexit\natexit.register(divmod, 1, 0)\n"},
        ["bench.py"],
    ),
    "own-hooks": (
        {
            "bench.py": "import builtins, sys\nexecuted = []\n"
            "sys.addaudithook(lambda name, arguments: executed.append(name))\n"
            "real = builtins.__import__\n"
            "builtins.__import__ = lambda *a, **k: (print('import', a[0]), real(*a, **k))[1]\n"
            "import helper\nprint(executed.count('exec'))\n",
            "helper.py": HELPER,
        },
        ["bench.py"],
    ),
    "environment": (
        {
            "bench.py": "import os\nprint({k: v for k, v in os.environ.items()"
            " if k not in ('PYTHONPATH', 'SPECIALIST_CI_CONTROL')})\n"
        },
        ["bench.py"],
    ),
    "working-directory-gone": (
        {
            "bench.py": "import os\nos.mkdir('gone')\nos.chdir('gone')\nos.rmdir('../gone')\n"
            "import helper\nexec(compile('x = 1', 'relative.py', 'exec'))\n",
            "helper.py": HELPER,
        },
        ["bench.py"],
    ),
    "relative-name-in-no-directory": (
        {
            "bench.py": "import os, sys\n"
            "from importlib.abc import SourceLoader\n"
            "from importlib.util import module_from_spec, spec_from_loader\n"
            "class Loader(SourceLoader):\n"
            "    def get_filename(self, name): return 'relative.py'\n"
            "    def get_data(self, path): return b'print(__name__)'\n"
            "os.mkdir('gone')\nos.chdir('gone')\nos.rmdir('../gone')\n"
            "spec = spec_from_loader('virtual', Loader())\n"
            "spec.loader.exec_module(module_from_spec(spec))\n"
        },
        ["bench.py"],
    ),
    "patched": (
        {
            "bench.py": "import gc, marshal, os\n"
            "def refuse(*arguments): raise SystemError('not you')\n"
            "os.rename = marshal.dump = gc.get_objects = refuse\nprint('done')\n"
        },
        ["bench.py"],
    ),
    "closed-streams": (
        {"bench.py": "import sys, os\nos.close(1)\nos.close(2)\nsys.exit(5)\n"},
        ["bench.py"],
    ),
    "own-sitecustomize": (
        {
            "sitecustomize.py": "import sys\nprint('customized', __name__, __file__)\n"
            "sys.customized = True\n",
            "bench.py": "import sys, sitecustomize\nprint(sys.customized, sitecustomize.__file__)\n"
            "print('sitecustomize' in sys.modules)\n",
        },
        ["bench.py"],
    ),
    "own-sitecustomize-imports-nothing": (
        {"sitecustomize.py": "import nowhere_at_all\n", "bench.py": "print('still')\n"},
        ["bench.py"],
    ),
    "own-sitecustomize-fails": (
        {
            "sitecustomize.py": "1 / 0\n",
            "bench.py": "import sys\nprint('sitecustomize' in sys.modules)\n",
        },
        ["bench.py"],
    ),
    "own-usercustomize": (
        {"usercustomize.py": "print('customized')\n", "bench.py": "print('still')\n"},
        ["bench.py"],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_the_program_does_not_notice(python: Path, tmp_path: Path, case: str) -> None:
    """Exit status, stdout and stderr are to the letter what they are without the collector."""
    tree, arguments = CASES[case]
    root = draw(tmp_path / "root", {"unrelated.py": "", **tree})
    without = without_collector(python, root, arguments)
    shutil.rmtree(root)
    root = draw(tmp_path / "root", {"unrelated.py": "", **tree})
    control, measured = start(python, root, arguments, scratch=tmp_path / "scratch")
    assert measured == without
    expected = 0 if case in {"isolated", "without-site"} else 1
    assert control.count("started") == expected


def test_no_module_is_imported_early(python: Path, tmp_path: Path) -> None:
    """Of a program that imports nothing, sys.modules has the recorder's few modules more."""
    source = "import sys\nprint(*sorted(sys.modules))\n"
    root = draw(tmp_path / "root", {"bench.py": source})
    without = without_collector(python, root, ["bench.py"])
    collected = collect(python, root, ["bench.py"], scratch=tmp_path / "scratch")
    more = set(collected.outcome.stdout.split()) - set(without.stdout.split())
    # The interpreter's own C modules, types, and the files of the collector.
    ours = {path.stem for path in COLLECTOR.glob("*.py")} - {"decode", "identify"}
    assert more <= ours | {"_types", "atexit", "gc", "types"}
    assert set(without.stdout.split()) <= set(collected.outcome.stdout.split())


def test_interrupt(python: Path, tmp_path: Path) -> None:
    """Ctrl-C ends a measured program as it ends any other, with the same traceback."""
    source = "import time\nprint('ready', flush=True)\ntime.sleep(60)\n"
    root = draw(tmp_path / "root", {"bench.py": source})
    scratch = tmp_path / "scratch"
    control, _ = start(python, root, ["-c", ""], scratch=scratch)
    shutil.rmtree(control.folder / "raw")
    (control.folder / "raw").mkdir()
    measured = {
        **surroundings(),
        "PYTHONPATH": str(control.folder / "collector"),
        "SPECIALIST_CI_CONTROL": str(control.folder),
    }
    outcomes = [interrupted(python, root, env) for env in (surroundings(), measured)]
    assert outcomes[0] == outcomes[1]
    assert outcomes[0].status == -signal.SIGINT
    assert "KeyboardInterrupt" in outcomes[0].stderr
    assert (control.count("started"), control.count("raw")) == (1, 1)


def interrupted(python: Path, root: Path, env: Mapping[str, str]) -> Outcome:
    """Start bench.py, wait until it is ready, and press Ctrl-C."""
    with subprocess.Popen(
        [python, "bench.py"],
        cwd=root,
        env=dict(env),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        ready = process.stdout.readline()
        time.sleep(0.3)  # until it sleeps
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=30)
    return Outcome(process.returncode, ready + stdout, stderr)


def test_pytest_does_not_notice(venv_with_pytest: Path, tmp_path: Path) -> None:
    """A failing test suite prints the same, its rewritten asserts and tracebacks included."""
    tree = {
        "test_it.py": HOT + "def test_it():\n    assert hot(1, 2) == 4\n",
        "test_import.py": "import nowhere_at_all\n",
        "test_fine.py": "import helper\ndef test_fine():\n    assert helper.helped(1, 2) == 2\n",
        "helper.py": HELPER,
    }
    arguments = ["-m", "pytest", "-vv", "-p", "no:cacheprovider", "--continue-on-collection-errors"]
    root = draw(tmp_path / "root", tree)
    without = without_collector(venv_with_pytest, root, arguments)
    _, measured = start(venv_with_pytest, root, arguments, scratch=tmp_path / "scratch")
    assert [timeless(text) for text in measured[1:]] == [timeless(text) for text in without[1:]]
    assert measured.status == without.status == 1


def timeless(text: str) -> str:
    """Return pytest's output without the time that it took."""
    return re.sub(r" in \d+\.\d\ds", "", text).replace("=", "")


# Disturbances from outside.


def test_a_full_disk(python: Path, tmp_path: Path) -> None:
    """A program that cannot write files any more ends as always, without a dump."""
    source = HOT + "import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))\n"
    root = draw(tmp_path / "root", {"bench.py": source})
    control, outcome = start(python, root, ["bench.py"], scratch=tmp_path / "scratch")
    assert outcome == Outcome(0, "", "")
    assert (control.count("started"), control.count("raw")) == (1, 0)


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param("shutil.rmtree(raw); open(raw, 'w').close()", id="raw-is-a-file"),
        pytest.param("shutil.rmtree(control)", id="folder-gone"),
        pytest.param(
            "shutil.rmtree(os.path.realpath(control + '/collector'))", id="collector-gone"
        ),
    ],
)
def test_a_damaged_control_folder(python: Path, tmp_path: Path, damage: str) -> None:
    """A control folder that is damaged or gone disturbs neither the program nor its children."""
    source = (
        "import os, shutil, subprocess, sys\ncontrol = os.environ['SPECIALIST_CI_CONTROL']\n"
        f"raw = os.path.join(control, 'raw')\n{damage}\n"
        "sys.exit(subprocess.call([sys.executable, '-c', 'print(1 + 1)']))\n"
    )
    root = draw(tmp_path / "root", {"bench.py": source})
    _, outcome = start(python, root, ["bench.py"], scratch=tmp_path / "scratch")
    assert outcome == Outcome(0, "2\n", "")


def test_a_control_folder_that_is_gone(python: Path, tmp_path: Path) -> None:
    """A process that starts when the measurement is over runs without a recorder, as always."""
    collector = shutil.copytree(COLLECTOR, tmp_path / "collector")
    own = draw(tmp_path / "own", {"sitecustomize.py": "print('customized')\n"})
    env = {
        **surroundings(),
        "PYTHONPATH": os.pathsep.join([str(collector), str(own)]),
        "SPECIALIST_CI_CONTROL": str(tmp_path / "gone"),
    }
    outcome = execute([str(python), "-c", "print('still')"], cwd=tmp_path, env=env)
    assert outcome == Outcome(0, "customized\nstill\n", "")
    assert not (tmp_path / "gone").exists()


def test_inert_without_its_variable(python: Path, tmp_path: Path) -> None:
    """The collector's folder on the path alone starts no recorder."""
    collector = shutil.copytree(COLLECTOR, tmp_path / "collector")
    env = {**surroundings(), "PYTHONPATH": str(collector)}
    question = "import sys; print('_specialist_ci_recorder' in sys.modules, sys.path[1:2])"
    outcome = execute([str(python), "-c", question], cwd=tmp_path, env=env)
    assert (outcome.status, outcome.stderr) == (0, "")
    assert outcome.stdout.startswith("False")
    assert str(collector) not in outcome.stdout


# Tracers.


@pytest.mark.parametrize("setter", ["settrace", "setprofile"])
def test_a_tracer_is_named(python: Path, tmp_path: Path, setter: str) -> None:
    """A trace or profile function that is active is named by its module."""
    tree = {
        "bench.py": f"import mine, sys\nsys.{setter}(mine.function)\n" + HOT,
        "mine.py": "def function(*arguments):\n    return None\n",
    }
    (dump,) = run(python, tmp_path, tree, "bench.py").dumps
    assert dump.tracers == ("mine",)


def test_a_tracer_that_left_is_named(python: Path, tmp_path: Path) -> None:
    """A trace function that was active during an import is named although it is gone at exit."""
    tree = {
        "bench.py": "import mine, sys\n"
        "sys.settrace(mine.function)\nimport other\nsys.settrace(None)\n",
        "mine.py": "def function(*arguments):\n    return None\n",
        "other.py": "",
    }
    (dump,) = run(python, tmp_path, tree, "bench.py").dumps
    assert dump.tracers == ("mine",)


def test_a_monitoring_tool_is_named(python: Path, version: str, tmp_path: Path) -> None:
    """A tool of sys.monitoring is named by the name that it took."""
    if version == "3.11":
        pytest.skip("3.11 has no sys.monitoring")
    tool = "import sys\nsys.monitoring.use_tool_id(2, 'a profiler')\n"
    (dump,) = run(python, tmp_path, {"bench.py": tool + HOT}, "bench.py").dumps
    assert dump.tracers == ("a profiler",)


def test_no_tracer_is_named_without_one(python: Path, tmp_path: Path) -> None:
    """The collector does not take itself for a tracer."""
    for arguments in (["bench.py"], ["-m", "bench"], ["-c", "import bench"]):
        folder = tmp_path / arguments[0]
        (dump,) = run(python, folder, {"bench.py": HOT}, *arguments).dumps
        assert dump.tracers == ()


# Other Pythons.


@pytest.mark.skipif(not unspecializing(), reason="no Python older than 3.11, and no PyPy")
@pytest.mark.parametrize("old", unspecializing(), ids=lambda path: path.name)
def test_silent_on_other_pythons(old: Path, tmp_path: Path) -> None:
    """A Python that does not specialize runs as if there were no collector."""
    root = draw(
        tmp_path / "root", {"bench.py": "import sys\nsys.stdout.write('fine')\nsys.exit(3)\n"}
    )
    control, outcome = start(old, root, ["bench.py"], scratch=tmp_path / "scratch")
    assert outcome == Outcome(3, "fine", "")
    assert not list((control.folder / "raw").iterdir())


@pytest.mark.skipif(not unspecializing(), reason="no Python older than 3.11, and no PyPy")
@pytest.mark.parametrize("old", unspecializing(), ids=lambda path: path.name)
def test_other_pythons_say_who_they_are(old: Path, tmp_path: Path) -> None:
    """A Python that does not specialize still answers who it is, and that it does not."""
    target = tmp_path / "answer.json"
    script = shutil.copy(COLLECTOR / "identify.py", tmp_path)
    command = [str(old), "-S", str(script), str(target)]
    outcome = execute(command, cwd=tmp_path, env=surroundings())
    assert outcome == Outcome(0, "", "")
    answer = json.loads(target.read_text())
    name = "PyPy" if old.name.startswith("pypy") else "CPython"
    assert (answer["implementation"], answer["specializes"]) == (name, False)
    assert name == "PyPy" or f"python{answer['version']}".startswith(old.name)
    with pytest.raises(
        MeasurementError, match=f"is {name}.*, which does not specialize: name a CPython"
    ):
        identify(old, tmp_path, surroundings())


# The collector's own source.


def trees() -> dict[str, ast.Module]:
    """Return the syntax tree of each file of the collector."""
    return {path.name: ast.parse(path.read_bytes()) for path in sorted(COLLECTOR.glob("*.py"))}


def test_imports_only_the_standard_library() -> None:
    """The collector runs where nothing is installed: it imports its own files and the library."""
    own = {name.removesuffix(".py") for name in trees()}
    for name, tree in trees().items():
        imported = {
            (alias.name if isinstance(node, ast.Import) else node.module or ".").split(".")[0]
            for node in ast.walk(tree)
            if isinstance(node, ast.Import | ast.ImportFrom)
            for alias in node.names
        }
        assert imported <= sys.stdlib_module_names | own, name
        assert "specialist_ci" not in imported, name


def test_never_prints() -> None:
    """No file of the collector mentions print, stdout or stderr."""
    for name, tree in trees().items():
        names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        names |= {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
        assert names.isdisjoint({"print", "stdout", "stderr", "warn", "__stderr__"}), name


@pytest.mark.parametrize("name", ["sitecustomize.py", "identify.py"])
def test_parses_on_old_pythons(name: str) -> None:
    """What any Python may meet has no syntax, and no annotation, that an old one lacks."""
    source = (COLLECTOR / name).read_text(encoding="ascii")
    tree = ast.parse(source, feature_version=(3, 4))
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.JoinedStr | ast.AnnAssign)]
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            assert not node.returns
            assert not node.args.kwonlyargs

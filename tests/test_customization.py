"""The program's own sitecustomize and usercustomize run as if ours were not there."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from collecting import draw, execute, start, without_collector
from packages import shared_folder, virtual_environment

CUSTOMIZE = """\
import sys
print(__name__, __file__, __spec__.origin, "site" in sys.modules, sys.path)
print("usercustomize" in sys.modules, sorted(vars()))
seen = getattr(sys, "seen", []) + [__name__]
sys.seen = seen
"""
BENCH = """\
import sys
print(sys.seen if hasattr(sys, "seen") else None, sys.path)
print(sorted(name for name in sys.path_importer_cache))
for name in ("sitecustomize", "usercustomize"):
    print(name, getattr(sys.modules.get(name), "__file__", None))
    try:
        module = __import__(name)
        print(module.__file__, module is sys.modules[name], sorted(vars(module)))
    except ImportError as error:
        print(repr(error), error.name)
"""
FAILING = {
    "exception": "raise ValueError('mine')",
    "import": "import nowhere_at_all",
    "import-of-itself": "raise ImportError('mine', name='sitecustomize')",
    "syntax": "def broken(:",
    "replaces-itself": "import os, sys; sys.modules[__name__] = os",
    "removes-itself": "import sys; del sys.modules[__name__]",
}


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the virtual environments."""
    return shared_folder(tmp_path_factory)


def _same(
    python: Path,
    tmp_path: Path,
    tree: Mapping[str, str],
    *arguments: str,
    env: Mapping[str, str] | None = None,
    cwd: str = ".",
) -> str:
    """Run twice, check that nothing differs, and return what was printed."""
    root = draw(tmp_path / "root", {"bench.py": BENCH, "sub/other.py": "", **tree})
    words: Sequence[str] = arguments or (str(root / "bench.py"),)
    env = {"PYTHONDONTWRITEBYTECODE": "1", **(env or {})}
    without = without_collector(python, root, words, cwd=root / cwd, env=env)
    scratch = tmp_path / "scratch"
    control, measured = start(python, root, words, scratch=scratch, cwd=root / cwd, env=env)
    assert measured == without
    assert control.count("started") == control.count("raw") == 1
    return measured.stdout


def _has_its_own(python: Path, tmp_path: Path) -> bool:
    """Tell whether an interpreter brings a sitecustomize along, as Debian's and Ubuntu's do."""
    words = ["-c", "import sys; print('sitecustomize' in sys.modules)"]
    return execute([str(python), *words], cwd=tmp_path, env={}).stdout == "True\n"


def test_without_any(python: Path, tmp_path: Path) -> None:
    """A program that has none cannot tell that there was ours."""
    printed = _same(python, tmp_path, {})
    assert printed.count("ModuleNotFoundError(") == 2 - _has_its_own(python, tmp_path)


@pytest.mark.parametrize("arguments", [(), ("-s",), ("-P",), ("-m", "bench")], ids=str)
def test_on_the_path(python: Path, tmp_path: Path, arguments: Sequence[str]) -> None:
    """Both run, in CPython's order, from a folder on PYTHONPATH; -s leaves out the second."""
    tree = {"sitecustomize.py": CUSTOMIZE, "usercustomize.py": CUSTOMIZE}
    words = arguments if "-m" in arguments else (*arguments, str(tmp_path / "root/bench.py"))
    printed = _same(python, tmp_path, tree, *words)
    both = "['sitecustomize', 'usercustomize']"
    assert ("['sitecustomize']" if "-s" in arguments else both) in printed


@pytest.mark.parametrize("disabled", [False, True])
def test_in_the_user_site(python: Path, version: str, tmp_path: Path, *, disabled: bool) -> None:
    """A usercustomize in the user's site-packages runs unless PYTHONNOUSERSITE is set."""
    folder = f"base/lib/python{version}/site-packages"
    tree = {f"{folder}/usercustomize.py": CUSTOMIZE, f"{folder}/sitecustomize.py": CUSTOMIZE}
    env = {"PYTHONUSERBASE": str(tmp_path / "root/base")}
    env |= {"PYTHONNOUSERSITE": "1"} if disabled else {}
    printed = _same(python, tmp_path, tree, env=env)
    assert ("'usercustomize']" in printed) is not disabled


def test_in_a_virtual_environment(python: Path, shared: Path, tmp_path: Path) -> None:
    """A sitecustomize in the environment's site-packages runs."""
    inside = virtual_environment(python, "iniconfig==2.1.0", shared=shared)
    (packages,) = inside.parents[1].glob("lib/python*/site-packages")
    target = packages / "sitecustomize.py"
    target.write_text(CUSTOMIZE, encoding="utf-8")
    try:
        ran = "['sitecustomize']" in _same(inside, tmp_path, {})
        assert ran is not _has_its_own(python, tmp_path)  # the interpreter's comes first
    finally:
        target.unlink()


@pytest.mark.parametrize("entry", ["", "."])
def test_in_the_working_directory(python: Path, tmp_path: Path, entry: str) -> None:
    """An entry of PYTHONPATH that means the working directory is searched as ever."""
    tree = {"sub/sitecustomize.py": CUSTOMIZE}
    env = {"PYTHONPATH": os.pathsep.join([str(tmp_path), entry])}
    _same(python, tmp_path, tree, env=env, cwd="sub")


@pytest.mark.parametrize("name", ["sitecustomize", "usercustomize"])
@pytest.mark.parametrize("failure", FAILING)
def test_that_fails(python: Path, tmp_path: Path, name: str, failure: str) -> None:
    """What goes wrong in it is printed as CPython has it."""
    _same(python, tmp_path, {f"{name}.py": FAILING[failure] + "\n"})


@pytest.mark.parametrize("name", ["sitecustomize", "usercustomize"])
@pytest.mark.parametrize("end", ["SystemExit(7)", "KeyboardInterrupt"])
def test_that_ends_the_process(python: Path, tmp_path: Path, name: str, end: str) -> None:
    """The interpreter gives up as ever, and the process is missed if it had begun."""
    root = draw(tmp_path / "root", {"bench.py": BENCH, f"{name}.py": f"raise {end}\n"})
    without = without_collector(python, root, ["bench.py"])
    control, measured = start(python, root, ["bench.py"], scratch=tmp_path / "scratch")
    assert (measured.status, measured.stdout) == (without.status, without.stdout) == (1, "")
    assert measured.stderr.splitlines()[0] == without.stderr.splitlines()[0]
    assert (control.count("started"), control.count("raw")) == (1, 0)

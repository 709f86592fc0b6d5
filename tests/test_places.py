"""Where code is found: under whatever path it was reached, as what it is, or named as missing."""

import json
import os
import shutil
import subprocess
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from collecting import Collected, collect, draw, surroundings
from packages import shared_folder, virtual_environment
from pythons import VERSIONS, interpreters
from repositories import ENVIRONMENT, Drawing, Link, Tree, picture

from specialist_ci.cli import main
from specialist_ci.measuring.elsewhere import find_imports, judge_imports
from specialist_ci.measuring.surroundings import measured_environment

HOT = """\
def hot(values):
    total = 0
    for value in values:
        total = total + value
    return total


hot(list(range(100)))
"""
EMPTY = ""


def _paths(collected: Collected, root: Path, function: str = "hot") -> list[str]:
    """Return where the function was measured."""
    found = {
        Path(code.path).relative_to(root).as_posix()
        for code in collected.codes()
        if code.qualname == function and any(site.state != "cold" for site in code.sites)
    }
    return sorted(found)


@pytest.fixture(autouse=True)
def _git(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)


class Run:
    """One ``specialist-ci run``: how it ended, and its snapshot."""

    def __init__(self, output: Path, code: int, error: str) -> None:
        """Read the snapshot where there is one."""
        self.code, self.error = code, error
        exists = output.exists()
        self.snapshot: Any = json.loads(output.read_text(encoding="utf-8")) if exists else None

    @property
    def files(self) -> list[str]:
        """The paths with a site that was tried."""
        return [f["path"] for f in self.snapshot["files"] if f["counts"]["ratio"] is not None]

    @property
    def conditions(self) -> dict[str, Any]:
        """The conditions by name."""
        return {condition["name"]: condition for condition in self.snapshot["conditions"]}


@pytest.fixture
def run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Run]:
    """Return what runs ``specialist-ci run ...`` in a repository."""

    def run(drawing: Drawing, *arguments: str) -> Run:
        monkeypatch.chdir(drawing.root)
        output = tmp_path / "snapshot.json"
        output.unlink(missing_ok=True)
        code = main(["run", "-o", str(output), *arguments])
        return Run(output, code, capsys.readouterr().err)

    return run


# --- paths of one checkout ---


def _link_to_file(root: Path) -> None:
    (root / "link.py").symlink_to("pkg/mod.py")


def _link_to_folder(root: Path) -> None:
    (root / "lib").symlink_to("pkg")


def _link_out(root: Path) -> None:
    outside = root.parent / "outside.py"
    outside.write_text(HOT, encoding="utf-8")
    (root / "link.py").symlink_to(outside)


def _deep_link(root: Path) -> None:
    (root / "deep").symlink_to("pkg/sub")


def _nothing(_root: Path) -> None:
    pass


TREE = {"x.py": HOT, "pkg/__init__.py": EMPTY, "pkg/mod.py": HOT, "pkg/sub/mod.py": HOT}
_LOAD = """
import importlib.util, sys
spec = importlib.util.spec_from_file_location("another.name", "pkg/mod.py")
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
"""

PATHS: dict[str, tuple[Callable[[Path], None], list[str], list[str]]] = {
    # case: what else to make, arguments of python, where the hot function is measured
    "script": (_nothing, ["x.py"], ["x.py"]),
    "script with a dot": (_nothing, ["./x.py"], ["x.py"]),
    "script by a detour": (_nothing, ["pkg/../x.py"], ["x.py"]),
    "script through a link's parent": (_deep_link, ["deep/../mod.py"], ["pkg/mod.py"]),
    "relative path entry, then chdir": (
        _nothing,
        ["-c", "import sys, os; sys.path.insert(0, 'pkg'); import mod; os.chdir('/')"],
        ["pkg/mod.py"],
    ),
    "chdir, then import": (
        _nothing,
        ["-c", "import sys, os; os.chdir('pkg'); sys.path.insert(0, ''); import mod"],
        ["pkg/mod.py"],
    ),
    "link to a file": (_link_to_file, ["-c", "import link"], ["pkg/mod.py"]),
    "link and file": (_link_to_file, ["-c", "import link, pkg.mod"], ["pkg/mod.py"]),
    "script by a link": (_link_to_file, ["link.py"], ["pkg/mod.py"]),
    "link to a folder": (_link_to_folder, ["-c", "import lib.mod"], ["pkg/mod.py"]),
    "link out of the checkout": (_link_out, ["-c", "import link"], ["link.py"]),
    "namespace package": (_nothing, ["-c", "import pkg.sub.mod"], ["pkg/sub/mod.py"]),
    "location by hand": (_nothing, ["-c", _LOAD], ["pkg/mod.py"]),
    "run_path": (_nothing, ["-c", "import runpy; runpy.run_path('pkg/mod.py')"], ["pkg/mod.py"]),
    "run_path of a folder above": (
        _nothing,
        ["-c", "import runpy; runpy.run_path('pkg/../x.py')"],
        ["x.py"],
    ),
    "exec": (
        _nothing,
        ["-c", "import os; p = os.path.abspath('x.py'); exec(compile(open(p).read(), p, 'exec'))"],
        ["x.py"],
    ),
    "exec under a relative name, then chdir": (
        _nothing,
        ["-c", "import os; exec(compile(open('x.py').read(), 'x.py', 'exec')); os.chdir('/')"],
        ["x.py"],
    ),
}


@pytest.mark.parametrize("case", PATHS)
def test_path_is_the_source_files(python: Path, tmp_path: Path, case: str) -> None:
    """Code is found under its file's own path in the checkout, and under no other."""
    prepare, arguments, expected = PATHS[case]
    root = draw(tmp_path / "checkout", TREE)
    prepare(root)
    collected = collect(python, root, arguments, scratch=tmp_path / "scratch")
    assert _paths(collected, root) == expected


def test_namespace_package_in_src(python: Path, tmp_path: Path) -> None:
    """A namespace package below src is importable, and its paths begin with src."""
    root = draw(tmp_path / "checkout", {"src/space/part/mod.py": HOT})
    collected = collect(python, root, ["-c", "import space.part.mod"], scratch=tmp_path / "scratch")
    assert _paths(collected, root) == ["src/space/part/mod.py"]


def test_bytecode_that_names_another_file(python: Path, tmp_path: Path) -> None:
    """The file that a .pyc of __pycache__ names is corrected when it is imported."""
    root = draw(tmp_path / "checkout", TREE)
    for mode in ("checked-hash", "unchecked-hash"):
        compiling = ["-m", "compileall", "-q", "-f", "-d", "/build", "--invalidation-mode", mode]
        subprocess.run([python, *compiling, root / "pkg"], check=True, env=surroundings())
        collected = collect(python, root, ["-c", "import pkg.mod"], scratch=tmp_path / mode)
        assert _paths(collected, root) == ["pkg/mod.py"]


@pytest.mark.parametrize("utf8", ["0", "1"])
def test_locale_of_the_process(python: Path, tmp_path: Path, utf8: str) -> None:
    """Names beyond ASCII are found whatever encoding the process has for them."""
    root = draw(tmp_path / "checkout", {"größe/__init__.py": EMPTY, "größe/maß.py": HOT})
    script = "import glob, runpy; runpy.run_path(glob.glob('gr*/ma*.py')[0])"
    env = {"PYTHONUTF8": utf8, "PYTHONCOERCECLOCALE": "0", "LC_ALL": "C"}
    collected = collect(python, root, ["-c", script], scratch=tmp_path / "scratch", env=env)
    assert _paths(collected, root) == ["größe/maß.py"]


def test_cells_of_a_notebook(python: Path, tmp_path: Path) -> None:
    """A kernel's temporary files are no files of the repository; what they import is measured."""
    root = draw(tmp_path / "checkout", TREE)
    cell = "import pkg.mod\ndef cell():\n    return pkg.mod.hot(range(100))\ncell()\n"
    kernel = f"exec(compile({cell!r}, '/tmp/ipykernel_123/456.py', 'exec'))"
    collected = collect(python, root, ["-c", kernel], scratch=tmp_path / "scratch")
    assert {Path(code.path).name for code in collected.codes()} == {"__init__.py", "mod.py"}
    assert _wrong(collected, root) == []


# --- generated code ---

_GENERATING = """
from collections import namedtuple
from dataclasses import dataclass

@dataclass
class Point:
    x: float
    y: float

@dataclass
class NeverUsed:
    x: float

Pair = namedtuple("Pair", "a b")
scope = {"__name__": __name__}
exec("def doubled(x):\\n    return x + x", scope)
doubled = scope["doubled"]
for number in range(100):
    assert Point(number, 1) == Point(number, 1)
    doubled(number)
"""


def test_generated_code_is_counted(python: Path, tmp_path: Path) -> None:
    """What ran hot and has no file is counted under the module that it was made for."""
    root = draw(tmp_path / "checkout", {"gen.py": _GENERATING, "other.py": HOT})
    script = "import gen, other, collections; T = collections.namedtuple('T', 'a')"
    collected = collect(python, root, ["-c", script], scratch=tmp_path / "scratch")
    (dump,) = collected.dumps
    assert {path for path, _name, _line in dump.generated} == {f"{root}/gen.py"}
    names = {name.rpartition(".")[2] for _path, name, _line in dump.generated}
    assert {"doubled", "__eq__"} <= names
    assert not any("NeverUsed" in name for _path, name, _line in dump.generated)
    assert {Path(code.path).name for code in dump.codes} == {"gen.py", "other.py"}


def test_doctests_are_generated(python: Path, tmp_path: Path) -> None:
    """A function that a docstring defines is no code of the file, and is counted."""
    text = '"""\n>>> def kept(x):\n...     return x + x\n>>> keep.append(kept)\n'
    text += '>>> [kept(n) for n in range(50)][-1]\n98\n"""\nkeep = []\n'
    root = draw(tmp_path / "checkout", {"documented.py": text})
    script = "import doctest, documented; assert not doctest.testmod(documented).failed"
    collected = collect(python, root, ["-c", script], scratch=tmp_path / "scratch")
    (dump,) = collected.dumps
    assert [(Path(p).name, name) for p, name, _ in dump.generated] == [("documented.py", "kept")]


def test_attrs_and_templates_are_generated(tmp_path_factory: pytest.TempPathFactory) -> None:
    """The methods that attrs writes and Jinja's templates are counted, and are no files of ours."""
    python = _newest()
    venv = virtual_environment(python, "attrs", "jinja2", shared=shared_folder(tmp_path_factory))
    text = """
import attrs, jinja2
@attrs.define
class Point:
    x: float
    y: float
environment = jinja2.Environment(loader=jinja2.FileSystemLoader("templates"))
for number in range(100):
    assert Point(number, 1) == Point(number, 1)
    environment.get_template("page.html").render(items=range(10))
"""
    tree = {"use.py": text, "templates/page.html": "{% for i in items %}{{ i + 1 }}{% endfor %}"}
    root = draw(tmp_path_factory.mktemp("attrs") / "checkout", tree)
    collected = collect(venv, root, ["-c", "import use"], scratch=root.parent / "scratch")
    (dump,) = collected.dumps
    found = {(Path(path).name, name) for path, name, _line in dump.generated}
    assert {("use.py", "__init__"), ("page.html", "root")} <= found
    assert {Path(code.path).name for code in dump.codes} == {"use.py"}


def test_generated_code_is_shown(
    tmp_path: Path, run: Callable[..., Run], capsys: pytest.CaptureFixture[str]
) -> None:
    """Snapshots and reports say how much was skipped, each code object once, and else nothing."""
    drawing = Drawing(tmp_path / "repository")
    drawing.commit({"x.py": HOT, "gen.py": _GENERATING})
    twice = "import gen, subprocess, sys; subprocess.run([sys.executable, '-c', 'import gen'])"
    for command, shown in ((("-c", twice), True), (("x.py",), False)):
        found = run(drawing, "HEAD", "--", *command)
        assert found.snapshot["provenance"]["generated"] == (3 if shown else 0)
        assert main(["show", str(tmp_path / "snapshot.json")]) == 0
        line = "skipped   3 hot code objects of generated code"
        assert (line in capsys.readouterr().out) is shown
        assert main(["diff", "HEAD", "HEAD", "--", *command]) == 0
        assert ("skipped" in capsys.readouterr().out) is shown


# --- files imported from elsewhere ---


def _wrong(collected: Collected, root: Path, original: Path | None = None) -> list[tuple[str, str]]:
    """Return which source files were imported from elsewhere, and what was imported instead."""
    sources = [path.relative_to(root).as_posix() for path in sorted(root.rglob("*.py"))]
    original = original or root.parent / "no original"
    imports = find_imports(collected.dumps, sources, root=root, original=original)
    return [(wrong.path, wrong.file) for wrong in imports]


def _first_on_path(folder: Path, statement: str) -> list[str]:
    return ["-c", f"import sys; sys.path.insert(0, {str(folder)!r}); {statement}"]


def test_zipped_package_is_named(python: Path, tmp_path: Path) -> None:
    """Code in a zip file made of the repository is not measured, and said so."""
    root = draw(tmp_path / "checkout", TREE)
    archive = root / "app.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        for path in ("pkg/__init__.py", "pkg/mod.py"):
            packed.write(root / path, path)
    arguments = _first_on_path(archive, "import pkg.mod")
    collected = collect(python, root, arguments, scratch=tmp_path / "scratch")
    assert ("pkg/mod.py", f"{archive}/pkg/mod.py") in _wrong(collected, root)
    assert _paths(collected, root) == []


def test_sourceless_bytecode_is_named_or_measured(python: Path, tmp_path: Path) -> None:
    """A .pyc in the place of its file is measured where it names that file, and named elsewhere."""
    for named in (None, "/build/pkg/mod.py"):
        root = draw(tmp_path / f"checkout-{named is None}", TREE)
        source = root / "pkg" / "mod.py"
        compiling = f"import py_compile; py_compile.compile({str(source)!r}, "
        compiling += f"cfile={str(source.with_suffix('.pyc'))!r}, dfile={named!r})"
        subprocess.run([python, "-c", compiling], check=True, env=surroundings())
        delete = f"import os; os.unlink({str(source)!r}); import pkg.mod"
        sources = _wrong_sources(root)
        collected = collect(
            python, root, ["-c", delete], scratch=root.parent / f"s-{named is None}"
        )
        wrong = find_imports(
            collected.dumps, sources, root=root, original=root.parent / "no original"
        )
        if named is None:
            assert (_paths(collected, root), wrong) == (["pkg/mod.py"], ())
        else:
            assert [w.file for w in wrong] == [str(source.with_suffix(".pyc"))]


def _wrong_sources(root: Path) -> list[str]:
    return [path.relative_to(root).as_posix() for path in sorted(root.rglob("*.py"))]


def test_installed_copy_is_named(python: Path, tmp_path: Path) -> None:
    """A copy that comes first on sys.path is named, in flat and src layouts, but no namesake."""
    for prefix in ("", "src/", "python/"):
        tree = {f"{prefix}pkg/__init__.py": "LIMIT = 5\n", f"{prefix}pkg/mod.py": HOT}
        root = draw(tmp_path / f"checkout {prefix[:-1]}", tree)
        copy = draw(
            tmp_path / f"copy {prefix[:-1]}", {k[len(prefix) :]: t for k, t in tree.items()}
        )
        arguments = _first_on_path(copy, "import pkg.mod")
        collected = collect(python, root, arguments, scratch=tmp_path / f"scratch {prefix[:-1]}")
        assert (f"{prefix}pkg/mod.py", f"{copy}/pkg/mod.py") in _wrong(collected, root)


NAMESAKES: dict[str, tuple[Mapping[str, str], Mapping[str, str], str]] = {
    # case: the repository, another folder that comes first on the path, what is imported
    "a module": (
        {"utils.py": HOT},
        {"utils.py": "import os\n\n\ndef other():\n    pass\n"},
        "utils",
    ),
    "a package": (
        {"tools/__init__.py": "A = 1\n", "tools/mod.py": HOT},
        {"tools/__init__.py": "B = 2\n", "tools/mod.py": "C = 3\n"},
        "tools.mod",
    ),
    "a submodule of the same name": (
        {"app/__init__.py": EMPTY, "app/helpers.py": HOT},
        {"helpers.py": HOT},
        "helpers",
    ),
    "a file below another package": (
        {"app/__init__.py": EMPTY, "app/core/__init__.py": EMPTY, "app/core/mod.py": HOT},
        {"core/__init__.py": EMPTY, "core/mod.py": HOT},
        "core.mod",
    ),
    "the standard library": ({"extra/types.py": HOT, "extra/json/decoder.py": HOT}, {}, "json"),
    "a package without text": (
        {"space/__init__.py": EMPTY, "space/mod.py": HOT},
        {"space/__init__.py": EMPTY, "space/mod.py": "C = 3\n"},
        "space.mod",
    ),
}


@pytest.mark.parametrize("case", NAMESAKES)
def test_namesake_is_not_named(tmp_path: Path, case: str) -> None:
    """Other code with the name of a source file is no copy of it."""
    tree, other, module = NAMESAKES[case]
    root = draw(tmp_path / "checkout", tree)
    folder = draw(tmp_path / "other", {**other, "unrelated.py": EMPTY})
    arguments = _first_on_path(folder, f"import {module}")
    collected = collect(_newest(), root, arguments, scratch=tmp_path / "scratch")
    assert _wrong(collected, root) == []


def test_measured_file_is_not_named(tmp_path: Path) -> None:
    """A copy that was imported beside the source file takes nothing away."""
    root = draw(tmp_path / "checkout", {"mod.py": HOT})
    copy = draw(tmp_path / "copy", {"mod.py": HOT})
    again = f"sys.path.insert(0, {str(copy)!r}); del sys.modules['mod']; import mod"
    arguments = ["-c", f"import sys, mod; {again}; print(mod.__file__)"]
    collected = collect(_newest(), root, arguments, scratch=tmp_path / "scratch")
    assert collected.outcome.stdout.startswith(str(copy))
    assert _wrong(collected, root) == []


def test_script_of_the_users_checkout_is_named(python: Path, tmp_path: Path) -> None:
    """An absolute path into the user's own checkout leads out of the worktree."""
    root = draw(tmp_path / "worktree", TREE)
    original = draw(tmp_path / "original", TREE)
    collected = collect(python, root, [str(original / "x.py")], scratch=tmp_path / "scratch")
    assert _wrong(collected, root, original) == [("x.py", f"{original}/x.py")]


def test_vendored_copy_does_not_block(tmp_path: Path) -> None:
    """A package in a folder that is not on the path is named, and decides nothing by itself."""
    vendored = {"third/lib/__init__.py": "L = 1\n", "third/lib/mod.py": HOT}
    ours = {f"part{n}.py": HOT for n in range(3)}
    root = draw(tmp_path / "checkout", {**vendored, **ours})
    copy = draw(tmp_path / "copy", {"lib/__init__.py": "L = 1\n", "lib/mod.py": HOT})
    for imported, blocking in (("part0, part1, part2", False), ("part0", True)):
        arguments = _first_on_path(copy, f"import lib.mod, {imported}")
        scratch = tmp_path / f"scratch {blocking}"
        dumps = collect(_newest(), root, arguments, scratch=scratch).dumps
        original = tmp_path / "original"
        imports = find_imports(dumps, _wrong_sources(root), root=root, original=original)
        (condition,) = judge_imports(imports, dumps, root=root, original=original)
        assert (condition.name, condition.blocking) == ("wrong-place", blocking)
        assert "1 more source file from elsewhere" in condition.message
        assert f"PYTHONPATH={original}/third" in condition.remedy


def test_lazy_modules_stay_unloaded(python: Path, tmp_path: Path) -> None:
    """Looking for files loads no module that the program left lazy."""
    lazy = """
import importlib.util, sys, atexit
spec = importlib.util.find_spec("loud")
loader = importlib.util.LazyLoader(spec.loader)
module = importlib.util.module_from_spec(spec)
sys.modules["loud"] = module
loader.exec_module(module)
class Odd:
    def __getattr__(self, name):
        print("asked for", name)
sys.modules["odd"] = Odd()
sys.modules["none"] = None
"""
    root = draw(tmp_path / "checkout", {"loud.py": "print('loaded')\n", "x.py": HOT})
    collected = collect(python, root, ["-c", lazy + "import x"], scratch=tmp_path / "scratch")
    assert (collected.outcome.stdout, collected.outcome.stderr) == ("", "")
    assert _paths(collected, root) == ["x.py"]


def _newest() -> Path:
    found = interpreters().found
    return found[next(version for version in reversed(VERSIONS) if version in found)]


# --- whole runs: installs into real environments ---

_TOOLS = ("setuptools", "hatchling", "editables", "wheel", "pytest")
_BACKENDS = {
    "setuptools": 'requires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n',
    "hatchling": 'requires = ["hatchling"]\nbuild-backend = "hatchling.build"\n',
}
_FOLDERS = {"flat": "", "src": "src/", "other": "python/"}


@pytest.fixture(scope="module")
def tools(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the python of an environment with the build backends."""
    return virtual_environment(_newest(), *_TOOLS, shared=shared_folder(tmp_path_factory))


def _project(root: Path, backend: str, folder: str) -> Drawing:
    project = f'[build-system]\n{_BACKENDS[backend]}\n[project]\nname = "pkg"\nversion = "1"\n'
    project += 'scripts = { pkg-bench = "pkg.bench:main" }\n'
    if backend == "setuptools":
        project += f'[tool.setuptools.packages.find]\nwhere = ["{folder or "."}"]\n'
        project += 'include = ["pkg"]\n'
    else:
        project += f'[tool.hatch.build.targets.wheel]\npackages = ["{folder}pkg"]\n'
    drawing = Drawing(root)
    drawing.commit(
        {
            "pyproject.toml": project,
            "bench.py": "import pkg.bench\npkg.bench.main()\n",
            "test_bench.py": "import pkg.bench\n\n\ndef test_it():\n    pkg.bench.main()\n",
            f"{folder}pkg/__init__.py": "VERSION = 1\n",
            f"{folder}pkg/mod.py": HOT,
            f"{folder}pkg/bench.py": (
                "from pkg.mod import hot\n\n\ndef main():\n"
                "    for _ in range(100):\n        hot(range(10))\n"
            ),
        }
    )
    return drawing


def _installed(tools: Path, environment: Path, drawing: Drawing, *options: str) -> Path:
    """Install the project into a new environment that has the tools; return its python."""
    subprocess.run([tools, "-m", "venv", "--without-pip", environment], check=True)
    (site,) = environment.glob("lib/*/site-packages")
    (shared,) = tools.parents[1].glob("lib/*/site-packages")
    (site / "tools.pth").write_text(f"{shared}\n", encoding="utf-8")
    python = environment / "bin" / "python"
    pip = ("-m", "pip", "--disable-pip-version-check", "install", "--quiet")
    local = ("--no-build-isolation", "--no-deps", "--no-index")
    done = subprocess.run(
        [python, *pip, *local, *options], cwd=drawing.root, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    drawing.git("clean", "-fdxq")
    return python


@pytest.mark.parametrize("folder", _FOLDERS)
@pytest.mark.parametrize("backend", _BACKENDS)
@pytest.mark.parametrize("editable", [False, True], ids=["regular", "editable"])
def test_installed_project(  # noqa: PLR0917 - fixtures and the axes of a table
    tools: Path,
    tmp_path: Path,
    run: Callable[..., Run],
    editable: bool,  # noqa: FBT001 - a parameter
    backend: str,
    folder: str,
) -> None:
    """The worktree's files are measured whatever is installed; where not, the remedy works."""
    drawing = _project(tmp_path / "project", backend, _FOLDERS[folder])
    options = ("--editable", ".") if editable else (".",)
    python = _installed(tools, tmp_path / "venv", drawing, *options)
    commands = (("bench.py",), ("pkg-bench",), ("-m", "pytest", "--import-mode=importlib"))
    expected = [f"{_FOLDERS[folder]}pkg/{name}.py" for name in ("bench", "mod")]
    for command in commands:
        found = run(drawing, "HEAD", "--python", str(python), "--", *command)
        if folder != "other":
            assert (found.files, found.conditions) == (expected, {})
            continue
        if command == ("bench.py",):
            condition = found.conditions["wrong-place"]
            assert condition["blocking"]
            message, remedy = condition["message"], condition["remedy"]
        else:
            assert (found.code, found.snapshot) == (3, None)
            message = remedy = found.error
        place = str(drawing.root) if editable else "site-packages/pkg"
        assert "python/pkg/__init__.py was imported from" in message
        assert place in message
        variable = f"PYTHONPATH={drawing.root}/python"
        assert f"--env {variable}" in remedy
        found = run(drawing, "HEAD", "--python", str(python), "--env", variable, "--", *command)
        assert (found.files, found.conditions) == (expected, {})


def test_copy_before_the_checkout(tools: Path, tmp_path: Path, run: Callable[..., Run]) -> None:
    """Where a command prefers the installed copy, compiled or not, nothing is green."""
    drawing = _project(tmp_path / "project", "hatchling", "src/")
    python = _installed(tools, tmp_path / "venv", drawing, ".")
    (site,) = (tmp_path / "venv").glob("lib/*/site-packages")
    prefer = f"import sys; sys.path.insert(0, {str(site)!r}); import pkg.bench; pkg.bench.main()"
    found = run(drawing, "HEAD", "--python", str(python), "--", "-c", prefer)
    assert (found.code, "ran no code of the 4 source files, and" in found.error) == (3, True)
    assert f"was imported from {site}/pkg" in found.error
    assert "uninstall that copy" in found.error
    subprocess.run([python, "-m", "compileall", "-qb", site / "pkg"], check=True)
    for path in (site / "pkg").glob("*.py"):
        path.unlink()
    found = run(drawing, "HEAD", "--python", str(python), "--", "-c", prefer)
    assert (found.code, f"was imported from {site}/pkg/__init__.pyc" in found.error) == (3, True)


def test_compiled_copy_is_named(tmp_path: Path, run: Callable[..., Run]) -> None:
    """An extension module that stands for a source file is named, and no file but it is lost."""
    drawing = _project(tmp_path / "project", "hatchling", "")
    place = tmp_path / "compiled" / "pkg"
    place.mkdir(parents=True)
    (place / "__init__.py").write_text("VERSION = 1\n", encoding="utf-8")
    module = (
        "#include <Python.h>\n"
        "static PyObject *hot(PyObject *m, PyObject *a) { Py_RETURN_NONE; }\n"
        'static PyMethodDef methods[] = {{"hot", hot, METH_O, ""}, {NULL}};\n'
        'static struct PyModuleDef def = {PyModuleDef_HEAD_INIT, "mod", "", 0, methods};\n'
        "PyMODINIT_FUNC PyInit_mod(void) { return PyModule_Create(&def); }\n"
    )
    python = _compile_extension(module, place / "mod.abi3.so")
    prefer = (
        f"import sys; sys.path.insert(0, {str(place.parent)!r}); import pkg.mod; import bench_x"
    )
    text = HOT.replace("hot", "other")
    drawing.commit({**picture(drawing.root), "bench_x.py": text})
    found = run(drawing, "HEAD", "--python", str(python), "--", "-c", prefer)
    condition = found.conditions["wrong-place"]
    assert (found.files, condition["blocking"]) == (["bench_x.py"], True)
    assert main(["diff", "HEAD", "HEAD", "--python", str(python), "--", "-c", prefer]) == 3


def _compile_extension(text: str, target: Path) -> Path:
    """Compile a module of C for one of the interpreters, and return that one."""
    ask = "import sysconfig; print(sysconfig.get_path('include'))"
    for python in interpreters().found.values():
        include = subprocess.run([python, "-c", ask], capture_output=True, text=True, check=True)
        if Path(include.stdout.strip(), "Python.h").exists() and shutil.which("cc"):
            source = target.with_suffix(".c")
            source.write_text(text, encoding="utf-8")
            flags = ("-shared", "-fPIC", f"-I{include.stdout.strip()}", "-o", str(target))
            subprocess.run(["cc", *flags, source], check=True)
            return python
    pytest.skip("no C compiler, or no interpreter with headers")


def test_safe_path_finds_the_checkout(tools: Path, tmp_path: Path, run: Callable[..., Run]) -> None:
    """Without the script's folder on the path, the checkout still comes before the copy."""
    drawing = _project(tmp_path / "project", "setuptools", "")
    python = _installed(tools, tmp_path / "venv", drawing, ".")
    safe = ("--env", "PYTHONSAFEPATH=1")
    for options in (("--", "python", "-P", "bench.py"), (*safe, "--", "bench.py")):
        found = run(drawing, "HEAD", "--python", str(python), *options)
        assert (found.files, found.conditions) == (["pkg/bench.py", "pkg/mod.py"], {})


def test_path_through_a_link_is_translated(tmp_path: Path) -> None:
    """An entry of PYTHONPATH in the user's checkout means the worktree, also through a link."""
    original, root = tmp_path / "original", tmp_path / "worktree"
    (original / "lib").mkdir(parents=True)
    root.mkdir()
    (tmp_path / "link").symlink_to("original")
    (original / "out").symlink_to(tmp_path)
    entries = [tmp_path / "link/lib", original / "lib", original / "out", tmp_path, Path("lib")]
    environment = measured_environment(
        {"PYTHONPATH": os.pathsep.join(map(str, entries))},
        python=Path("/bin/python"),
        control=tmp_path / "control",
        root=root.resolve(),
        original=original.resolve(),
    )
    expected = [root / "lib", root / "lib", root / "out", tmp_path, Path("lib")]
    assert environment["PYTHONPATH"].split(os.pathsep)[2:] == list(map(str, expected))


# --- whole runs: names ---

NAMES = {
    "spaces": "a name with  spaces.py",
    "quotes": 'it\'s "quoted" `x` $(y).py',
    "newline": "two\nlines.py",
    "dash": "-c.py",
    "dots": "..hidden..py",
    "long": "n" * 240 + ".py",
    "accents": "größe.py",
    "no UTF-8": os.fsdecode(b"caf\xe9.py"),
    "folder that is no UTF-8": os.fsdecode(b"caf\xe9/x.py"),
    "backslash": "back\\xe9slash.py",
}


@pytest.mark.parametrize("name", NAMES)
def test_any_name(tmp_path: Path, run: Callable[..., Run], name: str) -> None:
    """A file is measured, compared and shown whatever its name is."""
    drawing = Drawing(tmp_path / "a repository")
    drawing.commit({NAMES[name]: HOT})
    found = run(drawing, "HEAD", "--", "python", f"./{NAMES[name]}")
    assert found.error == ""
    path = NAMES[name].replace("\udce9", "\\xe9")
    assert (found.files, found.snapshot["files"][0]["source"]) == ([path], HOT)
    assert main(["show", str(tmp_path / "snapshot.json")]) == 0
    snapshots = [str(tmp_path / "snapshot.json")] * 2
    assert main(["compare", *snapshots, "--format", "markdown"]) == 0
    base = ("diff", "HEAD", f"--source={NAMES[name]}", "--", "python", f"./{NAMES[name]}")
    assert main(base) == 0


def test_links_of_a_repository(tmp_path: Path, run: Callable[..., Run]) -> None:
    """A file and the links to it are one file of the snapshot, with all its sites once."""
    tree: Tree = {"pkg/mod.py": HOT, "link.py": Link("pkg/mod.py"), "lib": Link("pkg")}
    drawing = Drawing(tmp_path / "repository")
    drawing.commit(tree)
    alone = run(drawing, "HEAD", "--", "-c", "import pkg.mod")
    every = run(drawing, "HEAD", "--", "-c", "import link, lib.mod, pkg.mod")
    assert every.snapshot["files"] == alone.snapshot["files"]
    assert every.files == ["pkg/mod.py"]


def test_repository_through_a_link(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Callable[..., Run]
) -> None:
    """A checkout and a temporary folder that are reached through links are no other places."""
    drawing = Drawing(tmp_path / "repository")
    drawing.commit(TREE)
    (tmp_path / "link").symlink_to("repository")
    (tmp_path / "real").mkdir()
    (tmp_path / "temporary").symlink_to("real")
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "link/pkg"))
    for command in (("x.py",), ("-c", "import mod"), ("-m", "pkg.mod")):
        found = run(Drawing(tmp_path / "link"), "HEAD", "--", *command)
        assert (found.error, len(found.files)) == ("", 1)

"""Finds the project's tests, for pytest or unittest."""

import ast
import configparser
from collections.abc import Iterator, Sequence

from specialist_ci.suites.found import Found
from specialist_ci.suites.tree import Tree

_SINGLE_FILES = ("test.py", "tests.py")  # of a whole project, at its top
_FOLDERS = ("tests", "test")


def find_tests(tree: Tree) -> Iterator[Found]:
    """Yield the tests: by pytest where anything says so, else by unittest."""
    files = [path for path in tree.python_files() if is_test_file(path)]
    # pytest looks for no tests there, unittest does.
    single = [path for path in tree.python_files() if path in _SINGLE_FILES]
    if not files and any(_has_test_case(tree.parse(path)) for path in single):
        command = ("python", "-m", "unittest", single[0])
        yield Found("tests", command, f"{single[0]} and unittest.TestCase")
    if not files:
        return
    folder = next(
        (name for name in _FOLDERS if any(path.startswith(f"{name}/") for path in files)), None
    )
    sign = _sign_of_pytest(tree, files)
    what = f"{folder}/" if folder else files[0]
    if sign:
        places = (folder,) if folder and not _settings(tree).get("testpaths") else ()
        command = ("python", "-m", "pytest", *pytest_switches(tree), *places)
        yield Found("tests", command, f"{what} and {sign}")
    elif any(_has_test_case(tree.parse(path)) for path in files):
        options = ("-s", folder) if folder else ()
        top = ("-t", ".") if folder and tree.has(f"{folder}/__init__.py") else ()
        command = ("python", "-m", "unittest", "discover", *options, *top, *_pattern(files))
        yield Found("tests", command, f"{what} and unittest.TestCase")


def _pattern(files: Sequence[str]) -> tuple[str, ...]:
    """Return the option for files that unittest's own pattern, test*.py, leaves out."""
    behind = [
        path.endswith("_test.py") and not path.rpartition("/")[2].startswith("test")
        for path in files
    ]
    if not any(behind):
        return ()
    return ("-p", "*_test.py" if all(behind) else "*test*.py")


def is_test_file(path: str) -> bool:
    """Tell whether pytest and unittest look for tests in a Python file of this name."""
    return path.rpartition("/")[2].startswith("test_") or path.endswith("_test.py")


def pytest_switches(tree: Tree) -> tuple[str, ...]:
    """Return what undoes options of the project that hide sites, or leave them to chance."""
    options = _settings(tree).get("addopts", "").split()
    coverage = any(word.startswith("--cov") for word in options)
    workers = any(word.startswith(("-n", "--numprocesses")) for word in options)
    shuffled = ("-p", "no:randomly")  # of no harm where it is not installed
    return (*shuffled, *(("--no-cov",) if coverage else ()), *(("-n0",) if workers else ()))


def _sign_of_pytest(tree: Tree, files: Sequence[str]) -> str | None:
    if _settings(tree) or any(
        path.rpartition("/")[2] == "conftest.py" for path in tree.python_files()
    ):
        return "pytest's configuration"
    if tree.requires("pytest"):
        return "pytest"
    for path in files:
        module = tree.parse(path)
        if any(_is_for_pytest(node) for node in module.body):
            return f"pytest ({path})"
    return None


def _is_for_pytest(node: ast.stmt) -> bool:
    """Recognize what unittest does not run: a test that is a function, and pytest itself."""
    match node:
        case ast.FunctionDef(name=name):
            return name.startswith("test")
        case ast.Import(names=names):
            return any(alias.name.partition(".")[0] == "pytest" for alias in names)
        case ast.ImportFrom(module=str(module)):
            return module.partition(".")[0] == "pytest"
        case _:
            return False


def _has_test_case(module: ast.Module) -> bool:
    return any(
        "TestCase" in ast.unparse(base)
        for node in module.body
        if isinstance(node, ast.ClassDef)
        for base in node.bases
    )


def _settings(tree: Tree) -> dict[str, str]:
    """Return pytest's configuration, of the file that pytest itself would choose."""
    for path, section in (("pytest.ini", "pytest"), (".pytest.ini", "pytest")):
        if tree.has(path):
            return {"file": path, **_ini(tree, path).get(section, {})}
    for path in ("pytest.toml", ".pytest.toml"):
        if tree.has(path):
            return {"file": path, **_flat(tree.toml(path).get("pytest"))}
    table = tree.toml("pyproject.toml").get("tool", {})
    pytest = table.get("pytest") if isinstance(table, dict) else None
    if isinstance(pytest, dict):
        return {
            "file": "pyproject.toml",
            **_flat(pytest),
            **_flat(pytest.get("ini_options")),
        }
    for path, section in (("tox.ini", "pytest"), ("setup.cfg", "tool:pytest")):
        if (found := _ini(tree, path).get(section)) is not None:
            return {"file": path, **found}
    return {}


def _flat(table: object) -> dict[str, str]:
    """Return a table as an ini file would have it: lists are words."""
    if not isinstance(table, dict):
        return {}
    return {
        str(key): " ".join(map(str, value)) if isinstance(value, list) else str(value)
        for key, value in table.items()
    }


def _ini(tree: Tree, path: str) -> dict[str, dict[str, str]]:
    parser = configparser.RawConfigParser()
    try:
        parser.read_string(tree.read(path) or "")
    except configparser.Error:
        return {}
    return {name: dict(parser[name]) for name in parser.sections()}

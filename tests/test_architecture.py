"""The direction of imports, as the layout promises it."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "specialist_ci"

# Folders of scripts that run in the measured interpreter.
INSIDE = (PACKAGE / "collector", PACKAGE / "runners")

# From the ground up: a folder or module imports only from what is listed before it.
ORDER = (
    "errors",
    "formats",
    "source",
    "comparing",
    "reasons",
    "render",
    "interruption",
    "process",
    "progress",
    "repository",
    "jobs",
    "environments",
    "measuring",
    "snapshots",
    "explaining",
    "suites",
    "configuration",
    "checking",
    "demo",
    "forges",
    "commands",
    "cli",
    "action",
    "__main__",
)
# The values that pure modules may use beside each other.
VALUES = ("errors", "formats", "source", "reasons", "render")

# Modules of the standard library that no pure module needs.
REACHING = {"os", "shutil", "socket", "subprocess", "sys", "tempfile", "time"}

# Who may import what others may not.
RESERVED = {
    "git": {"repository.git"},  # GitPython
    "github": {"forges.github"},  # PyGithub
    "requests": {"forges.github"},
    "subprocess": {"process"},
    "rich": {"render", "progress"},
    "tabulate": {"render"},
    "dis": set[str](),
    "opcode": set[str](),
}


def _modules() -> list[Path]:
    return [path for path in sorted(PACKAGE.rglob("*.py")) if path.parent not in INSIDE]


def _name(path: Path) -> str:
    """Return the module's place in the order: a folder counts as one module."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def _own(path: Path) -> str:
    """Return the module's name within the package, such as ``comparing.matching``."""
    return ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__")


def _says_pure(path: Path) -> bool:
    """Return whether a module's docstring begins with a sentence that ends with "pure"."""
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return text.partition("\n\n")[0].endswith("; pure.")


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            assert node.module is not None
            if node.module == "specialist_ci":
                yield from (f"specialist_ci.{alias.name}" for alias in node.names)
            else:
                yield node.module


def test_every_module_has_its_place() -> None:
    """The order above names each folder and module of the package, and nothing else."""
    assert {_name(path) for path in _modules()} == {*ORDER, "__init__"}


def test_folders_hold_alternatives() -> None:
    """No folder is there for a single module, and each says in one sentence what it is for."""
    for folder in {path.parent for path in _modules()} - {PACKAGE}:
        assert len(list(folder.glob("*.py"))) > 2, folder
        text = ast.get_docstring(ast.parse((folder / "__init__.py").read_text(encoding="utf-8")))
        assert text, folder


@pytest.mark.parametrize("path", [path for path in _modules() if _says_pure(path)], ids=_own)
def test_what_says_that_it_is_pure_is(path: Path) -> None:
    """It imports pure modules and values of ours, and nothing that reaches the machine."""
    pure = {_own(other) for other in _modules() if _says_pure(other)}
    for module in _imports(path):
        package, _, rest = module.partition(".")
        if package == "specialist_ci":
            assert rest in pure or rest.partition(".")[0] in VALUES, module
        else:
            assert module not in REACHING, module


@pytest.mark.parametrize("path", _modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_down(path: Path) -> None:
    """No module imports one that stands above it."""
    own = _name(path)
    for module in _imports(path):
        package, _, rest = module.partition(".")
        target = rest.partition(".")[0]
        if package == "specialist_ci" and target not in {"", "__version__", own}:
            assert ORDER.index(target) < ORDER.index(own), f"{own} imports {target}"


@pytest.mark.parametrize("path", _modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_reserved_imports(path: Path) -> None:
    """What one module was made to wrap, no other touches."""
    for module in _imports(path):
        allowed = RESERVED.get(module.partition(".")[0])
        assert allowed is None or {_name(path), _own(path)} & allowed, f"{path} imports {module}"


@pytest.mark.parametrize(
    "path",
    [path for folder in INSIDE for path in sorted(folder.glob("*.py"))],
    ids=lambda p: p.name,
)
def test_what_runs_inside_needs_nothing(path: Path) -> None:
    """The collector's and the runners' files import the standard library and each other."""
    for module in _imports(path):
        name = module.partition(".")[0]
        ours = {other.stem for other in path.parent.glob("*.py")}
        assert name in sys.stdlib_module_names or name in ours


def test_only_the_command_line_prints() -> None:
    """No module but the command line and the action's steps writes to stdout by itself."""
    for path in _modules():
        calls = [
            node
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            if isinstance(node, ast.Name) and node.id == "print"
        ]
        assert not calls or _name(path) in {"cli", "commands", "action"}, path

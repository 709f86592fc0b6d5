"""The direction of imports, as the layout promises it."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "specialist_ci"

# From the ground up: a module imports only from layers below its own, and beside it
# only what is listed before it.
LAYERS = {
    "errors": ("errors",),
    "values": (
        "snapshot",
        "dump",
        "sourcetext",
        "building",
        "report",
        "matching",
        "compare",
        "sources",
        "render",
    ),
    "effects": (
        "files",
        "process",
        "git",
        "workspace",
        "interpreters",
        "command",
        "surroundings",
        "control",
        "identity",
        "progress",
    ),
    "steps": ("measure", "check", "demo"),
    "command line": ("cli", "__main__"),
}
ORDER = [module for layer in LAYERS.values() for module in layer]

# Who may import what others may not.
RESERVED = {
    "git": {"git"},  # GitPython
    "subprocess": {"process"},
    "rich": {"render", "progress"},
    "tabulate": {"render"},
    "dis": set[str](),
    "opcode": set[str](),
}


def _modules() -> list[Path]:
    collector = PACKAGE / "collector"
    return [path for path in sorted(PACKAGE.rglob("*.py")) if collector not in path.parents]


def _name(path: Path) -> str:
    """Return the module's place in the order: a folder counts as one module."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


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
    """The order above names each module of the package, and nothing else."""
    assert {_name(path) for path in _modules()} == {*ORDER, "__init__"}


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
        assert allowed is None or _name(path) in allowed, f"{path.name} imports {module}"


@pytest.mark.parametrize("path", sorted((PACKAGE / "collector").glob("*.py")), ids=lambda p: p.name)
def test_collector_needs_nothing(path: Path) -> None:
    """The collector's files import the standard library and each other."""
    for module in _imports(path):
        name = module.partition(".")[0]
        ours = {"_specialist_ci_endings", "_specialist_ci_recorder", "sitecustomize"}
        assert name in sys.stdlib_module_names or name in ours


def test_only_the_command_line_prints() -> None:
    """No other module writes to stdout or stderr by itself."""
    for path in _modules():
        calls = [
            node
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            if isinstance(node, ast.Name) and node.id == "print"
        ]
        assert not calls or _name(path) == "cli", path

"""Lets the second run see the operands of some instructions: compiles their files with probes in.

All Python code that is compiled while a program runs goes through ``compile``, but for
the script that the interpreter is started with: that one's code is exchanged when it
starts. The bytecode that the import system or pytest keeps of these files is neither
read nor written.
"""

import _ast
import builtins
import marshal
import os
import sys
from types import CodeType

from _specialist_ci_facts import FIELDS
from _specialist_ci_mapping import Opcodes, Tree, instructions, request
from _specialist_ci_probes import Rewriting, copied
from _specialist_ci_sites import Site

# Only for type checkers: importing typing would cost the measured process milliseconds.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from _specialist_ci_mapping import Node

_compile = compile
_FUTURES = 0x1FE0000  # of co_flags: what compile() inherits (PyCF_MASK in Include/cpython/code.h)
_PYTEST = "_pytest.assertion.rewrite"


class Explaining:
    """The sites in question, and the hooks that find their files."""

    def __init__(self, control: str) -> None:
        """Read the plan of a control directory: path -> (qualname, line, offset, ...) of sites."""
        with open(os.path.join(control, "plan"), "rb") as file:
            plan = marshal.loads(file.read())
        self._sites: dict[str, list[Site]] = {}
        for path, sites in plan:
            self._sites[path] = [Site(identity, tuple(site)) for identity, *site in sites]
        self._found: dict[str, list[Site] | None] = {}
        self._opcodes = Opcodes()

    def begin(self) -> None:
        """Start to count, as a process of its own."""
        for sites in self._sites.values():
            for site in sites:
                site.begin()

    def write(self, path: str) -> None:
        """Write what the sites met: text, as Python literals in ASCII."""
        rows = [site.row() for sites in self._sites.values() for site in sites]
        with open(path + ".writing", "w", encoding="ascii") as file:
            file.write(ascii((FIELDS, rows)))
        os.rename(path + ".writing", path)

    def install(self) -> None:
        """Compile the planned files with probes from now on."""
        builtins.compile = self._compiling()
        external: Any = sys.modules["_frozen_importlib_external"]
        loader = external.SourceLoader
        loader.get_code = self._getting(loader.get_code)

    def arrived(self, module: "dict[str, Any]") -> None:
        """Let pytest neither read nor write the bytecode of planned files."""
        if module.get("__name__") != _PYTEST:
            return
        read, write = module["_read_pyc"], module["_write_pyc"]

        def reading(source: object, *args: object, **kwargs: object) -> object:
            return None if self._planned(source) else read(source, *args, **kwargs)

        def writing(state: object, code: CodeType, *args: object, **kwargs: object) -> object:
            return self._planned(code.co_filename) or write(state, code, *args, **kwargs)

        module["_read_pyc"], module["_write_pyc"] = reading, writing

    def script(self, code: CodeType) -> CodeType | None:
        """Return the code to run in place of a script's, if it is planned."""
        if not self._planned(code.co_filename):
            return None
        with open(code.co_filename, "rb") as file:
            source = file.read()
        return self._compiled(source, code.co_filename, 0, -1, {})

    def _planned(self, filename: "Any") -> "list[Site] | None":
        """Return the sites of a file, however it was reached."""
        try:
            path = os.fsdecode(filename)
            if path not in self._found:
                self._found[path] = self._sites.get(os.path.realpath(path))
            return self._found[path]
        except (OSError, TypeError, ValueError):
            return None  # no name that a file can have

    def _getting(self, original: "Callable[..., Any]") -> "Callable[..., Any]":
        def get_code(loader: "Any", fullname: str) -> "Any":
            path = loader.get_filename(fullname)
            if not self._planned(path):
                return original(loader, fullname)
            return loader.source_to_code(loader.get_data(path), path)

        _look_like(get_code, original)
        return get_code

    def _compiling(self) -> "Callable[..., Any]":
        planned, frame, futures = self._planned, sys._getframe, _FUTURES

        def compile(  # noqa: A001, PLR0917 - it takes its place
            source: "Any",
            filename: "Any",
            mode: str,
            flags: int = 0,
            dont_inherit: bool = False,  # noqa: FBT001, FBT002 - as the built-in function has it
            optimize: int = -1,
            **more: "Any",
        ) -> "Any":
            try:
                if not dont_inherit:
                    flags |= frame(1).f_code.co_flags & futures
                if mode == "exec" and not flags & _ast.PyCF_ONLY_AST and planned(filename):
                    return self._compiled(source, filename, flags, optimize, more)
                return _compile(
                    source, filename, mode, flags, dont_inherit=True, optimize=optimize, **more
                )
            except BaseException as error:
                error.__traceback__ = None  # as the built-in function leaves it
                raise

        compile.__doc__, compile.__module__ = _compile.__doc__, "builtins"
        compile.__qualname__ = "compile"
        return compile

    def _compiled(
        self,
        source: "Any",
        filename: "Any",
        flags: int,
        optimize: int,
        more: "dict[str, Any]",
    ) -> CodeType:
        """Return a planned file's code with probes; without, where they cannot be put in."""
        if isinstance(source, _ast.AST):
            tree: Node = copied(source)
        else:
            only_tree = flags | _ast.PyCF_ONLY_AST
            tree = _compile(
                source, filename, "exec", only_tree, dont_inherit=True, optimize=optimize, **more
            )
        more = {name: value for name, value in more.items() if name != "_feature_version"}

        def compiled() -> CodeType:
            code: CodeType = _compile(
                tree, filename, "exec", flags, dont_inherit=True, optimize=optimize, **more
            )
            return code

        plain = compiled()
        sites = self._planned(filename) or []
        try:
            with _Silence():
                return self._instrumented(tree, plain, compiled, sites)
        except (RecursionError, SyntaxError, TypeError, ValueError) as error:
            for site in sites:
                site.problem = "its file could not be compiled with probes (%s)" % error
            return plain

    def _instrumented(
        self,
        root: "Node",
        plain: CodeType,
        compiled: "Callable[[], CodeType]",
        sites: "list[Site]",
    ) -> CodeType:
        tree = Tree(root)
        numbered = tree.compiled_with_numbers(compiled)
        wanted = []
        for site, found in instructions(tree, plain, numbered, sites, self._opcodes):
            asked = request(site, found, tree)
            if type(asked) is str:
                site.problem = asked
            else:
                wanted.append((site, asked))
        rewriting = Rewriting(wanted)
        rewriting.rewrite(root)
        filled: CodeType = rewriting.filled(compiled())
        return filled


class _Silence:
    """Keeps the compiler's warnings back: it has given them once, and the probes look odd to it.

    The list of filters is changed in place for the moment: warnings.catch_warnings() would
    make the program's warnings forget which of them were shown.
    """

    def __init__(self) -> None:
        import _warnings

        module: Any = sys.modules.get("warnings") or _warnings
        self._filters = module.filters
        self._ignore = ("ignore", None, Warning, None, 0)

    def __enter__(self) -> None:
        self._filters.insert(0, self._ignore)

    def __exit__(self, *_error: object) -> None:
        self._filters.remove(self._ignore)


def _look_like(function: "Any", original: "Any") -> None:
    """Let a function look like the original in a traceback."""
    function.__code__ = function.__code__.replace(
        co_filename=original.__code__.co_filename, co_qualname=original.__code__.co_qualname
    )

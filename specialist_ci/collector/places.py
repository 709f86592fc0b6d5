"""Tells which file of the repository code came from, whatever path it was reached by.

Runs beside decode.py, in the measured interpreter and where the measured files still are.
"""

import os
import sys

# Only for type checkers: importing typing takes longer than decoding a small dump.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

# What Python runs without an import; any other suffix is a template's, and its code generated.
_SCRIPTS = frozenset({"", ".py", ".pyw", ".pyc"})


class Places:
    """The source files of one checkout, as absolute paths, and what leads to them."""

    def __init__(self, roots: "tuple[str, ...]", sources: "Iterable[str]") -> None:
        """Take folders with a slash at their end, and the files to look at."""
        self._roots = roots
        self._sources = frozenset(sources)
        self._stems = {_stem(path) for path in self._sources}
        self._found: dict[str, str | None] = {}

    def native(self, encoding: str) -> "Callable[[str], str]":
        """Return what brings a path from a process with another encoding of paths to ours."""
        own = sys.getfilesystemencoding()
        if encoding == own:
            return str

        def translated(path: str) -> str:
            try:
                return path.encode(encoding, "surrogateescape").decode(own, "surrogateescape")
            except UnicodeError:
                return path  # a name that no file can have

        return translated

    def source(self, path: str) -> "str | None":
        """Return the source file at a path, symbolic links resolved, or None.

        A link to another source file is that file; any other link counts as itself.
        """
        if path not in self._found:
            self._found[path] = self._resolve(path)
        return self._found[path]

    def _resolve(self, path: str) -> "str | None":
        if not path.startswith("/"):
            return None
        try:
            real = os.path.realpath(path)
        except ValueError:
            return None  # a name that no file can have
        plain = os.path.normpath(path)
        return next((found for found in (real, plain) if found in self._sources), None)

    def generated_for(self, path: str, files: "Mapping[str, str]") -> "str | None":
        """Return the file that code of no source file was generated for, or None.

        ``path`` is a template's, or the name of the module that holds the code, in angle
        brackets; ``files`` holds the modules' files.
        """
        if path.startswith("<"):
            return self.source(files.get(path[1:-1], ""))
        suffix = os.path.splitext(path)[1]
        return path if suffix not in _SCRIPTS and path.startswith(self._roots) else None

    def elsewhere(self, modules: "Mapping[str, str]") -> "Iterator[tuple[str, str]]":
        """Yield the names and files of modules that are no source file, but are named like one."""
        for name, file in modules.items():
            package, _, last = name.rpartition(".")
            if name == "__main__":
                last = _stem(file)
            standard = (package or last).partition(".")[0] in sys.stdlib_module_names
            # Through a link from outside, the recorder does not know a source file.
            ours = file.startswith(self._roots) and self.source(file) is not None
            if last in self._stems and not standard and not ours:
                yield portable(name), portable(os.path.abspath(file))


def portable(path: str) -> str:
    r"""Return a path as text: bytes that are no UTF-8 become escapes such as \xe9."""
    try:
        return path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    except UnicodeError:  # a name that no file can have
        return path.encode("ascii", "backslashreplace").decode("ascii")


def _stem(path: str) -> str:
    """Return the last part of the name that a file is imported under."""
    folder, base = os.path.split(path)
    stem = base.partition(".")[0]
    return os.path.basename(folder) if stem == "__init__" else stem


def read_places(control: str) -> Places:
    """Read what a control folder says about the checkout."""
    found = []
    for name in ("roots", "sources"):
        with open(os.path.join(control, name), "rb") as file:
            found.append(tuple(os.fsdecode(file.read()).split("\0")))
    roots, sources = found
    return Places(roots, sources)

"""Names source files that the run imported from another place, such as an installed copy."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from specialist_ci.formats.dump import Dump
from specialist_ci.formats.paths import from_text, to_text
from specialist_ci.formats.snapshot import Condition

# Where the checkout's modules are found first, since these folders are on PYTHONPATH.
_ON_PATH = ("", "src/")
# A package is lost when less than this share of what was imported of it was measured.
_ALMOST_NONE = 0.1


@dataclass(frozen=True, slots=True)
class Import:
    """A module that was imported from ``file`` and not from the source file ``path``.

    ``folder`` is where the source file's top-level package is, relative to the root and
    with a slash at its end, and ``package`` that package's name.
    """

    path: str
    file: str
    folder: str
    package: str


def find_imports(
    dumps: Iterable[Dump], sources: Sequence[str], *, root: Path, original: Path
) -> tuple[Import, ...]:
    """Return what any process imported from elsewhere and did not run from the checkout.

    A module counts when it is in the user's own checkout at a source file's path, or
    when it is named like a source file and its package is a copy of that file's.
    """
    names = _Names(sources)
    found: set[Import] = set()
    for dump in dumps:
        measured = {code.path for code in dump.codes}
        packages: defaultdict[tuple[str, str], list[Import]] = defaultdict(list)
        for name, file in dump.elsewhere:
            for wrong in names.matching(name, file, original):
                if f"{to_text(str(root))}/{wrong.path}" not in measured:
                    packages[wrong.folder, wrong.package].append(wrong)
        for imports in packages.values():
            if _are_copies(imports, root=root, original=original):
                found.update(imports)
    return tuple(sorted(found, key=lambda wrong: (wrong.path, wrong.file)))


def judge_imports(
    imports: Sequence[Import], dumps: Iterable[Dump], *, root: Path, original: Path
) -> tuple[Condition, ...]:
    """Return the condition that names the imports, where there are any.

    It blocks where next to nothing of a package was measured from the checkout, unless
    that package is a side matter: in a folder that is not on the path, as vendored code
    is, and with fewer files than were measured.
    """
    if not imports:
        return ()
    prefix = f"{to_text(str(root))}/"
    measured = {code.path.removeprefix(prefix) for dump in dumps for code in dump.codes}
    packages: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    for wrong in imports:
        packages[wrong.folder, wrong.package].add(wrong.path)
    blocking = any(
        len(paths & measured) <= _ALMOST_NONE * len(paths)
        and (folder in _ON_PATH or len(paths) >= len(measured))
        for (folder, _package), paths in packages.items()
    )
    # The package that lost most is the one to name.
    largest = max(packages, key=lambda package: len(packages[package]))
    example = next(wrong for wrong in imports if (wrong.folder, wrong.package) == largest)
    others = len({wrong.path for wrong in imports}) - 1
    message = f"{example.path} was imported from {example.file.removeprefix(prefix)}"
    if others:
        message += f", and {others} more source file{'s' * (others > 1)} from elsewhere"
    return (
        Condition(
            name="wrong-place",
            message=message,
            remedy=_remedy(example, root=root, original=original),
            blocking=blocking,
        ),
    )


class _Names:
    """The source files, by the names that they are imported under."""

    def __init__(self, sources: Sequence[str]) -> None:
        self._sources = {to_text(source) for source in sources}
        self._by_stem: defaultdict[str, list[str]] = defaultdict(list)
        for source in sorted(self._sources):
            self._by_stem[_importable(source).rpartition("/")[2]].append(source)

    def matching(self, name: str, file: str, original: Path) -> Iterator[Import]:
        """Yield the source files that a module from this file stands for."""
        path = file.removeprefix(f"{to_text(str(original))}/")
        if path in self._sources:
            yield self._import(path, file)
            return
        module = name.replace(".", "/")
        if not f"/{_importable(file)}".endswith(f"/{module}"):
            return  # a name given by hand, which says nothing
        for source in self._by_stem[module.rpartition("/")[2]]:
            folder, package = _importable(source).removesuffix(module), module.partition("/")[0]
            whole = f"{folder}{module}" == _importable(source) and folder[-1:] in ("", "/")
            if whole and f"{folder}__init__.py" not in self._sources:
                yield Import(source, file, folder, package)

    def _import(self, path: str, file: str) -> Import:
        """Locate the top-level package by its __init__ files."""
        folder, _, package = _importable(path).rpartition("/")
        while f"{folder}/__init__.py" in self._sources:
            folder, _, package = folder.rpartition("/")
        return Import(path, file, f"{folder}/" if folder else "", package)


def _importable(path: str) -> str:
    """Return a path without its suffixes: that of a package for its __init__.py."""
    folder, slash, base = path.rpartition("/")
    stem = base.partition(".")[0]
    return folder if stem == "__init__" else f"{folder}{slash}{stem}"


def _are_copies(imports: Sequence[Import], *, root: Path, original: Path) -> bool:
    """Tell whether modules of one name are copies of our package, and no namesakes.

    What is in the user's checkout is, elsewhere the text decides. Of what has none, as
    zipped and compiled modules: what was built below the root, and modules of packages
    that our part of the path holds.
    """
    resembling = []
    for wrong in imports:
        if wrong.file == to_text(f"{original}/{wrong.path}"):
            return True
        own, other = _lines(from_text(root, wrong.path)), _lines(Path(wrong.file))
        if own and other:
            resembling.append(2 * len(own & other) >= max(len(own), len(other)))
    if resembling:
        return any(resembling)
    return any(
        wrong.file.startswith(f"{to_text(str(root))}/")
        or (wrong.folder in _ON_PATH and "/" in wrong.path.removeprefix(wrong.folder))
        for wrong in imports
    )


def _lines(path: Path) -> set[str]:
    """Return the lines that say something; none for what is no readable Python file."""
    if path.suffix != ".py":
        return set()
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return set()
    return {line.strip() for line in text.splitlines()} - {""}


def _remedy(example: Import, *, root: Path, original: Path) -> str:
    """Say how to make the command import the checkout's file."""
    if example.file.startswith(f"{to_text(str(root))}/"):
        return "run the source files themselves, not what was built, compiled or packed of them"
    if example.folder not in _ON_PATH:
        folder = original / example.folder
        return f"put the source's folder on the path: --env PYTHONPATH={to_text(str(folder))}"
    if example.file == to_text(f"{original}/{example.path}"):
        return "name files by paths relative to the checkout: the command runs in a copy of it"
    return "uninstall that copy, or let the command put nothing before PYTHONPATH on sys.path"

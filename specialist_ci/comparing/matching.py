"""Pairs base's sites with head's by code, not by line numbers; pure.

Functions are paired first: by path and qualified name, then by content wherever they
went. Inside a pair the sites are aligned in order, by ever weaker keys. What is left
over on both sides is paired line by line where the text is the same, or the same but
for its names, so that code that moved out of its function is not mistaken for new code.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import cached_property, lru_cache
from typing import NamedTuple, Self

from specialist_ci.formats.snapshot import Function, Site, Snapshot, SourceFile
from specialist_ci.source.sourcetext import anonymize, normalize, source_text

# Families that do one job in several shapes: `f(a)` and `f(x=a)` are the same call.
_SHAPES = {"CALL_KW": "CALL", "CALL_FUNCTION_EX": "CALL"}
# Families whose argrepr is an operator, which renaming leaves alone.
_OPERATORS = frozenset({"BINARY_OP", "COMPARE_OP", "CONTAINS_OP"})

# How much of a line must have stayed for it to count as edited and not as replaced.
_EDITED = 0.6
# So many more lines of a site tell no more about it.
_LONG_SPAN = 10
# How much of a function must have stayed for it to count as moved or renamed.
_SAME_FUNCTION = 0.5
# Fewer sites than this are alike in too many functions once their names are gone.
_TELLING_SHAPE = 3
# A site that stands in more functions than this does not tell where one of them went.
_TELLING = 20
# Beyond this many pairs of sites, popular keys may be skipped when a gap is aligned.
_LARGE_GAP = 4_000_000


class Place(NamedTuple):
    """A site and where it stands."""

    file: SourceFile
    line: int
    site: Site

    @property
    def text(self) -> str:
        """The source that the site spans, or the beginning of a long span, such as a class's."""
        if self.site.end_line > self.line + _LONG_SPAN:
            return self.source_lines
        return source_text(self.file).segment(self.line, self.site)

    @property
    def source_line(self) -> str:
        """The line that the site begins on."""
        return source_text(self.file).line(self.line)

    @property
    def source_lines(self) -> str:
        """The lines that the site spans, as far as ``text`` goes."""
        end = min(self.site.end_line, self.line + _LONG_SPAN)
        return "\n".join(source_text(self.file).lines[self.line - 1 : end])

    @property
    def function(self) -> Function:
        """The code object that the site belongs to."""
        return self.file.functions[self.site.function]


def every_place(snapshot: Snapshot) -> Iterator[Place]:
    """Yield all sites of a snapshot, file by file and line by line."""
    for file in snapshot.files:
        for line in file.lines:
            for site in line.sites:
                yield Place(file, line.line, site)


def places_of(snapshot: Snapshot, path: str, number: int) -> list[Place]:
    """Return the sites of one line, in the order of the source."""
    found = [
        place for place in every_place(snapshot) if (place.file.path, place.line) == (path, number)
    ]
    return sorted(found, key=lambda place: (place.site.column or 0, place.site.offset))


class Pair(NamedTuple):
    """One site on both sides; not certain where it may as well be another one."""

    base: Place
    head: Place
    certain: bool = True


class Twins(NamedTuple):
    """A code object that is the same text on both sides: its sites are pairs in their order."""

    base: SourceFile
    head: SourceFile
    base_sites: "Sequence[_Located]"
    head_sites: "Sequence[_Located]"

    def pairs(self) -> Iterator[Pair]:
        """Yield the sites of both sides."""
        for (line, site), (head_line, head_site) in self._zipped():
            yield Pair(Place(self.base, line, site), Place(self.head, head_line, head_site))

    def differing(self) -> Iterator[Pair]:
        """Yield those that have not the same state, of many very few."""
        for (line, site), (head_line, head_site) in self._zipped():
            if site.state is not head_site.state:
                yield Pair(Place(self.base, line, site), Place(self.head, head_line, head_site))

    def _zipped(self) -> "Iterator[tuple[_Located, _Located]]":
        return zip(self.base_sites, self.head_sites, strict=True)


@dataclass(frozen=True, slots=True)
class Match:
    """Every site of both sides exactly once."""

    twins: tuple[Twins, ...]
    edited: tuple[Pair, ...]  # the pairs in all other code
    removed: tuple[Place, ...]  # base only
    added: tuple[Place, ...]  # head only

    @property
    def pairs(self) -> Iterator[Pair]:
        """All pairs."""
        for twins in self.twins:
            yield from twins.pairs()
        yield from self.edited

    @property
    def differing(self) -> Iterator[Pair]:
        """The pairs whose sites have not the same state."""
        for twins in self.twins:
            yield from twins.differing()
        for pair in self.edited:
            if pair.base.site.state is not pair.head.site.state:
                yield pair


def match(base: Snapshot, head: Snapshot) -> Match:
    """Pair the sites of two snapshots one to one."""
    twins: list[Twins] = []
    pairs: list[Pair] = []
    removed: list[Place] = []
    added: list[Place] = []
    base_functions = _functions(base, {})
    head_functions = _functions(head, _renamed_files(base, head))
    function_pairs = _pair_functions(base_functions, head_functions)
    for old, new in function_pairs:
        if _untouched(old, new):
            twins.append(Twins(old.file, new.file, old.located, new.located))
            continue
        aligned = list(align(old.places, new.places))
        pairs += aligned
        if len(aligned) < max(len(old.places), len(new.places)):
            lost = _without(old.places, [pair.base for pair in aligned])
            gained = _without(new.places, [pair.head for pair in aligned])
            # What changed its place within the function, as an attribute kept in a local.
            moved = list(_pair_equal(lost, gained, _exact, telling=True))
            pairs += moved
            removed += _without(lost, [pair.base for pair in moved])
            added += _without(gained, [pair.head for pair in moved])
    paired = {id(function) for pair in function_pairs for function in pair}
    removed += [p for f in base_functions if id(f) not in paired for p in f.places]
    added += [p for f in head_functions if id(f) not in paired for p in f.places]
    moved = list(_pair_moved_lines(removed, added))
    return Match(
        twins=tuple(twins),
        edited=(*pairs, *moved),
        removed=tuple(_without(removed, [pair.base for pair in moved])),
        added=tuple(_without(added, [pair.head for pair in moved])),
    )


def _without(places: Sequence[Place], taken: Sequence[Place]) -> list[Place]:
    if len(taken) == len(places):  # as for most functions
        return []
    gone = {id(place) for place in taken}
    return [place for place in places if id(place) not in gone]


# --- functions ---


_Located = tuple[int, Site]
"""A site and its line."""


class _FunctionSites:
    """A code object with its sites in the order of its bytecode."""

    def __init__(
        self, file: SourceFile, function: Function, located: list[_Located], origin: str
    ) -> None:
        self.file = file
        self.path = file.path
        self.qualname = function.qualname
        self.identity = origin, function.qualname  # under the path that base knows
        self.located = located

    @cached_property
    def places(self) -> list[Place]:
        """The sites by themselves, which most functions never need."""
        return [Place(self.file, line, site) for line, site in self.located]

    @property
    def name(self) -> str:
        """The last part of the qualified name."""
        return self.qualname.rpartition(".")[2]

    @property
    def scopes(self) -> "list[_Scope]":
        """The function itself and all that it stands in, up to its file."""
        parts = self.qualname.replace(".<locals>", "").split(".")
        return [(self.path, ".".join(parts[:end])) for end in range(len(parts), -1, -1)]

    @cached_property
    def content(self) -> tuple[Hashable, ...]:
        return tuple(map(_exact, self.places))

    @cached_property
    def shape(self) -> tuple[Hashable, ...]:
        return tuple(map(_renamed, self.places))

    @cached_property
    def contents(self) -> Counter[Hashable]:
        return Counter(self.content)

    @cached_property
    def operations(self) -> Counter[Hashable]:
        return Counter(map(_skeleton, self.places))

    def similarity(self, other: Self) -> float:
        """Return the share of sites that both have, from 0 to 1.

        One that stands in both with other operands counts half: an edit inside an
        expression changes the text of all that is around it.
        """
        shared = (self.contents & other.contents) + (self.operations & other.operations)
        return shared.total() / (len(self.places) + len(other.places))


def _renamed_files(base: Snapshot, head: Snapshot) -> dict[str, str]:
    """Return the former paths of files that have another one now and are otherwise the same."""
    stayed = {file.path for file in base.files} & {file.path for file in head.files}
    gone = {file.source: file.path for file in base.files if file.path not in stayed}
    return {
        file.path: gone.pop(file.source)
        for file in head.files
        if file.path not in stayed and file.source in gone
    }


def _functions(snapshot: Snapshot, origins: Mapping[str, str]) -> list[_FunctionSites]:
    return [
        function
        for file in snapshot.files
        for function in _functions_of(file, origins.get(file.path, file.path))
    ]


def _functions_of(file: SourceFile, origin: str) -> Iterator[_FunctionSites]:
    located: list[list[_Located]] = [[] for _ in file.functions]
    for line in file.lines:
        number = line.line
        for site in line.sites:
            located[site.function].append((number, site))
    for function, found in zip(file.functions, located, strict=True):
        if found:
            found.sort(key=_offset)
            yield _FunctionSites(file, function, found, origin)


def _offset(located: _Located) -> int:
    return located[1].offset


_Scope = tuple[str, str]
"""A path and a qualified name; an empty name stands for the file."""

_FunctionPair = tuple[_FunctionSites, _FunctionSites]


def _pair_functions(
    base: Iterable[_FunctionSites], head: Iterable[_FunctionSites]
) -> list[_FunctionPair]:
    """Pair functions, surest first; each step sees what the earlier ones left."""
    pairs: list[_FunctionPair] = []
    old, new = list(base), list(head)
    for step in _STEPS:
        if not old or not new:
            break
        found = list(step(old, new, pairs))
        pairs += found
        taken = {id(function) for pair in found for function in pair}
        old = [function for function in old if id(function) not in taken]
        new = [function for function in new if id(function) not in taken]
    return pairs


def _by_name(
    old: Sequence[_FunctionSites], new: Sequence[_FunctionSites], _pairs: object
) -> Iterator[_FunctionPair]:
    """Pair equal paths and qualified names; several of one name are aligned by content."""
    groups = _grouped(old, lambda function: function.identity)
    for name, new_group in _grouped(new, lambda function: function.identity).items():
        old_group = groups.get(name, [])
        if len(old_group) == len(new_group) == 1:
            yield old_group[0], new_group[0]
        elif old_group:
            yield from _align_group(old_group, new_group)


def _align_group(
    old: Sequence[_FunctionSites], new: Sequence[_FunctionSites]
) -> Iterator[_FunctionPair]:
    """Pair lambdas, property setters and the like: by content, then in order."""
    exact = SequenceMatcher(
        None, [f.content for f in old], [f.content for f in new], autojunk=False
    )
    for tag, i, i_end, j, j_end in exact.get_opcodes():
        if tag in ("equal", "replace"):
            yield from zip(old[i:i_end], new[j:j_end], strict=False)


def _by_content(
    old: Sequence[_FunctionSites], new: Sequence[_FunctionSites], _pairs: object
) -> Iterator[_FunctionPair]:
    """Pair functions that moved or were renamed and are otherwise the same."""
    candidates = _grouped(old, lambda function: function.content)
    for function in new:
        same = candidates.get(function.content)
        if same:
            best = max(same, key=lambda other: _closeness(other, function))
            same.remove(best)
            yield best, function


def _closeness(old: _FunctionSites, new: _FunctionSites) -> tuple[bool, bool, bool]:
    return (old.qualname == new.qualname, old.name == new.name, old.path == new.path)


def _by_moved_scope(
    old: Sequence[_FunctionSites], new: Sequence[_FunctionSites], pairs: Sequence[_FunctionPair]
) -> Iterator[_FunctionPair]:
    """Pair equal names in a file, class or function that other pairs say where it went."""
    origins: defaultdict[_Scope, Counter[_Scope]] = defaultdict(Counter)
    for before, after in pairs:
        origins[after.path, ""][before.path, ""] += 1
        for now, then in zip(after.scopes, before.scopes, strict=False):
            origins[now][then] += 1
    names = _grouped(old, lambda function: function.scopes[0])
    for function in new:
        for place in _former_places(function, origins):
            if found := names.get(place):
                yield found.pop(0), function
                break


def _former_places(
    function: _FunctionSites, origins: Mapping[_Scope, Counter[_Scope]]
) -> Iterator[_Scope]:
    """Yield where a function may gained from, the innermost scope's origins first."""
    own = function.scopes[0][1]
    for scope in function.scopes[1:]:
        rest = own[len(scope[1]) :].removeprefix(".")
        for (path, name), _count in origins.get(scope, Counter()).most_common():
            yield path, f"{name}.{rest}".removeprefix(".")


def _by_shape(
    old: Sequence[_FunctionSites], new: Sequence[_FunctionSites], _pairs: object
) -> Iterator[_FunctionPair]:
    """Pair functions that moved or were renamed, with their variables or attributes too."""
    candidates = _grouped(old, lambda function: function.shape)
    claims = Counter(function.shape for function in new)
    for function in new:
        same = candidates.get(function.shape)
        if not same:
            continue
        best = max(same, key=lambda other: _closeness(other, function))
        named = best.name == function.name
        alone = len(same) == claims[function.shape] == 1
        large = len(function.shape) >= _TELLING_SHAPE
        if (large and (named or alone)) or (named and alone and best.path == function.path):
            same.remove(best)
            yield best, function


def _by_similarity(
    old: Sequence[_FunctionSites], new: Sequence[_FunctionSites], _pairs: object
) -> Iterator[_FunctionPair]:
    """Pair what was moved or renamed and edited too, the most alike first."""
    holders = defaultdict(list)
    for index, function in enumerate(old):
        for key in function.contents:
            holders[key].append(index)
    telling = {key: found for key, found in holders.items() if len(found) <= _TELLING}
    scored = []
    for index, function in enumerate(new):
        for candidate in {other for key in function.contents for other in telling.get(key, ())}:
            score = function.similarity(old[candidate])
            if score >= _SAME_FUNCTION:
                closeness = _closeness(old[candidate], function)
                scored.append((score, closeness, -candidate, -index))
    used: set[tuple[str, int]] = set()
    for *_, candidate, index in sorted(scored, reverse=True):
        if ("old", candidate) not in used and ("new", index) not in used:
            used |= {("old", candidate), ("new", index)}
            yield old[-candidate], new[-index]


_STEPS = (_by_name, _by_content, _by_moved_scope, _by_shape, _by_moved_scope, _by_similarity)


def _grouped(
    functions: Iterable[_FunctionSites], key: Callable[[_FunctionSites], Hashable]
) -> defaultdict[Hashable, list[_FunctionSites]]:
    groups: defaultdict[Hashable, list[_FunctionSites]] = defaultdict(list)
    for function in functions:
        groups[key(function)].append(function)
    return groups


# --- sites of one function ---


def _exact(place: Place) -> Hashable:
    """Return what the same code has in common, however it is laid out."""
    return place.site.family, place.site.argrepr, normalize(place.text)


def _renamed(place: Place) -> Hashable:
    """Return what the same code has in common, whatever its names are."""
    return place.site.family, _operator(place), anonymize(place.text)


def _skeleton(place: Place) -> Hashable:
    """Return what one operation in expressions of the same build has in common."""
    return place.site.family, place.site.argrepr, anonymize(place.text, literals=True)


def _operation(place: Place) -> Hashable:
    """Return what one operation has in common, on whatever operands."""
    return place.site.family, place.site.argrepr


def shape_of(family: str) -> str:
    """Return what families have in common that do one job in several shapes."""
    return _SHAPES.get(family, family)


def _shape(place: Place) -> Hashable:
    """Return what operations of one kind have in common."""
    return shape_of(place.site.family)


def _operator(place: Place) -> str:
    return place.site.argrepr if place.site.family in _OPERATORS else ""


def _is_edited(base: Place, head: Place) -> bool:
    """Whether one line is the other one edited, under its own names or under new ones."""
    before, after = base.source_lines, head.source_lines
    return _alike(normalize(before), normalize(after)) or (
        _operator(base) == _operator(head) and _alike(anonymize(before), anonymize(after))
    )


@lru_cache(maxsize=4096)
def _alike(before: str, after: str) -> bool:
    matcher = SequenceMatcher(None, before, after, autojunk=False)
    return matcher.quick_ratio() >= _EDITED and matcher.ratio() >= _EDITED  # quick: never less


def _always(_base: Place, _head: Place) -> bool:
    return True


# From sure to weak: what makes two sites the same, and what must hold besides.
_LEVELS: tuple[tuple[Callable[[Place], Hashable], Callable[[Place, Place], bool]], ...] = (
    (_exact, _always),
    (_renamed, _always),
    (_operation, _is_edited),
    (_shape, _is_edited),
)


def align(base: Sequence[Place], head: Sequence[Place], level: int = 0) -> Iterator[Pair]:
    """Pair the sites of two versions of a function, in order, one to one.

    What the key of a level leaves unpaired between two pairs is tried with the next. Without
    its names, `a.b` is like any other attribute: only a line that stayed makes that certain.
    """
    if not base or not head or level == len(_LEVELS):
        return
    key, accept = _LEVELS[level]
    anchors = [
        (i + n, j + n)
        for i, j, size in _blocks([key(place) for place in base], [key(place) for place in head])
        for n in range(size)
        if accept(base[i + n], head[j + n])
    ]
    next_i = next_j = 0
    for i, j in (*anchors, (len(base), len(head))):
        yield from align(base[next_i:i], head[next_j:j], level + 1)
        if i < len(base):
            certain = key is not _renamed or _is_edited(base[i], head[j])
            yield Pair(base[i], head[j], certain)
        next_i, next_j = i + 1, j + 1


def _blocks(base: list[Hashable], head: list[Hashable]) -> Iterator[tuple[int, int, int]]:
    """Yield runs (base index, head index, length) of equal keys, in order."""
    shortest = min(len(base), len(head))
    start = next((n for n in range(shortest) if base[n] != head[n]), shortest)
    rest = shortest - start
    end = next((n for n in range(rest) if base[-1 - n] != head[-1 - n]), rest)
    if start:
        yield 0, 0, start
    base_middle, head_middle = base[start : len(base) - end], head[start : len(head) - end]
    if base_middle and head_middle:
        large = len(base_middle) * len(head_middle) > _LARGE_GAP
        matcher = SequenceMatcher(None, base_middle, head_middle, autojunk=large)
        for i, j, size in matcher.get_matching_blocks()[:-1]:
            yield start + i, start + j, size
    if end:
        yield len(base) - end, len(head) - end, end


def _untouched(base: _FunctionSites, head: _FunctionSites) -> bool:
    """Whether two functions are the same text at the same columns: the quick way for most."""
    old, new = base.located, head.located
    if len(old) != len(new):
        return False
    shift = new[0][0] - old[0][0]
    return all(
        before.family == after.family
        and before.column == after.column
        and before.argrepr == after.argrepr
        and line + shift == head_line
        for (line, before), (head_line, after) in zip(old, new, strict=True)
    ) and (base.file.source == head.file.source or _text_of(base) == _text_of(head))


def _text_of(function: _FunctionSites) -> list[str]:
    first = min([line for line, _ in function.located])
    last = max([site.end_line for _, site in function.located])
    return source_text(function.file).lines[first - 1 : last]


# --- lines that left their function ---


def _pair_moved_lines(removed: Sequence[Place], added: Sequence[Place]) -> Iterator[Pair]:
    """Pair leftovers whose line has the same text, then those where only names differ.

    Not certain where several had the same claim, nor where names differ.
    """
    for key, telling in ((_line, True), (_renamed_line, False)):
        found = list(_pair_equal(removed, added, key, telling=telling))
        yield from found
        removed = _without(removed, [pair.base for pair in found])
        added = _without(added, [pair.head for pair in found])


def _pair_equal(
    removed: Sequence[Place],
    added: Sequence[Place],
    key: Callable[[Place], Hashable],
    *,
    telling: bool,
) -> Iterator[Pair]:
    candidates = defaultdict(list)
    for place in removed:
        candidates[key(place)].append(place)
    claims = Counter(found for found, places in candidates.items() for _ in places)
    keys = list(map(key, added))
    claims.update(keys)
    for place, found in zip(added, keys, strict=True):
        if same := candidates.get(found):
            at_home = [other for other in same if other.file.path == place.file.path]
            best = (at_home or same)[0]
            same.remove(best)
            alone = claims[found] == 2  # noqa: PLR2004 - one a side
            yield Pair(best, place, certain=telling and alone)


def _line(place: Place) -> Hashable:
    return _exact(place), normalize(place.source_lines)


def _renamed_line(place: Place) -> Hashable:
    return _renamed(place), anonymize(place.source_lines)

"""Sites are paired by the code they stand in, one to one, wherever that code went."""

import random
from collections.abc import Callable, Iterable, Mapping
from textwrap import dedent, indent

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pictures import snapshot

from specialist_ci.comparing.matching import Match, Place, align, match
from specialist_ci.formats.snapshot import SourceFile
from specialist_ci.source.sourcetext import anonymize, normalize

Tree = Mapping[str, str]

# --- programs at random ---

_NAMES = st.sampled_from(["total", "item", "rows", "key", "size"])
_STATEMENTS = st.one_of(
    st.builds("{} = {} + {}".format, _NAMES, _NAMES, _NAMES),
    st.builds("{} = {}[{}] // 2".format, _NAMES, _NAMES, _NAMES),
    st.builds("{}.{} = {}.{}".format, _NAMES, _NAMES, _NAMES, _NAMES),
    st.builds("{} = len({}.{}) % {}".format, _NAMES, _NAMES, _NAMES, _NAMES),
    st.builds("if {} < {}:\n    {}({}, 1)".format, _NAMES, _NAMES, _NAMES, _NAMES),
    st.builds("for {} in {}:\n    {}.append({})".format, _NAMES, _NAMES, _NAMES, _NAMES),
    st.builds("{} = [{} * 2 for {} in {}]".format, _NAMES, _NAMES, _NAMES, _NAMES),
)
_BODIES = st.lists(_STATEMENTS, min_size=1, max_size=6)


def _function(name: str, body: Iterable[str]) -> str:
    return f"def {name}(total, item, rows, key, size):\n" + indent("\n".join(body), "    ") + "\n"


_FUNCTIONS = st.dictionaries(
    st.sampled_from([f"function_{n}" for n in range(6)]), _BODIES, min_size=1, max_size=6
).map(lambda bodies: [_function(name, body) for name, body in bodies.items()])
_PROGRAMS = st.dictionaries(
    st.sampled_from(["a.py", "b.py", "pkg/c.py"]), _FUNCTIONS, min_size=1, max_size=3
)
Program = dict[str, list[str]]


def _tree(program: Program) -> Tree:
    return {path: "\n\n".join(functions) for path, functions in program.items()}


# --- what a match says ---


def _places(file: SourceFile) -> list[Place]:
    return [Place(file, line.line, site) for line in file.lines for site in line.sites]


def _in_order(file: SourceFile, qualname: str) -> list[Place]:
    places = [place for place in _places(file) if place.function.qualname == qualname]
    return sorted(places, key=lambda place: place.site.offset)


def _matched(base: Tree, head: Tree) -> Match:
    return match(snapshot(base), snapshot(head))


def _lines(matched: Match) -> list[tuple[str, str]]:
    """Return the source lines of all pairs, base's and head's, each pair of lines once."""
    pairs = dict.fromkeys(
        (p.base.source_line.strip(), p.head.source_line.strip()) for p in matched.pairs
    )
    return list(pairs)


def _whereabouts(places: Iterable[Place]) -> list[tuple[object, ...]]:
    return sorted((p.file.path, p.site.function, p.site.offset) for p in places)


def _is_complete(matched: Match) -> bool:
    return not matched.removed and not matched.added


# --- laws ---


@given(_PROGRAMS, _PROGRAMS)
def test_every_site_is_there_exactly_once(before: Program, after: Program) -> None:
    """Pairs, removed and added hold every site of base and head once, so pairs are one to one."""
    base, head = snapshot(_tree(before)), snapshot(_tree(after))
    matched = match(base, head)
    assert _whereabouts([*(p.base for p in matched.pairs), *matched.removed]) == _whereabouts(
        place for file in base.files for place in _places(file)
    )
    assert _whereabouts([*(p.head for p in matched.pairs), *matched.added]) == _whereabouts(
        place for file in head.files for place in _places(file)
    )


@given(_PROGRAMS, _PROGRAMS)
def test_only_sites_of_one_kind_are_paired(before: Program, after: Program) -> None:
    """A pair is of one family; a call stays a call in whatever shape."""
    for pair in _matched(_tree(before), _tree(after)).pairs:
        families = {pair.base.site.family, pair.head.site.family}
        assert len(families) == 1 or families == {"CALL", "CALL_KW"}


@given(_BODIES, _BODIES)
def test_an_alignment_keeps_the_order(before: list[str], after: list[str]) -> None:
    """Inside a function, what is paired stands in the same order on both sides."""
    base = snapshot({"a.py": _function("f", before)})
    head = snapshot({"a.py": _function("f", after)})
    pairs = align(_in_order(base.files[0], "f"), _in_order(head.files[0], "f"))
    offsets = [(pair.base.site.offset, pair.head.site.offset) for pair in pairs]
    assert offsets == sorted(offsets)
    assert len({before for before, _ in offsets}) == len({after for _, after in offsets})
    assert len({before for before, _ in offsets}) == len(offsets)


@given(_PROGRAMS)
def test_a_snapshot_matches_itself(program: Program) -> None:
    """Every site is paired with itself."""
    for pair in (matched := _matched(_tree(program), _tree(program))).pairs:
        assert (pair.base.line, pair.base.site) == (pair.head.line, pair.head.site)
        assert pair.certain
    assert _is_complete(matched)


@given(_PROGRAMS, st.randoms(use_true_random=False))
def test_the_order_of_files_and_functions_does_not_matter(
    program: Program, order: random.Random
) -> None:
    """Shuffled functions in shuffled files are all found, each with its own text."""
    shuffled = {path: order.sample(f, len(f)) for path, f in program.items()}
    names = order.sample(sorted(shuffled), len(shuffled))
    matched = _matched(_tree(program), _tree({path: shuffled[path] for path in names}))
    assert _is_complete(matched)
    for pair in matched.pairs:
        assert pair.base.function.qualname == pair.head.function.qualname
        assert pair.base.text == pair.head.text


@given(_PROGRAMS, st.data())
def test_inserted_lines_and_functions_lose_nothing(program: Program, data: st.DataObject) -> None:
    """Comments, empty lines and an unrelated function anywhere leave all pairs in place."""
    path = data.draw(st.sampled_from(sorted(program)))
    function = data.draw(st.integers(0, len(program[path]) - 1))
    text = program[path][function]
    lines = text.splitlines(keepends=True)
    at = data.draw(st.integers(1, len(lines)))
    lines.insert(at, "# a remark\n\n")
    functions = list(program[path])
    functions[function] = "".join(lines)
    functions.insert(
        data.draw(st.integers(0, len(functions))), "def unrelated(x):\n    return -x.a ** x.b\n"
    )
    matched = _matched(_tree(program), _tree({**program, path: functions}))
    assert not matched.removed
    assert {place.function.qualname for place in matched.added} <= {"unrelated"}
    # A loop may span its body, and with it the remark.
    assert all(normalize(pair.base.text) == normalize(pair.head.text) for pair in matched.pairs)


@given(_PROGRAMS, st.sampled_from(["lib/{}", "{}_old.py", "src/deep/er/{}"]))
def test_renamed_files_lose_nothing(program: Program, pattern: str) -> None:
    """Every file may have another name."""
    moved = {pattern.format(path): text for path, text in _tree(program).items()}
    matched = _matched(_tree(program), moved)
    assert _is_complete(matched)
    assert all(pair.base.text == pair.head.text for pair in matched.pairs)


@given(_PROGRAMS)
def test_renamed_variables_lose_nothing(program: Program) -> None:
    """All variables of all functions may have other names."""
    renamed = {
        path: text.replace("item", "entry").replace("rows", "lines")
        for path, text in _tree(program).items()
    }
    assert _is_complete(_matched(_tree(program), renamed))


@given(_PROGRAMS, _PROGRAMS)
def test_matching_is_deterministic(before: Program, after: Program) -> None:
    """Twice the same question, twice the same answer."""
    base, head = snapshot(_tree(before)), snapshot(_tree(after))
    assert match(base, head) == match(base, head)


# --- pictures ---


def drawn(text: str) -> Tree:
    """Return a tree of one file."""
    return {"a.py": dedent(text)}


PAIRED: Mapping[str, tuple[str, str, list[tuple[str, str]]]] = {
    "an edited line is found by what stayed": (
        """
        def f(x):
            y = x.a
            return y - 32.0
        """,
        """
        def f(x):
            y = x.a
            return y - 32
        """,
        [("y = x.a", "y = x.a"), ("return y - 32.0", "return y - 32")],
    ),
    "a replaced line is not": (
        """
        def f(x):
            return x.first + 1
        """,
        """
        def f(x):
            yield from map(str, sorted(x))
        """,
        [],
    ),
    "another operator on an edited line": (
        """
        def f(x):
            return x ** 2
        """,
        """
        def f(x):
            return x * x
        """,
        [("return x ** 2", "return x * x")],
    ),
    "an operand that gets a variable": (
        """
        def f(values, rest):
            return sum(values) // len(values) + rest
        """,
        """
        def f(values, rest):
            share = sum(values) // len(values)
            return share + rest
        """,
        [
            ("return sum(values) // len(values) + rest", "share = sum(values) // len(values)"),
            ("return sum(values) // len(values) + rest", "return share + rest"),
        ],
    ),
    "an attribute taken out of a loop": (
        """
        def f(x):
            for i in range(9):
                print(x.cells)
        """,
        """
        def f(x):
            cells = x.cells
            for i in range(9):
                print(cells)
        """,
        [
            ("for i in range(9):", "for i in range(9):"),
            ("print(x.cells)", "print(cells)"),
            ("print(x.cells)", "cells = x.cells"),
        ],
    ),
    "lines that went into a new function": (
        """
        def f(a, b):
            a.x = b % 7
            return a // b
        """,
        """
        def f(a, b):
            g(a, b)
            return a // b

        def g(a, b):
            a.x = b % 7
        """,
        [("return a // b", "return a // b"), ("a.x = b % 7", "a.x = b % 7")],
    ),
    "a function of another name": (
        """
        def f(a, b):
            return a.x + b.y + a.z
        """,
        """
        def g(a, b):
            return a.x + b.y + a.z
        """,
        [("return a.x + b.y + a.z", "return a.x + b.y + a.z")],
    ),
    "a function of another name, edited": (
        """
        def f(a, b):
            c = a.x + b.y
            return c - 32.0
        """,
        """
        def g(a, b):
            c = a.x + b.y
            return c - 32
        """,
        [("c = a.x + b.y", "c = a.x + b.y"), ("return c - 32.0", "return c - 32")],
    ),
    "methods of a class of another name, all renamed and one edited": (
        """
        class Old:
            def scale(self, by):
                return (self.value * by + self.zero) % 5

            def shift(self):
                return self.value - 32.0
        """,
        """
        class New:
            def scale(self, by):
                return (self.reading * by + self.nought) % 5

            def shift(self):
                return self.reading - 32
        """,
        [
            (
                "return (self.value * by + self.zero) % 5",
                "return (self.reading * by + self.nought) % 5",
            ),
            ("return self.value - 32.0", "return self.reading - 32"),
        ],
    ),
    "two of one name are told apart by content": (
        """
        class C:
            @property
            def x(self):
                return self.a

            @x.setter
            def x(self, value):
                self.a = value % 2
        """,
        """
        class C:
            @property
            def x(self):
                return self.a or self.b

            @x.setter
            def x(self, value):
                self.a = value % 2
        """,
        [("return self.a", "return self.a or self.b"), ("self.a = value % 2",) * 2],
    ),
    "lambdas are told apart by content": (
        """
        k = [lambda a: a.x % 2, lambda b: b.y + 1]
        """,
        """
        k = [lambda b: b.y + 1, lambda c: c.z // 2, lambda a: a.x % 2]
        """,
        [
            (
                "k = [lambda a: a.x % 2, lambda b: b.y + 1]",
                "k = [lambda b: b.y + 1, lambda c: c.z // 2, lambda a: a.x % 2]",
            )
        ],
    ),
}


@pytest.mark.parametrize("name", PAIRED)
def test_lines_are_paired(name: str) -> None:
    """The pairs of lines whose sites are matched are those drawn."""
    base, head, expected = PAIRED[name]
    matched = _matched(drawn(base), drawn(head))
    lines = [pair for pair in _lines(matched) if not pair[1].startswith(("class", "@", "def"))]
    assert sorted(lines) == sorted(expected)


def test_what_moved_once_is_certain() -> None:
    """A line that left its function is the same line if there is but one."""
    base = {"a.py": "def f(a, b):\n    print(a)\n    return a // b\n"}
    head = {"a.py": "def f(a, b):\n    print(a)\n\ndef g(a, b):\n    return a // b\n"}
    pairs = [p for p in _matched(base, head).pairs if "//" in p.head.source_line]
    assert [pair.certain for pair in pairs] == [True]


@pytest.mark.parametrize(
    ("removed", "added"),
    [
        ("c = a // b\n    c.d = 1\n    c = a // b", "c = a // b\n    c.d = 1\n    c = a // b"),
        ("return a // b", "return x // b"),
    ],
)
def test_what_could_be_another_is_not_certain(removed: str, added: str) -> None:
    """Two equal lines, or one under other names, are paired, but with a doubt."""
    base = {"a.py": f"def f(a, b):\n    print(a)\n    {removed}\n"}
    head = {"a.py": f"def f(a, b):\n    print(a)\n\ndef g(a, b):\n    {added}\n"}
    pairs = [p for p in _matched(base, head).pairs if "//" in p.head.source_line]
    assert pairs
    assert not any(pair.certain for pair in pairs)


def test_a_move_within_the_file_is_preferred() -> None:
    """Where a removed line stood in two files, an added one is of its own file."""
    line = "    return a // b\n"
    rest = "def f(a, b):\n    print(a)\n"
    base = {"a.py": rest + line, "b.py": rest + line}
    head = {"a.py": rest, "b.py": f"{rest}\ndef g(a, b):\n{line}"}
    pairs = [p for p in _matched(base, head).pairs if "//" in p.head.source_line]
    assert [pair.base.file.path for pair in pairs] == ["b.py"]


# --- texts ---


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("f(a, b)", "f(\n    a,\n    b,\n)"),
        ("x = 'a'", 'x = "a"'),
        ("a + b", "(a  # first\n + b)"),
        ("a + b", "a \\\n+ b"),
    ],
)
def test_layout_is_normalized(before: str, after: str) -> None:
    """What a formatter changes makes no difference."""
    assert normalize(before) == normalize(after)


@pytest.mark.parametrize(
    ("transform", "before", "after", "same"),
    [
        (anonymize, "for a in b:", "for x in y:", True),
        (anonymize, "for a in b:", "for a, c in b:", False),
        (anonymize, "return a", "yield a", False),
        (anonymize, "a - 32", "b - 32.0", False),
        (lambda text: anonymize(text, literals=True), "a - 32", "b - 32.0", True),
        (lambda text: anonymize(text, literals=True), "f('a b')", 'g("c")', True),
        (lambda text: anonymize(text, literals=True), "a.b2", "a.b", True),
    ],
)
def test_names_are_made_one(
    transform: Callable[[str], str], before: str, after: str, *, same: bool
) -> None:
    """Names make no difference, keywords do, and literals if asked to."""
    assert (transform(before) == transform(after)) is same

"""Contracts are read from comments alone, and each is about exactly the lines that it should be."""

import ast
from textwrap import dedent

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from specialist_ci.source.contracts import Mark, Verb, read_contracts


def read(source: str) -> list[Mark]:
    """Read a file that is drawn in the middle of a test."""
    return list(read_contracts(dedent(source).lstrip("\n")))


def about(source: str) -> list[tuple[int, int, int]]:
    """Return the line of each contract, and the lines that it is about."""
    return [(mark.line, mark.first, mark.last) for mark in read(source)]


SUBJECTS = {
    "line": ("x = a * b  # specialist: require\n", [(1, 1, 1)]),
    "line above": ("# specialist: require\n\nx = a * b\ny = a\n", [(1, 3, 3)]),
    "two above": (
        "# specialist: require[CALL]\n# specialist: ignore why\nx = a(b)\n",
        [(1, 3, 3), (2, 3, 3)],
    ),
    "behind another comment": ("x = a  # noqa: A1  # specialist: require\n", [(1, 1, 1)]),
    "first line of several": ("x = f(  # specialist: require\n    a,\n    b,\n)\n", [(1, 1, 4)]),
    "last line of several": ("x = f(\n    a,\n    b,\n)  # specialist: require\n", [(4, 1, 4)]),
    "within several": ("x = f(\n    a,  # specialist: require\n    b,\n)\n", [(2, 2, 2)]),
    "above one of several": (
        "x = f(\n    # specialist: require\n    a,\n    b,\n)\n",
        [(2, 3, 3)],
    ),
    "string of several lines": (
        'x = """\n# specialist: no\n"""  # specialist: require\n',
        [(3, 1, 3)],
    ),
    "continued line": ("x = a + \\\n    b  # specialist: require\n", [(2, 1, 2)]),
    "def": (
        "def f(x):  # specialist: require\n    y = x\n\n    return y\n\n\nz = 1\n",
        [(1, 1, 4)],
    ),
    "def of several lines": (
        "def f(\n    x,\n):  # specialist: require\n    return x\nz = 1\n",
        [(3, 1, 4)],
    ),
    "def in one line": ("def f(x): return x  # specialist: require\nz = 1\n", [(1, 1, 1)]),
    "def above": ("# specialist: require\ndef f(x):\n    return x\nz = 1\n", [(1, 2, 3)]),
    "decorated": (
        "# specialist: require\n@one\n@two(\n    1,\n)\ndef f(x):\n    return x\n",
        [(1, 2, 7)],
    ),
    "behind a decorator": ("@one  # specialist: require\ndef f(x):\n    return x\n", [(1, 1, 3)]),
    "below a decorator": ("@one\n# specialist: require\ndef f(x):\n    return x\n", [(2, 1, 4)]),
    "async": ("async def f(x):  # specialist: require\n    return x\n", [(1, 1, 2)]),
    "async with": ("async def f():\n    async with a:  # specialist: require\n        b()\n",
                   [(2, 2, 2)]),
    "class": ("class A:  # specialist: require\n    def f(x):\n        return x\n\n    y = 1\n",
              [(1, 1, 5)]),
    "loop": ("for a in b:  # specialist: require\n    c(a)\n", [(1, 1, 1)]),
    "end of a body": ("def f(x):\n    y = x\n    return y  # specialist: require\nz = 1\n",
                      [(3, 3, 3)]),
    "comment in a body": ("def f(x):  # specialist: require\n    return x\n    # the end\nz = 1\n",
                          [(1, 1, 2)]),
    "doubtful escape": ('x = "\\}"  # specialist: require\n', [(1, 1, 1)]),
    "no newline at the end": ("x = a  # specialist: require", [(1, 1, 1)]),
    "behind a backslash alone": ("\\\n# specialist: require\nx = 1\n", [(2, 3, 3)]),
    "names that begin like def": ("define = 1  # specialist: require\nclass_ = 2\n", [(1, 1, 1)]),
}  # fmt: skip


@pytest.mark.parametrize("name", SUBJECTS)
def test_a_contract_is_about_its_lines(name: str) -> None:
    """Behind a line, around a statement, on a def: each position means what one would think."""
    source, expected = SUBJECTS[name]
    assert about(source) == expected
    assert all(mark.verb is not None for mark in read(source))


NOTHING = (
    'x = "# specialist: require"\n',
    'x = """\n# specialist: require\n"""\n',
    "x = f'# specialist: require {a}'\n",
    "x = '''\\\n# specialist: require'''\n",
    "# a specialist: require\nx = 1\n",
    "# specialists: require\nx = 1\n",
    "x = 1  # see https://example.org/#specialist: require\n",
)


@pytest.mark.parametrize("source", NOTHING)
def test_only_a_comment_is_a_contract(source: str) -> None:
    """Strings, other words and fragments of addresses are none."""
    assert read(source) == []


def test_what_a_contract_says() -> None:
    """Families, the reason, and the function that a contract is about."""
    source = """
    class Reader:
        def read(self):  # specialist: require[LOAD_ATTR, BINARY_OP]
            def inner():
                return 1  # specialist: ignore[CALL] two kinds, see #12
            # specialist:ignore  it is cold
            class Deep:
                x = 1
    """
    require, ignore, deep = read(source)
    assert (require.verb, require.subject) == (Verb.REQUIRE, "Reader.read")
    assert require.families == {"LOAD_ATTR", "BINARY_OP"}
    assert require.covers(4, "BINARY_OP")
    assert not require.covers(4, "CALL")
    assert not require.covers(1, "BINARY_OP")
    assert (ignore.verb, ignore.reason) == (Verb.IGNORE, "two kinds, see #12")
    assert ignore.subject is None
    assert ignore.families == {"CALL"}
    assert (deep.reason, deep.families) == ("it is cold", frozenset())
    assert deep.subject == "Reader.read.<locals>.Deep"


MALFORMED = {
    "no verb": ("x = 1  # specialist:\n", 1, "write `require`"),
    "misspelt": ("x = 1  # specialist: requre\n", 1, "write `require`"),
    "upper case": ("x = 1  # specialist: REQUIRE\n", 1, "write `require`"),
    "no reason": ("x = 1  # specialist: ignore\n", 1, "needs a reason"),
    "no reason behind a family": ("x = 1  # specialist: ignore[CALL]  \n", 1, "needs a reason"),
    "empty families": ("x = 1  # specialist: ignore[] why\n", 1, "a family is written"),
    "open bracket": ("x = 1  # specialist: ignore[CALL why\n", 1, "write `require`"),
    "lower case family": ("x = 1  # specialist: require[call]\n", 1, "a family is written"),
    "words behind": ("x = 1  # specialist: require all\n", 1, "nothing but another comment"),
    "nothing but a backslash": ("\\\n# specialist: require\n", 2, "no code follows it"),
    "nothing follows": ("x = 1\n# specialist: require\n", 2, "no code follows it"),
    "end of a body": (
        "def f():\n    x = 1\n    # specialist: require\ny = 2\n",
        3,
        "no code follows it",
    ),
    "no character of a program": (
        "async \n\n    1_x = (\x01é;# specialist: ignore[CALL] x",
        3,
        "cannot be split into tokens",
    ),
    "no Python": ("x = (\n# specialist: require\n", 2, "cannot be split into tokens"),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_what_begins_like_a_contract_and_is_none(name: str) -> None:
    """It is told with its line, and covers nothing."""
    source, line, problem = MALFORMED[name]
    (mark,) = read_contracts(source)
    assert (mark.verb, mark.line) == (None, line)
    assert problem in mark.problem


def test_another_comment_may_stand_behind_require() -> None:
    """Other tools want the end of the line too."""
    (mark,) = read("x = 1  # specialist: require  # noqa: A1\n")
    assert mark.verb is Verb.REQUIRE


# --- laws ---

_PIECES = st.sampled_from(
    ["# specialist: require", "# specialist: ignore[CALL] x", "def f():", "class A:", "@d", "x = (",
     ")", '"""', "'", "\\", "\n", "\n", "\n    ", "\n        ", "\t", "\f", "\0", "é", "f'{", "}",
     "async ", ": pass", "x = 1", ";"]
)  # fmt: skip


@given(st.lists(_PIECES | st.text(max_size=3), max_size=25).map("".join))
@settings(max_examples=300)
def test_any_text_is_read(source: str) -> None:
    """Nothing that a repository holds is an error here, and no contract leaves its file."""
    count = source.count("\n") + 1
    for mark in read_contracts(source):
        assert 1 <= mark.first <= mark.last <= count
        assert 1 <= mark.line <= count
        assert (mark.verb is None) == bool(mark.problem)


@st.composite
def programs(draw: st.DrawFn, depth: int = 0) -> list[str]:
    """Draw the lines of a valid program: nested functions and classes, statements, strings."""
    lines: list[str] = []
    for _ in range(draw(st.integers(1, 3))):
        kinds = ["simple", "brackets", "string", "blank"]
        kinds += ["def", "class", "if"] if depth < 3 else []
        match draw(st.sampled_from(kinds)):
            case "simple":
                lines.append("x = 1")
            case "brackets":
                lines += ["x = f(", "    1,", "", "    2,", ")"]
            case "string":
                lines += ['x = """', "  # specialist: require", '"""']
            case "blank":
                lines += ["", "pass"]
            case kind:
                if kind != "if" and draw(st.booleans()):
                    lines += ["@decorate(", ")"]
                lines.append({"def": "def f(x):", "class": "class A:", "if": "if x:"}[kind])
                lines += [f"    {line}".rstrip() for line in draw(programs(depth + 1))]
    return lines


def _first_line(node: ast.stmt) -> int:
    """Return the line of a statement's first decorator, or its own."""
    decorated = (ast.FunctionDef, ast.ClassDef)
    decorators = node.decorator_list if isinstance(node, decorated) else []
    return min([node.lineno, *(one.lineno for one in decorators)])


def _expected(tree: ast.Module, line: int) -> tuple[int, int]:
    """Return what a comment behind a line of code is about, as the compiler's own tree has it."""
    found = (line, line)
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef() | ast.ClassDef():
                first = _first_line(node)
                if first <= line < _first_line(node.body[0]) or line == node.lineno:
                    return first, node.end_lineno or first
            case ast.If() | ast.Pass():
                pass
            case ast.stmt() if line in (node.lineno, node.end_lineno):
                found = (node.lineno, node.end_lineno or line)
    return found


@given(st.data())
@settings(max_examples=150)
def test_contracts_agree_with_the_compiler(data: st.DataObject) -> None:
    """A contract behind any line of any program is about what the syntax tree says."""
    lines = data.draw(programs())
    tree = ast.parse("\n".join(lines))
    inside = {
        line
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        for line in range(node.lineno, node.end_lineno or 0)
    }
    places = [n for n, text in enumerate(lines, start=1) if text.strip() and n not in inside]
    line = data.draw(st.sampled_from(places))
    lines[line - 1] += "  # specialist: require"
    (mark,) = read_contracts("\n".join(lines) + "\n")
    assert (mark.verb, mark.line) == (Verb.REQUIRE, line)
    assert (mark.first, mark.last) == _expected(tree, line)

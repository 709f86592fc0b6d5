"""Finds the node of the syntax tree that an instruction was compiled from, exactly.

The tree is compiled twice, the second time with a number in place of each node's end
column: where the bytecode is the same, the columns of an instruction name its node. That
also holds where positions are wrong (f-strings on 3.11) or moved (chained methods).
"""

import _ast
import sys
from types import CodeType

# Only for type checkers: importing typing would cost the measured process milliseconds.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any

    from _specialist_ci_sites import Site

    Node = Any  # of a syntax tree

VERSION = sys.version_info[:2]
_FIRST = 1000  # number of a node; columns of the source are not mistaken for it
_EXITS_FROM = (3, 14)  # the call of __enter__ is an instruction of its own, too

_COMPREHENSIONS = (_ast.ListComp, _ast.SetComp, _ast.DictComp, _ast.GeneratorExp)
_LOOPS = (_ast.For, _ast.AsyncFor)
_FUNCTIONS = (_ast.FunctionDef, _ast.AsyncFunctionDef)
_CALLS = ("CALL", "CALL_KW", "CALL_FUNCTION_EX")


def opcode_numbers() -> "dict[str, int]":
    """Return the opcodes by name, without leaving modules behind that the program never imported.

    Its own folders are off the path meanwhile: one of their modules may have the name.
    """
    import os

    before, path = set(sys.modules), sys.path[:]
    sys.path[:] = [os.path.dirname(os.__file__), *(entry for entry in path if "dynload" in entry)]
    try:
        import opcode

        return dict(opcode.opmap)
    finally:
        sys.path[:] = path
        for name in set(sys.modules) - before:
            del sys.modules[name]


class Tree:
    """A module's syntax tree, its nodes numbered so that parents come after their children."""

    def __init__(self, root: "Node") -> None:
        """Give each node that has a place a number."""
        self.parents: dict[int, Node] = {}
        self.nodes: list[Node] = []
        self._walk(root)
        self.nodes.reverse()

    def _walk(self, root: "Node") -> None:
        found = [root]
        for node in found:  # grows while it is walked
            for child in children(node):
                self.parents[id(child)] = node
                found.append(child)
            if getattr(node, "lineno", None) is not None:
                self.nodes.append(node)

    def parent(self, node: "Node") -> "Node":
        """Return the node that this one is a part of."""
        return self.parents.get(id(node))

    def compiled_with_numbers(self, compiled: "Callable[[], CodeType]") -> CodeType:
        """Return the code of the tree with numbers in place of columns."""
        saved = [(node, node.col_offset, node.end_col_offset) for node in self.nodes]
        for number, node in enumerate(self.nodes):
            node.col_offset, node.end_col_offset = 0, _FIRST + number
        try:
            return compiled()
        finally:
            for node, start, end in saved:
                node.col_offset, node.end_col_offset = start, end


def children(node: "Node") -> "Iterator[Node]":
    """Yield the nodes that a node is made of."""
    for field in node._fields:
        value = getattr(node, field, None)
        if isinstance(value, _ast.AST):
            yield value
        elif type(value) is list:
            yield from (item for item in value if isinstance(item, _ast.AST))


class Instruction:
    """What a site's instruction was compiled from."""

    __slots__ = ("method", "node", "of", "ordinal")

    def __init__(self, node: "Node", ordinal: int, of: int, *, method: bool) -> None:
        """Take the node, which one of its instructions of a kind this is, and of how many."""
        self.node = node
        self.ordinal = ordinal
        self.of = of
        self.method = method  # a call of an attribute that is not made a bound method


def instructions(
    tree: Tree, plain: CodeType, numbered: CodeType, sites: "Iterable[Site]", opcodes: "_Opcodes"
) -> "Iterator[tuple[Site, Instruction]]":
    """Yield the instruction of each site that is in a module's code; name the others' problem."""
    by_function: dict[tuple[str, int], list[Site]] = {}
    for site in sites:
        by_function.setdefault((site.qualname, site.line), []).append(site)
        if site.problem:
            site.problem = "its code is not the same as in the first run"
    for code, twin in _pairs(plain, numbered):
        wanted = by_function.get((code.co_qualname, code.co_firstlineno), ())
        if not wanted or code.co_code != twin.co_code:
            continue
        found = None
        positions = list(code.co_positions())
        for site in wanted:
            unit = site.offset // 2
            if unit < len(positions) and positions[unit] == site.position:
                found = found or _Function(tree, twin, opcodes)
                instruction = found.instruction(unit)
                if instruction is not None:
                    yield site, instruction


def _pairs(code: CodeType, twin: CodeType) -> "Iterator[tuple[CodeType, CodeType]]":
    yield code, twin
    nested = (
        [constant for constant in each.co_consts if type(constant) is CodeType]
        for each in (code, twin)
    )
    for pair in zip(*nested, strict=True):
        yield from _pairs(*pair)


class _Opcodes:
    """The numbers of the opcodes that share a node with others."""

    def __init__(self) -> None:
        numbers = opcode_numbers()
        groups = (_CALLS, ("COMPARE_OP", "CONTAINS_OP", "IS_OP"))
        self.groups = {
            numbers[name]: group[0] for group in groups for name in group if name in numbers
        }
        self.load_attr = numbers["LOAD_ATTR"]
        self.load_method = numbers.get("LOAD_METHOD") if VERSION == (3, 11) else None


class _Function:
    """The instructions of one code object, by the nodes they were compiled from."""

    def __init__(self, tree: Tree, numbered: CodeType, opcodes: _Opcodes) -> None:
        self._nodes = tree.nodes
        self._code = numbered.co_code
        self._ends = [position[3] for position in numbered.co_positions()]
        self._opcodes = opcodes
        self._methods: set[int | None] = set()
        self._places: dict[int, tuple[tuple[object, int | None], int]] = {}
        self._counts: dict[tuple[object, int | None], int] = {}
        for unit, opcode in enumerate(self._code[::2]):
            if opcode:  # 0 fills caches
                key = opcodes.groups.get(opcode, opcode), self._ends[unit]
                self._places[unit] = key, self._counts.get(key, 0)
                self._counts[key] = self._places[unit][1] + 1
            if opcode == opcodes.load_method or (
                opcode == opcodes.load_attr and VERSION >= (3, 12) and self._code[2 * unit + 1] & 1
            ):
                self._methods.add(self._ends[unit])

    def instruction(self, unit: int) -> Instruction | None:
        node = self._node(self._ends[unit])
        if node is None:
            return None
        key, ordinal = self._places[unit]
        return Instruction(node, ordinal, self._counts[key], method=self._calls_attribute(node))

    def _node(self, end: int | None) -> "Node":
        if end is None or not _FIRST <= end < _FIRST + len(self._nodes):
            return None
        return self._nodes[end - _FIRST]

    def _calls_attribute(self, node: "Node") -> bool:
        loaded = [self._node(end) for end in self._methods]
        attribute = node.func if type(node) is _ast.Call else node
        return any(each is node or each is attribute for each in loaded)


Opcodes = _Opcodes

Request = tuple[object, str, object]
"""The node that is looked at, how, and what else must be known."""


def request(site: "Site", found: Instruction, tree: Tree) -> "Request | str":
    """Return where a site's operands are in the tree, or why they are nowhere."""
    family, subscript = site.family, site.argrepr == "[]"
    if family == "BINARY_OP" and not subscript:
        return _operator(found.node)
    finder = _FINDERS["STORE_SUBSCR" if family == "BINARY_OP" else family]
    return finder(found, tree)


def _not_in_source(node: "Node") -> str:
    return "the compiler makes it of a %s by itself" % type(node).__name__


def _operator(node: "Node") -> "Request | str":
    if type(node) is _ast.BinOp:
        return node, "operator", None
    if type(node) is _ast.AugAssign:
        return node, "augmented", None
    return _not_in_source(node)


def _subscript(found: Instruction, _tree: Tree) -> "Request | str":
    node = found.node
    return (node, "subscript", None) if type(node) is _ast.Subscript else _not_in_source(node)


def _comparison(found: Instruction, tree: Tree) -> "Request | str":
    node = found.node
    if type(node) is _ast.Compare:
        # The tests of while and what is in finally are compiled twice.
        return node, "compare", found.ordinal % len(node.ops)
    above = node
    while above is not None and type(above) is not _ast.Match:
        if type(above) in (_ast.MatchSequence, _ast.MatchMapping, _ast.MatchClass):
            return "it is inside a nested pattern"
        above = tree.parent(above)
    value = node.value if type(node) is _ast.MatchValue else node
    if above is None or type(value) is not _ast.Constant:
        return _not_in_source(node)
    return above, "subject", (type(value.value), value.value)


def _attribute(found: Instruction, tree: Tree) -> "Request | str":
    node = found.node
    if type(node) is _ast.Call and type(node.func) is _ast.Attribute:
        node = node.func  # the call has the place of its method
    if type(node) is not _ast.Attribute:
        return _not_in_source(node)
    above = node
    while type(above) is _ast.Attribute:
        above = tree.parent(above)
    if isinstance(above, _ast.pattern):
        return "it is inside a pattern"
    return node, "attribute", (False, found.method)


def _stored_attribute(found: Instruction, tree: Tree) -> "Request | str":
    asked = _attribute(found, tree)
    return asked if type(asked) is str else (asked[0], "attribute", (True, False))


def _super_attribute(found: Instruction, tree: Tree) -> "Request | str":
    asked = _attribute(found, tree)
    if type(asked) is str or type(asked[0].value) is not _ast.Call:  # type: ignore[attr-defined] # a node
        return asked
    return asked[0].value, "super", None  # type: ignore[attr-defined] # a node


def _global(found: Instruction, tree: Tree) -> "Request | str":
    node = found.node
    if type(node) is _ast.Call and type(node.func) is _ast.Name:
        node = node.func
    if type(node) is _ast.Name and type(tree.parent(node)) is _ast.AugAssign:
        return tree.parent(node).value, "global", None
    if type(node) is not _ast.Name or type(node.ctx) is not _ast.Load:
        return _not_in_source(node)
    if isinstance(tree.parent(node), _ast.pattern):
        return "it is inside a pattern"
    return node, "global", None


def _call(found: Instruction, tree: Tree) -> "Request | str":  # noqa: PLR0911 - a table of cases
    node, parent = found.node, tree.parent(found.node)
    if type(node) is _ast.Attribute and type(parent) is _ast.Call and parent.func is node:
        node, parent = parent, tree.parent(parent)
    own = type(node) is _ast.Call and found.ordinal == 0  # and not what is done with its result
    if own:
        return node, "call", found.method
    if isinstance(parent, (*_FUNCTIONS, _ast.ClassDef)) and node in parent.decorator_list:
        return node, "decorator", None
    if type(parent) is _ast.withitem and parent.context_expr is node:
        if VERSION >= _EXITS_FROM and found.ordinal == (type(node) is _ast.Call):
            waits = type(tree.parent(parent)) is _ast.AsyncWith
            return node, "enter", "__aenter__" if waits else "__enter__"
        return node, "with", None
    if type(node) in (_ast.With, _ast.AsyncWith):  # 3.11; all are left, the innermost first
        item = node.items[-1 - found.ordinal % len(node.items)]
        return item.context_expr, "with", None
    if type(node) is _ast.Call:
        return node, "call", found.method  # compiled twice, as what is in finally
    if isinstance(node, _COMPREHENSIONS):
        return node.generators[0].iter, "comprehension", None
    if type(node) is _ast.ClassDef:
        return node, "class", None
    return _not_in_source(node)


def _iteration(found: Instruction, tree: Tree) -> "Request | str":
    node, parent = found.node, tree.parent(found.node)
    if isinstance(node, _LOOPS):
        return node.iter, "iterate", None
    if isinstance(parent, _LOOPS) and parent.iter is node:
        return node, "iterate", None
    if type(parent) is _ast.comprehension and parent.iter is node:
        return node, "iterate", None
    if isinstance(node, _COMPREHENSIONS):
        generators = node.generators
        return generators[found.ordinal % len(generators)].iter, "iterate", None
    if type(node) in (_ast.YieldFrom, _ast.Starred):
        return node.value, "iterate", None
    while isinstance(parent, _ast.expr):  # a loop may have the place of its target
        node, parent = parent, tree.parent(parent)
    if isinstance(parent, _LOOPS) and parent.target is node:
        return parent.iter, "iterate", None
    return _not_in_source(found.node)


def _getting_iterator(found: Instruction, tree: Tree) -> "Request | str":
    asked = _iteration(found, tree)
    return asked if type(asked) is str else (asked[0], "get_iter", None)


def _unpacking(found: Instruction, tree: Tree) -> "Request | str":
    node, parent = found.node, tree.parent(found.node)
    if type(node) is not _ast.Tuple and type(node) is not _ast.List:
        return _not_in_source(node)
    if type(parent) is _ast.Assign and node in parent.targets:
        return parent.value, "unpack", len(node.elts)
    if (isinstance(parent, _LOOPS) or type(parent) is _ast.comprehension) and parent.target is node:
        return parent, "target", len(node.elts)
    if type(parent) is _ast.withitem and tree.parent(parent).items[-1] is parent:
        return tree.parent(parent), "target", len(node.elts)
    return "it is inside another target"


def _truth(found: Instruction, tree: Tree) -> "Request | str":
    node = found.node
    parent = tree.parent(node)
    if type(parent) is _ast.Call and parent.func is node:
        # From 3.14 on: of what the generator of any() and all() yields (Python/codegen.c).
        return _not_in_source(parent)
    if type(node) is _ast.UnaryOp and type(node.op) is _ast.Not:
        return node.operand, "truth", None
    if type(node) is _ast.BoolOp:
        return node.values[found.ordinal % (len(node.values) - 1)], "truth", None
    return (node, "truth", None) if isinstance(node, _ast.expr) else _not_in_source(node)


def _sending(found: Instruction, _tree: Tree) -> "Request | str":
    node = found.node
    if type(node) in (_ast.YieldFrom, _ast.Await):
        return node.value, "send", None
    return "an async for or with awaits there"


_FINDERS: "dict[str, Callable[[Instruction, Tree], Request | str]]" = {
    "CALL": _call,
    "CALL_FUNCTION_EX": _call,
    "CALL_KW": _call,
    "COMPARE_OP": _comparison,
    "CONTAINS_OP": _comparison,
    "FOR_ITER": _iteration,
    "GET_ITER": _getting_iterator,
    "LOAD_ATTR": _attribute,
    "LOAD_GLOBAL": _global,
    "LOAD_SUPER_ATTR": _super_attribute,
    "SEND": _sending,
    "STORE_ATTR": _stored_attribute,
    "STORE_SUBSCR": _subscript,
    "TO_BOOL": _truth,
    "UNPACK_SEQUENCE": _unpacking,
}

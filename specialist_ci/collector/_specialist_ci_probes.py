"""Rewrites a module's syntax tree so that probes see the operands of the instructions in question.

Each operator stays where it is, and its operands are evaluated once and in their order:
probes are calls around them that return what they are passed. They are no names of any
namespace: what is called is a text constant that the code gets something else in place of.
"""

import _ast
import builtins
from types import CodeType

import _specialist_ci_describers as describers
from _specialist_ci_sites import (
    Indexed,
    Kept,
    Operands,
    Tally,
    seeing,
    seeing_global,
    seeing_left,
    seeing_right,
)

# Only for type checkers: importing typing would cost the measured process milliseconds.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from _specialist_ci_mapping import Node, Request
    from _specialist_ci_sites import Site

_MARK = "\0specialist-ci:"
_OPERATORS = {
    _ast.Add: "+",
    _ast.BitAnd: "&",
    _ast.BitOr: "|",
    _ast.BitXor: "^",
    _ast.Div: "/",
    _ast.FloorDiv: "//",
    _ast.LShift: "<<",
    _ast.MatMult: "@",
    _ast.Mod: "%",
    _ast.Mult: "*",
    _ast.Pow: "**",
    _ast.RShift: ">>",
    _ast.Sub: "-",
    _ast.Eq: "==",
    _ast.Gt: ">",
    _ast.GtE: ">=",
    _ast.Lt: "<",
    _ast.LtE: "<=",
    _ast.NotEq: "!=",
}
_COMPREHENSIONS = (_ast.ListComp, _ast.SetComp, _ast.DictComp, _ast.GeneratorExp)
_KEPT_AS_THEY_ARE = (_ast.MatchClass, _ast.MatchMapping, _ast.MatchValue)  # no expressions


def copied(node: "Node") -> "Node":
    """Return a copy of a tree; what stands in it twice becomes two nodes."""
    fields = {name: _copied(getattr(node, name)) for name in node._fields if hasattr(node, name)}
    places = {name: getattr(node, name) for name in node._attributes if hasattr(node, name)}
    return type(node)(**fields, **places)


def _copied(value: "Any") -> "Any":
    if isinstance(value, _ast.AST):
        return copied(value)
    return [_copied(item) for item in value] if type(value) is list else value


class Rewriting:
    """The changes to one tree."""

    def __init__(self, requests: "Iterable[tuple[Site, Request]]") -> None:
        """Take the sites and what to look at."""
        self._constants: dict[str, object] = {}
        self._scopes: list[Node] = []
        self._wanted: dict[int, dict[tuple[str, object], _Look]] = {}
        for site, (node, how, more) in requests:
            looks = self._wanted.setdefault(id(node), {})
            look = looks.setdefault((how, more), _Look(node, how, more, []))
            look.sites.append(site)

    def filled(self, code: CodeType) -> CodeType:
        """Return compiled code with the probes in place of their constants."""
        constants: list[object] = []
        for constant in code.co_consts:
            if type(constant) is CodeType:
                constants.append(self.filled(constant))
            elif type(constant) is str and constant.startswith(_MARK):
                constants.append(self._constants[constant])
            else:
                constants.append(constant)
        return code.replace(co_consts=tuple(constants))

    # --- the tree ---

    def rewrite(self, node: "Node") -> "Node":
        """Put the probes into a tree; return what takes its place: a node, or several."""
        looks = self._wanted.get(id(node), {}).values()
        twins = self._twins(node) if looks else {}
        compared = {look.more: look.sites for look in looks if look.how == "compare"}
        parts = (
            [self._repeated(each) for each in (node.left, *node.comparators)] if compared else []
        )
        scope = isinstance(node, (_ast.ClassDef, _ast.FunctionDef, _ast.AsyncFunctionDef))
        if scope:
            self._scopes.append(node)
        self._rewrite_children(node)
        if scope:
            self._scopes.pop()
        if compared:
            self._compare(node, parts, compared)
        result = node
        for how in _ORDER if looks else ():
            for look in looks:
                if look.how == how:
                    look.twins = twins
                    method = "_around" if how in _AROUND else "_" + how
                    result = getattr(self, method)(result, look)
        return result

    def _rewrite_children(self, node: "Node") -> None:
        for field in node._fields:
            value = getattr(node, field, None)
            if type(value) is list:
                items: list[Node] = []
                for item in value:
                    new = self.rewrite(item) if isinstance(item, _ast.AST) else item
                    items.extend(new if type(new) is list else [new])
                setattr(node, field, items)
            elif isinstance(value, _ast.AST) and not (
                isinstance(node, _KEPT_AS_THEY_ARE) and field in ("cls", "keys", "value")
            ):
                setattr(node, field, self.rewrite(value))

    def _twins(self, node: "Node") -> "dict[str, Node]":
        """Return copies of the operands that may as well be evaluated twice."""
        twins = {
            field: self._repeated(getattr(node, field, None))
            for field in ("left", "right", "value", "slice")
        }
        return {field: twin for field, twin in twins.items() if twin is not None}

    def _repeated(self, node: "Node") -> "Node":
        """Return a copy of a constant or a name, or None for what is more than that.

        A name of a class body is looked up in what its metaclass prepared, which may notice.
        """
        if type(node) is _ast.Constant:
            return _at(_ast.Constant(node.value), node)
        if type(node) is _ast.Name and type(node.ctx) is _ast.Load and not self._in_class():
            return _at(_ast.Name(node.id, _ast.Load()), node)
        return None

    def _in_class(self) -> bool:
        return bool(self._scopes) and type(self._scopes[-1]) is _ast.ClassDef

    # --- what is put in ---

    def _constant(self, value: object, place: "Node") -> "Node":
        mark = "%s%d" % (_MARK, len(self._constants))
        self._constants[mark] = value
        return _at(_ast.Constant(mark), place)

    def _called(self, probe: object, *arguments: "Node") -> "Node":
        place = arguments[-1]
        return _at(_ast.Call(self._constant(probe, place), list(arguments), []), place)

    def _kept(self, kept: Kept, name: str, place: "Node", context: "Node" = None) -> "Node":
        """Return an expression, or a target, that is a kept value."""
        constant = self._constant(kept, place)
        return _at(_ast.Attribute(constant, name, context or _ast.Load()), place)

    def _both(
        self, node: "Node", left: str, right: str, tally: Tally, twins: "dict[str, Node]"
    ) -> "Node":
        """Let a probe see two operands, the fields of a node that are evaluated in this order."""
        first, last = getattr(node, left), getattr(node, right)
        if left in twins:
            setattr(node, right, self._called(seeing_right(tally), twins[left], last))
        elif right in twins:
            place = _at(self._called(seeing_left(tally), first, twins[right]), first)
            setattr(node, left, place)
        else:
            operands = Operands()
            setattr(node, left, self._called(operands.first, first))
            setattr(node, right, self._called(operands.last(tally), last))
        return node

    # --- one method for each way to look; they take and return what takes the node's place ---

    def _operator(self, result: "Node", look: "_Look") -> "Node":
        symbol = _OPERATORS[type(look.node.op)]
        tally = Tally(look.sites, "binary", describers.binary(symbol, *(False,)))
        self._both(look.node, "left", "right", tally, look.twins)
        return result

    def _augmented(self, _result: "Node", look: "_Look") -> "Node":
        symbol = _OPERATORS[type(look.node.op)]
        tally = Tally(look.sites, "binary", describers.binary(symbol, *(True,)))
        target = look.node.target
        if type(target) is _ast.Name and not self._in_class():
            twin = _at(_ast.Name(target.id, _ast.Load()), target)
            look.node.value = self._called(seeing_right(tally), twin, look.node.value)
            return look.node
        return self._augmented_part(look.node, target, tally)

    def _augmented_part(self, node: "Node", target: "Node", tally: Tally) -> "list[Node]":
        """Return the statements that an augmented assignment does in one.

        They are: load the target, work the right operand into it, store it.
        """
        owner, value, index = Kept(), Kept(), Kept()
        store = _ast.Store

        def part(name: str, context: "Node") -> "Node":
            if type(target) is _ast.Name:
                return _at(_ast.Name(target.id, context), target)
            kept = self._kept(owner, name, target)
            if type(target) is _ast.Attribute:
                return _at(_ast.Attribute(kept, target.attr, context), target)
            return _at(_ast.Subscript(kept, self._kept(index, name, target), context), target)

        def assignment(to: "Node", what: "Node") -> "Node":
            return _at(_ast.Assign([to], what, None), node)

        statements = []
        if type(target) is not _ast.Name:
            kept = self._kept(owner, "keep", target, store())
            statements.append(assignment(kept, target.value))
        if type(target) is _ast.Subscript:
            # Behind an attribute: the compiler works out the items of constants by itself.
            indexed = _at(
                _ast.Attribute(self._constant(Indexed(), target), "by", _ast.Load()), target
            )
            asked = _ast.Subscript(indexed, target.slice, _ast.Load())
            kept = self._kept(index, "keep", target, store())
            statements.append(assignment(kept, _at(asked, target)))
        right = self._called(value.seeing_right(tally), node.value)
        work = _ast.AugAssign(self._kept(value, "keep", target, store()), node.op, right)
        statements += [
            assignment(self._kept(value, "keep", target, store()), part("keep", _ast.Load())),
            _at(work, node),
            assignment(part("take", store()), self._kept(value, "take", target)),
        ]
        return statements

    def _subscript(self, result: "Node", look: "_Look") -> "Node":
        kinds = (
            ("subscript", describers.subscript),
            ("store_subscript", describers.store_subscript),
        )
        for kind, describer in kinds:
            store = kind == "store_subscript"
            sites = [site for site in look.sites if (site.family == "STORE_SUBSCR") is store]
            if sites:
                self._item(look, Tally(sites, kind, describer()))
        return result

    def _item(self, look: "_Look", tally: Tally) -> None:
        index = look.node.slice
        if type(index) is _ast.Slice or (
            type(index) is _ast.Tuple and any(type(each) is _ast.Slice for each in index.elts)
        ):
            # A slice is no expression: only its type is told.
            kind = slice(None) if type(index) is _ast.Slice else (slice(None),)
            describe = tally.describe
            tally.describe = lambda value: describe(value, kind)
            look.node.value = self._called(seeing(tally), look.node.value)
        else:
            self._both(look.node, "value", "slice", tally, look.twins)

    def _compare(self, node: "Node", parts: "list[Node]", wanted: "dict[Any, list[Site]]") -> None:
        """Let probes see the operands of a comparison, which may be a chain."""
        operands = Operands()
        for index, operator in enumerate(node.ops):
            if index not in wanted:
                continue
            right = node.comparators[index]
            if type(operator) in (_ast.In, _ast.NotIn):
                tally = Tally(wanted[index], "contains", describers.contains())
                node.comparators[index] = self._called(seeing(tally), right)
                continue
            describe = describers.compare(_OPERATORS[type(operator)])
            tally = Tally(wanted[index], "compare", describe)
            if parts[index] is not None:
                probe = seeing_right(tally)
                node.comparators[index] = self._called(probe, parts[index], right)
            elif index == 0 and parts[1] is not None:
                probe = seeing_left(tally)
                node.left = _at(self._called(probe, node.left, parts[1]), node.left)
            else:
                if index == 0:
                    node.left = self._called(operands.first, node.left)
                else:
                    before = node.comparators[index - 1]
                    node.comparators[index - 1] = self._called(operands.first, before)
                node.comparators[index] = self._called(operands.last(tally), right)

    def _subject(self, result: "Node", look: "_Look") -> "Node":
        _kind, constant = look.more
        compare = describers.compare("==")

        def describe(value: object) -> "Any":
            return compare(value, constant)

        tally = Tally(look.sites, "compare", describe)
        look.node.subject = self._called(seeing(tally), look.node.subject)
        return result

    def _attribute(self, result: "Node", look: "_Look") -> "Node":
        store, method = look.more
        describer = describers.Attribute(look.sites[0].argrepr, store, method)
        tally = Tally(look.sites, "attribute", describer.describe)
        describer.changed = tally.expire
        look.node.value = self._called(seeing(tally), look.node.value)
        return result

    def _super(self, result: "Node", look: "_Look") -> "Node":
        tally = Tally(look.sites, "super_attribute", describers.super_attribute())
        look.node.func = self._called(seeing(tally), look.node.func)
        return result

    def _call(self, result: "Node", look: "_Look") -> "Node":
        keywords = tuple(keyword.arg for keyword in look.node.keywords if keyword.arg is not None)
        starred = len(keywords) < len(look.node.keywords) or any(
            type(argument) is _ast.Starred for argument in look.node.args
        )
        count = len(look.node.args)
        describe = describers.call(count, keywords, starred, look.more)
        tally = Tally(look.sites, "call", describe)
        look.node.func = self._called(seeing(tally), look.node.func)
        return result

    def _class(self, result: "Node", look: "_Look") -> "list[Node]":
        """Let a probe see that a class is about to be made: by a built-in, of a body and a name."""
        keywords = tuple(keyword.arg for keyword in look.node.keywords if keyword.arg is not None)
        starred = len(keywords) < len(look.node.keywords) or any(
            type(base) is _ast.Starred for base in look.node.bases
        )
        describe = describers.call(2 + len(look.node.bases), keywords, *(starred, False))
        tally = Tally(look.sites, "call", describe)
        built_in = vars(builtins)

        def probe() -> None:
            tally.see(built_in["__build_class__"])

        call = _at(_ast.Call(self._constant(probe, look.node), [], []), look.node)
        return [_at(_ast.Expr(call), look.node), result]

    def _enter(self, result: "Node", look: "_Look") -> "Node":
        """Let a probe see what a with statement enters."""
        tally = Tally(look.sites, "call", describers.enter(look.more))
        return self._called(seeing(tally), result)

    def _global(self, result: "Node", look: "_Look") -> "Node":
        describe = describers.load_global(look.sites[0].argrepr)
        tally = Tally(look.sites, "load_global", describe)
        return self._called(seeing_global(tally), result)

    def _comprehension(self, result: "Node", look: "_Look") -> "Node":
        """Let a probe see that a comprehension is called, as a function made for the moment."""
        call, function = describers.call(1, (), *(False, False)), _function_in_function()

        def describe(_iterable: object) -> "Any":
            return call(function)

        return self._called(seeing(Tally(look.sites, "call", describe)), result)

    def _around(self, result: "Node", look: "_Look") -> "Node":
        """Let a probe see the value of the whole expression."""
        kind = _AROUND[look.how]
        more: tuple[object, ...] = ()
        if look.how == "decorator":
            more = 1, (), *(False, False)
        elif look.how == "unpack":
            more = (look.more,)
        tally = Tally(look.sites, kind, getattr(describers, kind)(*more))
        return self._called(seeing(tally), result)

    def _target(self, result: "Node", look: "_Look") -> "Node":
        """Let a probe see what a loop or a with statement unpacks into its target."""
        tally = Tally(look.sites, "unpack", describers.unpack(look.more))
        kept = Kept()
        holder, field = look.node, "target"
        if type(look.node) in (_ast.With, _ast.AsyncWith):
            holder, field = look.node.items[-1], "optional_vars"
        target = getattr(holder, field)
        setattr(holder, field, self._kept(kept, "keep", target, _ast.Store()))
        seen = self._called(seeing(tally), self._kept(kept, "take", target))
        if type(look.node) is _ast.comprehension:
            once = _at(_ast.Tuple([seen], _ast.Load()), target)
            inner = _ast.comprehension(target, once, look.node.ifs, 0)
            look.node.ifs = []
            return [look.node, inner]
        look.node.body.insert(0, _at(_ast.Assign([target], seen, None), target))
        return result


class _Look:
    """The sites that look at a node in one way."""

    __slots__ = ("how", "more", "node", "sites", "twins")

    def __init__(self, node: "Node", how: str, more: "Any", sites: "list[Site]") -> None:
        self.node = node
        self.how = how
        self.more = more
        self.sites = sites
        self.twins: dict[str, Node] = {}


# What is seen of a whole expression, by how it is looked at.
_AROUND = {
    "with": "with_exit",
    "decorator": "call",
    "truth": "truth",
    "send": "send",
    "get_iter": "get_iter",
    "iterate": "iterate",
    "unpack": "unpack",
}
# What is inside a node first, then what is around it.
_ORDER = (
    *("operator", "subscript", "attribute", "super", "call", "subject", "target", "global"),
    *("enter", *_AROUND, "comprehension", "augmented", "class"),
)


def _at(new: "Node", old: "Node") -> "Node":
    """Give a node the place of another one; some that other programs made have an odd end."""
    new.lineno, new.col_offset = old.lineno, old.col_offset
    end, column = getattr(old, "end_lineno", None), getattr(old, "end_col_offset", None)
    if end is None or column is None or end < new.lineno:
        end, column = new.lineno, new.col_offset
    new.end_lineno, new.end_col_offset = end, column
    return new


def _function_in_function() -> "Callable[[object], object]":
    def comprehension(iterator: object) -> object:
        return iterator

    code = comprehension.__code__.replace(co_qualname="comprehension")
    comprehension.__code__ = code
    return comprehension

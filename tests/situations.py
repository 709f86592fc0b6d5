"""One snippet for each row of the knowledge: a function whose site fails, and its cure."""

from typing import NamedTuple

ROUNDS = 400  # calls of each function
FEW = 120  # of those that nothing but their fate is asked of


class Snippet(NamedTuple):
    """A function of ``a`` and ``b``, called with the arguments of the ``i``-th round."""

    body: str
    arguments: str
    observe: str  # calls a function of the collector's facts on the operands
    setup: str = ""
    cure: str | None = None  # another body, by which each site specializes
    cure_arguments: str | None = None
    where: str = "site"  # qualified name of the function that has the site

    @property
    def kind(self) -> str:
        """The function of the facts that tells its situation."""
        return self.observe.partition("(")[0].removeprefix("facts.")


def _binary(
    body: str,
    arguments: str,
    cure_arguments: str | None = None,
    cure: str | None = None,
    setup: str = "",
) -> Snippet:
    operator = body.split()[1]
    in_place = operator.endswith("=")
    observe = f"facts.binary({operator.removesuffix('=')!r}, a, b, {in_place})"
    cured = cure or (body if cure_arguments else None)
    return Snippet(body, arguments, observe, setup, cured, cure_arguments)


def _get(
    arguments: str, cure: str | None = None, cure_arguments: str | None = None, setup: str = ""
) -> Snippet:
    return Snippet("a[b]", arguments, "facts.subscript(a, b)", setup, cure, cure_arguments)


def _set(
    arguments: str, cure: str | None = None, cure_arguments: str | None = None, setup: str = ""
) -> Snippet:
    return Snippet(
        "a[b] = 1", arguments, "facts.store_subscript(a, b)", setup, cure, cure_arguments
    )


def _compare(
    body: str,
    arguments: str,
    cure: str | None = None,
    cure_arguments: str | None = None,
    setup: str = "",
) -> Snippet:
    operator = body.split()[1]
    return Snippet(
        f"if {body}: pass",
        arguments,
        f"facts.compare({operator!r}, a, b)",
        setup,
        cure,
        cure_arguments,
    )


def _in(
    arguments: str, cure: str | None = None, cure_arguments: str | None = None, setup: str = ""
) -> Snippet:
    return Snippet("a in b", arguments, "facts.contains(b)", setup, cure, cure_arguments)


def _loop(
    arguments: str, cure: str | None = None, cure_arguments: str | None = None, setup: str = ""
) -> Snippet:
    body = "for c in a: pass"
    return Snippet(body, arguments, "facts.iterate(a)", setup, cure, cure_arguments)


def _load(
    name: str,
    arguments: str,
    setup: str,
    cure: str | None = None,
    cure_arguments: str | None = None,
    body: str | None = None,
) -> Snippet:
    method = body is not None and f"a.{name}(" in body
    observe = f"facts.attribute(a, {name!r}, False, {method})"
    return Snippet(body or f"a.{name}", arguments, observe, setup, cure, cure_arguments)


def _store(
    name: str,
    arguments: str,
    setup: str,
    cure: str | None = None,
    cure_arguments: str | None = None,
) -> Snippet:
    observe = f"facts.attribute(a, {name!r}, True, False)"
    return Snippet(f"a.{name} = b", arguments, observe, setup, cure, cure_arguments)


def _call(
    body: str,
    arguments: str,
    observe: str,
    setup: str = "",
    cure: str | None = None,
    cure_arguments: str | None = None,
) -> Snippet:
    return Snippet(body, arguments, f"facts.call({observe})", setup, cure, cure_arguments)


_CLASS = "class C:\n    def __init__(self, x=1):\n        self.x = x\no = C()\n"
_LARGE = (
    "class C:\n    y = 1\n    def m(self): pass\n    def __init__(self):\n"
    "        for n in range(40): setattr(self, f'n{n}', n)\n        setattr(self, 'x', 1)\no = C()\n"
)
_OTHER = "class D:\n    def __init__(self, x=1):\n        self.x = self.y = x\np = D()\n"
_SLOTS = "class S:\n    __slots__ = ('x',)\n    def __init__(self): self.x = 1\n    def m(self): pass\ns = S()\n"
_READ = _CLASS + "vars(o)\n"
_EXHAUSTED = (
    "class C:\n    n = 0\n    def __init__(self): self.x = 1\no = C()\n"
    "for i in range(3000):\n    C.n = i\n    o.x\n    C.n\n"
)

SNIPPETS = {
    # BINARY_OP
    "int-arithmetic-big": _binary("a + b", "2**30 + i, 1", "i, 1"),
    "int-arithmetic-big-result": _binary("a * b", "2**29, 2", "2**9, 2"),
    "mixed-numbers-special": _binary("a + b", "float('nan'), 1", "1.0, 1.0"),
    "mixed-numbers-in-place": _binary("a += b", "1.5, 1", "1.5, 1.0"),
    "mixed-arithmetic": _binary("a - b", "1.5, 32", "1.5, 32.0"),
    "mixed-division": _binary("a / b", "1.5, 2"),
    "int-bitwise-big": _binary("a & b", "2**30 + i, 1"),
    "int-bitwise": _binary("a | b", "i, 1"),
    "sequence-addition-in-place": _binary("a += b", "[1], [2]"),
    "sequence-addition": _binary("a + b", "[1], [2]"),
    "repetition": _binary("a * b", "'-', 3"),
    "dict-union": _binary("a | b", "{}, {}"),
    "bool-arithmetic": _binary("a + b", "i, True", "i, int(True)"),
    "subclass-arithmetic": _binary("a + b", "N(1), 1", "int(N(1)), 1", setup="class N(int): pass"),
    "different-types": _binary("a * b", "[1], 2"),
    "float-division": _binary("a / b", "1.5, 2.5"),
    "bitwise-other": _binary("a & b", "{1}, {1}"),
    "operator-without-form": _binary("a // b", "i, 3"),
    "other-types": _binary("a - b", "{1}, {2}"),
    # BINARY_SUBSCR
    "negative-index": _get("[1, 2], -1", "a[b]", "[1, 2], 1"),
    "index-error": _get("[1], 1", "if len(a) > 1: a[b]"),
    "list-slice": _get("[1, 2], slice(1)"),
    "other-slice": _get("(1, 2), slice(1)"),
    "str-index-old": _get("'abc', 1", "for c in [a]: pass"),
    "str-negative-index": _get("'abc', -1", "a.endswith('c')"),
    "str-index-error": _get("'abc', 3", "if len(a) > 3: a[b]"),
    "str-index-non-ascii": _get("'\\xe9\\u20ac', 1"),
    "odd-index": _get("[1, 2], True", "a[b]", "[1, 2], int(True)"),
    "dict-subclass-item": _get(
        "d, 1",
        "a[b]",
        "dict(d), 1",
        setup="import collections\nd = collections.defaultdict(int, {1: 2})",
    ),
    "python-getitem-defaults": _get(
        "C(), 1",
        "a[b]",
        "D(), 1",
        setup="class C:\n    def __getitem__(self, i, j=1): return i\nclass D:\n    def __getitem__(self, i): return i",
    ),
    "python-getitem-complex": _get(
        "C(), 1",
        "a[b]",
        "D(), 1",
        setup="class C:\n    def __getitem__(self, *i): return i\nclass D:\n    def __getitem__(self, i): return i",
    ),
    "sequence-subclass-item": _get(
        "L([1]), 0", "a[b]", "list(L([1])), 0", setup="class L(list): pass"
    ),
    "array-like-item": _get("b'abc', 0", "a[b]", "tuple(b'abc'), 0"),
    "other-item": _get("m, 0", setup="import types\nm = types.MappingProxyType({0: 1})"),
    # STORE_SUBSCR
    "store-negative-index": _set("[1, 2], -1", "a[b] = 1", "[1, 2], 1"),
    "store-index-error": _set("[1], 1", "if len(a) > 1: a[b] = 1"),
    "store-list-slice": Snippet("a[b] = [1]", "[1, 2], slice(1)", "facts.store_subscript(a, b)"),
    "store-odd-index": _set("[1, 2], True", "a[b] = 1", "[1, 2], int(True)"),
    "store-dict-subclass-item": _set(
        "D(), 1", "a[b] = 1", "dict(), 1", setup="class D(dict): pass"
    ),
    "store-other-item": _set("bytearray(2), 0"),
    # COMPARE_OP
    "compare-big-ints": _compare("a < b", "2**30 + i, 1"),
    "order-strings": _compare("a < b", "'a', 'b'"),
    "compare-int-with-float": _compare("a < b", "1.5, 2", "if a < b: pass", "1.5, 2.0"),
    "compare-with-none": _compare("a == b", "i, None", "if a is b: pass"),
    "compare-bools": _compare("a == b", "True, True", "if a: pass"),
    "compare-subclasses": _compare(
        "a == b",
        "E.A, E.A",
        "if a is b: pass",
        setup="import enum\nclass E(enum.IntEnum):\n    A = 1\n",
    ),
    "compare-identities": _compare("a == b", "o, o", "if a is b: pass", setup="o = object()"),
    "compare-different-types": _compare("a == b", "'a', i"),
    "compare-others": _compare("a == b", "(1,), (1,)"),
    "compare-for-a-value": Snippet("c = a < b", "1, 2", "facts.compare('<', a, b)"),
    # CONTAINS_OP
    "in-sequence": _in("1, (1, 2)", "a in b", "1, {1, 2}"),
    "in-dict-view": _in("1, {1: 2}.keys()", "a in b", "1, {1: 2}"),
    "in-dict-subclass": _in("1, D()", setup="class D(dict): pass"),
    "in-other": _in("'a', 'abc'"),
    # TO_BOOL
    "truth-of-big-int": Snippet("not a", "2**30, 0", "facts.truth(a)"),
    "truth-by-method": Snippet(
        "not a", "C(), 0", "facts.truth(a)", "class C:\n    def __len__(self): return 1"
    ),
    "truth-of-others": Snippet("not a", "{}, 0", "facts.truth(a)"),
    # FOR_ITER, GET_ITER, SEND
    "loop-over-iterator": _loop("iter([1]), 0", "for c in a: pass", "[1], 0"),
    "loop-over-text": _loop("'abc', 0"),
    "loop-over-unknown": _loop(
        "C(), 0", setup="class C:\n    def __iter__(self): return iter({1: 2})"
    ),
    "loop-over-others": _loop("{1: 2}, 0"),
    "iter-of-others": Snippet("for c in a: pass", "{1: 2}, 0", "facts.get_iter(a)"),
    "send-to-sequence": Snippet("yield from a", "[1], 0", "facts.send(a)"),
    "send-to-async-generator": Snippet(
        "try: f(a).send(None)\n    except StopIteration: pass",
        "g(), 0",
        "facts.send(a.__anext__())",
        "async def g():\n    yield 1\nasync def f(a):\n    async for c in a: pass",
        where="f",
    ),
    "send-to-unknown": Snippet(
        "yield from a",
        "C(), 0",
        "facts.send(a)",
        "class C:\n    def __iter__(self): return iter({1: 2})",
    ),
    "send-to-others": Snippet("yield from a", "{1: 2}, 0", "facts.send(a)"),
    # UNPACK_SEQUENCE
    "unpack-wrong-length": Snippet(
        "c, d = a", "(1,), 0", "facts.unpack(a, 2)", "", "if len(a) == 2:\n        c, d = a"
    ),
    "unpack-tuple-subclass": Snippet(
        "c, d = a",
        "T((1, 2)), 0",
        "facts.unpack(a, 2)",
        "class T(tuple): pass",
        "c, d = a",
        "(1, 2), 0",
    ),
    "unpack-other": Snippet("c, d = a", "{1: 1, 2: 2}, 0", "facts.unpack(a, 2)"),
    # LOAD_ATTR of modules
    "module-subclass": _load(
        "pi",
        "m, 0",
        "import types\nclass M(types.ModuleType): pass\nm = M('m')\npi = m.pi = 3",
        "pi",
    ),
    "module-with-getattr": _load(
        "pi",
        "m, 0",
        "import types\nm = types.ModuleType('m')\nm.__getattr__ = lambda name: 1\npi = m.pi = 3",
        "pi",
    ),
    "module-attribute-missing": _load(
        "pi",
        "m, 0",
        "import types\nm = types.ModuleType('m')\nm.__getattr__ = lambda name: 1\npi = m.pi",
        "pi",
    ),
    # LOAD_ATTR of classes
    "class-exhausted": _load("n", "C, 0", _EXHAUSTED + "n = 0\n", "n"),
    "class-changing": _load(
        "y",
        "change(i), 0",
        "class C:\n    y = 1\n    n = 0\ndef change(i):\n    C.n = i\n    return C\ny = 1",
        "y",
    ),
    "class-attribute-3.11": _load("y", "C, 0", "class C:\n    y = 1\ny = C.y", "y"),
    "enum-member": _load("A", "E, 0", "import enum\nclass E(enum.Enum):\n    A = 1\nA = E.A", "A"),
    "metaclass": _load(
        "y", "C, 0", "class M(type): pass\nclass C(metaclass=M):\n    y = 1\ny = C.y", "y"
    ),
    "metaclass-with-own-lookup": _load(
        "y",
        "C, 0",
        "class M(type):\n    def __getattribute__(self, name): return 1\nclass C(metaclass=M): pass\ny = 1",
        "y",
    ),
    "metaclass-descriptor": _load("__name__", "int, 0", "name = int.__name__", "name"),
    "metaclass-attribute": _load("mro", "int, 0", "mro = int.mro", "mro"),
    "class-attribute-absent": _load("nothing", "int, 0", "mro = int.mro", "mro"),
    "mutable-class-attribute": _load(
        "y", "C, 0", "class V: pass\nclass C:\n    y = V()\ny = C.y", "y"
    ),
    "class-method": _load(
        "m",
        "C, 0",
        "class C:\n    @classmethod\n    def m(cls): pass\nm = C.m",
        "m()",
        body="a.m()",
    ),
    "static-method": _load(
        "m", "C, 0", "class C:\n    @staticmethod\n    def m(): pass\nm = C.m", "m()", body="a.m()"
    ),
    "descriptor-of-class": _load(
        "y", "C, 0", "class C:\n    @property\n    def y(self): pass\ny = C.y", "y"
    ),
    # LOAD_ATTR of instances
    "exhausted": _load("x", "o, 0", _EXHAUSTED + _OTHER, "a.x", "p, 0"),
    "changing": _load(
        "x",
        "change(i), 0",
        _CLASS + _OTHER + "def change(i):\n    C.n = i\n    return o",
        "a.x",
        "p, 0",
    ),
    "property-with-getattr": _load(
        "y",
        "o, 0",
        "class C:\n    y = property(lambda self: 1)\n    def __getattr__(self, name): return 1\no = C()\n"
        "class D:\n    def __init__(self): self.y = 1\np = D()",
        "a.y",
        "p, 0",
    ),
    "own-lookup": _load(
        "y",
        "o, 0",
        "class C:\n    def __getattribute__(self, name): return 1\n"
        "    def __getattr__(self, name): return 1\no = C()\n",
        "c = b",
    ),
    "own-lookup-complex": _load(
        "y", "o, 0", "class C:\n    def __getattribute__(self, name, more=0): return 1\no = C()\n"
    ),
    "own-lookup-called": _load(
        "y",
        "o, 0",
        "class C:\n    def __getattribute__(self, name): return int\no = C()\n",
        "c = a.y\n    return c",
        body="a.y()",
    ),
    "property-3.11": _load(
        "y",
        "o, 0",
        "class C:\n    y = property(lambda self: 1)\n    def __init__(self): self.x = 1\no = C()\n",
        "a.x",
    ),
    "property-in-c": _load(
        "y",
        "o, 0",
        "import operator\nclass C:\n    y = property(operator.attrgetter('x'))\n"
        "    def __init__(self): self.x = 1\no = C()\n",
        "a.x",
    ),
    "property-complex": _load(
        "y",
        "o, 0",
        "class C:\n    y = property(lambda self, more=0: 1)\n    z = property(lambda self: 1)\no = C()\n",
        "a.z",
    ),
    "property-called": _load(
        "y",
        "o, 0",
        "class C:\n    y = property(lambda self: int)\no = C()\n",
        "c = a.y\n    return c",
        body="a.y()",
    ),
    "slot-called-3.11": _load("x", "s, 0", _SLOTS + "s.x = int", "c = a.x", body="a.x()"),
    "slot-unset": _load("x", "s, 0", _SLOTS + "t = S()\ndel s.x", "a.x", "t, 0"),
    "c-member": _load("real", "1j, 0", "", "c = b"),
    "namedtuple-field": _load(
        "x",
        "t, 0",
        "import collections, dataclasses\nt = collections.namedtuple('T', 'x')(1)\n"
        "@dataclasses.dataclass(slots=True)\nclass D:\n    x: int\nd = D(1)",
        "a.x",
        "d, 0",
    ),
    "c-attribute": _load("year", "d, 0", "import datetime\nd = datetime.date(2020, 1, 1)", "c = b"),
    "cached-property": _load(
        "y",
        "o, 0",
        "import functools\nclass C:\n    @functools.cached_property\n    def y(self): return 1\no = C()\n"
        + _OTHER,
        "a.y",
        "p, 0",
    ),
    "enum-value": _load(
        "value", "E.A, 0", "import enum\nclass E(enum.Enum):\n    A = 1\n", "c = b"
    ),
    "mutable-value": _load(
        "y", "o, 0", "class V: pass\nclass C:\n    y = V()\no = C()\ny = C.y", "y"
    ),
    "class-method-of-instance": _load(
        "m",
        "o, 0",
        "class C:\n    @classmethod\n    def m(cls): pass\no = C()\nm = o.m",
        "m()",
        body="a.m()",
    ),
    "c-class-method-of-instance": _load(
        "fromkeys", "{}, 0", "m = dict.fromkeys", "m", body="a.fromkeys(())"
    ),
    "static-method-of-instance": _load(
        "m",
        "o, 0",
        "class C:\n    @staticmethod\n    def m(): pass\no = C()\nm = o.m",
        "m()",
        body="a.m()",
    ),
    "method-hidden": _load(
        "m",
        "o, 0",
        "class C:\n    def m(self): pass\n    def __init__(self): self.m = self.x = int\no = C()\n",
        "a.x",
        body="a.m()",
    ),
    "hidden-in-another-object": _load(
        "m",
        "p, 0",
        "class C:\n    def m(self): pass\no, p = C(), C()\no.m = int\n"
        "class D:\n    def m(self): pass\nq = D()\n",
        "a.m()",
        "q, 0",
        body="a.m()",
    ),
    "method-not-called": _load("m", "o, 0", "class C:\n    def m(self): pass\no = C()\n", "a.m()"),
    "method-of-odd-object": _load(
        "m",
        "t, 0",
        "class T(tuple):\n    def m(self): pass\nclass U(tuple):\n    __slots__ = ()\n    def m(self): pass\n"
        "t = T()\nu = U()",
        "a.m()",
        "u, 0",
        body="a.m()",
    ),
    "method-of-late-object": _load(
        "m",
        "t, 0",
        "class T(list):\n    def m(self): pass\nclass U(list):\n    __slots__ = ()\n    def m(self): pass\n"
        "t = T()\nu = U()",
        "a.m()",
        "u, 0",
        body="a.m()",
    ),
    "method-of-lazy-object": _load(
        "getvalue", "s, 0", "import io\ns = io.StringIO()", body="a.getvalue()"
    ),
    "method-of-object-with-dict": _load(
        "m",
        "e, 0",
        "class E(Exception):\n    def m(self): pass\nclass C:\n    def m(self): pass\n"
        "o = C()\ne = E()\ne.x = 1",
        "a.m()",
        "o, 0",
        body="a.m()",
    ),
    "method-of-object-read": _load(
        "m",
        "o, 0",
        "class C:\n    def m(self): pass\n    def __init__(self): self.x = 1\no = C()\np = C()\nvars(o)",
        "a.m()",
        "p, 0",
        body="a.m()",
    ),
    "method-of-large-object": _load("m", "o, 0", _LARGE + _SLOTS, "a.m()", "s, 0", body="a.m()"),
    "default-hidden-called": _load(
        "y",
        "o, 0",
        "class C:\n    y = len\no = C()\no.y = ord\n" + _OTHER,
        "a.y",
        "p, 0",
        body="a.y('x')",
    ),
    "default-hidden": _load(
        "y",
        "o, 0",
        "class C:\n    y = 0\n    def __init__(self): self.y = 1\no = C()\n" + _OTHER,
        "a.y",
        "p, 0",
    ),
    "class-value-called": _load(
        "y", "o, 0", "class C:\n    y = len\no = C()\ny = C.y", "y('x')", body="a.y('x')"
    ),
    "class-value": _load("y", "o, 0", "class C:\n    y = 1\no = C()\ny = C.y", "y"),
    "class-value-of-object-with-dict": _load(
        "y", "e, 0", "class E(Exception):\n    y = 1\ne = E()\ny = E.y", "y"
    ),
    "class-value-of-large-object": _load("y", "o, 0", _LARGE + "y = 1", "y"),
    "answered-by-getattr": _load(
        "y",
        "o, 0",
        "class C:\n    def __getattr__(self, name): return 1\no = C()\n" + _OTHER,
        "a.y",
        "p, 0",
    ),
    "attribute-missing": _load("y", "o, 0", _CLASS, "a.x"),
    "attribute-of-c-object": _load(
        "x", "n, 0", "import types\nn = types.SimpleNamespace(x=1)\n" + _CLASS, "a.x", "o, 0"
    ),
    "attribute-called-3.11": _load("x", "o, 0", _CLASS + "o.x = int", "c = a.x", body="a.x()"),
    "attribute-of-read-object": _load("x", "o, 0", _READ + "p = C()", "a.x", "p, 0"),
    "attribute-of-late-object": _load(
        "x",
        "o, 0",
        _CLASS.replace("class C", "class C(int)").replace("x=1", "x=1") + _SLOTS,
        "a.x",
        "s, 0",
    ),
    "attribute-of-large-object": _load("x", "o, 0", _LARGE + _SLOTS, "a.x", "s, 0"),
    # STORE_ATTR
    "store-on-module": _store(
        "x", "m, i", "import types\nm = types.ModuleType('m')\n" + _CLASS, "a.x = b", "o, i"
    ),
    "store-on-class": _store("x", "C, i", _CLASS + _OTHER, "a.x = b", "p, i"),
    "store-exhausted": _store("x", "o, i", _EXHAUSTED + _SLOTS, "a.x = b", "s, i"),
    "store-changing": _store(
        "x",
        "change(i), i",
        _CLASS + _OTHER + "def change(i):\n    C.n = i\n    return o",
        "a.x = b",
        "p, i",
    ),
    "store-own-setattr": _store(
        "x", "o, i", "class C:\n    def __setattr__(self, name, value): pass\no = C()\n", "c = b"
    ),
    "store-property": _store(
        "y",
        "o, i",
        "class C:\n    y = property(lambda self: 1, lambda self, y: None)\no = C()\n",
        "a.z = b",
    ),
    "store-over-method": _store(
        "m", "o, i", "class C:\n    def m(self): pass\no = C()\n", "a.x = b"
    ),
    "store-over-mutable": _store(
        "y", "o, i", "class V: pass\nclass C:\n    y = V()\no = C()\n", "a.x = b"
    ),
    "store-c-member": _store("__class__", "o, C", "class C: pass\no = C()\n"),
    "store-c-attribute": _store("__name__", "f, 'name'", "def f(): pass"),
    "store-over-default": _store(
        "y", "o, i", "class C:\n    y = 0\no = C()\n" + _OTHER, "a.y = b", "p, i"
    ),
    "store-on-c-object": _store(
        "x", "e, i", "class E(Exception): pass\ne = E()\n" + _CLASS, "a.x = b", "o, i"
    ),
    "store-new-name": Snippet(
        "a.x = b",
        "large(), i",
        "facts.attribute(a, 'x', True, False)",
        "class C: pass\ndef large():\n    o = C()\n    for n in range(40): setattr(o, f'n{n}', n)\n    return o\n"
        + _SLOTS,
        "a.x = b",
        "s, i",
    ),
    "store-on-read-object": _store("x", "o, i", _READ + "p = C()", "a.x = b", "p, i"),
    "store-on-late-object": _store(
        "x", "o, i", "class C(int): pass\no = C()\no.x = 1\n" + _SLOTS, "a.x = b", "s, i"
    ),
    "store-on-new-late-object": _store(
        "x", "C(), i", "class C(dict): pass\n" + _SLOTS, "a.x = b", "s, i"
    ),
    # LOAD_GLOBAL
    "globals-no-dict": Snippet(
        "f()",
        "0, 0",
        "facts.load_global(n, 'x')",
        "class N(dict): pass\nn = N(x=1)\nf = eval(compile('lambda: x', __file__, 'eval'), n)",
        where="<lambda>",
    ),
    "globals-with-other-keys": Snippet(
        "x", "0, 0", "facts.load_global(globals(), 'x')", "x = 1\nglobals()[1] = 1"
    ),
    "globals-come-and-go": Snippet(
        "x",
        "grow(i), 0",
        "facts.load_global(globals(), 'x')",
        "x = 1\ndef grow(i): globals()[f'n{i}'] = i",
    ),
    # LOAD_SUPER_ATTR
    "super-shadowed": Snippet(
        "a.m()",
        "o, 0",
        "facts.super_attribute(None)",
        "class B:\n    def m(self): pass\nclass C(B):\n    def m(self): return super(C, self).m()\n"
        "o = C()\nclass D:\n    def __init__(self, *a): pass\n    def m(self): pass\n"
        "globals()['super'] = D",
        where="C.m",
    ),
    "super-of-instance": Snippet(
        "a.m()",
        "o, 0",
        "facts.super_attribute(super, 1)",
        "class C:\n    def m(self): return super(1, self).m()\no = C()",
        where="C.m",
    ),
    # CALL
    "python-keywords": _call(
        "a(x=b)", "f, 1", "a, 0, ('x',), False, False", "def f(x): pass", "a(b)"
    ),
    "python-complex": _call(
        "a(b)", "f, 1", "a, 1, (), False, False", "def f(*x): pass\ndef g(x): pass", "a(b)", "g, 1"
    ),
    "python-wrong-arguments": _call("a(b)", "f, 1", "a, 1, (), False, False", "def f(): pass"),
    "python-unoptimized": _call(
        "a()",
        "f, 1",
        "a, 0, (), False, False",
        "import types\nf = types.FunctionType(compile('1', __file__, 'exec'), {})",
    ),
    "bound-method-defaults": _call(
        "a()",
        "m, 1",
        "a, 0, (), False, False",
        "class C:\n    def m(self, x=1): pass\nm = C().m",
        "a(1)",
    ),
    "function-made-anew": _call(
        "a()",
        "make(i), 1",
        "a, 0, (), False, False",
        "def make(i):\n    def f(): return i\n    return f\ng = make(1)",
        "a()",
        "g, 1",
    ),
    "builtin-keywords": _call(
        "{}.update(x=b)",
        "{}.update, 1",
        "a, 0, ('x',), False, True",
        "",
    ),
    "builtin-class-method": _call("a(b)", "bytes.fromhex, '00'", "a, 1, (), False, False"),
    "builtin-wrong-arguments": _call("a()", "len, 1", "a, 0, (), False, False"),
    "inherited-append": _call(
        "c = a.append(b)",
        "L(), 1",
        "a.append, 1, (), False, True",
        "class L(list): pass",
        "a.append(b)",
        "[], 1",
    ),
    "inherited-builtin-method": _call(
        "a.get(b)",
        "D(), 1",
        "a.get, 1, (), False, True",
        "class D(dict): pass",
        "a.get(b)",
        "{}, 1",
    ),
    "builtin-convention": _call("a.format(b)", "'{}', 1", "a.format, 1, (), False, True"),
    "class-without-vectorcall": _call("a()", "object, 1", "a, 0, (), False, False"),
    "python-class": _call("a(b)", "C, 1", "a, 1, (), False, False", _CLASS),
    "python-class-defaults": _call("a()", "C, 1", "a, 0, (), False, False", _CLASS, "a(b)"),
    "bound-other": _call(
        "a()",
        "m, 1",
        "a, 0, (), False, False",
        "import types\nm = types.MethodType(int, 1)\ndef f(): pass",
        "a()",
        "f, 1",
    ),
    "callable-object": _call(
        "a()",
        "o, 1",
        "a, 0, (), False, False",
        "class C:\n    def __call__(self): pass\no = C()\ndef f(): pass",
        "a()",
        "f, 1",
    ),
    "with-python-exit": Snippet(
        "with a: pass",
        "o, 0",
        "facts.with_exit(a)",
        "class C:\n    def __enter__(self): pass\n    def __exit__(self, a, b, c): pass\no = C()",
    ),
    "with-c-exit": Snippet(
        "with a: pass",
        "lock, 0",
        "facts.with_exit(a)",
        "import threading\nlock = threading.RLock()",
    ),
}

WELL = {
    "int + int": _binary("a + b", "i, 1"),
    "float * float": _binary("a * b", "1.5, 2.5"),
    "str + str": _binary("a + b", "'a', 'b'"),
    "list[int]": _get("[1], 0"),
    "tuple[int]": _get("(1,), 0"),
    "dict[str]": _get("{'a': 1}, 'a'"),
    "__getitem__": _get("c, 0", setup="class C:\n    def __getitem__(self, i): return i\nc = C()"),
    "list[int] =": _set("[1], 0"),
    "dict[str] =": _set("{}, 'a'"),
    "int < int": _compare("a < b", "i, 1"),
    "float < float": _compare("a < b", "1.5, 2.5"),
    "str == str": _compare("a == b", "'a', 'b'"),
    "in dict": _in("1, {1: 2}"),
    "in set": _in("1, {1}"),
    "in frozenset": _in("1, frozenset({1})"),
    "truth of bool": Snippet("not a", "i == 1, 0", "facts.truth(a)"),
    "truth of int": Snippet("not a", "i, 0", "facts.truth(a)"),
    "truth of None": Snippet("not a", "None, 0", "facts.truth(a)"),
    "truth of str": Snippet("not a", "'a', 0", "facts.truth(a)"),
    "truth of list": Snippet("not a", "[], 0", "facts.truth(a)"),
    "truth of object": Snippet("not a", "o, 0", "facts.truth(a)", _CLASS),
    "for in list": _loop("[1], 0"),
    "for in tuple": _loop("(1,), 0"),
    "for in range": _loop("range(2), 0"),
    "for in generator": _loop("(c for c in [1]), 0"),
    "iter of list": Snippet("for c in a: pass", "[1], 0", "facts.get_iter(a)"),
    "iter of generator": Snippet("for c in a: pass", "(c for c in [1]), 0", "facts.get_iter(a)"),
    "iter of zip": Snippet("for c in a: pass", "zip([1]), 0", "facts.get_iter(a)"),
    "pair": Snippet("c, d = a", "(1, 2), 0", "facts.unpack(a, 2)"),
    "triple": Snippet("c, d, e = a", "(1, 2, 3), 0", "facts.unpack(a, 3)"),
    "list of two": Snippet("c, d = a", "[1, 2], 0", "facts.unpack(a, 2)"),
    "yield from generator": Snippet("yield from a", "(c for c in [1]), 0", "facts.send(a)"),
    "module attribute": _load("pi", "math, 0", "import math"),
    "instance attribute": _load("x", "o, 0", _CLASS),
    "attribute of a dataclass": _load(
        "x", "o, 0", "import dataclasses\n@dataclasses.dataclass\nclass C:\n    x: int\no = C(1)"
    ),
    "slot attribute": _load("x", "s, 0", _SLOTS),
    "__class__": _load("__class__", "o, 0", _CLASS),
    "method": _load("m", "o, 0", "class C:\n    def m(self): pass\no = C()", body="a.m()"),
    "method of slots": _load("m", "s, 0", _SLOTS, body="a.m()"),
    "method of list": _load("copy", "[], 0", "", body="a.copy()"),
    "function of a class": _load(
        "m", "C, o", "class C:\n    def m(self): pass\no = C()", body="a.m(b)"
    ),
    "store": _store("x", "o, i", _CLASS),
    "store in a fresh object": _store("x", "C(), i", "class C: pass"),
    "store in a slot": _store("x", "s, i", _SLOTS),
    "store in a large object": _store("x", "o, i", _LARGE),
    "global": Snippet("x", "0, 0", "facts.load_global(globals(), 'x')", "x = 1"),
    "builtin": Snippet("len", "0, 0", "facts.load_global(globals(), 'len')"),
    "global that changes": Snippet(
        "x",
        "change(i), 0",
        "facts.load_global(globals(), 'x')",
        "def change(i):\n    global x\n    x = i\nchange(0)",
    ),
    "call of a function": _call("a(b)", "f, 1", "a, 1, (), False, False", "def f(x): pass"),
    "call of a method": _call(
        "a.m(b)", "o, 1", "a.m, 1, (), False, True", "class C:\n    def m(self, x): pass\no = C()"
    ),
    "call of a bound method": _call(
        "a(b)", "m, 1", "a, 1, (), False, False", "class C:\n    def m(self, x): pass\nm = C().m"
    ),
    "call of O": _call("a(b)", "abs, 1", "a, 1, (), False, False"),
    "call of FASTCALL": _call("a(b, 2)", "divmod, 1", "a, 2, (), False, False"),
    "call of FASTCALL|KEYWORDS": _call("a(b)", "sorted, ()", "a, 1, (), False, False"),
    "call of method O": _call("a.count(b)", "[1], 1", "a.count, 1, (), False, True"),
    "call of method NOARGS": _call("a.copy()", "[1], 1", "a.copy, 0, (), False, True"),
    "call of method FASTCALL": _call("a.get(b)", "{}, 1", "a.get, 1, (), False, True"),
    "call of str": _call("a(b)", "str, 1", "a, 1, (), False, False"),
    "call of tuple": _call("a(b)", "tuple, ()", "a, 1, (), False, False"),
    "call of list": _call("a(b)", "list, ()", "a, 1, (), False, False"),
}

_TURNS = _CLASS + "class D:\n    def __init__(self): self.x = 1\nboth = [C(), D()]\n"
MIXED = {
    "int and float": _binary("a + b", "[i, 1.5][i % 2], [i, 1.5][i % 2]"),
    "two classes": _load("x", "both[i % 2], 0", _TURNS),
    "two classes, stored": _store("x", "both[i % 2], 0", _TURNS),
    "two functions": _call(
        "a()", "(f, g)[i % 2], 0", "a, 0, (), False, False", "def f(): pass\ndef g(): pass"
    ),
    "list and tuple": _get("([1], (1,))[i % 2], 0"),
    "list and tuple, iterated": _loop("([1], (1,))[i % 2], 0"),
    "list and tuple, unpacked": Snippet(
        "c, d = a", "([1, 2], (1, 2))[i % 2], 0", "facts.unpack(a, 2)"
    ),
    "None and str": Snippet("not a", "(None, 'a')[i % 2], 0", "facts.truth(a)"),
    "int and str, compared": _compare("a == b", "(i, 'a')[i % 2], (i, 'a')[i % 2]"),
}

_ENUM = "import enum\nclass E(enum.Enum):\n    A = 1\n    def m(self): pass\nclass I(enum.IntEnum):\n    A = 1\n    def m(self): pass\n"
_HELPERS = (
    "import array, collections, datetime, decimal, fractions, functools, io, itertools, math, operator\n"
    "import re, threading, time, types, weakref\n"
    "class D(dict): pass\nclass L(list): pass\nclass S(str): pass\nclass T(tuple): pass\n"
    "N = collections.namedtuple('N', 'x y')\nn = N(1, 2)\n"
    "class X(Exception):\n    def m(self): pass\nx = X()\nx.y = 1\n"
    "class G(tuple):\n    def __getattr__(self, name): raise AttributeError(name)\n"
    "answering = G()\nfor number in range(40): setattr(answering, f'y{number}', 1)\n"
    # Their __dict__ comes late, and holds more names than a class shares.
    "few, many, full = T(), T(), S()\nfew.y = 1\n"
    "for number in range(40): setattr(many, f'y{number}', 1); setattr(full, f'y{number}', 1)\n"
    "def f(x=1, *, k=1): pass\ndef g(*a, **k): pass\ndef h(x): pass\n"
)

# Further situations, whose fate is foretold by whichever row they meet; they share a module.
OTHERS = {
    **{
        f"{left} {operator} {right}": _binary(f"a {operator} b", f"{left}, {right}")
        for operator, pairs in {
            "+": (
                ("True", "1.5"),
                ("'a'", "S('b')"),
                ("b'a'", "b'b'"),
                ("1j", "1j"),
                ("[1]", "L([2])"),
                ("decimal.Decimal(1)", "decimal.Decimal(2)"),
                ("fractions.Fraction(1)", "1"),
                ("(1,)", "(2,)"),
                ("2**31", "2**31"),
                ("1", "2.5"),
            ),
            "-": (
                ("{1}", "{2}"),
                ("i", "i"),
                ("1.5", "i"),
                ("True", "True"),
                ("datetime.date(2020, 1, 2)", "datetime.date(2020, 1, 1)"),
            ),
            "*": (
                ("2.5", "3"),
                ("3", "2.5"),
                ("[1]", "2"),
                ("(1,)", "2"),
                ("2", "'a'"),
                ("b'a'", "2"),
                ("i", "i"),
                ("2**40", "3"),
            ),
            "/": (("1", "2"), ("1.5", "2.5"), ("1", "2.5"), ("2.5", "1")),
            "//": (("7", "2"), ("7.5", "2.5")),
            "%": (("7", "2"), ("7.5", "2.0"), ("'%s'", "'a'"), ("'%d'", "3")),
            "**": (("2", "3"), ("2.0", "3.0"), ("2.0", "3")),
            "<<": (("1", "3"),),
            ">>": (("8", "1"),),
            "&": (("7", "3"), ("True", "False"), ("{1}", "{2}"), ("2**40", "1")),
            "|": (("7", "3"), ("True", "False"), ("{1}", "{2}"), ("{}", "{}"), ("int", "None")),
            "^": (("7", "3"), ("True", "False"), ("{1}", "{2}")),
            "+=": (
                ("i", "1"),
                ("1.5", "2.5"),
                ("'a'", "'b'"),
                ("[1]", "[2]"),
                ("(1,)", "(2,)"),
                ("b'a'", "b'b'"),
                ("1", "2.5"),
                ("[1]", "(2,)"),
            ),
            "-=": (("2.5", "1"), ("{1}", "{2}")),
            "*=": (("'a'", "3"), ("2.5", "2"), ("(1,)", "2"), ("[1]", "2")),
            "/=": (("2.5", "2"), ("4", "2")),
            "|=": (("1", "2"), ("{1}", "{2}"), ("{}", "{}")),
            "&=": (("1", "2"),),
        }.items()
        for left, right in pairs
    },
    **{
        f"[] of {arguments}": _get(arguments)
        for arguments in (
            "[1], -1",
            "(1,), -1",
            "(1,), True",
            "'abc', 0",
            "'abc', -1",
            "'\xe9a', 0",
            "'\xe9a', 1",
            "'abc', 9",
            "b'ab', 0",
            "bytearray(b'ab'), 0",
            "collections.defaultdict(int), 1",
            "collections.OrderedDict({1: 2}), 1",
            "collections.Counter(), 1",
            "D({1: 2}), 1",
            "L([1]), 0",
            "n, 0",
            "collections.deque([1]), 0",
            "array.array('i', [1]), 0",
            "memoryview(b'a'), 0",
            "re.match('a', 'a'), 0",
            "types.MappingProxyType({1: 2}), 1",
            "collections.ChainMap({1: 2}), 1",
            "range(3), 1",
            "list, int",
            "[1, 2], slice(0, 1)",
            "(1, 2), slice(0, 1)",
            "'abc', slice(0, 1)",
            "b'abc', slice(0, 1)",
            "time.gmtime(0), 0",
            "{}, 1",
            "S('abc'), 0",
            "T((1,)), 0",
            "(1,), 9",
        )
    },
    **{
        f"[] = of {arguments}": _set(arguments)
        for arguments in (
            "[1], -1",
            "[1], 9",
            "collections.defaultdict(int), 1",
            "collections.OrderedDict(), 1",
            "D(), 1",
            "L([1]), 0",
            "bytearray(b'ab'), 0",
            "bytearray(b'ab'), -1",
            "array.array('i', [1]), 0",
            "collections.deque([1]), 0",
            "collections.Counter(), 1",
            "collections.ChainMap({}), 1",
        )
    },
    **{
        f"compare {left} {operator} {right}": _compare(f"a {operator} b", f"{left}, {right}")
        for left, operator, right in (
            ("1.5", "<", "2"),
            ("1", "<", "2.5"),
            ("True", "==", "1"),
            ("'a'", "!=", "'b'"),
            ("'a'", "<", "'b'"),
            ("'a'", "==", "None"),
            ("[1]", "==", "[1]"),
            ("b'a'", "==", "b'a'"),
            ("{}", "==", "{}"),
            ("{1}", "==", "{1}"),
            ("None", "==", "None"),
            ("E.A", "==", "E.A"),
            ("I.A", "==", "I.A"),
            ("S('a')", "==", "'a'"),
            ("int", "==", "int"),
            ("'a'", "==", "1"),
            ("1", "==", "None"),
            ("-2**30", "<", "1"),
            ("2**30 - 1", "<", "1"),
            ("decimal.Decimal(1)", "<", "decimal.Decimal(2)"),
            ("n", "==", "n"),
            ("1j", "==", "1j"),
        )
    },
    **{
        f"1 in {container}": _in(f"1, {container}")
        for container in (
            "[1]",
            "(1,)",
            "range(3)",
            "{1: 2}.keys()",
            "{1: 1}.values()",
            "collections.defaultdict(int)",
            "collections.OrderedDict()",
            "collections.deque([1])",
            "collections.Counter()",
            "b'a'",
            "n",
        )
    },
    **{
        f"not {value}": Snippet("not a", f"{value}, 0", "facts.truth(a)")
        for value in (
            "(1,)",
            "{1}",
            "1.5",
            "b'a'",
            "len",
            "f",
            "re.match('a', 'a')",
            "D",
            "int",
            "math",
            "E.A",
            "I.A",
            "D()",
            "n",
            "frozenset()",
            "collections.deque()",
            "L()",
            "S()",
            "object()",
            "x",
            "2**29",
            "2**31",
            "-2**30",
            "bytearray()",
            "memoryview(b'')",
            "decimal.Decimal(0)",
            "fractions.Fraction(0)",
            "range(0)",
        )
    },
    **{
        f"for c in {iterable}": _loop(f"{iterable}, 0")
        for iterable in (
            "{1: 2}",
            "{1: 2}.items()",
            "{1: 2}.values()",
            "{1}",
            "frozenset({1})",
            "'abc'",
            "'\xe9'",
            "b'abc'",
            "enumerate([1])",
            "zip([1])",
            "map(abs, [1])",
            "filter(None, [1])",
            "reversed([1])",
            "itertools.chain([1])",
            "iter([1])",
            "iter((1,))",
            "iter(range(2))",
            "collections.deque([1])",
            "io.StringIO('a')",
            "L([1])",
            "n",
            "D({1: 2})",
            "re.finditer('a', 'a')",
            "bytearray(b'a')",
            "E",
            "sorted([2, 1])",
            "range(2**40, 2**40 + 2)",
            "iter(int, 0)",
            "collections.ChainMap({1: 2})",
            "collections.OrderedDict({1: 2})",
        )
    },
    **{
        f"iter({iterable})": Snippet("for c in a: pass", f"{iterable}, 0", "facts.get_iter(a)")
        for iterable in (
            "{1: 2}",
            "{1: 2}.items()",
            "{1}",
            "'abc'",
            "b'abc'",
            "enumerate([1])",
            "zip([1])",
            "map(abs, [1])",
            "reversed([1])",
            "itertools.chain([1])",
            "iter([1])",
            "collections.deque([1])",
            "io.StringIO('a')",
            "L([1])",
            "n",
            "range(2)",
            "re.finditer('a', 'a')",
            "E",
            "(c for c in [1])",
            "bytearray(b'a')",
        )
    },
    **{
        f"unpack {value}": Snippet("c, d = a", f"{value}, 0", "facts.unpack(a, 2)")
        for value in (
            "'ab'",
            "{1: 1, 2: 2}",
            "n",
            "map(abs, [1, 2])",
            "L([1, 2])",
            "{1, 2}",
            "{1: 1, 2: 2}.items()",
            "range(2)",
            "iter([1, 2])",
            "b'ab'",
            "(c for c in [1, 2])",
            "[1]",
            "collections.deque([1, 2])",
        )
    },
    **{
        f"yield from {value}": Snippet("yield from a", f"{value}, 0", "facts.send(a)")
        for value in (
            "(1,)",
            "'a'",
            "range(2)",
            "map(abs, [1])",
            "iter([1])",
            "{1: 2}",
            "(c for c in ())",
        )
    },
    **{
        f"load {owner}.{name}": _load(name, f"{owner}, 0", "")
        for owner, name in (
            ("o", "x"),
            ("o", "__dict__"),
            ("o", "__class__"),
            ("o", "missing"),
            ("n", "x"),
            ("x", "y"),
            ("x", "args"),
            ("few", "y"),
            ("many", "y9"),
            ("full", "y39"),
            ("many", "count"),
            ("answering", "y9"),
            ("answering", "count"),
            ("E", "A"),
            ("E.A", "value"),
            ("E.A", "name"),
            ("I.A", "value"),
            ("C", "__name__"),
            ("C", "__mro__"),
            ("C", "__doc__"),
            ("C", "__dict__"),
            ("C", "__init__"),
            ("f", "__name__"),
            ("1j", "real"),
            ("slice(1)", "start"),
            ("re.match('a', 'a')", "string"),
            ("datetime.date(2020, 1, 1)", "year"),
            ("types.SimpleNamespace(y=1)", "y"),
            ("math", "pi"),
            ("D()", "keys"),
            ("[]", "append"),
            ("str", "join"),
            ("dict", "fromkeys"),
            ("E", "__members__"),
            ("threading.local()", "y"),
            ("weakref.proxy(f)", "__name__"),
            ("StopIteration(1)", "value"),
            ("super(D, D())", "keys"),
            ("E", "missing"),
            ("decimal.Decimal(1)", "real"),
            ("f.__code__", "co_name"),
            ("re", "compile"),
        )
    },
    **{
        f"load {owner}.{name}()": _load(name, f"{owner}, 0", "", body=f"a.{name}()")
        for owner, name in (
            ("x", "m"),
            ("many", "index"),
            ("E.A", "m"),
            ("I.A", "m"),
            ("dict", "fromkeys"),
            ("str", "maketrans"),
            ("[]", "copy"),
            ("D()", "copy"),
            ("io.StringIO()", "getvalue"),
            ("f", "__call__"),
            ("n", "_asdict"),
            ("decimal.Decimal(1)", "sqrt"),
            ("threading.local()", "__repr__"),
            ("re.compile('a')", "flags"),
            ("C", "mro"),
            ("time", "time"),
        )
    },
    **{
        f"store {owner}.{name}": _store(name, f"{owner}, i", "")
        for owner, name in (
            ("o", "x"),
            ("o", "fresh"),
            ("C()", "y"),
            ("x", "y"),
            ("few", "y"),
            ("many", "y9"),
            ("full", "y39"),
            ("f", "y"),
            ("types.SimpleNamespace()", "y"),
            ("threading.local()", "y"),
            ("D()", "y"),
            ("n", "x"),
            ("math", "unknown"),
            ("E.A", "y"),
            ("L()", "y"),
        )
    },
    **{
        f"call {callee}({given})": _call(
            f"a({given})", f"{callee}, 1", f"a, {given.count(',') + bool(given)}, (), False, False"
        )
        for callee, given in (
            ("f", ""),
            ("f", "1"),
            ("g", "1"),
            ("h", "1"),
            ("lambda y: y", "1"),
            ("len", "'a'"),
            ("isinstance", "1, int"),
            ("abs", "1"),
            ("divmod", "1, 2"),
            ("sorted", "()"),
            ("max", "1, 2"),
            ("getattr", "1, 'real'"),
            ("str", "1"),
            ("type", "1"),
            ("tuple", "()"),
            ("list", "()"),
            ("dict", ""),
            ("set", "()"),
            ("int", "'1'"),
            ("float", "1"),
            ("bool", "1"),
            ("range", "1"),
            ("enumerate", "()"),
            ("zip", "()"),
            ("bytes", "1"),
            ("object", ""),
            ("str", ""),
            ("map", "abs, ()"),
            ("slice", "1"),
            ("frozenset", "()"),
            ("reversed", "[]"),
            ("C", "1"),
            ("C", ""),
            ("N", "1, 2"),
            ("E", "1"),
            ("D", ""),
            ("X", ""),
            ("ValueError", "1"),
            ("collections.deque", ""),
            ("collections.defaultdict", "int"),
            ("decimal.Decimal", "1"),
            ("datetime.date", "2020, 1, 1"),
            ("itertools.chain", "()"),
            ("functools.partial(int)", ""),
            ("functools.lru_cache(h)", "1"),
            ("math.sqrt", "1"),
            ("time.perf_counter", ""),
            ("operator.itemgetter(0)", "'a'"),
            ("dict.fromkeys", "()"),
            ("int.from_bytes", "b'a', 'big'"),
            ("bytes.fromhex", "'00'"),
            ("str.maketrans", "{}"),
            ("object.__new__", "C"),
            ("int.__add__", "1, 2"),
            ("[].__len__", ""),
            ("[].append", "1"),
            ("iter", "()"),
            ("datetime.datetime.now", ""),
            ("re.compile", "'a'"),
            ("io.StringIO", ""),
            ("str.upper", "'a'"),
            ("C().__init__", "1"),
        )
    },
    **{
        f"call {owner}.{name}({given})": _call(
            f"a.{name}({given})",
            f"{owner}, 1",
            f"a.{name}, {given.count(',') + bool(given)}, (), False, True",
        )
        for owner, name, given in (
            ("D()", "get", "1"),
            ("D()", "items", ""),
            ("L()", "append", "1"),
            ("S()", "upper", ""),
            ("S()", "split", ""),
            ("'a'", "split", ""),
            ("'a'", "startswith", "'a'"),
            ("'a'", "format", ""),
            ("'a'", "replace", "'a', 'b'"),
            ("'a'", "encode", "'utf8'"),
            ("'a'", "join", "()"),
            ("{}", "items", ""),
            ("{}", "update", "{}"),
            ("x", "with_traceback", "None"),
            ("re.compile('a')", "search", "'a'"),
            ("re.match('a', 'a')", "group", ""),
            ("collections.OrderedDict()", "get", "1"),
            ("collections.deque()", "append", "1"),
            ("o", "__init__", "1"),
            ("int", "from_bytes", "b'a', 'big'"),
            ("dict", "fromkeys", "()"),
            ("math", "sqrt", "1"),
            ("datetime.datetime", "now", ""),
            ("E", "__members__.get", "1"),
            ("E.A", "m", ""),
            ("str", "upper", "'a'"),
        )
    },
}

# Runs functions under the collector, and asks for the facts of their operands before each call,
# as the explaining run does. Writes the situations of each, named as module:suffix.
HARNESS = """
import importlib, json, sys, types

sys.path.insert(0, sys.argv[1])
import _specialist_ci_facts as facts


def drive(result):
    if type(result) is types.GeneratorType:
        for _ in result:
            pass


told = {}
for name in sys.argv[3:]:
    module, _, suffix = name.partition(":")
    module = importlib.import_module(module)
    module.facts = facts
    site, cured, arguments, cured_arguments, observe = (
        getattr(module, f"{function}{suffix}")
        for function in ("site", "cured", "arguments", "cured_arguments", "observe")
    )
    situations, switches, last = {}, 0, None
    for i in range(module.ROUNDS):
        a, b = arguments(i)
        met = observe(a, b)
        situations[met] = situations.get(met, 0) + 1
        switches += last is not None and met != last
        last = met
        try:
            drive(site(a, b))
        except Exception:
            pass
        try:
            drive(cured(*cured_arguments(i)))
        except Exception:
            pass
    told[name] = [[[list(met), count] for met, count in situations.items()], switches]
told["FIELDS"] = facts.FIELDS
with open(sys.argv[2], "w") as file:
    json.dump(told, file)
"""


def module_of(snippet: Snippet) -> str:
    """Return the source of the module that the harness runs for a snippet."""
    return f"ROUNDS = {ROUNDS}\n{snippet.setup}\n{_functions(snippet, '')}"


def module_of_others() -> str:
    """Return the source of the one module for OTHERS, which share all they need."""
    functions = [_functions(snippet, f"_{n}") for n, snippet in enumerate(OTHERS.values())]
    return f"ROUNDS = {FEW}\n{_HELPERS}{_ENUM}{_CLASS}{''.join(functions)}"


def _functions(snippet: Snippet, suffix: str) -> str:
    cure = snippet.cure or "pass"
    arguments = snippet.cure_arguments or snippet.arguments
    return (
        f"def site{suffix}(a, b):\n    {snippet.body}\n"
        f"def cured{suffix}(a, b):\n    {cure}\n"
        f"def arguments{suffix}(i):\n    return {snippet.arguments}\n"
        f"def cured_arguments{suffix}(i):\n    return {arguments}\n"
        f"def observe{suffix}(a, b):\n    return {snippet.observe}\n"
    )

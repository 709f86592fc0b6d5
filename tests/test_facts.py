"""The facts about operands: they run nothing of the program, keep nothing, and never fail."""

import json
from pathlib import Path

from collecting import draw, execute, surroundings

COLLECTOR = Path(__file__).parents[1] / "specialist_ci" / "collector"

# Objects whose every method tells that it was called, seen by every function.
_HOSTILE = """
import builtins, gc, json, sys, weakref

sys.path.insert(0, sys.argv[1])
import _specialist_ci_describers as describers
import _specialist_ci_facts as facts

called = []


def trap(name):
    def method(*arguments, **keywords):
        called.append(name)
        raise RuntimeError(name)
    return method


NAMES = '''__len__ __iter__ __next__ __bool__ __hash__ __eq__ __ne__ __lt__ __contains__
__getitem__ __setitem__ __getattr__ __getattribute__ __setattr__ __call__ __add__ __radd__
__index__ __int__ __float__ __str__ __repr__ __await__ __enter__ __exit__ __instancecheck__
__subclasscheck__ __format__ __get__ __set__ __dir__'''.split()
unfit = ("__call__", "__getattribute__", "__setattr__")  # no class could be made
meta = type("Meta", (type,), {name: trap(f"type {name}") for name in NAMES if name not in unfit})
own = {name: trap(name) for name in NAMES}
own["__class__"] = property(trap("__class__"))
own["__dict__"] = property(trap("__dict__"))
Hostile = meta("Hostile", (), own)
Plain = type("Plain", (), {"x": object.__new__(Hostile), "method": lambda self: None,
                           "computed": property(trap("computed"))})


def everything(thing):
    for other in (1, thing):
        for operator in ("+", "/", "@"):
            yield "binary", facts.binary(operator, thing, other, False)
            yield "binary", facts.binary(operator, other, thing, True)
        yield "compare", facts.compare("<", thing, other)
        yield "subscript", facts.subscript(thing, other)
        yield "subscript", facts.subscript([1], other)
        yield "store_subscript", facts.store_subscript(thing, other)
    yield "contains", facts.contains(thing)
    yield "truth", facts.truth(thing)
    yield "iterate", facts.iterate(thing)
    yield "get_iter", facts.get_iter(thing)
    yield "unpack", facts.unpack(thing, 2)
    yield "send", facts.send(thing)
    for name in ("x", "method", "computed", "__class__", "missing", "__init__"):
        for store in (False, True):
            for method in (False, True):
                yield "attribute", facts.attribute(thing, name, store, method)
    yield "call", facts.call(thing, 1, (), False, False)
    yield "call", facts.call(thing, 1, ("k",), True, True)
    yield "with_exit", facts.with_exit(thing)
    yield "call", facts.enter(thing, "__enter__")
    yield "load_global", facts.load_global(globals(), "thing")
    yield "load_global", facts.load_global(thing, "thing")
    yield "super_attribute", facts.super_attribute(thing, thing)


async def coroutine():
    pass


waiting = coroutine()
things = [
    object.__new__(Hostile), Hostile, Plain(), Plain, meta, Plain().method, super(Plain, Plain()),
    sys, len, [].append, int, type, object(), everything, everything.__code__,
    None, True, 2**40, 1.5, float("nan"), "a\\xe9", b"x", memoryview(b"x"), slice(1),
    [1], (1, 2), {1: 2}, {1}, range(3), iter([]), zip(), (c for c in ()), waiting, open(__file__),
    Exception(), weakref.ref(Plain), ...
]
originals = dict(vars(builtins))
for name in ("len", "isinstance", "issubclass", "type", "id", "iter", "next", "getattr", "super"):
    setattr(builtins, name, trap(f"builtins.{name}"))
wrong = []


def remembering(make, *after):
    # Twice: what was remembered is what would be told anew.
    describe, tell = vars(describers)[make](*after[1:]), after[0]

    def describing(*operands):
        for _ in range(2):
            if describe(*operands) != tell(*operands):
                wrong.append([make, "remembered"])

    return describing


described = [
    remembering("contains", facts.contains), remembering("truth", facts.truth),
    remembering("iterate", facts.iterate), remembering("get_iter", facts.get_iter),
    remembering("unpack", lambda value: facts.unpack(value, 2), 2),
    remembering("send", facts.send), remembering("with_exit", facts.with_exit),
    remembering("call", lambda f: facts.call(f, 1, (), False, True), 1, (), False, True),
    remembering("call", lambda f: facts.call(f, 1, ("k",), True, False), 1, ("k",), True, False),
] + [
    remembering("attribute", lambda owner, a=a: facts.attribute(owner, *a), *a)
    for a in [(name, store, method)
              for name in ("x", "method", "computed", "append", "__class__", "missing")
              for store in (False, True) for method in (False, True)]
]
described_pairs = [
    remembering("binary", lambda one, two, o=o: facts.binary(o, one, two, o == "*"), o, o == "*")
    for o in ("+", "-", "*", "/")
] + [
    remembering("compare", lambda one, two: facts.compare("<", one, two), "<"),
    remembering("subscript", facts.subscript),
    remembering("store_subscript", facts.store_subscript),
]
simple = tuple(originals[name] for name in ("str", "int", "bool"))
type_, len_ = originals["type"], originals["len"]
for thing in things:
    for kind, told in everything(thing):
        if len_(told) != len_(facts.FIELDS[kind]):
            wrong.append([kind, "length"])
        for fact in told:
            if fact is not None and type_(fact) not in simple:
                wrong.append([kind, "type"])
        {told}  # can be hashed
values = [0, 3, -1, 2**29, 2**30, -2**30, 2**70, 1.5, float("nan"), True, "a", "\xe9", b"a",
          (1, 2), [1, 2], {1: 2}, None]
for one in things + values:
    for describing in described:
        describing(one)
    for two in [thing, things[0]] + values:
        for describing in described_pairs:
            describing(one, two)
            describing(two, one)
vars(builtins).update(originals)
waiting.close()


class Counted:
    def __init__(self):
        self.x = 1


counted = Counted()
places = [facts.attribute(counted, "x", False, False) for _ in range(3)]
died = weakref.ref(counted)
for _ in everything(counted):
    pass
del counted, _
Short = type("Short", (), {})
list(everything(Short()))
short = weakref.ref(Short)
del Short
gc.collect()
print(json.dumps({"called": called, "wrong": wrong, "died": died() is None,
                  "class died": short() is None, "place": places[-1] == places[0]}))
"""


def tell(python: Path, folder: Path, program: str) -> dict[str, object]:
    """Run a program that prints what it found."""
    beside = draw(folder, {"program.py": program})
    outcome = execute(
        [str(python), "-W", "ignore", str(beside / "program.py"), str(COLLECTOR)],
        cwd=beside,
        env=surroundings(),
    )
    assert outcome.status == 0, outcome.stderr[-2000:]
    found: dict[str, object] = json.loads(outcome.stdout)
    return found


FINE = {"called": [], "wrong": [], "died": True, "class died": True, "place": True}


def test_nothing_of_the_program_runs(python: Path, tmp_path: Path) -> None:
    """Objects that answer everything by code are described without running it, and let go."""
    assert tell(python, tmp_path, _HOSTILE) == FINE


def test_without_looking_into_memory(free_threaded_python: Path, tmp_path: Path) -> None:
    """Where the layout of objects is not known the same functions tell what Python can."""
    assert tell(free_threaded_python, tmp_path, _HOSTILE) == FINE


_NAMED = """
import json, sys

sys.path.insert(0, sys.argv[1])
import _specialist_ci_facts as facts


def make():
    class C:
        def m(self): pass
    def wrapper(): pass
    return C, wrapper


C, first = make()
D, again = make()
def other():
    def wrapper(): pass
    return wrapper
other.__qualname__ = make.__qualname__
print(json.dumps({
    "types": [facts.truth(kind())[0] for kind in (C, D, C)],
    "functions": [facts.call(function, 0, (), False, False)[1] for function in (first, again)],
    "built-in": facts.truth(1)[0],
    "C": facts.call({}.get, 1, (), False, True)[1],
}))
"""


def test_names(python: Path, tmp_path: Path) -> None:
    """Classes of one name are told apart; functions made of one code are not."""
    assert tell(python, tmp_path, _NAMED) == {
        "types": [
            "__main__:make.<locals>.C",
            "__main__:make.<locals>.C#2",
            "__main__:make.<locals>.C",
        ],
        "functions": ["__main__:make.<locals>.wrapper"] * 2,
        "built-in": "int",
        "C": "dict.get",
    }

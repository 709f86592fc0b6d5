"""A script that makes every family of instruction specialize, fail, miss and stay cold.

It runs on CPython 3.11 and later. Names tell what to expect: ``never_`` is not called,
``once_`` is called once, ``fails_`` holds a site that can never specialize, ``misses_``
one that specializes and then meets other types.
"""

_SCRIPT = r'''
import asyncio
import collections
import math
import sys

import witness

witness.watch(sys._getframe().f_code)

ROUNDS = 400


class Point:
    """Attributes in the instance, methods, a property, class attributes."""

    kind = "point"

    def __init__(self, x, y):
        self.x = x
        self.y = y

    def norm(self):
        return self.x * self.x + self.y * self.y

    def scaled(self, factor=2, *, shift=0):
        return self.x * factor + shift

    @property
    def total(self):
        return self.x + self.y

    @classmethod
    def make(cls):
        return cls(1, 2)

    @staticmethod
    def double(value):
        return value + value

    def __getitem__(self, index):
        return index

    def __eq__(self, other):
        return self is other

    __hash__ = None

    def __len__(self):
        return 1

    def __contains__(self, item):
        return item == 1

    def __matmul__(self, other):
        return other


class Point3(Point):
    def __init__(self, x, y, z):
        super().__init__(x, y)
        self.z = z

    def norm(self):
        return super().norm() + self.z

    def own(self):
        return super().kind


class Slotted:
    __slots__ = ("value",)

    def __init__(self, value):
        self.value = value


class Answering:
    def __getattr__(self, name):
        return name


class Overriding:
    def __getattribute__(self, name):
        return name


class Wide:
    def __init__(self):
        for number in range(60):
            setattr(self, f"name_{number}", number)


class Meta(type):
    @property
    def label(cls):
        return "label"


class WithMeta(metaclass=Meta):
    setting = 1


class Pair(collections.namedtuple("Pair", "left right")):
    __slots__ = ()


class Numbers(dict):
    pass


def arithmetic(a, b, x, y, s, t):
    c = a + b - a * b
    z = x + y - x * y
    u = s + t
    s += t
    return c, z, u, s, a + x, a / b, a // b, a % b, a << 1, a | b, a & b, a ^ b, a ** 2, -a


def subscripts(a_list, a_tuple, a_dict, text, raw, point, number, part):
    return (
        a_list[0], a_list[-1], a_list[number], a_tuple[1], a_dict["key"], text[2], raw[0],
        point[3], a_list[part], a_list[1:2], text[0:1], a_dict["key"],
    )


def stores(a_list, a_dict, raw, numbers, part):
    a_list[0] = 1
    a_list[-1] = 2
    a_dict["key"] = 3
    raw[0] = 4
    numbers["key"] = 5
    a_list[part] = [7]
    a_list[1] += 1
    del a_dict["key"]
    a_dict["key"] = 3


def comparisons(a, b, x, y, s, t):
    count = 0
    if a < b:
        count += 1
    if x > y:
        count += 1
    if s == t:
        count += 1
    if s != t:
        count += 1
    if (a,) == (b,):
        count += 1
    if a <= x:
        count += 1
    if a < count < b:
        count += 1
    smaller = a < b
    return count, smaller, s == t, a == None, s < t


def memberships(item, a_list, a_dict, a_set, text, point):
    return (
        item in a_list, item in a_dict, item not in a_set, "x" in text, item in point,
        item in (1, 2, 3),
    )


def truths(a_list, text, number, none, flag, point, floating, anything):
    count = 0
    for value in (a_list, text):
        if value:
            count += 1
    if a_list:
        count += 1
    if text and number or none:
        count += 1
    if not flag:
        count += 1
    while none:
        count += 1
    if point:
        count += 1
    if floating or anything:
        count += 1
    return 1 if number else 2


def plain(a, b=2):
    return a


def starred(*args, **kwargs):
    return args


def keyworded(*, key):
    return key


def calls(point, three, a_list, text, callback, args, kwargs):
    plain(1, 2)
    plain(1)
    plain(a=1)
    plain(*args)
    plain(**kwargs)
    starred(1, 2)
    starred(*args, **kwargs)
    keyworded(key=1)
    point.norm()
    point.scaled()
    point.scaled(3)
    point.scaled(shift=1)
    three.norm()
    Point.make()
    Point.double(2)
    Point(1, 2)
    Slotted(1)
    Pair(1, 2)
    callback()
    bound = point.norm
    bound()
    len(text)
    isinstance(point, Point)
    str(1)
    tuple(a_list)
    type(text)
    int("3")
    range(3)
    abs(-1)
    max(1, 2)
    sum(a_list, start=1)
    sorted(a_list, key=None)
    min(a_list)
    print(end="", file=sys.stdout)
    math.sqrt(4.0)
    math.hypot(3, 4)
    getattr(point, "x", None)
    a_list.append(1)
    a_list.pop()
    a_list.sort()
    a_list.index(3)
    text.split()
    text.split(",", 1)
    text.encode(encoding="utf-8")
    text.startswith("a")
    "{} {}".format(1, 2)
    dict(a=1)
    list(map(str, a_list))
    (lambda value: value)(1)
    object()
    Exception("x")


def attributes(point, three, slotted, answering, overriding, wide, pair, error):
    point.x
    point.kind
    point.total
    point.norm
    three.z
    three.total
    three.own()
    slotted.value
    answering.anything
    answering.anything
    overriding.whatever
    wide.name_1
    wide.name_59
    pair.left
    error.args
    math.pi
    sys.maxsize
    Point.kind
    Point.make
    WithMeta.label
    WithMeta.setting
    WithMeta.__name__
    plain.__name__
    plain.__defaults__
    point.__class__
    point.__dict__
    (1).real
    "text".upper
    [].append
    point.x = 2
    point.y = 3
    slotted.value = 3
    wide.name_2 = 4
    wide.name_58 = 4
    answering.stored = 1
    plain.note = 1
    WithMeta.other = 1
    del answering.stored


def iterations(a_list, a_tuple, a_dict, a_set, text):
    total = 0
    for value in a_list:
        total += value
    for value in a_tuple:
        total += value
    for value in range(5):
        total += value
    for value in counting(3):
        total += value
    for key in a_dict:
        total += 1
    for key, value in a_dict.items():
        total += 1
    for value in a_set:
        total += 1
    for character in text:
        total += 1
    for index, value in enumerate(a_list):
        total += index
    for left, right in zip(a_list, a_tuple):
        total += left
    for value in map(abs, a_list):
        total += value
    for value in iter(a_list):
        total += value
    return total


def unpackings(two, three, a_list, text, generator):
    a, b = two
    c, d, e = three
    f, g, h = a_list
    i, j = text
    k, *l = three
    m, n = generator()
    (o, p), q = (a, b), c
    return a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q


def counting(stop):
    number = 0
    while number < stop:
        yield number
        number += 1


def delegating(stop):
    yield from counting(stop)
    yield from [1, 2]
    yield from range(2)


async def coroutine(value):
    return value + 1


class Manager:
    async def __aenter__(self):
        return self

    async def __aexit__(self, *error):
        return None

    def __enter__(self):
        return self

    def __exit__(self, *error):
        return None


async def asynchronous_numbers(stop):
    for number in range(stop):
        yield number


async def asynchronous(stop):
    total = 0
    for number in range(stop):
        total += await coroutine(number)
    async with Manager() as manager:
        total += 1
    async for number in asynchronous_numbers(stop):
        total += number
    listed = [number async for number in asynchronous_numbers(3)]
    return total, listed, [await coroutine(number) for number in range(3)]


def comprehensions(a_list):
    first = 2
    return (
        [value * 2 for value in a_list if value > 1],
        {value: first + 1 for value in a_list},
        {value + first for value in a_list},
        list(value - first for value in a_list),
        [[inner + first for inner in range(2)] for outer in range(2)],
        sorted(a_list, key=lambda value: -value),
    )


def twice(a_list, fail):
    try:
        if fail:
            raise ValueError("expected")
        value = a_list[0]
    except ValueError as error:
        value = error.args[0]
    finally:
        a_list[0] = a_list[1] + 1
        len(a_list)
    with Manager() as manager:
        value = manager.__class__
    return value


def nested(number):
    factor = number + 1

    def inner(value):
        def innermost():
            return value * factor + number

        return innermost() + factor

    class Local:
        size = number + 1

        def method(self):
            return self.size

    return inner(number) + Local().method()


def fails_binary(left, right):
    return left @ right


def fails_compare(left, right):
    if left == right:
        return 1
    return 2


def fails_subscript(raw):
    return raw[0]


def misses_addition(left, right):
    return left + right


def misses_attribute(thing):
    return thing.x


def misses_call(function):
    return function(1)


def misses_iteration(things):
    total = 0
    for thing in things:
        total += 1
    return total


def misses_unpack(pair):
    first, second = pair
    return second


def never_called(a, b):
    def never_nested(c):
        return a.b + c[0]

    return [never_nested(value) for value in b if value in a]


def once_called(a, b):
    return a.x + b[0], len(b), a.norm()


def matching(thing):
    match thing:
        case {"key": value}:
            return value
        case [first, second]:
            return first + second
        case Point(x=x, y=y):
            return x - y
        case _:
            return 0


def texts(a, b):
    return f"{a} {b!r} {a + 1:>{b}}" + "%s %d" % (a, b) + "%s" % a


naïve = [1.5, 2.5]


def unicode_columns(ünï):
    é = naïve[0] + ünï; ñ = ünï.real; return (é,  "☃☃" + "x" , ñ, naïve[1])


def decorated(function):
    def wrapper(*args):
        return function(*args)

    return wrapper


@decorated
@decorated
def decorated_twice(value=
                    1 + len("xx")):
    return value.real + (
        value
        .real
        .imag
    )


def main():
    point, three, slotted, wide = Point(3, 4), Point3(1, 2, 3), Slotted(1), Wide()
    a_list, a_dict, a_set = [1, 2, 3], {"key": 1, 1: 2}, {1, 2}
    for number in range(ROUNDS):
        arithmetic(7, 2, 1.5, 2.5, "a", "b")
        subscripts(a_list, (1, 2), {"key": 1}, "text", b"raw", point, 1, slice(1, 2))
        stores([1, 2, 3], {"key": 1}, bytearray(b"raw"), Numbers(), slice(0, 1))
        comparisons(1, 9, 1.5, 2.5, "a", "b")
        memberships(1, a_list, a_dict, a_set, "xyz", point)
        truths(a_list, "text", 3, None, True, point, 1.5, object())
        calls(Point(3, 4), three, [3, 1, 2], "a,b c", lambda: 1, (1, 2), {"a": 1})
        attributes(Point(1, 2), three, slotted, Answering(), Overriding(), wide, Pair(1, 2),
                   ValueError())
        iterations(a_list, (1, 2), {"a": 1, "b": 2}, a_set, "abc")
        unpackings((1, 2), (1, 2, 3), [1, 2, 3], "ab", lambda: (value for value in (1, 2)))
        sum(delegating(4))
        comprehensions(a_list)
        twice([1, 2], number % 7 == 0)
        nested(number)
        fails_binary(point, 1)
        fails_compare((1,), (1,))
        fails_subscript(b"raw")
        misses_addition(*(((1, 2), (1.5, 2.5), ("a", "b"), ([], []))[number // 3 % 4]))
        misses_attribute((point, three, slotted)[number % 2])
        misses_call((plain, abs, Slotted, lambda value: value)[number // 9 % 4])
        misses_iteration(([1], (1,), range(2), {1})[number % 4])
        misses_unpack(((1, 2), [1, 2])[number % 11 == 0])
        matching(({"key": 1}, [1, 2], point, 5)[number % 4])
        texts(number, 12)
        unicode_columns(2.5)
        decorated_twice(3)
        warm(number)
    once_called(point, a_list)
    asyncio.run(asynchronous(200))
    many_names()
    many_constants()
    return number


def warm(number):
    """Called often; the functions in it are called as often as their names say."""
    if number == 1:
        for times in range(12):
            by_twelves(times)
    if number < 60:
        by_sixties(number, [])


def by_twelves(number):
    return number @ point_of_all if number > 99 else (number / 3, number == (1,))


def by_sixties(number, things):
    return things == (number,), things is None, number.real


point_of_all = Point(1, 2)
total = 0
for index in range(ROUNDS):
    total += index
    total = total + len("text")
    if total % 2 == 0:
        point_of_all.x = index
while total > 0:
    total -= 1000
squares = [index * index for index in range(30)]
table = {key: value for key, value in zip("abc", squares)}
main()
'''


def script(caught: int = 300) -> str:
    """Return the script, with two functions whose arguments need EXTENDED_ARG."""
    names = "\n".join(
        f"    thing.attribute_{number} = number\n"
        f"    total += thing.attribute_{number} * {number + 1000}"
        for number in range(caught)
    )
    constants = "\n".join(
        f"    total += values['k{number}'] + {number}.5" for number in range(caught)
    )
    generated = f"""
def many_names():
    class Thing:
        pass

    thing, total = Thing(), 0
    for number in range(40):
{indent(names)}
    for value in [total]:
        total -= value
    return total


def many_constants():
    values = dict.fromkeys((f"k{{number}}" for number in range({caught})), 1)
    total = 0.0
    for number in range(40):
{indent(constants)}
    return total

"""
    head, marker, tail = _SCRIPT.partition("def main():")
    return head.lstrip() + generated.lstrip() + "\n\n" + marker + tail


def indent(text: str) -> str:
    """Put lines one level deeper."""
    return "\n".join("    " + line for line in text.splitlines())

"""A program with every kind of expression and statement that holds a site; it prints much."""

SCRIPT = r'''import asyncio
import contextlib
import inspect
import os.path
import sys

ROUNDS = 30
TOTAL = 0


class Vector:
    """Attributes, mangled ones, operators, items."""

    limit = 3
    __count = 0

    def __init__(self, x, y):
        self.x, self.y = x, y
        self.__hidden = 0

    def __iadd__(self, other):
        self.x += other
        self.__hidden += 1
        type(self).__count += 1
        return self

    def __getitem__(self, index):
        return (self.x, self.y)[index]

    def __len__(self):
        return 2

    def hidden(self):
        return self.__hidden + self.__class__.__count

    @property
    def total(self):
        return self.x + self.y

    @total.setter
    def total(self, value):
        self.x = value - self.y

    @staticmethod
    def double(value):
        return value * 2


class Child(Vector):
    """Zero-argument super, with and without a call."""

    def __init__(self, x, y):
        super().__init__(x, y)
        self.name = super().limit

    def hidden(self):
        return super().hidden() + super(Child, self).total


def operators(i):
    log = []

    def said(value):
        log.append(value)
        return value

    plain = i - 2 + said(i) * said(2.5) - said(said(i) / 3)
    mixed = (said(i) + (i := 7)) * i
    text = "a" + "b" * i + ("%d" % i)
    text += "tail"
    text += str(i)
    return plain, mixed, text, log, -i ** 2, i & 3 | 4, i << 2 >> 1, i // 2 % 5


def augmented(i):
    order = []

    def tell(name, value):
        order.append(name)
        return value

    vector = Vector(i, 2)
    table = {"a": [1, 2], 3: 1}
    vector.x += i
    vector.total -= 2.0
    tell("owner", vector).x *= tell("right", 3)
    table["a"][tell("index", 0)] += tell("right", i)
    table["a"][0:1] += [i]
    grow = [1, 2]
    grow[0] += i
    grow[:1] += grow[1:]
    tell("owner", table)[tell("index", 3)] <<= tell("right", 1)
    vector += 5
    grown = [1]
    grown += (2,)
    other = grown
    other *= 2
    return vector.x, vector.y, vector.hidden(), table, order, grown


def nested_augmented(depth):
    box = [0]
    def deeper(n):
        if n:
            box[0] += deeper(n - 1) + 1
        return n
    deeper(depth)
    return box


def raises(i):
    values = {}
    vector = Vector(1, 1)
    caught = []
    for attempt in (lambda: i + None, lambda: values["x"], lambda: vector.missing,
                    lambda: (i + 1) - (None or [])[3], lambda: None < i, lambda: i(),
                    lambda: vector.double(1, 2), lambda: [*i], lambda: undefined):
        try:
            attempt()
        except Exception as error:
            caught.append((type(error).__name__, str(error), error.__traceback__.tb_lineno))
    try:
        vector.x += values["nothing"]
    except KeyError as error:
        caught.append(str(error))
    try:
        a, b = range(3)
    except ValueError as error:
        caught.append(str(error))
    return caught


def comparisons(i):
    items = [i, 2, 3]
    found = []
    if 0 <= i < 10 < 20:
        found.append(1)
    if len(items) < i <= len(items) + 5 != 7:
        found.append(2)
    while not i > 5 and i in range(4):
        i += 1
    if i in items and i not in {1, 2} or i == 3.0:
        found.append(3)
    value = i < 3 or i
    other = i and items and items[0]
    if i is not None and (i, 2) == (2, 2) or not items:
        found.append(4)
    chosen = [1 if x > 2 else 0 for x in items]
    return found, value, other, i, chosen, 1 < i < undefined_if_reached(i)


def undefined_if_reached(i):
    return i + 1


def items(i):
    table, row, text = {}, [0] * 5, "text"
    table[i] = row[i % 5]
    row[-1] = text[i % 4]
    row[i % 5], table["b"] = 1, 2
    row[1:3] = [i]
    matrix = {(1, 2): [[i, i + 1]]}
    del table[i]
    return table, row, text[1:], text[::2], matrix[1, 2][0][1], Vector(i, 1)[0], row[i % 3 : i % 4]


def unpacking(i):
    a, b = i, i + 1
    (c, d), [e, f] = (a, b), "xy"
    g, *h = range(3)
    pairs = [(i, 1), [2, i]]
    sums = 0
    for left, right in pairs:
        sums += left * right
    else:
        sums += 1
    for k, (m, n) in enumerate(pairs):
        sums += k + m + n
    made = [x + y for x, y in pairs if x]
    made += [x + y for x, y in pairs for x, y in [(y, x)] if x > 0]
    named = {x: y for x, y in pairs}
    lazily = tuple(z for z, _ in pairs)
    for Vector.pair, named["pair"] in pairs:
        pass
    with contextlib.nullcontext((1, 2)) as (p, q):
        sums += p + q
    with contextlib.nullcontext(1) as one, contextlib.nullcontext([2, 3]) as (r, s):
        sums += one + r + s
    x = y, z = i, 4
    return a, b, c, d, e, f, g, h, sums, made, named, lazily, Vector.pair, x, y, z, sorted(locals())


def calls(*args, key=None, **more):
    def inner(a, b=2, *, c=3):
        return a, b, c
    results = [inner(1), inner(1, b=3), inner(*args[:2])]
    results += [inner(**{"a": 1, "c": 9}), inner(1, *[2], c=4)]
    results.append(os.path.join("a", "b"))
    results.append("x".join(["a", "b"]))
    results.append(" y ".strip().upper().center(9, "*"))
    results.append((lambda value: value + 1)(2))
    results.append(
        "a,b"
        .split(",")
        .index("b")
    )
    results.append(sorted([3, 1, 2], key=lambda value: -value))
    results.append(max(len(results), 2))
    results.append(isinstance(key, int))
    results.append(sorted(locals().keys()))
    results.append(sys._getframe().f_code.co_name)
    results.append(eval("key") if key else vars(Vector(1, 2)))
    return results, more


def decorate(function):
    return function


def decorator(argument):
    def apply(function):
        function.argument = argument
        return function
    return apply


class Tools:
    plain = staticmethod(decorate)


def decorated(i):
    @decorate
    @decorator(i)
    @Tools.plain
    def first():
        return i

    @decorator(i + 1)
    class Second:
        names = [name for name in ("a", "b")]
        total = 1 + len(names)
        total += 1

        @property
        def value(self):
            return self.argument + self.total

    return first.argument, Second().value, Second.names


class Manager:
    def __enter__(self):
        return self

    def __exit__(self, *error):
        return error[0] is ValueError

    async def __aenter__(self):
        return 5

    async def __aexit__(self, *error):
        return None


def managed(i):
    with Manager() as manager:
        if i > 3:
            return manager.__class__.__name__
    manager = Manager()
    with manager:
        raise ValueError(i)
    with contextlib.suppress(KeyError), manager as again:
        assert again is manager, f"{again}"
        {}[i]
    return "end"


def finals(i):
    seen = []
    try:
        if i % 2:
            return seen
        seen.append(i + 1)
        for j in range(i):
            try:
                if j == 2:
                    continue
                if j == 4:
                    break
            finally:
                seen.append(j * 2 < i)
    finally:
        seen.append(i - 1)
        while i > 2 and len(seen) < 9:
            seen.append(i)
            i -= 1
    return seen


def formats(i):
    vector = Vector(i, 2)
    table = {"a": i}
    return (
        f"{vector.x + i:>{i + 1}} {vector.total!r} {table['a'] - 1} {i < 3} "
        f"{[x * 2 for x in range(i)]}"
        f"{'yes' if i and vector else 'no'} {vector.double(i)} {f'{i + 1}'}"
    )


def matching(value):
    match value:
        case 1 | 2:
            return "small"
        case -1:
            return "negative"
        case "text":
            return "text"
        case 3.5:
            return "float"
        case [1, x] if x > 2:
            return x * 2
        case {"k": v, **rest}:
            return v, rest
        case Vector(x=0):
            return "origin"
        case Vector() as v if v.x > 1:
            return v.x + 1
        case True:
            return "never"
        case _:
            return None


def numbers(limit):
    total = 0
    while total < limit:
        received = yield (yield total) or total + 1
        total += received if received is not None else 2
        total += (yield total) + (yield total + 1) if total == 6 else 0


def delegating(limit):
    result = yield from numbers(limit)
    yield from [1, 2]
    yield from range(2)
    return result


def generated():
    found = []
    first, second = delegating(9), numbers(9)
    for generator in (first, second, first, second):
        found.append(next(generator))
    found.append(first.send(1))
    found.append(second.send(4))
    try:
        while True:
            found.append(first.send(1))
            found.append(second.send(1))
    except StopIteration:
        pass
    return found


class Ticker:
    def __init__(self, to):
        self.i, self.to = 0, to

    def __aiter__(self):
        return self

    async def __anext__(self):
        if self.i >= self.to:
            raise StopAsyncIteration
        self.i += 1
        await asyncio.sleep(0)
        return self.i, self.i * 2


async def agen(n):
    for i in range(n):
        yield i
        await asyncio.sleep(0)


async def adding(box, n):
    box[0] += (await value(n)) + (await value(1)) * box[0]
    box.append((await value(n)) - (await value(2)))
    total = (await value(box)).__len__()
    total += await value(n)
    return total


async def value(given):
    await asyncio.sleep(0)
    return given


async def concurrently(n):
    box = [1]
    results = await asyncio.gather(*(adding(box, i) for i in range(n)))
    async for left, right in Ticker(n):
        results.append(left + right)
    results += [a + b async for a, b in Ticker(n) if a > 1]
    results.extend([i async for i in agen(n)])
    async with Manager() as five:
        results.append(five + n)
    pairs = {a: await value(b) for a, b in [(1, 2), (3, n)]}
    return results, box, pairs


class Prepared(dict):
    asked = []

    def __missing__(self, key):
        self.asked.append(key)
        raise KeyError(key)

    def __getitem__(self, key):
        self.asked.append(key)
        return super().__getitem__(key)


class Meta(type):
    @classmethod
    def __prepare__(cls, *args):
        return Prepared()


def metaclasses():
    Prepared.asked.clear()

    class Made(metaclass=Meta):
        a = 1
        b = a + (a * 2)
        a += b
        c = [a < b, b[0:1] if not b else a]

    return Made.a, Made.b, Made.c, Prepared.asked


def globally(i):
    global TOTAL
    TOTAL += i
    TOTAL -= undefined_if_reached(i) if i % 2 else 0
    return TOTAL


def closures(i):
    total = 0

    def add(n):
        nonlocal total
        total += n * i
        return [lambda: total + k for k in range(2)]

    return [each() for each in add(i)], total, [[x * y for y in range(x)] for x in range(3)]


def truths(i):
    found = [bool(i), not i, not [], not not i, i or 5, i and 6]
    assert found
    assert i >= 0, "negative"
    while i:
        i -= 1
        if not i % 2 and (i or found) or not found:
            found.append(i)
        elif i > 5 and (i < 7 or i == 3):
            continue
    return found if found else None, [x for x in found if x], (found or [0])[0], {} or None


def walrus(i):
    if (n := i * 2) > 3 and (m := [n, n + 1])[0] > 2:
        return n, m
    return n, [y := i + 1, y * 2, (lambda z=i + 1: z + y)()]


def frames():
    return [frame.function for frame in inspect.stack()][:3]


def threads():
    import threading

    counts = {}

    def work(name):
        for i in range(50):
            counts[name] = counts.get(name, 0) + (i * 2 if i % 2 else i + i)

    workers = [threading.Thread(target=work, args=(n,)) for n in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return counts


def main():
    for i in range(ROUNDS):
        j = i % 9
        print(operators(j), augmented(j), nested_augmented(j))
        print(raises(j), comparisons(j), items(j), unpacking(j))
        print(calls(j, 2, key=j, other=i), decorated(j), managed(j), finals(j))
        print(formats(j), globally(j), closures(j), truths(j), walrus(j))
        objects = Vector(j, 1), Child(j, 2)
        for value in (j, -1, "text", 3.5, [1, j], {"k": j, "l": 2}, *objects, None, True):
            print(matching(value))
        print(generated(), metaclasses(), Child(j, 1).hidden())
        if i % 5 == 0:
            print(asyncio.run(concurrently(4)), threads(), frames())
    global TOTAL
    for TOTAL in range(3):
        TOTAL += 1
    print(TOTAL, __name__, __file__ and os.path.basename(__file__), sorted(globals()))


if __name__ == "__main__":
    main()
    total = 0
    for a, b in zip(range(40), range(40)):
        total += a * b
    print(total, sorted(name for name in vars() if not name.startswith("__")))
'''

"""Realistic commits, drawn as diffs and measured for real: what is found, and what is not.

Every commit and every refactoring is a program in a folder of its own; two
measurements per version cover them all.
"""

import os
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from itertools import chain
from pathlib import Path
from textwrap import dedent, indent

import pytest
from pythons import VERSIONS
from repositories import ENVIRONMENT, Drawing

from specialist_ci.checking.sides import Revision, Surroundings, measure_revision
from specialist_ci.comparing.compare import find_changes
from specialist_ci.formats.report import Change
from specialist_ci.formats.snapshot import Snapshot
from specialist_ci.measuring.measure import Plan
from specialist_ci.repository.git import open_repository

Tree = Mapping[str, str]
Finding = tuple[str, str, int, str, str, bool, str]
"""Kind, path, line, family, argument, direct, state on head."""

# Each program's files import one another by plain names, so each gets its turn on sys.path.
RUN = """
import importlib
import sys
from pathlib import Path

kept = []
for program in sorted(Path(__file__).parent.parent.glob("program*")):
    sys.path.insert(0, str(program))
    before = set(sys.modules)
    importlib.invalidate_caches()
    importlib.import_module("test_it").test()
    sys.path.remove(str(program))
    for name in set(sys.modules) - before:
        if str(program) in str(sys.modules[name].__spec__):
            kept.append(sys.modules.pop(name))
"""

# --- commits ---

# Lines of base only begin with -, lines of head only with +. A note names a change that
# must be found there: kind, family, argument, state on head, and the versions that show
# it where not all do. It is direct where the line is an added one, else indirect.
COMMITS = {
    "a constant loses its point": """
        === convert.py
          def to_celsius(fahrenheit):
        -     return (fahrenheit - 32.0) * 0.5555555555555556
        +     return (fahrenheit - 32) * 0.5555555555555556
            #: regression BINARY_OP(-) adaptive 3.11-3.13
        === test_it.py
          from convert import to_celsius

          def test():
              for degree in range(300):
                  to_celsius(float(degree))
        """,
    "a mask outgrows a small integer": """
        === checksums.py
          def adler(data):
              low, high = 1, 0
              for byte in data:
                  low = low + byte
                  high = high + low
        -     return (high & 0xFFFF) + low
        +     return (high & 0xFFFFFFFF) + low  #: regression BINARY_OP(&) adaptive 3.14-
        === test_it.py
          from checksums import adler

          def test():
              for size in range(300):
                  adler([size, 2, 3])
        """,
    "a power becomes a product": """
        === geometry.py
          def norm(x, y):
        -     return x ** 2 + y ** 2
        +     return x * x + y * y
            #: improvement BINARY_OP(*) specialized
            #: improvement BINARY_OP(*) specialized
        === test_it.py
          from geometry import norm

          def test():
              for size in range(300):
                  norm(size * 0.5, 2.0)
        """,
    "a division becomes a product": """
        === layout.py
          class Box:
              def __init__(self, left, width):
                  self.left = left
                  self.width = width

              def center(self):
        -         return self.left + self.width / 2.0
        +         return self.left + self.width * 0.5  #: improvement BINARY_OP(*) specialized
        === test_it.py
          from layout import Box

          def test():
              box = Box(1.0, 10.0)
              for _ in range(300):
                  box.center()
        """,
    "a caller passes floats where integers were": """
        === histogram.py
          def scale(count, step):
              return count * step  #: regression BINARY_OP(*) adaptive 3.11-3.13

          def bars(counts):
        -     return [scale(count, 4) for count in counts]
        +     return [scale(count, 4.5) for count in counts]
        === test_it.py
          from histogram import bars

          def test():
              for _ in range(100):
                  bars([1, 2, 3, 4, 5])
        """,
    "a greeting is formatted in the old way": """
        === greet.py
          def greeting(title, name):
              return title + name

          def line(name):
        -     return "Dear " + name
        +     return "Dear %s" % name  #: regression BINARY_OP(%) adaptive
        === test_it.py
          from greet import line

          def test():
              for _ in range(300):
                  line("Ada")
        """,
    "totals become exact decimals": """
        === invoice.py
        + from decimal import Decimal

          class Item:
              def __init__(self, price, count):
                  self.price = price
                  self.count = count

          def total(items):
              result = items[0].price
              for item in items:
                  result = result + item.price  #: regression BINARY_OP(+) adaptive
              return result

          def parse(rows):
        -     return [Item(float(price), 1) for price in rows]
        +     return [Item(Decimal(price), 1) for price in rows]
            #: regression CALL adaptive 3.11-3.13
        === test_it.py
          from invoice import parse, total

          def test():
              items = parse(["1.5", "2.25", "3.0"] * 50)
              for _ in range(100):
                  total(items)
        """,
    "parts are collected in lists instead of text": """
        === tokens.py
          def join(left, right):
              return left + right  #: regression BINARY_OP(+) adaptive 3.11-3.14

          def wrap(word):
        -     return join("<", word)
        +     return join(["<"], [word])
        === test_it.py
          from tokens import wrap

          def test():
              for _ in range(300):
                  wrap("b")
        """,
    "a second kind of shape is drawn": """
        === shapes.py
          class Circle:
              def __init__(self, size):
                  self.size = size
                  self.color = "red"

          class Square:
              def __init__(self, size):
                  self.size = size
                  self.edge = 4

          def make():
        -     return [Circle(1), Circle(2)] * 8
        +     return [Circle(1), Square(2)] * 8

          def extent(shapes):
              total = 0
              for shape in shapes:
                  total += shape.size  #: regression LOAD_ATTR(size) unstable
              return total
        === test_it.py
          from shapes import extent, make

          def test():
              shapes = make()
              for _ in range(101):
                  extent(shapes)
        """,
    "three kinds of nodes reach the printer": """
        === printer.py
          class Name:
              def __init__(self, text):
                  self.text = text

              def render(self):
                  return self.text

          class Number(Name):
              def render(self):
                  return self.text + "."

          class Comment(Name):
              def render(self):
                  return "#" + self.text

          def render(nodes):
              out = []
              for node in nodes:
                  out.append(node.render())
            #: regression CALL unstable
            #: regression LOAD_ATTR(render) unstable
              return out

          def parse():
        -     return [Name("a"), Name("1"), Name("c")] * 5
        +     return [Name("a"), Number("1"), Comment("c")] * 5
        === test_it.py
          from printer import parse, render

          def test():
              nodes = parse()
              for _ in range(103):
                  render(nodes)
        """,
    "five kinds of events are handled": """
        === events.py
          class Event:
              priority = 0

              def __init__(self, when):
                  self.when = when

          class Key(Event): ...
          class Mouse(Event): ...
          class Timer(Event): ...
          class Resize(Event): ...
          class Close(Event): ...

          def queue():
        -     return [Key(1), Key(2), Key(3), Key(4), Key(5)]
        +     return [Key(1), Mouse(2), Timer(3), Resize(4), Close(5)]

          def latest(events):
              best = 0
              for event in events:
                  if event.when > best:  #: regression LOAD_ATTR(when) unstable
                      best = event.when  #: regression LOAD_ATTR(when) unstable
              return best
        === test_it.py
          from events import latest, queue

          def test():
              events = queue()
              for _ in range(303):
                  latest(events)
        """,
    "a subclass is passed now and then": """
        === orders.py
          class Order:
              def __init__(self, amount):
                  self.amount = amount

          class Rush(Order):
              pass

          def amount(order):
              return order.amount + 1  #: regression LOAD_ATTR(amount) unstable

          def load():
        -     return [Order(1), Order(2), Order(3)]
        +     return [Order(1), Order(2), Rush(3)]
        === test_it.py
          from orders import amount, load

          def test():
              orders = load()
              for _ in range(111):
                  for order in orders:
                      amount(order)
        """,
    "missing names become None": """
        === names.py
          def shown(name):
              if name:  #: regression TO_BOOL unstable 3.13-
                  return name
              return "?"

          def rows():
        -     return ["Ada", ""] * 10
        +     return ["Ada", None] * 10
        === test_it.py
          from names import rows, shown

          def test():
              names = rows()
              for _ in range(111):
                  for name in names:
                      shown(name)
        """,
    "an attribute becomes a property": """
        === account.py
          class Account:
              def __init__(self, cents):
        -         self.cents = cents
        -         self.name = "a"
        +         self._cents = cents
        +         self.name = "a"
        +
        +     @property
        +     def cents(self):
        +         return self._cents

          def funds(account):
              return account.cents + 1  #: regression LOAD_ATTR(cents) adaptive 3.11
        === test_it.py
          from account import Account, funds

          def test():
              account = Account(5)
              for _ in range(300):
                  funds(account)
        """,
    "an attribute becomes a cached property": """
        === document.py
        + from functools import cached_property
        +
          class Document:
              def __init__(self, text):
                  self.text = text
        -         self.size = len(text)
        +
        +     @cached_property
        +     def size(self):
        +         return len(self.text)

          def pages(document):
              return document.size + 1  #: regression LOAD_ATTR(size) adaptive
        === test_it.py
          from document import Document, pages

          def test():
              document = Document("text")
              for _ in range(300):
                  pages(document)
        """,
    "a record gets slots": """
        === record.py
          class Record:
        +     __slots__ = ("key", "value")
        +
              def __init__(self, key, value):
                  self.key = key
                  self.value = value

          def pair(record):
              return record.key, record.value
        === test_it.py
          from record import Record, pair

          def test():
              for number in range(300):
                  pair(Record(number, "x"))
        """,
    "a record loses its slots": """
        === record.py
          class Record:
        -     __slots__ = ("key", "value")
        -
              def __init__(self, key, value):
                  self.key = key
                  self.value = value

          def pair(record):
              return record.key, record.value
        === test_it.py
          from record import Record, pair

          def test():
              for number in range(300):
                  pair(Record(number, "x"))
        """,
    "a setting moves to the class": """
        === client.py
          class Client:
        +     timeout = 30
        +
              def __init__(self, host):
                  self.host = host
        -         self.timeout = 30

          def patience(client):
              return client.timeout + 1  #: regression LOAD_ATTR(timeout) adaptive 3.11-3.12
        === test_it.py
          from client import Client, patience

          def test():
              client = Client("localhost")
              for _ in range(300):
                  patience(client)
        """,
    "a field gets a class-level default": """
        === job.py
          class Job:
        +     retries = 0
        +
              def __init__(self, retries):
                  self.retries = retries  #: regression STORE_ATTR(retries) adaptive 3.12-

          def left(job):
              return job.retries + 1  #: regression LOAD_ATTR(retries) adaptive 3.12-3.13
        === test_it.py
          from job import Job, left

          def test():
              for number in range(300):
                  left(Job(number))
        """,
    "missing attributes are looked up elsewhere": """
        === proxy.py
          class Settings:
              def __init__(self):
                  self.debug = True
        -         self.level = 3
        +
        +     def __getattr__(self, name):
        +         return 3

          def verbosity(settings):
              return settings.level + 1  #: regression LOAD_ATTR(level) adaptive
        === test_it.py
          from proxy import Settings, verbosity

          def test():
              settings = Settings()
              for _ in range(310):
                  verbosity(settings)
        """,
    "a class outgrows thirty attributes": """
        === form.py
          class Form:
              def __init__(self):
                  self.field1 = 1
                  self.field2 = 2
                  self.field3 = 3
        +         self.field4 = 4
        +         self.field5 = 5
        +         self.field6 = 6
        +         self.field7 = 7
        +         self.field8 = 8
        +         self.field9 = 9
        +         self.field10 = 10
        +         self.field11 = 11
        +         self.field12 = 12
        +         self.field13 = 13
        +         self.field14 = 14
        +         self.field15 = 15
        +         self.field16 = 16
        +         self.field17 = 17
        +         self.field18 = 18
        +         self.field19 = 19
        +         self.field20 = 20
        +         self.field21 = 21
        +         self.field22 = 22
        +         self.field23 = 23
        +         self.field24 = 24
        +         self.field25 = 25
        +         self.field26 = 26
        +         self.field27 = 27
        +         self.field28 = 28
        +         self.field29 = 29
        +         self.field30 = 30
        +         self.field31 = 31
        +         self.field32 = 32
        +         self.field33 = 33
        +         self.field34 = 34
        +         self.field35 = 35
        +         self.field36 = 36
        +         self.field37 = 37
        +         self.field38 = 38
        +         self.field39 = 39
        +         self.field40 = 40
                  self.title = "form"

          def heading(form):
              return form.title  #: regression LOAD_ATTR(title) adaptive 3.14-
        === test_it.py
          from form import Form, heading

          def test():
              form = Form()
              for _ in range(310):
                  heading(form)
        """,
    "globals are added while hot code runs": """
        === registry.py
          LIMIT = 10
          handlers = {}

          def register(name):
        -     handlers[name] = name
        +     globals()[name] = name
            #: regression LOAD_GLOBAL(globals) unstable
            #: new CALL adaptive 3.11-3.12

          def allowed(count):
              return count < LIMIT  #: regression LOAD_GLOBAL(LIMIT) unstable
        === test_it.py
          from registry import allowed, register

          def test():
              for number in range(303):
                  register("handler_%d" % number)
                  allowed(number)
        """,
    "a global counter is rebound in hot code": """
        === counter.py
        - counts = {"all": 0}
        + total = 0

          def step():
        -     counts["all"] = counts["all"] + 1
        +     global total
        +     total = total + 1
        === test_it.py
          from counter import step

          def test():
              for _ in range(303):
                  step()
        """,
    "an argument is named": """
        === render.py
          def tag(name, text):
              return "<" + name + ">" + text

          def page(text):
        -     return tag("p", text)
        +     return tag("p", text=text)  #: regression CALL adaptive 3.11-3.12
        === test_it.py
          from render import page

          def test():
              for _ in range(300):
                  page("hello")
        """,
    "arguments are unpacked into a call": """
        === render.py
          def area(width, height):
              return width * height

          def areas(sizes):
              total = 0
              for width, height in sizes:
        -         total = total + area(width, height)
        +         size = (width, height)
        +         total = total + area(*size)
              return total
        === test_it.py
          from render import areas

          def test():
              for _ in range(100):
                  areas([(1, 2), (3, 4)])
        """,
    "a parameter gets a default that callers use": """
        === retry.py
        - def attempt(task, times):
        + def attempt(task, times=3):
              return times

          def run(task):
        -     return attempt(task, 3)
        +     return attempt(task)
        === test_it.py
          from retry import run

          def test():
              for _ in range(300):
                  run("x")
        """,
    "a function takes any arguments": """
        === log.py
        - def write(level, text):
        -     return text
        + def write(level, *texts):
        +     return texts

          def warn(text):
              return write(2, text)  #: regression CALL adaptive 3.11-3.12
        === test_it.py
          from log import warn

          def test():
              for _ in range(300):
                  warn("x")
        """,
    "a list becomes a generator": """
        === lines.py
          def numbers(size):
        -     return [size, size + 1, size + 2]
        +     yield size
        +     yield size + 1
        +     yield size + 2

          def total(size):
              result = 0
              for number in numbers(size):
                  result += number
              return result
        === test_it.py
          from lines import total

          def test():
              for size in range(300):
                  total(size)
        """,
    "a loop counts its items": """
        === search.py
          def find(words, wanted):
        -     index = 0
        -     for word in words:
        +     for index, word in enumerate(words):  #: regression FOR_ITER adaptive 3.12-
                  if word == wanted:
                      return index
        -         index = index + 1
              return -1
        === test_it.py
          from search import find

          def test():
              words = ["a", "b", "c"]
              for _ in range(300):
                  find(words, "c")
        """,
    "two lists are zipped": """
        === vectors.py
          def dot(left, right):
              total = 0.0
        -     for i in range(len(left)):
        -         total += left[i] * right[i]
        +     for a, b in zip(left, right):
            #: regression CALL adaptive 3.11-3.13
            #: regression FOR_ITER adaptive 3.12-
            #: improvement GET_ITER specialized 3.15
        +         total += a * b
              return total
        === test_it.py
          from vectors import dot

          def test():
              for _ in range(300):
                  dot([1.0, 2.0], [3.0, 4.0])
        """,
    "a dict takes the place of a list of pairs": """
        === headers.py
          def parse():
        -     return [("Host", "a"), ("Accept", "b")]
        +     return {"Host": "a", "Accept": "b"}

          def dump(headers):
              out = []
        -     for name, value in headers:
        +     for name, value in headers.items():
            #: regression FOR_ITER adaptive 3.12-
            #: regression GET_ITER adaptive 3.15
                  out.append(name + value)
              return out
        === test_it.py
          from headers import dump, parse

          def test():
              headers = parse()
              for _ in range(300):
                  dump(headers)
        """,
    "an iterator is passed for a list": """
        === stream.py
          def consume(items):
              total = 0
              for item in items:  #: regression FOR_ITER adaptive 3.15
                  total += item
              return total

          def run(items):
        -     return consume(items)
        +     return consume(iter(items))
        === test_it.py
          from stream import run

          def test():
              for _ in range(300):
                  run([1, 2, 3])
        """,
    "pairs become lists": """
        === points.py
          def make(number):
        -     return (number, 1)
        +     return [number, 1]

          def x(number):
              left, right = make(number)
              return left
        === test_it.py
          from points import x

          def test():
              for number in range(300):
                  x(number)
        """,
    "pairs become named": """
        === points.py
        + from collections import namedtuple
        +
        + Point = namedtuple("Point", "left right")
        +
        +
          def make(number):
        -     return (number, 1)
        +     return Point(number, 1)  #: new CALL adaptive 3.11-3.12

          def x(number):
              left, right = make(number)  #: regression UNPACK_SEQUENCE adaptive
              return left
        === test_it.py
          from points import x

          def test():
              for number in range(300):
                  x(number)
        """,
    "pairs are mapped on the way": """
        === version.py
          def parse(text):
        -     major, minor = text.split(".")
        +     major, minor = map(int, text.split("."))  #: regression UNPACK_SEQUENCE adaptive
              return major
        === test_it.py
          from version import parse

          def test():
              for _ in range(300):
                  parse("3.13")
        """,
    "a threshold becomes a float": """
        === limits.py
        - LIMIT = 100
        + LIMIT = 100.0

          def over(sizes):
              count = 0
              for size in sizes:
                  if size > LIMIT:  #: regression COMPARE_OP(>) adaptive
                      count += 1
              return count
        === test_it.py
          from limits import over

          def test():
              for _ in range(100):
                  over([1, 200, 3])
        """,
    "versions are ordered as text": """
        === versions.py
          def newer(left, right):
        -     if left == right:
        +     if left < right:  #: regression COMPARE_OP(<) adaptive
                  return 0
              return 1
        === test_it.py
          from versions import newer

          def test():
              for _ in range(300):
                  newer("3.1", "3.2")
        """,
    "a default is compared by value": """
        === options.py
          def width(value):
        -     if value is None:
        +     if value == None:  #: new COMPARE_OP(==) adaptive
                  return 80
              return value
        === test_it.py
          from options import width

          def test():
              for _ in range(300):
                  width(None)
                  width(3)
        """,
    "a set literal becomes a tuple": """
        === lexer.py
          def is_operator(char):
        -     return char in {"+", "-", "*"}
        +     return char in ("+", "-", "*")  #: regression CONTAINS_OP(in) adaptive 3.13-
        === test_it.py
          from lexer import is_operator

          def test():
              for _ in range(300):
                  is_operator("*")
        """,
    "a set of words becomes a list": """
        === words.py
        - KEYWORDS = {"if", "else", "for"}
        + KEYWORDS = ["if", "else", "for"]

          def is_keyword(word):
              return word in KEYWORDS  #: regression CONTAINS_OP(in) adaptive 3.13-
        === test_it.py
          from words import is_keyword

          def test():
              for _ in range(300):
                  is_keyword("for")
        """,
    "the last item is taken by a negative index": """
        === stack.py
          def top(stack):
        -     return stack[len(stack) - 1]
        +     return stack[-1]
            #: regression BINARY_OP([]) unstable 3.11
            #: regression BINARY_OP([]) adaptive 3.12-
        === test_it.py
          from stack import top

          def test():
              stack = [1, 2, 3]
              for _ in range(310):
                  top(stack)
        """,
    "a dict gets a default factory": """
        === groups.py
        + from collections import defaultdict

          def make():
        -     return {"a": 1, "b": 2}
        +     return defaultdict(int, a=1, b=2)

          def count(groups, name):
              return groups[name] + 1  #: regression BINARY_OP([]) adaptive 3.11-3.14
        === test_it.py
          from groups import count, make

          def test():
              groups = make()
              for _ in range(300):
                  count(groups, "b")
        """,
    "an index becomes a slice": """
        === codes.py
          def head(items):
              return items[0]

          def first(items):
        -     return items[0]
        +     return items[0:1]  #: regression BINARY_OP([]) adaptive 3.11
        === test_it.py
          from codes import first, head

          def test():
              for _ in range(300):
                  head([1, 2])
                  first([1, 2])
        """,
    "an empty list becomes an empty dict": """
        === queue.py
          def pending(queue):
              if queue:  #: regression TO_BOOL adaptive 3.13-
                  return 1
              return 0

          def run():
        -     return pending([1])
        +     return pending({1: 1})
        === test_it.py
          from queue import run

          def test():
              for _ in range(300):
                  run()
        """,
    "a method moves to the base class": """
        === models.py
          class Base:
              def __init__(self, key):
                  self.key = key
        +
        +     def label(self):
        +         return "%s" % self.key

          class User(Base):
              def name(self):
                  return "user"
        -
        -     def label(self):
        -         return "%s" % self.key

          def show(user):
              return user.label()
        === test_it.py
          from models import User, show

          def test():
              user = User("k")
              for _ in range(300):
                  show(user)
        """,
    "the base class is named instead of super": """
        === views.py
          class View:
              def get(self):
                  return 1

          class Page(View):
              def get(self):
        -         return View.get(self)
        +         return super().get()  #: regression LOAD_ATTR(get) adaptive 3.11
        === test_it.py
          from views import Page

          def test():
              page = Page()
              for _ in range(300):
                  page.get()
        """,
    "a tuple becomes a data class": """
        === edges.py
        + from dataclasses import dataclass
        +
        +
        + @dataclass
        + class Edge:
        +     start: int
        +     end: int
        +
        +
          def make(number):
        -     return (number, number + 1)
        +     return Edge(number, number + 1)  #: new CALL adaptive 3.11-3.12

          def length(number):
              edge = make(number)
        -     return edge[1] - edge[0]
        +     return edge.end - edge.start
        === test_it.py
          from edges import length

          def test():
              for number in range(300):
                  length(number)
        """,
    "an attribute is kept in a local": """
        === kernel.py
          class Grid:
              def __init__(self, cells):
                  self.cells = cells

              def total(self):
                  total = 0
        +         cells = self.cells
        -         for i in range(len(self.cells)):
        -             total += self.cells[i]
        +         for i in range(len(cells)):
        +             total += cells[i]
                  return total
        === test_it.py
          from kernel import Grid

          def test():
              grid = Grid([1, 2, 3])
              for _ in range(300):
                  grid.total()
        """,
    "the hot loop reads the instance dict": """
        === state.py
          class State:
              def __init__(self):
                  self.x = 1

          def dump(state):
        -     return {"x": state.x}
        +     return dict(vars(state))  #: new CALL adaptive 3.11

          def read(state):
              return state.x
            #: regression LOAD_ATTR(x) unstable 3.11-3.12
            #: regression LOAD_ATTR(x) adaptive 3.14-
        === test_it.py
          from state import State, dump, read

          def test():
              state = State()
              for _ in range(310):
                  dump(state)
                  read(state)
        """,
    "a moved function regresses": """
        === util.py
        - def scale(values, factor):
        -     out = []
        -     for value in values:
        -         out.append(value * factor * 2.0)
        -     return out
        -
          def other():
              return 1
        === numbers_.py
        + def scale(values, factor):
        +     out = []
        +     for value in values:
        +         out.append(value * factor * 2)  #: regression BINARY_OP(*) adaptive 3.11-3.13
        +     return out
        === test_it.py
        - from util import scale
        + from numbers_ import scale

          def test():
              for _ in range(300):
                  scale([1.0], 2.0)
        """,
    "a renamed function regresses": """
        === util.py
        - def grow(values, factor):
        + def enlarged(values, factor):
              out = []
              for value in values:
        -         out.append(value * factor - 2.0)
        +         out.append(value * factor - 2)  #: regression BINARY_OP(-) adaptive 3.11-3.13
              return out
        === test_it.py
        - from util import grow
        + from util import enlarged as grow

          def test():
              for _ in range(300):
                  grow([1.0], 2.0)
        """,
    "a renamed file regresses on an untouched line": """
        === prices.py -> costs.py
          STEP = 1

          def cost(price):
              return price + STEP  #: regression BINARY_OP(+) adaptive 3.11-3.13
        === test_it.py
        - from prices import cost
        + from costs import cost

          def test():
              for _ in range(300):
        -         cost(1)
        +         cost(1.5)
        """,
    "added code fails": """
        === stats.py
          def mean(values):
              total = 0.0
              for value in values:
                  total += value
              return total

        + def spread(values):
        +     return (values[1] - values[0]) // 2  #: new BINARY_OP(//) adaptive
        +
        === test_it.py
          import stats

          def test():
              for _ in range(300):
                  stats.mean([1.0, 2.0])
                  if hasattr(stats, "spread"):
                      stats.spread([1.0, 2.0])
        """,
    "an edited line keeps its ancestor": """
        === kernel.py
          def step(x, v, dt):
        -     return x + v * dt
        +     return x + v * dt + dt * 2  #: new BINARY_OP(*) adaptive 3.11-3.13
        === test_it.py
          from kernel import step

          def test():
              for _ in range(300):
                  step(1.0, 2.0, 0.1)
        """,
    "strings are appended to an attribute": """
        === buffer.py
          class Buffer:
              def __init__(self):
        -         self.data = ""
        +         self.data = b""

              def write(self, data):
                  self.data = self.data + data  #: regression BINARY_OP(+) adaptive 3.11-3.14

          def fill(buffer, times):
              for _ in range(times):
        -         buffer.write("x")
        +         buffer.write(b"x")
        === test_it.py
          from buffer import Buffer, fill

          def test():
              fill(Buffer(), 300)
        """,
    "an attribute that always fails is kept in a local": """
        === track.py
          from collections import namedtuple

          Track = namedtuple("Track", "points")

          def length(track):
              total = 0
        +     points = track.points
        -     for i in range(len(track.points)):
        -         total += track.points[i]
        +     for i in range(len(points)):
        +         total += points[i]
              return total
        === test_it.py
          from track import Track, length

          def test():
              track = Track([1, 2, 3])
              for _ in range(300):
                  length(track)
        """,
    "a third kind joins two others": """
        === zoo.py
          class Cat:
              legs = 4
              def __init__(self):
                  self.name = "cat"

          class Dog:
              def __init__(self):
                  self.name = "dog"

        + class Cow:
        +     def __init__(self):
        +         self.name = "cow"
        +
          def animals():
        -     return [Cat(), Dog()] * 7
        +     return [Cat(), Dog(), Cow()] * 7

          def names(animals):
              return [animal.name for animal in animals]
        === test_it.py
          from zoo import animals, names

          def test():
              found = animals()
              for _ in range(107):
                  names(found)
        """,
    "cold code gets warm and fails": """
        === rare.py
          def ratio(left, right):
              return left // right

          def run(times):
              for _ in range(times):
                  ratio(7, 2)

          def main():
        -     run(1)
        +     run(300)
        === test_it.py
          import rare

          def test():
              rare.main()
        """,
    "a nested function moves out": """
        === smooth.py
        + def mean(window, value):
        +     return window + value
        +
          def smooth(values):
              last = 0
        -
        -     def mean(value):
        -         return last + value
        -
              for value in values:
        -         last = mean(value)
        +         last = mean(last, value)  #: improvement CALL specialized 3.11
              return last
        === test_it.py
          from smooth import smooth

          def test():
              for _ in range(300):
                  smooth([1, 2, 3])
        """,
    "a class and its attributes are renamed, one line regresses": """
        === sensors.py
        - class Sensor:
        -     def __init__(self, value):
        -         self.value = value
        + class Probe:
        +     def __init__(self, reading):
        +         self.reading = reading

              def celsius(self):
        -         return (self.value - 32.0) * 0.5
        +         return (self.reading - 32) * 0.5  #: regression BINARY_OP(-) adaptive 3.11-3.13

              def half(self):
        -         return self.value // 2
        +         return self.reading // 2
        === test_it.py
        - from sensors import Sensor
        + from sensors import Probe as Sensor

          def test():
              sensor = Sensor(50.0)
              for _ in range(300):
                  sensor.celsius()
                  sensor.half()
        """,
    "an operand gets a variable of its own": """
        === fees.py
          def fee(amounts, rest):
        -     return amounts[0] // (len(amounts) % 5 + 1) + rest
        +     share = amounts[0] // (len(amounts) % 5 + 1)
        +     return share + rest
        === test_it.py
          from fees import fee

          def test():
              for _ in range(300):
                  fee([7, 2], 0.5)
        """,
}

_NOTE = re.compile(
    r"(?P<kind>\w+) (?P<family>[A-Z_]+)(\((?P<argument>.*?)\))? (?P<state>[a-z]+)"
    r"( (?P<first>3\.\d+)(?P<dash>-)?(?P<last>3\.\d+)?)?"
)


def sides(drawing: str) -> tuple[Tree, Tree]:
    """Return the trees of base and head."""
    base: dict[str, str] = {}
    head: dict[str, str] = {}
    for path, line, _notes in _lines(drawing):
        before, _, after = path.partition(" -> ")
        mark, text = line[:1], line[2:] + "\n"
        if mark != "+":
            base[before] = base.get(before, "") + text
        if mark != "-":
            head[after or before] = head.get(after or before, "") + text
    return base, head


def drawn_findings(drawing: str, version: str) -> Counter[Finding]:
    """Return the changes that the notes name for a version."""
    findings: Counter[Finding] = Counter()
    numbers: Counter[str] = Counter()
    for path, line, notes in _lines(drawing):
        after = path.rpartition(" -> ")[2]
        numbers[after] += line[:1] != "-"
        for note in notes:
            found = _NOTE.fullmatch(note)
            assert found, f"{note!r} is no note"
            if version in _versions(found):
                argument, direct = found["argument"] or "", line[:1] == "+"
                findings[
                    found["kind"],
                    after,
                    numbers[after],
                    found["family"],
                    argument,
                    direct,
                    found["state"],
                ] += 1
    return findings


def _versions(note: re.Match[str]) -> Sequence[str]:
    if note["first"] is None:
        return VERSIONS
    first = VERSIONS.index(note["first"])
    last = note["last"] or (VERSIONS[-1] if note["dash"] else note["first"])
    return VERSIONS[first : VERSIONS.index(last) + 1]


def _lines(drawing: str) -> Iterator[tuple[str, str, list[str]]]:
    """Yield every line with its file and its notes, which may follow on lines of their own."""
    path = ""
    drawn = dedent(drawing).strip("\n").split("\n")
    for number, line in enumerate(drawn):
        if line.startswith("=== "):
            path = line.removeprefix("=== ")
        elif not line.lstrip().startswith("#: "):
            code, *notes = re.split(r" *#: |(?<=\w); ", line)
            for below in drawn[number + 1 :]:
                if not below.lstrip().startswith("#: "):
                    break
                notes.append(below.lstrip().removeprefix("#: "))
            yield path, code, notes


# --- refactorings ---

# Full of sites that fail on every version, each of which turns into a false `new` as
# soon as its ancestor is lost.
PROGRAM = '''\
"""Reads orders and prices them."""

from collections import deque, namedtuple

Row = namedtuple("Row", "name count price")


class Order:
    """One line of an order."""

    def __init__(self, name, count, price):
        self.name = name
        self.count = count
        self.price = price

    def total(self):
        return self.price * self.count

    def share(self, others):
        parts = len(others) % 5 + 1
        rest = self.count // parts
        if rest == (parts, None):
            rest = 0.5
        return self.total() // parts + rest

    def label(self):
        return "%s x%d" % (self.name, self.count)

    @property
    def size(self):
        return self.count ** 2

    @size.setter
    def size(self, value):
        self.count = value >> 1


def parse(lines):
    orders = []
    for line in lines:
        name, count, price = line.split(",")
        row = Row(name, int(count), float(price))
        order = Order(row.name, row.count, row.price)
        order.size = order.size % 7
        orders.append(order)
    return orders


def merge(left, right):
    merged = left + right
    last = merged[-1]
    if last.name < merged[0].name:
        merged = merged[::-1]
    return merged


def keyed(orders):
    by_name = {order.name: order for order in orders}
    if by_name:
        return sorted(orders, key=lambda order: (order.name, -(order.count // 3)))
    return []


def smooth(values, size):
    window = deque(values, size)
    means = []

    def step(value):
        window.append(value)
        return sum(window) / size

    for value in values:
        mean = step(value)
        if window[0] == mean % 3:
            means.append(mean // 2)
        elif mean in (1, 2, 3):
            means.append(-mean ** 2)
    return means
'''

BENCH = """\
from engine import Order, keyed, merge, parse, smooth


def test():
    for _ in range(60):
        orders = merge(parse(["a,1,2.5", "b,2,3.5"]), parse(["c,3,4.5"]))
        for order in keyed(orders):
            order.share(orders)
            order.label()
        smooth([1, 2, 3, 4, 5, 6], 3)
"""

Refactoring = Callable[[str], Tree]
"""Makes of the text of PROGRAM, ``engine.py``, the whole tree of head."""


def renamed(**names: str) -> Refactoring:
    """Give new names, in the bench as well."""

    def refactor(program: str) -> Tree:
        tree = {"engine.py": program, "test_it.py": BENCH}
        return {path: _rename(text, names) for path, text in tree.items()}

    return refactor


def _rename(text: str, names: Mapping[str, str]) -> str:
    pattern = re.compile(rf"\b({'|'.join(names)})\b")
    return pattern.sub(lambda name: names[name[0]], text)


def rewritten(*edits: tuple[str, str]) -> Refactoring:
    """Replace pieces of text, each of which stands there once."""

    def refactor(program: str) -> Tree:
        for before, after in edits:
            assert program.count(before) == 1, before
            program = program.replace(before, after)
        return {"engine.py": program, "test_it.py": BENCH}

    return refactor


def substituted(pattern: str, replacement: str) -> Refactoring:
    """Replace all that a pattern fits, line by line."""
    return lambda program: {
        "engine.py": re.sub(pattern, replacement, program, flags=re.MULTILINE),
        "test_it.py": BENCH,
    }


def reordered(*order: int) -> Refactoring:
    """Put the classes and functions into another order."""

    def refactor(program: str) -> Tree:
        top, *blocks = _blocks(program)
        return {"engine.py": _join(top, *(blocks[i] for i in order)), "test_it.py": BENCH}

    return refactor


def wrapped(opening: str, closing: str = "") -> Refactoring:
    """Indent the bodies of all functions below something."""

    def refactor(program: str) -> Tree:
        blocks = _blocks(program)
        for number, block in enumerate(blocks):
            if block.startswith("def "):
                signature, _, body = block.partition("\n")
                blocks[number] = f"{signature}\n    {opening}\n{_indent(body)}{closing}"
        return {"engine.py": _join(*blocks), "test_it.py": BENCH}

    return refactor


def moved_to(path: str) -> Refactoring:
    """Rename the file."""
    module = path.removesuffix(".py").replace("/", ".")
    return lambda program: {
        path: program,
        "test_it.py": BENCH.replace("from engine", f"from {module}"),
    }


def with_methods_reversed(program: str) -> Tree:
    """Turn the order of the methods around, a property's setter staying behind its getter."""
    top, order, *functions = _blocks(program)
    opening, *methods = re.split(r"\n\n(?=    (?:def|@property))", order)
    return {
        "engine.py": _join(top, "\n\n".join([opening, *reversed(methods)]), *functions),
        "test_it.py": BENCH,
    }


def with_function_moved(name: str) -> Refactoring:
    """Move one function to a file of its own."""

    def refactor(program: str) -> Tree:
        top, *blocks = _blocks(program)
        moving = next(block for block in blocks if block.startswith(f"def {name}("))
        blocks.remove(moving)
        return {
            "engine.py": _join(f"from other import {name}\n{top}", *blocks),
            "other.py": _join("from collections import deque", moving),
            "test_it.py": BENCH,
        }

    return refactor


def as_static_methods(program: str) -> Tree:
    """Put all functions into a class."""
    top, order, *functions = _blocks(program)
    methods = ("    @staticmethod\n" + _indent(function) for function in functions)
    return {
        "engine.py": _join(top, order, "\n\n".join(('class Work:\n    """All work."""', *methods))),
        "test_it.py": BENCH.replace(
            "import Order, keyed, merge, parse, smooth", "import Work"
        ).replace(
            "def test():\n",
            "keyed, merge, parse, smooth = Work.keyed, Work.merge, Work.parse, Work.smooth\n\n"
            "def test():\n",
        ),
    }


def split_in_two(program: str) -> Tree:
    """Move the class to a file of its own."""
    top, order, *functions = _blocks(program)
    imports, _, row = top.rpartition("\n\n")
    return {
        "records.py": _join(top, order),
        "engine.py": _join(f"{imports}\n\nfrom records import Order, {row[:3]}", *functions),
        "test_it.py": BENCH,
    }


def as_package(program: str) -> Tree:
    """Make a package of the module."""
    two = split_in_two(program)
    return {
        "engine/__init__.py": "from .work import Order, keyed, merge, parse, smooth\n",
        "engine/records.py": two["records.py"],
        "engine/work.py": two["engine.py"].replace("from records", "from .records"),
        "test_it.py": BENCH,
    }


def _blocks(text: str) -> list[str]:
    return re.split(r"\n\n\n(?=\S)", text.rstrip("\n"))


def _join(*blocks: str) -> str:
    return "\n\n\n".join(blocks) + "\n"


def _indent(text: str) -> str:
    return indent(text, "    ")


def _both(first: Refactoring, second: Refactoring) -> Refactoring:
    """Do one refactoring of ``engine.py`` on top of another."""
    return lambda program: second(first(program)["engine.py"])


RENAMED_LOCALS = renamed(
    merged="everything",
    last="final",
    parts="n",
    rest="remainder",
    row="record",
    window="recent",
    mean="average",
    means="averages",
    by_name="index",
)
RENAMED_ATTRIBUTES = renamed(count="quantity", price="unit_price")
EXTRACTED_FUNCTION = rewritten(
    (
        """\
        if window[0] == mean % 3:
            means.append(mean // 2)
        elif mean in (1, 2, 3):
            means.append(-mean ** 2)
""",
        "        collect(window, means, mean)\n",
    ),
    (
        "def smooth",
        """\
def collect(window, means, mean):
    if window[0] == mean % 3:
        means.append(mean // 2)
    elif mean in (1, 2, 3):
        means.append(-mean ** 2)


def smooth""",
    ),
)

REFACTORINGS: Mapping[str, Refactoring] = {
    "comments and lines inserted": _both(
        substituted(
            r"^(    )(parts|rest|merged|window|for|if|return)\b(.*)$", r"\1# So.\n\n\1\2\3"
        ),
        substituted(r"\A", "# Copyright by nobody.\n\n\n"),
    ),
    "docstrings added": substituted(r"^( *)(def .*:)$", r'\1\2\n\1    """Do it."""'),
    "comments put behind lines": substituted(r"^( +)(\w.*[^:(,])$", r"\1\2  # as it is"),
    "reformatted": rewritten(
        (
            "return self.price * self.count",
            "return (\n            self.price\n            * self.count\n        )",
        ),
        (
            '"%s x%d" % (self.name, self.count)',
            "'%s x%d' % (\n            self.name,\n            self.count,\n        )",
        ),
        (
            "Row(name, int(count), float(price))",
            """\
Row(
            name,
            int(count),
            float(price),
        )""",
        ),
        (
            "Order(row.name, row.count, row.price)",
            """\
Order(
            row.name,  # first
            row.count,
            row.price,
        )""",
        ),
        (
            "if last.name < merged[0].name:",
            "if (\n        last.name\n        < merged[0].name\n    ):",
        ),
        (
            "key=lambda order: (order.name, -(order.count // 3)))",
            """
            key=lambda order: (
                order.name,
                -(order.count // 3),
            ),
        )""",
        ),
        (
            "if rest == (parts, None):",
            "if rest == (\n            parts,\n            None,\n        ):",
        ),
        ("// parts + rest", "// parts \\\n            + rest"),
    ),
    "indented by two": lambda program: {
        "engine.py": re.sub(r"^ +", lambda s: s[0][::2], program, flags=re.MULTILINE),
        "test_it.py": BENCH,
    },
    "lines ended as on Windows": lambda program: {
        "engine.py": program.replace("\n", "\r\n"),
        "test_it.py": BENCH,
    },
    "local variables renamed": RENAMED_LOCALS,
    "parameters renamed": renamed(
        left="first", right="second", others="colleagues", values="series", lines="rows"
    ),
    "functions renamed": renamed(
        merge="combine", keyed="arranged", parse="read", smooth="average", step="advance"
    ),
    "methods renamed": renamed(share="portion", total="amount", label="caption", size="extent"),
    "class renamed": renamed(Order="Position"),
    "attributes renamed": RENAMED_ATTRIBUTES,
    "functions and their variables renamed": renamed(
        merge="combine", merged="everything", last="final", smooth="averages", mean="m", window="w"
    ),
    "class and attributes renamed": renamed(Order="Position", count="quantity", price="unit_price"),
    "functions reordered": reordered(4, 0, 3, 2, 1),
    "methods reordered": with_methods_reversed,
    "function moved to another file": with_function_moved("smooth"),
    "function moved, its variables renamed": _both(RENAMED_LOCALS, with_function_moved("smooth")),
    "file renamed": moved_to("core.py"),
    "package renamed": moved_to("shop/core/engine.py"),
    "file, class and functions renamed": _both(
        renamed(Order="Position", parse="load", smooth="average"),
        lambda program: {
            "core.py": program,
            "test_it.py": _rename(
                BENCH,
                {"engine": "core", "Order": "Position", "parse": "load", "smooth": "average"},
            ),
        },
    ),
    "bodies indented": wrapped("if True:"),
    "bodies below a test": wrapped("if __debug__ is not None:"),
    "bodies in a try": wrapped("try:", "\n    except RecursionError:\n        raise"),
    "method extracted": rewritten(
        (
            """\
        rest = self.count // parts
        if rest == (parts, None):
            rest = 0.5
        return""",
            """\
        rest = self.remainder(parts)
        return""",
        ),
        (
            "    def label",
            """\
    def remainder(self, parts):
        rest = self.count // parts
        if rest == (parts, None):
            rest = 0.5
        return rest

    def label""",
        ),
    ),
    "function extracted": EXTRACTED_FUNCTION,
    "function extracted, its variables renamed": _both(EXTRACTED_FUNCTION, RENAMED_LOCALS),
    "variable extracted": rewritten(
        (
            "        if window[0] == mean % 3:",
            "        oldest = window[0]\n        if oldest == mean % 3:",
        ),
        (
            "        return self.total() // parts + rest",
            "        mine = self.total() // parts\n        return mine + rest",
        ),
    ),
    "variable inlined": rewritten(
        ("    last = merged[-1]\n    if last.name", "    if merged[-1].name"),
    ),
    "functions made static methods": as_static_methods,
    "split in two files": split_in_two,
    "made a package": as_package,
    "annotated": rewritten(
        ("def merge(left, right):", "def merge(left: list, right: list) -> list:"),
        ("merged = left + right", "merged: list = left + right"),
        ("last = merged[-1]", "last: Order = merged[-1]"),
        ("def share(self, others):", 'def share(self, others: "list[Order]") -> float:'),
        ("rest = self.count // parts", "rest: float = self.count // parts"),
    ),
    "statements swapped": rewritten(
        (
            "    window = deque(values, size)\n    means = []\n",
            "    means = []\n    window = deque(values, size)\n",
        ),
        (
            "        self.name = name\n        self.count = count\n",
            "        self.count = count\n        self.name = name\n",
        ),
    ),
    "lambda made a function": rewritten(
        (
            "return sorted(orders, key=lambda order: (order.name, -(order.count // 3)))",
            """\
def rank(order):
            return (order.name, -(order.count // 3))

        return sorted(orders, key=rank)""",
        )
    ),
    "elif made else and if": rewritten(
        (
            "        elif mean in (1, 2, 3):\n            means",
            "        else:\n            if mean in (1, 2, 3):\n                means",
        )
    ),
    "condition turned around": rewritten(
        (
            "    if by_name:\n        return sorted(",
            "    if not by_name:\n        return []\n    return sorted(",
        ),
        ("// 3)))\n    return []\n", "// 3)))\n"),
    ),
    "two statements put on a line": rewritten(
        ("merged = left + right\n    last", "merged = left + right; last")
    ),
    "a function of the same name put before": rewritten(
        ("def merge", "def merge(left):\n    return left.x % 2\n\n\ndef merge")
    ),
    "nearly all at once": _both(
        reordered(4, 0, 3, 2, 1),
        renamed(merged="everything", Order="Position", smooth="average", values="series"),
    ),
}


# --- measuring ---


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, str]:
    """Return a repository with all programs, and its commits of base and head."""
    programs = {name: sides(drawing) for name, drawing in COMMITS.items()}
    before = {"engine.py": PROGRAM, "test_it.py": BENCH}
    programs |= {name: (before, refactor(PROGRAM)) for name, refactor in REFACTORINGS.items()}
    drawing = Drawing(tmp_path_factory.mktemp("mutations") / "repository")
    base, head = (
        drawing.commit(
            {"tests/run.py": RUN}
            | {
                f"{folder(name)}/{path}": text
                for name, pair in programs.items()
                for path, text in pair[side].items()
            }
        )
        for side in (0, 1)
    )
    return drawing.root, base, head


def folder(name: str) -> str:
    """Return the folder of a commit or a refactoring."""
    return f"program{[*COMMITS, *REFACTORINGS].index(name):03}"


@cache
def measured(python: Path, root: Path, commit: str) -> Snapshot:
    """Measure one side, once for all tests."""
    return measure_revision(
        open_repository(root),
        Revision(commit, commit),
        Plan(("python", "tests/run.py"), python),
        Surroundings({**os.environ, **ENVIRONMENT}, lambda _step: None, lambda: None),
    )


def below(snapshot: Snapshot, name: str) -> Snapshot:
    """Return the part of a snapshot that one program is."""
    prefix = folder(name) + "/"
    files = tuple(
        file.model_copy(update={"path": file.path.removeprefix(prefix)})
        for file in snapshot.files
        if file.path.startswith(prefix)
    )
    return snapshot.model_copy(update={"files": files})


def finding(change: Change) -> Finding:
    """Return what a note says about a change."""
    return (
        change.kind,
        change.path,
        change.line,
        change.family,
        change.argrepr,
        change.direct,
        change.head_state,
    )


# --- tests ---


@pytest.mark.parametrize("name", COMMITS)
def test_a_commit_changes_what_is_drawn(
    name: str, python: Path, version: str, repository: tuple[Path, str, str]
) -> None:
    """All changes are found, with their lines and states, and nothing else."""
    root, base, head = repository
    before, after = (below(measured(python, root, commit), name) for commit in (base, head))
    found = Counter(map(finding, find_changes(before, after)))
    assert found == drawn_findings(COMMITS[name], version)


@pytest.mark.parametrize("name", REFACTORINGS)
def test_a_refactoring_changes_nothing(
    name: str, python: Path, repository: tuple[Path, str, str]
) -> None:
    """No failing site loses its ancestor, however the code around it was moved and renamed."""
    root, base, head = repository
    before, after = (below(measured(python, root, commit), name) for commit in (base, head))
    failing = sum(file.counts.adaptive for file in before.files)
    assert failing >= 15
    assert find_changes(before, after) == []


def test_programs_do_not_mix(python: Path, version: str, repository: tuple[Path, str, str]) -> None:
    """All commits and refactorings as one: the same is found as in each alone."""
    root, base, head = repository
    found = find_changes(*(measured(python, root, commit) for commit in (base, head)))
    expected = Counter(
        chain.from_iterable(
            ((kind, f"{folder(name)}/{path}", *rest) for kind, path, *rest in drawn.elements())
            for name, drawn in (
                (name, drawn_findings(drawing, version)) for name, drawing in COMMITS.items()
            )
        )
    )
    assert Counter(map(finding, found)) == expected

"""Reads the contracts in source, `# specialist: require` and `# specialist: ignore`; pure.

A comment behind code is about its line; behind the first or last line of a statement that
spans several, about all of them. Behind a ``def``, a ``class`` or a decorator it is about
the whole body. A comment on a line of its own is about the code that follows it.
"""

import io
import re
import tokenize
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from threading import Lock
from typing import NamedTuple

HINT = "specialist:"
_WARNINGS = Lock()  # what filters them belongs to the whole process
# Also behind another tool's comment.
_BEGIN = re.compile(r"(?<!\S)#[ \t]*specialist:[ \t]*(?P<rest>.*)", re.DOTALL)
_CONTRACT = re.compile(
    r"(?P<verb>[A-Za-z]*)(?:\[(?P<families>[^\]]*)\])?(?:[ \t]+(?P<text>.*))?", re.DOTALL
)
_FAMILY = re.compile(r"[A-Z][A-Z0-9_]*")

_LAYOUT = frozenset({tokenize.NL, tokenize.INDENT, tokenize.DEDENT})
_BLOCKS = frozenset({"def", "class"})


class Verb(StrEnum):
    """What a contract asks for."""

    REQUIRE = "require"  # its sites must be specialized
    IGNORE = "ignore"  # its failing sites are known and accepted


class Mark(NamedTuple):
    """A contract, or a comment that begins like one: then ``problem`` says what is wrong."""

    verb: Verb | None  # None: malformed
    line: int  # of the comment
    first: int  # line that it is about
    last: int  # line that it is about
    subject: str | None = None  # qualified name of the function or class that it is about
    families: frozenset[str] = frozenset()  # empty: all
    reason: str = ""  # of ignore
    problem: str = ""

    def covers(self, line: int, family: str) -> bool:
        """Return whether a site that begins on a line is the contract's business."""
        return self.first <= line <= self.last and (not self.families or family in self.families)


@lru_cache(maxsize=4096)
def read_contracts(source: str) -> tuple[Mark, ...]:
    """Return the contracts of a file's text, in the order of their comments.

    Strings that look like one are none. Text that this Python cannot split into tokens has
    one malformed contract in place of all, where it has anything that looks like one.
    """
    if HINT not in source:
        return ()
    reader = _Reader()
    try:
        with _WARNINGS, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of escapes, which the compiler has told
            for token in tokenize.generate_tokens(io.StringIO(source).readline):
                reader.take(token)
    # 3.12 and 3.13 raise SystemError for some characters that no program has.
    except (tokenize.TokenError, SyntaxError, ValueError, SystemError) as error:
        line = source[: source.index(HINT)].count("\n") + 1
        problem = f"the file cannot be split into tokens ({error.args[0]})"
        return (Mark(None, line, line, line, problem=problem),)
    return tuple(sorted(reader.marks(), key=lambda mark: mark.line))


class _Comment(NamedTuple):
    text: str  # from the contract's own # on
    line: int
    column: int


@dataclass(slots=True)
class _Block:
    """A function or class whose body is being read."""

    name: str
    first: int
    comments: list[_Comment]  # about all of it
    is_class: bool
    depth: int = 0  # of indentation, within its body
    last: int = 0  # line with code


@dataclass(slots=True)
class _Reader:
    """Follows the tokens of one file and keeps what every contract in it is about."""

    found: list[Mark] = field(default_factory=list)
    blocks: list[_Block] = field(default_factory=list)
    # Of the statement that is being read.
    words: list[str] = field(default_factory=list)  # its first few tokens
    first: int = 0
    last: int = 0
    own: list[_Comment] = field(default_factory=list)  # behind its lines
    above: list[_Comment] = field(default_factory=list)  # on lines of their own
    inner: list[_Comment] = field(default_factory=list)  # the same, within its brackets
    # Before it: decorators are part of the block that they decorate.
    decorated: list[_Comment] = field(default_factory=list)
    decorated_from: int = 0
    opening: _Block | None = None  # a block whose body would have to begin here

    def take(self, token: tokenize.TokenInfo) -> None:
        """Read one token."""
        match token.type:
            case tokenize.COMMENT:
                self._comment(token)
            case tokenize.NEWLINE:
                self._end_statement()
            case tokenize.INDENT:
                if self.opening is not None:
                    self.blocks.append(self.opening)
                    self.opening = None
                if self.blocks:
                    self.blocks[-1].depth += 1
            case tokenize.DEDENT:
                self._dedent()
            case kind if kind not in _LAYOUT and kind != tokenize.ENDMARKER:
                self._code(token)
            case tokenize.ENDMARKER:
                self._close_one_liner()
                self._homeless(self.above)
                self._homeless(self.decorated)

    def marks(self) -> list[Mark]:
        """Return what was found."""
        return self.found

    def _comment(self, token: tokenize.TokenInfo) -> None:
        found = _BEGIN.search(token.string)
        if found is None:
            return
        row, column = token.start
        comment = _Comment(found["rest"].strip(), row, column)
        if self.words and row == self.last:
            self.own.append(comment)
        elif self.words:
            self.inner.append(comment)
        else:
            self.above.append(comment)

    def _code(self, token: tokenize.TokenInfo) -> None:
        if not self.words:
            self._close_one_liner()
            self.first = token.start[0]
            column = token.start[1]
            self._homeless([one for one in self.above if one.column != column])
            self.above = [one for one in self.above if one.column == column]
        for comment in self.inner:  # about the next line of the statement
            self._mark(comment, token.start[0], token.start[0])
        self.inner = []
        if len(self.words) < 3:  # noqa: PLR2004 - async def name
            self.words.append(token.string)
        self.last = token.end[0]

    def _end_statement(self) -> None:
        """Settle the comments of a statement, or hand them to the block that it opens."""
        if not self.words:  # 3.11 ends one behind a backslash alone; comments are for the next
            return
        words = self.words[1:] if self.words[:1] == ["async"] else self.words
        comments, first, last = [*self.above, *self.own, *self.inner], self.first, self.last
        self.words, self.own, self.above, self.inner = [], [], [], []
        if words[:1] == ["@"]:
            self.decorated_from = self.decorated_from or first
            self.decorated += comments
        elif words and words[0] in _BLOCKS:
            name = words[1] if len(words) > 1 else ""
            self.opening = _Block(
                name=name,
                first=self.decorated_from or first,
                comments=[*self.decorated, *comments],
                is_class=words[0] == "class",
                last=last,
            )
            self.decorated, self.decorated_from = [], 0
        else:
            for comment in comments:
                within = first < comment.line < last
                self._mark(comment, *((comment.line,) * 2 if within else (first, last)))
        if self.blocks:
            self.blocks[-1].last = max(self.blocks[-1].last, last)

    def _dedent(self) -> None:
        if not self.blocks:
            return
        self.blocks[-1].depth -= 1
        if not self.blocks[-1].depth:
            self._close(self.blocks.pop())

    def _close_one_liner(self) -> None:
        if self.opening is not None:
            self._close(self.opening)
            self.opening = None

    def _close(self, block: _Block) -> None:
        if self.blocks:
            self.blocks[-1].last = max(self.blocks[-1].last, block.last)
        path = [part for one in self.blocks for part in _qualified(one)]
        for comment in block.comments:
            self._mark(comment, block.first, block.last, ".".join([*path, block.name]))

    def _homeless(self, comments: Iterable[_Comment]) -> None:
        for comment in comments:
            problem = "no code follows it at its indentation"
            self.found.append(Mark(None, comment.line, comment.line, comment.line, problem=problem))

    def _mark(self, comment: _Comment, first: int, last: int, subject: str | None = None) -> None:
        self.found.append(_parse(comment)._replace(first=first, last=last, subject=subject))


def _qualified(block: _Block) -> Iterator[str]:
    """Yield what a block adds to the qualified names of those inside it."""
    yield block.name
    if not block.is_class:
        yield "<locals>"


def _parse(comment: _Comment) -> Mark:
    """Return what a contract says, about its own line for now."""
    line = comment.line

    def malformed(problem: str) -> Mark:
        return Mark(None, line, line, line, problem=problem)

    found = _CONTRACT.fullmatch(comment.text)
    if found is None or found["verb"] not in list(Verb):
        return malformed("write `require` or `ignore[FAMILY] reason` behind `# specialist:`")
    verb, text = Verb(found["verb"]), (found["text"] or "").strip()
    families: frozenset[str] = frozenset()
    if found["families"] is not None:
        families = frozenset(part.strip() for part in found["families"].split(","))
        if not all(map(_FAMILY.fullmatch, families)):
            return malformed("a family is written as in reports, such as BINARY_OP")
    if verb is Verb.IGNORE and not text:
        return malformed("`ignore` needs a reason behind it")
    if verb is Verb.REQUIRE and text and not text.startswith("#"):
        return malformed("nothing but another comment can stand behind `require`")
    return Mark(verb, line, line, line, families=families, reason=text)

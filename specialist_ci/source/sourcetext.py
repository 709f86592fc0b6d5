"""Looks up the text of a site in its file: the one place that knows about UTF-8 columns."""

import re
from functools import lru_cache
from keyword import kwlist

from specialist_ci.formats.snapshot import Site, SourceFile

# What a formatter changes without changing the program: white space, brackets and
# commas put in to break lines, comments, quotes.
_LAYOUT = re.compile(r"#[^\n]*|,(?=\s*[)\]}])|[\s()\\]+")
_NAME = re.compile(rf"\b(?!(?:{'|'.join(kwlist)})\b)[^\W\d]\w*")
_LITERAL = re.compile(r"\"[^\"]*\"|'[^']*'|\b\d[\w.]*")


class SourceText:
    """The lines of one file, numbered from 1 as the interpreter does."""

    def __init__(self, source: str) -> None:
        """Split at newlines only: form feeds and the like do not end a line for Python."""
        self.lines = source.split("\n")

    def line(self, number: int) -> str:
        """Return a line without its newline, or an empty string beyond the file's end."""
        return self.lines[number - 1] if 1 <= number <= len(self.lines) else ""

    def segment(self, line: int, site: Site) -> str:
        """Return the text that a site spans, or its first line where no columns are known.

        3.11 gives wrong ranges inside f-strings; what they span is returned all the same.
        """
        if site.column is None or site.end_column is None:
            return self.line(line)
        if site.end_line == line:
            return _cut(self.line(line), site.column, site.end_column)
        first = _cut(self.line(line), site.column, None)
        last = _cut(self.line(site.end_line), 0, site.end_column)
        return "\n".join((first, *self.lines[line : site.end_line - 1], last))


def _cut(text: str, start: int, end: int | None) -> str:
    """Slice by offsets in UTF-8 bytes."""
    if text.isascii():
        return text[start:end]
    return text.encode()[start:end].decode(errors="replace")


@lru_cache(maxsize=4096)
def _source_text(source: str) -> SourceText:
    return SourceText(source)


def source_text(file: SourceFile) -> SourceText:
    """Return the lines of a file, split once."""
    return _source_text(file.source)


def normalize(text: str) -> str:
    """Return text without what formatting may change; only good for comparing."""
    return _LAYOUT.sub("", text).replace("'", '"')


def anonymize(text: str, *, literals: bool = False) -> str:
    """Return normalized text with one name for all, so that renaming is no change.

    With ``literals``, strings and numbers are replaced as well.
    """
    if literals:
        text = _LITERAL.sub("N", text)
    return normalize(_NAME.sub("N", text))

"""The one place where text from the measured repository is made harmless to print."""

import re
from urllib.parse import quote

# Default-ignorable characters that count as printable: they take no room, or pass for a space.
_INVISIBLE = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0"
    "\U000e0000-\U000e0fff]"
)
_NAMED = {"\n": r"\n", "\r": r"\r", "\t": r"\t"}
_MARKUP = re.compile(r"[\\*_{}\[\]()|~#@:!$^]")
_ENTITIES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "`": "&#96;"})
# GitHub links these in finished text, after Markdown's own escapes are gone: @user, #1, GH-1,
# www.example.org and https://example.org; it also draws :emoji: and $formulas$. GitLab also
# links !1, ~label, %milestone, &1 and ^alert#1.
_TRIGGER = re.compile(r"[@#:$]|[!~%&^](?=[\w\"])|\b(?:www(?=\.)|gh(?=-\d))", re.IGNORECASE)
_BREAK = "\u200b"  # zero width space: breaks a trigger and cannot be seen


def visible(text: str) -> str:
    """Return text on one line with every character that would not show as itself spelled out.

    Control characters, terminal sequences, bidirectional overrides and lone surrogates
    become escapes as in a Python literal. ``##[`` begins a command anywhere in a line of a
    GitHub Actions log, so it is broken up. Idempotent.
    """
    if text.isascii() and text.isprintable():
        return text.replace("##[", r"##\[")
    return "".join(map(_shown, text)).replace("##[", r"##\[")


def terminal_output(text: str) -> str:
    """Return the finished lines such that none can be a ``::command::`` of GitHub Actions.

    The runner obeys them at the start of a line, after white space too, and what reads a
    log may take the colours away first. The replacement looks the same and is as wide.
    """
    return re.sub(r"^((?:\s|\x1b\[[0-9;]*m)*)::", "\\1\u2237 ", text, flags=re.MULTILINE)


def markdown_text(text: str) -> str:
    """Return text as literal running text inside a Markdown paragraph, heading or list item."""
    shown = _TRIGGER.sub(lambda found: found[0] + _BREAK, visible(text))
    return _MARKUP.sub(lambda found: "\\" + found[0], shown).translate(_ENTITIES)


def markdown_code(text: str) -> str:
    """Return text as a Markdown code span; GitHub links, mentions and draws nothing in one."""
    shown = visible(text) or " "
    fence = "`" * (_longest_run(shown) + 1)
    edges = shown[0] + shown[-1]
    padding = " " if "`" in edges or (edges == "  " and shown.strip(" ")) else ""
    return f"{fence}{padding}{shown}{padding}{fence}"


def markdown_cell(text: str) -> str:
    """Return text as a code span inside a table cell, which ends at a pipe even within code."""
    return markdown_code(text).replace("|", r"\|")


def markdown_fence(lines: tuple[str, ...], language: str) -> str:
    """Return lines as a fenced code block; the fence is longer than any run of backticks."""
    shown = "\n".join(map(visible, lines))
    fence = "`" * max(3, _longest_run(shown) + 1)
    return f"{fence}{language}\n{shown}\n{fence}"


def link_target(template: str, *, commit: str, path: str, line: int) -> str:
    """Return the address of a line: the template with {commit}, {path} and {line} filled in."""
    filled = {"{commit}": _quoted(commit, ""), "{path}": _quoted(path, "/"), "{line}": str(line)}
    address = re.sub(r"\{(?:commit|path|line)\}", lambda found: filled[found[0]], template)
    return _quoted(address, "/:?#=&%@+,;~")


def _quoted(text: str, safe: str) -> str:
    return quote(text, safe=safe, errors="surrogatepass")


def _shown(character: str) -> str:
    if character in _NAMED:
        return _NAMED[character]
    if character.isprintable() and not _INVISIBLE.match(character):
        return character
    return _spelled(ord(character))


def _spelled(code: int) -> str:
    if code <= 0xFF:  # noqa: PLR2004 - the notation of a Python literal
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"  # noqa: PLR2004 - as above


def _longest_run(text: str) -> int:
    return max(map(len, re.findall("`+", text)), default=0)

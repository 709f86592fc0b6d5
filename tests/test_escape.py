"""Escaping: what is hostile comes back as literal text, and nothing else."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from rich.cells import cell_len

from specialist_ci.render.escape import (
    link_target,
    markdown_cell,
    markdown_code,
    markdown_fence,
    markdown_text,
    terminal_output,
    visible,
)
from specialist_ci.render.fit import cover, shorten, shorten_middle

TEXT = st.text(st.characters() | st.sampled_from("`|\\ <>&*_[]()#@:!$^~-+.=\n\t\x1b\u202e"))
PARSER = MarkdownIt("commonmark").enable(["table", "strikethrough"])


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain, ½ 面積 é", "plain, ½ 面積 é"),
        ("\x1b[31mred\x07", r"\x1b[31mred\x07"),
        ("a\r\nb\tc", r"a\r\nb\tc"),
        ("access\u202e\u2066level", r"access\u202e\u2066level"),
        ("\u2028 \xa0 \u3000 \ufeff", r"\u2028 \xa0 \u3000 \ufeff"),
        ("\u3164\ufe0f\U000e0041", r"\u3164\ufe0f\U000e0041"),
        ("\ud800 \udcff", r"\ud800 \udcff"),
        ("##[set-output name=verdict]pass.py", r"##\[set-output name=verdict]pass.py"),
        ("é##[error]", r"é##\[error]"),
    ],
)
def test_visible_spells_out_what_does_not_show_as_itself(text: str, shown: str) -> None:
    """Controls, overrides, odd spaces and surrogates are spelled out; letters stay."""
    assert visible(text) == shown


@given(TEXT)
def test_visible_text_is_printable_and_final(text: str) -> None:
    """What is visible is one printable, encodable line, and making it visible changes nothing."""
    shown = visible(text)
    assert shown.isprintable()
    shown.encode()
    assert visible(shown) == shown


@given(TEXT)
def test_code_spans_give_back_their_text(text: str) -> None:
    """A parser reads one code span and finds the visible text in it."""
    paragraph = PARSER.parse(f"a {markdown_code(text)} b")[1].children or []
    assert [token.type for token in paragraph] == ["text", "code_inline", "text"]
    assert paragraph[1].content == (visible(text) or " ")


@given(TEXT, TEXT)
def test_cells_give_back_their_text(first: str, second: str) -> None:
    """A row keeps its number of columns whatever is in them, pipes after backslashes included."""
    table = f"| a | b |\n|---|---|\n| {markdown_cell(first)} | {markdown_cell(second)} |\n"
    inline = [token for token in PARSER.parse(table) if token.type == "inline"][2:]
    assert len(inline) == 2
    for token, text in zip(inline, (first, second), strict=True):
        (code,) = token.children or []
        assert (code.type, code.content) == ("code_inline", visible(text) or " ")


@given(st.lists(TEXT, min_size=1).map(tuple))
@example(("```", "````", "~~~"))
def test_fences_give_back_their_lines(lines: tuple[str, ...]) -> None:
    """No line ends the fence that it is in."""
    (fence,) = PARSER.parse(markdown_fence(lines, "python"))
    assert fence.content == "\n".join(map(visible, lines)) + "\n"


@given(TEXT)
@example("<b>x</b> &amp; `x`")
@example("*x* **x** _x_ ~~x~~ [x](y) ![x](y) <https://x.org> \\*")
def test_running_text_gives_back_its_text(text: str) -> None:
    """A parser finds only text, which differs by invisible characters at most."""
    tokens = PARSER.parse(f"a{markdown_text(text)}b")
    assert [token.type for token in tokens] == ["paragraph_open", "inline", "paragraph_close"]
    parts = tokens[1].children or []
    assert {token.type for token in parts} <= {"text", "text_special"}
    assert "".join(token.content for token in parts).replace("\u200b", "") == f"a{visible(text)}b"


@pytest.mark.parametrize(
    "text", ["@octocat", "#12", "GH-12", "www.x.org", "https://x.org", "a@b.org", ":tada:", "$x$"]
)
def test_running_text_triggers_nothing_on_github(text: str) -> None:
    """What GitHub looks for in finished text is broken by an invisible character."""
    (inline,) = (token for token in PARSER.parse(markdown_text(text)) if token.type == "inline")
    shown = "".join(token.content for token in inline.children or [])
    assert text not in shown
    assert shown.replace("\u200b", "") == text


@pytest.mark.parametrize(
    ("path", "address"),
    [
        ("src/a.py", "https://h/o/r/blob/abc/src/a.py#L7"),
        ("a b)(<>\"'`.py", "https://h/o/r/blob/abc/a%20b%29%28%3C%3E%22%27%60.py#L7"),
        ("{line}{commit}.py", "https://h/o/r/blob/abc/%7Bline%7D%7Bcommit%7D.py#L7"),
        ("é?#\ud800", "https://h/o/r/blob/abc/%C3%A9%3F%23%ED%A0%80#L7"),
    ],
)
def test_link_targets_are_quoted(path: str, address: str) -> None:
    """A path cannot leave its place in the address, nor fill in another."""
    template = "https://h/o/r/blob/{commit}/{path}#L{line}"
    assert link_target(template, commit="abc", path=path, line=7) == address


def test_no_line_of_output_is_a_runner_command() -> None:
    """A command at the start of a line, after white space too, is broken at the same width."""
    text = "x[::2]\n::error::a\n  ::set-output name=x::y\nkept ::error::"
    broken = terminal_output(text)
    assert broken == "x[::2]\n\u2237 error::a\n  \u2237 set-output name=x::y\nkept ::error::"
    assert cell_len(broken) == cell_len(text)


@given(TEXT, st.integers(2, 30))
def test_shortened_text_fits(text: str, cells: int) -> None:
    """Text takes no more cells than allowed, and is whole where it fits."""
    for cut in (shorten(text, cells), shorten_middle(text, cells)):
        assert cell_len(cut) <= cells
        assert cut == visible(text) or "…" in cut
    assert shorten(visible(text), 1_000) == visible(text)


def test_shortening_keeps_the_ends_of_a_path() -> None:
    """The folder at its beginning and the file at its end stay."""
    assert shorten_middle("src/package/module/file.py", 16) == "src/p…le/file.py"
    assert shorten("a longer sentence", 9) == "a longer…"


@pytest.mark.parametrize(
    ("source", "span", "cells"),
    [
        ("a.b", (0, 3), (0, 3)),
        ("'é' + a", (7, 8), (6, 7)),
        ("'面積' + a", (11, 12), (9, 10)),
        ("'\u202e' + a", (8, 9), (11, 12)),
        ("a", (1, 99), (1, 1)),
    ],
)
def test_bytes_become_cells(source: str, span: tuple[int, int], cells: tuple[int, int]) -> None:
    """A site's offsets are UTF-8 bytes; its carets stand under what is shown, wide or escaped."""
    assert cover(source, span) == cells

"""Cuts measured text to a number of terminal cells, and finds the cells that a site covers."""

from rich.cells import cell_len

from specialist_ci.render.escape import visible

ELLIPSIS = "…"
_CHARACTERS_PER_CELL = 4  # bounds the work, and the combining marks that a cell can carry

Span = tuple[int, int]


def shorten(text: str, cells: int) -> str:
    """Return text made visible, its end cut where it takes more than so many cells."""
    shown = visible(text[: cells * _CHARACTERS_PER_CELL])
    if cell_len(shown) <= cells and len(text) <= cells * _CHARACTERS_PER_CELL:
        return shown
    return _head(shown, cells - 1) + ELLIPSIS


def shorten_middle(text: str, cells: int) -> str:
    """Return text made visible, its middle cut: the ends of a path tell the most."""
    room = cells * _CHARACTERS_PER_CELL
    if len(text) <= room and cell_len(shown := visible(text)) <= cells:
        return shown
    left = (cells - 1) // 3
    return (
        _head(visible(text[:room]), left)
        + ELLIPSIS
        + _tail(visible(text[-room:]), cells - 1 - left)
    )


def cover(source: str, span: Span) -> Span:
    """Return the first cell that a span of UTF-8 bytes covers in shown source, and the one past."""
    encoded = source.encode("utf-8", "surrogatepass")
    start, end = (cell_len(visible(encoded[:offset].decode("utf-8", "ignore"))) for offset in span)
    return start, end


def _head(shown: str, cells: int) -> str:
    head = shown[: cells * _CHARACTERS_PER_CELL]
    while cell_len(head) > cells:
        head = head[:-1]
    return head


def _tail(shown: str, cells: int) -> str:
    tail = shown[-cells * _CHARACTERS_PER_CELL :]
    while cell_len(tail) > cells:
        tail = tail[1:]
    return tail

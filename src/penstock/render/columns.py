"""Columns of words: as wide as they must be, cut at the terminal's width."""

from __future__ import annotations

from penstock.render.cells import clean, width
from penstock.render.picture import Line, Screen, Span, fitted

GAP = 2


def columns(header: list[str], rows: list[list[Span]], cells: int | None) -> list[Line]:
    """Header and rows, aligned; the last column takes what is left and is cut there. `cells` None: nothing is cut."""
    clear = [[(clean(text), style) for text, style in row] for row in rows]
    all_rows = [[(title, "dim") for title in header], *clear]
    wide = [max(width(row[n][0]) for row in all_rows) for n in range(len(header) - 1)]
    made = [_row(row, wide) for row in all_rows]
    return [fitted(spans, Screen(cells, 0)) for spans in made] if cells else made


def _row(row: list[Span], wide: list[int]) -> Line:
    spans: list[Span] = []
    for (text, style), cells in zip(row, wide, strict=False):
        spans += [(text, style), (" " * (cells - width(text) + GAP), "")]
    return (*spans, row[-1])

"""Showing checks while they run: each line as it ends, and on a terminal what still runs, in place."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

from penstock.cli.live import can_move, terminal
from penstock.cli.view import ink, wants_colour
from penstock.render.checked import ended, running
from penstock.render.picture import Line, Screen

if TYPE_CHECKING:
    from penstock.checking import Glance

REDRAW_S = 0.5
_CLEAR = "\r\x1b[2K"
_ENDLESS = 1 << 16


@contextmanager
def showing(*, quiet: bool) -> Iterator[Callable[[Glance], None]]:
    """A function that shows each glance. `quiet`: the document has the output, so this goes beside it, to a person only."""
    out = sys.stderr if quiet else sys.stdout
    shown = _Shown(out)
    try:
        yield (shown.nothing if quiet and not out.isatty() else shown.glance)
    finally:
        shown.clear()


class _Shown:
    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._moves = out.isatty() and can_move()
        self._colour = wants_colour(out)
        self._drawn = 0.0
        self._line = ""

    def nothing(self, glance: Glance) -> None:
        """Nobody looks."""

    def glance(self, glance: Glance) -> None:
        on = terminal(self._out)
        for one in glance.ended:
            self.clear()
            self._write(ended(one, on if self._moves else Screen(_ENDLESS, 1, on.ascii_only)), "\n")
        if self._moves and glance.running and (glance.ended or time.monotonic() - self._drawn >= REDRAW_S):
            self._draw(running(glance.running, glance.waiting, on.narrowed(on.width - 1)))

    def _draw(self, spans: Line) -> None:
        text = ink(spans, colour=self._colour)
        self._drawn = time.monotonic()
        if text != self._line:
            self.clear()
            self._line = text
            self._write(spans, "")

    def clear(self) -> None:
        """Take the line of what runs away."""
        if self._line:
            self._out.write(_CLEAR)
            self._out.flush()
        self._line = ""

    def _write(self, spans: Line, end: str) -> None:
        self._out.write(ink(spans, colour=self._colour) + end)
        self._out.flush()

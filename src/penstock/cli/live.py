"""The live view on a terminal: only what changed is sent, and nothing while nothing changes."""

from __future__ import annotations

import os
import signal
import sys
import time
from typing import TextIO

from penstock import api
from penstock.cli.view import happenings, in_main_thread, ink, seen_of, wants_colour
from penstock.records.store import Row
from penstock.render.live import screen
from penstock.render.picture import Line, Screen

REDRAW_S = 0.5  # a terminal at the end of a slow line gets two pictures a second at the most
CANNOT_MOVE = ("", "dumb", "unknown")  # no cursor: such a terminal gets lines, as a log does
ASCII_ONLY = ("linux", "ansi", "vt52", "vt100", "vt102", "vt220", "cons25")
ENTER = "\x1b[?1049h\x1b[?25l\x1b[2J"
LEAVE = "\x1b[999;1H\x1b[?25h\x1b[?1049l"  # at the bottom, where a terminal has no second screen to leave


def can_move() -> bool:
    """Whether the terminal can be drawn on at all."""
    return os.environ.get("TERM", "") not in CANNOT_MOVE


class Canvas:
    """A terminal's second screen: what was there before comes back when it is left."""

    def __init__(self, out: TextIO, *, colour: bool) -> None:
        self._out = out
        self._colour = colour
        self._shown: list[str] = []
        self._size = (0, 0)
        self._is_to_stop = False

    def __enter__(self) -> Canvas:
        if in_main_thread():
            signal.signal(signal.SIGTSTP, self._ask_to_stop)
        self._send(ENTER)
        return self

    def __exit__(self, *_: object) -> None:
        if in_main_thread():
            signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        self._send(LEAVE)

    def paint(self, lines: list[Line], size: tuple[int, int]) -> int:
        """Send the lines that are not there yet; returns how many characters that took. Another size: all of them."""
        if self._is_to_stop:
            self._stop()
        parts: list[str] = []
        if size != self._size:
            self._size, self._shown = size, []
            parts.append("\x1b[2J")
        new = [ink(spans, colour=self._colour) for spans in lines]
        old = self._shown
        for number in range(max(len(new), len(old))):
            text = new[number] if number < len(new) else ""
            if text != (old[number] if number < len(old) else ""):
                parts.append(f"\x1b[{number + 1};1H\x1b[2K{text}")
        self._shown = new
        return self._send("".join(parts))

    def _ask_to_stop(self, *_: object) -> None:
        self._is_to_stop = True

    def _stop(self) -> None:
        """Ctrl-Z: the shell gets its own screen back; afterwards everything is drawn anew."""
        self._is_to_stop, self._size = False, (0, 0)
        self._send(LEAVE)
        os.kill(os.getpid(), signal.SIGSTOP)
        self._send(ENTER)

    def _send(self, text: str) -> int:
        if text:
            self._out.write(text)
            self._out.flush()
        return len(text)


def terminal(out: TextIO) -> Screen:
    """The terminal as it is now: asked each time, because it may have been resized."""
    try:
        size = os.get_terminal_size(out.fileno())
    except (OSError, ValueError):
        size = os.terminal_size((80, 24))
    poor = "utf" not in (out.encoding or "").lower() or os.environ.get("TERM") in ASCII_ONLY
    zone = time.localtime().tm_gmtoff
    return Screen(size.columns or 80, size.lines or 24, ascii_only=poor, offset_s=zone)


def live(desk: api.Desk, number: int) -> Row:
    """Follow a release in place; the last picture stays behind on the terminal's own screen."""
    out = sys.stdout
    colour = wants_colour(out)
    events: list[Row] = []
    row: Row = {}
    drawn = 0.0
    with Canvas(out, colour=colour) as canvas:
        for row, new in happenings(desk, number):
            events += new
            if time.monotonic() - drawn >= REDRAW_S or row["ended_at"]:
                on = terminal(out)
                canvas.paint(screen(seen_of(desk, row, events), on), (on.width, on.height))
                drawn = time.monotonic()
    for spans in screen(seen_of(desk, row, events), terminal(out)):
        out.write(ink(spans, colour=colour) + "\n")
    out.flush()
    return row

"""The live view on a terminal: drawn again only when something changed."""

from __future__ import annotations

import locale
import time

from rich.console import Console
from rich.live import Live

from penstock import api
from penstock.cli.view import happenings
from penstock.records.store import Row
from penstock.render.live import screen

REDRAW_S = 0.5  # a terminal at the end of a slow line gets two pictures a second at the most


def live(desk: api.Desk, number: int) -> Row:
    """Follow a release in place; the last picture stays."""
    console = Console()
    ascii_only = "utf" not in (console.encoding or locale.getpreferredencoding()).lower()
    events: list[Row] = []
    row: Row = {}
    drawn, shown = 0.0, ""
    with Live(console=console, auto_refresh=False, transient=False) as picture:
        for row, new in happenings(desk, number):
            events += new
            now = time.time()
            state = f"{row['state']}{row['waiting']}{row['facts']}{len(events)}{int(now)}"
            if state != shown and (time.monotonic() - drawn > REDRAW_S or row["ended_at"]):
                size = console.size
                picture.update(
                    screen(row, events, now, width=size.width, height=size.height, plain_marks=ascii_only), refresh=True
                )
                drawn, shown = time.monotonic(), state
        size = console.size
        picture.update(
            screen(row, events, time.time(), width=size.width, height=size.height, plain_marks=ascii_only), refresh=True
        )
    return row

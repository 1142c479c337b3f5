"""`penstock events`: what happened in a release, for logs and programs."""

from __future__ import annotations

import sys

import click

from penstock import api
from penstock.cli.completion import releases as known
from penstock.cli.view import echo, follow, ink, terminal_width, wants_colour
from penstock.errors import UsageError
from penstock.records import events, releases
from penstock.records.store import Row
from penstock.render import tell
from penstock.render.picture import Line, Screen, fitted

PAGE = 1000
STYLES = {"back": "bad", "end": "strong", "check": "", "note": "now", "wait": "now"}


@click.command("events")
@click.argument("number", metavar="RELEASE", type=int, shell_complete=known)
@click.option("--follow", "-f", "to_the_end", is_flag=True, help="Go on until the release is over.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line; docs/reference/events.md is its schema.")
def command(number: int, to_the_end: bool, as_json: bool) -> None:
    """What happened in RELEASE so far, a line an event, oldest first."""
    desk = api.open_desk()
    if to_the_end:
        raise click.exceptions.Exit(follow(desk, number, plain=True, as_json=as_json, on_interrupt="leave"))
    row = releases.get(desk.store, number)
    if row is None:
        raise UsageError("no-release", f"there is no release {number}", next="`penstock history` lists them")
    told = [tell.ordered(row)]
    while told:
        for event in told:
            echo(tell.as_json(event) if as_json else _drawn(event))
        told = events.after(desk.store, number, told[-1]["id"], PAGE)


def _drawn(event: Row) -> str:
    """A line of the log; on a terminal cut at its width, and coloured."""
    spans: Line = ((tell.as_line(event), STYLES.get(event["kind"], "dim")),)
    cells = terminal_width()
    return ink(fitted(spans, Screen(cells, 0)) if cells else spans, colour=wants_colour(sys.stdout))

"""Looking at a release until it is over: live on a terminal, a line an event elsewhere, or JSON."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from typing import Any

import click

from penstock import api, waking
from penstock.core.ending import EXIT_CODES, NOT_OVER
from penstock.errors import NeedsPerson, UsageError
from penstock.records import events, releases
from penstock.records.store import Row

POLL_S = 0.2
WAKE_S = 2.0
HEARTBEAT_S = 60.0
NO_WORKER_S = 30.0


def VIEW_OPTIONS(function: Callable[..., Any]) -> Callable[..., Any]:  # noqa: N802 - reads as the options it adds
    """The options of every verb that follows a release."""
    for option in (
        click.option("--on-interrupt", type=click.Choice(["leave", "abort"]), default="leave", show_default=True,
                     help="What Ctrl-C or a signal means: leave the view, or abort the release."),
        click.option("--json", "as_json", is_flag=True, help="One JSON object a line, for programs."),
        click.option("--plain", is_flag=True, help="One line an event, for logs."),
    ):  # fmt: skip
        function = option(function)
    return function


def follow(desk: api.Desk, number: int, *, plain: bool, as_json: bool, on_interrupt: str) -> int:
    """Show a release until it is over; returns the exit code that says how it ended."""
    if releases.get(desk.store, number) is None:
        raise UsageError("no-release", f"there is no release {number}", next="`penstock history` lists them")
    show: Callable[[api.Desk, int], Row]
    if as_json:
        show = _json_lines
    elif plain or not sys.stdout.isatty():
        show = _plain_lines
    else:
        from penstock.cli.live import live as show
    try:
        row = show(desk, number)
    except KeyboardInterrupt:
        return _interrupted(desk, number, on_interrupt)
    return EXIT_CODES.get(row["state"], NOT_OVER)


def is_over(row: Row) -> bool:
    """Whether a view has nothing more to wait for; a bake goes on without one."""
    return row["state"] in releases.ENDS or row["state"] == "baking"


def happenings(desk: api.Desk, number: int) -> Any:
    """(row, new events) again and again, until the release is over; keeps a worker alive meanwhile."""
    last, woken, lived = 0, time.monotonic(), time.monotonic()
    while True:
        row = releases.get(desk.store, number)
        assert row is not None, "a release does not vanish"
        new = events.after(desk.store, number, last)
        last = new[-1]["id"] if new else last
        yield row, new
        if is_over(row) and not new:
            return
        if new or waking.lives(desk.state):
            lived = time.monotonic()
        if time.monotonic() - lived > NO_WORKER_S:
            raise NeedsPerson("no-worker", f"no worker comes up, and release {number} stands still", str(desk.state.root),
                              f"its last words are in {desk.state.worker_log}", "penstock doctor")  # fmt: skip
        if time.monotonic() - woken > WAKE_S:
            api.wake(desk)
            woken = time.monotonic()
        time.sleep(POLL_S)


def _plain_lines(desk: api.Desk, number: int) -> Row:
    said = time.monotonic()
    row: Row = {}
    for row, new in happenings(desk, number):
        for event in new:
            clock = time.strftime("%H:%M:%S", time.gmtime(event["at"]))
            click.echo(f"{clock}Z {event['kind']:<7} {event['text']}")
            said = time.monotonic()
        if time.monotonic() - said > HEARTBEAT_S:
            click.echo(f"{time.strftime('%H:%M:%S', time.gmtime())}Z still    {row['waiting'] or row['state']}")
            said = time.monotonic()
    return row


def _json_lines(desk: api.Desk, number: int) -> Row:
    row: Row = {}
    for now, new in happenings(desk, number):
        row = now
        for event in new:
            line = {"release": number, **{k: event[k] for k in ("id", "at", "kind", "key", "text", "data")}}
            click.echo(json.dumps(line, ensure_ascii=False))
    return row


def _interrupted(desk: api.Desk, number: int, on_interrupt: str) -> int:
    row = releases.get(desk.store, number)
    assert row is not None, "a release does not vanish"
    if on_interrupt == "abort":
        click.echo(api.order(desk, "abort", row["service"], row["environment"], number, reason="interrupted"), err=True)
        return NOT_OVER
    click.echo(
        f"\nrelease {number} goes on by itself.\n  look again:  penstock watch {number}\n"
        f"  end it:      penstock abort --release {number}", err=True,
    )  # fmt: skip
    return NOT_OVER

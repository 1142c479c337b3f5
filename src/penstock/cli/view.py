"""Looking at a release until it is over: live on a terminal, a line an event elsewhere, or JSON."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, TextIO

import click

from penstock import api, waking
from penstock.core.ending import EXIT_CODES, NOT_OVER
from penstock.errors import NeedsPerson, UsageError
from penstock.records import answers, checks, events, orders, releases
from penstock.records.store import Row
from penstock.render import actions, tell
from penstock.render.cells import in_ascii
from penstock.render.picture import Line, Seen

POLL_S = 0.2
WAKE_S = 2.0
HEARTBEAT_S = 60.0
NO_WORKER_S = 30.0
LOOKS_S = 660.0  # a little more than a picture shows
INK: dict[str, dict[str, Any]] = {
    "strong": {"bold": True}, "dim": {"dim": True}, "good": {"fg": "green"}, "bad": {"fg": "red", "bold": True},
    "now": {"fg": "cyan", "bold": True}, "candidate": {"fg": "cyan"},
}  # fmt: skip


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
    show = _way_to_show(plain=plain, as_json=as_json)
    try:
        with _signals_interrupt():
            row = show(desk, number)
    except KeyboardInterrupt:
        return _interrupted(desk, number, on_interrupt)
    return EXIT_CODES.get(row["state"], NOT_OVER)


def is_over(row: Row) -> bool:
    """Whether a view has nothing more to wait for; a bake goes on without one."""
    return row["state"] in releases.ENDS or row["state"] == "baking"


def happenings(desk: api.Desk, number: int) -> Iterator[tuple[Row, list[Row]]]:
    """(row, new events) again and again, until the release is over; keeps a worker alive meanwhile.

    The records are read when somebody has written to them, and every two seconds: a viewer costs next to nothing.
    """
    row, last, version = _row(desk, number), 0, None
    new = [tell.ordered(row)]
    woken = lived = heard = time.monotonic()
    is_told = False
    while True:
        written = (desk.store.row("PRAGMA data_version") or {}).get("data_version")
        pause = time.monotonic() - woken
        if written != version or pause > WAKE_S or is_over(row):
            version, row = written, _row(desk, number)
            new += events.after(desk.store, number, last)
            last = new[-1]["id"] if new else last
        yield row, new
        heard = time.monotonic() if new else heard
        is_told = is_told or any(event["kind"] == "end" for event in new)
        # That it is over is told a moment after it is so; of some that ended long ago it never was.
        if is_over(row) and not new and (is_told or time.monotonic() - heard > WAKE_S):
            return
        lived = time.monotonic() if new else lived
        new = []
        if pause > WAKE_S:
            lived = _keep_a_worker(desk, number, lived)
            woken = time.monotonic()
        time.sleep(POLL_S)


def seen_of(desk: api.Desk, row: Row, told: list[Row]) -> Seen:
    """All that a picture shows, at this second: whoever looks, and since when, sees the same."""
    number = row["number"]
    newest = desk.store.row("SELECT max(at) AS at FROM looks WHERE release = ?", number) or {}
    looks = desk.store.rows(
        "SELECT * FROM looks WHERE release = ? AND at > ? ORDER BY at", number, (newest.get("at") or 0.0) - LOOKS_S
    )
    return Seen(
        row, told, looks, orders.standing(desk.store, row), float(int(time.time())), checks.of(desk.store, number),
        answers.about(desk.store, row["service"], row["commit_id"]),
    )  # fmt: skip


def wants_colour(out: TextIO) -> bool:
    """Only a terminal gets colours, and never with NO_COLOR."""
    return out.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def ink(spans: Line, *, colour: bool) -> str:
    """A line as it is sent: its meaning in the terminal's own colours, which fit its ground; or the words alone."""
    if not colour:
        return "".join(text for text, _ in spans)
    return "".join(click.style(text, **INK[style]) if style in INK else text for text, style in spans)


def terminal_width() -> int | None:
    """How wide the terminal is; None where there is none, and nothing need be cut."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def say(lines: Iterable[Line]) -> None:
    """Print lines; colours on a terminal only."""
    colour = wants_colour(sys.stdout)
    for spans in lines:
        echo(ink(spans, colour=colour).rstrip())


def echo(text: str) -> None:
    """Print a line in what can be shown where it goes."""
    click.echo(text if "utf" in (sys.stdout.encoding or "").lower() else in_ascii(text))


def _way_to_show(*, plain: bool, as_json: bool) -> Callable[[api.Desk, int], Row]:
    if as_json:
        return _json_lines
    if os.environ.get("GITHUB_ACTIONS") == "true":
        return _actions
    if not plain and sys.stdout.isatty():
        from penstock.cli.live import can_move, live

        if can_move():
            return live
    return _plain_lines


def _keep_a_worker(desk: api.Desk, number: int, lived: float) -> float:
    """Wake a worker; returns when one was last seen alive. None for half a minute needs a person."""
    if waking.lives(desk.state):
        return time.monotonic()
    if time.monotonic() - lived > NO_WORKER_S:
        raise NeedsPerson("no-worker", f"no worker comes up, and release {number} stands still", str(desk.state.root),
                          f"its last words are in {desk.state.worker_log}", "penstock doctor")  # fmt: skip
    api.wake(desk)
    return lived


def _plain_lines(desk: api.Desk, number: int) -> Row:
    return _lines(desk, number, lambda event: [tell.as_line(event)])


def _lines(desk: api.Desk, number: int, made: Callable[[Row], list[str]]) -> Row:
    """A line an event, and a heartbeat each minute in which there is none."""
    said, told = time.monotonic(), list[Row]()
    row: Row = {}
    for row, new in happenings(desk, number):
        for event in new:
            for text in made(event):
                echo(text)
        told += new
        if len(told) == 1 and new and not row["started_at"]:
            echo(tell.still(time.time(), "waiting for a worker"))
        said = time.monotonic() if new else said
        if time.monotonic() - said > HEARTBEAT_S:
            echo(_heartbeat(seen_of(desk, row, told)))
            said = time.monotonic()
    return row


def _heartbeat(seen: Seen) -> str:
    from penstock.render.waits import waiting
    from penstock.render.words import moment

    wait = waiting(seen)
    until = f"; until {moment(wait.until)}, then {wait.then}" if wait and wait.until else ""
    return tell.still(seen.now, f"waits for {wait.what}{until}" if wait else seen.row["state"])


def _actions(desk: api.Desk, number: int) -> Row:
    """GitHub Actions: groups, annotations, and the report as the step's summary."""
    is_open = False

    def made(event: Row) -> list[str]:
        nonlocal is_open
        lines, is_open = actions.lines(event, is_open)
        return lines

    row = _lines(desk, number, made)
    if is_open:
        click.echo("::endgroup::")
    _summarise(desk, number, os.environ.get("GITHUB_STEP_SUMMARY", ""))
    return row


def _summarise(desk: api.Desk, number: int, path: str) -> None:
    """Append the report to the step's summary; what cannot be written is said, and ends nothing."""
    report = desk.state.release(number) / "report.md"
    if not path or not report.exists():
        return
    try:
        with Path(path).open("a+", encoding="utf-8") as file:
            file.write(actions.summary(report.read_text(), actions.SUMMARY_BYTES - file.tell()))
    except OSError as error:
        click.echo(actions.annotation("warning", f"the step's summary could not be written: {error.strerror}"))


def _json_lines(desk: api.Desk, number: int) -> Row:
    row: Row = {}
    for now, new in happenings(desk, number):
        row = now
        for event in new:
            click.echo(tell.as_json(event))
    return row


def _row(desk: api.Desk, number: int) -> Row:
    row = releases.get(desk.store, number)
    assert row is not None, "a release does not vanish"
    return row


def in_main_thread() -> bool:
    """Only there signals can be heard."""
    return threading.current_thread() is threading.main_thread()


@contextmanager
def _signals_interrupt() -> Iterator[None]:
    """SIGTERM and SIGHUP end a view as Ctrl-C does, so that the terminal is put right; what was ignored stays so."""

    def interrupt(_: int, __: FrameType | None) -> None:
        raise KeyboardInterrupt

    ours = (signal.SIGTERM, signal.SIGHUP) if in_main_thread() else ()
    meant = [each for each in ours if signal.getsignal(each) is signal.SIG_DFL]
    for each in meant:
        signal.signal(each, interrupt)
    try:
        yield
    finally:
        for each in meant:
            signal.signal(each, signal.SIG_DFL)


def _interrupted(desk: api.Desk, number: int, on_interrupt: str) -> int:
    row = _row(desk, number)
    if on_interrupt == "abort":
        click.echo(api.order(desk, "abort", row["service"], row["environment"], number, reason="interrupted"), err=True)
        return NOT_OVER
    click.echo(
        f"\nrelease {number} goes on by itself.\n  look again:  penstock watch {number}\n"
        f"  end it:      penstock abort --release {number}", err=True,
    )  # fmt: skip
    return NOT_OVER

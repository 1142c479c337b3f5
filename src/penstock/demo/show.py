"""`penstock demo`: a real shop, released three times under real load. The third release has a bug."""

from __future__ import annotations

import os
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from penstock import api
from penstock.demo.repository import create
from penstock.records import releases
from penstock.records.store import Row
from penstock.render.words import count, span
from penstock.testing.load import Ask, Load
from penstock.testing.tally import Summary

RPS = 120
MIX = (
    Ask("GET", "/products/{1-40}", share=4),
    Ask("GET", "/products", share=2),
    Ask("POST", "/orders", '{"product": {1-34}, "quantity": 2}', share=2),
    Ask("GET", "/search?q=te", share=1),
)
COUNT_S = 4.0  # until the last request is in the readings

Follow = Callable[[api.Desk, int], int]


@dataclass(frozen=True)
class Shown:
    """What the demo did: the three releases' records, and what the clients counted meanwhile."""

    releases: tuple[Row, ...]
    load: Summary
    state: Path
    seconds: float


def show(folder: Path, follow: Follow, say: Callable[[str], None]) -> Shown:
    """Place v1; start the load; release v2 and v3. `follow` shows a release to its end. Nothing is left running."""
    began = time.monotonic()
    port = _free_port()
    repository = folder / "shop"
    commits = create(repository, sys.executable, port)
    os.environ["PENSTOCK_STATE"] = str(folder / "state")
    desk = api.open_desk(folder / "state")
    say(f"a shop with three revisions: {repository}; it will serve on 127.0.0.1:{port}")
    try:
        numbers = [_release(desk, repository, commits[0], "v1 is placed: the first release", follow, say)]
        say(f"clients: {RPS} requests a second, on a schedule that waits for nobody")
        load = Load(f"http://127.0.0.1:{port}", RPS, MIX).start()
        try:
            numbers.append(_release(desk, repository, commits[1], "v2 goes out by canary", follow, say))
            numbers.append(_release(desk, repository, commits[2], "v3 has a bug in one endpoint", follow, say))
            time.sleep(COUNT_S)
        finally:
            summary = load.stop()
    finally:
        _stop(desk)
    rows = tuple(row for n in numbers if (row := releases.get(desk.store, n)))
    return Shown(rows, summary, desk.state.root, time.monotonic() - began)


def table(shown: Shown) -> list[str]:
    """What was counted, for a person to read."""
    first, second, third = shown.releases
    bad = third["facts"].get("served", {}).get(third["revision"], {"requests": 0, "errors": 0})
    lines = [
        f"{'requests served':<34}{count(shown.load.requests)}",
        f"{'failed, as the clients saw it':<34}{count(shown.load.failed)}",
        f"{'failed on v3':<34}{count(bad['errors'])} of the {count(bad['requests'])} that it served",
        f"{'failed for any other reason':<34}{count(shown.load.failed - bad['errors'])}",
        f"{'from the verdict to 0 %':<34}{span(third['facts'].get('back_s', 0.0))}",
    ]
    for name, row in zip(("v1", "v2", "v3"), (first, second, third), strict=True):
        lines.append(f"{name:<34}{row['state'].replace('_', ' ')}" + (f" ({row['cause']})" if row["cause"] else ""))
    lines.append(f"{'report of v3':<34}{shown.state / 'releases' / str(third['number']) / 'report.html'}")
    lines.append(f"{'all of it took':<34}{span(shown.seconds)}")
    return lines


def _release(
    desk: api.Desk, repository: Path, commit: str, what: str, follow: Follow, say: Callable[[str], None]
) -> int:
    say(f"\n── {what} ──")
    number = api.release(desk, repository, commit, "production", supersede=True)
    api.wake(desk)
    follow(desk, number)
    return number


def _stop(desk: api.Desk) -> None:
    """Nothing of the demo goes on running."""
    from penstock.taking_down import take_down

    for row in releases.unended(desk.store):
        api.order(desk, "abort", row["service"], row["environment"], row["number"], reason="the demo is over")
    deadline = time.monotonic() + 60
    while any(r["state"] != "baking" for r in releases.unended(desk.store)) and time.monotonic() < deadline:
        time.sleep(0.2)
    if desk.store.row("SELECT 1 AS one FROM environments"):
        for _ in take_down(desk, "shop", "production"):
            pass


def _free_port() -> int:
    for port in (8080, 0):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return int(probe.getsockname()[1])
            except OSError:
                continue
    raise AssertionError("the system always has a port")

"""`penstock due`: the reminders that only a person can tick."""

from __future__ import annotations

import json
import time

import click

from penstock import api
from penstock.cli.view import say, terminal_width
from penstock.records.store import Row
from penstock.render.columns import columns
from penstock.render.picture import Span
from penstock.render.words import span

HEADER = ["", "DUE", "TICK IT WITH", "BY", "RELEASE OF", "ASKED"]


@click.command("due")
@click.argument("number", type=int, required=False, metavar="[RELEASE]")
@click.argument("name", required=False, metavar="[NAME]")
@click.option("--done", is_flag=False, flag_value="", default=None, metavar="[TEXT]",
              help="Tick it, under your name; TEXT says what came of it.")  # fmt: skip
@click.option("--all", "ticked", is_flag=True, help="What was ticked, too.")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def command(number: int | None, name: str | None, done: str | None, ticked: bool, as_json: bool) -> None:
    """What is still to be done after releases, oldest due first, of one RELEASE or of all.

    `penstock due RELEASE NAME --done` ticks a reminder: with who and when, in the audit log and in the release's report.
    """
    desk = api.open_desk()
    if done is None:
        _list([row for row in api.due(desk, number, ticked=ticked) if name in (None, row["name"])], as_json=as_json)
        return
    if number is None or name is None or ticked or as_json:
        raise click.UsageError("--done ticks one reminder: penstock due RELEASE NAME --done [TEXT]")
    api.tick(desk, number, name, done)
    click.echo(f"ticked; `penstock report {number}` shows it")


def _list(rows: list[Row], *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(rows, ensure_ascii=False))
    elif rows:
        digits = max(len(str(row["release"])) for row in rows)
        say(columns(HEADER, [_drawn(row, digits) for row in rows], terminal_width()))
    else:
        click.echo("nothing is due; `penstock due --all` shows what was ticked")


def _drawn(row: Row, digits: int) -> list[Span]:
    return [
        (str(row["release"]).rjust(digits), "strong"),
        _when(row),
        (row["command"], "strong") if row["command"] else (f"{row['name']}: ticked by {row['person']}", "dim"),
        (row["by_group"] or "anybody", ""),
        (f"{row['service']}/{row['environment']}", ""),
        (row["ask"] + (f" – {row['text']}" if row["text"] else ""), ""),
    ]


def _when(row: Row) -> Span:
    if row["done_at"] is not None:
        return time.strftime("done %Y-%m-%d", time.localtime(row["done_at"])), "good"
    left_s = row["due_at"] - time.time()
    return (f"overdue {span(-left_s)}", "bad") if row["overdue"] else (f"in {span(max(0.0, left_s))}", "")

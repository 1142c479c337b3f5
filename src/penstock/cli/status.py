"""`penstock status`: all environments at a glance."""

from __future__ import annotations

import json
import time
from itertools import groupby
from typing import Any

import click

from penstock import api
from penstock.cli.completion import services
from penstock.cli.view import say, terminal_width
from penstock.records import orders
from penstock.records.store import Row
from penstock.render.checklist import age
from penstock.render.columns import columns
from penstock.render.picture import Line, Screen, Span, fitted, line

HEADER = ["ENVIRONMENT", "RUNS", "SINCE", "", "UNDER WAY"]
_STATES = {"rolling_out": "is rolling out", "waiting": "waits", "planned": "is getting ready", "baking": "is watched"}
_STYLES = {"released": "good", "rolled_back": "bad", "stuck": "bad", "blocked": "bad"}


@click.command("status")
@click.option("--service", shell_complete=services, help="Only this service.")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def command(service: str | None, as_json: bool) -> None:
    """What runs where, since when, whether it is good or not yet, what is under way, and who holds it."""
    desk = api.open_desk()
    found = api.status(desk, service)
    if as_json:
        for row in (row for env in found for row in env["running"]):
            row["held_by"] = held_by(desk, row)
        click.echo(json.dumps(found, ensure_ascii=False, default=str))
        return
    if not found:
        click.echo(
            "nothing was released yet; `penstock release --to ENVIRONMENT` is the first step, `penstock demo` shows it"
        )
    cells = terminal_width()
    for number, (name, environments) in enumerate(groupby(found, lambda env: env["service"])):
        say([(), line((name, "strong"))] if number else [line((name, "strong"))])
        of_service = list(environments)
        say(columns(HEADER, [_row(desk, env, time.time()) for env in of_service], cells))
        say(_cut([spans for env in of_service for spans in _details(desk, env)], cells))


def _row(desk: api.Desk, env: dict[str, Any], now: float) -> list[Span]:
    runs = bool(env["stable"])
    since = age(max(0.0, now - env["since"])) if runs and env["since"] else "–"
    good = (("good", "good") if env["good"] else ("not yet good", "now")) if runs else ("", "")
    return [(env["environment"], ""), (env["stable"] or "nothing", "" if runs else "dim"), (since, ""), good,
            _under_way(desk, env)]  # fmt: skip


def _under_way(desk: api.Desk, env: dict[str, Any]) -> Span:
    """The oldest release under way in a few words, and how many stand behind it; else how the last one ended."""
    if not env["running"]:
        last = env["last"]
        if not last:
            return ("", "")
        return (f"– (release {last['number']}: {last['state'].replace('_', ' ')})", _STYLES.get(last["state"], "dim"))
    first = env["running"][0]
    behind = len(env["running"]) - 1
    return (f"release {first['number']} {_doing(desk, first)}" + (f", {behind} behind it" if behind else ""), "now")


def _doing(desk: api.Desk, row: Row) -> str:
    holder = held_by(desk, row)
    state = f"is held by {holder}" if holder else _STATES.get(row["state"], str(row["state"]))
    weight = row["facts"].get("weight_permille")
    if weight is None or row["state"] != "rolling_out":
        return state
    return f"{state}, {weight / 10:g} % to {row['revision']}"


def _details(desk: api.Desk, env: dict[str, Any]) -> list[Line]:
    """What every release under way waits for; and why the last one ended as it did, if it did not end well."""
    made = []
    for number, row in enumerate(env["running"]):
        doing = [] if number == 0 else [_doing(desk, row)]
        said = ": ".join([*doing, *([row["waiting"]] if row["waiting"] else [])])
        made.append(line((f"  release {row['number']}: {said or 'goes on'}", "now"),
                         (f"  (penstock watch {row['number']})", "dim")))  # fmt: skip
    last = env["last"]
    if last and not env["running"] and last["state"] in ("rolled_back", "stuck", "blocked"):
        made.append(line((f"  release {last['number']}: {last['sentence']}", "dim"),
                         (f"  (penstock show {last['number']})", "dim")))  # fmt: skip
    return made


def held_by(desk: api.Desk, row: Row) -> str:
    """Who holds a release where it is; the last word between hold and promote counts."""
    said = [order for order in orders.standing(desk.store, row) if order["verb"] in ("hold", "promote")]
    return str(said[-1]["person"]) if said and said[-1]["verb"] == "hold" else ""


def _cut(lines: list[Line], cells: int | None) -> list[Line]:
    return [fitted(spans, Screen(cells, 0)) for spans in lines] if cells else lines

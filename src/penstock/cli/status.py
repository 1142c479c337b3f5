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
from penstock.core.report_people import questions_of
from penstock.core.report_words import command as answer_with
from penstock.records import answers, events, freezes, orders, releases
from penstock.records.store import Row
from penstock.render.checklist_item import age
from penstock.render.columns import columns
from penstock.render.picture import TURNS, Line, Screen, Span, fitted, line

HEADER = ["ENVIRONMENT", "RUNS", "SINCE", "", "UNDER WAY"]
_STATES = {"rolling_out": "is rolling out", "waiting": "waits", "planned": "is getting ready", "baking": "is watched",
           "awaiting": "waits"}  # fmt: skip
_STYLES = {"released": "good", "rolled_back": "bad", "stuck": "bad", "blocked": "bad"}


@click.command("status")
@click.option("--service", shell_complete=services, help="Only this service.")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def command(service: str | None, as_json: bool) -> None:
    """What runs where, since when, whether it is good or not yet, what is under way, and who holds it."""
    desk = api.open_desk()
    found = api.status(desk, service)
    if as_json:
        for env in found:
            env |= {"frozen": frozen(desk, env), "hotfix": in_haste(desk, env)}
            for row in env["running"]:
                row |= {"held_by": held_by(desk, row), "hotfix": row["options"].get("hotfix"), "asks": asks(desk, row)}
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
    name = f"{env['stable']} HOTFIX" if in_haste(desk, env) else env["stable"] or "nothing"
    return [(env["environment"], ""), (name, "" if runs else "dim"), (since, ""), good,
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
    if row["state"] == "awaiting" and not holder:
        whom = ", ".join(dict.fromkeys(one["of"] for one in asks(desk, row)))
        return f"waits for {whom}" if whom else "waits for its time"
    turns = f"is {TURNS[row['kind']][0]}" if row["kind"] in TURNS and row["state"] == "rolling_out" else ""
    state = f"is held by {holder}" if holder else turns or _STATES.get(row["state"], str(row["state"]))
    weight = row["facts"].get("weight_permille")
    if weight is None or row["state"] != "rolling_out":
        return state
    return f"{state}, {weight / 10:g} % to {row['revision']}"


def _details(desk: api.Desk, env: dict[str, Any]) -> list[Line]:
    """What every release under way waits for; and why the last one ended as it did, if it did not end well."""
    made = _freeze(frozen(desk, env))
    for number, row in enumerate(env["running"]):
        doing = [] if number == 0 else [_doing(desk, row)]
        doing += [f"HOTFIX ({row['options']['hotfix']})"] if row["options"].get("hotfix") else []
        said = ": ".join([*doing, *([row["waiting"]] if row["waiting"] else [])])
        made.append(line((f"  release {row['number']}: {said or 'goes on'}", "now"),
                         (f"  (penstock watch {row['number']})", "dim")))  # fmt: skip
        made += [line((f"    {one['command']}", "strong"), (f"  {one['question']}", "dim")) for one in asks(desk, row)]
    last = env["last"]
    if last and not env["running"] and last["state"] in ("rolled_back", "stuck", "blocked"):
        made.append(line((f"  release {last['number']}: {last['sentence']}", "dim"),
                         (f"  (penstock show {last['number']})", "dim")))  # fmt: skip
    return made


def in_haste(desk: api.Desk, env: Row) -> str:
    """The reason of the hotfix that serves; empty where what serves is none."""
    serves = releases.serving(desk.store, env["service"], env["environment"]) if env["stable"] else None
    return str(serves["options"].get("hotfix") or "") if serves else ""


def frozen(desk: api.Desk, env: Row) -> Row | None:
    """The freeze that holds an environment now."""
    return freezes.in_force(desk.store, env["service"], env["environment"], time.time())


def _freeze(found: Row | None) -> list[Line]:
    if found is None:
        return []
    until = time.strftime(" until %Y-%m-%d %H:%M", time.localtime(found["until_at"])) if found["until_at"] else ""
    said = f"  frozen by {found['person']}{until}: {found['reason']}"
    return [line((said, "bad"), (f"  (penstock thaw {found['id']})", "dim"))]


def asks(desk: api.Desk, row: Row) -> list[dict[str, str]]:
    """What a release that waits for people asks now, of whom, and what to type."""
    if row["state"] != "awaiting":
        return []
    given = answers.about(desk.store, row["service"], row["commit_id"])
    told = questions_of(row, given, events.after(desk.store, row["number"]), time.time())
    return [
        {"line": one.line, "question": one.question, "of": one.lacking, "command": answer_with(row["number"], one).strip("`")}
        for one in told if one.state in ("waiting", "unanswered")
    ]  # fmt: skip


def held_by(desk: api.Desk, row: Row) -> str:
    """Who holds a release where it is; the last word between hold and promote counts."""
    said = [order for order in orders.standing(desk.store, row) if order["verb"] in ("hold", "promote")]
    return str(said[-1]["person"]) if said and said[-1]["verb"] == "hold" else ""


def _cut(lines: list[Line], cells: int | None) -> list[Line]:
    return [fitted(spans, Screen(cells, 0)) for spans in lines] if cells else lines

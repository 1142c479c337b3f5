"""The live view of a release: one picture from the records, the same for everybody who looks."""

from __future__ import annotations

from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from penstock.render.words import count, odds, share, span

Row = dict[str, Any]

MARKS = {"done": ("✔", "green"), "now": ("▸", "bold cyan"), "wait": ("·", "dim"), "bad": ("✘", "bold red")}
PLAIN_MARKS = {"done": "ok", "now": ">>", "wait": "  ", "bad": "!!"}


def screen(
    row: Row, events: list[Row], now: float, *, width: int, height: int, plain_marks: bool = False
) -> RenderableType:
    """The whole picture: head, stages, traffic, verdict, and what happened last, cut to the height there is."""
    stages = _stages(row, events, plain_marks)
    room = max(3, height - len(stages.rows) - 12)
    parts: list[RenderableType] = [_head(row, now), Text(""), stages]
    live = row["facts"].get("live")
    if live and row["state"] == "rolling_out":
        parts += [Text(""), _traffic(row, live, width), _verdict(live)]
    parts += [Text(""), _happened(row, events, room, width), _foot(row)]
    return Group(*parts)


def _head(row: Row, now: float) -> Text:
    ended = row["ended_at"] or (row["changed_at"] if row["state"] == "baking" else None) or now
    style = {"released": "bold green", "baking": "bold green", "rolled_back": "bold red", "stuck": "bold red"}
    text = Text(f"release {row['number']}  {row['service']} → {row['environment']}  ", style="bold")
    text.append(str(row["revision"] or row["commit_id"][:12]))
    text.append(f"  {row['state'].replace('_', ' ')}", style=style.get(row["state"], "bold cyan"))
    text.append(f"  {span(max(0.0, ended - row['asked_at']))}", style="dim")
    return text


def _stages(row: Row, events: list[Row], plain_marks: bool) -> Table:
    table = Table.grid(padding=(0, 1))
    for state, name, note in _lines(row, events):
        mark, style = MARKS[state]
        table.add_row(
            Text(PLAIN_MARKS[state] if plain_marks else mark, style=style), Text(name), Text(note, style="dim")
        )
    return table


def _lines(row: Row, events: list[Row]) -> list[tuple[str, str, str]]:
    """(state, name, note) of every line of the checklist: what is done, what is under way, what is to come."""
    keys = {event["key"] for event in events}
    over = row["state"] not in ("waiting", "planned", "rolling_out")
    lines = [_line("build", "build:done" in keys, "build:began" in keys, over)]
    checks = {(e["data"]["moment"], e["data"]["name"]): e["data"] for e in events if e["kind"] == "check"}
    plan = row["plan"] or {}
    for moment in ("revision", "before"):
        lines += [_check(moment, name, checks) for name in plan.get("checks", {}).get(moment, ())]
    if row["waiting"] and row["state"] == "waiting":
        lines.append(("now", "in line", f"waiting {row['waiting']}"))
    for number, rung in enumerate(plan.get("rungs", ())):
        lines.append(_line(rung["name"], f"shifted:{number}" in keys, f"shift:{number}" in keys, over))
        if number == 0:
            lines += [_check("candidate", name, checks) for name in plan.get("checks", {}).get("candidate", ())]
    lines += [_check("promoted", name, checks) for name in plan.get("checks", {}).get("promoted", ())]
    if "back" in keys:
        lines.append(("done" if "back:done" in keys else "now", "gone back", ""))
    return lines


def _line(name: str, done: bool, begun: bool, over: bool) -> tuple[str, str, str]:
    return ("done" if done else "bad" if begun and over else "now" if begun else "wait", name, "")


def _check(moment: str, name: str, checks: dict[tuple[str, str], Any]) -> tuple[str, str, str]:
    found = checks.get((moment, name))
    if not found:
        return ("wait", name, moment)
    state = {"running": "now", "passed": "done", "skipped": "done", "waived": "done"}.get(found["state"], "bad")
    took = f", {span(found['seconds'])}" if "seconds" in found else ""
    return (state, name, f"{moment}: {found['state']}{took}")


def _traffic(row: Row, live: Row, width: int) -> Table:
    table = Table.grid(padding=(0, 1))
    weight = row["facts"].get("weight_permille", 0)
    cells = max(10, min(60, width - 40))
    filled = round(cells * weight / 1000)
    bar = Text("█" * filled, style="cyan") + Text("░" * (cells - filled), style="dim")
    table.add_row("traffic", bar, f"{weight / 10:g} % to the candidate")
    for arm in ("candidate", "stable"):
        seen = live[arm]
        failed = f"{count(seen['errors'])} of {count(seen['requests'])} requests failed ({share(seen['errors'], seen['requests'])})"
        table.add_row(arm, Text(failed, style="red" if arm == "candidate" and seen["errors"] else ""), "")
    return table


def _verdict(live: Row) -> Table:
    table = Table.grid(padding=(0, 1))
    table.add_row("against it", f"{odds(live['odds'])}, back at {odds(live['odds_limit'])}")
    table.add_row("for it", f"{odds(live['acceptance'])}, accepted at {odds(live['acceptance_limit'])}")
    table.add_row("now", Text(live["move"], style="dim"))
    return table


def _happened(row: Row, events: list[Row], room: int, width: int) -> Text:
    text = Text()
    for event in events[-room:]:
        line = f"+{span(max(0.0, event['at'] - row['asked_at'])):>9}  {event['text']}"
        text.append(line[: max(20, width - 1)] + "\n", style="red" if event["kind"] == "back" else "dim")
    return text


def _foot(row: Row) -> Text:
    if row["state"] in ("waiting", "planned", "rolling_out"):
        return Text(f"penstock abort --release {row['number']} ends it; leaving this view does not", style="dim")
    return Text(f"{row['sentence']}\npenstock show {row['number']} is its report")

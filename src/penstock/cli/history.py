"""`penstock history`: releases, newest first."""

from __future__ import annotations

import json
import re
import time
from datetime import datetime

import click

from penstock import api
from penstock.cli.completion import environments, services
from penstock.cli.place import service_here
from penstock.cli.view import say, terminal_width
from penstock.core.ending import STATES
from penstock.records.store import Row, Store
from penstock.render.columns import columns
from penstock.render.picture import Span
from penstock.render.words import span

STYLES = {"released": "good", "baking": "good", "rolled_back": "bad", "stuck": "bad", "blocked": "bad"}
HEADER = ["", "ORDERED", "ENVIRONMENT", "REVISION", "BY", "TOOK", "OUTCOME"]
COLUMNS = (
    "number, service, environment, kind, asked, commit_id, revision, state, cause, sentence, waiting, person, "
    "asked_at, started_at, changed_at, promoted_at, ended_at, json_extract(options, '$.hotfix') AS hotfix"
)
_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}


def _moment(ctx: click.Context, param: click.Parameter, value: str | None) -> float | None:
    """So long ago (`90m`, `2d`), or a day or a time, in seconds since 1970."""
    if value is None:
        return None
    if found := re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smhdw])", value.strip()):
        return time.time() - float(found[1]) * _UNITS[found[2]]
    try:
        return datetime.fromisoformat(value).timestamp()
    except ValueError as error:
        why = f"`{value}` is no time; write 90m, 2d, 2026-11-21 or '2026-11-21 10:30'"
        raise click.BadParameter(why, ctx, param) from error


@click.command("history")
@click.argument("environment", required=False, shell_complete=environments)
@click.option("--service", shell_complete=services, help="The service; else the one of this checkout.")
@click.option(
    "--state", "states", multiple=True, type=click.Choice(STATES), help="Only in this state; may be repeated."
)
@click.option("--since", callback=_moment, help="Only ordered since then: 90m, 2d, 2026-11-21.")
@click.option("--person", help="Only ordered by this person.")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1, 100000), help="How many.")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def command(
    environment: str | None, service: str | None, states: tuple[str, ...], since: float | None, person: str | None,
    limit: int, as_json: bool,
) -> None:  # fmt: skip
    """Releases of this service, newest first."""
    desk = api.open_desk()
    service = service_here(desk, service)
    asked = {"environment": environment, "person": person}
    rows = _found(desk.store, service, {n: v for n, v in asked.items() if v}, states, since, limit)
    if as_json:
        click.echo(json.dumps(rows, ensure_ascii=False))
    elif rows:
        digits = len(str(rows[0]["number"]))
        say(columns(HEADER, [_drawn(row, digits) for row in rows], terminal_width()))
    else:
        click.echo(f"no release of {service} fits; `penstock history --service {service}` shows the newest")


def _found(
    store: Store, service: str, asked: dict[str, str], states: tuple[str, ...], since: float | None, limit: int
) -> list[Row]:
    where, values = ["service = ?"], [service, *asked.values()]
    where += [f"{name} = ?" for name in asked]
    if states:
        where.append(f"state IN ({', '.join('?' * len(states))})")
    if since is not None:
        where.append("asked_at >= ?")
    sql = f"SELECT {COLUMNS} FROM releases WHERE {' AND '.join(where)} ORDER BY number DESC LIMIT ?"
    return store.rows(sql, *values, *states, *([since] if since is not None else []), limit)


def _drawn(row: Row, digits: int) -> list[Span]:
    ended = row["ended_at"] or (row["changed_at"] if row["state"] == "baking" else None)
    kind = "HOTFIX, " if row["hotfix"] else "" if row["kind"] == "release" else f"{row['kind']}, "
    state = kind + row["state"].replace("_", " ") + (f" ({row['cause'].replace('_', ' ')})" if row["cause"] else "")
    why = row["sentence"] or row["waiting"]
    return [
        (str(row["number"]).rjust(digits), "strong"),
        (time.strftime("%Y-%m-%d %H:%M", time.localtime(row["asked_at"])), "dim"),
        (row["environment"], ""),
        (row["revision"] or row["commit_id"][:12], ""),
        (row["person"], ""),
        (span(max(0.0, ended - row["asked_at"])) if ended else "not over", "dim"),
        (f"{state}: {why}" if why else state, STYLES.get(row["state"], "now")),
    ]

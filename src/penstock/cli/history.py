"""`penstock history`: releases, newest first."""

from __future__ import annotations

import json
import time

import click

from penstock import api
from penstock.cli.place import service_here
from penstock.records import releases
from penstock.render.words import span


@click.command("history")
@click.argument("environment", required=False)
@click.option("--service", help="The service; else the one of this checkout.")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1, 10000), help="How many.")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def command(environment: str | None, service: str | None, limit: int, as_json: bool) -> None:
    """Releases of this service, newest first."""
    desk = api.open_desk()
    rows = releases.history(desk.store, service_here(desk, service), environment, limit)
    if as_json:
        click.echo(json.dumps(rows, ensure_ascii=False))
        return
    for row in rows:
        took = span(row["ended_at"] - row["asked_at"]) if row["ended_at"] else "not over"
        what = row["revision"] or row["commit_id"][:12]
        when = time.strftime("%Y-%m-%d %H:%M", time.gmtime(row["asked_at"]))
        cause = f" ({row['cause']})" if row["cause"] else ""
        click.echo(
            f"{row['number']:>5}  {when}  {row['environment']:<12} {what:<16} {row['state']}{cause}, {took}, {row['person']}"
        )

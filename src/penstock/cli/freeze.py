"""`penstock freeze`: from now on nothing is released."""

from __future__ import annotations

import json
import time

import click

from penstock import api, freezing
from penstock.cli.completion import environments, services
from penstock.cli.words import moment
from penstock.records import freezes
from penstock.records.store import Row


@click.command("freeze")
@click.argument("reason", required=False)
@click.option(
    "--to", "environment", shell_complete=environments, help="Only this environment (with --service or here)."
)
@click.option("--service", shell_complete=services, help="Only this service; everything when neither is named.")
@click.option(
    "--until", callback=moment, metavar="TIME", help="2026-12-24, 2026-12-24T18:00, or 4h from now; else until `thaw`."
)
@click.option("--list", "listed", is_flag=True, help="What is frozen now.")
@click.option("--json", "as_json", is_flag=True, help="For programs, with --list.")
def command(
    reason: str | None, environment: str | None, service: str | None, until: float | None, listed: bool, as_json: bool
) -> None:
    """Let nothing be released, for a REASON that everybody who is stopped by it will read.

    A release that is under way does what its manifest says (`windows: {on_freeze: finish | hold | roll_back}`; it
    finishes where nothing is said). Going back is never frozen.
    """
    desk = api.open_desk()
    if not listed and reason is None and (environment or service or until):
        raise click.UsageError('why? penstock freeze "REASON": whoever is stopped by it must know')
    if listed or reason is None:
        _list(freezes.standing(desk.store, time.time()), as_json=as_json)
        return
    if environment and not service:
        from penstock.cli.place import service_here

        service = service_here(desk, None)
    number = freezing.freeze(desk, reason, service, environment, until)
    where = "" if not service else f" of {service}" + (f" to {environment}" if environment else "")
    click.echo(f"freeze {number}: nothing{where} is released any more; `penstock thaw {number}` ends it")


def _list(rows: list[Row], *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(rows, ensure_ascii=False))
        return
    for one in rows:
        until = (
            time.strftime("until %Y-%m-%d %H:%M", time.localtime(one["until_at"]))
            if one["until_at"]
            else "until thawed"
        )
        click.echo(f"{one['id']}  {freezing.where(one)}, {until}, by {one['person']}: {one['reason']}")
    if not rows:
        click.echo('nothing is frozen; `penstock freeze "REASON"` freezes')

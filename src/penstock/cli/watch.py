"""`penstock watch`: follow a release."""

from __future__ import annotations

import click

from penstock import api
from penstock.cli.completion import environments, releases, services
from penstock.cli.place import service_here
from penstock.cli.view import VIEW_OPTIONS, follow


@click.command("watch")
@click.argument("number", type=int, required=False, shell_complete=releases)
@click.option("--service", shell_complete=services, help="The service; else the one of this checkout.")
@click.option("--to", "environment", shell_complete=environments, help="The newest release of this environment.")
@VIEW_OPTIONS
def command(
    number: int | None, service: str | None, environment: str | None, plain: bool, as_json: bool, on_interrupt: str
) -> None:
    """Follow a release (the one under way if none is named, else the newest) to its end. Closing the view changes nothing."""
    desk = api.open_desk()
    number = number if number is not None else api.latest(desk, service_here(desk, service), environment, running=True)
    raise click.exceptions.Exit(follow(desk, number, plain=plain, as_json=as_json, on_interrupt=on_interrupt))

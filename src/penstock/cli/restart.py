"""`penstock restart`: what serves is placed anew."""

from __future__ import annotations

import click

from penstock import api
from penstock.cli.completion import environments, services
from penstock.cli.place import environment_here, service_here
from penstock.cli.view import VIEW_OPTIONS, follow


@click.command("restart")
@click.argument("environment", required=False, shell_complete=environments)
@click.option("--service", shell_complete=services, help="The service; else the one of this checkout.")
@VIEW_OPTIONS
def command(environment: str | None, service: str | None, plain: bool, as_json: bool, on_interrupt: str) -> None:
    """Place what serves anew: new instances beside the old ones, traffic over, the old ones drained."""
    desk = api.open_desk()
    service = service_here(desk, service)
    number = api.restart(desk, service, environment_here(desk, service, environment))
    api.wake(desk)
    raise click.exceptions.Exit(follow(desk, number, plain=plain, as_json=as_json, on_interrupt=on_interrupt))

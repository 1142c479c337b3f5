"""`penstock drill`: a rollback, rehearsed."""

from __future__ import annotations

import click

from penstock import api
from penstock.cli.completion import environments, services
from penstock.cli.place import environment_here, service_here
from penstock.cli.view import VIEW_OPTIONS, follow


@click.command("drill")
@click.option("--to", "environment", shell_complete=environments, help="The environment, if there are several.")
@click.option("--service", shell_complete=services, help="The service; else the one of this checkout.")
@VIEW_OPTIONS
def command(environment: str | None, service: str | None, plain: bool, as_json: bool, on_interrupt: str) -> None:
    """Rehearse the rollback, for real: what serves is placed anew beside itself, gets traffic by the environment's own
    increments, and is taken back. Every part is timed, every failed request counted; nothing is left behind.

    Exit code 0: it went back as it should. The report and the next plan say when it was last practised.
    """
    desk = api.open_desk()
    service = service_here(desk, service)
    number = api.drill(desk, service, environment_here(desk, service, environment))
    api.wake(desk)
    raise click.exceptions.Exit(follow(desk, number, plain=plain, as_json=as_json, on_interrupt=on_interrupt))

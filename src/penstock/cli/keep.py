"""`penstock keep`: the keeper of a local environment."""

from __future__ import annotations

import click

from penstock import api
from penstock.cli.completion import environments, services
from penstock.cli.place import environment_here, service_here


@click.command("keep")
@click.argument("environment", required=False, shell_complete=environments)
@click.option("--service", shell_complete=services, help="The service; else the one of this checkout.")
def command(environment: str | None, service: str | None) -> None:
    """Own Envoy and the instances of a local environment, in the foreground. Started on demand; one per environment."""
    from penstock.providers.local.keeper import keep

    desk = api.open_desk()
    service = service_here(desk, service)
    folder = desk.state.environment(service, environment_here(desk, service, environment))
    raise click.exceptions.Exit(keep(folder))

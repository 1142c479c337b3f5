"""`penstock down`: nothing runs any more."""

from __future__ import annotations

import click

from penstock import api
from penstock.cli.completion import environments, services
from penstock.cli.place import environment_here, service_here


@click.command("down")
@click.argument("environment", required=False, shell_complete=environments)
@click.option("--service", shell_complete=services, help="The service; else the one of this checkout.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def command(environment: str | None, service: str | None, yes: bool) -> None:
    """Drain and stop every instance of an environment, and its Envoy. Revisions and data stay."""
    from penstock.taking_down import take_down

    desk = api.open_desk()
    service = service_here(desk, service)
    environment = environment_here(desk, service, environment)
    if not yes:
        click.confirm(f"Stop everything of {service}/{environment}?", abort=True)
    for line in take_down(desk, service, environment):
        click.echo(line)

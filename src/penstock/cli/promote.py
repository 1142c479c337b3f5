"""`penstock promote`: an order to what runs."""

from __future__ import annotations

import click

from penstock import api
from penstock.cli.completion import environments, releases, services
from penstock.cli.place import service_here


@click.command("promote")
@click.argument("environment", required=False, shell_complete=environments)
@click.option("--release", type=int, shell_complete=releases, help="Only this release.")
@click.option("--service", shell_complete=services, help="The service; else the one of this checkout.")
@click.option("--reason", default="", help="Why; it is recorded.")
def command(environment: str | None, release: int | None, service: str | None, reason: str) -> None:
    """Let the release that runs go on to 100 %. An unhealthy candidate goes back all the same."""
    desk = api.open_desk()
    click.echo(api.order(desk, "promote", service_here(desk, service), environment, release, reason))

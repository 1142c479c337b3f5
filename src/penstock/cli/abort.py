"""`penstock abort`: an order to what runs."""

from __future__ import annotations

import click

from penstock import api
from penstock.cli.completion import environments, releases, services
from penstock.cli.place import service_here


@click.command("abort")
@click.argument("environment", required=False, shell_complete=environments)
@click.option("--release", type=int, shell_complete=releases, help="Only this release.")
@click.option("--service", shell_complete=services, help="The service; else the one of this checkout.")
@click.option("--reason", default="", help="Why; it is recorded.")
def command(environment: str | None, release: int | None, service: str | None, reason: str) -> None:
    """Stop the release that runs; what ran before serves again. With nothing running, nothing is done."""
    desk = api.open_desk()
    click.echo(api.order(desk, "abort", service_here(desk, service), environment, release, reason))

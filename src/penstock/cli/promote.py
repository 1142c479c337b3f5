"""`penstock promote`: an order to what runs; with `--to`, what serves in one environment is released to another."""

from __future__ import annotations

import click

from penstock import api
from penstock.cli.completion import environments, releases, services
from penstock.cli.place import repository, service_here
from penstock.errors import UsageError


@click.command("promote")
@click.argument("environment", required=False, shell_complete=environments)
@click.option("--to", "onward", shell_complete=environments, help="Release what serves in ENVIRONMENT to this one.")
@click.option("--release", type=int, shell_complete=releases, help="Only this release.")
@click.option("--service", shell_complete=services, help="The service; else the one of this checkout.")
@click.option("--reason", default="", help="Why; it is recorded.")
def command(environment: str | None, onward: str | None, release: int | None, service: str | None, reason: str) -> None:
    """Let the release that runs go on to 100 %. An unhealthy candidate goes back all the same.

    With --to, what serves in ENVIRONMENT is released to another: the same commit, and so the very same artifact.
    """
    desk = api.open_desk()
    if onward is None:
        click.echo(api.order(desk, "promote", service_here(desk, service), environment, release, reason))
        return
    if environment is None or release is not None:
        raise UsageError("which-environment", "what serves where is promoted?", "", "--to says where it goes",
                         f"penstock promote ENVIRONMENT --to {onward}")  # fmt: skip
    number = api.onward(desk, service_here(desk, service), environment, onward, repository())
    api.wake(desk)
    click.echo(f"release {number} takes what serves in {environment} to {onward}; `penstock watch {number}` follows it")

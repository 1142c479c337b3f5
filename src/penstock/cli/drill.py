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
@click.option(
    "--fault", multiple=True, metavar="NAME=VALUE", help="Plant a fault: a variable that makes the service fail."
)
@VIEW_OPTIONS
def command(
    environment: str | None, service: str | None, fault: tuple[str, ...], plain: bool, as_json: bool, on_interrupt: str
) -> None:
    """Rehearse the rollback, for real: what serves is placed anew beside itself, gets traffic by the environment's own
    increments, and is taken back. Every part is timed, every failed request counted; nothing is left behind.

    With --fault the copy gets a variable by which your service fails on purpose: then the drill shows that the fault is
    found, and taken back by itself.

    Exit code 0: it went back as it should. The report and the next plan say when it was last practised.
    """
    desk = api.open_desk()
    service = service_here(desk, service)
    planted = dict(_variable(word) for word in fault)
    number = api.drill(desk, service, environment_here(desk, service, environment), planted)
    api.wake(desk)
    raise click.exceptions.Exit(follow(desk, number, plain=plain, as_json=as_json, on_interrupt=on_interrupt))


def _variable(word: str) -> tuple[str, str]:
    name, is_given, value = word.partition("=")
    if not (is_given and name.isidentifier()):
        raise click.BadParameter(f"`{word}` is not NAME=VALUE", param_hint="--fault")
    return name, value

"""`penstock calibrate`: what serves, held against itself."""

from __future__ import annotations

import json

import click

from penstock import api
from penstock.cli.completion import environments, services
from penstock.cli.place import environment_here, service_here
from penstock.cli.view import VIEW_OPTIONS, follow
from penstock.cli.words import seconds


@click.command("calibrate")
@click.option("--to", "environment", shell_complete=environments, help="The environment, if there are several.")
@click.option("--service", shell_complete=services, help="The service; else the one of this checkout.")
@click.option(
    "--for", "lasts_s", callback=seconds, metavar="TIME", help="How long in all, as 30m or 2h; else as planned."
)
@VIEW_OPTIONS
def command(
    environment: str | None, service: str | None, lasts_s: float, plain: bool, as_json: bool, on_interrupt: str
) -> None:
    """Hold what serves against itself: a copy of it is placed beside it, gets traffic by the environment's own increments,
    is judged like any candidate, and always taken back.

    What two identical arms differ by is no fault. How errors come in clusters is learned, and reckoned with in later
    releases; a margin that does not hold is said, with a patch of the manifest and its reasons. Nothing of the manifest is
    changed.

    Exit code 0: it went back as planned. 4: it was sent back before, by a verdict that is too strict for this traffic, or by
    what sends back any release.
    """
    desk = api.open_desk()
    service = service_here(desk, service)
    number = api.calibrate(desk, service, environment_here(desk, service, environment), lasts_s)
    api.wake(desk)
    code = follow(desk, number, plain=plain, as_json=as_json, on_interrupt=on_interrupt)
    _say(desk, number, as_json=as_json)
    raise click.exceptions.Exit(code)


def _say(desk: api.Desk, number: int, *, as_json: bool) -> None:
    """The patch and its reasons, once they are there."""
    found = api.report(desk, number).calibration
    if found is None:
        return
    from penstock.core import data
    from penstock.render.calibration import text

    click.echo(json.dumps({"calibration": data.dump(found)}) if as_json else f"\n{text(found)}")

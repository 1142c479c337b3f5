"""`penstock stop-the-line`: freeze everything, abort everything."""

from __future__ import annotations

import click

from penstock import api, freezing


@click.command("stop-the-line")
@click.argument("reason")
def command(reason: str) -> None:
    """Freeze every service and environment, and abort every release that runs; what ran before serves again.

    For the moment when nobody knows yet what is wrong. What is baking stays watched. `penstock thaw` lets releases go on.
    """
    number, told = freezing.stop_the_line(api.open_desk(), reason)
    for one in told:
        click.echo(one)
    click.echo(f"freeze {number}: nothing is released any more; `penstock thaw {number}` ends it")

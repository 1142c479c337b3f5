"""`penstock work`: the worker."""

from __future__ import annotations

import click

from penstock import api


@click.command("work")
@click.option("--linger", default=1.0, show_default=True, help="Seconds to stay when nothing is left to do.")
def command(linger: float) -> None:
    """Run releases until none is left. Started on demand by every verb that needs it; one per state folder."""
    from penstock.worker import work

    raise click.exceptions.Exit(work(api.open_desk().state, linger))

"""`penstock thaw`: the end of a freeze."""

from __future__ import annotations

import click

from penstock import api, freezing


@click.command("thaw")
@click.argument("number", type=int, required=False)
@click.option("--reason", default="", help="Why; it is recorded.")
def command(number: int | None, reason: str) -> None:
    """End freeze NUMBER (the only one, if left out). What waited for it goes on."""
    for one in freezing.thaw(api.open_desk(), number, reason):
        click.echo(f"thawed: freeze {one['id']} of {freezing.where(one)} ({one['reason']})")

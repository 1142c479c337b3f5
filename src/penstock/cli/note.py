"""`penstock note`: what only people know of a release."""

from __future__ import annotations

import click

from penstock import api
from penstock.records.notes import KINDS


@click.command("note")
@click.argument("number", type=int, metavar="RELEASE")
@click.argument("text")
@click.option("--kind", type=click.Choice(KINDS), default="note", show_default=True,
              help="An issue and a user's report count as issues encountered; lessons and actions have their place.")  # fmt: skip
def command(number: int, text: str, kind: str) -> None:
    """Add TEXT to a RELEASE, while it runs or long after: dated, under your name, in its report and the audit log."""
    api.note(api.open_desk(), number, kind, text)
    click.echo(f"noted; `penstock report {number}` shows it")

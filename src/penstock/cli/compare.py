"""`penstock compare`: two releases side by side."""

from __future__ import annotations

import json

import click

from penstock import api


@click.command("compare")
@click.argument("one", type=int, metavar="RELEASE")
@click.argument("other", type=int, metavar="RELEASE")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def command(one: int, other: int, as_json: bool) -> None:
    """Two releases side by side; what differs is marked with ≠."""
    from penstock.render.compare import compare, text

    desk = api.open_desk()
    left, right = api.report(desk, one), api.report(desk, other)
    if as_json:
        rows = [{"name": name, str(one): a, str(other): b} for name, a, b in compare(left, right)]
        click.echo(json.dumps(rows, ensure_ascii=False))
        return
    click.echo(text(left, right))

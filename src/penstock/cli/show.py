"""`penstock show`: one release, whole."""

from __future__ import annotations

import json

import click

from penstock import api
from penstock.cli.completion import releases, services
from penstock.cli.place import service_here
from penstock.records import answers


@click.command("show")
@click.argument("number", type=int, required=False, shell_complete=releases)
@click.option("--service", shell_complete=services, help="The service; else the one of this checkout.")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def command(number: int | None, service: str | None, as_json: bool) -> None:
    """All that is known of a release (the newest if none is named): its report so far."""
    from penstock.render.report import markdown

    desk = api.open_desk()
    number = number if number is not None else api.latest(desk, service_here(desk, service))
    if as_json:
        whole = {**api.show(desk, number), "answers": answers.of(desk.store, number)}
        click.echo(json.dumps(whole, ensure_ascii=False))
        return
    click.echo(markdown(api.report(desk, number)))

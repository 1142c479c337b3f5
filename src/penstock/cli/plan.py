"""`penstock plan`: what a release would do."""

from __future__ import annotations

import json

import click

from penstock import api
from penstock.cli.completion import environments, words_of_git
from penstock.cli.place import repository


@click.command("plan")
@click.argument("revision", default="HEAD", shell_complete=words_of_git)
@click.option("--to", "environment", required=True, shell_complete=environments, help="The environment.")
@click.option("--again", is_flag=True, help="As with `release --again`.")
@click.option("--older", is_flag=True, help="As with `release --older`.")
@click.option("--json", "as_json", is_flag=True, help="The plan as data.")
def command(revision: str, environment: str, again: bool, older: bool, as_json: bool) -> None:
    """Show what releasing REVISION (HEAD if left out) would do, stage by stage, and why. Changes nothing."""
    from penstock.core.plan import as_data
    from penstock.planning import draw_for
    from penstock.render.plan import text

    seen = draw_for(api.open_desk(), repository(), revision, environment, again=again, older=older)
    click.echo(
        json.dumps({**as_data(seen.plan), "preview": seen.preview}, indent=1, ensure_ascii=False)
        if as_json
        else text(seen.plan, seen.preview)
    )

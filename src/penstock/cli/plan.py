"""`penstock plan`: what a release would do."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime

import click

from penstock import api
from penstock.cli.completion import environments, words_of_git
from penstock.cli.patience import told_what_it_does
from penstock.cli.place import repository


@click.command("plan")
@click.argument("revision", default="HEAD", shell_complete=words_of_git)
@click.option("--to", "environment", required=True, shell_complete=environments, help="The environment.")
@click.option("--again", is_flag=True, help="As with `release --again`.")
@click.option("--older", is_flag=True, help="As with `release --older`.")
@click.option("--hotfix", metavar="REASON", default="", help="As with `release --hotfix`.")
@click.option("--label", "labels", multiple=True, help="As with `release --label`.")
@click.option("--json", "as_json", is_flag=True, help="The plan as data.")
def command(
    revision: str, environment: str, again: bool, older: bool, hotfix: str, labels: tuple[str, ...], as_json: bool
) -> None:
    """Show what releasing REVISION (HEAD if left out) would do, stage by stage, and why. Changes nothing."""
    from penstock.core import data
    from penstock.core.plan import as_data
    from penstock.planning import draw_for
    from penstock.render.plan import text, waivers

    with told_what_it_does("looks at the commit, at what serves, and back at its traffic"):
        seen = draw_for(
            api.open_desk(), repository(), revision, environment, again=again, older=older, hotfix=hotfix, labels=labels
        )
    today = datetime.fromtimestamp(time.time(), UTC).date()
    if as_json:
        debts = {
            name: {**data.dump(one), "holds": today.isoformat() <= one.until} for name, one in seen.waivers.items()
        }
        told = {**as_data(seen.plan), "preview": seen.preview, "waivers": debts, "ahead": seen.ahead}
        click.echo(json.dumps(told, indent=1, ensure_ascii=False))
        return
    click.echo(text(seen.plan, seen.preview, waivers(seen.waivers, today), seen.ahead))

"""`penstock audit replay`: the same readings, the same rules, the same moves?"""

from __future__ import annotations

import json

import click

from penstock import api


@click.command("replay")
@click.argument("number", type=int, metavar="RELEASE")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def command(number: int, as_json: bool) -> None:
    """Decide a RELEASE again, from the audit log and the evidence alone; say where the record differs.

    Exit code 0: every move comes out as it was recorded. 3: it does not.
    """
    from penstock.core import data
    from penstock.records import audit
    from penstock.render.replay import text
    from penstock.replaying import replay_release

    desk = api.open_desk()
    found = replay_release(audit.read(desk.state.audit_log), desk.state.evidence, number)
    click.echo(json.dumps(data.dump(found), ensure_ascii=False) if as_json else text(found))
    raise click.exceptions.Exit(3 if found.differences else 0)

"""`penstock release`: write the order, then look."""

from __future__ import annotations

import click

from penstock import api
from penstock.cli.completion import environments, words_of_git
from penstock.cli.place import repository
from penstock.cli.view import VIEW_OPTIONS, follow


@click.command("release")
@click.argument("revision", default="HEAD", shell_complete=words_of_git)
@click.option("--to", "environment", required=True, shell_complete=environments, help="The environment.")
@click.option("--again", is_flag=True, help="Place it anew although it runs there already.")
@click.option("--older", is_flag=True, help="Release it although it is older than what runs.")
@click.option("--supersede", is_flag=True, help="End the release that runs there, and take its place.")
@click.option(
    "--hotfix", metavar="REASON", default=None, help="In haste: what the manifest lets be left out is, for ever marked."
)
@click.option(
    "--label", "labels", multiple=True, help="A label, for the conditions in the manifest; several times for several."
)
@click.option("--detach", is_flag=True, help="Do not watch; print the release's number.")
@VIEW_OPTIONS
def command(
    revision: str, environment: str, again: bool, older: bool, supersede: bool, hotfix: str | None, labels: tuple[str, ...],
    detach: bool, plain: bool,
    as_json: bool, on_interrupt: str,
) -> None:  # fmt: skip
    """Take REVISION (a commit, branch or tag; HEAD if left out) to an environment.

    The manifest is read from that commit. The release runs on by itself: leaving this view does not end it.
    """
    if hotfix is not None and not hotfix.strip():
        raise click.UsageError("a hotfix has a reason, which is shown for ever after: --hotfix REASON")
    desk = api.open_desk()
    number = api.release(desk, repository(), revision, environment, again=again, older=older, supersede=supersede,
                         hotfix=hotfix or "", labels=labels)  # fmt: skip
    api.wake(desk)
    if detach:
        click.echo(number)
        return
    raise click.exceptions.Exit(follow(desk, number, plain=plain, as_json=as_json, on_interrupt=on_interrupt))

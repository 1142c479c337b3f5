"""`penstock rollback`: a kept revision serves again."""

from __future__ import annotations

import click

from penstock import api
from penstock.cli.completion import environments, revisions, services
from penstock.cli.place import environment_here, repository, service_here
from penstock.cli.view import VIEW_OPTIONS, follow


@click.command("rollback")
@click.argument("environment", required=False, shell_complete=environments)
@click.option(
    "--to", "revision", shell_complete=revisions, help="A kept revision or its commit; else the one that served before."
)
@click.option("--service", shell_complete=services, help="The service; else the one of this checkout.")
@click.option("--fresh-secrets", is_flag=True, help="Resolve secrets anew; else the revision's own values are used.")
@click.option("--detach", is_flag=True, help="Do not watch; print the release's number.")
@VIEW_OPTIONS
def command(
    environment: str | None, revision: str | None, service: str | None, fresh_secrets: bool, detach: bool, plain: bool,
    as_json: bool, on_interrupt: str,
) -> None:  # fmt: skip
    """Make a kept revision serve again, with its own configuration: a release with a number of its own.

    While a release runs and no revision is named, that release is aborted.
    """
    desk = api.open_desk()
    service = service_here(desk, service)
    number = api.rollback(
        desk, service, environment_here(desk, service, environment), _meant(revision), fresh_secrets=fresh_secrets
    )
    api.wake(desk)
    if detach:
        click.echo(number)
        return
    raise click.exceptions.Exit(follow(desk, number, plain=plain, as_json=as_json, on_interrupt=on_interrupt))


def _meant(word: str | None) -> str | None:
    """A word that git knows (`HEAD~2`, a tag) is its commit; a revision's name stays what it is."""
    from penstock.errors import PenstockError
    from penstock.providers.git import GitForge

    if word is None or "-" in word:
        return word
    try:
        return GitForge(repository()).resolve(word)
    except PenstockError:
        return word  # no checkout here, or a word that only the records know

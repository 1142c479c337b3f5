"""`penstock checklist`: every box on the way to an environment, ticked by what its last release has shown."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from penstock import api
from penstock.cli.completion import environments, releases
from penstock.cli.place import repository
from penstock.cli.view import echo

if TYPE_CHECKING:
    from penstock.records.store import Row
    from penstock.render.checklist_document import Document, Walked


@click.command("checklist")
@click.option("--to", "to", shell_complete=environments, help="The environment; else the last one of the manifest.")
@click.option("--release", "number", type=int, shell_complete=releases, help="Ticked by this release, not by the last.")
@click.option(
    "--markdown", "form", flag_value="markdown", default=True, help="A list in Markdown (this is the default)."
)
@click.option("--json", "form", flag_value="json", help="The same as data.")
def command(to: str | None, number: int | None, form: str) -> None:
    """Print the whole checklist of an environment, as the last release to it has ticked it.

    It is read from the manifest of that release; of HEAD, where nothing was released yet.
    """
    from penstock.render.checklist_document import as_json, markdown

    desk = api.open_desk()
    found = _of_release(desk, api.get(desk, number), to) if number is not None else _of_environment(desk, to)
    echo((as_json if form == "json" else markdown)(found).rstrip("\n"))


def _of_environment(desk: api.Desk, to: str | None) -> Document:
    """By the last release to an environment that the manifest of HEAD names; by none, where there was none."""
    from penstock.providers.git import GitForge
    from penstock.render.checklist_document import document
    from penstock.worlds import environment_named, manifest_at

    forge = GitForge(repository())
    commit = forge.resolve("HEAD")
    manifest = manifest_at(forge, commit)
    environment = environment_named(manifest, to or list(manifest.environments)[-1])
    last = desk.store.row(
        "SELECT number FROM releases WHERE service = ? AND environment = ? AND kind = 'release' AND state != 'ordering'"
        " ORDER BY number DESC LIMIT 1", manifest.service, environment.name,
    )  # fmt: skip
    if last:
        return _of_release(desk, api.get(desk, last["number"]), None)
    return document(manifest.service, environment, commit, None)


def _of_release(desk: api.Desk, row: Row, to: str | None) -> Document:
    from penstock.errors import UsageError
    from penstock.providers.git import GitForge
    from penstock.render.checklist_document import document
    from penstock.worlds import environment_named, manifest_at

    if to not in (None, row["environment"]):
        raise UsageError("other-release", f"release {row['number']} went to {row['environment']}", str(to),
                         "a release ticks the list of its own environment", "--release or --to, not both")  # fmt: skip
    forge = GitForge(desk.state.repository(row["service"]))
    manifest = manifest_at(forge, row["commit_id"])
    environment = environment_named(manifest, row["environment"], desk.store)
    return document(row["service"], environment, row["commit_id"], _walked(desk, row))


def _walked(desk: api.Desk, row: Row) -> Walked:
    from penstock.records import answers, checks, due, events
    from penstock.render.checklist_document import Walked

    number = row["number"]
    told = {event["key"]: event for event in events.after(desk.store, number, limit=5000)}
    said = answers.about(desk.store, row["service"], row["commit_id"])
    return Walked(row, told, checks.of(desk.store, number), said, due.of(desk.store, number), time.time())

"""`penstock preview`: an environment of its own for each branch."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import click

from penstock import api
from penstock.cli.completion import services, words_of_git
from penstock.cli.place import repository, service_here
from penstock.cli.view import VIEW_OPTIONS, follow, say, terminal_width
from penstock.errors import UsageError

HEADER = ["BRANCH", "ENVIRONMENT", "URL", "RUNS", "EXPIRES"]


@click.command("preview")
@click.argument("branch", required=False, shell_complete=words_of_git)
@click.option(
    "--list", "listing", is_flag=True, help="Every preview: branch, environment, URL, what runs, when it expires."
)
@click.option("--remove", "removing", is_flag=True, help="Take the branch's preview down, and remove everything of it.")
@click.option("--expire", "expiring", is_flag=True, help="Remove every preview that is over; for a timer.")
@click.option("--again", is_flag=True, help="Place it anew although it runs there already.")
@click.option("--supersede", is_flag=True, help="End the release that runs there, and take its place.")
@click.option("--detach", is_flag=True, help="Do not watch; print the release's number and the URL.")
@click.option("--service", shell_complete=services, help="The service; else the one of this checkout.")
@VIEW_OPTIONS
def command(
    branch: str | None, listing: bool, removing: bool, expiring: bool, again: bool, supersede: bool, detach: bool,
    service: str | None, plain: bool, as_json: bool, on_interrupt: str,
) -> None:  # fmt: skip
    """Release BRANCH (the one that is checked out, if left out) to an environment of its own, and print its URL.

    An environment with `branches` and a target that `expires` is the template: each branch that fits gets an environment
    with a name, a port, a folder and data of its own. It is removed when nothing was released there for so long, or when
    its branch is gone.
    """
    if listing + removing + expiring > 1:
        raise UsageError("one-of", "--list, --remove and --expire are three things", next="one of them")
    desk = api.open_desk()
    if listing:
        _list(desk, service_here(desk, service), as_json=as_json)
    elif expiring:
        _say(_previews().expire(desk))
    elif removing:
        _say(_previews().remove_branch(desk, service_here(desk, service), branch or _branch_here(repository())))
    else:
        _release(desk, branch or "HEAD", again=again, supersede=supersede, detach=detach, plain=plain, as_json=as_json,
                 on_interrupt=on_interrupt)  # fmt: skip


def _previews() -> Any:
    """What reads manifests is imported when it is needed."""
    from penstock import previews

    return previews


def _release(desk: api.Desk, asked: str, *, again: bool, supersede: bool, detach: bool, **view: Any) -> None:
    ordered = _previews().order_preview(desk, repository(), asked, again=again, supersede=supersede)
    api.wake(desk)
    if detach:
        click.echo(ordered.number)
        click.echo(ordered.url)
        return
    code = follow(desk, ordered.number, **view)
    if code == 0 and view["as_json"]:
        click.echo(json.dumps({"environment": ordered.environment, "url": ordered.url}))
    elif code == 0:
        click.echo(f"{ordered.environment}: {ordered.url}" if ordered.url else ordered.environment)
    raise click.exceptions.Exit(code)


def _list(desk: api.Desk, service: str, *, as_json: bool) -> None:
    from penstock.render.columns import columns

    found = _previews().listed(desk, service)
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False))
    elif not found:
        click.echo("no branch has a preview; `penstock preview` releases the one that is checked out")
    else:
        say(columns(HEADER, [_row(row, time.time()) for row in found], terminal_width()))


def _row(row: dict[str, Any], now: float) -> list[tuple[str, str]]:
    from penstock.render.checklist_item import age

    at = row["expires_at"]
    expires = "a release runs" if at is None else f"in {age(at - now)}" if at > now else "is over"
    runs = row["revision"] or "nothing"
    return [(row["branch"], ""), (row["environment"], ""), (row["url"] or "–", ""),
            (runs, "" if row["revision"] else "dim"), (expires, "")]  # fmt: skip


def _say(lines: list[str]) -> None:
    for line in lines:
        click.echo(line)


def _branch_here(folder: Path) -> str:
    from penstock.providers.git import GitForge

    found = GitForge(folder).branch()
    if not found:
        raise UsageError("no-branch", "no branch is checked out here", str(folder), "a preview is a branch's",
                         "penstock preview --remove BRANCH")  # fmt: skip
    return found

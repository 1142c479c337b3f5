"""`penstock completion`: the script for a shell; and the names that it completes, looked up in the records.

Looking up opens the records read-only, waits for nobody and says nothing: a shell that completes is no place for errors.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import click

from penstock.state import State, default_root

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

VARIABLE = "_PENSTOCK_COMPLETE"
_PATIENCE_S = 0.2
_MOST = 200
Complete = Callable[[click.Context, click.Parameter, str], "list[CompletionItem]"]
Rows = list[tuple[str, str]]


@click.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(shell: str) -> None:
    """Print what SHELL needs to complete commands, options, environments, releases and revisions.

    \b
    bash   echo 'eval "$(penstock completion bash)"' >> ~/.bashrc
    zsh    echo 'eval "$(penstock completion zsh)"' >> ~/.zshrc
    fish   penstock completion fish > ~/.config/fish/completions/penstock.fish

    Names are taken from the records of this account; what was never released is not known there.
    """
    from click.shell_completion import get_completion_class

    made = get_completion_class(shell)
    assert made is not None
    root = click.get_current_context().find_root().command
    script = made(root, {}, "penstock", VARIABLE)
    text = script.source_template % script.source_vars()  # `source()` would first start the shell to ask its age
    for call in ("bash_complete $1)", "zsh_complete penstock)", "COMP_CWORD=(commandline -t) penstock)"):
        text = text.replace(call, f"{call[:-1]} 2>/dev/null)")  # whatever happens, the prompt stays whole
    click.echo(text)


def _never_fails(look: Callable[[click.Context], Rows]) -> Complete:
    """What is looked up, as far as it fits what was typed; nothing at all where it cannot be looked up."""

    def complete(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
        try:
            found = look(ctx)
        except Exception:  # whatever it is: the next command will say it, and the prompt stays whole
            return []
        from click.shell_completion import CompletionItem  # some milliseconds, which no other command pays

        fitting = [CompletionItem(name, help=said) for name, said in found if name.startswith(incomplete)]
        return fitting[:_MOST]

    return complete


def _environments(ctx: click.Context) -> Rows:
    where, values = _of_service(ctx)
    return _rows(
        f"SELECT environment, group_concat(service, ', ') FROM environments {where} GROUP BY environment", values
    )


def _services(_: click.Context) -> Rows:
    return _rows("SELECT name, repository FROM services ORDER BY name")


def _releases(ctx: click.Context) -> Rows:
    where, values = _of_service(ctx)
    newest = f"FROM releases {where} ORDER BY number DESC LIMIT {_MOST}"
    return _rows(f"SELECT number, environment || ', ' || state {newest}", values)


def _revisions(ctx: click.Context) -> Rows:
    where, values = _of_service(ctx)
    if environment := ctx.params.get("environment") or next(
        iter(ctx.args), None
    ):  # click stops at a `--to` without value
        where, values = f"{where} {'AND' if where else 'WHERE'} environment = ?", (*values, environment)
    return _rows(f"SELECT id, environment FROM revisions {where} GROUP BY id ORDER BY max(release) DESC", values)


def _words_of_git(_: click.Context) -> Rows:
    """Branches and tags of this checkout, the newest first."""
    from penstock import shell

    form = "%(refname:short)%09%(contents:subject)"
    argv = [
        "git",
        "for-each-ref",
        "--sort=-creatordate",
        f"--count={_MOST}",
        f"--format={form}",
        "refs/heads",
        "refs/tags",
    ]
    lines = shell.run(argv, timeout_s=1.0).out.splitlines()
    return [
        ("HEAD", "what is checked out"),
        *((name, said) for name, _, said in (line.partition("\t") for line in lines)),
    ]


def _topics(_: click.Context) -> Rows:
    from importlib.resources import files

    pages = [files("penstock") / "manifest" / "keys.md", files("penstock") / "errors.md"]
    lines = [line for page in pages for line in page.read_text().split("\n")]
    return [(name, "") for line in lines if line.startswith("## ") and " " not in (name := line[3:].strip())]


environments, services = _never_fails(_environments), _never_fails(_services)
releases, revisions, topics = _never_fails(_releases), _never_fails(_revisions), _never_fails(_topics)
words_of_git = _never_fails(_words_of_git)


def _of_service(ctx: click.Context) -> tuple[str, tuple[str, ...]]:
    """A condition: the service that was named, or those of this checkout; all of them where that is none."""
    if named := ctx.params.get("service"):
        return "WHERE service = ?", (str(named),)
    here = Path.cwd()
    known = [name for name, repository in _services(ctx) if Path(repository) in (here, *here.parents)]
    return (f"WHERE service IN ({', '.join('?' * len(known))})", tuple(known)) if known else ("", ())


def _rows(sql: str, values: tuple[str, ...] = ()) -> Rows:
    """Rows of the records as they are; nothing is made, and nobody is waited for."""
    path = State(default_root()).records
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=_PATIENCE_S)) as db:
        return [(str(name), str(said or "")) for name, said in db.execute(sql, values)]

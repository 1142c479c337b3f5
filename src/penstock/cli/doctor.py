"""`penstock doctor`: what is missing, and how to mend it."""

from __future__ import annotations

import json

import click


@click.command("doctor")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def command(as_json: bool) -> None:
    """Look at this machine and at the state folder; every line that is not well says what to do."""
    from penstock.doctor import examine

    found = examine()
    if as_json:
        click.echo(json.dumps([vars(line) for line in found], ensure_ascii=False))
    else:
        for line in found:
            click.echo(f"{'ok ' if line.well else '!! '} {line.what:<12} {line.sentence}")
            if line.remedy and not line.well:
                click.echo(f"{'':17}do: {line.remedy}")
    raise click.exceptions.Exit(0 if all(line.well for line in found if line.needed) else 5)

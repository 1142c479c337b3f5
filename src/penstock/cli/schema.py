"""`penstock schema`: the manifest as JSON Schema, for editors."""

from __future__ import annotations

import json

import click


@click.command("schema")
def command() -> None:
    """Print the manifest's JSON Schema: with it an editor completes keys, shows what they mean, and marks mistakes.

    \b
    penstock schema > .penstock.schema.json
    # yaml-language-server: $schema=.penstock.schema.json

    The second line is the first of penstock.yaml: editors with the YAML language server (VS Code, Neovim, Helix,
    Emacs) find the schema by it. `penstock check` knows more than a schema can.
    """
    from penstock import registry
    from penstock.manifest.schema import schema

    click.echo(json.dumps(schema(registry.kinds(), registry.pages()), indent=1, ensure_ascii=False))

"""`penstock explain`: the manual, where it is needed."""

from __future__ import annotations

import inspect

import click

from penstock.errors import UsageError


@click.command("explain")
@click.argument("topic", default="manifest")
def command(topic: str) -> None:
    """Explain TOPIC: a section of the manifest (`rollout`), a check (`http`), or `manifest` for all sections."""
    from importlib.resources import files

    from penstock import registry

    sections = files("penstock.manifest")
    names = sorted(p.name.removesuffix(".example.yaml") for p in sections.iterdir() if p.name.endswith(".example.yaml"))
    checks = registry.BUILT_IN["check"]
    if topic in checks:
        click.echo(inspect.getdoc(registry.find("check", topic)))
    elif topic in names:
        click.echo((sections / f"{topic}.example.yaml").read_text())
    elif topic == "manifest":
        click.echo("sections: " + ", ".join(names) + "\nchecks:   " + ", ".join(checks))
        click.echo("\n`penstock explain SECTION` shows its annotated example.\n")
        if "manifest" in names:
            click.echo((sections / "manifest.example.yaml").read_text())
    else:
        raise UsageError("no-topic", f"there is nothing to explain under `{topic}`",
                         next=f"one of: manifest, {', '.join([*names, *checks])}")  # fmt: skip

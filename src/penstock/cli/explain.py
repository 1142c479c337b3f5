"""`penstock explain`: the manual, where it is needed."""

from __future__ import annotations

import inspect
from importlib.resources import files
from importlib.resources.abc import Traversable

import click

from penstock.errors import UsageError


@click.command("explain")
@click.argument("topic", default="manifest")
def command(topic: str) -> None:
    """Explain TOPIC: a section of the manifest (`rollout`), a check (`http`), or `manifest` for all sections."""
    from penstock import registry

    sections, checks = _sections(), registry.BUILT_IN["check"]
    if topic in checks:
        click.echo(inspect.getdoc(registry.find("check", topic)))
    elif topic in sections:
        click.echo(sections[topic].read_text())
    else:
        raise UsageError("no-topic", f"there is nothing to explain under `{topic}`",
                         next=f"one of: {', '.join([*sections, *checks])}")  # fmt: skip
    if topic == "manifest":
        click.echo(f"\nsections: {', '.join(sections)}\nchecks:   {', '.join(checks)}")
        click.echo("`penstock explain NAME` shows each, annotated.")


def _sections() -> dict[str, Traversable]:
    """The annotated example of every section: the manifest's own, and each target's."""
    end = ".example.yaml"
    own = {p.name.removesuffix(end): p for p in files("penstock.manifest").iterdir() if p.name.endswith(end)}
    targets = {
        "target-local": files("penstock.providers.local") / f"section{end}",
        "target-command": files("penstock.providers.command") / f"section{end}",
    }
    return dict(sorted({**own, **targets}.items()))

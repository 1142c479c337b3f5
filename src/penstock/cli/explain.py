"""`penstock explain`: the manual, where it is needed."""

from __future__ import annotations

from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import TYPE_CHECKING

import click

from penstock.cli.completion import topics
from penstock.errors import UsageError

if TYPE_CHECKING:
    from penstock.manifest.manual import Manual


@click.command("explain")
@click.argument("words", nargs=-1, metavar="[TOPIC]", shell_complete=topics)
def command(words: tuple[str, ...]) -> None:
    """Explain TOPIC, which is any word that Penstock uses or says.

    \b
    rollout                  a section of the manifest, annotated
    rollout.increments, run  a key, or a word, wherever it may stand
    target-local, http       a target, a check
    like-circle              the code of an error
    keys, errors             lists of all of them

    Without TOPIC: a whole manifest, and the list of sections.
    """
    asked = " ".join(words)
    manual = whole()
    text = manual.about(asked) if asked.strip() else manual.opening()
    if not text:
        near = manual.near(asked)
        lists = f"a section ({', '.join(manual.examples)}); a check ({', '.join(manual.checks)}); `keys` or `errors`"
        meant = f"did you mean {' or '.join(f'`{word}`' for word in near)}? Else " if near else ""
        raise UsageError("no-topic", f"there is nothing to explain under `{asked}`", next=meant + lists)
    click.echo(text.rstrip("\n"))


def whole() -> Manual:
    """The manual of this installation: its sections, its checks and targets."""
    from penstock import registry
    from penstock.manifest.manual import Manual

    examples = {name: place.read_text() for name, place in _sections().items()}
    return Manual(examples, registry.pages(), registry.kinds())


def _sections() -> dict[str, Traversable]:
    """The annotated example of every section: the manifest's own, and each target's."""
    end = ".example.yaml"
    own = {p.name.removesuffix(end): p for p in files("penstock.manifest").iterdir() if p.name.endswith(end)}
    targets = {
        "target-local": files("penstock.providers.local") / f"section{end}",
        "target-command": files("penstock.providers.command") / f"section{end}",
    }
    return dict(sorted({**own, **targets}.items()))

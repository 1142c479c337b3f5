"""`penstock check`: the manifest, read and judged."""

from __future__ import annotations

from pathlib import Path

import click

from penstock.errors import UsageError


@click.command("check")
@click.argument("file", default="penstock.yaml", type=click.Path(path_type=Path))
def command(file: Path) -> None:
    """Read the manifest FILE as it lies here (a release reads it from the commit), and say everything wrong with it."""
    from penstock import registry
    from penstock.manifest import read
    from penstock.manifest.parse import BYTES_MAX

    try:
        with file.open("rb") as opened:  # what is larger than a manifest may be is refused unread
            text = opened.read(BYTES_MAX + 4).decode("utf-8", "surrogateescape")
    except OSError as error:
        raise UsageError("no-manifest", f"{file} cannot be read: {error.strerror}",
                         next="write it, or run this where it lies; `penstock explain manifest` shows one") from error  # fmt: skip
    manifest = read(text, str(file), registry.kinds())
    names = ", ".join(
        f"{name} ({env.target.kind}, {env.rollout.strategy})" for name, env in manifest.environments.items()
    )
    click.echo(f"{file}: {manifest.service}: {names}")

"""`penstock demo`: see it work, with nothing prepared."""

from __future__ import annotations

import tempfile
from pathlib import Path

import click


@click.command("demo")
@click.option(
    "--folder", type=click.Path(path_type=Path), help="An empty folder for it; else a new one in the temporary folder."
)
@click.option("--plain", is_flag=True, help="One line an event, for logs.")
def command(folder: Path | None, plain: bool) -> None:
    """Release a small shop three times under load: v1 is placed, v2 is promoted by canary, v3 is rolled back.

    Everything is real: the shop, its instances, Envoy, the clients, and the verdict. It takes under two minutes, listens
    on 127.0.0.1 only, and leaves nothing running; its state and the reports stay in the folder.
    """
    from penstock import api
    from penstock.cli.view import follow
    from penstock.demo.show import show, table

    folder = folder or Path(tempfile.mkdtemp(prefix="penstock-demo-"))

    def look(desk: api.Desk, number: int) -> int:
        return follow(desk, number, plain=plain, as_json=False, on_interrupt="abort")

    shown = show(folder, look, click.echo)
    click.echo("\n" + "\n".join(table(shown)))

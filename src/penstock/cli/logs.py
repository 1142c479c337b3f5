"""`penstock logs`: what the instances wrote."""

from __future__ import annotations

import time
from pathlib import Path

import click

from penstock import api
from penstock.cli.place import environment_here, service_here
from penstock.errors import UsageError


@click.command("logs")
@click.argument("environment", required=False)
@click.option("--service", help="The service; else the one of this checkout.")
@click.option("--instance", help="Only instances whose name begins so (UNIT or UNIT-REVISION).")
@click.option(
    "-n", "--lines", default=50, show_default=True, type=click.IntRange(0, 100000), help="Last lines of each."
)
@click.option("-f", "--follow", is_flag=True, help="Go on until interrupted.")
def command(environment: str | None, service: str | None, instance: str | None, lines: int, follow: bool) -> None:
    """The last lines that the instances of a local environment wrote."""
    desk = api.open_desk()
    service = service_here(desk, service)
    folder = desk.state.environment(service, environment_here(desk, service, environment)) / "instances"
    found = sorted(p for p in folder.glob("*/out.log") if p.parent.name.startswith(instance or ""))
    if not found:
        raise UsageError("no-logs", "no instance has written a log there", str(folder), next="`penstock status`")
    for path in found:
        for line in _tail(path, lines):
            click.echo(f"{path.parent.name} | {line}")
    if follow:
        _follow(found)


def _tail(path: Path, lines: int) -> list[str]:
    with path.open("rb") as file:
        file.seek(0, 2)
        file.seek(max(0, file.tell() - (lines + 1) * 1000))
        return file.read().decode("utf-8", "replace").splitlines()[-lines:] if lines else []


def _follow(paths: list[Path]) -> None:
    places = {path: path.stat().st_size for path in paths}
    while True:
        for path, place in places.items():
            size = path.stat().st_size
            if size != place:
                with path.open("rb") as file:
                    file.seek(place if size > place else 0)
                    for line in file.read().decode("utf-8", "replace").splitlines():
                        click.echo(f"{path.parent.name} | {line}")
                places[path] = size
        time.sleep(0.25)

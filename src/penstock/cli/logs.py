"""`penstock logs`: what the instances wrote."""

from __future__ import annotations

import json
import time
from pathlib import Path

import click

from penstock import api
from penstock.cli.completion import environments, services
from penstock.cli.place import environment_here, service_here
from penstock.core.masking import mask
from penstock.errors import StateError, UsageError


@click.command("logs")
@click.argument("environment", required=False, shell_complete=environments)
@click.option("--service", shell_complete=services, help="The service; else the one of this checkout.")
@click.option("--instance", help="Only instances whose name begins so (UNIT or UNIT-REVISION).")
@click.option("--release", "number", type=int, help="Only the revision of this release; also after it was removed.")
@click.option("--arm", type=click.Choice(["candidate", "stable"]), help="Only one side of the release under way.")
@click.option(
    "-n", "--lines", default=50, show_default=True, type=click.IntRange(0, 100000), help="Last lines of each."
)
@click.option("-f", "--follow", is_flag=True, help="Go on until interrupted.")
def command(
    environment: str | None, service: str | None, instance: str | None, number: int | None, arm: str | None, lines: int,
    follow: bool,
) -> None:  # fmt: skip
    """The last lines that the instances of a local environment wrote."""
    desk = api.open_desk()
    row = api.get(desk, number) if number is not None else None
    service = row["service"] if row else service_here(desk, service)
    environment = row["environment"] if row else environment_here(desk, service, environment)
    place = desk.state.environment(service, environment)
    folder = place / "instances"
    values = _values(place / "secrets")
    revision = row["revision"] if row else _revision(desk, service, environment, arm) if arm else ""
    found = sorted(p for p in folder.glob("*/out.log") if _is_asked(p.parent.name, instance or "", revision))
    if not found and row and (kept := _kept(desk, row["number"])):
        for name, text in kept:
            for line in mask(text, values).splitlines()[-lines:] if lines else ():
                click.echo(f"{name} | {line}")
        return
    if not found and not folder.exists():
        raise UsageError("no-logs", "this target keeps no logs here", f"{service}/{environment}",
                         "only a local environment's instances write their logs into Penstock's folder",
                         "ask the platform; what a candidate left behind is in its report")  # fmt: skip
    if not found:
        raise UsageError("no-logs", "no instance has written a log there", str(folder), next="`penstock status`")
    for path in found:
        for line in _tail(path, lines, values):
            click.echo(f"{path.parent.name} | {line}")
    if follow:
        _follow(found, values)


def _is_asked(name: str, begins: str, revision: str) -> bool:
    """Instances are called UNIT-REVISION-NUMBER."""
    return name.startswith(begins) and (not revision or f"-{revision}-" in f"{name}-")


def _revision(desk: api.Desk, service: str, environment: str, arm: str) -> str:
    """Which revision is the candidate, or stable, of the release that is under way."""
    row = api.get(desk, api.latest(desk, service, environment, running=True))
    found = ((row["plan"] or {}).get(arm) or {}).get("id")
    if not found:
        raise UsageError("no-arm", f"release {row['number']} has no {arm}", environment, next="`penstock status`")
    return str(found)


def _kept(desk: api.Desk, number: int) -> list[tuple[str, str]]:
    """What a candidate left behind before it was removed: (instance, its log)."""
    from penstock.records import evidence

    pieces = [
        one for one in evidence.of(desk.store, number) if one["name"].startswith("testimony/") and "log" in one["name"]
    ]
    return [
        (one["name"].removeprefix("testimony/"), evidence.read(desk.state.evidence, one["digest"])) for one in pieces
    ]


def _values(folder: Path) -> list[str]:
    """Every secret's value that a release of this environment has in its file: none of them is shown."""
    found: set[str] = set()
    for path in folder.glob("*.json"):
        try:
            found.update(json.loads(path.read_text()).values())
        except (OSError, ValueError, AttributeError) as error:
            raise StateError("secrets", f"what must not be shown is not known: {error}", str(path),
                             next="look at that file; the logs themselves lie in `instances` beside it") from error  # fmt: skip
    return sorted(found)


def _tail(path: Path, lines: int, values: list[str]) -> list[str]:
    with path.open("rb") as file:
        start = max(0, file.seek(0, 2) - (lines + 1) * 1000)
        file.seek(start)
        if start:
            file.readline()  # half a line may begin with half a secret
        return mask(file.read().decode("utf-8", "replace"), values).splitlines()[-lines:] if lines else []


def _follow(paths: list[Path], values: list[str]) -> None:
    places = {path: path.stat().st_size for path in paths}
    while True:
        for path, place in places.items():
            size = path.stat().st_size
            if size != place:
                with path.open("rb") as file:
                    start = place if size > place else 0
                    file.seek(start)
                    whole = file.read().rpartition(b"\n")[0]  # the rest of a line is shown when all of it is there
                for line in mask(whole.decode("utf-8", "replace"), values).splitlines():
                    click.echo(f"{path.parent.name} | {line}")
                places[path] = start + len(whole) + 1 if whole else start
        time.sleep(0.25)

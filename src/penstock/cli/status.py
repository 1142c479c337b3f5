"""`penstock status`: all environments at a glance."""

from __future__ import annotations

import json
import time
from typing import Any

import click

from penstock import api
from penstock.render.words import span


@click.command("status")
@click.option("--service", help="Only this service.")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def command(service: str | None, as_json: bool) -> None:
    """What runs where, since when, whether it is good or not yet, and what is under way."""
    found = api.status(api.open_desk(), service)
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False, default=str))
        return
    if not found:
        click.echo(
            "nothing was released yet; `penstock release --to ENVIRONMENT` is the first step, `penstock demo` shows it"
        )
    for env in found:
        for line in _lines(env, time.time()):
            click.echo(line)


def _lines(env: dict[str, Any], now: float) -> list[str]:
    what = env["stable"] or "nothing"
    since = f" since {span(now - env['since'])}" if env["since"] and env["stable"] else ""
    good = ("" if not env["stable"] else ", good") if env["good"] else ", not yet good" if env["stable"] else ""
    lines = [f"{env['service']}/{env['environment']}  {what}{since}{good}"]
    for row in env["running"]:
        weight = row["facts"].get("weight_permille")
        share = (
            f", {weight / 10:g} % to {row['revision']}" if weight is not None and row["state"] == "rolling_out" else ""
        )
        wait = f"; waits: {row['waiting']}" if row["waiting"] else ""
        lines.append(f"    release {row['number']} {row['state']}{share}{wait}  (penstock watch {row['number']})")
    last = env["last"]
    if last and not env["running"]:
        lines.append(f"    last: release {last['number']} {last['state']}: {last['sentence']}")
    return lines

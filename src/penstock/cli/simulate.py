"""`penstock simulate`: the environment's policy, tried on paper before it is trusted."""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING

import click

from penstock import api
from penstock.cli.completion import environments
from penstock.errors import UsageError

if TYPE_CHECKING:
    from penstock.core.simulated import Found

REDRAW_S = 0.2
QUARTERS = 4  # lines of progress in a log
_CLEAR = "\r\x1b[2K"
_SHARE = re.compile(r"([0-9.]+)\s*(%?)")
_TIME = re.compile(r"p(50|95|99)=([0-9]*\.?[0-9]+)(us|ms|s)")
_MS = {"us": 0.001, "ms": 1.0, "s": 1000.0}


def _share(ctx: click.Context, param: click.Parameter, value: str | None) -> float | None:
    """`0.1%` or `0.001` as a fraction."""
    if value is None:
        return None
    found = _SHARE.fullmatch(value.strip())
    try:
        number = float(found[1]) / 100 if found and found[2] else -1.0
    except ValueError:
        number = -1.0
    if not 0 < number <= 0.5:
        raise click.BadParameter(
            f"`{value}` is no share of requests from just above 0% to 50%: write it with its %, as in 0.1%", ctx, param
        )
    return number


def _finite(ctx: click.Context, param: click.Parameter, value: float | None) -> float | None:
    """A number that is one."""
    if value is not None and not isfinite(value):
        raise click.BadParameter("it is not a number of requests, as in 50", ctx, param)
    return value


def _times(ctx: click.Context, param: click.Parameter, value: str | None) -> dict[float, float]:
    """`p50=20ms,p99=180ms` as quantile -> milliseconds; empty: nothing said."""
    if value is None:
        return {}
    parts = [_TIME.fullmatch(part.strip()) for part in value.split(",")]
    found = {int(part[1]) / 100: float(part[2]) * _MS[part[3]] for part in parts if part}
    times = [found[share] for share in sorted(found)]
    if None in parts or len(found) < 2 or times != sorted(set(times)) or times[0] <= 0:
        raise click.BadParameter(
            f"`{value}` is not two or three of p50, p95 and p99, rising, as in p50=20ms,p99=180ms", ctx, param
        )
    return found


@click.command("simulate")
@click.option("--to", "to", required=True, shell_complete=environments, help="The environment.")
@click.option(
    "--rps",
    type=click.FloatRange(0.001, 100_000),
    callback=_finite,
    help="Requests per second; else those of the past.",
)
@click.option("--error-rate", callback=_share, help="Stable's, as 0.1%; else that of the past.")
@click.option(
    "--latency", callback=_times, help="Stable's response times, as p50=20ms,p99=180ms; else those of the past."
)
@click.option("--runs", type=click.IntRange(20, 20_000), help="Good releases to try; a fifth as many of each fault.")
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True, help="The same seed, the same answer.")
@click.option("--json", "as_json", is_flag=True, help="For programs: docs/reference/simulation.md.")
@click.option("--html", type=click.Path(path_type=Path, dir_okay=False), help="Write a page with charts there, too.")
def command(
    to: str, rps: float | None, error_rate: float | None, latency: dict[float, float], runs: int | None, seed: int,
    as_json: bool, html: Path | None,
) -> None:  # fmt: skip
    """Try the policy of an environment on paper: hundreds of whole releases at its traffic, good ones and faulty ones.

    It says how often a good release is rolled back, how soon faults of several sizes are found and what they harm until then,
    what cannot be found at this traffic and what would help, and what thresholds with counters make of the same traffic.
    The manifest is read from the work tree as it lies. Nothing is released, and nothing is changed.
    """
    from penstock import simulating
    from penstock.cli.check import manifest_here
    from penstock.simulation.study import find
    from penstock.worlds import environment_named

    desk = api.open_desk()
    manifest = manifest_here()
    environment = environment_named(manifest, to, desk.store)
    asked = simulating.Asked(rps, error_rate, latency, runs, seed)
    study = simulating.study_of(environment, simulating.past_of(desk, manifest.service, environment), asked)
    if html:
        _writable(html)
    with _progress(f"{study.runs} good releases to {environment.name} on paper, and faulty ones") as told:
        found = find(study, told)
    if html:
        _write(html, found)
    _say(found, html, as_json=as_json)


def _say(found: Found, html: Path | None, *, as_json: bool) -> None:
    if as_json:
        from penstock.core import data

        click.echo(json.dumps(data.dump(found), ensure_ascii=False, indent=1))
        return
    from penstock.cli.view import say, terminal_width
    from penstock.render.simulated import table

    say(table(found, terminal_width()))
    if html:
        click.echo(f"\n{html}")


def _writable(path: Path) -> None:
    """Said before anything is simulated."""
    if not path.parent.is_dir():
        raise UsageError(
            "cannot-write", f"{path} cannot be written: there is no folder {path.parent}", next="--html FILE"
        )


def _write(path: Path, found: Found) -> None:
    from penstock.render.simulated_page import page

    try:
        path.write_text(page(found), encoding="utf-8")
    except OSError as error:
        raise UsageError("cannot-write", f"{path} cannot be written: {error.strerror}", next="--html FILE") from error


@contextmanager
def _progress(what: str) -> Iterator[Callable[[float], None]]:
    """A function that shows how much is done: beside the output, in place on a terminal, in four lines elsewhere."""
    from penstock.cli.live import can_move

    out = sys.stderr
    moves = out.isatty() and can_move()
    drawn, quarter = 0.0, -1

    def told(done: float) -> None:
        nonlocal drawn, quarter
        if moves and time.monotonic() - drawn >= REDRAW_S:
            drawn = time.monotonic()
            out.write(f"{_CLEAR}{what}: {100 * done:.0f} %")
            out.flush()
        if not moves and int(QUARTERS * done) > quarter:
            quarter = int(QUARTERS * done)
            click.echo(f"{what}: {100 * quarter // QUARTERS} %", err=True)

    try:
        told(0.0)
        yield told
    finally:
        if moves:
            out.write(_CLEAR)
            out.flush()

"""Words of the command line that are read as the manifest reads them."""

from __future__ import annotations

import re
import time
from datetime import datetime

import click

_UNITS_S = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_PART = re.compile(r"([0-9]+(?:\.[0-9]+)?)([smhdw])")


def seconds(ctx: click.Context, param: click.Parameter, value: str | None) -> float:
    """`4h` or `1d12h` in seconds; 0 for nothing said."""
    if value is None:
        return 0.0
    if not re.fullmatch(rf"(?:{_PART.pattern})+", value):
        raise click.BadParameter(f"`{value}` is not a duration: a number and s, m, h, d or w, as in 4h", ctx, param)
    return sum(float(n) * _UNITS_S[unit] for n, unit in _PART.findall(value))


def moment(ctx: click.Context, param: click.Parameter, value: str | None) -> float | None:
    """A time, as seconds since the epoch: `2026-12-24`, `2026-12-24 18:00` (here), with a zone, or a duration from now."""
    if value is None:
        return None
    if re.fullmatch(rf"(?:{_PART.pattern})+", value):
        return time.time() + seconds(ctx, param, value)
    try:
        return datetime.fromisoformat(value).timestamp()
    except ValueError as error:
        raise click.BadParameter(
            f"`{value}` is no time: 2026-12-24, 2026-12-24T18:00, or 4h from now", ctx, param
        ) from error

"""What a source told before anybody asked for a release."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import replace

from penstock.core.reading import Reading

LONGEST_S = 6 * 3600.0
PAST_S = 8.0  # so long may a look back take


def past_of(readings: Callable[[str], list[Reading]], since: str, *, latency: bool) -> list[Reading]:
    """Every reading since a position, as far as it comes in eight seconds."""
    until, found = time.monotonic() + PAST_S, list[Reading]()
    while time.monotonic() < until:
        new = readings(since)
        found += new
        if not new or new[-1].position == since:
            break
        since = new[-1].position
    return as_past(found, latency=latency)


def as_past(found: Iterable[Reading], *, latency: bool) -> list[Reading]:
    """Readings of a time in which nothing was released: all of one split, without holes that are nobody's."""
    return [replace(one, era=1, latency=one.latency if latency else ()) for one in found if one.revision]


def ago_ms(span_s: float) -> int:
    """The moment so long ago, and no longer than a source is asked for."""
    return round((time.time() - min(span_s, LONGEST_S)) * 1000)

"""What an environment's traffic was like before a release: a summary of past readings. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import inf

from penstock.core.latency import Latency, merged, quantile
from penstock.core.reading import Reading

HOLE_S = 600.0
"""A silence longer than this is a hole: nobody can tell whether there was no request, or nobody who counted."""

QUANTILES = (0.5, 0.95, 0.99)


@dataclass(frozen=True)
class History:
    """How much is asked of an environment, and how stable answered.

    `requests_per_s` are users' requests to all units and revisions, over `seconds` that were counted. `requests` and
    `errors` are stable's own, `error_rate` their quotient (0 without a request), and `p50_ms`, `p95_ms` and `p99_ms` are
    the upper edges of the buckets in which its quantiles lie: None where the source has no histogram, or so many requests
    were never answered in time.
    """

    requests_per_s: float
    error_rate: float
    errors: int
    seconds: float
    requests: int = 0
    p50_ms: float | None = None
    p95_ms: float | None = None
    p99_ms: float | None = None


def summary(readings: Iterable[Reading], stable: str | None) -> History | None:
    """The history of some readings, in any order; `stable` is the revision that a candidate will be compared with.

    Left out: synthetic requests and readings that are not final. A second without a request has no reading, and is quiet; a
    silence of more than `HOLE_S` is not counted as time. Revisions other than stable count as traffic alone. None: nothing
    was read.
    """
    kept = [reading for reading in readings if reading.final and not reading.synthetic]
    seconds = _covered([(reading.start, reading.end) for reading in kept])
    if seconds <= 0:
        return None
    mine = [reading for reading in kept if reading.revision == stable]
    requests, errors = sum(one.requests for one in mine), sum(one.errors for one in mine)
    traffic = sum(one.requests for one in kept) / seconds
    times = _times(merged(one.latency for one in mine))
    return History(traffic, errors / requests if requests else 0.0, errors, seconds, requests, *times)


def _covered(stretches: Sequence[tuple[float, float]]) -> float:
    """Seconds from the first to the last of these stretches, which may overlap, without holes."""
    total, through = 0.0, None
    for start, end in sorted(stretches):
        if through is None or start - through > HOLE_S:
            through = start
        total += max(0.0, end - through)
        through = max(through, end)
    return total


def _times(histogram: Latency) -> list[float | None]:
    found = [quantile(histogram, share) for share in QUANTILES]
    return [None if edge is None or edge == inf else edge / 1000 for edge in found]

"""How long requests took, as counts in buckets: any source's buckets, and our own. Pure.

A histogram is (upper edge in microseconds, requests) pairs, ascending, without empty buckets; an edge belongs to the bucket
below it. The last edge may be infinite: those requests were never answered in time, and are slower than any limit.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from itertools import accumulate
from math import inf

Latency = tuple[tuple[float, int], ...]

GROWTH = 1.04  # an own bucket is so much wider than the one before: a quantile is known to 4 %, its middle to 2 %
_LONGEST_US = 3600e6


def _edges() -> tuple[float, ...]:
    edges, edge = [100.0], 100.0
    while edge < _LONGEST_US:
        edge = float(round(edge * GROWTH))
        edges.append(edge)
    return (*edges, inf)


EDGES = _edges()
"""The upper edges of our own buckets, from a tenth of a millisecond to an hour."""


def bucket_of(duration_us: float) -> float:
    """The upper edge of the own bucket that a duration falls into."""
    return EDGES[bisect_left(EDGES, duration_us)]


def merged(histograms: Iterable[Latency]) -> Latency:
    """All requests of several histograms."""
    sums: dict[float, int] = {}
    for histogram in histograms:
        for edge, count in histogram:
            sums[edge] = sums.get(edge, 0) + count
    return tuple(sorted(sums.items()))


def above(histogram: Latency, limit_us: float) -> int:
    """How many requests surely took longer than a limit: those of the buckets that begin at or above it.

    A bucket that the limit cuts counts as below: so give it an edge (`edge_above`), and the answer is exact.
    """
    at = bisect_left(histogram, (limit_us, inf))
    return sum(count for _, count in histogram[at:]) if histogram else 0


def quantile(histogram: Latency, share: float) -> float | None:
    """The upper edge of the bucket in which a quantile lies (0.99: the 99th percentile); None without a request."""
    total = sum(count for _, count in histogram)
    if not total:
        return None
    for (edge, _), passed in zip(histogram, accumulate(count for _, count in histogram), strict=True):
        if passed >= share * total:
            return edge
    return histogram[-1][0]

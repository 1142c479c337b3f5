"""How long requests took, as counts in buckets: any source's buckets, and our own. Pure.

A histogram is (upper edge in microseconds, requests) pairs, ascending; our own without empty buckets, a foreign source's
with them, for they tell its edges. An edge belongs to the bucket below it. The last edge may be infinite: those requests
were never answered in time, and are slower than any limit.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from itertools import accumulate
from math import inf
from typing import TypeVar

Latency = tuple[tuple[float, int], ...]
N = TypeVar("N", int, float)

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


def merged(histograms: Iterable[Latency]) -> Latency:
    """All requests of several histograms."""
    some = [histogram for histogram in histograms if histogram]
    if len(some) < 2:
        return some[0] if some else ()
    sums: dict[float, int] = {}
    for histogram in some:
        for edge, count in histogram:
            sums[edge] = sums.get(edge, 0) + count
    return tuple(sorted(sums.items()))


def edge_from(limit_us: float, edges: Sequence[float] = EDGES) -> float:
    """The first edge at or above a limit: what is above it surely took longer than the limit."""
    at = bisect_left(edges, limit_us)
    return edges[at] if at < len(edges) else inf


def bucket_of(duration_us: float) -> float:
    """The upper edge of the own bucket that a duration falls into."""
    return edge_from(duration_us)


def tells(histogram: Sequence[tuple[float, N]], edge_us: float) -> bool:
    """Whether a foreign histogram, which has its empty buckets, knows how many requests took longer than an edge."""
    at = bisect_left(histogram, (edge_us,))
    return edge_us in (0.0, inf) or not histogram or (at < len(histogram) and histogram[at][0] == edge_us)


def above(histogram: Sequence[tuple[float, N]], edge_us: float) -> N:
    """How many requests took longer than an edge of the histogram's own buckets."""
    at = bisect_left(histogram, (edge_us, inf))
    return sum([count for _, count in histogram[at:]])


def size(histogram: Sequence[tuple[float, N]]) -> N:
    """All requests of a histogram."""
    return sum([count for _, count in histogram])


def quantile(histogram: Sequence[tuple[float, N]], share: float) -> float | None:
    """The upper edge of the bucket in which a quantile lies (0.99: the 99th percentile); None without a request."""
    total = size(histogram)
    if not total:
        return None
    for (edge, _), passed in zip(histogram, accumulate(count for _, count in histogram), strict=True):
        if passed >= share * total:
            return edge
    return histogram[-1][0]

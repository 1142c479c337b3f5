"""A histogram as the keeper counts and keeps it: counts by number of bucket, and few bytes (pure).

The buckets are those of `core.latency`. As bytes it is pairs of numbers, (buckets since the one before, requests), each number
seven bits to a byte, the lowest first, all but its last byte marked by the eighth bit. A usual second has small numbers, so
that every byte is a number.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import accumulate

from penstock.core.latency import EDGES, Latency

Counts = dict[int, int]
"""Requests by number of bucket, 0 the fastest."""


def bucket(duration_us: float) -> int:
    """The number of the bucket that a duration falls into; an infinite one falls into the last."""
    return bisect_left(EDGES, duration_us)


def pack(counts: Counts) -> bytes:
    """The counts as bytes, without empty buckets."""
    numbers: list[int] = []
    before = 0
    for number in sorted(counts):
        if counts[number]:
            numbers += (number - before, counts[number])
            before = number
    return _as_bytes(numbers)


def unpack(packed: bytes) -> Latency:
    """The histogram that `pack` made bytes of."""
    numbers = _numbers(packed)
    return tuple(map(_pair, map(EDGES.__getitem__, accumulate(numbers[::2])), numbers[1::2]))


@lru_cache(maxsize=1 << 16)
def _pair(edge: float, count: int) -> tuple[float, int]:
    """Equal buckets are one object: a day has millions of them, and few that differ."""
    return edge, count


def merged(packed: Iterable[bytes]) -> bytes:
    """All requests of several packed histograms, packed."""
    sums: Counts = {}
    for one in packed:
        numbers = _numbers(one)
        for number, count in zip(accumulate(numbers[::2]), numbers[1::2], strict=True):
            sums[number] = sums.get(number, 0) + count
    return pack(sums)


def _as_bytes(numbers: Sequence[int]) -> bytes:
    if all(number < 128 for number in numbers):
        return bytes(numbers)
    written = bytearray()
    for number in numbers:
        left = number
        while left >= 128:
            written.append(left & 127 | 128)
            left >>= 7
        written.append(left)
    return bytes(written)


def _numbers(packed: bytes) -> Sequence[int]:
    if packed.isascii():  # no byte is marked: each is a number
        return packed
    numbers, number, shift = [], 0, 0
    for byte in packed:
        number |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            numbers.append(number)
            number = shift = 0
    return numbers

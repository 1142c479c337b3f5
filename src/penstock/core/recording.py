"""Readings as one piece of evidence: columns instead of rows, so that a day of seconds stays small when compressed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import accumulate
from math import inf, isinf
from operator import sub
from typing import Any

from penstock.core.latency import Latency
from penstock.core.reading import Reading

FORMAT = 2
MEDIA = "application/json+gzip"
_PLAIN = ("requests", "errors", "era", "late", "duration_us")
# A small number is one printable character that JSON does not escape: from `#` (0) to `[` (56).
_ZERO, _SMALL, _LARGE = 35, 57, "~"


def pack(readings: Sequence[Reading]) -> dict[str, Any]:
    """Plain data from which `unpack` makes equal readings. Provisional readings are left out: they may still grow."""
    final = [reading for reading in readings if reading.final]
    units = sorted({reading.unit for reading in final})
    revisions = sorted({reading.revision for reading in final})
    return {
        "format": FORMAT,
        "units": units,
        "revisions": revisions,
        "unit": [units.index(reading.unit) for reading in final],
        "revision": [revisions.index(reading.revision) for reading in final],
        "start": _column([reading.start for reading in final]),
        "length": [reading.end - reading.start for reading in final],
        "sampled": [int(reading.sampled) for reading in final],
        "synthetic": [int(reading.synthetic) for reading in final],
        "position": [None if reading.position == str(reading.start) else reading.position for reading in final],
        "events": [reading.events for reading in final],
        "latency": _histograms([reading.latency for reading in final]),
        **{name: [getattr(reading, name) for reading in final] for name in _PLAIN},
    }


def unpack(packed: dict[str, Any]) -> list[Reading]:
    """The readings again, in their order, also those of an older format; ValueError where the format is newer."""
    if packed["format"] > FORMAT:
        raise ValueError(f"readings of format {packed['format']}; this Penstock knows {FORMAT}")
    count = len(packed["unit"])
    absent = {"synthetic": [0] * count, "events": [()] * count, "latency": _histograms([()] * count)}  # in format 1
    whole = {**absent, **packed}
    whole["start"], whole["latency"] = _values(whole["start"]), _latencies(whole["latency"])
    names = ("unit", "revision", "start", "length", *_PLAIN, "sampled", "position", "latency", "events", "synthetic")
    return [_reading(packed, *values) for values in zip(*(whole[name] for name in names), strict=True)]


def _reading(
    packed: dict[str, Any], unit: int, revision: int, start: float, length: float, requests: int, errors: int, era: int,
    late: int, duration_us: int, sampled: int, position: str | None, latency: Latency, events: list[list[Any]], synthetic: int,
) -> Reading:  # fmt: skip
    return Reading(
        packed["units"][unit], packed["revisions"][revision], start, start + length, requests, errors, era, late,
        duration_us, True, bool(sampled), str(start) if position is None else position, latency,
        tuple((name, count) for name, count in events), bool(synthetic),
    )  # fmt: skip


def _column(values: list[float]) -> list[float] | dict[str, list[float]]:
    """Numbers as the steps from one to the next, which repeat, where that loses nothing; else as they are."""
    steps = list(map(sub, values, [0, *values]))
    is_exact = list(map(str, accumulate(steps))) == list(map(str, values))
    return {"steps": steps} if is_exact else values


def _values(column: list[float] | dict[str, list[float]]) -> list[float]:
    return list(accumulate(column["steps"])) if isinstance(column, dict) else column


def _histograms(latencies: Sequence[Latency]) -> dict[str, Any]:
    """Histograms by the edges that occur in any of them: how many buckets each has, how many edges lie between them, and
    their requests. The infinite edge is null.
    """
    edges = sorted({edge for latency in latencies for edge, _ in latency})
    place = {edge: number for number, edge in enumerate(edges)}
    gaps: list[int] = []
    counts: list[int] = []
    for latency in latencies:
        places = [place[edge] for edge, _ in latency]
        gaps += map(sub, places, [0, *places])
        counts += [count for _, count in latency]
    return {
        "edges": [None if isinf(edge) else edge for edge in edges],
        "buckets": [len(latency) for latency in latencies],
        "gaps": _text(gaps),
        "counts": _text(counts),
    }


def _latencies(found: dict[str, Any]) -> Iterator[Latency]:
    edges = [inf if edge is None else edge for edge in found["edges"]]
    gaps, counts = _numbers(found["gaps"]), _numbers(found["counts"])
    end = 0
    for buckets in found["buckets"]:
        begin, end = end, end + buckets
        places = accumulate(gaps[begin:end])
        yield tuple(map(_bucket, [edges[place] for place in places], counts[begin:end]))


@lru_cache(maxsize=1 << 16)
def _bucket(edge: float, count: int) -> tuple[float, int]:
    """Equal buckets are one object: a day has millions of them, and few that differ."""
    return edge, count


def _text(numbers: list[int]) -> dict[str, Any]:
    """Numbers of nought and above, a character each; those that are large stand apart, in their order."""
    written = [chr(_ZERO + number) if number < _SMALL else _LARGE for number in numbers]
    return {"text": "".join(written), "large": [number for number in numbers if number >= _SMALL]}


def _numbers(found: dict[str, Any]) -> list[int]:
    large, mark = iter(found["large"]), ord(_LARGE)
    return [next(large) if letter == mark else letter - _ZERO for letter in found["text"].encode()]

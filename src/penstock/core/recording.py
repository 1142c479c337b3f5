"""Readings as one piece of evidence: columns instead of rows, so that a day of seconds stays small when compressed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from penstock.core.reading import Reading

FORMAT = 1
MEDIA = "application/json+gzip"
_PLAIN = ("requests", "errors", "era", "late", "duration_us", "position")


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
        "start": [reading.start for reading in final],
        "length": [reading.end - reading.start for reading in final],
        "sampled": [int(reading.sampled) for reading in final],
        **{name: [getattr(reading, name) for reading in final] for name in _PLAIN},
    }


def unpack(packed: dict[str, Any]) -> list[Reading]:
    """The readings again, in their order; a newer format is refused."""
    if packed["format"] > FORMAT:
        raise ValueError(f"readings of format {packed['format']}; this Penstock knows {FORMAT}")
    names = ("unit", "revision", "start", "length", "sampled", *_PLAIN)
    return [
        Reading(
            unit=packed["units"][row["unit"]],
            revision=packed["revisions"][row["revision"]],
            start=row["start"],
            end=row["start"] + row["length"],
            sampled=bool(row["sampled"]),
            **{name: row[name] for name in _PLAIN},
        )
        for row in (dict(zip(names, values, strict=True)) for values in zip(*(packed[n] for n in names), strict=True))
    ]

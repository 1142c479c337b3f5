"""Envoy's access log, read as requests and folded by the second (pure)."""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

SPLIT = "split"
_UPSTREAM_FAILED = frozenset(
    ["UF", "UC", "UT", "URX", "UPE", "UH", "UO", "LR", "UR", "UMSDR", "NC", "SI", "OM", "DF", "DT"]
)
_CLIENT_LEFT = frozenset(["DC", "DR"])

Key = tuple[int, str, str, int]
"""Second, unit, revision, era."""


class Line(NamedTuple):
    """One request that took part in the split. Times: seconds since the epoch, microseconds."""

    start_s: float
    unit: str
    revision: str
    is_error: bool
    duration_us: int


@dataclass
class Sums:
    """What the requests of one second, arm and era came to."""

    requests: int = 0
    errors: int = 0
    late: int = 0
    duration_us: int = 0


@dataclass
class Fold:
    """Lines folded so far. `unreadable` counts lines that are no JSON of ours: a write that a full disk
    cut short.
    """

    sums: dict[Key, Sums] = field(default_factory=dict)
    unreadable: int = 0


def parse(line: bytes, hung_after_us: int) -> Line | None:
    """A line of the log; None for a request that is not judged: by preview, without an arm, left by its
    client early.

    An error is a status of 500 and above, a failure of the upstream, a body cut short, or a client that
    left after
    `hung_after_us`. Raises ValueError where the line is not ours.
    """
    try:
        said = json.loads(line)
        if said["route"] != SPLIT or not said["cluster"]:
            return None
        unit, _, revision = said["cluster"].partition("|")
        duration_us = said["duration_us"]
        if duration_us is None:
            duration_us = 1000 * (said["duration_ms"] or 0)
        code, flags = said["code"] or 0, said["flags"] or "-"
        is_error = code >= 500
        if flags != "-":
            named = flags.split(",")
            is_error = is_error or not _UPSTREAM_FAILED.isdisjoint(named)
            if not is_error and not _CLIENT_LEFT.isdisjoint(named):
                if duration_us < hung_after_us:
                    return None
                is_error = True
        return Line(float(said["start_s"]), unit, revision, is_error, duration_us)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not a line of this log: {error}") from error


@dataclass(frozen=True)
class Eras:
    """Which era began when: `(from_s, era)`, oldest first. Before the first, it is era 0."""

    begins: Sequence[tuple[float, int]] = ()

    def at(self, moment_s: float) -> int:
        """The era of a moment."""
        place = bisect_right(self.begins, (moment_s, 1 << 62))
        return self.begins[place - 1][1] if place else 0


def fold(lines: Iterable[bytes], eras: Eras, closed_through: int, hung_after_us: int) -> Fold:
    """Fold lines by the second of their arrival; those of a closed second go to the first open one, as
    late.
    """
    folded = Fold()
    sums = folded.sums
    for text in lines:
        try:
            line = parse(text, hung_after_us)
        except ValueError:
            folded.unreadable += 1
            continue
        if line is None:
            continue
        second = int(line.start_s)
        late = second <= closed_through
        key = (closed_through + 1 if late else second, line.unit, line.revision, eras.at(line.start_s))
        into = sums.get(key)
        if into is None:
            into = sums[key] = Sums()
        into.requests += 1
        into.errors += line.is_error
        into.late += late
        into.duration_us += line.duration_us
    return folded

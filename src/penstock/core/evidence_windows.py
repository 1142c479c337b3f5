"""Readings made into windows that may be judged; what may not be is counted by its reason."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from operator import attrgetter

from penstock.core.eprocess import Counts
from penstock.core.reading import Reading

_LONGEST = 1.5  # a reading longer than so many of its source's steps was merged over a hole


@dataclass(frozen=True)
class Window:
    """Both arms over the same `span_s` seconds from `second` (since the epoch) on, under one split."""

    second: float
    candidate: Counts
    stable: Counts
    era: int
    span_s: float = 1.0

    @property
    def split(self) -> float:
        """Requests on the candidate for each on stable; 0 when there is no such number."""
        return self.candidate.requests / self.stable.requests if self.stable.requests else 0.0

    def with_next(self, other: Window) -> Window:
        """This window and another of the same era as one."""
        return Window(
            min(self.second, other.second),
            self.candidate + other.candidate,
            self.stable + other.stable,
            self.era,
            self.span_s + other.span_s,
        )


@dataclass(frozen=True)
class Eras:
    """The traffic splits that may be judged: era -> when it began, in seconds since the epoch.

    `settle_s` after an era began nothing is judged; `step_s` is how long one reading of the source is.
    """

    began: Mapping[int, float]
    settle_s: float = 0.0
    step_s: float = 1.0

    def refuses(self, reading: Reading) -> str:
        """Why a reading is not judged; empty: it is."""
        if reading.era == 0:
            return "moving"
        if reading.era not in self.began:
            return "other era"
        if reading.end - reading.start > _LONGEST * self.step_s:
            return "hole"
        if reading.start < self.began[reading.era] + self.settle_s:
            return "settling"
        return ""


@dataclass(frozen=True)
class Watched:
    """Windows to judge, oldest first, and the requests that were dropped, by reason."""

    windows: tuple[Window, ...] = ()
    dropped: dict[str, int] = field(default_factory=dict)


def windows(readings: Iterable[Reading], candidate: str, stable: str | None, eras: Eras) -> Watched:
    """The windows of two revisions (stable None: of the candidate alone).

    Dropped, by reason: `moving` (era 0: the split was changing), `other era`, `settling`, `hole` (one reading
    over more than its step), `other revision`. A reading that is not final is left out and not counted: hand
    it in again when it is. Hand whole seconds in: both arms of a second in one call.

    Units are summed. Within an era every unit has the same split, so which arm a request meets does not
    depend on its unit, and the verdict speaks of the release's requests as a whole: a quiet unit neither
    starves nor delays it.
    """
    kept: list[Reading] = []
    dropped: dict[str, int] = {}
    for reading in readings:
        if not reading.final:
            continue
        reason = eras.refuses(reading) or ("" if reading.revision in (candidate, stable) else "other revision")
        if reason:
            dropped[reason] = dropped.get(reason, 0) + reading.requests
        else:
            kept.append(reading)
    when = attrgetter("start", "era")
    seconds = groupby(sorted(kept, key=when), when)
    return Watched(tuple(_window(list(rows), candidate, stable) for _, rows in seconds), dropped)


def _window(rows: list[Reading], candidate: str, stable: str | None) -> Window:
    first = rows[0]
    span_s = max(row.end - row.start for row in rows)
    return Window(first.start, _arm(rows, candidate), _arm(rows, stable), first.era, span_s)


def _arm(rows: list[Reading], revision: str | None) -> Counts:
    mine = [row for row in rows if row.revision == revision]
    return Counts(sum(row.requests for row in mine), sum(row.errors for row in mine))

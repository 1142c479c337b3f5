"""Readings made into windows that may be judged; what may not be is counted by its reason."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from penstock.core.eprocess import Counts
from penstock.core.latency import Latency, merged
from penstock.core.reading import Reading

NO_LATENCY: tuple[Latency, Latency] = ((), ())
_LONGEST = 1.5  # a reading longer than so many of its source's steps was merged over a hole


@dataclass(frozen=True)
class Window:
    """Both arms over the same `span_s` seconds from `second` (since the epoch) on, under one split.

    `slow` holds the histograms of the candidate and of stable, `events` for each name what the business counted on both.
    `synthetic`: these are Penstock's own requests.
    """

    second: float
    candidate: Counts
    stable: Counts
    era: int
    span_s: float = 1.0
    slow: tuple[Latency, Latency] = NO_LATENCY
    events: dict[str, tuple[int, int]] = field(default_factory=dict)
    synthetic: bool = False

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
            self._slower(other),
            _told_by_both(self.events, other.events),
            self.synthetic,
        )

    def _slower(self, other: Window) -> tuple[Latency, Latency]:
        if other.slow is NO_LATENCY:
            return self.slow
        return (merged((self.slow[0], other.slow[0])), merged((self.slow[1], other.slow[1])))


def begun(readings: Iterable[Reading], before: Mapping[int, float] | None = None) -> dict[int, float]:
    """When each era was first seen, in seconds since the epoch; `before` is what was known already."""
    found = dict(before or {})
    for reading in readings:
        found[reading.era] = min(found.get(reading.era, reading.start), reading.start)
    return found


@dataclass(frozen=True)
class Eras:
    """The traffic splits that may be judged: era -> when it began, in seconds since the epoch.

    `settle_s` after an era began nothing is judged, and `warm_s` after that nobody is called slow; `step_s` is how long one
    reading of the source is.
    """

    began: Mapping[int, float]
    settle_s: float = 0.0
    step_s: float = 1.0
    warm_s: float = 0.0

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

    def is_warm(self, reading: Reading) -> bool:
        """Whether a reading's latencies count: caches and compilers of a new instance are warm by then."""
        return reading.start >= self.began[reading.era] + self.settle_s + self.warm_s


@dataclass(frozen=True)
class Watched:
    """Windows to judge, oldest first, and the requests that were dropped, by reason."""

    windows: tuple[Window, ...] = ()
    dropped: dict[str, int] = field(default_factory=dict)


def windows(
    readings: Iterable[Reading], candidate: str, stable: str | None, eras: Eras, units: Collection[str] | None = None
) -> Watched:
    """The windows of two revisions (stable None: of the candidate alone).

    Dropped, by reason: `moving` (era 0: the split was changing), `other era`, `settling`, `hole` (one reading
    over more than its step), `other revision`, `other unit` (none of `units`). A reading that is not final is left out
    and not counted: hand it in again when it is. Hand whole seconds in: both arms of a second in one call.

    Units are summed. Within an era every unit that both revisions have has the same split, so which arm a request
    meets does not depend on its unit, and the verdict speaks of the release's requests as a whole: a quiet unit neither
    starves nor delays it. `units` names those: one that comes or goes with the release is compared with nothing.
    """
    seconds: dict[tuple[float, int, bool], list[Reading]] = {}
    dropped: dict[str, int] = {}
    for reading in readings:
        if not reading.final:
            continue
        reason = eras.refuses(reading) or ("" if reading.revision in (candidate, stable) else "other revision")
        if not reason and units is not None and reading.unit not in units:
            reason = "other unit"
        if reason:
            dropped[reason] = dropped.get(reason, 0) + reading.requests
        else:
            seconds.setdefault((reading.start, reading.era, reading.synthetic), []).append(reading)
    return Watched(tuple([_window(seconds[key], candidate, eras) for key in sorted(seconds)]), dropped)


def _window(rows: list[Reading], candidate: str, eras: Eras) -> Window:
    """The readings of one second, of the candidate and of stable, in one pass: a day has many."""
    first, span_s, slow = rows[0], 0.0, NO_LATENCY
    events: dict[str, tuple[int, int]] = {}
    n_c = k_c = n_b = k_b = 0
    has_latency = has_events = False
    for row in rows:
        if row.revision == candidate:
            n_c, k_c = n_c + row.requests, k_c + row.errors
        else:
            n_b, k_b = n_b + row.requests, k_b + row.errors
        span_s = max(span_s, row.end - row.start)
        has_latency, has_events = has_latency or bool(row.latency), has_events or bool(row.events)
    if has_latency and eras.is_warm(first):
        slow = (
            merged([row.latency for row in _of(rows, candidate, True)]),
            merged([row.latency for row in _of(rows, candidate, False)]),
        )
    if has_events:
        events = _events(_of(rows, candidate, True), _of(rows, candidate, False))
    return Window(first.start, Counts(n_c, k_c), Counts(n_b, k_b), first.era, span_s, slow, events, first.synthetic)


def _of(rows: list[Reading], candidate: str, mine: bool) -> list[Reading]:
    return [row for row in rows if (row.revision == candidate) is mine]


def _events(mine: list[Reading], others: list[Reading]) -> dict[str, tuple[int, int]]:
    """What every row with requests told; what one of them did not tell is not known, and not 0."""
    told = [{name for name, _ in row.events} for row in (*mine, *others) if row.requests]
    known = set.intersection(*told) if told else set()
    found: dict[str, tuple[int, int]] = {}
    for rows, arm in ((mine, 0), (others, 1)):
        for name, count in (event for row in rows for event in row.events if event[0] in known):
            found = _summed(found, {name: (0, count) if arm else (count, 0)})
    return found


def _told_by_both(one: dict[str, tuple[int, int]], other: dict[str, tuple[int, int]]) -> dict[str, tuple[int, int]]:
    """The sums of what both windows know: requests without their events would count as fewer."""
    return {name: (one[name][0] + more[0], one[name][1] + more[1]) for name, more in other.items() if name in one}


def _summed(one: dict[str, tuple[int, int]], other: dict[str, tuple[int, int]]) -> dict[str, tuple[int, int]]:
    both = dict(one)
    for name, (candidate, stable) in other.items():
        before = both.get(name, (0, 0))
        both[name] = (before[0] + candidate, before[1] + stable)
    return both

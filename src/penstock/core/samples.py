"""Samples of the last seconds, for conditions: what each arm came to over a trailing window. Pure.

A window is kept in twelve slots of equal length on the source's clock, and read when a slot ends; so folding in pieces is
folding at once. After a hole it fills anew. A gauge is its newest value: of the candidate's instances the highest, of
stable's the median.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from math import isfinite

from penstock.core.latency import Latency, merged, quantile
from penstock.core.limits import GAP_S, Arms, typical
from penstock.core.reading import Level, Reading

SLOTS = 12
HOLE_S = 30.0  # nothing for longer (or for a slot, where that is more) and the window fills anew
QUANTILES = {"p50_ms": 0.5, "p95_ms": 0.95, "p99_ms": 0.99}


@dataclass(frozen=True)
class Arm:
    """What one revision's requests came to in one slot; `duration_us` is the sum of all of them."""

    requests: int = 0
    errors: int = 0
    duration_us: int = 0
    latency: Latency = ()
    events: dict[str, int] = field(default_factory=dict)

    def with_next(self, other: Arm) -> Arm:
        """Both as one."""
        names = {**self.events, **other.events}
        return Arm(
            self.requests + other.requests,
            self.errors + other.errors,
            self.duration_us + other.duration_us,
            merged((self.latency, other.latency)) if self.latency or other.latency else (),
            {name: self.events.get(name, 0) + other.events.get(name, 0) for name in names},
        )


NOBODY = Arm()


@dataclass(frozen=True)
class Slot:
    """Both arms in one stretch of time; `number` counts slots since the epoch."""

    number: int
    candidate: Arm = NOBODY
    stable: Arm = NOBODY


@dataclass(frozen=True)
class Trailing:
    """The slots of a window, oldest first; the last one is still open. Small plain data.

    `with_times`: histograms of how long requests took are kept too, which are most of what it weighs.
    `since` is when it began to fill, `seen` the newest thing of the source, in seconds since the epoch. `gauges` has for each
    "candidate NAME" and "stable NAME" the instances: when last, and the value.
    """

    over_s: float
    with_times: bool = True
    slots: tuple[Slot, ...] = ()
    since: float | None = None
    seen: float = 0.0
    gauges: dict[str, dict[str, tuple[float, float]]] = field(default_factory=dict)

    @property
    def slot_s(self) -> float:
        """How long one slot is."""
        return self.over_s / SLOTS

    @property
    def ends(self) -> int:
        """The number of the slot that is open: those before it are whole."""
        return self.slots[-1].number if self.slots else 0


def with_told(window: Trailing, arms: Arms, told: Reading | Level) -> Trailing:
    """The window after one more thing of the source; what is not final, not of the two arms or sent by Penstock is left out."""
    if not arms.has(told.revision):
        return window
    arm = "candidate" if told.revision == arms.candidate else "stable"
    if isinstance(told, Level):
        if not isfinite(told.value):
            return window
        key = f"{arm} {told.name}"
        fresh = {one: last for one, last in window.gauges.get(key, {}).items() if told.at - last[0] <= GAP_S}
        return replace(window, gauges={**window.gauges, key: {**fresh, told.instance: (told.at, told.value)}})
    if not told.final or told.synthetic:
        return window
    return _with_reading(window, arm, told)


def _with_reading(window: Trailing, arm: str, told: Reading) -> Trailing:
    hole = window.since is not None and told.start - window.seen > max(HOLE_S, window.slot_s)
    if hole or window.since is None:
        window = replace(window, slots=(), since=told.start)
    number = max(int(told.start // window.slot_s), window.ends)  # what comes late is of now
    latency = told.latency if window.with_times else ()
    added = Arm(told.requests, told.errors, told.duration_us, latency, dict(told.events))
    kept = tuple(slot for slot in window.slots if number - SLOTS <= slot.number < number)
    opened = window.slots[-1] if window.slots and window.ends == number else Slot(number)
    if arm == "candidate":
        opened = replace(opened, candidate=opened.candidate.with_next(added))
    else:
        opened = replace(opened, stable=opened.stable.with_next(added))
    return replace(window, slots=(*kept, opened), seen=max(window.seen, told.end))


def sampled(window: Trailing) -> dict[str, float] | None:
    """Every sample that the whole slots of a window give, by the name that conditions use. What has no data is not in it.

    None until the window is full.
    """
    begins = (window.ends - SLOTS) * window.slot_s
    if window.since is None or window.since > begins:
        return None
    found: dict[str, float] = {}
    whole = window.slots[:-1]
    for prefix, arms in (("", [s.candidate for s in whole]), ("stable.", [s.stable for s in whole])):
        found |= {prefix + name: value for name, value in _of_arm(arms)}
    for key, instances in window.gauges.items():
        arm, _, name = key.partition(" ")
        value = typical(instances, window.seen) if arm == "stable" else _highest(instances, window.seen)
        if value is not None:
            found[("stable." if arm == "stable" else "") + name.replace("-", "_")] = value
    return found


def _highest(instances: dict[str, tuple[float, float]], at: float) -> float | None:
    return max((value for last, value in instances.values() if at - last <= GAP_S), default=None)


def _of_arm(slots: list[Arm]) -> Iterable[tuple[str, float]]:
    """The samples of one arm. One that was never asked has no errors and no times; that is not the same as none."""
    total = NOBODY
    for slot in slots:
        total = total.with_next(slot)
    if not total.requests:
        return
    yield "requests", float(total.requests)
    yield "errors", float(total.errors)
    yield from ((name.replace("-", "_"), float(count)) for name, count in total.events.items())
    if total.duration_us:
        yield "mean_ms", total.duration_us / total.requests / 1000
    for name, share in QUANTILES.items():
        edge = quantile(total.latency, share)
        if edge is not None:
            yield name, edge / 1000

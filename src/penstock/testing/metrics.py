"""Readings made up from rates, a seed, and what the platform in memory really did with its traffic."""

from __future__ import annotations

import math
from itertools import pairwise
from random import Random

from penstock.core.reading import Level, Reading
from penstock.errors import PenstockError
from penstock.testing.clock import FakeClock
from penstock.testing.platform import State
from penstock.testing.target import FakeTarget

LATENCY_US = 20_000


class FakeMetrics:
    """The Metrics port: one reading for each unit and revision that had traffic in a second.

    `requests_per_s` is the whole traffic of each unit; it is split as the target's history says. `errors` is
    the share of a revision's requests that fail (0 unless said); a revision without a ready copy fails them
    all. Seconds count on the monotonic clock (a position is the last one read), and bear the wall clock's
    time. Equal seeds give equal readings, whenever they are asked for. Set `down` to a reason and the source
    cannot be read; set `is_stale` and no further second is closed; each is closed `tardy_s` later than `lag_s` says.
    """

    def __init__(
        self,
        target: FakeTarget,
        clock: FakeClock,
        requests_per_s: float = 100.0,
        errors: dict[str, float] | None = None,
        *,
        seed: int = 0,
        lag_s: float = 0.0,
    ) -> None:
        self.lag_s = lag_s
        self.step_s = 1.0
        self.gauges: list[Level] = []
        self.down = ""
        self.is_stale = False
        self.tardy_s = 0.0
        self._target = target
        self._clock = clock
        self._requests_per_s = requests_per_s
        self._errors = dict(errors or {})
        self._seed = seed
        self._seconds: list[list[Reading]] = []
        self._era = 0

    def position(self) -> str:
        """The last second that is closed; empty before the first."""
        self._make()
        return str(len(self._seconds) - 1) if self._seconds else ""

    def closed_until(self) -> float:
        """The end of the last second that is closed; raises PenstockError `readings` while down."""
        if self.down:
            raise PenstockError("readings", self.down, "fake metrics")
        self._make()
        return self._clock.wall_at(len(self._seconds))

    def readings(self, since: str) -> list[Reading]:
        """Every reading after a position, oldest first; raises PenstockError `readings` while down."""
        if self.down:
            raise PenstockError("readings", self.down, "fake metrics")
        self._make()
        return [reading for second in self._seconds[int(since or -1) + 1 :] for reading in second]

    def past(self, span_s: float, *, latency: bool) -> list[Reading]:
        """The closed seconds of the last so many; raises PenstockError `readings` while down."""
        del latency  # every reading has what it has
        last = int(self.position() or -1)
        return [one for one in self.readings("") if int(one.position) > last - span_s]

    def levels(self) -> list[Level]:
        """The gauges, as `gauges` has them; raises PenstockError `readings` while down."""
        if self.down:
            raise PenstockError("readings", self.down, "fake metrics")
        return list(self.gauges)

    def fail(self, revision: str, share: float) -> None:
        """From now on so many of a revision's requests are errors."""
        self._make()
        self._errors[revision] = share

    def load(self, requests_per_s: float) -> None:
        """From now on so many requests a second."""
        self._make()
        self._requests_per_s = requests_per_s

    def _make(self) -> None:
        """Close every second that is over; while `is_stale` none is."""
        self._target.catch_up()
        closed = int(self._clock.monotonic() - self.lag_s - self.tardy_s)
        for second in range(len(self._seconds), closed if not self.is_stale else 0):
            self._seconds.append(self._second(second))

    def _second(self, second: int) -> list[Reading]:
        """Era 0 where the split changed within the second; else the number of splits so far."""
        history = self._target.history
        before = next((state for state in reversed(history) if state.at <= second), history[0])
        within = [state for state in history if second < state.at <= second + 1]
        splits = [before.serving, *(state.serving for state in within)]
        changes = sum(a != b for a, b in pairwise(splits))
        self._era += changes
        last = within[-1] if within else before
        return [
            self._reading(second, last, unit, revision, 0 if changes else self._era)
            for unit in last.serving
            for revision in last.serving[unit]
        ]

    def _reading(self, second: int, state: State, unit: str, revision: str, era: int) -> Reading:
        random = Random(f"{self._seed}/{second}/{unit}/{revision}")
        expected = self._requests_per_s * state.serving[unit][revision] / 1000
        requests = poisson(random, expected)
        share = self._errors.get(revision, 0.0) if state.placed.get(unit, {}).get(revision) else 1.0
        start = self._clock.wall_at(second)
        return Reading(
            unit, revision, start, start + 1, requests, binomial(random, requests, share), era,
            duration_us=requests * LATENCY_US, position=str(second),
        )  # fmt: skip


def binomial(random: Random, count: int, share: float) -> int:
    """How many of `count` trials succeed, each with probability `share`."""
    return sum(random.random() < share for _ in range(count)) if 0 < share < 1 else round(count * share)


def poisson(random: Random, mean: float) -> int:
    """How many independent events come where `mean` are expected; above 500 by the normal's approximation."""
    if mean > 500:
        return max(0, round(random.gauss(mean, math.sqrt(mean))))
    limit, product, count = math.exp(-mean), random.random(), 0
    while product > limit:
        product *= random.random()
        count += 1
    return count

"""Readings made from rates: seeded, second by second, under the split that the fake target has at that time."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass

from penstock.core.reading import Reading
from penstock.errors import PenstockError
from penstock.testing.clock import FakeClock
from penstock.testing.target import FakeTarget


@dataclass
class Traffic:
    """Requests a second, and the share of errors of each revision (`*` for any other)."""

    rps: float
    errors: Mapping[str, float]

    def rate(self, revision: str) -> float:
        return self.errors.get(revision, self.errors.get("*", 0.0))


class FakeMetrics:
    """Fills `ports.Metrics`. `down` raises; a split that changes begins a new era, and its second is nobody's."""

    lag_s = 1.0

    def __init__(self, clock: FakeClock, target: FakeTarget, traffic: Traffic, seed: int) -> None:
        self._clock = clock
        self._target = target
        self._traffic = traffic
        self._chance = random.Random(seed)
        self._rows: list[Reading] = []
        self._second = int(clock.now())
        self._era, self._split = 1, ""
        self.down = False
        self.harmed = 0
        clock.ticks.append(self._flow)

    def position(self) -> str:
        return str(len(self._rows))

    def readings(self, since: str) -> list[Reading]:
        if self.down:
            raise PenstockError("readings", "the source is down")
        return self._rows[int(since or 0) :]

    def _flow(self) -> None:
        """Traffic up to now, a second at a time, at most an hour of it."""
        self._second = max(self._second, int(self._clock.now()) - 3600)
        while self._second < int(self._clock.now()) - self.lag_s:
            self._one_second()
            self._second += 1

    def _one_second(self) -> None:
        units = self._target.platform.units
        split = str({name: unit.split for name, unit in units.items()})
        era = self._era
        if split != self._split:
            self._era, self._split, era = self._era + 1, split, 0
        for name, unit in units.items():
            for revision, weight in unit.split.items():
                requests = self._poisson(self._traffic.rps * weight / 1000)
                if requests:
                    errors = sum(self._chance.random() < self._traffic.rate(revision) for _ in range(requests))
                    self.harmed += errors
                    position = str(len(self._rows) + 1)
                    self._rows.append(
                        Reading(name, revision, self._second, self._second + 1, requests, errors, era, position=position)
                    )

    def _poisson(self, mean: float) -> int:
        """A normal approximation above 30, sums of exponentials below."""
        if mean > 30:
            return max(0, round(self._chance.gauss(mean, mean**0.5)))
        count, at = 0, self._chance.expovariate(1.0)
        while at < mean:
            count += 1
            at += self._chance.expovariate(1.0)
        return count

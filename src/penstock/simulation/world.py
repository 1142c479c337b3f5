"""Traffic, errors and response times made up for many releases at once, in numpy. Every scenario has its law in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import exp, log
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from penstock.core.latency import EDGES

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
_OUTAGE, _OUTAGE_S = 20.0, 300.0


@dataclass(frozen=True)
class Fault:
    """What is wrong with a candidate, from a second on: so many times stable's errors, its response times, and its events."""

    errors: float = 1.0
    times: float = 1.0
    begins_s: float = 0.0
    events: float = 1.0


@dataclass(frozen=True)
class Service:
    """A service as it is: requests a second, error rate (a fraction), and log-normal response times (None: not simulated).

    `own_rps` are requests of Penstock's own, half of them to each arm, which fail as users' do. `events`: by name, how many a
    request brings in the mean.
    """

    rps: float
    error_rate: float
    median_ms: float | None = None
    sigma: float = 0.6
    own_rps: float = 0.0
    events: Mapping[str, float] = field(default_factory=dict)

    def quantile_us(self, share: float) -> float:
        """A quantile of its response times (0.99), in microseconds."""
        return 1000 * (self.median_ms or 0.0) * exp(self.sigma * NormalDist().inv_cdf(share))

    def slower_than(self, limit_us: float, times: float = 1.0) -> float:
        """The share of requests that take longer than a limit, where all take so many times as long."""
        return 1 - NormalDist().cdf((log(limit_us / times) - log(1000 * (self.median_ms or 1.0))) / self.sigma)


@dataclass(frozen=True)
class Weather:
    """What disturbs a service. Nothing of it is the candidate's fault.

    `shock`: the common error rate wanders (log sd `shock`, an hour's memory), with five minutes at twenty times of it.
    `drift`: the rate moves with the hours, by this factor up and down. `cluster`: errors come in clusters of geometric size
    with this mean, within a second. `wander`: each arm's log error rate wanders by itself, the candidate's with this sd and
    stable's with a third of it, with `wander_s` of memory.
    """

    shock: float = 0.0
    drift: float = 0.0
    cluster: float = 1.0
    wander: float = 0.0
    wander_s: float = 600.0


CALM = Weather()


@dataclass
class Sky:
    """The disturbances of every lane, as time goes by: a factor on the error rates of candidate and stable."""

    weather: Weather
    lanes: int
    rng: np.random.Generator
    span_s: float = 10_800.0
    _common: Floats = field(init=False)
    _own: Floats = field(init=False)

    def __post_init__(self) -> None:
        self._common = self.rng.normal(0, self.weather.shock, self.lanes) * (self.weather.shock > 0)
        sds = np.array([[1.0], [1 / 3]]) * self.weather.wander
        self._own = self.rng.normal(0, 1, (2, self.lanes)) * sds
        self._outage = self.rng.uniform(0, max(1.0, self.span_s - _OUTAGE_S), self.lanes)
        self._phase = self.rng.uniform(0, 2 * np.pi, self.lanes)

    def at(self, second: float, passed_s: float = 1.0) -> Floats:
        """Factors of one second, shaped (2, lanes); so long after the one that was asked for before."""
        weather, found = self.weather, np.ones((2, self.lanes))
        if weather.shock:
            kept = np.exp(-passed_s / 3600)
            fresh = weather.shock * np.sqrt(1 - kept * kept)
            self._common = kept * self._common + self.rng.normal(0, fresh, self.lanes)
            out = (second >= self._outage) & (second < self._outage + _OUTAGE_S)
            found *= np.exp(self._common) * np.where(out, _OUTAGE, 1.0)
        if weather.drift:
            found *= weather.drift ** np.sin(2 * np.pi * second / self.span_s + self._phase)
        if weather.wander:
            kept = np.exp(-passed_s / weather.wander_s)
            sds = np.array([[1.0], [1 / 3]]) * weather.wander * np.sqrt(1 - kept * kept)
            self._own = kept * self._own + self.rng.normal(0, 1, (2, self.lanes)) * sds
            found *= np.exp(self._own)
        return found


def arm_of(rng: np.random.Generator, expected: Floats, rate: Floats, cluster: float) -> tuple[Ints, Ints]:
    """One arm's requests and errors, where so many requests are expected; errors may come in clusters of geometric size."""
    errors = events_of(rng, expected * rate, cluster)
    return errors + rng.poisson(expected * (1 - rate)), errors


def events_of(rng: np.random.Generator, expected: Floats, cluster: float) -> Ints:
    """Events, where so many are expected; in clusters of geometric size with this mean, which arrive at random."""
    events: Ints = rng.poisson(expected / cluster)
    if cluster > 1:
        some = events > 0
        events[some] += rng.negative_binomial(events[some], 1 / cluster)
    return events


class Times:
    """The law of log-normal response times, over the own buckets between the ten-thousandths of both arms.

    `edges` instead: only those, the last one infinite; what lies between two of them is one bucket.
    """

    def __init__(self, service: Service, slowest: float, edges: tuple[float, ...] = ()) -> None:
        median = (service.median_ms or 1.0) * 1000
        low, high = median * np.exp(-3.9 * service.sigma), slowest * median * np.exp(3.9 * service.sigma)
        grid = np.array(EDGES)
        first, last = np.searchsorted(grid, [low, high])
        self.edges: tuple[float, ...] = edges or tuple(grid[first : last + 1])
        self._logs = np.log(np.array(self.edges[:-1]) / median)
        self._sigma = service.sigma

    def shares(self, times: float) -> Floats:
        """The chance of each bucket, for response times that are so many times longer."""
        z = (self._logs - np.log(times)) / self._sigma
        below = 0.5 * (1 + _erf(z / np.sqrt(2)))
        return np.diff(np.concatenate([[0.0], below, [1.0]]))


def second_of(
    rng: np.random.Generator, rps: Floats, weight: Floats, rates: Floats, cluster: float = 1.0
) -> tuple[Ints, Ints, Ints, Ints]:
    """One second of every lane: requests and errors of candidate and stable. `rates` shaped (2, lanes), `weight` in 0..1."""
    return (
        *arm_of(rng, rps * weight, rates[0], cluster),
        *arm_of(rng, rps * (1 - weight), rates[1], cluster),
    )


def _erf(x: Floats) -> Floats:
    """The error function to 1.5e-7 (Abramowitz and Stegun 7.1.26): far below what a histogram shows."""
    t = 1 / (1 + 0.3275911 * np.abs(x))
    poly = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))))
    found: Floats = np.sign(x) * (1 - poly * np.exp(-x * x))
    return found

"""Traffic, errors and response times made up for many releases at once, in numpy. Every scenario has its law in words."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import exp, log
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from penstock.core.latency import EDGES
from penstock.simulation.lanes import Counts

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
_OUTAGE, _OUTAGE_S = 20.0, 300.0


@dataclass(frozen=True)
class Fault:
    """What is wrong with a candidate, from a second on: so many times stable's errors, so many times its response times."""

    errors: float = 1.0
    times: float = 1.0
    begins_s: float = 0.0


@dataclass(frozen=True)
class Service:
    """A service as it is: requests a second, error rate (a fraction), and log-normal response times (None: not simulated)."""

    rps: float
    error_rate: float
    median_ms: float | None = None
    sigma: float = 0.6

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
    """The disturbances of every lane, second by second: a factor on the error rates of candidate and stable."""

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

    def at(self, second: float) -> Floats:
        """Factors of one second, shaped (2, lanes); call it for every second in turn."""
        weather, found = self.weather, np.ones((2, self.lanes))
        if weather.shock:
            kept = np.exp(-1 / 3600)
            fresh = weather.shock * np.sqrt(1 - kept * kept)
            self._common = kept * self._common + self.rng.normal(0, fresh, self.lanes)
            out = (second >= self._outage) & (second < self._outage + _OUTAGE_S)
            found *= np.exp(self._common) * np.where(out, _OUTAGE, 1.0)
        if weather.drift:
            found *= weather.drift ** np.sin(2 * np.pi * second / self.span_s + self._phase)
        if weather.wander:
            kept = np.exp(-1 / weather.wander_s)
            sds = np.array([[1.0], [1 / 3]]) * weather.wander * np.sqrt(1 - kept * kept)
            self._own = kept * self._own + self.rng.normal(0, 1, (2, self.lanes)) * sds
            found *= np.exp(self._own)
        return found


def arm_of(rng: np.random.Generator, expected: Floats, rate: Floats, cluster: float) -> tuple[Ints, Ints]:
    """One arm's requests and errors, where so many requests are expected; errors may come in clusters of geometric size."""
    errors = rng.poisson(expected * rate / cluster)
    if cluster > 1:
        some = errors > 0
        errors[some] += rng.negative_binomial(errors[some], 1 / cluster)
    return errors + rng.poisson(expected * (1 - rate)), errors


class Times:
    """Histograms of log-normal response times, over the own buckets between the ten-thousandths of both arms.

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

    def of(self, rng: np.random.Generator, requests: Ints, shares: Floats) -> Ints:
        """Histograms shaped (lanes, buckets); `shares` is one law, or one for each lane."""
        found: Ints = rng.multinomial(requests, shares)
        return found


def second_of(
    rng: np.random.Generator, rps: Floats, weight: Floats, rates: Floats, cluster: float = 1.0
) -> tuple[Ints, Ints, Ints, Ints]:
    """One second of every lane: requests and errors of candidate and stable. `rates` shaped (2, lanes), `weight` in 0..1."""
    return (
        *arm_of(rng, rps * weight, rates[0], cluster),
        *arm_of(rng, rps * (1 - weight), rates[1], cluster),
    )


def counts(arms: tuple[Ints, Ints, Ints, Ints], slow: tuple[Ints, Ints] | None = None) -> Counts:
    """What the lanes fold."""
    return Counts(*arms, *(slow or (None, None)))


def _erf(x: Floats) -> Floats:
    """The error function to 1.5e-7 (Abramowitz and Stegun 7.1.26): far below what a histogram shows."""
    t = 1 / (1 + 0.3275911 * np.abs(x))
    poly = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))))
    found: Floats = np.sign(x) * (1 - poly * np.exp(-x * x))
    return found

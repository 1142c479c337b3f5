"""Seconds of many releases at once, gathered until they may be judged: `core.verdict`'s pools, a lane for each release."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from penstock.core.policy import Policy

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]

_ENOUGH_ALONE = 20


@dataclass(frozen=True)
class Counts:
    """`span_s` seconds of every lane, a window: requests and errors of both arms; with latency, histograms shaped (lanes,
    buckets), unless they are drawn. `events`: by name, what the business counted on candidate and stable.
    """

    n_c: Ints
    k_c: Ints
    n_b: Ints
    k_b: Ints
    slow_c: Ints | None = None
    slow_b: Ints | None = None
    events: Mapping[str, tuple[Ints, Ints]] = field(default_factory=dict)
    span_s: float = 1.0


class Pools:
    """The pool of every lane: `counts` are requests and errors of candidate and stable, `span_s` its seconds with requests."""

    def __init__(self, policy: Policy, lanes: int, rates: Sequence[str] = ()) -> None:
        self._policy = policy
        self.counts = np.zeros((4, lanes), np.int64)
        self.events = {name: np.zeros((2, lanes), np.int64) for name in rates}
        self.span_s = np.zeros(lanes)
        self._second, self._era = np.zeros(lanes), np.zeros(lanes, np.int64)

    def is_apart(self, second: float, era: Ints) -> Mask:
        """Lanes whose pool has something that does not belong together with this second."""
        apart: Mask = (self.span_s > 0) & ((self._era != era) | (np.abs(second - self._second) >= self._policy.pool_s))
        return apart

    def add(self, second: float, now: Counts, era: Ints, some: Mask) -> None:
        """A second, in which these lanes have requests."""
        fresh = some & (self.span_s == 0)
        np.copyto(self._second, second, where=fresh)
        np.copyto(self._era, era, where=fresh)
        self.counts += (now.n_c, now.k_c, now.n_b, now.k_b)
        for name, events in self.events.items():
            events += now.events[name]  # noqa: PLW2901 - in place
        self.span_s += some * now.span_s

    def is_full(self) -> Mask:
        """Lanes whose pool may be judged."""
        n_c, n_b, enough = self.counts[0], self.counts[2], self._policy.pool_requests
        both = np.minimum(n_c, n_b) if self._policy.compared else n_c
        full: Mask = (both >= enough) | (n_c >= _ENOUGH_ALONE * enough) | (self.span_s >= self._policy.pool_s)
        return full

    def empty(self, at: Ints) -> None:
        """Pools of these lanes were judged."""
        self.counts[:, at], self.span_s[at] = 0, 0.0
        for both in self.events.values():
            both[:, at] = 0


class Pool:
    """The pools of some lanes, `at`, as floats. `split`: requests on the candidate for each on stable, or 0."""

    def __init__(self, pools: Pools, at: Ints, dispersion: Floats | None) -> None:
        self.at, self.span_s = at, pools.span_s.take(at)
        self.counts = n_c, _, n_b, _ = tuple(pools.counts.take(at, axis=1).astype(np.float64))
        self.paired: Mask = (n_c > 0) & (n_b > 0)
        self.split = np.divide(n_c, n_b, out=np.zeros_like(n_c), where=n_b > 0)
        self.dispersion = None if dispersion is None else dispersion.take(at)
        self._events = {name: both.take(at, axis=1).astype(np.float64) for name, both in pools.events.items()}

    def with_events(self, name: str) -> tuple[Floats, Floats, Floats, Floats]:
        """Requests and events of candidate and stable."""
        n_c, _, n_b, _ = self.counts
        candidate, stable = self._events[name]
        return n_c, candidate, n_b, stable

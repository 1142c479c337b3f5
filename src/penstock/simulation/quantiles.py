"""Stable's quantiles and what lies beyond them, for many releases at once: `core.slow`, a lane for each release."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from penstock.core import slow
from penstock.core.policy import LatencyRule, Policy

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]


_NEAR = 1.5  # stable's quantile, once it is believed, is found within this factor of the true one


def edges_near(policy: Policy, quantiles_us: Mapping[float, float]) -> tuple[float, ...]:
    """The edges of the source's buckets that may come to divide fast from slow, where stable's true quantiles are these.

    A few dozen instead of hundreds; over them a verdict is the same as over all, as long as stable's quantiles are found near
    the true ones. The last is infinite.
    """
    kept = {np.inf}
    for rule in policy.latency:
        if rule.at_most_us is not None:
            kept.add(policy.edge(rule.at_most_us))
        true = quantiles_us[rule.quantile]
        found = {one for one in policy.grid if true / _NEAR <= one <= true * _NEAR}
        found |= {policy.edge(one) for one in (true, rule.past_us) if one}
        kept |= found
        if rule.ratio is not None:
            kept |= {policy.edge(one * rule.ratio + rule.plus_us) for one in found}
            kept |= {policy.edge(one * rule.promote_ratio + rule.promote_plus_us) for one in found}
    return tuple(sorted(kept))


@dataclass(frozen=True)
class Beyond:
    """Of each lane's pool: whether stable's quantile is known, its share beyond; stable's requests beyond it, and the
    candidate's beyond the strict edge (against it) and the wide one (for it).
    """

    known: Mask
    share: Floats
    stable: Floats
    strict: Floats
    wide: Floats


class Quantiles:
    """Histograms over the buckets whose upper edges are `edges`: the pool of each lane, and what stable was lately."""

    def __init__(self, policy: Policy, lanes: int, edges: tuple[float, ...]) -> None:
        self._policy, self._edges = policy, np.array(edges)
        size = len(edges)
        self._pool = np.zeros((2, lanes, size), np.int64)
        self._kept, self._fresh = np.zeros((lanes, size)), np.zeros((lanes, size), np.int64)
        self._fresh_s = np.zeros(lanes)
        self._any = np.zeros(lanes, bool)
        known = slow.begin(policy).quantiles
        self._at: dict[str, Floats] = {}
        self._share: dict[str, Floats] = {}
        for rule in policy.latency:
            edge, share = known.get(rule.name, (np.nan, 1 - rule.quantile))
            self._at[rule.name], self._share[rule.name] = np.full(lanes, edge), np.full(lanes, share)
            self._any |= rule.name in known

    def pool(self, some: Mask, candidate: Ints, stable: Ints) -> None:
        """Add a second to the pools of some lanes."""
        self._pool[0, some] += candidate[some]
        self._pool[1, some] += stable[some]

    def size_c(self, at: Ints) -> Floats:
        """The candidate's requests in the pools."""
        return _floats(self._pool[0, at].sum(axis=1))

    def size_b(self, at: Ints) -> Floats:
        """Stable's requests in the pools."""
        return _floats(self._pool[1, at].sum(axis=1))

    def beyond(self, rule: LatencyRule, at: Ints) -> tuple[Floats, Floats]:
        """Requests of candidate and stable beyond a rule's limit."""
        edge = np.full(len(at), self._policy.edge(rule.at_most_us or 0.0))
        return self._above(0, at, edge), self._above(1, at, edge)

    def compared(self, rule: LatencyRule, at: Ints) -> Beyond:
        """Requests beyond stable's quantile, and beyond what a rule makes of it."""
        quantile = self._at[rule.name][at]
        known = ~np.isnan(quantile)
        times = np.where(known, quantile, 1.0)
        ratio = rule.ratio if rule.ratio is not None else 1.0
        strict = self._edge(times * ratio + rule.plus_us)
        wide = self._edge(times * rule.promote_ratio + rule.promote_plus_us)
        share = self._share[rule.name][at]
        return Beyond(known, share, self._above(1, at, times), self._above(0, at, strict), self._above(0, at, wide))

    def judged(self, at: Ints, span: Floats) -> None:
        """Remember stable's times of the pools, find its quantiles anew where it is time, and empty the pools."""
        self._fresh[at] += self._pool[1, at]
        self._fresh_s[at] += span
        self._pool[:, at] = 0
        due = at[(self._fresh_s[at] >= slow.REFRESH_S) | ~self._any[at]]
        if not len(due):
            return
        kept = self._kept[due]
        kept = np.where(kept > slow.FORGOTTEN, kept * slow.KEPT, 0.0) + self._fresh[due]
        self._kept[due], self._fresh[due], self._fresh_s[due] = kept, 0, 0.0
        passed = np.cumsum(kept, axis=1)
        total = passed[:, -1]
        for rule in self._policy.latency:
            bucket = np.argmax(passed >= (rule.quantile * total)[:, None], axis=1)
            rows = np.arange(len(due))
            beyond, edge = total - passed[rows, bucket], self._edges[bucket]
            last = beyond <= 0  # the last bucket: what is in it is slower than the edge below it
            before = np.where(bucket > 0, passed[rows, np.maximum(bucket - 1, 0)], 0.0)
            below = np.append(0.0, self._policy.grid)[np.searchsorted(self._policy.grid, edge)]
            beyond, edge = np.where(last, total - before, beyond), np.where(last, below, edge)
            enough = total * (1 - rule.quantile) >= slow.ENOUGH
            share = np.maximum(beyond / np.maximum(total, 1e-9), 1 / (total + 1))
            share = np.minimum(share, 1 - 1 / (total + 1))
            self._at[rule.name][due] = np.where(enough, edge, self._at[rule.name][due])
            self._share[rule.name][due] = np.where(enough, share, self._share[rule.name][due])
            self._any[due] |= enough

    def _edge(self, limit: Floats) -> Floats:
        """`Policy.edge` of every lane."""
        grid = self._policy.grid
        return np.append(grid, np.inf)[np.searchsorted(grid, limit)]

    def _above(self, arm: int, at: Ints, edge: Floats) -> Floats:
        beyond = self._edges[None, :] > edge[:, None]
        return _floats((self._pool[arm, at] * beyond).sum(axis=1))


def _floats(counts: Ints) -> Floats:
    return counts.astype(np.float64)

"""Stable's quantiles and what lies beyond them, for many releases at once: `core.slow`, a lane for each release."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from penstock.core import slow
from penstock.core.policy import LatencyRule, Policy
from penstock.simulation.histograms import Drawn, Whole
from penstock.simulation.pools import Counts

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
    """For one rule, of each lane: whether stable's quantile is known, and its share beyond; stable's requests beyond it, and
    the candidate's beyond the strict edge (against it) and the wide one (for it); both arms' beyond the limit.

    What the rule does not ask, or nobody can be accepted by, is None.
    """

    known: Mask
    share: Floats
    stable: Floats
    strict: Floats | None = None
    wide: Floats | None = None
    limit: tuple[Floats, Floats] | None = None


@dataclass(frozen=True)
class Judged:
    """Requests of each lane's pool whose times are known, `n_c` and `n_b`, and for each rule what lies beyond its edges."""

    n_c: Floats
    n_b: Floats
    rules: list[Beyond]


class Quantiles:
    """What is known of stable's quantiles in each lane, and what lies beyond them in the pools of `times`."""

    def __init__(self, policy: Policy, lanes: int, times: Whole | Drawn) -> None:
        self._policy, self._times, self._edges = policy, times, times.edges
        self._accepts = bool(policy.accepting)
        self._kept = np.zeros((lanes, len(times.edges)))
        self._fresh_s = np.zeros(lanes)
        self._of = list(dict.fromkeys((rule.quantile, rule.past_us) for rule in policy.latency))
        known = [policy.edge(past_us) if past_us else np.nan for _, past_us in self._of]
        self._at = np.tile(np.array(known)[:, None], (1, lanes))
        self._share = np.tile(np.array([1 - quantile for quantile, _ in self._of])[:, None], (1, lanes))
        self._any = ~np.isnan(self._at).all(axis=0)
        times.cut(*self._cuts(self._at))

    def add(self, now: Counts) -> None:
        """A second of every lane to the pools."""
        if isinstance(self._times, Drawn):
            self._times.add(now.n_c, now.n_b)
        elif now.slow_c is not None and now.slow_b is not None:
            self._times.add(now.slow_c, now.slow_b)

    def look(self, at: Ints) -> Judged:
        """What is in the pools of some lanes."""
        seen = self._times.look(at)
        candidate, limits = iter(seen.candidate), iter(seen.stable[len(self._of) :])
        known, share = ~np.isnan(self._at.take(at, axis=1)), self._share.take(at, axis=1)
        found = []
        for rule in self._policy.latency:
            row = self._row(rule)
            strict = next(candidate) if self._compares(rule) else None
            wide = next(candidate) if self._compares(rule) and self._accepts else None
            limit = (next(candidate), next(limits)) if rule.at_most_us is not None else None
            found.append(Beyond(known[row], share[row], seen.stable[row], strict, wide, limit))
        return Judged(seen.n_c, seen.n_b, found)

    def judged(self, at: Ints, span: Floats) -> None:
        """Remember stable's times of the pools, find its quantiles anew where it is time, and empty the pools."""
        self._times.judged(at)
        self._fresh_s[at] += span
        due = at[(self._fresh_s[at] >= slow.REFRESH_S) | ~self._any[at]]
        if not len(due) or not self._policy.compared:
            return
        kept = self._kept[due]
        faded = np.where(np.isnan(self._at[:, due]).any(axis=0), 1.0, slow.KEPT)[:, None]
        kept = np.where(kept > slow.FORGOTTEN, kept * faded, 0.0) + self._times.fresh(due)
        self._kept[due], self._fresh_s[due] = kept, 0.0
        passed = np.cumsum(kept, axis=1)
        for row, (quantile, _) in enumerate(self._of):
            enough, edge, share = self._quantile(quantile, passed)
            self._at[row, due] = np.where(enough, edge, self._at[row, due])
            self._share[row, due] = np.where(enough, share, self._share[row, due])
            self._any[due] |= enough
        self._times.recut(due, *self._cuts(self._at[:, due]))

    def _quantile(self, quantile: float, passed: Floats) -> tuple[Mask, Floats, Floats]:
        """`slow._quantile` of every lane, of what `passed` each edge: whether there is enough, the edge, the share beyond."""
        rows, total = np.arange(len(passed)), passed[:, -1]
        bucket = np.argmax(passed >= (quantile * total)[:, None], axis=1)
        beyond, edge = total - passed[rows, bucket], self._edges[bucket]
        last = beyond <= 0  # the last bucket: what is in it is slower than the edge below it
        before = np.where(bucket > 0, passed[rows, np.maximum(bucket - 1, 0)], 0.0)
        below = np.append(0.0, self._policy.grid)[np.searchsorted(self._policy.grid, edge)]
        beyond, edge = np.where(last, total - before, beyond), np.where(last, below, edge)
        enough = total * (1 - quantile) >= slow.ENOUGH
        share = np.maximum(beyond / np.maximum(total, 1e-9), 1 / (total + 1))
        return enough, edge, np.minimum(share, 1 - 1 / (total + 1))

    def _cuts(self, quantiles: Floats) -> tuple[Ints, Ints]:
        """What is asked of candidate and stable where stable's quantiles are these, in the order in which `look` reads it."""
        times = np.where(np.isnan(quantiles), 1.0, quantiles)
        candidate, limits = [], []
        for rule in self._policy.latency:
            own = times[self._row(rule)]
            if self._compares(rule):
                candidate.append(self._edge(own * (rule.ratio or 1.0) + rule.plus_us))
            if self._compares(rule) and self._accepts:
                candidate.append(self._edge(own * rule.promote_ratio + rule.promote_plus_us))
            if rule.at_most_us is not None:
                limits.append(np.full(len(own), self._policy.edge(rule.at_most_us)))
                candidate.append(limits[-1])
        return self._cut(candidate), self._cut([*times, *limits])

    def _row(self, rule: LatencyRule) -> int:
        """Rules of one quantile share what is known of it."""
        return self._of.index((rule.quantile, rule.past_us))

    def _compares(self, rule: LatencyRule) -> bool:
        return self._policy.compared and rule.ratio is not None

    def _cut(self, edges: list[Floats]) -> Ints:
        found: Ints = np.searchsorted(self._edges, np.array(edges), side="right")
        return found

    def _edge(self, limit: Floats) -> Floats:
        """`Policy.edge` of every lane."""
        grid = self._policy.grid
        return np.append(grid, np.inf)[np.searchsorted(grid, limit)]

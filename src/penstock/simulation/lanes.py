"""The verdict over many releases at once: the same fold as `core.verdict`, a lane for each release, in numpy.

A test holds every look of it against the product's own fold. Winnings are kept as plain numbers instead of logarithms: what
falls below 1e-300 is as good as nothing, and what exceeds it is kept there.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from penstock.core.eprocess import Margin, Prior
from penstock.core.policy import AS_FAST, AS_GOOD, AS_MANY, FEWER, SLOWER, WORSE, Policy, RateRule
from penstock.simulation.factors import best_bets, limit_factors, log_factors, paired_factors
from penstock.simulation.histograms import Drawn, Whole
from penstock.simulation.pools import Counts, Pool, Pools
from penstock.simulation.quantiles import Judged, Quantiles
from penstock.simulation.winnings import Factors, Winnings

__all__ = ["Counts", "Lanes"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]

_MEMORY_S = 10.0
_SOME_BASE = 0.1  # without points in the margin the best bet does not depend on the base


class Lanes:
    """The state of every lane. `dispersion` and `past` may differ by lane, where the policy's own do not hold for all.

    `times` are the response times, for policies with latency rules.
    """

    def __init__(
        self,
        policy: Policy,
        lanes: int,
        dispersion: Floats | None = None,
        past: Floats | None = None,
        times: Whole | Drawn | None = None,
    ) -> None:
        self.policy, self.lanes = policy, lanes
        spread = np.full(lanes, policy.dispersion) if dispersion is None else dispersion
        self._dispersion = None if (spread == 1).all() else spread
        before = np.full(lanes, 0.5 if policy.past is None else 500 * policy.past)
        self._prior = before if past is None else 500 * past
        self._against = Winnings(policy.priors, lanes, policy.starts.at_once)
        self._for = Winnings(policy.accepting if policy.priors else {}, lanes)
        self._started = np.zeros(lanes, np.int64)
        self._users = Pools(policy, lanes, [rule.name for rule in policy.rates if policy.compared])
        self._own = Pools(policy, lanes) if "traffic" in policy.priors else None
        self._seen = np.zeros((4, lanes), np.int64)  # judged in pairs
        self._recent = {name: np.zeros((2, lanes)) for name in policy.priors if name.endswith(("absolute", "limit"))}
        self.watched_s = np.zeros(lanes)
        self.odds, self.acceptance = np.ones(lanes), np.ones(lanes)
        self.convicted: Mask = np.zeros(lanes, bool)
        self._slow = Quantiles(policy, lanes, times) if policy.latency and times else None
        self._limit_bets = self._bets_on_the_limit()

    def step(self, second: float, now: Counts, era: Ints, own: Counts | None = None) -> None:
        """One more window of every lane; lanes that were convicted stay as they were. `own`: Penstock's own requests."""
        self._gather(self._users, second, now, era)
        if self._own and own:
            self._gather(self._own, second, own, era)

    def healthy(self, gate: float) -> Mask:
        """Lanes that are accepted."""
        return (self.acceptance >= 1 / self.policy.false_promotions) & (self.odds < gate) & ~self.convicted

    def weighed(self, weights: Mapping[str, float], at: Ints | None = None) -> Floats:
        """What the channels have won in some lanes or all, cash included, with weights that add up to 1."""
        started = self._started if at is None else self._started.take(at)
        return self._against.weighed(weights, at) + (self.policy.starts.later - started) * self.policy.starts.each

    def _gather(self, pools: Pools, second: float, now: Counts, era: Ints) -> None:
        some = (now.n_c + now.n_b > 0) & ~self.convicted
        apart = some & pools.is_apart(second, era)
        if apart.any():
            self._judge(pools, np.flatnonzero(apart))
            some &= ~self.convicted
        pools.add(second, now, era, some)
        if self._slow and pools is self._users:
            self._slow.add(now)
        full = some & pools.is_full()
        if full.any():
            self._judge(pools, np.flatnonzero(full))

    def _judge(self, pools: Pools, at: Ints) -> None:
        """Judge the pools of some lanes, and empty them."""
        pool = Pool(pools, at, self._dispersion)
        against, accepting = self._against.factors(at), self._for.factors(at)
        if pools is self._own:
            self._errors(pool, ("traffic", "traffic"), against, accepting)
        else:
            self._errors(pool, ("relative", "errors"), against, accepting)
            self._limit(pool, against)
            if self._slow:
                self._latency(pool, self._slow.look(at), against, accepting)
                self._slow.judged(at, pool.span_s)
            for rule in self.policy.rates if self.policy.compared else ():
                _rate(rule, pool, against, accepting)
        self._grow(at, against, accepting)
        if pools is self._users:
            self._seen[:, at] += pools.counts[:, at] * self._able(pool)
            self.watched_s[at] += pool.span_s
        pools.empty(at)

    def _able(self, pool: Pool) -> Mask:
        return pool.paired if self.policy.compared else pool.counts[0] > 0

    def _errors(self, pool: Pool, names: tuple[str, str], against: Factors, accepting: Factors) -> None:
        policy, spread = self.policy, pool.dispersion
        seen_n, seen_k = (
            self._seen[2:].take(pool.at, axis=1) if policy.compared else self._seen[:2].take(pool.at, axis=1)
        )
        base = (seen_k + self._prior.take(pool.at)) / (seen_n + 500)
        if policy.compared:
            worse = np.minimum(1.0, _times(WORSE, policy.margin.ratio * base + policy.margin.points))
            bets = np.maximum(1.0, best_bets(worse, base, pool.split, policy.margin, spread))
            against.put(names[0], log_factors(pool.counts, pool.split, bets, policy.margin, spread), pool.paired)
        if policy.accepting:
            good = np.minimum(1.0, _times(AS_GOOD, base))
            bets = np.minimum(1.0, best_bets(good, base, pool.split, policy.accepted, spread))
            found = log_factors(pool.counts, pool.split, bets, policy.accepted, spread)
            accepting.put(names[1], found, self._able(pool))

    def _bets_on_the_limit(self) -> Floats:
        """Always the same: they depend on nothing that is seen."""
        if not self.policy.at_most:
            return np.ones((len(WORSE), self.lanes))
        nothing = np.zeros(self.lanes)
        broken = np.minimum(1.0, _times(WORSE, nothing + self.policy.at_most))
        return np.maximum(1.0, best_bets(broken, nothing, nothing, self.policy.limit, self._dispersion))

    def _limit(self, pool: Pool, against: Factors) -> None:
        if self.policy.at_most is not None:
            _, _, n_b, k_b = pool.counts
            bets = self._limit_bets.take(pool.at, axis=1)
            found = log_factors(pool.counts, pool.split, bets, self.policy.limit, pool.dispersion)
            against.put("absolute", found, self._is_kept("absolute", pool, n_b, k_b, self.policy.at_most))

    def _is_kept(self, name: str, pool: Pool, requests: Floats, beyond: Floats, limit: float) -> Mask:
        """Whether stable itself keeps a limit, lately and in this very window: elsewhere it is suspended."""
        recent = self._recent[name].take(pool.at, axis=1) * 0.5 ** (pool.span_s / _MEMORY_S)
        recent += np.array([requests, beyond])
        self._recent[name][:, pool.at] = recent
        kept: Mask = (recent[1] <= limit * recent[0]) & (beyond <= limit * requests)
        return kept if self.policy.compared else np.ones_like(kept)

    def _latency(self, pool: Pool, seen: Judged, against: Factors, accepting: Factors) -> None:
        n_c, n_b = seen.n_c, seen.n_b
        for rule, found in zip(self.policy.latency, seen.rules, strict=True):
            if found.limit:
                limit, name = 1 - rule.quantile, f"{rule.name} limit"
                kept = self._is_kept(name, pool, n_b, found.limit[1], limit)
                against.put(name, limit_factors(n_c, found.limit[0], limit, SLOWER) / rule.dispersion, kept)
            for factors, beyond, prior in ((against, found.strict, SLOWER), (accepting, found.wide, AS_FAST)):
                if beyond is not None:
                    logs = paired_factors((n_c, beyond, n_b, found.stable), prior, found.share)
                    factors.put(rule.name, logs / rule.dispersion, found.known)

    def _grow(self, at: Ints, against: Factors, accepting: Factors) -> None:
        """Later starts first, then what the window pays; then odds and acceptance of these lanes, and who is convicted."""
        policy, starts = self.policy, self.policy.starts
        due = np.minimum(starts.later, self.watched_s.take(at) // starts.every_s).astype(np.int64)
        fresh = (due - self._started.take(at)).astype(np.float64) * starts.each
        self._against.grow(at, against, fresh)
        self._started[at] = due
        self.odds[at] = odds = self.weighed(policy.weights, at) if policy.weights else np.ones(len(at))
        self.convicted[at] = odds >= 1 / policy.false_rollbacks
        if policy.accepting:
            self._for.grow(at, accepting)
            self.acceptance[at] = _accepted(policy, self._for.won(at))


def _accepted(policy: Policy, won: dict[str, Floats]) -> Floats:
    """The least of what must be accepted; Penstock's own requests stand for users' where these are too few to tell."""
    errors, own = won.pop("errors"), won.pop("traffic", None)
    if own is not None:
        errors = np.maximum(errors, np.minimum(own, errors / policy.false_promotions))
    found: Floats = np.min([errors, *won.values()], axis=0)
    return found


def _rate(rule: RateRule, pool: Pool, against: Factors, accepting: Factors) -> None:
    base = np.full(len(pool.at), _SOME_BASE)
    spread = None if rule.dispersion == 1 else np.full(len(pool.at), rule.dispersion)
    counts = pool.with_events(rule.name)
    margin, accepted = Margin(rule.ratio, 0.0), Margin(rule.promote_ratio, 0.0)
    fewer = np.minimum(1.0, best_bets(_times(FEWER, rule.ratio * base), base, pool.split, margin, spread))
    against.put(rule.name, log_factors(counts, pool.split, fewer, margin, spread), pool.paired)
    many = np.maximum(1.0, best_bets(_times(AS_MANY, base), base, pool.split, accepted, spread))
    accepting.put(rule.name, log_factors(counts, pool.split, many, accepted, spread), pool.paired)


def _times(prior: Prior, base: Floats) -> Floats:
    """The alternatives of a prior, shaped (bets, lanes)."""
    return np.array(prior.ratios)[:, None] * base

"""The verdict over many releases at once: the same fold as `core.verdict`, a lane for each release, in numpy.

A test holds every look of it against the product's own fold. Winnings are kept as plain numbers instead of logarithms: what
falls below 1e-300 is as good as nothing, and what exceeds it is kept there. Rates of the business are left out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from penstock.core.eprocess import CAP, MOST, Margin, Prior
from penstock.core.policy import AS_FAST, AS_GOOD, SLOWER, WORSE, LatencyRule, Policy
from penstock.simulation.quantiles import Quantiles

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]

_LEAST_B = 1e-9
_PAYABLE = 0.95
_MEMORY_S = 10.0
_ENOUGH_ALONE = 20
_WORSE, _AS_GOOD = np.array(WORSE.ratios)[:, None], np.array(AS_GOOD.ratios)[:, None]


@dataclass(frozen=True)
class Counts:
    """One second of every lane: requests and errors of both arms; with latency, histograms shaped (lanes, buckets)."""

    n_c: Ints
    k_c: Ints
    n_b: Ints
    k_b: Ints
    slow_c: Ints | None = None
    slow_b: Ints | None = None


class Lanes:
    """The state of every lane. `dispersion` and `past` may differ by lane, where the policy's own do not hold for all.

    `edges` are the upper edges of the histograms' buckets, for policies with latency rules.
    """

    def __init__(
        self,
        policy: Policy,
        lanes: int,
        dispersion: Floats | None = None,
        past: Floats | None = None,
        edges: tuple[float, ...] = (),
    ) -> None:
        self.policy, self.lanes = policy, lanes
        self._dispersion = np.full(lanes, policy.dispersion) if dispersion is None else dispersion
        before = np.full(lanes, 0.5 if policy.past is None else 500 * policy.past)
        self._prior = before if past is None else 500 * past
        starts = policy.starts
        self._bets = {name: starts.at_once * _shares(prior, lanes) for name, prior in policy.priors.items()}
        self._started = {name: np.zeros(lanes, np.int64) for name in policy.priors}
        self._for = {name: _shares(prior, lanes) for name, prior in policy.accepting.items()}
        self._pool = np.zeros((4, lanes), np.int64)
        self._pool_second, self._pool_span = np.zeros(lanes), np.zeros(lanes)
        self._pool_era = np.zeros(lanes, np.int64)
        self._seen = np.zeros((4, lanes), np.int64)  # judged in pairs
        self._recent = {name: np.zeros((2, lanes)) for name in policy.priors if name.endswith(("absolute", "limit"))}
        self.watched_s = np.zeros(lanes)
        self.odds, self.acceptance = np.ones(lanes), np.ones(lanes)
        self.convicted: Mask = np.zeros(lanes, bool)
        self._slow = Quantiles(policy, lanes, edges) if policy.latency else None
        nothing, broken = np.zeros(lanes), np.minimum(1.0, _WORSE * np.full(lanes, policy.at_most or 0.0))
        self._limit_bets = (  # always the same: it depends on nothing that is seen
            np.maximum(1.0, _best(broken, nothing, nothing, policy.limit, self._dispersion))
            if policy.at_most
            else broken
        )

    def step(self, second: float, now: Counts, era: Ints) -> None:
        """One more second of every lane; lanes that were convicted stay as they were."""
        some = (now.n_c + now.n_b > 0) & ~self.convicted
        apart = (self._pool_era != era) | (np.abs(second - self._pool_second) >= self.policy.pool_s)
        stale = some & (self._pool_span > 0) & apart
        if stale.any():
            self._judge(np.flatnonzero(stale))
            some &= ~self.convicted
        fresh = some & (self._pool_span == 0)
        self._pool_second[fresh], self._pool_era[fresh] = second, era[fresh]
        for row, counts in zip(self._pool, (now.n_c, now.k_c, now.n_b, now.k_b), strict=True):
            np.add(row, counts, out=row, where=some)
        if self._slow and now.slow_c is not None and now.slow_b is not None:
            self._slow.pool(some, now.slow_c, now.slow_b)
        self._pool_span[some] += 1.0
        n_c, n_b, enough = self._pool[0], self._pool[2], self.policy.pool_requests
        both = np.minimum(n_c, n_b) if self.policy.compared else n_c
        full = (both >= enough) | (n_c >= _ENOUGH_ALONE * enough) | (self._pool_span >= self.policy.pool_s)
        full &= some
        if full.any():
            self._judge(np.flatnonzero(full))

    def healthy(self, gate: float) -> Mask:
        """Lanes that are accepted."""
        return (self.acceptance >= 1 / self.policy.false_promotions) & (self.odds < gate) & ~self.convicted

    def _judge(self, at: Ints) -> None:
        """Judge the pools of some lanes, and empty them."""
        policy = self.policy
        n_c, k_c, n_b, k_b = (row[at].astype(np.float64) for row in self._pool)
        span, paired = self._pool_span[at], (n_c > 0) & (n_b > 0)
        split = np.divide(n_c, n_b, out=np.zeros_like(n_c), where=n_b > 0)
        known = self._seen[:, at]
        seen_n, seen_k = (known[2], known[3]) if policy.compared else (known[0], known[1])
        base = (seen_k + self._prior[at]) / (seen_n + 500)
        spread = self._dispersion[at]
        against: dict[str, Floats] = {}
        accepting: dict[str, Floats] = {}
        if policy.compared:
            edge = policy.margin.ratio * base + policy.margin.points
            worse = np.minimum(1.0, _WORSE * edge)
            best = np.maximum(1.0, _best(worse, base, split, policy.margin, spread))
            factors = _factors(n_c, k_c, k_b, split, best, policy.margin, spread)
            against["relative"] = np.where(paired[:, None], factors, 0.0)
        if policy.accepting:
            margin = policy.accepted
            good = np.minimum(1.0, _AS_GOOD * base)
            best = np.minimum(1.0, _best(good, base, split, margin, spread))
            factors = _factors(n_c, k_c, k_b, split, best, margin, spread)
            able = paired if policy.compared else n_c > 0
            accepting["errors"] = np.where(able[:, None], factors, 0.0)
        if "absolute" in policy.priors and policy.at_most is not None:
            best = self._limit_bets[:, at]
            factors = _factors(n_c, k_c, k_b, np.zeros_like(n_c), best, policy.limit, spread)
            against["absolute"] = self._unless_broken("absolute", at, n_b, k_b, span, policy.at_most, factors)
        if self._slow:
            self._quantiles(self._slow, at, span, against, accepting)
        for name, factors in against.items():
            self._grow(name, at, factors)
        for name, factors in accepting.items():
            prior = self._for[name][at] * np.exp(np.minimum(factors, CAP))
            self._for[name][at] = np.minimum(prior, MOST)
        counted = paired if policy.compared else n_c > 0
        self._seen[:, at] += self._pool[:, at] * counted
        self.watched_s[at] += span
        self._pool[:, at], self._pool_span[at] = 0, 0.0
        self._settle(at)

    def _grow(self, name: str, at: Ints, factors: Floats) -> None:
        """Later starts first, then what the window pays."""
        starts, process = self.policy.starts, self._bets[name][at]
        due = np.minimum(starts.later, self.watched_s[at] // starts.every_s).astype(np.int64)
        begun = np.maximum(0, due - self._started[name][at])
        if begun.any():
            process += (begun * starts.each)[:, None] * np.array(self.policy.priors[name].shares)
        self._started[name][at] = np.maximum(due, self._started[name][at])
        self._bets[name][at] = np.minimum(process * np.exp(np.minimum(factors, CAP)), MOST)

    def _settle(self, at: Ints) -> None:
        """Odds and acceptance of the lanes that were judged, and whether they are convicted now."""
        odds, starts = np.zeros(len(at)), self.policy.starts
        for name, share in self.policy.weights.items():
            cash = (starts.later - self._started[name][at]) * starts.each
            odds += share * (self._bets[name][at].sum(axis=1) + cash)
        self.odds[at] = odds
        self.convicted[at] = odds >= 1 / self.policy.false_rollbacks
        if self._for:
            self.acceptance[at] = np.min([process[at].sum(axis=1) for process in self._for.values()], axis=0)

    def _unless_broken(
        self, name: str, at: Ints, requests: Floats, beyond: Floats, span: Floats, limit: float, factors: Floats
    ) -> Floats:
        """No evidence where stable itself breaks a limit, lately or in this very window."""
        kept = 0.5 ** (span / _MEMORY_S)
        recent = self._recent[name][:, at] * kept + np.array([requests, beyond])
        self._recent[name][:, at] = recent
        broken = (recent[1] > limit * recent[0]) | (beyond > limit * requests)
        return np.where((broken & self.policy.compared)[:, None], 0.0, factors)

    def _quantiles(
        self, slow: Quantiles, at: Ints, span: Floats, against: dict[str, Floats], accepting: dict[str, Floats]
    ) -> None:
        for rule in self.policy.latency:
            if rule.at_most_us is not None:
                self._limit(slow, rule, at, span, against)
            if rule.ratio is not None and self.policy.compared:
                found = slow.compared(rule, at)
                sizes = slow.size_c(at), slow.size_b(at)
                worse = _paired(sizes[0], found.strict, sizes[1], found.stable, SLOWER, found.share) / rule.dispersion
                as_fast = _paired(sizes[0], found.wide, sizes[1], found.stable, AS_FAST, found.share) / rule.dispersion
                known = found.known
                against[rule.name] = np.where(known[:, None], worse, 0.0)
                if rule.name in self._for:
                    accepting[rule.name] = np.where(known[:, None], as_fast, 0.0)
        slow.judged(at, span)

    def _limit(self, slow: Quantiles, rule: LatencyRule, at: Ints, span: Floats, against: dict[str, Floats]) -> None:
        limit = 1 - rule.quantile
        n_c, n_b = slow.size_c(at), slow.size_b(at)
        k_c, k_b = slow.beyond(rule, at)
        shares = np.array([odds * limit / (1 + (odds - 1) * limit) for odds in SLOWER.ratios])
        factors = k_c[:, None] * np.log(shares / limit) + (n_c - k_c)[:, None] * (np.log1p(-shares) - np.log1p(-limit))
        name = f"{rule.name} limit"
        against[name] = self._unless_broken(name, at, n_b, k_b, span, limit, factors / rule.dispersion)


def _shares(prior: Prior, lanes: int) -> Floats:
    return np.tile(np.array(prior.shares), (lanes, 1))


def _best(alternative: Floats, base: Floats, split: Floats, margin: Margin, spread: Floats) -> Floats:
    """`eprocess.best_bet`, for every lane; `alternative` and what is found are shaped (bets, lanes)."""
    single = _growth(alternative, base, split, margin)
    if (spread == 1).all():
        return single
    share, edge = margin.ratio * split, margin.ratio * base + margin.points
    own = share * margin.ratio * base / edge
    worse = alternative / edge
    seen = 1 + worse * own
    root = np.sqrt(seen * seen + (spread * spread - 1) * worse * (1 + own) ** 2)
    y = 2 * (worse - 1) / (spread * seen + root)
    most = np.divide(_PAYABLE * 2, (spread + 1) * share, out=np.full_like(share, np.inf), where=share > 0)
    return np.where(spread == 1, single, 1 + np.minimum(y, most))


def _growth(alternative: Floats, base: Floats, split: Floats, margin: Margin) -> Floats:
    """`eprocess.growth_optimal`, for every lane."""
    share = margin.ratio * split
    linear = share * alternative + margin.ratio * base + margin.points * (1 + share)
    constant = alternative * (1 + share)
    root = np.sqrt(np.maximum(0.0, linear * linear - 4 * margin.points * share * constant))
    a = 2 * constant / (linear + root)
    most = 1 + np.divide(1 - _LEAST_B, share, out=np.full_like(share, np.inf), where=share > 0)
    found: Floats = np.minimum(a, most)
    return found


def _factors(
    n_c: Floats, k_c: Floats, k_b: Floats, split: Floats, best: Floats, margin: Margin, spread: Floats
) -> Floats:
    """`eprocess.log_factors`, for every lane; shaped (lanes, bets)."""
    m, share, gain = (spread + 1) / 2, margin.ratio * split, best - 1
    paid = k_c * _paid(gain, m) - n_c * margin.points * gain
    if margin.ratio:
        paid = paid + k_b * _paid(-share * gain, m)
    return paid.T


def _paid(gain: Floats, cluster: Floats) -> Floats:
    paid: Floats = np.log1p(cluster * gain) - np.log1p((cluster - 1) * gain)
    return paid


def _paired(n_c: Floats, k_c: Floats, n_b: Floats, k_b: Floats, prior: Prior, base: Floats) -> Floats:
    """`eprocess.paired_factors`, for every lane; shaped (lanes, bets)."""
    both = np.maximum(n_c + n_b, 1)
    found = []
    for odds in prior.ratios:
        p_c = odds * base / (1 + (odds - 1) * base)
        p_0 = (n_c * p_c + n_b * base) / both
        log_p, log_q = np.log(p_0), np.log1p(-p_0)
        candidate = k_c * (np.log(p_c) - log_p) + (n_c - k_c) * (np.log1p(-p_c) - log_q)
        stable = k_b * (np.log(base) - log_p) + (n_b - k_b) * (np.log1p(-base) - log_q)
        found.append(candidate + stable)
    able = ((n_c > 0) & (n_b > 0))[:, None]
    return np.where(able, np.stack(found, axis=1), 0.0)

"""Each channel's bets on one window: log factors against the candidate, and for it, from the past alone. Pure.

`relative` bets against `pC <= ratio*pB + points`, `absolute` against `pC <= at_most`. `traffic` is `relative` among Penstock's
own requests, which fail for other reasons than users' do. A quantile (`p99`) bets that more of
the candidate's requests take longer than an edge above stable's quantile than of stable's take longer than that quantile;
`p99 limit` that too many take longer than the limit. A rate (by its name) bets that a request brings fewer events than
`ratio` times stable's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from penstock.core.eprocess import (
    Counts,
    Margin,
    best_bets,
    bets_against,
    bets_for,
    guess,
    limit_factors,
    log_factors,
    paired_factors,
    tempered,
)
from penstock.core.evidence_windows import Window
from penstock.core.latency import above, size, tells
from penstock.core.policy import AS_FAST, AS_GOOD, AS_MANY, FEWER, SLOWER, WORSE, Policy, RateRule
from penstock.core.slow import Slow

Pair = tuple[Counts, Counts]

_MEMORY_S = 10.0  # half-life of what stable's recent past remembers
_NEVER = (0.0, 0.0)
_SOME_BASE = 0.1  # without points in the margin the best bet does not depend on the base


@dataclass(frozen=True)
class Past:
    """What steers the bets on a window: stable's errors so far, its quantiles, and its recent past beside each limit.

    `recent`: channel of a limit -> stable's requests, and those beyond the limit, with a half-life of ten seconds.
    """

    errors: Counts
    slow: Slow
    recent: Mapping[str, tuple[float, float]]


@dataclass(frozen=True)
class Bets:
    """What came of a window: log factors by channel, which limits did not judge, and the counts that were compared."""

    against: dict[str, list[float]]
    accepting: dict[str, list[float]]
    suspended: list[str]
    recent: dict[str, tuple[float, float]]
    compared: dict[str, Pair]


def bets(policy: Policy, past: Past, pool: Window) -> Bets:
    """Every channel's factors for one window. Penstock's own requests are compared by their errors alone."""
    found = Bets({}, {}, [], {**past.recent}, {})
    if pool.synthetic:
        if policy.traffic and pool.split:
            found.against["traffic"], found.accepting["traffic"] = (
                _relative(policy, past, pool),
                _as_good(policy, past, pool),
            )
        return found
    if policy.compared and pool.split:
        found.against["relative"] = _relative(policy, past, pool)
    if policy.accepting and pool.candidate.requests and (pool.stable.requests or not policy.compared):
        found.accepting["errors"] = _as_good(policy, past, pool)
    if policy.at_most is not None:
        _limit(policy, past, pool, policy.at_most, found)
    if policy.latency and (pool.slow[0] or pool.slow[1]):
        _latency(policy, past, pool, found)
    if policy.compared:
        for rule in policy.rates:
            _rate(rule, pool, found)
    return found


def _base(policy: Policy, errors: Counts) -> float:
    """Stable's error rate, as the past tells it; before there is any, as history does."""
    if policy.past is None:
        return guess(errors)
    return (errors.errors + 500 * policy.past) / (errors.requests + 500)


def _relative(policy: Policy, past: Past, pool: Window) -> list[float]:
    best = bets_against(_base(policy, past.errors), pool.split, policy.margin, WORSE.ratios, policy.dispersion)
    return tempered(log_factors(pool.candidate, pool.stable, best, policy.margin, policy.dispersion))


def _as_good(policy: Policy, past: Past, pool: Window) -> list[float]:
    best = bets_for(_base(policy, past.errors), pool.split, policy.accepted, AS_GOOD.ratios, policy.dispersion)
    return tempered(log_factors(pool.candidate, pool.stable, best, policy.accepted, policy.dispersion))


def _limit(policy: Policy, past: Past, pool: Window, limit: float, found: Bets) -> None:
    """The absolute limit of errors."""
    if _is_broken("absolute", past, pool.stable, pool.span_s, limit, found) and policy.compared:
        return
    requests, errors = pool.candidate.requests, pool.candidate.errors
    found.against["absolute"] = tempered([errors * won - requests * lost for won, lost in policy.limit_pays])


def _is_broken(name: str, past: Past, stable: Counts, span_s: float, limit: float, found: Bets) -> bool:
    """Whether stable itself breaks a limit, lately or in this window: then the limit is suspended, and does not judge.

    Stable's own counts of this very window are seen too: given its rates they say nothing about the candidate's, so the bet
    stays fair, and a shared outage is noticed in its first second.
    """
    kept, (requests, beyond) = 0.5 ** (span_s / _MEMORY_S), past.recent.get(name, _NEVER)
    requests, beyond = requests * kept + stable.requests, beyond * kept + stable.errors
    found.recent[name] = (requests, beyond)
    if beyond > limit * requests or stable.errors > limit * stable.requests:
        found.suspended.append(name)
        return True
    return False


def _latency(policy: Policy, past: Past, pool: Window, found: Bets) -> None:
    """Every quantile: against its limit, and against stable's own."""
    n_c, n_b = size(pool.slow[0]), size(pool.slow[1])

    def beyond(edge: float) -> Counts:
        return Counts(n_c, above(pool.slow[0], edge))

    def is_told(*edges: float) -> bool:  # an arm may come in other buckets than the source had before
        return not policy.edges or all(tells(arm, edge) for arm in pool.slow for edge in edges)

    for rule in policy.latency:
        if rule.at_most_us is not None and is_told(policy.edge(rule.at_most_us)):
            name, limit, edge = f"{rule.name} limit", 1 - rule.quantile, policy.edge(rule.at_most_us)
            candidate, stable = beyond(edge), Counts(n_b, above(pool.slow[1], edge))
            if not (_is_broken(name, past, stable, pool.span_s, limit, found) and policy.compared):
                found.against[name] = tempered(limit_factors(candidate, limit, SLOWER.ratios), rule.dispersion)
                found.compared[name] = (candidate, stable)
        if policy.compared and rule.ratio is not None and rule.name in past.slow.quantiles:
            edge, share = past.slow.quantiles[rule.name]
            strict = policy.edge(rule.ratio * edge + rule.plus_us)
            wide = policy.edge(rule.promote_ratio * edge + rule.promote_plus_us)
            if not is_told(edge, strict, wide):
                continue
            stable = Counts(n_b, above(pool.slow[1], edge))
            candidate = beyond(strict)
            factors = paired_factors(candidate, stable, SLOWER.ratios, share)
            found.against[rule.name] = tempered(factors, rule.dispersion)
            if n_c and n_b:
                found.compared[rule.name] = (candidate, stable)
            factors = paired_factors(beyond(wide), stable, AS_FAST.ratios, share)
            found.accepting[rule.name] = tempered(factors, rule.dispersion)


def _rate(rule: RateRule, pool: Window, found: Bets) -> None:
    """Counts of events are no shares of requests, but (*) holds for Poisson counts, and for those that come in clusters as
    far as the rule knows of them: several items of one order are a cluster.
    """
    if not pool.split or rule.name not in pool.events:
        return
    events = pool.events[rule.name]
    candidate, stable = Counts(pool.candidate.requests, events[0]), Counts(pool.stable.requests, events[1])
    margin, accepted = Margin(rule.ratio, 0.0), Margin(rule.promote_ratio, 0.0)

    def best(ratios: Sequence[float], against: Margin) -> list[float]:
        return best_bets(ratios, _SOME_BASE, _SOME_BASE, pool.split, against, rule.dispersion)

    fewer = [min(1.0, a) for a in best([x * rule.ratio for x in FEWER.ratios], margin)]
    many = [max(1.0, a) for a in best(AS_MANY.ratios, accepted)]
    found.against[rule.name] = tempered(log_factors(candidate, stable, fewer, margin, rule.dispersion))
    found.accepting[rule.name] = tempered(log_factors(candidate, stable, many, accepted, rule.dispersion))
    found.compared[rule.name] = (candidate, stable)

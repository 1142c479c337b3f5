"""Each channel's bets on one window: log factors against the candidate, and for it, from the past alone. Pure.

`relative` bets against `pC <= ratio*pB + points`, `absolute` against `pC <= at_most`. A quantile (`p99`) bets that more of
the candidate's requests take longer than an edge above stable's quantile than of stable's take longer than that quantile;
`p99 limit` that too many take longer than the limit. A rate (by its name) bets that a request brings fewer events than
`ratio` times stable's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from penstock.core.eprocess import (
    NOTHING,
    Counts,
    Margin,
    best_bet,
    bets_against,
    bets_for,
    guess,
    limit_factors,
    log_factors,
    paired_factors,
    tempered,
)
from penstock.core.evidence_windows import Window
from penstock.core.latency import Latency, above, size
from penstock.core.policy import AS_FAST, AS_GOOD, AS_MANY, FEWER, SLOWER, WORSE, LatencyRule, Policy, RateRule
from penstock.core.slow import Slow

Pair = tuple[Counts, Counts]

_MEMORY_S = 10.0  # half-life of what stable's recent past remembers
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
    suspended: tuple[str, ...]
    recent: dict[str, tuple[float, float]]
    compared: dict[str, Pair]


def bets(policy: Policy, past: Past, pool: Window) -> Bets:
    """Every channel's factors for one window. Penstock's own requests are compared by their errors alone."""
    found = Bets({}, {}, (), {}, {})
    if policy.compared:
        found.against["relative"] = _relative(policy, past, pool)
    if policy.accepting and pool.candidate.requests and (pool.stable.requests or not policy.compared):
        found.accepting["errors"] = _as_good(policy, past, pool)
    if pool.synthetic:
        return Bets(found.against, found.accepting, (), dict(past.recent), {})
    suspended = _limits(policy, past, pool, found)
    for rule in policy.latency if policy.compared else ():
        if rule.ratio is not None and rule.name in past.slow.quantiles:
            _quantile(policy, rule, past.slow.quantiles[rule.name], pool, found)
    for one in policy.rates if policy.compared else ():
        _rate(one, pool, found)
    return Bets(found.against, found.accepting, suspended, found.recent, found.compared)


def _base(policy: Policy, errors: Counts) -> float:
    """Stable's error rate, as the past tells it; before there is any, as history does."""
    if policy.past is None:
        return guess(errors)
    return (errors.errors + 500 * policy.past) / (errors.requests + 500)


def _relative(policy: Policy, past: Past, pool: Window) -> list[float]:
    if not pool.split:
        return [0.0] * len(WORSE)
    best = bets_against(_base(policy, past.errors), pool.split, policy.margin, WORSE.ratios, policy.dispersion)
    return tempered(log_factors(pool.candidate, pool.stable, best, policy.margin, policy.dispersion))


def _as_good(policy: Policy, past: Past, pool: Window) -> list[float]:
    best = bets_for(_base(policy, past.errors), pool.split, policy.accepted, AS_GOOD.ratios, policy.dispersion)
    return tempered(log_factors(pool.candidate, pool.stable, best, policy.accepted, policy.dispersion))


def _limits(policy: Policy, past: Past, pool: Window, found: Bets) -> tuple[str, ...]:
    """The absolute limits. One that stable itself breaks is suspended: it does not judge.

    Stable's own counts of this very window are seen too: given its rates they say nothing about the candidate's, so the bet
    stays fair, and a shared outage is noticed in its first second.
    """
    suspended = []
    for name, rule, limit in _limits_of(policy):
        if rule and not (pool.slow[0] or pool.slow[1]):
            found.recent[name] = past.recent.get(name, (0.0, 0.0))
            continue
        edge = policy.edge(rule.at_most_us) if rule and rule.at_most_us else 0.0
        stable = _beyond(pool.slow[1], edge) if rule else pool.stable
        found.recent[name], broken = _recent(past.recent.get(name, (0.0, 0.0)), stable, pool.span_s, limit)
        if broken and policy.compared:
            suspended.append(name)
            found.against[name] = [0.0] * len(policy.priors[name])
        elif rule is None:
            factors = log_factors(pool.candidate, NOTHING, policy.limit_bets, policy.limit, policy.dispersion)
            found.against[name] = tempered(factors)
        else:
            candidate = _beyond(pool.slow[0], edge)
            found.against[name] = tempered(limit_factors(candidate, limit, SLOWER.ratios), rule.dispersion)
            found.compared[name] = (candidate, stable)
    return tuple(suspended)


def _limits_of(policy: Policy) -> list[tuple[str, LatencyRule | None, float]]:
    """Each limit: its channel, its quantile (None: errors), and the share of requests that may be beyond it."""
    found: list[tuple[str, LatencyRule | None, float]] = []
    if policy.at_most is not None:
        found.append(("absolute", None, policy.at_most))
    found += [(f"{rule.name} limit", rule, 1 - rule.quantile) for rule in policy.latency if rule.at_most_us is not None]
    return found


def _recent(
    before: tuple[float, float], stable: Counts, span_s: float, limit: float
) -> tuple[tuple[float, float], bool]:
    kept = 0.5 ** (span_s / _MEMORY_S)
    requests, beyond = before[0] * kept + stable.requests, before[1] * kept + stable.errors
    return (requests, beyond), beyond > limit * requests or stable.errors > limit * stable.requests


def _beyond(slow: Latency, edge: float) -> Counts:
    """Requests with a known time, and those beyond an edge."""
    return Counts(size(slow), above(slow, edge))


def _quantile(policy: Policy, rule: LatencyRule, stables: tuple[float, float], pool: Window, found: Bets) -> None:
    edge, share = stables
    assert rule.ratio is not None
    stable = _beyond(pool.slow[1], edge)
    candidate = _beyond(pool.slow[0], policy.edge(rule.ratio * edge + rule.plus_us))
    found.against[rule.name] = tempered(paired_factors(candidate, stable, SLOWER.ratios, share), rule.dispersion)
    found.compared[rule.name] = (candidate, stable)
    wide = policy.edge(rule.promote_ratio * edge + rule.promote_plus_us)
    candidate = _beyond(pool.slow[0], wide)
    found.accepting[rule.name] = tempered(paired_factors(candidate, stable, AS_FAST.ratios, share), rule.dispersion)


def _rate(rule: RateRule, pool: Window, found: Bets) -> None:
    """Counts of events are no shares of requests, but (*) holds for any counts whose mean is a rate times the requests."""
    if not pool.split:
        return
    events = pool.events.get(rule.name, (0, 0))
    candidate, stable = Counts(pool.candidate.requests, events[0]), Counts(pool.stable.requests, events[1])
    margin, accepted = Margin(rule.ratio, 0.0), Margin(rule.promote_ratio, 0.0)

    def bet(x: float, against: Margin) -> float:
        return best_bet(x * _SOME_BASE, _SOME_BASE, pool.split, against, rule.dispersion)

    fewer = [min(1.0, bet(x * rule.ratio, margin)) for x in FEWER.ratios]
    many = [max(1.0, bet(x, accepted)) for x in AS_MANY.ratios]
    found.against[rule.name] = tempered(log_factors(candidate, stable, fewer, margin, rule.dispersion))
    found.accepting[rule.name] = tempered(log_factors(candidate, stable, many, accepted, rule.dispersion))
    found.compared[rule.name] = (candidate, stable)

"""The policies of a release, from its manifest and from what is known of stable. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from penstock.core.eprocess import Starts
from penstock.core.known import NOTHING_KNOWN, Known
from penstock.core.latency import EDGES, edge_from
from penstock.core.policy import LatencyRule, Policy, RateRule
from penstock.core.verdict_words import milliseconds
from penstock.manifest import Environment
from penstock.manifest.bake import BakePeriod
from penstock.manifest.latency import LatencyRules, Slower

BAKE_SHARE = 0.2
"""The bake's part of `false_rollbacks`, which holds for the whole release: a bake watches for plain disasters."""

_US = 1e6
_ENOUGH = 5  # so many of stable's requests must be beyond a limit before it is believed to break it


def rollout_policy(environment: Environment, known: Known = NOTHING_KNOWN) -> Policy:
    """By what the rollout is judged; the horizon covers its whole watched time."""
    asked = environment.verdict
    share = 1 - BAKE_SHARE if environment.bake else 1.0
    watched_s = sum(step.duration_s for step in environment.rollout.increments) + asked.undecided.hold_s
    return Policy(
        asked.false_rollbacks * share, asked.false_promotions, asked.errors.share,
        asked.errors.against_stable.ratio, asked.errors.against_stable.points,
        asked.errors.promote_at.ratio, asked.errors.promote_at.points,
        starts=Starts(horizon_s=max(600.0, watched_s)), dispersion=known.errors or 1.0,
        latency=_latency(environment, asked.latency, known), past=known.error_rate, edges=known.edges,
        traffic=asked.traffic is not None,
        rates=tuple(
            RateRule(name, one.at_least_of_stable or 1.0, one.accepted, known.rates.get(name, 1.0))
            for name, one in asked.rates.items()
        ),
    )  # fmt: skip


def bake_policies(environment: Environment, known: Known = NOTHING_KNOWN) -> tuple[Policy, ...]:
    """A policy for each period: there is nothing to compare with any more, so only its absolute limits judge.

    Those that stable broke before the release do not: nobody is there any more by whom they could be suspended, and the very
    version that runs today would be sent back by them.
    """
    asked = environment.verdict
    share = BAKE_SHARE / max(1, len(environment.bake))
    latency = tuple(
        replace(rule, at_most_us=None) if _was_slower(rule, known) else rule
        for rule in _latency(environment, asked.latency, known)
    )
    limits = [_at_most(environment, period) for period in environment.bake]
    return tuple(
        Policy(
            asked.false_rollbacks * share, asked.false_promotions, None if _failed_more(limit, known) else limit,
            compared=False, starts=Starts(horizon_s=max(600.0, period.for_s)), dispersion=known.errors or 1.0,
            latency=latency, edges=known.edges,
        )
        for period, limit in zip(environment.bake, limits, strict=True)
    )  # fmt: skip


def unjudged_in_bake(environment: Environment, known: Known) -> tuple[str, ...]:
    """The limits that do not judge in the bake, since stable broke them before the release: a sentence each."""
    return tuple(dict.fromkeys(_unjudged_in_bake(environment, known)))


def _unjudged_in_bake(environment: Environment, known: Known) -> Iterator[str]:
    for period in environment.bake:
        limit = _at_most(environment, period)
        if limit is not None and known.history and _failed_more(limit, known):
            failed = (
                f"{known.history.errors:,} of stable's {known.history.requests:,} requests failed before this release"
            )
            yield f"{failed}, which breaks the limit of {limit * 100:g} %: that does not judge in the bake"
    for rule in _latency(environment, environment.verdict.latency, known) if environment.bake else ():
        if rule.past_us and rule.at_most_us and _was_slower(rule, known):
            took = f"stable's {rule.name} was {milliseconds(rule.past_us)} before this release"
            yield f"{took}, which breaks the limit of {milliseconds(rule.at_most_us)}: that does not judge in the bake"


def _at_most(environment: Environment, period: BakePeriod) -> float | None:
    """What share of requests may fail in a period; None: any."""
    return period.errors.at_most if period.errors else environment.verdict.errors.share


def _failed_more(limit: float | None, known: Known) -> bool:
    """Whether more of stable's requests failed before the release than a limit allows."""
    history = known.history
    if limit is None or history is None:
        return False
    return history.errors >= _ENOUGH and history.errors > limit * history.requests


def _was_slower(rule: LatencyRule, known: Known) -> bool:
    """Whether stable's quantile before the release was above the limit of it."""
    if rule.at_most_us is None or rule.past_us is None or known.history is None:
        return False
    beyond = known.history.requests * (1 - rule.quantile)
    return beyond >= _ENOUGH and rule.past_us > edge_from(rule.at_most_us, known.edges or EDGES)


def _latency(environment: Environment, asked: LatencyRules | None, known: Known) -> tuple[LatencyRule, ...]:
    """Of a foreign source whose buckets nobody has seen yet, nothing can be said."""
    rules = {} if asked is None or (environment.verdict.metrics and not known.edges) else asked.asked()
    return tuple(
        LatencyRule(
            share, None if one.at_most_s is None else one.at_most_s * _US,
            one.against_stable.ratio if one.against_stable else None, _plus(one.against_stable),
            one.accepted.ratio, _plus(one.accepted), known.quantiles_us.get(share), known.slow.get(share, 1.0),
        )
        for share, one in rules.items()
    )  # fmt: skip


def _plus(slower: Slower | None) -> float:
    return slower.plus_s * _US if slower else 0.0

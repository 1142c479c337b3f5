"""The policies of a release, from its manifest and from what is known of stable. Pure."""

from __future__ import annotations

from penstock.core.eprocess import Starts
from penstock.core.known import NOTHING_KNOWN, Known
from penstock.core.policy import LatencyRule, Policy, RateRule
from penstock.manifest import Environment
from penstock.manifest.latency import LatencyRules, Slower

BAKE_SHARE = 0.2
"""The bake's part of `false_rollbacks`, which holds for the whole release: a bake watches for plain disasters."""

_US = 1e6


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
    """A policy for each period: there is nothing to compare with any more, so only its absolute limits judge."""
    asked = environment.verdict
    share = BAKE_SHARE / max(1, len(environment.bake))
    return tuple(
        Policy(
            asked.false_rollbacks * share, asked.false_promotions,
            period.errors.at_most if period.errors else asked.errors.share, compared=False,
            starts=Starts(horizon_s=max(600.0, period.for_s)), dispersion=known.errors or 1.0,
            latency=_latency(environment, asked.latency, known), edges=known.edges,
        )
        for period in environment.bake
    )  # fmt: skip


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

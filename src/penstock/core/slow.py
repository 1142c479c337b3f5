"""Stable's recent response times: the quantiles that the candidate is held against, known before each window. Pure."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field

from penstock.core.latency import Latency, above, merged, quantile, size
from penstock.core.policy import LatencyRule, Policy

REFRESH_S = 10.0  # of watched time: quantiles move slowly, and finding them costs more than a look may
KEPT = 0.9  # of what was remembered, at each refresh once all is known: a half-life of about a minute
ENOUGH = 5.0  # so many of stable's requests must lie beyond a quantile before it is believed
FORGOTTEN = 0.01

Weights = tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Slow:
    """`kept` is stable's histogram with a half-life, `fresh` what came since the last refresh, `fresh_s` ago.

    `quantiles`: rule name -> (an edge, the share of stable's requests that took longer).
    """

    kept: Weights = ()
    fresh: tuple[Latency, ...] = ()
    fresh_s: float = 0.0
    quantiles: dict[str, tuple[float, float]] = field(default_factory=dict)


def begin(policy: Policy) -> Slow:
    """What is known before the first window: the quantiles of the past, where there are some."""
    known = {r.name: (policy.edge(r.past_us), 1 - r.quantile) for r in policy.latency if r.past_us}
    return Slow(quantiles=known)


def after(slow: Slow, policy: Policy, stable: Latency, span_s: float) -> Slow:
    """What is known after a window in which stable's requests took so long."""
    fresh, fresh_s = (*slow.fresh, stable), slow.fresh_s + span_s
    if fresh_s < REFRESH_S and slow.quantiles:
        return Slow(slow.kept, fresh, fresh_s, slow.quantiles)
    faded = (
        KEPT if all(rule.name in slow.quantiles for rule in policy.latency) else 1.0
    )  # little traffic adds up until then
    kept = {edge: weight * faded for edge, weight in slow.kept if weight > FORGOTTEN}
    for edge, count in merged(fresh):
        kept[edge] = kept.get(edge, 0.0) + count
    whole = tuple(sorted(kept.items()))
    found = {rule.name: _quantile(rule, whole, policy.grid) for rule in policy.latency}
    return Slow(whole, (), 0.0, slow.quantiles | {name: one for name, one in found.items() if one})


def _quantile(rule: LatencyRule, kept: Weights, grid: Sequence[float]) -> tuple[float, float] | None:
    total = size(kept)
    edge = quantile(kept, rule.quantile)
    if edge is None or total * (1 - rule.quantile) < ENOUGH:
        return None
    if not above(kept, edge):  # the last bucket: what is in it is slower than the edge below it
        at = bisect_left(grid, edge)
        edge = grid[at - 1] if at else 0.0
    return edge, min(1 - 1 / (total + 1), max(above(kept, edge) / total, 1 / (total + 1)))

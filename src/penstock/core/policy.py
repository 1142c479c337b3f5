"""By what a candidate is judged: what the verdict may get wrong, the margins, and what is known of stable beforehand."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

from penstock.core.eprocess import Margin, Prior, Starts, bets_against, evenly, log_paid
from penstock.core.latency import EDGES, edge_from

WORSE = Prior((1.4, 2.0, 3.0, 8.0), (0.1, 0.27, 0.27, 0.36))
"""Alternatives of the bets against a candidate, as multiples of the edge of the margin.

Few and far apart: each one more costs everybody. With these the mean delay is 1.2 to 1.5 times Wald's bound from twice to ten
times the edge; six even ones from 1.5 to 30 took 1.4 to 1.9 times it. The least is there for faults just beyond the margin: a
bet on twice the edge does not grow below 1.44 times it. Still worse faults are found soon by any of them.
"""

AS_GOOD = evenly(0.5, 1.0, 1.3)
"""Alternatives of acceptance, as multiples of stable's error rate."""

SLOWER = evenly(1.6, 2.5, 5.0)
"""Alternatives of the bets against a slow candidate: odds ratios of taking longer than stable's quantile."""

AS_FAST = evenly(0.05, 0.2, 0.5)
"""Alternatives of the acceptance of a quantile, as odds ratios."""

FEWER = evenly(0.7, 0.4, 0.1)
"""Alternatives of the bets against a candidate with fewer events, as multiples of the edge."""

AS_MANY = evenly(1.3, 1.0)
"""Alternatives of the acceptance of a rate, as multiples of stable's."""

_ERRORS, _OTHER, _LIMIT = 16.0, 4.0, 1.0


@dataclass(frozen=True)
class LatencyRule:
    """How slow the candidate may be at a quantile (0.99). Times in microseconds.

    Convicted where more of its requests than `1 - quantile` take longer than `at_most_us`, or more than of stable's take
    longer than `ratio` times stable's quantile plus `plus_us`; accepted against `promote_ratio` and `promote_plus_us`. What
    is None is not judged. `past_us` is stable's quantile before the release: where the bets begin. `dispersion` as in Policy.
    """

    quantile: float
    at_most_us: float | None = None
    ratio: float | None = None
    plus_us: float = 0.0
    promote_ratio: float = 1.5
    promote_plus_us: float = 0.0
    past_us: float | None = None
    dispersion: float = 1.0

    @cached_property
    def name(self) -> str:
        """`p99`."""
        return f"p{self.quantile * 100:g}"


@dataclass(frozen=True)
class RateRule:
    """How many events of the business a request must bring: at least `ratio` times as many as on stable.

    Accepted from `promote_ratio` on. `dispersion` as in Policy.
    """

    name: str
    ratio: float
    promote_ratio: float
    dispersion: float = 1.0


@dataclass(frozen=True)
class Policy:
    """What the verdict may get wrong, and what it judges. Rates and points are fractions of 1.

    `at_most` None: no absolute limit. `compared` False: there is no stable arm (all at once, bake), only limits judge.
    `starts.horizon_s` should cover the release's watched time. `dispersion` is variance/mean of stable's error counts, known
    before the release: 1 where errors come one by one. `past` is stable's error rate before the release, which steers the
    first bets. `traffic`: Penstock sends requests of its own, which are compared with their like alone. Windows are pooled
    until each arm has `pool_requests`, or for `pool_s`. `edges` are those of the source's histograms; empty: our own.
    """

    false_rollbacks: float = 0.01
    false_promotions: float = 0.05
    at_most: float | None = 0.05
    ratio: float = 1.75
    points: float = 0.0005
    promote_ratio: float = 2.0
    promote_points: float = 0.005
    compared: bool = True
    starts: Starts = field(default_factory=Starts)
    dispersion: float = 1.0
    pool_requests: int = 5
    pool_s: float = 30.0
    latency: tuple[LatencyRule, ...] = ()
    rates: tuple[RateRule, ...] = ()
    past: float | None = None
    traffic: bool = False
    edges: tuple[float, ...] = ()

    @cached_property
    def margin(self) -> Margin:
        """Worse than this is convicted."""
        return Margin(self.ratio, self.points)

    @cached_property
    def accepted(self) -> Margin:
        """Better than this is accepted; without a stable arm, the absolute limit itself."""
        return Margin(self.promote_ratio, self.promote_points) if self.compared else self.limit

    @cached_property
    def limit(self) -> Margin:
        """The absolute limit as a margin that compares with nothing."""
        return Margin(0.0, self.at_most or 0.0)

    @cached_property
    def limit_pays(self) -> list[tuple[float, float]]:
        """What each bet against the absolute limit wins for an error and loses for a request, in logs: always the same."""
        bets = bets_against(0.0, 0.0, self.limit, WORSE.ratios, self.dispersion) if self.at_most else []
        return [(log_paid(a - 1, (self.dispersion + 1) / 2), self.limit.points * (a - 1)) for a in bets]

    @cached_property
    def grid(self) -> tuple[float, ...]:
        """The upper edges of the source's buckets."""
        return self.edges or EDGES

    def edge(self, limit_us: float) -> float:
        """The first edge of the source's buckets at or above a limit."""
        return edge_from(limit_us, self.grid)

    @cached_property
    def weights(self) -> dict[str, float]:
        """Each channel's share of the evidence; the shares add up to 1. Empty: nothing can be judged.

        The comparison of errors has most of it: alone with the absolute limit, 16 of 17, so that it needs 106 to 1 by itself
        instead of 100 to 1. A limit, which is there for plain disasters, has the least.
        """
        raw: dict[str, float] = {}
        if self.compared:
            raw["relative"] = _ERRORS
            if self.traffic:
                raw["traffic"] = _ERRORS
        if self.at_most is not None:
            raw["absolute"] = _LIMIT
        for rule in self.latency:
            if self.compared and rule.ratio is not None:
                raw[rule.name] = _OTHER
            if rule.at_most_us is not None:
                raw[f"{rule.name} limit"] = _LIMIT
        if self.compared:
            raw |= {rule.name: _OTHER for rule in self.rates}
        return {name: share / sum(raw.values()) for name, share in raw.items()}

    @cached_property
    def priors(self) -> dict[str, Prior]:
        """The bets of each channel of the evidence against the candidate."""
        rates = {rule.name for rule in self.rates}
        kinds = {"relative": WORSE, "absolute": WORSE, "traffic": WORSE}
        return {name: FEWER if name in rates else kinds.get(name, SLOWER) for name in self.weights}

    @cached_property
    def accepting(self) -> dict[str, Prior]:
        """The bets of everything that must be accepted. A quantile that has only a limit need not be."""
        if not self.compared:
            return {} if self.at_most is None else {"errors": AS_GOOD}
        slow = {rule.name: AS_FAST for rule in self.latency if rule.ratio is not None}
        own = {"traffic": AS_GOOD} if self.traffic else {}
        return {"errors": AS_GOOD, **own, **slow, **{rule.name: AS_MANY for rule in self.rates}}

"""The verdict computed a second time, from docs/explanation/verdict.md alone ("To compute it again"): naive, slow, in plain
products. It shares the words of the manifest with the product (`Policy`, `Window`), and not one formula.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal, localcontext
from math import exp, inf
from random import Random

import pytest

from penstock.core.eprocess import NOTHING, Counts, Starts
from penstock.core.policy import LatencyRule, Policy, RateRule
from penstock.core.verdict import State, Verdict, Window, judge, start, step

MOST = exp(2.5)
ALTERNATIVES = {
    "against errors": ((1.4, 0.1), (2, 0.27), (3, 0.27), (8, 0.36)),
    "against slow": ((1.6, 1 / 3), (2.5, 1 / 3), (5, 1 / 3)),
    "against few": ((0.7, 1 / 3), (0.4, 1 / 3), (0.1, 1 / 3)),
    "for errors": ((0.5, 1 / 3), (1, 1 / 3), (1.3, 1 / 3)),
    "for fast": ((0.05, 1 / 3), (0.2, 1 / 3), (0.5, 1 / 3)),
    "for many": ((1.3, 1 / 2), (1, 1 / 2)),
}
OWN_EDGES = [100.0]
while OWN_EDGES[-1] < 3600e6:
    OWN_EDGES.append(float(round(OWN_EDGES[-1] * 1.04)))
OWN_EDGES.append(inf)

Factors = list[float]
Histogram = dict[float, float]


# The formulas


def smaller_root(pc: float, pb: float, rho: float, delta: float, r: float) -> float:
    """Of the growth-optimal quadratic, as in a textbook; with digits to spare, since that form loses some."""
    with localcontext() as context:
        context.prec = 60
        p_c, p_b, ratio, points, split = (Decimal(x) for x in (pc, pb, rho, delta, r))
        square = points * ratio * split
        linear = ratio * split * p_c + ratio * p_b + points * (1 + ratio * split)
        constant = p_c * (1 + ratio * split)
        if square == 0:
            return float(constant / linear)
        return float((linear - (linear * linear - 4 * square * constant).sqrt()) / (2 * square))


def best(pc: float, pb: float, rho: float, delta: float, r: float, d: float) -> float:
    """The `a` to bet with."""
    s, m = rho * r, (d + 1) / 2
    if d == 1:
        a = smaller_root(pc, pb, rho, delta, r)
        return min(a, 1 + (1 - 1e-9) / s) if s else a
    g = pc / (rho * pb + delta)
    s1 = s * rho * pb / (rho * pb + delta)
    y = 2 * (g - 1) / (d * (1 + g * s1) + ((1 + g * s1) ** 2 + (d * d - 1) * g * (1 + s1) ** 2) ** 0.5)
    return 1 + (min(y, 0.95 / (m * s)) if s else y)


def star(arms: tuple[Counts, Counts], a: float, rho: float, delta: float, d: float) -> float:
    """(*), with the pay-off x(y) of clusters of mean m."""
    (nc, kc), (nb, kb) = ((arm.requests, arm.errors) for arm in arms)
    m, b = (d + 1) / 2, 1 - rho * nc / nb * (a - 1) if rho else 1.0

    def paid(y: float) -> float:
        return (1 + m * y) / (1 + (m - 1) * y)

    return min(MOST, float(paid(a - 1) ** kc * paid(b - 1) ** kb * exp(-nc * delta * (a - 1))))


def four(arms: tuple[Counts, Counts], odds: float, pb: float, d: float) -> float:
    """The 4-factor form, to the power 1/d."""
    (nc, kc), (nb, kb) = ((arm.requests, arm.errors) for arm in arms)
    if not (nc and nb):
        return 1.0
    pc = odds * pb / (1 - pb + odds * pb)
    p0 = (nc * pc + nb * pb) / (nc + nb)
    e = (pc / p0) ** kc * ((1 - pc) / (1 - p0)) ** (nc - kc) * (pb / p0) ** kb * ((1 - pb) / (1 - p0)) ** (nb - kb)
    return min(MOST, float(e ** (1 / d)))


# Response times


def beyond(slow: Mapping[float, float], edge: float) -> float:
    """How many took longer."""
    return sum(count for upper, count in slow.items() if upper > edge)


def first_edge(policy: Policy, limit: float) -> float:
    """The first edge of a bucket at or above a limit."""
    return min(edge for edge in [*(policy.edges or OWN_EDGES), inf] if edge >= limit)


def held(slow: Mapping[float, float], edge: float) -> Counts:
    """Requests with a known time, and those beyond an edge."""
    return Counts(int(sum(slow.values())), int(beyond(slow, edge)))


@dataclass
class Stables:
    """Stable's past: errors in pools that both arms had; its histogram; the quantiles (edge, share); its past beside limits."""

    errors: Counts = NOTHING
    kept: Histogram = field(default_factory=dict)
    fresh: list[Histogram] = field(default_factory=list)
    fresh_s: float = 0.0
    quantiles: dict[str, tuple[float, float]] = field(default_factory=dict)
    recent: dict[str, tuple[float, float]] = field(default_factory=dict)

    def remember(self, policy: Policy, slow: Histogram, span_s: float) -> None:
        """Refreshed each ten seconds; before a quantile is known, after each pool."""
        self.fresh.append(slow)
        self.fresh_s += span_s
        if self.quantiles and self.fresh_s < 10:
            return
        faded = 0.9 if all(rule.name in self.quantiles for rule in policy.latency) else 1.0
        self.kept = {edge: faded * weight for edge, weight in self.kept.items() if weight > 0.01}
        for one in self.fresh:
            for edge, count in one.items():
                self.kept[edge] = self.kept.get(edge, 0) + count
        self.fresh, self.fresh_s = [], 0.0
        total = sum(self.kept.values())
        for rule in policy.latency:
            if total and total * (1 - rule.quantile) >= 5:
                within = (e for e in sorted(self.kept) if total - beyond(self.kept, e) >= rule.quantile * total - 1e-9)
                edge = next(within)
                if not beyond(self.kept, edge):  # the last bucket: slower than the edge below it
                    edge = max((e for e in policy.edges or OWN_EDGES if e < edge), default=0.0)
                share = max(beyond(self.kept, edge) / total, 1 / (total + 1))
                self.quantiles[rule.name] = edge, min(share, 1 - 1 / (total + 1))

    def breaks(self, name: str, now: Counts, span_s: float, limit: float) -> bool:
        """Whether stable itself is beyond a limit, in this pool or in the last seconds."""
        half, before = 0.5 ** (span_s / 10), self.recent.get(name, (0.0, 0.0))
        n, k = before[0] * half + now.requests, before[1] * half + now.errors
        self.recent[name] = n, k
        return k > limit * n or now.errors > limit * now.requests


# The channels


@dataclass
class Ticket:
    """A part of the money: on which alternative, from when on, and what has become of 1."""

    weight: float
    at: int
    from_s: float
    worth: float = 1.0


def tickets(kind: str, starts: Starts | None) -> list[Ticket]:
    """The money of a channel."""
    later = int(starts.horizon_s // starts.every_s) if starts and starts.first < 1 else 0
    found = []
    for at, (_, share) in enumerate(ALTERNATIVES[kind]):
        found.append(Ticket(share * (starts.first if starts and later else 1), at, 0.0))
        for n in range(1, later + 1):
            assert starts
            found.append(Ticket(share * (1 - starts.first) / later, at, n * starts.every_s))
    return found


class Recomputed:
    """The verdict, window by window."""

    def __init__(self, policy: Policy) -> None:
        self.policy, self.past = policy, Stables()
        self.watched_s, self.over = 0.0, False
        self.pools: dict[bool, Window | None] = {False: None, True: None}
        self.met: set[str] = set()
        kinds = dict(self._channels())
        total = sum(share for _, share in kinds.values())
        self.shares = {name: share / total for name, (_, share) in kinds.items()}
        self.against = {name: tickets(kind, policy.starts) for name, (kind, _) in kinds.items()}
        self.accept = {name: tickets(kind, None) for name, kind in self._accepted()}
        for rule in policy.latency:
            if rule.past_us:
                self.past.quantiles[rule.name] = first_edge(policy, rule.past_us), 1 - rule.quantile

    def _channels(self) -> Iterator[tuple[str, tuple[str, float]]]:
        policy = self.policy
        if policy.compared:
            yield "relative", ("against errors", 16)
            if policy.traffic:
                yield "traffic", ("against errors", 16)
        if policy.at_most is not None:
            yield "absolute", ("against errors", 1)
        for rule in policy.latency:
            if policy.compared and rule.ratio is not None:
                yield rule.name, ("against slow", 4)
            if rule.at_most_us is not None:
                yield f"{rule.name} limit", ("against slow", 1)
        if policy.compared:
            yield from ((rule.name, ("against few", 4)) for rule in policy.rates)

    def _accepted(self) -> Iterator[tuple[str, str]]:
        if self.policy.compared or self.policy.at_most is not None:
            yield "errors", "for errors"
        if self.policy.compared and self.policy.traffic:
            yield "traffic", "for errors"
        if self.policy.compared:
            yield from ((rule.name, "for fast") for rule in self.policy.latency if rule.ratio is not None)
            yield from ((rule.name, "for many") for rule in self.policy.rates)

    def odds(self) -> float:
        """E."""
        return sum(self.shares[name] * sum(t.weight * t.worth for t in bought) for name, bought in self.against.items())

    def acceptance(self) -> float:
        """P."""
        found = {name: sum(ticket.weight * ticket.worth for ticket in bought) for name, bought in self.accept.items()}
        if (own := found.pop("traffic", None)) is not None:
            found["errors"] = max(found["errors"], min(own, found["errors"] / self.policy.false_promotions))
        return min(found.values())

    def see(self, window: Window) -> None:
        """Pool a window; judge what is full, or cannot grow."""
        if self.over or not (window.candidate.requests or window.stable.requests):
            return
        pool = self.pools[window.synthetic]
        if pool and (pool.era != window.era or abs(window.second - pool.second) >= self.policy.pool_s):
            self._judge(pool)
            pool = None
        if self.over:
            return
        pool = both(pool, window) if pool else window
        self.pools[window.synthetic] = pool
        nc, nb, enough = pool.candidate.requests, pool.stable.requests, self.policy.pool_requests
        least = min(nc, nb) if self.policy.compared else nc
        if pool.span_s >= self.policy.pool_s or nc >= 20 * enough or least >= enough:
            self._judge(pool)

    def _judge(self, pool: Window) -> None:
        against, accept = self._errors(pool)
        if pool.synthetic:
            there = self.policy.traffic and "relative" in against
            against, accept = ({"traffic": against["relative"]}, {"traffic": accept["errors"]}) if there else ({}, {})
        else:
            against |= self._limits(pool)
            for found in (self._slow(pool), self._rates(pool)):
                against |= found[0]
                accept |= found[1]
        for bought, factors in ((self.against, against), (self.accept, accept)):
            for name, each in factors.items():
                for ticket in bought[name]:
                    if self.watched_s >= ticket.from_s:
                        ticket.worth *= each[ticket.at]
        self.pools[pool.synthetic] = None
        self.met.add("synthetic" if pool.synthetic else "late" if self.watched_s > 60 else "early")
        if not pool.synthetic:
            self._remember(pool)
        self.over = self.odds() >= 1 / self.policy.false_rollbacks

    def _remember(self, pool: Window) -> None:
        self.watched_s += pool.span_s
        alone = not self.policy.compared
        if alone or (pool.candidate.requests and pool.stable.requests):
            self.past.errors += pool.candidate if alone else pool.stable
        if self.policy.latency and self.policy.compared:
            self.past.remember(self.policy, dict(pool.slow[1]), pool.span_s)

    def _errors(self, pool: Window) -> tuple[dict[str, Factors], dict[str, Factors]]:
        policy, seen, d = self.policy, self.past.errors, self.policy.dispersion
        base = (seen.errors + (0.5 if policy.past is None else 500 * policy.past)) / (seen.requests + 500)
        arms = pool.candidate, pool.stable
        paired = bool(arms[0].requests and arms[1].requests)
        if policy.compared and not paired:
            return {}, {}
        r = arms[0].requests / arms[1].requests if paired else 0.0
        against, accept = {}, {}
        if policy.compared:
            rho, delta = policy.ratio, policy.points
            edge = rho * base + delta
            bets = [best(min(1, x * edge), base, rho, delta, r, d) for x, _ in ALTERNATIVES["against errors"]]
            against["relative"] = [star(arms, max(1.0, a), rho, delta, d) for a in bets]
            rho, delta = policy.promote_ratio, policy.promote_points
        else:
            rho, delta, r = 0.0, policy.at_most or 0.0, 0.0
        if self.accept and arms[0].requests:
            bets = [best(min(1, x * base), base, rho, delta, r, d) for x, _ in ALTERNATIVES["for errors"]]
            accept["errors"] = [star(arms, min(1.0, a), rho, delta, d) for a in bets]
        return against, accept

    def _limits(self, pool: Window) -> dict[str, Factors]:
        policy, found = self.policy, {}
        if policy.at_most is not None:
            limit = policy.at_most
            broken = self.past.breaks("absolute", pool.stable, pool.span_s, limit) and policy.compared
            bets = [
                best(min(1, x * limit), 0, 0, limit, 0, policy.dispersion) for x, _ in ALTERNATIVES["against errors"]
            ]
            alone = (pool.candidate, Counts())
            found["absolute"] = [1.0 if broken else star(alone, a, 0, limit, policy.dispersion) for a in bets]
            self.met.add("suspended" if broken else "held against")
        for rule in policy.latency:
            if rule.at_most_us is None or not any(pool.slow):
                continue
            edge, limit = first_edge(policy, rule.at_most_us), 1 - rule.quantile
            mine, stables = (held(dict(slow), edge) for slow in pool.slow)
            broken = self.past.breaks(rule.name, stables, pool.span_s, limit) and policy.compared
            found[f"{rule.name} limit"] = [
                1.0 if broken else over_limit(mine, limit, odds) ** (1 / rule.dispersion)
                for odds, _ in ALTERNATIVES["against slow"]
            ]
        return {name: [min(MOST, e) for e in each] for name, each in found.items()}

    def _slow(self, pool: Window) -> tuple[dict[str, Factors], dict[str, Factors]]:
        against, accept = {}, {}
        mine, stables = (dict(slow) for slow in pool.slow)
        for rule in self.policy.latency if self.policy.compared else ():
            if rule.ratio is None or rule.name not in self.past.quantiles:
                continue
            self.met.add("quantile")
            edge, share = self.past.quantiles[rule.name]
            tight = first_edge(self.policy, rule.ratio * edge + rule.plus_us)
            wide = first_edge(self.policy, rule.promote_ratio * edge + rule.promote_plus_us)
            d, stable = rule.dispersion, held(stables, edge)
            against[rule.name] = [
                four((held(mine, tight), stable), x, share, d) for x, _ in ALTERNATIVES["against slow"]
            ]
            accept[rule.name] = [four((held(mine, wide), stable), x, share, d) for x, _ in ALTERNATIVES["for fast"]]
        return against, accept

    def _rates(self, pool: Window) -> tuple[dict[str, Factors], dict[str, Factors]]:
        against, accept = {}, {}
        nc, nb = pool.candidate.requests, pool.stable.requests
        for rule in self.policy.rates if self.policy.compared and nc and nb else ():
            if rule.name not in pool.events:
                continue
            counted = pool.events[rule.name]
            arms = Counts(nc, counted[0]), Counts(nb, counted[1])
            rho, accepted, d = rule.ratio, rule.promote_ratio, rule.dispersion
            bets = [best(x * rho, 1.0, rho, 0.0, nc / nb, d) for x, _ in ALTERNATIVES["against few"]]
            against[rule.name] = [star(arms, min(1.0, a), rho, 0.0, d) for a in bets]
            bets = [best(x, 1.0, accepted, 0.0, nc / nb, d) for x, _ in ALTERNATIVES["for many"]]
            accept[rule.name] = [star(arms, max(1.0, a), accepted, 0.0, d) for a in bets]
        return against, accept


def over_limit(arm: Counts, limit: float, odds: float) -> float:
    """The likelihood ratio of a share at these odds above the limit."""
    share = odds * limit / (1 - limit + odds * limit)
    return float((share / limit) ** arm.errors * ((1 - share) / (1 - limit)) ** (arm.requests - arm.errors))


def both(pool: Window, window: Window) -> Window:
    """Two windows as one."""
    slow = tuple(
        tuple(sorted({e: dict(one).get(e, 0) + dict(two).get(e, 0) for e in {*dict(one), *dict(two)}}.items()))
        for one, two in zip(pool.slow, window.slow, strict=True)
    )
    names = {*pool.events} & {*window.events}
    events = {n: tuple(pool.events.get(n, (0, 0))[i] + window.events.get(n, (0, 0))[i] for i in (0, 1)) for n in names}
    return Window(
        min(pool.second, window.second), pool.candidate + window.candidate, pool.stable + window.stable, pool.era,
        pool.span_s + window.span_s, (slow[0], slow[1]), {n: (e[0], e[1]) for n, e in events.items()}, pool.synthetic,
    )  # fmt: skip


# The traces


BUCKETS = [edge for edge in OWN_EDGES if 10_000 < edge < 200_000]
SOON = Starts(horizon_s=90.0)
SLOW = (
    LatencyRule(0.5, None, 1.1),
    LatencyRule(0.95, 60_000.0, 1.2, 500.0, 1.5, 500.0, 30_000.0),
    LatencyRule(0.99, 90_000.0, dispersion=2.5),
)
POLICIES = {
    "default": Policy(starts=SOON),
    "no margin": Policy(ratio=1.0, points=0.0, at_most=None, starts=Starts(0.5, 7.0, 60.0)),
    "from the start": Policy(ratio=1.2, starts=Starts(first=1.0), past=0.004, false_rollbacks=1e-4),
    "clusters": Policy(dispersion=3.7, past=0.002, starts=SOON),
    "clusters, no margin": Policy(ratio=1.0, points=0.0, promote_points=0.0, dispersion=7.0, starts=SOON),
    "limits alone": Policy(compared=False, at_most=0.02, dispersion=1.8, starts=SOON),
    "latency": Policy(latency=SLOW, starts=SOON),
    "foreign buckets": Policy(latency=SLOW, starts=SOON, edges=tuple(BUCKETS[::3])),
    "limits of time alone": Policy(compared=False, latency=SLOW, starts=SOON),
    "rates": Policy(rates=(RateRule("orders", 0.9, 0.8), RateRule("visits", 0.95, 0.9, 2.0)), starts=SOON),
    "everything": Policy(
        latency=SLOW, rates=(RateRule("orders", 0.9, 0.8),), starts=SOON, dispersion=2.0, traffic=True
    ),
    "our own requests": Policy(starts=SOON, traffic=True),
}


def counted(random: Random, requests: int, share: float) -> int:
    """How many of the requests."""
    return sum(random.random() < share for _ in range(requests))


def times(
    random: Random, requests: int, median_us: float, edges: list[float], *, whole: bool
) -> tuple[tuple[float, int], ...]:
    """A histogram, with its empty buckets if it is to be whole; now and then the last request is never answered."""
    found: Histogram = dict.fromkeys(edges, 0.0) if whole else {}
    for n in range(requests):
        took = inf if n > 30 and random.random() < 0.002 else random.lognormvariate(0, 0.5) * median_us
        edge = min((e for e in edges if e >= took), default=inf)
        found[edge] = found.get(edge, 0) + 1
    return tuple(sorted((edge, int(count)) for edge, count in found.items()))


def trace(random: Random, policy: Policy) -> Iterator[Window]:
    """Seconds of two arms: thin or thick traffic, moving splits, silent arms, holes, a shared shock, a late fault."""
    traffic, weight = random.choice([1.0, 8.0, 60.0]), random.choice([0.05, 0.2, 0.5])
    wrong, worse = random.choice([0.0, 0.003, 0.03, 0.03]), random.choice([1.0, 3.0, 9.0, 9.0])
    second, edges, span_s = 0.0, list(policy.edges) or BUCKETS, 15.0 if policy.edges else 1.0
    for n in range(90):
        second += span_s * (random.choice([1, 1, 1, 1, 1, 7, 40]) if traffic < 5 else 1)
        shock, sick = (12.0 if 50 <= n < 56 else 1.0), (worse if n >= 30 else 1.0)
        sizes = [int(random.expovariate(1 / (traffic * 2 * share))) for share in (weight, 1 - weight)]
        sizes[random.randrange(2)] *= random.random() > 0.05
        shares = [min(0.9, wrong * shock * sick), min(0.9, wrong * shock)]
        arms = [Counts(size, counted(random, size, share)) for size, share in zip(sizes, shares, strict=True)]
        events = {"orders": (counted(random, sizes[0], 0.2 / sick), counted(random, sizes[1], 0.2))} if n % 9 else {}
        cold, asleep = not policy.latency or n < 4 or n % 17 == 0, random.random() < 0.15
        slow = [
            times(random, size, 25_000 * x**0.2, edges, whole=bool(policy.edges))
            for size, x in zip(sizes, (sick, 1.0), strict=True)
        ]
        yield Window(
            second, arms[0], arms[1], 1 + n // 40, span_s * random.choice([1, 1, 2]),
            ((), ()) if cold else (slow[0], slow[1]), events, synthetic=asleep,
        )  # fmt: skip


def agrees(verdict: Verdict, state: State, other: Recomputed) -> bool:
    """Odds, acceptance and conviction, to nine digits; what is below 1e-250 is nothing."""
    pairs = [(other.odds(), verdict.odds), (other.acceptance(), verdict.acceptance)]
    return state.convicted == other.over and all(a == pytest.approx(b, rel=1e-9, abs=1e-250) for a, b in pairs)


@pytest.mark.parametrize("name", POLICIES)
def test_the_published_formulas_give_the_same_verdict(name: str) -> None:
    """At every look, over thin and thick traffic, shocks, holes and late faults, odds and acceptance agree to nine digits."""
    policy, seen = POLICIES[name], set()
    for seed in range(12):
        state, other = start(policy), Recomputed(policy)
        for window in trace(Random(f"{name} {seed}"), policy):
            state = step(policy, state, window)
            other.see(window)
            assert agrees(judge(policy, state), state, other), (seed, window)
        seen |= {*other.met, "convicted" if other.over else "not convicted"}
    reached = {"synthetic", "late", "convicted"} | ({"quantile"} if policy.latency and policy.compared else set())
    reached |= {"suspended"} if policy.compared and policy.at_most is not None else set()
    assert set() == reached - seen


@pytest.mark.parametrize("changed", ["ratio", "points", "promote_points", "at_most", "dispersion", "pool_requests"])
def test_a_small_difference_is_noticed(changed: str) -> None:
    """A policy that differs by a ten-thousandth does not agree to nine digits: the agreement above is no accident."""
    policy = POLICIES["default"]
    value = getattr(policy, changed)
    other_value = value + 1 if isinstance(value, int) else value * 1.0001
    state, other = start(policy), Recomputed(replace(policy, **{changed: other_value}))  # type: ignore[arg-type]
    same = []
    for window in trace(Random("notice 3"), policy):
        state = step(policy, state, window)
        other.see(window)
        same.append(agrees(judge(policy, state), state, other))
    assert not all(same)

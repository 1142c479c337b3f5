"""The simulator's verdict is the product's: every look of thousands of releases, lane by lane."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from penstock.core.latency import EDGES, Latency
from penstock.core.policy import LatencyRule, Policy, RateRule
from penstock.core.verdict import GATE, Window, judge, start, step
from penstock.core.verdict import Counts as Arm
from penstock.simulation.histograms import Whole
from penstock.simulation.lanes import Counts, Lanes

BUCKETS = EDGES[120:180]
LATENCY = (LatencyRule(0.5, None, 1.1), LatencyRule(0.99, 60_000.0, 1.1, 2000.0, past_us=30_000.0, dispersion=2.0))
POLICIES = {
    "default": Policy(),
    "no margin": Policy(ratio=1.0, points=0.0, at_most=None),
    "alone": Policy(compared=False, at_most=0.02),
    "clusters": Policy(dispersion=3.0, past=0.002),
    "latency": Policy(latency=LATENCY),
    "rates": Policy(rates=(RateRule("orders", 0.8, 0.9), RateRule("items", 0.7, 0.8, dispersion=3.0))),
    "traffic": Policy(traffic=True),
    "long windows": Policy(latency=LATENCY, traffic=True),
}
SPANS_S = {"long windows": 7.0}


@pytest.mark.parametrize("name", POLICIES)
def test_every_look_is_the_products(name: str) -> None:
    """Odds, acceptance and conviction agree at every look, through pools, eras, silent arms, shocks and late faults."""
    policy, span_s = POLICIES[name], SPANS_S.get(name, 1.0)
    lanes, seconds = (60, 150) if policy.latency else (400, 240)
    rng = np.random.default_rng(5)
    vector = Lanes(policy, lanes, times=Whole(lanes, BUCKETS))
    states = [start(policy) for _ in range(lanes)]
    traffic = rng.choice([0.3, 3.0, 40.0, 400.0], lanes)
    weight = rng.choice([0.01, 0.05, 0.25, 0.5], lanes)
    wrong = rng.choice([0.0002, 0.003, 0.03], lanes)
    worse = rng.choice([1.0, 1.0, 2.0, 8.0], lanes)
    for second in range(seconds):
        era = 1 + second // 90 + (rng.random(lanes) < 0.5) * (second > 200)
        shock = 10.0 if 60 <= second < 70 else 1.0
        sick = np.where(second >= 40, worse, 1.0)
        arms = []
        for share, times in ((weight, sick), (1 - weight, np.ones(lanes))):
            errors = np.minimum(0.9, wrong * times * shock)
            requests = rng.poisson(traffic * share)
            arms.append((requests, rng.binomial(requests, errors)))
        (n_c, k_c), (n_b, k_b) = arms
        slow = (
            [_histograms(rng, n, s) for n, s in ((n_c, sick), (n_b, np.ones(lanes)))] if policy.latency else [None] * 2
        )
        events = {rule.name: tuple(_events(rng, n, s) for n, s in ((n_c, sick), (n_b, 1.0))) for rule in policy.rates}
        own = None
        if policy.traffic:
            sent = [rng.poisson(2.0 * (rng.random(lanes) < 0.8)) for _ in range(2)]
            n, m = (
                rng.binomial(one, np.minimum(0.9, wrong * times * shock))
                for one, times in zip(sent, (sick, 1.0), strict=True)
            )
            own = Counts(sent[0], n, sent[1], m, span_s=span_s)
        begin = second * span_s
        vector.step(begin, Counts(n_c, k_c, n_b, k_b, slow[0], slow[1], events, span_s), era, own)
        for lane in range(lanes):
            window = _window(begin, (n_c, k_c, n_b, k_b), lane, int(era[lane]), span_s)
            window = replace(window, events={one: (int(c[lane]), int(b[lane])) for one, (c, b) in events.items()})
            if slow[0] is not None and slow[1] is not None:
                window = replace(window, slow=(_sparse(slow[0][lane]), _sparse(slow[1][lane])))
            states[lane] = step(policy, states[lane], window)
            if own:
                mine = _window(begin, (own.n_c, own.k_c, own.n_b, own.k_b), lane, int(era[lane]), span_s)
                states[lane] = step(policy, states[lane], replace(mine, synthetic=True))
        said = [judge(policy, state) for state in states]
        assert np.allclose([min(one.odds, 1e200) for one in said], np.minimum(vector.odds, 1e200), rtol=1e-9)
        assert np.allclose(
            [min(one.acceptance, 1e200) for one in said], np.minimum(vector.acceptance, 1e200), rtol=1e-9
        )
        assert [one.outcome == "unhealthy" for one in said] == vector.convicted.tolist()
        assert [one.outcome == "healthy" for one in said] == vector.healthy(GATE).tolist()
    assert 0 < vector.convicted.sum() < lanes


def _window(second: float, arms: tuple[np.ndarray, ...], lane: int, era: int, span_s: float) -> Window:
    n_c, k_c, n_b, k_b = (int(one[lane]) for one in arms)
    return Window(second, Arm(n_c, k_c), Arm(n_b, k_b), era, span_s)


def _events(rng: np.random.Generator, requests: np.ndarray, sick: np.ndarray | float) -> np.ndarray:
    return rng.poisson(0.3 * requests / sick)


def _histograms(rng: np.random.Generator, requests: np.ndarray, slower: np.ndarray) -> np.ndarray:
    found = np.zeros((len(requests), len(BUCKETS)), np.int64)
    for lane, count in enumerate(requests):
        times = rng.lognormal(np.log(20_000 * (1 + 0.1 * slower[lane])), 0.4, count)
        np.add.at(found[lane], np.minimum(np.searchsorted(BUCKETS, times), len(BUCKETS) - 1), 1)
    return found


def _sparse(counts: np.ndarray) -> Latency:
    return tuple((BUCKETS[at], int(counts[at])) for at in np.flatnonzero(counts))

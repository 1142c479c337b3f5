"""Stable's quantiles: known before each window, and said to judge nothing where nothing could be slower."""

from __future__ import annotations

from math import inf

import pytest

from penstock.core import slow
from penstock.core.evidence_windows import Window
from penstock.core.latency import Latency
from penstock.core.policy import LatencyRule, Policy
from penstock.core.verdict import Counts, Verdict, judge, start, step

FOREIGN = (1e3, 1e4, 1e5, 1e6)


def after(policy: Policy, stable: Latency, candidate: Latency, seconds: int = 120) -> Verdict:
    """What is said when every second brought the same of both."""
    state = start(policy)
    for second in range(seconds):
        counts = Counts(sum(n for _, n in candidate), 3), Counts(sum(n for _, n in stable), 3)
        state = step(policy, state, Window(second, *counts, 1, 1.0, (candidate, stable)))
    return judge(policy, state)


@pytest.mark.parametrize(("edges", "words"), [((), "were never answered in time"), (FOREIGN, "took longer than 1 s")])
def test_a_quantile_that_nothing_exceeds_is_said_not_to_judge(edges: tuple[float, ...], words: str) -> None:
    """Three in a hundred of stable's requests time out: nothing is slower than its p99, however slow the candidate is."""
    policy = Policy(latency=(LatencyRule(0.99, None, 1.2),), edges=edges, promote_points=0.02)
    fast, seldom = policy.edge(2e3), policy.edge(3e5)
    said = after(policy, ((fast, 97), (inf, 3)), ((seldom, 97), (inf, 3)))

    assert f"p99 does not judge: 3 % of stable's requests {words}" in said.sentence
    assert "p99 of at most" not in said.sentence
    assert "p99 does not judge" not in after(policy, ((fast, 99), (seldom, 1)), ((fast, 99), (seldom, 1))).sentence


def test_a_window_is_held_against_the_past_alone() -> None:
    """What is slow in this very window does not move the quantile that it is held against."""
    policy = Policy(latency=(LatencyRule(0.9, None, 1.0, past_us=5e4),))
    known = slow.begin(policy)
    later = slow.after(known, policy, ((policy.edge(9e5), 1000),), 1.0)

    assert {"p90": (policy.edge(5e4), pytest.approx(0.1))} == known.quantiles == later.quantiles
    assert policy.edge(9e5) >= slow.after(later, policy, (), 60.0).quantiles["p90"][0] > policy.edge(5e4)


@pytest.mark.parametrize("requests", [2, 50])
def test_little_traffic_adds_up_until_a_quantile_is_known(requests: int) -> None:
    """A p99 needs 500 of stable's requests; nothing of them is forgotten before, so it is known some time, and then fades."""
    policy = Policy(latency=(LatencyRule(0.5, None, 1.2), LatencyRule(0.99, None, 1.2)))
    now, edge = slow.begin(policy), policy.edge(2e4)
    for _ in range(600 // requests):
        now = slow.after(now, policy, ((edge, requests),), 10.0)
    assert "p99" in now.quantiles
    for _ in range(200):
        now = slow.after(now, policy, ((edge, requests),), 10.0)
    assert sum(weight for _, weight in now.kept) == pytest.approx(10 * requests, rel=0.01)

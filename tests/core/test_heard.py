"""What a policy judges beside errors, and the source does not tell, is named; it neither convicts nor accepts."""

from __future__ import annotations

from math import inf

import pytest

from penstock.core.evidence_windows import Eras, Window
from penstock.core.heard import unheard
from penstock.core.latency import Latency
from penstock.core.policy import LatencyRule, Policy, RateRule
from penstock.core.reading import Reading
from penstock.core.verdict import Counts, judge, start, step

EDGES = (5e3, 10e3, 25e3, 50e3, 100e3, 250e3, 500e3)
FINE: Latency = (*((edge, 10 if edge == 25e3 else 0) for edge in EDGES), (inf, 0))
COARSE: Latency = ((5e3, 0), (1e6, 10), (inf, 0))
ARMS = {"new": "the candidate", "old": "stable"}
SLOW = Policy(latency=(LatencyRule(0.99, 100e3, 1.1), LatencyRule(0.5, 50e3)), edges=EDGES)
ORDERS = Policy(rates=(RateRule("orders", 0.8, 0.9),))


def reading(revision: str, second: float = 100.0, **more: object) -> Reading:
    """One second with ten requests."""
    return Reading("web", revision, second, second + 1, 10, 0, era=1, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("policy", "told", "lacks"),
    [
        (SLOW, {"latency": FINE}, ""),
        (SLOW, {}, "p99, p50: the source has told no response times of the candidate"),
        (SLOW, {"latency": COARSE}, "p99, p50: the response times of the candidate come in other buckets"),
        (ORDERS, {"events": (("orders", 0),)}, ""),
        (ORDERS, {"events": (("visits", 3),)}, "the source has told no orders of the candidate"),
        (Policy(), {}, ""),
    ],
)
def test_what_is_not_told_is_named(policy: Policy, told: dict[str, object], lacks: str) -> None:
    """By the newest requests that are judged: those of an arm that is silent, cold, or between two splits say nothing."""
    eras = Eras({1: 90.0}, settle_s=2, warm_s=3)
    found = unheard(policy, [reading("old", **told), reading("new", **told)], ARMS, eras, {})
    assert found.get("the candidate", "").startswith(lacks)
    assert bool(found) == bool(lacks)
    assert {} == unheard(policy, [reading("new", 91.0), reading("new", 94.0)], ARMS, eras, {})
    assert {"stable": "x"} == unheard(Policy(), [reading("new")], ARMS, eras, {"stable": "x", "the candidate": "y"})


@pytest.mark.parametrize("candidate", [COARSE, ()])
def test_other_buckets_are_no_evidence(candidate: Latency) -> None:
    """The same version with the buckets of its next release: it is not slow, and not accepted as fast either."""
    state = start(SLOW)
    for second in range(900):
        state = step(SLOW, state, Window(second, Counts(10, 0), Counts(10, 0), 1, slow=(candidate, FINE)))
    said = judge(SLOW, state)
    assert "undecided" == said.outcome
    assert said.channels["p99"] == pytest.approx(1) == said.channels["p99 limit"]
    assert 0 == said.compared.get("p99", (Counts(), Counts()))[0].requests

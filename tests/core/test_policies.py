"""What a release is judged by: a bake by its limits, without those that stable broke before; rates so that a good one passes."""

from __future__ import annotations

from random import Random

import pytest

from penstock.core.evidence_windows import Window
from penstock.core.history import History
from penstock.core.known import NOTHING_KNOWN, Known
from penstock.core.policies import bake_policies, rollout_policy, unjudged_in_bake
from penstock.core.verdict import Counts, judge, start, step
from penstock.manifest import Environment, TargetEntry
from penstock.manifest.bake import BakePeriod
from penstock.manifest.section import Section
from penstock.manifest.verdict import Verdict

LIMITS = ("1%", "5%")


def asked(*limits: str, latency: str = "500ms") -> Environment:
    """A bake of some periods, and p99 with a limit of its own."""
    bake = [{"for": f"{hours}h", "errors": {"at_most": limit}} for hours, limit in enumerate(limits or LIMITS, 1)]
    return Environment(
        name="production", units={}, target=TargetEntry(kind="paper", section=Section()),
        verdict=Verdict.model_validate({"latency": {"p99": {"at_most": latency}, "p50": {"at_most": "900ms"}}}),
        bake=tuple(BakePeriod.model_validate(one) for one in bake),
    )  # fmt: skip


def known(requests: int, errors: int, p99_ms: float = 100.0) -> Known:
    history = History(requests / 60, errors / requests, errors, 60.0, requests)
    return Known(history, quantiles_us={0.99: p99_ms * 1000, 0.5: p99_ms * 500})


@pytest.mark.parametrize(
    ("requests", "errors", "limits"),
    [
        (10_000, 0, [0.01, 0.05]), (10_000, 100, [0.01, 0.05]), (10_000, 101, [None, 0.05]), (10_000, 800, [None, None]),
        (85, 9, [None, None]), (40, 4, [0.01, 0.05]),
    ],
)  # fmt: skip
def test_a_share_that_failed_before(requests: int, errors: int, limits: list[float | None]) -> None:
    """A limit that stable broke judges no period of the bake; a handful of errors tells nothing, and the rollout keeps its own."""
    found = known(requests, errors)
    assert limits == [policy.at_most for policy in bake_policies(asked(), found)]
    assert limits.count(None) == len(unjudged_in_bake(asked(), found))
    assert 0.05 == rollout_policy(asked(), found).at_most


def test_a_quantile_that_was_slower_before() -> None:
    """The limit of one quantile goes, that of the other stays; of few requests nothing is believed."""
    slow = known(1000, 0, 620.0)
    for policy in bake_policies(asked(), slow):
        assert {0.99: None, 0.5: 900_000.0} == {rule.quantile: rule.at_most_us for rule in policy.latency}
    assert {500_000.0, 900_000.0} == {rule.at_most_us for rule in rollout_policy(asked(), slow).latency}
    said = (
        "stable's p99 was 620 ms before this release, which breaks the limit of 500 ms: that does not judge in the bake"
    )
    assert (said,) == unjudged_in_bake(asked(), slow)
    assert () == unjudged_in_bake(asked(latency="700ms"), slow)
    assert () == unjudged_in_bake(asked(), known(100, 0, 620.0))


def test_what_is_said_of_errors() -> None:
    """A sentence for each limit, with the numbers that it stands on; the same limit twice is one sentence."""
    failed = "800 of stable's 10,000 requests failed before this release, which breaks the limit of"
    expected = tuple(f"{failed} {limit} %: that does not judge in the bake" for limit in (1, 5))
    assert expected == unjudged_in_bake(asked("1%", "5%", "5%"), known(10_000, 800))


def test_without_a_past_every_limit_judges() -> None:
    """Nothing known, nothing suspended; without a bake nothing is said."""
    assert [0.01, 0.05] == [policy.at_most for policy in bake_policies(asked(), NOTHING_KNOWN)]
    assert () == unjudged_in_bake(asked(), NOTHING_KNOWN)
    assert () == unjudged_in_bake(asked().model_copy(update={"bake": ()}), known(10_000, 800, 620.0))


@pytest.mark.parametrize("least", ["0.8x", "0.95x", "1x"])
def test_as_many_events_are_accepted(least: str) -> None:
    """A candidate that brings as many events as stable is accepted within half an hour of five a second, however strict."""
    orders = {"is": "rate", "query": "orders_total", "at_least_of_stable": least}
    policy = rollout_policy(
        asked().model_copy(update={"verdict": Verdict.model_validate({"measures": {"orders": orders}})})
    )
    random, state = Random(5), start(policy)
    for second in range(1800):
        events = tuple(sum(random.random() < 0.1 for _ in range(50)) for _ in range(2))
        state = step(policy, state, Window(second, Counts(50, 0), Counts(50, 0), 1, 1.0, events={"orders": events}))
        if judge(policy, state).outcome != "undecided":
            break
    assert "healthy" == judge(policy, state).outcome

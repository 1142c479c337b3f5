"""Margins within which a candidate as good as stable is accepted, and those within which it never could be."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from penstock.errors import ManifestError
from penstock.manifest import read
from penstock.manifest.measures import Measure
from penstock.manifest.verdict import Verdict
from penstock.registry import kinds

MANIFEST = """penstock: 1
service: shop
run: x
environments:
  production:
    target: {{is: local, port: 8080}}
    rollout: {rollout}
    verdict:
      latency: {{p99: {{against_stable: 1.1x}}, warm_up: {warm_up}}}
"""
MINUTES = "{is: canary, increments: [10% for 30s, 50% up to 60s]}"


@pytest.mark.parametrize(
    ("least", "accepted"), [("0.5x", 0.25), ("0.8x", 0.6), ("0.9x", 0.8), ("0.95x", 0.9), ("1x", 0.9)]
)
def test_a_rate_leaves_room_for_what_is_as_good(least: str, accepted: float) -> None:
    """What is accepted by default is as far away again as what is convicted, and a tenth at least."""
    rate = {"is": "rate", "query": "q", "at_least_of_stable": least}
    assert accepted == Measure.model_validate(rate).accepted
    assert 0.95 == Measure.model_validate({**rate, "at_least_of_stable": "1x", "promote_at": "0.95x"}).accepted


@pytest.mark.parametrize(
    ("asked", "at", "instead"),
    [
        ({"errors": {"against_stable": "1x", "promote_at": "1x"}}, ("errors",), "promote_at: 2x + 0.5pp"),
        ({"latency": {"p99": {"against_stable": "1x", "promote_at": "1x"}}}, ("latency", "p99"), "promote_at: 1.5x"),
    ],
)
def test_stables_own_is_accepted_of_nobody(asked: dict[str, Any], at: tuple[str, ...], instead: str) -> None:
    """No number of requests tells a candidate as good as stable from one a little worse, and the line to write is offered."""
    with pytest.raises(ValidationError) as caught:
        Verdict.model_validate(asked)
    (error,) = caught.value.errors()
    assert (at, "promote_at", instead) == (error["loc"], error["ctx"]["at"], error["ctx"]["instead"])


@pytest.mark.parametrize(
    "asked",
    [
        {"errors": {"against_stable": "1x"}},
        {"errors": {"against_stable": "1x", "promote_at": "1x + 0.5pp"}},
        {"latency": {"p99": {"against_stable": "1x"}}},
        {"latency": {"p99": {"against_stable": "1x", "promote_at": "1x + 5ms"}}},
    ],
)
def test_a_little_room_is_enough(asked: dict[str, Any]) -> None:
    """The strictest limits are no mistake, as long as something is accepted."""
    Verdict.model_validate(asked)


@pytest.mark.parametrize("warm_up", ["60s", "1h"])
def test_an_increment_is_longer_than_it_takes_to_warm_up(warm_up: str) -> None:
    """Where nobody could be called slow in any increment, that is said at the line that asks for it."""
    with pytest.raises(ManifestError) as caught:
        read(MANIFEST.format(rollout=MINUTES, warm_up=warm_up), "penstock.yaml", kinds())
    (problem,) = caught.value.problems
    assert ("value", 9) == (problem.code, problem.line)
    assert "no increment is longer than `warm_up`" == problem.what
    assert problem.instead.startswith("warm_up: 15s")


@pytest.mark.parametrize(
    ("rollout", "warm_up"), [(MINUTES, "59s"), (MINUTES, "0s"), ("rolling", "1h"), ("canary", "5m")]
)
def test_one_increment_is_enough(rollout: str, warm_up: str) -> None:
    """The longest one judges; without increments nothing is compared anyway."""
    assert read(MANIFEST.format(rollout=rollout, warm_up=warm_up), "penstock.yaml", kinds())

"""Requests that have not ended hold a release where they could change what is said of it, and only there."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.core.limits import Arms
from penstock.core.policy import Policy
from penstock.core.reading import OPEN_REQUESTS, Level
from penstock.core.unended import FEW, unended
from penstock.core.verdict import Counts, State, start

ARMS, POLICY = Arms("new", "old"), Policy()


def seen(candidate: int, stable: int = 9000) -> State:
    """So many requests that ended."""
    return replace(start(POLICY), candidate=Counts(candidate, 0), stable=Counts(stable, 0))


def open_now(new: float, old: float) -> list[Level]:
    """How many are open on each; what was told before is forgotten."""
    return [
        Level(OPEN_REQUESTS, "new", 1, 9999),
        Level(OPEN_REQUESTS, "new", 2, new),
        Level(OPEN_REQUESTS, "old", 2, old),
    ]


@pytest.mark.parametrize(
    ("new", "old", "weight", "holds"),
    [
        (300, 2, 500, True),  # half of them hang, and 631 have ended
        (FEW, 2, 500, False),
        (300, 2700, 100, False),  # streams: as many are open on stable, for its weight
        (300, 150, 500, False),
        (300, 2, 1000, False),
        (300, 2, 0, False),
    ],
)
def test_what_is_open_holds(new: float, old: float, weight: int, holds: bool) -> None:
    """As beside stable, for the weight of both."""
    assert holds == bool(unended(POLICY, seen(631), open_now(new, old), ARMS, weight))


def test_instances_are_added_up() -> None:
    """A source may tell of each instance by itself."""
    each = [Level(OPEN_REQUESTS, "new", 1, 60, str(n)) for n in range(5)]
    assert unended(POLICY, seen(631), [*open_now(0, 2)[2:], *each], ARMS, 500).startswith(
        "300 requests of the candidate"
    )
    assert not unended(POLICY, seen(631), [*open_now(0, 2)[2:], *each[:1]], ARMS, 900)


def test_what_could_fail_without_a_difference_does_not_hold() -> None:
    """Of 100,000 requests 300 may fail: the margin of acceptance is half a hundredth."""
    assert unended(POLICY, seen(631), open_now(300, 2), ARMS, 500)
    assert not unended(POLICY, seen(100_000), open_now(300, 2), ARMS, 500)


def test_a_source_that_does_not_tell_holds_nothing() -> None:
    """Nor does a release without a stable arm."""
    assert not unended(POLICY, seen(631), [], ARMS, 500)
    assert not unended(POLICY, seen(631), open_now(300, 2)[:2], ARMS, 500)
    assert not unended(POLICY, seen(631), open_now(300, 2), Arms("new", None), 500)


@given(st.integers(1, 999), st.floats(0, 1e6), st.integers(0, 10**6))
def test_equal_versions_are_not_held(weight: int, stable: float, ended: int) -> None:
    """However many are open on stable, as many for its weight on the candidate never hold."""
    alike = stable * weight / (1000 - weight)
    assert not unended(POLICY, seen(ended), open_now(alike, stable), ARMS, weight)

"""The summary of an environment's past."""

from __future__ import annotations

import random
from dataclasses import replace
from math import inf

from hypothesis import given
from hypothesis import strategies as st

from penstock.core.history import HOLE_S, History, summary
from penstock.core.reading import Reading


def second(at: float, requests: int, errors: int = 0, **also: object) -> Reading:
    """What one second came to, on stable."""
    return replace(Reading("web", "r1", at, at + 1, requests, errors), **also)  # type: ignore[arg-type]


def test_nothing_read_is_no_history() -> None:
    """Without a reading there is nothing to say, also not that there is no traffic."""
    assert None is summary([], "r1")
    assert None is summary([second(0, 5, synthetic=True), second(0, 5, final=False)], "r1")


def test_rates_of_a_past() -> None:
    """Requests by all the time that was counted, quiet seconds included; errors by stable's own requests."""
    found = summary([second(0, 30, 3), second(9, 10, 1)], "r1")

    assert History(4.0, 0.1, 4, 10.0, 40) == found


def test_units_are_summed() -> None:
    """Two units in the same second are one second."""
    found = summary([second(0, 30, 3), second(0, 10, 1, unit="api")], "r1")

    assert History(40.0, 0.1, 4, 1.0, 40) == found


def test_other_revisions_are_traffic_alone() -> None:
    """What ran before stable was asked, too; how often it failed says nothing of stable."""
    found = summary([second(0, 30, 30, revision="r0"), second(1, 10, 1)], "r1")

    assert History(20.0, 0.1, 1, 2.0, 10) == found


def test_a_hole_is_no_time() -> None:
    """Where nobody counted for long, neither requests nor seconds are counted."""
    far = 1 + HOLE_S + 1
    found = summary([second(0, 10), second(far, 10), second(far + 1, 10)], "r1")

    assert found is not None
    assert (10.0, 3.0) == (found.requests_per_s, found.seconds)


def test_synthetic_requests_are_left_out() -> None:
    """What Penstock sent itself is no traffic."""
    assert summary([second(0, 10)], "r1") == summary([second(0, 10), second(0, 90, 90, synthetic=True)], "r1")


def test_latency_is_stables_own_in_milliseconds() -> None:
    """The quantiles' upper edges; None where the answer never came, and where there is no histogram."""
    fast = ((1000.0, 90), (20_000.0, 8), (inf, 2))
    found = summary([second(0, 100, latency=fast), second(1, 9, revision="r0", latency=((9e6, 9),))], "r1")

    assert found is not None
    assert (1.0, 20.0, None) == (found.p50_ms, found.p95_ms, found.p99_ms)
    none = summary([second(0, 10)], "r1")
    assert none is not None
    assert (None, None, None) == (none.p50_ms, none.p95_ms, none.p99_ms)


@given(st.lists(st.tuples(st.integers(0, 5000), st.integers(1, 60), st.integers(0, 50)), min_size=1), st.randoms())
def test_order_says_nothing(rows: list[tuple[int, int, int]], chance: random.Random) -> None:
    """Readings in any order, overlapping or of any length, are the same history; its time lies within the past."""
    readings = [Reading("web", "r1", at, at + lasts, requests, 0) for at, lasts, requests in rows]
    mixed = chance.sample(readings, len(readings))

    found = summary(readings, "r1")
    assert found == summary(mixed, "r1")
    assert found is not None
    span = max(one.end for one in readings) - min(one.start for one in readings)
    assert max(lasts for _, lasts, _ in rows) <= found.seconds <= span

"""Whom a candidate harmed: the excess over stable, never below nobody."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from penstock.core.eprocess import Counts
from penstock.core.harm import harmed, stretches
from penstock.core.reading import Reading
from penstock.core.report_evidence import Channel

COUNTS = st.tuples(st.integers(1, 1000), st.integers(0, 1000)).map(lambda one: Counts(one[0], min(one)))


@given(st.lists(st.tuples(COUNTS, COUNTS), max_size=6))
def test_nobody_is_harmed_by_what_stable_does_too(arms: list[tuple[Counts, Counts]]) -> None:
    """Harm lies between nobody and all that failed; with stable's very rate it is nobody."""
    assert 0 <= harmed(arms) <= sum(mine.errors for mine, _ in arms)
    assert 0 == harmed((one, one) for one, _ in arms)


def test_what_failed_on_both_arms_in_an_outage_is_not_the_candidates() -> None:
    """Each stretch is held against its own seconds; of hanging requests, slow and failed, none counts twice."""
    told = ((1, "c", 100, 50), (1, "s", 900, 450), (2, "c", 100, 10), (2, "s", 900, 0))
    made = [Reading("web", name, float(era), era + 1.0, sent, failed, era=era) for era, name, sent, failed in told]
    own = Reading("web", "c", 3.0, 4.0, 100, 100, era=2, synthetic=True)
    assert 10 == harmed(stretches([*made, own], "c", {}))
    slow = Channel("p95", "slower", Counts(200, 50), Counts(1000, 50), 300.0, quantile=0.95)
    assert 40 == harmed(stretches(made, "c", {}), [slow])


def test_sums_stand_for_readings_that_are_gone() -> None:
    """Without readings, and where stable had none beside it, the sums of the whole release are what stable does."""
    served = {"c": {"requests": 100, "errors": 12}, "s": {"requests": 1000, "errors": 20}}
    assert 10 == harmed(stretches([], "c", served))
    alone = [Reading("web", "c", 1.0, 2.0, 100, 12, era=1)]
    assert 10 == harmed(stretches(alone, "c", served))
    assert 12 == harmed(stretches(alone, "c", {}))

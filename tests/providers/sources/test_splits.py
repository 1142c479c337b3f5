"""Requests of two traffic splits are never taken for requests of one."""

from __future__ import annotations

from itertools import accumulate

from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.core.splits import CLOCKS_S, era_of

APART = round(CLOCKS_S * 10)
GAPS = st.lists(st.tuples(st.integers(1, 40), st.integers(0, 3)), min_size=1, max_size=5)


@settings(max_examples=400, deadline=None)
@given(GAPS, st.integers(0, 100), st.integers(0, 30), st.integers(-APART, APART), st.integers(0, 30))
def test_an_era_was_in_force_all_the_time(
    gaps: list[tuple[int, int]], start: int, span: int, apart: int, where: int
) -> None:
    """Whatever the clocks are apart, at every moment of a stretch that has an era, that era was in force (in tenths)."""
    moments = accumulate(gap for gap, _ in gaps)
    splits = [(moment / 10, era) for moment, (_, era) in zip(moments, gaps, strict=True)]
    found = era_of(splits, start / 10, (start + span) / 10)
    truly = (start + min(where, span) + apart) / 10
    assert not found or found == [era for moment, era in splits if moment <= truly][-1]


def test_before_the_first_split_and_around_a_change_there_is_no_era() -> None:
    """What may be of two splits is of none; well within one it is of that one."""
    splits = [(100.0, 1), (200.0, 0), (205.0, 2)]
    asked = [(50, 51), (99, 103), (102, 150), (150, 199.5), (201, 203), (203, 300), (205.5, 300), (206.5, 300)]
    assert [0, 0, 1, 0, 0, 0, 0, 2] == [era_of(splits, start, end) for start, end in asked]
    assert 0 == era_of([], 1, 2)

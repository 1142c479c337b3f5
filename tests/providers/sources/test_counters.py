"""Counters become readings: whatever processes do, nothing is lost that was seen, nothing is invented, nothing counts twice."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import inf

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.checks.json_path import CannotTell
from penstock.core.evidence_windows import Eras
from penstock.core.reading import Reading
from penstock.providers.sources.counters import Grown, Series, grown, readings

STEP, SCRAPE, MEMORY, BEGAN = 1000, 500, 3000, 1_700_000_000_000


@dataclass(frozen=True)
class Slot:
    """What happens between two scrapes: perhaps a restart, then requests; and whether the scrape at its end is missed."""

    good: int
    bad: int
    is_restart: bool = False
    is_missed: bool = False


SLOTS = st.lists(
    st.builds(Slot, st.integers(0, 9), st.integers(0, 3), st.booleans(), st.integers(0, 5).map(lambda n: n == 0)),
    min_size=1,
    max_size=24,
)


def in_memory(slots: list[Slot]) -> list[Slot]:
    """The same, with no process unseen for so long that it is forgotten, which is a law of its own."""
    found, unseen = list[Slot](), 0
    for one in slots:
        unseen = unseen + 1 if one.is_missed and unseen < MEMORY // SCRAPE - 2 else 0
        found.append(replace(one, is_missed=unseen > 0))
    return found


def scraped(slots: list[Slot], process: str, arm: str, first: int = 0) -> tuple[list[Series], tuple[int, int]]:
    """The series of a process that had counted `first` when it was first seen, and what it answered afterwards."""
    values = {"200": first}
    samples: dict[str, list[tuple[int, int]]] = {"200": [(BEGAN, first)]}
    truth, unseen = [0, 0], [0, 0]
    for n, slot in enumerate(slots, 1):
        if slot.is_restart:
            values, unseen = {"200": 0}, [0, 0]
        values["200"] += slot.good
        if slot.bad:
            values["500"] = values.get("500", 0) + slot.bad
        unseen = [unseen[0] + slot.good + slot.bad, unseen[1] + slot.bad]
        if not slot.is_missed:
            truth, unseen = [truth[0] + unseen[0], truth[1] + unseen[1]], [0, 0]
            for code, value in values.items():
                samples.setdefault(code, []).append((BEGAN + n * SCRAPE, value))
    series = [Series("requests", process, arm, tuple(some)) for some in samples.values()]
    series += [Series("errors", process, arm, tuple(samples["500"]))] if "500" in samples else []
    return series, (truth[0], truth[1])


def read(series: list[Series], since: int = 0, until: int = BEGAN * 2) -> list[Reading]:
    """All readings, under one split."""
    return readings(grown(series, MEMORY), STEP, since, until, "web", lambda since, at: 1)


def sums(found: list[Reading]) -> tuple[int, int]:
    """Requests and errors of some readings."""
    return sum(one.requests for one in found), sum(one.errors for one in found)


def is_judged(one: Reading) -> bool:
    """Whether the verdict would take it."""
    return not Eras({1: 0.0}, 0.0, STEP / 1000).refuses(one)


@settings(max_examples=150, deadline=None)
@given(SLOTS)
def test_a_process_that_never_restarts_is_counted_exactly(slots: list[Slot]) -> None:
    """Whatever scrapes are missed, up to the last that was not all is counted, and nothing from before the first."""
    steady = [Slot(one.good, one.bad, False, one.is_missed) for one in in_memory(slots)]
    series, truth = scraped(steady, "a", "old", first=500)
    assert truth == sums(read(series))


@settings(max_examples=150, deadline=None)
@given(SLOTS, st.integers(0, 23))
def test_a_restart_that_is_seen_counts_from_zero(slots: list[Slot], when: int) -> None:
    """What was counted since the restart counts, in all series of the process; the stretch itself is not judged."""
    place = when % len(slots)
    once = [Slot(one.good, one.bad, n == place, one.is_missed) for n, one in enumerate(in_memory(slots))]
    series, truth = scraped(once, "a", "old", first=10_000)
    assert truth == sums(read(series))
    first = next((BEGAN + n * SCRAPE for n, slot in enumerate(once, 1) if n > place and not slot.is_missed), 0)
    assert all(not each.is_whole for each in grown(series, MEMORY) if each.at_ms == first)


@settings(max_examples=200, deadline=None)
@given(SLOTS, SLOTS)
def test_nothing_is_ever_invented(one: list[Slot], other: list[Slot]) -> None:
    """However often processes restart, seen or not, no more is counted than was answered; no arm takes another's."""
    (a, truth_a), (b, truth_b) = scraped(one, "a", "old"), scraped(other, "b", "new")
    found = read([*a, *b])
    for arm, truth in (("old", truth_a), ("new", truth_b)):
        counted = sums([reading for reading in found if reading.revision == arm])
        assert (True, True) == (counted[0] <= truth[0], counted[1] <= truth[1])
    assert all(reading.errors <= reading.requests for reading in found if is_judged(reading))


@settings(max_examples=150, deadline=None)
@given(SLOTS, st.integers(0, 12))
def test_reading_on_from_a_step_is_reading_at_once(slots: list[Slot], step: int) -> None:
    """Cut at the end of any step, with no more samples than the memory needs, the two parts are the whole."""
    series, _ = scraped(slots, "a", "old")
    cut = BEGAN + step * STEP
    fewer = [replace(each, samples=tuple(s for s in each.samples if s[0] >= cut - MEMORY)) for each in series]
    assert read(series) == read(series, until=cut) + read(fewer, since=cut)


def one(counts: str, *values: int, process: str = "a", arm: str = "old", **more: object) -> Series:
    """A counter that is scraped every half step; -1: it is not there."""
    samples = tuple((BEGAN + n * SCRAPE, value) for n, value in enumerate(values) if value >= 0)
    return Series(counts, process, arm, samples, **more)  # type: ignore[arg-type]


def test_a_process_that_comes_is_counted_from_its_first_scrape_on() -> None:
    """What it counted before nobody knows: none of it is counted, and the stretch is told of as a hole."""
    found = read([one("requests", 5, 6, 7, 8), one("requests", -1, 900, 903, 907, process="b")])
    assert 3 + 7 == sums(found)[0]
    assert 2 == len([reading for reading in found if not reading.requests and not is_judged(reading)])


def test_a_process_that_goes_takes_nothing_back() -> None:
    """What it counted stays counted."""
    assert 3 + 2 == sums(read([one("requests", 5, 6, 7, 8), one("requests", 70, 72, -1, -1, process="b")]))[0]


def test_a_series_that_is_new_on_a_known_process_began_at_zero() -> None:
    """The first error makes its series: it counts, and is judged."""
    found = read([one("requests", 5, 9, 12), one("requests", -1, -1, 2), one("errors", -1, -1, 2)])
    assert (9, 2) == sums([reading for reading in found if is_judged(reading)])


def test_all_series_of_a_process_restart_together() -> None:
    """A counter that is above its old value by chance began at zero too, where another one shows the restart."""
    found = read([one("requests", 100, 7), one("requests", 1, 3), one("errors", 1, 3)])
    assert (10, 3) == sums(found)
    assert not any(is_judged(reading) for reading in found if reading.requests)


def test_a_series_that_went_with_a_restart_is_not_a_second_one() -> None:
    """After a restart the errors' series is gone until the next error: that is new, and not below what it was before."""
    found = read([one("requests", 100, 4, 9, 12), one("requests", 5, -1, -1, 1), one("errors", 5, -1, -1, 1)])
    assert (13, 1) == sums(found)


def test_a_series_that_vanishes_from_a_living_process_is_a_hole() -> None:
    """Something began anew that no value shows: counted, and not judged."""
    found = read([one("requests", 100, 120, 130), one("requests", 5, -1, -1)])
    assert [20] == [reading.requests for reading in found if not is_judged(reading) and reading.requests]


def test_a_long_silence_is_a_hole_and_a_longer_one_is_forgotten() -> None:
    """Counts over more than 1.5 steps are told of, never judged; beyond the memory they are not even counted."""
    gap = [-1] * 4
    assert [(10, False)] == [(r.requests, is_judged(r)) for r in read([one("requests", 5, *gap, 15)]) if r.requests]
    assert 0 == sums(read([one("requests", 5, *([-1] * 20), 15)]))[0]


def test_a_stretch_with_more_errors_than_requests_is_a_hole_and_many_are_an_error() -> None:
    """Two counters may be read a moment apart; ten errors more are another thing."""
    few = read([one("requests", 5, 6), one("errors", 0, 3)])
    assert not any(is_judged(reading) for reading in few)
    with pytest.raises(CannotTell, match="`errors` counts 30 of 1 requests of old"):
        read([one("requests", 5, 6), one("errors", 0, 30)])


def test_requests_that_may_be_of_two_splits_are_apart() -> None:
    """The era is of the time between two scrapes, not of the step: a change within it concerns that stretch alone."""
    change = BEGAN + SCRAPE + 1
    found = readings(
        grown([one("requests", 0, 1, 11, 111)], MEMORY), STEP, 0, BEGAN * 2, "web",
        lambda since, at: 0 if since < change <= at else 1 if at < change else 2,
    )  # fmt: skip
    counted = {era: sum(reading.requests for reading in found if reading.era == era) for era in (0, 1, 2)}
    assert {0: 10, 1: 1, 2: 100} == counted


def test_buckets_are_taken_apart_in_each_family() -> None:
    """Cumulative buckets become counts; histograms of other edges are merged, not mixed."""
    a = {"family": "a"}
    series = [
        one("latency", 0, 3, edge_us=5e3, **a), one("latency", 2, 9, edge_us=inf, **a),
        one("latency", 0, 4, edge_us=1e4, family="b"), one("latency", 0, 4, edge_us=inf, family="b"),
    ]  # fmt: skip
    assert ((5e3, 3), (1e4, 4), (inf, 4)) == read(series)[-1].latency


@pytest.mark.parametrize(
    ("edges", "said"),
    [({5e3: 9, inf: 2}, "a wider bucket of x counts less than a narrower one"), ({5e3: 1}, "no bucket \\+Inf")],
)
def test_what_is_no_histogram_is_refused(edges: dict[float, int], said: str) -> None:
    """Counts are never made of what cannot be a histogram."""
    with pytest.raises(CannotTell, match=said):
        _ = Grown("old", 0, 1, buckets={"x": edges}).latency


def test_what_is_forgotten_is_new_however_far_back_samples_go() -> None:
    """A series that comes back after longer than the memory counts as a new one: the window asked for decides nothing."""
    silent = [-1] * 9
    series = [one("requests", *range(11)), one("requests", 7, *silent, 9)]
    assert 10 + 9 == sums(read(series))[0]


def test_more_requests_than_there_can_be_are_refused() -> None:
    """A counter that leaps beyond all traffic is no traffic."""
    series = Series("requests", "a", "new", ((BEGAN, 0), (BEGAN + SCRAPE, 4 * 10**15)))
    with pytest.raises(CannotTell, match="more than there can be"):
        readings(grown([series], MEMORY), STEP, BEGAN - 1, BEGAN + STEP, "", lambda *_: 1)

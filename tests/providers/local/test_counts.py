"""Histograms as the keeper keeps them."""

from __future__ import annotations

from collections import Counter
from math import ceil, inf

from hypothesis import given
from hypothesis import strategies as st

from penstock.core.latency import EDGES, GROWTH, Latency, bucket_of, quantile
from penstock.core.latency import merged as together
from penstock.providers.local.counts import bucket, merged, pack, unpack

durations = st.integers(0, 3_600_000_000) | st.just(inf)
counts = st.dictionaries(st.integers(0, len(EDGES) - 1), st.integers(1, 1 << 40), max_size=30)


def histogram(found: dict[int, int]) -> Latency:
    """Counts as core knows them."""
    return tuple((EDGES[number], count) for number, count in sorted(found.items()))


@given(durations)
def test_a_bucket_is_that_of_core(duration_us: float) -> None:
    """The keeper counts in the buckets that are judged."""
    assert bucket_of(duration_us) == EDGES[bucket(duration_us)]


@given(counts)
def test_what_is_packed_is_unpacked(found: dict[int, int]) -> None:
    """Few or many, small or large: the counts are what they were."""
    assert histogram(found) == unpack(pack(found))


def test_a_usual_second_takes_two_bytes_a_bucket() -> None:
    """Compact is what it is for."""
    assert 80 == len(pack(dict.fromkeys(range(100, 140), 3)))


def test_an_empty_bucket_is_not_kept() -> None:
    """Nothing is a histogram of nothing."""
    assert (b"", ()) == (pack({7: 0}), unpack(b""))


@given(st.lists(counts, max_size=4))
def test_merging_packed_ones_is_merging_them(several: list[dict[int, int]]) -> None:
    """All requests of all of them, as core merges them; in any order and grouping."""
    whole = merged([pack(one) for one in several])
    assert together([histogram(one) for one in several]) == unpack(whole)
    assert whole == merged([merged([pack(one) for one in several[2:]]), *(pack(one) for one in reversed(several[:2]))])


@given(st.lists(st.integers(100, 3_600_000_000), min_size=1, max_size=60), st.sampled_from([0.5, 0.95, 0.99]))
def test_a_quantile_is_within_four_per_cent(took_us: list[int], share: float) -> None:
    """From the exact quantile on, at most 4 % above it (and half a microsecond: edges are whole)."""
    exact = sorted(took_us)[ceil(share * len(took_us)) - 1]
    found = quantile(unpack(pack(Counter(map(bucket, took_us)))), share)
    assert found is not None
    assert exact <= found <= exact * GROWTH + 0.5

"""Readings as one piece of evidence."""

from __future__ import annotations

import gzip
import json
import random
from dataclasses import replace
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.core import data
from penstock.core.latency import EDGES, Latency, bucket_of
from penstock.core.reading import Reading
from penstock.core.recording import FORMAT, pack, unpack

edges = st.sampled_from(EDGES) | st.floats(1, 1e12) | st.just(inf)
latencies = st.dictionaries(edges, st.integers(1, 10**7), max_size=12).map(lambda found: tuple(sorted(found.items())))
moments = st.integers(0, 10**6) | st.floats(0, 2e9).map(lambda at: round(at, 3))
events = st.lists(st.tuples(st.sampled_from(["orders", "payments"]), st.integers(0, 10**6)), max_size=2).map(tuple)
readings = st.builds(
    Reading, unit=st.sampled_from(["web", "api"]), revision=st.sampled_from(["a", "b"]), start=moments, end=st.just(0.0),
    requests=st.integers(0, 10**6), errors=st.integers(0, 100), era=st.integers(0, 9), late=st.integers(0, 9),
    duration_us=st.integers(0, 10**12), sampled=st.booleans(), position=st.text(max_size=8), latency=latencies,
    events=events, synthetic=st.booleans(),
).flatmap(
    lambda r: st.sampled_from([replace(r, end=r.start + 1), replace(r, end=r.start + 1, position=str(r.start))])
)  # fmt: skip


@given(st.lists(readings, max_size=20))
def test_readings_are_kept_whole(found: list[Reading]) -> None:
    """Packed, written as JSON and unpacked, readings are what they were, in their order, whatever their edges."""
    assert found == unpack(json.loads(data.canonical(pack(found)), parse_constant=_is_no_json))


def _is_no_json(constant: str) -> None:
    raise AssertionError(f"{constant} is no JSON: other readers refuse it")


def test_what_may_still_grow_is_left_out() -> None:
    """A provisional reading is no evidence."""
    one = Reading("web", "a", 0, 1, 1, 0)
    assert [one] == unpack(pack([one, replace(one, final=False)]))


def test_format_1_is_still_read() -> None:
    """Evidence of an earlier Penstock has no histograms, no events, and nothing synthetic."""
    packed = {
        "format": 1, "units": ["web"], "revisions": ["a", "b"], "unit": [0, 0], "revision": [1, 0], "start": [10.0, 10.0],
        "length": [1.0, 1.0], "sampled": [0, 1], "requests": [5, 95], "errors": [1, 0], "era": [3, 3], "late": [0, 2],
        "duration_us": [100, 900], "position": ["10", "x"],
    }  # fmt: skip
    expected = [
        Reading("web", "b", 10.0, 11.0, 5, 1, 3, 0, 100, position="10"),
        Reading("web", "a", 10.0, 11.0, 95, 0, 3, 2, 900, sampled=True, position="x"),
    ]
    assert expected == unpack(packed)


def test_a_newer_format_is_refused() -> None:
    """What a later Penstock wrote is not guessed at."""
    with pytest.raises(ValueError, match=f"this Penstock knows {FORMAT}"):
        unpack({**pack([]), "format": FORMAT + 1})


def test_a_second_costs_few_bytes() -> None:
    """Two arms at 100 requests/s, with histograms: at most 50 bytes a second, compressed (4.3 MB a day)."""
    chance = random.Random(1)
    found = [second for at in range(1_790_000_000, 1_790_000_600) for second in (_second(chance, "a", at, 95),
                                                                                _second(chance, "b", at, 5))]  # fmt: skip
    assert 50 * 600 >= len(gzip.compress(data.canonical(pack(found)).encode(), mtime=0))


def _second(chance: random.Random, revision: str, at: int, requests: int) -> Reading:
    took = [round(chance.lognormvariate(9.9, 0.6)) for _ in range(requests)]
    counts: dict[float, int] = {}
    for duration_us in took:
        edge = bucket_of(duration_us)
        counts[edge] = counts.get(edge, 0) + 1
    latency: Latency = tuple(sorted(counts.items()))
    return Reading("web", revision, at, at + 1, requests, 0, 1, 0, sum(took), position=str(at), latency=latency)

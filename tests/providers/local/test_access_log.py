"""Envoy's access log, folded."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.providers.local.access_log import Eras, fold, parse

HUNG_US = 1_000_000


def line(**more: Any) -> bytes:
    """A line as Envoy writes it."""
    usual = {
        "start_s": "1000.250000", "unit": "web", "cluster": "web|r1", "code": 200, "flags": "-", "duration_us": 1500,
        "duration_ms": 1, "route": "split", "client": "127.0.0.1",
    }  # fmt: skip
    return json.dumps({**usual, **more}).encode()


@pytest.mark.parametrize(
    ("more", "is_error"),
    [
        ({}, False),
        ({"code": 404}, False),
        ({"code": 500}, True),
        ({"code": 503, "flags": "UH", "duration_us": None}, True),
        ({"code": 504, "flags": "UT"}, True),
        ({"code": 200, "flags": "UPE", "duration_us": None}, True),
        ({"code": 200, "flags": "UC,DC", "duration_us": None}, True),
        ({"code": 0, "flags": "DC", "duration_us": None, "duration_ms": 1000}, True),
        ({"code": 400, "flags": "DPE"}, False),
        ({"code": 0, "flags": "-"}, False),
    ],
)
def test_an_error_is_what_the_service_did(more: dict[str, Any], is_error: bool) -> None:
    """5xx, a failed or truncated upstream, a client that left after waiting too long."""
    found = parse(line(**more), HUNG_US)
    assert found is not None
    assert is_error == found.is_error


@pytest.mark.parametrize(
    "more",
    [
        {"route": "preview"},
        {"route": "nowhere", "cluster": None},
        {"cluster": None, "code": 503, "flags": "NC"},
        {"code": 0, "flags": "DC", "duration_us": None, "duration_ms": 999},
    ],
)
def test_what_is_not_judged_is_no_request(more: dict[str, Any]) -> None:
    """Previews, requests of no revision, and clients that left early count neither as requests nor as
    errors.
    """
    assert parse(line(**more), HUNG_US) is None


@given(st.binary(max_size=80))
def test_no_line_breaks_the_fold(noise: bytes) -> None:
    """What cannot be read is counted, and the lines around it are folded."""
    folded = fold([line(), noise, line()], Eras(), 0, HUNG_US)
    assert 2 == sum(sums.requests for sums in folded.sums.values())
    assert 1 == folded.unreadable


moments = st.floats(900, 1100, allow_nan=False)


@given(
    st.lists(st.tuples(moments, st.sampled_from([200, 500])), max_size=40),
    st.integers(890, 1110),
    st.integers(0, 40),
)
def test_folding_in_parts_is_folding_at_once(sent: list[tuple[float, int]], closed: int, cut: int) -> None:
    """However the log is cut, each request is counted once, none in a closed second, and those late are
    known.
    """
    lines = [line(start_s=f"{at:.6f}", code=code) for at, code in sent]
    eras = Eras(((950.0, 1), (1000.0, 0), (1000.5, 2)))
    whole = fold(lines, eras, closed, HUNG_US).sums
    total: dict[Any, list[int]] = {}
    for part in (lines[:cut], lines[cut:]):
        for key, sums in fold(part, eras, closed, HUNG_US).sums.items():
            mine = total.setdefault(key, [0, 0, 0, 0])
            for place, value in enumerate((sums.requests, sums.errors, sums.late, sums.duration_us)):
                mine[place] += value
    assert total == {k: [s.requests, s.errors, s.late, s.duration_us] for k, s in whole.items()}
    assert len(sent) == sum(s.requests for s in whole.values())
    assert all(second > closed for second, *_ in whole)
    assert sum(int(float(f"{at:.6f}")) <= closed for at, _ in sent) == sum(s.late for s in whole.values())


@pytest.mark.parametrize(("at", "era"), [(9.0, 0), (10.0, 1), (19.9, 1), (20.0, 0), (20.4, 0), (20.5, 2), (99.0, 2)])
def test_a_request_belongs_to_the_era_in_which_it_arrived(at: float, era: int) -> None:
    """An era begins at its very moment; while a split changes it is era 0."""
    assert era == Eras(((10.0, 1), (20.0, 0), (20.5, 2))).at(at)

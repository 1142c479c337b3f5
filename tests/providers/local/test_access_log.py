"""Envoy's access log, folded."""

from __future__ import annotations

import json
from collections.abc import Iterable
from itertools import pairwise
from math import inf
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.core.latency import EDGES
from penstock.providers.local import access_log
from penstock.providers.local.access_log import Clients, Eras, Key, Sums, fold, parse
from penstock.providers.local.counts import bucket

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
        ({"code": 0, "flags": "DC", "duration_us": None, "duration_ms": 999}, False),
        ({"code": 200, "flags": "DC", "duration_us": None, "duration_ms": 60_000}, False),
        ({"code": 400, "flags": "DPE"}, False),
        ({"code": 0, "flags": "-"}, False),
    ],
)
def test_an_error_is_what_the_service_did(more: dict[str, Any], is_error: bool) -> None:
    """5xx, a failed or truncated upstream, a client that left after waiting too long; not one that left a stream."""
    found = parse(line(**more), HUNG_US)
    assert found is not None
    assert is_error == found.is_error


@pytest.mark.parametrize(
    "more",
    [
        {"route": "preview"},
        {"route": "nowhere", "cluster": None},
        {"cluster": None, "code": 503, "flags": "NC"},
    ],
)
def test_what_is_not_judged_is_no_request(more: dict[str, Any]) -> None:
    """Previews and requests of no revision count neither as requests nor as errors."""
    assert parse(line(**more), HUNG_US) is None


@given(st.binary(max_size=80))
def test_no_line_breaks_the_fold(noise: bytes) -> None:
    """What cannot be read is counted, and the lines around it are folded."""
    folded = fold([line(), noise, line()], Eras(), 0, HUNG_US)
    assert 2 == sum(sums.requests for sums in folded.sums.values())
    assert 1 == folded.unreadable


@pytest.mark.parametrize(
    ("more", "took_us"),
    [
        ({}, 1500),
        ({"code": 500}, 1500),
        ({"code": 503, "flags": "UH", "duration_us": None, "duration_ms": 0}, 0),
        ({"code": 503, "flags": "URX,UF"}, 1500),
        ({"code": 504, "flags": "UT"}, inf),
        ({"code": 200, "flags": "UPE", "duration_us": None}, inf),
        ({"code": 503, "flags": "UC"}, inf),
        ({"code": 0, "flags": "DC", "duration_us": None, "duration_ms": 1000}, inf),
        ({"code": 500, "flags": "DC", "duration_us": None, "duration_ms": 1000}, inf),
        ({"code": 500, "flags": "DC", "duration_us": None, "duration_ms": 999}, 999_000),
        ({"code": 0, "flags": "DC", "duration_us": None, "duration_ms": 999}, 999_000),
        ({"code": 200, "flags": "DC", "duration_us": None, "duration_ms": 60_000}, 60e6),
    ],
)
def test_who_got_no_whole_answer_waited_for_ever(more: dict[str, Any], took_us: float) -> None:
    """Timed out, cut off, or left hanging: failed, and slower than any limit; another error took as long as it took."""
    found = parse(line(**more), HUNG_US)
    assert found is not None
    assert took_us == found.took_us
    assert EDGES.index(inf) == bucket(inf)


requests = st.lists(
    st.fixed_dictionaries(
        {
            "start_s": st.floats(998, 1003, allow_nan=False).map("{:.6f}".format), "code": st.sampled_from([200, 500]),
            "flags": st.sampled_from(["-", "UT"]), "route": st.sampled_from(["split", "split", "synthetic", "preview"]),
            "cluster": st.sampled_from(["web|r1", "web|r2"]), "client": st.sampled_from(["::1", "::2", None]),
            "duration_us": st.integers(0, 10**7),
        }
    ),
    max_size=40,
)  # fmt: skip


def all_of(sums: Iterable[tuple[Key, Sums]]) -> dict[Key, Sums]:
    """Sums of several folds, added up."""
    total: dict[Key, Sums] = {}
    for key, more in sums:
        mine = total.setdefault(key, Sums())
        for name in ("requests", "errors", "late", "duration_us", "repeated"):
            setattr(mine, name, getattr(mine, name) + getattr(more, name))
        for number, count in more.latency.items():
            mine.latency[number] = mine.latency.get(number, 0) + count
    return total


@given(requests, st.integers(996, 1004), st.lists(st.integers(0, 40), max_size=4), st.booleans(), st.randoms())
def test_folding_in_parts_is_folding_at_once(
    sent: list[dict[str, Any]], closed: int, cuts: list[int], once: bool, order: Random
) -> None:
    """However the log is cut, and in whatever order its lines come, each request is counted once, none in a closed second, and
    those late are known; so is whose error was the first.
    """
    lines = [line(**one) for one in sent]
    eras = Eras(((950.0, 1), (1000.0, 0), (1000.5, 2)))
    whole = fold(lines, eras, closed, HUNG_US, {} if once else None)
    order.shuffle(lines)
    parts: list[tuple[Key, Sums]] = []
    met: Clients = {}
    places = [0, *sorted(cuts), len(lines)]
    for begin, end in pairwise(places):
        part = fold(lines[begin:end], eras, closed, HUNG_US, met if once else None)
        parts += part.sums.items()
        for (group, client), first in part.clients.items():
            met.setdefault(group, {})[client] = first
    assert whole.sums == all_of(parts)
    counted = [one for one in sent if one["route"] != "preview"]
    assert len(counted) == sum(s.requests for s in whole.sums.values())
    assert all(second > closed for second, *_ in whole.sums)
    assert sum(int(float(one["start_s"])) <= closed for one in counted) == sum(s.late for s in whole.sums.values())


@given(requests)
def test_every_request_is_in_its_histogram(sent: list[dict[str, Any]]) -> None:
    """A histogram's counts add up to the requests; those that timed out are in its infinite bucket, and errors."""
    found = fold([line(**one) for one in sent], Eras(), 0, HUNG_US).sums
    assert all(s.requests == sum(s.latency.values()) for s in found.values())
    hung = sum(one["flags"] == "UT" and one["route"] != "preview" for one in sent)
    assert hung == sum(s.latency.get(bucket(inf), 0) for s in found.values())
    assert all(s.errors >= s.latency.get(bucket(inf), 0) for s in found.values())


@given(requests)
def test_what_penstock_sent_is_counted_apart(sent: list[dict[str, Any]]) -> None:
    """Users' readings are the same with and without synthetic requests."""
    users = [one for one in sent if one["route"] != "synthetic"]
    whole, without = (fold([line(**one) for one in some], Eras(), 0, HUNG_US).sums for some in (sent, users))
    assert without == {key: sums for key, sums in whole.items() if not key[-1]}


def test_one_client_is_one_error_a_second() -> None:
    """Asked so, an error counts once for each client and second, on whichever arm; the rest stays counted, as repeated."""
    many = [
        line(code=500), line(code=500), line(code=200), line(code=500, client="::2"), line(code=500, start_s="1001.0"),
        line(code=500, cluster="web|r2"), line(code=500, cluster="web|r2", client="::3"), line(code=500, client=None),
        line(code=500, client=None),
    ]  # fmt: skip
    sums = fold(many, Eras(), 0, HUNG_US, {}).sums
    assert (6, 4, 1) == _counts(sums[1000, "web", "r1", 0, False])
    assert (1, 1, 0) == _counts(sums[1001, "web", "r1", 0, False])
    assert (2, 1, 1) == _counts(sums[1000, "web", "r2", 0, False])
    assert (6, 5, 0) == _counts(fold(many, Eras(), 0, HUNG_US).sums[1000, "web", "r1", 0, False])


def test_a_clients_first_error_is_the_one_that_arrived_first() -> None:
    """Not the one that was answered first, or a revision that fails slowly would always come second."""
    slow, fast = line(code=500, cluster="web|r2", start_s="1000.1"), line(code=500, start_s="1000.4")
    first = fold([fast], Eras(), 0, HUNG_US, {})
    assert (1, 1, 0) == _counts(first.sums[1000, "web", "r1", 0, False])
    met: Clients = {}
    for (group, client), one in first.clients.items():
        met.setdefault(group, {})[client] = one
    moved = fold([slow, slow], Eras(), 0, HUNG_US, met).sums
    assert (0, -1, 1) == _counts(moved[1000, "web", "r1", 0, False])
    assert (2, 1, 1) == _counts(moved[1000, "web", "r2", 0, False])


@pytest.mark.parametrize("slow_s", [0.005, 0.5, 1.9, 5.0])
@pytest.mark.parametrize("is_slow", ["stable", "candidate"])
def test_who_fails_all_is_seen_however_long_it_takes(slow_s: float, is_slow: str) -> None:
    """One caller of 900 requests a second with few errors beside 100 that all fail: they take nearly every second's one error,
    whichever arm is the slow one, and also where its answers come when their second is closed.
    """
    random, ends, seconds = Random(3), [], 20
    takes_s = {"stable": 0.005, "candidate": 0.005, is_slow: slow_s}
    for second in range(1000, 1000 + seconds):
        for revision, count, share in (("stable", 900, 0.006), ("candidate", 100, 1.0)):
            for _ in range(count):
                if random.random() < share:
                    at = second + random.random()
                    ends.append(
                        (at + takes_s[revision], line(code=500, cluster=f"web|{revision}", start_s=f"{at:.6f}"))
                    )
    ends.sort()
    met: Clients = {}
    errors = {"stable": 0, "candidate": 0}
    for second in range(1000, 1010 + seconds):
        lines = [text for end, text in ends if int(end) == second]
        folded = fold(lines, Eras(), second - 3, HUNG_US, met)
        for (group, client), first in folded.clients.items():
            met.setdefault(group, {})[client] = first
        for (_, _, revision, _, _), sums in folded.sums.items():
            errors[revision] += sums.errors
    assert errors["candidate"] >= 0.75 * seconds
    assert sum(errors.values()) <= seconds + slow_s + 1


def test_a_flood_of_clients_fills_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the limit clients are not remembered, and every error of theirs counts."""
    monkeypatch.setattr(access_log, "CLIENTS_KEPT", 3)
    folded = fold([line(code=500, client=str(n % 5)) for n in range(10)], Eras(), 0, HUNG_US, {})
    assert 3 == len(folded.clients)
    assert (10, 7, 3) == _counts(folded.sums[1000, "web", "r1", 0, False])


def _counts(sums: Sums) -> tuple[int, int, int]:
    return sums.requests, sums.errors, sums.repeated


@pytest.mark.parametrize(("at", "era"), [(9.0, 0), (10.0, 1), (19.9, 1), (20.0, 0), (20.4, 0), (20.5, 2), (99.0, 2)])
def test_a_request_belongs_to_the_era_in_which_it_arrived(at: float, era: int) -> None:
    """An era begins at its very moment; while a split changes it is era 0."""
    assert era == Eras(((10.0, 1), (20.0, 0), (20.5, 2))).at(at)

"""The real Prometheus: processes come and go, its memory has gaps, and questions may be wrong."""

from __future__ import annotations

import time
from collections.abc import Iterator
from math import inf
from typing import Any

import pytest

from penstock.core.reading import Reading
from penstock.errors import PenstockError
from penstock.providers.sources.given import Given
from penstock.providers.sources.prometheus import PrometheusMetrics
from tests.providers.sources import rig


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[rig.Town]:
    """One for all tests, since it is slow to start."""
    with rig.town(tmp_path_factory.mktemp("prometheus")) as town:
        yield town


def made(town: rig.Town, given: Given | None = None, **more: Any) -> PrometheusMetrics:
    """The source, of one split if nothing else is said."""
    return PrometheusMetrics(town.section(**more), given or Given(lambda: [(0.0, 1)]))


def read(metrics: PrometheusMetrics, since: str) -> list[Reading]:
    """All there is after a position."""
    found: list[Reading] = []
    while new := metrics.readings(found[-1].position if found else since):
        found += new
    return found


def requests(found: list[Reading], arm: str) -> int:
    """All requests of an arm."""
    return sum(one.requests for one in found if one.revision == arm)


def begin(town: rig.Town, metrics: PrometheusMetrics) -> str:
    """A position from which everything is counted."""
    town.wait_for_scrapes(metrics)
    return metrics.position()


def test_processes_come_and_go(town: rig.Town) -> None:
    """A process that comes counts from its first scrape on, one that goes takes nothing back; others are not touched."""
    metrics = made(town)
    since = begin(town, metrics)
    came = town.shop.processes["c"]
    came.answer(1000, 0)
    came.is_there = True
    town.wait_for_scrapes(metrics, "c")
    came.answer(20, 3)
    town.shop.processes["b"].answer(5, 0)
    town.wait_for_scrapes(metrics, "a", "b", "c")
    came.is_there = False
    town.shop.processes["b"].answer(7, 1)
    town.wait_for_scrapes(metrics)
    found = read(metrics, since)
    assert 20 + 5 + 7 == requests(found, "new")
    assert 0 == requests(found, "old")


def test_latency_events_and_gauges(town: rig.Town) -> None:
    """Buckets in microseconds, events by name, and a gauge for each instance."""
    given = Given(lambda: [(0.0, 1)], "web", events={"orders": "orders_total"}, gauges={"memory": "memory_bytes"})
    metrics = made(town, given)
    since = begin(town, metrics)
    town.shop.processes["b"].answer(4, 0, took_s=0.05, orders=3)
    town.wait_for_scrapes(metrics)
    town.shop.processes["b"].answer(2, 0, took_s=30)
    town.wait_for_scrapes(metrics)
    found = [one for one in read(metrics, since) if one.requests]
    assert [((5e3, 0), (1e5, 4), (1e6, 0), (inf, 0)), ((5e3, 0), (1e5, 0), (1e6, 0), (inf, 2))] == [
        one.latency for one in found
    ]
    assert [(("orders", 3),), (("orders", 0),)] == [one.events for one in found]
    assert {"web"} == {one.unit for one in found}
    levels = {(one.name, one.revision, one.instance): one.value for one in metrics.levels()}
    assert {("memory", "old", "a"): 103, ("memory", "new", "b"): 103} == {
        key: levels[key] for key in levels if key[2] != "c"
    }


def test_a_shift_of_traffic_parts_the_readings(town: rig.Town) -> None:
    """Before it one era, after it another, and what may be of both is of none; all of it is counted."""
    splits = [(0.0, 1)]
    metrics = made(town, Given(lambda: splits))
    since = begin(town, metrics)
    town.shop.processes["a"].answer(3, 0)
    town.wait_for_scrapes(metrics)
    time.sleep(1.2)  # what clocks may be apart
    splits.append((time.time(), 0))
    town.shop.processes["a"].answer(5, 0)
    time.sleep(0.1)
    splits.append((time.time(), 2))
    time.sleep(1.5)
    town.shop.processes["a"].answer(7, 0)
    town.wait_for_scrapes(metrics)
    found = read(metrics, since)
    assert {0: 5, 1: 3, 2: 7} == {era: sum(one.requests for one in found if one.era == era) for era in (0, 1, 2)}


def test_a_prometheus_that_was_killed_goes_on(town: rig.Town) -> None:
    """What came while it was dead is read once it lives, as a hole: counted once, and not judged."""
    metrics = made(town)
    since = begin(town, metrics)
    town.shop.processes["a"].answer(3, 1)
    town.wait_for_scrapes(metrics)
    town.server.kill()
    town.shop.processes["a"].answer(40, 4)
    with pytest.raises(PenstockError) as raised:
        made(town).readings(since)
    assert "readings" == raised.value.code
    town.server.start()
    town.wait_for_scrapes(metrics)
    found = read(metrics, since)
    hole = [one for one in found if one.revision == "old" and one.end - one.start > 1.5 * metrics.step_s]
    assert 40 <= requests(hole, "old")
    assert 43 == requests(found, "old")


def test_a_step_is_asked_for_once(town: rig.Town) -> None:
    """However often a watcher looks, the server is asked when a step is over."""
    metrics = made(town, step=5.0)
    metrics.readings(metrics.position())
    asked = town.spoiler.asked
    for _ in range(50):
        metrics.readings(metrics.position())
    assert asked + 10 > town.spoiler.asked


def test_a_long_way_is_read_in_several_calls(town: rig.Town) -> None:
    """Where there is nothing for long, that is a hole, and the next call begins behind it."""
    metrics = made(town)
    town.wait_for_scrapes(metrics)
    calls, found, since = 0, list[Reading](), str(int(metrics.position()) - 72 * 3_600_000)
    while True:
        new = metrics.readings(since)
        if not new:
            break
        calls, found, since = calls + 1, found + new, new[-1].position
    assert 1 < calls
    assert found == sorted(found, key=lambda one: one.end)
    assert (False, True) == (bool(found[0].revision), bool(found[-1].revision))
    assert 0 == requests(found, "")


def test_an_answer_that_is_too_much_is_asked_for_in_parts(town: rig.Town) -> None:
    """However short the time that one answer holds, all there is comes, and once; also of the past."""
    metrics = made(town)
    since = begin(town, metrics)
    for n in range(8):
        town.shop.processes["a"].answer(3 + n, 1)
        town.wait_for_scrapes(metrics)
    town.spoiler.how = "wide"
    try:
        found, past = read(metrics, since), metrics.past(60, latency=True)
    finally:
        town.spoiler.how = ""
    assert (52, 8) == (requests(found, "old"), sum(one.errors for one in found))
    assert [one.requests for one in found] == [one.requests for one in past if one.end > int(since) / 1000]


def test_the_past_is_read_in_a_few_questions(town: rig.Town) -> None:
    """Hours are no hundred questions, and what nobody wants to know of them is not asked for."""
    metrics = made(town, step=2.0)
    town.wait_for_scrapes(metrics)
    town.spoiler.paths.clear()
    timed = metrics.past(7200, latency=True)
    assert 20 > len(town.spoiler.paths)
    assert any(one.latency for one in timed)
    town.spoiler.paths.clear()
    assert metrics.past(7200, latency=False)
    assert not [path for path in town.spoiler.paths if "bucket" in path]


def test_a_past_without_a_sample_says_so(town: rig.Town) -> None:
    """A selector of nothing is no quiet service."""
    with pytest.raises(PenstockError, match="`requests` has no new sample at all"):
        made(
            town, requests='http_requests_total{app="stop"}', errors='http_requests_total{app="stop",code="500"}'
        ).past(3600, latency=False)


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"step": 0.1}, "processes are scraped every 0.2"),
    ({"arm": "version"}, "series without the label `version`"),
    ({"instance": "pod", "requests": 'http_requests_total{job="nobody"}'}, "`requests` has no new sample at all"),
    ({"errors": 'http_requests_total{status=~"5.."}'}, "`errors` asks for the label `status`, and no request has it"),
    ({"errors": "http_errors_total"}, "`errors` selects nothing: no errors, or a wrong name"),
    ({"latency": "request_seconds_bucket"}, "`latency` selects nothing, and there are requests"),
]


@pytest.mark.parametrize(("change", "said"), WRONG)
def test_a_wrong_question_is_never_a_good_answer(town: rig.Town, change: dict[str, Any], said: str) -> None:
    """What selects nothing, or nobody's series, is an error that names the key: silence is no good release."""
    metrics = made(town, **change)
    since = str(int(metrics.position()) - 800)
    town.shop.processes["a"].answer(3, 0)
    town.wait_for_scrapes(made(town))
    with pytest.raises(PenstockError) as raised:
        metrics.readings(since)
    assert said in raised.value.what
    assert raised.value.next


def test_processes_that_are_scraped_no_more_are_stale(town: rig.Town) -> None:
    """Nothing new for two steps is an error; it is none when they come back."""
    metrics = made(town)
    since = begin(town, metrics)
    for name in "ab":
        town.shop.processes[name].is_there = False
    try:
        with pytest.raises(PenstockError, match="`requests` has no new sample for"):
            end = time.monotonic() + 8
            while time.monotonic() < end:
                since = (metrics.readings(since) or [Reading("", "", 0, 0, 0, 0, position=since)])[-1].position
                time.sleep(0.1)
    finally:
        for name in "ab":
            town.shop.processes[name].is_there = True
    town.shop.processes["a"].answer(9, 0)
    town.wait_for_scrapes(metrics)
    assert 9 == requests(read(metrics, since), "old")


def test_a_token_is_sent_by_its_name_and_never_shown(town: rig.Town) -> None:
    """The server gets it in a header; no error repeats it, though the server does."""
    given = Given(lambda: [(0.0, 1)], secrets={"TOKEN": "s3cr3t-word"})
    metrics = made(town, given, bearer="$TOKEN")
    metrics.position()
    assert "Bearer s3cr3t-word" == town.spoiler.headers["Authorization"]
    with pytest.raises(PenstockError) as raised:
        made(town, bearer="$TOKEN").position()
    assert "TOKEN" in raised.value.sentence
    town.spoiler.how = "echo"
    try:
        with pytest.raises(PenstockError) as raised:
            made(town, given, bearer="$TOKEN").position()
    finally:
        town.spoiler.how = ""
    assert "s3cr3t-word" not in raised.value.sentence


def test_a_position_of_another_source_is_refused(town: rig.Town) -> None:
    """A word that is no moment is an error, and not the beginning."""
    with pytest.raises(PenstockError, match="is no position of this source"):
        made(town).readings("7-8-9")

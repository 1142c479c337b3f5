"""An endpoint that a team serves: what it is asked, and what it may forget."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import pytest

from penstock.core.reading import Level, Reading
from penstock.errors import PenstockError
from penstock.manifest.metrics import MetricsSource
from penstock.providers.sources import answer
from penstock.providers.sources.endpoint import JsonMetrics
from penstock.providers.sources.given import Given
from tests.providers.sources import rig


class Endpoint:
    """Answers what its ledger knows, remembers what it was asked, and may have forgotten all before a moment."""

    def __init__(self) -> None:
        self.ledger = rig.Ledger()
        self.asked: list[str] = []
        self.tokens: list[str | None] = []
        self.forgotten = 0.0
        self.levels: list[dict[str, object]] = []

    def answer(self, path: str, headers: dict[str, str]) -> rig.Answer:
        since = parse_qs(urlsplit(path).query).get("since", [""])[0]
        self.asked.append(since)
        self.tokens.append(headers.get("Authorization"))
        told = self.ledger.since(max(float(since), self.forgotten) if since else None)
        return 200, {}, json.dumps({**told, "levels": self.levels}).encode()


@pytest.fixture
def endpoint() -> Endpoint:
    """Nothing is known yet."""
    return Endpoint()


@pytest.fixture
def metrics(endpoint: Endpoint) -> Iterator[JsonMetrics]:
    """The source, with a token, of one split and another."""
    with rig.served(endpoint.answer) as url:
        written = {"is": "json", "url": f"{url}/readings", "bearer": "$TOKEN", "step": 1, "lag": 2}
        splits = [(0.0, 1), (endpoint.ledger.now + 4.5, 2)]
        given = Given(lambda: splits, secrets={"TOKEN": "s3cr3t-word"})
        yield JsonMetrics(MetricsSource.model_validate(written), given)


def test_it_is_asked_from_the_position_on_with_its_token(endpoint: Endpoint, metrics: JsonMetrics) -> None:
    """`since` is the moment up to which all was read."""
    endpoint.ledger.serve({"old": (3, 1)})
    since = metrics.position()
    endpoint.ledger.serve({"old": (4, 0)})
    assert [4] == [one.requests for one in metrics.readings(since)]
    assert f"{int(since) / 1000:.3f}" == endpoint.asked[-1]
    assert {"Bearer s3cr3t-word"} == set(endpoint.tokens)


def test_a_reading_is_read_whole(endpoint: Endpoint, metrics: JsonMetrics) -> None:
    """Every key of it, and the era that its step was of."""
    at = endpoint.ledger.now
    endpoint.ledger.serve({})
    more = {"late": 1, "duration_us": 900, "events": {"orders": 2}, "synthetic": True, "unit": "web"}
    told = {"at": at, "revision": "new", "requests": 3, "errors": 1, "latency_us": [[5000, 2], [9000, 0], ["inf", 1]]}
    endpoint.ledger.readings.append({**told, **more})
    position = str(round(at * 1000) + 1000)
    expected = Reading(
        "web", "new", at, at + 1, 3, 1, 1, 1, 900, position=position, latency=((5000.0, 2), (9000.0, 0), (float("inf"), 1)),
        events=(("orders", 2),), synthetic=True,
    )  # fmt: skip
    assert [expected] == metrics.readings("")


def test_steps_around_a_shift_are_of_no_era(endpoint: Endpoint, metrics: JsonMetrics) -> None:
    """A second before and after it, for clocks that differ."""
    for _ in range(9):
        endpoint.ledger.serve({"old": (1, 0)})
    assert [1, 1, 1, 0, 0, 0, 2, 2, 2] == [one.era for one in metrics.readings("")]


def test_what_it_has_forgotten_is_a_hole(endpoint: Endpoint, metrics: JsonMetrics) -> None:
    """Whoever restarts and says so is believed: the stretch between is nobody's, and is told of."""
    endpoint.ledger.serve({"old": (3, 1)})
    since = metrics.position()
    endpoint.ledger.serve({"old": (50, 0)})
    endpoint.forgotten = endpoint.ledger.now
    endpoint.ledger.serve({"old": (4, 0)})
    found = metrics.readings(since)
    assert [("", 0), ("old", 4)] == [(one.revision, one.requests) for one in found]
    assert 1.5 < found[0].end - found[0].start


def test_an_endpoint_that_closes_nothing_is_stale(endpoint: Endpoint, metrics: JsonMetrics) -> None:
    """Half a minute beyond its lag, silence is an error."""
    endpoint.ledger.now -= 100
    endpoint.ledger.began -= 100
    with pytest.raises(PenstockError, match="nothing was closed for"):
        metrics.readings(metrics.position())


def test_gauges_come_with_the_newest_answer(endpoint: Endpoint, metrics: JsonMetrics) -> None:
    """A level may be of an instance, or of the whole revision."""
    endpoint.levels = [{"name": "queue", "revision": "new", "at": 5.0, "value": 7}]
    assert [Level("queue", "new", 5.0, 7.0)] == metrics.levels()


def test_steps_that_overlap_are_refused(endpoint: Endpoint, metrics: JsonMetrics) -> None:
    """A request in two readings would count twice: the answer is refused, and says which steps they are."""
    at = endpoint.ledger.now
    endpoint.ledger.serve({"old": (4, 0)})
    endpoint.ledger.readings.append({"at": at + 0.5, "revision": "old", "requests": 4, "errors": 0})
    endpoint.ledger.now += 1
    with pytest.raises(PenstockError, match=f"the steps that begin at {at:.15g} and {at + 0.5:.15g} overlap"):
        metrics.readings("")


def test_steps_may_be_told_in_fractions(endpoint: Endpoint, metrics: JsonMetrics) -> None:
    """A position is of a millisecond; what begins within that after it was read is read, and once."""
    endpoint.ledger.now += 0.0006
    endpoint.ledger.serve({"old": (4, 0)})
    endpoint.ledger.serve({"old": (5, 0)})
    first = metrics.readings("")
    assert [4, 5] == [one.requests for one in first]
    assert [5] == [one.requests for one in metrics.readings(first[0].position)]
    assert [] == metrics.readings(first[1].position)


def test_a_step_that_was_half_read_is_a_hole() -> None:
    """Of a step that began before the position, and ends after it, nobody knows what was read: it is counted, not judged."""
    at = time.time() - 10
    rows = [{"at": at + n, "revision": "old", "requests": 4 + n, "errors": 1} for n in range(3)]
    told = answer.told({"from": at, "to": at + 3, "readings": rows}, 1.0, time.time())
    half, whole = answer.readings(told, at + 1.4, 1.0, [(0.0, 1)], "")
    assert ("", 5, 0, "old", 6) == (half.revision, half.requests, half.errors, whole.revision, whole.requests)
    assert 1.5 < half.end - half.start


def test_what_ended_just_now_waits(endpoint: Endpoint, metrics: JsonMetrics) -> None:
    """A second later no shift can reach back to it: until then it is neither handed on nor called closed."""
    endpoint.ledger.now = endpoint.ledger.began = time.time() - 2.6
    endpoint.ledger.serve({"old": (3, 0)})
    endpoint.ledger.serve({"old": (4, 0)})
    assert [3] == [one.requests for one in metrics.readings("")]
    assert metrics.closed_until() < endpoint.ledger.now
    rig.wait(lambda: [3, 4] == [one.requests for one in metrics.readings("")], 3)
    assert endpoint.ledger.now + 1 <= time.time()


@pytest.mark.parametrize("name", ["\x1b]0;pwn\x07", "a\nline", "x\u202eevil"])
@pytest.mark.parametrize("key", ["revision", "unit", "events"])
def test_names_that_cannot_be_printed_are_refused(
    endpoint: Endpoint, metrics: JsonMetrics, key: str, name: str
) -> None:
    """Nothing that a terminal would obey, or that hides what stands there, comes into a report or a sentence."""
    endpoint.ledger.serve({"old": (4, 0)})
    endpoint.ledger.readings[0][key] = {name: 1} if key == "events" else name
    with pytest.raises(PenstockError, match="cannot be printed") as raised:
        metrics.readings("")
    assert raised.value.what.isprintable()


def test_more_requests_than_there_can_be_are_refused(endpoint: Endpoint, metrics: JsonMetrics) -> None:
    """With numbers beyond what fractions can tell no odds can be reckoned, in one reading or in all units together."""
    endpoint.ledger.serve({"old": (1, 1), "new": (4 * 10**15, 3)})
    with pytest.raises(PenstockError, match=r"not valid at `readings\.1\.requests`"):
        metrics.readings("")
    endpoint.ledger.readings.clear()
    endpoint.ledger.serve({f"r{n}": (10**12, 3) for n in range(2)})
    with pytest.raises(PenstockError, match=r"more than 1e\+12 requests"):
        metrics.readings("")


def test_a_key_that_stands_twice_is_refused(endpoint: Endpoint) -> None:
    """Which of the two is meant, nobody knows."""
    endpoint.ledger.serve({"old": (4, 0)})
    body = endpoint.answer("/", {})[2].replace(b'"errors": 0', b'"errors": 2, "errors": 0')
    with rig.served(lambda path, headers: (200, {}, body)) as url:
        section = MetricsSource.model_validate({"is": "json", "url": url, "step": 1})
        with pytest.raises(PenstockError, match="answered with JSON with the key `errors` twice"):
            JsonMetrics(section, Given(list)).readings("")

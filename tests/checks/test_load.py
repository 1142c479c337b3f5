"""The check `load`: its own client, other tools' reports, and what their figures are judged to mean."""

from __future__ import annotations

import json
import random
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from penstock.checks.json_path import CannotTell
from penstock.checks.load import LoadCheck, LoadSection, shot
from penstock.checks.load_client import Schedule, Shot
from penstock.checks.load_figures import Figures, of_samples, ranks
from penstock.checks.load_judge import Rules, judged, measured
from penstock.checks.load_reports import ReportError, read
from penstock.core import data
from penstock.core.finding import CheckRequest, Last, Outcome

RECORDED = Path(__file__).parent / "recorded" / "load"
REPORTS = sorted(path for path in RECORDED.iterdir() if path.suffix in (".txt", ".json"))
SECRET = "s3cr3t-t0ken"
Make = Callable[..., CheckRequest]
Start = Callable[..., Any]


def run(make: Make, section: dict[str, Any], url: str = "", **more: Any) -> Outcome:
    """The outcome of a section as a manifest writes it."""
    plain = json.loads(json.dumps(data.dump(LoadSection.model_validate(section))))
    return LoadCheck().run(make(plain, url, **{"env": {"PATH": "/usr/bin:/bin"}, **more}))


def test_a_load_is_sent_to_the_revision(start: Start, request_for: Make) -> None:
    """As many requests as are asked for, by preview, with their token, each with an idempotency key of its own."""
    service = start({"json": {"ok": True}})
    section = {
        "post": "/chat", "json": {"a": 1}, "bearer": "$TOKEN", "requests": "20", "rate": "200/s", "p95": {"at_most": "5s"},
        "expect": {"json": {"ok": True}},
    }  # fmt: skip
    outcome = run(request_for, section, service.url, secrets={"TOKEN": SECRET})
    assert ("passed", 20) == (outcome.state, len(service.asked)), outcome.sentence
    assert outcome.sentence.startswith("0 of 20 requests failed; p95 ")
    headers = [one["headers"] for one in service.asked]
    assert {("r2", f"Bearer {SECRET}")} == {(h["x-penstock-revision"], h["authorization"]) for h in headers}
    assert 20 == len({h["idempotency-key"] for h in headers})
    assert (20, 0, 200.0) == tuple(outcome.measured[key] for key in ("requests", "failed", "rate"))
    assert "95 % interval" in outcome.evidence[0].text


def test_an_error_is_one_too_many(start: Start, request_for: Make) -> None:
    """With no share of errors allowed one 500 fails; with enough of them allowed it does not."""
    section = {"get": "/", "requests": "10", "rate": "100/s"}
    outcome = run(request_for, section, start({"status": 500}, {"status": 200}).url)
    assert ("failed", "1 of 10 requests failed (answered 500, expected 2xx: 1), at most 0 % may") == (
        outcome.state,
        outcome.sentence,
    )
    section |= {"errors": {"at_most": "10%"}}
    assert "passed" == run(request_for, section, start({"status": 500}, {"status": 200}).url).state


def test_nobody_there_fails_every_request(request_for: Make) -> None:
    """A revision that does not answer failed all of its requests."""
    outcome = run(request_for, {"get": "/", "requests": "5", "rate": "100/s"}, "http://127.0.0.1:9")
    assert ("failed", 5) == (outcome.state, outcome.measured["failed"])
    assert "no answer: ConnectError: 5" in outcome.sentence


def test_requests_are_timed_from_when_they_were_due(start: Start, request_for: Make) -> None:
    """A service that stalls once for 400 ms is seen to be slow by all that had to wait, not by one request."""
    stalled = threading.Lock()

    def stall(out: Any, _: Any) -> None:
        with stalled:
            time.sleep(0.4)
        out.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")

    section = {"get": "/", "requests": "40", "rate": "100/s", "at_once": "1", "p50": {"at_most": "100ms"}}
    outcome = run(request_for, section, start(stall, {"status": 200}).url)
    assert "failed" == outcome.state
    assert outcome.measured["p50_ms"] > 100


def test_what_takes_too_long_failed(start: Start, request_for: Make) -> None:
    """A request that is not answered within its time has no answer, and the load ends."""
    service = start(lambda *_: time.sleep(1.5))
    began = time.monotonic()
    outcome = run(request_for, {"get": "/", "requests": "3", "rate": "100/s", "answer_within": "200ms"}, service.url)
    assert "3 of 3 requests failed (no answer in time: 3)" in outcome.sentence
    assert time.monotonic() - began < 1.2


def test_our_own_lateness_is_not_the_services() -> None:
    """When this machine could not keep the schedule, nothing was measured."""
    late = [Shot(5.0, "", n % 2 == 0) for n in range(10)]
    with pytest.raises(CannotTell, match="5 of 10 requests were sent more than 100 ms late"):
        shot(late, Schedule(10, 10, 5, 1))


def test_a_load_needs_a_revision(request_for: Make) -> None:
    """Where nothing can be reached the load is errored, and so is one that leads elsewhere."""
    assert "errored" == run(request_for, {"get": "/", "requests": "1"}).state
    assert "errored" == run(request_for, {"get": "/$NOPE", "requests": "1"}, "http://127.0.0.1:9").state


def test_no_secret_is_in_an_outcome(start: Start, request_for: Make) -> None:
    """A token that the service sends back is masked."""
    service = start({"status": 200, "json": {"a": SECRET}})
    section = {
        "get": "/",
        "bearer": "$TOKEN",
        "requests": "2",
        "rate": "50/s",
        "expect": {"json": {"a": "something else"}},
    }
    outcome = run(request_for, section, service.url, secrets={"TOKEN": SECRET})
    assert "failed" == outcome.state
    assert SECRET not in str(data.dump(outcome))


def of(times: list[float], failed: int = 0) -> Figures:
    """Figures of our own client."""
    return of_samples("penstock", times, {"answered 500": failed} if failed else {}, 50.0)


def drawn(count: int, factor: float = 1.0, seed: int = 1) -> Figures:
    """Response times as services have them: many short, few long."""
    chance = random.Random(seed)
    return of([factor * chance.lognormvariate(3, 0.4) for _ in range(count)])


def against(now: Figures, then: Figures, factor: float = 1.1, **limits: float) -> Outcome:
    """Judged by what was measured then."""
    return judged(now, Rules(limits, 0.0, factor), json.loads(json.dumps(measured(then))))


def test_twice_as_slow_is_worse() -> None:
    """Twice the last release's times, of many requests, cannot be chance."""
    outcome = against(drawn(1000, 2.0), drawn(1000, seed=2))
    assert "failed" == outcome.state
    assert "sure by 95 %" in outcome.sentence


def test_a_little_slower_may_be_chance() -> None:
    """A fifth slower of few requests is said, undecided, and not failed."""
    outcome = against(drawn(30, 1.25), drawn(30), p50=1000.0)
    assert "undecided" == outcome.state
    assert "chance may explain it of 30 requests and 30 then" in outcome.sentence


def test_as_fast_passes() -> None:
    """What is no slower than it may be passes, and the factor is said."""
    outcome = against(drawn(500), drawn(500))
    assert "passed" == outcome.state
    assert "p50 20 ms is 1.00x the last release's 20 ms" in outcome.sentence


def test_without_a_last_release_the_limits_decide() -> None:
    """At the first release there is nothing to compare with: said, and the limits alone decide."""
    rules = Rules({"p95": 1000.0}, 0.0, 1.1)
    assert "passed" == judged(drawn(100), rules, None).state
    assert "no last release to compare with" in judged(drawn(100), rules, None).sentence
    assert "failed" == judged(drawn(100, 100.0), rules, None).state


@pytest.mark.parametrize("last", [{}, {"p50_ms": "x"}, {"p50_ms": -1}, {"p50_ms": float("nan")}, {"p50_ms": True}])
def test_a_last_release_that_measured_something_else_decides_nothing(last: dict[str, Any]) -> None:
    """What was measured otherwise then is not compared, and that is said."""
    outcome = judged(drawn(100), Rules({}, 0.0, 1.1), last)
    assert "undecided" == outcome.state
    assert "p50 cannot be compared: the last release has no p50" in outcome.sentence


def test_the_intervals_hold_what_they_are_for() -> None:
    """Of 400 intervals for the true p95 of a known distribution, 95 in 100 hold it, give or take."""
    chance = random.Random(7)
    held = 0
    for _ in range(400):
        low, high = of([chance.random() for _ in range(200)]).interval(0.95)
        held += low <= 0.95 <= (high or 1.0)
    assert 372 <= held


@pytest.mark.parametrize(
    ("count", "share", "expected"), [(10, 0.5, (2, 9)), (10, 0.95, (8, 11)), (71, 0.95, (63, 72)), (72, 0.95, (64, 72))]
)
def test_ranks(count: int, share: float, expected: tuple[int, int]) -> None:
    """The places of the sorted times, as in the tables of binomial intervals; one past the end is none."""
    assert expected == ranks(count, share)


@given(st.integers(1, 30_000), st.sampled_from([0.5, 0.9, 0.95, 0.99]))
def test_ranks_are_in_order(count: int, share: float) -> None:
    """The quantile's own place lies between the two."""
    low, high = ranks(count, share)
    assert 0 <= low < count * share + 1
    assert count * share <= high <= count + 1


@pytest.mark.parametrize(
    ("name", "tool", "requests", "failed", "p50"),
    [
        ("wrk.txt", "wrk", 75, 0, 52.02),
        ("wrk-bad.txt", "wrk", 92, 14, 43.98),
        ("hey.txt", "hey", 200, 0, 56.0),
        ("hey-bad.txt", "hey", 200, 26, 44.0),
        ("hey-refused.txt", "hey", 20, 20, 0.0),
        ("k6-export.json", "k6", 1000, 3, 10.2),
        ("k6-summary.json", "k6", 1000, 0, 10.2),
        ("vegeta.json", "vegeta", 500, 4, 12.5),
        ("artillery.json", "artillery", 500, 5, 12.1),
    ],
)
def test_reports_are_read(name: str, tool: str, requests: int, failed: int, p50: float) -> None:
    """Each tool's requests, failures and median, in its own units."""
    found = read((RECORDED / name).read_bytes())
    assert (tool, requests, failed) == (found.tool, found.requests, found.failed)
    assert p50 == pytest.approx(found.between(0.5)[1])


def test_a_report_is_judged(request_for: Make, tmp_path: Path) -> None:
    """Of a command or of a check that this one needs; a tool's own threshold that was crossed fails."""
    (tmp_path / "load.json").write_bytes((RECORDED / "vegeta.json").read_bytes())
    section = {"report": "load.json", "p95": {"at_most": "30ms"}, "errors": {"at_most": "1%"}}
    assert "failed" == (outcome := run(request_for, section)).state
    assert outcome.sentence.startswith("p95 is 32 ms, at most 30 ms may be")
    assert "passed" == run(request_for, {**section, "p95": {"at_most": "32ms"}}).state
    (tmp_path / "k6.json").write_bytes((RECORDED / "k6-summary.json").read_bytes())
    outcome = run(request_for, {"report": "k6.json"})
    assert ("failed", True) == (
        outcome.state,
        "k6's own threshold http_req_duration p(95)<30 was crossed" in outcome.sentence,
    )


def test_what_a_command_prints_is_a_report(request_for: Make, tmp_path: Path) -> None:
    """Without `report` what the command prints is judged; an exit code other than 0 never passes."""
    (tmp_path / "out").write_bytes((RECORDED / "hey.txt").read_bytes())
    assert "passed" == run(request_for, {"run": "cat out", "p99": {"at_most": "1s"}}).state
    outcome = run(request_for, {"run": {"sh": "cat out; exit 3"}})
    assert ("errored", "the command ended with 3, and its report shows nothing bad") == (
        outcome.state,
        outcome.sentence,
    )
    assert "errored" == run(request_for, {"run": "true"}).state
    assert "errored" == run(request_for, {"run": "no-such-tool"}).state


def test_neighbours_decide_for_a_quantile_that_is_not_there() -> None:
    """wrk has no p95: its p99 may be good enough for it, its p90 too bad; between them nothing is known."""
    wrk = read((RECORDED / "wrk.txt").read_bytes())
    states = [judged(wrk, Rules({"p95": limit}, 0.0, None), None).state for limit in (65.0, 62.0, 59.0)]
    assert ["passed", "errored", "failed"] == states


@pytest.mark.parametrize("path", REPORTS, ids=lambda path: path.name)
def test_a_report_that_breaks_off_is_no_better(path: Path) -> None:
    """A report cut anywhere never shows fewer failures and shorter times as if it were whole, or is refused."""
    whole = path.read_bytes()
    for cut in range(0, len(whole), 7):
        try:
            found = read(whole[:cut])
        except ReportError:
            continue
        assert found.requests >= found.failed
        if path.suffix == ".json":
            assert read(whole) == found


@pytest.mark.parametrize(
    "text",
    [b"", b"{}", b"[]", b'{"metrics": {}}', b'{"latencies": {}}', b'{"aggregate": 1}', b"[" * 100_000, b"\xff\xfe",
     b'{"latencies":{"50th":NaN},"requests":1,"rate":1,"status_codes":{}}',
     b'{"latencies":{"50th":"x"},"requests":1,"rate":1,"status_codes":{}}',
     b'{"latencies":{},"requests":0,"rate":1,"status_codes":{}}',
     b'{"latencies":{},"requests":1e999,"rate":1,"status_codes":{}}',
     b'{"latencies":{},"requests":1,"rate":1,"status_codes":{"200":2}}',
     b'{"latencies":{"50th":9,"99th":1},"requests":1,"rate":1,"status_codes":{"200":1}}',
     b"<testsuite/>", b"Running 2s test @ x\n", b"Status code distribution:\n"],
)  # fmt: skip
def test_what_is_no_report_is_refused(text: bytes) -> None:
    """Empty, of another tool, with NaN, with more answers than requests, with quantiles that fall."""
    with pytest.raises(ReportError):
        read(text)


@settings(max_examples=200)
@given(st.sampled_from(REPORTS), st.binary(max_size=6), st.floats(0, 1))
def test_any_damage_is_read_or_refused(path: Path, damage: bytes, where: float) -> None:
    """Whatever stands in a report, reading it ends in figures or in a refusal, and judging in one line."""
    whole = path.read_bytes()
    at = int(where * len(whole))
    try:
        found = read(whole[:at] + damage + whole[at + len(damage) :])
    except ReportError:
        return
    outcome = judged(found, Rules({"p95": 100.0}, 0.01, 1.1), {"p50_ms": 1, "p95_ms": 2})
    assert len(outcome.sentence) <= 300
    json.dumps(data.dump(outcome), allow_nan=False)


@pytest.mark.parametrize(
    "section",
    [
        {},
        {"get": "/"},
        {"get": "/", "rate": "50/s"},
        {"get": "/", "for": "10s"},
        {"get": "/", "requests": "10", "rate": "1/s", "for": "10s"},
        {"get": "/", "rate": "50", "for": "10s"},
        {"get": "/", "rate": "5000/s", "for": "1s"},
        {"get": "/", "rate": "50/s", "for": "20m"},
        {"get": "/", "post": "/", "requests": "10"},
        {"get": "http://elsewhere/", "requests": "10"},
        {"get": "/", "requests": "10", "against_last": "0.5x"},
        {"get": "/", "requests": "10", "against_last": "1.1x + 2pp"},
        {"get": "/", "requests": "10", "report": "k6.json"},
        {"rate": "5/s", "run": "k6"},
        {"get": "/", "requests": "10", "p95": {"at_most": "0s"}},
        {"get": "/", "requests": "10", "p95": "300ms"},
        {"get": "/", "requests": "10", "bearer": "token"},
    ],
)  # fmt: skip
def test_a_section_that_cannot_be_is_refused(section: dict[str, Any]) -> None:
    """No load, two ways to say it, somebody else's address, or more than is over in time."""
    with pytest.raises(ValidationError):
        LoadSection.model_validate(section)


def test_what_a_load_is_by_default() -> None:
    """Ten a second; `for` and `rate` make the number, `requests` and `for` the rate."""
    made = [
        LoadSection.model_validate({"get": "/", **said}).schedule()
        for said in (
            {"requests": "30"},
            {"rate": "50/s", "for": "3s"},
            {"requests": "30", "for": "3s"},
            {"requests": "9", "rate": "30/m"},
        )
    ]
    assert [(30, 10.0), (150, 50.0), (30, 10.0), (9, 0.5)] == [(one.requests, one.rate) for one in made]


def test_the_last_release_reaches_the_judge(start: Start, request_for: Make) -> None:
    """What was measured last is what is compared with."""
    last = Last("c0ffee", measured={"p50_ms": 0.001, "p50_high_ms": 0.001, "requests": 1000, "p95_ms": 1e9})
    section = {"get": "/", "requests": "10", "rate": "100/s", "against_last": "1.1x"}
    assert "failed" == run(request_for, section, start({}).url, last=last).state


def test_the_intervals_of_many_requests_hold_as_well() -> None:
    """Where the places are counted by the normal distribution, 95 of 100 intervals hold the true p95 too."""
    chance = random.Random(11)
    held = 0
    for _ in range(200):
        low, high = of([chance.random() for _ in range(1200)]).interval(0.95)
        held += low <= 0.95 <= (high or 1.0)
    assert 184 <= held


def test_a_threshold_of_k6_is_crossed_in_both_its_spellings() -> None:
    """In the export `true` is crossed, and `false` is not; elsewhere `ok` says it."""
    whole = json.loads((RECORDED / "k6-export.json").read_text())
    assert (("failed", 3),) == read(json.dumps(whole).encode()).why
    whole["metrics"]["http_req_failed"]["thresholds"] = {"rate<0.001": True}
    assert "k6's own threshold http_req_failed rate<0.001 was crossed" == read(json.dumps(whole).encode()).why[1][0]
    whole["metrics"]["http_req_failed"]["value"] = 2
    with pytest.raises(ReportError, match="2000 failures in 1000 requests"):
        read(json.dumps(whole).encode())

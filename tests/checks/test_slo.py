"""The check `slo`: what is left of the error budget, and everything that is no number."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from penstock.checks import prometheus
from penstock.checks.json_path import CannotTell
from penstock.checks.slo import SloCheck, SloSection, judged
from penstock.core import data
from penstock.core.finding import CheckRequest, Outcome

RECORDED = Path(__file__).parent / "recorded" / "slo"
SECRET = "s3cr3t-t0ken"
NOW = 1795268990.0
BUDGET = {"availability": "99.9%", "errors": "sum(bad[$WINDOW])", "requests": "sum(all[$WINDOW])"}
Make = Callable[..., CheckRequest]
Start = Callable[..., Any]


def run(make: Make, section: dict[str, Any], **more: Any) -> Outcome:
    """The outcome of a section as a manifest writes it."""
    plain = json.loads(json.dumps(data.dump(SloSection.model_validate(section))))
    return SloCheck().run(make(plain, **{"now": NOW, **more}))


def number(value: str, at: float = NOW) -> dict[str, Any]:
    """An answer of Prometheus with one number."""
    return {
        "json": {
            "status": "success",
            "data": {"resultType": "vector", "result": [{"metric": {}, "value": [at, value]}]},
        }
    }


def keeping(kept: str = "90d") -> dict[str, Any]:
    """What Prometheus says of itself."""
    return {"json": {"status": "success", "data": {"storageRetention": kept}}}


@pytest.mark.parametrize(
    ("errors", "state", "left"),
    [("0", "passed", 1.0), ("900", "passed", 0.1), ("901", "failed", 0.099), ("2000", "failed", -1.0)],
)
def test_what_is_left_decides(errors: str, state: str, left: float, start: Start, request_for: Make) -> None:
    """Of a million requests a thousand may fail; a tenth of the budget must be left."""
    service = start(keeping(), number(errors), number("1000000"))
    outcome = run(request_for, {**BUDGET, "url": service.url, "bearer": "$TOKEN"}, secrets={"TOKEN": SECRET})
    assert (state, left) == (outcome.state, outcome.measured["left"])
    assert f"{left * 100:.3g} % of the error budget is left" in outcome.sentence
    assert {f"Bearer {SECRET}"} == {one["headers"]["authorization"] for one in service.asked}
    assert "/api/v1/query?query=sum%28bad%5B2592000s%5D%29&timeout=30s" == service.asked[1]["path"]


def test_good_requests_may_be_counted_instead(start: Start, request_for: Make) -> None:
    """What was good of all leaves the same."""
    section = {"availability": "99%", "good": "data.good", "requests": "data.all", "source": "json"}
    service = start({"json": {"data": {"good": 995, "all": 1000}}})
    outcome = run(request_for, {**section, "url": f"{service.url}/slo?window=$WINDOW"})
    assert ("passed", 0.5) == (outcome.state, outcome.measured["left"])
    assert "/slo?window=2592000s" == service.asked[0]["path"]


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ("empty.json", "gives nothing: no such series"),
        ("several.json", "gives 2 series, not one number"),
        ("nan.json", "is nan, which is no number"),
        ("nan-scalar.json", "is nan, which is no number"),
        ("string.json", "gives a string, not a number"),
    ],
)
def test_what_prometheus_says_that_is_no_number_is_errored(
    answer: str, says: str, start: Start, request_for: Make
) -> None:
    """No series, several, NaN, a text: nothing is known of the budget, which is no pass."""
    service = start(keeping(), {"body": (RECORDED / answer).read_text()})
    outcome = run(request_for, {**BUDGET, "url": service.url})
    assert "errored" == outcome.state
    assert says in outcome.sentence


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ({"status": 400, "body": (RECORDED / "error.json").read_text()}, "answered 400: "),
        ({"status": 401}, "answered 401"),
        ({"status": 302, "headers": {"location": "http://127.0.0.1:9/"}}, "redirects are not followed"),
        ({"body": "<html>"}, "what is no JSON: <html>"),
        ({"body": "[" * 90_000}, "what is no JSON"),
        ({"body": "x" * 1100, "times": 1000}, "more than 1 MiB"),
        ({"json": []}, "was not answered as Prometheus does"),
        (number("1", NOW - 3600), "is of 3600 s ago"),
        (number("+Inf"), "is inf, which is no number"),
        (number("x"), "is no number: x"),
        ({"json": {**number("1")["json"], "warnings": ["partial"]}}, "answered with a warning"),
    ],
)
def test_what_is_no_answer_is_errored(answer: Any, says: str, start: Start, request_for: Make) -> None:
    """Refused, redirected, too long, stale, half of it, or something else: errored."""
    outcome = run(request_for, {**BUDGET, "url": start(keeping(), answer).url})
    assert "errored" == outcome.state
    assert says in outcome.sentence


def test_a_server_that_forgets_too_soon_is_errored(start: Start, request_for: Make) -> None:
    """A Prometheus that keeps 15 days answers for 30 as if it had them; one that does not say is believed."""
    outcome = run(request_for, {**BUDGET, "url": start(keeping("15d"), number("0"), number("9")).url})
    assert ("errored", "this server keeps 15d, less than the window") == (outcome.state, outcome.sentence)
    outcome = run(request_for, {**BUDGET, "url": start({"status": 404}, number("0"), number("9")).url})
    assert "passed" == outcome.state


def test_nobody_there_is_errored(request_for: Make) -> None:
    """A service that does not answer says nothing of the budget; nor does a name that nobody knows."""
    assert "errored" == run(request_for, {**BUDGET, "url": "http://127.0.0.1:9"}).state
    assert "errored" == run(request_for, {**BUDGET, "url": "$PROMETHEUS"}).state
    outcome = run(request_for, {**BUDGET, "url": "http://127.0.0.1:9/$TOKEN"}, secrets={"TOKEN": SECRET})
    assert ("errored", False) == (outcome.state, SECRET in str(data.dump(outcome)))


@pytest.mark.parametrize(("counted", "requests"), [(0, 0), (-1, 10), (12, 10), (5, -5)])
def test_counts_that_cannot_be_are_errored(counted: float, requests: float) -> None:
    """No requests, less than none, and more errors than requests leave nothing to judge."""
    with pytest.raises(CannotTell):
        judged(SloSection.model_validate({**BUDGET, "url": "http://h"}), counted, requests)


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["status", "data", "result", "value"]), inner)
    ),
    max_leaves=6,
)


@given(JSON, JSON)
def test_any_answer_is_a_number_or_refused(found: Any, result: Any) -> None:
    """Whatever Prometheus answers, there is one finite number, or there is none."""
    for answer in (found, {"status": "success", "data": {"resultType": "vector", "result": result}}):
        try:
            assert prometheus.value(answer, "q", NOW) < float("inf")
        except CannotTell:
            continue


@pytest.mark.parametrize(
    "change",
    [
        {"availability": "100%"}, {"availability": "0%"}, {"good": "x"}, {"errors": ""}, {"window": "1s"},
        {"url": "/metrics"}, {"url": "ftp://h"}, {"url": "http://me:pass@h/"}, {"bearer": "abc"}, {"left": {"at_most": "1%"}},
        {"source": "json", "errors": "a..b"}, {"source": "graphite"},
    ],
)  # fmt: skip
def test_a_section_that_cannot_be_is_refused(change: dict[str, Any]) -> None:
    """A promise of all or nothing, two counts or none, a password in the open."""
    with pytest.raises(ValidationError):
        SloSection.model_validate({**BUDGET, "url": "http://h", **change})

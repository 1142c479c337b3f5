"""`verdict.metrics`: what may stand there, and what each wrong thing is told."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from penstock.manifest.metrics import MetricsSource, labels_in, metric_of

PROMETHEUS = {
    "is": "prometheus",
    "url": "http://prometheus:9090",
    "requests": 'http_requests_total{app="shop"}',
    "errors": 'http_requests_total{app="shop", code=~"5.."}',
}

GOOD: list[dict[str, Any]] = [
    PROMETHEUS,
    {**PROMETHEUS, "latency": "http_request_duration_seconds_bucket", "bearer": "$TOKEN", "step": "30s", "lag": "15s"},
    {
        **PROMETHEUS,
        "requests": 'a_total{path!~"/health|/\\"quoted\\"", b="{,}",}',
        "arm": "version",
        "latency_in": "ms",
    },
    {"is": "json", "url": "https://shop/readings", "step": "1s"},
    {"is": "file", "path": "/srv/shop/readings.jsonl"},
]

BAD: list[tuple[dict[str, Any], str]] = [
    ({"is": "graphite"}, "'prometheus', 'json' or 'file'"),
    ({"is": "prometheus", "url": "http://p:9090", "errors": "a"}, "`metrics` lacks `requests`"),
    ({"is": "json"}, "`metrics` lacks `url`"),
    ({"is": "file"}, "`metrics` lacks `path`"),
    ({"is": "file", "path": "readings"}, "`readings` is no whole path"),
    ({"is": "file", "path": "/a", "url": "http://b"}, "`url` is nothing to `file`"),
    ({"is": "json", "url": "http://b", "errors": "a"}, "`errors` is nothing to `json`"),
    ({**PROMETHEUS, "url": "prometheus:9090"}, "is no whole URL"),
    ({**PROMETHEUS, "url": "http://me:word@prometheus"}, "a password stands in this URL"),
    ({**PROMETHEUS, "bearer": "word"}, "`bearer` is not a name"),
    ({**PROMETHEUS, "requests": "sum(http_requests_total)"}, "is no plain selector"),
    ({**PROMETHEUS, "requests": "rate(http_requests_total[1m])"}, "is no plain selector"),
    ({**PROMETHEUS, "requests": "http_requests_total[1m]"}, "is no plain selector"),
    ({**PROMETHEUS, "requests": "http_requests_total offset 5m"}, "is no plain selector"),
    ({**PROMETHEUS, "requests": "http_requests_total{app=shop}"}, "is no plain selector"),
    ({**PROMETHEUS, "requests": "a or b"}, "is no plain selector"),
    ({**PROMETHEUS, "requests": "job:http_requests:sum"}, "is what a rule recorded"),
    ({**PROMETHEUS, "latency": "http_request_duration_seconds"}, "is no series of buckets"),
    ({**PROMETHEUS, "step": "0s"}, "greater than or equal to 0.1"),
    ({**PROMETHEUS, "within": "30s"}, "less than or equal to 8"),
    ({**PROMETHEUS, "query": "up"}, "Extra inputs are not permitted"),
]


@pytest.mark.parametrize("written", GOOD)
def test_what_is_right_is_read(written: dict[str, Any]) -> None:
    """A source is read as it is written."""
    assert written["is"] == MetricsSource.model_validate(written).kind


@pytest.mark.parametrize(("written", "said"), BAD)
def test_what_is_wrong_is_told(written: dict[str, Any], said: str) -> None:
    """Each wrong thing has a sentence of its own."""
    with pytest.raises(ValidationError) as raised:
        MetricsSource.model_validate(written)
    assert said in str(raised.value)


def test_a_selector_tells_its_metric_and_its_labels() -> None:
    """What stands in a quoted value is no label."""
    selector = 'http_requests_total{app="a,b=\\"c\\"", code=~"5..", path!="/{x=\\"y\\"}"}'
    assert ("http_requests_total", {"app", "code", "path"}) == (metric_of(selector), labels_in(selector))
    assert frozenset() == labels_in("up")


def test_a_source_says_which_names_it_needs() -> None:
    """A release can refuse a token that nobody gave before anything is touched."""
    written = {**PROMETHEUS, "url": "https://${HOST}/$ENVIRONMENT", "bearer": "$TOKEN"}
    assert {"HOST", "ENVIRONMENT", "TOKEN"} == MetricsSource.model_validate(written).names()
    assert frozenset() == MetricsSource.model_validate(PROMETHEUS).names()

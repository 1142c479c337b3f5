"""What nobody tells is refused before a release, at its place; what somebody tells is not."""

from __future__ import annotations

import pytest

from penstock.errors import ManifestError
from penstock.manifest import read
from penstock.providers.local.section import LocalSection

PROMETHEUS = "metrics: {is: prometheus, url: 'http://p:9090', requests: r, errors: e}"
JSON = "metrics: {is: json, url: 'http://shop/readings'}"
WITH_BUCKETS = PROMETHEUS.replace("errors: e", "errors: e, latency: l_bucket")
OWN = "measures: {orders: {is: rate, query: orders_total, at_least_of_stable: 0.8x}}"


def refused(*verdict: str) -> list[tuple[str, int, str]]:
    """Code, line and first words of every problem of a verdict; its lines begin at 1."""
    said = "".join(f"  {line}\n" for line in verdict)
    text = f"penstock: 1\nservice: shop\nrun: ./shop\nverdict:\n{said}"
    text += "environments: {one: {target: {is: local, port: 8080}}}\n"
    try:
        read(text, kinds={"target": {"local": LocalSection}})
    except ManifestError as error:
        return [(one.code, one.line - 4, one.what) for one in error.problems]
    return []


@pytest.mark.parametrize(
    ("verdict", "expected"),
    [
        (["memory: {at_most: 512MB}", "cpu: {at_most: 80%}", "duration: {average: {at_most: 5s}}"], []),
        (["throttles: {at_most: 0}", "memory: {at_most: 512MB}"], [(1, "throttles")]),
        (["api_5xx: {at_most: 9 per 5m}", "concurrency: {at_most: 80}"], [(1, "api_5xx"), (2, "concurrency")]),
        ([OWN], [(1, "orders")]),
        (["fail_if: errors > 9 && memory > 5"], []),
        (["fail_if: errors > 9 && stable.throttles > 5"], [(1, "throttles")]),
        ([PROMETHEUS, OWN, "fail_if: orders > 3"], []),
        ([PROMETHEUS, "memory: {at_most: 512MB}", "promote_if: cpu < 1"], [(2, "memory"), (3, "cpu")]),
        ([PROMETHEUS, "latency: {p99: {against_stable: 1.2x}}"], [(2, "latency")]),
        ([WITH_BUCKETS, "latency: {p99: {against_stable: 1.2x}}", "fail_if: p99_ms > 500"], []),
        ([PROMETHEUS, "fail_if: p99_ms > 500 && mean_ms > 9"], [(2, "p99_ms"), (2, "mean_ms")]),
        ([PROMETHEUS, "orders: {is: rate, at_least_of_stable: 0.8x}"], [(2, "orders")]),
        ([JSON, OWN, "throttles: {at_most: 0}", "memory: {at_most: 512MB}", "fail_if: concurrency > 3"], []),
    ],
)
def test_what_nobody_tells_is_refused(verdict: list[str], expected: list[tuple[int, str]]) -> None:
    """One machine throttles nobody, Prometheus answers queries alone, and an endpoint of the team's own tells what it likes."""
    assert [("untold", line, f"nobody tells `{name}`") for line, name in expected] == refused(*verdict)


@pytest.mark.parametrize("source", [PROMETHEUS, JSON])
def test_what_only_penstock_counts_is_refused_beside_a_source(source: str) -> None:
    """Which requests failed is for the source to say."""
    said = refused(source, "errors: {hung_after: 2s, once_per: client}")
    assert [("untold", 2), ("untold", 2)] == [found[:2] for found in said]
    assert [] == refused("errors: {hung_after: 2s, once_per: client}")
    assert [] == refused(source, "errors: {at_most: 2%}")

"""What `verdict.traffic` may say, and what it may not."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from penstock.core import data
from penstock.manifest.traffic import MOST_PATHS, Traffic


def traffic(**written: Any) -> Traffic:
    """The section as the reader hands it over: every scalar is text."""
    return Traffic.model_validate({"get": ["/"], "rps": "5", **written})


def test_what_is_asked_in_turn() -> None:
    """Every path is asked, GET before HEAD, as often a second as is written; ten seconds each if nothing else is said."""
    found = traffic(get=["/", "/products?id=1"], head="/feed", headers={"accept": "text/html"})

    assert (("GET", "/"), ("GET", "/products?id=1"), ("HEAD", "/feed")) == found.asks()
    assert (5, 10.0, {"accept": "text/html"}) == (found.rps, found.within_s, found.headers)


def test_plain_data_of_it_is_the_section_again() -> None:
    """What is journaled of it validates to the same values."""
    found = traffic(head=["/feed"], within="300ms", headers={"accept-language": "es"})

    assert found == data.load(Traffic, data.dump(found))


@pytest.mark.parametrize(
    "path",
    [
        "",
        "products",
        "http://example.com/",
        "//example.com/",
        "/a b",
        "/a#b",
        "/café",
        "/\\evil",
        "/a\r\nx: y",
        "/x/$ID",
        "/" + "a" * 3000,
    ],
)
def test_only_paths_of_the_service_itself(path: str) -> None:
    """No other host is ever asked, and a path is sent as it is written."""
    with pytest.raises(ValidationError):
        traffic(get=[path])


@pytest.mark.parametrize("rps", ["0", "101", "-1", "0.5", "5/s"])
def test_the_rate_is_bounded(rps: str) -> None:
    """From one to a hundred requests a second, in whole numbers."""
    with pytest.raises(ValidationError):
        traffic(rps=rps)


def test_the_paths_are_bounded() -> None:
    """At most fifty in all, and one at least."""
    assert MOST_PATHS == len(traffic(get=["/"] * (MOST_PATHS - 1), head=["/"]).asks())
    with pytest.raises(ValidationError, match="51 paths"):
        traffic(get=["/"] * MOST_PATHS, head=["/"])
    with pytest.raises(ValidationError, match="no path"):
        traffic(get=[])


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Penstock-Arm": "r1"},
        {"host": "example.com"},
        {"Content-Length": "5"},
        {"transfer-encoding": "chunked"},
        {"a b": "c"},
        {"accept": "a\r\nhost: b"},
        {"accept": "é"},
        {"authorization": "Bearer $TOKEN"},
        {f"x-{n}": "y" for n in range(21)},
    ],
)
def test_headers_lead_nowhere_else(headers: dict[str, str]) -> None:
    """What leads a request to its arm, or ends it, is not theirs to set; nothing is filled in; twenty at most."""
    with pytest.raises(ValidationError):
        traffic(headers=headers)


@pytest.mark.parametrize("written", [{"post": ["/orders"]}, {"rsp": "5"}, {"within": "0s"}, {"within": "2m"}])
def test_nothing_else(written: dict[str, Any]) -> None:
    """Nothing is written by these requests, and none waits for ever."""
    with pytest.raises(ValidationError):
        traffic(**written)

"""Where a unit's requests go."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from penstock.providers.local.routes import (
    ARM_HEADER,
    PREVIEW_HEADER,
    SYNTHETIC_HEADER,
    arm_of,
    route_table,
    split_of,
)


def way(table: Mapping[str, Any], headers: Mapping[str, str]) -> tuple[str, Any]:
    """The name of the first route that matches, as Envoy looks for it, and the revisions or the status behind it."""
    for route in table["virtual_hosts"][0]["routes"]:
        wanted = route["match"].get("headers", [])
        if all(headers.get(one["name"]) == one["string_match"]["exact"] for one in wanted):
            if "direct_response" in route:
                return route["name"], route["direct_response"]["status"]
            return route["name"], {arm_of(c["name"])[1] for c in route["route"]["weighted_clusters"]["clusters"]}
    raise AssertionError("no route")


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, ("split", {"r1", "r2"})),
        ({PREVIEW_HEADER: "r3"}, ("preview", {"r3"})),
        ({SYNTHETIC_HEADER: "t0ken", ARM_HEADER: "r1"}, ("synthetic", {"r1"})),
        ({SYNTHETIC_HEADER: "t0ken", ARM_HEADER: "r2"}, ("synthetic", {"r2"})),
        ({SYNTHETIC_HEADER: "t0ken", ARM_HEADER: "r3"}, ("nowhere", 421)),
        ({SYNTHETIC_HEADER: "t0ken", ARM_HEADER: "r4"}, ("nowhere", 421)),
        ({SYNTHETIC_HEADER: "t0ken"}, ("nowhere", 421)),
        ({ARM_HEADER: "r1"}, ("split", {"r1", "r2"})),
        ({SYNTHETIC_HEADER: "1", ARM_HEADER: "r1"}, ("split", {"r1", "r2"})),
    ],
)
def test_a_synthetic_request_reaches_the_arm_it_names(headers: dict[str, str], expected: tuple[str, Any]) -> None:
    """Only a revision of the split, and never by the users' route; the arm's header alone leads nowhere else."""
    assert expected == way(route_table("web", {"r1": 990, "r2": 10, "r4": 0}, "r3", 1000, "t0ken"), headers)


def test_without_a_token_there_is_no_way_in() -> None:
    """Where Penstock sends nothing, whoever sends its headers is a user."""
    table = route_table("web", {"r1": 1000}, None, 1000)
    assert ("split", {"r1"}) == way(table, {SYNTHETIC_HEADER: "", ARM_HEADER: "r1"})


def test_a_split_is_found_again() -> None:
    """Whatever stands beside it, a later keeper reads the split from the table."""
    assert {"r1": 990, "r2": 10} == split_of(route_table("web", {"r1": 990, "r2": 10}, "r3", 1000))
    assert {} == split_of(route_table("web", {}, "r3", 1000))


def test_without_a_release_nobody_is_answered() -> None:
    """503 for users, 421 for what Penstock sends."""
    table = route_table("web", {}, None, 1000, "t0ken")
    assert (("nowhere", 503), ("nowhere", 421)) == (
        way(table, {}),
        way(table, {SYNTHETIC_HEADER: "t0ken", ARM_HEADER: "r1"}),
    )

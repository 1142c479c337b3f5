"""Groups: who is named, how they are reached, and whom a person is told to reach first."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from penstock.manifest import Environment
from penstock.manifest.groups import contacts, whom_to_reach

Read = Callable[[str], Environment]


def test_one_way_is_a_list_of_one(production: Read) -> None:
    """One text and a list of it are the same, and both are read as they were written."""
    found = production("groups: {one: {reach: slack:a}, list: {reach: [slack:a]}, url: {reach: https://x.example/y}}\n")

    assert found.groups["one"] == found.groups["list"]
    assert "https://x.example/y" == str(found.groups["url"].reach[0])


def test_a_line_a_group_names_ways_and_people(production: Read) -> None:
    """Contacts say how to reach a group and who it is, in the manifest's order; what is not said is left out."""
    text = "groups: {dev: {people: [ana, bo], reach: [slack:dev, mail:dev@x.org]}, sec: {people: [dee]}, qa: {reach: slack:qa}}"

    assert ("dev: slack:dev, mail:dev@x.org (ana, bo)", "sec: dee", "qa: slack:qa") == contacts(
        production(text + "\n").groups
    )


@pytest.mark.parametrize(
    ("groups", "told"),
    [
        ("{dev: {reach: slack:dev}, on-call: {reach: pagerduty:P1}}", "reach on-call: pagerduty:P1"),
        ("{operations: {reach: phone:123}, on-call: {reach: pagerduty:P1}, dev: {reach: slack:dev}}",
         "reach operations: phone:123; on-call: pagerduty:P1"),
        ("{on-call: {people: [ana, bo]}, dev: {reach: slack:dev}}", "reach on-call: ana, bo"),
        ("{dev: {reach: slack:dev}, sec: {people: [dee]}, qa: {reach: [slack:qa, mail:qa@x.org]}}",
         "reach dev: slack:dev; qa: slack:qa, mail:qa@x.org"),
        ("{sec: {people: [dee]}}", ""),
    ],
)  # fmt: skip
def test_who_is_on_call_is_reached_first(groups: str, told: str, production: Read) -> None:
    """On-call and operations where there are some, else every group with a way to reach it, else nobody."""
    assert told == whom_to_reach(production(f"groups: {groups}\n").groups)

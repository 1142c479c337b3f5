"""Limits and conditions beside the verdict: what rolls back, what holds, and what is journaled between two looks."""

from __future__ import annotations

import json
from typing import Any

from penstock.core import data
from penstock.core.limits import Arms
from penstock.core.reading import Level, Reading
from penstock.manifest.measures import CountLimit, Measures
from penstock.steps.limits import Asked, Limited, Looked, asked_of, begin, look

T = 1_700_000_040.0  # a whole minute
FACTS = {"weight": 5.0, "seconds": 60.0}


def asked(errors: dict[str, str] | None = None, **verdict: Any) -> Asked:
    return asked_of(Measures.model_validate(verdict), CountLimit.model_validate(errors) if errors else None)


def readings(seconds: int, errors: int = 0) -> list[Reading]:
    return [
        Reading("web", arm, T + s, T + s + 1, 10, n, 1)
        for s in range(seconds)
        for arm, n in (("new", errors), ("old", 0))
    ]


def looked(what: Asked, told: list[Reading], levels: list[Level] | None = None, now: float = T + 90) -> Looked:
    """Two looks, the state between them kept as JSON as the journal keeps it."""
    half = len(told) // 2
    first = look(what, begin(what), Arms("new", "old"), (told[:half], []), FACTS, now)
    between = data.load(Limited, json.loads(json.dumps(data.dump(first.state))))
    return look(what, between, Arms("new", "old"), (told[half:], levels or []), FACTS, now)


def test_nothing_asked_is_nothing_said() -> None:
    """Without limits and conditions there is no trouble, and nothing holds."""
    assert (None, "", "") == looked(asked(), readings(61, errors=9))[1:4]


def test_a_broken_limit_is_trouble() -> None:
    """A broken limit rolls back with the cause `limit`, and its numbers."""
    found = looked(asked({"at_most": "9 per 5m"}), readings(61, errors=1))
    assert ("limit", "errors: 10 in 5m; at most 9") == found.trouble


def test_a_condition_that_holds_is_trouble() -> None:
    """`fail_if` that holds rolls back with the cause `condition`, and its numbers."""
    found = looked(asked(fail_if={"if": "errors > 3"}), readings(61, errors=1))
    assert ("condition", "fail_if: errors > 3 (errors 60)") == found.trouble


def test_what_is_not_told_holds() -> None:
    """A gauge that is not told, and a sample that `fail_if` lacks, are errored: they hold, and are no trouble."""
    gauge = asked(memory={"at_most": "90%"})
    assert (None, "memory: the source has told no memory_share", "") == looked(gauge, readings(61), now=T + 100)[1:4]
    told = [Level("memory_share", "new", T + 60, 0.5, "web-1")]
    assert (None, "", "") == looked(gauge, readings(61), told, now=T + 100)[1:4]
    lacking = "fail_if: p99_ms > 500 (no data for p99_ms)"
    slow = asked(fail_if={"if": "p99_ms > 500"})
    assert (None, lacking, "") == looked(slow, readings(61))[1:4]
    assert (None, "", "") == looked(slow, readings(30))[1:4]


def test_what_says_nothing_holds_nobody() -> None:
    """A gauge whose stable is 0 is told of, and neither lacking nor trouble."""
    queue = asked(measures={"queue": {"is": "gauge", "query": "q", "against_stable": "1.3x"}})
    told = [Level("queue", arm, T + 60, value, arm) for arm, value in (("old", 0.0), ("new", 7.0))]
    found = looked(queue, readings(61), told, now=T + 100)
    assert (None, "", "", ("queue is not held against stable's while that is 0",)) == found[1:]


def test_what_is_not_met_is_not_promoted() -> None:
    """`promote_if` holds promotion until it is true; it is never trouble."""
    wants = asked(promote_if={"if": "requests > 500 && errors < 3"})
    early = "promote_if: requests > 500 && errors < 3, and its time has not passed yet"
    assert (None, "", early) == looked(wants, readings(30))[1:4]
    assert (None, "", "") == looked(wants, readings(61))[1:4]
    unmet = "promote_if: requests > 500 && errors < 3 (requests 600, errors 600)"
    assert (None, "", unmet) == looked(wants, readings(61, errors=10))[1:4]

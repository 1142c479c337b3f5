"""A release's requests are counted to the last one, however late the source closes; what is not counted is said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from penstock.records import events, orders, releases
from penstock.testing.simulation import Simulation


@pytest.fixture
def sim(tmp_path: Path) -> Simulation:
    """A candidate that fails a third of its requests."""
    made = Simulation(tmp_path)
    made.metrics.fail(made.candidate.id, 0.3)
    return made


def told(sim: Simulation) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the release counted of its candidate, and what there was in the end."""
    counted = (releases.get(sim.store, 1) or {})["facts"]["served"].get(sim.candidate.id, {"requests": 0, "errors": 0})
    sim.clock.sleep(600)
    mine = [one for one in sim.metrics.readings("") if one.revision == sim.candidate.id]
    there = {"requests": sum(one.requests for one in mine), "errors": sum(one.errors for one in mine)}
    return {name: counted[name] for name in there}, there


def notes(sim: Simulation) -> list[str]:
    return [event["text"] for event in events.after(sim.store, 1) if event["key"] == "count:open"]


@pytest.mark.parametrize("tardy_s", [0.0, 1.7, 4.0, 9.0])
def test_a_source_that_closes_late_is_waited_for(sim: Simulation, tardy_s: float) -> None:
    """A busy keeper closes its seconds late: not one of the candidate's requests is missing for that."""
    sim.metrics.tardy_s = tardy_s
    assert "rolled_back" == sim.release().state
    counted, there = told(sim)
    assert there == counted
    assert 0 < there["errors"]
    assert [] == notes(sim)


def test_a_shift_that_is_broken_off_is_counted(sim: Simulation) -> None:
    """The candidate dies while its first traffic comes to it: what it failed counts, though no split was ever in force."""
    sim.metrics.lag_s = 5.0
    number = sim.order()

    def break_off() -> None:
        """The platform moves traffic, its answers are lost for some seconds, and then the candidate is seen to crash."""
        sim.target.catch_up()
        if any(sim.candidate.id in state.serving.get("web", {}) for state in sim.target.history):
            sim.target.lose_answers(9)
            sim.clock.at(sim.clock.monotonic() + 2, lambda: sim.target.make_crash(sim.candidate.id))
        else:
            sim.clock.at(sim.clock.monotonic() + 0.02, break_off)

    break_off()
    assert ("rolled_back", "crash_loop") == (sim.walk(number).state, (releases.get(sim.store, number) or {})["cause"])
    assert [] == [event for event in events.after(sim.store, number) if event["key"] == "shifted:1"]
    counted, there = told(sim)
    assert there == counted
    assert 0 < there["errors"]


def test_what_is_never_closed_is_said(sim: Simulation) -> None:
    """A source that stops closing ends no release otherwise; the report says which requests are not counted."""
    number = sim.order()
    sim.clock.at(sim.clock.monotonic() + 4, lambda: setattr(sim.metrics, "is_stale", True))
    sim.walk(number)
    (said,) = notes(sim)
    assert said.startswith("requests of the last ")
    assert said.endswith(" s are not counted: their readings were not closed within 12 s")


def test_a_first_request_in_the_last_second_counts(sim: Simulation) -> None:
    """Nobody asked until just before the release went back: what failed then is no zero in its report."""
    sim.metrics.load(0)
    number = sim.order()

    def abort() -> None:
        sim.target.catch_up()
        if sim.target.history[-1].serving["web"].get(sim.candidate.id) == 500:
            sim.metrics.load(200)
            now = sim.clock.now()
            orders.give(sim.store, now + 60, "abort", person="ana", uid=0, service="shop", environment="production")
        else:
            sim.clock.at(sim.clock.monotonic() + 0.1, abort)

    sim.clock.at(sim.clock.monotonic() + 20, abort)
    assert ("rolled_back", "person") == (sim.walk(number).state, (releases.get(sim.store, number) or {})["cause"])
    counted, there = told(sim)
    assert there == counted
    assert 0 < there["errors"]

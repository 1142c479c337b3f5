"""After promotion: watched on, with the power to go back; and giving way to what is newer."""

from __future__ import annotations

from pathlib import Path

import pytest

from penstock.core import data
from penstock.core.ending import Ending
from penstock.core.plan import Plan
from penstock.manifest.bake import BakePeriod
from penstock.records import environments, events, releases, revisions
from penstock.release import bake
from penstock.steps import Steps
from penstock.testing.simulation import MemoryJournal, Simulation, environment

HOURS = 30


@pytest.fixture
def baking(tmp_path: Path) -> Simulation:
    """A release that was promoted a moment ago, with two and a half hours to bake."""
    sim = Simulation(tmp_path, 20.0, asked=environment(bake_s=9000))
    assert "baking" == sim.release().state
    return sim


def bakes(sim: Simulation) -> tuple[Ending, int]:
    """Hour after hour until it is over; how it ended, and in which hour."""
    stored = {k: v for k, v in ((releases.get(sim.store, 1) or {})["plan"]).items() if k != "digest"}
    for hour in range(HOURS):
        ending = bake(Steps(sim.world(1), MemoryJournal().run), data.load(Plan, stored))
        if ending.state != "baking":
            return ending, hour
    raise AssertionError("it never ended")


def test_a_bake_that_ends_well_makes_a_revision_good(baking: Simulation) -> None:
    """Hour by hour to its end; then what ran before is let go, and the revision is good."""
    before = baking.target.observe().placed["web"]
    assert {baking.stable.id, baking.candidate.id} == before.keys(), "the one before stays warm"
    assert (Ending("released").state, 2) == (bakes(baking)[0].state, bakes_hours(baking))
    assert [baking.candidate.id] == list(baking.target.observe().placed["web"])
    assert 1 == (revisions.get(baking.store, "shop", "production", baking.candidate.id) or {})["good"]


def bakes_hours(sim: Simulation) -> int:
    baked = (releases.get(sim.store, 1) or {})["facts"]["baked"]
    return int((baked["base_s"] + baked["watched_s"]) // 3600)


@pytest.mark.parametrize("cause", ["health", "crash_loop", "verdict"])
def test_trouble_while_baking_goes_back(baking: Simulation, cause: str) -> None:
    """Health, crash loops and the absolute limit still take it back, to what is still warm."""
    when = baking.clock.monotonic() + 4000
    deeds = {
        "health": lambda: baking.target.make_unhealthy(baking.candidate.id),
        "crash_loop": lambda: baking.target.make_crash(baking.candidate.id),
        "verdict": lambda: baking.metrics.fail(baking.candidate.id, 0.5),
    }
    baking.clock.at(when, deeds[cause])
    ending, hour = bakes(baking)
    assert ("rolled_back", cause, 1) == (ending.state, ending.cause, hour)
    assert {baking.stable.id: 1000} == baking.target.observe().serving["web"]
    assert baking.stable.id == (environments.get(baking.store, "shop", "production") or {})["stable"]


def test_a_bake_gives_way_to_a_newer_release(baking: Simulation) -> None:
    """A newer release that holds the environment cuts it short; nothing is touched any more."""
    baking.clock.at(baking.clock.monotonic() + 60, lambda: environments.hold(baking.store, "shop", "production", 2))
    calls = baking.target.calls.count("converge")
    ending, _ = bakes(baking)
    assert "released" == ending.state
    assert "cut short" in ending.sentence
    assert calls == baking.target.calls.count("converge")


def periods(*asked: dict[str, object]) -> tuple[BakePeriod, ...]:
    return tuple(BakePeriod.model_validate(one) for one in asked)


def test_a_limit_counts_as_long_as_its_period(tmp_path: Path) -> None:
    """Two in a hundred fail after the first hour: within the limit of the day, so it stays."""
    asked = periods({"for": "1h", "errors": {"at_most": "1%"}}, {"for": "2h", "errors": {"at_most": "5%"}})
    sim = Simulation(tmp_path, 20.0, asked=environment(bake=asked))
    assert "baking" == sim.release().state
    sim.clock.at(sim.clock.monotonic() + 3700, lambda: sim.metrics.fail(sim.candidate.id, 0.02))
    assert "released" == bakes(sim)[0].state


def test_a_tighter_limit_of_a_period_goes_back(tmp_path: Path) -> None:
    """The same errors within the first hour go back, and the sentence names the limit that was broken."""
    asked = periods({"for": "1h", "errors": {"at_most": "1%"}}, {"for": "2h", "errors": {"at_most": "5%"}})
    sim = Simulation(tmp_path, 20.0, asked=environment(bake=asked))
    assert "baking" == sim.release().state
    sim.clock.at(sim.clock.monotonic() + 60, lambda: sim.metrics.fail(sim.candidate.id, 0.04))
    ending, hour = bakes(sim)
    assert ("rolled_back", "verdict", 0) == (ending.state, ending.cause, hour)
    assert "by the limit of 1 %" in ending.sentence


def test_a_period_may_only_report(tmp_path: Path) -> None:
    """`otherwise: report` takes nothing back: it is an issue of the report, told once."""
    asked = periods({"for": "1h", "errors": {"at_most": "1%"}, "otherwise": "report"}, {"for": "90m"})
    sim = Simulation(tmp_path, 20.0, asked=environment(bake=asked))
    assert "baking" == sim.release().state
    sim.clock.at(sim.clock.monotonic() + 60, lambda: sim.metrics.fail(sim.candidate.id, 0.03))
    assert "released" == bakes(sim)[0].state
    told = [event["text"] for event in events.after(sim.store, 1, limit=5000) if event["key"] == "bake:0:verdict"]
    assert 1 == len(told)
    assert "by the limit of 1 %" in told[0]


@pytest.mark.parametrize("past_s", [2, 60])
def test_a_limit_that_stable_breaks_does_not_judge(tmp_path: Path, past_s: int) -> None:
    """The same version under another name, of which as many requests fail, stays; that the limit does not judge is said once."""
    sim = Simulation(tmp_path, 60.0, asked=environment(bake_s=1200))
    for revision in (sim.stable, sim.candidate):
        sim.metrics.fail(revision.id, 0.08)
    sim.clock.sleep(past_s + 1)
    assert "baking" == sim.release().state
    assert "released" == bakes(sim)[0].state
    told = [
        event["text"]
        for event in events.after(sim.store, 1, limit=5000)
        if "does not judge in the bake" in event["text"]
    ]
    assert 1 == len(told)
    assert "which breaks the limit of 5 %" in told[0]

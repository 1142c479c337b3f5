"""Hundreds of whole releases, each from a seed: random traffic, faults, orders and deaths; the invariants hold in all."""

from __future__ import annotations

import os
import random
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from penstock.core.ending import Ending
from penstock.errors import PenstockError
from penstock.manifest.groups import Group, Reach
from penstock.manifest.verdict import Undecided, Verdict
from penstock.records import audit, environments, events, orders, releases
from penstock.steps.end import end
from penstock.testing import Killed
from penstock.testing.simulation import Simulation, environment

SEEDS = int(os.environ.get("PENSTOCK_SEEDS", "300"))
LONGEST_S = 3600.0


@pytest.fixture
def folder() -> Iterator[Path]:
    """Records in memory where there is some: the fsyncs of hundreds of releases are another test's matter."""
    place = Path(tempfile.mkdtemp(dir="/dev/shm" if Path("/dev/shm").is_dir() else None))
    yield place
    shutil.rmtree(place)


def draw(folder: Path, seed: int) -> tuple[Simulation, str]:
    """A simulation with its troubles, all from the seed; and what the trouble is."""
    chance = random.Random(seed)
    rollout = chance.choice(["canary", "canary", "rolling", "all_at_once"])
    asked = environment(rollout, hold_s=60)
    sim = Simulation(
        folder, chance.choice([5.0, 50.0, 400.0]), seed, asked, absence_s=chance.choice([1.0, 30.0, 300.0])
    )
    sim.metrics.fail(sim.candidate.id, chance.choice([0.001, 0.001, 0.02, 0.3]))
    begin = sim.clock.monotonic()
    trouble = chance.choice(
        ["none", "none", "broken", "crashing", "ill", "crash", "down", "stale", "foreign", "abort", "hold", "promote",
         "clock", "silence", "lost"]
    )  # fmt: skip
    when = begin + chance.uniform(0, 60)
    if trouble in ("broken", "crashing"):
        sim.target.break_revision(sim.candidate.id, how="silent" if trouble == "broken" else "crashing")
    elif trouble == "ill":
        sim.clock.at(when, lambda: sim.target.make_unhealthy(sim.candidate.id))
    elif trouble == "crash":
        sim.clock.at(when, lambda: sim.target.make_crash(sim.candidate.id))
    elif trouble == "down":
        sim.clock.at(when, lambda: setattr(sim.metrics, "down", "no route"))
        sim.clock.at(when + chance.choice([5, 1000]), lambda: setattr(sim.metrics, "down", ""))
    elif trouble == "stale":
        sim.clock.at(when, lambda: setattr(sim.metrics, "is_stale", True))
    elif trouble == "foreign":
        sim.clock.at(when, lambda: meddle(sim))
    elif trouble == "clock":
        sim.clock.at(when, lambda: sim.clock.jump(chance.choice([-3600, 600])))
    elif trouble == "silence":
        sim.clock.at(when, lambda: sim.metrics.load(0))
    elif trouble == "lost":
        sim.clock.at(when, lambda: sim.target.lose_answers(1))
    elif trouble in ("abort", "hold", "promote"):
        sim.clock.at(when, lambda: give(sim, trouble))
        if trouble == "hold":
            sim.clock.at(when + 90, lambda: give(sim, chance.choice(["abort", "promote"])))
    for _ in range(chance.choice([0, 0, 1, 3])):
        sim.target.die_at(chance.randrange(10, 400), chance.choice(["before", "after"]))
    return sim, trouble


def meddle(sim: Simulation) -> None:
    """A foreign hand, while the release is under way: what comes after its promotion is nothing that it could see."""
    if (releases.get(sim.store, 1) or {})["promoted_at"] is None:
        sim.target.change_by_foreign_hand("web", {sim.stable.id: 1000})


def give(sim: Simulation, verb: str) -> None:
    orders.give(sim.store, sim.clock.now() + 3600, verb, person="ana", uid=0, service="shop", environment="production")


def seen(sim: Simulation) -> dict[str, dict[str, int]]:
    """What serves; a death that was still due is not the release's any more."""
    for _ in range(5):
        with suppress(Killed, PenstockError):
            return sim.target.observe().serving
    raise AssertionError("nobody lives that long")


def check(sim: Simulation, ending: Ending, number: int) -> None:
    """What must be so after any end."""
    serving = seen(sim)["web"]
    row = environments.get(sim.store, "shop", "production") or {}
    assert {row["stable"]: 1000} == serving, "what serves is what the record says"
    candidate_serves = row["stable"] == sim.candidate.id
    assert candidate_serves == (ending.state in ("released", "baking")), ending
    for state in sim.target.history:
        for unit, split in state.serving.items():
            assert sum(split.values()) in (0, 1000), "a split is whole"
            for revision, weight in split.items():
                known = state.placed.get(unit, {}).get(revision, 0)
                assert known or not weight or revision == sim.candidate.id, "stable never has traffic without capacity"
    assert "" == audit.verify(sim.folder / "audit.log"), "the chain is whole"
    assert row["holder"] is None, "the environment is free again"
    record = releases.get(sim.store, number) or {}
    assert ending.state == record["state"], "the record says how it ended"
    assert record["sentence"], "every end has its sentence"


@pytest.mark.parametrize("seed", range(SEEDS))
def test_every_release_ends_well(folder: Path, seed: int) -> None:
    """Whatever happens on the way: it ends, in bounded time, and what serves is what the record says."""
    sim, trouble = draw(folder, seed)
    number = sim.order()
    began = sim.clock.monotonic()
    ending = sim.walk(number)
    assert LONGEST_S > sim.clock.monotonic() - began, f"seed {seed}, {trouble}: {ending}"
    check(sim, ending, number)


def test_a_good_release_is_released(folder: Path) -> None:
    """With nothing in its way a good candidate is promoted."""
    sim = Simulation(folder)
    assert "released" == sim.release().state


def test_a_bad_one_goes_back_by_verdict(folder: Path) -> None:
    """A candidate that fails is rolled back, by evidence, and little is harmed."""
    sim = Simulation(folder)
    sim.metrics.fail(sim.candidate.id, 0.3)
    ending = sim.release()
    assert ("rolled_back", "verdict") == (ending.state, ending.cause)
    served = (releases.get(sim.store, 1) or {})["facts"]["served"]
    assert 60 > served[sim.candidate.id]["errors"]


def test_a_broken_stable_does_not_block_its_own_fix(folder: Path) -> None:
    """Stable fails half of its requests; the fix is promoted all the same."""
    sim = Simulation(folder)
    sim.metrics.fail(sim.stable.id, 0.5)
    assert "released" == sim.release().state


def test_nobody_watching_means_going_back(folder: Path) -> None:
    """The worker is away longer than `unattended`: the platform went back by itself, and the release says so."""
    sim = Simulation(folder, absence_s=500)
    sim.clock.at(sim.clock.monotonic() + 15, lambda: sim.target.die_at(len(sim.target.calls) + 1))
    ending = sim.release()
    assert ("rolled_back", "unattended") == (ending.state, ending.cause)
    check(sim, ending, 1)


def test_a_way_back_that_takes_too_long_asks_for_a_person(folder: Path) -> None:
    """`rollback_within` passed and still not back: the release ends stuck, and names the command to run."""
    sim = Simulation(folder)
    when = sim.clock.monotonic() + 10
    sim.clock.at(when, lambda: sim.target.lose_answers(1_000_000))
    sim.clock.at(when, lambda: give(sim, "abort"))
    ending = sim.release()
    assert ("stuck", "person") == (ending.state, ending.cause)
    assert f"penstock rollback --to {sim.stable.id} production" in ending.sentence


def test_who_needs_a_person_says_whom_to_reach(folder: Path) -> None:
    """A release that is stuck names on-call in its sentence, in its event and in its report, once each."""
    groups = {"on-call": Group(reach=(Reach(scheme="pagerduty", where="P1"),)), "dev": Group(people=("ana",))}
    sim = Simulation(folder, asked=environment().model_copy(update={"groups": groups}))
    when = sim.clock.monotonic() + 10
    sim.clock.at(when, lambda: sim.target.lose_answers(1_000_000))
    sim.clock.at(when, lambda: give(sim, "abort"))
    ending = sim.release()
    told = next(event for event in events.after(sim.store, 1) if event["key"] == "back:stuck")
    assert ("stuck", 1) == (ending.state, ending.sentence.count("; reach on-call: pagerduty:P1"))
    assert 1 == told["text"].count("reach on-call: pagerduty:P1")
    assert "## Contacts\n\n- on-call: pagerduty:P1\n- dev: ana\n" in (folder / "1/report.md").read_text()


def test_going_back_that_breaks_off_says_whom_to_reach(folder: Path) -> None:
    """However a release comes to stand half-way: its end names who is to be reached."""
    groups = {"dev": Group(reach=(Reach(scheme="slack", where="dev"),))}
    sim = Simulation(folder, asked=environment().model_copy(update={"groups": groups}))
    ending = end(sim.world(sim.order()), Ending("stuck", "person", "going back broke off"))
    assert "going back broke off; reach dev: slack:dev" == ending.sentence


def test_a_death_at_any_call_changes_nothing(folder: Path) -> None:
    """Killed before or after any call of the target: the same end as without."""
    calls = Simulation(_sub(folder, "whole"))
    assert "released" == calls.release().state
    total = len(calls.target.calls)
    for call in range(12, total, max(1, total // 60)):
        sim = Simulation(_sub(folder, f"at{call}"))
        sim.target.die_at(call, "after" if call % 2 else "before")
        assert "released" == sim.release().state, f"killed at call {call}"
        check(sim, Ending("released"), 1)


def _sub(folder: Path, name: str) -> Path:
    place = folder / name
    place.mkdir()
    return place


@pytest.mark.parametrize("lost", [True, False], ids=["lost", "folded late"])
def test_ten_missing_minutes_are_a_hole(folder: Path, lost: bool) -> None:
    """Ten minutes without readings are no time of the increment, and convict nobody: it is watched in full all the same."""
    increments = ["10% for 20s", "50% up to 60s"]
    sim = Simulation(folder, asked=environment({"is": "canary", "increments": increments}, hold_s=3600))
    missing(sim, sim.clock.monotonic() + 10, 600, lost=lost)
    assert "released" == sim.release().state
    at = {event["key"]: event["at"] for event in events.after(sim.store, 1)}
    stayed = at["shift:2"] - at["shifted:1"]
    assert 619 < stayed < 640


def test_a_source_that_tells_nothing_of_stable_is_said_to(folder: Path) -> None:
    """A new source that the serving version does not feed yet: nobody is compared with nobody, and the release says why."""
    sim = Simulation(folder, 200.0)
    told = sim.metrics.readings
    sim.metrics.readings = lambda since: [one for one in told(since) if one.revision != sim.stable.id]  # type: ignore[method-assign]
    ending = sim.release()
    assert ("rolled_back", "undecided") == (ending.state, ending.cause)
    assert f"nothing is told of {sim.stable.id}, which serves: there is nobody to compare with" in ending.sentence


def test_a_source_that_stays_silent_promotes_nobody(folder: Path) -> None:
    """Readings that do not come back within `hold` leave it undecided: back, even where undecided promotes."""
    verdict = Verdict(undecided=Undecided(hold=60.0, then="promote"))
    sim = Simulation(folder, asked=environment().model_copy(update={"verdict": verdict}))
    missing(sim, sim.clock.monotonic() + 10, 600, lost=True)
    ending = sim.release()
    assert ("rolled_back", "undecided") == (ending.state, ending.cause)
    assert "no second was closed" in ending.sentence


def missing(sim: Simulation, when: float, seconds: float, *, lost: bool) -> None:
    """From then on nobody folds readings; afterwards those of the time between come late, or never."""

    def suspend() -> None:
        sim.metrics.is_stale = True
        sim.metrics.load(0 if lost else sim.requests_per_s)

    def go_on() -> None:
        sim.metrics.is_stale = False
        sim.metrics.load(sim.requests_per_s)

    sim.clock.at(when, suspend)
    sim.clock.at(when + seconds, go_on)

"""What was judged is the evidence, as it was judged: whatever the source says later, and if it says nothing any more."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from penstock.core import data
from penstock.core.plan import Plan
from penstock.core.reading import Reading
from penstock.core.splits import era_of
from penstock.errors import PenstockError, StateError
from penstock.manifest.metrics import MetricsSource
from penstock.records import audit, events, releases
from penstock.release import bake
from penstock.replaying import Record, record_of, replay_release
from penstock.steps import Steps, folded
from penstock.testing.metrics import FakeMetrics
from penstock.testing.simulation import MemoryJournal, Simulation, environment


class Later(FakeMetrics):
    """A source whose second telling of a reading is another: `retold` says how. `mute` says from when on it is down."""

    retold: Callable[[list[Reading]], list[Reading]] = staticmethod(lambda readings: readings)
    mute: Callable[[], bool] = staticmethod(lambda: False)

    def readings(self, since: str) -> list[Reading]:
        if self.mute():
            raise PenstockError("readings", "being moved", "fake metrics")
        return self.retold(super().readings(since))


def with_source(sim: Simulation) -> Later:
    """The simulation, its metrics one of these, with no lag."""
    found = Later(sim.target, sim.clock, sim.requests_per_s, {}, seed=sim.seed)
    sim.metrics = found
    return found


def state_of(sim: Simulation) -> str:
    """How far the release is."""
    return str((releases.get(sim.store, 1) or {})["state"])


def differences(sim: Simulation) -> tuple[str, ...]:
    return replay_release(audit.read(sim.folder / "audit.log"), sim.folder / "evidence", 1).differences


def record(sim: Simulation) -> Record:
    return record_of(audit.read(sim.folder / "audit.log"), sim.folder / "evidence", 1)


def notes(sim: Simulation) -> list[str]:
    return [event["text"] for event in events.after(sim.store, 1) if event["key"] == "count:errored"]


def test_a_later_shift_changes_no_evidence(tmp_path: Path) -> None:
    """A foreign source that closes its seconds at once: the shift makes the last one judged one of two splits."""
    source = MetricsSource.model_validate({"is": "file", "path": "/srv/readings", "step": 1})
    asked = environment()
    asked = asked.model_copy(update={"verdict": asked.verdict.model_copy(update={"metrics": source})})
    sim = Simulation(tmp_path, asked=asked)
    metrics = with_source(sim)

    def by_splits(readings: list[Reading]) -> list[Reading]:
        splits = (releases.get(sim.store, 1) or {})["facts"].get("splits", [])
        return [replace(one, era=era_of([(at, era) for at, era in splits], one.start, one.end)) for one in readings]

    metrics.retold = by_splits
    assert "released" == sim.release().state
    assert () == differences(sim)
    kept = record(sim).readings
    assert kept != tuple(by_splits(list(kept))), "nothing was told otherwise later"


@pytest.mark.parametrize("ends_well", [True, False])
def test_a_source_that_is_down_in_the_end_loses_no_evidence(tmp_path: Path, ends_well: bool) -> None:
    """What was judged is kept and counted, and it is said that the rest is not."""
    sim = Simulation(tmp_path)
    metrics = with_source(sim)
    metrics.fail(sim.candidate.id, 0.0 if ends_well else 0.3)

    def is_decided() -> bool:
        lines = audit.read(sim.folder / "audit.log")
        return any(line["what"] in ("promoted", "move: abort") for line in lines)

    metrics.mute = is_decided
    assert ("released" if ends_well else "rolled_back") == sim.release().state
    assert () == differences(sim)
    assert ["requests after those that were judged are not counted: being moved"] == notes(sim)
    served = (releases.get(sim.store, 1) or {})["facts"]["served"][sim.candidate.id]
    judged = [one for one in record(sim).readings if one.revision == sim.candidate.id]
    assert 0 < served["requests"] == sum(one.requests for one in judged)


def test_readings_that_are_merged_while_it_bakes_change_no_evidence(tmp_path: Path) -> None:
    """Yesterday's seconds are minutes by the end of a long bake: the rollout is decided again by its seconds."""
    sim = Simulation(tmp_path, asked=environment(bake_s=40))
    metrics = with_source(sim)

    def merged(readings: list[Reading]) -> list[Reading]:
        if state_of(sim) != "baking":
            return readings
        return [replace(one, end=one.start + 60) for one in readings if one.start % 60 == 0]

    metrics.retold = merged
    assert "baking" == sim.release().state
    stored = {name: value for name, value in (releases.get(sim.store, 1) or {})["plan"].items() if name != "digest"}
    assert "released" == bake(Steps(sim.world(1), MemoryJournal().run), data.load(Plan, stored)).state
    assert () == differences(sim)
    rollout = [one for one in record(sim).readings if one.end - one.start == 1]
    assert 20 < len(rollout)


def reading(second: int, era: int = 1) -> Reading:
    return Reading("web", "new", second, second + 1, 5, 1, era, position=str(second))


def test_a_step_that_is_repeated_doubles_nothing(tmp_path: Path) -> None:
    """Read again from its position, in whatever pieces, what it read then is what was folded; half a line is none."""
    sim = Simulation(tmp_path)
    world = sim.world(sim.order())
    folded.keep(world, "", [reading(0), reading(1)])
    folded.keep(world, "1", [reading(2)])
    folded.keep(world, "2", [reading(3)])
    path = world.work / "folded.jsonl"
    path.write_text(path.read_text()[:-20])
    folded.keep(world, "1", [reading(2, era=0), reading(3, era=0)])
    folded.settle(world)
    assert [reading(0), reading(1), reading(2, era=0), reading(3, era=0)] == folded.kept(world, "")
    assert 0o600 == path.stat().st_mode & 0o777


def test_what_does_not_begin_with_the_release_is_not_believed(tmp_path: Path) -> None:
    """An older Penstock began to watch, and wrote nothing down: then the source is asked for all of it."""
    sim = Simulation(tmp_path)
    world = sim.world(sim.order())
    folded.keep(world, "7", [reading(8)])
    assert [] == folded.kept(world, "3")


def test_what_cannot_be_kept_is_not_judged(tmp_path: Path) -> None:
    """A full disk is an error of the state, and never one of the release."""
    sim = Simulation(tmp_path)
    world = sim.world(sim.order())
    (world.work / "folded.jsonl").mkdir()
    with pytest.raises(StateError, match="what was judged cannot be kept"):
        folded.keep(world, "", [reading(0)])


def test_in_the_end_the_evidence_alone_has_it(tmp_path: Path) -> None:
    """Nothing lies beside the logs any more."""
    sim = Simulation(tmp_path)
    assert "released" == sim.release().state
    assert [] == list((sim.folder / "1").glob("folded*"))

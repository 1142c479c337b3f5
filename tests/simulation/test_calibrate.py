"""Stable held against itself, on paper: whole calibrations through the real walk, on plain and on clustered traffic."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from math import ceil, log, log1p
from pathlib import Path
from random import Random
from typing import Any

import pytest

from penstock.core import data
from penstock.core.calibration import Calibration
from penstock.core.ending import Ending
from penstock.core.known import Known
from penstock.core.latency import Latency, bucket_of
from penstock.core.reading import Reading
from penstock.core.report import tell
from penstock.manifest.verdict import Verdict
from penstock.records import orders, releases
from penstock.records.known import known
from penstock.render.calibration import text
from penstock.render.page import page
from penstock.render.report import markdown
from penstock.testing.metrics import FakeMetrics, poisson
from penstock.testing.simulation import Simulation, environment

ERRORS = 0.01
LOOSE = {"at_most": "50%", "against_stable": "2x + 1pp", "promote_at": "3x + 2pp"}


class Clustered(FakeMetrics):
    """Errors come in clusters of a geometric size with this mean; every request has a time, log-normal."""

    mean = 4.0
    slower: dict[str, float]

    def _reading(self, *where: Any) -> Reading:
        one = super()._reading(*where)
        random = Random(f"{self._seed}/{one.start}/{one.revision}")
        clusters = poisson(random, one.requests * ERRORS / self.mean)
        sizes = [ceil(log(random.random()) / log1p(-1 / self.mean)) if self.mean > 1 else 1 for _ in range(clusters)]
        latency = self._times(random, one) if one.revision in self.slower else ()
        return replace(one, errors=min(one.requests, sum(sizes)), latency=latency)

    def _times(self, random: Random, one: Reading) -> Latency:
        middle = 20_000 * self.slower[one.revision]
        times = Counter(bucket_of(middle * random.lognormvariate(0, 0.5)) for _ in range(one.requests))
        return tuple(sorted(times.items()))


def held_against_itself(
    sim: Simulation, *, mean: float = 1.0, slower: float = 0.0, lasts_s: float = 0.0, number: int = 1
) -> tuple[Ending, Calibration]:
    """A calibration in which a copy of stable is the candidate; how it ended, and what it taught."""
    assert number == sim.order("calibrate", again=True, **({"lasts_s": lasts_s} if lasts_s else {}))
    sim.candidate = replace(sim.stable, id=f"{sim.stable.id}.{number}")
    made = Clustered(sim.target, sim.clock, sim.requests_per_s, seed=sim.seed, lag_s=1.0)
    made.mean, made.slower = mean, {sim.stable.id: 1.0, sim.candidate.id: slower} if slower else {}
    sim.metrics = made
    ending = sim.walk(number)
    found = (releases.get(sim.store, number) or {})["facts"]
    return ending, data.load(Calibration, found["calibration"])


def simulated(folder: Path, seed: int = 1, **verdict: Any) -> Simulation:
    rollout = {"is": "canary", "increments": ["20% up to 20s", "50% for 60s"]}
    asked = Verdict.model_validate({"undecided": {"hold": "120s"}, **verdict})
    return Simulation(folder, 1000.0, seed=seed, asked=environment(rollout).model_copy(update={"verdict": asked}))


def test_plain_traffic_needs_no_change(tmp_path: Path) -> None:
    """It goes through every increment in its time, goes back, leaves nothing behind, and proposes nothing."""
    sim = simulated(tmp_path)
    began = sim.clock.monotonic()
    ending, found = held_against_itself(sim)
    assert ("calibrated", "calibrate") == (ending.state, ending.cause), ending
    assert 80 < sim.clock.monotonic() - began < 110
    assert {sim.stable.id} == set(sim.target.observe().placed["web"])
    assert (1.0, {}, True) == (found.errors, found.patch, found.holds), found.reasons


def test_it_lasts_as_long_as_was_asked(tmp_path: Path) -> None:
    """Half the planned time, at the same weights in the same proportion."""
    sim = simulated(tmp_path)
    began = sim.clock.monotonic()
    ending, found = held_against_itself(sim, lasts_s=40.0)
    assert "calibrated" == ending.state
    assert 40 < sim.clock.monotonic() - began < 70
    assert pytest.approx(40, abs=8) == found.seconds


def test_what_it_learned_is_reckoned_with(tmp_path: Path) -> None:
    """Clusters are seen; nothing of the manifest changes, and the next release knows: of two numbers the larger counts."""
    sim = simulated(tmp_path, errors=LOOSE)
    ending, found = held_against_itself(sim, mean=4.0)
    assert 4 < found.errors < 12, found.reasons
    assert {} == found.patch, found.reasons
    held_against_itself(sim, mean=1.0, number=2)
    facts = (releases.get(sim.store, 2) or {})["facts"]
    assert found.errors == data.load(Known, facts["known"]).errors
    assert "calibrated" == ending.state


def test_an_identical_copy_may_be_sent_back(tmp_path: Path) -> None:
    """A slow host convicts the same version: it goes back like any release, and the patch says what would have held."""
    sim = simulated(tmp_path, latency={"p50": {"against_stable": "1.05x"}})
    ending, found = held_against_itself(sim, slower=1.3)
    assert ("rolled_back", "verdict") == (ending.state, ending.cause), ending
    assert found.convicted
    assert found.patch["latency"], found.reasons
    told = tell(known(sim.store, sim.folder / "evidence", 1, sim.clock.now()))  # type: ignore[arg-type]
    assert "an identical copy of what serves, was sent back" in told.headline
    assert "## Calibration" in markdown(told)
    assert "<h2>Calibration</h2>" in page(told)
    assert "verdict:\n  latency:\n    p50:" in text(found)


def test_people_end_it_like_any_release(tmp_path: Path) -> None:
    """An abort ends it; what was learned until then is kept."""
    sim = simulated(tmp_path)
    sim.clock.at(40.0, lambda: orders.give(
        sim.store, sim.clock.now(), "abort", person="ana", uid=0, service="shop", environment="production", release=1,
        reason="",
    ))  # fmt: skip
    ending, found = held_against_itself(sim)
    assert ("rolled_back", "person") == (ending.state, ending.cause)
    assert 10 < found.seconds < 40

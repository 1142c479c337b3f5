"""Releases on paper end as whole ones do: the real story, steps, planner, rollout and verdict under a fake clock."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from math import sqrt
from pathlib import Path
from statistics import fmean, pstdev

import pytest

from penstock.core.policy import Policy
from penstock.records import events
from penstock.simulation.releases import PROMOTED, ROLLED_BACK, Course, Step, Study, run
from penstock.simulation.world import Fault, Service
from penstock.steps.learn import policy_of
from penstock.testing.simulation import Simulation, environment

RPS, BASE, HOLD_S = 100.0, 0.001, 120.0
INCREMENTS = ["10% for 60s", "50% for 60s"]
COURSE = Course((Step(0.1, 60), Step(0.5, 60)), HOLD_S)
ON_PAPER = 4000
LATER_S = 3.0  # a second is closed before it is read, and read at the next look


@dataclass(frozen=True)
class Ended:
    """How a release ended: on which increment, from 0, and how many seconds after this began."""

    state: str
    rung: int
    after_s: float


@pytest.fixture
def folder() -> Iterator[Path]:
    """In memory, where there is some."""
    place = Path(tempfile.mkdtemp(dir="/dev/shm" if Path("/dev/shm").is_dir() else None))
    yield place
    shutil.rmtree(place)


def whole(folder: Path, seed: int, times: float) -> tuple[Ended, Policy]:
    """One whole release of a candidate with so many times stable's errors, and the policy that judged it."""
    asked = environment({"is": "canary", "increments": INCREMENTS}, hold_s=HOLD_S)
    place = folder / str(seed)
    place.mkdir()
    sim = Simulation(place, RPS, seed, asked)
    sim.metrics.fail(sim.candidate.id, times * BASE)
    number = sim.order()
    ending = sim.walk(number)
    told = {one["key"]: one["at"] for one in events.after(sim.store, number)}
    rung = max(n for n in (1, 2) if f"shifted:{n}" in told)
    moved = next(at for key, at in told.items() if key in (f"watch:{rung}:abort", f"watch:{rung}:advance"))
    return Ended(ending.state, rung - 1, moved - told[f"shifted:{rung}"]), policy_of(sim.world(number))


@pytest.mark.parametrize(("times", "releases"), [(1.0, 20), (10.0, 40), (30.0, 30)])
def test_releases_on_paper_end_as_whole_ones(folder: Path, times: float, releases: int) -> None:
    """So many go back, on so many increments and so soon, and so many are promoted: within four standard errors."""
    found, policies = zip(*(whole(folder, seed, times) for seed in range(releases)), strict=True)
    paper = run(Study(policies[0], COURSE, Service(RPS, BASE), [Fault(times)] * ON_PAPER), 1)
    for end, state in ((ROLLED_BACK, "rolled_back"), (PROMOTED, "released")):
        for rung in (0, 1):
            mine = (paper.end == end) & (paper.rung == rung)
            share, seen = float(mine.mean()), [one for one in found if (one.state, one.rung) == (state, rung)]
            assert share == pytest.approx(len(seen) / releases, abs=4 * sqrt(max(share * (1 - share), 0.01) / releases))

    soon = paper.at_s[(paper.end == ROLLED_BACK) & (paper.rung == 0)]
    really = [one.after_s for one in found if one.state == "rolled_back" and one.rung == 0]
    if really:
        error = 4 * pstdev(soon) / sqrt(len(really))
        assert float(soon.mean()) - error <= fmean(really) <= float(soon.mean()) + error + LATER_S

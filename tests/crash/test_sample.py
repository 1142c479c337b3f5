"""A seeded sample of `make crash` that covers every step: killed there, the release ends as it would have."""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.crash.scenarios import SCENARIOS
from tests.crash.town import WHERE, Town

SEED = int(os.environ.get("PENSTOCK_SEED", "1"))


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    """A site of its own, of which nothing is left."""
    made = Town(tmp_path)
    yield made
    made.close()


@pytest.mark.timeout(400)
@pytest.mark.parametrize("name", ["rollback", "canary", "abort"])
def test_every_step_survives_its_death(town: Town, name: str) -> None:
    """Killed before, inside or after each step (the seed says which): the same end, effects once, nothing left over."""
    chance = random.Random(f"{SEED}/{name}")
    scenario = SCENARIOS[name]
    base = town.baseline(scenario)
    elsewhere = set() if name == "rollback" else COVERED
    steps = {step: number for number, step in enumerate(base.steps, 1) if step not in elsewhere}
    wrong = []
    for number in steps.values():
        where = chance.choice(WHERE)
        outcome = town.interrupt(scenario, base, number, where)
        print(f"{outcome.point}: resumed after {outcome.resumed_s:.2f} s", file=sys.stderr)
        wrong += [f"{outcome.point}: {text}" for text in outcome.wrong]
    assert [] == wrong, f"seed {SEED}"


COVERED = {
    "take_place", "build", "draw_plan", "lock", "confirm", "check", "shift", "watch", "go_back", "testify", "verify",
    "retire", "back_ending", "end",
}  # fmt: skip

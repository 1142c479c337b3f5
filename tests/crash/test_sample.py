"""A seeded sample of `make crash` that covers every step: killed there, the release ends as it would have."""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Iterator

import pytest

from tests.crash import sending
from tests.crash.scenarios import STAGES, VICTIMS
from tests.crash.town import WHERE, Boundary, Outcome, Town

SEED = int(os.environ.get("PENSTOCK_SEED", "1"))


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """A site of its own, of which nothing is left."""
    made = Town(tmp_path_factory.mktemp("town"))
    yield made
    made.close()


def wrong(*outcomes: Outcome) -> list[str]:
    """What is wrong, by where it happened."""
    for outcome in outcomes:
        print(f"{outcome.point}: resumed after {outcome.resumed_s:.2f} s", file=sys.stderr)
    return [f"{outcome.point}: {text}" for outcome in outcomes for text in outcome.wrong]


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", ["rollback", "canary", "abort"])
def test_every_step_survives_its_death(town: Town, name: str) -> None:
    """Killed before, inside or after each step (the seed says which): the same end, effects once, nothing left over."""
    chance = random.Random(f"{SEED}/{name}")
    elsewhere = set() if name == "rollback" else COVERED
    last = {step: (story, number) for story, number, step in town.baseline(name).steps if step not in elsewhere}
    points = [Boundary(story, number, step, chance.choice(WHERE)) for step, (story, number) in last.items()]
    assert [] == wrong(*(town.interrupt(name, point) for point in points)), f"seed {SEED}"


def test_two_deaths_in_one_release_are_survived(town: Town) -> None:
    """A worker and its successor killed in one release, at boundaries drawn from the seed: the same end, effects once."""
    pairs = town.baseline("canary").pairs(random.Random(f"{SEED}/pairs"), 2)
    assert [] == wrong(*(town.interrupt("canary", *pair) for pair in pairs)), f"seed {SEED}"


def test_superseding_survives_a_death(town: Town) -> None:
    """Killed while one release takes the other's place: the first ends superseded, the second is released."""
    point = random.Random(f"{SEED}/supersede").choice(town.baseline("supersede").boundaries)
    assert [] == wrong(town.interrupt("supersede", point)), f"seed {SEED}"


def test_what_serves_may_die_in_a_stage(town: Town) -> None:
    """Keeper, Envoy or an instance killed in a stage that the seed draws: the same end; a candidate may go back for it."""
    chance = random.Random(f"{SEED}/stages")
    stages = [stage for stage in STAGES if stage.scenario == "rollback"]
    outcomes = [town.kill(chance.choice(stages), victim) for victim in chance.sample(VICTIMS, 2)]
    assert [] == wrong(*outcomes), f"seed {SEED}"


def test_nobody_sends_on_for_a_dead_worker(town: Town) -> None:
    """Killed while it sends requests of its own: it sends no more, its successor alone goes on, and each is counted once."""
    assert [] == wrong(sending.kill(town, random.Random(f"{SEED}/sending").uniform(0, 1))), f"seed {SEED}"


COVERED = {
    "take_place", "build", "draw_plan", "pass_gates", "lock", "confirm", "pass_checks", "shift", "watch", "go_back",
    "testify", "verify", "retire", "back_ending", "end",
}  # fmt: skip

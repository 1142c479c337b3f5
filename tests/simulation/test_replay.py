"""From the audit log and the evidence alone, every release is decided again as it was; a changed record is not."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from penstock.errors import UserError
from penstock.records import audit
from penstock.replaying import Replayed, replay_release
from penstock.testing.simulation import Simulation
from tests.simulation.test_releases import draw

SEEDS = int(os.environ.get("PENSTOCK_SEEDS", "300")) // 4


@pytest.fixture
def folder() -> Iterator[Path]:
    """Records in memory where there is some."""
    place = Path(tempfile.mkdtemp(dir="/dev/shm" if Path("/dev/shm").is_dir() else None))
    yield place
    shutil.rmtree(place)


def again(sim: Simulation, number: int = 1) -> Replayed:
    return replay_release(audit.read(sim.folder / "audit.log"), sim.folder / "evidence", number)


@pytest.mark.parametrize("seed", range(SEEDS))
def test_every_move_comes_out_again(folder: Path, seed: int) -> None:
    """Whatever happened on the way, deaths and outages too: the same readings and rules give the same moves."""
    sim, _ = draw(folder, seed)
    number = sim.order()
    sim.walk(number)
    lines = list(audit.read(sim.folder / "audit.log"))
    if any(line["what"].startswith("move: ") for line in lines) and any(line.get("readings") for line in lines):
        assert () == again(sim, number).differences, f"seed {seed}"


def test_a_rollback_by_verdict_is_explained(folder: Path) -> None:
    """The move that sent the candidate back is reached again, with odds beyond the limit."""
    sim = Simulation(folder)
    sim.metrics.fail(sim.candidate.id, 0.3)
    assert "rolled_back" == sim.release().state
    found = again(sim)
    assert "abort" == found.moves[-1].again.kind
    assert 100 <= found.moves[-1].odds
    assert () == found.differences


def forged(sim: Simulation, change: dict[str, str]) -> Replayed:
    """The log with the words of its first advance replaced."""
    lines = list(audit.read(sim.folder / "audit.log"))
    first = next(line for line in lines if line["what"] == "move: advance" and line["standing"]["watched_s"] > 0)
    first |= change
    return replay_release(lines, sim.folder / "evidence", 1)


def test_a_forged_move_is_named(folder: Path) -> None:
    """A move that the readings do not give is named with its line."""
    sim = Simulation(folder)
    assert "released" == sim.release().state
    found = forged(sim, {"what": "move: abort", "cause": "verdict", "why": "because"})
    assert 1 == len(found.differences)
    assert "recorded abort (because)" in found.differences[0]


def test_changed_readings_are_refused(folder: Path) -> None:
    """Evidence that is not what was recorded is not used."""
    sim = Simulation(folder)
    sim.release()
    digest = next(line["readings"] for line in audit.read(sim.folder / "audit.log") if line.get("readings"))
    path = sim.folder / "evidence" / digest[:2] / digest
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(UserError) as caught:
        again(sim)
    assert "evidence-changed" == caught.value.code


def test_a_shift_without_a_decision_is_named(folder: Path) -> None:
    """A shift that no move led to does not pass for one."""
    sim = Simulation(folder)
    sim.release()
    lines = [json.loads(json.dumps(line)) for line in audit.read(sim.folder / "audit.log")]
    lines = [line for line in lines if not (line["what"] == "move: advance" and line["to"] == 2)]
    found = replay_release(lines, sim.folder / "evidence", 1)
    assert any("that no decision led to" in one for one in found.differences)

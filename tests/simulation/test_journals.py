"""A journal of every shape that was ever released replays on today's code, to the same end, and does nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from penstock.release import walk
from penstock.steps import Steps
from penstock.testing.simulation import MemoryJournal, Simulation
from tests.journals import FOLDER

FIXTURES = sorted(FOLDER.glob("*.json"))


@pytest.mark.parametrize("fixture", FIXTURES, ids=lambda p: p.stem)
def test_an_old_journal_replays(fixture: Path, tmp_path: Path) -> None:
    """The walk asks for the kept steps in their order, ends as it ended, and touches nothing."""
    kept = json.loads(fixture.read_text())
    sim = Simulation(tmp_path)
    calls = len(sim.target.calls)
    journal = MemoryJournal()
    journal.kept = [tuple(entry) for entry in kept]
    ending = walk(Steps(sim.world(sim.order()), journal.run))
    assert kept[-1][2]["state"] == ending.state
    assert len(kept) == len(journal.kept), "nothing was run anew"
    assert calls == len(sim.target.calls), "nothing was touched"


@pytest.mark.parametrize("fixture", FIXTURES, ids=lambda p: p.stem)
def test_a_journal_cut_anywhere_goes_on_to_an_end(fixture: Path, tmp_path: Path) -> None:
    """Whatever prefix was kept, the release ends."""
    kept = json.loads(fixture.read_text())
    for length in range(len(kept)):
        folder = tmp_path / str(length)
        folder.mkdir()
        sim = Simulation(folder)
        journal = MemoryJournal()
        journal.kept = [tuple(entry) for entry in kept[:length]]
        assert walk(Steps(sim.world(sim.order()), journal.run)).state in (
            "released",
            "rolled_back",
            "aborted",
            "blocked",
        )


def test_there_are_journals() -> None:
    """The fixtures are there."""
    assert 6 <= len(FIXTURES)

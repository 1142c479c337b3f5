"""Journals as this version writes them: `python -m tests.journals` writes the fixtures of a new shape; old ones stay."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from pathlib import Path

from penstock.records import orders
from penstock.release import walk
from penstock.steps import Steps
from penstock.testing.simulation import MemoryJournal, Simulation, environment

FOLDER = Path(__file__).parent / "fixtures" / "journals"
SHAPE = 1


def fails(sim: Simulation) -> None:
    sim.metrics.fail(sim.candidate.id, 0.3)


def aborted(sim: Simulation) -> None:
    orders.give(sim.store, sim.clock.now(), "abort", person="ana", uid=0, service="shop", environment="production")


def broken(sim: Simulation) -> None:
    sim.target.break_revision(sim.candidate.id)


RELEASES: dict[str, tuple[str, Callable[[Simulation], None]]] = {
    "canary-released": ("canary", lambda sim: None),
    "canary-rolled-back": ("canary", fails),
    "rolling-released": ("rolling", lambda sim: None),
    "all-at-once-released": ("all_at_once", lambda sim: None),
    "aborted-before": ("canary", aborted),
    "not-started": ("canary", broken),
}


def record(name: str) -> list[tuple[str, str, object]]:
    """Walk a release on paper, and return what its journal kept."""
    rollout, trouble = RELEASES[name]
    sim = Simulation(Path(tempfile.mkdtemp()), asked=environment(rollout))
    journal = MemoryJournal()
    number = sim.order()
    trouble(sim)
    walk(Steps(sim.world(number), journal.run))
    return journal.kept


if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name in RELEASES:
        path = FOLDER / f"{SHAPE}-{name}.json"
        if not path.exists():
            path.write_text(json.dumps(record(name), separators=(",", ":")) + "\n")
            print(path.name)

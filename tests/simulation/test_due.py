"""What people have to do after a release is written down when it ends: once, and only where there is something to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from penstock.core import data
from penstock.core.ending import Ending
from penstock.core.plan import Plan
from penstock.manifest import Environment
from penstock.manifest.later import Reminder
from penstock.records import due, events, releases
from penstock.release import bake
from penstock.steps import Steps
from penstock.steps.end import end
from penstock.testing.simulation import MemoryJournal, Simulation, environment

DAY_S = 86400.0
LATER = {
    "review": Reminder.model_validate({"ask": "Lessons written down?", "by": "dev"}),
    "incident": Reminder.model_validate({"ask": "Incident reviewed?", "due": "2d", "when": {"ended": "rolled_back"}}),
}


def asked(**more: object) -> Environment:
    return environment(**more).model_copy(update={"later": LATER})  # type: ignore[arg-type]


def test_a_release_ends_with_open_reminders(tmp_path: Path) -> None:
    """Each is due so long after the end; the report that is written then lists them, and says that it awaits them."""
    sim = Simulation(tmp_path, asked=asked())
    sim.metrics.fail(sim.candidate.id, 0.3)
    assert "rolled_back" == sim.release().state
    ended = (releases.get(sim.store, 1) or {})["ended_at"]
    assert [("incident", ended + 2 * DAY_S, None), ("review", ended + 7 * DAY_S, None)] == [
        (row["name"], row["due_at"], row["done_at"]) for row in due.of(sim.store, 1)
    ]
    for report in ("report.md", "report.html"):
        text = (tmp_path / "1" / report).read_text()
        assert "This report awaits 2 of 2 follow-ups: incident, review." in text
        assert "penstock due 1 review --done" in text


def test_only_the_ends_that_are_named_are_followed(tmp_path: Path) -> None:
    """A release that went well is not asked what is asked of those that were rolled back."""
    sim = Simulation(tmp_path, asked=asked())
    assert "released" == sim.release().state
    assert ["review"] == [row["name"] for row in due.of(sim.store, 1)]


def test_an_end_that_is_run_again_writes_nothing_twice(tmp_path: Path) -> None:
    """The step of the end runs at least once: no date moves, and nothing that was ticked opens again."""
    sim = Simulation(tmp_path, asked=asked())
    ending = sim.release()
    due.tick(sim.store, sim.clock.now(), 1, "review", "ana", "")
    before = due.of(sim.store, 1)
    sim.clock.sleep(3600)
    end(sim.world(1), Ending(ending.state, ending.cause, ending.sentence))
    assert before == due.of(sim.store, 1)


def test_a_bake_is_followed_when_it_is_over(tmp_path: Path) -> None:
    """While a release bakes nothing is due; it counts from the end of the bake."""
    sim = Simulation(tmp_path, 20.0, asked=asked(bake_s=1800))
    assert ("baking", []) == (sim.release().state, due.of(sim.store, 1))
    stored = {k: v for k, v in (releases.get(sim.store, 1) or {})["plan"].items() if k != "digest"}
    assert "released" == bake(Steps(sim.world(1), MemoryJournal().run), data.load(Plan, stored)).state
    ended = (releases.get(sim.store, 1) or {})["ended_at"]
    assert [ended + 7 * DAY_S] == [row["due_at"] for row in due.of(sim.store, 1)]


@pytest.mark.parametrize("kind", ["restart", "drill"])
def test_what_brings_nothing_new_is_not_followed(kind: str, tmp_path: Path) -> None:
    """A restart and a drill leave nothing to do."""
    sim = Simulation(tmp_path, asked=asked())
    sim.walk(sim.order(kind))
    assert (True, []) == ((releases.get(sim.store, 1) or {})["ended_at"] is not None, due.of(sim.store, 1))


def test_a_release_with_nothing_to_do_is_not_followed(tmp_path: Path) -> None:
    """What runs there already leaves nothing to do."""
    sim = Simulation(tmp_path, asked=asked())
    sim.release()
    ending = sim.release()
    assert ("nothing_to_do", []) == (ending.cause, due.of(sim.store, 2))


def test_a_reminder_is_no_issue(tmp_path: Path) -> None:
    """Being reminded is no event of the release: what went wrong stays what went wrong."""
    sim = Simulation(tmp_path, asked=asked())
    sim.release()
    assert "note" not in {event["kind"] for event in events.after(sim.store, 1)}

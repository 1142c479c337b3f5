"""A freeze that begins while a release is under way, and a hotfix: what the manifest says follows, and nothing else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from penstock.manifest.approvals import Approval, Hotfix
from penstock.manifest.groups import Group
from penstock.manifest.windows import Windows
from penstock.records import answers, freezes
from penstock.testing.simulation import Simulation, environment

NEVER = {"open": [{"days": "mon"}], "closed": {"weekdays": "mon"}}  # the window that never opens
MAX = {"person": "max", "uid": 1}


def frozen_at(sim: Simulation, second: float, lasts_s: float | None) -> None:
    sim.clock.at(second, lambda: freezes.begin(
        sim.store, sim.clock.now(), MAX, "quarter end", service="shop", environment=None,
        until=sim.clock.now() + lasts_s if lasts_s else None))  # fmt: skip


@pytest.mark.parametrize(
    ("on_freeze", "state"), [("finish", "released"), ("hold", "released"), ("roll_back", "rolled_back")]
)
def test_what_runs_does_what_its_manifest_says(on_freeze: str, state: str, tmp_path: Path) -> None:
    """Finish: as if nothing were. Hold: where it is until the freeze ends, then on. Roll back: it goes back, and says why."""
    wanted = environment().model_copy(update={"windows": Windows.model_validate({"on_freeze": on_freeze})})
    sim = Simulation(tmp_path, asked=wanted)
    frozen_at(sim, 10.0, 600.0)
    began = sim.clock.now()
    number = sim.order()
    ending = sim.walk(number)
    assert state == ending.state
    assert ("quarter end" in ending.sentence) == (on_freeze == "roll_back")
    assert (sim.clock.now() - began > 600) == (on_freeze == "hold")


def test_going_back_is_never_frozen(tmp_path: Path) -> None:
    """A candidate that fails goes back in the middle of a freeze that holds it."""
    wanted = environment().model_copy(update={"windows": Windows.model_validate({"on_freeze": "hold"})})
    sim = Simulation(tmp_path, asked=wanted)
    frozen_at(sim, 10.0, 86400.0)
    sim.metrics.fail(sim.candidate.id, 0.4)
    assert "rolled_back" == sim.walk(sim.order()).state


def hotfix(tmp_path: Path, skips: list[str], **options: Any) -> tuple[Simulation, int]:
    """A release in haste, where windows never open, somebody else must approve, and nothing ran before."""
    wanted = environment().model_copy(update={
        "windows": Windows.model_validate(NEVER), "after": {"staging": 60.0},
        "approvals": (Approval.model_validate({"by": "directors"}),),
        "hotfix": Hotfix.model_validate({"by": "managers", "skips": skips}),
        "groups": {"managers": Group(people=("bo",)), "directors": Group(people=("uma",))},
    })  # fmt: skip
    sim = Simulation(tmp_path, asked=wanted)
    return sim, sim.order(**({"hotfix": "checkout is down"} | options))


def say(sim: Simulation, number: int, line: str, person: str) -> None:
    """Somebody approves what is planned then."""
    row = sim.store.row("SELECT plan FROM releases WHERE number = ?", number)
    assert row
    digest = json.loads(row["plan"])["digest"]
    who = {"person": person, "uid": 1, "host": "here"}
    answers.give(sim.store, sim.clock.now(), number, line, "approve", who, digest=digest)


def test_a_hotfix_leaves_out_what_may_be_left_out_once_its_approver_says_so(tmp_path: Path) -> None:
    """Windows, environments and approvals are left out; the named approver is not."""
    sim, number = hotfix(tmp_path, ["windows", "after", "approvals"])
    sim.clock.at(500.0, lambda: say(sim, number, "hotfix", "bo"))
    began = sim.clock.now()
    assert "released" == sim.walk(number).state
    assert 500 <= sim.clock.now() - began
    log = (tmp_path / "audit.log").read_text()
    assert '"hotfix":"checkout is down"' in log.replace(": ", ":")


@pytest.mark.parametrize(
    ("skips", "cause"),
    [
        (["after", "approvals"], "window"),
        (["windows", "approvals"], "after"),
        (["windows", "after"], "unanswered"),
        ([], "after"),
    ],
)
def test_a_hotfix_leaves_out_nothing_else(skips: list[str], cause: str, tmp_path: Path) -> None:
    """What its manifest does not let be left out holds, however much haste there is."""
    sim, number = hotfix(tmp_path, skips)
    sim.clock.at(100.0, lambda: say(sim, number, "hotfix", "bo"))
    ending = sim.walk(number)
    assert ("blocked", cause) == (ending.state, ending.cause)


def test_a_hotfix_without_its_approver_waits_and_is_given_up(tmp_path: Path) -> None:
    """Haste is no approval: somebody else's yes is none either."""
    sim, number = hotfix(tmp_path, ["windows", "after", "approvals"])
    sim.clock.at(100.0, lambda: say(sim, number, "hotfix", "uma"))
    ending = sim.walk(number)
    assert ("blocked", "unanswered") == (ending.state, ending.cause)


def test_in_haste_the_soak_may_be_left_early(tmp_path: Path) -> None:
    """With `soak` among what is left out, an increment ends as soon as its candidate is accepted."""
    spans = []
    for skips in (["windows", "after", "approvals"], ["windows", "after", "approvals", "soak"]):
        folder = tmp_path / str(len(skips))
        folder.mkdir()
        sim, number = hotfix(folder, skips)
        sim.asked = sim.asked.model_copy(
            update={"rollout": environment({"is": "canary", "increments": ["50% for 20m"]}).rollout}
        )
        sim.clock.at(10.0, lambda sim=sim, number=number: say(sim, number, "hotfix", "bo"))  # type: ignore[misc]
        began = sim.clock.now()
        assert "released" == sim.walk(number).state
        spans.append(sim.clock.now() - began)
    assert spans[1] < spans[0] / 2

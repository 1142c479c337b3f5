"""People and time, by simulation: seeded histories of answers, freezes, changed plans and clocks through the real walk."""

from __future__ import annotations

import os
import random
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from penstock.core import data
from penstock.core.target import Desired, Fence, UnitDesire
from penstock.manifest.approvals import Approval
from penstock.manifest.asking import AskSection
from penstock.manifest.environment import CheckEntry
from penstock.manifest.groups import Group
from penstock.records import answers, environments, freezes, orders
from penstock.testing.simulation import Simulation, environment

SEEDS = int(os.environ.get("PENSTOCK_SEEDS", "60"))
GROUPS = {"managers": ("bo", "chris", "dee"), "security": ("eve", "dee")}
HOUR = 3600.0


@dataclass
class History:
    """What was said and done, with when: the oracle reads it, the release never does."""

    said: list[tuple[float, str, str, str, str]] = field(default_factory=list)  # at, line, verb, person, digest
    frozen: list[list[float]] = field(default_factory=list)  # from, until
    passed_at: float | None = None
    digest: str = ""


def asked(rng: random.Random) -> dict[str, Any]:
    """What a manifest may demand of people."""
    approvals = []
    for _ in range(rng.choice([0, 1, 1, 2])):
        by = rng.choice([("managers",), ("security",), ("managers", "security")])
        said = {"at_least": str(rng.choice([1, 1, 2])), "by": list(by), "within": f"{rng.choice([6, 48])}h",
                "good_for": f"{rng.choice([3, 24])}h", "authors": rng.choice(["excluded", "count"])}  # fmt: skip
        approvals.append(Approval.model_validate(said))
    question = AskSection.model_validate({"ask": "Stakeholders told?", "by": "managers", "within": "48h"})
    lines = (
        {"told": CheckEntry(name="told", moment="before", kind="ask", section=question)} if rng.random() < 0.4 else {}
    )
    return {
        "approvals": tuple(approvals), "checklist": {"before": lines} if lines else {},
        "groups": {name: Group(people=people) for name, people in GROUPS.items()},
    }  # fmt: skip


def told(sim: Simulation, number: int) -> dict[str, Any]:
    row = sim.store.row("SELECT plan, state FROM releases WHERE number = ?", number)
    assert row
    import json

    return {"plan": json.loads(row["plan"]) if row["plan"] else None, "state": row["state"]}


def say(sim: Simulation, number: int, history: History, line: str, verb: str, person: str, stale: bool) -> None:
    """Somebody answers, to the plan as it is then, or to another."""
    plan = told(sim, number)["plan"]
    if plan is None:
        return
    of_plan = line != "told"
    digest = "stale" if stale else plan["digest"] if of_plan else sim.candidate.commit
    now = sim.clock.now()
    history.said.append((now, line, verb, person, digest))
    who = {"person": person, "uid": 1, "host": "here"}
    answers.give(sim.store, now, number, line, verb, who, digest=digest, signed="by hand")


def freeze(sim: Simulation, history: History, lasts_s: float) -> None:
    now = sim.clock.now()
    history.frozen.append([now, now + lasts_s])
    who = {"person": "max", "uid": 1}
    freezes.begin(sim.store, now, who, "quarter end", service=None, environment=None, until=now + lasts_s)


def change(sim: Simulation) -> None:
    """Somebody else changes what runs there: the plan is not true any more."""
    row = sim.store.row("SELECT holder FROM environments")
    if row and row["holder"] is None:
        units = {"web": UnitDesire({sim.stable.id: 5}, {sim.stable.id: 1000})}
        now = sim.target.observe()
        sim.target.converge(Desired(Fence(0), units, {sim.stable.id: sim.stable}, expecting=now.token))


def scripted(sim: Simulation, number: int, rng: random.Random, history: History) -> None:
    """A day of people, at random."""
    lines = [f"approval-{n}" for n in (1, 2)] if len(sim.asked.approvals) > 1 else ["approval"]
    lines += ["told"] if sim.asked.checklist else []
    for _ in range(rng.randint(0, 14)):
        at = rng.uniform(0, 20 * HOUR)
        line, person = rng.choice(lines), rng.choice(["ana", "bo", "chris", "dee", "eve", "mallory"])
        verb = "confirm" if line == "told" else "reject" if rng.random() < 0.06 else "approve"
        stale = rng.random() < 0.1
        sim.clock.at(at, lambda w=(line, verb, person, stale): say(sim, number, history, *w))  # type: ignore[misc]
    for _ in range(rng.choice([0, 0, 1, 2])):
        lasts_s = rng.uniform(60, 8 * HOUR)
        sim.clock.at(rng.uniform(0, 20 * HOUR), lambda s=lasts_s: freeze(sim, history, s))  # type: ignore[misc]
    for _ in range(rng.choice([0, 0, 1])):
        sim.clock.at(rng.uniform(0, 20 * HOUR), lambda: change(sim))
    if rng.random() < 0.1:
        sim.clock.at(rng.uniform(0, 20 * HOUR), lambda: orders.give(
            sim.store, sim.clock.now(), "abort", person="ana", uid=0, service="shop", environment="production"))  # fmt: skip


def allowed(sim: Simulation, history: History, digest: str, at: float) -> bool:
    """Whether the manifest lets this plan be carried out at this moment: the long way, from what people did."""
    if any(first <= at < last for first, last in history.frozen):
        return False
    several = len(sim.asked.approvals) > 1
    for number, approval in enumerate(sim.asked.approvals, 1):
        line = f"approval-{number}" if several else "approval"
        good = set()
        for person in {p for name in approval.by for p in GROUPS[name]}:
            mine = [s for s in history.said if s[1] == line and s[3] == person and s[0] <= at]
            if mine and mine[-1][4] == digest and mine[-1][2] == "approve" and at - mine[-1][0] < approval.good_for_s:
                good.add(person)
            if mine and mine[-1][4] == digest and mine[-1][2] == "reject":
                return False
        if approval.authors == "excluded":
            good -= {"bo"}  # who ordered it
        if len(good) < approval.at_least or not all(good & set(GROUPS[name]) for name in approval.by):
            return False
    if sim.asked.checklist:
        yes = {s[3] for s in history.said if s[1] == "told" and s[4] == sim.candidate.commit and s[0] <= at}
        return bool(yes & set(GROUPS["managers"]))
    return True


@pytest.mark.parametrize("block", range(4))
def test_no_release_passes_without_exactly_what_the_manifest_demands(block: int, tmp_path: Path) -> None:
    """Nothing is touched unless everything that is demanded holds at that very moment; and nothing else is demanded."""
    seen = {"passed": 0, "blocked": 0}
    for seed in range(block, SEEDS, 4):
        rng = random.Random(seed)
        folder = tmp_path / str(seed)
        folder.mkdir()
        wanted = environment("all_at_once").model_copy(update=asked(rng))
        sim = Simulation(folder, seed=seed, asked=wanted, patience_s=600.0)
        number = sim.order()
        with sim.store.write() as db:
            db.execute("UPDATE releases SET person = 'bo' WHERE number = ?", (number,))
        history = History()
        scripted(sim, number, rng, history)
        ending = sim.walk(number)
        confirmed = _confirmed_at(sim, number)
        if confirmed is None:
            assert ending.state in ("blocked", "aborted"), (seed, ending)
            seen["blocked"] += 1
        else:
            digest = told(sim, number)["plan"]["digest"]
            assert allowed(sim, history, digest, confirmed), (seed, confirmed, history)
            seen["passed"] += 1
    assert all(seen.values())


def test_a_gate_that_closes_while_a_release_is_in_line_is_closed(tmp_path: Path) -> None:
    """A freeze that begins after the gates were passed, and before the environment was free, holds the release."""
    sim = Simulation(tmp_path, asked=environment("all_at_once"))
    history = History()
    number = sim.order()
    with sim.store.write() as db:
        db.execute("UPDATE environments SET holder = 999")
    began = sim.clock.now()
    sim.clock.at(100.0, lambda: freeze(sim, history, HOUR))
    sim.clock.at(200.0, lambda: environments.free(sim.store, "shop", "production", 999))
    assert "released" == sim.walk(number).state
    confirmed = _confirmed_at(sim, number)
    assert confirmed
    assert began + 95 + HOUR <= confirmed  # clocks on paper tick in whole seconds


def _confirmed_at(sim: Simulation, number: int) -> float | None:
    """When the release was let through to change something: from the audit log."""
    import json

    for line in (sim.folder / "audit.log").read_text().splitlines():
        entry = json.loads(line)
        if entry.get("what") == "release may change the environment":
            return float(entry["at"]) if not isinstance(entry["at"], str) else data.load(float, entry["at"])
    return None

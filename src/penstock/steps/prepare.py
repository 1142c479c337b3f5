"""The one command between build and placing. A rollback does not undo it; the plan says so."""

from __future__ import annotations

from penstock.core import data
from penstock.core.ending import Ending, Over
from penstock.core.finding import CheckRequest
from penstock.core.plan import Plan
from penstock.steps.check import run
from penstock.steps.requests import environment_of
from penstock.steps.world import World


def prepare(world: World, plan: Plan) -> bool:
    """Run it in the revision's own folder, with its environment; at least once."""
    section = data.dump(world.environment.prepare)
    seen = list(world.secrets) if section.get("sees") is None else section["sees"]
    folder = world.builds.checkout(plan.candidate)
    request = CheckRequest(
        "prepare", "before", section, str(folder), environment_of(world, plan.candidate, "prepare", "prepare"),
        {n: v for n, v in world.secrets.items() if n in seen}, key=f"penstock-{world.release}-prepare",
        log_file=str(world.work / "prepare.log"),
    )  # fmt: skip
    world.record("prepare", "prepare")
    world.tell("prepare", "stage", "prepare")
    outcome = run(world, "command", request)
    if outcome.state != "passed":
        raise Over(Ending("rolled_back", "prepare", f"`prepare` {outcome.state}: {outcome.sentence}"))
    world.tell("prepare:done", "done", "prepared")
    return True

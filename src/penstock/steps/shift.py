"""To the next rung: the audit line first, then the desire, then waiting until the platform has made it so."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from penstock.core import splits
from penstock.core.ending import Ending, Over
from penstock.core.plan import Plan
from penstock.core.target import Desired, Observed, Progress
from penstock.errors import PenstockError, Refused, StateError
from penstock.records import releases
from penstock.steps import orders
from penstock.steps.trouble import trouble_of
from penstock.steps.world import World

STEP_S = 8.0  # no step waits longer than ten seconds


def shift(world: World, plan: Plan, rung: int) -> bool:
    """Make a rung of the ladder true; False when it is still under way. A failing unit raises Over."""
    step = plan.rungs[rung]
    world.record(f"shift:{rung}", "shift", rung=step.name, weight_permille=step.weight_permille)
    world.tell(f"shift:{rung}", "stage", step.name, rung=rung, weight_permille=step.weight_permille)
    desired = plan.desire(rung, world.fence, None)
    _note_split(world, splits.changing)
    progress = _drive(world, plan, desired)
    if progress.state == "failed" or (progress.state == "working" and _is_late(world, plan, rung)):
        raise Over(Ending("rolled_back", _cause(world, plan), progress.reason))
    if progress.state == "working":
        return False
    _note_split(world, splits.in_force)
    releases.add_facts(world.store, world.release, rung=rung, weight_permille=step.weight_permille)
    world.tell(f"shifted:{rung}", "done", f"{step.name}: in force", rung=rung, weight_permille=step.weight_permille)
    return True


def _note_split(world: World, noted: Callable[[splits.Splits, float], list[tuple[float, int]]]) -> None:
    """Which split was in force when, for a source of readings that is not the target's own."""
    if world.environment.verdict.metrics is not None:
        known = [(float(at), int(era)) for at, era in world.row()["facts"].get("splits", ())]
        releases.add_facts(world.store, world.release, splits=noted(known, world.clock.now()))


def finish(world: World, plan: Plan, keep: bool) -> bool:
    """Let go of what is not needed any more; True when it is gone, or cannot be let go of in time (said)."""
    return _let_go(world, plan.end(world.fence, None, promoted=True, keep=keep), "finish" if keep else "retire")


def retire(world: World, plan: Plan) -> bool:
    """After going back: the candidate is drained and removed."""
    return _let_go(world, plan.end(world.fence, None, promoted=False), "retire")


def converge(world: World, desired: Desired, handle: str | None = None) -> Progress:
    """One call of the target. A refusal is progress of that name; an error says nothing of the effect: it is asked again."""
    try:
        progress = world.target.converge(desired, handle)
    except Refused as refused:
        progress = Progress("refused", refused.what)
    except StateError:
        raise
    except PenstockError as error:
        progress = Progress("working", f"the target could not be asked: {error.what}", 1.0)
    return replace(progress, reason=world.masked(progress.reason))


def _drive(world: World, plan: Plan, desired: Desired) -> Progress:
    deadline = world.clock.monotonic() + STEP_S
    while True:
        stop_if_told(world, plan, world.observe())
        world.beat()
        progress = converge(world, desired)
        if progress.state == "refused":
            raise Over(Ending("rolled_back", "refused", progress.reason))
        if progress.state != "working" or world.clock.monotonic() >= deadline:
            return progress
        world.clock.sleep(min(progress.retry_after_s, 1.0))


def _is_late(world: World, plan: Plan, rung: int) -> bool:
    """Whether a rung is under way for longer than starting, and being sure of it, may take."""
    began = world.row()["facts"].get(f"rung{rung}_began")
    if began is None:
        releases.add_facts(world.store, world.release, **{f"rung{rung}_began": world.clock.now()})
        return False
    return world.clock.now() - float(began) > plan.start_within_s + 60


def stop_if_told(world: World, plan: Plan, observed: Observed | None) -> None:
    """Raise Over when the release goes no further: by an earlier worker's mark, by order, or for what is seen there."""
    if why := world.marked():
        raise Over(Ending("rolled_back", "journal", f"an earlier worker went back: {why}"))
    asked = orders.read(world)
    if asked.ends:
        raise Over(Ending("rolled_back", *asked.ends))
    trouble = trouble_of(plan, observed, settling=True) if observed else None
    if trouble:
        raise Over(Ending("rolled_back", *trouble))


def _cause(world: World, plan: Plan) -> str:
    observed = world.observe()
    trouble = trouble_of(plan, observed) if observed else None
    return trouble[0] if trouble else "start"


def _let_go(world: World, desired: Desired, what: str) -> bool:
    facts = world.row()["facts"]
    began = facts.get(f"{what}_began")
    if began is None:
        began = world.clock.now()
        releases.add_facts(world.store, world.release, **{f"{what}_began": began})
        world.record(what, "letting go of what is not needed any more")
    deadline = world.clock.monotonic() + STEP_S
    while True:
        progress = converge(world, desired)
        if progress.state == "done":
            return True
        if progress.state in ("failed", "refused") or world.clock.now() - began > desired.start_within_s + 120:
            world.tell(f"{what}:gave-up", "note", f"could not let go of what is not needed any more: {progress.reason}")
            return True
        if world.clock.monotonic() >= deadline:
            return False
        world.clock.sleep(min(progress.retry_after_s, 1.0))

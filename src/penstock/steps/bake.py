"""After promotion: what was promoted is watched, period by period, with the power to go back."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from penstock.core import data, verdict
from penstock.core.ending import Ending, Over
from penstock.core.plan import Plan
from penstock.core.rollout import Move
from penstock.core.verdict import Policy
from penstock.manifest.bake import BakePeriod
from penstock.records import environments, releases
from penstock.steps import orders
from penstock.steps.learn import policies_of
from penstock.steps.trouble import critical_lines
from penstock.steps.watch import Watched, begin, fitting, is_time_for_logs, look_until, trouble_now
from penstock.steps.world import World


def bake(world: World, plan: Plan, before: Watched | None) -> Watched:
    """`hold` goes on, `promote` ended well, `advance` gives way to a newer release. Trouble raises Over, once the
    environment is ours again.
    """
    policies = policies_of(world)
    now = fitting(world, policies, before) if before else _next_hour(world, policies, plan)
    seen = look_until(world, plan, policies, now, lambda w: _next(world, plan, policies, w), "bake")
    releases.add_facts(world.store, world.release, baked=data.dump(seen))
    if seen.move.kind == "abort":
        row = world.row()
        if environments.hold(world.store, row["service"], row["environment"], world.release) != world.release:
            return replace(seen, move=Move("advance", "a newer release takes over"))
        raise Over(Ending("rolled_back", seen.move.cause, seen.move.reason))
    return seen


def _next_hour(world: World, policies: tuple[Policy, ...], plan: Plan) -> Watched:
    """A bake's next hour goes on with the evidence of the hours before: one bound holds for all of them."""
    baked = world.row()["facts"].get("baked")
    if baked is None:
        return begin(world, policies, len(plan.rungs) - 1, None)
    before = fitting(world, policies, data.load(Watched, baked))
    return replace(before, base_s=before.base_s + before.watched_s, watched_s=0.0, waited_s=0.0, open_s=0.0)


def _next(world: World, plan: Plan, policies: tuple[Policy, ...], seen: Watched) -> tuple[Move, dict[str, Any]]:
    watched_s = seen.base_s + seen.watched_s
    return _move(world, plan, policies, seen, watched_s), {"phase": "bake", "watched_s": watched_s}


def _move(world: World, plan: Plan, policies: tuple[Policy, ...], seen: Watched, watched_s: float) -> Move:
    row = world.row()
    env = environments.get(world.store, row["service"], row["environment"])
    if env and env["holder"] not in (None, world.release):
        return Move("advance", f"the bake was cut short by release {env['holder']}")
    asked = orders.read(world)
    if asked.ends:
        return Move("abort", asked.ends[1], cause=asked.ends[0])
    trouble = trouble_now(world, plan, seen.rung) or seen.broken or _broken(world, plan, policies, seen, watched_s)
    if trouble:
        return Move("abort", trouble[1], cause=trouble[0])
    left = plan.bounds["bake_s"] - watched_s
    if left <= 0:
        return Move("promote", f"{plan.candidate.id} serves; the bake of {plan.bounds['bake_s']:.0f} s ended well")
    return Move("hold", f"baking: {left:.0f} s left")


def _broken(
    world: World, plan: Plan, policies: tuple[Policy, ...], seen: Watched, watched_s: float
) -> tuple[str, str] | None:
    """The first limit that is broken in a period that is not over; where the period only reports, that is told once."""
    periods, states = world.environment.bake, (seen.state, *seen.also)
    for number, (period, policy, state) in enumerate(zip(periods, policies, states, strict=True)):
        if watched_s > period.for_s:
            continue
        said = verdict.judge(policy, state)
        found = ("verdict", said.sentence) if said.outcome == "unhealthy" else _critical(world, plan, period, seen)
        if found and period.otherwise == "roll_back":
            return found
        if found:
            world.tell(f"bake:{number}:{found[0]}", "note", f"only reported, as `otherwise` says: {found[1]}")
    return None


def _critical(world: World, plan: Plan, period: BakePeriod, seen: Watched) -> tuple[str, str] | None:
    """Critical lines count in the periods that name them; where none does, in all of them."""
    named = any(one.critical_errors for one in world.environment.bake)
    if (named and not period.critical_errors) or not is_time_for_logs(seen):
        return None
    return critical_lines(world, plan)

"""Penstock's own requests to both arms, while an increment is watched."""

from __future__ import annotations

from penstock.core.plan import Plan
from penstock.core.traffic import arm
from penstock.steps.world import World


def keep_sending(world: World, plan: Plan) -> None:
    """Send for as long as this is called again; nothing where the manifest asks for nothing, or an arm cannot be reached."""
    asked = world.environment.verdict.traffic
    if asked and plan.stable and world.sender and world.sending is None:
        unit = next((name for name, place in plan.places.items() if place.traffic), "")
        ids = (plan.candidate.id, plan.stable.id)
        reaches = [world.target.reach(unit, one) for one in ids]
        arms = [found for reach in reaches if reach and (found := arm(reach))]
        if len(arms) == len(ids):
            world.sending = world.sender(asked, (arms[0], arms[1]), world.release)
    if world.sending:
        world.sending.start()


def stop_sending(world: World) -> None:
    """No more of them; those under way end by themselves."""
    if world.sending:
        world.sending.stop()

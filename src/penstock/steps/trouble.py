"""What rolls back without statistics: health, crash loops, critical log lines, a foreign hand, nobody watching."""

from __future__ import annotations

import re

from penstock.core.plan import Plan
from penstock.core.target import Observed
from penstock.steps.world import World


def trouble_of(plan: Plan, observed: Observed, *, settling: bool = False) -> tuple[str, str] | None:
    """(cause, sentence) of the first trouble seen, or None. While instances start, being unhealthy is no trouble yet."""
    if observed.taken_back and (observed.stamp is None or observed.stamp.release == plan.release):
        return "unattended", f"the way back was taken: {observed.taken_back}"
    for instance in observed.instances:
        if instance.revision != plan.candidate.id:
            continue
        if instance.crash_loop:
            return "crash_loop", f"{instance.id} keeps crashing: {instance.note or 'it exits again and again'}"
        if instance.state == "unhealthy" and not settling:
            return "health", f"{instance.id} is unhealthy: {instance.note}"
    if observed.stamp and observed.stamp.release > plan.release:
        return "foreign", f"release {observed.stamp.release} has written there"
    return None


def foreign_hand(plan: Plan, rung: int, observed: Observed) -> tuple[str, str] | None:
    """Whether a settled platform splits traffic otherwise than this rung does: somebody else has moved it."""
    if not observed.settled:
        return None
    for name, unit in plan.rungs[rung].units.items():
        there = {r: weight for r, weight in observed.serving.get(name, {}).items() if weight}
        if there != unit.split:
            return "foreign", f"somebody else moved the traffic of {name}: {there} instead of {unit.split}"
    return None


def critical_lines(world: World, plan: Plan) -> tuple[str, str] | None:
    """The first line in the candidate's log that the manifest calls critical."""
    patterns = [re.compile(p) for p in world.environment.logs.patterns()]
    if not patterns:
        return None
    for piece in world.target.testimony(plan.candidate.id):
        if not piece.media.startswith("text/x-log"):
            continue
        for line in piece.text.splitlines():
            if any(pattern.search(line) for pattern in patterns):
                return "logs", f"{piece.name} says: {world.masked(line.strip())[:200]}"
    return None

"""What a calibration taught: learned from its readings when it ends, and kept with it."""

from __future__ import annotations

from collections.abc import Sequence

from penstock.core import data
from penstock.core.calibration import calibrated
from penstock.core.plan import Plan
from penstock.core.reading import Reading
from penstock.records import releases
from penstock.render.calibration import conclusion
from penstock.steps.ready import rules_of
from penstock.steps.world import World


def keep(world: World, readings: Sequence[Reading]) -> None:
    """Into the release's facts; nothing for other kinds, nor where both arms were never compared. What judges stays as it is."""
    row = world.row()
    if row["kind"] != "calibrate" or not row["plan"]:
        return
    plan = data.load(Plan, {name: value for name, value in row["plan"].items() if name != "digest"})
    found = calibrated(rules_of(world, plan), readings)
    if found is None:
        world.tell("calibrated:nothing", "note", "both arms were never compared: nothing was learned")
        return
    releases.add_facts(world.store, world.release, calibration=data.dump(found))
    world.tell("calibrated", "done", f"calibrated: {conclusion(found)}")

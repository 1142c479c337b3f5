"""Rollouts at another pace than the manifest's: a drill's, and a hotfix's. Pure."""

from __future__ import annotations

from penstock.manifest.rollout import Increment, Rollout

DRILL_STEP_S, FAULT_STEP_S = 10.0, 60.0
CALIBRATION_S = 1800.0


def rehearsal(rollout: Rollout, *, faulty: bool = False) -> Rollout:
    """The increments of a drill: the manifest's own weights, none of them for longer than it takes to see requests; the
    last one waits for a planted fault to be found.
    """
    asked = rollout.increments if rollout.strategy == "canary" else ()
    steps = [step.model_copy(update={"duration_s": min(step.duration_s, DRILL_STEP_S)}) for step in asked]
    steps = steps or [Increment(weight_permille=500, duration_s=DRILL_STEP_S)]
    lasts = FAULT_STEP_S if faulty else steps[-1].duration_s
    steps[-1] = steps[-1].model_copy(update={"duration_s": lasts, "may_leave_early": False})
    return rollout.model_copy(update={"strategy": "canary", "increments": tuple(steps)})


def calibration(rollout: Rollout, for_s: float | None = None) -> Rollout:
    """The increments of a calibration: the manifest's own, none of which is left early; each in proportion shorter or longer
    where all of them together are to last `for_s`.
    """
    asked = rollout.increments if rollout.strategy == "canary" else ()
    steps = asked or (Increment(weight_permille=500, duration_s=CALIBRATION_S),)
    scale = for_s / sum(step.duration_s for step in steps) if for_s else 1.0
    paced = [
        step.model_copy(update={"duration_s": step.duration_s * scale, "may_leave_early": False}) for step in steps
    ]
    return rollout.model_copy(update={"strategy": "canary", "increments": tuple(paced)})


def hurried(rollout: Rollout) -> Rollout:
    """The same increments, each of which may be left as soon as its candidate is accepted."""
    steps = tuple(step.model_copy(update={"may_leave_early": True}) for step in rollout.increments)
    return rollout.model_copy(update={"increments": steps})

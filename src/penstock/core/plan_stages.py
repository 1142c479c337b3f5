"""The phases of a plan, and why each is there, in words. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from penstock.core.questions import gates_in_words
from penstock.core.rollout import Rung
from penstock.manifest import Environment
from penstock.manifest.bake import BakePeriod

if TYPE_CHECKING:
    from penstock.core.plan import Plan


@dataclass(frozen=True)
class Stage:
    """A phase of the release, and why it is there."""

    name: str
    reason: str


def stages_of(environment: Environment, plan: Plan) -> tuple[Stage, ...]:
    """The phases of a plan, in order."""
    stages = [Stage("build", "the commit's files and its build, once; every environment gets this very artifact")]
    for moment in ("revision", "before"):
        if plan.checks.get(moment):
            stages.append(
                Stage(f"checks: {moment}", f"{', '.join(plan.checks[moment])}: failing blocks, nothing is touched")
            )
    stages += [Stage("gates", text) for text in gates_in_words(environment, plan.gates)]
    stages.append(Stage("lock", "one release at a time; the next waits in line"))
    if plan.prepares:
        stages.append(Stage("prepare", "one command before placing; a rollback does not undo it"))
    for number, rung in enumerate(plan.rungs):
        stages.append(Stage(rung.name, _why(rung, number, plan)))
        if number == 0 and plan.checks.get("candidate"):
            stages.append(Stage("checks: candidate", f"{', '.join(plan.checks['candidate'])}: failing goes back"))
    if plan.checks.get("promoted"):
        stages.append(Stage("checks: promoted", f"{', '.join(plan.checks['promoted'])}: failing still goes back"))
    if environment.bake_s:
        stages += [Stage("bake", _baked(environment, period)) for period in environment.bake]
    return tuple(stages)


def _baked(environment: Environment, period: BakePeriod) -> str:
    limit = period.errors.at_most if period.errors else environment.verdict.errors.share
    failing = f"at most {limit * 100:g} % failing" if limit else "no more failing than `errors` allows"
    critical = ", no critical line in the log" if period.critical_errors else ""
    then = "reported" if period.otherwise == "report" else "taken back"
    return f"{period.for_s:.0f} s: {failing}{critical}, health, crash loops; else {then}"


def _why(rung: Rung, number: int, plan: Plan) -> str:
    if rung.weight_permille == 0:
        return "reachable by preview only, healthy before it gets any traffic"
    if not rung.judged:
        return "capacity first, then traffic; what is replaced is drained"
    early = "may leave early when accepted" if rung.may_leave_early else "soaks"
    ask = "; only an accepted candidate goes on" if number == len(plan.rungs) - 2 else ""
    return f"{rung.duration_s:.0f} s, {early}{ask}"

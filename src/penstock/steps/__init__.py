"""The steps of a release: durable effects, one verb each. Every step observes first and does only what is missing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from penstock.core.ending import Ending
from penstock.core.plan import Plan
from penstock.core.rollout import Move
from penstock.core.target import Revision
from penstock.steps import back, bake, check, end, gates, prepare, ready, shift, watch
from penstock.steps.back import Back
from penstock.steps.check import Checked
from penstock.steps.watch import Watched
from penstock.steps.world import World

T = TypeVar("T")


class Run(Protocol):
    """Runs one step: at least once, its result kept. Direct in simulation, durable in life."""

    def __call__(self, step: Callable[..., T], world: World, *values: Any) -> T: ...


def directly(step: Callable[..., T], world: World, *values: Any) -> T:
    """Run a step as it is: what simulation does."""
    return step(world, *values)


class Steps:
    """The steps, bound to the world of one release."""

    def __init__(self, world: World, run: Run = directly) -> None:
        self._world = world
        self._run = run

    def take_place(self) -> bool:
        return self._run(ready.take_place, self._world)

    def build(self) -> Revision:
        return self._run(ready.build, self._world)

    def draw_plan(self, revision: Revision) -> Plan:
        return self._run(ready.draw_plan, self._world, revision)

    def pass_gates(self, plan: Plan) -> bool:
        return self._run(gates.pass_gates, self._world, plan)

    def lock(self) -> bool:
        return self._run(ready.lock, self._world)

    def confirm(self, plan: Plan) -> bool:
        return self._run(ready.confirm, self._world, plan)

    def check(self, plan: Plan, moment: str, name: str) -> Checked:
        return self._run(check.check, self._world, plan, moment, name)

    def pass_checks(self, plan: Plan, moment: str) -> tuple[Checked, ...]:
        return self._run(check.pass_checks, self._world, plan, moment)

    def prepare(self, plan: Plan) -> bool:
        return self._run(prepare.prepare, self._world, plan)

    def shift(self, plan: Plan, rung: int) -> bool:
        return self._run(shift.shift, self._world, plan, rung)

    def watch(self, plan: Plan, rung: int, before: Watched | None) -> Watched:
        return self._run(watch.watch, self._world, plan, rung, before)

    def abort_ending(self, move: Move) -> Ending:
        return self._run(back.abort_ending, self._world, move)

    def promote(self, plan: Plan) -> bool:
        return self._run(end.promote, self._world, plan)

    def finish(self, plan: Plan, keep: bool) -> bool:
        return self._run(shift.finish, self._world, plan, keep)

    def judge_ending(self, plan: Plan) -> Ending:
        return self._run(end.judge_ending, self._world, plan)

    def go_back(self, plan: Plan, ending: Ending, before: Back | None) -> Back:
        return self._run(back.go_back, self._world, plan, ending, before)

    def testify(self, plan: Plan) -> int:
        return self._run(back.testify, self._world, plan)

    def verify(self, plan: Plan) -> tuple[str, ...]:
        return self._run(check.verify, self._world, plan)

    def retire(self, plan: Plan) -> bool:
        return self._run(shift.retire, self._world, plan)

    def back_ending(self, plan: Plan, ending: Ending, gone: Back, unverified: tuple[str, ...]) -> Ending:
        return self._run(back.back_ending, self._world, plan, ending, gone, unverified)

    def bake(self, plan: Plan, before: Watched | None) -> Watched:
        return self._run(bake.bake, self._world, plan, before)

    def end(self, ending: Ending) -> Ending:
        return self._run(end.end, self._world, ending)

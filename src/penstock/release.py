"""The story of a release, from its place in line to its end. `do` are the steps: durable in life, direct in simulation.

No policy and no input or output here: the walk branches on what the steps returned, and on nothing else, so that a
journal replays it to the same place. Stages are added, never reordered.
"""

from __future__ import annotations

from penstock.core.ending import Ending, Over
from penstock.core.plan import Plan
from penstock.steps import Steps

REDRAWS = 3


def walk(do: Steps) -> Ending:
    """Take one revision to one environment, and put everything back when it does not hold."""
    try:
        plan = _get_ready(do)
    except Over as over:  # nothing was touched
        return do.end(over.ending)
    if plan.nothing_to_do:
        return do.end(Ending("released", "nothing_to_do", plan.nothing_to_do))
    try:
        _go_forward(do, plan)
    except Over as over:
        return do.end(_go_back(do, plan, over.ending))
    return do.end(do.judge_ending(plan))


def bake(do: Steps, plan: Plan) -> Ending:
    """One hour, or what is left of it, of watching what was promoted; `baking` says that there is more to come."""
    try:
        watched = do.bake(plan, None)
        while watched.move.kind == "hold" and not watched.hour_is_over:
            watched = do.bake(plan, watched)
    except Over as over:
        return do.end(_go_back(do, plan, over.ending))
    if watched.move.kind == "hold":
        return Ending("baking")
    if watched.move.kind == "advance":  # what is newer decides what runs there
        return do.end(Ending("released", "cut_short", watched.move.reason))
    while not do.finish(plan, keep=False):
        pass
    return do.end(Ending("released", "", watched.move.reason))


def _get_ready(do: Steps) -> Plan:
    """Everything that touches nothing: build, plan, checks, the lock."""
    do.take_place()
    revision = do.build()
    plan = do.draw_plan(revision)
    for moment in ("revision", "before"):
        _pass_checks(do, plan, moment)
    _wait_for_its_turn(do, plan)
    for _ in range(REDRAWS):
        if do.confirm(plan):
            return plan
        plan = do.draw_plan(revision)
        _wait_for_its_turn(do, plan)
    raise Over(Ending("blocked", "changing", f"what runs there changed {REDRAWS} times while the plan was drawn"))


def _wait_for_its_turn(do: Steps, plan: Plan) -> None:
    """People, windows and other environments first, then the line: whoever waits for people holds nobody up."""
    if plan.format > 1 and not plan.nothing_to_do:
        do.pass_gates(plan)
    while not do.lock():
        pass


def _go_forward(do: Steps, plan: Plan) -> None:
    """Place the candidate, check it, move traffic to it rung by rung, check again, let the old one go."""
    if plan.prepares:
        do.prepare(plan)
    rung, evidence = 0, None
    _shift(do, plan, rung)
    _pass_checks(do, plan, "candidate")
    while rung < len(plan.rungs) - 1:
        watched = do.watch(plan, rung, evidence)
        evidence = watched
        if watched.move.kind == "abort":
            raise Over(do.abort_ending(watched.move))
        if watched.move.kind == "advance":
            rung = watched.move.rung
            _shift(do, plan, rung)
    _pass_checks(do, plan, "promoted")
    do.promote(plan)
    while not do.finish(plan, keep=plan.keeps_previous):
        pass


def _go_back(do: Steps, plan: Plan, ending: Ending) -> Ending:
    """Everything back, or a person is asked: what breaks on the way back is never the end of it."""
    try:
        return _put_back(do, plan, ending)
    except Over as broken:
        return Ending("stuck", ending.cause, f"{ending.sentence}; going back broke off: {broken.ending.sentence}")


def _put_back(do: Steps, plan: Plan, ending: Ending) -> Ending:
    """Capacity first, then traffic, then proof that what serves now is well; a person is asked when it takes too long."""
    back = do.go_back(plan, ending, None)
    while not back.done:
        if back.given_up:
            return Ending("stuck", ending.cause, back.sentence)
        back = do.go_back(plan, ending, back)
    do.testify(plan)
    verified = do.verify(plan)
    while not do.retire(plan):
        pass
    return do.back_ending(plan, ending, back, verified)


def _pass_checks(do: Steps, plan: Plan, moment: str) -> None:
    if plan.format == 1:  # as it was planned, so it is walked
        for name in plan.checks.get(moment, ()):
            do.check(plan, moment, name)
    elif plan.checks.get(moment):
        do.pass_checks(plan, moment)


def _shift(do: Steps, plan: Plan, rung: int) -> None:
    while not do.shift(plan, rung):
        pass

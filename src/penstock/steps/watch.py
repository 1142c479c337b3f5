"""Watching: readings become evidence, evidence and troubles and orders become the next move. Every step is short."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import takewhile
from typing import Any

from penstock.core import data, verdict
from penstock.core.evidence_outlook import what_would_decide
from penstock.core.evidence_windows import begun
from penstock.core.heard import unheard
from penstock.core.limits import Arms
from penstock.core.plan import Plan
from penstock.core.reading import Level, Reading
from penstock.core.report_evidence import channels_of
from penstock.core.rollout import Move, Standing, next_move
from penstock.core.unended import unended
from penstock.core.verdict import Eras, Policy, State, Verdict
from penstock.errors import PenstockError
from penstock.records import looks, releases
from penstock.steps import folded, limits, orders
from penstock.steps.learn import policy_of
from penstock.steps.limits import Asked, Limited
from penstock.steps.shift import STEP_S
from penstock.steps.traffic import keep_sending, stop_sending
from penstock.steps.trouble import critical_lines, foreign_hand, trouble_of
from penstock.steps.world import World

LOOK_S = 0.5
SHOW_S = 1.0
LOGS_S = 2.0
OUTLOOK_S = 10.0  # of watched traffic, before anything is foretold from it
HOUR_S = 3600.0
HOLE_S = 10.0  # a source that closes no second for longer has a hole: it was not watched meanwhile


@dataclass(frozen=True)
class Watched:
    """What the watching came to so far: small, journaled, and all that the next step needs.

    `position` is the last reading folded; `began` says when each era was first seen. `watched_s` counts this rung's
    watched time (of a bake: this hour's, with `base_s` before it), `waited_s` also the time in which readings were
    missing. `closed` is how far the source had closed its seconds, and `open_s` the time since then. `also` is the evidence
    under further policies, where there are some. `mean_ms` is how long each arm's newest requests took.
    """

    move: Move
    rung: int
    state: State
    position: str
    began: dict[int, float] = field(default_factory=dict)
    watched_s: float = 0.0
    base_s: float = 0.0
    source: str = ""
    waited_s: float = 0.0
    closed: str = ""
    open_s: float = 0.0
    also: tuple[State, ...] = ()
    mean_ms: dict[str, float] = field(default_factory=dict)
    limited: Limited | None = None
    broken: tuple[str, str] | None = None
    lacking: str = ""
    unheard: dict[str, str] = field(default_factory=dict)
    unended: str = ""
    unmet: str = ""

    @property
    def hour_is_over(self) -> bool:
        return self.watched_s >= HOUR_S


Decide = Callable[[Watched], tuple[Move, dict[str, Any]]]
"""The next move, and what it knew besides the readings."""


def watch(world: World, plan: Plan, rung: int, before: Watched | None) -> Watched:
    """Look until there is a move, or for some seconds; what was seen is in the result, so that no look is lost."""
    policy = policy_of(world)
    now = begin(world, (policy,), rung, before)

    def decide(seen: Watched) -> tuple[Move, dict[str, Any]]:
        keep_sending(world, plan)
        return _next(world, plan, policy, seen)

    found = look_until(world, plan, (policy,), now, decide, "watch")
    if found.move.kind != "hold":
        stop_sending(world)
    return found


def begin(world: World, policies: tuple[Policy, ...], rung: int, before: Watched | None) -> Watched:
    """What is seen when a rung is begun: nothing yet, or what the rungs before it came to."""
    if before is None:
        state, *also = (verdict.start(policy) for policy in policies)
        position = world.row()["facts"].get("position", "")
        return Watched(Move("hold", "begins", rung), rung, state, position, also=tuple(also))
    before = fitting(world, policies, before)
    return before if before.rung == rung else replace(before, rung=rung, watched_s=0.0, waited_s=0.0, open_s=0.0)


def fitting(world: World, policies: tuple[Policy, ...], before: Watched) -> Watched:
    """The same; where an older Penstock began to watch, with evidence that begins anew, for its bets are not ours."""
    states = (before.state, *before.also)
    if all(verdict.fits(policy, state) for policy, state in zip(policies, states, strict=True)):
        return before
    world.tell("evidence:anew", "note", "an older Penstock began to watch this release: its evidence begins anew")
    state, *also = (verdict.start(policy) for policy in policies)
    return replace(before, state=state, also=tuple(also))


def look_until(
    world: World, plan: Plan, policies: tuple[Policy, ...], seen: Watched, decide: Decide, what: str
) -> Watched:
    """Look until there is a move, or for some seconds. The first of the policies is the one that viewers see."""
    deadline = world.clock.monotonic() + STEP_S
    last, shown = world.clock.monotonic(), -SHOW_S
    while True:
        world.beat()
        before, seen = seen.closed, _fold(world, plan, policies, seen, what)
        now = world.clock.monotonic()
        seen = _timed(
            seen,
            max(0.0, now - last),
            hole_s=max(HOLE_S, 2.5 * world.metrics.step_s),
            moved=seen.closed != before or not seen.closed,
        )
        last = now
        move, standing = decide(seen)
        seen = replace(seen, move=move)
        over = seen.move.kind != "hold" or now >= deadline
        if over or now - shown >= SHOW_S:
            _show(world, plan, policies[0], seen, what)
            shown = now
        if over:
            folded.settle(world)
            _tell(world, seen, what, standing)
            return seen
        world.clock.sleep(LOOK_S)


def _fold(world: World, plan: Plan, policies: tuple[Policy, ...], seen: Watched, what: str) -> Watched:
    """More readings into the evidence. A source that is down changes nothing: it is neither good nor bad."""
    asked = limits.asked_of(world.environment.verdict, world.environment.verdict.errors.counted)
    foreign = world.environment.verdict.metrics is not None
    try:
        new = list(takewhile(lambda reading: reading.final, world.metrics.readings(seen.position)))
        levels = world.metrics.levels() if asked.limits or asked.conditions or not foreign else []
        seen = replace(seen, source="", closed=world.metrics.position())
    except PenstockError as error:
        return replace(seen, source=error.what)
    stable = plan.stable.id if plan.stable and policies[0].compared else None
    arms = Arms(plan.candidate.id, stable)
    if asked.limits or asked.conditions:
        seen = _limited(world, plan, seen, (new, levels), asked, arms)
    open_now = unended(policies[0], seen.state, levels, arms, plan.rungs[seen.rung].weight_permille)
    seen = replace(seen, unended=open_now)
    if not new:
        return seen
    if what == "watch":  # what is decided in a bake is not replayed
        folded.keep(world, seen.position, new)
    began = begun(new, seen.began)
    latency = world.environment.verdict.latency
    eras = Eras(
        began, world.target.capabilities().settle_s, world.metrics.step_s, latency.warm_up_s if latency else 0.0
    )  # fmt: skip
    units = plan.compared_units if stable and not foreign else None
    found = verdict.windows(new, plan.candidate.id, stable, eras, units)
    states = zip(policies, (seen.state, *seen.also), strict=True)
    state, *also = (verdict.fold(policy, one, found) for policy, one in states)
    mean_ms = {**seen.mean_ms, **_means(new, plan.candidate.id)}
    names = {plan.candidate.id: "the candidate", **({stable: "stable"} if stable else {})}
    return replace(
        seen, state=state, also=tuple(also), position=new[-1].position, began=began, mean_ms=mean_ms,
        unheard=unheard(policies[0], new, names, eras, seen.unheard),
    )  # fmt: skip


def _limited(
    world: World, plan: Plan, seen: Watched, told: tuple[list[Reading], list[Level]], asked: Asked, arms: Arms
) -> Watched:
    """The same into the plain limits and conditions of the manifest. Without a stable arm nothing waits for its samples."""
    now = world.clock.now() - world.metrics.lag_s
    facts = {"weight": plan.rungs[seen.rung].weight_permille / 10, "seconds": seen.watched_s}
    found = limits.look(asked, seen.limited or limits.begin(asked), arms, told, facts, now)
    lacking = found.lacking if arms.stable else ""
    for sentence in found.unjudged:
        world.tell(f"limit:{sentence[:60]}", "note", sentence)
    return replace(seen, limited=found.state, broken=found.trouble, lacking=lacking, unmet=found.unmet)


def _means(readings: list[Reading], candidate: str) -> dict[str, float]:
    """Mean time of a request in milliseconds, by arm; an arm without a request has none."""
    sums: dict[str, list[int]] = {}
    for reading in readings:
        one = sums.setdefault("candidate" if reading.revision == candidate else "stable", [0, 0])
        if reading.duration_us:  # not every source has it
            one[0] += reading.requests
            one[1] += reading.duration_us
    return {arm: round(duration / requests / 1000, 3) for arm, (requests, duration) in sums.items() if requests}


def _timed(seen: Watched, passed: float, *, hole_s: float, moved: bool) -> Watched:
    """Time is watched once the source has closed its seconds; a hole is waited only, also when it is filled later."""
    seen = replace(seen, waited_s=seen.waited_s + passed)
    if seen.source:
        return seen
    open_s = seen.open_s + passed
    if moved:
        return replace(seen, watched_s=seen.watched_s + (open_s if open_s <= hole_s else 0.0), open_s=0.0)
    return replace(seen, open_s=open_s, source=f"no second was closed for {open_s:.0f} s" if open_s > hole_s else "")


def _next(world: World, plan: Plan, policy: Policy, seen: Watched) -> tuple[Move, dict[str, Any]]:
    """The next move, and what it knew besides the readings: with both it can be decided again (`core.replay`)."""
    said = verdict.judge(policy, seen.state)
    asked = orders.read(world)
    standing = Standing(
        seen.rung, seen.watched_s, said.outcome, said.odds, _said(plan, policy, seen, said),
        trouble=_trouble(world, plan, seen), order=asked.ends, source=_lacks(seen), held=asked.held,
        hurried=asked.hurried, waited_s=seen.waited_s, unmet=seen.unmet,
        unended=seen.unended,
    )  # fmt: skip
    move = next_move(plan.rungs, standing, plan.undecided_then, plan.bounds["undecided_hold_s"],
                     plan.kind)  # fmt: skip
    names = ("watched_s", "waited_s", "trouble", "order", "source", "held", "hurried", "unmet", "unended")
    return move, {"phase": "watch", **{name: getattr(standing, name) for name in names}}


def _lacks(seen: Watched) -> str:
    """Why not all that judges can be had; empty when it can."""
    return seen.source or seen.lacking or "; ".join(seen.unheard.values())


def _trouble(world: World, plan: Plan, seen: Watched) -> tuple[str, str] | None:
    return (
        trouble_now(world, plan, seen.rung)
        or seen.broken
        or (critical_lines(world, plan) if is_time_for_logs(seen) else None)
    )


def trouble_now(world: World, plan: Plan, rung: int) -> tuple[str, str] | None:
    """(cause, sentence) of what rolls back by itself, as the platform tells it now."""
    observed = world.observe()
    return (trouble_of(plan, observed) or foreign_hand(plan, rung, observed)) if observed else None


def is_time_for_logs(seen: Watched) -> bool:
    """Logs are read every second or two, not at every look."""
    return seen.waited_s % LOGS_S <= LOOK_S


def _show(world: World, plan: Plan, policy: Policy, seen: Watched, what: str) -> None:
    """What viewers see: the figures as they stand now."""
    said, row = verdict.judge(policy, seen.state), world.row()
    live = {
        "candidate": {"requests": said.candidate.requests, "errors": said.candidate.errors},
        "stable": {"requests": said.stable.requests, "errors": said.stable.errors},
        "odds": said.odds,
        "odds_limit": 1 / policy.false_rollbacks,
        "acceptance": said.acceptance,
        "acceptance_limit": 1 / policy.false_promotions,
        "sentence": said.sentence,
        "move": seen.move.reason,
        "watched_s": round(seen.watched_s, 1),
        "dropped": said.dropped,
        "source": seen.source,
    }
    judged = {
        **row["facts"].get("judged", {}),
        what: data.dump(channels_of(policy, said, alone=seen.state.candidate_alone)),
    }
    releases.add_facts(world.store, world.release, live=live, judged=judged)
    waiting = seen.move.reason if seen.move.kind == "hold" else ""
    if row["waiting"] != waiting:
        releases.update(world.store, world.release, waiting=waiting)
    weight = plan.rungs[seen.rung].weight_permille
    looks.add(world.store, world.release, {
        "at": round(world.clock.now(), 1), "weight_permille": weight, "odds": said.odds, "acceptance": said.acceptance,
        "candidate_requests": said.candidate.requests, "candidate_errors": said.candidate.errors,
        "stable_requests": said.stable.requests, "stable_errors": said.stable.errors,
        "candidate_ms": seen.mean_ms.get("candidate"), "stable_ms": seen.mean_ms.get("stable"),
    })  # fmt: skip


def _tell(world: World, seen: Watched, what: str, standing: dict[str, Any]) -> None:
    """Every move but an unchanged hold is an event and a line of the audit log."""
    move = seen.move
    if move.kind == "hold":
        if not move.reason.endswith("left"):
            world.tell(f"{what}:{seen.rung}:hold:{move.reason[:40]}", "wait", move.reason)
        return
    world.record(
        f"{what}:{seen.rung}:{move.kind}", f"move: {move.kind}", rung=seen.rung, to=move.rung, why=move.reason,
        cause=move.cause, position=seen.position, standing=standing,
    )  # fmt: skip
    world.tell(f"{what}:{seen.rung}:{move.kind}", "move", f"{move.kind}: {move.reason}", cause=move.cause)


def _said(plan: Plan, policy: Policy, seen: Watched, said: Verdict) -> str:
    """The verdict's sentence; undecided at the last increment, with what would decide it."""
    seconds = seen.state.watched_s
    if said.outcome != "undecided" or seen.rung != len(plan.rungs) - 2 or seconds < OUTLOOK_S:
        return said.sentence
    if policy.compared and seen.state.candidate_alone.requests and not said.stable.requests:
        return (
            f"nothing is told of {plan.stable.id if plan.stable else 'stable'}, which serves: there is nobody to compare with, and "
            f"only `penstock promote` goes on; so far {said.sentence}"
        )
    requests = said.candidate.requests + said.stable.requests
    rate = (said.candidate.errors + said.stable.errors) / requests if requests else 0.0
    weight = plan.rungs[seen.rung].weight_permille
    ahead = what_would_decide(policy, requests / seconds, weight, rate, said.acceptance)
    return f"{ahead.sentence}; so far {said.sentence}"

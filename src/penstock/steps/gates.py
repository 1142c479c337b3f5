"""Everything between the checks and the first change: people, windows, freezes, other environments."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from penstock.core import gate
from penstock.core.ending import Ending, Over, Parked
from penstock.core.gate import Answer, Asked, Ran, Standing
from penstock.core.plan import Plan
from penstock.core.questions import in_words
from penstock.core.window import Closed, state
from penstock.records import answers, environments, freezes, releases
from penstock.records.store import Row
from penstock.steps import orders
from penstock.steps.world import World

AT_LATEST_S = 600.0  # clocks are set, and calendars change: nothing is waited for longer without a look


@dataclass(frozen=True)
class Obstacle:
    """What a release may not pass now. `ends`: it never will; else `until` is when time alone may change that."""

    cause: str
    sentence: str
    ends: bool = False
    until: float | None = None


def pass_gates(world: World, plan: Plan) -> bool:
    """True when nothing stands in the way now. What can only be waited for parks the release; what cannot be passed ends it."""
    orders.stop_if_asked(world)
    heard = answers.newest(world.store)
    since = _since(world, plan)
    found = list(obstacles(world, plan, since))
    ending = next((one for one in found if one.ends), None)
    if ending:
        raise Over(Ending("blocked", ending.cause, ending.sentence))
    if found:
        _wait(world, plan, found)
        now = world.clock.now()
        times = [one.until for one in found if one.until is not None]
        raise Parked(min([*times, now + AT_LATEST_S]), heard)
    _pass(world, plan, since)
    return True


def obstacles(world: World, plan: Plan, since: float) -> Iterator[Obstacle]:
    """All that stands in the way of a plan now."""
    now = world.clock.now()
    given = list(_answers(world, plan))
    for asked in plan.gates.asked:
        if found := _of_people(world, plan, asked, given, since, now):
            yield found
    yield from _of_environments(world, plan, now)
    yield from _of_time(world, plan, now)


def frozen(world: World) -> Row | None:
    """The freeze that holds this environment now."""
    row = world.row()
    return freezes.in_force(world.store, row["service"], row["environment"], world.clock.now())


def _of_people(
    world: World, plan: Plan, asked: Asked, given: list[Answer], since: float, now: float
) -> Obstacle | None:
    stands = _stands(plan, asked, given, since, now)
    _tell(world, plan, asked, stands)
    if stands.state == "given":
        return None
    if stands.state == "rejected":
        return Obstacle("rejected", f"`{asked.line}`: {stands.lacking}", ends=True)
    if stands.state == "unanswered":
        have = f"; {', '.join(stands.by)} had said yes" if stands.by else ""
        return Obstacle("unanswered", f"`{asked.line}` was not answered in time: {in_words(asked)}{have}", ends=True)
    if hopeless := gate.may_ever(asked, plan.gates.authors):
        return Obstacle("unanswerable", hopeless, ends=True)
    have = f" ({', '.join(stands.by)} said yes)" if stands.by else ""
    return Obstacle("people", f"for {stands.lacking} to answer `{asked.line}`{have}", until=stands.wakes_at)


def _stands(plan: Plan, asked: Asked, given: list[Answer], since: float, now: float) -> Standing:
    digest = plan.digest if asked.of_plan else plan.candidate.commit
    return gate.stands(asked, given, digest, plan.gates.authors, since, now)


def _of_environments(world: World, plan: Plan, now: float) -> Iterator[Obstacle]:
    row, artifact = world.row(), plan.candidate.artifact.digest
    ran = {name: _ran(world, row["service"], name, artifact) for name in plan.gates.after}
    blocks, waits, until = gate.ran_before(plan.gates.after, ran, now)
    if blocks:
        first = next(iter(plan.gates.after))
        how = f"`penstock release {plan.candidate.commit[:12]} --to {first}` comes first"
        yield Obstacle("after", f"{blocks}; {how}", ends=True)
    elif until is not None:
        yield Obstacle("after", f"for its time in {waits} to pass ({_at(until)})", until=until)


def _ran(world: World, service: str, environment: str, artifact: str) -> Ran:
    """The last that is known of an artifact in another environment of this service."""
    found = releases.promoted_with(world.store, service, environment, artifact)
    if found is None:
        return Ran()
    back = releases.gone_back_from(world.store, service, environment, found["number"], found["revision"] or "")
    until = releases.served_until(world.store, service, environment, found["number"], found["revision"] or "")
    return Ran(found["promoted_at"], back, until)


def _of_time(world: World, plan: Plan, now: float) -> Iterator[Obstacle]:
    freeze = frozen(world) if plan.gates.freezes else None
    if freeze:
        until = f" until {_at(freeze['until_at'])}" if freeze["until_at"] else ""
        said = f"for the freeze by {freeze['person']} to end{until}: {freeze['reason']}"
        yield Obstacle("freeze", said, until=freeze["until_at"])
    windows = world.environment.windows
    if windows is None or not plan.gates.windows:
        return
    seen = state(windows, now, world.calendar)
    if isinstance(seen, Closed):
        opens = f"; it opens {_at(seen.opens_at)}" if seen.opens_at else "; it does not open within a year"
        ends = windows.outside == "block" or seen.opens_at is None
        words = f"outside the window: {seen.why}{opens}" if ends else f"for the window: {seen.why}{opens}"
        yield Obstacle("window", words, ends, seen.opens_at)


def _answers(world: World, plan: Plan) -> Iterator[Answer]:
    """What was answered to this release, and to its commit in other environments where that is what was asked about."""
    row = world.row()
    of_commit = {asked.line for asked in plan.gates.asked if not asked.of_plan}
    for said in answers.about(world.store, row["service"], row["commit_id"]):
        elsewhere = said["line"] in of_commit and said["verb"] == "confirm"  # a no counts where it was said
        if said["release"] == world.release or elsewhere:
            yield _answer(world, said)


def _answer(world: World, said: Row) -> Answer:
    doubt, key = world.proofs(said) if said["signed"] else ("", "")
    return Answer(
        said["line"], said["verb"], said["person"], said["at"], said["digest"], said["reason"], said["until"],
        bool(said["signed"]), doubt, key,
    )  # fmt: skip


def _since(world: World, plan: Plan) -> float:
    """When this plan's questions were first asked."""
    asked: dict[str, float] = world.row()["facts"].get("asked", {})
    if plan.digest not in asked:
        asked = {**asked, plan.digest: world.clock.now()}
        releases.add_facts(world.store, world.release, asked=asked)
        for one in plan.gates.asked:
            world.tell(f"ask:{one.line}:{plan.digest[:16]}", "ask", f"{one.line}: {in_words(one)}", line=one.line,
                       digest=plan.digest, **_who(one))  # fmt: skip
    return asked[plan.digest]


def _who(asked: Asked) -> dict[str, Any]:
    return {"by": list(asked.by), "at_least": asked.at_least, "signed": asked.signed}


def _tell(world: World, plan: Plan, asked: Asked, stands: Standing) -> None:
    """Answers that do not count, reminders and escalations are said once each."""
    for void in stands.void:
        world.tell(f"void:{asked.line}:{plan.digest[:16]}:{void}", "ask", f"{asked.line}: {void}")
    if stands.state == "waiting" and stands.reminded:
        world.tell(
            f"remind:{asked.line}:{plan.digest[:16]}", "remind", f"{asked.line}: still waiting for {stands.lacking}"
        )
    if stands.state == "waiting" and stands.escalated:
        whom = ", ".join(asked.escalate_to)
        world.tell(
            f"escalate:{asked.line}:{plan.digest[:16]}", "remind", f"{asked.line}: nobody answered; {whom} asked too"
        )


def _wait(world: World, plan: Plan, found: list[Obstacle]) -> None:
    """Say what is waited for; whoever waits for people holds nobody up."""
    row = world.row()
    waiting = "; ".join(one.sentence for one in found)
    if row["state"] != "awaiting" or row["waiting"] != waiting:
        releases.update(world.store, world.release, state="awaiting", waiting=waiting)
        world.tell(f"awaiting:{plan.digest[:8]}:{waiting}", "wait", f"waiting {waiting}")
    environments.free(world.store, row["service"], row["environment"], world.release)


def _pass(world: World, plan: Plan, since: float) -> None:
    """Who let it through is in the audit log before anything is touched."""
    now = world.clock.now()
    given = list(_answers(world, plan))
    by = {asked.line: list(_stands(plan, asked, given, since, now).by) for asked in plan.gates.asked}
    if plan.gates.any or plan.gates.hotfix:
        world.record(f"gates:{plan.digest[:16]}", "gates passed", by=by, digest=plan.digest, hotfix=plan.gates.hotfix,
                     skipped=list(plan.gates.skips))  # fmt: skip
    if world.row()["state"] == "awaiting":
        releases.update(world.store, world.release, state="planned", waiting="")
        world.tell(f"passed:{plan.digest[:16]}:{int(now)}", "note", "every gate is open")


def _at(seconds: float) -> str:
    return time.strftime("%a %Y-%m-%d %H:%M %Z", time.localtime(seconds))

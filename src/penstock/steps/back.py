"""Going back: capacity, then traffic; what the candidate leaves behind is kept before it is removed."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from penstock.core.ending import Ending
from penstock.core.masking import mask
from penstock.core.plan import Plan
from penstock.core.rollout import Move
from penstock.errors import PenstockError, StateError
from penstock.manifest.groups import whom_to_reach
from penstock.records import environments, evidence, releases
from penstock.steps import orders
from penstock.steps.shift import STEP_S, converge
from penstock.steps.world import World


@dataclass(frozen=True)
class Back:
    """How far going back got. `began_at` is wall-clock time, so that a crash does not give it a second allowance."""

    done: bool
    began_at: float
    took_s: float = 0.0
    given_up: bool = False
    sentence: str = ""


def go_back(world: World, plan: Plan, ending: Ending, before: Back | None) -> Back:
    """All traffic to what was stable. Asked again until it is so, or until `rollback_within` has passed."""
    began = before.began_at if before else world.clock.now()
    world.record("back", "going back", cause=ending.cause, why=ending.sentence)
    if before is None:
        world.tell("back", "back", f"going back ({ending.cause}): {ending.sentence}", cause=ending.cause)
        releases.update(world.store, world.release, cause=ending.cause, sentence=ending.sentence)
    deadline = world.clock.monotonic() + STEP_S
    while True:
        progress = converge(world, plan.back(_well(world, plan), world.fence))
        took = max(0.0, world.clock.now() - began)
        if progress.state == "done":
            world.tell(
                "back:done", "back", f"nothing goes to {plan.candidate.id} any more, after {took:.1f} s", took_s=took
            )
            return Back(True, began, took)
        if took > plan.bounds["rollback_within_s"]:
            return _give_up(world, plan, began, took, progress.reason)
        if world.clock.monotonic() >= deadline:
            return Back(False, began, took)
        world.clock.sleep(min(progress.retry_after_s, 0.25))


def _well(world: World, plan: Plan) -> Counter[str]:
    """The candidate's copies that are well, by unit: they stay to testify. Going back waits for none that is ill."""
    observed = world.observe()
    mine = [i for i in observed.instances if i.revision == plan.candidate.id] if observed else []
    return Counter(i.unit for i in mine if i.state == "ready" and not i.crash_loop)


def testify(world: World, plan: Plan) -> int:
    """Keep the candidate's logs and its last answers, before it is removed; returns how many pieces."""
    try:
        pieces = world.target.testimony(plan.candidate.id)
    except StateError:
        raise
    except PenstockError as error:
        world.tell("testimony:errored", "note", f"the candidate's testimony could not be had: {error.what}")
        return 0
    for piece in pieces:
        text = mask(piece.text, world.secrets.values())
        evidence.keep(
            world.store, world.evidence, world.clock.now(), world.release, f"testimony/{piece.name}", piece.media, text
        )
    world.record("testimony", "candidate's testimony kept", pieces=len(pieces))
    return len(pieces)


def abort_ending(world: World, move: Move) -> Ending:
    """The ending that an Abort leads to, once everything is put back."""
    orders.answer(world, f"the release goes back: {move.cause}")
    return Ending("rolled_back", move.cause, move.reason)


def back_ending(world: World, plan: Plan, ending: Ending, back: Back, unverified: tuple[str, ...]) -> Ending:
    """What to call it: superseded when a newer release asked, else rolled back; and whether what serves is well."""
    row = world.row()
    if plan.stable:
        environments.restore(world.store, row["service"], row["environment"], plan.stable.id, world.clock.now())
    where = f"{plan.stable.id} serves again" if plan.stable else "nothing serves, as before"
    sentence = f"{ending.sentence}; {where} after {back.took_s:.1f} s"
    if unverified:
        sentence += f"; but it fails the same checks: {'; '.join(unverified)}"
    releases.add_facts(world.store, world.release, back_s=back.took_s, verified=not unverified)
    if row["options"].get("fault"):
        return _fault_ending(ending, sentence)
    state = {"superseded": "superseded", "drill": "drilled", "calibrate": "calibrated"}.get(ending.cause, "rolled_back")
    return Ending(state, ending.cause, sentence)  # type: ignore[arg-type]


def with_contacts(world: World, sentence: str) -> str:
    """What a person must be told, with whom to reach; said once."""
    reach = whom_to_reach(world.environment.groups)
    return f"{sentence}; {reach}" if reach and reach not in sentence else sentence


def _fault_ending(ending: Ending, sentence: str) -> Ending:
    """A planted fault is there to be found: by what judges a release, before the drill's own time is over."""
    if ending.cause in ("person", "superseded", "foreign", "unattended"):
        return Ending("superseded" if ending.cause == "superseded" else "rolled_back", ending.cause, sentence)
    if ending.cause == "drill":
        return Ending("rolled_back", "not_found", f"the planted fault was not found in time; {sentence}")
    return Ending("drilled", ending.cause, f"the planted fault was found: {sentence}")


def _give_up(world: World, plan: Plan, began: float, took: float, reason: str) -> Back:
    to = plan.stable.id if plan.stable else "nothing"
    row = world.row()
    command = (
        f"penstock rollback --to {to} {row['environment']}" if plan.stable else f"penstock down {row['environment']}"
    )
    sentence = (
        f"could not go back within {plan.bounds['rollback_within_s']:.0f} s ({reason or 'the target is still working'}); "
        f"look with `penstock doctor`, then run `{command}`"
    )
    sentence = with_contacts(world, sentence)
    world.tell("back:stuck", "back", sentence)
    return Back(False, began, took, given_up=True, sentence=sentence)

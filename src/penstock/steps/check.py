"""The checks of a moment: asked side by side, judged by their moment."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from penstock.core.ending import Ending, Over
from penstock.core.finding import CheckRequest, Outcome
from penstock.core.masking import concealed, too_short
from penstock.core.plan import Plan
from penstock.core.target import Reach, Revision
from penstock.errors import PenstockError, StateError
from penstock.manifest import CheckEntry
from penstock.records import checks
from penstock.steps import orders
from penstock.steps.asking import Asking, in_words
from penstock.steps.world import World


@dataclass(frozen=True)
class Checked:
    """What the journal keeps of a check."""

    state: str
    sentence: str


def pass_checks(world: World, plan: Plan, moment: str) -> tuple[Checked, ...]:
    """Ask every check of a moment; what its failing means is the moment's to say: before the candidate is placed it blocks,
    after that it goes back. What ended before a worker died is not asked again.
    """
    reach = _reach(world, plan, plan.candidate) if moment in ("candidate", "promoted") else None
    asking = Asking(world, plan.candidate, moment, reach, _entries(world, moment, plan.checks.get(moment, ())))
    asking.ask(lambda: _look_up(world), world.clock.monotonic() + world.environment.checks.within_s)
    if asking.blocked:
        state = "blocked" if moment in ("revision", "before") else "rolled_back"
        raise Over(Ending(state, "check", in_words(asking)))  # type: ignore[arg-type]
    rows = (checks.get(world.store, world.release, moment, name) for name in asking.entries)
    return tuple(Checked(row["state"], row["sentence"]) for row in rows if row)


def check(world: World, plan: Plan, moment: str, name: str) -> Checked:
    """One check alone: how a plan of the first format asks them."""
    return pass_checks(world, replace(plan, checks={moment: (name,)}), moment)[0]


def verify(world: World, plan: Plan) -> tuple[str, ...]:
    """The candidate's checks, asked of what serves after going back; what failed, in sentences."""
    if plan.stable is None:
        return ()
    entries = _entries(world, "candidate", plan.checks.get("candidate", ()))
    try:
        asking = Asking(world, plan.stable, "verified", _reach(world, plan, plan.stable), entries)
        asking.ask(world.beat, world.clock.monotonic() + world.environment.checks.within_s)
    except StateError:
        raise
    except PenstockError as error:  # they could not be asked: that does not break off the way back
        return (f"the checks of `candidate` could not be asked: {error.what}",)
    return tuple(asking.blocked.values())


def run(world: World, kind: str, request: CheckRequest) -> Outcome:
    """Run one outside any checklist. It may come upon secrets that it was not given: none is in what it says or logs."""
    try:
        outcome = world.checks[kind].run(request)
    finally:
        world.settle(Path(request.log_file))
    short = too_short(world.secrets)
    return concealed(outcome, {name: value for name, value in world.secrets.items() if name not in short})


def _look_up(world: World) -> None:
    """While checks run: somebody still watches, and an order to end is heard."""
    asked = orders.read(world)
    if asked.ends:
        raise Over(Ending("aborted", *asked.ends))
    world.beat()


def _entries(world: World, moment: str, names: tuple[str, ...]) -> dict[str, CheckEntry]:
    known = world.environment.checklist.get(moment, {})  # type: ignore[call-overload]
    return {name: known[name] for name in names if name in known}


def _reach(world: World, plan: Plan, revision: Revision) -> Reach | None:
    for unit, place in plan.places.items():
        if place.traffic:
            return world.target.reach(unit, revision.id)
    return None

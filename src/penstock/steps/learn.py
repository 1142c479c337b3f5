"""What is known before a release begins is read once, kept with the release, and then never looked up again."""

from __future__ import annotations

from penstock.core import data
from penstock.core.calibration import Calibration, reckoned_with
from penstock.core.foresight import ahead_of, blind_spots
from penstock.core.known import NOTHING_KNOWN, Known, known_of
from penstock.core.policies import bake_policies, rollout_policy, unjudged_in_bake
from penstock.core.policy import Policy
from penstock.errors import PenstockError, StateError
from penstock.manifest import Environment
from penstock.ports import Metrics
from penstock.records import releases
from penstock.records.store import Store
from penstock.steps.world import World

DAY_S = 86_400.0
TIMED_S = 2 * 3600.0  # of histograms: a day of them takes seconds to read


def look_back(metrics: Metrics, environment: Environment, stable: str | None) -> Known:
    """What the past says of stable, and how fast it answered where that is judged. Raises when the source is down."""
    latency = environment.verdict.latency
    shares = tuple(latency.asked()) if latency else ()
    past = metrics.past(DAY_S, latency=False)
    timed = metrics.past(TIMED_S, latency=True) if shares else []
    return known_of(past, timed, stable, shares, tuple(environment.verdict.rates))


def learn(world: World, stable: str | None) -> Known:
    """What the past says, kept with the release. A source that cannot be read now says nothing, and holds nobody up."""
    known, is_read = NOTHING_KNOWN, False
    try:
        known, is_read = look_back(world.metrics, world.environment, stable), True
    except StateError:
        raise
    except PenstockError as error:
        world.tell("past:errored", "note", f"the past of this environment cannot be read: {error.what}")
    row = world.row()
    known = reckoned_with(known, last_calibration(world.store, row["service"], row["environment"]))
    ahead = ahead_of(world.environment, known) if stable else None
    warned = ahead is not None and known.history is not None and not ahead.is_enough
    for number, sentence in enumerate(ahead.sentences if ahead and warned else ()):
        world.tell(f"ahead:{number}", "plan", sentence)
    unseen = blind_spots(world.environment, known, is_read=is_read) if stable else {}
    for name, sentence in unseen.items():
        world.tell(f"past:{name}", "note", sentence)
    for number, sentence in enumerate(unjudged_in_bake(world.environment, known) if row["kind"] == "release" else ()):
        world.tell(f"bake:unjudged:{number}", "note", sentence)
    releases.add_facts(world.store, world.release, known=data.dump(known), ahead=list(ahead.sentences) if ahead else [])
    return known


def last_calibration(store: Store, service: str, environment: str) -> Calibration | None:
    """What the last calibration of an environment taught; None before the first."""
    found = releases.last_calibration(store, service, environment)
    try:
        return data.load(Calibration, found["facts"]["calibration"]) if found else None
    except ValueError:  # of another version, or with a time that was never measured: it teaches nothing now
        return None


def known(world: World) -> Known:
    """What was known when the plan was drawn."""
    found = world.row()["facts"].get("known")
    return data.load(Known, found) if found else NOTHING_KNOWN


def policy_of(world: World) -> Policy:
    """By what this release's rollout is judged."""
    return rollout_policy(world.environment, known(world))


def policies_of(world: World) -> tuple[Policy, ...]:
    """By what each period of its bake is judged."""
    return bake_policies(world.environment, known(world))

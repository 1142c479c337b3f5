"""The steps that touch nothing: take a place, build, draw and confirm the plan, take the lock."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from penstock.core import data
from penstock.core.ending import Ending, Over
from penstock.core.plan import Facts, Plan, draw, still_true
from penstock.core.replay import ENGINE, Rules
from penstock.core.rollout import Place
from penstock.core.target import Revision
from penstock.errors import PenstockError, StateError
from penstock.records import environments, evidence, releases, revisions
from penstock.steps import gates, orders
from penstock.steps.learn import learn, policies_of, policy_of
from penstock.steps.world import World

LOCK_POLL_S = 0.25
LOCK_STEP_S = 8.0


def take_place(world: World) -> bool:
    """The release begins: its number is its place in line."""
    row = world.row()
    now = world.clock.now()
    if row["started_at"] is None:
        releases.update(world.store, world.release, state="planned", started_at=now, changed_at=now)
    world.record("began", "release began", kind=row["kind"], commit=row["commit_id"], asked=row["asked"])
    world.tell("began", "stage", f"release {world.release} of {row['service']} to {row['environment']}: {row['asked']}")
    return True


def build(world: World) -> Revision:
    """The artifact of the commit, once for all environments; with it the revision is whole."""
    orders.stop_if_asked(world)
    row = world.row()
    if row["kind"] != "release":
        revision = world.candidate
    else:
        world.tell("build:began", "stage", "building")
        log = world.work / "build.log"
        try:
            artifact = world.builds.build(log)
        except PenstockError as error:
            raise Over(Ending("blocked", "build", f"the build failed: {error.what}; log: {log}")) from error
        revision = replace(world.candidate, artifact=artifact)
        world.tell("build:done", "done", f"built {artifact.digest[:12]}", digest=artifact.digest)
    releases.update(world.store, world.release, revision=revision.id)
    releases.add_facts(world.store, world.release, artifact=revision.artifact.locator)
    world.record("built", "artifact ready", revision=revision.id, artifact=revision.artifact.digest,
                 configuration=revision.configuration)  # fmt: skip
    return revision


def draw_plan(world: World, revision: Revision) -> Plan:
    """The plan, from what is seen now; a plan that may not be walked ends the release."""
    orders.stop_if_asked(world)
    row = world.row()
    observed = world.target.observe()
    stable = revisions.stable(world.store, row["service"], row["environment"], observed)
    plan = draw(
        world.environment,
        Facts(
            world.release, row["kind"], row["service"], revision, observed, world.target.capabilities(),
            places_of(world), stable=stable, older=_is_older(world, revision, stable),
            again=bool(row["options"].get("again")), may_be_older=bool(row["options"].get("older")),
            at_boot=world.at_boot, faulty=bool(row["options"].get("fault")),
            rehearsed=releases.rehearsed(world.store, row["service"], row["environment"]),
            brought=world.brings(stable.commit if stable else None, revision.commit), ordered_by=row["person"],
            hotfix=row["options"].get("hotfix", ""), branch=row["options"].get("branch", ""),
            labels=tuple(row["options"].get("labels", ())), before=world.before(stable.commit) if stable else None,
            lasts_s=row["options"].get("lasts_s"),
        ),
    )  # fmt: skip
    plain = data.dump(plan)
    releases.update(world.store, world.release, plan={**plain, "digest": plan.digest})
    learn(world, stable.id if stable else None)
    rules = _keep_rules(world, plan)
    _keep_commits(world, plan)
    world.record(f"plan:{plan.digest[:16]}", "plan drawn", digest=plan.digest, rules=rules)
    world.tell(f"plan:{plan.digest[:16]}", "plan", f"plan drawn: {', '.join(r.name for r in plan.rungs)}")
    if plan.blocked:
        raise Over(Ending("blocked", "older", plan.blocked))
    return plan


def _keep_rules(world: World, plan: Plan) -> str:
    """By what will be decided, as evidence: with the readings, all that is needed to decide again. Returns its digest."""
    text = data.canonical(data.dump(rules_of(world, plan)))
    return evidence.keep(
        world.store, world.evidence, world.clock.now(), world.release, "rules", "application/json", text
    )


def rules_of(world: World, plan: Plan) -> Rules:
    """By what a release is decided."""
    return Rules(
        plan, policy_of(world), policies_of(world), world.target.capabilities().settle_s, world.metrics.step_s,
        latency.warm_up_s if (latency := world.environment.verdict.latency) else 0.0,
        None if world.environment.verdict.metrics else tuple(sorted(plan.compared_units)), ENGINE,
    )  # fmt: skip


def _keep_commits(world: World, plan: Plan) -> None:
    """What comes with this release, for its report; a history that cannot be read is no reason to stop."""
    if plan.kind != "release":
        return
    try:
        releases.add_facts(
            world.store, world.release,
            commits=world.commits(plan.stable.commit if plan.stable else None, plan.candidate.commit),
        )  # fmt: skip
    except StateError:
        raise
    except PenstockError as error:
        world.tell("commits:errored", "note", f"the commits of this release cannot be listed: {error.what}")


def lock(world: World) -> bool:
    """Take the environment; waits a few seconds at most, and is asked again."""
    deadline = world.clock.monotonic() + LOCK_STEP_S
    while True:
        orders.stop_if_asked(world)
        ahead = _ahead(world)
        if ahead is None and _hold(world):
            releases.update(world.store, world.release, waiting="")
            _count_waiting(world)
            return True
        if ahead is not None:
            _begin_waiting(world)
            _say_waiting(world, ahead)
        if world.clock.monotonic() >= deadline:
            return False
        world.clock.sleep(LOCK_POLL_S)


def _begin_waiting(world: World) -> None:
    if "in_line_from" not in world.row()["facts"]:
        releases.add_facts(world.store, world.release, in_line_from=world.clock.now())


def _count_waiting(world: World) -> None:
    """Time in line is nobody's work: the report tells it apart."""
    since = world.row()["facts"].get("in_line_from")
    if since is not None:
        releases.add_facts(world.store, world.release, in_line_s=max(0.0, world.clock.now() - since))


def confirm(world: World, plan: Plan) -> bool:
    """Whether what the plan was drawn from is still true, now that nobody else may change it."""
    if plan.nothing_to_do:
        return still_true(plan, world.target.observe())
    if not still_true(plan, world.target.observe()):
        world.tell(
            f"changed:{plan.seen}", "note", "what runs there has changed since the plan was drawn; drawing again"
        )
        return False
    if plan.format > 1 and any(gates.obstacles(world, plan, world.clock.now())):
        world.tell(f"closed:{int(world.clock.now())}", "note", "a gate has closed while this release was in line")
        return False
    world.set_mark_aside()
    now = world.clock.now()
    row = world.row()
    revisions.remember(world.store, now, row["service"], row["environment"], world.release, data.dump(plan.candidate))
    if "position" not in row["facts"]:
        releases.add_facts(world.store, world.release, position=_position(world))
    releases.update(world.store, world.release, state="rolling_out", changed_at=now)
    world.record("confirmed", "release may change the environment", digest=plan.digest)
    return True


def _position(world: World) -> str:
    """Where the readings stand before anything is changed; a source that is down is asked again by the watch."""
    try:
        return world.metrics.position()
    except PenstockError:
        return ""


def places_of(world: World) -> dict[str, Place]:
    """How many copies of every unit, from the target's own section."""
    section: Any = world.environment.target.section
    units = world.environment.units
    return {name: Place(section.instances_of(name), traffic=unit.traffic) for name, unit in units.items()}


def _is_older(world: World, candidate: Revision, stable: Revision | None) -> bool:
    if stable is None or stable.commit == candidate.commit:
        return False
    return world.row()["kind"] == "release" and world.is_ancestor(candidate.commit, stable.commit)


def _ahead(world: World) -> int | None:
    """The oldest release before this one in the same line, if there is one."""
    row = world.row()
    for other in releases.unended(world.store):
        same = (other["service"], other["environment"]) == (row["service"], row["environment"])
        if same and other["number"] < world.release and other["state"] not in ("baking", "awaiting"):
            return int(other["number"])
    return None


def _hold(world: World) -> bool:
    row = world.row()
    return environments.hold(world.store, row["service"], row["environment"], world.release) == world.release


def _say_waiting(world: World, ahead: int) -> None:
    waiting = f"for release {ahead} to end"
    if world.row()["waiting"] != waiting:
        releases.update(world.store, world.release, state="waiting", waiting=waiting)
        world.tell(f"waiting:{ahead}", "wait", f"waiting {waiting}; `--supersede` would end it")

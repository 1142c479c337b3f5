"""A plan: what may happen in a release, and by which rules. Drawn from the manifest and from what was seen; then only read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from penstock.core import data
from penstock.core.brought import Brought
from penstock.core.loosened import loosened
from penstock.core.pacing import calibration, hurried, rehearsal
from penstock.core.plan_defaults import defaulted
from penstock.core.plan_judges import judges_of
from penstock.core.plan_stages import Stage, stages_of
from penstock.core.questions import Gates, gates_of, hopeless, lines_asked, lines_left_out
from penstock.core.rollout import TURNS, Place, Rung, alone, ladder, strategies
from penstock.core.target import Capabilities, Desired, Fence, Observed, Revision, UnitDesire
from penstock.errors import UserError
from penstock.manifest import Environment
from penstock.manifest.groups import contacts

FORMAT = 2
_STEPS = 6  # of a foreign source: with fewer in an increment most of it lies beside a shift

# What was released here once has passed what comes before a release: going back to it is not held up by that again.
_MOMENTS: dict[str, tuple[str, ...]] = {
    "release": ("revision", "before", "candidate", "promoted"),
    "rollback": ("candidate", "promoted"),
    "restart": ("candidate", "promoted"),
    "drill": ("candidate",),
    "calibrate": ("candidate",),
}


@dataclass(frozen=True)
class Facts:
    """What was seen when a plan was drawn. `older`: the candidate's commit is an ancestor of what runs. `rehearsed`: when
    the last drill ended (seconds since the epoch), and how many seconds going back took.
    `faulty`: a drill with a fault planted, which takes its time to be found. `lasts_s`: how long the increments of a
    calibration last in all; None: as planned.
    """

    release: int
    kind: str
    service: str
    candidate: Revision
    observed: Observed
    capabilities: Capabilities
    places: dict[str, Place]
    stable: Revision | None = None
    older: bool = False
    again: bool = False
    may_be_older: bool = False
    at_boot: bool = False
    floor_broken_by: str = ""
    rehearsed: tuple[float, float] | None = None
    faulty: bool = False
    brought: Brought = field(default_factory=Brought)
    ordered_by: str = ""
    hotfix: str = ""
    branch: str = ""
    labels: tuple[str, ...] = ()
    before: Environment | None = None
    lasts_s: float | None = None


@dataclass(frozen=True)
class Plan:
    """Everything a release may do. Journaled before anything is touched; replaced, never edited."""

    release: int
    kind: str
    service: str
    environment: str
    strategy: str
    candidate: Revision
    stable: Revision | None
    rungs: tuple[Rung, ...]
    places: dict[str, Place]
    standing: dict[str, Place]
    stages: tuple[Stage, ...]
    seen: str
    way_back: str
    bounds: dict[str, float]
    undecided_then: str
    min_ready_s: float
    start_within_s: float
    attended_s: int | None
    defaulted: tuple[str, ...] = ()
    risks: tuple[str, ...] = ()
    nothing_to_do: str = ""
    blocked: str = ""
    keeps_previous: bool = False
    format: int = FORMAT
    checks: dict[str, tuple[str, ...]] = field(default_factory=dict)
    prepares: bool = False
    side_by_side: bool = True
    contacts: tuple[str, ...] = ()
    gates: Gates = field(default_factory=Gates)
    judges: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        """What approvals bind to."""
        return data.digest(data.dump(self))

    @property
    def compared_units(self) -> frozenset[str]:
        """The units with traffic that both revisions have."""
        both = self.places.keys() & self.standing.keys()
        return frozenset(name for name in both if self.places[name].traffic and self.standing[name].traffic)

    def desire(self, rung: int, fence: Fence, expecting: str | None) -> Desired:
        """The whole desire of a rung, its way back inside."""
        step = self.rungs[rung]
        watched = self.attended_s if step.weight_permille and self.stable else None
        return Desired(
            fence,
            step.units,
            self._revisions(),
            reason=f"release {self.release}: {step.name}",
            expecting=expecting,
            preview=self.candidate.id,
            attended_s=watched,
            min_ready_s=self.min_ready_s,
            start_within_s=self.start_within_s,
            way_back=self.back({n: u.placed.get(self.candidate.id, 0) for n, u in step.units.items()}, fence),
        )

    def back(self, copies: Mapping[str, int], fence: Fence, expecting: str | None = None) -> Desired:
        """All traffic to what was stable, at full capacity; so many copies of the candidate stay, to testify."""
        units = self._stable_units()
        if self.stable and self.side_by_side:
            stay = {name: count for name, count in copies.items() if count and name in units}
            units |= {n: replace(units[n], placed={self.candidate.id: c, **units[n].placed}) for n, c in stay.items()}
        return Desired(
            fence,
            units,
            self._revisions(),
            reason=f"release {self.release}: the way back",
            expecting=expecting,
            preview=self.candidate.id if self.stable and self.side_by_side else None,
            start_within_s=self.start_within_s,
        )

    def end(self, fence: Fence, expecting: str | None, *, promoted: bool, keep: bool = False) -> Desired:
        """What is left when the release is over: one revision alone; with `keep`, the one before stays warm."""
        revision = self.candidate if promoted else self.stable
        units = alone(self.places, revision.id) if promoted and revision else self._stable_units()
        if keep and promoted and self.stable:
            warm = {name: place.instances for name, place in self.standing.items() if name in units}
            units |= {n: replace(units[n], placed={**units[n].placed, self.stable.id: c}) for n, c in warm.items()}
        revisions = self._revisions() if keep else {revision.id: revision} if revision else {}
        return Desired(
            fence,
            units,
            revisions,
            reason=f"release {self.release}: over",
            expecting=expecting,
            min_ready_s=self.min_ready_s,
            start_within_s=self.start_within_s,
        )

    def _stable_units(self) -> dict[str, UnitDesire]:
        """Stable alone, as it stood; a unit that only the candidate has is not there."""
        gone = {name: UnitDesire({}) for name in self.places}
        return {**gone, **alone(self.standing, self.stable.id)} if self.stable else gone

    def _revisions(self) -> dict[str, Revision]:
        both = [self.candidate, *([self.stable] if self.stable else [])]
        return {revision.id: revision for revision in both}


def draw(environment: Environment, facts: Facts) -> Plan:
    """The plan of a release; raises UserError `strategy` when the platform cannot carry what the manifest asks."""
    facts = _told_apart(environment, facts)
    strategy = _strategy(environment, facts)
    rollout = environment.rollout
    if facts.hotfix and environment.hotfix and "soak" in environment.hotfix.skips:
        rollout = hurried(rollout)
    if facts.kind == "drill":
        rollout = rehearsal(rollout, faulty=facts.faulty)
    elif facts.kind == "calibrate":
        rollout = calibration(rollout, facts.lasts_s)
    elif facts.kind != "release":
        rollout = rollout.model_copy(update={"strategy": "all_at_once"})
    stable = facts.stable.id if facts.stable else None
    standing = _standing(facts)
    nothing = _nothing(facts)
    # What runs there already has no ladder: stable and candidate are one.
    beside = None if nothing or stable == facts.candidate.id else stable
    rungs = ladder(rollout, facts.places, beside, facts.candidate.id, facts.capabilities, standing)
    watched = any(rung.judged for rung in rungs) and facts.capabilities.dead_man
    left_out = lines_left_out(environment, facts.brought, facts.branch, facts.labels)
    checks = {
        moment: found for moment in _MOMENTS[facts.kind] if (found := lines_asked(environment, moment, left_out))
    }  # fmt: skip
    gates = _gates(environment, facts, left_out)
    plan = Plan(
        facts.release,
        facts.kind,
        facts.service,
        environment.name,
        strategy,
        facts.candidate,
        facts.stable,
        rungs,
        facts.places,
        standing,
        (),
        facts.observed.token,
        "",
        _bounds(environment),
        environment.verdict.undecided.then,
        environment.rollout.min_ready_s,
        environment.rollout.start_within_s,
        round(environment.unattended_s) if watched else None,
        defaulted=defaulted(environment),
        risks=(*_risks(environment, facts, strategy), *hopeless(gates)),
        nothing_to_do=nothing,
        blocked=_blocked(facts),
        keeps_previous=bool(environment.bake_s and facts.stable and facts.capabilities.coexist != "1"),
        checks=checks,
        side_by_side=facts.capabilities.coexist != "1",
        prepares=environment.prepare is not None and facts.kind == "release",
        contacts=contacts(environment.groups),
        gates=gates,
        judges=_judges(environment, facts, rungs),
    )
    return replace(plan, stages=stages_of(environment, plan), way_back=_way_back(plan, facts))


def _judges(environment: Environment, facts: Facts, rungs: tuple[Rung, ...]) -> tuple[str, ...]:
    """Where no requests are watched, neither beside stable nor in a bake, nothing of `verdict` judges."""
    compared = any(rung.judged for rung in rungs)
    if facts.kind != "release" or not (compared or environment.bake):
        return ()
    return judges_of(environment, compared=compared)


def _told_apart(environment: Environment, facts: Facts) -> Facts:
    """A source of readings that is not the target's own tells its arms apart by itself."""
    if environment.verdict.metrics is None:
        return facts
    return replace(facts, capabilities=replace(facts.capabilities, arms=True))


def _gates(environment: Environment, facts: Facts, left_out: Mapping[str, str]) -> Gates:
    """Going back is held up by nobody, not even by a freeze."""
    if facts.kind != "release":
        return Gates(freezes=facts.kind in TURNS)
    before = lines_left_out(facts.before, facts.brought, facts.branch, facts.labels) if facts.before else {}
    return gates_of(environment, facts.brought, facts.ordered_by, facts.hotfix, left_out, facts.before, before)


def still_true(plan: Plan, observed: Observed) -> bool:
    """Whether what was seen when the plan was drawn is still so."""
    return plan.seen == observed.token


def _strategy(environment: Environment, facts: Facts) -> str:
    asked = environment.rollout.strategy
    reason = strategies(facts.capabilities)[asked]
    if reason:
        able = [name for name, why in strategies(facts.capabilities).items() if not why]
        raise UserError(
            "strategy",
            f"the rollout `{asked}` cannot be carried out in `{environment.name}`",
            "rollout",
            reason,
            f"use one of: {', '.join(able)}",
        )
    if facts.kind in TURNS:
        return _turnable(environment, facts)
    return "all_at_once" if facts.stable is None or facts.kind != "release" else asked


def _turnable(environment: Environment, facts: Facts) -> str:
    """What always goes back is a canary, whatever the manifest asks: only a split can be taken back half-way."""
    reason = strategies(facts.capabilities)["canary"]
    if reason or facts.stable is None:
        why, do = reason or "nothing serves there", "" if reason else "release something there first"
        if facts.kind == "drill":
            raise UserError(
                "drill", f"there is no rollback to rehearse in `{environment.name}`", environment.name, why, do
            )
        raise UserError(
            "calibrate", f"there are no two arms to compare in `{environment.name}`", environment.name, why, do
        )
    return "canary"


def _standing(facts: Facts) -> dict[str, Place]:
    """Where stable stands, with as many copies as it has now: a release changes that only once it is promoted."""
    if facts.stable is None:
        return {}
    stable, seen = facts.stable, facts.observed.placed
    names = stable.units or dict.fromkeys(facts.places)
    found = {}
    for name in names:
        asked = facts.places.get(name)
        traffic = stable.units[name].traffic if name in stable.units else asked is None or asked.traffic
        copies = seen.get(name, {}).get(stable.id, 0) or (asked.instances if asked else 1)
        found[name] = Place(copies, traffic)
    return found


def _bounds(environment: Environment) -> dict[str, float]:
    return {
        "rollback_within_s": environment.rollback_within_s,
        "undecided_hold_s": environment.verdict.undecided.hold_s,
        "bake_s": environment.bake_s,
        "false_rollbacks": environment.verdict.false_rollbacks,
        "false_promotions": environment.verdict.false_promotions,
    } | ({"errors_at_most": share} if (share := environment.verdict.errors.share) else {})


def _nothing(facts: Facts) -> str:
    runs = facts.observed.serves(facts.candidate.id) and facts.observed.settled
    if runs and not facts.again:
        return f"{facts.candidate.id} runs there already; `--again` places it anew"
    return ""


def _blocked(facts: Facts) -> str:
    if facts.older and not facts.may_be_older:
        return (
            f"{facts.candidate.id} is older than {facts.stable.id if facts.stable else 'what runs'}; "
            "`penstock rollback --to` goes back, `--older` releases it all the same"
        )
    return facts.floor_broken_by


def _risks(environment: Environment, facts: Facts, strategy: str) -> tuple[str, ...]:
    risks = list(loosened(environment, facts.before)) if facts.kind == "release" else []
    if not facts.capabilities.dead_man:
        risks.append("no dead man's rule on this target: if the worker dies, nobody goes back until it returns")
    if facts.capabilities.dead_man and not facts.at_boot:
        risks.append("would not come back after a reboot: `penstock up --at-boot` writes the unit")
    if environment.prepare is not None:
        risks.append("a rollback does not undo `prepare`")
    unknown = facts.observed.standing if facts.stable is None else None
    if unknown:
        risks.append(
            f"`{unknown}` runs there, which Penstock did not release: it is replaced, there is no way back to it, and a"
            " failure leaves what the target makes of `nothing`"
        )
    elif facts.stable is None:
        risks.append("first release here: there is nothing to go back to; a failure takes it away again")
    if strategy == "canary" and facts.kind == "release":
        hold_s = environment.verdict.undecided.hold_s
        risks.append(
            f"without enough requests nothing is decided: {hold_s:.0f} s after the last increment it is"
            f" {'promoted' if environment.verdict.undecided.then == 'promote' else 'rolled back'} as undecided"
        )
    source, steps = environment.verdict.metrics, environment.rollout.increments
    if strategy == "canary" and source and (shortest := min(one.duration_s for one in steps)) < _STEPS * source.step_s:
        risks.append(
            f"an increment of {shortest:.0f} s holds few whole steps of the readings' {source.step_s:g} s: little of it is judged"
        )
    if strategy != "canary" and facts.stable:
        risks.append(f"{strategy}: candidate and stable are not compared; absolute limits, health and crashes judge")
    if environment.verdict.undecided.then == "promote":
        risks.append("a verdict still undecided at the end promotes")
    return tuple(risks)


def _way_back(plan: Plan, facts: Facts) -> str:
    if plan.stable is None:
        return "the candidate is taken away; nothing served before"
    how = {
        "shift": "it still runs at full capacity: one change of weights",
        "replace": "its instances are started first, then traffic moves",
        "reapply": "what ran before is applied again",
    }[facts.capabilities.way_back if plan.strategy != "rolling" else "replace"]
    limit = f"at most {plan.bounds['rollback_within_s']:.0f} s, else a person is asked"
    return f"to {plan.stable.id}: {how}; {limit}; {_practised(plan, facts)}"


def _practised(plan: Plan, facts: Facts) -> str:
    """By date, not by age: a plan drawn again tomorrow is still the same plan."""
    if facts.rehearsed is None:
        return f"never rehearsed (`penstock drill --to {plan.environment}`)"
    at, took_s = facts.rehearsed
    return f"last rehearsed on {datetime.fromtimestamp(at, UTC):%Y-%m-%d}, took {took_s:.1f} s"


def as_data(plan: Plan) -> dict[str, Any]:
    """The plan as it is journaled and shown with `--json`."""
    return {**data.dump(plan), "digest": plan.digest}

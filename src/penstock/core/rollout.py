"""Moving traffic: which strategies a platform can carry, the ladder of a strategy, and the next move on it.

`next_move` is the whole policy of a rollout: a pure function of where the release stands.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil
from typing import Literal

from penstock.core.target import Capabilities, UnitDesire
from penstock.manifest.rollout import Increment, Rollout

HOLD_ABOVE = 3.0  # odds against the candidate above which no increment is left


@dataclass(frozen=True)
class Place:
    """One unit in one environment: how many copies, and whether it takes traffic."""

    instances: int
    traffic: bool = True


@dataclass(frozen=True)
class Rung:
    """One rung of the ladder: the whole capacity and split, and how long to stay on it."""

    name: str
    weight_permille: int
    units: dict[str, UnitDesire]
    duration_s: float = 0.0
    may_leave_early: bool = True
    judged: bool = False


@dataclass(frozen=True)
class Standing:
    """Where a release stands on its ladder: everything that the next move depends on.

    `watched_s` is watched time on this rung: holes do not count. `odds` is the evidence against the candidate,
    `outcome` the verdict's. `trouble` is (cause, sentence) of what rolls back without statistics. `source` says why
    the readings cannot be had, `held` who asked to hold, `hurried` who asked to promote, `order` is (cause, sentence)
    of an order that ends the release.
    """

    rung: int
    watched_s: float
    outcome: Literal["healthy", "unhealthy", "undecided"] = "undecided"
    odds: float = 1.0
    sentence: str = ""
    trouble: tuple[str, str] | None = None
    order: tuple[str, str] | None = None
    source: str = ""
    held: str = ""
    hurried: str = ""


@dataclass(frozen=True)
class Move:
    """What to do next, in a form that is journaled and that a person can read."""

    kind: Literal["advance", "hold", "promote", "abort"]
    reason: str
    rung: int = 0
    cause: str = ""


def strategies(capabilities: Capabilities) -> dict[str, str]:
    """Every strategy, with the reason why this platform cannot carry it (empty: it can). Alone draws these consequences."""
    missing = []
    if capabilities.split != "permille":
        missing.append("split its traffic")
    if capabilities.coexist == "1":
        missing.append("run two revisions side by side")
    if not capabilities.arms:
        missing.append("tell the requests of two revisions apart")
    rolling = [m for m in missing if "tell" not in m]
    return {
        "all_at_once": "",
        "rolling": _cannot(rolling),
        "canary": _cannot(missing),
    }


def ladder(
    rollout: Rollout, places: Mapping[str, Place], stable: str | None, candidate: str, capabilities: Capabilities
) -> tuple[Rung, ...]:
    """The rungs from `placed, without traffic` to `all traffic`; after the last one only the candidate is left."""
    if stable is None or capabilities.coexist == "1":
        return _at_once(places, None, candidate, apart=capabilities.place_apart)
    if rollout.strategy == "canary":
        return _canary(rollout.increments, places, stable, candidate)
    if rollout.strategy == "rolling":
        return _rolling(rollout, places, stable, candidate)
    return _at_once(places, stable, candidate, apart=capabilities.place_apart)


def alone(places: Mapping[str, Place], revision: str) -> dict[str, UnitDesire]:
    """One revision, at full capacity, with all the traffic."""
    return {
        name: UnitDesire({revision: place.instances}, {revision: 1000} if place.traffic else {})
        for name, place in places.items()
    }


def next_move(rungs: tuple[Rung, ...], standing: Standing, then: str, hold_s: float) -> Move:
    """The next move. Orders and trouble come first, then the verdict, then the time that a rung asks for.

    `then` is what happens when the last rung's evidence is still undecided after `hold_s` more seconds.
    """
    if standing.order:
        return Move("abort", standing.order[1], cause=standing.order[0])
    if standing.trouble:
        return Move("abort", standing.trouble[1], cause=standing.trouble[0])
    if standing.outcome == "unhealthy":
        return Move("abort", standing.sentence, cause="verdict")
    if standing.held:
        return Move("hold", f"{standing.held} asked to hold; `penstock promote` or `penstock abort` ends it", standing.rung)
    if standing.hurried:
        return _on(rungs, standing, f"{standing.hurried} asked to go on to 100 %", to=len(rungs) - 1)
    return _by_evidence(rungs, standing, then, hold_s)


def _by_evidence(rungs: tuple[Rung, ...], standing: Standing, then: str, hold_s: float) -> Move:
    rung = rungs[standing.rung]
    if not rung.judged:
        return _on(rungs, standing, f"{rung.name}: done")
    over = standing.watched_s - rung.duration_s
    healthy = standing.outcome == "healthy"
    if over < 0 and not (rung.may_leave_early and healthy):
        return Move("hold", f"{rung.name}: {-over:.0f} s of this increment left", standing.rung)
    last = standing.rung == len(rungs) - 2  # the rung after this one is 100 %
    waits = _waits(standing, last=last, healthy=healthy)
    if not waits:
        return _on(rungs, standing, standing.sentence if last else f"{rung.name}: the increment ended well")
    if over >= hold_s:
        if then == "promote" and standing.odds <= HOLD_ABOVE and not standing.source:
            return _on(rungs, standing, f"still undecided after {hold_s:.0f} s: the manifest says promote")
        return Move("abort", f"still undecided after {hold_s:.0f} s more: {waits}", cause="undecided")
    return Move("hold", waits, standing.rung)


def _waits(standing: Standing, *, last: bool, healthy: bool) -> str:
    """Why a rung whose time is over is not left yet; empty when it is."""
    if standing.source:
        return f"the readings cannot be had: {standing.source}"
    if standing.odds > HOLD_ABOVE:
        return f"the odds against the candidate are {standing.odds:.1f} to 1, above {HOLD_ABOVE:g}"
    if last and not healthy:
        return f"not accepted yet: {standing.sentence}"
    return ""


def _on(rungs: tuple[Rung, ...], standing: Standing, reason: str, to: int | None = None) -> Move:
    rung = standing.rung + 1 if to is None else max(to, standing.rung + 1)
    if rung >= len(rungs):
        return Move("promote", reason, standing.rung)
    return Move("advance", reason, rung)


def _cannot(missing: list[str]) -> str:
    return f"this target cannot {' or '.join(missing)}" if missing else ""


def _share(instances: int, weight_permille: int) -> int:
    return max(1, ceil(instances * weight_permille / 1000))


def _both(places: Mapping[str, Place], stable: str, candidate: str, weight: int, capacity: int) -> dict[str, UnitDesire]:
    split = {stable: 1000 - weight, candidate: weight} if weight else {stable: 1000}
    return {
        name: UnitDesire(
            {stable: place.instances, candidate: _share(place.instances, capacity)},
            {revision: share for revision, share in split.items() if share} if place.traffic else {},
        )
        for name, place in places.items()
    }


def _canary(
    increments: tuple[Increment, ...], places: Mapping[str, Place], stable: str, candidate: str
) -> tuple[Rung, ...]:
    first = increments[0].weight_permille
    placed = Rung("candidate placed", 0, _both(places, stable, candidate, 0, first))
    steps = [
        Rung(
            f"{step.weight_permille / 10:g} %",
            step.weight_permille,
            _both(places, stable, candidate, step.weight_permille, step.weight_permille),
            step.duration_s,
            step.may_leave_early,
            judged=True,
        )
        for step in increments
    ]
    return (placed, *steps, Rung("100 %", 1000, _both(places, stable, candidate, 1000, 1000)))


def _at_once(places: Mapping[str, Place], stable: str | None, candidate: str, *, apart: bool) -> tuple[Rung, ...]:
    everything = alone(places, candidate)
    last = Rung("100 %", 1000, everything if stable is None else _both(places, stable, candidate, 1000, 1000))
    if not apart:
        return (last,)
    if stable is None:
        placed = {name: UnitDesire(desire.placed) for name, desire in everything.items()}
    else:
        placed = _both(places, stable, candidate, 0, 1000)
    return (Rung("candidate placed", 0, placed), last)


def _rolling(rollout: Rollout, places: Mapping[str, Place], stable: str, candidate: str) -> tuple[Rung, ...]:
    """Batches: what may be missing goes first, then as many new ones as surge allows, then the old ones they replace."""
    total = max(place.instances for place in places.values())
    surge = rollout.max_surge.of(total, up=True)
    # The last instance is never stopped before its successor runs, whatever may be missing.
    missing = min(rollout.max_unavailable.of(total, up=False), total - 1)
    batch = max(1, surge + missing)
    rungs: list[Rung] = []
    for done in range(0, total, batch):
        new = min(total, done + batch)
        if missing:
            rungs.append(_mix(places, stable, candidate, done, max(0, total - done - missing), total))
        if done == 0:
            rungs.append(_apart(places, stable, candidate, new, total - missing, total))
        rungs.append(_mix(places, stable, candidate, new, total - new, total))
    return tuple(rungs)


def _apart(places: Mapping[str, Place], stable: str, candidate: str, new: int, old: int, total: int) -> Rung:
    """The first batch beside what serves, without traffic: where its checks are asked."""
    mixed = _mix(places, stable, candidate, new, old, total)
    units = {
        name: UnitDesire(
            mixed.units[name].placed, {stable: 1000} if place.traffic and mixed.units[name].placed.get(stable) else {}
        )
        for name, place in places.items()
    }
    return Rung("first batch placed", 0, units)


def _mix(places: Mapping[str, Place], stable: str, candidate: str, new: int, old: int, total: int) -> Rung:
    weight = 1000 * new // (new + old) if new + old else 0
    units = {}
    for name, place in places.items():
        counts = {
            stable: ceil(place.instances * old / total),
            candidate: ceil(place.instances * new / total),
        }
        split = {stable: 1000 - weight, candidate: weight} if place.traffic else {}
        units[name] = UnitDesire(
            {r: count for r, count in counts.items() if count}, {r: share for r, share in split.items() if share}
        )
    return Rung(f"{new} of {total} replaced", weight, units)

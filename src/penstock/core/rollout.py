"""Moving traffic: which strategies a platform can carry, the ladder of a strategy, and the next move on it.

`next_move` is the whole policy of a rollout: a pure function of where the release stands.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import ceil
from typing import Literal

from penstock.core.target import Capabilities, UnitDesire
from penstock.core.verdict import GATE
from penstock.manifest.rollout import Increment, Rollout

TURNS = {
    "drill": "the drill goes back, as rehearsed",
    "calibrate": "the calibration goes back, as planned",
}
"""The kinds of release that always go back, and why; the kind is the cause of their ending."""


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

    `watched_s` is watched time on this rung: holes do not count; `waited_s` is all of the time. `odds` is the evidence
    against the candidate, `outcome` the verdict's. `trouble` is (cause, sentence) of what rolls back without statistics.
    `source` says what of the readings cannot be had, and why, `held` who asked to hold, `hurried` who asked to promote, `order` is
    (cause, sentence) of an order that ends the release. `unmet` says what the manifest still wants before promotion,
    `unended` that too many of the candidate's requests are open for what ended to be the whole story.
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
    waited_s: float = 0.0
    unmet: str = ""
    unended: str = ""


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
    rollout: Rollout,
    places: Mapping[str, Place],
    stable: str | None,
    candidate: str,
    capabilities: Capabilities,
    standing: Mapping[str, Place] | None = None,
) -> tuple[Rung, ...]:
    """The rungs from `placed, without traffic` to `all traffic`; after the last one only the candidate is left.

    `places` are the candidate's, `standing` the stable revision's own (the same, if left out): its capacity stays what
    it is until the candidate has everything, and units may come and go with a release.
    """
    if stable is None or capabilities.coexist == "1":
        return _in_place(places, candidate, apart=capabilities.place_apart)
    sides = _Sides(places, places if standing is None else standing, stable, candidate)
    if rollout.strategy == "canary":
        return _canary(rollout.increments, sides)
    if rollout.strategy == "rolling":
        return _rolling(rollout, sides)
    return _at_once(sides, apart=capabilities.place_apart)


def alone(places: Mapping[str, Place], revision: str) -> dict[str, UnitDesire]:
    """One revision, at full capacity, with all the traffic."""
    return {
        name: UnitDesire({revision: place.instances}, {revision: 1000} if place.traffic else {})
        for name, place in places.items()
    }


def next_move(rungs: tuple[Rung, ...], standing: Standing, then: str, hold_s: float, kind: str = "release") -> Move:
    """The next move. Orders and trouble come first, then the verdict, then the time that a rung asks for.

    `then` is what happens when the last rung's evidence is still undecided after `hold_s` more seconds. A `kind`
    of `TURNS` goes back from the last rung before 100 % whatever the evidence says.
    """
    if standing.order:
        return Move("abort", standing.order[1], cause=standing.order[0])
    if standing.trouble:
        return Move("abort", standing.trouble[1], cause=standing.trouble[0])
    if standing.outcome == "unhealthy":
        return Move("abort", standing.sentence, cause="verdict")
    if standing.held:
        return Move(
            "hold", f"{standing.held} asked to hold; `penstock promote` or `penstock abort` ends it", standing.rung
        )
    if standing.hurried:
        move = _on(rungs, standing, f"{standing.hurried} asked to go on to 100 %", to=len(rungs) - 1)
    else:
        move = _by_evidence(rungs, standing, then, hold_s)
    return _turned(rungs, standing, move, kind) if kind in TURNS else move


def _turned(rungs: tuple[Rung, ...], standing: Standing, move: Move, kind: str) -> Move:
    """It goes back where a release would take everything, and does not wait for evidence once its time is over.

    Nor does a calibration on an earlier rung: where a release would not go on yet, it has learned what it is there for.
    """
    last, rung = len(rungs) - 1, rungs[standing.rung]
    over = max(standing.watched_s, standing.waited_s) >= rung.duration_s
    waits = kind == "calibrate" and rung.judged and move.kind == "hold" and standing.watched_s >= rung.duration_s
    takes_all = move.kind == "promote" or (move.kind == "advance" and move.rung == last)
    if takes_all or waits or (standing.rung == last - 1 and over):
        return Move("abort", TURNS[kind], cause=kind)
    return move


def _by_evidence(rungs: tuple[Rung, ...], standing: Standing, then: str, hold_s: float) -> Move:
    rung = rungs[standing.rung]
    if not rung.judged:
        return _on(rungs, standing, f"{rung.name}: done")
    over = standing.watched_s - rung.duration_s
    healthy = standing.outcome == "healthy" and not standing.unended
    waited = max(over, standing.waited_s - rung.duration_s)
    if over < 0 and not (rung.may_leave_early and healthy) and waited < hold_s:
        if standing.source:
            return Move("hold", f"{rung.name}: waits for what cannot be had: {standing.source}", standing.rung)
        if standing.outcome == "healthy" and rung.may_leave_early:
            return Move("hold", standing.unended, standing.rung)
        return Move("hold", f"{rung.name}: {-over:.0f} s of this increment left", standing.rung)
    last = standing.rung == len(rungs) - 2  # the rung after this one is 100 %
    waits = _waits(standing, last=last, healthy=healthy)
    if not waits:
        return _on(rungs, standing, standing.sentence if last else f"{rung.name}: the increment ended well")
    if waited >= hold_s:
        if then == "promote" and standing.odds < GATE and not (standing.source or standing.unmet or standing.unended):
            return _on(rungs, standing, f"still undecided after {hold_s:.0f} s: the manifest says promote")
        return Move("abort", f"still undecided after {hold_s:.0f} s more: {waits}", cause="undecided")
    return Move("hold", waits, standing.rung)


def _waits(standing: Standing, *, last: bool, healthy: bool) -> str:
    """Why a rung whose time is over is not left yet; empty when it is."""
    if standing.source:
        return f"what judges cannot be had: {standing.source}"
    if standing.odds >= GATE:
        return f"the odds against the candidate are {standing.odds:.1f} to 1, and it goes on only below {GATE:g}"
    if standing.unended:
        return standing.unended
    if last and not healthy:
        return f"not accepted yet: {standing.sentence}"
    if last and standing.unmet:
        return f"not promoted yet: {standing.unmet}"
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


@dataclass(frozen=True)
class _Sides:
    """Both revisions, and where each of them has how many copies of what."""

    places: Mapping[str, Place]
    standing: Mapping[str, Place]
    stable: str
    candidate: str

    def both(self, weight: int, new: Callable[[int], int], old: Callable[[int], int]) -> dict[str, UnitDesire]:
        """Every unit of either, with the candidate's weight; `new` and `old` say how many of its copies run."""
        return {name: self._unit(name, weight, new, old) for name in {**self.places, **self.standing}}

    def _unit(self, name: str, weight: int, new: Callable[[int], int], old: Callable[[int], int]) -> UnitDesire:
        placed = {}
        if name in self.standing:
            placed[self.stable] = old(self.standing[name].instances)
        if name in self.places:
            placed[self.candidate] = new(self.places[name].instances)
        placed = {revision: count for revision, count in placed.items() if count}
        if not (self.places.get(name) or self.standing[name]).traffic:
            return UnitDesire(placed)
        if name not in self.standing:  # nothing to share with: it waits for the end
            return UnitDesire(placed, {self.candidate: 1000} if weight == 1000 else {})
        shares = {self.stable: 1000 - weight, self.candidate: weight} if name in self.places else {self.stable: 1000}
        return UnitDesire(placed, {r: share for r, share in shares.items() if share and r in placed})


def _all(instances: int) -> int:
    return instances


def _canary(increments: tuple[Increment, ...], sides: _Sides) -> tuple[Rung, ...]:
    def rung(name: str, weight: int, capacity: int, step: Increment | None = None) -> Rung:
        units = sides.both(weight, lambda n: _share(n, capacity), _all)
        if step is None:
            return Rung(name, weight, units)
        return Rung(name, weight, units, step.duration_s, step.may_leave_early, judged=True)

    first = rung("candidate placed", 0, increments[0].weight_permille)
    steps = [rung(f"{i.weight_permille / 10:g} %", i.weight_permille, i.weight_permille, i) for i in increments]
    return (first, *steps, rung("100 %", 1000, 1000))


def _in_place(places: Mapping[str, Place], candidate: str, *, apart: bool) -> tuple[Rung, ...]:
    everything = alone(places, candidate)
    last = Rung("100 %", 1000, everything)
    if not apart:
        return (last,)
    return (Rung("candidate placed", 0, {name: UnitDesire(unit.placed) for name, unit in everything.items()}), last)


def _at_once(sides: _Sides, *, apart: bool) -> tuple[Rung, ...]:
    last = Rung("100 %", 1000, sides.both(1000, _all, _all))
    return (Rung("candidate placed", 0, sides.both(0, _all, _all)), last) if apart else (last,)


def _rolling(rollout: Rollout, sides: _Sides) -> tuple[Rung, ...]:
    """Batches: what may be missing goes first, then as many new ones as surge allows, then the old ones they replace."""
    total = max(place.instances for place in sides.places.values())
    surge = rollout.max_surge.of(total, up=True)
    # The last instance is never stopped before its successor runs, whatever may be missing.
    missing = min(rollout.max_unavailable.of(total, up=False), total - 1)
    batch = max(1, surge + missing)
    rungs: list[Rung] = []
    for done in range(0, total, batch):
        new = min(total, done + batch)
        if missing:
            rungs.append(_mix(sides, done, max(0, total - done - missing), total))
        if done == 0:
            apart = sides.both(0, _part(new, total), _part(total - missing, total))
            rungs.append(Rung("first batch placed", 0, apart))
        rungs.append(_mix(sides, new, total - new, total))
    return tuple(rungs)


def _mix(sides: _Sides, new: int, old: int, total: int) -> Rung:
    weight = 1000 * new // (new + old)
    return Rung(f"{new} of {total} replaced", weight, sides.both(weight, _part(new, total), _part(old, total)))


def _part(some: int, total: int) -> Callable[[int], int]:
    return lambda instances: ceil(instances * some / total)

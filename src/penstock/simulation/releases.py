"""Whole releases on paper, many at once: made-up traffic, the ladder's weights, the verdict, and the moves.

The moves follow `core.rollout.next_move` for judged increments; a test holds them against it, look by look.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from penstock.core.policy import Policy
from penstock.core.verdict import GATE
from penstock.simulation.lanes import Lanes
from penstock.simulation.quantiles import edges_near
from penstock.simulation.world import CALM, Fault, Service, Sky, Times, Weather, counts, second_of

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]

RUNNING, ROLLED_BACK, PROMOTED, UNDECIDED = 0, 1, 2, 3


@dataclass(frozen=True)
class Step:
    """An increment: the candidate's share of the traffic (a fraction), how long, and whether acceptance may end it early."""

    weight: float
    duration_s: float
    may_leave_early: bool = False


@dataclass(frozen=True)
class Course:
    """How a rollout goes: its increments, then `hold_s` of patience, then what is done while undecided.

    `blind_s` after each shift nothing is judged: the split is moving, and the target settles.
    """

    steps: tuple[Step, ...]
    hold_s: float = 7200.0
    then: str = "roll_back"
    blind_s: float = 2.0


@dataclass(frozen=True)
class Outcomes:
    """How releases ended. Arrays over releases: `end` as above, `at_s` when, `rung` where, `failed` errors that users of the
    candidate met, `excess` of them more than stable would have made, `requests` on the candidate.
    """

    end: Ints
    at_s: Floats
    rung: Ints
    failed: Ints
    excess: Floats
    requests: Ints


class Ladder:
    """Where every release stands on its increments, and its next move."""

    def __init__(self, course: Course, lanes: int) -> None:
        self.course = course
        self.rung = np.zeros(lanes, np.int64)
        self.on_rung_s = np.zeros(lanes)
        self.end = np.zeros(lanes, np.int64)
        self._weights = np.array([step.weight for step in course.steps])
        self._lasts = np.array([step.duration_s for step in course.steps])
        self._early = np.array([step.may_leave_early for step in course.steps])

    @property
    def weight(self) -> Floats:
        """The candidate's share of every lane."""
        found: Floats = self._weights[self.rung]
        return found

    def move(self, odds: Floats, convicted: Mask, healthy: Mask) -> Mask:
        """Make the move of one look; lanes that advanced."""
        course, running = self.course, self.end == RUNNING
        over = self.on_rung_s - self._lasts[self.rung]
        last = self.rung == len(course.steps) - 1
        soaking = (over < 0) & ~(self._early[self.rung] & healthy)
        waits = (odds >= GATE) | (last & ~healthy)
        patient = over < course.hold_s
        given_up = ~soaking & waits & ~patient
        promoted_undecided = given_up & (course.then == "promote") & (odds < GATE)
        on = running & ~convicted & ~soaking & (~waits | promoted_undecided)
        self.end[running & convicted] = ROLLED_BACK
        self.end[running & ~convicted & given_up & ~promoted_undecided] = UNDECIDED
        self.end[on & last] = PROMOTED
        advanced: Mask = on & ~last
        self.rung[advanced] += 1
        self.on_rung_s[advanced] = 0.0
        return advanced


@dataclass(frozen=True)
class Study:
    """Releases to try: a service, its weather, and a fault for each lane (`faults[lane]`)."""

    policy: Policy
    course: Course
    service: Service
    faults: Sequence[Fault]
    weather: Weather = CALM


def run(study: Study, seed: int, told: Callable[[float], None] | None = None) -> Outcomes:
    """Every release to its end. `told` hears how much of it is done: the share of releases that ended, or of the longest time."""
    rng, lanes = np.random.default_rng(seed), len(study.faults)
    course, service = study.course, study.service
    longest = sum(step.duration_s for step in course.steps) + len(course.steps) * course.hold_s
    errors = np.array([fault.errors for fault in study.faults])
    begins = np.array([fault.begins_s for fault in study.faults])
    slower = np.array([fault.times for fault in study.faults])
    times = _times(study, float(slower.max())) if study.policy.latency and service.median_ms else None
    vector = Lanes(study.policy, lanes, edges=times.edges if times else ())
    ladder, sky = Ladder(course, lanes), Sky(study.weather, lanes, rng, longest)
    failed, excess, requests = np.zeros(lanes, np.int64), np.zeros(lanes), np.zeros(lanes, np.int64)
    at_s, blind = np.zeros(lanes), np.full(lanes, course.blind_s)
    rps, era, second = np.full(lanes, service.rps), np.ones(lanes, np.int64), 0
    while (ladder.end == RUNNING).any() and second < longest + 60:
        alive = ladder.end == RUNNING
        rates = service.error_rate * sky.at(second)
        rates[0] *= np.where(second >= begins, errors, 1.0)
        rates = np.minimum(rates, 0.95)
        arms = second_of(rng, rps * alive, ladder.weight, rates, study.weather.cluster)
        requests += arms[0]
        failed += arms[1]
        excess += arms[1] - arms[0] * rates[1]
        seen = alive & (blind <= 0)
        blind -= 1
        judged = tuple(np.where(seen, one, 0) for one in arms)
        slow = _slow(rng, times, judged, slower, begins, second) if times else None
        vector.step(float(second), counts((judged[0], judged[1], judged[2], judged[3]), slow), era)
        ladder.on_rung_s += 1
        at_s[alive] = second + 1
        advanced = ladder.move(vector.odds, vector.convicted, vector.healthy(GATE))
        era[advanced] += 1
        blind[advanced] = course.blind_s
        second += 1
        if told and second % 60 == 0:
            told(min(1.0, max(second / longest, float((ladder.end != RUNNING).mean()))))
    return Outcomes(ladder.end, at_s, ladder.rung, failed, excess, requests)


def _times(study: Study, slowest: float) -> Times:
    """Response times over the buckets that matter to the policy: multinomial draws over all of them take minutes."""
    shares = {rule.quantile for rule in study.policy.latency}
    near = edges_near(study.policy, {share: study.service.quantile_us(share) for share in shares})
    return Times(study.service, slowest, near)


def _slow(
    rng: np.random.Generator, times: Times, arms: Sequence[Ints], slower: Floats, begins: Floats, second: int
) -> tuple[Ints, Ints]:
    """Histograms of both arms; the candidate's by the law of each lane."""
    candidate = np.zeros((len(slower), len(times.edges)), np.int64)
    now = np.where(second >= begins, slower, 1.0)
    for x in np.unique(now):
        mine = now == x
        candidate[mine] = times.of(rng, arms[0][mine], times.shares(float(x)))
    return candidate, times.of(rng, arms[2], times.shares(1.0))

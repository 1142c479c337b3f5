"""Whole releases on paper, many at once: made-up traffic, the ladder's weights, the verdict, and the moves.

The moves follow `core.rollout.next_move` for judged increments; a test holds them against it, look by look.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np
from numpy.typing import NDArray

from penstock.core.policy import Policy
from penstock.core.verdict import GATE
from penstock.simulation.histograms import Drawn
from penstock.simulation.lanes import Counts, Lanes
from penstock.simulation.quantiles import edges_near
from penstock.simulation.world import CALM, Fault, Service, Sky, Times, Weather, arm_of, events_of, second_of

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]

FINE_S = 1800
"""What is found so soon after it began is found to the second, however long a rollout is."""

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
    """Releases to try: a service, its weather, and a fault for each lane (`faults[lane]`).

    `look_s`: how far looks are apart at most, and so how long a window is; `FINE_S` from where a fault may begin it is a second.
    """

    policy: Policy
    course: Course
    service: Service
    faults: Sequence[Fault]
    weather: Weather = CALM
    look_s: int = 1


def run(study: Study, seed: int, told: Callable[[float], None] | None = None) -> Outcomes:
    """Every release to its end. `told` hears how much of it is done: the share of releases that ended, or of the longest time."""
    rng, lanes = np.random.default_rng(seed), len(study.faults)
    course, service = study.course, study.service
    longest = sum(step.duration_s for step in course.steps) + len(course.steps) * course.hold_s
    wrong = _Wrong(study.faults)
    times = _times(study, float(wrong.times.max())) if study.policy.latency and service.median_ms else None
    drawn = Drawn(lanes, times.edges, rng) if times else None
    vector = Lanes(study.policy, lanes, times=drawn)
    ladder, sky = Ladder(course, lanes), Sky(study.weather, lanes, rng, longest)
    failed, excess, requests = np.zeros(lanes, np.int64), np.zeros(lanes), np.zeros(lanes, np.int64)
    at_s, blind = np.zeros(lanes), np.full(lanes, course.blind_s)
    era, second = np.ones(lanes, np.int64), 0
    while (ladder.end == RUNNING).any() and second < longest + 60:
        alive, look_s = ladder.end == RUNNING, wrong.apart_s(second, study.look_s)
        if drawn and times and wrong.changes(second):
            drawn.law(_law(times, wrong.now(wrong.times, second)), times.shares(1.0)[None])
        rates = service.error_rate * sky.at(second, look_s)
        rates[0] *= wrong.now(wrong.errors, second)
        rates = np.minimum(rates, 0.95)
        arms = second_of(rng, service.rps * look_s * alive, ladder.weight, rates, study.weather.cluster)
        requests += arms[0]
        failed += arms[1]
        excess += arms[1] - arms[0] * rates[1]
        seen = alive & (blind <= 0)
        blind -= look_s
        n_c, k_c, n_b, k_b = (np.where(seen, one, 0) for one in arms)
        events = _events(rng, study, n_c * wrong.now(wrong.events, second), n_b)
        own = _own(rng, study, look_s * seen, rates)
        vector.step(float(second), Counts(n_c, k_c, n_b, k_b, events=events, span_s=look_s), era, own)
        ladder.on_rung_s += look_s
        second += look_s
        at_s[alive] = second
        advanced = ladder.move(vector.odds, vector.convicted, vector.healthy(GATE))
        era[advanced] += 1
        blind[advanced] = course.blind_s
        if told and second % (60 * look_s) == 0:
            told(min(1.0, max(second / longest, float((ladder.end != RUNNING).mean()))))
    return Outcomes(ladder.end, at_s, ladder.rung, failed, excess, requests)


class _Wrong:
    """What is wrong in every lane, and from when on."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        self.errors, self.times, self.events, self._begins_s = (
            np.array([getattr(fault, name) for fault in faults]) for name in ("errors", "times", "events", "begins_s")
        )
        self._begins = {0, *(ceil(fault.begins_s) for fault in faults)}

    def now(self, factor: Floats, second: float) -> Floats:
        """A factor where its fault has begun, else 1."""
        found: Floats = np.where(second >= self._begins_s, factor, 1.0)
        return found

    def changes(self, second: float) -> bool:
        """Whether response times are others than at the look before."""
        return second in self._begins

    def apart_s(self, second: int, most: int) -> int:
        """How far the next look is: a second for a while after a fault began, and never beyond where one begins."""
        if any(begin <= second < begin + FINE_S for begin in self._begins):
            return 1
        return min([most, *(begin - second for begin in self._begins if begin > second)])


def _events(rng: np.random.Generator, study: Study, n_c: Floats, n_b: Ints) -> dict[str, tuple[Ints, Ints]]:
    """What the business counts of these requests."""
    found = {}
    for rule in study.policy.rates:
        each, cluster = study.service.events[rule.name], (rule.dispersion + 1) / 2
        found[rule.name] = (events_of(rng, each * n_c, cluster), events_of(rng, each * n_b.astype(np.float64), cluster))
    return found


def _own(rng: np.random.Generator, study: Study, seen_s: Ints, rates: Floats) -> Counts | None:
    """Penstock's own requests: half to each arm, whatever its weight."""
    if not study.service.own_rps:
        return None
    expected = study.service.own_rps / 2 * seen_s.astype(np.float64)
    arms = (*arm_of(rng, expected, rates[0], 1.0), *arm_of(rng, expected, rates[1], 1.0))
    return Counts(*arms, span_s=float(seen_s.max()))


def _times(study: Study, slowest: float) -> Times:
    """Response times over the buckets that matter to the policy: draws over all of them take minutes."""
    shares = {rule.quantile for rule in study.policy.latency}
    near = edges_near(study.policy, {share: study.service.quantile_us(share) for share in shares})
    return Times(study.service, slowest, near)


def _law(times: Times, slower: Floats) -> Floats:
    """The chance of each bucket, shaped (lanes, buckets), where times are so many times longer."""
    found, which = np.unique(slower, return_inverse=True)
    each: Floats = np.stack([times.shares(float(one)) for one in found])[which]
    return each

"""An environment's policy, tried on paper: good releases, releases with faults of several sizes, and how long each one takes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from math import isfinite

import numpy as np
from numpy.random import SeedSequence  # numpy loads it late, and while it does, Ctrl-C would be lost
from numpy.typing import NDArray

from penstock.core.evidence_outlook import what_would_decide
from penstock.core.policy import LatencyRule, Policy
from penstock.core.prediction import Prediction, predict
from penstock.core.simulated import Compared, Fault, Found, Good, Increment, Spread, Traffic, upper_bound
from penstock.simulation import releases, world
from penstock.simulation.releases import PROMOTED, ROLLED_BACK, UNDECIDED, Course, Outcomes, run
from penstock.simulation.side_by_side import side_by_side
from penstock.simulation.world import Service, Weather

Told = Callable[[float], None]
Floats = NDArray[np.float64]

FORMAT = 1
TIMES = (2.0, 5.0, 10.0)
MORE = 0.01
SLOWER = ((1.25, "25 % slower"), (1.5, "50 % slower"), (2.0, "twice as slow"))
FEWER = 0.5
LOOKS, LOOKS_TIMED = 15_000, 7500
"""So many looks make an answer in seconds; fewer where response times are judged."""
LOOKS_S = (1, 2, 5, 10, 15, 30, 60)

LATE = 5.0
_MOST = 0.95  # error rates above it are no different
_FEWEST = 20
_MOST_TRACES = 200  # of a fault: a second of a trace is kept, and hours of thousands would not fit
_WHOLE = 0.75  # of the work: whole releases; the rest is the comparison
_NEARLY_ALL = 0.95


@dataclass(frozen=True)
class Study:
    """What is to be tried: `runs` good releases, and a fifth as many of each fault (at most 200 of each beside the peers).

    `of` says where the traffic's figures come from; `outlook` and `left_out` are handed on to `Found`. `cluster` is the mean
    size of clusters of errors, `look_s` how far looks are apart at most.
    """

    environment: str
    policy: Policy
    course: Course
    service: Service
    cluster: float = 1.0
    of: str = ""
    outlook: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    runs: int = 1000
    seed: int = 1
    look_s: int = 1


@dataclass(frozen=True)
class Case:
    """A fault to try, and whether the policy's margins allow it."""

    name: str
    fault: world.Fault
    inside: bool = False


def nobody(done: float) -> None:
    """Hears nothing of the progress."""


def find(study: Study, told: Told = nobody) -> Found:
    """Try it. The same study gives the same figures; `told` hears the share of the work that is done."""
    each = max(_FEWEST, study.runs // 5)
    cases = list(cases_of(study))
    tried = [world.Fault()] * study.runs + [case.fault for case in cases for _ in range(each)]
    trial = releases.Study(
        study.policy, study.course, study.service, tried, Weather(cluster=study.cluster), study.look_s
    )
    seen = run(trial, _seed(study, 0), lambda done: told(_WHOLE * done))
    good = _rows(seen, 0, study.runs)
    parts = [_rows(seen, start, start + each) for start in range(study.runs, len(tried), each)]
    faults = [_fault(study, case, part) for case, part in zip(cases, parts, strict=True)]
    compared = _compared(study, cases, min(each, _MOST_TRACES), lambda done: told(_WHOLE + (1 - _WHOLE) * done))
    margin, service = study.policy.margin, study.service
    return Found(
        FORMAT, study.environment, study.seed, study.policy.false_rollbacks,
        f"{margin.ratio:g}x + {margin.points * 100:g}pp",
        tuple([Increment(step.weight, step.duration_s, step.may_leave_early) for step in study.course.steps]),
        study.course.hold_s,
        Traffic(
            service.rps, service.error_rate, service.median_ms,
            service.quantile_us(0.99) / 1000 if service.median_ms else None, study.cluster, study.of,
        ),
        _good(good), tuple(faults), compared, study.outlook, study.left_out,
    )  # fmt: skip


def look_s(lasts_s: float, *, timed: bool) -> int:
    """How far looks are apart in a rollout that lasts so long: a second, unless that were too many of them."""
    most = LOOKS_TIMED if timed else LOOKS
    return next((one for one in LOOKS_S if lasts_s <= most * one), LOOKS_S[-1])


def cases_of(study: Study) -> Iterator[Case]:
    """The faults that are tried: errors, response times where they are judged and known, and one that begins late."""
    base = study.service.error_rate
    tried = [(times, f"{times:g}x the errors") for times in TIMES] + [(1 + MORE / base, "1 point more errors")]
    for times, name in tried:
        if times * base <= _MOST:
            yield Case(
                f"{name}, {_to(base, times)}", world.Fault(errors=times), _allowed(study.policy, times * base, base)
            )
    if study.policy.latency and study.service.median_ms:
        for times, name in SLOWER:
            yield Case(name, world.Fault(times=times), _is_fast_enough(study, times))
    if study.policy.rates:
        names = " and ".join(rule.name for rule in study.policy.rates)
        allowed = all(rule.ratio <= FEWER for rule in study.policy.rates)
        yield Case(f"half as many {names}", world.Fault(events=FEWER), allowed)
    if LATE * base <= _MOST:
        begins_s = late_s(study)
        name = f"{LATE:g}x the errors after {begins_s:g} s"
        yield Case(name, world.Fault(LATE, begins_s=begins_s), _allowed(study.policy, LATE * base, base))


def _to(base: float, times: float) -> str:
    return f"{100 * base:.3g} % to {100 * base * times:.3g} %"


def _allowed(policy: Policy, worse: float, base: float) -> bool:
    """Whether neither the margin nor the absolute limit is broken by this error rate."""
    return worse <= policy.margin.edge(base) and (policy.at_most is None or worse <= policy.at_most)


def _promotable(study: Study, fault: world.Fault) -> bool:
    """Whether a fault is within the margins of acceptance."""
    base, service = study.service.error_rate, study.service
    slower = [
        fault.times * true <= rule.promote_ratio * true + rule.promote_plus_us
        for rule in study.policy.latency
        if rule.ratio is not None and (true := service.quantile_us(rule.quantile))
    ]
    fewer = [fault.events >= rule.promote_ratio for rule in study.policy.rates]
    good = base * fault.errors <= study.policy.accepted.edge(base)
    return good and (fault.times == 1 or all(slower)) and (fault.events == 1 or all(fewer))


def _is_fast_enough(study: Study, times: float) -> bool:
    def allows(rule: LatencyRule) -> bool:
        true = study.service.quantile_us(rule.quantile)
        compared = rule.ratio is None or times * true <= rule.ratio * true + rule.plus_us
        return compared and (rule.at_most_us is None or times * true <= rule.at_most_us)

    return all(allows(rule) for rule in study.policy.latency)


def late_s(study: Study) -> float:
    """When a late fault begins: halfway through the time that a good release is expected to take, so that most are not over."""
    course, service = study.course, study.service
    passed, missing = 0.0, 1.0
    for step in course.steps:
        outlook = what_would_decide(study.policy, service.rps, round(1000 * step.weight), service.error_rate)
        needed = outlook.seconds or step.duration_s
        stays = min(step.duration_s, missing * needed) if step.may_leave_early else step.duration_s
        passed, missing = passed + stays, max(0.0, missing - stays / needed)
    return float(max(1, round(passed / 2)))


def _seed(study: Study, part: int) -> int:
    return int(SeedSequence([study.seed, part]).generate_state(1)[0])


def _rows(all_of: Outcomes, start: int, stop: int) -> Outcomes:
    some = slice(start, stop)
    return Outcomes(
        all_of.end[some], all_of.at_s[some], all_of.rung[some], all_of.failed[some], all_of.excess[some],
        all_of.requests[some],
    )  # fmt: skip


def _good(seen: Outcomes) -> Good:
    back, promoted = int((seen.end == ROLLED_BACK).sum()), seen.end == PROMOTED
    return Good(
        len(seen.end), back, upper_bound(back, len(seen.end)), int((seen.end == UNDECIDED).sum()), int(promoted.sum()),
        _spread(seen.at_s[promoted]),
    )  # fmt: skip


def _fault(study: Study, case: Case, seen: Outcomes) -> Fault:
    begins = case.fault.begins_s
    found = (seen.end == ROLLED_BACK) & (seen.at_s > begins)
    is_of_errors = case.fault.times == case.fault.events == 1
    harmed = seen.excess if case.fault.times == 1 else seen.requests * _slow_share(study, case.fault.times)
    # Where some are promoted first, the mean is of those that were found sooner: no bound holds for that.
    comparable = is_of_errors and not study.service.own_rps and found.sum() >= _NEARLY_ALL * len(found)
    foretold, least = _foretold(study, case) if comparable else (Prediction(), None)
    return Fault(
        case.name, case.fault.errors, case.fault.times, begins, case.inside,
        not case.inside and _promotable(study, case.fault), len(seen.end), int(found.sum()),
        int((seen.end == PROMOTED).sum()), int((seen.end == UNDECIDED).sum()),
        _spread(seen.at_s[found] - begins), _spread(harmed[found]) if case.fault.events == 1 else None,
        foretold.seconds, foretold.limit_s, least, int(((seen.end == PROMOTED) & (seen.at_s <= begins)).sum()),
    )  # fmt: skip


def _slow_share(study: Study, times: float) -> float:
    """Of the candidate's requests, those beyond stable's highest judged quantile that would not be there without the fault."""
    highest = max(rule.quantile for rule in study.policy.latency)
    return study.service.slower_than(study.service.quantile_us(highest), times) - (1 - highest)


def _foretold(study: Study, case: Case) -> tuple[Prediction, float | None]:
    """The mean delay that is foretold and Wald's bound along the increments; and the excess of errors at that bound.

    Where errors come in clusters, of one law on both arms, no test learns more than from the clusters: a bound so much later.
    """
    if case.inside:
        return Prediction(inside=True), None
    rps, base, begins = study.service.rps, study.service.error_rate, case.fault.begins_s
    worse, steps = base * case.fault.errors, _left(study.course, begins)
    at = {weight: predict(study.policy, rps * weight, rps * (1 - weight), worse, base) for weight, _ in steps}
    seconds = along(steps, {weight: one.seconds for weight, one in at.items()})
    limits = {weight: one.limit_s * study.cluster if one.limit_s else None for weight, one in at.items()}
    limit = along(steps, limits)
    least = None if limit is None else rps * (worse - base) * _served(steps, limit)
    return Prediction(seconds if begins == 0 else None, limit), least


def _left(course: Course, begins: float) -> list[tuple[float, float]]:
    """(weight, seconds) of the increments from a second on, as if none were left early, and of the patience at the end."""
    steps, passed = [], 0.0
    for step in course.steps:
        left = min(step.duration_s, passed + step.duration_s - begins)
        passed += step.duration_s
        steps += [(step.weight, left)] if left > 0 else []
    return [*steps, (course.steps[-1].weight, course.hold_s)]


def along(steps: Sequence[tuple[float, float]], needed_s: dict[float, float | None]) -> float | None:
    """When evidence is complete that takes so many seconds at each weight, over (weight, seconds); None: not in them."""
    passed, missing = 0.0, 1.0
    for weight, seconds in steps:
        needed = needed_s[weight]
        if needed is not None and needed * missing <= seconds:
            return passed + needed * missing
        passed, missing = passed + seconds, missing - (seconds / needed if needed else 0.0)
    return None


def _served(steps: Sequence[tuple[float, float]], until_s: float) -> float:
    """Share of the traffic on the candidate, summed over the seconds until then."""
    total = 0.0
    for weight, seconds in steps:
        total += weight * min(seconds, max(0.0, until_s))
        until_s -= seconds
    return total


def _compared(study: Study, cases: Sequence[Case], each: int, told: Told) -> Compared:
    judged = replace(study.policy, latency=(), rates=(), traffic=False)
    errors = {case.name: case.fault.errors for case in cases if case.fault.errors > 1 and not case.fault.begins_s}
    return side_by_side(judged, study.course, study.service, errors, each, study.cluster, _seed(study, 2), told)


def _spread(values: Floats) -> Spread | None:
    if not len(values):
        return None
    p10, median, p90 = (float(one) for one in np.percentile(values, [10, 50, 90]))
    found = Spread(float(values.mean()), p10, median, p90)
    assert isfinite(found.mean), "seconds and requests are finite"
    return found

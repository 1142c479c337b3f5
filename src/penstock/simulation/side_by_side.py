"""Our policy and the peers' on the very same traffic: errors alone, along the planned weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from penstock.core.policy import Policy
from penstock.core.simulated import Compared, Judge, Sighting, upper_bound
from penstock.simulation.lanes import Counts, Lanes
from penstock.simulation.peers import NEVER, ErrorAlarm, FailedChecks, Kayenta, SuccessRate, Traces
from penstock.simulation.releases import Course
from penstock.simulation.world import Service, arm_of

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

PEERS = (SuccessRate(), FailedChecks(), ErrorAlarm(), Kayenta())
"""Thresholds and counters in the documented settings of Argo Rollouts, Flagger, CodeDeploy and Kayenta."""

LEAST_S, MOST_S = 3600, 7200
"""However short the increments are, so long is watched: Kayenta looks once an hour. And no longer than this: memory."""


def side_by_side(
    policy: Policy, course: Course, service: Service, errors: Mapping[str, float], runs: int, cluster: float, seed: int,
    told: Callable[[float], None],
) -> Compared:  # fmt: skip
    """Judge twice as many good releases, and `runs` of each fault (its name: times stable's errors)."""
    weights, eras = _planned(course)
    sizes = {"": 2 * runs, **dict.fromkeys(errors, runs)}
    each = np.repeat([1.0, *errors.values()], list(sizes.values()))
    traces = _traces(np.random.default_rng(seed), service, weights, each, cluster)
    told(0.2)
    excess = np.cumsum(traces.k_c - traces.n_c * service.error_rate, axis=1)
    named = [("this policy", "as in the manifest, errors alone", "Penstock", _ours(policy, traces, course, eras))]
    named += [(peer.name, peer.described, peer.source, peer.rolled_back_at(traces)) for peer in PEERS]
    judges = []
    for name, described, source, at in named:
        until = np.where(at == NEVER, len(weights), at) - 1
        harmed = excess[np.arange(traces.runs), until]
        begins, seen = 0, []
        for fault, size in sizes.items():
            some = slice(begins, begins + size)
            seen.append(_sighting(fault, at[some], harmed[some]))
            begins += size
        bad = upper_bound(seen[0].found, 2 * runs)
        judges.append(Judge(name, described, source, seen[0].found, bad, tuple(seen[1:])))
    told(1.0)
    return Compared(2 * runs, runs, float(len(weights)), tuple(judges))


def _ours(policy: Policy, traces: Traces, course: Course, eras: Ints) -> Ints:
    """When our verdict convicts on these traces: seconds from the start, or `NEVER`. After a shift it is blind for a while."""
    begins = np.flatnonzero(np.diff(eras, prepend=0))
    sees = np.arange(len(eras)) - begins[eras - 1] >= course.blind_s
    lanes, at = Lanes(policy, traces.runs), np.full(traces.runs, NEVER, np.int64)
    columns = [np.ascontiguousarray(one.T) for one in (traces.n_c, traces.k_c, traces.n_b, traces.k_b)]
    for second in np.flatnonzero(sees):
        now = Counts(*(column[second] for column in columns))
        lanes.step(float(second), now, np.full(traces.runs, eras[second]))
        at[lanes.convicted & (at == NEVER)] = second + 1
    return at


def _planned(course: Course) -> tuple[Floats, Ints]:
    """Weight and number of the increment (from 1) of each second, as if none were left early."""
    weights = [step.weight for step in course.steps for _ in range(max(1, round(step.duration_s)))][:MOST_S]
    eras = [n for n, step in enumerate(course.steps, 1) for _ in range(max(1, round(step.duration_s)))][:MOST_S]
    more = max(0, LEAST_S - len(weights))
    return np.array(weights + weights[-1:] * more), np.array(eras + eras[-1:] * more)


def _traces(rng: np.random.Generator, service: Service, weights: Floats, times: Floats, cluster: float) -> Traces:
    """Requests and errors of both arms, second by second; a release for each fault (times stable's errors)."""
    rate, arms = service.error_rate, []
    for share, fails in ((weights, rate * times), (1 - weights, rate + 0 * times)):
        expected = np.broadcast_to(service.rps * share, (len(times), len(weights)))
        requests, errors = arm_of(rng, expected, fails[:, None], cluster)
        arms += [requests.astype(np.int32), errors.astype(np.int32)]
    n_c, k_c, n_b, k_b = arms
    return Traces(n_c, k_c, n_b, k_b)


def _sighting(name: str, at: Ints, harmed: Floats) -> Sighting:
    found = at != NEVER
    return Sighting(name, int(found.sum()), float(at[found].mean()) if found.any() else None, float(harmed.mean()))

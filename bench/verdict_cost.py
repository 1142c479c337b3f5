"""What a look costs, in plain Python: microseconds of the processor for each metric, and a day of readings folded.

Beside a floor from the same run, because the machine is shared: thirty calls of `math.log1p`, about as many as the two
mixtures of one metric need. Ways take turns; the medians.
"""

from __future__ import annotations

import math
import random
import statistics
import time
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from bench import paper
from penstock.core.evidence_windows import Eras, Watched, Window, windows
from penstock.core.latency import EDGES, Latency
from penstock.core.policy import LatencyRule, Policy
from penstock.core.reading import Reading
from penstock.core.verdict import Counts, State, fold, judge, start, step

LOOKS, ROUNDS, SEED, DAY_S = 2000, 7, 1, 86_400
RPS, WEIGHT, BASE = 1000.0, 0.05, 0.001
POLICIES = {
    "errors": Policy(),
    "errors, p99": Policy(latency=(LatencyRule(0.99, None, 1.1),)),
    "errors, p50, p95, p99": Policy(latency=tuple(LatencyRule(share, None, 1.1) for share in (0.5, 0.95, 0.99))),
}


def main(argv: Sequence[str] = ()) -> None:
    """Both tables."""
    print(
        f"`python -m bench verdict-cost`, seed {SEED}, {RPS:g} requests/s, {WEIGHT:.0%}, {ROUNDS} rounds of {LOOKS:,} looks\n"
    )
    _looks()
    print()
    _day()


def _looks() -> None:
    rows = list(traffic(LOOKS))
    ways: dict[str, tuple[int, Callable[[], object]]] = {"floor: 30 × math.log1p": (1, _floor)}
    for name, policy in POLICIES.items():
        metrics = 1 + len(policy.latency)
        ways[f"a look at {name}"] = (metrics, lambda policy=policy: folded(policy, rows))  # type: ignore[misc]
    state = folded(Policy(), rows)
    ways["what it comes to, in words (`judge`)"] = (1, lambda: [judge(Policy(), state) for _ in range(LOOKS)])
    times = taking_turns({name: way for name, (_, way) in ways.items()}, ROUNDS)
    floor = next(iter(times.values()))
    paper.heading("", "µs", "µs a metric", "× floor", "at most 10 µs a metric")
    for name, (metrics, _) in ways.items():
        each = times[name] / LOOKS * 1e6
        kept = "–" if "look" not in name else "yes" if each / metrics <= 10 else "**no**"
        paper.row(name, f"{each:.1f}", f"{each / metrics:.1f}", f"{times[name] / floor:.2f}", kept)


def _day() -> None:
    """A day of two arms, from the readings to the verdict."""
    rows, policy = list(_readings()), Policy()
    eras = Eras({1: 0.0})
    found: list[Watched] = []

    def all_of_it() -> None:
        found[:] = [windows(rows, "r2", "r1", eras)]

    def judged() -> None:
        fold(policy, start(policy), found[0])

    times = taking_turns({"made into windows": all_of_it, "judged": judged}, 3)
    whole = sum(times.values())
    paper.heading(f"{DAY_S:,} s of two arms, errors, 100 requests/s", "s", "at most 1 s")
    for name, seconds in times.items():
        paper.row(name, f"{seconds:.2f}", "–")
    paper.row("both", f"{whole:.2f}", "yes" if whole <= 1 else "**no**")


def taking_turns(ways: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Median seconds of the processor for each way, in this process; a first round is not counted."""
    times: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(rounds + 1):
        for name, way in ways.items():
            began = time.process_time()
            way()
            times[name] += [time.process_time() - began] if number else []
    return {name: statistics.median(some) for name, some in times.items()}


def folded(policy: Policy, rows: Sequence[Window]) -> State:
    """The state after every window, none of which convicts: same against same."""
    state = start(policy)
    for one in rows:
        state = step(policy, state, one)
    assert not state.convicted
    return state


def traffic(seconds: int) -> Iterator[Window]:
    """The same version on both arms, with histograms over a few dozen buckets."""
    rng = np.random.default_rng(SEED)
    for second in range(seconds):
        arms, slow = [], []
        for share in (WEIGHT, 1 - WEIGHT):
            requests = int(rng.poisson(RPS * share))
            arms.append(Counts(requests, int(rng.binomial(requests, BASE))))
            slow.append(_histogram(rng, requests))
        yield Window(float(second), arms[0], arms[1], 1, slow=(slow[0], slow[1]))


def _histogram(rng: np.random.Generator, requests: int) -> Latency:
    at = np.searchsorted(EDGES, rng.lognormal(np.log(20_000), 0.6, requests))
    return tuple((EDGES[one], int(count)) for one, count in zip(*np.unique(at, return_counts=True), strict=True))


def _readings() -> Iterator[Reading]:
    rng = np.random.default_rng(SEED)
    for revision, rate in (("r1", 95.0), ("r2", 5.0)):
        requests = rng.poisson(rate, DAY_S)
        errors = rng.binomial(requests, BASE)
        for second, (n, k) in enumerate(zip(requests.tolist(), errors.tolist(), strict=True)):
            yield Reading("web", revision, float(second), second + 1.0, n, k, era=1)


def _floor() -> None:
    some = [random.Random(SEED).random() for _ in range(30)]
    for _ in range(LOOKS):
        for one in some:
            math.log1p(one)


if __name__ == "__main__":
    main()

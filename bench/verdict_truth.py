"""How often the verdict is wrong, how fast it is right, and what a look costs.

    python bench/verdict_truth.py --runs N --seed S

Prints Markdown: false rollbacks of the very same version against itself (with the 99 % upper Clopper-Pearson
bound), the mean delay to a true conviction beside Wald's bound, below which no test with these false alarms
can go, and microseconds per look. A release lasts three hours; windows are ten seconds for false rollbacks,
one for delays. To show a share under 1 % takes about 2,000 runs a row.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from math import exp, lgamma, log, log1p, sqrt
from random import Random
from statistics import mean, median

from penstock.core.verdict import Counts, Policy, Window, judge, start, step

RELEASE_S = 3 * 3600
CELLS = ((10, 0.05, 0.001), (100, 0.05, 0.001), (1000, 0.05, 0.001), (100, 0.25, 0.01))
POLICIES = {
    "margin 0": Policy(ratio=1.0, points=0.0),
    "default margin": Policy(),
}
Rates = Callable[[float], float]
World = Callable[[float, Random], Rates]
Cell = tuple[int, float, float]


def poisson(random: Random, expected: float) -> int:
    """A Poisson number; the normal approximation above 50."""
    if expected > 50:
        return max(0, round(random.gauss(expected, sqrt(expected))))
    k, left, term = 0, random.random(), exp(-expected)
    while left > term and k < 1000:
        left, k = left - term, k + 1
        term *= expected / k
    return k


def steady(base: float, _: Random) -> Rates:
    """The same error rate throughout."""
    return lambda _: base


def shocks(base: float, random: Random) -> Rates:
    """An autocorrelated error rate (log sd 0.5, an hour's memory), and five minutes at twenty times of it."""
    level, at = [0.0], random.uniform(0, RELEASE_S - 300)
    for _ in range(RELEASE_S // 10):
        level.append(0.997 * level[-1] + random.gauss(0, 0.5 * sqrt(1 - 0.997**2)))

    def rate(second: float) -> float:
        outage = 20 if at <= second < at + 300 else 1
        return min(0.9, base * exp(level[int(second // 10)]) * outage)

    return rate


def traffic(random: Random, rps: float, weight: float, rate: Rates, worse: float, look_s: int) -> Iterator[Window]:
    """Poisson traffic, look by look; the candidate's error rate is `worse` times stable's."""
    for second in range(0, RELEASE_S, look_s):
        arms = []
        for share, times in ((weight, worse), (1 - weight, 1.0)):
            wrong, expected = min(1.0, rate(second) * times), rps * share * look_s
            errors = poisson(random, expected * wrong)
            arms.append(Counts(errors + poisson(random, expected * (1 - wrong)), errors))
        yield Window(second, arms[0], arms[1], 1, look_s)


def convicted_at(policy: Policy, rows: Iterator[Window]) -> float | None:
    """Seconds to the first unhealthy verdict, or None in the whole release."""
    state = start(policy)
    for row in rows:
        state = step(policy, state, row)
        if judge(policy, state).outcome == "unhealthy":
            return row.second + row.span_s
    return None


def upper_bound(hits: int, runs: int, confidence: float = 0.99) -> float:
    """The upper Clopper-Pearson bound of a share."""
    if hits >= runs:
        return 1.0
    low, high = 1e-12, 1 - 1e-12
    for _ in range(60):
        p = (low + high) / 2
        logs = [lgamma(runs + 1) - lgamma(k + 1) - lgamma(runs - k + 1) + k * log(p) for k in range(hits + 1)]
        tail = sum(exp(one + (runs - k) * log1p(-p)) for k, one in enumerate(logs))
        low, high = (p, high) if tail > 1 - confidence else (low, p)
    return high


def wald_s(policy: Policy, rps: float, weight: float, base: float, worse: float) -> float:
    """The least mean delay of any test with these false rollbacks against equality, in seconds."""
    bad, good = rps * weight * base * worse, rps * (1 - weight) * base
    seen, null = bad / (bad + good), weight
    kl = seen * log(seen / null) + (1 - seen) * log((1 - seen) / (1 - null))
    return log(1 / policy.false_rollbacks) / ((bad + good) * kl)


def false_rollbacks(runs: int, seed: int) -> None:
    """Same version on both arms."""
    print("| same against same | requests/s, weight, errors | rolled back | 99 % upper bound |")
    print("|---|---|---|---|")
    for world in (steady, shocks):
        for name, policy in POLICIES.items():
            hits = [_hits(policy, cell, world, runs, seed) for cell in CELLS]
            for cell, some in zip(CELLS, hits, strict=True):
                print(
                    f"| {world.__name__}, {name} | {_said(cell)} | {some} of {runs} | {upper_bound(some, runs):.2%} |"
                )
            total, every = sum(hits), runs * len(CELLS)
            share, bound = total / every, upper_bound(total, every)
            print(f"| **{world.__name__}, {name}** | all | **{share:.2%}** | {bound:.2%} |", flush=True)


def _hits(policy: Policy, cell: Cell, world: World, runs: int, seed: int) -> int:
    hits = 0
    for run in range(runs):
        random = Random(f"{seed} {world.__name__} {cell} {run}")
        rows = traffic(random, cell[0], cell[1], world(cell[2], random), 1.0, 10)
        hits += convicted_at(policy, rows) is not None
    return hits


def _said(cell: Cell) -> str:
    return f"{cell[0]}, {cell[1]:.0%}, {cell[2]:.1%}"


def delays(runs: int, seed: int) -> None:
    """A candidate that is worse from the start, judged without a margin, which Wald's bound is for."""
    print("\n| worse | requests/s, weight, errors | found | mean, median s | Wald s | mean/Wald |")
    print("|---|---|---|---|---|---|")
    policy = POLICIES["margin 0"]
    for worse in (5.0, 10.0):
        for cell in CELLS:
            bound = wald_s(policy, *cell, worse)
            found = _delays(policy, cell, worse, runs, seed)
            row = f"| {worse:g}x | {_said(cell)} | {len(found)} of {runs} "
            if found:
                row += f"| {mean(found):.0f}, {median(found):.0f} | {bound:.0f} | {mean(found) / bound:.2f} |"
            print(row, flush=True)


def _delays(policy: Policy, cell: Cell, worse: float, runs: int, seed: int) -> list[float]:
    times = []
    for run in range(runs):
        random = Random(f"{seed} {worse} {cell} {run}")
        rows = traffic(random, cell[0], cell[1], steady(cell[2], random), worse, 1)
        times.append(convicted_at(policy, rows))
    return [one for one in times if one is not None]


def cost(seed: int) -> None:
    """Microseconds of one look, in process time."""
    random, policy = Random(seed), Policy()
    rows = list(traffic(random, 1000, 0.05, steady(0.001, random), 1.0, 10)) * 10
    state, began = start(policy), time.process_time()
    for row in rows:
        state = step(policy, state, row)
    stepped = time.process_time()
    for _ in range(2000):
        judge(policy, state)
    judged = time.process_time()
    folding, judging = 1e6 * (stepped - began) / len(rows), 1e6 * (judged - stepped) / 2000
    print(f"\n| a look | µs |\n|---|---|\n| fold one window | {folding:.1f} |\n| judge | {judging:.1f} |")


def main() -> None:
    """Read the options and print the tables."""
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--runs", type=int, default=40, help="releases for each row (default 40)")
    options.add_argument("--seed", type=int, default=1)
    chosen = options.parse_args()
    false_rollbacks(chosen.runs, chosen.seed)
    delays(chosen.runs, chosen.seed)
    cost(chosen.seed)


if __name__ == "__main__":
    main()

"""How often a candidate as fast as stable is rolled back for its response times: p50, p95 and p99 at once, beside its errors.

    python -m bench verdict-latency --releases 2400 --keep FOLDER

`--releases` are those of each law of response times, spread evenly over twelve cells; three hours, looked at each second. Both
tolerances judge the same traffic. The source has buckets of 8 % around the quantiles, and coarse ones elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from math import erf, inf, log, sqrt

import numpy as np

from bench import paper
from bench.paper import Asked, Cell, Floats, Ints
from penstock.core.latency import EDGES
from penstock.core.policy import LatencyRule, Policy
from penstock.core.simulated import upper_bound
from penstock.simulation.lanes import Counts, Lanes
from penstock.simulation.world import Sky, Weather, arm_of

CELLS = tuple(Cell(rps, weight, 0.001) for rps, weight in product((1.0, 10.0, 100.0, 1000.0), (0.01, 0.05, 0.25)))
QUANTILES = (0.5, 0.95, 0.99)
TOLERANCES = {"no tolerance": 1.0, "tolerance 1.1×": 1.1}
_MEDIAN_US, _SIGMA, _TAIL = 20_000.0, 0.6, 1.5
_LOGS = np.linspace(log(_MEDIAN_US) - 12, log(_MEDIAN_US) + 12, 4801)


STILL = Weather()


@dataclass(frozen=True)
class Law:
    """Response times: the share below a time that is so many medians; in a weather that slows both arms alike."""

    name: str
    below: Callable[[float], float]
    weather: Weather = STILL

    def quantile(self, share: float) -> float:
        """In microseconds."""
        return float(np.exp(np.interp(share, self._shares(), _LOGS)))

    def buckets(self) -> tuple[float, ...]:
        """Every second of our own edges near the quantiles, every tenth elsewhere."""
        near = [self.quantile(share) for share in QUANTILES]
        kept = [
            edge
            for at, edge in enumerate(EDGES[:-1])
            if at % 10 == 0 or (at % 2 == 0 and any(0.75 <= edge / one <= 1.5 for one in near))
        ]
        low, high = near[0] / 8, near[-1] * (8 if self.weather.shock == 0 else 40)
        return (*(edge for edge in kept if low <= edge <= high), inf)

    def chances(self, edges: Sequence[float], slower: Floats) -> Floats:
        """The chance of each bucket where times are so many times longer; shaped (lanes, buckets)."""
        at = np.log(np.array(edges[:-1]))[None, :] - np.log(slower)[:, None]
        passed = np.interp(at, _LOGS, self._shares())
        whole = np.concatenate([np.zeros((len(slower), 1)), passed, np.ones((len(slower), 1))], axis=1)
        chances: Floats = np.diff(whole, axis=1)
        return chances

    def _shares(self) -> Floats:
        return np.array([self.below(times) for times in np.exp(_LOGS - log(_MEDIAN_US))])


def log_normal(times: float) -> float:
    """Log-normal, log sd 0.6."""
    return 0.5 * (1 + erf(log(times) / (_SIGMA * sqrt(2))))


def heavy(times: float) -> float:
    """Lomax with shape 1.5, scaled to a median of 1: a mean, and no variance."""
    return float(1 - (1 + (2 ** (1 / _TAIL) - 1) * times) ** -_TAIL)


LAWS = (
    Law("log-normal, log sd 0.6", log_normal),
    Law("heavy tail (Lomax 1.5)", heavy),
    Law("log-normal, both arms slowed together (log sd 0.3, and 5 min at 20×)", log_normal, Weather(shock=0.3)),
)


def policy_of(law: Law, tolerance: float) -> Policy:
    """All three quantiles, beside errors at the default margin; stable's quantiles are known from history."""
    rules = tuple(LatencyRule(share, None, tolerance, past_us=law.quantile(share)) for share in QUANTILES)
    return Policy(latency=rules, edges=law.buckets())


def shard(law: Law, per_cell: int, seed: Sequence[int], span_s: int = paper.RELEASE_S) -> dict[str, list[int]]:
    """Rolled back releases of every cell, by tolerance."""
    cells, edges, rng = CELLS * per_cell, law.buckets(), np.random.default_rng(seed)
    size = len(cells)
    rps, weight, base = (np.array(part) for part in zip(*cells, strict=True))
    every = {name: Lanes(policy_of(law, ratio), size, past=base, edges=edges) for name, ratio in TOLERANCES.items()}
    sky, era = Sky(law.weather, size, rng, float(span_s)), np.ones(size, np.int64)
    chances = law.chances(edges, np.ones(size))
    for second in range(span_s):
        if law.weather.shock:
            chances = law.chances(edges, sky.at(second)[1])
        arms = (*arm_of(rng, rps * weight, base, 1.0), *arm_of(rng, rps * (1 - weight), base, 1.0))
        slow: list[Ints] = [rng.multinomial(requests, chances) for requests in (arms[0], arms[2])]
        for lanes in every.values():
            lanes.step(float(second), Counts(*arms, *slow), era)
    return {name: lanes.convicted.reshape(per_cell, -1).sum(axis=0).tolist() for name, lanes in every.items()}


def measured(law: Law, asked: Asked) -> tuple[int, dict[str, list[int]]]:
    """Releases of each cell, and what was rolled back, over all shards."""
    total = {name: [0] * len(CELLS) for name in TOLERANCES}
    sizes = paper.shards(-(-asked.releases // len(CELLS)), 10 * len(CELLS))  # histograms: fewer lanes fit a cache
    verdict = [paper.fingerprint(Policy()), str(policy_of(law, 1.0).priors)]
    for at, size in enumerate(sizes):
        if not asked.takes(at):
            continue
        seed = [asked.seed, LAWS.index(law), at, 99]
        key = {"table": "latency", "law": law.name, "per cell": size, "seed": seed, "verdict": verdict}
        found = paper.remembered(asked, key, lambda size=size, seed=seed: shard(law, size, seed))  # type: ignore[misc]
        total = {name: [a + b for a, b in zip(total[name], found[name], strict=True)] for name in total}
        paper.told(f"{law.name}: shard {at + 1} of {len(sizes)}")
    return sum(sizes), total


def main(argv: Sequence[str] = ()) -> None:
    """Every law."""
    asked = paper.asked(argv, 240, "of each law of response times")
    if asked.part is None:
        print(
            f"{paper.command('verdict-latency', asked)}; a cell is requests/s, the candidate's weight, stable's errors\n"
        )
        paper.heading(
            "same against same, three hours", "p50, p95, p99", "releases", "rolled back", "share", "99 % upper bound",
            "worst cell", "promise of 1 %",
        )  # fmt: skip
    for law in LAWS:
        per_cell, found = measured(law, asked)
        for name, hits in found.items() if asked.part is None else ():
            runs, total, at = per_cell * len(CELLS), sum(hits), int(np.argmax(hits))
            worst = min(1.0, len(CELLS) * paper.no_less(hits[at], per_cell, 0.01))
            paper.row(
                law.name, name, f"{runs:,}", total, paper.percent(total / runs),
                paper.percent(upper_bound(total, runs)),
                f"{CELLS[at]}: {hits[at]} of {per_cell} (p = {worst:.2g})" if total else "–",
                paper.promise(total, runs, worst, 0.01),
            )  # fmt: skip


if __name__ == "__main__":
    main()

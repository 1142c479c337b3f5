"""How often a candidate as fast as stable is rolled back for its response times: p50, p95 and p99 at once, beside its errors.

    python -m bench verdict-latency --releases 20000 --keep FOLDER

`--releases` are those of each law of response times, spread evenly over twelve cells; three hours, looked at each second. Both
tolerances judge the same traffic. The source has buckets of 8 % around the quantiles, and coarse ones elsewhere. Response times
are drawn as `simulation.histograms` says: exact in distribution.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from itertools import product
from math import erf, inf, log, sqrt

import numpy as np
from numpy.typing import NDArray

from bench import paper
from bench.paper import Asked, Cell, Convicting, Floats, Ints
from bench.shards import Hits, counted
from penstock.core.latency import EDGES
from penstock.core.policy import LatencyRule, Policy
from penstock.core.simulated import upper_bound
from penstock.simulation.histograms import Drawn, Whole
from penstock.simulation.lanes import Counts, Lanes
from penstock.simulation.world import Sky, Weather, arm_of

CELLS = tuple(Cell(rps, weight, 0.001) for rps, weight in product((1.0, 10.0, 100.0, 1000.0), (0.01, 0.05, 0.25)))
QUANTILES = (0.5, 0.95, 0.99)
TOLERANCES = {"no tolerance": 1.0, "tolerance 1.1×": 1.1}
_MEDIAN_US, _SIGMA, _TAIL = 20_000.0, 0.6, 1.5
NEVER = 1e-300  # so that no lane is ever stopped
WEATHER_S = 10
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

    @cache  # noqa: B019
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


@dataclass(frozen=True)
class Tolerated(LatencyRule):
    """One tolerance's rule among those of both."""

    @property
    def name(self) -> str:
        """`p99 1.1x`."""
        return f"p{self.quantile * 100:g} {self.ratio:g}x"


class Both:
    """Both tolerances' judgement of the same lanes, in one fold: channels of errors are the same, and those of times stand
    beside each other. They are weighed apart, each tolerance's as its own policy does. Nothing is accepted, and a lane goes on
    after a conviction: neither moves another lane or look.
    """

    def __init__(self, law: Law, past: Floats, times: Whole | Drawn) -> None:
        alone = {name: policy_of(law, ratio) for name, ratio in TOLERANCES.items()}
        rules = tuple(Tolerated(**asdict(rule)) for policy in alone.values() for rule in policy.latency)
        policy = Convicting(latency=rules, edges=law.buckets(), false_rollbacks=NEVER)
        self.lanes = Lanes(policy, len(past), past=past, times=times)
        self._weights = {name: _renamed(policy) for name, policy in alone.items()}
        self.highest = {name: np.ones(len(past)) for name in TOLERANCES}

    def step(self, second: float, now: Counts, era: Ints) -> None:
        """One more second."""
        self.lanes.step(second, now, era)
        for name, highest in self.highest.items():
            np.maximum(highest, self.odds(name), out=highest)

    def odds(self, name: str) -> Floats:
        """What a tolerance has against the candidates."""
        return self.lanes.weighed(self._weights[name])

    def convicted(self, name: str) -> NDArray[np.bool_]:
        """Lanes that a tolerance rolled back at some look."""
        return self.highest[name] >= 1 / Policy().false_rollbacks


def _renamed(policy: Policy) -> dict[str, float]:
    """A policy's weights by the names that its rules have among those of both."""
    own = {rule.name: Tolerated(**asdict(rule)).name for rule in policy.latency}
    return {own.get(name, name): share for name, share in policy.weights.items()}


def play(law: Law, per_cell: int, seed: Sequence[int], span_s: int = paper.RELEASE_S) -> Both:
    """So many good releases of every cell. What slows both arms stands still for `WEATHER_S` at a time."""
    cells, edges, rng = CELLS * per_cell, law.buckets(), np.random.default_rng(seed)
    size = len(cells)
    rps, weight, base = (np.array(part) for part in zip(*cells, strict=True))
    times = Drawn(size, edges, rng)
    both = Both(law, base, times)
    sky, era = Sky(law.weather, size, rng, float(span_s)), np.ones(size, np.int64)
    chances = law.chances(edges, np.ones(1))
    times.law(chances, chances)
    for second in range(span_s):
        if law.weather.shock and second % WEATHER_S == 0:
            chances = law.chances(edges, sky.at(second, WEATHER_S)[1])
            times.law(chances, chances)
        arms = (*arm_of(rng, rps * weight, base, 1.0), *arm_of(rng, rps * (1 - weight), base, 1.0))
        both.step(float(second), Counts(*arms), era)
    return both


def shard(law: Law, per_cell: int, seed: Sequence[int], span_s: int = paper.RELEASE_S) -> Hits:
    """Rolled back releases of every cell, by tolerance."""
    both = play(law, per_cell, seed, span_s)
    return {name: both.convicted(name).reshape(per_cell, -1).sum(axis=0).tolist() for name in TOLERANCES}


def measured(law: Law, asked: Asked) -> tuple[int, Hits]:
    """Releases of each cell, and what was rolled back, over all shards."""
    sample = play(law, 2, [0], 60)
    verdict = [f"{np.log(sample.highest[name]).sum():.6f}" for name in TOLERANCES]
    key = {"table": "latency", "law": law.name, "verdict": verdict}
    return counted(asked, law.name, len(CELLS), [LAWS.index(law)], key, lambda size, seed: shard(law, size, seed))


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

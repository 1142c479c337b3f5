"""Kayenta: the ranks of per-minute points of both arms, compared once in an interval. By behaviour, not by its code."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, sqrt
from statistics import NormalDist

import numpy as np

from penstock.simulation.peers.traces import NEVER, Floats, Ints, Traces, share


@dataclass(frozen=True)
class Shift:
    """How much higher one sample lies than another: the Hodges-Lehmann estimate and its confidence interval."""

    low: float
    estimate: float
    high: float


def shift(experiment: Floats, control: Floats, confidence: float = 0.98) -> Shift:
    """The interval of Mann and Whitney by inversion, as R's `wilcox.test(exact=FALSE, conf.int=TRUE)` defines it.

    With all differences experiment - control sorted, D_1 <= ... <= D_N, the rank sum after a shift by mu changes only at a D. So
    the bounds are D_k and D_(N+1-k) with k = ceil(N/2 - 1/2 - z*sigma), at least 1, sigma corrected for ties inside an arm, and
    the estimate is the median D. R and Kayenta search for these points, and stop within 1e-4 of them, in the metric's own unit.
    Neither sample may be empty or hold a NaN.
    """
    pairs = experiment.size * control.size
    at = _bound_at(experiment, control, confidence)
    middle = sorted({(pairs - 1) // 2, pairs // 2})
    ordered = np.partition((experiment[:, None] - control[None, :]).ravel(), [at - 1, *middle, pairs - at])
    return Shift(float(ordered[at - 1]), float(np.mean(ordered[middle])), float(ordered[pairs - at]))


def is_high(experiment: Floats, control: Floats, tolerance: float, confidence: float) -> bool:
    """Kayenta's High: the whole interval lies over `tolerance` times the estimate's size, and the mean is no lower.

    The tolerance is a part of the shift itself, not of the baseline: however small, a shift that is significant enough is High.
    """
    lower_mean = 0 < experiment.mean() < control.mean()
    below = np.searchsorted(np.sort(experiment), control, side="right").sum()  # differences that are zero or less
    if lower_mean or below >= _bound_at(experiment, control, confidence):
        return False  # the interval's lower end is not above zero: the rest need not be sorted
    seen = shift(experiment, control, confidence)
    return seen.low > tolerance * abs(seen.estimate)


@dataclass(frozen=True)
class Kayenta:
    """NetflixACAJudge on error rates per minute (and 99th percentiles, where the traces have them), each with direction
    `increase`, in one group with the thresholds 95 and 75: any metric that is High fails the run, and one failed run rolls back.

    Runs are `interval_s` apart over all points since the start (a growing lookback). Minutes without requests are left out; a
    metric without a point in an arm is no data, and at half of the metrics or more that fails too. `fresh_baseline` compares with
    as many of stable's requests as the candidate has, drawn by `seed`: Kayenta's best practice is a baseline of the same size.
    """

    interval_s: int = 3600
    fresh_baseline: bool = False
    tolerance: float = 0.25
    confidence: float = 0.98
    seed: int = 5
    source: str = "spinnaker/kayenta NetflixACAJudge.scala, MannWhitney.scala; spinnaker.io/docs/guides/user/canary/best-practices"

    @property
    def name(self) -> str:
        every = f"{self.interval_s // 3600} h" if self.interval_s % 3600 == 0 else f"{self.interval_s // 60} min"
        return f"Kayenta, {every} interval" + (", fresh baseline" if self.fresh_baseline else "")

    @property
    def described(self) -> str:
        return (
            f"Mann-Whitney on points of a minute, confidence {100 * self.confidence:g} %, tolerance {self.tolerance:g}, "
            f"each {self.interval_s} s over everything since the start"
        )

    def rolled_back_at(self, traces: Traces) -> Ints:
        looks = traces.minutes
        pairs = [(share(looks.k_c, looks.n_c), self._baseline(looks))]
        if looks.p99_c_ms is not None and looks.p99_b_ms is not None:
            pairs.append((looks.p99_c_ms, looks.p99_b_ms))
        each_run = [[(c[run], b[run]) for c, b in pairs] for run in range(traces.runs)]
        return np.array([self._rolled_back_at(metrics) for metrics in each_run], dtype=np.int64)

    def _baseline(self, looks: Traces) -> Floats:
        if not self.fresh_baseline:
            return share(looks.k_b, looks.n_b)
        drawn = np.minimum(looks.n_c, looks.n_b)
        chance = np.random.default_rng(self.seed)
        # minute by minute, so that what is drawn does not depend on what comes later
        errors = chance.hypergeometric(looks.k_b.T, (looks.n_b - looks.k_b).T, drawn.T).T
        return share(errors, drawn)

    def _rolled_back_at(self, metrics: list[tuple[Floats, Floats]]) -> int:
        every = self.interval_s // 60
        looks = range(every, metrics[0][0].size + 1, every)
        return next(
            (points * 60 for points in looks if self._fails([(c[:points], b[:points]) for c, b in metrics])), NEVER
        )

    def _fails(self, metrics: list[tuple[Floats, Floats]]) -> bool:
        seen = [(c[~np.isnan(c)], b[~np.isnan(b)]) for c, b in metrics]
        known = [(c, b) for c, b in seen if c.size and b.size]
        if 2 * len(known) <= len(seen):
            return True
        return any(is_high(c, b, self.tolerance, self.confidence) for c, b in known)


def _bound_at(experiment: Floats, control: Floats, confidence: float) -> int:
    """Which of the sorted differences, from 1, is the lower bound."""
    x, y = experiment.size, control.size
    ties = sum(float(np.sum(counts**3 - counts)) for counts in (_equal(experiment), _equal(control)))
    sigma = sqrt(x * y / 12 * (x + y + 1 - ties / ((x + y) * (x + y - 1))))
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    return max(1, ceil(x * y / 2 - 0.5 - z * sigma))


def _equal(values: Floats) -> Floats:
    return np.unique(values, return_counts=True)[1].astype(np.float64)

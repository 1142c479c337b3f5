"""A test that was made for one look, looked at each second."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from penstock.simulation.peers.traces import NEVER, Bools, Ints, Traces, first

_RUNS_AT_ONCE = 64  # bounds memory: three hours of seconds are 5 MB a column of sums


@dataclass(frozen=True)
class Peeking:
    """The pooled z-test of two proportions over everything seen so far, stopped at the first look that is significant.

    One-sided: only a worse candidate is rolled back.
    """

    alpha: float = 0.01
    source: str = "any textbook; what peeking costs: Armitage, McPherson and Rowe 1969"

    @property
    def name(self) -> str:
        return f"peeking z-test, {100 * self.alpha:g} %"

    @property
    def described(self) -> str:
        return f"two proportions, pooled, significant at {100 * self.alpha:g} % at any look"

    def rolled_back_at(self, traces: Traces) -> Ints:
        found = [self._some(traces.rows(at, at + _RUNS_AT_ONCE)) for at in range(0, traces.runs, _RUNS_AT_ONCE)]
        return np.concatenate(found) if found else np.full(0, NEVER, dtype=np.int64)

    def _some(self, traces: Traces) -> Ints:
        columns = (traces.n_c, traces.k_c, traces.n_b, traces.k_b)
        n_c, k_c, n_b, k_b = (np.cumsum(each, axis=1, dtype=np.float64) for each in columns)
        # z = (k_c/n_c - k_b/n_b) / sqrt(p (1-p) (1/n_c + 1/n_b)), multiplied out: no division, nothing is NaN
        excess = k_c * n_b - k_b * n_c
        k, n = k_c + k_b, n_c + n_b
        least = NormalDist().inv_cdf(1 - self.alpha)
        fires: Bools = (excess > 0) & (excess**2 * n > least**2 * k * (n - k) * n_c * n_b)
        return first(fires, traces.step_s)

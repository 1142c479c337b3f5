"""Traffic that several policies judge: many releases at once, as arrays of counts."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

NEVER = -1


@dataclass(frozen=True, eq=False)
class Traces:
    """Requests and errors of the candidate (`n_c`, `k_c`) and of stable (`n_b`, `k_b`): whole numbers, shaped (runs, columns).

    A column lasts `step_s` seconds. `p99_c_ms` and `p99_b_ms`, shaped (runs, minutes), are the 99th percentiles of each minute's
    latency, NaN in a minute without requests; policies that judge latency leave it out where they are missing.
    Raises ValueError when shapes do not agree.
    """

    n_c: NDArray[np.integer]
    k_c: NDArray[np.integer]
    n_b: NDArray[np.integer]
    k_b: NDArray[np.integer]
    p99_c_ms: Floats | None = None
    p99_b_ms: Floats | None = None
    step_s: int = 1

    def __post_init__(self) -> None:
        shapes = {counts.shape for counts in (self.n_c, self.k_c, self.n_b, self.k_b)}
        if len(shapes) > 1 or self.n_c.ndim != 2:
            raise ValueError(f"counts are shaped (runs, columns), all alike: {sorted(shapes)}")
        minutes = (self.n_c.shape[0], self.n_c.shape[1] * self.step_s // 60)
        for quantiles in (self.p99_c_ms, self.p99_b_ms):
            if quantiles is not None and quantiles.shape != minutes:
                raise ValueError(f"quantiles are shaped (runs, minutes), {minutes}: {quantiles.shape}")

    @property
    def runs(self) -> int:
        """How many releases these are."""
        return int(self.n_c.shape[0])

    @cached_property
    def minutes(self) -> Traces:
        """The same traffic, a column a minute: what most policies look at."""
        return self.by(60)

    def by(self, span_s: int) -> Traces:
        """The same traffic in columns of `span_s` seconds, a multiple of `step_s`; an unfinished last one is left out."""
        if span_s == self.step_s:
            return self
        if span_s % self.step_s:
            raise ValueError(f"{span_s} s are not whole columns of {self.step_s} s")
        n_c, k_c, n_b, k_b = (_summed(each, span_s // self.step_s) for each in (self.n_c, self.k_c, self.n_b, self.k_b))
        minutes = n_c.shape[1] * span_s // 60
        c, b = (None if each is None else each[:, :minutes] for each in (self.p99_c_ms, self.p99_b_ms))
        return Traces(n_c, k_c, n_b, k_b, c, b, span_s)

    def rows(self, start: int, stop: int) -> Traces:
        """Some of the releases."""
        some = slice(start, stop)
        c, b = (None if each is None else each[some] for each in (self.p99_c_ms, self.p99_b_ms))
        return Traces(self.n_c[some], self.k_c[some], self.n_b[some], self.k_b[some], c, b, self.step_s)


def share(errors: NDArray[np.integer], requests: NDArray[np.integer]) -> Floats:
    """Errors per request, NaN where there was no request."""
    shares: Floats = np.divide(errors, requests, out=np.full(errors.shape, np.nan), where=requests > 0)
    return shares


def trailing(counts: NDArray[np.integer], columns: int) -> Ints:
    """At each column the sum of the last `columns`, of fewer at the beginning."""
    sums: Ints = np.cumsum(counts, axis=1, dtype=np.int64)
    result = sums.copy()
    result[:, columns:] -= sums[:, :-columns]
    return result


def first(fires: Bools, every_s: int) -> Ints:
    """The second of each run's first look that fires, when column i is looked at after (i+1)*every_s; `NEVER` if none does."""
    at = (np.argmax(fires, axis=1) + 1) * every_s if fires.shape[1] else np.zeros(fires.shape[0])
    return np.where(fires.any(axis=1), at, NEVER).astype(np.int64)


def _summed(counts: NDArray[np.integer], columns: int) -> Ints:
    runs, whole = counts.shape[0], counts.shape[1] // columns
    summed: Ints = counts[:, : whole * columns].reshape(runs, whole, columns).sum(axis=2, dtype=np.int64)
    return summed

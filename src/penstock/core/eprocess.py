"""Bets on error counts whose pay-off is evidence: factors, mixtures and start times.

An e-variable is a pay-off whose mean is at most 1 while the claim it bets against is true; a product of them
is an e-process. Looked at as often as one likes, the chance that it ever reaches 1/alpha while the claim is
true is at most alpha (Ville). Everything here is kept as natural logarithms.

One window has `nC` requests and `kC` errors on the candidate, `nB` and `kB` on stable. Against the claim
`pC <= rho*pB + delta`, for any `a > 1` fixed before the errors are known, the factor is

    e = a^kC * b^kB * exp(-nC*delta*(a-1)),    b = 1 - rho*(nC/nB)*(a-1) > 0                  (*)

Proof: (1+p(x-1))^n <= exp(n*p*(x-1)), hence E[e] <= exp(nC*(a-1)*(pC - rho*pB - delta)) <= 1. With `a < 1`
the same holds against the claim `pC >= rho*pB + delta`. It asks only that requests of one window are
independent given its error rates: those may drift, jump and be shared, and the split may change from window
to window. No error rate is estimated; a guess steers only how fast evidence grows.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import exp, log, log1p, sqrt

CAP = 2.0  # log of the most that one window may multiply evidence by
_LEAST_B = 1e-9


@dataclass(frozen=True)
class Counts:
    """Requests, and how many of them were errors."""

    requests: int = 0
    errors: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(self.requests + other.requests, self.errors + other.errors)


NOTHING = Counts()


@dataclass(frozen=True)
class Margin:
    """How much worse the candidate may be: `pC <= ratio*pB + points`, with points as a fraction of 1."""

    ratio: float
    points: float

    def edge(self, base: float) -> float:
        """The candidate's error rate at the edge of the margin when stable's is `base`."""
        return self.ratio * base + self.points


@dataclass(frozen=True)
class Starts:
    """When bets start, so that a regression that begins late is found too.

    `first` of the weight bets from the beginning; the rest is spread evenly over one start for each `every_s`
    of watched time up to `horizon_s`. Weight that has not started yet is kept as cash. The weights add up to
    1, so the bound holds for the whole release, however long it is; after the horizon no bet starts any more,
    the running ones go on. Until the horizon a start costs log(2*horizon_s/every_s) at the default half: 5.9
    for three hours.
    """

    first: float = 0.5
    every_s: float = 60.0
    horizon_s: float = 10_800.0

    @cached_property
    def later(self) -> int:
        """How many bets start after the beginning."""
        return int(self.horizon_s // self.every_s) if self.first < 1 else 0

    @cached_property
    def at_once(self) -> float:
        """The weight that bets from the beginning: all of it if nothing starts later."""
        return self.first if self.later else 1.0

    @cached_property
    def each(self) -> float:
        """The weight of one later start."""
        return (1 - self.first) / self.later if self.later else 0.0

    def due(self, watched_s: float) -> int:
        """How many of the later bets have started after so much watched time."""
        return min(self.later, int(watched_s // self.every_s))


AT_ONCE = Starts(first=1.0)


@dataclass(frozen=True)
class Process:
    """A mixture of running bets: for each the log of weight times winnings; and how many starts were made."""

    logs: tuple[float, ...]
    started: int = 0


def begin(size: int, starts: Starts = AT_ONCE) -> Process:
    """A process over `size` alternatives of equal weight, before any window."""
    return Process((log(starts.at_once / size),) * size)


def grow(process: Process, starts: Starts, watched_s: float, factors: Sequence[float]) -> Process:
    """The process after a window: a log factor for each bet; `watched_s` is the time watched before it."""
    due = starts.due(watched_s)
    logs: Iterable[float] = process.logs
    if due > process.started:
        fresh = log((due - process.started) * starts.each / len(process.logs))
        logs = [_log_add(running, fresh) for running in logs]
    return Process(tuple([running + factor for running, factor in zip(logs, factors, strict=True)]), due)


def log_value(process: Process, starts: Starts = AT_ONCE) -> float:
    """Log of all winnings, cash included; 0 before the first window."""
    cash = (starts.later - process.started) * starts.each
    return log_sum((*process.logs, log(cash)) if cash > 0 else process.logs)


def log_sum(logs: Sequence[float]) -> float:
    """Log of the sum of what the logs stand for."""
    top = max(logs)
    return top + log(sum([exp(one - top) for one in logs]))


def log_factor(candidate: Counts, stable: Counts, a: float, margin: Margin) -> float:
    """Log of (*) for one window; 0, no evidence, if the margin compares and an arm has no request."""
    return log_factors(candidate, stable, (a,), margin)[0]


def log_factors(candidate: Counts, stable: Counts, bets: Sequence[float], margin: Margin) -> list[float]:
    """Log of (*) for one window, for each `a` of `bets`."""
    errors, exposed = candidate.errors, candidate.requests * margin.points
    if margin.ratio == 0:
        return [errors * log(a) - exposed * (a - 1) for a in bets]
    if not (candidate.requests and stable.requests):
        return [0.0] * len(bets)
    share, others = margin.ratio * candidate.requests / stable.requests, stable.errors
    return [errors * log(a) - exposed * (a - 1) + others * log1p(-share * (a - 1)) for a in bets]


def growth_optimal(alternative: float, base: float, split: float, margin: Margin) -> float:
    """The `a` under which evidence grows fastest if pC is `alternative` and pB is `base`; `split` is nC/nB.

    The smaller root of delta*rho*r*a^2 - a*(rho*r*pC + rho*pB + delta*(1+rho*r)) + pC*(1+rho*r) = 0; `b`
    stays above 0.
    """
    share = margin.ratio * split
    square = margin.points * share
    linear = share * alternative + margin.ratio * base + margin.points * (1 + share)
    constant = alternative * (1 + share)
    a = 2 * constant / (linear + sqrt(max(0.0, linear * linear - 4 * square * constant)))
    return min(a, 1 + (1 - _LEAST_B) / share) if share else a


def bets_against(base: float, split: float, margin: Margin, ratios: Sequence[float]) -> list[float]:
    """`a >= 1` against `pC <= ratio*pB + points` for each alternative: `ratios` times the edge at `base`."""
    edge = margin.edge(base)
    return [max(1.0, growth_optimal(min(1.0, x * edge), base, split, margin)) for x in ratios]


def bets_for(base: float, split: float, margin: Margin, ratios: Sequence[float]) -> list[float]:
    """An `a <= 1` against `pC >= ratio*pB + points` for each alternative: `ratios` times `base`."""
    return [min(1.0, growth_optimal(min(1.0, x * base), base, split, margin)) for x in ratios]


def tempered(factors: Iterable[float], dispersion: float = 1.0, cap: float = CAP) -> list[float]:
    """Factors made robust: the power 1/dispersion, then at most `cap`. Both keep the mean at most 1.

    `dispersion` bounds how many errors come as one cluster (or is variance/mean of the counts, known
    beforehand).
    """
    return [min(factor / dispersion, cap) for factor in factors]


def guess(past: Counts) -> float:
    """The error rate to bet with, from the past alone: (errors + 0.5) / (requests + 500)."""
    return (past.errors + 0.5) / (past.requests + 500)


def _log_add(one: float, other: float) -> float:
    low, high = (one, other) if one < other else (other, one)
    return high + log1p(exp(low - high))

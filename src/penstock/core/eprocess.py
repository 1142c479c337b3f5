"""Bets on error counts whose pay-off is evidence: factors, mixtures and start times.

An e-variable is a pay-off whose mean is at most 1 while the claim it bets against is true; a product of them
is an e-process. Looked at as often as one likes, the chance that it ever reaches 1/alpha while the claim is
true is at most alpha (Ville). Factors are natural logarithms, winnings plain numbers.

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
from functools import cached_property, lru_cache
from math import exp, inf, log, log1p, sqrt

MOST = 1e299  # winnings beyond are as good as this
CAP = 2.5  # log of the most that one window may multiply evidence by
_LEAST_B = 1e-9
_PAYABLE = 0.95  # of the largest bet on clusters that could still be paid


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
    the running ones go on. A late start costs log(horizon_s/every_s/(1-first)) in evidence, less what its
    neighbours bring; a start from the beginning log(1/first).
    """

    first: float = 0.9
    every_s: float = 1.0
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
        started = int(watched_s // self.every_s)
        return started if started < self.later else self.later


AT_ONCE = Starts(first=1.0)


@dataclass(frozen=True)
class Prior:
    """Alternatives as multiples of the edge of a claim, and how much is bet on each; the shares add up to 1."""

    ratios: tuple[float, ...]
    shares: tuple[float, ...]

    @cached_property
    def logs(self) -> tuple[float, ...]:
        """The logarithms of the shares."""
        return tuple(log(share) for share in self.shares)

    def __len__(self) -> int:
        return len(self.ratios)


def evenly(*ratios: float) -> Prior:
    """The same share on each of some alternatives."""
    return Prior(ratios, (1 / len(ratios),) * len(ratios))


@dataclass(frozen=True)
class Process:
    """A mixture of running bets: for each its weight times its winnings, at most `MOST`; and how many starts were made.

    What a bet has lost below the least number that there is stays 0: only a later start brings it back.
    """

    bets: tuple[float, ...] = ()
    started: int = 0


def begin(prior: Prior, starts: Starts = AT_ONCE) -> Process:
    """A process over the alternatives of a prior, before any window."""
    return Process(tuple([starts.at_once * share for share in prior.shares]))


def grow(process: Process, prior: Prior, starts: Starts, watched_s: float, factors: Sequence[float]) -> Process:
    """The process after a window: a log factor for each bet; `watched_s` is the time watched before it."""
    due, bets = starts.due(watched_s), process.bets
    if due > process.started:
        fresh = (due - process.started) * starts.each
        grown = [(one + fresh * share) * exp(f) for one, share, f in zip(bets, prior.shares, factors, strict=True)]
    else:
        grown = [one * exp(f) for one, f in zip(bets, factors, strict=True)]
    return Process(tuple(grown if max(grown) < MOST else [min(MOST, one) for one in grown]), due)


def value(process: Process, starts: Starts = AT_ONCE) -> float:
    """All winnings, cash included; 1 before the first window."""
    return sum(process.bets) + (starts.later - process.started) * starts.each


def log_sum(logs: Sequence[float]) -> float:
    """Log of the sum of what the logs stand for."""
    top = max(logs)
    return top + log(sum([exp(one - top) for one in logs]))


def log_factors(
    candidate: Counts, stable: Counts, bets: Sequence[float], margin: Margin, dispersion: float = 1.0
) -> list[float]:
    """Log of (*) for one window, for each `a` of `bets`; with clusters (see `clustered`), of its form for these.

    0, no evidence, if the margin compares and an arm has no request.
    """
    errors, exposed, m = candidate.errors, candidate.requests * margin.points, (dispersion + 1) / 2
    if margin.ratio == 0:
        return [(errors * log_paid(a - 1, m) if errors else 0.0) - exposed * (a - 1) for a in bets]
    if not (candidate.requests and stable.requests):
        return [0.0] * len(bets)
    share, others = margin.ratio * candidate.requests / stable.requests, stable.errors
    if m == 1:
        if not errors:
            return [others * log1p(-share * (a - 1)) - exposed * (a - 1) for a in bets]
        return [errors * log(a) - exposed * (a - 1) + others * log1p(-share * (a - 1)) for a in bets]
    return [
        errors * log_paid(a - 1, m) - exposed * (a - 1) + others * log_paid(-share * (a - 1), m) for a in bets
    ]  # fmt: skip


def log_paid(gain: float, cluster: float) -> float:
    """Log of what one error pays if a whole cluster, of this mean size, is to pay 1 + gain for each error in the mean."""
    return log1p(gain) if cluster == 1 else log1p(cluster * gain) - log1p((cluster - 1) * gain)


def paired_factors(candidate: Counts, stable: Counts, worse: Sequence[float], base: float) -> list[float]:
    """Log factors against `pC <= pB` that are sharp for any share, also near a half: `worse` are odds ratios, `base` a guess.

    With pC at that odds ratio of pB and p0 their mean over both arms' requests, (Turner, Ly, Grunwald)

        e = (pC/p0)^kC * ((1-pC)/(1-p0))^(nC-kC) * (pB/p0)^kB * ((1-pB)/(1-p0))^(nB-kB)

    has a mean of at most 1 for every common p, by the inequality of means, and so for every pC <= pB: for an odds ratio
    above 1 it rises with kC and falls with kB. With odds ratios below 1 the same holds against `pC >= pB`.
    """
    n_c, n_b, k_c, k_b = candidate.requests, stable.requests, candidate.errors, stable.errors
    if not (n_c and n_b):
        return [0.0] * len(worse)
    n, k = n_c + n_b, k_c + k_b
    others = k_b * log(base) + (n_b - k_b) * log1p(-base)
    found = []
    for p_c, log_p, log_q in _at_odds(base, tuple(worse)):
        p_0 = (n_c * p_c + n_b * base) / n
        found.append(k_c * log_p + (n_c - k_c) * log_q + others - k * log(p_0) - (n - k) * log1p(-p_0))
    return found


@lru_cache(maxsize=64)
def _at_odds(base: float, worse: tuple[float, ...]) -> list[tuple[float, float, float]]:
    """For each odds ratio of `base` the share, its logarithm and that of the rest: the same for all windows of a guess."""
    shares = [odds * base / (1 + (odds - 1) * base) for odds in worse]
    return [(p, log(p), log1p(-p)) for p in shares]


def limit_factors(candidate: Counts, limit: float, worse: Sequence[float]) -> list[float]:
    """Log factors against `pC <= limit`: the likelihood ratio of a share at these odds ratios above the limit."""
    n, k = candidate.requests, candidate.errors
    shares = [odds * limit / (1 + (odds - 1) * limit) for odds in worse]
    return [k * log(p / limit) + (n - k) * (log1p(-p) - log1p(-limit)) for p in shares]


def growth_optimal(alternative: float, base: float, split: float, margin: Margin) -> float:
    """The `a` under which evidence grows fastest if pC is `alternative` and pB is `base`; `split` is nC/nB.

    The smaller root of delta*rho*r*a^2 - a*(rho*r*pC + rho*pB + delta*(1+rho*r)) + pC*(1+rho*r) = 0; `b`
    stays above 0.
    """
    return _single((alternative,), 1.0, base, split, margin)[0]


def _single(ratios: Sequence[float], unit: float, base: float, split: float, margin: Margin) -> list[float]:
    """`growth_optimal` for each alternative, a multiple of `unit`: what they share is reckoned once."""
    ratio, points = margin.ratio, margin.points
    share = ratio * split
    whole = 1 + share
    square, steady = 4 * points * share, ratio * base + points * whole
    most = 1 + (1 - _LEAST_B) / share if share else inf
    found = []
    for multiple in ratios:
        alternative = multiple * unit
        if alternative > 1:
            alternative = 1.0
        linear, constant = share * alternative + steady, alternative * whole
        rest = linear * linear - square * constant
        a = 2 * constant / (linear + (sqrt(rest) if rest > 0 else 0.0))
        found.append(a if a < most else most)
    return found


def clustered(alternative: float, base: float, split: float, margin: Margin, dispersion: float) -> float:
    """The best `a` for errors that come in clusters.

    Clusters of geometric size with mean m have over-dispersion d = 2m-1 (variance/mean of the counts). One error then pays
    x = (1+m*y)/(1+(m-1)*y) where a single one would pay 1+y, on both sides: for a compound Poisson count K with such
    clusters E[x^K] = exp(E[K]*y), exactly what (*) needs with y = a-1 and y = b-1, and less for smaller clusters. (Sizes
    need not be geometric: it is enough that the mean of what is left of a cluster never exceeds m.) With G the alternative
    over the edge and s = rho*r, evidence grows fastest at

        y = 2(G-1) / (d*(1+G*s) + sqrt((1+G*s)^2 + (d^2-1)*G*(1+s)^2)),

    exactly so without points, nearly so with them. Every pay-off stays positive: s*y < 1/m.
    """
    share, edge = margin.ratio * split, margin.edge(base)
    own = share * margin.ratio * base / edge if edge else share
    worse, seen = alternative / edge, 1 + alternative / edge * own
    root = sqrt(seen * seen + (dispersion * dispersion - 1) * worse * (1 + own) ** 2)
    y = 2 * (worse - 1) / (dispersion * seen + root)
    return 1 + min(y, _PAYABLE * 2 / ((dispersion + 1) * share)) if share else 1 + y


def best_bets(
    ratios: Sequence[float], unit: float, base: float, split: float, margin: Margin, dispersion: float = 1.0
) -> list[float]:
    """For each alternative, a multiple of `unit`, the `a` under which evidence grows fastest, if errors are so dispersed."""
    if dispersion == 1:
        return _single(ratios, unit, base, split, margin)
    return [clustered(min(1.0, one * unit), base, split, margin, dispersion) for one in ratios]


def bets_against(
    base: float, split: float, margin: Margin, ratios: Sequence[float], dispersion: float = 1.0
) -> list[float]:
    """`a >= 1` against `pC <= ratio*pB + points` for each alternative: `ratios` times the edge at `base`."""
    return [a if a > 1 else 1.0 for a in best_bets(ratios, margin.edge(base), base, split, margin, dispersion)]


def bets_for(
    base: float, split: float, margin: Margin, ratios: Sequence[float], dispersion: float = 1.0
) -> list[float]:
    """An `a <= 1` against `pC >= ratio*pB + points` for each alternative: `ratios` times `base`."""
    return [a if a < 1 else 1.0 for a in best_bets(ratios, base, base, split, margin, dispersion)]


def tempered(factors: Iterable[float], dispersion: float = 1.0, cap: float = CAP) -> list[float]:
    """Factors made robust: the power 1/dispersion, then at most `cap`. Both keep a mean of at most 1.

    The power is rigorous where dispersion bounds how many come as one cluster, and a habit of caution where it is
    variance/mean: for errors `clustered` is exact.
    """
    if dispersion != 1:
        factors = [factor / dispersion for factor in factors]
    return [factor if factor < cap else cap for factor in factors]


def guess(past: Counts) -> float:
    """The error rate to bet with, from the past alone: (errors + 0.5) / (requests + 500)."""
    return (past.errors + 0.5) / (past.requests + 500)

"""What releases on paper came to: plain figures, for a table, a page and JSON. Pure; whoever makes them is `simulation`."""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, inf, lgamma, log, log1p


@dataclass(frozen=True)
class Spread:
    """How a figure is spread over releases: its mean, and the values that 10, 50 and 90 % of them do not exceed."""

    mean: float
    p10: float
    median: float
    p90: float


@dataclass(frozen=True)
class Traffic:
    """What was simulated: requests a second, stable's error rate (a fraction), its response times (None: not simulated).

    Errors come in clusters of `cluster` in the mean (1: one by one). `of` says where all that was taken from.
    """

    rps: float
    error_rate: float
    median_ms: float | None
    p99_ms: float | None
    cluster: float
    of: str


@dataclass(frozen=True)
class Good:
    """Releases as good as stable. `at_most` is the 99 % upper bound (Clopper-Pearson) of the share that is rolled back.

    `rolled_back` by the evidence; `undecided` when patience ended; `promoted_s` is the time to 100 % of those that were promoted.
    """

    runs: int
    rolled_back: int
    at_most: float
    undecided: int
    promoted: int
    promoted_s: Spread | None


@dataclass(frozen=True)
class Fault:
    """Releases with a fault: so many times stable's errors, or response times, from `begins_s` on.

    `inside`: the policy's own margins allow it, so it is no fault by the policy. `promotable`: it is worse than `against_stable`
    allows, and not worse than `promote_at`, so that it may be accepted before it is convicted.

    `found` were rolled back by the evidence, `found_s` after it began, and `harmed` users until then: failed requests in excess
    of what stable would have made, or requests beyond stable's highest judged quantile in excess of its share. Releases that
    ended otherwise are not in these two.
    `early` of the promoted were so before the fault began.
    `predicted_s` is the mean foretold by `core.prediction`, `limit_s` Wald's bound and `least_harmed` the excess of errors until
    then: None where there is no such form, or nothing to be found.
    """

    name: str
    errors: float
    times: float
    begins_s: float
    inside: bool
    promotable: bool
    runs: int
    found: int
    promoted: int
    undecided: int
    found_s: Spread | None
    harmed: Spread | None
    predicted_s: float | None
    limit_s: float | None
    least_harmed: float | None
    early: int = 0


@dataclass(frozen=True)
class Sighting:
    """How one judge did on the traces of one fault: how many it found, after how long in the mean, and at what harm.

    `mean_s` is of those found (None: none); `harmed` of all of them, found or not, until the traces end.
    """

    fault: str
    found: int
    mean_s: float | None
    harmed: float


@dataclass(frozen=True)
class Judge:
    """One policy on the same traces as the others: how many good releases it rolled back, and its sightings of faults."""

    name: str
    described: str
    source: str
    rolled_back: int
    at_most: float
    seen: tuple[Sighting, ...]


@dataclass(frozen=True)
class Compared:
    """Judges side by side, on errors alone: `good_runs` good releases and `runs` of each fault, all watched for `lasts_s` along
    the planned weights, and at the last of them until then.
    """

    good_runs: int
    runs: int
    lasts_s: float
    judges: tuple[Judge, ...]


@dataclass(frozen=True)
class Increment:
    """A step of the rollout: share of the traffic (a fraction), seconds, and whether acceptance ends it early."""

    weight: float
    duration_s: float
    may_leave_early: bool


@dataclass(frozen=True)
class Found:
    """What a simulation found. `format` rises when a field changes its meaning. `outlook` are sentences: what can and cannot
    be detected at this traffic, and what would help; `left_out` what of the manifest was not simulated.
    """

    format: int
    environment: str
    seed: int
    false_rollbacks: float
    margin: str
    increments: tuple[Increment, ...]
    hold_s: float
    traffic: Traffic
    good: Good
    faults: tuple[Fault, ...]
    compared: Compared
    outlook: tuple[str, ...]
    left_out: tuple[str, ...]


def upper_bound(hits: int, runs: int, confidence: float = 0.99) -> float:
    """The upper Clopper-Pearson bound of a share: the largest that would show so few hits with a chance of 1 - confidence."""
    if hits >= runs:
        return 1.0
    low, high = hits / runs, 1.0
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (middle, high) if _no_more(hits, runs, middle) > 1 - confidence else (low, middle)
    return high


def _no_more(hits: int, runs: int, share: float) -> float:
    """The chance of at most so many hits, binomial."""
    if not 0 < share < 1:
        return 1.0 if share <= 0 else 0.0
    ways = lgamma(runs + 1)
    terms = [
        ways - lgamma(k + 1) - lgamma(runs - k + 1) + k * log(share) + (runs - k) * log1p(-share)
        for k in range(hits + 1)
    ]
    top = max(terms, default=-inf)
    return exp(top) * sum(exp(one - top) for one in terms)

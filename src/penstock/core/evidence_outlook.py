"""What would decide an undecided verdict: how long acceptance takes at this traffic, for several weights."""

from __future__ import annotations

from dataclasses import dataclass
from math import log

from penstock.core.eprocess import CAP, Margin, bets_for, log_paid, log_sum
from penstock.core.policy import AS_GOOD, Policy

WEIGHTS = (50, 100, 250, 500)  # permille
_LONGEST_S = 7 * 86_400.0
_LEAST = 1e-100


@dataclass(frozen=True)
class Outlook:
    """Expected seconds to acceptance if the candidate is as good as stable; None: not within a week.

    `seconds` at the present weight, `at` for each weight (permille).
    """

    seconds: float | None
    at: dict[int, float | None]
    sentence: str


def what_would_decide(
    policy: Policy, requests_per_s: float, weight_permille: int, error_rate: float, acceptance: float = 1.0
) -> Outlook:
    """How long until acceptance at the environment's traffic, both arms failing at `error_rate`.

    `acceptance` is the evidence P so far. The estimate follows the mean growth of every acceptance
    bet; it promises nothing about a candidate that is worse than stable. Weights in permille.
    """
    missing = -log(policy.false_promotions) - log(max(acceptance, _LEAST))
    now = _seconds(policy, requests_per_s, weight_permille, error_rate, missing)
    at = {weight: _seconds(policy, requests_per_s, weight, error_rate, missing) for weight in WEIGHTS}
    return Outlook(now, at, _sentence(requests_per_s, weight_permille, now, at))


def _seconds(policy: Policy, traffic: float, weight: int, rate: float, missing: float) -> float | None:
    """When the mixture of bets reaches what is missing, each growing by its mean; None: not within a week."""
    growth = _growth(policy, traffic * weight / 1000, traffic * (1 - weight / 1000), rate)

    def reached(seconds: float) -> bool:
        return log_sum([one * seconds for one in growth]) - log(len(growth)) >= missing

    if not reached(_LONGEST_S):
        return None
    low, high = 0.0, _LONGEST_S
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (low, middle) if reached(middle) else (middle, high)
    return high


def _growth(policy: Policy, candidate: float, stable: float, rate: float) -> list[float]:
    """Mean growth of each acceptance bet per second for requests per second on each arm; at most the cap."""
    if candidate <= 0 or (policy.compared and stable <= 0):
        return [0.0]
    base = max(rate, 1e-6)
    split = candidate / stable if policy.compared else 0.0
    bets, m = bets_for(base, split, policy.accepted, AS_GOOD.ratios, policy.dispersion), (policy.dispersion + 1) / 2
    return [min(CAP, _mean_log(policy.accepted, candidate, stable, a, base, m)) for a in bets]


def _mean_log(margin: Margin, candidate: float, stable: float, a: float, rate: float, cluster: float) -> float:
    alone = candidate * (rate * log_paid(a - 1, cluster) - margin.points * (a - 1))
    if margin.ratio == 0:
        return alone
    return alone + stable * rate * log_paid(-margin.ratio * candidate / stable * (a - 1), cluster)


def _sentence(traffic: float, weight: int, now: float | None, at: dict[int, float | None]) -> str:
    if traffic <= 0:
        return "there is no traffic, and without any nothing is decided"
    here = f"at {float(f'{traffic:.3g}'):,g} requests/s a candidate as good as stable is accepted"
    here += f" {_when(now)} at {weight / 10:g} %"
    more = [f"{_when(time)} at {other / 10:g} %" for other, time in at.items() if other > weight and time]
    return "; ".join([here, *more])


def _when(seconds: float | None) -> str:
    if seconds is None:
        return "not within a week"
    for unit, length in (("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"in about {seconds / length:.0f} {unit}"
    return f"in about {max(1, round(seconds))} s"

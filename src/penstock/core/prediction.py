"""How soon a fault is found and what it harms, foretold from a few numbers. Pure.

Wald's bound `ln(1/alpha)/I` holds for every test with alpha false rollbacks. Ours pays more: for not knowing how bad the fault
is (a mixture of alternatives), nor when it begins (starts kept for later), nor which channel shows it, and for the last error,
which carries the evidence past its mark. Here is that price, so that a policy can be tried before it is run.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, log, log1p, sqrt

from penstock.core.eprocess import CAP, Margin, Prior, bets_against, growth_optimal, log_paid, log_sum
from penstock.core.policy import Policy

_OVERSHOOT, _LUCK = 0.45, 0.4
"""Of what the last error brings, the part that is beyond the mark in the mean; and what chance brings a mixture before its mean
path does, in nats. Fitted to simulated delays: `python -m bench verdict-speed`."""
_LATE = 0.8  # looks, from when the evidence is there until it is seen (fitted likewise)
_LONGEST_S = 7 * 86_400.0


@dataclass(frozen=True)
class Prediction:
    """Mean seconds to find a fault that is there from the start, and what it costs the users.

    `seconds` None: never within a week, or `inside` the margin, where it is no fault by the policy. `limit_s` is Wald's bound.
    `excess` are the errors beyond what stable would have made until then, `least_excess` those at Wald's bound.
    """

    seconds: float | None = None
    limit_s: float | None = None
    excess: float | None = None
    least_excess: float | None = None
    inside: bool = False


def information(candidate: float, stable: float, worse: float, base: float, margin: Margin) -> float:
    """Most evidence per second (in nats) that any test can gather against `pC <= ratio*pB + points`.

    `candidate` and `stable` are requests per second, of which the shares `worse` and `base` fail. It is the growth of the best
    bet (*) of `eprocess`,

        nC*pC*log(a) + nB*pB*log(b) - nC*points*(a-1),    b = 1 - ratio*(nC/nB)*(a-1),

    which is the least Kullback-Leibler divergence, as Poisson counts, between these rates and any that keep the margin.
    Without points: (nC*pC + nB*pB) * kl(theta1 || theta0), where theta is the candidate's share of all errors. 0 inside
    the margin, or where an arm that is compared has no request.
    """
    if worse <= margin.edge(base) or candidate <= 0 or (margin.ratio and stable <= 0):
        return 0.0
    split = candidate / stable if margin.ratio else 0.0
    a = growth_optimal(worse, base, split, margin)
    compared = stable * base * log1p(-margin.ratio * split * (a - 1)) if margin.ratio else 0.0
    return candidate * (worse * log(a) - margin.points * (a - 1)) + compared


def wald_s(information: float, wrong: float) -> float | None:
    """Least mean seconds to a conviction, for any test that is wrong with a chance of at most `wrong`: ln(1/wrong) / I.

    None where nothing is ever learned. (Wald; for a change at an unknown time Lorden's bound is the same form.)
    """
    return -log(wrong) / information if information > 0 else None


def least_harm(ratio: float, wrong: float) -> float:
    """The least expected excess of bad responses before any valid verdict, at a small weight: c(ratio) * ln(1/wrong).

    c = (ratio-1) / (ratio*ln(ratio) - ratio + 1), whatever the traffic, the weight and the base rate.
    """
    return (ratio - 1) / (ratio * log(ratio) - ratio + 1) * -log(wrong)


def predict(policy: Policy, candidate: float, stable: float, worse: float, base: float) -> Prediction:
    """What a candidate comes to that fails on the share `worse` of its requests from the start, stable on `base`.

    `candidate` and `stable` are their requests per second.

    The mixture of bets is followed along its mean growth to the mark, and past it by what the last error brings too much
    (Wald: for a single bet the mean time is the mark plus the overshoot, over the growth). Without a stable arm the absolute
    limit is followed instead.
    """
    margin, channel = (policy.margin, "relative") if policy.compared else (policy.limit, "absolute")
    if channel not in policy.priors or worse <= margin.edge(base):
        return Prediction(inside=True)
    excess_per_s = candidate * (worse - base)
    limit_s = wald_s(information(candidate, stable, worse, base, margin), policy.false_rollbacks)
    if limit_s is None:
        return Prediction()
    prior = policy.priors[channel]
    growths, gains = zip(*_bets(policy, margin, prior, candidate, stable, worse, base), strict=True)
    best = max(range(len(prior)), key=lambda at: growths[at])
    needed = -log(policy.false_rollbacks * policy.weights[channel] * policy.starts.at_once)
    found = _reached(prior, growths, needed + _OVERSHOOT * min(CAP, gains[best]) - _LUCK)
    if found is None:
        return Prediction(None, limit_s, None, limit_s * excess_per_s)
    seconds = found + _LATE * _look_s(policy, candidate, stable)
    return Prediction(seconds, limit_s, seconds * excess_per_s, limit_s * excess_per_s)


def _look_s(policy: Policy, candidate: float, stable: float) -> float:
    """How long a pool lasts before it is judged, in the mean."""
    slower = min(candidate, stable) if policy.compared else candidate
    return min(policy.pool_s, max(1.0, policy.pool_requests / slower))


def _bets(
    policy: Policy, margin: Margin, prior: Prior, candidate: float, stable: float, worse: float, base: float
) -> list[tuple[float, float]]:
    """Of each bet: its mean growth a second, cap included, and what one error on the candidate brings."""
    split, m = candidate / stable if margin.ratio else 0.0, (policy.dispersion + 1) / 2
    look_s = _look_s(policy, candidate, stable)
    found = []
    for a in bets_against(base, split, margin, prior.ratios, policy.dispersion):
        y = a - 1
        won = log_paid(y, m)
        others = stable * base * log_paid(-margin.ratio * split * y, m) if margin.ratio else 0.0
        steady = (others - candidate * margin.points * y) * look_s
        found.append((_capped(candidate * worse * look_s, won, steady) / look_s, won))
    return found


def _capped(errors: float, won: float, steady: float) -> float:
    """Mean of what a look brings, never more than the cap: a Poisson number of errors, each worth `won`, beside the rest."""
    if errors > 200:
        return min(CAP, errors * won + steady)
    chance, total = exp(-errors), 0.0
    for count in range(int(errors + 10 * sqrt(errors) + 20)):
        total += chance * min(CAP, count * won + steady)
        chance *= errors / (count + 1)
    return total


def _reached(prior: Prior, growths: Sequence[float], mark: float) -> float | None:
    """When a mixture of bets that grow so fast a second comes to a mark; None: not within a week."""

    def evidence(seconds: float) -> float:
        return log_sum([share + growth * seconds for share, growth in zip(prior.logs, growths, strict=True)])

    if evidence(_LONGEST_S) < mark:
        return None
    low, high = 0.0, _LONGEST_S
    while high - low > 1e-6 * high:
        middle = (low + high) / 2
        low, high = (low, middle) if evidence(middle) >= mark else (middle, high)
    return high

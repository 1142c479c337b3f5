"""How soon a fault is found and what it harms, foretold from a few numbers. Pure.

Wald's bound `ln(1/alpha)/I` holds for every test with alpha false rollbacks. Ours pays more: for not knowing how bad the fault
is (a mixture of alternatives), nor when it begins (starts kept for later), nor which channel shows it, and for the last error,
which carries the evidence past its mark. Here is that price, so that a policy can be tried before it is run.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, log, log1p

from penstock.core.policy import WORSE
from penstock.core.eprocess import bets_against
from penstock.core.foresight import information, wald_s
from penstock.core.policy import Policy

_OVERSHOOT = 0.5  # of what the last error brings: the part that is beyond the mark, in the mean (fitted; `bench speed`)
_LONGEST_S = 30 * 86_400.0


@dataclass(frozen=True)
class Prediction:
    """Mean seconds to find a fault from its beginning with the release, and what it costs the users.

    `seconds` None: never within a month, or inside the margin, where it is no fault by the policy. `limit_s` is Wald's bound.
    `excess` are the errors beyond what stable would have made until then, `least_excess` those at Wald's bound.
    """

    seconds: float | None
    limit_s: float | None
    excess: float | None
    least_excess: float | None
    inside: bool


def predict(policy: Policy, candidate: float, stable: float, worse: float, base: float) -> Prediction:
    """What a fault that is there from the start comes to.

    `candidate` and `stable` are requests per second, of which the shares `worse` and `base` fail. The mixture of bets is
    followed along its mean growth to the mark, and past it by half of what one more error brings (Wald: for a single bet
    the mean time is the mark plus the overshoot, over the growth).
    """
    excess_per_s = candidate * (worse - base)
    if worse <= policy.margin.edge(base):
        return Prediction(None, None, None, None, inside=True)
    limit_s = wald_s(information(candidate, stable, worse, base, policy.margin), policy.false_rollbacks)
    growths, gains = _growths(policy, candidate, stable, worse, base)
    shares = [log(policy.starts.at_once * policy.weights["relative"] * share) for share in WORSE.shares]
    best = max(range(len(growths)), key=lambda at: growths[at])
    if growths[best] <= 0 or limit_s is None:
        return Prediction(None, limit_s, None, None, inside=False)
    mark = -log(policy.false_rollbacks) + _OVERSHOOT * gains[best]

    def evidence(seconds: float) -> float:
        logs = [share + growth * seconds for share, growth in zip(shares, growths, strict=True)]
        top = max(logs)
        return top + log(sum(exp(one - top) for one in logs))

    low, high = 0.0, _LONGEST_S
    if evidence(high) < mark:
        return Prediction(None, limit_s, None, limit_s * excess_per_s, inside=False)
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (low, middle) if evidence(middle) >= mark else (middle, high)
    return Prediction(high, limit_s, high * excess_per_s, limit_s * excess_per_s, inside=False)


def _growths(
    policy: Policy, candidate: float, stable: float, worse: float, base: float
) -> tuple[list[float], list[float]]:
    """Mean growth of each bet a second, and what one error on the candidate brings it."""
    margin, split, m = policy.margin, candidate / stable, (policy.dispersion + 1) / 2
    bets = bets_against(base, split, margin, WORSE.ratios, policy.dispersion)
    growths, gains = [], []
    for a in bets:
        y, share = a - 1, margin.ratio * split
        won, lost = _paid(y, m), _paid(-share * y, m)
        growths.append(candidate * (worse * won - margin.points * y) + stable * base * lost)
        gains.append(won)
    return growths, gains


def _paid(gain: float, cluster: float) -> float:
    return log1p(cluster * gain) - log1p((cluster - 1) * gain)

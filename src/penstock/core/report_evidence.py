"""What a verdict judged, channel by channel: what was counted on both arms, and what it came to. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from penstock.core.ebh import standing_out
from penstock.core.eprocess import NOTHING, Counts
from penstock.core.policy import LatencyRule, Policy
from penstock.core.verdict import Verdict
from penstock.core.verdict_words import milliseconds

FALSE_DISCOVERIES = 0.05


@dataclass(frozen=True)
class Channel:
    """One channel: requests of both arms, and how many `errors` among them are what it counts (`what`).

    `odds` are against the candidate, `acceptance` those for it; None: it need not be accepted. Of a rate `errors` are its events.
    """

    name: str
    what: str
    candidate: Counts
    stable: Counts
    odds: float
    acceptance: float | None = None

    @property
    def is_judged(self) -> bool:
        """Whether anything was counted on the candidate."""
        return self.candidate.requests > 0


def channels_of(policy: Policy, said: Verdict) -> tuple[Channel, ...]:
    """Every channel of a policy as the verdict found it, errors first."""
    return tuple(_channel(policy, said, name) for name in policy.weights)


def standouts(channels: Sequence[Channel]) -> tuple[str, ...] | None:
    """The channels that stand out by e-BH, at 5 % false discoveries; None where fewer than two were judged.

    Each channel's odds are an e-value of its own claim. It decides nothing: the verdict is of all of them together.
    """
    odds = {one.name: one.odds for one in channels if one.is_judged}
    return standing_out(odds, FALSE_DISCOVERIES) if len(odds) > 1 else None


def _channel(policy: Policy, said: Verdict, name: str) -> Channel:
    odds = said.channels[name]
    if name in ("relative", "absolute"):
        shown, what = ("errors", "failed") if name == "relative" else ("errors limit", _limit_of_errors(policy))
        accepted = name == "relative" or not policy.compared
        return Channel(
            shown, what, said.candidate, said.stable, odds, said.accepting.get("errors") if accepted else None
        )
    if name == "traffic":
        return Channel("traffic", "failed, of Penstock's own", *said.synthetic, odds, said.accepting.get(name))
    candidate, stable = said.compared.get(name, (NOTHING, NOTHING))
    return Channel(name, _what(policy, name), candidate, stable, odds, said.accepting.get(name))


def _limit_of_errors(policy: Policy) -> str:
    return f"failed; at most {100 * (policy.at_most or 0):g} %"


def _what(policy: Policy, name: str) -> str:
    """What is counted of a quantile, or of a rate."""
    for rule in policy.latency:
        if name == rule.name:
            return f"slower than stable's {name}{_margin(rule)}"
        if name == f"{rule.name} limit" and rule.at_most_us is not None:
            return f"slower than {milliseconds(rule.at_most_us)}"
    return "events"


def _margin(rule: LatencyRule) -> str:
    """How much slower the candidate's may be; nothing where stable's own time holds for both."""
    plus = f" + {milliseconds(rule.plus_us)}" if rule.plus_us else ""
    return f" (candidate: {rule.ratio:g}x{plus})" if rule.ratio != 1 or plus else ""

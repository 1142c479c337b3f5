"""What a verdict judged, channel by channel: what was counted on both arms, and what it came to. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from math import inf
from typing import Any

from penstock.core.ebh import standing_out
from penstock.core.eprocess import NOTHING, Counts
from penstock.core.latency import Latency, merged, quantile
from penstock.core.policy import LatencyRule, Policy
from penstock.core.reading import Reading
from penstock.core.verdict import GATE, Verdict
from penstock.core.verdict_words import milliseconds

FALSE_DISCOVERIES = 0.05
TOO_SLOW = 2.0  # times stable's mean


@dataclass(frozen=True)
class Times:
    """A quantile over the seconds that both arms served, in microseconds, to the edge of a bucket; None: not answered in time.

    `limit_us` is the candidate's by the margin, where it is held against stable's.
    """

    candidate_us: float | None
    stable_us: float | None
    limit_us: float | None = None


@dataclass(frozen=True)
class Channel:
    """One channel: requests of both arms, and how many `errors` among them are what it counts (`what`).

    `odds` are against the candidate, `acceptance` those for it; None: it need not be accepted. Of a rate `errors` are its events.
    `share` is this channel's in the evidence. Of response times, `quantile` (0.99) is the one that is judged, against `ratio`
    times stable's plus `plus_us` (None: against a plain limit), and `times` what it came to, where that is known.
    """

    name: str
    what: str
    candidate: Counts
    stable: Counts
    odds: float
    acceptance: float | None = None
    share: float | None = None
    quantile: float | None = None
    ratio: float | None = None
    plus_us: float = 0.0
    times: Times | None = None

    @property
    def is_judged(self) -> bool:
        """Whether anything was counted on the candidate."""
        return self.candidate.requests > 0


def channels_of(policy: Policy, said: Verdict, alone: Counts = NOTHING) -> tuple[Channel, ...]:
    """Every channel of a policy as the verdict found it, errors first.

    `alone` are the candidate's requests with none of stable's beside them: only the limit of errors judges those.
    """
    return tuple(
        replace(_channel(policy, said, name, alone), share=share, **_rule(policy, name))
        for name, share in policy.weights.items()
    )


def timed(channels: Iterable[Channel], readings: Iterable[Reading], candidate: str) -> tuple[Channel, ...]:
    """The channels with what each quantile came to, as far as readings tell it."""
    judged = list(channels)
    if not any(one.quantile for one in judged):
        return tuple(judged)
    mine, stables = _side_by_side(readings, candidate)
    return tuple(replace(one, times=_times(one, mine, stables)) if one.quantile else one for one in judged)


def standouts(channels: Sequence[Channel]) -> tuple[str, ...] | None:
    """The channels that stand out by e-BH, at 5 % false discoveries; None where fewer than two were judged.

    Each channel's odds are an e-value of its own claim. It decides nothing: the verdict is of all of them together.
    """
    odds = {one.name: one.odds for one in channels if one.is_judged}
    return standing_out(odds, FALSE_DISCOVERIES) if len(odds) > 1 else None


def slow_beyond(candidate_ms: float | None, stable_ms: float | None, channels: Sequence[Channel]) -> str:
    """A mean that says what the judged quantiles do not: what is slow lies beyond them. Empty where that is not so."""
    judged = [one for one in channels if one.quantile and one.is_judged]
    if not judged or not candidate_ms or not stable_ms or candidate_ms <= TOO_SLOW * stable_ms:
        return ""
    if any(one.odds >= GATE for one in judged):
        return ""
    names = " and ".join(dict.fromkeys(f"p{100 * one.quantile:g}" for one in judged if one.quantile))
    mine, stables = (milliseconds(1000 * one) for one in (candidate_ms, stable_ms))
    return (
        f"in the mean a request took {mine} on the candidate and {stables} on stable, though `latency` did not object: it judges"
        f" {names} alone, and what is slow lies beyond"
    )


def _side_by_side(readings: Iterable[Reading], candidate: str) -> tuple[Latency, Latency]:
    """How long the users' requests of both arms took, in the seconds in which both had some."""
    seconds: dict[int, tuple[list[Latency], list[Latency]]] = {}
    for one in readings:
        if one.requests and not one.synthetic:
            seconds.setdefault(int(one.start), ([], []))[one.revision != candidate].append(one.latency)
    both = [arms for arms in seconds.values() if all(arms)]
    return merged(one for arms in both for one in arms[0]), merged(one for arms in both for one in arms[1])


def _times(one: Channel, candidate: Latency, stable: Latency) -> Times | None:
    assert one.quantile is not None, "asked of quantiles"
    mine, stables = quantile(candidate, one.quantile), quantile(stable, one.quantile)
    if mine is None or stables is None:
        return None
    limit = None if one.ratio is None or stables == inf else one.ratio * stables + one.plus_us
    return Times(mine if mine < inf else None, stables if stables < inf else None, limit)


def _rule(policy: Policy, name: str) -> dict[str, Any]:
    """Of response times: which quantile is judged, and against what."""
    for rule in policy.latency:
        if name == rule.name:
            return {"quantile": rule.quantile, "ratio": rule.ratio, "plus_us": rule.plus_us}
        if name == f"{rule.name} limit":
            return {"quantile": rule.quantile}
    return {}


def _channel(policy: Policy, said: Verdict, name: str, alone: Counts) -> Channel:
    odds = said.channels[name]
    if name in ("relative", "absolute"):
        shown, what = ("errors", "failed") if name == "relative" else ("errors limit", _limit_of_errors(policy))
        accepted = said.accepting.get("errors") if name == "relative" or not policy.compared else None
        candidate = said.candidate + alone if name == "absolute" and policy.compared else said.candidate
        return Channel(shown, what, candidate, said.stable, odds, accepted)
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

"""Plain limits and conditions beside the verdict: what they have seen, and what that comes to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from penstock.core import conditions, limits
from penstock.core.conditions import Conditional
from penstock.core.limits import Arms, Limit, LimitState
from penstock.core.limits_asked import limits_asked
from penstock.core.reading import Level, Reading
from penstock.manifest.measures import Condition, CountLimit, Measures

AHEAD_S = 60.0  # so far a source's clock may be ahead


@dataclass(frozen=True)
class Asked:
    """What a manifest asks for: the same for a whole release."""

    limits: tuple[Limit, ...]
    conditions: dict[str, Condition]


@dataclass(frozen=True)
class Limited:
    """What the limits (in their order) and the conditions (by key) have seen so far: small, journaled."""

    limits: tuple[LimitState, ...] = ()
    conditions: dict[str, Conditional] = field(default_factory=dict)


class Looked(NamedTuple):
    """What a look came to: `trouble` is (cause, sentence) of what rolls back, `lacking` why something cannot be judged (no
    increment is left meanwhile), `unmet` why the manifest does not let it be promoted yet, `unjudged` which limits say nothing
    just now though all is told (nothing waits for them)."""

    state: Limited
    trouble: tuple[str, str] | None
    lacking: str
    unmet: str
    unjudged: tuple[str, ...] = ()


def asked_of(verdict: Measures, errors: CountLimit | None = None) -> Asked:
    """What a `verdict` asks for; `errors` is where they are limited as a count."""
    return Asked(limits_asked(verdict, errors), verdict.conditions())


def begin(asked: Asked) -> Limited:
    """What is seen before anything is."""
    found = {key: conditions.begin(one) for key, one in asked.conditions.items()}
    return Limited(tuple(LimitState() for _ in asked.limits), found)


def look(
    asked: Asked,
    before: Limited,
    arms: Arms,
    told: tuple[Sequence[Reading], Sequence[Level]],
    facts: Mapping[str, float],
    now: float,
) -> Looked:
    """The new readings and levels into every limit and condition. `facts` are the samples `weight` and `seconds`.

    `now` is how far the source can have told, in seconds since the epoch: the clock without the source's lag.
    """
    levels = [one for one in told[1] if one.at <= now + AHEAD_S]  # a value of the future would be the newest for ever
    in_order = list(limits.in_order(told[0], levels))
    pairs = zip(asked.limits, before.limits, strict=True)
    seen = tuple(limits.fold(limit, state, arms, in_order) for limit, state in pairs)
    stand = {
        key: conditions.fold(c, before.conditions[key], arms, facts, in_order) for key, c in asked.conditions.items()
    }
    after = Limited(seen, stand)
    unjudged = tuple(filter(None, map(limits.unjudged, asked.limits, seen)))
    return Looked(after, _trouble(asked, after), _lacking(asked, after, now), _unmet(asked, stand), unjudged)


def _trouble(asked: Asked, seen: Limited) -> tuple[str, str] | None:
    """The first limit that is broken, or the condition that failed."""
    for limit, state in zip(asked.limits, seen.limits, strict=True):
        if sentence := limits.broken(limit, state):
            return "limit", sentence
    key, stand = "fail_if", seen.conditions
    if key in stand and stand[key].held is not None:
        return "condition", f"{key}: {conditions.said(asked.conditions[key], stand[key].held or ())}"
    return None


def _lacking(asked: Asked, seen: Limited, now: float) -> str:
    """The first number that the source does not tell; a condition that could fail counts once its time has passed."""
    for limit, state in zip(asked.limits, seen.limits, strict=True):
        if sentence := limits.unmeasured(limit, state, now):
            return sentence
    fails = seen.conditions.get("fail_if")
    if fails and fails.full and fails.holds is None:
        return f"fail_if: {conditions.said(asked.conditions['fail_if'], fails.numbers)}"
    return ""


def _unmet(asked: Asked, stand: Mapping[str, Conditional]) -> str:
    """Why `promote_if` does not let it be promoted; empty where it does, or is not there."""
    promotes = stand.get("promote_if")
    if promotes is None or promotes.holds:
        return ""
    if not promotes.full:
        return f"promote_if: {asked.conditions['promote_if'].text}, and its time has not passed yet"
    return f"promote_if: {conditions.said(asked.conditions['promote_if'], promotes.numbers)}"

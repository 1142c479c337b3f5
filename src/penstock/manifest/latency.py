"""`verdict.latency`: how slow the candidate may be, at some quantiles."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, ClassVar

from pydantic import Field, field_validator, model_validator

from penstock.manifest.rollout import Rollout
from penstock.manifest.section import Duration, Section, duration, is_number, wrong

_SLOWER = re.compile(r"([0-9]+(?:\.[0-9]+)?)x(?:\s*\+\s*([0-9]+(?:\.[0-9]+)?(?:ms|s)))?")
QUANTILES = {"p50": 0.5, "p75": 0.75, "p90": 0.9, "p95": 0.95, "p99": 0.99, "p999": 0.999}
_NEARLY = re.compile(r"([0-9]+(?:\.[0-9]+)?)x?(?:\s*\+\s*([0-9]+(?:\.[0-9]+)?))?")
_ROOM = 1.25  # what is accepted by default is at least so much wider than what is convicted, or nothing could be
_ACCEPTED = 1.5
_SURELY_MS = 61  # nobody lets a request take so many seconds


class Slower(Section):
    """How much slower is still allowed: `1.1x`, or `1.1x + 5ms` where times are so short that a factor says nothing."""

    written: ClassVar[frozenset[str] | None] = frozenset()

    ratio: float = Field(ge=1, le=1000)
    plus_s: float = Field(default=0.0, ge=0, le=3600)

    def wider(self, other: Slower) -> Slower:
        """The tightest margin that is nowhere below this one or the other."""
        return Slower(ratio=max(self.ratio, other.ratio), plus_s=max(self.plus_s, other.plus_s))

    def __str__(self) -> str:
        return f"{self.ratio:g}x + {self.plus_s * 1000:g}ms" if self.plus_s else f"{self.ratio:g}x"

    @model_validator(mode="before")
    @classmethod
    def _read(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        found = _SLOWER.fullmatch(value.strip())
        if not found:
            raise wrong(
                f"`{value}` is not a margin of times",
                "a margin is a factor of stable's time, and time added to it",
                _nearest(value),
            )
        if float(found[1]) < 1:
            raise wrong(f"`{value}` asks for a faster one", "a candidate as good as stable would be sent back", "1.1x")
        return {"ratio": float(found[1]), "plus_s": duration(found[2]) if found[2] else 0.0}


def _nearest(text: str) -> str:
    """The margin that was meant where only a letter or a unit is lacking: `1.1 + 5` as 1.1x + 5ms."""
    found = _NEARLY.fullmatch(text.strip())
    if not found or float(found[1]) < 1:
        return "1.1x or 1.1x + 5ms"
    return f"{found[1]}x + {found[2]}ms" if found[2] else f"{found[1]}x"


def with_unit(value: Any) -> Any:
    """A request's time as it was written; one without a unit is refused with the one that was probably meant."""
    if is_number(value):
        meant = f"{value}ms" if float(value) >= _SURELY_MS else f"{value}s, or {value}ms"
        raise wrong(f"`{value}` of what?", "a time is a number and a unit", meant)
    return value


class QuantileRule(Section):
    """How slow requests may be at one quantile.

    `at_most` is absolute. `against_stable`: slower than that is convicted. `promote_at`: faster than that is accepted.
    """

    one_of: ClassVar[tuple[str, ...]] = ("at_most", "against_stable")
    specimen: ClassVar[str] = "{at_most: 500ms, against_stable: 1.1x}"

    at_most_s: Duration | None = Field(default=None, alias="at_most", gt=0, le=3600)
    against_stable: Slower | None = None
    promote_at: Slower | None = None

    _unit = field_validator("at_most_s", mode="before")(with_unit)

    @model_validator(mode="after")
    def _whole(self) -> QuantileRule:
        if self.at_most_s is None and self.against_stable is None:
            raise wrong("there is no limit here", "nothing would be judged", "against_stable: 1.1x", code="missing-key")
        if self.promote_at and not self.against_stable:
            raise wrong(
                "`promote_at` without `against_stable`", "what is not judged is not accepted either",
                "against_stable: 1.1x", at="promote_at",
            )  # fmt: skip
        convicted, accepted = self.against_stable, self.promote_at
        if accepted and convicted and (accepted.ratio < convicted.ratio or accepted.plus_s < convicted.plus_s):
            raise wrong(
                "`promote_at` is tighter than `against_stable`",
                "a candidate between the two would be neither sent back nor accepted",
                f"promote_at: {convicted.wider(accepted)}, or more",
                at="promote_at",
            )
        if accepted and accepted.ratio == 1 and not accepted.plus_s:
            raise wrong(
                "`promote_at` is stable's own time", "a candidate as fast as stable would never be accepted",
                f"promote_at: {_ACCEPTED:g}x", at="promote_at",
            )  # fmt: skip
        return self

    @property
    def accepted(self) -> Slower:
        """What is accepted: `promote_at`, or half as much again as stable, and never less than a quarter above the margin."""
        if self.promote_at:
            return self.promote_at
        convicted = self.against_stable or Slower(ratio=1.0)
        return Slower(ratio=max(_ACCEPTED, convicted.ratio * _ROOM), plus_s=convicted.plus_s)


class LatencyRules(Section):
    """How slow requests may be. After each shift nobody is called slow for `warm_up`: new instances have cold caches."""

    one_of: ClassVar[tuple[str, ...]] = tuple(QUANTILES)
    specimen: ClassVar[str] = "{p99: {at_most: 500ms, against_stable: 1.1x}}"

    p50: QuantileRule | None = None
    p75: QuantileRule | None = None
    p90: QuantileRule | None = None
    p95: QuantileRule | None = None
    p99: QuantileRule | None = None
    p999: QuantileRule | None = None
    warm_up_s: Duration = Field(default=0.0, alias="warm_up", le=3600)

    @model_validator(mode="after")
    def _some(self) -> LatencyRules:
        if not self.asked():
            raise wrong(
                "there is no quantile here",
                "nothing would be judged",
                "p99: {against_stable: 1.1x}",
                code="missing-key",
            )
        return self

    def asked(self) -> dict[float, QuantileRule]:
        """Each quantile (a fraction) that is judged, and how."""
        return {share: rule for name, share in QUANTILES.items() if (rule := getattr(self, name)) is not None}


def too_cold(latency: LatencyRules | None, rollout: Rollout) -> Iterator[ValueError]:
    """What is wrong with `warm_up` beside the increments: in one that is over by then nobody is called slow."""
    longest_s = max((step.duration_s for step in rollout.increments), default=0.0)
    if latency and 0 < longest_s <= latency.warm_up_s:
        yield wrong(
            "no increment is longer than `warm_up`", "nobody would be called slow in any of them",
            f"warm_up: {longest_s / 4:g}s, or longer increments", at="latency.warm_up",
        )  # fmt: skip

"""`rollout`: how traffic moves from the stable revision to the candidate."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Any, ClassVar, Literal

from pydantic import Field, model_validator

from penstock.manifest.section import Amount, Duration, Section, duration, not_acted_on, permille, wrong

Strategy = Literal["all_at_once", "rolling", "canary"]
_INCREMENT = re.compile(r"(\S+)\s+(for|up to)\s+(\S+)")


class Increment(Section):
    """A share of the traffic, and how long it stays: `5% for 30m` soaks, `5% up to 30m` may leave early."""

    written: ClassVar[frozenset[str] | None] = frozenset()

    weight_permille: int = Field(ge=1, le=999)
    duration_s: float = Field(gt=0)
    may_leave_early: bool = False

    @model_validator(mode="before")
    @classmethod
    def _read(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        found = _INCREMENT.fullmatch(value)
        if not found:
            raise wrong(
                f"`{value}` is not an increment",
                "an increment is a share of the traffic and a time: `for` soaks, `up to` may leave early",
                "5% for 30m, or 5% up to 30m",
            )
        weight, length = permille(found[1]), duration(found[3])
        if not 0 < weight < 1000 or not length:
            raise wrong(
                f"`{value}` is no increment",
                "before the first increment stands 0 %, after the last one 100 %; each takes some time",
                "a share between 0.1% and 99.9%, and a time above 0s",
            )
        return {"weight_permille": weight, "duration_s": length, "may_leave_early": found[2] == "up to"}


CANARY = tuple(Increment(weight_permille=weight, duration_s=600.0, may_leave_early=True) for weight in (50, 250, 500))


class Rollout(Section):
    """The strategy, its increments (canary only, strictly rising), and how capacity moves.

    At most `max_surge` instances more and `max_unavailable` fewer than asked for, at any time. An instance
    counts as ready after `min_ready_s` of health, and has failed when that takes over `start_within_s`.
    """

    not_yet: ClassVar[frozenset[str]] = frozenset({"match", "sticky", "share", "switch_after", "keep", "analysis"})

    strategy: Strategy = Field(default="rolling", alias="is")
    increments: tuple[Increment, ...] = ()
    max_surge: Amount = Amount(count=1)
    max_unavailable: Amount = Amount(count=0)
    min_ready_s: Duration = Field(default=5.0, alias="min_ready")
    start_within_s: Duration = Field(default=600.0, alias="start_within", gt=0)

    @classmethod
    def short_for(cls, text: str) -> str:
        """A bare word is the strategy."""
        del text
        return "is"

    @model_validator(mode="before")
    @classmethod
    def _acted_on(cls, value: Any) -> Any:
        kind = (value.get("is") or value.get("strategy")) if isinstance(value, dict) else None
        if kind == "blue_green":
            raise not_acted_on("`blue_green`", "all_at_once, rolling or canary")
        if kind == "canary" and "increments" not in value:
            return {**value, "increments": CANARY}
        return value

    @model_validator(mode="after")
    def _whole(self) -> Rollout:
        if self.strategy != "canary" and self.increments:
            raise wrong(
                f"`{self.strategy}` has no increments",
                "only a canary shares its traffic out in steps",
                "is: canary",
                at="increments",
            )
        if self.strategy == "canary":
            self._rising()
        if not (self.max_surge.of(100, up=True) or self.max_unavailable.of(100, up=False)):
            raise wrong(
                "nothing can move: `max_surge` and `max_unavailable` are both 0",
                "either one more instance must be allowed, or one fewer",
                "max_surge: 1",
                at="max_surge",
            )
        return self

    def _rising(self) -> None:
        if not self.increments:
            raise wrong("these increments are empty", "a canary takes at least one", "[5% for 30m]", at="increments")
        for before, after in pairwise(self.increments):
            if after.weight_permille <= before.weight_permille:
                raise wrong(
                    f"{after.weight_permille / 10:g}% after {before.weight_permille / 10:g}% does not rise",
                    "each increment is larger than the one before",
                    "[5% for 30m, 25% for 30m, 50% for 30m]",
                    at="increments",
                )

"""`verdict`: when the candidate's errors send it back, and how sure that must be."""

from __future__ import annotations

import re
from typing import Any, ClassVar, Literal

from pydantic import Field, ValidationError, field_validator, model_validator

from penstock.manifest.bound import Bound
from penstock.manifest.latency import LatencyRules
from penstock.manifest.measures import CountLimit, Measures
from penstock.manifest.metrics import MetricsSource
from penstock.manifest.section import Count, Duration, Fraction, Margin, Section, as_share, wrong
from penstock.manifest.traffic import Traffic


class ErrorRules(Section):
    """What share of requests may fail.

    `at_most` is absolute. `against_stable`: worse than that is convicted. `promote_at`: better than that is
    accepted; never tighter than `against_stable`. A client that leaves after `hung_after_s` is an error. `once_per`
    client: of one client's errors in a second only the first counts.
    """

    not_yet: ClassVar[frozenset[str]] = frozenset({"per", "for", "against_last", "codes"})
    specimen: ClassVar[str] = "{at_most: 5%, against_stable: 1.75x + 0.05pp}"

    at_most: Bound = Bound(number=0.05, unit="%")
    periods: Count = Field(default=1, ge=1, le=100)
    against_stable: Margin = Margin(ratio=1.75, points=0.0005)
    promote_at: Margin = Margin(ratio=2.0, points=0.005)
    hung_after_s: Duration = Field(default=1.0, alias="hung_after", gt=0)
    once_per: Literal["request", "client"] = "request"

    @field_validator("at_most", mode="before")
    @classmethod
    def _of_requests(cls, value: Any) -> Any:
        """A limit of errors is a share or a count: no other unit that a limit may have is offered."""
        try:
            Bound.model_validate(value)
        except ValidationError as error:
            raise wrong(
                f"`{value}` is not a limit of errors",
                "so many in the hundred may fail, or so many in a time",
                _nearest_share(value),
            ) from error
        return value

    @field_validator("at_most")
    @classmethod
    def _of_what(cls, bound: Bound) -> Bound:
        if bound.unit == "B":
            raise wrong(f"{bound.said} is no number of requests", "it is a size", "at_most: 5%, or 9 per 5m")
        if bound.unit == "%" and not 0 < bound.number <= 1:
            raise wrong("this share is not from 0% to 100%", "it is of requests", "at_most: 5%")
        if not (bound.unit or bound.per_s) and bound.number:
            what, why = f"`{bound}` of what?", "so many in the hundred may fail, or so many in a time"
            raise wrong(what, why, f"at_most: {_meant(bound)}")
        return bound

    @property
    def share(self) -> float | None:
        """The share of requests that may fail at most; None where so many are allowed, not a share."""
        return self.at_most.number if self.at_most.unit == "%" else None

    @property
    def counted(self) -> CountLimit | None:
        """How many may fail; None where a share may."""
        return CountLimit(at_most=self.at_most, periods=self.periods) if self.share is None else None

    @model_validator(mode="after")
    def _limited(self) -> ErrorRules:
        if self.share is not None and self.periods != 1:
            raise wrong("a share has no periods", "it is judged all the time", "at_most: 9 per 5m", at="periods")
        _ = self.counted
        return self

    @model_validator(mode="after")
    def _margins(self) -> ErrorRules:
        if self.against_stable.ratio < 1:
            raise wrong(
                "a candidate as good as stable would be sent back",
                "the factor is below 1",
                "1.5x + 0.05pp",
                at="against_stable",
            )
        if self._tighter():
            is_said = "promote_at" in self.model_fields_set
            accepted = "`promote_at`" if is_said else f"`promote_at`, which is {self.promote_at} where nothing is said,"
            raise wrong(
                f"{accepted} is tighter than `against_stable`",
                "a candidate between the two would be neither sent back nor accepted",
                f"promote_at: {self._wider()}, or more",
                at="promote_at" if is_said else "against_stable",
            )
        if self.promote_at.ratio == 1 and not self.promote_at.points:
            raise wrong(
                "`promote_at` is stable's own share", "a candidate as good as stable would never be accepted",
                "promote_at: 2x + 0.5pp", at="promote_at",
            )  # fmt: skip
        return self

    def _tighter(self) -> bool:
        limit, accept = self.against_stable, self.promote_at
        return accept.ratio < limit.ratio or accept.points < limit.points

    def _wider(self) -> Margin:
        """The tightest margin that is accepted from nowhere below the limit."""
        limit, accept = self.against_stable, self.promote_at
        return Margin(ratio=max(limit.ratio, accept.ratio), points=max(limit.points, accept.points))


def _meant(bound: Bound) -> str:
    """What a limit of errors without its unit was meant as."""
    shares = [as_share(str(bound))] if bound.number <= 100 else []
    if bound.number < 1:
        shares.append(f"{bound.number:g}%")
    return ", or ".join([*shares, *([f"{bound} per 5m"] if bound.counts() else [])])


def _nearest_share(value: Any) -> str:
    """The limit of errors that was meant: `5pp` as 5%."""
    found = re.match(r"\s*([0-9]+(?:\.[0-9]+)?)\s*(?:pp|points?|percent)\s*$", str(value))
    return f"at_most: {found[1]}%" if found else "at_most: 5%, or 9 per 5m"


class Undecided(Section):
    """When the evidence does not say at the last increment: hold for `hold_s`, then do `then`."""

    not_yet: ClassVar[frozenset[str]] = frozenset({"ask", "tell"})
    specimen: ClassVar[str] = "{hold: 2h, then: roll_back}"

    hold_s: Duration = Field(default=7200.0, alias="hold")
    then: Literal["roll_back", "promote"] = "roll_back"


class Verdict(Measures):
    """What statistics may get wrong in one release, and what they judge.

    `false_rollbacks` bounds the chance that a good candidate is sent back by statistics, `false_promotions`
    that one worse than `promote_at` is accepted.
    """

    false_rollbacks: Fraction = Field(default=0.01, ge=1e-9, le=0.5)
    false_promotions: Fraction = Field(default=0.05, ge=1e-9, le=0.5)
    errors: ErrorRules = ErrorRules()
    latency: LatencyRules | None = None
    metrics: MetricsSource | None = None
    traffic: Traffic | None = None
    undecided: Undecided = Undecided()

    @model_validator(mode="after")
    def _waits_for_what_hangs(self) -> Verdict:
        if self.traffic and self.traffic.within_s <= self.errors.hung_after_s:
            raise wrong(
                "`within` is not longer than `errors.hung_after`",
                "a request that hangs would be left before it counts as an error",
                f"within: {2 * self.errors.hung_after_s:g}s",
                at="traffic",
            )
        return self

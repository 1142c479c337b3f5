"""`verdict`: when the candidate's errors send it back, and how sure that must be."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field, model_validator

from penstock.manifest.section import Duration, Fraction, Margin, Section, wrong


class ErrorRules(Section):
    """What share of requests may fail.

    `at_most` is absolute. `against_stable`: worse than that is convicted. `promote_at`: better than that is
    accepted; never tighter than `against_stable`. A client that leaves after `hung_after_s` is an error.
    """

    not_yet: ClassVar[frozenset[str]] = frozenset({"periods", "per", "for", "against_last", "codes"})

    at_most: Fraction = Field(default=0.05, gt=0, le=1)
    against_stable: Margin = Margin(ratio=1.5, points=0.0005)
    promote_at: Margin = Margin(ratio=2.0, points=0.005)
    hung_after_s: Duration = Field(default=5.0, alias="hung_after", gt=0)

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
            raise wrong(
                "`promote_at` is tighter than `against_stable`",
                "a candidate between the two would be neither sent back nor accepted",
                "a factor and points at least as large as those of against_stable, as 2x + 0.5pp",
                at="promote_at",
            )
        return self

    def _tighter(self) -> bool:
        limit, accept = self.against_stable, self.promote_at
        return accept.ratio < limit.ratio or accept.points < limit.points


class Undecided(Section):
    """When the evidence does not say at the last increment: hold for `hold_s`, then do `then`."""

    not_yet: ClassVar[frozenset[str]] = frozenset({"ask", "tell"})

    hold_s: Duration = Field(default=7200.0, alias="hold")
    then: Literal["roll_back", "promote"] = "roll_back"


class Verdict(Section):
    """What statistics may get wrong in one release, and what they judge.

    `false_rollbacks` bounds the chance that a good candidate is sent back by statistics, `false_promotions`
    that one worse than `promote_at` is accepted.
    """

    not_yet: ClassVar[frozenset[str]] = frozenset(
        {
            "latency",
            "duration",
            "throttles",
            "memory",
            "cpu",
            "concurrency",
            "metrics",
            "api_5xx",
            "gauges",
            "rates",
        }
    )

    false_rollbacks: Fraction = Field(default=0.01, gt=0, le=0.5)
    false_promotions: Fraction = Field(default=0.05, gt=0, le=0.5)
    errors: ErrorRules = ErrorRules()
    undecided: Undecided = Undecided()

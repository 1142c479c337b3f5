"""`verdict`, a measure that `is: rate`: how many events of the business a request must bring."""

from __future__ import annotations

import re
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, model_validator

from penstock.manifest.section import Section, wrong

_TIMES = re.compile(r"([0-9]+(?:\.[0-9]+)?)x")


def _share(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    found = _TIMES.fullmatch(value.strip())
    if not found:
        raise wrong(f"`{value}` is not a factor", "it is a part of what stable brings", "0.8x")
    return float(found[1])


Times = Annotated[float, BeforeValidator(_share), Field(gt=0, le=1)]


class Rate(Section):
    """Events (orders, registrations, payments) for each request, on the candidate against stable.

    Fewer than `at_least_of_stable` times as many send it back; it is accepted from `promote_at` on, by default as far below
    1 again as that is: 0.6x for 0.8x.
    """

    one_of: ClassVar[tuple[str, ...]] = ("at_least_of_stable",)

    kind: Literal["rate"] = Field(alias="is")
    query: str = Field(default="", max_length=2000)
    at_least_of_stable: Times
    promote_at: Times | None = None

    @model_validator(mode="after")
    def _order(self) -> Rate:
        if self.promote_at is not None and self.promote_at >= self.at_least_of_stable:
            raise wrong(
                "`promote_at` is not below `at_least_of_stable`",
                "a candidate as good as stable would hardly ever be accepted",
                f"{self.accepted_by_default:g}x",
                at="promote_at",
            )
        return self

    @property
    def accepted_by_default(self) -> float:
        """As far below 1 again as what is convicted, and at least half of that."""
        return round(max(2 * self.at_least_of_stable - 1, self.at_least_of_stable / 2), 6)

    @property
    def accepted(self) -> float:
        """From where on it is accepted."""
        return self.accepted_by_default if self.promote_at is None else self.promote_at

"""`bake`: how long a promoted revision is watched, and what it must keep for how long."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field

from penstock.manifest.section import Duration, Fraction, Section, duration, wrong


class BakeErrors(Section):
    """What share of requests may fail meanwhile."""

    not_yet: ClassVar[frozenset[str]] = frozenset({"against_last", "against_stable", "codes"})

    at_most: Fraction = Field(gt=0, le=1)


class CriticalErrors(Section):
    """How many lines of the log may be critical, as `logs` names them: none."""

    at_most: int = Field(default=0, ge=0, le=0)


class BakePeriod(Section):
    """From promotion on, `for` so long: its limits, and what happens when one is broken."""

    not_yet: ClassVar[frozenset[str]] = frozenset({"latency", "metrics", "memory", "cpu"})

    for_s: Duration = Field(alias="for", gt=0)
    errors: BakeErrors | None = None
    critical_errors: CriticalErrors | None = None
    otherwise: Literal["roll_back", "report"] = "roll_back"


def or_period(value: Any) -> Any:
    """A bare duration is one period, with the limits of `verdict` and `logs`; `none` is none."""
    if value == "none":
        return ()
    if isinstance(value, str):
        return ({"for": value},) if duration(value) else ()
    if isinstance(value, list) and not value:
        raise wrong("a list of no periods", "nothing would be watched, and `none` says that", "bake: none")
    return value


Periods = Annotated[tuple[BakePeriod, ...], BeforeValidator(or_period)]


def span_s(periods: tuple[BakePeriod, ...]) -> float:
    """How long it is watched in all: as long as the longest period."""
    return max((period.for_s for period in periods), default=0.0)

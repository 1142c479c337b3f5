"""Limits of gauges: so high for so long. Each has a unit of its own, and a number without it is refused."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field, model_validator

from penstock.manifest.bound import Bound, margin_alone, some_limit
from penstock.manifest.section import Duration, Margin, Section, wrong

_CORES = 10  # a bare number below may be one of cores


class GaugeLimit(Section):
    """So high, at most or at least, for so long without a gap; 0: a single value is enough.

    Each instance of the candidate counts by itself. `against_stable` compares it with the median of stable's.
    """

    not_yet: ClassVar[frozenset[str]] = frozenset({"against_last"})
    one_of: ClassVar[tuple[str, ...]] = ("at_most", "at_least", "against_stable")
    measured_in: ClassVar[str] = ""

    at_most: Bound | None = None
    at_least: Bound | None = None
    against_stable: Margin | None = None
    for_s: Duration = Field(default=0.0, alias="for", le=86400)

    @model_validator(mode="after")
    def _whole(self) -> GaugeLimit:
        example = self.specimen.strip("{}").partition(",")[0]
        check_gauge(self.at_most, self.at_least, self.against_stable, instead=example)
        for key, bound in (("at_most", self.at_most), ("at_least", self.at_least)):
            if bound and (instead := self.meant(bound)):
                what = "cannot be meant" if bound.unit else "of what?"
                raise wrong(f"{bound.said} {what}", self.measured_in, f"{key}: {instead}", at=key)
        return self

    @classmethod
    def meant(cls, bound: Bound) -> str:
        """What to write instead of a number that is not of this gauge; empty where it is."""
        del bound
        return ""


class MemoryLimit(GaugeLimit):
    """How much memory: bytes, or a share of what an instance may have at most."""

    measured_in: ClassVar[str] = "memory is in bytes, or in hundredths of what an instance may have at most"
    specimen: ClassVar[str] = "{at_most: 90%, for: 5m}"

    @classmethod
    def meant(cls, bound: Bound) -> str:
        """Bytes, or a share of all."""
        number = bound.number
        if bound.unit:
            return "100%, or less" if bound.unit == "%" and number > 1 else ""
        return f"{number * 100:g}%" if number <= 1 else f"{number:g}MB" + (f", or {number:g}%" if number <= 100 else "")


class CpuLimit(GaugeLimit):
    """How much of one core: a share, above 1 where an instance may use several."""

    measured_in: ClassVar[str] = "CPU is in hundredths of one core, 250% for two and a half"
    specimen: ClassVar[str] = "{at_most: 80%, for: 5m}"

    @classmethod
    def meant(cls, bound: Bound) -> str:
        """A share of one core."""
        number = bound.number
        if bound.unit:
            return "" if bound.unit == "%" else "80%"
        return f"{number * 100:g}%" + (f", or {number:g}%" if number > 1 else "") if number < _CORES else f"{number:g}%"


class ConcurrencyLimit(GaugeLimit):
    """How many requests at once: a number without a unit."""

    measured_in: ClassVar[str] = "so many requests are served at once"
    specimen: ClassVar[str] = "{at_most: 800, for: 5m}"

    @classmethod
    def meant(cls, bound: Bound) -> str:
        """A number of requests."""
        return "800" if bound.unit else ""


def check_gauge(
    at_most: Bound | None, at_least: Bound | None, against_stable: Margin | None, *, instead: str = "at_most: 800"
) -> None:
    """Raise what is wrong with limits of a gauge; `instead` is one that this gauge could have."""
    some_limit(at_most, at_least, against_stable, instead=instead)
    for key, bound in (("at_most", at_most), ("at_least", at_least)):
        if bound and bound.per_s:
            raise wrong("a gauge has no `per`", "it is high for a time", "{at_most: 800, for: 5m}", at=key)
    margin_alone(against_stable)

"""A number that is not to be passed, as plain limits have it: with its unit, or the time that it is counted over."""

from __future__ import annotations

import re
from typing import Any, ClassVar, Literal

from pydantic import Field, model_validator

from penstock.manifest.section import Margin, Section, duration, wrong

_BOUND = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,9})?)(%|[kMGT]i?B|B)?(?:\s+per\s+(\S+))?")
_SIZE = re.compile(r"[0-9]+(?:\.[0-9]+)?[kMGT]i?")
_SIZES = {
    "B": 1,
    **{f"{p}B": 1000**n for n, p in enumerate("kMGT", 1)},
    **{f"{p}iB": 1024**n for n, p in enumerate("kMGT", 1)},
}
_TIMES = (("d", 86400.0), ("h", 3600.0), ("m", 60.0), ("s", 1.0), ("ms", 0.001))


class Bound(Section):
    """A number that is not to be passed: `9 per 5m`, `80%`, `512MB`, `800`.

    `number` is a share where the unit is %, bytes where it is B; `per_s` the time that is counted over, 0 where none is said.
    """

    written: ClassVar[frozenset[str] | None] = frozenset()

    number: float = Field(ge=0, allow_inf_nan=False)
    unit: Literal["", "%", "B"] = ""
    per_s: float = Field(default=0.0, ge=0, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _read(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        found = _BOUND.fullmatch(value.strip())
        if not found:
            raise wrong(
                f"`{value}` is not a limit",
                "a limit is a number, with a unit where it has one, and the time that is counted over",
                f"{value}B" if _SIZE.fullmatch(value) else "9 per 5m, 80%, 512MB or 800",
            )
        number, unit, per = float(found[1]), found[2] or "", found[3]
        per_s = duration(per) if per else 0.0
        if per and (unit or not per_s):
            raise wrong(f"`{value}` counts nothing", "so many in a time is a whole number and a time", "9 per 5m")
        if unit == "%":
            return {"number": number / 100, "unit": "%"}
        return {"number": number * _SIZES.get(unit, 1), "unit": "B" if unit else "", "per_s": per_s}

    def __str__(self) -> str:
        if self.unit == "%":
            return f"{self.number * 100:g}%"
        sizes = [*_SIZES.items()] if self.unit else [("", 1)]  # the unit that leaves the smallest whole number
        size, unit = max((size, unit) for unit, size in sizes if size == 1 or (self.number and self.number % size == 0))
        per = next((f" per {self.per_s / s:g}{u}" for u, s in _TIMES if self.per_s and self.per_s % s == 0), "")
        return f"{self.number / size:.15g}{unit}{per}"

    @property
    def said(self) -> str:
        """What a sentence calls it: a size, which may be written in many units, by what it is."""
        return "a size in bytes" if self.unit == "B" else f"`{self}`"

    def counts(self) -> bool:
        """Whether it is a number of things: whole, and without a unit."""
        return not self.unit and self.number == int(self.number)


def some_limit(*limits: object, instead: str) -> None:
    """Raise, where there is no limit at all."""
    if all(limit is None for limit in limits):
        raise wrong("there is no limit here", "nothing would be judged", instead, code="missing-key")


def margin_alone(margin: Margin | None) -> None:
    """Raise what is wrong with a margin of what is no share."""
    if margin and margin.points:
        raise wrong(
            "this is no share, and has no points", "it is compared by a factor alone", "1.3x", at="against_stable"
        )
    if margin and margin.ratio < 1:
        raise wrong(
            "a candidate as good as stable would be sent back",
            "the factor is below 1",
            "1.3x",
            at="against_stable",
        )

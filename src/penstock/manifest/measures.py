"""`verdict`, beside what statistics judge: plain limits (so many in a time, so high for so long), and conditions.

They promise nothing statistical: how often a good candidate breaks one is for whoever chooses the number to know.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from penstock.manifest import expression
from penstock.manifest.latency import QUANTILES
from penstock.manifest.section import Count, Duration, Margin, Name, Section, duration, wrong

_BOUND = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,9})?)(%|[kMGT]i?B|B)?(?:\s+per\s+(\S+))?")
_SIZES = {
    "B": 1,
    **{f"{p}B": 1000**n for n, p in enumerate("kMGT", 1)},
    **{f"{p}iB": 1024**n for n, p in enumerate("kMGT", 1)},
}
_TIMES = (("d", 86400.0), ("h", 3600.0), ("m", 60.0), ("s", 1.0), ("ms", 0.001))
_PART = re.compile(r"([0-9]+(?:\.[0-9]+)?)x")
ARM = ("requests", "errors", "mean_ms", "p50_ms", "p95_ms", "p99_ms")
"""The samples of conditions that each arm has."""
FACTS = ("weight", "seconds")
"""The samples that belong to neither arm: the candidate's share in hundredths, and the seconds of this increment so far."""


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
                "9 per 5m, 80%, 512MB or 800",
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
        size, unit = max((size, unit) for unit, size in sizes if self.number % size == 0 or size == 1)
        per = next((f" per {self.per_s / s:g}{u}" for u, s in _TIMES if self.per_s and self.per_s % s == 0), "")
        return f"{self.number / size:.15g}{unit}{per}"

    def counts(self) -> bool:
        """Whether it is a number of things: whole, and without a unit."""
        return not self.unit and self.number == int(self.number)


class CountLimit(Section):
    """So many in a time, at most or at least, in so many of these times one after the other.

    Without a time the whole release is counted, and then there is no least: it is never over.
    """

    one_of: ClassVar[tuple[str, ...]] = ("at_most", "at_least")

    at_most: Bound | None = None
    at_least: Bound | None = None
    periods: Count = Field(default=1, ge=1, le=100)

    @model_validator(mode="after")
    def _whole(self) -> CountLimit:
        check_counts(self.at_most, self.at_least, self.periods)
        return self


class GaugeLimit(Section):
    """So high, at most or at least, for so long without a gap; 0: a single value is enough.

    Each instance of the candidate counts by itself. `against_stable` compares it with the median of stable's.
    """

    not_yet: ClassVar[frozenset[str]] = frozenset({"against_last"})
    one_of: ClassVar[tuple[str, ...]] = ("at_most", "at_least", "against_stable")

    at_most: Bound | None = None
    at_least: Bound | None = None
    against_stable: Margin | None = None
    for_s: Duration = Field(default=0.0, alias="for", le=86400)

    @model_validator(mode="after")
    def _whole(self) -> GaugeLimit:
        check_gauge(self.at_most, self.at_least, self.against_stable)
        return self


class AverageLimit(Section):
    """How long requests may take on average, in so many times one after the other.

    There is no statistical form of it: without a bound on the longest request one request can move a mean as far as it
    likes, so no test of means is valid (Bahadur and Savage, 1956). Quantiles (`latency`) have one.
    """

    one_of: ClassVar[tuple[str, ...]] = ("at_most", "against_stable")

    at_most_s: Duration | None = Field(default=None, alias="at_most")
    against_stable: Margin | None = None
    per_s: Duration = Field(default=300.0, alias="per", ge=1, le=86400)
    periods: Count = Field(default=2, ge=1, le=100)

    @model_validator(mode="after")
    def _whole(self) -> AverageLimit:
        _some(self.at_most_s, self.against_stable, instead="at_most: 5s")
        _factor(self.against_stable)
        return self


class DurationLimits(Section):
    """How long requests may take, other than by quantiles."""

    average: AverageLimit


def factor(value: Any) -> Any:
    """`0.8x` as 0.8."""
    if not isinstance(value, str):
        return value
    found = _PART.fullmatch(value.strip())
    if not found:
        raise wrong(f"`{value}` is not a factor", "it is a part of what stable brings", "0.8x")
    return float(found[1])


Part = Annotated[float, BeforeValidator(factor), Field(ge=0.01, le=1)]


class Measure(Section):
    """A measure of the user's own, by a query of the source: a `rate` or a `count` of events, or a `gauge`.

    A rate is of events (orders, payments) for each request, and judged by evidence: fewer than `at_least_of_stable` times
    stable's send the candidate back, and it is accepted from `promote_at` on. The others are plain limits.
    """

    not_yet: ClassVar[frozenset[str]] = frozenset({"against_last"})
    one_of: ClassVar[tuple[str, ...]] = ("at_most", "at_least", "against_stable", "at_least_of_stable")

    kind: Literal["rate", "count", "gauge"] = Field(alias="is")
    query: str = Field(default="", max_length=2000)
    at_most: Bound | None = None
    at_least: Bound | None = None
    against_stable: Margin | None = None
    for_s: Duration = Field(default=0.0, alias="for", le=86400)
    periods: Count = Field(default=1, ge=1, le=100)
    at_least_of_stable: Part | None = None
    promote_at: Part | None = None

    @property
    def accepted(self) -> float:
        """From where on a rate is accepted: by default as far below 1 again as what is convicted, and at least half of that."""
        least = self.at_least_of_stable or 1.0
        return round(max(2 * least - 1, least / 2), 6) if self.promote_at is None else self.promote_at

    @model_validator(mode="after")
    def _whole(self) -> Measure:
        if self.kind == "rate":
            return self._rate()
        for key in ("at_least_of_stable", "promote_at"):
            if getattr(self, key) is not None:
                raise wrong(f"a {self.kind} has no `{key}`", "it is a plain limit", "is: rate", at=key)
        if self.kind == "gauge":
            if self.periods != 1:
                raise wrong("a gauge has no periods", "it is high for a time", "for: 5m", at="periods")
            check_gauge(self.at_most, self.at_least, self.against_stable)
            return self
        if self.for_s or self.against_stable:
            at = "for" if self.for_s else "against_stable"
            raise wrong(f"a count has no `{at}`", "it is so many in a time", "at_most: 9 per 5m", at=at)
        check_counts(self.at_most, self.at_least, self.periods)
        return self

    def _rate(self) -> Measure:
        if self.at_least_of_stable is None:
            what, why = "this rate lacks `at_least_of_stable`", "there is no limit, and nothing would be judged"
            raise wrong(what, why, "at_least_of_stable: 0.8x", code="missing-key")
        if self.at_most or self.at_least or self.against_stable or self.for_s or self.periods != 1:
            raise wrong(
                "a rate has no other limit than `at_least_of_stable`", "it is compared with stable all the time",
                "another measure with `is: count`",
            )  # fmt: skip
        if self.promote_at is not None and self.promote_at >= self.at_least_of_stable:
            what, why = (
                "`promote_at` is not below `at_least_of_stable`",
                "a good candidate would hardly ever be accepted",
            )
            raise wrong(what, why, "leave it out, or a smaller factor", at="promote_at")
        return self


class Condition(Section):
    """An expression over samples of the last `over_s` seconds; bare, of the last minute."""

    text: str = Field(alias="if", min_length=1)
    over_s: Duration = Field(default=60.0, alias="over", ge=12, le=3600)

    @classmethod
    def short_for(cls, text: str) -> str:
        """A bare text is the expression."""
        del text
        return "if"

    @model_validator(mode="before")
    @classmethod
    def _bare(cls, value: Any) -> Any:
        return {"if": value} if isinstance(value, str) else value

    @field_validator("text")
    @classmethod
    def _reads(cls, value: str) -> str:
        expression.read(value)
        return value


class Measures(Section):
    """The keys of `verdict` that set plain limits, and conditions. `measures` are those with names of the user's."""

    named: ClassVar[str] = "measures"

    throttles: CountLimit | None = None
    api_5xx: CountLimit | None = None
    duration: DurationLimits | None = None
    memory: GaugeLimit | None = None
    cpu: GaugeLimit | None = None
    concurrency: GaugeLimit | None = None
    measures: dict[Name, Measure] = Field(default_factory=dict)
    fail_if: Condition | None = None
    promote_if: Condition | None = None

    @model_validator(mode="after")
    def _conditions(self) -> Measures:
        for name in self.measures:
            if sample(name) in (*ARM, *FACTS, *_COUNTS, *_GAUGES, *_TAKEN):
                raise wrong(
                    f"`{name}` is a name of Penstock's own",
                    "it would mean two things",
                    f"{name}-of-mine",
                    at="measures",
                )
        for key, condition in self.conditions().items():
            if mistake := expression.misnamed(expression.read(condition.text), self.vocabulary()):
                raise _at(mistake, key)
        return self

    def conditions(self) -> dict[str, Condition]:
        """The conditions that are there, by their keys."""
        found = {"fail_if": self.fail_if, "promote_if": self.promote_if}
        return {key: condition for key, condition in found.items() if condition}

    def gauges(self) -> dict[str, str]:
        """The gauges of the user's own, with the queries that give them."""
        return {name: one.query for name, one in self.measures.items() if one.kind == "gauge"}

    def events(self) -> dict[str, str]:
        """The counts and rates of the user's own, with the queries that give them."""
        return {name: one.query for name, one in self.measures.items() if one.kind != "gauge"}

    @property
    def rates(self) -> dict[str, Measure]:
        """What is judged as a rate for each request."""
        return {name: one for name, one in self.measures.items() if one.kind == "rate"}

    def vocabulary(self) -> frozenset[str]:
        """Every sample that a condition may name: what each arm has, the named measures, and facts of the release."""
        arm = [*ARM, *_COUNTS, *_GAUGES, *map(sample, self.measures)]
        return frozenset([*FACTS, *arm, *(f"stable.{name}" for name in arm)])


_COUNTS = ("throttles", "api_5xx")
_TAKEN = (
    "true",
    "false",
    "stable",
    "relative",
    "absolute",
    "traffic",
    "errors",
    *QUANTILES,
)  # among them: what else judges
_GAUGES = ("memory", "cpu", "concurrency")


def sample(name: str) -> str:
    """What a measure is called in a condition, where `-` is minus."""
    return name.replace("-", "_")


def check_counts(at_most: Bound | None, at_least: Bound | None, periods: int) -> None:
    """Raise what is wrong with limits of a count."""
    _some(at_most, at_least, instead="at_most: 9 per 5m")
    for key, bound in (("at_most", at_most), ("at_least", at_least)):
        if bound and not bound.counts():
            raise wrong("this is not a number of things", "it is a count", "9 per 5m", at=key)
    if at_least and not at_least.per_s:
        raise wrong("`at_least` lacks its time", "a whole release is never over", "at_least: 5 per 10m", at="at_least")
    if periods > 1 and not all(bound.per_s for bound in (at_most, at_least) if bound):
        raise wrong("these periods have no length", "so many of which time?", "at_most: 9 per 5m", at="periods")


def check_gauge(at_most: Bound | None, at_least: Bound | None, against_stable: Margin | None) -> None:
    """Raise what is wrong with limits of a gauge."""
    _some(at_most, at_least, against_stable, instead="at_most: 80%")
    for key, bound in (("at_most", at_most), ("at_least", at_least)):
        if bound and bound.per_s:
            raise wrong("a gauge has no `per`", "it is high for a time", "{at_most: 800, for: 5m}", at=key)
    _factor(against_stable)


def _some(*limits: object, instead: str) -> None:
    if all(limit is None for limit in limits):
        raise wrong("there is no limit here", "nothing would be judged", instead, code="missing-key")


def _factor(margin: Margin | None) -> None:
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


def _at(mistake: ValueError, key: str) -> ValueError:
    context = getattr(mistake, "context", None) or {}
    return wrong(context["what"], context["why"], context["instead"], code="condition", at=key)

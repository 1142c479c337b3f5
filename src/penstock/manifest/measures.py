"""`verdict`, beside what statistics judge: plain limits (so many in a time, so high for so long), and conditions.

They promise nothing statistical: how often a good candidate breaks one is for whoever chooses the number to know.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from penstock.manifest import expression
from penstock.manifest.bound import Bound, margin_alone, some_limit
from penstock.manifest.gauges import ConcurrencyLimit, CpuLimit, MemoryLimit, check_gauge
from penstock.manifest.latency import QUANTILES, with_unit
from penstock.manifest.section import Count, Duration, Margin, Name, Section, is_number, wrong

_SHARE = re.compile(r"[0-9]+(?:\.[0-9]+)?%")
_ACCEPTED = 0.9
_PART = re.compile(r"([0-9]+(?:\.[0-9]+)?)x")
ARM = ("requests", "errors", "mean_ms", "p50_ms", "p95_ms", "p99_ms")
"""The samples of conditions that each arm has."""
FACTS = ("weight", "seconds")
"""The samples that belong to neither arm: the candidate's share in hundredths, and the seconds of this increment so far."""


class CountLimit(Section):
    """So many in a time, at most or at least, in so many of these times one after the other.

    Without a time the whole release is counted, and then there is no least: it is never over.
    """

    one_of: ClassVar[tuple[str, ...]] = ("at_most", "at_least")
    specimen: ClassVar[str] = "{at_most: 9 per 5m}"

    at_most: Bound | None = None
    at_least: Bound | None = None
    periods: Count = Field(default=1, ge=1, le=100)

    @model_validator(mode="after")
    def _whole(self) -> CountLimit:
        check_counts(self.at_most, self.at_least, self.periods)
        return self


class AverageLimit(Section):
    """How long requests may take on average, in so many times one after the other.

    There is no statistical form of it: without a bound on the longest request one request can move a mean as far as it
    likes, so no test of means is valid (Bahadur and Savage, 1956). Quantiles (`latency`) have one.
    """

    one_of: ClassVar[tuple[str, ...]] = ("at_most", "against_stable")
    specimen: ClassVar[str] = "{at_most: 5s, per: 5m}"

    at_most_s: Duration | None = Field(default=None, alias="at_most")
    against_stable: Margin | None = None
    per_s: Duration = Field(default=300.0, alias="per", ge=1, le=86400)
    periods: Count = Field(default=2, ge=1, le=100)

    _unit = field_validator("at_most_s", mode="before")(with_unit)

    @model_validator(mode="after")
    def _whole(self) -> AverageLimit:
        some_limit(self.at_most_s, self.against_stable, instead="at_most: 5s")
        margin_alone(self.against_stable)
        return self


class DurationLimits(Section):
    """How long requests may take, other than by quantiles."""

    specimen: ClassVar[str] = "{average: {at_most: 5s, per: 5m}}"

    average: AverageLimit


def factor(value: Any) -> Any:
    """`0.8x` as 0.8."""
    if not isinstance(value, str):
        return value
    found = _PART.fullmatch(value.strip())
    if not found:
        number = float(value) if is_number(value) else float(value[:-1]) / 100 if _SHARE.fullmatch(value) else 0.0
        instead = f"{number:g}x" if 0 < number <= 1 else "0.8x"
        raise wrong(f"`{value}` is not a factor", "it is a part of what stable brings", instead)
    return float(found[1])


Part = Annotated[float, BeforeValidator(factor), Field(ge=0.01, le=1)]


class Measure(Section):
    """A measure of the user's own, by a query of the source: a `rate` or a `count` of events, or a `gauge`.

    A rate is of events (orders, payments) for each request, and judged by evidence: fewer than `at_least_of_stable` times
    stable's send the candidate back, and it is accepted from `promote_at` on. The others are plain limits.
    """

    not_yet: ClassVar[frozenset[str]] = frozenset({"against_last"})
    one_of: ClassVar[tuple[str, ...]] = ("at_most", "at_least", "against_stable", "at_least_of_stable")
    specimen: ClassVar[str] = "{is: rate, query: orders_total, at_least_of_stable: 0.8x}"

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
        """From where on a rate is accepted: by default as far below 1 again as what is convicted, and at least half of that.

        Never above 0.9: the nearer to 1, the more events it takes to accept a candidate that is as good as stable. A tenth
        takes about 3,000 in both arms together, half of it four times as many.
        """
        least = self.at_least_of_stable or 1.0
        return round(max(min(2 * least - 1, _ACCEPTED), least / 2), 6) if self.promote_at is None else self.promote_at

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

    specimen: ClassVar[str] = "errors * stable.requests > 3 * stable.errors * requests && errors > 10"

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
    memory: MemoryLimit | None = None
    cpu: CpuLimit | None = None
    concurrency: ConcurrencyLimit | None = None
    measures: dict[Name, Measure] = Field(default_factory=dict)
    fail_if: Condition | None = None
    promote_if: Condition | None = None

    @model_validator(mode="after")
    def _conditions(self) -> Measures:
        for name in self.measures:
            if sample(name) in (*ARM, *FACTS, *COUNTS, *GAUGES, *_TAKEN):
                raise wrong(
                    f"`{name}` is a name of Penstock's own",
                    "it would mean two things",
                    f"{name}-of-mine",
                    at="measures",
                )
        for key, condition in self.conditions().items():
            if mistake := expression.misnamed(expression.read(condition.text), self.vocabulary()):
                raise _at(mistake, f"{key}.if")
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
        arm = [*ARM, *COUNTS, *GAUGES, *map(sample, self.measures)]
        return frozenset([*FACTS, *arm, *(f"stable.{name}" for name in arm)])


COUNTS = ("throttles", "api_5xx")
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
GAUGES = ("memory", "cpu", "concurrency")


def sample(name: str) -> str:
    """What a measure is called in a condition, where `-` is minus."""
    return name.replace("-", "_")


def check_counts(at_most: Bound | None, at_least: Bound | None, periods: int) -> None:
    """Raise what is wrong with limits of a count."""
    some_limit(at_most, at_least, instead="at_most: 9 per 5m")
    for key, bound in (("at_most", at_most), ("at_least", at_least)):
        if bound and not bound.counts():
            raise wrong(f"{bound.said} is not a number of things", "it is a count", f"{key}: 9 per 5m", at=key)
    if at_least and not at_least.per_s:
        raise wrong("`at_least` lacks its time", "a whole release is never over", "at_least: 5 per 10m", at="at_least")
    if periods > 1 and not all(bound.per_s for bound in (at_most, at_least) if bound):
        raise wrong("these periods have no length", "so many of which time?", "at_most: 9 per 5m", at="periods")


def _at(mistake: ValueError, key: str) -> ValueError:
    context = getattr(mistake, "context", None) or {}
    told = (context["what"], context["why"], context["instead"])
    return wrong(*told, code="condition", at=key, offset=context["offset"])

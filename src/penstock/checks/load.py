"""The check `load`: response times and errors under a short load, beside limits and beside the last release."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

from pydantic import Field, field_validator, model_validator

from penstock.checks.filling import Unknown
from penstock.checks.http import METHODS, Step, asked
from penstock.checks.json_path import NAME, CannotTell, problems
from penstock.checks.load_client import LATE_S, Schedule, Shot, fire
from penstock.checks.load_figures import Figures, of_samples, per_second
from penstock.checks.load_judge import Rules, judged
from penstock.checks.load_reports import ReportError, read
from penstock.checks.reported import Produced, Reported, produce, unjudged
from penstock.core.finding import CheckRequest, Outcome
from penstock.core.masking import concealed
from penstock.manifest.section import Count, Duration, Fraction, Margin, Section, wrong

_RATE = 10.0
_FASTEST = 1000.0
_MOST = 200_000
_LATE = 0.05
_OWN = ("requests", "rate", "for_s", "at_once", "answer_within_s")


class Longest(Section):
    """How long so many of the requests may take at most."""

    at_most_s: Duration = Field(alias="at_most", gt=0)


class Share(Section):
    """What share of the requests may fail."""

    at_most: Fraction = Field(default=0.0, ge=0, le=1)


class LoadSection(Step, Reported):
    """One request, sent on a schedule; or `run` and `report` of another tool. Judged by limits and by the last release."""

    pace: ClassVar[str] = "tests"
    written: ClassVar[frozenset[str] | None] = frozenset(
        {
            *METHODS, "headers", "bearer", "json", "body", "expect", "requests", "rate", "for", "at_once",
            "answer_within", "run", "report", "env", "sees", "p50", "p90", "p95", "p99", "errors", "against_last",
            "needs", "blocks", "within", "once_in",
        }
    )  # fmt: skip

    requests: Count | None = Field(default=None, ge=1, le=_MOST)
    rate: str | None = None
    for_s: Duration | None = Field(default=None, alias="for", gt=0)
    at_once: Count = Field(default=50, ge=1, le=1000)
    answer_within_s: Duration = Field(default=10.0, alias="answer_within", gt=0)
    p50: Longest | None = None
    p90: Longest | None = None
    p95: Longest | None = None
    p99: Longest | None = None
    errors: Share = Share()
    against_last: Margin | None = None

    def names(self) -> frozenset[str]:
        """Every name in what it sends; a command sees what it `sees`."""
        if self.is_report:
            return frozenset()
        sent = f"{self.address} {self.bearer} {self.headers} {self.json_} {self.body}"
        return frozenset(NAME.findall(sent))

    @property
    def is_report(self) -> bool:
        """Whether another tool makes the load."""
        return self.run is not None or bool(self.report)

    def schedule(self) -> Schedule:
        """What is sent when."""
        a_second = (per_second(self.rate) if self.rate else None) or (
            self.requests / self.for_s if self.requests and self.for_s else _RATE
        )
        count = self.requests or math.ceil(a_second * (self.for_s or 0))
        return Schedule(count, a_second, self.at_once, self.answer_within_s)

    def rules(self) -> Rules:
        """What is judged by."""
        limits = {name: one.at_most_s * 1000 for name in ("p50", "p90", "p95", "p99") if (one := getattr(self, name))}
        return Rules(limits, self.errors.at_most, self.against_last.ratio if self.against_last else None)

    @field_validator("rate")
    @classmethod
    def _a_rate(cls, value: str | None) -> str | None:
        if value is not None and not 0 < (per_second(value) or 0.0) <= _FASTEST:
            why = f"it is requests per second, minute or hour, at most {_FASTEST:g}/s"
            raise wrong(f"`{value[:40]}` is no rate", why, "rate: 50/s; beyond that a tool of its own, with `report`")
        return value

    @model_validator(mode="after")
    def _whole(self) -> LoadSection:
        if self.against_last and (self.against_last.points or self.against_last.ratio < 1):
            raise wrong(
                "this is no factor from 1 on", "it multiplies the last release's times", "1.1x", at="against_last"
            )
        if self.is_report:
            self._is_only_a_report()
        else:
            self._is_a_schedule()
        return self

    def _is_only_a_report(self) -> None:
        for name, one in LoadSection.model_fields.items():
            if (name in Step.model_fields or name in _OWN) and getattr(self, name) != one.default:
                key = one.alias or name
                raise wrong(
                    f"`{key}` stands beside `report`", "the other tool makes the requests", "one of them", at=key
                )

    def _is_a_schedule(self) -> None:
        self._is_one_request()
        if not self.address.startswith("/"):
            raise wrong(
                "a load goes to the revision alone", "not to somebody else", "a path, /search", at=self.method.lower()
            )
        said = [name for name in ("requests", "rate", "for_s") if getattr(self, name) is not None]
        if len(said) == 3 or not said or said in (["rate"], ["for_s"]):
            why = "a load is `requests` (10 a second), or two of `requests`, `rate` and `for`"
            raise wrong("this does not say how much load there is", why, "rate: 50/s, for: 10s", at="requests")
        plan = self.schedule()
        lasts = plan.requests / plan.rate
        if plan.requests > _MOST or plan.rate > _FASTEST or lasts >= self.within_s:
            what = f"{plan.requests} requests, {plan.rate:g} a second, take {lasts:g} s"
            why = f"at most {_MOST} requests, {_FASTEST:g} a second, are over before `within`"
            raise wrong(what, why, "less load, or a longer `within`", at="within" if lasts >= self.within_s else "rate")


class LoadCheck:
    """Passes when the revision answers fast enough, and without errors, under a short load.

    Requests are due on a schedule and are timed from when they were *due*: a service that stalls is seen to stall, also
    by the requests that had to wait. They go to the revision alone, by preview. Or another tool makes the load, and its
    report is judged: of wrk (--latency), hey, k6 (--summary-export), artillery or vegeta (JSON).

    - `get`, `post`, `put`, `patch`, `delete` or `head`: the path that is asked.
    - `headers`, `bearer`, `json`, `body`: what is sent, as with `http`.
    - `expect`, `expect.status`, `expect.headers`, `expect.json`, `expect.within`: what each answer must be, as with
      `http`; 2xx if left out.
    - `requests`: how many; 10 a second when nothing else is said.
    - `rate`: how many a second, as in 50/s; at most 1000/s.
    - `for`: how long.
    - `at_once`: how many may be under way at once, 50 if left out; the others wait, and their waiting counts.
    - `answer_within`: how long one may take, from when it was due; 10s if left out. Then it failed.
    - `run`, `report`: the command of another tool, and its report; without `report`, what it prints is judged.
    - `env`, `sees`: what that command gets, as with `command`.
    - `p50`, `p50.at_most`, `p90`, `p90.at_most`, `p95`, `p95.at_most`, `p99`, `p99.at_most`: how long so many of a
      hundred requests may take at most, as in `p95: {at_most: 300ms}`.
    - `errors`, `errors.at_most`: the share that may fail, 0% if left out.
    - `against_last`: how many times the last release's times they may be, as in `1.1x`. What chance may explain is
      *undecided*: so it is while the two times lie within each other's 95 % confidence. It compares the quantiles
      that have a limit here, or p50 and p95. At the first release the limits alone decide.

    Bad:   speed: {is: load, get: /search, requests: 10, p99: {at_most: 300ms}}   # the 99th of a hundred, asked ten times
    Good:  speed: {is: load, get: /search, rate: 50/s, for: 10s, p95: {at_most: 300ms}, against_last: 1.1x}
    """

    def run(self, request: CheckRequest) -> Outcome:
        """Make the load, or read its report; judge it."""
        section = LoadSection.model_validate(request.section)
        try:
            outcome = _judged(section, request)
        except CannotTell as error:
            outcome = unjudged(str(error)[:290], error.remedy)
        except Unknown as unknown:
            outcome = unjudged(f"`${unknown}` is not known to this check", "a name of `env` or `secrets`")
        return concealed(outcome, request.secrets)


def _judged(section: LoadSection, request: CheckRequest) -> Outcome:
    if not section.is_report:
        figures = shot(fire(*_prepared(section, request)), section.schedule())
        return judged(figures, section.rules(), request.last.measured)
    made = produce(section, request)
    if isinstance(made, Outcome):
        return made
    outcome = of_report(section, made, request.last.measured)
    return replace(outcome, evidence=(*outcome.evidence, *made.evidence()))


def _prepared(section: LoadSection, request: CheckRequest) -> tuple[Any, Schedule, float, Any]:
    asking = asked(section, request, {}, request.key)
    if not asking.ours:
        raise CannotTell("a load goes to the revision alone", "a path")
    names = {**request.env, **request.secrets}

    def problem(answer: Any) -> str:
        try:
            return next(iter(problems(section.expect, answer, names)), "")[:100]
        except CannotTell as error:
            return str(error)

    return asking, section.schedule(), time.monotonic() + section.within_s, problem


def shot(shots: list[Shot], schedule: Schedule) -> Figures:
    """The figures of our own load; CannotTell when it was us who could not keep up, or when nothing answered at all."""
    late = sum(one.was_late for one in shots)
    if late > _LATE * len(shots):
        told = (
            f"{late} of {len(shots)} requests were sent more than {LATE_S * 1000:.0f} ms late, by this machine's fault"
        )
        raise CannotTell(told, "a lower `rate`, or another tool, with `report`")
    why = dict(Counter(one.problem for one in shots if one.problem))
    return of_samples("penstock", [one.ms for one in shots], why, schedule.rate)


def of_report(section: LoadSection, made: Produced, last: Mapping[str, Any] | None) -> Outcome:
    """What another tool's report says, and how its command ended."""
    data = made.reports[0].data if made.reports else (made.ended.output.encode() if made.ended else b"")
    where = f"`{made.reports[0].path}`" if made.reports else "what the command printed"
    if len(made.reports) > 1:
        raise CannotTell(f"{len(made.reports)} reports: one load is judged", "the path of one")
    code = made.ended.code if made.ended else 0
    how = f"; the command ended with {code}" if code else ""
    try:
        figures = read(data)
    except ReportError as error:
        raise CannotTell(f"{where}: {error}{how}", "a report of wrk, hey, k6, artillery or vegeta") from error
    outcome = judged(figures, section.rules(), last)
    if code and outcome.state != "failed":
        return unjudged(f"the command ended with {code}, and its report shows nothing bad", "a load that ends well")
    return outcome

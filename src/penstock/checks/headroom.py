"""The check `headroom`: what the instances can carry, beside the peak that was."""

from __future__ import annotations

import time

from pydantic import Field, field_validator, model_validator

from penstock.checks import prometheus
from penstock.checks.endpoint import Bearer, Url, filled_query, guarded, names_of
from penstock.checks.json_path import CannotTell
from penstock.checks.load_figures import per_second
from penstock.checks.load_reports import ReportError, read
from penstock.checks.reported import Produced, Reported, produce
from penstock.core.finding import CheckRequest, Finding, Outcome
from penstock.manifest.section import Count, Duration, Margin, wrong


class HeadroomSection(Reported):
    """`instances` times `per_instance` (or what a load `report` reached) beside `peak`, at least `at_least` times it."""

    instances: Count = Field(ge=1)
    per_instance: str | None = None
    loaded: Count = Field(default=1, ge=1)
    peak: str
    url: Url | None = None
    bearer: Bearer | None = None
    at_least: Margin = Margin(ratio=1.5)
    within_s: Duration = Field(default=60.0, alias="within", gt=0)

    def names(self) -> frozenset[str]:
        """The token."""
        return names_of(self.bearer)

    @field_validator("per_instance")
    @classmethod
    def _a_rate(cls, value: str | None) -> str | None:
        if value is not None and not per_second(value):
            raise wrong(f"`{value[:40]}` is no rate", "it is requests per second, minute or hour", "200/s")
        return value

    @model_validator(mode="after")
    def _whole(self) -> HeadroomSection:
        if bool(self.per_instance) == bool(self.report):
            what = "`per_instance` stands beside `report`" if self.report else "nothing says what one instance carries"
            raise wrong(what, "it is known, or measured by a load", "per_instance: 200/s", at="per_instance")
        if self.run and not self.report:
            raise wrong("`run` without `report`", "what it measured is read there", "report: load.json", at="run")
        if (per_second(self.peak) is None) != bool(self.url):
            what = "`url` stands beside a peak that is known" if self.url else f"`{self.peak[:40]}` is no rate"
            raise wrong(what, "a peak is a rate, or a query that `url` answers", "peak: 900/s", at="peak")
        if self.at_least.points or self.at_least.ratio <= 0:
            raise wrong("this is no factor", "it multiplies the peak", "at_least: 1.5x", at="at_least")
        return self


class HeadroomCheck:
    """Passes when the instances together carry the peak with room to spare.

    Capacity is the number of instances times what one of them was seen to carry. A load whose requests failed has shown
    what an instance does *not* carry: it is *errored*, and so is a peak that nobody measured.

    - `instances`: how many there will be.
    - `per_instance`: what one of them carries, as in 200/s (or /m, /h).
    - `report`: in its place, the report of a load: of wrk, hey, k6, artillery or vegeta. The rate it reached counts.
    - `run`: the command that writes the report; left out, a check that this one `needs` has written it.
    - `env`, `sees`: what that command gets, as with `command`.
    - `loaded`: how many instances the load ran against, 1 if left out.
    - `peak`: the highest rate to be carried, as in 900/s, or a query that gives it in requests per second.
    - `url`: the Prometheus that answers the query.
    - `bearer`: `$NAME` of the secret that is sent to it as a token.
    - `at_least`: how many times the peak the capacity must be, 1.5x if left out.
    - `within`: how long all of it may take, 60s if left out.

    Bad:   room: {is: headroom, instances: 4, per_instance: 200/s, peak: 900/s, at_least: 0.8x}    # less than the peak
    Good:  room: {is: headroom, instances: 4, per_instance: 200/s, url: "http://prometheus:9090",
           peak: "max_over_time(sum(per_second(http_requests_total[5m]))[7d:5m])"}
    """

    def run(self, request: CheckRequest) -> Outcome:
        """Take the rate of one instance and the peak, and judge what lies between."""
        section = HeadroomSection.model_validate(request.section)
        return guarded(request, lambda: _judged(section, request))


def _judged(section: HeadroomSection, request: CheckRequest) -> Outcome:
    until = time.monotonic() + section.within_s
    each = per_second(section.per_instance) if section.per_instance else None
    if each is None:
        made = produce(section, request)
        if isinstance(made, Outcome):
            return made
        each = reached(section, made)
    peak = per_second(section.peak)
    if peak is None:
        query = filled_query(section.peak, request)
        peak = prometheus.ask(section.url or "", query, request, until, section.bearer)
    return judged(section, each, peak)


def reached(section: HeadroomSection, made: Produced) -> float:
    """What one instance carried in a load; CannotTell where requests failed, or the command did."""
    if made.ended and made.ended.code != 0:
        raise CannotTell(f"the load's command ended with {made.ended.code}", "a load that ends well")
    try:
        figures = read(made.reports[0].data)
    except ReportError as error:
        raise CannotTell(f"`{made.reports[0].path}`: {error}", "a report of a tool that is known") from error
    if figures.failed:
        told = f"{figures.failed} of {figures.requests} requests of the load failed"
        raise CannotTell(f"{told}: what an instance carries is less", "a load that is carried")
    if figures.rate is None or figures.rate <= 0:
        raise CannotTell(
            f"{figures.tool}'s report does not say how many requests a second there were", "another report"
        )
    return figures.rate / section.loaded


def judged(section: HeadroomSection, each: float, peak: float) -> Outcome:
    """Capacity beside the peak; failed when it is less than so many times the peak."""
    if peak <= 0:
        raise CannotTell(f"the peak is {peak:g}/s: there were no requests to measure it by", "a window with requests")
    capacity = section.instances * each
    factor, least = capacity / peak, section.at_least.ratio
    said = f"{factor:.2f}x the peak: {section.instances} instances carry {capacity:.4g}/s, the peak is {peak:.4g}/s"
    measured = {"factor": round(factor, 4), "per_instance": round(each, 4), "peak": round(peak, 4)}
    if factor >= least - 1e-9:
        return Outcome("passed", said, measured=measured)
    needed = -int(-least * peak // each)
    finding = Finding(said, f"less than {least:g}x", f"{needed} instances, or more from each")
    return Outcome("failed", f"{said}, less than {least:g}x", (finding,), measured=measured)

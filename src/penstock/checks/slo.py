"""The check `slo`: how much of the error budget is left."""

from __future__ import annotations

import time
from typing import Literal

from pydantic import Field, model_validator

from penstock.checks import endpoint, prometheus
from penstock.checks.endpoint import Bearer, Url, filled_query, guarded, names_of
from penstock.checks.json_path import CannotTell, parse
from penstock.core.finding import CheckRequest, Finding, Outcome
from penstock.manifest.check import CheckSection
from penstock.manifest.section import Duration, Fraction, Section, wrong
from penstock.render.words import span

_SOON_S = 5.0
_MORE = 1.01  # counts that were extrapolated over a window may be a little off


class Left(Section):
    """The share of the budget that must be left."""

    at_least: Fraction = Field(default=0.1, ge=0, le=1)


class SloSection(CheckSection):
    """`availability` over `window_s`, counted by `errors` (or `good`) of `requests`, asked of `url`."""

    url: Url
    source: Literal["prometheus", "json"] = "prometheus"
    errors: str = ""
    good: str = ""
    requests: str
    bearer: Bearer | None = None
    availability: Fraction = Field(gt=0, lt=1)
    window_s: Duration = Field(default=30 * 86400.0, alias="window", ge=60)
    left: Left = Left()
    within_s: Duration = Field(default=60.0, alias="within", gt=0)

    def names(self) -> frozenset[str]:
        """The token."""
        return names_of(self.bearer)

    @model_validator(mode="after")
    def _one_count(self) -> SloSection:
        if bool(self.errors) == bool(self.good):
            what = "both `errors` and `good`" if self.good else "neither `errors` nor `good`"
            raise wrong(what, "of the requests, one of the two is counted", "errors: sum(increase(...))", at="errors")
        for key in ("errors", "good", "requests") if self.source == "json" else ():
            text = getattr(self, key)
            try:
                parse(text or "x")
            except ValueError as error:
                raise wrong(str(error), "a path is keys and places", "data.errors", at=key) from error
        return self


class SloCheck:
    """Passes when enough of the error budget is left to risk a release.

    Of 99.9 % over 30 days, one request in a thousand may fail; when nine tenths of those have failed, a tenth is left.
    What has no data (no series, NaN, no requests, several series) is *errored*: nothing is known of the budget.

    - `url`: the Prometheus (or what speaks like it), or a whole URL that answers with JSON.
    - `source`: what it is, `prometheus` (if left out) or `json`.
    - `errors`, `good`: the requests that failed in the window, or those that did not: a query that gives one number,
      `$WINDOW` standing for the window; with `source: json` a path in the answer, such as `data.errors`.
    - `requests`: all of them, likewise.
    - `bearer`: `$NAME` of the secret that is sent as a token.
    - `availability`: the share of requests that should be good.
    - `window`: what it is promised for, 30d if left out. A Prometheus that keeps less is *errored*.
    - `left`, `left.at_least`: the share of the budget that must be left, 10% if left out.
    - `within`: how long asking may take, 60s if left out.

    Bad:   budget: {is: slo, url: "http://prometheus:9090", availability: 99.9%, errors: up, requests: up}  # no counts
    Good:  budget: {is: slo, url: "http://prometheus:9090", availability: 99.9%, left: {at_least: 10%},
           errors: 'sum(increase(http_requests_total{code=~"5.."}[$WINDOW]))',
           requests: "sum(increase(http_requests_total[$WINDOW]))"}
    """

    def run(self, request: CheckRequest) -> Outcome:
        """Ask for both counts, and judge what is left."""
        section = SloSection.model_validate(request.section)
        return guarded(request, lambda: judged(section, *_counts(section, request)))


def _counts(section: SloSection, request: CheckRequest) -> tuple[float, float]:
    """What was counted, and all requests."""
    until = time.monotonic() + section.within_s
    own = {"WINDOW": f"{section.window_s:.0f}s"}
    counted = section.errors or section.good
    if section.source == "json":
        data = endpoint.get(section.url, request, until, bearer=section.bearer, names=own)
        return endpoint.number(data, counted), endpoint.number(data, section.requests)
    soon = min(until, time.monotonic() + _SOON_S)
    prometheus.refuse_short_memory(section.url, section.window_s, request, soon, section.bearer)
    queries = [filled_query(query, request, **own) for query in (counted, section.requests)]
    one, other = (prometheus.ask(section.url, query, request, until, section.bearer) for query in queries)
    return one, other


def judged(section: SloSection, counted: float, requests: float) -> Outcome:
    """What is left of the budget: failed when it is less than it must be."""
    window = span(section.window_s)
    if requests <= 0:
        raise CannotTell(f"{requests:g} requests in {window}: there is nothing to judge", "a window with requests")
    if not 0 <= counted <= requests * _MORE:
        which = "errors" if section.errors else "good"
        raise CannotTell(
            f"`{which}` counts {counted:g} of {requests:g} requests", "queries that count the same requests"
        )
    errors = min(counted, requests) if section.errors else max(0.0, requests - counted)
    left = round(1 - errors / requests / (1 - section.availability), 9)  # a limit that is just kept is kept
    said = f"{left * 100:.3g} % of the error budget is left: {errors:.0f} of {requests:.0f} requests failed in {window}"
    measured = {"left": left, "errors": errors, "requests": requests}
    promise = f"{section.availability * 100:.10g} % over {window}"
    if left >= section.left.at_least:
        return Outcome("passed", f"{said} ({promise})", measured=measured)
    finding = Finding(
        said, f"{promise} needs {section.left.at_least * 100:g} % of it left", "fewer errors before the next risk"
    )
    return Outcome("failed", f"{said}, {section.left.at_least * 100:g} % must be", (finding,), measured=measured)

"""The check `alarms`: they are there, and they are not firing already."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from penstock.checks import endpoint
from penstock.checks.alarms_answers import Alarm, AnswerError, read
from penstock.checks.endpoint import Bearer, Url, guarded, names_of
from penstock.checks.json_path import CannotTell, TextExpected, text_mismatch
from penstock.checks.reported import Produced, Reported, produce
from penstock.core.finding import CheckRequest, Finding, Outcome
from penstock.manifest.groups import one_or_several
from penstock.manifest.section import Duration, wrong

_SHOWN = 100
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


class AlarmsSection(Reported):
    """`expect`ed alarms exist, and none that matches fires: asked of Prometheus, Alertmanager, a URL, or a report."""

    prometheus: Url | None = None
    alertmanager: Url | None = None
    url: Url | None = None
    bearer: Bearer | None = None
    expect: Annotated[tuple[str, ...], BeforeValidator(one_or_several)] = ()
    match: dict[str, TextExpected] = Field(default_factory=dict)
    allow: Annotated[tuple[str, ...], BeforeValidator(one_or_several)] = ()
    silenced: Literal["allowed", "refused"] = "refused"
    within_s: Duration = Field(default=60.0, alias="within", gt=0)

    def names(self) -> frozenset[str]:
        """The token."""
        return names_of(self.bearer)

    @model_validator(mode="after")
    def _a_source(self) -> AlarmsSection:
        if not (self.prometheus or self.alertmanager or self.url or self.report):
            raise wrong(
                "nobody is asked here", "alarms are asked of somebody", "prometheus: http://host:9090", at="url"
            )
        if self.run and not self.report:
            raise wrong("`run` without `report`", "what it writes is read there", "report: alarms.json", at="run")
        if self.expect and not (self.prometheus or self.url or self.report):
            why = "Alertmanager knows only what fires, not what is there to fire"
            raise wrong("nobody knows whether these alarms exist", why, "prometheus: http://host:9090", at="expect")
        if both := set(self.expect) & set(self.allow):
            what = f"`{min(both)[:60]}` is expected, and may fire"
            raise wrong(what, "an alarm that may fire tells nothing", "it in one of the two", at="allow")
        return self


class AlarmsCheck:
    """Passes when the alarms that a release relies on exist, could fire, and do not fire already.

    A release that goes wrong is noticed by alarms: none, broken ones, and those that fire already notice nothing. A
    first page of several, and an answer of another form, are *errored*.

    - `prometheus`: its URL: the rules there are the alarms that exist. (Grafana: .../api/prometheus/grafana)
    - `alertmanager`: its URL: what fires, and what is silenced. (Grafana: .../api/alertmanager/grafana)
    - `url`: a whole URL that answers as one of these does, or as CloudWatch's describe-alarms.
    - `run`, `report`: a command and the file that it writes, as `aws cloudwatch describe-alarms` prints it.
    - `env`, `sees`: what that command gets, as with `command`.
    - `bearer`: `$NAME` of the secret that is sent as a token.
    - `expect`: the names of alarms that must exist and be able to fire.
    - `match`: labels (CloudWatch: dimensions) of the alarms that must not fire, each a text or a `/pattern/`; all alarms
      if left out.
    - `allow`: names that may fire, such as a Watchdog that always does.
    - `silenced`: whether one that fires and is silenced, or could fire and would tell nobody, is `allowed` or `refused`;
      refused if left out.
    - `within`: how long all of it may take, 60s if left out.

    Bad:   alarms: {is: alarms, alertmanager: "http://alerts:9093"}   # quiet, where nobody ever made an alarm
    Good:  alarms: {is: alarms, prometheus: "http://prometheus:9090", alertmanager: "http://alerts:9093",
           expect: [ShopErrors, ShopDown], match: {service: shop}, allow: [Watchdog]}
    """

    def run(self, request: CheckRequest) -> Outcome:
        """Ask everybody, and judge what is there and what fires."""
        section = AlarmsSection.model_validate(request.section)
        return guarded(request, lambda: _judged(section, request))


def _judged(section: AlarmsSection, request: CheckRequest) -> Outcome:
    until = time.monotonic() + section.within_s
    made: Produced | Outcome | None = produce(section, request) if section.report else None
    if isinstance(made, Outcome):
        return made
    if made and made.ended and made.ended.code:
        raise CannotTell(f"the command ended with {made.ended.code}", "a command that ends well")
    alarms = [alarm for report in (made.reports if made else ()) for alarm in _of_report(report.data, report.path)]
    asked = ((section.prometheus, "/api/v1/rules"), (section.alertmanager, "/api/v2/alerts"), (section.url, ""))
    for url, path in asked:
        if url:
            parameters = {"type": "alert"} if path.endswith("rules") else {}
            data = endpoint.get(url, request, until, bearer=section.bearer, path=path, parameters=parameters)
            alarms += _read(data, f"{url.partition('?')[0][:80]}{path}")
    return judged(section, alarms)


def _of_report(data: bytes, path: str) -> list[Alarm]:
    try:
        return _read(endpoint.parsed(data), f"`{path}`")
    except ValueError as error:
        raise CannotTell(f"`{path}` is {error}", "a report in JSON") from error


def _read(data: Any, where: str) -> list[Alarm]:
    try:
        return read(data)
    except AnswerError as error:
        raise CannotTell(f"{where}: {error}", "what answers with all alarms") from error


def judged(section: AlarmsSection, alarms: Sequence[Alarm]) -> Outcome:
    """Failed by an alarm that is not there, that could not fire or would tell nobody, and by one that fires."""
    rules = {alarm.name: alarm for alarm in reversed(alarms) if alarm.rule}
    firing = _firing(section, alarms)
    findings = [finding for name in section.expect for finding in _lacking(section, name, rules, alarms)]
    findings += [
        Finding(
            f"{_shown(name)} is firing{_labelled(alarm)}",
            "it would not tell of what this release breaks",
            "mend it first",
        )
        for name, alarm in firing.items()
    ]
    if not rules and (section.prometheus or section.url or section.report) and not section.expect and not firing:
        findings.append(Finding("there is no alarm", "what this release breaks is noticed by nobody", "alarms"))
    existing = f"{len(set(section.expect) & rules.keys())} of {len(section.expect)} expected alarms are there"
    existing = existing if section.expect else f"{len(rules)} alarms are there"
    measured = {"alarms": len(rules), "firing": sorted(map(_shown, firing))[:_SHOWN]}
    if not findings:
        return Outcome("passed", f"{existing}, none fires{_waiting(section, alarms)}", measured=measured)
    more = f" (and {len(findings) - 1} more)" if len(findings) > 1 else ""
    shown = tuple(findings[:_SHOWN])
    if len(findings) > _SHOWN:
        shown += (Finding(f"{len(findings) - _SHOWN} more findings"),)
    return Outcome(
        "failed", f"{existing}, {len(firing)} fire: {findings[0].condition}{more}"[:300], shown, measured=measured
    )


def _firing(section: AlarmsSection, alarms: Sequence[Alarm]) -> dict[str, Alarm]:
    """What fires and counts, by name. Prometheus does not know of silences: Alertmanager's word is the last one there."""
    found: dict[str, Alarm] = {}
    heard = {_identity(alarm): alarm for alarm in alarms if alarm.state == "firing"}
    for alarm in heard.values():
        if alarm.mute and section.silenced == "allowed":
            continue
        if alarm.name not in section.allow and _matches(section, alarm):
            found.setdefault(alarm.name, alarm)
    return found


def _identity(alarm: Alarm) -> tuple[object, ...]:
    return alarm.name, *sorted((name, value) for name, value in alarm.labels.items() if name != "alertname")


def _matches(section: AlarmsSection, alarm: Alarm) -> bool:
    return all(
        name in alarm.labels and not text_mismatch(want, alarm.labels[name], {}) for name, want in section.match.items()
    )


def _lacking(section: AlarmsSection, name: str, rules: dict[str, Alarm], alarms: Sequence[Alarm]) -> list[Finding]:
    """What an expected alarm lacks."""
    alarm = rules.get(name)
    if alarm is None:
        return [Finding(f"there is no alarm {_shown(name)}", "what it is for is noticed by nobody", "that alarm")]
    if alarm.fault:
        return [
            Finding(f"{_shown(name)} cannot fire: {_shown(alarm.fault, 150)}", "it notices nothing", "mend its rule")
        ]
    if alarm.mute and section.silenced == "refused":
        return [Finding(f"{_shown(name)} would not be heard: {alarm.mute}", "it tells nobody", "an action for it")]
    if any(one.name == name and one.state == "blind" for one in alarms):
        return [Finding(f"{_shown(name)} has no data", "it notices nothing", "what it measures")]
    return []


def _waiting(section: AlarmsSection, alarms: Sequence[Alarm]) -> str:
    """What a reader wants to know beside: what is about to fire, and what is allowed to."""
    pending = {alarm.name for alarm in alarms if alarm.state == "pending" and _matches(section, alarm)}
    allowed = {alarm.name for alarm in alarms if alarm.state == "firing" and _matches(section, alarm)}
    said = f"; pending: {_listed(pending)}" if pending else ""
    return said + (f"; allowed to fire: {_listed(allowed)}" if allowed else "")


def _listed(names: set[str]) -> str:
    return ", ".join(_shown(name, 30) for name in sorted(names)[:3]) + (
        f" and {len(names) - 3} more" if len(names) > 3 else ""
    )


def _labelled(alarm: Alarm) -> str:
    return f", though {alarm.mute}" if alarm.mute else ""


def _shown(text: str, limit: int = 60) -> str:
    text = _CONTROL.sub(" ", text)
    return text if len(text) <= limit else f"{text[:limit]}..."

"""The check `on_call`: somebody is there when the release goes wrong."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Annotated, Any
from urllib.parse import quote, urlencode

from pydantic import AfterValidator, Field, model_validator

from penstock.checks import inside
from penstock.checks.filling import Unknown, fill
from penstock.checks.http import Asked
from penstock.checks.json_path import NAME, CannotTell
from penstock.checks.on_call_calendar import NoCalendar, Shift, shifts
from penstock.checks.reachable_http import answered
from penstock.checks.reachable_net import Limits, Unreachable
from penstock.checks.reported import a_path_inside
from penstock.core.finding import CheckRequest, Finding, Outcome
from penstock.core.masking import concealed
from penstock.core.target import Evidence
from penstock.manifest.check import CheckSection
from penstock.manifest.groups import FIRST
from penstock.manifest.section import Duration, wrong
from penstock.render.words import moment, span

_CALENDAR_LIMIT = 1 << 20
_GAP_S = 60.0  # between two shifts that follow each other
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_SOURCES = ("pagerduty", "opsgenie", "calendar")
_API = {"pagerduty": "https://api.pagerduty.com", "opsgenie": "https://api.opsgenie.com"}


class OnCallSection(CheckSection):
    """A `group` with people, a schedule, or both; somebody is named for all of the next `for_s`."""

    group: str = ""
    pagerduty: str | None = None
    opsgenie: str | None = None
    token: str | None = None
    url: str | None = None
    calendar: Annotated[str, AfterValidator(a_path_inside)] | None = None
    timezone: str = ""
    for_s: Duration = Field(default=4 * 3600.0, alias="for", gt=0, le=14 * 86400.0)
    within_s: Duration = Field(default=30.0, alias="within", gt=0)

    def source(self) -> str:
        """Where the shifts are; empty where people are enough."""
        return next((name for name in _SOURCES if getattr(self, name) is not None), "")

    @model_validator(mode="after")
    def _whole(self) -> OnCallSection:
        several = [name for name in _SOURCES if getattr(self, name) is not None]
        if len(several) > 1:
            raise wrong(
                "there are two schedules here", "one says who is on call", f"`{several[0]}` alone", at=several[1]
            )
        online = self.source() in _API
        if online and (self.token is None or not NAME.fullmatch(self.token)):
            raise wrong(
                f"`{self.source()}` needs a `token`, by its name", "it is asked by nobody else", "token: $TOKEN"
            )
        if not online and (self.token or self.url):
            key = "token" if self.token else "url"
            raise wrong(
                f"`{key}` belongs to a schedule that is asked", "a file and a group need none", "pagerduty", at=key
            )
        if self.url is not None and not re.match(r"https?://[^/]|\$", self.url):
            raise wrong(
                f"`{self.url[:60]}` is no URL",
                "it is where the schedule is asked",
                "https://api.eu.opsgenie.com",
                at="url",
            )
        return self


class OnCallCheck:
    """Passes when somebody is on call now, and will be for as long as the release may need them.

    A release while nobody is there goes wrong alone. A group of the manifest says who could be called; a schedule
    says who is. Where there is a gap in it, the check fails and says when the gap begins.

    - `group`: a group of the manifest that has people; `on-call` or `operations` if there is nothing else here.
    - `pagerduty`: the ID of a schedule, as in its address: PI7DH85.
    - `opsgenie`: the name or the ID of a schedule.
    - `token`: `$NAME` of the token that the schedule is asked with.
    - `url`: another address than api.pagerduty.com or api.opsgenie.com, such as https://api.eu.opsgenie.com.
    - `calendar`: an iCalendar file of the repository, an event for each shift, whose title is who is on call. It may
      repeat daily or weekly; a calendar with other rules is *errored*, not guessed.
    - `timezone`: that of a calendar's times which name none, such as Europe/Madrid; the calendar's own if left out.
    - `for`: how long somebody must be there from now on, 4h if left out.
    - `within`: for asking, 30s if left out.

    Bad:   on-call: {is: on_call, group: everybody}     # who of them is there tonight?
    Good:  on-call: {is: on_call, pagerduty: PI7DH85, token: $PAGERDUTY_TOKEN, for: 2h}
    """

    def run(self, request: CheckRequest) -> Outcome:
        """Look into the group, then into the schedule."""
        section = OnCallSection.model_validate(request.section)
        now = request.now or time.time()
        try:
            people = _people(section, request)
            if not section.source():
                return _found(
                    f"{', '.join(people[:10])} can be called" + (f", of {section.group}" if section.group else "")
                )
            found = _calendar(section, request.folder, now) if section.calendar else _asked(section, request, now)
            outcome = judged(found, now, section.for_s)
        except Nobody as error:
            outcome = _ended("failed", str(error), "somebody in it, by name")
        except Unknown as unknown:
            outcome = _ended("errored", f"`${unknown}` is not known to this check", "a name of `env` or `secrets`")
        except (CannotTell, Unreachable) as error:
            outcome = _ended("errored", str(error), error.remedy)
        return concealed(outcome, request.secrets)


class Nobody(Exception):
    """A group has no people."""


def _people(section: OnCallSection, request: CheckRequest) -> tuple[str, ...]:
    if section.source() and not section.group:
        return ()
    name = section.group or next((one for one in FIRST if one in request.groups), "")
    if not name or name not in request.groups:
        what = (
            f"there is no group `{name}`" if name else f"there is no group {' or '.join(f'`{one}`' for one in FIRST)}"
        )
        raise CannotTell(what, "a group of the manifest, or a schedule")
    if not request.groups[name]:
        raise Nobody(f"nobody is in the group `{name}`")
    return request.groups[name]


def _calendar(section: OnCallSection, folder: str, now: float) -> list[Shift]:
    path = section.calendar or ""
    try:
        content = inside.read(folder, path, _CALENDAR_LIMIT)
        return shifts(content, now, now + section.for_s, section.timezone)
    except (inside.Unreadable, NoCalendar) as error:
        remedy = "its right path, and single events or such that repeat daily or weekly, in a named time zone"
        raise CannotTell(f"`{path}` {error}", remedy) from error


def _asked(section: OnCallSection, request: CheckRequest, now: float) -> list[Shift]:
    names = {**request.env, **request.secrets}
    base = fill(section.url or _API[section.source()], names).rstrip("/")
    token = fill(section.token or "", names)
    if section.pagerduty is not None:
        asking = pagerduty(base, fill(section.pagerduty, names), token, now, now + section.for_s)
    else:
        asking = opsgenie(base, fill(section.opsgenie or "", names), token, now)
    answer = answered(asking, Limits(section.within_s, time.monotonic() + section.within_s, now))
    if answer.status != 200 or not answer.whole:
        remedy = "a token that may read schedules" if answer.status in (401, 403) else "a schedule that is there"
        raise CannotTell(f"{section.source()} answered {answer.status}", remedy)
    return read(section.source(), answer.body)


def pagerduty(base: str, schedule: str, token: str, since: float, until: float) -> Asked:
    """The request for what a schedule comes to in a span of time, overrides and all."""
    span_of = urlencode({"since": _iso(since), "until": _iso(until), "time_zone": "UTC"})
    headers = {"Authorization": f"Token token={token}", "Accept": "application/vnd.pagerduty+json;version=2"}
    return Asked("GET", f"{base}/schedules/{quote(schedule, safe='')}?{span_of}", _with_name(headers), None, False)


def opsgenie(base: str, schedule: str, token: str, since: float) -> Asked:
    """The same of Opsgenie, whose timeline has whole weeks: three, so that no span of time is cut."""
    kind = "id" if _UUID.fullmatch(schedule) else "name"
    span_of = urlencode({"identifierType": kind, "date": _iso(since), "interval": 3, "intervalUnit": "weeks"})
    url = f"{base}/v2/schedules/{quote(schedule, safe='')}/timeline?{span_of}"
    return Asked("GET", url, _with_name({"Authorization": f"GenieKey {token}"}), None, False)


def _with_name(headers: dict[str, str]) -> dict[str, str]:
    return {"User-Agent": "penstock", "Accept-Encoding": "identity", **headers}


def read(source: str, body: str) -> list[Shift]:
    """The shifts in an answer; one that names nobody is left out, and one that cannot be read is an error."""
    try:
        said = json.loads(body)
        entries = list(_of_pagerduty(said) if source == "pagerduty" else _of_opsgenie(said))
        return sorted(
            (Shift(who[:200], _epoch(start), _epoch(end)) for who, start, end in entries if who),
            key=lambda one: one.start,
        )
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError, OverflowError) as error:
        raise CannotTell(f"the answer is no schedule of {source}", "the address of its API") from error


def _of_pagerduty(said: Any) -> Iterable[tuple[str, str, str]]:
    for entry in said["schedule"]["final_schedule"]["rendered_schedule_entries"]:
        user = entry["user"]
        yield (user.get("summary") or user.get("name") or "") if user else "", entry["start"], entry["end"]


def _of_opsgenie(said: Any) -> Iterable[tuple[str, str, str]]:
    for rotation in said["data"]["finalTimeline"]["rotations"]:
        for period in rotation.get("periods", []):
            whom = period.get("recipient") or {}
            yield whom.get("name", "") if whom.get("type") != "none" else "", period["startDate"], period["endDate"]


def _epoch(text: str) -> float:
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError("a time without a zone")
    return at.timestamp()


def _iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def judged(found: list[Shift], now: float, for_s: float) -> Outcome:
    """Whether the shifts, one after the other, reach from now to the end."""
    named = [shift for shift in found if shift.who and shift.end > now and shift.start < now + for_s]
    evidence = (
        Evidence("shifts", "text/plain", "\n".join(f"{moment(s.start)} - {moment(s.end)}  {s.who}" for s in named)),
    )
    reached, whom = now, list[str]()
    for shift in sorted(named, key=lambda one: one.start):
        if shift.start > reached + (_GAP_S if whom else 0):
            break
        reached = max(reached, shift.end)
        whom.append(_line(shift.who))
    if not whom:
        return _ended("failed", "nobody is on call now", "somebody, or a release at another time", evidence)
    who = ", ".join(dict.fromkeys(whom))[:150]
    if reached < now + for_s:
        said = f"{who} is on call for {span(reached - now)} more, then nobody: expected {span(for_s)}"
        return _ended("failed", said, "somebody after that, or an earlier release", evidence)
    return _found(f"{who} {'is' if len(set(whom)) == 1 else 'are'} on call for the next {span(for_s)}", evidence)


def _line(text: str) -> str:
    return re.sub(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+", " ", text)


def _found(sentence: str, evidence: tuple[Evidence, ...] = ()) -> Outcome:
    return Outcome("passed", _line(sentence)[:300], (), evidence)


def _ended(state: Any, condition: str, remedy: str, evidence: tuple[Evidence, ...] = ()) -> Outcome:
    condition = _line(condition)
    finding = Finding(
        condition, "nobody may be there when it is needed", remedy, "", "high" if state == "failed" else ""
    )
    return Outcome(state, condition[:300], (finding,), evidence)

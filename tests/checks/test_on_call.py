"""The check `on_call`: who is there, and for how long."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from penstock.checks.json_path import CannotTell
from penstock.checks.on_call import OnCallCheck, OnCallSection, judged, read
from penstock.checks.on_call_calendar import NoCalendar, Shift, shifts
from penstock.core import data
from penstock.core.finding import CheckRequest, Outcome
from penstock.manifest.check import CheckSection

SECRET = "s3cr3t/t0ken"
RECORDED = Path(__file__).parent / "recorded" / "on_call"
HOUR = 3600.0
Make = Callable[..., CheckRequest]
Start = Callable[..., Any]


def at(text: str, zone: str = "UTC") -> float:
    """A moment in seconds since the epoch."""
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()


NOW = at("2026-11-21T10:00")


def run(make: Make, section: dict[str, Any], **more: Any) -> Outcome:
    """The outcome of a section as a manifest writes it."""
    return OnCallCheck().run(make(data.dump(OnCallSection.model_validate(section)), **{"now": NOW, **more}))


def texts(outcome: Outcome) -> str:
    """Everything that an outcome says."""
    findings = [f"{f.condition} {f.effect} {f.remedy}" for f in outcome.findings]
    return "\n".join([outcome.sentence, *findings, *(e.text for e in outcome.evidence)])


@pytest.mark.parametrize(
    ("section", "groups", "state", "sentence"),
    [
        ({"group": "shop"}, {"shop": ("ana", "bo")}, "passed", "ana, bo can be called, of shop"),
        ({}, {"operations": ("bo",), "on-call": ("ana",)}, "passed", "ana can be called"),
        ({"group": "shop"}, {"shop": ()}, "failed", "nobody is in the group `shop`"),
        ({"group": "shop"}, {"on-call": ("ana",)}, "errored", "there is no group `shop`"),
        ({}, {}, "errored", "there is no group `on-call` or `operations`"),
    ],
)
def test_groups(section: Any, groups: Any, state: str, sentence: str, request_for: Make) -> None:
    """A group with people passes; one without fails; one that is not there cannot be looked into."""
    outcome = run(request_for, section, groups=groups)
    assert (state, sentence) == (outcome.state, outcome.sentence)


def shift(who: str, start: float, end: float) -> Shift:
    """A shift, in hours from now."""
    return Shift(who, NOW + start * HOUR, NOW + end * HOUR)


@pytest.mark.parametrize(
    ("found", "state", "sentence"),
    [
        ([shift("ana", -1, 5)], "passed", "ana is on call for the next 4 h"),
        ([shift("ana", -1, 2), shift("bo", 2, 5)], "passed", "ana, bo are on call for the next 4 h"),
        ([shift("bo", 2, 5), shift("ana", -1, 2)], "passed", "ana, bo are on call for the next 4 h"),
        ([shift("ana", -1, 2), shift("bo", 2.01, 5)], "passed", "ana, bo are on call for the next 4 h"),
        ([shift("ana", 0, 4)], "passed", "ana is on call for the next 4 h"),
        ([shift("ana", -1, 2), shift("bo", 3, 5)], "failed", "ana is on call for 2 h more, then nobody: expected 4 h"),
        ([shift("ana", -1, 3.9)], "failed", "ana is on call for 3 h 54 min more, then nobody: expected 4 h"),
        ([shift("ana", 0.01, 9)], "failed", "nobody is on call now"),
        ([shift("ana", -9, 0)], "failed", "nobody is on call now"),
        ([shift("", -1, 9)], "failed", "nobody is on call now"),
        ([], "failed", "nobody is on call now"),
    ],
)
def test_shifts_reach_to_the_end(found: list[Shift], state: str, sentence: str) -> None:
    """From now on without a gap: an hour without anybody fails, and is said."""
    outcome = judged(found, NOW, 4 * HOUR)
    assert (state, sentence) == (outcome.state, outcome.sentence)


def test_pagerduty(start: Start, request_for: Make) -> None:
    """The final schedule of the span is asked with the token, which is shown nowhere."""
    service = start({"body": (RECORDED / "pagerduty.json").read_text()})
    section = {"pagerduty": "PI7DH85", "token": "$TOKEN", "url": service.url}
    more: dict[str, Any] = {"secrets": {"TOKEN": SECRET}}
    outcome = run(request_for, section, **more)
    assert ("passed", "Ana Ruiz, Bo Lind are on call for the next 4 h") == (outcome.state, outcome.sentence)
    path = "/schedules/PI7DH85?since=2026-11-21T10%3A00%3A00Z&until=2026-11-21T14%3A00%3A00Z&time_zone=UTC"
    assert (path, f"Token token={SECRET}") == (service.asked[0]["path"], service.asked[0]["headers"]["authorization"])
    assert "failed" == run(request_for, {**section, "for": "8h"}, **more).state
    assert SECRET not in texts(outcome)


def test_opsgenie(start: Start, request_for: Make) -> None:
    """Periods that nobody has are no shift; historical and coming ones are one."""
    service = start({"body": (RECORDED / "opsgenie.json").read_text()})
    section = {"opsgenie": "shop schedule", "token": "$TOKEN", "url": service.url, "for": "3h"}
    more: dict[str, Any] = {"secrets": {"TOKEN": SECRET}}
    assert "ana@shop.example is on call for the next 3 h" == run(request_for, section, **more).sentence
    assert service.asked[0]["path"].startswith(
        "/v2/schedules/shop%20schedule/timeline?identifierType=name&date=2026-11-21"
    )
    assert f"GenieKey {SECRET}" == service.asked[0]["headers"]["authorization"]
    outcome = run(request_for, {**section, "for": "4h"}, **more)
    assert ("failed", True) == (outcome.state, "then nobody" in outcome.sentence)


def test_a_period_of_nobody_is_no_shift() -> None:
    """Where Opsgenie says `none`, nobody is on call, whatever it is called."""
    period = {"startDate": "2026-11-21T09:00:00Z", "endDate": "2026-11-21T17:00:00Z"}
    for whom, count in (({"type": "none", "name": "none"}, 0), ({"type": "user", "name": "ana"}, 1), (None, 0)):
        timeline = {"rotations": [{"periods": [{**period, "recipient": whom}]}, {}]}
        assert count == len(read("opsgenie", json.dumps({"data": {"finalTimeline": timeline}})))


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({"status": 401, "body": SECRET}, "pagerduty answered 401"),
        ({"status": 404}, "pagerduty answered 404"),
        ({"status": 302, "headers": {"location": "/"}}, "pagerduty answered 302"),
        ({"body": ""}, "the answer is no schedule of pagerduty"),
        ({"body": (RECORDED / "pagerduty.json").read_text()[:900]}, "the answer is no schedule of pagerduty"),
        ({"body": (RECORDED / "opsgenie.json").read_text()}, "the answer is no schedule of pagerduty"),
        ({"body": "[" * 100_000}, "the answer is no schedule of pagerduty"),
        ({"body": "x" * (2 << 20)}, "pagerduty answered 200"),
    ],
)
def test_what_is_no_schedule(answer: Any, said: str, start: Start, request_for: Make) -> None:
    """Refused, cut off, of another service: errored, for it says nothing of who is there."""
    section = {"pagerduty": "P1", "token": "$TOKEN", "url": start(answer).url}
    outcome = run(request_for, section, secrets={"TOKEN": SECRET})
    assert ("errored", said) == (outcome.state, outcome.sentence)
    assert SECRET not in texts(outcome)


def test_a_schedule_that_cannot_be_asked(request_for: Make) -> None:
    """Nobody answers, or the token is not known: errored."""
    section = {"pagerduty": "P1", "token": "$TOKEN", "url": "http://127.0.0.1:1"}
    assert "errored" == run(request_for, section, secrets={"TOKEN": SECRET}).state
    assert "`$TOKEN` is not known to this check" == run(request_for, section).sentence


# Calendars ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("now", "who"),
    [
        ("2026-10-05T09:00", "Ana Ruiz"),
        ("2026-10-05T08:59", None),
        ("2026-10-12T08:59", "Ana Ruiz"),
        ("2026-10-12T09:00", "Bo Lind, with Chris"),
        ("2026-10-26T08:30", "Ana Ruiz"),  # the week in which summer time ends has an hour more
        ("2026-11-21T10:00", "Ana Ruiz"),
        ("2026-11-24T10:00", "Dee"),
        ("2026-11-29T10:00", None),
        ("2026-12-01T10:00", None),
        ("2026-12-14T10:00", "Ana Ruiz"),
    ],
)
def test_a_rota(now: str, who: str | None) -> None:
    """Every second week in local time, but for the dates that are left out or changed."""
    since = at(now, "Europe/Madrid")
    found = shifts((RECORDED / "rota.ics").read_bytes(), since, since + 60)
    assert ([who] if who else []) == [one.who for one in found if one.start <= since]


def test_a_calendar_of_the_repository(request_for: Make, tmp_path: Path) -> None:
    """The shift of the file is found; a gap fails; with a group, that has people too."""
    (tmp_path / "rota.ics").write_bytes((RECORDED / "rota.ics").read_bytes())
    section = {"calendar": "rota.ics", "for": "1d"}
    assert "Ana Ruiz is on call for the next 1 d" == run(request_for, section).sentence
    assert "failed" == run(request_for, section, now=at("2026-11-28T00:00")).state
    assert "errored" == run(request_for, {**section, "group": "shop"}).state
    assert "passed" == run(request_for, {**section, "group": "shop"}, groups={"shop": ("ana",)}).state
    assert "errored" == run(request_for, {"calendar": "other.ics"}).state


def test_a_sentence_is_one_line(request_for: Make, tmp_path: Path) -> None:
    """Control characters of a calendar are not shown."""
    (tmp_path / "a.ics").write_bytes(calendar("DTSTART:2026\x1b[1m"))
    outcome = run(request_for, {"calendar": "a.ics"})
    assert ("errored", True) == (outcome.state, outcome.sentence.isprintable())


def calendar(*lines: str, head: tuple[str, ...] = ()) -> bytes:
    """A calendar with one event of these lines."""
    return "\r\n".join(
        ["BEGIN:VCALENDAR", *head, "BEGIN:VEVENT", *lines, "SUMMARY:ana", "END:VEVENT", "END:VCALENDAR"]
    ).encode()


START, END = "DTSTART:20261101T000000Z", "DTEND:20261101T080000Z"


@pytest.mark.parametrize(
    ("lines", "starts"),
    [
        ((START, END), ["2026-11-01T00:00"]),
        ((START, "DURATION:PT8H"), ["2026-11-01T00:00"]),
        (("DTSTART;VALUE=DATE:20261101", 'X-A;B="c:d;e":f'), ["2026-11-01T00:00"]),
        ((START, END, "RRULE:FREQ=DAILY;COUNT=3"), ["2026-11-01T00:00", "2026-11-02T00:00", "2026-11-03T00:00"]),
        (
            (START, END, "RRULE:FREQ=DAILY;INTERVAL=5;UNTIL=20261111T000000Z"),
            [f"2026-11-{d:02}T00:00" for d in (1, 6, 11)],
        ),
        ((START, END, "RRULE:FREQ=WEEKLY;BYDAY=SU,WE;UNTIL=20261110"), [f"2026-11-{d:02}T00:00" for d in (1, 4, 8)]),
        ((START, END, "RRULE:FREQ=DAILY;BYDAY=SA,SU;COUNT=3"), [f"2026-11-{d:02}T00:00" for d in (1, 7, 8)]),
        ((START, END, "RRULE:FREQ=WEEKLY;COUNT=2", "EXDATE:20261101T000000Z"), ["2026-11-08T00:00"]),
        ((START, END, "STATUS:CANCELLED"), []),
    ],
)
def test_what_repeats(lines: tuple[str, ...], starts: list[str]) -> None:
    """Single events, daily and weekly ones, with their ends and exceptions."""
    found = shifts(calendar(*lines), at("2026-10-01T00:00"), at("2026-12-31T00:00"), "UTC")
    assert starts == [datetime.fromtimestamp(one.start, UTC).strftime("%Y-%m-%dT%H:%M") for one in found]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "cut off"),
        (b"\xff\xfe", "not UTF-8"),
        (b"<html>", "no calendar (line 1)"),
        (b'{"a": 1}', "no calendar (line 1)"),
        ((RECORDED / "rota.ics").read_bytes()[:-40], "cut off"),
        (calendar("DTSTART:20261101T000000", END), "without a time zone"),
        (calendar("DTSTART;TZID=W. Europe Standard Time:20261101T000000"), "time zone that is not known"),
        (calendar("DTSTART;TZID=../../etc/passwd:20261101T000000"), "time zone that is not known"),
        (calendar(START, END, "RRULE:FREQ=MONTHLY"), "a rule of repetition that is not read"),
        (calendar(START, END, "RRULE:FREQ=WEEKLY;BYSETPOS=1"), "a rule of repetition that is not read"),
        (calendar(START, END, "RRULE:FREQ=WEEKLY;BYDAY=1MO"), "a rule of repetition that is not read"),
        (
            calendar(START, END, "RRULE:FREQ=WEEKLY;INTERVAL=2;BYDAY=MO;WKST=SU"),
            "a rule of repetition that is not read",
        ),
        (calendar(START, END, "RRULE:FREQ=DAILY;INTERVAL=0"), "a rule of repetition that cannot be"),
        (calendar(START, END, "RRULE:FREQ=WEEKLY;BYDAY=MO"), "begins on another day"),
        (calendar(START, END, "RDATE:20261102T000000Z"), "`RDATE`"),
        (calendar(START, END, END), "two `DTEND`"),
        (calendar(START, "DTEND:20261031T000000Z"), "ends before it begins"),
        (calendar("DTSTART:20261301T000000Z"), "a time that cannot be"),
        (calendar("DTSTART:tomorrow"), "a time that is not read"),
        (calendar("UID:1"), "without `DTSTART`"),
        (calendar(START, END).replace(b"END:VEVENT", b"END:VTODO"), "has not begun"),
    ],
)
def test_a_calendar_that_cannot_be_read_for_sure(content: bytes, said: str) -> None:
    """What is not understood is said, and nobody is named."""
    with pytest.raises(NoCalendar) as refused:
        shifts(content, NOW, NOW + HOUR)
    assert said in str(refused.value)


# Sections -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ({"pagerduty": "P1"}, "`pagerduty` needs a `token`"),
        ({"opsgenie": "x", "token": "abc"}, "`opsgenie` needs a `token`"),
        ({"pagerduty": "P1", "calendar": "a.ics", "token": "$T"}, "there are two schedules here"),
        ({"calendar": "a.ics", "token": "$T"}, "`token` belongs to a schedule"),
        ({"group": "a", "url": "https://h"}, "`url` belongs to a schedule"),
        ({"pagerduty": "P1", "token": "$T", "url": "file:///x"}, "is no URL"),
        ({"calendar": "../a.ics"}, "leads out of the repository"),
        ({"group": "a", "for": "30d"}, "less than or equal"),
        ({"people": "a"}, "Extra inputs"),
    ],
)
def test_a_section_that_cannot_be_is_refused(section: dict[str, Any], said: str) -> None:
    """What could never be asked is refused when the manifest is read."""
    with pytest.raises(ValidationError) as refused:
        OnCallSection.model_validate(section)
    assert said in str(refused.value)


def test_a_section_survives_being_plain_data() -> None:
    """What is journaled is read again as the same section."""
    for written in (
        {},
        {"pagerduty": "P1", "token": "$T", "for": "90m"},
        {"calendar": "a.ics", "timezone": "Europe/Madrid"},
    ):
        section = OnCallSection.model_validate(written)
        assert section == OnCallSection.model_validate(json.loads(json.dumps(data.dump(section))))


def test_every_key_has_its_item() -> None:
    """The manual page has an item for every key of the section's own."""
    fields = OnCallSection.model_fields.items()
    own = {field.alias or name for name, field in fields if name not in CheckSection.model_fields}
    assert set() == own - set(re.findall(r"- `(\w+)`:", OnCallCheck.__doc__ or ""))


@given(st.binary(max_size=200), st.integers(0, 1800), st.integers(0, 255))
def test_any_calendar_is_read(content: bytes, where: int, sign: int) -> None:
    """No bytes are too strange, and no damage to a real file: shifts, or why there are none."""
    whole = (RECORDED / "rota.ics").read_bytes()
    for one in (content, whole[:where] + bytes([sign]) + whole[where + 1 :], whole[:where] + content + whole[where:]):
        with suppress(NoCalendar):
            shifts(one, NOW, NOW + HOUR)


@given(st.sampled_from(["pagerduty", "opsgenie"]), st.integers(0, 2000), st.text(max_size=5))
def test_any_answer_is_read(source: str, where: int, text: str) -> None:
    """No damage to an answer is an exception of another kind."""
    whole = (RECORDED / f"{source}.json").read_text()
    for one in (text, whole[:where] + text + whole[where + len(text) :], json.dumps(text)):
        with suppress(CannotTell):
            read(source, one)

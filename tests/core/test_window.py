"""Windows and freezes: against a clock that is looked at minute by minute, and calendars against what they say."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from penstock.core.ics import Unreadable, busy
from penstock.core.window import Closed, Open, state, told
from penstock.manifest.windows import DAYS, Windows

MADRID = "Europe/Madrid"
SINCE = 1767225600.0  # the first moment of 2026 in UTC
DAY_S = 86400
# Each with a day on which its clocks change: by an hour, by half of one, at midnight, backwards over midnight, by a whole day.
SHIFTS = {
    "Europe/Madrid": (date(2026, 3, 29), date(2026, 10, 25)),
    "America/New_York": (date(2026, 3, 8), date(2026, 11, 1)),
    "Australia/Lord_Howe": (date(2026, 4, 5), date(2026, 10, 4)),
    "America/Havana": (date(2024, 3, 10), date(2024, 11, 3)),
    "America/Sao_Paulo": (date(2018, 2, 18), date(2018, 11, 4)),
    "Asia/Beirut": (date(2026, 3, 29), date(2026, 10, 25)),
    "Pacific/Apia": (date(2011, 12, 30), date(2011, 4, 2)),
    "Asia/Kathmandu": (date(2026, 5, 1),),
    "UTC": (date(2026, 12, 31),),
}


@dataclass(frozen=True)
class Rule:
    """A window as numbers: days (none: all), and minutes from and to; the second may be the smaller."""

    days: frozenset[int] = frozenset()
    hours: tuple[tuple[int, int], ...] = ()

    def written(self) -> dict[str, object]:
        """As a person writes it."""
        days = {"days": [DAYS[day] for day in sorted(self.days)]} if self.days else {}
        hours = [f"{a // 60:02}:{a % 60:02}-{b // 60:02}:{b % 60:02}" for a, b in self.hours]
        return {**days, **({"hours": hours} if hours else {})}


@dataclass(frozen=True)
class Spec:
    """Windows as numbers. `yearly` are (first, last) as (month, day); `once` are dates."""

    zone: str
    rules: tuple[Rule, ...] = ()
    weekdays: frozenset[int] = frozenset()
    yearly: tuple[tuple[tuple[int, int], tuple[int, int]], ...] = ()
    once: tuple[tuple[date, date], ...] = ()
    month_end: int = 0
    busy: tuple[tuple[int, int], ...] = field(default=())

    def windows(self) -> Windows:
        """As the manifest has them."""
        dates = [f"{a[0]:02}-{a[1]:02}..{b[0]:02}-{b[1]:02}" for a, b in self.yearly]
        dates += [f"{a}..{b}" for a, b in self.once]
        closed: dict[str, object] = {"weekdays": [DAYS[day] for day in sorted(self.weekdays)], "dates": dates}
        closed |= {"month_end": f"{self.month_end}d"} if self.month_end else {}
        closed |= {"calendar": "x.ics"} if self.busy else {}
        opened = {"open": [rule.written() for rule in self.rules]} if self.rules else {}
        return Windows.model_validate({**opened, "closed": closed, "timezone": self.zone})

    def calendar(self) -> str:
        """The events as a calendar."""
        lines = ["BEGIN:VCALENDAR"]
        for start, end in self.busy:
            told = [datetime.fromtimestamp(at, ZoneInfo("UTC")).strftime("%Y%m%dT%H%M%SZ") for at in (start, end)]
            lines += ["BEGIN:VEVENT", f"DTSTART:{told[0]}", f"DTEND:{told[1]}", "END:VEVENT"]
        return "\r\n".join([*lines, "END:VCALENDAR", ""]) if self.busy else ""

    def is_open(self, at: int) -> bool:
        """Whether a clock on the wall, looked at now, shows a time that is open: as a person would find out."""
        clock = datetime.fromtimestamp(at, ZoneInfo(self.zone))
        today = clock.date()
        if today.weekday() in self.weekdays or any(first <= today <= last for first, last in self.once):
            return False
        for first, last in self.yearly:
            here = (today.month, today.day)
            if (first <= here <= last) if first <= last else (here >= first or here <= last):
                return False
        if any((today + timedelta(days=n)).day == 1 for n in range(1, self.month_end + 1)):
            return False
        if any(start <= at < end for start, end in self.busy):
            return False
        return not self.rules or any(_shows(rule, clock) for rule in self.rules)


def _shows(rule: Rule, clock: datetime) -> bool:
    for first, last in rule.hours or ((0, 1440),):
        now, day = clock.hour * 60 + clock.minute, clock.weekday()
        belongs = {day: first <= now < last} if first < last else {day: now >= first, (day - 1) % 7: now < last}
        if any(yes and (not rule.days or one in rule.days) for one, yes in belongs.items()):
            return True
    return False


MINUTES = st.sampled_from([0, 30, 60, 90, 120, 150, 180, 600, 900, 1350, 1380, 1439]) | st.integers(0, 1439)
HOURS = st.tuples(MINUTES, MINUTES | st.just(1440)).filter(lambda pair: pair[0] != pair[1])
RULES = st.builds(
    Rule, st.frozensets(st.integers(0, 6), max_size=5), st.lists(HOURS, min_size=1, max_size=3).map(tuple)
) | st.builds(Rule, st.frozensets(st.integers(0, 6), min_size=1, max_size=5))
YEARLY = st.dates(date(2024, 1, 1), date(2024, 12, 31)).map(lambda day: (day.month, day.day))


@st.composite
def cases(draw: st.DrawFn) -> tuple[Spec, int]:
    """Windows, and a moment near a day on which the clocks of their zone change."""
    zone = draw(st.sampled_from(sorted(SHIFTS)))
    near = draw(st.sampled_from(SHIFTS[zone]))
    at = int(datetime(near.year, near.month, near.day, tzinfo=ZoneInfo(zone)).timestamp())
    at += draw(st.integers(-3 * 24 * 60, 3 * 24 * 60)) * 60
    days = st.integers(-3, 5).map(lambda n: near + timedelta(days=n))
    once = draw(st.lists(st.tuples(days, days).map(lambda pair: (min(pair), max(pair))), max_size=1))
    events = st.tuples(st.integers(-3000, 6000), st.integers(1, 3000)).map(lambda p: (at + p[0] * 60, at + sum(p) * 60))
    spec = Spec(
        zone, tuple(draw(st.lists(RULES, max_size=2))), draw(st.frozensets(st.integers(0, 6), max_size=3)),
        tuple(draw(st.lists(st.tuples(YEARLY, YEARLY), max_size=1))), tuple(once), draw(st.integers(0, 3)),
        tuple(draw(st.lists(events, max_size=2))),
    )  # fmt: skip
    return spec, at


@settings(max_examples=150, deadline=None)
@given(cases())
@example((Spec(MADRID, (Rule(hours=((90, 150),)),)), 1774746000 - 1800))
@example((Spec(MADRID, (Rule(hours=((90, 150),)),)), 1792890000 - 1800))
def test_it_is_what_a_clock_on_the_wall_says(case: tuple[Spec, int]) -> None:
    """Open or closed, and the first minute of the other, are what looking at the clock each minute for nine days finds."""
    spec, at = case
    seen = state(spec.windows(), at, spec.calendar())
    turn = seen.closes_at if isinstance(seen, Open) else seen.opens_at
    now = spec.is_open(at)
    found = next((minute for minute in range(at + 60, at + 9 * DAY_S, 60) if spec.is_open(minute) != now), None)

    assert now == isinstance(seen, Open)
    assert found == turn if found is not None else turn is None or turn >= at + 9 * DAY_S


@settings(max_examples=50, deadline=None)
@given(cases())
def test_open_and_closed_times_cover_all_time(case: tuple[Spec, int]) -> None:
    """From turn to turn it is the other each time, until the moment before the next, and nothing lies between."""
    spec, at = case
    windows, text, moment = spec.windows(), spec.calendar(), float(at)
    for _ in range(6):
        seen = state(windows, moment, text)
        turn = seen.closes_at if isinstance(seen, Open) else seen.opens_at
        if turn is None:
            break
        before, after = state(windows, turn - 0.001, text), state(windows, turn, text)

        assert turn > moment
        assert type(seen) is type(before) and type(seen) is not type(after)  # noqa: PT018
        moment = turn


def at(*when: int, zone: str = MADRID, fold: int = 0) -> float:
    """A moment by the clock of a zone."""
    return datetime(*when, tzinfo=ZoneInfo(zone), fold=fold).timestamp()  # type: ignore[arg-type, misc]


def windows(**said: object) -> Windows:
    """Windows in Madrid."""
    return Windows.model_validate({"timezone": MADRID, **said})


def test_a_window_in_the_hour_that_is_skipped_or_comes_twice() -> None:
    """01:30-02:30 is open for half an hour where 02:00 is skipped, and twice where it comes twice."""
    small = windows(open=[{"hours": "01:30-02:30"}])

    assert Open(at(2026, 3, 29, 3)) == state(small, at(2026, 3, 29, 1, 30))
    assert Open(at(2026, 10, 25, 2, 30)) == state(small, at(2026, 10, 25, 1, 30))
    closed = state(small, at(2026, 10, 25, 2, 30))
    assert isinstance(closed, Closed)
    assert at(2026, 10, 25, 2, fold=1) == closed.opens_at
    assert Open(at(2026, 10, 25, 2, 30, fold=1)) == state(small, at(2026, 10, 25, 2, fold=1))


def test_a_window_across_midnight_belongs_to_the_day_on_which_it_begins() -> None:
    """Tuesday 22:00-02:00 is open on Wednesday at one o'clock, and not on Tuesday; a closed Wednesday closes it at midnight."""
    night = {"open": [{"days": "tue", "hours": "22:00-02:00"}]}

    assert Open(at(2026, 9, 2, 2)) == state(windows(**night), at(2026, 9, 2, 1))
    assert isinstance(state(windows(**night), at(2026, 9, 1, 1)), Closed)
    assert Open(at(2026, 9, 2)) == state(windows(**night, closed={"weekdays": "wed"}), at(2026, 9, 1, 23))


@pytest.mark.parametrize(
    ("said", "moment", "why"),
    [
        ({"closed": {"weekdays": "fri-sun"}}, (2026, 9, 4, 12), "Friday"),
        ({"closed": {"dates": "2026-12-24"}}, (2026, 12, 24, 12), "24 Dec 2026"),
        ({"closed": {"dates": "12-20..01-05"}}, (2027, 1, 5, 23), "20 Dec to 5 Jan"),
        ({"closed": {"month_end": "2d"}}, (2026, 2, 27, 0), "the last 2 days of the month"),
        ({"closed": {"month_end": "1d"}}, (2026, 12, 31, 0), "the last day of the month"),
        ({"closed": {"holidays": "ES"}}, (2027, 1, 6, 12), "Epiphany in ES"),
        ({"closed": {"holidays": {"country": "DE", "region": "BY"}}}, (2027, 1, 6, 12), "Epiphany in DE-BY"),
        ({"open": [{"days": ["tue", "thu"], "hours": "10:00-15:00"}]}, (2026, 9, 1, 15),
         "outside Tue, Thu 10:00-15:00 (Europe/Madrid)"),
        ({"open": [{"days": "mon-thu"}, {"hours": ["9:00-10:00", "22:00-02:00"]}]}, (2026, 9, 5, 15),
         "outside Mon-Thu; 9:00-10:00, 22:00-02:00 (Europe/Madrid)"),
    ],
)  # fmt: skip
def test_why_it_is_closed(said: dict[str, object], moment: tuple[int, ...], why: str) -> None:
    """Whoever waits is told in words what closes it."""
    seen = state(windows(**said), at(*moment))

    assert isinstance(seen, Closed)
    assert why == seen.why


@pytest.mark.parametrize(
    ("country", "moment"), [("DE", (2027, 1, 6, 12)), ("ES", (2027, 1, 7, 0)), ("US", (2026, 11, 27, 12))]
)
def test_a_holiday_elsewhere_is_none_here(country: str, moment: tuple[int, ...]) -> None:
    """Epiphany is a holiday of Bavaria and not of all Germany; the day after one is none."""
    assert isinstance(state(windows(closed={"holidays": country}), at(*moment)), Open)


def test_the_next_opening_passes_over_everything_that_is_closed() -> None:
    """From Christmas on, with holidays, a year's turn and Tuesdays only, it opens on the first Tuesday that is free."""
    closed = {"holidays": "ES", "dates": "12-24..01-04", "month_end": "2d"}
    seen = state(windows(open=[{"days": "tue", "hours": "10:00-15:00"}], closed=closed), at(2026, 12, 23))

    assert Closed("outside Tue 10:00-15:00 (Europe/Madrid)", at(2027, 1, 5, 10)) == seen


def test_what_never_opens_says_so() -> None:
    """Where nothing is open within 400 days there is no next opening, and where nothing is closed no next closing."""
    assert Closed("Thursday", None) == state(windows(closed={"weekdays": "mon-sun"}), at(1970, 1, 1, 1))
    assert Open(None) == state(windows(), 0)
    assert Open(None) == state(windows(closed={"dates": "2020-01-01"}), at(2026, 1, 1))


def test_without_hours_a_day_is_whole_and_without_days_every_day_is() -> None:
    """Neighbouring whole days are one window; 00:00-24:00 is a whole day."""
    assert Open(at(2026, 9, 4)) == state(windows(open=[{"days": "tue-thu"}]), at(2026, 9, 1))
    assert Open(None) == state(windows(open=[{"hours": "00:00-24:00"}]), at(2026, 9, 1))
    assert "Tue-Thu (Europe/Madrid)" == told(windows(open=[{"days": "tue-thu"}]))
    assert "always, but for what is closed (Europe/Madrid)" == told(windows())


# Calendars


def calendar(*events: str, before: str = "") -> str:
    """A calendar of events, each a few lines."""
    told = "".join(f"BEGIN:VEVENT\r\n{event}\r\nEND:VEVENT\r\n" for event in events)
    return f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\n{before}{told}END:VCALENDAR\r\n"


def starts(text: str, since: float = SINCE, days: int = 400) -> list[str]:
    """When the events of a calendar begin and end, by the clock in Madrid."""
    found = busy(text, MADRID, since, since + days * DAY_S)
    clock = ZoneInfo(MADRID)
    return [
        f"{datetime.fromtimestamp(one.start, clock):%Y-%m-%d %H:%M}..{datetime.fromtimestamp(one.end, clock):%m-%d %H:%M}"
        for one in found
    ]


BERLIN = """BEGIN:VTIMEZONE
TZID:W. Europe Standard Time
X-LIC-LOCATION:Europe/Berlin
BEGIN:STANDARD
DTSTART:16010101T030000
TZOFFSETFROM:+0200
TZOFFSETTO:+0100
RRULE:FREQ=YEARLY;INTERVAL=1;BYDAY=-1SU;BYMONTH=10
END:STANDARD
BEGIN:DAYLIGHT
DTSTART:16010101T020000
TZOFFSETFROM:+0100
TZOFFSETTO:+0200
RRULE:FREQ=YEARLY;INTERVAL=1;BYDAY=-1SU;BYMONTH=3
END:DAYLIGHT
END:VTIMEZONE
"""
GOOD = {
    "a whole day": (["DTSTART;VALUE=DATE:20261127\nDTEND;VALUE=DATE:20261201"], ["2026-11-27 00:00..12-01 00:00"]),
    "a day without an end": (["DTSTART;VALUE=DATE:20261127"], ["2026-11-27 00:00..11-28 00:00"]),
    "a day that ends on itself": (["DTSTART:20261127\nDTEND:20261127"], ["2026-11-27 00:00..11-28 00:00"]),
    "UTC": (["DTSTART:20261127T090000Z\nDTEND:20261127T100000Z"], ["2026-11-27 10:00..11-27 11:00"]),
    "no zone is the environment's": (["DTSTART:20261127T090000\nDURATION:PT90M"], ["2026-11-27 09:00..11-27 10:30"]),
    "a zone": (["DTSTART;TZID=America/New_York:20261127T090000\nDURATION:P1DT1H"], ["2026-11-27 15:00..11-28 16:00"]),
    "shown as free": (["DTSTART:20261127T090000\nDURATION:PT1H\nTRANSP:TRANSPARENT"], ["2026-11-27 09:00..11-27 10:00"]),
    "cancelled": (["DTSTART:20261127T090000\nDURATION:PT1H\nSTATUS:CANCELLED"], []),
    "each Friday, three times": (
        ["DTSTART:20261106T150000\nDURATION:PT1H\nRRULE:FREQ=WEEKLY;COUNT=3"],
        ["2026-11-06 15:00..11-06 16:00", "2026-11-13 15:00..11-13 16:00", "2026-11-20 15:00..11-20 16:00"],
    ),
    "the last Friday of a month, until a day": (
        ["DTSTART;VALUE=DATE:20260130\nRRULE:FREQ=MONTHLY;BYDAY=-1FR;UNTIL=20260327"],
        ["2026-01-30 00:00..01-31 00:00", "2026-02-27 00:00..02-28 00:00", "2026-03-27 00:00..03-28 00:00"],
    ),
    "at one wall time across a change of clocks": (
        ["DTSTART;TZID=Europe/Madrid:20261024T090000\nDURATION:PT1H\nRRULE:FREQ=DAILY;UNTIL=20261025T080000Z"],
        ["2026-10-24 09:00..10-24 10:00", "2026-10-25 09:00..10-25 10:00"],
    ),
    "at times, until a day": (
        ["DTSTART:20261106T150000\nDURATION:PT1H\nRRULE:FREQ=WEEKLY;UNTIL=20261113"],
        ["2026-11-06 15:00..11-06 16:00", "2026-11-13 15:00..11-13 16:00"],
    ),
    "at a time that comes twice": (
        ["DTSTART:20261025T023000\nDTEND:20261025T033000"], ["2026-10-25 02:30..10-25 03:30"]
    ),
    "in lines that are folded": (["DTSTART:2026\n 1127\nSUM\n\tMARY:x"], ["2026-11-27 00:00..11-28 00:00"]),
    "hours of a whole day mean nothing": (
        ["DTSTART:20261106\nRRULE:FREQ=WEEKLY;BYHOUR=9;COUNT=2"],
        ["2026-11-06 00:00..11-07 00:00", "2026-11-13 00:00..11-14 00:00"],
    ),
    "one left out, one added": (
        ["DTSTART:20261106T150000\nDURATION:PT1H\nRRULE:FREQ=WEEKLY;COUNT=3\nEXDATE:20261113T150000\nRDATE:20261114T150000"],
        ["2026-11-06 15:00..11-06 16:00", "2026-11-14 15:00..11-14 16:00", "2026-11-20 15:00..11-20 16:00"],
    ),
    "one moved, one cancelled": (
        ["UID:a\nDTSTART:20261106T150000\nDURATION:PT1H\nRRULE:FREQ=WEEKLY;COUNT=3",
         "UID:a\nRECURRENCE-ID:20261113T150000\nDTSTART:20261112T080000\nDURATION:PT2H",
         "UID:a\nRECURRENCE-ID:20261120T140000Z\nSTATUS:CANCELLED\nDTSTART:20261120T150000\nDURATION:PT1H"],
        ["2026-11-06 15:00..11-06 16:00", "2026-11-12 08:00..11-12 10:00"],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("events", "expected"), GOOD.values(), ids=list(GOOD))
def test_events_are_when_they_say(events: list[str], expected: list[str]) -> None:
    """Whole days, times, lengths, repetitions and their exceptions are closed exactly then."""
    assert expected == starts(calendar(*events))


def test_a_time_zone_that_the_file_describes() -> None:
    """Where a zone has a name of its vendor's, the file's own description of it counts."""
    event = "DTSTART;TZID=W. Europe Standard Time:20261126T090000\nDURATION:PT1H"

    assert ["2026-11-26 09:00..11-26 10:00"] == starts(calendar(event, before=BERLIN.replace("\n", "\r\n")))


def test_a_time_that_comes_twice_is_the_first() -> None:
    """An event at 02:30 on the day on which clocks go back begins at the first 02:30."""
    found = busy(calendar("DTSTART:20261025T023000\nDURATION:PT30M"), MADRID, SINCE, SINCE + 400 * DAY_S)

    assert [(at(2026, 10, 25, 2, 30), at(2026, 10, 25, 2, fold=1))] == [(one.start, one.end) for one in found]


def test_an_event_within_another_does_not_end_it() -> None:
    """Of events that overlap, the one that ends last decides when it opens."""
    text = calendar("DTSTART:20261127\nDURATION:P4D\nSUMMARY:long", "DTSTART:20261128\nDURATION:P1D\nSUMMARY:short")
    seen = state(windows(closed={"calendar": "x.ics"}), at(2026, 11, 28, 12), text)

    assert Closed("long (x.ics)", at(2026, 12, 1)) == seen


def test_a_calendar_closes_and_says_which_event_does() -> None:
    """While an event lasts it is closed, with the event's title in words; overlapping events are one."""
    text = calendar(
        "DTSTART;VALUE=DATE:20261127\nDURATION:P4D\nSUMMARY:Black Friday\\, and\n  Cyber\x07 Monday",
        "DTSTART;VALUE=DATE:20261130\nDURATION:P2D\nSUMMARY:stock-taking",
    )
    here = windows(closed={"calendar": "release/freezes.ics"})

    assert Open(at(2026, 11, 27)) == state(here, at(2026, 11, 1), text)
    assert Closed("Black Friday, and Cyber Monday (release/freezes.ics)", at(2026, 12, 2)) == state(
        here, at(2026, 11, 29), text
    )


BAD = {
    "empty": ("", 1, "the file is empty"),
    "another format": ("Subject,Start Date\n", 1, "no line of a calendar"),
    "a page": ("<!DOCTYPE html>\n<html>\n", 1, "no line of a calendar"),
    "no calendar": ("BEGIN:VEVENT\nEND:VEVENT\n", 1, "a calendar begins with"),
    "cut": (calendar("DTSTART:20261127")[:-15], 6, "the file ends"),
    "crossed": ("BEGIN:VCALENDAR\nBEGIN:VEVENT\nEND:VCALENDAR\n", 3, "`VEVENT` is not over"),
    "no start": (calendar("SUMMARY:x"), 3, "no DTSTART"),
    "two starts": (calendar("DTSTART:20261127\nDTSTART:20261128"), 5, "two of these"),
    "a date of words": (calendar("DTSTART:tomorrow"), 4, "neither a date nor a time"),
    "no such day": (calendar("DTSTART:20260231"), 4, "day"),
    "long ago": (calendar("DTSTART:16010101"), 4, "the year"),
    "a zone nobody knows": (calendar("DTSTART;TZID=Romance Standard Time:20261127T090000"), 4, "no time zone is called"),
    "an end of another kind": (calendar("DTSTART:20261127\nDTEND:20261127T100000"), 5, "of another kind"),
    "an end before the start": (calendar("DTSTART:20261127\nDTEND:20261126"), 5, "ends before"),
    "no length": (calendar("DTSTART:20261127\nDURATION:P"), 5, "no length of time"),
    "a length backwards": (calendar("DTSTART:20261127\nDURATION:-P1D"), 5, "no length of time"),
    "a rule of words": (calendar("DTSTART:20261127\nRRULE:each Friday"), 5, "a rule is parts"),
    "each second": (calendar("DTSTART:20261127T090000\nRRULE:FREQ=SECONDLY"), 5, "DAILY"),
    "a step of nothing": (calendar("DTSTART:20261127\nRRULE:FREQ=DAILY;INTERVAL=0"), 5, "INTERVAL"),
    "a part nobody knows": (calendar("DTSTART:20261127\nRRULE:FREQ=YEARLY;RSCALE=CHINESE"), 5, "are read"),
    "a day nobody knows": (calendar("DTSTART:20261127\nRRULE:FREQ=WEEKLY;BYDAY=XX"), 5, "cannot be read"),
    "a rule that never holds": (calendar("DTSTART:20261127\nRRULE:FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30"), 5, "never happens"),
    "too often": (
        calendar("DTSTART:20000101T000000\nRRULE:FREQ=DAILY;BYHOUR=1,2,3,4,5,6,7,8,9,10,11;BYMINUTE=1,2,3"), 1, "50,000"
    ),
    "given up": (calendar("DTSTART:20261127\nEXRULE:FREQ=DAILY"), 5, "EXRULE"),
    "all that follows": (calendar("DTSTART:20261127\nRECURRENCE-ID;RANGE=THISANDFUTURE:20261127"), 5, "all that follows"),
    "periods": (calendar("DTSTART:20261127\nRDATE;VALUE=PERIOD:20261127T090000Z/PT1H"), 5, "periods"),
    "free and busy": ("BEGIN:VCALENDAR\nBEGIN:VFREEBUSY\n", 2, "free and busy"),
    "a zone badly described": (
        calendar("DTSTART;TZID=Mine:20261127T090000", before="BEGIN:VTIMEZONE\nTZID:Mine\nEND:VTIMEZONE\n"), 3, "time zones"
    ),
}  # fmt: skip


@pytest.mark.parametrize(("text", "line", "why"), BAD.values(), ids=list(BAD))
def test_what_cannot_be_read_names_its_line_and_is_closed(text: str, line: int, why: str) -> None:
    """A calendar that cannot be read is an error with its line, and closes everything until it is mended."""
    with pytest.raises(Unreadable) as raised:
        busy(text, MADRID, SINCE, SINCE + DAY_S)
    seen = state(windows(closed={"calendar": "x.ics"}), SINCE, text)

    assert line == raised.value.line
    assert why in str(raised.value)
    assert Closed(f"the calendar x.ics cannot be read: {raised.value}", None) == seen


WHOLE = calendar(*(event for events, _ in GOOD.values() for event in events), before=BERLIN.replace("\n", "\r\n"))


@given(st.integers(1, len(WHOLE.rstrip()) - 1))
def test_a_calendar_that_was_cut_off_is_never_open(end: int) -> None:
    """Wherever a file ends too early it is closed."""
    assert isinstance(state(windows(closed={"calendar": "x.ics"}), SINCE, WHOLE[:end]), Closed)


LINES = st.sampled_from(WHOLE.split("\r\n")) | st.text(max_size=30)


@settings(deadline=None)
@given(st.lists(LINES, max_size=25).map("\n".join) | st.text(max_size=60))
def test_any_text_is_a_calendar_or_an_error_with_a_line(text: str) -> None:
    """Nothing else comes out of any text, and the line is one of the text's."""
    line = 1
    try:
        busy(text, MADRID, SINCE, SINCE + DAY_S)
    except Unreadable as error:
        line = error.line

    assert 1 <= line <= text.count("\n") + 1


@settings(deadline=None)
@given(st.sampled_from(sorted(SHIFTS)), st.integers(0, 4000), st.integers(0, 1439), st.integers(1, 5000))
def test_an_event_is_closed_from_its_start_to_its_end(zone: str, day: int, minute: int, length: int) -> None:
    """An event by the clock of any zone closes from the moment the clock shows its start, for as long as it lasts."""
    start = datetime(2026, 1, 1) + timedelta(days=day, minutes=minute)
    text = calendar(f"DTSTART;TZID={zone}:{start:%Y%m%dT%H%M%S}\nDURATION:PT{length}M")
    begins = start.replace(tzinfo=ZoneInfo(zone)).timestamp()
    here = windows(closed={"calendar": "x.ics"})
    assume(begins > 1e9)

    assert Open(begins) == state(here, begins - 1, text)
    assert Closed("an event (x.ics)", begins + length * 60) == state(here, begins, text)

"""Windows as they are written: days, hours, dates, holidays, time zones."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from zoneinfo import available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from penstock.core import data
from penstock.manifest import Environment
from penstock.manifest.windows import DAYS, Holidays, Windows, covers, minutes, weekdays

Read = Callable[[str], Environment]
DAY = st.sampled_from(DAYS)


@pytest.mark.parametrize(
    ("texts", "days"),
    [
        (("tue",), {1}),
        (("mon-fri",), {0, 1, 2, 3, 4}),
        (("sat-mon",), {5, 6, 0}),
        (("tue", "thu-fri"), {1, 3, 4}),
        (("wed-wed",), {2}),
        ((), set(range(7))),
    ],
)
def test_days_of_the_week(texts: tuple[str, ...], days: set[int]) -> None:
    """A range has its last day too and may go round the end of the week; nothing said is every day."""
    assert days == weekdays(texts)


@given(DAY, DAY)
def test_a_range_of_days_and_the_rest_are_the_week(first: str, last: str) -> None:
    """From a day to another, and from the one after that back to the one before, is every day once."""
    after, before = DAYS[(DAYS.index(last) + 1) % 7], DAYS[(DAYS.index(first) - 1) % 7]
    found, rest = weekdays((f"{first}-{last}",)), weekdays((f"{after}-{before}",))

    assert set(range(7)) == found | rest
    assert len(found) == 7 or not found & rest


def test_hours_are_minutes_of_the_day() -> None:
    """The end is not part of it; it may be the end of the day, and earlier than the start."""
    assert [(600, 900), (540, 1440), (1320, 120)] == [
        minutes(text) for text in ("10:00-15:00", "9:00-24:00", "22:00-02:00")
    ]


@pytest.mark.parametrize(
    ("dates", "day", "yes"),
    [
        ("2026-12-24", "2026-12-24", True),
        ("2026-12-24", "2027-12-24", False),
        ("12-24", "2031-12-24", True),
        ("2026-12-20..2027-01-05", "2027-01-05", True),
        ("2026-12-20..2027-01-05", "2027-12-24", False),
        ("12-20..01-05", "2027-12-20", True),
        ("12-20..01-05", "2028-01-05", True),
        ("12-20..01-05", "2028-01-06", False),
        ("02-28..03-01", "2028-02-29", True),
        ("02-29", "2027-02-28", False),
    ],
)
def test_dates(dates: str, day: str, yes: bool) -> None:
    """With a year it is once, without one each year; a range has its last day too, and may go round the year's end."""
    assert yes == covers(dates, date.fromisoformat(day))


@given(st.dates(date(2000, 1, 1), date(2100, 1, 1)), st.integers(0, 300), st.integers(-400, 700))
def test_a_range_of_dates_is_the_days_between(first: date, length: int, away: int) -> None:
    """With years it is the days from the first to the last; without them, those days of every year."""
    last, day = first + timedelta(days=length), first + timedelta(days=away)
    listed = {(one.month, one.day) for one in (first + timedelta(days=n) for n in range(length + 1))}
    if {(2, 28), (3, 1)} <= listed:
        listed.add((2, 29))

    assert (first <= day <= last) == covers(f"{first}..{last}", day)
    assert ((day.month, day.day) in listed) == covers(f"{first:%m-%d}..{last:%m-%d}", day)


def test_what_was_written_is_what_is_kept(production: Read) -> None:
    """The plain data of windows is windows again, and holds the words of the manifest."""
    text = "{open: [{days: mon-wed, hours: [9:00-12:00]}], closed: {dates: 12-24, holidays: ES, month_end: 2d}}"
    found = production(f"windows: {text}\n").windows

    assert found is not None
    assert found == data.load(Windows, data.dump(found))
    assert (("mon-wed",), ("9:00-12:00",)) == (found.open[0].days, found.open[0].hours)  # type: ignore[index]


def test_the_defaults(production: Read) -> None:
    """Without windows there are none; with some, a release waits outside them and finishes in a freeze, by UTC."""
    found = production("windows: {}\n").windows

    assert production("").windows is None
    assert found is not None
    assert ("UTC", "wait", "finish", None, 0) == (
        found.timezone, found.outside, found.on_freeze, found.open, found.closed.month_end_days,
    )  # fmt: skip


def test_one_stands_for_a_list_of_one(production: Read) -> None:
    """One window, day, date, or country without brackets is a list of one."""
    bare = production(
        "windows: {open: {days: tue, hours: 10:00-15:00}, closed: {dates: 12-24, holidays: {country: ES}}}\n"
    )
    text = "{open: [{days: [tue], hours: [10:00-15:00]}], closed: {dates: [12-24], holidays: [ES]}}"

    assert bare.windows == production(f"windows: {text}\n").windows


def test_an_environment_takes_windows_away(manifest: Callable[[str], object], production: Read) -> None:
    """`windows` is replaced whole by what an environment says, and `none` takes it away."""
    head = "windows: {open: {days: tue}, timezone: Europe/Madrid}\nenvironments:\n  production:\n"
    place = "    target: {is: local, port: 8080}\n"

    assert production(f"{head}{place}    windows: none\n").windows is None
    assert production(f"{head}{place}    windows: {{outside: block}}\n").windows == Windows(outside="block")


def test_where_windows_were_said(production: Read) -> None:
    """The plan tells where every key of the windows was said, and which are defaults."""
    told = production("windows: {closed: {month_end: 2d}}\n").said

    assert ("line 4", "default") == (told["windows.closed.month_end"], told["windows.timezone"])


@pytest.mark.parametrize(
    "zone",
    [
        "",
        "localtime",
        "..",
        "/etc/passwd",
        "../../etc/passwd",
        "Europe",
        "Europe/",
        "Mars/Base",
        "\x00",
        "é",
        "x" * 5000,
    ],
)
def test_no_time_zones(zone: str) -> None:
    """What is no name of a zone is refused, whatever file it might be the path of."""
    with pytest.raises(ValidationError):
        Windows(timezone=zone)


def test_every_zone_of_the_database_is_one() -> None:
    """Every name of the IANA database can be said; `localtime`, which is another on each machine, cannot."""
    for zone in sorted(available_timezones() - {"localtime"})[::20]:
        assert zone == Windows(timezone=zone).timezone


@pytest.mark.parametrize(("country", "region"), [("ES", ""), ("DE", "BY"), ("US", "CA"), ("GB", "SCT"), ("CH", "ZH")])
def test_holidays_that_are_known(country: str, region: str) -> None:
    """Countries, and regions by what stands behind the dash; shown as ISO 3166-2 writes them."""
    found = Holidays(country=country, region=region)

    assert f"{country}-{region}".rstrip("-") == str(found)


@pytest.mark.parametrize(
    ("country", "region"), [("ESP", ""), ("es", ""), ("ZZ", ""), ("ES", "BY"), ("", ""), ("NYSE", "")]
)
def test_holidays_that_nobody_knows(country: str, region: str) -> None:
    """A country or region without holidays of its own would never be closed, and is refused."""
    with pytest.raises(ValidationError):
        Holidays(country=country, region=region)

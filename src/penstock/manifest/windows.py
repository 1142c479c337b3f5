"""`windows`: when releases to an environment may start, and when none may."""

from __future__ import annotations

import re
from datetime import date
from difflib import get_close_matches
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, available_timezones

from pydantic import BeforeValidator, Field, field_validator, model_validator

from penstock.manifest.groups import one_or_several
from penstock.manifest.problems import choice, nearest
from penstock.manifest.section import Duration, Section, wrong

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY_S = 86400.0
_DAY = "|".join(DAYS)
_CLOCK = "(?:[01]?[0-9]|2[0-3]):[0-5][0-9]"
_DATE = "(?:[0-9]{4}-)?[0-9]{2}-[0-9]{2}"
_DAYS = rf"^(?:{_DAY})(?:-(?:{_DAY}))?$"
_HOURS = rf"^{_CLOCK}-(?:{_CLOCK}|24:00)$"
_DATES = rf"^{_DATE}(?:\.\.{_DATE})?$"
_LEAP = 2000  # a year that has every day


def _days(text: Any) -> Any:
    """A day or a range of days, as they were written."""
    for word in text.split("-") if isinstance(text, str) else ():
        if word not in DAYS:
            near = nearest(word.lower()[:3], DAYS)
            why = "a day has three letters, and a range two days: mon-fri"
            raise wrong(f"no day is called `{word[:30]}`", why, near or f"one of: {choice(DAYS)}", code="unknown-word")
    if isinstance(text, str) and text.count("-") > 1:
        raise wrong(f"`{text[:30]}` is no range of days", "a range has a first day and a last one", "mon-fri")
    return text


def _hours(text: Any) -> Any:
    """A range of hours, as it was written."""
    if isinstance(text, str):
        if not re.fullmatch(_HOURS, text):
            why = "hours are a time, a dash and a time, of a clock with 24 hours"
            raise wrong(f"`{text[:40]}` is no range of hours", why, "10:00-15:00, or 22:00-02:00 across midnight")
        if minutes(text)[0] == minutes(text)[1]:
            why = "it ends when it begins: whether nothing or a whole day is meant must not be guessed"
            raise wrong(f"`{text}` is no range of hours", why, "00:00-24:00, where a whole day is meant")
    return text


def _dates(text: Any) -> Any:
    """A date or a range of dates, as it was written."""
    if not isinstance(text, str):
        return text
    if not re.fullmatch(_DATES, text):
        near = re.sub(r"\s*(?:to|/|\.{2,}|–|until)\s*", "..", text)
        why = "a date is 2026-12-24, or 12-24 of each year; a range has two of them with .. between"
        raise wrong(f"`{text[:40]}` is no date", why, near if re.fullmatch(_DATES, near) else "12-20..01-05")
    first, last = ends(text)
    for one in (first, last):
        _a_day(one)
    if len(first) != len(last):
        raise wrong(f"`{text}` has a year on one side only", "whether it recurs must not be guessed",
                    "2026-12-20..2027-01-05 for once, 12-20..01-05 for each year")  # fmt: skip
    if len(first) == 10 and last < first:
        raise wrong(f"`{text}` ends before it begins", "nothing would ever be closed", f"{last}..{first}")
    return text


def _a_day(one: str) -> None:
    try:
        date.fromisoformat(one if len(one) == 10 else f"{_LEAP}-{one}")
    except ValueError as error:
        why = "a date is a year, a month and a day, the year left out where it recurs"
        raise wrong(f"`{one}` is no day of the calendar", why, "2026-12-24, or 12-24") from error


def weekdays(texts: tuple[str, ...]) -> frozenset[int]:
    """The days of the week, Monday being 0; no text is every day. `sat-mon` goes round the end of the week."""
    found: set[int] = set()
    for text in texts or ("mon-sun",):
        first, _, last = text.partition("-")
        start = DAYS.index(first)
        found |= {(start + n) % 7 for n in range((DAYS.index(last or first) - start) % 7 + 1)}
    return frozenset(found)


def minutes(text: str) -> tuple[int, int]:
    """The first minute of the day, and the one after the last. The second is the smaller where midnight is crossed."""
    start, end = (int(hour) * 60 + int(minute) for hour, minute in (one.split(":") for one in text.split("-")))
    return start, end


def ends(dates: str) -> tuple[str, str]:
    """The first date and the last."""
    first, _, last = dates.partition("..")
    return first, last or first


def covers(dates: str, day: date) -> bool:
    """Whether a date, or a range of them, has this day. Without a year it may go round the end of the year."""
    first, last = ends(dates)
    told = day.isoformat() if len(first) == 10 else day.isoformat()[5:]
    return first <= told <= last if first <= last else told >= first or told <= last


def one_or_more(value: Any) -> Any:
    """One entry is a list of one."""
    return [value] if isinstance(value, str | dict) else value


def _some_windows(value: Any) -> Any:
    if value == []:
        raise wrong("a list of no windows", "no release would ever start", "a window, or no `open` at all")
    return one_or_more(value)


Days = Annotated[str, BeforeValidator(_days), Field(pattern=_DAYS)]
Hours = Annotated[str, BeforeValidator(_hours), Field(pattern=_HOURS)]
Dates = Annotated[str, BeforeValidator(_dates), Field(pattern=_DATES)]


class OpenHours(Section):
    """One window: the days on which it begins (none: every day), and its hours (none: the whole day)."""

    days: Annotated[tuple[Days, ...], BeforeValidator(one_or_several)] = ()
    hours: Annotated[tuple[Hours, ...], BeforeValidator(one_or_several)] = ()

    @model_validator(mode="after")
    def _something(self) -> OpenHours:
        if not self.days and not self.hours:
            why = "a window without days and hours is always open, and so is an environment without `open`"
            raise wrong("this window has neither days nor hours", why, "{days: [tue, thu], hours: 10:00-15:00}",
                        code="missing-key")  # fmt: skip
        return self


class Holidays(Section):
    """The public holidays of a country, or of one of its regions."""

    country: str = Field(pattern="^[A-Z]{2}$")
    region: str = Field(default="", max_length=40)

    @classmethod
    def short_for(cls, text: str) -> str:
        """A bare text is a country."""
        del text
        return "country"

    @model_validator(mode="before")
    @classmethod
    def _read(cls, value: Any) -> Any:
        found = {"country": value} if isinstance(value, str) else value
        country = found.get("country") if isinstance(found, dict) else None
        if isinstance(country, str):
            _known(country, str(found.get("region") or ""))
        return found

    def __str__(self) -> str:
        return f"{self.country}-{self.region}" if self.region else self.country


def _known(country: str, region: str) -> None:
    """Refuse a country or a region whose holidays nobody knows."""
    if not re.fullmatch("[A-Z]{2}", country):
        why = "a country is the two capital letters of ISO 3166"
        raise wrong(f"`{country[:40]}` is no country", why, "ES, DE or US", at="country")
    from holidays import country_holidays, list_supported_countries  # heavy, and asked by few manifests

    try:
        country_holidays(country, subdiv=region or None)
    except NotImplementedError as error:
        regions = list_supported_countries().get(country)
        if regions is None:
            why = "the plan could not say when it is closed"
            raise wrong(f"no holidays of `{country}` are known", why, "the two letters of another country, or `dates`",
                        at="country") from error  # fmt: skip
        why = "a region is what stands after the dash in ISO 3166-2"
        some = f"one of: {choice(regions)}" if 0 < len(regions) <= 40 else f"{country}, without a region"
        raise wrong(f"`{region[:40]}` is no region of {country} with holidays of its own", why,
                    nearest(region, regions) or some, at="region") from error  # fmt: skip


class ClosedTimes(Section):
    """When it is closed, whatever is open: each line adds."""

    weekdays: Annotated[tuple[Days, ...], BeforeValidator(one_or_several)] = ()
    dates: Annotated[tuple[Dates, ...], BeforeValidator(one_or_several)] = ()
    holidays: Annotated[tuple[Holidays, ...], BeforeValidator(one_or_more)] = ()
    month_end_s: Duration | None = Field(default=None, alias="month_end")
    calendar: str | None = None

    @field_validator("month_end_s")
    @classmethod
    def _whole_days(cls, value: float | None) -> float | None:
        if value is not None and (value % DAY_S or not DAY_S <= value <= 27 * DAY_S):
            raise wrong("the end of a month is whole days, from 1d to 27d", "a day is closed, or it is not", "2d")
        return value

    @field_validator("calendar")
    @classmethod
    def _inside(cls, value: str | None) -> str | None:
        if value is not None and (not value.strip() or value.startswith("/") or ".." in value.split("/")):
            why = "the calendar is read from the commit that is released"
            raise wrong(f"`{value[:60]}` is not a file of the repository", why,
                        "a path from the repository's root, such as release/freezes.ics")  # fmt: skip
        return value

    @property
    def month_end_days(self) -> int:
        """How many days at the end of each month are closed."""
        return round((self.month_end_s or 0) / DAY_S)


class Windows(Section):
    """When releases may start. Without `open` (None) always, but for what is `closed`; what is closed wins.

    `timezone` is whose clock decides. `outside`: a release waits for the next window, or is blocked. `on_freeze`: what
    becomes of a release that runs when a freeze begins.
    """

    open: Annotated[tuple[OpenHours, ...], BeforeValidator(_some_windows)] | None = None
    closed: ClosedTimes = ClosedTimes()
    timezone: str = "UTC"
    outside: Literal["wait", "block"] = "wait"
    on_freeze: Literal["finish", "hold", "roll_back"] = "finish"

    @field_validator("timezone")
    @classmethod
    def _zone(cls, value: str) -> str:
        try:
            if value != "localtime":  # another one on each machine
                return ZoneInfo(value).key
        except (ValueError, OSError, KeyError):
            pass
        why = "a time zone has the name that the IANA database gives it"
        raise wrong(f"no time zone is called `{value[:60]}`", why, _near_zone(value))


def _near_zone(text: str) -> str:
    """The time zone that was probably meant; small and capital letters do not matter, nor does the part of the world."""
    known = {zone.casefold(): zone for zone in sorted(available_timezones()) if zone != "localtime"}
    cities = {name.rpartition("/")[2]: zone for name, zone in known.items()}
    asked = text.casefold().replace(" ", "_")
    near = get_close_matches(asked, [*known, *cities], n=1, cutoff=0.7)
    return (known | cities)[near[0]] if near else "UTC, or Europe/Madrid"

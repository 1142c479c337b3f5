"""When releases may start: windows. Pure; time is an argument, and a calendar comes as its text.

The clock on the wall decides: a moment is open exactly when a clock in the environment's time zone then shows a time of a
window, on a day that is not closed. So on the day when clocks go from 02:00 to 03:00, 01:30-02:30 is open for half an hour;
on the day when they go back from 03:00 to 02:00 it is open twice, from 01:30 to 02:30 and again from the second 02:00 to the
second 02:30. What is closed wins over what is open, by the day that it is then, also after midnight in a window that began the
day before.

What cannot be known, because a calendar cannot be read, is closed, and says so.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from penstock.core import holidays
from penstock.core.ics import Busy, Unreadable, busy
from penstock.manifest.windows import OpenHours, Windows, covers, ends, minutes, weekdays

AHEAD_DAYS = 400
DAY_S = 86400.0
_NAMES = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@dataclass(frozen=True)
class Open:
    """A release may start. `closes_at` is the first closed moment; None: none within 400 days."""

    closes_at: float | None = None


@dataclass(frozen=True)
class Closed:
    """None may, and why, in words. `opens_at` is the first open moment; None: none within 400 days, or nobody knows."""

    why: str
    opens_at: float | None = None


def state(windows: Windows, at: float, calendar_text: str = "") -> Open | Closed:
    """Whether a release may start at a moment (seconds since the epoch), and when that changes.

    `calendar_text` is the text of `closed.calendar`; it is not asked for where that is not said.
    """
    try:
        rules = _Rules(windows, at, calendar_text)
        why = rules.why(at)
        turn = next((moment for moment in rules.changes(at) if bool(rules.why(moment)) != bool(why)), None)
    except Unreadable as error:
        return Closed(f"the calendar {windows.closed.calendar} cannot be read: {error}")
    except ZoneInfoNotFoundError:
        return Closed(f"nobody knows what time it is in {windows.timezone}: this machine has no such time zone")
    return Closed(why, turn) if why else Open(turn)


def told(windows: Windows) -> str:
    """What is open, in one line: `Tue, Thu 10:00-15:00 (Europe/Madrid)`."""
    opened = "; ".join(map(_window, windows.open or ())) or "always, but for what is closed"
    return f"{opened} ({windows.timezone})"


class _Rules:
    """What holds at each moment. Days that were looked at are kept."""

    def __init__(self, windows: Windows, at: float, calendar_text: str) -> None:
        self._windows = windows
        self._zone = ZoneInfo(windows.timezone)
        self._spans = [(weekdays(one.days), span) for one in windows.open or () for span in _spans(one)]
        self._events: list[Busy] = []
        if windows.closed.calendar is not None:
            since = at - at % DAY_S  # the same for a whole day, so that it is read once
            self._events = _apart(busy(calendar_text, windows.timezone, since, since + (AHEAD_DAYS + 2) * DAY_S))
        self._begins = [one.start for one in self._events]
        self._turns = [at for one in self._events for at in (one.start, one.end)]
        self._closed_day = cache(self._closed_on)

    def why(self, at: float) -> str:
        """Why it is closed at a moment; empty where it is open."""
        wall = datetime.fromtimestamp(at, self._zone)
        return self._closed_day(wall.date()) or self._event(at) or self._outside(wall)

    def changes(self, after: float) -> Iterator[float]:
        """Every later moment at which something may change, in order, for 400 days."""
        first = datetime.fromtimestamp(after, self._zone).date()
        marks = {0, *(minute % 1440 for _, span in self._spans for minute in span)}
        for n in range(AHEAD_DAYS + 2):
            day = first + timedelta(days=n)
            start, end = self._midnight(day), self._midnight(day + timedelta(days=1))
            moments = {self._at(day, minute, fold) for minute in marks for fold in (0, 1)}
            moments |= set(self._turns[bisect_left(self._turns, start) : bisect_left(self._turns, end)])
            moments |= self._shift(start, end)
            yield from (at for at in sorted(moments) if after < at <= after + AHEAD_DAYS * DAY_S)

    def _at(self, day: date, minute: int, fold: int) -> float:
        return datetime(day.year, day.month, day.day, *divmod(minute, 60), tzinfo=self._zone, fold=fold).timestamp()

    def _midnight(self, day: date) -> float:
        return self._at(day, 0, 0)

    def _shift(self, start: float, end: float) -> set[float]:
        """When the clocks are changed between two moments, if they are: the first second of the new time."""
        low, high = int(start), int(end)
        if self._offset(low) == self._offset(high):
            return set()
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if self._offset(middle) == self._offset(start) else (low, middle)
        return {float(high)}

    def _offset(self, at: float) -> timedelta | None:
        return datetime.fromtimestamp(at, self._zone).utcoffset()

    def _closed_on(self, day: date) -> str:
        """Why a whole day is closed; empty where it is not."""
        closed = self._windows.closed
        if closed.weekdays and day.weekday() in weekdays(closed.weekdays):
            return _NAMES[day.weekday()]
        if dates := next((one for one in closed.dates if covers(one, day)), ""):
            return _dates(dates)
        for where in closed.holidays:
            if name := holidays.of_year(where.country, where.region, day.year).get(day):
                return f"{name} in {where}"
        days = closed.month_end_days
        if days and (day + timedelta(days=days)).month != day.month:
            return "the last day of the month" if days == 1 else f"the last {days} days of the month"
        return ""

    def _event(self, at: float) -> str:
        before = bisect_right(self._begins, at) - 1
        found = self._events[before] if before >= 0 and at < self._events[before].end else None
        return f"{found.title} ({self._windows.closed.calendar})" if found else ""

    def _outside(self, wall: datetime) -> str:
        if self._windows.open is None:
            return ""
        minute, today = wall.hour * 60 + wall.minute, wall.weekday()
        for days, (start, end) in self._spans:
            inside = start <= minute < end if start < end else minute >= start
            if (today in days and inside) or ((today - 1) % 7 in days and end <= start and minute < end):
                return ""
        return f"outside {told(self._windows)}"


def _spans(window: OpenHours) -> list[tuple[int, int]]:
    return [minutes(text) for text in window.hours] or [(0, 1440)]


def _apart(found: Iterable[Busy]) -> list[Busy]:
    """Events that do not touch each other; of those that do, one, by the name of the first."""
    apart: list[Busy] = []
    for one in found:
        if apart and one.start <= apart[-1].end:
            last = apart.pop()
            one = Busy(last.start, max(last.end, one.end), last.title)  # noqa: PLW2901
        apart.append(one)
    return [one for one in apart if one.end > one.start]


def _window(window: OpenHours) -> str:
    days = ", ".join("-".join(one.capitalize() for one in text.split("-")) for text in window.days)
    return " ".join(part for part in (days, ", ".join(window.hours)) if part)


def _dates(text: str) -> str:
    """`24 Dec 2026`, `20 Dec to 5 Jan`."""
    return " to ".join(dict.fromkeys(map(_date, ends(text))))


def _date(text: str) -> str:
    year, month, day = text.split("-") if len(text) == 10 else ("", *text.split("-"))
    return f"{int(day)} {_MONTHS[int(month) - 1]} {year}".rstrip()

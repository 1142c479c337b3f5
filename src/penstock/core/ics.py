"""Calendar files (iCalendar, RFC 5545): when their events are. What cannot be read is an error with its line, never free time.

Every event counts, whether it shows its owner as busy or not (calendars export whole days as free); a cancelled one does
not. Tasks, journals and alarms are no events. Times without a zone, and whole days, are in the zone that is asked for.
Repetitions are python-dateutil's; what stands in the file is read here, because a file that is read in part would be open
where it says closed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import islice
from zoneinfo import ZoneInfo

from penstock.core.ics_file import UTC, Calendar, Event, Line, Moment, Unreadable, epoch, moment_of, read

__all__ = ["Busy", "Unreadable", "busy"]

OCCURRENCES_MAX = 50_000
_LENGTH = re.compile(
    r"\+?P(?:([0-9]{1,4})W|(?:([0-9]{1,4})D)?(?:T(?:([0-9]{1,5})H)?(?:([0-9]{1,7})M)?(?:([0-9]{1,9})S)?)?)"
)
_RULE = re.compile(r"[A-Za-z]+=[A-Za-z0-9,+-]+(?:;[A-Za-z]+=[A-Za-z0-9,+-]+)*")
_BY = ("MONTH", "WEEKNO", "YEARDAY", "MONTHDAY", "DAY", "HOUR", "MINUTE", "SECOND", "SETPOS")
_PARTS = frozenset({"FREQ", "INTERVAL", "COUNT", "UNTIL", "WKST", *(f"BY{part}" for part in _BY)})
_CYCLE = timedelta(days=146_097)  # 400 years: after them the same dates are the same days of the week


@dataclass(frozen=True)
class Busy:
    """One occurrence of an event, in seconds since the epoch; `end` is the first moment after it."""

    start: float
    end: float
    title: str


@lru_cache(maxsize=8)
def busy(text: str, timezone: str, since: float, until: float) -> tuple[Busy, ...]:
    """Every occurrence that touches the time from `since` to `until`, in order; raises Unreadable."""
    calendar = read(text, ZoneInfo(timezone))
    moved = _moved(calendar)
    every = (one for event in calendar.events for one in _occurrences(event, calendar, moved, until))
    found = list(islice(every, OCCURRENCES_MAX + 1))
    if len(found) > OCCURRENCES_MAX:
        raise Unreadable(1, f"its events happen more than {OCCURRENCES_MAX:,} times, which nobody could look at")
    return tuple(sorted((one for one in found if one.end > since and one.start < until), key=lambda one: one.start))


def _moved(calendar: Calendar) -> frozenset[tuple[str, float]]:
    """The occurrences of repeated events that have an event of their own: (UID, when it was to begin)."""
    found = set()
    for event in calendar.events:
        line = event.one("RECURRENCE-ID")
        if line and "RANGE" in line.parameters:
            raise line.wrong("a change of all that follows is not read; end the series, and begin another")
        if line:
            found.add((event.text("UID"), moment_of(line, line.value, calendar).at))
    return frozenset(found)


def _occurrences(event: Event, calendar: Calendar, moved: frozenset[tuple[str, float]], until: float) -> Iterator[Busy]:
    """Every time that an event happens, up to a moment."""
    line = event.one("DTSTART")
    if line is None:
        raise Unreadable(event.number, "this event has no DTSTART: nobody knows when it is")
    first = moment_of(line, line.value, calendar)
    days, seconds = _length(event, first, calendar)
    left_out = {moment_of(one, value, calendar).at for one, value in _values(event, "EXDATE")}
    if event.one("RECURRENCE-ID") is None:
        left_out |= {at for uid, at in moved if uid == event.text("UID")}
    starts, title = _starts(event, first, calendar, until), _title(event)
    if event.text("STATUS").strip().upper() == "CANCELLED":
        return
    for start in starts:
        if start.at not in left_out:
            end = epoch(start.wall + timedelta(days=days), start.zone) + seconds
            yield Busy(start.at, max(start.at, end), title)


def _length(event: Event, first: Moment, calendar: Calendar) -> tuple[int, float]:
    """How long an event lasts: days as the calendar counts them, and seconds."""
    end, lasts = event.one("DTEND"), event.one("DURATION")
    if lasts:
        found = _LENGTH.fullmatch(lasts.value.strip())
        if end or not found or not any(found.groups()):
            raise lasts.wrong("the event has DTEND as well" if end else "it is no length of time, such as P2D or PT90M")
        weeks, days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
        return weeks * 7 + days, hours * 3600.0 + minutes * 60 + seconds
    if end is None:
        return int(first.is_date), 0.0
    last = moment_of(end, end.value, calendar)
    if last.is_date != first.is_date or last.at < first.at:
        raise end.wrong("it ends before it begins" if last.is_date == first.is_date else "DTSTART is of another kind")
    if first.is_date:
        return max(1, (last.wall - first.wall).days), 0.0
    return 0, last.at - first.at


def _starts(event: Event, first: Moment, calendar: Calendar, until: float) -> Iterator[Moment]:
    """When an event begins, each once: the first time, what is added, and what the rules say."""
    seen = set()
    for one in _every_start(event, first, calendar, until):
        if one.at not in seen and one.at < until:
            seen.add(one.at)
            yield one


def _every_start(event: Event, first: Moment, calendar: Calendar, until: float) -> Iterable[Moment]:
    yield first
    for line, value in _values(event, "RDATE"):
        yield moment_of(line, value, calendar)
    for rule in event.lines.get("RRULE", ()):
        for wall in _walls(rule, first, calendar, until):
            yield Moment(wall, first.zone, first.is_date)


def _values(event: Event, name: str) -> Iterator[tuple[Line, str]]:
    for line in event.lines.get(name, ()):
        if line.parameters.get("VALUE", "") == "PERIOD":
            raise line.wrong("periods are not read; an event for each is")
        for value in line.value.split(","):
            yield line, value


def _walls(line: Line, first: Moment, calendar: Calendar, until: float) -> Iterator[datetime]:
    """What the clock shows each time that a rule holds, from the first time on."""
    from dateutil.rrule import rrulestr

    parts = _parts(line)
    horizon = datetime.fromtimestamp(until, UTC).replace(tzinfo=None) + timedelta(days=2)
    stop = min(horizon, _last(line, parts, first, calendar))
    # A rule that never holds is searched for up to the year 9999: from there on, it is not far.
    later = _CYCLE * ((9599 - first.wall.year) // 400)
    hours = ("BYHOUR", "BYMINUTE", "BYSECOND") if first.is_date else ()  # of whole days they mean nothing
    told = ";".join(f"{name}={value}" for name, value in parts.items() if name not in ("UNTIL", *hours))
    wall = None
    try:
        for shifted in rrulestr(told, dtstart=first.wall + later):
            wall = shifted - later
            if wall > stop:
                break
            yield wall
    except Exception as error:  # the parser is not ours: whatever it raises for a text is that text's problem
        raise line.wrong(f"it cannot be read: {error}") from error
    if wall is None:
        raise line.wrong("this never happens")


def _parts(line: Line) -> dict[str, str]:
    """The parts of a rule, each once and known."""
    if not _RULE.fullmatch(line.value.strip()):
        raise line.wrong("a rule is parts such as FREQ=WEEKLY;BYDAY=FR")
    pairs = [part.upper().split("=") for part in line.value.strip().split(";")]
    parts: dict[str, str] = dict(pairs)
    if len(parts) < len(pairs) or not parts.keys() <= _PARTS:
        raise line.wrong(f"only {', '.join(sorted(_PARTS))} are read, each once")
    if parts.get("FREQ") not in ("DAILY", "WEEKLY", "MONTHLY", "YEARLY"):
        raise line.wrong("it repeats DAILY, WEEKLY, MONTHLY or YEARLY")
    if not re.fullmatch("[1-9][0-9]{0,5}", parts.get("INTERVAL", "1")):
        raise line.wrong("INTERVAL is a number from 1 on")
    return parts


def _last(line: Line, parts: dict[str, str], first: Moment, calendar: Calendar) -> datetime:
    """The last moment of a rule, on the clock of the event. A day without a time counts whole."""
    if "UNTIL" not in parts:
        return datetime.max  # noqa: DTZ901
    until = moment_of(Line(line.number, line.name, {}, line.value), parts["UNTIL"], calendar)
    if until.is_date:
        return until.wall + timedelta(days=1, seconds=-1)
    if not parts["UNTIL"].endswith("Z"):
        return until.wall
    return datetime.fromtimestamp(until.at, first.zone).replace(tzinfo=None)


def _title(event: Event) -> str:
    text = re.sub(r"\\([\\;,nN])", lambda found: " " if found[1] in "nN" else found[1], event.text("SUMMARY"))
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:80] or "an event"

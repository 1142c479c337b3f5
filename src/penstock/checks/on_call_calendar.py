"""Reading a rota from an iCalendar file (RFC 5545): single events, and those that repeat daily or weekly. Pure.

What cannot be read for sure is said, and never guessed: a rota that was read wrong names somebody who sleeps.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

_STAMP = re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})(?:T([0-9]{2})([0-9]{2})([0-9]{2})(Z?))?")
_DURATION = re.compile(
    r"\+?P(?:([0-9]{1,4})W)?(?:([0-9]{1,5})D)?(?:T(?:([0-9]{1,6})H)?(?:([0-9]{1,6})M)?(?:([0-9]{1,8})S)?)?"
)
_LINE = re.compile(
    r'([A-Za-z0-9-]+)((?:;[A-Za-z0-9-]+=(?:"[^"]*"|[^";:,]*)(?:,(?:"[^"]*"|[^";:,]*))*)*):(.*)', re.DOTALL
)
_PARAMETER = re.compile(r';([A-Za-z0-9-]+)=("[^"]*"|[^";:]*)')
_DAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_KNOWN_RULE = frozenset({"FREQ", "INTERVAL", "COUNT", "UNTIL", "BYDAY", "WKST"})
_STEPS = 20_000  # fifty years of days
_EVENTS = 5_000


class NoCalendar(Exception):
    """The file cannot be read for sure; the text says why."""


@dataclass(frozen=True)
class Shift:
    """Who is on call, from when until when (epoch seconds)."""

    who: str
    start: float
    end: float


@dataclass
class _Event:
    """One VEVENT, its values with their parameters."""

    values: dict[str, tuple[dict[str, str], str]] = field(default_factory=dict)
    except_dates: list[tuple[dict[str, str], str]] = field(default_factory=list)

    def text(self, name: str) -> str:
        return self.values.get(name, ({}, ""))[1]


@dataclass(frozen=True)
class _Rule:
    """A rule of repetition, of the kinds that are read."""

    weekly: bool
    interval: int
    count: int | None
    until: datetime | None
    days: tuple[int, ...]


def shifts(content: bytes, since: float, until: float, zone: str = "") -> list[Shift]:
    """Every shift that touches a span of time. `zone` is that of times which name none; else the calendar's own."""
    try:
        events, own = _events(content.decode("utf-8-sig"))
        default = _zone(zone or own) if zone or own else None
        changed = {
            (e.text("UID"), _at(e.values["RECURRENCE-ID"], default)[0]) for e in events if "RECURRENCE-ID" in e.values
        }
        found = [one for event in events for one in _of_event(event, since, until, default, changed)]
    except UnicodeDecodeError as error:
        raise NoCalendar("is not UTF-8") from error
    except (OverflowError, ValueError) as error:
        raise NoCalendar("has a time that cannot be") from error
    return sorted((one for one in found if one.start < until and one.end > since), key=lambda one: (one.start, one.end))


def _events(text: str) -> tuple[list[_Event], str]:
    """All events, and the calendar's time zone; what stands in a part that is no event is left out."""
    events, inside, zone = list[_Event](), list[str](), ""
    for number, line in enumerate(re.sub(r"\r?\n[ \t]", "", text).splitlines(), 1):
        if not line.strip():
            continue
        found = _LINE.fullmatch(line)
        if not found or (number == 1 and line.strip().upper() != "BEGIN:VCALENDAR"):
            raise NoCalendar(f"is no calendar (line {number})")
        name, value = found[1].upper(), found[3].strip()
        if name == "BEGIN":
            inside.append(value.upper())
            events += [_Event()] if inside == ["VCALENDAR", "VEVENT"] else []
        elif name == "END":
            if not inside or inside.pop() != value.upper():
                raise NoCalendar(f"ends a part that it has not begun (line {number})")
        elif inside == ["VCALENDAR", "VEVENT"]:
            _add(events[-1], name, found[2], value)
        elif inside == ["VCALENDAR"] and name == "X-WR-TIMEZONE":
            zone = value
    if inside or not text.strip():
        raise NoCalendar("was cut off: it has no end")
    if len(events) > _EVENTS:
        raise NoCalendar(f"has more than {_EVENTS} events")
    return events, zone


def _add(event: _Event, name: str, parameters: str, value: str) -> None:
    known = {found[1].upper(): found[2].strip('"') for found in _PARAMETER.finditer(parameters)}
    if name in ("RDATE", "EXRULE") or (name == "RECURRENCE-ID" and "RANGE" in known):
        raise NoCalendar(f"has a `{name}`, which is not read")
    if name == "EXDATE":
        event.except_dates += [(known, one) for one in value.split(",")]
    elif name in event.values and name in ("DTSTART", "DTEND", "DURATION", "RRULE", "RECURRENCE-ID"):
        raise NoCalendar(f"has an event with two `{name}`")
    else:
        event.values[name] = (known, value)


def _of_event(
    event: _Event, since: float, until: float, default: tzinfo | None, changed: set[tuple[str, datetime]]
) -> Iterator[Shift]:
    if event.text("STATUS").upper() == "CANCELLED":
        return
    if "DTSTART" not in event.values:
        raise NoCalendar("has an event without `DTSTART`")
    start, whole_day = _at(event.values["DTSTART"], default)
    who = _unescaped(event.text("SUMMARY"))
    lasts = _lasts(event, start, whole_day, default)
    if "RRULE" not in event.values:
        yield _shift(who, start, lasts)
        return
    gone = {_at(one, default)[0] for one in event.except_dates}
    for at in _repeated(start, _rule(event.text("RRULE"), start, default), until):
        if at not in gone and (event.text("UID"), at) not in changed:
            shift = _shift(who, at, lasts)
            if shift.end > since:
                yield shift


def _shift(who: str, start: datetime, lasts: timedelta) -> Shift:
    """It ends by the clock on the wall, as people plan: a night over a change of summer time is an hour longer or less."""
    return Shift(who, start.timestamp(), (start + lasts).timestamp())


def _lasts(event: _Event, start: datetime, whole_day: bool, default: tzinfo | None) -> timedelta:
    if "DTEND" in event.values:
        end, _ = _at(event.values["DTEND"], default)
        apart = end.astimezone(start.tzinfo).replace(tzinfo=None) - start.replace(tzinfo=None)
    elif "DURATION" in event.values:
        found = _DURATION.fullmatch(event.text("DURATION").upper())
        if not found:
            raise NoCalendar("has a `DURATION` that is not read")
        weeks, days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
        apart = timedelta(weeks=weeks, days=days, hours=hours, minutes=minutes, seconds=seconds)
    else:
        apart = timedelta(days=1) if whole_day else timedelta()
    if apart < timedelta():
        raise NoCalendar("has an event that ends before it begins")
    return apart


def _at(said: tuple[dict[str, str], str], default: tzinfo | None) -> tuple[datetime, bool]:
    """A moment in its time zone, and whether it is a whole day."""
    known, text = said
    found = _STAMP.fullmatch(text.strip())
    if not found:
        raise NoCalendar(f"has a time that is not read: `{text[:30]}`")
    year, month, day = int(found[1]), int(found[2]), int(found[3])
    zone: tzinfo | None = UTC if found[7] else _zone(known["TZID"]) if "TZID" in known else default
    if zone is None:
        raise NoCalendar("has times without a time zone")
    if found[4] is None:
        day_of = date(year, month, day)
        return datetime(day_of.year, day_of.month, day_of.day, tzinfo=zone), True
    return datetime(year, month, day, int(found[4]), int(found[5]), int(found[6]), tzinfo=zone), False


def _zone(name: str) -> tzinfo:
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, LookupError) as error:
        raise NoCalendar(f"has a time zone that is not known: `{name[:60]}`") from error


def _rule(text: str, start: datetime, default: tzinfo | None) -> _Rule:
    parts = dict(part.split("=", 1) for part in text.upper().split(";") if "=" in part)
    strange = [name for name in parts if name not in _KNOWN_RULE]
    weekly = parts.get("FREQ") == "WEEKLY"
    days = parts["BYDAY"].split(",") if "BYDAY" in parts else []
    if strange or parts.get("FREQ") not in ("DAILY", "WEEKLY") or any(day not in _DAYS for day in days):
        raise NoCalendar(f"has a rule of repetition that is not read: `{text[:80]}`")
    interval, count = parts.get("INTERVAL", "1"), parts.get("COUNT")
    if not interval.isdigit() or not 0 < int(interval) < 1000 or (count is not None and not count.isdigit()):
        raise NoCalendar(f"has a rule of repetition that cannot be: `{text[:80]}`")
    if weekly and int(interval) > 1 and days and parts.get("WKST", "MO") != "MO":
        raise NoCalendar(f"has a rule of repetition that is not read: `{text[:80]}`")
    end = None
    if "UNTIL" in parts:
        end, whole_day = _at(({}, parts["UNTIL"]), start.tzinfo or default)
        end += timedelta(days=1, seconds=-1) if whole_day else timedelta()
    numbers = tuple(sorted(_DAYS.index(day) for day in days))
    if numbers and start.weekday() not in numbers:  # what that means is left open by RFC 5545
        raise NoCalendar(f"has an event that begins on another day than it repeats on: `{text[:80]}`")
    return _Rule(weekly, int(interval), int(count) if count else None, end, numbers)


def _repeated(start: datetime, rule: _Rule, until: float) -> Iterator[datetime]:
    """Every time it begins, in the wall clock of its zone, up to `until`."""
    done = 0
    monday = start - timedelta(days=start.weekday())
    days = rule.days or ((start.weekday(),) if rule.weekly else tuple(range(7)))
    for step in range(_STEPS):
        if rule.weekly:
            times = [monday + timedelta(weeks=step * rule.interval, days=day) for day in days]
        else:
            times = [start + timedelta(days=step * rule.interval)]
        for at in times:
            if at < start or (not rule.weekly and at.weekday() not in days):
                continue
            done += 1
            past = rule.until is not None and at.timestamp() > rule.until.timestamp()
            if past or at.timestamp() >= until or (rule.count is not None and done > rule.count):
                return
            yield at
    raise NoCalendar("has an event that repeats too often to be read")


def _unescaped(text: str) -> str:
    """A text without its escapes, in one line."""
    plain = re.sub(r"\\([\\;,nN])", lambda found: " " if found[1] in "nN" else found[1], text)
    return re.sub(r"[\x00-\x1f\x7f-\x9f\s]+", " ", plain).strip()[:200]

"""What stands in a calendar file (iCalendar, RFC 5545): its lines, its events, its times and time zones.

Nothing is guessed, and nothing is left out that could be about time: it is an error, with its line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from functools import lru_cache
from io import StringIO
from zoneinfo import ZoneInfo

BYTES_MAX = 2_000_000
UTC = ZoneInfo("UTC")
_LINE = re.compile(
    r'([A-Za-z0-9-]+)((?:;[A-Za-z0-9-]+=(?:"[^"]*"|[^";:,]*)(?:,(?:"[^"]*"|[^";:,]*))*)*):(.*)', re.DOTALL
)
_PARAMETER = re.compile(r';([A-Za-z0-9-]+)=("[^"]*"|[^";:]*)')
_MOMENT = re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})(?:T([0-9]{2})([0-9]{2})([0-9]{2})(Z?))?")
_ONCE = ("DTSTART", "DTEND", "DURATION", "EXRULE", "RECURRENCE-ID", "UID", "SUMMARY", "STATUS")
_SEVERAL = ("RRULE", "RDATE", "EXDATE")
_YEARS = range(1900, 2200)


class Unreadable(ValueError):
    """A calendar that cannot be read, and the line why."""

    def __init__(self, line: int, what: str) -> None:
        super().__init__(f"line {line}: {what}")
        self.line = line


@dataclass(frozen=True)
class Line:
    """One line, its continuations with it; `number` is where it begins, and names are capital letters."""

    number: int
    name: str
    parameters: dict[str, str]
    value: str

    def wrong(self, why: str) -> Unreadable:
        """The error of this line."""
        return Unreadable(self.number, f"`{_shown(f'{self.name}:{self.value}')}`: {why}")


@dataclass
class Event:
    """What an event says about itself and about time; `number` is its first line."""

    number: int
    lines: dict[str, list[Line]] = field(default_factory=dict)

    def one(self, name: str) -> Line | None:
        """The line of a name."""
        return self.lines[name][0] if name in self.lines else None

    def text(self, name: str) -> str:
        """The value of a name; empty where it is not said."""
        found = self.one(name)
        return found.value if found else ""


@dataclass(frozen=True)
class Moment:
    """A time as its clock shows it, and whose clock that is."""

    wall: datetime
    zone: tzinfo
    is_date: bool

    @property
    def at(self) -> float:
        """Seconds since the epoch."""
        return epoch(self.wall, self.zone)


@dataclass
class Calendar:
    """A file: its events, and the lines with which it describes time zones. `own` is the zone of what names none."""

    own: tzinfo
    events: list[Event] = field(default_factory=list)
    zones: list[Line] = field(default_factory=list)

    def zone(self, line: Line) -> tzinfo:
        """The zone that a line names: the IANA's, else one that the file describes."""
        name = line.parameters.get("TZID", "")
        if not name:
            return self.own
        try:
            return ZoneInfo(name)
        except (ValueError, OSError, KeyError):
            told = "\n".join(f"{one.name}:{one.value}" for one in self.zones)
            if found := _described(told, self.zones[0].number if told else 0).get(name):
                return found
            raise line.wrong(f"no time zone is called `{_shown(name)}`, and the file describes none") from None


def read(text: str, own: tzinfo) -> Calendar:
    """The events of a file, and the time zones that it describes."""
    calendar, around = Calendar(own), [""]
    for line in _lines(text):
        inside = around[-1]
        if line.name == "BEGIN":
            _begins(line, around, calendar)
            around.append(line.value.strip().upper())
        elif line.name == "END":
            if not inside or line.value.strip().upper() != inside:
                raise line.wrong(f"`{inside}` is not over yet" if inside else "nothing has begun")
            around.pop()
        elif not inside:
            raise line.wrong("a calendar begins with BEGIN:VCALENDAR")
        elif inside == "VEVENT" and line.name in (*_ONCE, *_SEVERAL):
            _keep(line, calendar.events[-1])
        if "VTIMEZONE" in around or (line.name, inside) == ("END", "VTIMEZONE"):
            calendar.zones += [line] if not line.name.startswith("X-") else []  # vendors' own: nothing about time
    if around != [""] or not text.strip():
        rows = text.count("\n") + 1
        raise Unreadable(rows, f"the file ends, and `{around[-1]}` does not" if around[-1] else "the file is empty")
    return calendar


def _begins(line: Line, around: list[str], calendar: Calendar) -> None:
    what, inside = line.value.strip().upper(), around[-1]
    if (what == "VCALENDAR") != (not inside):
        raise line.wrong(
            "a calendar begins with BEGIN:VCALENDAR" if not inside else "the calendar before it is not over"
        )
    if what == "VEVENT" and inside != "VCALENDAR":
        raise line.wrong(f"an event cannot lie in `{inside}`")
    if what == "VFREEBUSY":
        raise line.wrong("free and busy times are not read; export the events themselves")
    if what == "VEVENT":
        calendar.events.append(Event(line.number))


def _keep(line: Line, event: Event) -> None:
    if line.name == "EXRULE":
        raise line.wrong("EXRULE is given up by the standard; EXDATE says the same")
    if line.name in event.lines and line.name in _ONCE:
        raise line.wrong("the event has two of these")
    event.lines.setdefault(line.name, []).append(line)


@lru_cache(maxsize=8)
def _described(text: str, number: int) -> dict[str, tzinfo]:
    from dateutil.tz import tzical

    if not text:
        return {}
    try:
        zones = tzical(StringIO(text))
        return {name: zone for name in zones.keys() if (zone := zones.get(name))}  # noqa: SIM118 - it is no dict
    except Exception as error:  # the parser is not ours: whatever it raises for a text is that text's problem
        raise Unreadable(number, f"its time zones cannot be read: {error}") from error


def _lines(text: str) -> Iterator[Line]:
    """Every line, the folded ones put together; each counts where it begins."""
    if len(text) > BYTES_MAX:
        raise Unreadable(1, f"the file has more than {BYTES_MAX:,} letters, and was not read")
    number, held = 0, ""
    for at, row in enumerate([*text.removeprefix("\ufeff").replace("\r\n", "\n").split("\n"), ""], 1):
        if row[:1] in (" ", "\t") and held:
            held += row[1:]
            continue
        if held.strip():
            yield _line(number, held)
        number, held = at, row


def _line(number: int, text: str) -> Line:
    found = _LINE.fullmatch(text)
    if not found:
        raise Unreadable(number, f"`{_shown(text)}` is no line of a calendar: a name, a colon, a value")
    parameters = {name.upper(): value.strip('"') for name, value in _PARAMETER.findall(found[2])}
    return Line(number, found[1].upper(), parameters, found[3])


def moment_of(line: Line, value: str, calendar: Calendar) -> Moment:
    """A date, or a date and a time, of a line."""
    found = _MOMENT.fullmatch(value.strip())
    if not found:
        raise line.wrong("it is neither a date nor a time")
    is_date = found[4] is None
    if is_date != (line.parameters.get("VALUE", "DATE" if is_date else "").upper() == "DATE"):
        raise line.wrong("it is not what VALUE says")
    try:
        wall = datetime(*(int(part or 0) for part in found.groups()[:6]))  # type: ignore[arg-type]  # noqa: DTZ001
    except ValueError as error:
        raise line.wrong(str(error)) from error
    if wall.year not in _YEARS:
        raise line.wrong(f"the year is not between {_YEARS[0]} and {_YEARS[-1]}")
    return Moment(wall, calendar.own if is_date else UTC if found[7] else calendar.zone(line), is_date)


def _shown(text: str) -> str:
    return "".join(c if c.isprintable() else "·" for c in text[:80])


def epoch(wall: datetime, zone: tzinfo) -> float:
    """Of a time that the clock shows twice the first; of one that it skips, the one by the offset before."""
    return wall.replace(tzinfo=zone).timestamp()

"""Readings of a file that somebody appends to: one answer a line, as `answer` describes it."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from penstock.checks import endpoint
from penstock.checks.endpoint import Doubled
from penstock.checks.filling import fill
from penstock.checks.json_path import CannotTell
from penstock.core.reading import Level, Reading
from penstock.manifest.metrics import MetricsSource
from penstock.providers.sources import answer
from penstock.providers.sources.answer import Told
from penstock.providers.sources.asking import position_ms, refusing, settled_until
from penstock.providers.sources.endpoint import refuse_stale
from penstock.providers.sources.given import Given
from penstock.providers.sources.past import ago_ms, past_of

LINE_BYTES = 1 << 20
AT_ONCE = 2000  # lines with readings that one call hands on


class Place(NamedTuple):
    """Where reading goes on: what is closed (milliseconds since the epoch), and the end of the line that closed it."""

    end_ms: int
    offset: int = 0

    def __str__(self) -> str:
        return f"{self.end_ms}-{self.offset}"


class FileMetrics:
    """The whole lines of the file; a last line that is half written waits. A position knows its place in the file.

    A file that was replaced or cut is read from its beginning, and what was read before is not read again.
    """

    def __init__(self, section: MetricsSource, given: Given) -> None:
        self.lag_s, self.step_s = section.lag_s, section.step_s
        self._within_s, self._splits = section.within_s, given.splits
        self._path, self._env = section.path or "", given.env
        self._passed: tuple[str, Place] = ("", Place(0))  # how far the lines after a position held no readings

    def position(self) -> str:
        """The end of the last whole line; empty where there is none yet."""
        with refusing(self._path), self._open() as file:
            last = self._last(file)
            return str(last[0]) if last else ""

    def closed_until(self) -> float:
        """The end of the last whole line that is handed on; from no line on, nothing is told."""
        with refusing(self._path), self._open() as file:
            last = self._last(file)
            if not last:
                return 0.0
            return last[1].end if last[1].end <= settled_until(time.time()) else last[1].start

    def readings(self, since: str) -> list[Reading]:
        """Every reading after a position; raises PenstockError `readings` when they cannot be had."""
        with refusing(self._path), self._open() as file:
            return self._after(file, since)

    def past(self, span_s: float, *, latency: bool) -> list[Reading]:
        """The readings of the last so many seconds, six hours at most."""
        return past_of(self.readings, f"{ago_ms(span_s)}-0", latency=latency)

    def levels(self) -> list[Level]:
        """The gauges of the last whole line."""
        with refusing(self._path), self._open() as file:
            last = self._last(file)
            return answer.levels(last[1]) if last else []

    def _open(self) -> BinaryIO:
        path = Path(fill(self._path, self._env))
        try:
            if not path.is_file():
                raise CannotTell("there is no such file", "the path of a file that the service's side appends to")
            return path.open("rb")
        except OSError as error:
            raise CannotTell(f"it cannot be read: {error.strerror}", "a file that this user may read") from error

    def _after(self, file: BinaryIO, since: str) -> list[Reading]:
        passed, at = self._passed, _place(since)
        at = self._there(file, passed[1] if since and passed[0] == since else at)
        settled_s, splits = settled_until(time.time()), self._splits()
        until, found, lines = time.monotonic() + self._within_s, list[Reading](), 0
        before_ms = at.end_ms if at and at.offset else 0  # what the line before closed
        try:
            for place, one in self._lines(file, at.offset if at else 0):
                if one.end > settled_s:
                    return found
                if place.end_ms <= before_ms and one.readings:
                    raise CannotTell(*_late(one, before_ms))
                before_ms = max(before_ms, place.end_ms)
                if at is None or place.end_ms > at.end_ms:
                    since_s = at.end_ms / 1000 if at else None
                    new = answer.readings(one, since_s, self.step_s, splits, str(place))
                    lines += bool(new)
                    found += new
                at = place if at is None else Place(max(at.end_ms, place.end_ms), place.offset)
                if not found:
                    self._passed = (since, at)
                if lines >= AT_ONCE or time.monotonic() > until:
                    return found
        except CannotTell:
            if not found:
                raise
            return found  # what is known is handed on; the next call says what is wrong
        if not found and at:
            refuse_stale(at.end_ms / 1000, self.lag_s, time.time())
        return found

    def _there(self, file: BinaryIO, at: Place | None) -> Place | None:
        """A place as it is in this file: its beginning, where the line that should end there is another by now."""
        if at is None or not at.offset:
            return at
        begin = max(0, at.offset - LINE_BYTES - 1)
        file.seek(begin)
        before = file.read(at.offset - begin)
        start = before.rfind(b"\n", 0, len(before) - 1) + 1
        try:
            is_same = before.endswith(b"\n") and len(before) == at.offset - begin
            is_same = is_same and round(self._told(before[start:], begin + start).end * 1000) == at.end_ms
        except CannotTell:
            is_same = False
        return at if is_same else Place(at.end_ms)

    def _lines(self, file: BinaryIO, offset: int) -> Iterator[tuple[Place, Told]]:
        """The whole lines from an offset, each with the place after it."""
        file.seek(offset)
        while line := file.readline(LINE_BYTES + 1):
            if not line.endswith(b"\n"):
                if len(line) > LINE_BYTES:
                    raise CannotTell(f"the line at byte {offset} is longer than 1 MiB", "a line for each step or two")
                return
            found = self._told(line, offset)
            offset += len(line)
            yield Place(round(found.end * 1000), offset), found

    def _last(self, file: BinaryIO) -> tuple[Place, Told] | None:
        size = file.seek(0, os.SEEK_END)
        begin = max(0, size - 2 * LINE_BYTES)
        file.seek(begin)
        tail = file.read(2 * LINE_BYTES)
        end = tail.rfind(b"\n") + 1
        start = tail.rfind(b"\n", 0, max(0, end - 1)) + 1
        if not end:
            return None
        found = self._told(tail[start:end], begin + start)
        return Place(round(found.end * 1000), begin + end), found

    def _told(self, line: bytes, offset: int) -> Told:
        try:
            return answer.told(endpoint.parsed(line), self.step_s, time.time())
        except Doubled as error:
            raise CannotTell(f"the line at byte {offset} is {error}", "each key once") from error
        except ValueError as error:
            raise CannotTell(f"the line at byte {offset} is no JSON", "one JSON answer a line") from error
        except CannotTell as error:
            raise CannotTell(f"the line at byte {offset}: {error}", error.remedy) from error


def _late(one: Told, before_ms: int) -> tuple[str, str]:
    what = (
        f"a line tells of {one.readings[0].at:.15g}, and the lines before it closed all until {before_ms / 1000:.15g}"
    )
    return what, "lines in order of time, both arms of a step in one of them: one writer"


def _place(since: str) -> Place | None:
    """A position as a place; None for the empty one. CannotTell for a word of another source."""
    end, _, offset = since.partition("-")
    numbers = position_ms(end), position_ms(offset)
    if not since:
        return None
    if numbers[0] is None or numbers[1] is None:
        raise CannotTell(f"`{since[:40]}` is no position of this source", "a release that began with this very source")
    return Place(numbers[0], numbers[1])

"""Readings of an endpoint that a team serves: GET `url?since=SECONDS`, answered as `answer` describes."""

from __future__ import annotations

import time
from dataclasses import replace

from penstock.checks.json_path import CannotTell
from penstock.core.reading import Level, Reading
from penstock.manifest.metrics import MetricsSource
from penstock.providers.sources import answer
from penstock.providers.sources.answer import Told
from penstock.providers.sources.asking import Asking, position_ms, settled_until
from penstock.providers.sources.given import Given
from penstock.providers.sources.past import ago_ms, past_of

STALE_S = 30.0  # a source that closes nothing for so long, beyond its lag, is not counting


def refuse_stale(end: float, lag_s: float, now: float) -> None:
    """CannotTell where nothing was closed for too long."""
    if end < now - lag_s - STALE_S:
        raise CannotTell(
            f"nothing was closed for {now - end:.0f} s", "a source that is counting, and clocks that agree"
        )


def _position(end: float) -> str:
    """A moment in whole milliseconds, and never a later one: who asks from there on misses nothing that begins then."""
    return str(int(end * 1000 + 0.01))


class JsonMetrics:
    """What the endpoint says is closed. A position is a moment, in milliseconds: what arrived before it was read.

    A call is over after the section's `within_s`, whatever the endpoint does.
    """

    def __init__(self, section: MetricsSource, given: Given) -> None:
        self.lag_s, self.step_s = section.lag_s, section.step_s
        self._splits = given.splits
        self._asking = Asking(section.url or "", section.bearer, section.within_s, given.env, given.secrets)

    def position(self) -> str:
        """How far the source has closed its readings."""
        with self._asking.refusing():
            return _position(self._newest().end)

    def closed_until(self) -> float:
        """The same, in seconds, as far as it is handed on."""
        return min(int(self.position()) / 1000, settled_until(time.time()))

    def readings(self, since: str) -> list[Reading]:
        """Every reading after a position; raises PenstockError `readings` when they cannot be had."""
        with self._asking.refusing():
            at = position_ms(since)
            since_s, until = None if at is None else at / 1000, settled_until(time.time())
            found = self._told(since_s)
            if since_s is not None and found.end <= since_s:
                refuse_stale(found.end, self.lag_s, time.time())
                return []
            new = answer.readings(found, since_s, self.step_s, self._splits(), _position(found.end))
            new = [one for one in new if one.end <= until]
            return [replace(one, position=_position(one.end)) for one in new]  # the same whenever it is read

    def past(self, span_s: float, *, latency: bool) -> list[Reading]:
        """The readings of the last so many seconds, six hours at most."""
        return past_of(self.readings, str(ago_ms(span_s)), latency=latency)

    def levels(self) -> list[Level]:
        """The gauges that come with the newest answer."""
        with self._asking.refusing():
            return answer.levels(self._newest())

    def _newest(self) -> Told:
        """An answer without readings: nothing is newer than now."""
        return self._told(time.time() + answer.AHEAD_S)

    def _told(self, since_s: float | None) -> Told:
        asked = {} if since_s is None else {"since": f"{since_s:.3f}"}
        return answer.told(self._asking.get(self._asking.until(), **asked), self.step_s, time.time())

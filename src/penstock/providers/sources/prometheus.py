"""Readings of a Prometheus: raw samples of plain selectors, differences taken here."""

from __future__ import annotations

import time
from collections.abc import Sequence
from math import inf
from statistics import median

from penstock.checks import endpoint
from penstock.checks.endpoint import TooMuch
from penstock.checks.json_path import CannotTell
from penstock.core.reading import Level, Reading
from penstock.core.splits import era_of
from penstock.manifest.metrics import MetricsSource, labels_in, metric_of
from penstock.providers.sources import counters, samples
from penstock.providers.sources.asking import Asking, position_ms, settled_until
from penstock.providers.sources.counters import LONGEST, Grown, Series
from penstock.providers.sources.given import Given
from penstock.providers.sources.names import printable
from penstock.providers.sources.past import PAST_S, ago_ms, as_past

MEMORY, MEMORY_S = 8, 60.0  # steps, and at least so many seconds, that a process may be unseen and still be known
AT_ONCE, WIDEST = 8, 960  # steps that are asked for in one query: at first, and at most
_PAST = 240  # steps of the past in one query, at first
_FIRST_S = 3600.0  # "from the first" goes back no further
_STALE = 2  # steps without a sample
_ENOUGH = 3  # stretches between scrapes, to know how often it scrapes
_QUERY = "/api/v1/query"


class PrometheusMetrics:
    """Steps that are over on the server's own clock, and `lag_s` old: oldest first. A position is a step's end, in ms.

    A call is over after the section's `within_s`, whatever the server does.
    """

    def __init__(self, section: MetricsSource, given: Given) -> None:
        self.lag_s, self.step_s = section.lag_s, section.step_s
        self._section, self._given = section, given
        self._asking = Asking(section.url or "", section.bearer, section.within_s, given.env, given.secrets)
        asked = {"requests": section.requests, "errors": section.errors, "latency": section.latency}
        asked |= {f"event:{name}": query for name, query in given.events.items()}
        self._queries = {name: query for name, query in asked.items() if query}
        self._step_ms = round(section.step_s * 1000)
        self._clock: tuple[float, float] | None = None  # (monotonic, server's time), as they stood together

    def position(self) -> str:
        """The end of the last step that is complete."""
        with self._asking.refusing():
            return str(self._closed_ms(self._asking.until()))

    def closed_until(self) -> float:
        """The same, in seconds."""
        return int(self.position()) / 1000

    def readings(self, since: str) -> list[Reading]:
        """Every complete step after a position; raises PenstockError `readings` when they cannot be had.

        A long way back is read in several calls. Without a position, it begins an hour ago.
        """
        with self._asking.refusing():
            until = self._asking.until()
            closed = self._closed_ms(until)
            at = position_ms(since)
            at = closed - round(_FIRST_S * 1000) if at is None else at
            found, began, width, widest = list[Reading](), at, AT_ONCE, WIDEST
            while at < closed:
                to = min(closed, at + width * self._step_ms)
                try:
                    found += self._between(at, to, until, is_last=to == closed)
                except CannotTell as error:
                    if narrower := self._narrower(error, to - at):
                        width = widest = narrower
                        continue
                    if not found:
                        raise
                    return found  # what is known is handed on; the next call says what is wrong
                at, width = to, min(2 * width, widest)
                if time.monotonic() > until - self._section.within_s / 2:
                    break
            return found if found or at == closed else [self._nothing(began, at)]

    def _nothing(self, since_ms: int, until_ms: int) -> Reading:
        """A long way without a sample, as a hole of nobody's: so that the next call begins behind it."""
        return Reading(self._given.unit, "", since_ms / 1000, until_ms / 1000, 0, 0, position=str(until_ms))

    def _narrower(self, error: CannotTell, span_ms: int) -> int:
        """How many steps to ask for instead of a span whose answer was too much; 0: there is nothing narrower."""
        return span_ms // self._step_ms // 2 if isinstance(error, TooMuch) else 0

    def past(self, span_s: float, *, latency: bool) -> list[Reading]:
        """The readings of the last so many seconds, six hours at most; those that come within eight seconds, newest first."""
        with self._asking.refusing():
            deadline = time.monotonic() + PAST_S
            to = closed = self._closed_ms(self._asking.until())
            begins, found = ago_ms(span_s) // self._step_ms * self._step_ms, list[Reading]()
            width, widest = _PAST, WIDEST
            names = [name for name in self._queries if latency or name != "latency"]
            while to > begins and time.monotonic() < deadline:
                since = max(begins, to - width * self._step_ms)
                try:
                    found[:0] = self._between(since, to, min(deadline, self._asking.until()), names=names)
                except CannotTell as error:
                    if narrower := self._narrower(error, to - since):
                        width = widest = narrower
                        continue
                    if not found:
                        raise
                    break  # what is known steers better than nothing
                to, width = since, min(2 * width, widest)
            if not found:
                raise self._silence(0, closed)
            return as_past(found, latency=latency)

    def levels(self) -> list[Level]:
        """Every gauge as it stands now, for each arm, and each process where the query keeps its label."""
        with self._asking.refusing():
            until = self._asking.until()
            return [level for name, query in self._given.gauges.items() for level in self._level(name, query, until)]

    def _level(self, name: str, query: str, until: float) -> list[Level]:
        told = f"the gauge `{name}`"
        found = samples.vector(self._asking.get(until, _QUERY, query=query, timeout="5s"), told)
        instance = self._section.instance
        return [
            Level(name, self._arm(labels, told), at, value, _name(labels.get(instance, ""), told))
            for labels, at, value in found
        ]

    def _closed_ms(self, until: float) -> int:
        """The end of the last complete step. The server's clock is asked for when, by ours, a step was completed."""
        if self._clock is not None:
            reckoned = self._clock[1] + time.monotonic() - self._clock[0]
            if self._end(reckoned) == self._end(self._clock[1]):
                return self._settled(self._end(reckoned))
        self._clock = None  # until it has answered, it is not known
        asked = samples.scalar(self._asking.get(until, _QUERY, query="time()", timeout="5s"))
        self._clock = (time.monotonic(), asked)
        return self._settled(self._end(asked))

    def _settled(self, end_ms: int) -> int:
        """The same, or the step before by our own clock: what is told now stays so."""
        return min(end_ms, int(settled_until(time.time()) * 1000) // self._step_ms * self._step_ms)

    def _end(self, now_s: float) -> int:
        return int((now_s - self.lag_s) * 1000) // self._step_ms * self._step_ms

    def _between(
        self, since_ms: int, until_ms: int, until: float, *, is_last: bool = False, names: Sequence[str] = ()
    ) -> list[Reading]:
        """The readings of some steps; CannotTell where there is nothing up to now, or nothing new for two steps.

        `names` are those of the selectors that are asked; empty: all.
        """
        memory_ms = max(MEMORY * self._step_ms, round(MEMORY_S * 1000))
        first_ms = since_ms - memory_ms
        series = {name: self._series(name, first_ms, until_ms, until) for name in names or self._queries}
        requests = series["requests"]
        newest = max((one.samples[-1][0] for one in requests if one.samples), default=0)
        if is_last and newest <= until_ms - _STALE * self._step_ms and newest <= since_ms:
            raise self._silence(newest, until_ms)
        grown = list(counters.grown((one for some in series.values() for one in some), memory_ms))
        counted = sum(one.sums.get("requests", 0) for one in grown)
        if counted and "latency" in series and not series["latency"]:
            raise CannotTell("`latency` selects nothing, and there are requests", "the histogram's own name and labels")
        self._refuse_rare_scrapes(grown)
        splits = self._given.splits()
        return counters.readings(
            grown, self._step_ms, since_ms, until_ms, self._given.unit,
            lambda since, at: era_of(splits, since / 1000, at / 1000),
        )  # fmt: skip

    def _silence(self, newest_ms: int, until_ms: int) -> CannotTell:
        how = f"for {(until_ms - newest_ms) / 1000:.0f} s" if newest_ms else "at all, or none in time"
        return CannotTell(f"`requests` has no new sample {how}", "a selector that has series, and is scraped")

    def _refuse_rare_scrapes(self, grown: list[Grown]) -> None:
        """CannotTell where scrapes are so far apart that nothing would ever be judged."""
        apart = [one.at_ms - one.since_ms for one in grown if one.at_ms > one.since_ms]
        if len(apart) >= _ENOUGH and median(apart) > LONGEST * self._step_ms:
            what = f"processes are scraped every {median(apart) / 1000:g} s, and `step` is {self.step_s:g} s"
            raise CannotTell(what, "a `step` of at least the interval of scraping")

    def _series(self, name: str, first_ms: int, last_ms: int, until: float) -> list[Series]:
        query, told = self._queries[name], f"`{name.removeprefix('event:')}`"
        asked = {"query": f"{query}[{last_ms - first_ms}ms]", "time": f"{last_ms / 1000:.3f}", "timeout": "5s"}
        found = samples.matrix(self._asking.get(until, _QUERY, **asked), told, first_ms, last_ms)
        if name == "requests":
            self._believe_errors([labels for labels, _ in found])
        elif name == "errors" and not found and self._may_be_misnamed():
            raise CannotTell(f"{told} selects nothing: no errors, or a wrong name", "a counter that starts at 0")
        return [self._one(name, told, labels, some) for labels, some in found]

    def _believe_errors(self, requests: list[dict[str, str]]) -> None:
        """CannotTell where `errors` matches a label that no request has: it would count none for ever."""
        if self._may_be_misnamed():
            return
        known = {name for labels in requests for name in labels}
        unknown = sorted(labels_in(self._queries["errors"]) - known)
        if requests and unknown:
            raise CannotTell(
                f"`errors` asks for the label `{unknown[0]}`, and no request has it", "a label that is there"
            )

    def _may_be_misnamed(self) -> bool:
        return metric_of(self._queries["errors"]) != metric_of(self._queries["requests"])

    def _one(self, name: str, told: str, labels: dict[str, str], found: tuple[tuple[int, int], ...]) -> Series:
        process = f"{labels.get('job', '')} {labels.get(self._section.instance, '')}"
        if not process.strip():
            raise CannotTell(f"{told} has series of no `{self._section.instance}`", "each process's own series")
        arm = self._arm(labels, told)
        if name != "latency":
            return Series(name, process, arm, found)
        edge = labels.get("le", "")
        rest = " ".join(f"{key}={value}" for key, value in sorted(labels.items()) if key != "le")
        return Series(name, process, arm, found, rest, self._edge_us(edge, told))

    def _edge_us(self, edge: str, told: str) -> float:
        if edge in ("+Inf", "Inf"):
            return inf
        factor = 1e6 if self._section.latency_in == "s" else 1e3
        return round(endpoint.finite(edge or "none", f"the label `le` of {told}") * factor, 3)

    def _arm(self, labels: dict[str, str], told: str) -> str:
        arm = labels.get(self._section.arm, "")
        if not arm:
            raise CannotTell(
                f"{told} has series without the label `{self._section.arm}`", "PENSTOCK_REVISION as that label"
            )
        return _name(arm, told)


def _name(label: str, told: str) -> str:
    try:
        return printable(label)
    except ValueError as error:
        raise CannotTell(f"{told} has a label that cannot be printed: {label[:40]}", "plain names") from error

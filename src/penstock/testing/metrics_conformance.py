"""The Metrics contract as tests: subclass, say how your source is made and how requests come to it, and pytest does the rest.

    class TestMySource(MetricsConformance):
        def make(self): return MyMetrics(...)
        def serve(self, metrics, counts): ...
        ...

A source may be late, and it may have holes that it tells of; it never invents, and never counts twice.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping

import pytest

from penstock.core.reading import Reading
from penstock.errors import PenstockError
from penstock.ports import Metrics

Counts = dict[str, tuple[int, int]]
"""Revision -> (requests, errors)."""

CALL_S = 10.0  # the longest that any call may take
FIRST: Counts = {"old": (40, 2), "new": (7, 1)}
SECOND: Counts = {"old": (31, 0), "new": (5, 4)}


class MetricsConformance:
    """The hooks come first, the laws after them; every test method's docstring is the law."""

    nonsense: tuple[str, ...] = ()
    counts_restart = True
    notices_s = 5.0  # an outage is an error after so long

    # Hooks

    def make(self) -> Metrics:
        """A source that counts nothing yet, and is asked for the first time; requests are all of one traffic split."""
        raise NotImplementedError

    def unmake(self, metrics: Metrics) -> None:
        """Take it away again."""

    def successor(self, metrics: Metrics) -> Metrics:
        """The same source, as the next process asks it."""
        raise NotImplementedError

    def serve(self, metrics: Metrics, counts: Counts) -> Counts:
        """Requests are answered, and counted, and closed; returns once they can be read. What was truly answered."""
        raise NotImplementedError

    def restart(self, metrics: Metrics) -> None:
        """Who counts the requests begins anew; `counts_restart` is false where nobody could."""

    def break_down(self, metrics: Metrics) -> None:
        """From now on the source cannot be asked; what comes meanwhile is counted."""
        raise NotImplementedError

    def mend(self, metrics: Metrics) -> None:
        """It can be asked again, and speaks sense."""
        raise NotImplementedError

    def speak_nonsense(self, metrics: Metrics, how: str) -> None:
        """From now on it answers one of `nonsense`."""

    # What the laws are told with

    @pytest.fixture
    def metrics(self) -> Iterator[Metrics]:
        """A fresh source, taken away in the end."""
        metrics = self.make()
        yield metrics
        self.unmake(metrics)

    def read(self, metrics: Metrics, since: str) -> list[Reading]:
        """All that is there after a position, as a watcher reads: from each answer's last position on."""
        found: list[Reading] = []
        for _ in range(1000):
            began = time.monotonic()
            new = metrics.readings(found[-1].position if found else since)
            assert time.monotonic() - began < CALL_S
            if not new:
                return found
            found += new
        raise AssertionError("readings never end")

    def sums(self, found: list[Reading]) -> Counts:
        """What readings come to, by arm."""
        arms = sorted({one.revision for one in found if one.requests or one.errors})
        mine = {arm: [one for one in found if one.revision == arm] for arm in arms}
        return {arm: (sum(one.requests for one in own), sum(one.errors for one in own)) for arm, own in mine.items()}

    def refused(self, metrics: Metrics, since: str) -> PenstockError:
        """The error that asking raises, at the latest when the source should have closed a step."""
        last = time.monotonic() + self.notices_s
        while time.monotonic() < last:
            began = time.monotonic()
            try:
                metrics.readings(since)
            except PenstockError as error:
                assert time.monotonic() - began < CALL_S
                return error
            time.sleep(0.05)
        raise AssertionError("an outage is not noticed")

    # The laws

    def test_sums_are_the_truth(self, metrics: Metrics) -> None:
        """Every request is counted once, with its arm, and whether it failed."""
        since = metrics.position()
        truth = added(self.serve(metrics, FIRST), self.serve(metrics, SECOND))
        assert truth == self.sums(self.read(metrics, since))

    def test_twice_is_once(self, metrics: Metrics) -> None:
        """Whoever asks again from the same position is answered the same; a successor too."""
        since = metrics.position()
        self.serve(metrics, FIRST)
        first = self.read(metrics, since)
        again, other = metrics.readings(since), self.successor(metrics).readings(since)
        assert first == again[: len(first)]
        assert first == other[: len(first)]

    def test_any_position_continues_exactly(self, metrics: Metrics) -> None:
        """Read on from any position, by whomever, what follows is what followed."""
        since = metrics.position()
        self.serve(metrics, FIRST)
        self.serve(metrics, SECOND)
        whole = self.read(metrics, since)
        for position in dict.fromkeys(one.position for one in whole):
            rest = whole[max(n for n, one in enumerate(whole) if one.position == position) + 1 :]
            assert rest == self.read(self.successor(metrics), position)[: len(rest)]

    def test_readings_are_well_formed(self, metrics: Metrics) -> None:
        """Final, in order, whole steps, never more errors than requests, finite."""
        since = metrics.position()
        self.serve(metrics, FIRST)
        found = self.read(metrics, since)
        assert found == sorted(found, key=lambda one: one.end)
        for one in found:
            assert one.final
            assert one.position
            assert one.requests >= one.errors >= 0
            assert one.requests >= sum(count for _, count in one.latency)
            assert math.isfinite(one.start)
            assert 0 < one.end - one.start

    def test_what_was_before_a_position_never_comes(self, metrics: Metrics) -> None:
        """A position is where a release begins: what was counted before it is nobody's evidence."""
        self.serve(metrics, FIRST)
        since = metrics.position()
        truth = self.serve(metrics, SECOND)
        assert truth == self.sums(self.read(metrics, since))

    def test_what_is_closed_is_told_whole(self, metrics: Metrics) -> None:
        """`closed_until` is never before what was told, and nothing comes any more of what it closed."""
        since = metrics.position()
        self.serve(metrics, FIRST)
        closed = metrics.closed_until()
        first = self.read(metrics, since)
        assert max(one.end for one in first) <= self.successor(metrics).closed_until()
        self.serve(metrics, SECOND)
        later = self.read(metrics, first[-1].position)
        assert [] == [one for one in later if one.end <= closed]

    def test_a_restart_loses_nothing_that_was_seen(self, metrics: Metrics) -> None:
        """Counters that begin anew are read on from zero, and nothing is counted twice."""
        if not self.counts_restart:
            return
        since = metrics.position()
        truth = self.serve(metrics, FIRST)
        self.restart(metrics)
        truth = added(truth, self.serve(metrics, SECOND))
        assert truth == self.sums(self.read(metrics, since))

    def test_an_outage_is_an_error_and_then_nothing_is_lost(self, metrics: Metrics) -> None:
        """A source that is down raises `readings`, with a sentence and a place; afterwards what was missed comes."""
        since = metrics.position()
        truth = self.serve(metrics, FIRST)
        read = self.read(metrics, since)
        self.break_down(metrics)
        error = self.refused(metrics, read[-1].position)
        assert "readings" == error.code
        assert error.what
        assert error.where
        self.mend(metrics)
        truth = added(truth, self.serve(metrics, SECOND))
        assert truth == self.sums(read + self.read(metrics, read[-1].position))

    def test_nonsense_is_refused_and_then_nothing_is_lost(self, metrics: Metrics) -> None:
        """NaN, garbage, what is negative, double or of the future: refused whole, held, and read again when it makes sense."""
        since = metrics.position()
        truth = self.serve(metrics, FIRST)
        for how in self.nonsense:
            self.speak_nonsense(metrics, how)
            with pytest.raises(PenstockError) as raised:
                self.read(self.successor(metrics), since)
            assert "readings" == raised.value.code, how
            self.mend(metrics)
        assert truth == self.sums(self.read(self.successor(metrics), since))


def added(one: Mapping[str, tuple[int, int]], other: Mapping[str, tuple[int, int]]) -> Counts:
    """Two truths as one."""
    arms = sorted({*one, *other})
    pairs = {arm: (one.get(arm, (0, 0)), other.get(arm, (0, 0))) for arm in arms}
    return {arm: (a[0] + b[0], a[1] + b[1]) for arm, (a, b) in pairs.items()}

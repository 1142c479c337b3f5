"""Cumulative counters, scraped from many processes, made into readings. Pure.

Differences are taken of each series by itself, between one scrape and the next, and only then summed: a process that
restarts, comes or goes never hides in a sum. What this comes to:

- a value below the last one is a restart: the process counted from zero, in all its series of that arm. What it counted
  after its last scrape is lost, so the stretch is a hole: counted and shown, never judged.
- a series that is new on a process which was scraped before began at zero.
- a series that is missing where its process was scraped, or comes back so, is a hole too: something began anew unseen.
- the first scrape of a process is where its counting begins: what it counted before is not known, and said as a hole.
- a scrape that was missed makes a longer stretch; one over more than 1.5 steps is a hole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby, pairwise
from math import inf

from penstock.checks.json_path import CannotTell
from penstock.core.latency import Latency, merged
from penstock.core.reading import Reading

LONGEST = 1.5  # steps; core.evidence_windows judges nothing longer
MOST = 10**12  # requests of one answer: more is no traffic, and odds of arms so unlike cannot be reckoned
_RACE = 10  # so many errors may be counted before their requests are
_RIGHT = "counters that count the same requests"


@dataclass(frozen=True)
class Series:
    """One counter of one process: what it counts (`requests`, `errors`, `latency`, or an event's name after `event:`).

    `samples` are (milliseconds since the epoch, value), ascending. `family` names the histogram that a bucket is of, and
    `edge_us` is its upper edge.
    """

    counts: str
    process: str
    arm: str
    samples: tuple[tuple[int, int], ...]
    family: str = ""
    edge_us: float = 0.0


@dataclass
class Grown:
    """By how much the counters of one process and arm grew from one scrape (`since_ms`) to another (`at_ms`)."""

    arm: str
    since_ms: int
    at_ms: int
    sums: dict[str, int] = field(default_factory=dict)
    buckets: dict[str, dict[float, int]] = field(default_factory=dict)
    is_whole: bool = True

    @property
    def latency(self) -> Latency:
        """The histogram; CannotTell where buckets that should hold one another do not."""
        return merged(_apart(name, family) for name, family in self.buckets.items())


def _apart(name: str, cumulative: dict[float, int]) -> Latency:
    ordered = sorted(cumulative.items())
    if ordered[-1][0] != inf:
        raise CannotTell(f"the histogram {name} has no bucket +Inf", "all the buckets of it")
    counts = [(edge, count - before) for (_, before), (edge, count) in pairwise([(0.0, 0), *ordered])]
    if any(count < 0 for _, count in counts):
        raise CannotTell(f"a wider bucket of {name} counts less than a narrower one", "a histogram of Prometheus")
    return tuple(counts)  # the empty ones too: they tell the edges that a candidate may come to


def grown(series: Iterable[Series], memory_ms: int) -> Iterator[Grown]:
    """How much was counted between any two scrapes. A sample more than `memory_ms` before the next is forgotten."""
    for _, of_process in _by(series, lambda one: one.process):
        scrapes = sorted({at for one in of_process for at, _ in one.samples})
        for arm, own in _by(of_process, lambda one: one.arm):
            yield from _of_arm(arm, own, scrapes, memory_ms)


def _by(series: Iterable[Series], key: Callable[[Series], str]) -> Iterator[tuple[str, list[Series]]]:
    for name, some in groupby(sorted(series, key=key), key):
        yield name, list(some)


def _of_arm(arm: str, own: list[Series], scrapes: list[int], memory_ms: int) -> Iterator[Grown]:
    """One process and arm, scrape by scrape."""
    seen: dict[int, dict[int, int]] = {at: {} for at in scrapes}
    for n, one in enumerate(own):
        for at, value in one.samples:
            seen[at][n] = value
    last: dict[int, tuple[int, int]] = {}  # when each series was seen last since the process began, and what it counted
    before_at, before = -memory_ms, dict[int, int]()
    for at in scrapes:
        now = seen[at]
        is_known = before_at > 0 and at - before_at <= memory_ms
        is_restart = is_known and any(value < before.get(n, 0) for n, value in now.items())
        last = {n: one for n, one in last.items() if is_known and not is_restart and at - one[0] <= memory_ms}
        if now:
            is_steady = all(n in now for n in before) and not any(n in last and n not in before for n in now)
            found = Grown(arm, before_at if is_known else at, at, is_whole=is_known and not is_restart and is_steady)
            for n, value in now.items():
                base = last[n][1] if n in last else 0 if is_known else value
                _add(found, own[n], value - base if value >= base else value)
            yield found
        last.update({n: (at, value) for n, value in now.items()})
        before_at, before = at, now


def _add(found: Grown, one: Series, amount: int) -> None:
    if one.family:
        found.buckets.setdefault(one.family, {})[one.edge_us] = amount
    else:
        found.sums[one.counts] = found.sums.get(one.counts, 0) + amount


def readings(
    found: Iterable[Grown], step_ms: int, since_ms: int, until_ms: int, unit: str, era: Callable[[int, int], int]
) -> list[Reading]:
    """One reading for each step, arm and era, of what was scraped after `since_ms` and until `until_ms`; oldest first.

    A step ends at a whole multiple of `step_ms`, and the reading's position is that end. `era` says under which split
    requests between two moments were met. A hole is a reading of its own, longer than what is ever judged.
    """
    new = [one for one in found if since_ms < one.at_ms <= until_ms]
    _believable(new)
    kept: dict[tuple[int, str, int, int], list[Grown]] = {}
    for one in new:
        end = -(-one.at_ms // step_ms) * step_ms
        is_hole = not _is_judged(one) or one.at_ms - one.since_ms > LONGEST * step_ms
        start = min(one.since_ms, end - 2 * step_ms) if is_hole else end - step_ms
        kept.setdefault((end, one.arm, era(one.since_ms, one.at_ms), start), []).append(one)
    return [_reading(unit, *key, parts) for key, parts in sorted(kept.items(), key=lambda item: item[0])]


def _is_judged(one: Grown) -> bool:
    return one.is_whole and one.sums.get("errors", 0) <= one.sums.get("requests", 0)


def _believable(found: list[Grown]) -> None:
    """CannotTell where an arm has more errors than requests, beyond what two counters may be read apart, or too many."""
    for arm in sorted({one.arm for one in found}):
        errors, requests = (
            sum(one.sums.get(name, 0) for one in found if one.arm == arm) for name in ("errors", "requests")
        )
        if errors > requests + _RACE:
            raise CannotTell(f"`errors` counts {errors} of {requests} requests of {arm}", _RIGHT)
        if requests > MOST:
            raise CannotTell(f"{requests} requests of {arm} are more than there can be", _RIGHT)


def _reading(unit: str, end: int, arm: str, era: int, start: int, parts: list[Grown]) -> Reading:
    sums: dict[str, int] = {}
    for one in parts:
        for name, amount in one.sums.items():
            sums[name] = sums.get(name, 0) + amount
    events = tuple(sorted((name[6:], amount) for name, amount in sums.items() if name.startswith("event:")))
    return Reading(
        unit, arm, start / 1000, end / 1000, sums.get("requests", 0), sums.get("errors", 0), era, position=str(end),
        latency=merged(one.latency for one in parts), events=events,
    )  # fmt: skip

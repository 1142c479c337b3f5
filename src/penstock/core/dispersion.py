"""Over-dispersion: how far errors come in clusters, learned from stable's past before a release. Pure.

Variance over mean of the counts: 1 where errors come one by one, 7 where they come in fours (geometric clusters of mean m have
2m-1). One arm is enough: counts of neighbouring windows share their rate, so what they differ by beyond chance is clusters. A
cluster may last: windows of 1, 4, 16 and 64 seconds are looked at, and the worst counts. Slow drift hardly shows between
neighbours, and an outage only in some blocks of the time, whose median is taken.

The constants were chosen by simulation: with what was learned from a day, stable against itself is sent back in less than 1 %
of releases where errors come in clusters of up to four, within a second or spread over eight; from an hour it is not quite so.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from math import sqrt
from statistics import median

from penstock.core.latency import above, merged, quantile
from penstock.core.reading import Reading

SCALES_S = (1, 4, 16, 64)
LEAST_S = 3600.0
"""With less history nothing is learned: errors count as independent, and that is said."""

_PRIOR, _PRIOR_ERRORS = 3.0, 20.0  # what a few errors are taken for, and how many outweigh that
_PER_BLOCK, _FEWEST_BLOCKS = 100.0, 3
_FEWEST_PAIRS = 20  # of windows of both arms: fewer say nothing of a variance
_ENOUGH, _DEAD = 100.0, 2.0  # from so many errors on, what is within so many standard errors of 1 is 1
_MEDIAN_COSTS = 1.25  # a median's standard error over a mean's
_MISSED = 1.25  # clusters that spread over windows show a fifth too little
_CALM_S = 12 * 3600.0  # so long without any error, and clusters of them do not matter

Counts = Mapping[int, tuple[int, int]]
"""Second -> (requests, errors) of one arm."""


@dataclass(frozen=True)
class _Pair:
    """Two neighbouring windows: `excess` of the first one's count, squared and scaled to a mean of `count`; `variance` of that."""

    at: int
    count: int
    excess: float
    variance: float


def errors_of(readings: Iterable[Reading], revision: str | None = None) -> dict[int, tuple[int, int]]:
    """Requests and errors by the second, of one revision or of all that served."""
    return _by_second((one, one.errors) for one in _judged(readings, revision))


def events_of(readings: Iterable[Reading], name: str, revision: str | None = None) -> dict[int, tuple[int, int]]:
    """Requests and events of a name by the second."""
    return _by_second((one, dict(one.events).get(name, 0)) for one in _judged(readings, revision))


def slow_of(readings: Iterable[Reading], share: float, revision: str | None = None) -> dict[int, tuple[int, int]]:
    """Requests and those beyond their own quantile over the whole time, by the second."""
    timed = [one for one in _judged(readings, revision) if one.latency]
    edge = quantile(merged([one.latency for one in timed]), share)
    return {} if edge is None else _by_second((one, above(one.latency, edge)) for one in timed)


def _judged(readings: Iterable[Reading], revision: str | None) -> Iterator[Reading]:
    """Closed readings under a split that stood still, without Penstock's own requests."""
    for one in readings:
        if one.final and one.era and not one.synthetic and revision in (None, one.revision):
            yield one


def _by_second(counted: Iterable[tuple[Reading, int]]) -> dict[int, tuple[int, int]]:
    """Units and revisions are summed."""
    found: dict[int, tuple[int, int]] = {}
    for one, count in counted:
        requests, before = found.get(int(one.start), (0, 0))
        found[int(one.start)] = (requests + one.requests, before + count)
    return found


def dispersion_of(counts: Counts) -> float | None:
    """What to reckon with, from the counts of one arm: at least 1; None: the history is too short to tell."""
    if not counts:
        return None
    first, last = min(counts), max(counts) + 1
    if last - first < LEAST_S:
        return None
    if not any(errors for _, errors in counts.values()) and last - first >= _CALM_S:
        return 1.0
    blocks = 24 if last - first >= 6 * LEAST_S else 6
    return max(1.0, *(_at_scale(counts, scale, first, last, blocks) for scale in SCALES_S))


def dispersion_of_both(candidate: Counts, stable: Counts) -> float:
    """The same from two arms of one version (`calibrate`): what their counts of the same windows differ by beyond chance.

    Drift that both share cancels here, so longer windows are looked at too, where there are enough of them; the smaller arm's
    few errors make it rough, so what is within chance is 1: the worst of six lengths would else always show something.
    """
    found = [1.0]
    for scale in (*SCALES_S, 256, 1024):
        mine, others = _windows(candidate, scale), _windows(stable, scale)
        pairs = [pair for at in mine.keys() & others.keys() if (pair := _pair(at, mine[at], others[at])).count]
        weight = sum(pair.count for pair in pairs)
        excess = sum(pair.excess for pair in pairs)
        is_chance = excess - weight <= _DEAD * sqrt(sum(pair.variance for pair in pairs))
        if len(pairs) >= _FEWEST_PAIRS and not is_chance:
            found.append((excess + _PRIOR_ERRORS) / (weight + _PRIOR_ERRORS))
    return max(found)


def _at_scale(counts: Counts, scale: int, first: int, last: int, blocks: int) -> float:
    windows = _windows(counts, scale)
    pairs = [pair for pair in _pairs(windows) if pair.count]
    total = float(sum(pair.count for pair in pairs))
    groups = int(min(blocks, total // _PER_BLOCK))
    groups = groups if groups >= _FEWEST_BLOCKS else 1
    span = (last - first) // scale + 1
    sums = [[0.0, 0.0] for _ in range(groups)]
    for pair in pairs:
        into = sums[min(groups - 1, (pair.at - first // scale) * groups // span)]
        into[0] += pair.excess
        into[1] += pair.count
    raw = median([excess / count for excess, count in sums if count] or [1.0])
    noise = _DEAD * (_MEDIAN_COSTS if groups > 1 else 1.0) * sqrt(sum(pair.variance for pair in pairs))
    quiet = total >= _ENOUGH and (raw - 1) * total <= noise
    seen = 1.0 if quiet else 1 + _MISSED * max(0.0, raw - 1)
    return (total * seen + _PRIOR_ERRORS * _PRIOR) / (total + _PRIOR_ERRORS)


def _windows(counts: Counts, scale: int) -> dict[int, tuple[int, int]]:
    found: dict[int, tuple[int, int]] = {}
    for second, (requests, errors) in counts.items():
        before = found.get(second // scale, (0, 0))
        found[second // scale] = (before[0] + requests, before[1] + errors)
    return found


def _pairs(windows: Mapping[int, tuple[int, int]]) -> Iterator[_Pair]:
    """Each window with the next one, in pairs that do not overlap."""
    for at, one in windows.items():
        if at % 2 == 0 and at + 1 in windows:
            yield _pair(at, one, windows[at + 1])


def _pair(at: int, one: tuple[int, int], other: tuple[int, int]) -> _Pair:
    """Given both windows' errors K, the first one's are binomial with its share q of the requests, if errors are single.

    Its squared distance over q(1-q) has the mean K, and the variance K/(q(1-q)) + 2K^2 - 6K (fourth moment of a binomial).
    """
    count, requests = one[1] + other[1], one[0] + other[0]
    if not (one[0] and other[0] and count):
        return _Pair(at, 0, 0.0, 0.0)
    q = one[0] / requests
    spread = q * (1 - q)
    return _Pair(at, count, (one[1] - count * q) ** 2 / spread, count / spread + 2 * count * count - 6 * count)

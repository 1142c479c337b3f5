"""What a load came to: requests, failures, response times, and how sure their quantiles are. Pure."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from itertools import pairwise

SURE = 1.96  # of 100 intervals, 95 hold what they are for
_RATE = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,6})?)/(s|m|h)")
_SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0}


def per_second(text: str) -> float | None:
    """`200/s`, `30/m`, `90/h` as so many a second; None for what is no rate."""
    found = _RATE.fullmatch(text.strip())
    return float(found[1]) / _SECONDS[found[2]] if found else None


@dataclass(frozen=True)
class Figures:
    """`levels` are (share, ms), rising: so much of all requests took at most so long. `rate`: requests per second.

    `samples` says that every request is a level of its own. `why`: what failed, and how often.
    """

    tool: str
    requests: int
    failed: int
    levels: tuple[tuple[float, float], ...]
    rate: float | None = None
    why: tuple[tuple[str, int], ...] = field(default=())
    samples: bool = False

    def between(self, share: float) -> tuple[float, float | None]:
        """The quantile, from and to: the same twice where it is known, None where nothing is known above it."""
        lower = max((ms for level, ms in self.levels if level <= share + 1e-12), default=0.0)
        upper = min((ms for level, ms in self.levels if level >= share - 1e-12), default=None)
        return (upper, upper) if self.samples and upper is not None else (lower, upper)

    def interval(self, share: float) -> tuple[float, float | None]:
        """Between what the service's true quantile lies, with 95 % confidence; None where the requests are too few.

        By order statistics, so that it holds for response times of any distribution.
        """
        low, high = ranks(self.requests, share)
        lower = self.between(low / self.requests)[0] if low else 0.0
        upper = self.between(high / self.requests)[1] if high <= self.requests else None
        return lower, upper


def of_samples(tool: str, times_ms: list[float], failed: dict[str, int], rate: float | None) -> Figures:
    """The figures of requests that were all timed."""
    count = len(times_ms)
    levels = tuple(((n + 1) / count, ms) for n, ms in enumerate(sorted(times_ms)))
    why = tuple(sorted(failed.items(), key=lambda one: (-one[1], one[0])))
    return Figures(tool, count, sum(failed.values()), levels, rate, why, samples=True)


def ranks(count: int, share: float) -> tuple[int, int]:
    """The places, from 1, of the sorted times between which a quantile lies with 95 % confidence; 0 and count + 1 are none."""
    spread = count * share * (1 - share)
    if spread > 25:
        half = SURE * math.sqrt(spread)
        return math.floor(count * share - half), math.ceil(count * share + half) + 1
    low, high, seen = 0, count + 1, 0.0
    for k in range(count + 1):  # how many of all lie below the quantile is binomial
        if seen <= 0.025:
            low = k
        seen += _chance(k, count, share)
        if seen >= 0.975:
            high = k + 1
            break
    return low, high


def _chance(k: int, count: int, share: float) -> float:
    """That k of so many fall into a share; by logarithms, as the numbers of ways are too large."""
    ways = math.lgamma(count + 1) - math.lgamma(k + 1) - math.lgamma(count - k + 1)
    return math.exp(ways + k * math.log(share) + (count - k) * math.log(1 - share))


def is_rising(levels: tuple[tuple[float, float], ...]) -> bool:
    """Whether a larger share never took less: anything else was not measured."""
    return all(one[1] <= other[1] for one, other in pairwise(sorted(levels)))

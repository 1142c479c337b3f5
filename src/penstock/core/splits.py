"""Which traffic split a stretch of time was under. Pure."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence

CLOCKS_S = 1.0  # how far a source's clock and ours may be apart

Splits = Sequence[tuple[float, int]]
"""From which moment on (seconds since the epoch) which era was in force, oldest first; 0: the split was changing."""

Asked = Callable[[], Splits]
"""The splits as they are known now. A release asks for them anew each time: they grow while it shifts."""


def era_of(splits: Splits, start: float, end: float, apart_s: float = CLOCKS_S) -> int:
    """The era of what was counted from `start` to `end`; 0 where it may hold requests of two splits.

    Clocks may be `apart_s` apart, so the stretch is taken as so much longer at both ends.
    """
    at = bisect_right(splits, (start - apart_s, 1 << 62))
    changed = at < len(splits) and splits[at][0] <= end + apart_s
    return 0 if changed or not at else splits[at - 1][1]


def changing(splits: Splits, now: float) -> list[tuple[float, int]]:
    """The same, with a split that changes from now on. Twice is once."""
    return [*splits] if splits and splits[-1][1] == 0 else [*splits, (now, 0)]


def in_force(splits: Splits, now: float) -> list[tuple[float, int]]:
    """The same, with a new split in force from now on. Twice is once."""
    if splits and splits[-1][1] != 0:
        return [*splits]
    return [*splits, (now, 1 + max((era for _, era in splits), default=0))]

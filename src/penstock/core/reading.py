"""What one arm's requests of one second came to."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Reading:
    """Requests of one unit's revision that arrived in one stretch of time.

    `era` counts the traffic splits of the environment: readings of two eras are never compared, and era 0 marks
    requests that arrived while the split was changing. `start` and `end` are seconds since the epoch, on the
    source's clock. `late` of the requests arrived before `start` and ended in it.
    """

    unit: str
    revision: str
    start: float
    end: float
    requests: int
    errors: int
    era: int = 0
    late: int = 0
    duration_us: int = 0
    final: bool = True
    sampled: bool = False
    position: str = ""

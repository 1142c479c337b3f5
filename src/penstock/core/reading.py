"""What one arm's requests of one second came to, and what was measured of its instances."""

from __future__ import annotations

from dataclasses import dataclass

from penstock.core.latency import Latency

OPEN_REQUESTS = "open_requests"
"""The gauge of a revision's requests that have not ended yet."""


@dataclass(frozen=True)
class Reading:
    """Requests of one unit's revision that arrived in one stretch of time.

    `era` counts the traffic splits of the environment: readings of two eras are never compared, and era 0 marks
    requests that arrived while the split was changing. `start` and `end` are seconds since the epoch, on the
    source's clock. `late` of the requests arrived before `start` and ended in it. `latency` is their histogram,
    empty where the source has none. `events` are the counts of the business (orders, payments), by name.
    `synthetic` requests were sent by Penstock: they are compared with their like alone.
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
    latency: Latency = ()
    events: tuple[tuple[str, int], ...] = ()
    synthetic: bool = False


@dataclass(frozen=True)
class Level:
    """A gauge as it stood at a moment: memory, CPU, a queue's length. `instance` is empty where it is of the whole arm.

    `at` is in seconds since the epoch, on the source's clock; `value` in the gauge's own unit (memory in bytes, CPU as a
    share of one core).
    """

    name: str
    revision: str
    at: float
    value: float
    instance: str = ""

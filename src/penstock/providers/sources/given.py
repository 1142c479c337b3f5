"""What a release gives a source to read with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from penstock.core.splits import Asked


@dataclass(frozen=True)
class Given:
    """`splits` tells which traffic split was in force when, asked anew each time.

    `unit` is whose readings they are, where the source has no units. `env` and `secrets` are what `$NAMES` stand for.
    `events` and `gauges` are a Prometheus' queries by name: an event is a counter by a plain selector, a gauge any query
    that gives one value for each arm, or each instance of it.
    """

    splits: Asked
    unit: str = ""
    env: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)
    events: Mapping[str, str] = field(default_factory=dict)
    gauges: Mapping[str, str] = field(default_factory=dict)

"""What a load came to: every request counted once, by how it ended and by who answered."""

from __future__ import annotations

import math
import threading
import time
from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Kind = Literal["ok", "status", "connect", "closed", "timeout", "truncated", "malformed", "left", "not_sent"]

STEP = math.log(1.01)  # latencies are kept in buckets that are 1 % wide
SECONDS_MAX = 7200


@dataclass(frozen=True)
class Result:
    """How one request ended.

    `kind`: ok (2xx, 3xx) · status (another one) · connect (no connection came about) · closed (the connection
    was closed before an answer began, also while it was idle) · timeout · truncated (the answer broke off) ·
    malformed · left (we went away, as we were told to) · not_sent (every connection was busy). `due` is when
    it should have been sent, in seconds since the epoch; `ms` counts from there to its end.
    """

    method: str
    path: str
    due: float
    kind: Kind
    ms: float
    status: int = 0
    version: str = ""
    is_late: bool = False


@dataclass(frozen=True)
class Second:
    """One second of a load, by when requests were due."""

    at: int
    ok: int
    failed: int
    left: int
    versions: dict[str, int]


@dataclass(frozen=True)
class Summary:
    """Counts of a load so far. `requests` = `ok` + `failed` + `left`: nothing is hidden.

    `failed` is every kind but ok and left, and `kinds` says which. `late` were sent more than `LATE_S` behind
    the schedule; they are counted among the others too. `closed_unused` connections were found closed without
    a word at the end, when no request would use them any more. `statuses` are of all whose answer began.
    `by_version` counts kinds per answering version ("": nobody said). `p50_ms` and `p99_ms` are of all that
    were answered, exact to 1 %; None when nothing was.
    """

    requests: int = 0
    ok: int = 0
    failed: int = 0
    left: int = 0
    late: int = 0
    closed_unused: int = 0
    kinds: dict[str, int] = field(default_factory=dict)
    statuses: dict[int, int] = field(default_factory=dict)
    by_version: dict[str, dict[str, int]] = field(default_factory=dict)
    p50_ms: float | None = None
    p99_ms: float | None = None
    began: float = 0.0
    duration_s: float = 0.0
    seconds: tuple[Second, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)


class Tally:
    """Adds results up; one thread may add while others look."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kinds: Counter[str] = Counter()
        self._statuses: Counter[int] = Counter()
        self._versions: dict[str, Counter[str]] = {}
        self._buckets: Counter[int] = Counter()
        self._seconds: dict[int, tuple[Counter[str], Counter[str]]] = {}
        self.closed_unused = 0
        self._late = 0
        self._began = time.time()

    def add(self, result: Result) -> None:
        """Count one request."""
        with self._lock:
            self._kinds[result.kind] += 1
            self._versions.setdefault(result.version, Counter())[result.kind] += 1
            self._late += result.is_late
            if result.status:
                self._statuses[result.status] += 1
                self._buckets[_bucket(result.ms)] += 1
            kinds, versions = self._second(int(result.due))
            kinds[result.kind] += 1
            if result.version:
                versions[result.version] += 1

    def summary(self, duration_s: float) -> Summary:
        """Everything counted so far."""
        with self._lock:
            ok, left, total = self._kinds["ok"], self._kinds["left"], self._kinds.total()
            return Summary(
                requests=total,
                ok=ok,
                failed=total - ok - left,
                left=left,
                late=self._late,
                closed_unused=self.closed_unused,
                kinds=dict(+self._kinds),
                statuses=dict(sorted(self._statuses.items())),
                by_version={version: dict(kinds) for version, kinds in sorted(self._versions.items())},
                p50_ms=percentile(self._buckets, 0.50),
                p99_ms=percentile(self._buckets, 0.99),
                began=self._began,
                duration_s=round(duration_s, 3),
                seconds=tuple(_as_second(at, *counts) for at, counts in sorted(self._seconds.items())),
            )

    def _second(self, at: int) -> tuple[Counter[str], Counter[str]]:
        if at not in self._seconds:
            self._seconds[at] = (Counter(), Counter())
            if len(self._seconds) > SECONDS_MAX:
                del self._seconds[min(self._seconds)]
        return self._seconds[at]


def percentile(buckets: Counter[int], share: float) -> float | None:
    """The latency in ms that a share of all did not exceed; None when there were none."""
    wanted = math.ceil(share * buckets.total())
    seen = 0
    for bucket in sorted(buckets):
        seen += buckets[bucket]
        if seen >= wanted:
            return round(math.exp((bucket + 0.5) * STEP), 3)
    return None


def _bucket(ms: float) -> int:
    return math.floor(math.log(max(ms, 0.001)) / STEP)


def _as_second(at: int, kinds: Counter[str], versions: Counter[str]) -> Second:
    ok, left = kinds["ok"], kinds["left"]
    return Second(at, ok, kinds.total() - ok - left, left, dict(versions))

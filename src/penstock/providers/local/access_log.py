"""Envoy's access log, read as requests and folded by the second (pure)."""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf
from typing import NamedTuple

from penstock.providers.local.counts import Counts, bucket

SPLIT, SYNTHETIC = "split", "synthetic"
_COUNTED = frozenset([SPLIT, SYNTHETIC])
CLIENTS_KEPT = 4096  # of one group: beyond it every error counts, so that a flood of clients fills no memory
_CUT_OFF = frozenset(["UT", "SI", "DT", "UMSDR", "UPE", "UC", "UR", "LR"])
_UPSTREAM_FAILED = _CUT_OFF | {"UF", "URX", "UH", "UO", "NC", "OM", "DF"}
_CLIENT_LEFT = frozenset(["DC", "DR"])

Key = tuple[int, str, str, int, bool]
"""Second, unit, revision, era, and whether Penstock itself sent the requests."""

Group = tuple[int, str, int, bool]
"""A key without its revision."""


class First(NamedTuple):
    """A client's first error of a second: how far into it the request arrived (a share of the second), and at which revision."""

    place: float
    revision: str


Clients = dict[Group, dict[str, First]]
"""Who has met an error, and which was the first."""


class Line(NamedTuple):
    """One request that is counted. `start_s`: seconds since the epoch; `took_us`: microseconds, infinite where no whole
    answer came in time. `client` is an address, empty where the log has none.
    """

    start_s: float
    unit: str
    revision: str
    is_error: bool
    duration_us: int
    took_us: float
    client: str
    is_synthetic: bool


@dataclass
class Sums:
    """What the requests of one key came to. `repeated` of them failed for a client whose error is counted already; `latency`
    has a count for every request, by number of bucket.
    """

    requests: int = 0
    errors: int = 0
    late: int = 0
    duration_us: int = 0
    repeated: int = 0
    latency: Counts = field(default_factory=dict)


@dataclass
class Fold:
    """Lines folded so far. `unreadable` counts lines that are no JSON of ours: a write that a full disk
    cut short. `clients` are those whose first error is a line of this fold.

    Counts are to be added to those of earlier folds, and may be negative: an error that counted there may be a repeated one
    since an earlier arrival is known.
    """

    sums: dict[Key, Sums] = field(default_factory=dict)
    unreadable: int = 0
    clients: dict[tuple[Group, str], First] = field(default_factory=dict)


def parse(line: bytes, hung_after_us: int) -> Line | None:
    """A line of the log; None for a request that is not judged: by preview, or without an arm.

    An error is a status of 500 and above, a failure of the upstream, a body cut short, or a client that left
    after `hung_after_us` without the beginning of an answer. A request that timed out, was cut off, or was left so has failed
    *and* was slow: it took for ever. A client that left earlier, or in the middle of an answer (a stream, a download), has
    met no error; how long it stayed is the least that its request took, and counts as that on both arms alike.
    Raises ValueError where the line is not ours.
    """
    try:
        said = json.loads(line)
        route = said["route"]
        if route not in _COUNTED or not said["cluster"]:
            return None
        unit, _, revision = said["cluster"].partition("|")
        duration_us = said["duration_us"]
        if duration_us is None:
            duration_us = 1000 * (said["duration_ms"] or 0)
        took_us: float = duration_us
        code, flags = said["code"] or 0, said["flags"] or "-"
        is_error = code >= 500
        if flags != "-":
            named = flags.split(",")
            is_error = is_error or not _UPSTREAM_FAILED.isdisjoint(named)
            is_left = not _CLIENT_LEFT.isdisjoint(named)
            is_hung = is_left and (code == 0 or is_error) and duration_us >= hung_after_us
            is_error = is_error or is_hung
            if is_hung or not _CUT_OFF.isdisjoint(named):
                took_us = inf
        client = said.get("client") or ""
        return Line(float(said["start_s"]), unit, revision, is_error, duration_us, took_us, client, route == SYNTHETIC)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not a line of this log: {error}") from error


@dataclass(frozen=True)
class Eras:
    """Which era began when: `(from_s, era)`, oldest first. Before the first, it is era 0."""

    begins: Sequence[tuple[float, int]] = ()

    def at(self, moment_s: float) -> int:
        """The era of a moment."""
        place = bisect_right(self.begins, (moment_s, 1 << 62))
        return self.begins[place - 1][1] if place else 0


def fold(
    lines: Iterable[bytes],
    eras: Eras,
    closed_through: int,
    hung_after_us: int,
    met: Mapping[Group, Mapping[str, First]] | None = None,
) -> Fold:
    """Fold lines by the second of their arrival; those of a closed second go to the first open one, as
    late.

    `met` says which clients have met an error so far, and that an error shall count once for each client in each second
    (one client that tries again and again is one failure, not a hundred independent ones); None: every error counts.
    It counts for the revision that it met first, and for no other: were it counted once for each, whoever fails on both would
    make the one with fewer requests look worse. First is who arrived first, in whatever order the lines come: a line is
    written when its request ends, and a revision that fails slowly would always come second. A late request is at the same
    place in the second that it is counted in as it was in its own: at its very moment it would always come first. A repeated
    error stays a request. Beware of proxies: behind a load balancer that passes no connection through, all users have its
    address, and one error a second is all that is ever counted.
    """
    folded = Fold()
    sums = folded.sums
    known: Clients | None = None if met is None else {group: dict(firsts) for group, firsts in met.items()}
    for text in lines:
        try:
            line = parse(text, hung_after_us)
        except ValueError:
            folded.unreadable += 1
            continue
        if line is None:
            continue
        start_s, unit, revision, is_error, duration_us, took_us, client, is_synthetic = line
        second = int(start_s)
        late = second <= closed_through
        key = (closed_through + 1 if late else second, unit, revision, eras.at(start_s), is_synthetic)
        into = sums.get(key)
        if into is None:
            into = sums[key] = Sums()
        into.requests += 1
        into.late += late
        into.duration_us += duration_us
        number = bucket(took_us)
        into.latency[number] = into.latency.get(number, 0) + 1
        if is_error:
            if known is None or not client:
                into.errors += 1
            else:
                _count_once(folded, known, key, client, start_s - int(start_s))
    return folded


def _count_once(folded: Fold, known: Clients, key: Key, client: str, place: float) -> None:
    """Count a client's error as its first, or as a repeated one; the first is remembered, where there is room."""
    second, unit, revision, era, is_synthetic = key
    group = (second, unit, era, is_synthetic)
    firsts = known.setdefault(group, {})
    mine, before = First(place, revision), firsts.get(client)
    if before is not None and before <= mine:
        folded.sums[key].repeated += 1
        return
    folded.sums[key].errors += 1
    if before is not None:  # it counted until now, and was not the first
        other = folded.sums.setdefault((second, unit, before.revision, era, is_synthetic), Sums())
        other.errors -= 1
        other.repeated += 1
    if before is not None or len(firsts) < CLIENTS_KEPT:
        firsts[client] = folded.clients[group, client] = mine

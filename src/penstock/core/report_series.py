"""What a report draws: weight, errors, response times and evidence over time, thinned to what an eye can tell apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil, inf
from typing import Any

from penstock.core.latency import merged, quantile, size
from penstock.core.reading import Reading

POINTS = 240  # so many columns are told apart on a page

Point = tuple[float, float]


@dataclass(frozen=True)
class Mark:
    """A move, drawn through every chart; `weight` in permille, where it set one."""

    at: float
    kind: str
    text: str
    weight: int | None = None


@dataclass(frozen=True)
class Arms:
    """The same quantity on both arms; a point is (seconds since `Series.began`, value)."""

    candidate: tuple[Point, ...] = ()
    stable: tuple[Point, ...] = ()


@dataclass(frozen=True)
class Series:
    """Everything over the same seconds. Errors are fractions of 1, times milliseconds, weight permille, odds to 1.

    `unanswered` has the columns whose 99th percentile is not in `p99_ms` because it lies among requests that were not answered
    in time, or are beyond the last bucket of the source; the value is the share of them all.
    """

    began: float = 0.0
    span_s: float = 0.0
    requests: Arms = Arms()
    errors: Arms = Arms()
    mean_ms: Arms = Arms()
    p99_ms: Arms = Arms()
    unanswered: Arms = Arms()
    weight: tuple[Point, ...] = ()
    odds: tuple[Point, ...] = ()
    acceptance: tuple[Point, ...] = ()
    odds_limit: float = 100.0
    acceptance_limit: float = 20.0
    marks: tuple[Mark, ...] = ()


def series_of(
    readings: Sequence[Reading], looks: Sequence[Mapping[str, Any]], marks: Sequence[Mark], candidate: str,
    odds_limit: float, acceptance_limit: float,
) -> Series:  # fmt: skip
    """The series of a release; empty when nothing was measured."""
    times = [r.start for r in readings] + [look["at"] for look in looks] + [mark.at for mark in marks]
    if not times:
        return Series()
    began, span_s = min(times), max(times) - min(times)
    width_s = max(1, ceil(span_s / POINTS))
    arms = {
        name: _columns([r for r in readings if (r.revision == candidate) == (name == "candidate")], began, width_s)
        for name in ("candidate", "stable")
    }

    def both(value: str) -> Arms:
        return Arms(*(
            tuple((at, column[value]) for at, column in arms[name] if value in column) for name in ("candidate", "stable")
        ))  # fmt: skip

    return Series(
        began, span_s, both("rate"), both("errors"), both("mean_ms"), both("p99_ms"), both("unanswered"),
        _weight(marks, began, began + span_s),
        tuple((look["at"] - began, float(look["odds"])) for look in _thinned(looks, "odds")),
        tuple((look["at"] - began, float(look["acceptance"])) for look in _thinned(looks, "acceptance")),
        odds_limit, acceptance_limit, tuple(Mark(m.at - began, m.kind, m.text, m.weight) for m in marks),
    )  # fmt: skip


def _weight(marks: Sequence[Mark], began: float, ended: float) -> tuple[Point, ...]:
    """The candidate's share: what every move set, until the next one."""
    moves = [(mark.at - began, float(mark.weight)) for mark in marks if mark.weight is not None]
    return ((0.0, 0.0), *moves, (ended - began, moves[-1][1])) if moves else ()


def _columns(readings: Sequence[Reading], began: float, width_s: int) -> list[tuple[float, dict[str, float]]]:
    """Sums over columns of some seconds; a column without a request is not there."""
    columns: dict[int, list[Reading]] = {}
    for reading in readings:
        if not reading.synthetic:
            columns.setdefault(int((reading.start - began) // width_s), []).append(reading)
    found = []
    for number, rows in sorted(columns.items()):
        if requests := sum(row.requests for row in rows):
            errors, duration_us = sum(row.errors for row in rows), sum(row.duration_us for row in rows)
            column = {"rate": requests / width_s, "errors": errors / requests}
            if duration_us:  # not every source has it
                column["mean_ms"] = duration_us / requests / 1000
            times = merged(row.latency for row in rows)
            p99_us = quantile(times, 0.99)
            if p99_us == inf:
                column["unanswered"] = times[-1][1] / size(times)
            elif p99_us is not None:
                column["p99_ms"] = p99_us / 1000
            found.append(((number + 0.5) * width_s, column))
    return found


def _thinned(looks: Sequence[Mapping[str, Any]], name: str) -> list[Mapping[str, Any]]:
    """At most POINTS looks, of each group the one with the largest value: no peak is lost; the last is always there."""
    size = max(1, ceil(len(looks) / POINTS))
    groups = [looks[at : at + size] for at in range(0, len(looks), size)]
    found = [max(group, key=lambda look: float(look[name])) for group in groups]
    return found if not looks or found[-1] is looks[-1] else [*found, looks[-1]]

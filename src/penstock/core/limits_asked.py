"""The plain limits that a manifest asks for."""

from __future__ import annotations

from collections.abc import Iterator

from penstock.core.limits import Limit, Unit
from penstock.manifest.bound import Bound
from penstock.manifest.gauges import GaugeLimit
from penstock.manifest.measures import AverageLimit, CountLimit, Measure, Measures

MEMORY_SHARE = "memory_share"
"""The gauge that a limit of memory in per cent is held against: what an instance has of what it may have at most, 1 for all."""
_UNITS: dict[str, Unit] = {"memory": "B", "cpu": "%"}


def limits_asked(verdict: Measures, errors: CountLimit | None = None) -> tuple[Limit, ...]:
    """Every limit of `verdict`, each with one bound; `errors` is where they are limited as a count, not as a share."""
    found: list[Limit] = []
    for name, counted in (("errors", errors), ("throttles", verdict.throttles), ("api_5xx", verdict.api_5xx)):
        if counted:
            found += _counts(name, counted)
    if verdict.duration:
        found += _averages(verdict.duration.average)
    for name, gauge in (("memory", verdict.memory), ("cpu", verdict.cpu), ("concurrency", verdict.concurrency)):
        if gauge:
            found += _gauges(name, gauge)
    for name, own in verdict.measures.items():
        if own.kind != "rate":  # which evidence judges
            found += _counts(name, own) if own.kind == "count" else _gauges(name, own)
    return tuple(found)


def _bounds(asked: CountLimit | GaugeLimit | Measure) -> Iterator[tuple[Bound, bool]]:
    """Each absolute bound, and whether it is the least."""
    for bound, least in ((asked.at_most, False), (asked.at_least, True)):
        if bound:
            yield bound, least


def _counts(name: str, asked: CountLimit | Measure) -> Iterator[Limit]:
    for bound, least in _bounds(asked):
        yield Limit(name, "count", bound.number, least=least, per_s=bound.per_s, periods=asked.periods)


def _averages(asked: AverageLimit) -> Iterator[Limit]:
    if asked.at_most_s is not None:
        yield Limit("duration", "mean", asked.at_most_s, unit="s", per_s=asked.per_s, periods=asked.periods)
    if asked.against_stable:
        ratio = asked.against_stable.ratio
        yield Limit("duration", "mean", ratio, relative=True, unit="s", per_s=asked.per_s, periods=asked.periods)


def _gauges(name: str, asked: GaugeLimit | Measure) -> Iterator[Limit]:
    for bound, least in _bounds(asked):
        of = MEMORY_SHARE if name == "memory" and bound.unit == "%" else ""
        yield Limit(name, "gauge", bound.number, of, least, unit=bound.unit, for_s=asked.for_s)
    if asked.against_stable:
        own: Unit = next((bound.unit for bound, _ in _bounds(asked)), "")
        unit = _UNITS.get(name, own)
        yield Limit(name, "gauge", asked.against_stable.ratio, relative=True, unit=unit, for_s=asked.for_s)

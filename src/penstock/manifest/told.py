"""Limits and conditions that could never be judged, since the source of the readings does not tell what they need. Pure.

Refused before a release: it would wait for as long as the manifest has patience, and then go back.
"""

from __future__ import annotations

from collections.abc import Iterator

from penstock.manifest import expression
from penstock.manifest.measures import COUNTS, GAUGES, sample
from penstock.manifest.metrics import MetricsSource
from penstock.manifest.section import Section, wrong
from penstock.manifest.verdict import Verdict

_OF_PENSTOCK = (*COUNTS, "duration", *GAUGES)
_QUANTILES = ("p50_ms", "p95_ms", "p99_ms")


def untold(target: Section, verdict: Verdict) -> Iterator[ValueError]:
    """What is wrong with the keys of `verdict` that nobody tells, or nobody heeds; each made by `wrong`."""
    source = verdict.metrics
    if source:
        yield from _unheeded(source, verdict)
    if source is None:
        yield from _of_target(target, verdict)
    elif source.kind == "prometheus":
        yield from _of_prometheus(source, verdict)


def _of_target(target: Section, verdict: Verdict) -> Iterator[ValueError]:
    why, instead = "this target has no such number", "metrics: {is: json, url: ...}, where it is told"
    for key in _OF_PENSTOCK:
        if getattr(verdict, key) is not None and key not in target.tells:
            yield _nobody(key, key, why, instead)
    for name in () if "measures" in target.tells else verdict.measures:
        yield _nobody(name, f"measures.{name}", why, instead)
    for key, name in _named(verdict):
        if name in {*COUNTS, *GAUGES} - target.tells:
            yield _nobody(name, key, why, instead)


def _of_prometheus(source: MetricsSource, verdict: Verdict) -> Iterator[ValueError]:
    """It answers what it is asked for, and nothing else."""
    why, instead = "`prometheus` answers queries alone", "`measures`, with a query of your own"
    buckets = "latency: http_request_duration_seconds_bucket below `metrics`"
    for key in _OF_PENSTOCK:
        if getattr(verdict, key) is not None:
            yield _nobody(key, key, why, instead)
    if verdict.latency and source.latency is None:
        yield _nobody("latency", "latency", "`metrics` selects no response times", buckets)
    for name, one in verdict.measures.items():
        if not one.query.strip():
            yield _nobody(name, f"measures.{name}", why, "query: orders_total")
    own = {sample(name) for name in verdict.measures}
    for key, name in _named(verdict):
        if name in _QUANTILES and source.latency is None:
            yield _nobody(name, key, "`metrics` selects no response times", buckets)
        elif name in {*COUNTS, *GAUGES, "mean_ms"} - own:
            yield _nobody(name, key, why, instead)


def _unheeded(source: MetricsSource, verdict: Verdict) -> Iterator[ValueError]:
    """What is an error is for the source to count: keys that say how would be ignored."""
    for key in ("hung_after_s", "once_per"):
        if key in verdict.errors.model_fields_set:
            said = key.removesuffix("_s")
            yield wrong(f"`{said}` is nothing to a source of the kind `{source.kind}`", "it counts the errors, and this would be"
                        " ignored", "leave it out", code="untold", at=f"errors.{said}")  # fmt: skip


def _named(verdict: Verdict) -> Iterator[tuple[str, str]]:
    """(key of a condition, sample that it names) for each, stable's as well."""
    for key, condition in verdict.conditions().items():
        for one in expression.samples(expression.read(condition.text)):
            yield key, one.removeprefix("stable.")


def _nobody(name: str, at: str, why: str, instead: str) -> ValueError:
    return wrong(f"nobody tells `{name}`", f"{why}: it would never be judged", instead, code="untold", at=at)

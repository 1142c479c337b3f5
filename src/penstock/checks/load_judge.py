"""What the figures of a load mean: beside limits, and beside those of the last release. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from penstock.checks.load_figures import Figures
from penstock.core.finding import Finding, Outcome, State
from penstock.core.target import Evidence

SHARES = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99}
_KEPT = ("p50", "p90", "p95", "p99")


@dataclass(frozen=True)
class Rules:
    """Limits in ms by quantile, the share that may fail, and the factor to the last release's times (None: not compared)."""

    limits: Mapping[str, float]
    errors: float
    against_last: float | None


@dataclass(frozen=True)
class Judged:
    """One thing that was judged: what it came to, in words."""

    state: State
    said: str


def judged(figures: Figures, rules: Rules, last: Mapping[str, Any] | None) -> Outcome:
    """Failed by a limit or by the last release; undecided where only chance may lie between."""
    parts = [_errors(figures, rules.errors)]
    parts += [_limit(figures, name, limit) for name, limit in rules.limits.items()]
    parts += [Judged("failed", name) for name, count in figures.why if not count]  # a tool's own limits
    if rules.against_last is not None:
        compared = [name for name in _KEPT if name in rules.limits] or ["p50", "p95"]
        parts += _compared(figures, compared, rules.against_last, last)
    state: State = next((s for s in ("failed", "errored", "undecided") if any(p.state == s for p in parts)), "passed")
    order = {"failed": 0, "errored": 1, "undecided": 2}
    parts = sorted(parts, key=lambda part: order.get(part.state, 3))
    effects = {"failed": "worse than it may be", "errored": "not known", "undecided": "chance may explain it"}
    findings = tuple(
        Finding(part.said, effects[part.state], _REMEDIES[part.state]) for part in parts if part.state in effects
    )
    sentence = f"{'; '.join(part.said for part in parts)}"
    if len(sentence) > 300:
        sentence = f"{sentence[:297]}..."
    evidence = (Evidence("response times", "text/plain", table(figures, last)),)
    return Outcome(state, sentence, findings, evidence, measured=measured(figures))


_REMEDIES = {
    "failed": "what takes so long, or fails; the evidence has the table",
    "errored": "a report that has this quantile",
    "undecided": "more requests",
}


def _errors(figures: Figures, at_most: float) -> Judged:
    failed, share = figures.failed, figures.failed / figures.requests
    why = ", ".join(f"{name}: {count}" for name, count in figures.why[:3] if count)
    said = f"{failed} of {figures.requests} requests failed" + (f" ({why[:120]})" if why else "")
    if share > at_most:
        return Judged("failed", f"{said}, at most {at_most * 100:g} % may")
    return Judged("passed", said)


def _limit(figures: Figures, name: str, limit_ms: float) -> Judged:
    """Where a report has no such quantile, its neighbours may still decide."""
    low, high = figures.between(SHARES[name])
    if low > limit_ms:
        return Judged(
            "failed", f"{name} is {'at least ' if low != high else ''}{_ms(low)}, at most {_ms(limit_ms)} may be"
        )
    if high is not None and high <= limit_ms:
        return Judged("passed", f"{name} {'at most ' if low != high else ''}{_ms(high)}")
    return Judged("errored", f"{figures.tool}'s report has no {name}")


def _compared(figures: Figures, names: list[str], factor: float, last: Mapping[str, Any] | None) -> list[Judged]:
    if last is None:
        return [Judged("passed", "no last release to compare with")]
    return [_against(figures, name, factor, last) for name in names]


def _against(figures: Figures, name: str, factor: float, last: Mapping[str, Any]) -> Judged:
    """Worse when even the best that it may be is worse than the worst that the last one may have been, times the factor."""
    now, then = figures.between(SHARES[name])[1], _of_last(last, f"{name}_ms")
    if now is None or not then:
        missing = f"{figures.tool} gives no {name}" if now is None else f"the last release has no {name}"
        return Judged("undecided", f"{name} cannot be compared: {missing}")
    low, (worst_then, requests_then) = figures.interval(SHARES[name])[0], _spread(last, name)
    said = f"{name} {_ms(now)} is {now / then:.2f}x the last release's {_ms(then)}"
    if now <= factor * then:
        return Judged("passed", said)
    if worst_then is not None and low > factor * worst_then:
        return Judged("failed", f"{said}, at most {factor:g}x may be; sure by 95 %")
    few = f"of {figures.requests} requests and {requests_then:.0f} then"
    return Judged("undecided", f"{said}, more than {factor:g}x, and chance may explain it {few}")


def _spread(last: Mapping[str, Any], name: str) -> tuple[float | None, float]:
    return _of_last(last, f"{name}_high_ms"), _of_last(last, "requests") or 0.0


def _of_last(last: Mapping[str, Any], key: str) -> float | None:
    value = last.get(key)
    good = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and value > 0
    return float(value) if good and value is not None else None


def measured(figures: Figures) -> dict[str, Any]:
    """What the next release compares with: each quantile, and between what it lies."""
    found: dict[str, Any] = {"requests": figures.requests, "failed": figures.failed, "tool": figures.tool}
    if figures.rate is not None:
        found["rate"] = round(figures.rate, 3)
    for name in _KEPT:
        value = figures.between(SHARES[name])[1]
        low, high = figures.interval(SHARES[name])
        values = {f"{name}_ms": value, f"{name}_low_ms": low, f"{name}_high_ms": high}
        found |= {key: round(ms, 3) for key, ms in values.items() if ms is not None}
    return found


def table(figures: Figures, last: Mapping[str, Any] | None) -> str:
    """The quantiles as a text table, with their 95 % intervals, and the last release's beside them."""
    lines = [f"{figures.requests} requests, {figures.failed} failed, by {figures.tool}", ""]
    lines.append(f"{'':5}{'ms':>12}{'95 % interval':>26}{'last release':>16}")
    for name in _KEPT:
        low, high = figures.interval(SHARES[name])
        value = figures.between(SHARES[name])[1]
        between = f"{low:.1f} to {f'{high:.1f}' if high is not None else 'not known'}"
        then = _of_last(last or {}, f"{name}_ms")
        lines.append(f"{name:5}{_or_dash(value):>12}{between:>26}{_or_dash(then):>16}")
    lines += ["", *(f"{count or 1:>8}  {why}" for why, count in figures.why[:20])]
    return "\n".join(lines).rstrip() + "\n"


def _or_dash(value: float | None) -> str:
    return f"{value:.1f}" if value is not None else "-"


def _ms(value: float | None) -> str:
    if value is None:
        return "unknown"
    return f"{value:.0f} ms" if value >= 10 else f"{value:.2g} ms"

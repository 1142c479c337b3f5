"""A release's charts, as SVG drawn from its series: weight, errors, response times and evidence over the same seconds.

Colours are CSS variables of the page, so that the charts follow light and dark; arms differ by dash as well as by colour.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from math import log10

from penstock.core.report_series import Arms, Mark, Point, Series
from penstock.render.words import figure, odds, span

WIDTH, HEIGHT = 760, 150
LEFT, RIGHT, TOP, BOTTOM = 64, 16, 14, 26


@dataclass(frozen=True)
class Axis:
    """The vertical axis: where a value stands between 0 (bottom) and 1, and what is written beside it."""

    place: Callable[[float], float]
    ticks: Sequence[tuple[float, str]]


@dataclass(frozen=True)
class Line:
    """A line of a chart; `look` is its CSS class, `steps` holds each value until the next."""

    points: Sequence[Point]
    look: str
    name: str
    steps: bool = False


def charts(series: Series) -> list[tuple[str, str, str]]:
    """(title, explanation, svg) of every chart that there is something to draw for."""
    found = []
    if series.weight:
        lines = [Line(series.weight, "candidate", "weight", steps=True)]
        axis = Axis(lambda v: v / 1000, [(0, "0 %"), (500, "50 %"), (1000, "100 %")])
        found.append(("Traffic to the candidate", "The share of requests that the new revision served.",
                      _svg("Traffic to the candidate", series, lines, axis)))  # fmt: skip
    if series.errors.candidate or series.errors.stable:
        found.append(("Failed requests", "The share of requests that failed, on each revision, in the same seconds.",
                      _svg("Failed requests", series, _both(series.errors), _linear(series.errors, 0.01, _percent))))  # fmt: skip
    if series.mean_ms.candidate or series.mean_ms.stable:
        found.append(("Response time", "The mean time of a request, on each revision.",
                      _svg("Response time", series, _both(series.mean_ms), _linear(series.mean_ms, 1.0, _ms))))  # fmt: skip
    if series.p99_ms.candidate or series.p99_ms.stable:
        slow = _linear(series.p99_ms, 1.0, _ms)
        found.append(("Response time, 99 of 100", "The time that 99 of 100 requests stayed below, on each revision.",
                      _svg("Response time, 99 of 100", series, _both(series.p99_ms), slow)))  # fmt: skip
    if series.odds:
        found.append(("Evidence against the candidate", _evidence_words(series), _evidence(series)))
    return found


def _evidence_words(series: Series) -> str:
    return (
        f"The odds against the candidate being healthy, on a scale of tens. At {odds(series.odds_limit)} it is sent back: "
        f"a healthy candidate's line gets there in at most 1 of {series.odds_limit:,.0f} releases, however long one looks. "
        f"The dashed line is the evidence for it; at {odds(series.acceptance_limit)} it is accepted."
    )


def _evidence(series: Series) -> str:
    top = max(4.0, *(log10(max(value, 1e-9)) for _, value in series.odds))
    low = -1.0

    def place(value: float) -> float:
        return (min(top, max(low, log10(max(value, 1e-9)))) - low) / (top - low)

    ticks = [(10.0**n, f"{10**n:,}") for n in range(0, int(top) + 1, max(1, int(top) // 4))]
    lines = [Line(series.acceptance, "stable", "for it"), Line(series.odds, "candidate", "against it")]
    limits = [(series.odds_limit, "limit", f"sent back at {odds(series.odds_limit)}")]
    return _svg("Evidence", series, lines, Axis(place, ticks), limits)


def _both(arms: Arms) -> list[Line]:
    return [Line(arms.stable, "stable", "stable"), Line(arms.candidate, "candidate", "candidate")]


def _linear(arms: Arms, least: float, word: Callable[[float], str]) -> Axis:
    top = max(least, *(value for _, value in (*arms.candidate, *arms.stable, (0.0, 0.0)))) * 1.08
    return Axis(lambda value: value / top, [(top * n / 4, word(top * n / 4)) for n in range(0, 5, 2)])


def _percent(value: float) -> str:
    return f"{figure(value * 100)} %"


def _ms(value: float) -> str:
    return f"{figure(value)} ms"


def _svg(
    title: str, series: Series, lines: Sequence[Line], axis: Axis, limits: Sequence[tuple[float, str, str]] = ()
) -> str:
    parts = [
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(_summary(title, lines), quote=True)}">',
        *_grid(axis),
        *_time(series),
        *(_mark(series, mark) for mark in series.marks),
        *(_limit(axis, *limit) for limit in limits),
        *(_line(series, axis, line) for line in lines if line.points),
        *_legend(lines),
        "</svg>",
    ]
    return "".join(parts)


def _summary(title: str, lines: Sequence[Line]) -> str:
    ends = [f"{line.name} ends at {figure(line.points[-1][1], 4)}" for line in lines if line.points]
    return f"{title}: {', '.join(ends)}"


def _x(series: Series, at: float) -> float:
    inside = min(max(at, 0.0), series.span_s)
    return LEFT + (WIDTH - LEFT - RIGHT) * (inside / series.span_s if series.span_s else 0.0)


def _y(axis: Axis, value: float) -> float:
    return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * min(1.0, max(0.0, axis.place(value)))


def _grid(axis: Axis) -> list[str]:
    found = []
    for value, word in axis.ticks:
        y = _y(axis, value)
        found.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        found.append(f'<text class="tick" x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{escape(word)}</text>')
    return found


def _time(series: Series) -> list[str]:
    found = []
    for n in range(5):
        at = series.span_s * n / 4
        anchor = "start" if n == 0 else "end" if n == 4 else "middle"
        found.append(
            f'<text class="tick" x="{_x(series, at):.1f}" y="{HEIGHT - 8}" text-anchor="{anchor}">{span(at)}</text>'
        )
    return found


def _mark(series: Series, mark: Mark) -> str:
    x = _x(series, mark.at)
    return (
        f'<line class="mark {mark.kind}" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{HEIGHT - BOTTOM}">'
        f"<title>{escape(mark.text)} at {span(max(0.0, mark.at))}</title></line>"
    )


def _limit(axis: Axis, value: float, look: str, word: str) -> str:
    y = _y(axis, value)
    return (
        f'<line class="{look}" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        f'<text class="tick {look}" x="{LEFT + 6}" y="{y - 4:.1f}">{escape(word)}</text>'
    )


def _line(series: Series, axis: Axis, line: Line) -> str:
    spots = [(_x(series, at), _y(axis, value)) for at, value in line.points]
    path = f"M{spots[0][0]:.1f} {spots[0][1]:.1f}"
    for x, y in spots[1:]:
        path += f"H{x:.1f}V{y:.1f}" if line.steps else f"L{x:.1f} {y:.1f}"
    if len(spots) == 1:
        path += "h2"
    return f'<path class="line {line.look}" d="{path}"><title>{escape(line.name)}</title></path>'


def _legend(lines: Sequence[Line]) -> list[str]:
    if len(lines) < 2:
        return []
    found, x = [], WIDTH - RIGHT - 110 * len(lines)
    for line in lines:
        found.append(
            f'<path class="line {line.look}" d="M{x} 9h22"/><text class="tick" x="{x + 27}" y="13">{line.name}</text>'
        )
        x += 110
    return found

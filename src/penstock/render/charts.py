"""A release's charts, as SVG drawn from its series: weight, errors, response times and evidence over the same seconds.

Colours are CSS variables of the page, so that the charts follow light and dark; arms differ by dash as well as by colour.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise
from math import log10

from penstock.core.report_series import Arms, Mark, Point, Series
from penstock.render.words import figure, odds, span

HEIGHT = 150
RIGHT, TOP, BOTTOM = 16, 14, 26
NEITHER = Arms()
_COLOURS = {"promoted": "green where it was promoted", "back": "red where it went back"}


@dataclass(frozen=True)
class Sheet:
    """What a chart is drawn on: its width and the room for words at its left, and how many spans of time are marked.

    Each chart is drawn twice, for a page (`large`) and for a telephone (`small`), and the page's style shows one of them: a picture
    that shrinks takes its words with it.
    """

    look: str
    width: int
    left: int
    spans: int


LARGE, SMALL = Sheet("large", 760, 64, 4), Sheet("small", 360, 62, 2)


@dataclass(frozen=True)
class Axis:
    """The vertical axis: where a value stands between 0 (bottom) and 1, and what is written beside it."""

    place: Callable[[float], float]
    ticks: Sequence[tuple[float, str]]


@dataclass(frozen=True)
class Line:
    """A line of a chart; `look` is its CSS class, `steps` holds each value until the next.

    `beyond` are the points that no axis has room for: each is a mark at the chart's top, and the line is broken there.
    """

    points: Sequence[Point]
    look: str
    name: str
    steps: bool = False
    beyond: Sequence[Point] = ()


def charts(series: Series) -> list[tuple[str, str, str]]:
    """(title, explanation, svg) of every chart that there is something to draw for."""
    found = []
    if series.weight:
        lines = [Line(series.weight, "candidate", "weight", steps=True)]
        axis = Axis(lambda v: v / 1000, [(0, "0 %"), (500, "50 %"), (1000, "100 %")])
        found.append(("Traffic to the candidate", _weight_words(series),
                      _svg("Traffic to the candidate", series, lines, axis)))  # fmt: skip
    if series.errors.candidate or series.errors.stable:
        found.append(("Failed requests", "The share of requests that failed, on each revision, in the same seconds.",
                      _svg("Failed requests", series, _both(series.errors), _linear(series.errors, 0.01, _percent))))  # fmt: skip
    if series.mean_ms.candidate or series.mean_ms.stable:
        found.append(("Response time", "The mean time of a request, on each revision.",
                      _svg("Response time", series, _both(series.mean_ms), _linear(series.mean_ms, 1.0, _ms))))  # fmt: skip
    slowest = _both(series.p99_ms, series.unanswered)
    if any(line.points or line.beyond for line in slowest):
        title, slow = "Response time, 99 of 100", _linear(series.p99_ms, 1.0, _ms)
        words = "The time that 99 of 100 requests stayed below, on each revision."
        if any(line.beyond for line in slowest):
            words += " A cross at the top: that one was not answered in time, or took longer than the source can tell."
        found.append((title, words, _svg(title, series, slowest, slow)))
    if series.odds:
        found.append(("Evidence against the candidate", _evidence_words(series), _evidence(series)))
    return found


def _weight_words(series: Series) -> str:
    """What the chart shows, and what the dotted lines through all of them are."""
    kinds = {mark.kind for mark in series.marks}
    looks = ["the traffic was moved", *(word for kind, word in _COLOURS.items() if kind in kinds)]
    marks = f" Dotted lines, here and below: {', '.join(looks)}." if kinds else ""
    return f"The share of requests that the new revision served.{marks}"


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


def _both(arms: Arms, beyond: Arms = NEITHER) -> list[Line]:
    return [
        Line(arms.stable, "stable", "stable", beyond=beyond.stable),
        Line(arms.candidate, "candidate", "candidate", beyond=beyond.candidate),
    ]


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
    return "".join(_drawn(sheet, title, series, lines, axis, limits) for sheet in (LARGE, SMALL))


def _drawn(
    on: Sheet, title: str, series: Series, lines: Sequence[Line], axis: Axis, limits: Sequence[tuple[float, str, str]]
) -> str:
    summary = escape(_summary(title, lines), quote=True)
    parts = [
        f'<svg class="{on.look}" viewBox="0 0 {on.width} {HEIGHT}" role="img" aria-label="{summary}">',
        *_grid(on, axis),
        *_time(on, series),
        *(_mark(on, series, mark) for mark in series.marks),
        *(_limit(on, axis, *limit) for limit in limits),
        *(_line(on, series, axis, line) for line in lines if line.points),
        *(_cross(on, series, line, point) for line in lines for point in line.beyond),
        *_legend(on, lines),
        "</svg>",
    ]
    return "".join(parts)


def _summary(title: str, lines: Sequence[Line]) -> str:
    ends = [f"{line.name} ends at {figure(line.points[-1][1], 4)}" for line in lines if line.points]
    ends += [f"{line.name} was not answered in time {len(line.beyond)} times" for line in lines if line.beyond]
    return f"{title}: {', '.join(ends)}"


def _x(on: Sheet, series: Series, at: float) -> float:
    inside = min(max(at, 0.0), series.span_s)
    return on.left + (on.width - on.left - RIGHT) * (inside / series.span_s if series.span_s else 0.0)


def _y(axis: Axis, value: float) -> float:
    return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * min(1.0, max(0.0, axis.place(value)))


def _grid(on: Sheet, axis: Axis) -> list[str]:
    found = []
    for value, word in axis.ticks:
        y = _y(axis, value)
        found.append(f'<line class="grid" x1="{on.left}" x2="{on.width - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        found.append(f'<text class="tick" x="{on.left - 6}" y="{y + 4:.1f}" text-anchor="end">{escape(word)}</text>')
    return found


def _time(on: Sheet, series: Series) -> list[str]:
    found = []
    for n in range(on.spans + 1):
        at = series.span_s * n / on.spans
        anchor = "start" if n == 0 else "end" if n == on.spans else "middle"
        found.append(
            f'<text class="tick" x="{_x(on, series, at):.1f}" y="{HEIGHT - 8}" text-anchor="{anchor}">{span(at)}</text>'
        )
    return found


def _mark(on: Sheet, series: Series, mark: Mark) -> str:
    x = _x(on, series, mark.at)
    return (
        f'<line class="mark {mark.kind}" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{HEIGHT - BOTTOM}">'
        f"<title>{escape(mark.text)} at {span(max(0.0, mark.at))}</title></line>"
    )


def _limit(on: Sheet, axis: Axis, value: float, look: str, word: str) -> str:
    y = _y(axis, value)
    return (
        f'<line class="{look}" x1="{on.left}" x2="{on.width - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        f'<text class="tick {look}" x="{on.left + 6}" y="{y - 4:.1f}">{escape(word)}</text>'
    )


def _line(on: Sheet, series: Series, axis: Axis, line: Line) -> str:
    path = ""
    for piece in _pieces(line):
        spots = [(_x(on, series, at), _y(axis, value)) for at, value in piece]
        path += f"M{spots[0][0]:.1f} {spots[0][1]:.1f}"
        for x, y in spots[1:]:
            path += f"H{x:.1f}V{y:.1f}" if line.steps else f"L{x:.1f} {y:.1f}"
        if len(spots) == 1:
            path += "h2"
    return f'<path class="line {line.look}" d="{path}"><title>{escape(line.name)}</title></path>'


def _pieces(line: Line) -> list[list[Point]]:
    """The line's points, parted where a point is beyond every axis: drawn across, the worst would look like the best."""
    cuts, pieces = [at for at, _ in line.beyond], [[line.points[0]]]
    for before, point in pairwise(line.points):
        if any(before[0] < cut < point[0] for cut in cuts):
            pieces.append([])
        pieces[-1].append(point)
    return pieces


def _cross(on: Sheet, series: Series, line: Line, point: Point) -> str:
    x, share = _x(on, series, point[0]), f"{_percent(point[1])} of {line.name}'s requests were not answered in time"
    return (
        f'<path class="line cross {line.look}" d="M{x - 4:.1f} {TOP}l8 8m0 -8l-8 8">'
        f"<title>{escape(share)}, at {span(point[0])}</title></path>"
    )


def _legend(on: Sheet, lines: Sequence[Line]) -> list[str]:
    if len(lines) < 2:
        return []
    found, x = [], on.width - RIGHT - 110 * len(lines)
    for line in lines:
        found.append(
            f'<path class="line {line.look}" d="M{x} 9h22"/><text class="tick" x="{x + 27}" y="13">{line.name}</text>'
        )
        x += 110
    return found

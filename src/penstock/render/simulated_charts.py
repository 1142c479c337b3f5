"""Charts of a simulation, as SVG: how figures are spread, a row each, on a scale of tens. Colours are the page's variables."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from math import log10

from penstock.render.charts import LARGE, SMALL

TOP, BOTTOM = 12, 28
STYLE = """
.bar{stroke:var(--new);stroke-width:9;stroke-opacity:.3}.dot{fill:var(--new)}.cross{stroke:var(--new);stroke-width:2}
.theirs .bar{stroke:var(--old)}.theirs .dot{fill:var(--old)}
line.least{stroke:var(--good);stroke-width:3}.name{fill:var(--ink);font-size:13px}
table{font-size:.86rem}th,td{padding-right:.6em}th{overflow-wrap:normal}
"""

TIMES = (1.0, 10.0, 60.0, 600.0, 3600.0, 36_000.0, 172_800.0, 864_000.0)
"""Where an axis of times has its marks, in seconds."""

COUNTS = tuple(10.0**power for power in range(9))
"""Where an axis of requests has its marks."""


@dataclass(frozen=True)
class Row:
    """One line of a chart: from `low` to `high` a bar, a dot at `middle`, a stroke at `mean`, and the `least` that can be.

    What is None is not drawn. `note` is written beside it; `ours` False: in the colour of the others.
    """

    name: str
    note: str
    middle: float | None = None
    low: float | None = None
    high: float | None = None
    mean: float | None = None
    least: float | None = None
    ours: bool = True

    @property
    def figures(self) -> list[float]:
        """All that is drawn."""
        return [one for one in (self.low, self.middle, self.high, self.mean, self.least) if one is not None and one > 0]


@dataclass(frozen=True)
class Sheet:
    """What a chart is drawn on: its width, the height of a row, and where the axis begins and ends.

    With `above`, a row's words stand above its bar, at both ends of it: beside it there is no room on a telephone.
    """

    look: str
    width: int
    row: int
    begins: int
    ends: int
    above: bool = False


SHEETS = (Sheet(LARGE.look, LARGE.width, 30, 216, 610), Sheet(SMALL.look, SMALL.width, 44, 20, 335, above=True))


def spreads(title: str, rows: Sequence[Row], marks: Sequence[float], word: Callable[[float], str]) -> str:
    """A chart of rows over one logarithmic axis, which begins and ends at one of `marks`; what is smaller stands at its
    beginning, what is larger at its end. Empty where there is no figure to draw.
    """
    figures = [one for row in rows for one in row.figures]
    if not figures:
        return ""
    first = max(0, sum(mark <= min(figures) for mark in marks) - 1)
    last = min(len(marks) - 1, sum(mark < max(figures) for mark in marks))
    axis = _Axis(tuple(marks[min(first, last - 1) : last + 1]) if last else tuple(marks[:2]))
    return "".join(_chart(on, title, rows, axis, word) for on in SHEETS)


def _chart(on: Sheet, title: str, rows: Sequence[Row], axis: _Axis, word: Callable[[float], str]) -> str:
    height = TOP + on.row * len(rows) + BOTTOM
    told = escape(f"{title}. {'; '.join(f'{row.name}: {row.note}' for row in rows)}", quote=True)
    parts = [
        f'<svg class="{on.look}" viewBox="0 0 {on.width} {height}" role="img" aria-label="{told}">',
        *_ticks(on, axis, height, word),
        *(_drawn(on, row, axis, TOP + on.row * (n + (0.7 if on.above else 0.5))) for n, row in enumerate(rows)),
        "</svg>",
    ]
    return "".join(parts)


@dataclass(frozen=True)
class _Axis:
    """Its marks, from the left end to the right."""

    marks: tuple[float, ...]

    def x(self, on: Sheet, value: float) -> float:
        """Where a value stands."""
        low, high = self.marks[0], self.marks[-1]
        share = log10(min(max(value, low), high) / low) / log10(high / low)
        return on.begins + (on.ends - on.begins) * share


def _ticks(on: Sheet, axis: _Axis, height: int, word: Callable[[float], str]) -> list[str]:
    found = []
    for mark in axis.marks[:: 2 if on.above and len(axis.marks) > 5 else 1]:
        x = axis.x(on, mark)
        found.append(f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{height - BOTTOM}"/>')
        found.append(
            f'<text class="tick" x="{x:.1f}" y="{height - 9}" text-anchor="middle">{escape(word(mark))}</text>'
        )
    return found


def _drawn(on: Sheet, row: Row, axis: _Axis, y: float) -> str:
    words = y - 14 if on.above else y + 4
    parts = [f'<text class="name" x="8" y="{words:.1f}">{escape(row.name)}</text>']
    if row.low is not None and row.high is not None:
        parts.append(_stroke("bar", axis.x(on, row.low), axis.x(on, row.high), y, y))
    if row.mean is not None:
        parts.append(_stroke("cross", axis.x(on, row.mean), axis.x(on, row.mean), y - 8, y + 8))
    if row.least is not None:
        parts.append(_stroke("least", axis.x(on, row.least), axis.x(on, row.least), y - 10, y + 10))
    if row.middle is not None:
        parts.append(f'<circle class="dot" cx="{axis.x(on, row.middle):.1f}" cy="{y:.1f}" r="5"/>')
    place = f'x="{on.width - 8}" text-anchor="end"' if on.above else f'x="{on.ends + 14}"'
    parts.append(f'<text class="tick" {place} y="{words:.1f}">{escape(row.note)}</text>')
    return f'<g class="{"ours" if row.ours else "theirs"}">{"".join(parts)}</g>'


def _stroke(look: str, x1: float, x2: float, y1: float, y2: float) -> str:
    return f'<line class="{look}" x1="{x1:.1f}" x2="{x2:.1f}" y1="{y1:.1f}" y2="{y2:.1f}"/>'

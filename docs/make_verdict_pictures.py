"""The pictures of docs/explanation/verdict.md, drawn as SVG from what the verdict itself does: traffic made up from a seed.

`PYTHONPATH=. python docs/make_verdict_pictures.py [NAME ...]` draws them all, or some, in about a minute. One file serves light
and dark ground; lines differ by dash as well as by colour.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from html import escape
from math import inf, log10
from pathlib import Path
from random import Random

import numpy as np

from bench.paper import CELLS, MARGINS, Cell, Floats, Ints, Traffic, Trial, bound_s, play
from penstock.core.eprocess import Starts
from penstock.core.prediction import least_harm, predict
from penstock.core.verdict import Counts, Policy, Window, judge, start, step
from penstock.simulation.peers import ErrorAlarm, FailedChecks, Peeking, PeerPolicy, Traces
from penstock.simulation.world import Weather

FOLDER = Path(__file__).parent / "pictures"
WIDTH, HEIGHT = 720, 330
LEFT, RIGHT, TOP, BOTTOM = 72, 18, 16, 48
FONT = "ui-sans-serif,system-ui,'Segoe UI','DejaVu Sans',sans-serif"
STYLE = """
.ground{fill:#fff}.ink{fill:#24292f}.soft{fill:#59636e}.grid{stroke:#d8dee4;stroke-width:1}
.l{fill:none;stroke-width:2.2;stroke-linejoin:round}.thin{stroke-width:1;opacity:.55}
.red{stroke:#c0202c}.green{stroke:#1a7f37}.blue{stroke:#0b62a4}.amber{stroke:#9a6700}.grey{stroke:#6e7781}
.fred{fill:#c0202c}.fgreen{fill:#1a7f37}.fblue{fill:#0b62a4}.famber{fill:#9a6700}.fgrey{fill:#6e7781}.wash{opacity:.16}
.dash{stroke-dasharray:7 4}.dots{stroke-dasharray:2 4}
@media(prefers-color-scheme:dark){.ground{fill:#16181d}.ink{fill:#d5d8de}.soft{fill:#9aa2ad}.grid{stroke:#32363e}
.red{stroke:#ff6b68}.green{stroke:#7bc275}.blue{stroke:#5fb3f3}.amber{stroke:#e0b34c}.grey{stroke:#8b939e}
.fred{fill:#ff6b68}.fgreen{fill:#7bc275}.fblue{fill:#5fb3f3}.famber{fill:#e0b34c}.fgrey{fill:#8b939e}}
"""

_TIMES = ((60, "1 min"), (300, "5 min"), (1200, "20 min"), (3600, "1 h"), (10_800, "3 h"))

Points = Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Axis:
    """Values from `low` to `high`, evenly or by their logarithms; `ticks` are (value, word)."""

    low: float
    high: float
    name: str
    ticks: Sequence[tuple[float, str]]
    is_log: bool = False

    def place(self, value: float) -> float:
        """Where a value stands, from 0 to 1."""
        inside = min(self.high, max(self.low, value))
        if self.is_log:
            return log10(inside / self.low) / log10(self.high / self.low)
        return (inside - self.low) / (self.high - self.low)


@dataclass
class Chart:
    """A picture with two axes."""

    title: str
    x: Axis
    y: Axis
    parts: list[str] = field(default_factory=list)

    def at(self, x: float, y: float) -> tuple[float, float]:
        """Where a point lies in the picture."""
        across, up = self.x.place(x), self.y.place(y)
        return LEFT + across * (WIDTH - LEFT - RIGHT), HEIGHT - BOTTOM - up * (HEIGHT - TOP - BOTTOM)

    def line(self, points: Points, look: str) -> None:
        """A line through points."""
        self.parts.append(f'<path class="l {look}" d="M{self._path(points)}"/>')

    def area(self, points: Points, look: str) -> None:
        """An area within points."""
        self.parts.append(f'<path class="{look} wash" d="M{self._path(points)}Z"/>')

    def dots(self, points: Points, colour: str) -> None:
        """A dot at each point."""
        self.parts += [f'<circle class="f{colour}" cx="{x:.1f}" cy="{y:.1f}" r="4"/>' for x, y in self._spots(points)]

    def words(self, x: float, y: float, text: str, look: str = "ink", anchor: str = "start") -> None:
        """A few words at a point."""
        across, down = self.at(x, y)
        self.parts.append(
            f'<text class="{look}" x="{across:.1f}" y="{down:.1f}" text-anchor="{anchor}">{escape(text)}</text>'
        )

    def _spots(self, points: Points) -> Iterator[tuple[float, float]]:
        return (self.at(x, y) for x, y in points)

    def _path(self, points: Points) -> str:
        return "L".join(f"{x:.1f} {y:.1f}" for x, y in self._spots(points))

    def svg(self) -> str:
        """The whole picture."""
        head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" role="img"'
        head += f' font-family="{FONT}" font-size="13"><title>{escape(self.title)}</title><style>{STYLE}</style>'
        ground = f'<rect class="ground" width="{WIDTH}" height="{HEIGHT}" rx="6"/>'
        return "\n".join([head, ground, *self._grid(), *self.parts, "</svg>\n"])

    def _grid(self) -> Iterator[str]:
        right, bottom = WIDTH - RIGHT, HEIGHT - BOTTOM
        for value, word in self.y.ticks:
            y = self.at(self.x.low, value)[1]
            yield f'<path class="grid" d="M{LEFT} {y:.1f}H{right}"/>'
            yield f'<text class="soft" x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{escape(word)}</text>'
        for value, word in self.x.ticks:
            x = self.at(value, self.y.low)[0]
            yield f'<path class="grid" d="M{x:.1f} {bottom}v5"/>'
            yield f'<text class="soft" x="{x:.1f}" y="{bottom + 19}" text-anchor="middle">{escape(word)}</text>'
        yield f'<text class="soft" x="{right}" y="{HEIGHT - 10}" text-anchor="end">{escape(self.x.name)}</text>'
        middle = (TOP + bottom) / 2
        yield f'<text class="soft" transform="translate(17 {middle})rotate(-90)" text-anchor="middle">{escape(self.y.name)}</text>'


def numbers(*values: float, unit: str = "") -> list[tuple[float, str]]:
    """Ticks that say their own values."""
    return [(value, f"{value:,.10g}{unit}") for value in values]


def shares(*values: float) -> list[tuple[float, str]]:
    """Ticks in per cent."""
    return [(value, f"{100 * value:g} %") for value in values]


def evidence() -> Chart:
    """Odds against twelve good candidates and six bad ones, through one common outage."""
    chart = Chart(
        "Odds against good and bad candidates over ten minutes",
        Axis(0, 600, "seconds since the first request on the candidate", numbers(0, 100, 200, 300, 400, 500, 600)),
        Axis(0.03, 1000, "odds against the candidate", numbers(0.1, 1, 10, 100, 1000), is_log=True),
    )
    chart.area([(300, 0.03), (360, 0.03), (360, 1000), (300, 1000)], "famber")
    chart.words(330, 0.045, "both fail 20 × as often", "famber", "middle")
    for seed in range(12):
        chart.line(_odds(seed, 1.0), "green thin")
    for seed in range(6):
        chart.line(_odds(100 + seed, 4.0), "red thin dash")
    chart.line([(0, 100), (600, 100)], "ink grey")
    chart.words(596, 118, "sent back at 100 to 1", "ink", "end")
    chart.words(596, 0.13, "12 good candidates", "fgreen", "end")
    chart.words(118, 330, "6 candidates with 4 × the errors", "fred")
    return chart


def _odds(seed: int, worse: float) -> Points:
    """100 requests/s, 10 % of them on the candidate, of which 0.3 % fail on stable."""
    random, policy = Random(seed), Policy(at_most=None, past=0.003, starts=Starts(horizon_s=3600))
    state, found = start(policy), [(0.0, 1.0)]
    for second in range(600):
        rate = 0.003 * (20 if 300 <= second < 360 else 1)
        arms = [Counts(n, sum(random.random() < x * rate for _ in range(n))) for n, x in ((10, worse), (90, 1.0))]
        state = step(policy, state, Window(float(second), arms[0], arms[1], 1))
        found.append((second + 1.0, judge(policy, state).odds))
        if state.convicted:
            break
    return found[:: 4 if worse == 1 else 1]


def peeking() -> Chart:
    """How many identical versions were rolled back until when, by whom: forty releases in each of the 36 cells."""
    chart = Chart(
        "Share of identical versions rolled back, against how long they are watched",
        Axis(60, 10_800, "watched for; the z-test is looked at every 10 s, ours each second", _TIMES, is_log=True),
        Axis(0, 0.65, "identical versions rolled back", shares(0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6)),
    )
    cells = CELLS * 40
    columns = np.zeros((4, len(cells), 1080), np.int64)

    def seen(second: int, arms: Sequence[Ints], _: object) -> None:
        columns[:, :, second // 10] += np.stack(arms)

    ours = Trial(MARGINS["margin 0"], len(cells))
    play(Traffic(cells), [ours], [5, 1], seen=seen)
    traces = Traces(columns[0], columns[1], columns[2], columns[3], step_s=10)
    drawn: list[tuple[PeerPolicy, str, str, float]] = [
        (ErrorAlarm(), "CodeDeploy's sample alarm", "amber dash", 0.56),
        (FailedChecks(), "Flagger's example", "grey dots", 0.25),
        (Peeking(), "a z-test at 1 %, peeked at", "red", 0.165),
    ]
    for peer, name, look, height in drawn:
        at = peer.rolled_back_at(traces)
        chart.line(_until(at[at >= 0], len(cells)), look)
        chart.words(10_300, height, name, f"f{look.split()[0]}", "end")
    chart.line(_until(ours.at_s, len(cells)), "green")
    chart.words(10_300, 0.03, "ours, with no margin", "fgreen", "end")
    return chart


def _until(at_s: Ints | Floats, runs: int) -> Points:
    """Which share of releases was over by when."""
    times = [10.0 * 1.04**n for n in range(179)]
    return [(t, float((at_s <= t).sum()) / runs) for t in (*times, 10_800.0) if t >= 60]


FAULTS = (1.5, 2.0, 2.5, 3.0, 4.0, 6.0, 10.0)


def found(cell: Cell, policy: Policy, faults: Sequence[float], runs: int = 400) -> list[tuple[float, float]]:
    """For each fault, in times of stable's rate: mean seconds until it is found, and errors in excess until then."""
    every = []
    for fault in faults:
        trial = Trial(policy, runs, past=np.full(runs, cell.base))
        play(Traffic([cell] * runs, np.full(runs, fault * cell.base)), [trial], [7, int(100 * fault)], 60_000)
        every.append((float(trial.at_s.mean()), float(trial.excess.mean())))
    return every


def delay() -> Chart:
    """Time to find a fault, beside what no test can beat."""
    cell, policy = Cell(100, 0.25, 0.01), MARGINS["margin 0"]
    chart = Chart(
        "Mean time to find a fault, against its size, beside Wald's bound",
        Axis(1.4, 10, "times the errors of stable", numbers(1.5, 2, 3, 4, 6, 10), is_log=True),
        Axis(2, 1000, "seconds", numbers(2, 5, 10, 30, 100, 300, 1000), is_log=True),
    )
    fine = [1.45 * 1.02**n for n in range(98)]
    chart.line([(x, bound_s(policy, cell, x * cell.base)) for x in fine], "grey")
    arms = cell.rps * cell.weight, cell.rps * (1 - cell.weight)
    foretold = [(x, predict(policy, *arms, x * cell.base, cell.base).seconds or inf) for x in fine]
    chart.line(foretold, "blue dash")
    chart.dots([(x, one[0]) for x, one in zip(FAULTS, found(cell, policy, FAULTS), strict=True)], "red")
    chart.words(3.2, 110, "simulated, mean of 400 releases (dots)", "fred")
    chart.words(3.2, 75, "foretold from rate, weight and error rate (dashed)", "fblue")
    chart.words(1.45, 4, "Wald's bound: below this line no test is valid at 1 %", "fgrey")
    return chart


def harm() -> Chart:
    """Errors in excess until a fault is found, at three weights."""
    policy = MARGINS["margin 0"]
    chart = Chart(
        "Errors in excess until a fault is found, against its size, at three weights",
        Axis(1.4, 10, "times the errors of stable", numbers(1.5, 2, 3, 4, 6, 10), is_log=True),
        Axis(0, 36, "errors in excess until found", numbers(0, 10, 20, 30)),
    )
    fine = [1.45 * 1.02**n for n in range(98)]
    chart.line([(x, least_harm(x, 0.01)) for x in fine], "grey")
    chart.words(1.46, 2.5, "the law, at a small weight: c(times) · ln 100", "fgrey")
    for weight, look, colour in ((0.02, "green", "green"), (0.1, "blue dash", "blue"), (0.25, "red dots", "red")):
        points = [(x, one[1]) for x, one in zip(FAULTS, found(Cell(400, weight, 0.005), policy, FAULTS), strict=True)]
        chart.line(points, look)
        chart.dots(points, colour)
        chart.words(9.8, points[-1][1] + 0.7, f"{100 * weight:g} % of the traffic", f"f{colour}", "end")
    return chart


def margin() -> Chart:
    """What the defaults call good, bad, and neither."""
    policy = Policy()
    chart = Chart(
        "Error rates of stable and candidate: what is accepted, what is sent back",
        Axis(1e-4, 0.1, "stable's error rate", shares(1e-4, 1e-3, 1e-2, 0.1), is_log=True),
        Axis(1e-4, 0.2, "candidate's error rate", shares(1e-4, 1e-3, 1e-2, 0.05, 0.2), is_log=True),
    )
    bases = [1e-4 * 10 ** (n / 30) for n in range(91)]
    limit = policy.at_most or 1.0
    convicted = [
        (base, min(policy.margin.edge(base), limit) if base < limit else policy.margin.edge(base)) for base in bases
    ]
    accepted = [(base, policy.accepted.edge(base)) for base in bases]
    chart.area([*convicted, (0.1, 0.2), (1e-4, 0.2)], "fred")
    chart.area([*accepted, (0.1, 1e-4), (1e-4, 1e-4)], "fgreen")
    chart.line(convicted, "red")
    chart.line(accepted, "green dash")
    chart.line([(base, base) for base in bases], "grey dots")
    chart.words(1.6e-4, 0.02, "sent back", "fred")
    chart.words(1.6e-4, 2.3e-3, "either, as is shown first", "ink")
    chart.words(0.02, 6e-4, "good", "fgreen")
    chart.words(6e-3, 3.2e-3, "as good as stable", "fgrey")
    chart.words(0.02, 0.057, "the limit of 5 %", "fred", "end")
    return chart


def clusters() -> Chart:
    """Good releases sent back where errors come in clusters, with and without knowing it."""
    chart = Chart(
        "Good releases sent back where errors come in clusters",
        Axis(1, 4, "mean errors in a cluster", numbers(1, 1.5, 2, 3, 4)),
        Axis(0, 0.5, "identical versions rolled back in an hour", shares(0, 0.1, 0.2, 0.3, 0.4, 0.5)),
    )
    sizes, cell, runs = (1.0, 1.5, 2.0, 3.0, 4.0), Cell(100, 0.25, 0.01), 800
    blind: list[tuple[float, float]] = []
    aware: list[tuple[float, float]] = []
    for size in sizes:
        knows = replace(MARGINS["margin 0"], dispersion=2 * size - 1)
        trials = [Trial(one, runs, past=np.full(runs, cell.base)) for one in (MARGINS["margin 0"], knows)]
        play(Traffic([cell] * runs, weather=Weather(cluster=size)), trials, [9, int(10 * size)], 3600)
        for kept, trial in zip((blind, aware), trials, strict=True):
            kept.append((size, float(np.isfinite(trial.at_s).mean())))
    for points, colour, look in ((blind, "red", "red dash"), (aware, "green", "green")):
        chart.line(points, look)
        chart.dots(points, colour)
    chart.words(2.85, 0.455, "taken for single errors", "fred", "end")
    chart.words(2.9, 0.03, "paid as clusters", "fgreen", "end")
    return chart


DRAWN: dict[str, Callable[[], Chart]] = {
    "evidence": evidence,
    "peeking": peeking,
    "margin": margin,
    "clusters": clusters,
    "delay": delay,
    "harm": harm,
}


def main(names: Sequence[str]) -> None:
    """Draw some pictures, or all."""
    FOLDER.mkdir(exist_ok=True)
    for name in names or DRAWN:
        (FOLDER / f"verdict-{name}.svg").write_text(DRAWN[name]().svg())


if __name__ == "__main__":
    main(sys.argv[1:])

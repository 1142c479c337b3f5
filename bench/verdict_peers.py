"""Peers' canary judgements beside ours on the same traffic: when each would have rolled back, and what users met until then.

    python -m bench verdict-peers --releases 1000

Peers are re-implemented by behaviour, at their documented settings (`penstock.simulation.peers`). The oracle is no product: the
best of every sliding window, tuned in each cell on its own good traffic to the false rollbacks that ours had there, and then
chosen for each fault by who knows the fault. `--releases` are those of each cell and fault, three hours long.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import inf, isfinite
from typing import get_args

import numpy as np

from bench import paper
from bench.paper import MARGINS, Asked, Cell, Floats, Ints, Traffic, Trial
from penstock.simulation.peers import DOCUMENTED, NEVER, FailedChecks, Kayenta, Peeking, PeerPolicy, Traces, Window
from penstock.simulation.peers.windows import Of

CELLS = (
    Cell(10, 0.25, 0.01), Cell(100, 0.05, 0.001), Cell(100, 0.25, 0.01), Cell(1000, 0.05, 0.001), Cell(1000, 0.25, 0.001),
)  # fmt: skip
FAULTS = (2.0, 5.0, 10.0)
STEP_S, SPANS_S, LOOKS_S = 10, (60, 300, 900), (60, 10)
PEERS = [
    policy for policy in DOCUMENTED if not isinstance(policy, Peeking)
]  # it looks each second; minutes are all we keep
OURS = MARGINS["margin 0"]

Found = tuple[Floats, Floats]
"""Of each release when it was rolled back (infinite: never), and errors in excess until then."""


@dataclass(frozen=True)
class Judged:
    """Releases of one cell and fault: traffic in columns, the excess of errors in each, and when ours convicted, at what harm."""

    traces: Traces
    excess: Floats
    at_s: Floats
    harm: Floats

    def of(self, policy: PeerPolicy) -> Found:
        """When a peer rolls back (infinite: never), and errors in excess until then."""
        found = policy.rolled_back_at(self.traces)
        columns = np.where(found == NEVER, self.excess.shape[1], found // STEP_S)
        sums = np.concatenate([np.zeros((len(found), 1)), np.cumsum(self.excess, axis=1)], axis=1)
        return np.where(found == NEVER, inf, found), sums[np.arange(len(found)), columns]


def judged(cell: Cell, ratio: float, runs: int, seed: Sequence[int], span_s: int = paper.RELEASE_S) -> Judged:
    """The same traffic for everybody: so many times stable's errors from the start, no weather."""
    columns = np.zeros((5, runs, span_s // STEP_S))

    def seen(second: int, arms: Sequence[Ints], stable_rate: Floats) -> None:
        columns[:4, :, second // STEP_S] += arms
        columns[4, :, second // STEP_S] += arms[1] - arms[0] * stable_rate

    trial = Trial(OURS, runs, past=np.full(runs, cell.base))
    paper.play(Traffic([cell] * runs, np.full(runs, ratio * cell.base)), [trial], seed, span_s, seen)
    n_c, k_c, n_b, k_b = columns[:4].astype(np.int64)
    return Judged(Traces(n_c, k_c, n_b, k_b, step_s=STEP_S), columns[4], trial.at_s, trial.excess)


def oracle(good: Traces, share: float, every_s: int) -> list[Window]:
    """Every window, tuned on good releases to this share of false rollbacks; full windows, and from the first look on."""
    return [
        Window(span, of, every_s=every_s, early=early).tuned(good, share)
        for of in get_args(Of)
        for span in SPANS_S
        for early in (False, True)
    ]


def mean_s(seconds: Floats) -> float:
    """The mean, with three hours where it never is."""
    return float(np.minimum(seconds, paper.RELEASE_S).mean())


def cell_of(cell: Cell, number: int, asked: Asked) -> list[str]:
    """The table of one cell, and what of the bar shows in it."""
    good = judged(cell, 1.0, asked.releases, [asked.seed, number, 0])
    ours = float(np.isfinite(good.at_s).mean())
    false = {policy.name: float(np.isfinite(good.of(policy)[0]).mean()) for policy in PEERS}
    print(f"\n**{cell}**: ours rolls back {paper.percent(ours)} of good releases, so do the oracle's windows\n")
    paper.heading(
        "policy", "false rollbacks", *(f"{ratio:g}×: median s, found, harm" for ratio in FAULTS), "beside ours"
    )
    faults = [judged(cell, ratio, asked.releases, [asked.seed, number, int(ratio)]) for ratio in FAULTS]
    bounds = [paper.bound_s(OURS, cell, ratio * cell.base) for ratio in FAULTS]
    own: list[Found] = [(fault.at_s, fault.harm) for fault in faults]
    said = f"Wald's bound {', '.join(f'{bound:,.0f}' for bound in bounds)} s"
    paper.row("**ours**, margin 0", paper.percent(ours), *(_said(*one) for one in own), said)
    every = {policy.name: [fault.of(policy) for fault in faults] for policy in PEERS}
    for look_s in LOOKS_S:
        windows = oracle(good.traces, ours, look_s)
        name = f"oracle, looks each {look_s} s"
        false[name] = ours
        every[name] = [min((fault.of(one) for one in windows), key=lambda one: mean_s(one[0])) for fault in faults]
    for name, found in every.items():
        beside = "; ".join(_beside(one, mine) for one, mine in zip(found, own, strict=True))
        note = " (more false rollbacks)" if false[name] > max(0.01, 2 * ours) else ""
        paper.row(name, paper.percent(false[name]), *(_said(*one) for one in found), beside + note)
    return list(_bar(cell, bounds, own, every))


def _bar(cell: Cell, bounds: list[float], own: list[Found], every: dict[str, list[Found]]) -> Iterator[str]:
    """Lines of the bar's table: what is asked, the ratio, whether it is met."""
    for at, (ratio, bound) in enumerate(zip(FAULTS, bounds, strict=True)):
        ours_s = mean_s(own[at][0])
        for name, found in every.items():
            theirs_s = mean_s(found[at][0])
            if name == Kayenta().name and bound < 60:
                yield _line(cell, ratio, f"{name}: time, at least 30×", theirs_s / ours_s, theirs_s >= 30 * ours_s)
            if name == FailedChecks().name and ratio == 5 and 100 <= cell.rps <= 1000:
                times = float(found[at][1].mean() / own[at][1].mean())
                yield _line(cell, ratio, f"{name}: harm, at least 10×", times, times >= 10)
            if name.startswith("oracle"):
                yield _line(
                    cell, ratio, f"{name}: time of ours, at most 1.1×", ours_s / theirs_s, ours_s <= 1.1 * theirs_s
                )


def _line(cell: Cell, ratio: float, what: str, times: float, is_met: bool) -> str:
    return f"| {what} | {cell} | {ratio:g}× | {_times(times)} | {'yes' if is_met else '**no**'} |"


def _said(seconds: Floats, harm: Floats) -> str:
    median = float(np.quantile(seconds, 0.5, method="higher"))
    when = f"{median:,.0f}" if isfinite(median) else "never"
    return f"{when}, {np.isfinite(seconds).mean():.0%}, {harm.mean():,.0f}"


def _beside(theirs: Found, ours: Found) -> str:
    """How many times longer a peer takes in the mean (never: three hours); in bold where it is faster."""
    times = mean_s(theirs[0]) / mean_s(ours[0])
    harm = theirs[1].mean() / max(1e-9, ours[1].mean())
    return f"{f'**{_times(times)}**' if times < 1 else _times(times)} time, {_times(harm)} harm"


def _times(value: float) -> str:
    return f"{value:.2f}×" if value < 10 else f"{value:,.0f}×"


def main(argv: Sequence[str] = ()) -> None:
    """Every cell."""
    asked = paper.asked(argv, 100, "of each cell and fault")
    print(f"{paper.command('verdict-peers', asked)}; harm: mean errors in excess until the rollback, or in three hours")
    print(
        "beside ours: mean time (three hours where never) and harm as multiples of ours, for each fault; bold: faster than ours"
    )
    bar = [line for number, cell in enumerate(CELLS) for line in cell_of(cell, number, asked)]
    print("\nThe bar: what is asked\n")
    paper.heading("of whom", "cell", "fault", "measured", "met")
    print("\n".join(sorted(bar)))


if __name__ == "__main__":
    main()

"""How soon a fault is found: mean delay beside Wald's bound, below which no test with these false rollbacks can go.

    python -m bench verdict-speed --releases 2000

`--releases` are those of each cell and fault, from the start; a quarter of them for changes at an unknown time. A fault is so many
times the edge of the margin: what the policy allows is no fault by it. Only cells whose bound is at least 20 looks, and at most
an hour, since a rollout is no longer than a few. The harm is what users meet: errors beyond what stable would have made, as a
multiple of c(rho)*ln(1/alpha), the least for any test at the smallest weight, and of Wald's harm at the cell's own split.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import inf, log, sqrt

import numpy as np

from bench import paper
from bench.paper import CELLS, MARGINS, Asked, Cell, Floats, Traffic, Trial
from penstock.core.eprocess import Starts
from penstock.core.policy import Policy
from penstock.core.prediction import predict

RATIOS = (2.0, 2.5, 3.0, 4.0, 5.0, 7.0, 10.0, 30.0)
LATE_RATIOS = (2.0, 5.0, 10.0)
LATE_LIMIT = 2.5
LATE_S = {900: 311, 3600: 1213, 10_800: 3607}  # how long a release is watched: when it changes, off any grid of minutes
LEAST_LOOKS, LONGEST_S, LONGEST_LATE_S = 20, 3600.0, 600.0
FIRSTS = (0.3, 0.5, 0.7, 0.9, 0.97)
SOME = (Cell(1000, 0.05, 0.001), Cell(1000, 0.01, 0.001), Cell(100, 0.05, 0.01), Cell(100, 0.25, 0.001))
PATIENCE = (
    12  # so many bounds are waited for; what is not found by then is counted, and its mean is one of what was found
)


@dataclass(frozen=True)
class Delays:
    """What came of a fault in a cell: seconds from its beginning, errors in excess, and how many were convicted before it."""

    cell: Cell
    ratio: float
    bad: float
    bound_s: float
    seconds: Floats
    excess: Floats
    early: int

    @property
    def times(self) -> float:
        """Mean delay, in bounds."""
        return float(self.seconds[np.isfinite(self.seconds)].mean()) / self.bound_s

    @property
    def least_excess(self) -> float:
        """Errors in excess at the bound."""
        return self.bound_s * self.cell.rps * self.cell.weight * (self.bad - self.cell.base)

    @property
    def error(self) -> float:
        """Standard error of `times`."""
        some = self.seconds[np.isfinite(self.seconds)]
        return float(some.std()) / sqrt(max(1, len(some))) / self.bound_s


def limit(ratio: float) -> float:
    """What the mean delay may be, in bounds, from the start."""
    return 1.35 if ratio <= 3 else 1.5 if ratio <= 10 else inf


def least_harm(ratio: float, alpha: float) -> float:
    """c(rho)*ln(1/alpha): the least errors in excess at the smallest weight, whatever the traffic."""
    return (ratio - 1) / (ratio * log(ratio) - ratio + 1) * log(1 / alpha)


def asked_of(
    policy: Policy, ratio: float, longest_s: float, cells: Sequence[Cell] = CELLS
) -> Iterator[tuple[Cell, float]]:
    """The cells that a fault of this size is measured in, and the candidate's error rate there."""
    for cell in cells:
        bad = ratio * policy.margin.edge(cell.base)
        bound = paper.bound_s(policy, cell, bad)
        if bad < 0.9 and LEAST_LOOKS * paper.look_s(cell, policy) <= bound <= longest_s:
            yield cell, bad


def delays(
    policy: Policy, ratio: float, runs: int, seed: Sequence[int], *, begins_s: int = 0, known: bool = True,
    longest_s: float = LONGEST_S, cells: Sequence[Cell] = CELLS,
) -> list[Delays]:  # fmt: skip
    """Every cell of a fault; `known`: stable's error rate is known from history."""
    some = list(asked_of(policy, ratio, longest_s, cells))
    if not some:
        return []
    bounds = [paper.bound_s(policy, *one) for one in some]
    lanes, bad = [cell for cell, _ in some] * runs, np.array([rate for _, rate in some] * runs)
    trial = Trial(policy, len(lanes), past=np.array([cell.base for cell in lanes]) if known else None)
    paper.play(Traffic(lanes, bad, begins_s), [trial], seed, begins_s + int(PATIENCE * max(bounds)))
    seconds = (trial.at_s - begins_s).reshape(runs, -1)
    excess = trial.excess.reshape(runs, -1)
    found = []
    for at, ((cell, rate), bound) in enumerate(zip(some, bounds, strict=True)):
        mine = seconds[:, at] > 0
        found.append(Delays(cell, ratio, rate, bound, seconds[mine, at], excess[mine, at], int((~mine).sum())))
    return found


def summary(policy: Policy, found: Sequence[Delays], most: float) -> None:
    """A row for a ratio: the mean over its cells, the worst of them, harm, and how well it is foretold."""
    if not found:
        return
    ratio = found[0].ratio
    times = np.array([one.times for one in found])
    worst = found[int(times.argmax())]
    missed = sum(int(np.isinf(one.seconds).sum()) for one in found)
    medians = [float(np.median(one.seconds)) / one.bound_s for one in found]
    beside = np.mean([one.excess.mean() / one.least_excess for one in found])
    foretold = [_foretold(policy, one) for one in found]
    paper.row(
        f"{ratio:g}×", len(found), f"{times.mean():.2f}", f"{np.mean(medians):.2f}",
        f"{worst.times:.2f} ± {worst.error:.2f} ({worst.cell}, {worst.bound_s:.0f} s)", missed,
        "–" if most == inf else f"{most:g}", kept(found, most),
        *([_law(found, policy.false_rollbacks)] if policy.points == 0 else []), f"{beside:.2f}",
        f"{min(foretold):+.0%} … {max(foretold):+.0%}",
    )  # fmt: skip


def kept(found: Sequence[Delays], most: float) -> str:
    """Whether every cell's mean is at most so many bounds; what is over it by less than three standard errors is unclear."""
    if most == inf:
        return "–"
    if any(one.times - 3 * one.error > most for one in found):
        return f"**no**, {sum(one.times > most for one in found)} over it"
    return "yes" if all(one.times <= most for one in found) else "unclear"


def _law(found: Sequence[Delays], alpha: float) -> str:
    """Mean harm for each weight as a multiple of the harm law; in brackets Wald's, below which nobody comes at this weight."""
    said = []
    for weight in sorted({one.cell.weight for one in found}):
        mine = [one for one in found if one.cell.weight == weight]
        least = least_harm(mine[0].ratio, alpha)
        ours, wald = (
            np.mean(some) / least for some in zip(*((one.excess.mean(), one.least_excess) for one in mine), strict=True)
        )
        said.append(f"{weight:.0%}: {ours:.2f} ({wald:.2f})")
    return ", ".join(said)


def _foretold(policy: Policy, one: Delays) -> float:
    """By how much the prediction is beside the mean of the simulation."""
    rps, weight, base = one.cell
    told = predict(policy, rps * weight, rps * (1 - weight), one.bad, base).seconds
    return (told or inf) / (one.times * one.bound_s) - 1


def from_the_start(asked: Asked, margin: str, *, known: bool = True) -> None:
    """A table for a margin."""
    policy, said = MARGINS[margin], "known from history" if known else "not known"
    print(f"\n{margin}, from the start; stable's error rate is {said}; {asked.releases:,} releases a cell\n")
    paper.heading(
        "times the edge", "cells", "mean/Wald", "median/Wald", "worst cell (its bound)", "not found", "at most", "kept",
        *(["harm/(c ln 1/α) by weight (Wald's own); at most 1.6"] if policy.points == 0 else []), "harm/Wald's harm",
        "predicted beside mean",
    )  # fmt: skip
    for number, ratio in enumerate(RATIOS):
        found = delays(policy, ratio, asked.releases, [asked.seed, number], known=known)
        summary(policy, found, limit(ratio))


def late(asked: Asked, margin: str) -> None:
    """A change at an unknown time, in releases that are watched so long: their later starts are spread over that time."""
    runs = max(20, asked.releases // 4)
    print(f"\n{margin}, a change at an unknown time; {runs:,} releases a cell\n")
    paper.heading(
        "times the edge", "watched", "begins", "cells", "mean/Wald", "worst cell (its bound)", "earlier", "at most", "kept"
    )  # fmt: skip
    for watched_s, begins_s in LATE_S.items():
        policy = replace(MARGINS[margin], starts=Starts(horizon_s=watched_s))
        for number, ratio in enumerate(LATE_RATIOS):
            seed = [asked.seed, begins_s, number]
            found = delays(policy, ratio, runs, seed, begins_s=begins_s, longest_s=LONGEST_LATE_S)
            worst = max(found, key=lambda one: one.times)
            paper.row(
                f"{ratio:g}×", f"{watched_s:,} s", f"{begins_s:,} s", len(found),
                f"{np.mean([one.times for one in found]):.2f}",
                f"{worst.times:.2f} ± {worst.error:.2f} ({worst.cell}, {worst.bound_s:.0f} s)",
                sum(one.early for one in found), LATE_LIMIT, kept(found, LATE_LIMIT),
            )  # fmt: skip


def inside(asked: Asked) -> None:
    """Faults as multiples of stable's errors, that the default margin allows: shown as what they are."""
    policy = MARGINS["default margin"]
    print(
        "\ndefault margin: twice, five and ten times *stable's* errors, by stable's error rate (100 requests/s, 5 %)\n"
    )
    paper.heading("stable's errors", "the margin's edge", "2×", "5×", "10×")
    for base in (1e-4, 1e-3, 1e-2):
        cell = Cell(100.0, 0.05, base)
        edge = policy.margin.edge(base)
        told = [_said(policy, cell, times * base) for times in (2, 5, 10)]
        paper.row(f"{100 * base:g} %", f"{100 * edge:.3g} %", *told)


def _said(policy: Policy, cell: Cell, bad: float) -> str:
    bound = paper.bound_s(policy, cell, bad)
    return (
        "not a fault by this policy"
        if bound == inf
        else f"{bad / policy.margin.edge(cell.base):.2g}× the edge, {bound:,.0f} s"
    )


def trade_off(asked: Asked) -> None:
    """What betting at once gains from the start, and costs a change that comes later: why the default is what it is."""
    runs, begins_s = max(20, asked.releases // 2), LATE_S[10_800]
    print(
        f"\nmargin 0, mean delay/Wald by the share that is bet at once; {runs:,} releases a cell in {', '.join(map(str, SOME))}\n"
    )
    paper.heading(
        "bet at once",
        *(f"{r:g}×, from the start" for r in LATE_RATIOS),
        *(f"{r:g}×, after {begins_s:,} s of three hours" for r in LATE_RATIOS),
    )
    for first in FIRSTS:
        policy = replace(MARGINS["margin 0"], starts=Starts(first))
        said = []
        for at_s in (0, begins_s):
            for number, ratio in enumerate(LATE_RATIOS):
                found = delays(policy, ratio, runs, [asked.seed, 77, at_s, number], begins_s=at_s, cells=SOME)
                said.append(f"{np.mean([one.times for one in found]):.2f}")
        default = " (default)" if first == Starts().first else ""
        paper.row(f"{first:.0%}{default}", *said)


def main(argv: Sequence[str] = ()) -> None:
    """All tables of speed."""
    asked = paper.asked(argv, 40, "of each cell and fault")
    print(paper.command("verdict-speed", asked))
    for margin in MARGINS:
        from_the_start(asked, margin)
    from_the_start(asked, "default margin", known=False)
    for margin in MARGINS:
        late(asked, margin)
    trade_off(asked)
    inside(asked)


if __name__ == "__main__":
    main()

"""How often a candidate at the edge of `promote_when` is accepted, and how soon a good one is.

    python -m bench verdict-promotion --releases 2000

`--releases` are those of each cell, watched for three hours. Accepted is what is so at any look. At the edge the comparison
mostly convicts first, which hides what acceptance itself is worth; so the same is shown with a margin as wide as that edge.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import isfinite

import numpy as np

from bench import paper
from bench.paper import CELLS, Asked, Cell, Floats, Traffic, Trial
from penstock.core.policy import Policy
from penstock.core.simulated import upper_bound

PRODUCT = Policy()
AS_WIDE = replace(PRODUCT, ratio=PRODUCT.promote_ratio, points=PRODUCT.promote_points)
POLICIES = {"default": PRODUCT, "margin as wide as promote_when": AS_WIDE}
GOOD = (
    Cell(100, 0.05, 0.001), Cell(10, 0.05, 0.001), Cell(10, 0.25, 0.001), Cell(100, 0.01, 0.001), Cell(100, 0.25, 0.001),
    Cell(1000, 0.05, 0.001), Cell(100, 0.05, 0.0001), Cell(100, 0.05, 0.01), Cell(1, 0.25, 0.01), Cell(1, 0.01, 0.001),
)  # fmt: skip
PROMISED = {GOOD[0]: 180.0}


def accepted_s(
    policy: Policy,
    cells: Sequence[Cell],
    runs: int,
    seed: Sequence[int],
    bad: Floats | None = None,
    span_s: int = paper.RELEASE_S,
) -> Floats:
    """When each release was accepted (infinite: never), shaped (runs, cells); `bad` is the candidate's error rate by cell."""
    lanes = list(cells) * runs
    wrong = None if bad is None else np.tile(bad, runs)
    trial = Trial(policy, len(lanes), past=np.array([cell.base for cell in lanes]))
    paper.play(Traffic(lanes, wrong), [trial], seed, span_s)
    return trial.accepted_s.reshape(runs, -1)


def at_the_edge(asked: Asked) -> None:
    """False promotions over all cells."""
    print(
        f"\nthe candidate at the edge of `promote_when`, in all {len(CELLS)} cells, {asked.releases:,} releases a cell\n"
    )
    paper.heading("policy", "releases", "promoted", "share", "99 % upper bound", "worst cell", "promise of 5 %")
    edge, runs = np.array([PRODUCT.accepted.edge(cell.base) for cell in CELLS]), asked.releases
    for number, (name, policy) in enumerate(POLICIES.items()):
        hits = np.isfinite(accepted_s(policy, CELLS, runs, [asked.seed, number], edge)).sum(axis=0)
        total, at, every = int(hits.sum()), int(hits.argmax()), runs * len(CELLS)
        worst = min(1.0, len(CELLS) * paper.no_less(int(hits[at]), runs, policy.false_promotions))
        bound = upper_bound(total, every)
        kept = paper.promise(total, every, worst, policy.false_promotions)
        paper.row(
            name, f"{every:,}", total, paper.percent(total / every), paper.percent(bound),
            f"{CELLS[at]}: {hits[at]} of {runs} (p = {worst:.2g})" if total else "–", kept,
        )  # fmt: skip


def good(asked: Asked) -> None:
    """Time to accept a candidate as good as stable."""
    print(f"\na candidate as good as stable, {asked.releases:,} releases a cell, three hours\n")
    paper.heading("cell", "accepted", "median s", "90 % by s", "at most", "kept")
    found = accepted_s(PRODUCT, GOOD, asked.releases, [asked.seed, 9])
    for at, cell in enumerate(GOOD):
        mine, most = found[:, at], PROMISED.get(cell)
        median, late = np.quantile(mine, [0.5, 0.9], method="higher")
        kept = "–" if most is None else "yes" if median <= most else "**no**"
        paper.row(cell, paper.percent(np.isfinite(mine).mean()), _s(median), _s(late), most or "–", kept)


def _s(seconds: float) -> str:
    return f"{seconds:,.0f}" if isfinite(seconds) else "never"


def main(argv: Sequence[str] = ()) -> None:
    """Both tables."""
    asked = paper.asked(argv, 50, "of each cell")
    print(paper.command("verdict-promotion", asked))
    at_the_edge(asked)
    good(asked)


if __name__ == "__main__":
    main()

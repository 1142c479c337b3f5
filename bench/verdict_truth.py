"""How often a candidate that is as good as stable is rolled back: three hours, looked at each second, in every cell and weather.

    python -m bench verdict-truth --releases 20000 --keep FOLDER [--part 1/2]

`--releases` are those of each scenario, spread evenly over its cells. The 99 % upper Clopper-Pearson bound is of all of them
together; the worst cell is tested by itself against the promise (binomial, times the number of cells: Bonferroni). Both
margins judge the same traffic. What stable was like is known before the release: its error rate, and what the product learns of
its over-dispersion from a day.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench import paper
from bench.paper import CELLS, MARGINS, Asked, Cell, Floats, Traffic, Trial
from bench.shards import Hits, counted
from penstock.core.dispersion import dispersion_of
from penstock.core.simulated import upper_bound
from penstock.simulation.world import Sky, Weather, arm_of

DAY_S, DAYS = 86_400, 4


STILL = Weather()


@dataclass(frozen=True)
class Scenario:
    """A weather, and why a promise may not hold in it. `edge`: the candidate fails as often as the default margin allows."""

    name: str
    weather: Weather = STILL
    ramp: bool = False
    edge: bool = False
    why: str = ""

    @property
    def cells(self) -> tuple[Cell, ...]:
        """A ramp has no weight of its own."""
        return tuple(cell for cell in CELLS if cell.weight == paper.RAMP[0]) if self.ramp else CELLS

    @property
    def margins(self) -> tuple[str, ...]:
        """The margins that promise something here."""
        return ("default margin",) if self.edge else tuple(MARGINS)

    def traffic(self, cells: Sequence[Cell]) -> Traffic:
        """Of lanes in these cells."""
        margin = MARGINS["default margin"].margin
        bad = np.array([margin.edge(cell.base) for cell in cells]) if self.edge else None
        return Traffic(cells, bad, weather=self.weather, ramp=self.ramp)


CLUSTERS = "clusters count as what history shows of them, and little history shows little"
SCENARIOS = (
    Scenario("independent"),
    Scenario("common shock: log sd 0.5, and 5 min at 20×", Weather(shock=0.5)),
    Scenario("ramp 1 → 5 → 25 %, rate drifts 3× up and down", Weather(drift=3.0), ramp=True),
    Scenario("clustered errors, over-dispersion 3", Weather(cluster=2.0), why=CLUSTERS),
    Scenario("clustered errors, over-dispersion 7", Weather(cluster=4.0), why=CLUSTERS),
    Scenario("a host that wanders, sd 0.2, 10 min", Weather(wander=0.2),
             why="a candidate on a worse host *is* worse: only a margin can allow it"),
    Scenario("at the edge of the margin, independent", edge=True),
)  # fmt: skip


def learned(scenario: Scenario, cells: Sequence[Cell], seed: Sequence[int]) -> Floats:
    """What the product learns of over-dispersion from stable's day before each release, in the same weather.

    Of every traffic and error rate there are a few days, of which each release has one: more shards, more days.
    """
    sorts = sorted({(cell.rps, cell.base) for cell in cells})
    kinds = sorts * DAYS
    rps, base = (np.array(part) for part in zip(*kinds, strict=True))
    rng = np.random.default_rng([*seed, 24])
    sky = Sky(scenario.weather, len(kinds), rng, float(DAY_S))
    days = np.zeros((DAY_S, 2, len(kinds)), np.int32)
    for second in range(DAY_S):
        rates = np.minimum(0.95, base * sky.at(second)[1])
        days[second] = arm_of(rng, rps, rates, scenario.weather.cluster)
    told = [dispersion_of(dict(enumerate(map(tuple, days[:, :, at].tolist())))) or 1.0 for at in range(len(kinds))]
    mine = [sorts.index((cell.rps, cell.base)) for cell in cells]
    return np.array(told).reshape(DAYS, -1)[rng.integers(0, DAYS, len(cells)), mine]


def shard(scenario: Scenario, per_cell: int, seed: Sequence[int], span_s: int = paper.RELEASE_S) -> Hits:
    """So many releases of every cell, each margin on the same traffic."""
    cells = scenario.cells * per_cell
    traffic, spread = scenario.traffic(cells), learned(scenario, cells, seed)
    trials = {name: Trial(MARGINS[name], len(cells), spread, traffic.base) for name in scenario.margins}
    paper.play(traffic, list(trials.values()), seed, span_s)
    return {name: np.isfinite(trial.at_s).reshape(per_cell, -1).sum(axis=0).tolist() for name, trial in trials.items()}


def measured(scenario: Scenario, asked: Asked) -> tuple[int, Hits]:
    """Releases of each cell, and what was rolled back, over all shards."""
    sample = {second: (10, 3 * (second % 7 == 0)) for second in range(4000)}
    verdict = [*map(paper.fingerprint, MARGINS.values()), f"{dispersion_of(sample):.6f}", str(scenario.weather)]
    key = {"table": "truth", "scenario": scenario.name, "verdict": verdict}
    number, cells = SCENARIOS.index(scenario), len(scenario.cells)
    return counted(asked, scenario.name, cells, [number], key, lambda size, seed: shard(scenario, size, seed))


def line(scenario: Scenario, margin: str, per_cell: int, hits: list[int]) -> None:
    """A row of the table."""
    alpha, runs, total = MARGINS[margin].false_rollbacks, per_cell * len(hits), sum(hits)
    at = int(np.argmax(hits))
    worst = min(1.0, len(hits) * paper.no_less(hits[at], per_cell, alpha))
    said = paper.promise(total, runs, worst, alpha)
    why = f": {scenario.why}" if scenario.why and "not" in said else ""
    cell = f"{scenario.cells[at]}: {hits[at]} of {per_cell} (p = {worst:.2g})" if total else "–"
    bound = paper.percent(upper_bound(total, runs))
    paper.row(scenario.name, margin, f"{runs:,}", total, paper.percent(total / runs), bound, cell, said + why)


def main(argv: Sequence[str] = ()) -> None:
    """Every scenario."""
    asked = paper.asked(argv, 1080, "of each scenario")
    if asked.part is None:
        print(
            f"{paper.command('verdict-truth', asked)}; a cell is requests/s, the candidate's weight, stable's errors\n"
        )
        paper.heading(
            "same against same, three hours", "margin", "releases", "rolled back", "share", "99 % upper bound",
            "worst cell", "promise of 1 %",
        )  # fmt: skip
    for scenario in SCENARIOS:
        per_cell, hits = measured(scenario, asked)
        if asked.part is None:
            for margin in scenario.margins:
                line(scenario, margin, per_cell, hits[margin])


if __name__ == "__main__":
    main()

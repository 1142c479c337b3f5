"""Trials of the verdict on paper: cells of traffic, releases in parallel, what is kept of a long run, and honest bounds.

Every number comes from a seed. A trial is many releases at once, a lane each; several policies may judge the same traffic.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import product
from math import ceil, exp, inf, lgamma, log, log1p
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from penstock.core.eprocess import Prior
from penstock.core.policy import Policy
from penstock.core.prediction import information, wald_s
from penstock.core.simulated import upper_bound
from penstock.core.verdict import GATE
from penstock.simulation.lanes import Counts, Lanes
from penstock.simulation.world import Sky, Weather, arm_of

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

RELEASE_S = 10_800
RAMP = (0.01, 0.05, 0.25)
SIGNIFICANT, ENOUGH = 0.01, 20_000
SHARD = 4000  # lanes that still fit a processor's cache


class Cell(NamedTuple):
    """Where a release happens: requests/s of both arms together, the candidate's weight and stable's error rate, in 0..1."""

    rps: float
    weight: float
    base: float

    def __str__(self) -> str:
        return f"{self.rps:g}/s, {self.weight:.0%}, {100 * self.base:g} %"


CELLS = tuple(Cell(*one) for one in product((1.0, 10.0, 100.0, 1000.0), (0.01, 0.05, 0.25), (1e-4, 1e-3, 1e-2)))


@dataclass(frozen=True)
class Convicting(Policy):
    """A policy that accepts nobody: the same convictions for half the work."""

    @cached_property
    def accepting(self) -> dict[str, Prior]:
        """Nothing is accepted."""
        return {}


MARGINS: dict[str, Policy] = {"margin 0": Convicting(ratio=1.0, points=0.0), "default margin": Convicting()}


@dataclass
class Traffic:
    """What both arms get, lane by lane. `bad` is the candidate's error rate from second `begins_s` on, before the weather.

    `ramp`: the weights of `RAMP` in turn, a third of the release each, in place of the cells' own.
    """

    cells: Sequence[Cell]
    bad: Floats | None = None
    begins_s: float = 0.0
    weather: Weather = field(default_factory=Weather)
    ramp: bool = False

    def __post_init__(self) -> None:
        self.rps, self.weight, self.base = (np.array(part, float) for part in zip(*self.cells, strict=True))

    def rates(self, second: int) -> Floats:
        """Error rates of candidate and stable, shaped (2, lanes)."""
        late = self.bad is None or second < self.begins_s
        return np.stack([self.base if late or self.bad is None else self.bad, self.base])


class Trial:
    """One policy's judgement of every lane.

    `at_s`: when it was convicted, `accepted_s`: when first healthy (infinite: never). `excess`: the candidate's errors until
    its end beyond what stable's rate would have made of its requests.
    """

    def __init__(
        self, policy: Policy, lanes: int, dispersion: Floats | None = None, past: Floats | None = None
    ) -> None:
        self.lanes = Lanes(policy, lanes, dispersion, past)
        self.at_s, self.accepted_s, self.excess = np.full(lanes, inf), np.full(lanes, inf), np.zeros(lanes)
        self.is_over = np.zeros(lanes, bool)
        self._accepts = bool(policy.accepting)

    def see(self, second: int, arms: Sequence[Ints], stable_rate: Floats, era: Ints) -> None:
        """One more second. With acceptance in the policy, a lane is over when it is decided either way."""
        running = ~self.is_over
        self.excess += np.where(running, arms[1] - arms[0] * stable_rate, 0.0)
        self.lanes.step(float(second), Counts(*arms), era)
        self.at_s[running & self.lanes.convicted] = second + 1
        self.is_over |= self.lanes.convicted
        if self._accepts:
            accepted = running & self.lanes.healthy(GATE)
            self.accepted_s[accepted] = second + 1
            self.is_over |= accepted


def play(
    traffic: Traffic, trials: Sequence[Trial], seed: Sequence[int], span_s: int = RELEASE_S,
    seen: Callable[[int, Sequence[Ints], Floats], None] | None = None,
) -> None:  # fmt: skip
    """The same traffic to every trial, second by second, until all is decided or `span_s` is over.

    `seen` gets the counts and stable's error rates of each second, and keeps traffic flowing to the end.
    """
    rng, size = np.random.default_rng(seed), len(traffic.cells)
    sky, weight = Sky(traffic.weather, size, rng, float(span_s)), traffic.weight
    for second in range(span_s):
        rung = second * len(RAMP) // span_s
        if traffic.ramp:
            weight = np.full(size, RAMP[rung])
        over = np.logical_and.reduce([trial.is_over for trial in trials])
        if over.all() and not seen:
            return
        rps = traffic.rps if seen else traffic.rps * ~over
        rates = np.minimum(0.95, traffic.rates(second) * sky.at(second))
        cluster = traffic.weather.cluster
        arms = (*arm_of(rng, rps * weight, rates[0], cluster), *arm_of(rng, rps * (1 - weight), rates[1], cluster))
        era = np.full(size, 1 + rung if traffic.ramp else 1, np.int64)
        for trial in trials:
            trial.see(second, arms, rates[1], era)
        if seen:
            seen(second, arms, rates[1])


def look_s(cell: Cell, policy: Policy) -> float:
    """How far two looks of a cell are apart in the mean: a second, or as long as a pool takes to fill."""
    quieter = cell.rps * min(cell.weight, 1 - cell.weight)
    return min(policy.pool_s, max(1.0, policy.pool_requests / quieter))


def bound_s(policy: Policy, cell: Cell, worse: float) -> float:
    """Wald's bound for a candidate with error rate `worse`, in seconds; infinite inside the margin."""
    candidate, stable = cell.rps * cell.weight, cell.rps * (1 - cell.weight)
    seconds = wald_s(information(candidate, stable, worse, cell.base, policy.margin), policy.false_rollbacks)
    return inf if seconds is None else seconds


def no_less(hits: int, runs: int, share: float) -> float:
    """The chance of at least so many hits if each run has one with this chance: exact, binomial."""
    return 1.0 - _no_more(hits - 1, runs, share) if hits > 0 else 1.0


def _no_more(hits: int, runs: int, share: float) -> float:
    """The chance of at most so many hits."""
    ways = lgamma(runs + 1)
    terms = [
        ways - lgamma(k + 1) - lgamma(runs - k + 1) + k * log(share) + (runs - k) * log1p(-share) if share < 1 else -inf
        for k in range(hits + 1)
    ]
    return min(1.0, sum(exp(one) for one in terms))


def promise(hits: int, runs: int, worst: float, most: float) -> str:
    """Whether a share is at most `most`, as far as these runs tell; `worst` is the significance of the worst cell.

    Fewer runs than `ENOUGH` can show a broken promise, but a single cell that breaks it may still hide among them.
    """
    if no_less(hits, runs, most) < SIGNIFICANT or worst < SIGNIFICANT:
        return "**not kept**"
    if upper_bound(hits, runs) > most:
        return "too few releases to tell"
    return "kept" if runs >= ENOUGH else "kept so far"


@dataclass(frozen=True)
class Asked:
    """What a long table is asked for: how many releases, from which seed, what is kept where, and which part is ours.

    Without `kept` nothing is remembered. `part` (i, n): this process takes shard i of every n, and only fills the folder.
    """

    releases: int
    seed: int = 1
    kept: Path | None = None
    part: tuple[int, int] | None = None

    def takes(self, shard: int) -> bool:
        """Whether a shard is this process's."""
        return self.part is None or shard % self.part[1] == self.part[0]


def asked(argv: Sequence[str], releases: int, what: str) -> Asked:
    """The options of a table; `what` says what of there are so many releases."""
    options = argparse.ArgumentParser(
        prog="python -m bench NAME", description=f"Releases {what}; by default {releases}."
    )
    options.add_argument("--releases", type=int, default=releases, help=f"how many {what}")
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--keep", type=Path, help="a folder: results as JSON lines; a run that was stopped goes on")
    options.add_argument("--part", help="I/N: only shard I of every N, counted from 1, for another process to complete")
    chosen = options.parse_args(argv)
    part = None
    if chosen.part:
        one, of = (int(word) for word in chosen.part.split("/"))
        if not (1 <= one <= of and chosen.keep):
            options.error("--part 1/2 needs --keep FOLDER, where the other part's results come to")
        part = (one - 1, of)
    return Asked(chosen.releases, chosen.seed, chosen.keep, part)


def shards(per_cell: int, cells: int) -> list[int]:
    """Releases of each cell in each shard: whole shards if more than one, so that a longer run begins with a shorter's."""
    whole = max(1, SHARD // cells)
    return [per_cell] if per_cell <= whole else [whole] * ceil(per_cell / whole)


def remembered(asked: Asked, key: dict[str, Any], made: Callable[[], Any]) -> Any:
    """The result of a shard: from the folder where it is there, else made, and kept there at once, a line each.

    A key holds all that the result depends on; with the verdict itself goes `fingerprint`.
    """
    if not asked.kept:
        return made()
    asked.kept.mkdir(parents=True, exist_ok=True)
    for file in sorted(asked.kept.glob("*.jsonl")):
        for line in file.read_text().splitlines():
            entry = json.loads(line)
            if entry["key"] == key:
                return entry["result"]
    began, result = time.monotonic(), made()
    part = "all" if asked.part is None else f"{asked.part[0] + 1}-of-{asked.part[1]}"
    with (asked.kept / f"{key['table']}-{part}.jsonl").open("a") as kept:
        kept.write(json.dumps({"key": key, "result": result, "seconds": round(time.monotonic() - began, 1)}) + "\n")
    return result


def fingerprint(policy: Policy) -> str:
    """What a policy makes of a little traffic: another number where the verdict itself has changed."""
    trial = Trial(policy, len(CELLS))
    play(Traffic(CELLS, np.array([3 * cell.base for cell in CELLS])), [trial], [0], 40)
    return f"{np.log(trial.lanes.odds).sum():.6f}"


def grouped(values: Floats, cells: Sequence[Cell]) -> Iterator[tuple[Cell, Floats]]:
    """The values of each cell, in the cells' first order."""
    where: dict[Cell, list[int]] = {}
    for lane, cell in enumerate(cells):
        where.setdefault(cell, []).append(lane)
    for cell, lanes in where.items():
        yield cell, values[lanes]


def heading(*names: str) -> None:
    """The first two lines of a Markdown table."""
    print(f"| {' | '.join(names)} |\n|{'---|' * len(names)}", flush=True)


def row(*parts: object) -> None:
    """A line of it."""
    print(f"| {' | '.join(map(str, parts))} |", flush=True)


def command(name: str, asked: Asked) -> str:
    """How to get the same table again."""
    return f"`python -m bench {name} --releases {asked.releases} --seed {asked.seed}`"


def told(text: str) -> None:
    """Progress, apart from the tables."""
    print(text, file=sys.stderr, flush=True)


def percent(share: float) -> str:
    """`0.42 %`."""
    return f"{100 * share:.2f} %"

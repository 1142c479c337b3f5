"""The bar of the verdict in short: truth, speed, peers and promotion on few releases. `python -m bench verdict-…` has the tables.

Every seed is fixed. A limit here is that of the bar plus what so few releases may be off by.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bench import verdict_latency, verdict_peers
from bench.paper import CELLS, MARGINS, Asked, Cell, Traffic, Trial, no_less, play, remembered, shards, upper_bound
from bench.verdict_promotion import PRODUCT, accepted_s
from bench.verdict_speed import Delays, delays, least_harm
from penstock.core.prediction import predict
from penstock.simulation.world import Weather

NO_MARGIN, DEFAULT = MARGINS["margin 0"], MARGINS["default margin"]
SOME = (Cell(1000, 0.05, 0.001), Cell(100, 0.05, 0.01), Cell(100, 0.25, 0.001))
ALMOST_SURELY = 1e-3


def rolled_back(
    margin: str, weather: Weather, dispersion: float, *, ramp: bool = False, runs: int = 30
) -> tuple[int, int]:
    """Good releases of a quarter of an hour in every cell: how many are rolled back, of how many."""
    cells = CELLS * runs
    base = np.array([cell.base for cell in cells])
    trial = Trial(MARGINS[margin], len(cells), np.full(len(cells), dispersion), base)
    play(Traffic(cells, weather=weather, ramp=ramp), [trial], [4], 900)
    return int(np.isfinite(trial.at_s).sum()), len(cells)


@pytest.mark.parametrize(
    ("margin", "weather", "dispersion", "ramp"),
    [
        ("margin 0", Weather(), 1.0, False),
        ("margin 0", Weather(shock=0.5), 1.0, False),
        ("margin 0", Weather(drift=3.0), 1.0, True),
        ("margin 0", Weather(cluster=4.0), 7.0, False),
        ("default margin", Weather(wander=0.2), 1.0, False),
    ],
    ids=["independent", "shock", "ramp", "clusters", "wandering host"],
)
def test_good_releases_stay(margin: str, weather: Weather, dispersion: float, ramp: bool) -> None:
    """At most 1 % of good releases are rolled back, looked at each second, in any weather that the policy provides for."""
    hits, runs = rolled_back(margin, weather, dispersion, ramp=ramp)
    assert ALMOST_SURELY < no_less(hits, runs, NO_MARGIN.false_rollbacks)


def test_bursts_that_nobody_knew_of_hardly_convict() -> None:
    """Errors in clusters of four, without history: the cap and the default margin keep false rollbacks at a few per cent."""
    hits, runs = rolled_back("default margin", Weather(cluster=4.0), 1.0)
    assert 0.05 > hits / runs


def test_evidence_is_worth_its_stake_in_the_mean() -> None:
    """While the candidate is as good as stable, the odds have a mean of 1 at most: no weight is bet twice."""
    trial = Trial(NO_MARGIN, 6000)
    play(Traffic([Cell(1000, 0.05, 0.001)] * 6000), [trial], [6], 20)
    odds = trial.lanes.odds
    assert 1 + 4 * odds.std() / np.sqrt(odds.size) > odds.mean() > 0.5


@pytest.mark.parametrize(("ratio", "most"), [(2.0, 1.35), (5.0, 1.5), (10.0, 1.5)])
@pytest.mark.parametrize("margin", MARGINS)
def test_faults_are_found_near_the_limit(margin: str, ratio: float, most: float) -> None:
    """The mean delay is near Wald's bound where that is 20 looks or more, and what is foretold lies near the mean."""
    policy = MARGINS[margin]
    for found in _delays(margin, ratio):
        assert most + 3 * found.error > found.times > 0.9
        rps, weight, base = found.cell
        told = predict(policy, rps * weight, rps * (1 - weight), found.bad, base).seconds or 0.0
        mean = found.times * found.bound_s
        assert 0.15 * mean + 3 * found.error * found.bound_s > abs(told - mean)


def test_harm_keeps_its_law() -> None:
    """Five times the errors at a small weight: at most 1.6*c*ln(1/alpha) errors in excess, whatever the traffic."""
    for found in _delays("margin 0", 5.0):
        assert found.cell.weight > 0.05 or 1.6 * least_harm(5.0, 0.01) > found.excess.mean()


def _delays(margin: str, ratio: float) -> list[Delays]:
    found = delays(MARGINS[margin], ratio, 200, [1, int(ratio)], cells=SOME)
    assert found or (margin, ratio) == ("default margin", 10.0)
    return found


def test_a_late_fault_is_found_too() -> None:
    """A change at an unknown time takes at most a few bounds, although most is bet at once: `verdict-speed` has how many."""
    for found in delays(NO_MARGIN, 5.0, 60, [1, 3], begins_s=617, cells=SOME):
        assert 3.8 > found.times
        assert 3 > found.early


def test_what_the_margin_allows_is_never_a_fault() -> None:
    """At the very edge of the default margin a candidate stays, whatever its traffic."""
    cells = CELLS * 20
    edge = np.array([DEFAULT.margin.edge(cell.base) for cell in cells])
    trial = Trial(DEFAULT, len(cells))
    play(Traffic(cells, edge), [trial], [7], 1200)
    assert ALMOST_SURELY < no_less(int(np.isfinite(trial.at_s).sum()), len(cells), DEFAULT.false_rollbacks)


def test_a_good_release_is_promoted_soon() -> None:
    """At 100 requests/s, 5 % and 0.1 % errors half of the good releases are accepted within three minutes."""
    assert 180 >= np.median(accepted_s(PRODUCT, [Cell(100, 0.05, 0.001)], 300, [2]))


def test_the_edge_of_promotion_is_hardly_accepted() -> None:
    """At the edge of `promote_when` at most 5 % are accepted, also where the margin is too wide to convict first."""
    wide = replace(PRODUCT, ratio=PRODUCT.promote_ratio, points=PRODUCT.promote_points)
    edge = np.array([PRODUCT.accepted.edge(cell.base) for cell in SOME])
    hits = int(np.isfinite(accepted_s(wide, SOME, 150, [3], edge, 2400)).sum())
    assert ALMOST_SURELY < no_less(hits, 150 * len(SOME), PRODUCT.false_promotions)


def test_peers_take_longer_and_harm_more() -> None:
    """Five times the errors at 1000 requests/s: Kayenta's hour is 30 times ours, and Flagger lets 10 times as many fail."""
    some = verdict_peers.judged(Cell(1000, 0.05, 0.001), 5.0, 20, [8], 4200)
    kayenta, flagger = (
        next(one for one in verdict_peers.PEERS if one.name.startswith(name)) for name in ("Kayenta", "Flagger")
    )
    assert some.of(kayenta)[0].mean() > 30 * some.at_s.mean()
    assert some.of(flagger)[1].mean() > 10 * some.harm.mean()


@pytest.mark.parametrize("law", verdict_latency.LAWS, ids=lambda law: law.name)
def test_times_as_good_stay(law: verdict_latency.Law) -> None:
    """Three quantiles at once, with and without tolerance: good releases stay, also with heavy tails and a common slowdown."""
    found = verdict_latency.shard(law, 5, [9], 400)
    assert all(ALMOST_SURELY < no_less(sum(hits), 60, 0.01) for hits in found.values())


def test_bounds_are_clopper_and_pearsons() -> None:
    """Hand-computed: no hit in 459 bounds a share by 1 %, at 99 %; and one hit in ten with a chance of a tenth."""
    assert 0.01 > upper_bound(0, 459) > 0.00998
    assert pytest.approx(1 - 0.9**10) == no_less(1, 10, 0.1)
    assert upper_bound(3, 3) == 1.0


def test_a_long_run_goes_on_where_it_stopped(tmp_path: Path) -> None:
    """What was made is not made again; a longer run begins with the shards of a shorter one."""
    made = []
    asked = Asked(10, kept=tmp_path)
    for _ in range(2):
        assert [1, 2] == remembered(asked, {"table": "t", "shard": 0}, lambda: made.append(1) or [1, 2])
    assert [1] == made
    assert [30] == shards(30, 36)
    assert shards(500, 36) == shards(5000, 36)[: len(shards(500, 36))]

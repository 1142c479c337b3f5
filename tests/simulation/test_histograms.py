"""Response times drawn only as far as they are asked for: the verdict on them is the product's, and they keep their law."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest

from bench import verdict_latency
from penstock.core.latency import Latency
from penstock.core.policy import LatencyRule, Policy
from penstock.core.verdict import Counts as Arm
from penstock.core.verdict import Window, judge, start, step
from penstock.simulation.histograms import Drawn, Looked
from penstock.simulation.lanes import Counts, Lanes
from penstock.simulation.world import Service, Times

SERVICE = Service(100, 0.01, 20.0, 0.7)
TIMES = Times(SERVICE, 3.0)
RULES = (
    LatencyRule(0.5, None, 1.1),
    LatencyRule(0.9, 40_000.0, 1.0, 500.0, past_us=45_000.0),
    LatencyRule(0.99, 90_000.0, 1.2, dispersion=2.0),
)


class Recorded(Drawn):
    """Remembers what was drawn, so that whole histograms that agree with it can be made up afterwards."""

    def __init__(self, lanes: int, edges: tuple[float, ...], rng: np.random.Generator) -> None:
        super().__init__(lanes, edges, rng)
        self.is_over = False
        self.second, self.asked = 0, [np.zeros((0, lanes), np.int64)] * 2
        self.began: dict[int, int] = {}  # lane -> the first second of its pool
        self.open: dict[int, list[tuple[int, list[int]]]] = defaultdict(
            list
        )  # lane -> stable's pools that are not filled yet
        self.slow: dict[tuple[int, int], list[Latency]] = {}  # (lane, second) -> histograms of candidate and stable

    def add(self, candidate: np.ndarray, stable: np.ndarray) -> None:
        super().add(candidate, stable)
        for lane in np.flatnonzero(candidate + stable):
            self.began.setdefault(int(lane), self.second)

    def cut(self, candidate: np.ndarray, stable: np.ndarray) -> None:
        self.asked = [candidate.copy(), stable.copy()]
        super().cut(candidate, stable)

    def recut(self, at: np.ndarray, candidate: np.ndarray, stable: np.ndarray) -> None:
        super().recut(at, candidate, stable)
        self.asked[0][:, at], self.asked[1][:, at] = candidate, stable

    def look(self, at: np.ndarray) -> Looked:
        found = super().look(at)
        for i, lane in enumerate(map(int, at)):
            second = self.began.pop(lane)
            cuts = sorted({0, *self.asked[0][:, lane].tolist()})
            beyond = {0: found.n_c[i]} | dict(zip(self.asked[0][:, lane].tolist(), found.candidate[:, i], strict=True))
            each = [int(beyond[one] - beyond.get(after, 0)) for one, after in zip(cuts, [*cuts[1:], None], strict=True)]
            self.slow[lane, second] = [
                tuple((float(self.edges[cut]), n) for cut, n in zip(cuts, each, strict=True) if n),
                (),
            ]
            self.open[lane].append((second, [int(found.n_b[i]), *map(int, found.stable[:, i])]))
        return found

    def fresh(self, at: np.ndarray) -> np.ndarray:
        cuts = self.asked[1][:, at]
        found = super().fresh(at)
        for i, lane in enumerate(map(int, at)):
            self._fill(lane, found[i].copy(), cuts[:, i].tolist())
        return found

    def _fill(self, lane: int, left: np.ndarray, cuts: list[int]) -> None:
        """Share stable's requests out to the pools they came in: each has its own numbers beyond every cut."""
        ends = [*sorted({0, *cuts}), len(self.edges)]
        for second, (n, *above) in self.open.pop(lane, []):
            beyond = {0: n, len(self.edges): 0} | dict(zip(cuts, above, strict=True))
            mine = np.zeros_like(left)
            for low, high in pairwise(ends):
                wanted = beyond[low] - beyond[high]
                for bucket in range(low, high):
                    mine[bucket] = min(wanted, left[bucket])
                    left[bucket] -= mine[bucket]
                    wanted -= mine[bucket]
                assert not wanted, "a bucket was drawn apart from what was seen"
            self.slow[lane, second][1] = tuple((float(self.edges[b]), int(mine[b])) for b in np.flatnonzero(mine))
        assert self.is_over or not left.any(), "more was drawn than was seen"

    def filled(self) -> None:
        """What was never asked for in full; a law may have changed in the pools that were never judged."""
        self.is_over = True
        for lane in list(self.open):
            self.fresh(np.array([lane]))


class Seen:
    """What went into the lanes, and what came out at each look."""

    def __init__(self, times: Recorded) -> None:
        self.times, self.arms, self.eras = times, [], []

    def windows(self, lane: int, policy: Policy) -> list[Window]:
        """One for each second; a foreign source tells its empty buckets too."""
        empty, found = dict.fromkeys(map(float, self.times.edges), 0) if policy.edges else {}, []
        for second, (arms, era) in enumerate(zip(self.arms, self.eras, strict=True)):
            n_c, k_c, n_b, k_b = (int(one[lane]) for one in arms)
            told = self.times.slow.get((lane, second), ((), ()))
            slow = tuple(tuple(sorted({**empty, **dict(arm)}.items())) if arm else () for arm in told)
            found.append(Window(float(second), Arm(n_c, k_c), Arm(n_b, k_b), int(era[lane]), slow=slow))
        return found

    def agree(self, policy: Policy, lane: int, same: Callable[[int, object], bool]) -> bool:
        """Whether the product says the same at every look until it convicts."""
        state = start(policy)
        for second, window in enumerate(self.windows(lane, policy)):
            state = step(policy, state, window)
            if not same(second, judge(policy, state)):
                return False
            if state.convicted:
                break
        return True


def close(one: float, other: float) -> bool:
    return bool(np.isclose(min(one, 1e200), min(other, 1e200), rtol=1e-9))


def traffic(rng: np.random.Generator, lanes: int) -> tuple[np.ndarray, ...]:
    rps, weight = rng.choice([0.3, 3.0, 40.0, 400.0], lanes), rng.choice([0.01, 0.05, 0.25, 0.5], lanes)
    return rps * weight, rps * (1 - weight)


def test_every_look_at_drawn_times_is_the_products() -> None:
    """Whole histograms that agree with what was drawn: of them the product says the same at every look, through laws that
    change within pools and differ by lane.
    """
    lanes, seconds, rng = 60, 150, np.random.default_rng(3)
    policy, times = Policy(latency=RULES), Recorded(lanes, TIMES.edges, rng)
    vector, seen = Lanes(policy, lanes, times=times), Seen(times)
    rates, slower = traffic(rng, lanes), rng.choice([1.0, 1.0, 1.3, 3.0], lanes)
    odds, acceptance = [], []
    for second in range(seconds):
        times.second = second
        if second in (0, 33, 70, 75, 110):
            shock = 4.0 if second == 70 else 1.0
            mine = np.stack([TIMES.shares(shock * one) for one in (slower if second else np.ones(lanes))])
            times.law(mine, TIMES.shares(shock)[None])
        arms = [part for rate in rates for part in (rng.poisson(rate), np.zeros(lanes, np.int64))]
        seen.arms.append(arms)
        seen.eras.append(1 + second // 90 + (rng.random(lanes) < 0.5) * (second > 120))
        vector.step(float(second), Counts(*arms), seen.eras[-1])
        odds.append(vector.odds.copy())
        acceptance.append(vector.acceptance.copy())
    times.filled()
    for lane in range(lanes):
        assert seen.agree(
            policy, lane,
            lambda at, said: close(odds[at][lane], said.odds) and close(acceptance[at][lane], said.acceptance),  # noqa: B023
        )  # fmt: skip
    assert 0 < vector.convicted.sum() < lanes


@pytest.mark.parametrize("law", verdict_latency.LAWS, ids=lambda law: law.name)
def test_both_tolerances_are_judged_as_each_alone(law: verdict_latency.Law, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bench folds both tolerances at once: of the very same times the product says the same for each, at every look."""
    lanes, seconds, rng = 36, 120, np.random.default_rng(4)
    edges, rates = law.buckets(), traffic(rng, lanes)
    times, base = Recorded(lanes, edges, rng), np.full(lanes, 0.001)
    both, seen = verdict_latency.Both(law, base, times), Seen(times)
    odds: dict[str, list[np.ndarray]] = defaultdict(list)
    for second in range(seconds):
        times.second = second
        if second % 10 == 0:
            chances = law.chances(edges, np.exp(rng.normal(0, 0.3, lanes)))
            times.law(chances, chances)
        arms = [part for rate in rates for part in (rng.poisson(rate), rng.poisson(0.1 * rate / 100))]
        seen.arms.append(arms)
        seen.eras.append(np.ones(lanes, np.int64))
        both.step(float(second), Counts(*arms), seen.eras[-1])
        for name in verdict_latency.TOLERANCES:
            odds[name].append(both.odds(name))
    times.filled()
    for name, ratio in verdict_latency.TOLERANCES.items():
        policy = verdict_latency.policy_of(law, ratio)
        object.__setattr__(policy, "past", 0.001)
        for lane in range(lanes):
            assert seen.agree(policy, lane, lambda at, said: close(odds[name][at][lane], said.odds))  # noqa: B023


def test_drawn_times_follow_their_law() -> None:
    """Counts beyond the cuts and buckets, seen bit by bit under two laws, have the means and covariances of multinomials."""
    lanes, rng = 40_000, np.random.default_rng(6)
    first, then = np.array([0.1, 0.2, 0.3, 0.25, 0.15]), np.array([0.05, 0.05, 0.3, 0.2, 0.4])
    drawn, every = Drawn(lanes, (1.0, 2.0, 3.0, 4.0, np.inf), rng), np.arange(lanes)
    cuts = np.tile([[3], [1], [5]], (1, lanes))  # in no order; beyond the last edge there is nothing
    drawn.cut(cuts, cuts[:2])
    some = np.full(lanes, 20)
    drawn.law(first[None], first[None])
    drawn.add(some, some)
    looked = [drawn.look(every)]
    drawn.judged(every)
    drawn.add(some, some)  # half of this pool before the law changes
    drawn.law(np.tile(then, (lanes, 1)), then[None])
    drawn.add(2 * some, 2 * some)
    looked.append(drawn.look(every))
    drawn.judged(every)
    whole = drawn.fresh(every).astype(float)
    assert (80 == whole.sum(axis=1)).all()
    assert (looked[0].stable + looked[1].stable == [whole[:, 3:].sum(axis=1), whole[:, 1:].sum(axis=1)]).all()
    assert not looked[0].candidate[2].any(), "beyond the last edge"
    assert not drawn.fresh(every).any(), "a second time"
    mean = 40 * first + 40 * then
    spread = sum(40 * (np.diag(one) - np.outer(one, one)) for one in (first, then))
    near(mean, spread, whole)
    shares = [np.array([[one[3:].sum()], [one[1:].sum()]]) for one in (first, then)]
    for arm in ("candidate", "stable"):
        one, other = (getattr(each, arm)[:2] for each in looked)
        near((20 * shares[0])[:, 0], _nested(20 * shares[0], 20), one.T)
        near(
            (20 * shares[0] + 40 * shares[1])[:, 0], _nested(20 * shares[0], 20) + _nested(40 * shares[1], 40), other.T
        )
    of_one = np.cov(looked[0].stable[0], whole[:, 4])[
        0, 1
    ]  # what a look saw, and a bucket of it: 20 requests in common
    assert 20 * first[4] * (1 - first[3:].sum()) == pytest.approx(of_one, abs=0.1)


def _nested(expected: np.ndarray, n: int) -> np.ndarray:
    """The covariance of counts beyond two cuts, the first the farther."""
    p = expected[:, 0] / n
    return n * (np.minimum.outer(p, p) - np.outer(p, p))


def near(mean: np.ndarray, spread: np.ndarray, seen: np.ndarray) -> None:
    """Means and covariances, shaped (lanes, counts), as far as so many lanes tell: five standard errors."""
    error = np.sqrt(np.diag(spread) / len(seen))
    assert (np.abs(seen.mean(axis=0) - mean) < 5 * error).all()
    sizes = np.sqrt(np.outer(np.diag(spread), np.diag(spread)) * 2 / len(seen))
    assert (np.abs(np.cov(seen.T) - spread) < 5 * sizes).all()

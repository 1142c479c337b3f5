"""Response times of many releases at once, as far as a verdict asks of them: how many took longer than some edges.

Two forms with the same face: `Whole` is told every histogram, `Drawn` how many requests there were, and draws no more than
what is asked. A *cut* is the number of buckets up to an edge: what is slower lies in the bucket of that number, or above.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Looked:
    """Pools of some lanes: requests of both arms, and how many of them lie beyond each cut, shaped (cuts, lanes)."""

    n_c: Floats
    n_b: Floats
    candidate: Floats
    stable: Floats


class Whole:
    """Histograms over the buckets whose upper edges are `edges`, handed in each second."""

    def __init__(self, lanes: int, edges: tuple[float, ...]) -> None:
        self.edges = np.array(edges)
        self._pool = np.zeros((2, lanes, len(edges)), np.int64)
        self._fresh = np.zeros((lanes, len(edges)), np.int64)
        self._cuts: list[Ints] = []

    def add(self, candidate: Ints, stable: Ints) -> None:
        """A second's histograms, shaped (lanes, buckets), to the pools."""
        self._pool[0] += candidate
        self._pool[1] += stable

    def cut(self, candidate: Ints, stable: Ints) -> None:
        """What is asked of every lane, shaped (cuts, lanes)."""
        self._cuts = [candidate.copy(), stable.copy()]

    def recut(self, at: Ints, candidate: Ints, stable: Ints) -> None:
        """What is asked of some lanes from now on, shaped (cuts, lanes): their pools are empty, and nothing is fresh."""
        self._cuts[0][:, at], self._cuts[1][:, at] = candidate, stable

    def look(self, at: Ints) -> Looked:
        """What is in the pools of some lanes."""
        found = []
        for pool, cuts in zip(self._pool, self._cuts, strict=True):
            slower = np.zeros((len(self.edges) + 1, len(at)))
            slower[:-1] = np.cumsum(pool[at, ::-1], axis=1)[:, ::-1].T
            found.append((slower[0], np.take_along_axis(slower, cuts[:, at], axis=0)))
        return Looked(found[0][0], found[1][0], found[0][1], found[1][1])

    def judged(self, at: Ints) -> None:
        """The pools of some lanes are empty again; stable's part of them is fresh."""
        self._fresh[at] += self._pool[1, at]
        self._pool[:, at] = 0

    def fresh(self, at: Ints) -> Ints:
        """Stable's histograms that were judged since some lanes were last asked, shaped (lanes, buckets)."""
        found = self._fresh[at]
        self._fresh[at] = 0
        return found


class Drawn:
    """Histograms that are drawn only as far as they are asked for: exact in distribution.

    Times of requests are independent, and each falls into a bucket with the chance that the law in force when it was made
    gives it. So a histogram of n requests is multinomial. Of it are drawn

    - at a look, the counts beyond the cuts alone, each binomial of the one before: neighbouring buckets taken together are
      multinomial as well. Until then only n is kept: multinomials of one law add up to one of the sum of their n. When a pool
      is looked at depends on numbers of requests alone, so n tells nothing of the times.
    - when stable's quantiles are found anew, every bucket of what stable had since the last time, *given* the counts drawn at
      the looks: the buckets between two cuts are multinomial given their sum, and independent of all others.

    Cuts change when stable's quantiles do, and pools are empty then. Before a law changes, both is done, under the old one,
    with all that is there. Nobody asks more of the candidate's times than the counts beyond its cuts.
    """

    def __init__(self, lanes: int, edges: tuple[float, ...], rng: np.random.Generator) -> None:
        self.edges, self._rng = np.array(edges), rng
        self._every = np.arange(lanes)
        self._arms = [_Arm(lanes, len(edges), rng), _Arm(lanes, len(edges), rng)]
        self._seen = np.zeros(
            (1, lanes), np.int64
        )  # of stable since it was last found: requests, and those beyond each cut
        self._earlier = np.zeros((lanes, len(edges)), np.int64)  # of stable since then, under laws that changed

    def law(self, candidate: Floats, stable: Floats) -> None:
        """The chance of each bucket from now on, shaped (lanes, buckets); or (1, buckets), where it is the same for all."""
        self._draw(self._every)
        if self._seen.any():
            self._earlier += self._filled(self._every)
        for arm, chances in zip(self._arms, (candidate, stable), strict=True):
            arm.law(chances)

    def add(self, candidate: Ints, stable: Ints) -> None:
        """A second's requests to the pools."""
        self._arms[0].waiting += candidate
        self._arms[1].waiting += stable

    def cut(self, candidate: Ints, stable: Ints) -> None:
        """What is asked of every lane, shaped (cuts, lanes)."""
        for arm, cuts in zip(self._arms, (candidate, stable), strict=True):
            arm.cut(cuts)
        self._seen = np.zeros((1 + len(stable), stable.shape[1]), np.int64)

    def recut(self, at: Ints, candidate: Ints, stable: Ints) -> None:
        """What is asked of some lanes from now on, shaped (cuts, lanes): their pools are empty, and nothing is fresh."""
        for arm, cuts in zip(self._arms, (candidate, stable), strict=True):
            arm.recut(at, cuts)

    def look(self, at: Ints) -> Looked:
        """What is in the pools of some lanes."""
        self._draw(at)
        candidate, stable = (arm.look(at) for arm in self._arms)
        return Looked(candidate[0], stable[0], candidate[1], stable[1])

    def judged(self, at: Ints) -> None:
        """The pools of some lanes are empty again; stable's part of them is fresh."""
        for arm in self._arms:
            arm.pool[:, at] = 0

    def fresh(self, at: Ints) -> Ints:
        """Stable's histograms that were judged since some lanes were last asked, shaped (lanes, buckets)."""
        found: Ints = self._filled(at) + self._earlier[at]
        self._earlier[at] = 0
        return found

    def _draw(self, at: Ints) -> None:
        self._arms[0].draw(at)
        self._seen[:, at] += self._arms[1].draw(at)

    def _filled(self, at: Ints) -> Ints:
        """Every bucket of what was seen of stable, given the counts beyond the cuts; it is seen no more."""
        arm, size = self._arms[1], len(self.edges)
        cuts = arm.cuts.take(at, axis=1)
        chances = np.ascontiguousarray(-np.diff(arm.tails_of(at), axis=0).T)
        ends = np.concatenate([np.zeros((1, len(at)), np.int64), cuts, np.full((1, len(at)), size)])
        found = np.zeros((len(at), size), np.int64)
        for low, high, some in zip(
            ends[:-1], ends[1:], -np.diff(self._seen.take(at, axis=1), axis=0, append=0), strict=True
        ):
            between = np.arange(
                low.min(), min(size, high.max() + 1)
            )  # a bucket more: numpy gives the last what is left over
            if not len(between):
                continue
            own = chances[:, between] * ((between >= low[:, None]) & (between < high[:, None]))
            whole = own.sum(axis=1, keepdims=True)
            found[:, between] += self._rng.multinomial(some, np.divide(own, whole, out=own, where=whole > 0))
        self._seen[:, at] = 0
        return found


class _Arm:
    """One arm's requests: those whose times wait to be drawn, and pools of the others.

    `pool` holds requests, and below them those beyond each cut; the cuts of a lane ascend.
    """

    def __init__(self, lanes: int, size: int, rng: np.random.Generator) -> None:
        self.waiting = np.zeros(lanes, np.int64)
        self.pool, self.cuts, self._ranks = (np.zeros((1, lanes), np.int64) for _ in range(3))
        self._chances = np.zeros((0, lanes))  # of lying beyond a cut, for what lies beyond the one before
        self._tails = np.zeros((1, size + 1))  # the chance of each bucket or a higher one
        self._rng = rng

    def law(self, chances: Floats) -> None:
        self._tails = np.zeros((len(chances), chances.shape[1] + 1))
        self._tails[:, :-1] = np.cumsum(chances[:, ::-1], axis=1)[:, ::-1]
        self._tails /= self._tails[:, :1].copy()
        self._chances = self._given(np.arange(len(self.waiting)), self.cuts)

    def cut(self, cuts: Ints) -> None:
        self.cuts, self._ranks, self._chances = np.zeros_like(cuts), np.zeros_like(cuts), np.zeros(cuts.shape)
        self.pool = np.zeros((1 + len(cuts), cuts.shape[1]), np.int64)
        self.recut(np.arange(cuts.shape[1]), cuts)

    def recut(self, at: Ints, cuts: Ints) -> None:
        order = np.argsort(cuts, axis=0, kind="stable")
        ascending = np.take_along_axis(cuts, order, axis=0)
        self.cuts[:, at], self._ranks[:, at] = ascending, np.argsort(order, axis=0, kind="stable")
        self._chances[:, at] = self._given(at, ascending)

    def tails_of(self, at: Ints) -> Floats:
        """Shaped (buckets + 1, lanes)."""
        return (
            self._tails[at].T if len(self._tails) > 1 else np.broadcast_to(self._tails.T, (self._tails.size, len(at)))
        )

    def draw(self, at: Ints) -> Ints:
        """The times of the requests that wait: how many those are, and how many lie beyond each cut."""
        found = np.zeros((len(self.pool), len(at)), np.int64)
        found[0] = self.waiting.take(at)
        for row, chance in enumerate(self._chances):
            found[row + 1] = self._rng.binomial(found[row], chance.take(at))
        self.pool[:, at] += found
        self.waiting[at] = 0
        return found

    def look(self, at: Ints) -> tuple[Floats, Floats]:
        """Requests, and those beyond each cut as it was asked."""
        pool = self.pool.take(at, axis=1).astype(np.float64)
        return pool[0], np.take_along_axis(pool[1:], self._ranks.take(at, axis=1), axis=0)

    def _given(self, at: Ints, cuts: Ints) -> Floats:
        beyond = self.tails_of(at)[cuts, np.arange(len(at))]
        before = np.concatenate([np.ones((1, len(at))), beyond])[:-1]
        given: Floats = np.divide(beyond, before, out=np.zeros(beyond.shape), where=before > 0)
        return given

"""Why gauges have a limit and no e-process: a ranked one, valid for independent values, on values that are not."""

from __future__ import annotations

from itertools import combinations
from math import comb, exp, log, sqrt
from random import Random

import pytest

BLOCK = 4  # values of each arm in one block
BETS = (0.1, 0.2, 0.4, 0.8)
BLOCKS = 150  # an hour of values every six seconds
ALPHA = 0.01


def null_distribution() -> list[float]:
    """How likely each Mann-Whitney U of a block is when both arms are alike: every order of the values is equally likely."""
    found = [0.0] * (BLOCK * BLOCK + 1)
    for places in combinations(range(2 * BLOCK), BLOCK):
        u = sum(place - n for n, place in enumerate(places))
        found[u] += 1 / comb(2 * BLOCK, BLOCK)
    return found


NULL = null_distribution()
NORMS = {bet: sum(p * exp(bet * u) for u, p in enumerate(NULL)) for bet in BETS}


def is_convicted(candidate: list[float], stable: list[float]) -> bool:
    """Whether the mean of the products of exp(bet * U) / E[exp(bet * U)] over blocks ever reaches 1/alpha."""
    logs = dict.fromkeys(BETS, 0.0)
    for start in range(0, len(candidate), BLOCK):
        mine, others = candidate[start : start + BLOCK], stable[start : start + BLOCK]
        u = sum(x > y for x in mine for y in others)
        for bet in BETS:
            logs[bet] += bet * u - log(NORMS[bet])
        if sum(map(exp, logs.values())) / len(BETS) >= 1 / ALPHA:
            return True
    return False


def wandering(random: Random, memory: float) -> list[float]:
    """A gauge of mean 0 and sd 1 in which each value keeps the share `memory` of the one before (AR(1))."""
    value, found = random.gauss(), []
    for _ in range(BLOCKS * BLOCK):
        value = memory * value + sqrt(1 - memory * memory) * random.gauss()
        found.append(value)
    return found


def false_alarms(memory: float, releases: int) -> float:
    random = Random(5)
    pairs = ((wandering(random, memory), wandering(random, memory)) for _ in range(releases))
    return sum(is_convicted(*pair) for pair in pairs) / releases


def test_every_bet_is_fair() -> None:
    """A block's factor has mean 1 when both arms are alike: the e-process is right about independent values."""
    for bet in BETS:
        assert 1.0 == pytest.approx(sum(p * exp(bet * u) for u, p in enumerate(NULL)) / NORMS[bet])
    assert 1.0 == pytest.approx(sum(NULL))


def test_independent_values_keep_the_promise() -> None:
    """With independent values it convicts at most 1 % of identical candidates (and a chance of the draw)."""
    assert ALPHA + 3 * sqrt(ALPHA / 300) >= false_alarms(0.0, 300)


def test_a_gauge_does_not() -> None:
    """With values as near to each other as those of memory, most of the identical candidates are convicted."""
    assert 0.5 <= false_alarms(0.98, 150)


def test_one_draw_is_one_draw() -> None:
    """Two levels that never move are one comparison: no fair bet on who is higher pays more than 2 to 1, and 100 is asked."""
    assert 2 == comb(2, 1)  # the largest e-value of one instance against one: all of it on one of two equal orders
    assert 1 / ALPHA > comb(1 + 4, 1)  # one instance against four: five to one
    assert 1 / ALPHA <= comb(5 + 4, 5)  # five against four could convict, if nothing but the revision told them apart

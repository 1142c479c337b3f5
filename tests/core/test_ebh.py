"""Which of several e-values stand out: few of them falsely, and never fewer for more evidence."""

from __future__ import annotations

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from penstock.core.ebh import standing_out
from penstock.core.report_evidence import Channel, standouts
from penstock.core.verdict import Counts

E_VALUES = st.dictionaries(st.text("abcdef", min_size=1, max_size=3), st.floats(0, 1e6), min_size=1, max_size=12)
LEVELS = st.sampled_from([0.01, 0.05, 0.2])


@given(E_VALUES, LEVELS)
def test_it_is_the_procedure_as_it_is_written_down(e_values: dict[str, float], alpha: float) -> None:
    """The k largest, k the largest number with e_(k) >= m/(k*alpha)."""
    ranked, m = sorted(e_values.values(), reverse=True), len(e_values)
    k = max([k for k in range(1, m + 1) if ranked[k - 1] >= m / (k * alpha) * (1 + 1e-12)], default=0)
    found = standing_out(e_values, alpha)
    assert sorted((e_values[name] for name in found), reverse=True)[:k] == ranked[:k]
    assert all(e_values[name] * len(found) * alpha >= m for name in found)
    assert found == tuple(sorted(found, key=lambda name: -e_values[name]))


@given(E_VALUES, LEVELS, st.data())
def test_more_evidence_takes_nothing_back(e_values: dict[str, float], alpha: float, data: st.DataObject) -> None:
    """With one e-value larger, or a higher rate of false discoveries, all that stood out still does."""
    name = data.draw(st.sampled_from(sorted(e_values)))
    more = {**e_values, name: e_values[name] * data.draw(st.floats(1, 100))}
    before = set(standing_out(e_values, alpha))
    assert before <= set(standing_out(more, alpha))
    assert before <= set(standing_out(e_values, min(1.0, alpha * 2)))


def bet(random: Random, share: float, claim: float, odds: float, draws: int) -> float:
    """Winnings of a likelihood ratio against `share <= claim` after so many draws: an e-value while that is true."""
    worse, money = odds * claim, 1.0
    for _ in range(draws):
        money *= worse / claim if random.random() < share else (1 - worse) / (1 - claim)
    return money


def false_share(seed: int, alpha: float, *, shared: bool) -> float:
    """Of what stands out among six claims, four of them true, the share that is; the true ones alike, or all one luck."""
    random, luck = Random(seed), Random(f"{seed} luck")
    state = luck.getstate()
    e_values = {}
    for name in "abcd":
        luck.setstate(state) if shared else None
        e_values[name] = bet(luck, 0.05, 0.05, 4.0, 60)
    e_values |= {name: bet(random, 0.2, 0.05, 4.0, 60) for name in "ef"}
    found = standing_out(e_values, alpha)
    return sum(name in "abcd" for name in found) / max(1, len(found))


def test_few_of_those_that_stand_out_do_so_falsely() -> None:
    """The mean share of false ones stays below alpha*4/6, with the true claims apart, or all of one luck."""
    for shared in (False, True):
        shares = [false_share(seed, 0.2, shared=shared) for seed in range(1500)]
        assert 0.2 * 4 / 6 >= sum(shares) / len(shares)
        assert any(shares), "nothing was ever at stake"


def test_one_channel_stands_out_of_nothing() -> None:
    """Among several channels that were judged alone something can stand out."""
    counts = Counts(100, 50)
    errors, slow = Channel("errors", "failed", counts, counts, 1e6), Channel("p99", "slower", counts, counts, 2.0)
    assert standouts([errors]) is None
    assert standouts([errors, Channel("p99", "slower", Counts(), Counts(), 1.0)]) is None
    assert ("errors",) == standouts([errors, slow])
    assert () == standouts([slow, slow.__class__("p50", "slower", counts, counts, 3.0)])

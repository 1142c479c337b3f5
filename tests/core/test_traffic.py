"""The schedule of synthetic requests: paced, and the same for both arms."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from penstock.core.target import Reach
from penstock.core.traffic import arm, due_s, nth

rates = st.floats(0.5, 100)
seeds = st.integers(0, 1000)


@given(rates, seeds, st.integers(0, 2000))
def test_never_more_than_its_rate(rps: float, seed: int, number: int) -> None:
    """When a request is due, no more than rps*t + 1 were due, it included; and none waits for longer than its slot."""
    t = due_s(number, rps, seed)

    assert number + 1 <= rps * t + 1 + 1e-9
    assert t <= (number + 1) / rps


@given(rates, seeds)
def test_requests_come_one_after_the_other(rps: float, seed: int) -> None:
    """No request is due before the one that was before it."""
    times = [due_s(number, rps, seed) for number in range(300)]

    assert sorted(times) == times


@given(seeds, st.integers(1, 7), st.integers(0, 400))
def test_both_arms_are_asked_the_same(seed: int, paths: int, sent: int) -> None:
    """However many were sent, both arms were sent the same number of them, within one: in all, and of each path."""
    asks = [("GET", f"/{n}") for n in range(paths)]
    found = Counter(nth(number, asks, seed) for number in range(sent))

    totals = [sum(count for (arm, _), count in found.items() if arm == one) for one in (0, 1)]
    assert 1 >= abs(totals[0] - totals[1])
    for ask in asks:
        assert 1 >= abs(found[0, ask] - found[1, ask])


def test_chance_says_who_is_first() -> None:
    """Neither arm always meets the caches that the other has warmed."""
    first = Counter(nth(2 * pair, [("GET", "/")], 7)[0] for pair in range(1000))

    assert 400 < first[0] < 600


def test_the_seed_is_all_the_chance_there_is() -> None:
    """The same seed is the same schedule; another is another."""
    one, same, other = ([(due_s(n, 5, seed), nth(n, [("GET", "/")], seed)) for n in range(50)] for seed in (1, 1, 2))

    assert one == same
    assert one != other


def test_an_arm_is_reached_by_the_units_own_door() -> None:
    """The target's address, marked as synthetic; what leads by preview is left out."""
    marked = {"x-penstock-arm": "r2", "x-penstock-synthetic": "t0ken"}
    found = arm(Reach("http://127.0.0.1:8080", {"x-penstock-preview": "r2"}, marked))

    assert Reach("http://127.0.0.1:8080", marked) == found
    assert None is arm(Reach("http://127.0.0.1:8080", {"x-penstock-preview": "r2"}))

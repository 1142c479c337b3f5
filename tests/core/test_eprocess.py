"""The bets are fair: exact means over binomials, the published numbers, and what makes them robust."""

from __future__ import annotations

from math import comb, exp, inf, lgamma, log, log1p

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.core.eprocess import (
    AT_ONCE,
    CAP,
    Counts,
    Margin,
    Starts,
    begin,
    bets_against,
    bets_for,
    evenly,
    grow,
    growth_optimal,
    guess,
    log_factors,
    tempered,
    value,
)

RATIOS = (1.5, 2.0, 3.0, 5.0, 10.0, 30.0)
SIX = evenly(*RATIOS)


def log_factor(candidate: Counts, stable: Counts, a: float, margin: Margin) -> float:
    """The factor of a single bet."""
    return log_factors(candidate, stable, (a,), margin)[0]


rates = st.floats(1e-5, 0.6)
sizes = st.integers(1, 25)


def probability(n: int, k: int, p: float) -> float:
    """Binomial, exact enough for a thousand requests."""
    if p in (0.0, 1.0):
        return float(k == n * p)
    ways = lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1)
    return exp(ways + k * log(p) + (n - k) * log1p(-p))


def mean(n_c: int, n_b: int, p_c: float, p_b: float, a: float, margin: Margin) -> float:
    """E[e] over both binomials; the factor is a product of a candidate's and a stable's part."""
    none = log_factor(Counts(n_c, 0), Counts(n_b, 0), a, margin)
    candidate = sum(
        probability(n_c, k, p_c) * exp(log_factor(Counts(n_c, k), Counts(n_b, 0), a, margin)) for k in range(n_c + 1)
    )
    stable = sum(
        probability(n_b, k, p_b) * exp(log_factor(Counts(n_c, 0), Counts(n_b, k), a, margin) - none)
        for k in range(n_b + 1)
    )
    return candidate * stable


def capped_mean(n_c: int, n_b: int, p_c: float, p_b: float, a: float, margin: Margin, phi: float) -> float:
    """E[tempered e], the double sum."""
    total = 0.0
    for k_c in range(n_c + 1):
        for k_b in range(n_b + 1):
            factor = log_factor(Counts(n_c, k_c), Counts(n_b, k_b), a, margin)
            total += probability(n_c, k_c, p_c) * probability(n_b, k_b, p_b) * exp(tempered([factor], phi)[0])
    return total


def b_of(a: float, split: float, rho: float) -> float:
    return 1 - rho * split * (a - 1)


@pytest.mark.parametrize(("x", "a", "b"), [(2, 1.904762, 0.952381), (5, 4.166667, 0.833333), (10, 6.896552, 0.689655)])
def test_growth_optimal_bet_without_margin(x: float, a: float, b: float) -> None:
    """Against equality the best bet is the binomial likelihood ratio, whatever stable's error rate."""
    bet = growth_optimal(x * 0.001, 0.001, 50 / 950, Margin(1, 0))
    assert (a, b) == pytest.approx((bet, b_of(bet, 50 / 950, 1)), abs=1e-6)


@pytest.mark.parametrize(
    ("n_c", "n_b", "p_b", "rho", "delta", "a", "b", "expected"),
    [
        (50, 950, 0.001, 1, 0, 4.166667, 0.833333, 0.999737),
        (50, 950, 0.1, 1, 0, 4.166667, 0.833333, 0.109525),
        (250, 750, 0.01, 1.5, 0, 2.142857, 0.428571, 0.952551),
        (50, 950, 0.01, 1, 0.005, 4.371352, 0.822560, 0.938611),
    ],
)
def test_mean_at_the_edge(
    n_c: int, n_b: int, p_b: float, rho: float, delta: float, a: float, b: float, expected: float
) -> None:
    """The bet on five times the edge, and its exact mean at the edge of the claim."""
    margin = Margin(rho, delta)
    (bet,) = bets_against(p_b, n_c / n_b, margin, [5])
    assert (a, b) == pytest.approx((bet, b_of(bet, n_c / n_b, rho)), abs=1e-6)
    assert expected == pytest.approx(mean(n_c, n_b, margin.edge(p_b), p_b, bet, margin), abs=1e-6)


@pytest.mark.parametrize(
    ("n_c", "n_b", "p_b", "rho", "delta", "a", "b", "expected"),
    [
        (50, 950, 0.001, 2, 0.005, 0.146304, 1.089863, 0.999100),
        (50, 950, 0.01, 2, 0, 0.525, 1.05, 0.997613),
        (500, 500, 0.01, 1, 0.01, 0.585786, 1.414214, 0.978700),
    ],
)
def test_acceptance_mean_at_the_edge(
    n_c: int, n_b: int, p_b: float, rho: float, delta: float, a: float, b: float, expected: float
) -> None:
    """The acceptance bet on a candidate as good as stable, and its exact mean when it is just too bad."""
    margin = Margin(rho, delta)
    (bet,) = bets_for(p_b, n_c / n_b, margin, [1])
    assert (a, b) == pytest.approx((bet, b_of(bet, n_c / n_b, rho)), abs=1e-6)
    assert expected == pytest.approx(mean(n_c, n_b, margin.edge(p_b), p_b, bet, margin), abs=1e-6)


def test_acceptance_mean_twice_too_bad() -> None:
    """A candidate twice as bad as the edge loses its acceptance bet faster."""
    margin = Margin(2, 0.005)
    (bet,) = bets_for(0.001, 50 / 950, margin, [1])
    assert mean(50, 950, 2 * margin.edge(0.001), 0.001, bet, margin) == pytest.approx(0.739044, abs=1e-6)


@pytest.mark.parametrize(
    ("errors", "expected"),
    [
        ((3, 10), 5.74),
        ((5, 10), 116.12),
        ((6, 10), 682.03),
        ((8, 20), 990.47),
        ((20, 190), 10.49),
        ((10, 190), 0.08),
    ],
)
def test_mixture_of_six_ratios(errors: tuple[int, int], expected: float) -> None:
    """What (candidate, stable) errors are worth at a split of 5 to 95, as a mean over the six ratios."""
    margin = Margin(1, 0)
    bets = bets_against(0.001, 5 / 95, margin, RATIOS)
    factors = log_factors(Counts(5, errors[0]), Counts(95, errors[1]), bets, margin)
    assert expected == pytest.approx(value(grow(begin(SIX), SIX, AT_ONCE, 0, factors)), abs=0.005)


def test_known_number_of_errors() -> None:
    """Given 12 errors the mean is 1 if they fall by coin, and less if drawn without replacement."""
    a = growth_optimal(0.005, 0.001, 50 / 950, Margin(1, 0))
    pays = [exp(log_factor(Counts(50, k), Counts(950, 12 - k), a, Margin(1, 0))) for k in range(13)]
    by_coin = sum(probability(12, k, 0.05) * pays[k] for k in range(13))
    drawn = sum(comb(50, k) * comb(950, 12 - k) / comb(1000, 12) * pays[k] for k in range(13))
    assert (1.0, 0.966217) == pytest.approx((by_coin, drawn), abs=1e-6)


@settings(max_examples=200, deadline=None)
@given(sizes, sizes, rates, rates, st.floats(1, 3), st.floats(0, 0.1), st.sampled_from(RATIOS), st.floats(0, 1))
def test_a_bet_against_a_good_candidate_is_fair(
    n_c: int, n_b: int, p_b: float, believed: float, rho: float, delta: float, x: float, inside: float
) -> None:
    """E[e] <= 1 wherever pC <= rho*pB + delta, whatever stable's rate is believed to be."""
    margin = Margin(rho, delta)
    (bet,) = bets_against(believed, n_c / n_b, margin, [x])
    assert mean(n_c, n_b, min(1.0, margin.edge(p_b)) * inside, p_b, bet, margin) <= 1 + 1e-9


@settings(max_examples=200, deadline=None)
@given(
    sizes,
    sizes,
    rates,
    rates,
    st.floats(1, 3),
    st.floats(0, 0.1),
    st.sampled_from((0.5, 1, 1.3)),
    st.floats(1, 9),
)
def test_a_bet_for_a_bad_candidate_is_fair(
    n_c: int, n_b: int, p_b: float, believed: float, rho: float, delta: float, x: float, worse: float
) -> None:
    """E[e] <= 1 wherever pC >= rho*pB + delta, whatever stable's rate is believed to be."""
    margin = Margin(rho, delta)
    p_c = margin.edge(p_b) * worse
    (bet,) = bets_for(believed, n_c / n_b, margin, [x])
    if p_c <= 1:
        assert mean(n_c, n_b, p_c, p_b, bet, margin) <= 1 + 1e-9


@settings(max_examples=100, deadline=None)
@given(sizes, st.floats(0.001, 0.3), st.floats(0, 1), st.sampled_from(RATIOS))
def test_a_bet_against_an_absolute_limit_is_fair(n_c: int, limit: float, inside: float, x: float) -> None:
    """E[e] <= 1 wherever pC <= limit, with no stable arm at all."""
    margin = Margin(0, limit)
    (bet,) = bets_against(0.0, 0.0, margin, [x])
    pays = [
        probability(n_c, k, limit * inside) * exp(log_factor(Counts(n_c, k), Counts(), bet, margin))
        for k in range(n_c + 1)
    ]
    assert sum(pays) <= 1 + 1e-9


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 12), st.integers(1, 12), rates, st.floats(1, 3), st.sampled_from(RATIOS), st.floats(1, 7))
def test_cap_and_dispersion_keep_bets_fair(n_c: int, n_b: int, p_b: float, rho: float, x: float, phi: float) -> None:
    """The power 1/phi and the cap never raise the mean above 1."""
    margin = Margin(rho, 0.001)
    (bet,) = bets_against(p_b, n_c / n_b, margin, [x])
    assert capped_mean(n_c, n_b, min(1.0, margin.edge(p_b)), p_b, bet, margin, phi) <= 1 + 1e-9


def test_cap_bounds_what_one_window_wins_not_what_it_loses() -> None:
    """One burst multiplies evidence by at most e^2.5; losses stay whole."""
    assert [CAP, 1.5, -40.0] == tempered([30.0, 3.0, -80.0], dispersion=2)


@settings(max_examples=200, deadline=None)
@given(st.floats(1e-6, 1), st.floats(1e-6, 1), st.floats(1e-4, 1e4), st.floats(0.5, 5), st.floats(0, 0.3))
def test_a_bet_can_always_be_paid(p_c: float, p_b: float, split: float, rho: float, delta: float) -> None:
    """The growth-optimal bet keeps a and b above 0, so no loss is infinite."""
    a = growth_optimal(p_c, p_b, split, Margin(rho, delta))
    assert a > 0
    assert b_of(a, split, rho) > 0


@settings(max_examples=100, deadline=None)
@given(st.floats(1e-4, 0.1), st.floats(0.02, 5), st.floats(1, 2), st.floats(0, 0.01), st.sampled_from(RATIOS))
def test_growth_optimal_bet_grows_fastest(p_b: float, split: float, rho: float, delta: float, x: float) -> None:
    """No neighbour of the bet has a higher expected log factor under its alternative (Poisson)."""
    margin = Margin(rho, delta)
    p_c = min(1.0, x * margin.edge(p_b))
    best = growth_optimal(p_c, p_b, split, margin)

    def growth(a: float) -> float:
        b = b_of(a, split, rho)
        return split * (p_c * log(a) - delta * (a - 1)) + p_b * log(b) if b > 0 else -inf

    for near in (0.99, 1.01):
        assert growth(1 + (best - 1) * near) <= growth(best) + 1e-12


def test_a_silent_arm_is_no_evidence() -> None:
    """Where the margin compares, a window without requests on one arm is worth exactly nothing."""
    assert log_factor(Counts(9, 9), Counts(), 3, Margin(1, 0.1)) == 0
    assert log_factor(Counts(), Counts(9, 9), 3, Margin(1, 0.1)) == 0


def test_guess_is_of_the_past() -> None:
    """Before anything is known the guess is one in a thousand; then it is nearly the rate seen."""
    assert guess(Counts()) == 0.001
    assert guess(Counts(99_500, 999)) == pytest.approx(0.009995)


@pytest.mark.parametrize("horizon_s", [0.0, 30.0, 60.0, 3600.0])
def test_weights_never_exceed_one(horizon_s: float) -> None:
    """Where every bet pays back its stake, the value stays where it began, beyond the horizon too."""
    starts = Starts(horizon_s=horizon_s)
    process = begin(SIX, starts)
    assert value(process, starts) == pytest.approx(1)
    for minute in range(100):
        process = grow(process, SIX, starts, minute * 60.0, [0.0] * 6)
        assert value(process, starts) == pytest.approx(1, abs=1e-9)
    assert starts.later == process.started


def test_a_later_start_finds_what_begins_late() -> None:
    """After an hour of losing, later starts recover at once; without them the loss is to be won back."""
    lost, won = [-0.02] * 6, [1.0] * 6
    several, single = Starts(), AT_ONCE
    late, once = begin(SIX, several), begin(SIX, single)
    for second in range(3620):
        factors = lost if second < 3600 else won
        late, once = grow(late, SIX, several, second, factors), grow(once, SIX, single, second, factors)
    assert value(late, several) > 100 > 1 > value(once, single)

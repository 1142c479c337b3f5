"""Peers' canary judgements: their rules one by one, and what they do to the traffic that the reference measured them on."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from penstock.simulation.peers import (
    DOCUMENTED,
    NEVER,
    BurnRate,
    ErrorAlarm,
    FailedChecks,
    Kayenta,
    Peeking,
    PeerPolicy,
    SuccessRate,
    Traces,
    Window,
    tuned_windows,
)
from penstock.simulation.peers.kayenta import is_high, shift

Cell = tuple[float, float, float]  # requests/s, the candidate's weight, error rate

CELLS: tuple[Cell, ...] = tuple(
    (rps, weight, base) for rps in (1, 10, 100, 1000) for weight in (0.01, 0.05, 0.25) for base in (1e-4, 1e-3, 1e-2)
)
WINDOWS = tuple(
    Window(span, of, limit, early=early)
    for span, of, limit, early in (
        (300, "candidate", 0.02, False),
        (300, "difference", 0.01, True),
        (900, "score", 3.0, True),
        (60, "score", 3.0, False),
    )
)
EVERY: tuple[PeerPolicy, ...] = (*DOCUMENTED, *WINDOWS, SuccessRate(silence_fails=True))
NAN = float("nan")


def made(cell: Cell, runs: int, *, worse: float = 1.0, hours: float = 3, step_s: int = 60, seed: int = 1) -> Traces:
    """Poisson traffic; the candidate's error rate is `worse` times stable's."""
    rps, weight, base = cell
    chance, shape = (
        np.random.default_rng([seed, *(int(1e6 * part) for part in (*cell, worse))]),
        (runs, int(hours * 3600) // step_s),
    )
    arms = []
    for rate, wrong in ((rps * weight * step_s, base * worse), (rps * (1 - weight) * step_s, base)):
        errors = chance.poisson(rate * wrong, shape)
        arms += [errors + chance.poisson(rate * (1 - wrong), shape), errors]
    return Traces(*arms, step_s=step_s)


def minutes(requests: list[int], errors: list[int], p99_ms: list[float] | None = None) -> Traces:
    """One release, a number a minute; stable has a thousand requests and one error in each."""
    n_c, k_c = np.array([requests]), np.array([errors])
    p99 = None if p99_ms is None else np.array([p99_ms])
    return Traces(n_c, k_c, np.full_like(n_c, 1000), np.ones_like(n_c), p99, p99, step_s=60)


def at(policy: PeerPolicy, traces: Traces) -> int:
    """When the only release is rolled back."""
    (second,) = policy.rolled_back_at(traces).tolist()
    return second


# --- the rules, one by one


def test_argo_counts_failed_measurements_in_a_row_or_not() -> None:
    """The fourth measurement under 95 % aborts, whatever lay between; 95 % itself is no failure."""
    bad, good, edge = [60] * 5, [0] * 5, [5] * 5
    assert 2100 == at(SuccessRate(), minutes([100] * 35, bad + good + bad + edge + bad + good + bad))
    assert NEVER == at(SuccessRate(), minutes([100] * 30, bad + good + bad + edge + bad + good))


def test_argo_takes_silence_for_an_error_and_five_of_them_abort() -> None:
    """A measurement without requests is none of the failures unless the query says NaN; the fifth in a row aborts."""
    silent, spoken = [0] * 5, [100] * 5
    assert 1500 == at(SuccessRate(), minutes(silent * 5, [0] * 25))
    assert NEVER == at(SuccessRate(), minutes(silent * 4 + spoken + silent * 4, [0] * 45))
    assert 1200 == at(SuccessRate(silence_fails=True), minutes(silent * 5, [0] * 25))


def test_flagger_never_forgets_a_failed_check() -> None:
    """Ten failed checks roll back however far apart; a silent minute is one of them, slow and failing at once is one."""
    nine = [100, 1000] * 9
    assert 19 * 60 == at(FailedChecks(), minutes([*nine, 0], [2, 0] * 9 + [0]))
    assert NEVER == at(FailedChecks(), minutes([*nine, 100], [2, 0] * 9 + [1]))
    assert 600 == at(FailedChecks(), minutes([100] * 12, [2] * 12, [501.0] * 12))
    assert 720 == at(FailedChecks(), minutes([100] * 12, [0] * 12, [500.0] * 2 + [501.0] * 9 + [NAN]))


def test_the_sample_alarm_wants_two_minutes_in_a_row() -> None:
    """One error in each of two minutes side by side sets it off; every other minute does not."""
    assert 300 == at(ErrorAlarm(), minutes([10**6] * 5, [1, 0, 0, 1, 1]))
    assert NEVER == at(ErrorAlarm(), minutes([1] * 6, [1, 0] * 3))


def test_a_burn_rate_wants_both_windows() -> None:
    """A burst that the short window has forgotten pages nobody; one that lasts does, as soon as the long window agrees."""
    fast = BurnRate(rules=((14.4, 3600, 300),))
    assert 60 == at(fast, minutes([1000] * 60, [15] * 60))
    assert NEVER == at(fast, minutes([1000] * 60, [14] * 60))
    assert 54 * 60 == at(fast, minutes([1000] * 60, [0] * 50 + [200] * 10))
    assert NEVER == at(fast, minutes([0] + [1000] * 9, [0] * 10))


def test_a_peeking_test_is_the_textbook_test_at_each_look() -> None:
    """It stops at the first second at which z of everything so far is over its quantile: recomputed look by look."""
    traces = made((20, 0.25, 0.01), 70, worse=2, hours=0.1, step_s=1)
    arms = [np.cumsum(counts, axis=1) for counts in (traces.n_c, traces.k_c, traces.n_b, traces.k_b)]
    expected = []
    for run in range(traces.runs):
        found = NEVER
        for look, (n_c, k_c, n_b, k_b) in enumerate(zip(*(arm[run].tolist() for arm in arms), strict=True)):
            pooled = (k_c + k_b) / max(1, n_c + n_b)
            if n_c and n_b and 0 < pooled < 1:
                z = (k_c / n_c - k_b / n_b) / (pooled * (1 - pooled) * (1 / n_c + 1 / n_b)) ** 0.5
                if z > NormalDist().inv_cdf(0.99):
                    found = look + 1
                    break
        expected.append(found)
    assert 20 < sum(second != NEVER for second in expected) < 70
    assert expected == Peeking().rolled_back_at(traces).tolist()


def test_a_peeking_test_spares_who_is_better() -> None:
    """Significantly fewer errors roll nothing back."""
    assert NEVER == at(Peeking(), minutes([1000] * 60, [0] * 60))


def test_a_window_waits_until_it_is_full_or_not() -> None:
    """What the last minutes say, and nothing before them; a score is the textbook z of the window."""
    bad = minutes([1000] * 8, [0, 0, 0, 0, 50, 50, 0, 0])
    assert 360 == at(Window(300, limit=0.015), bad)
    assert 300 == at(Window(60, "difference", limit=0.048), bad)
    assert NEVER == at(Window(60, "difference", limit=0.049), bad)
    always = minutes([1000] * 8, [50] * 8)
    assert 300 == at(Window(300, limit=0.04), always)
    assert 60 == at(Window(300, limit=0.04, early=True), always)
    z = 0.049 / (0.0255 * 0.9745 * (2 / 1000)) ** 0.5
    assert 60 == at(Window(60, "score", limit=z - 1e-9), always)
    assert NEVER == at(Window(60, "score", limit=z + 1e-9), always)


# --- Kayenta


@pytest.mark.parametrize(
    ("experiment", "control", "confidence", "expected"),
    [
        # R's wilcox.test(exact=FALSE, conf.int=TRUE), which is also what Kayenta's own tests quote
        ([10, 20, 30, 40], [1, 2, 3, 4], 0.95, (6, 22.5, 39)),
        # p-values of scipy.stats.mannwhitneyu(x - mu, y, method="asymptotic") beside the bounds:
        # 0.0091 and 0.0320 below and above mu = 0; 0.0238 and 0.0175 below and above mu = 3
        ([0.9, 1.4, 2.0, 2.0, 2.2, 3.1, 3.3, 4.8], [0.1, 0.4, 0.9, 0.9, 1.3, 1.7, 2.0], 0.98, (0, 1.3, 3.0)),
    ],
)
def test_the_interval_is_the_published_one(
    experiment: list[float], control: list[float], confidence: float, expected: tuple[float, float, float]
) -> None:
    """Bounds and estimate agree with R and scipy."""
    found = shift(np.array(experiment, dtype=float), np.array(control, dtype=float), confidence)
    assert expected == pytest.approx((found.low, found.estimate, found.high))


SAMPLES = st.lists(st.integers(0, 12), min_size=3, max_size=15)


def rank_z(experiment: list[float], control: list[float]) -> float:
    """The rank sum's z, corrected for ties and continuity, pair by pair from its definition."""
    wins = sum((x > y) + (x == y) / 2 for x in experiment for y in control)
    every, x, y = experiment + control, len(experiment), len(control)
    ties = sum(every.count(value) ** 3 - every.count(value) for value in set(every))
    sigma = (x * y / 12 * (x + y + 1 - ties / ((x + y) * (x + y - 1)))) ** 0.5
    excess = wins - x * y / 2
    return (excess - 0.5 * np.sign(excess)) / sigma


@settings(max_examples=150, deadline=None)
@given(SAMPLES, SAMPLES)
def test_the_interval_is_what_the_test_does_not_reject(experiment: list[int], control: list[int]) -> None:
    """Shifted to just inside a bound the samples do not differ at 2 %, to just outside they do, if there is an outside."""
    found = shift(np.array(experiment, dtype=float), np.array(control, dtype=float))
    z, differences = NormalDist().inv_cdf(0.99), [x - y for x in experiment for y in control]

    def shifted(mu: float) -> float:
        return rank_z([x - mu for x in experiment], [float(y) for y in control])

    if min(differences) < found.low:
        assert shifted(found.low - 0.25) > z
    if found.low < found.high:
        assert z >= shifted(found.low + 0.25)
        assert -z <= shifted(found.high - 0.25)
    assert float(np.median(differences)) == found.estimate


@settings(max_examples=200, deadline=None)
@given(SAMPLES, SAMPLES)
@example([6, 7, 6, 4, 6], [4, 3, 3, 2, 2])  # the lower bound is the very first difference above zero
@example([5] * 10, [4] * 9 + [100])  # the ranks are higher, the mean is not
def test_the_short_way_to_high_is_the_long_one(experiment: list[int], control: list[int]) -> None:
    """High is: lower bound over a quarter of the estimate, and a mean that is no lower; nothing is lost by looking early."""
    c, b = np.array(experiment, dtype=float), np.array(control, dtype=float)
    seen = shift(c, b)
    assert is_high(c, b, 0.25, 0.98) == (seen.low > 0.25 * abs(seen.estimate) and not 0 < c.mean() < b.mean())


def test_kayenta_looks_at_its_intervals_and_takes_an_empty_arm_for_a_failure() -> None:
    """A clear regression waits for the end of the interval; no request at all fails there; one that is no worse never does."""
    assert 3600 == at(Kayenta(), minutes([1000] * 180, [9, 11, 12] * 60))
    assert 600 == at(Kayenta(interval_s=600), minutes([1000] * 180, [9, 11, 12] * 60))
    assert 600 == at(Kayenta(interval_s=600), minutes([0] * 20, [0] * 20))
    assert NEVER == at(Kayenta(interval_s=600), minutes([1000] * 180, [1] * 180))
    assert NEVER == at(Kayenta(), minutes([1000] * 59, [500] * 59))


def test_kayenta_judges_latency_where_there_is_some() -> None:
    """Error rates that are alike and 99th percentiles that are not: High all the same, by however little."""
    n, p99 = np.full((1, 60), 1000), np.tile([[400.0, 404.0, 408.0]], 20)
    alike = n // 1000
    assert 3600 == at(Kayenta(), Traces(n, alike, n, alike, p99 * 1.08, p99, step_s=60))
    assert NEVER == at(Kayenta(), Traces(n, alike, n, alike, p99, p99 * 1.08, step_s=60))
    assert 3600 == at(Kayenta(), Traces(n, alike, n, alike, p99 * NAN, p99, step_s=60))  # half of the metrics: no data


def test_a_fresh_baseline_is_of_the_same_size() -> None:
    """Where stable has as many requests as the candidate all of them are drawn; of a larger stable the rate stays."""
    even = made((4, 0.5, 0.05), 30, worse=1.15)
    alike = Traces(even.n_c, even.k_c, even.n_c, np.minimum(even.k_b, even.n_c), step_s=60)
    answers = Kayenta().rolled_back_at(alike)
    assert 0 < (answers != NEVER).sum() < 30
    assert answers.tolist() == Kayenta(fresh_baseline=True).rolled_back_at(alike).tolist()
    whole = made((100, 0.05, 0.01), 60, worse=1.3)
    hour = Traces(*(counts[:, :60] for counts in (whole.n_c, whole.k_c, whole.n_b, whole.k_b)), step_s=60)
    early = Kayenta(fresh_baseline=True).rolled_back_at(whole) == 3600
    assert 0 < early.sum() < 60
    assert early.tolist() == (Kayenta(fresh_baseline=True).rolled_back_at(hour) == 3600).tolist()
    better = made((1000, 0.05, 0.001), 10, worse=3)
    assert [3600] * 10 == Kayenta(fresh_baseline=True).rolled_back_at(better).tolist()
    assert [NEVER] * 10 == Kayenta(fresh_baseline=True).rolled_back_at(made((1000, 0.05, 0.001), 10)).tolist()


# --- all of them


@pytest.mark.parametrize("policy", EVERY, ids=lambda policy: policy.name)
def test_no_policy_sees_the_future(policy: PeerPolicy) -> None:
    """Cut short, a trace gives the same answers up to the cut, and none after it."""
    whole = made((10, 0.25, 0.01), 20, worse=2.5, step_s=10)
    answers = policy.rolled_back_at(whole)
    for cut_s in (50, 600, 3590, 7200):
        counts = (each[:, : cut_s // 10] for each in (whole.n_c, whole.k_c, whole.n_b, whole.k_b))
        expected = np.where((answers != NEVER) & (answers <= cut_s), answers, NEVER)
        assert expected.tolist() == policy.rolled_back_at(Traces(*counts, step_s=10)).tolist()


@pytest.mark.parametrize("policy", EVERY, ids=lambda policy: policy.name)
def test_every_policy_says_what_it_is(policy: PeerPolicy) -> None:
    """A name of its own, the rule in words, and where the rule is from."""
    assert policy.described
    assert policy.source
    assert len(DOCUMENTED) == len({each.name for each in DOCUMENTED})


@pytest.mark.parametrize("early", [False, True])
def test_an_oracle_spends_the_false_rollbacks_that_it_may(early: bool) -> None:
    """On the good releases it was tuned on: at most the share, and any lower limit is over it."""
    good = made((100, 0.05, 0.001), 200)
    for window in tuned_windows(good, 0.02, early=early):
        hits = int((window.rolled_back_at(good) != NEVER).sum())
        assert 4 >= hits
        lower = Window(window.span_s, window.of, window.limit - 1e-9, early=early)
        assert 4 < (lower.rolled_back_at(good) != NEVER).sum()


def test_shapes_that_disagree_are_refused() -> None:
    """Counts of another shape, quantiles that are not minutes, spans that are no whole columns: ValueError."""
    n = np.ones((2, 120), dtype=np.int64)
    for build in (
        lambda: Traces(n, n, n, n[:, 1:]),
        lambda: Traces(n[0], n[0], n[0], n[0]),
        lambda: Traces(n, n, n, n, np.ones((2, 3))),
        lambda: Traces(n, n, n, n, step_s=7).minutes,
    ):
        with pytest.raises(ValueError, match=r"shaped|whole columns"):
            build()


# --- what the reference measured: 36 cells of three hours, same version on both arms, 80 releases a cell

RUNS = 24


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        (SuccessRate(), 0.020),
        (SuccessRate(at_least=0.99, failure_limit=0), 0.405),
        (FailedChecks(), 0.418),
        (ErrorAlarm(), 0.548),
        (BurnRate(), 0.359),
        (Kayenta(), 0.001),
        (Kayenta(interval_s=600), 0.005),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_false_rollbacks_are_those_of_the_reference(policy: PeerPolicy, expected: float, good: list[Traces]) -> None:
    """The mean share over the cells lies within four standard errors, ours and the reference's, of what it measured."""
    shares = np.array([(policy.rolled_back_at(traces) != NEVER).mean() for traces in good])
    smoothed = (shares * RUNS + 0.5) / (RUNS + 1)
    error = float(np.sqrt(np.sum(smoothed * (1 - smoothed)) * (1 / RUNS + 1 / 80))) / len(CELLS)
    assert expected == pytest.approx(shares.mean(), abs=4 * error)
    assert 0.02 > error


@pytest.fixture(scope="module")
def good() -> list[Traces]:
    """The same version against itself, in every cell."""
    return [made(cell, RUNS) for cell in CELLS]


MIDDLE: Cell = (100, 0.05, 0.001)


@pytest.mark.parametrize(
    ("policy", "cell", "worse", "expected"),
    [
        (FailedChecks(), MIDDLE, 5, 4800),
        (FailedChecks(), MIDDLE, 10, 1260),
        (FailedChecks(), (1000, 0.05, 0.001), 5, None),
        (SuccessRate(), MIDDLE, 10, None),
        (SuccessRate(), (1, 0.25, 0.01), 10, 1200),
        (ErrorAlarm(), MIDDLE, 5, 120),
        (BurnRate(), MIDDLE, 10, 60),
        (BurnRate(), (1000, 0.05, 0.001), 2, None),
        (Kayenta(), MIDDLE, 2, None),
        (Kayenta(), MIDDLE, 5, 3600),
        (Kayenta(), (1000, 0.05, 0.001), 2, 3600),
        (Kayenta(interval_s=600), MIDDLE, 10, 600),
    ],
)
def test_delays_are_those_of_the_reference(policy: PeerPolicy, cell: Cell, worse: float, expected: int | None) -> None:
    """The median second of rollback is the reference's to 10 %, or it is never for most releases."""
    seconds = policy.rolled_back_at(made(cell, 60, worse=worse))
    median = float(np.median(np.where(seconds == NEVER, np.inf, seconds)))
    assert (np.inf if expected is None else expected) == pytest.approx(median, rel=0.1)

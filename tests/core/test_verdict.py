"""Windows, the fold over them and what it comes to."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from itertools import pairwise
from math import comb, exp, lgamma, log, sqrt
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.core import data
from penstock.core.eprocess import Starts, begin, bets_against, grow, log_factors, tempered
from penstock.core.evidence_outlook import what_would_decide
from penstock.core.policy import WORSE
from penstock.core.reading import Reading
from penstock.core.verdict import (
    GATE,
    Counts,
    Eras,
    Policy,
    State,
    Verdict,
    Watched,
    Window,
    fold,
    judge,
    spoken,
    start,
    step,
    windows,
)

DEFAULT = Policy()
EQUAL = Policy(ratio=1.0, points=0.0)  # no margin: the sharpest test, and the one most easily wrong
ALONE = Policy(compared=False)


def run(policy: Policy, rows: list[Window]) -> State:
    return fold(policy, start(policy), Watched(tuple(rows)))


def window(
    second: float, candidate: tuple[int, int], stable: tuple[int, int], era: int = 1, span_s: float = 1
) -> Window:
    return Window(second, Counts(*candidate), Counts(*stable), era, span_s)


def poisson(random: Random, mean: float) -> int:
    """A Poisson number; the normal approximation where it is good."""
    if mean > 50:
        return max(0, round(random.gauss(mean, sqrt(mean))))
    k, left = 0, random.random()
    term = exp(-mean)
    while left > term and k < 1000:
        left -= term
        k += 1
        term *= mean / k
    return k


def traffic(random: Random, seconds: int, rates: tuple[float, float], errors: tuple[float, float]) -> list[Window]:
    """Windows of 10 s of Poisson traffic: rates per second and error rates of candidate and stable."""
    rows = []
    for second in range(0, seconds, 10):
        arms = []
        for rate, wrong in zip(rates, errors, strict=True):
            bad, good = poisson(random, 10 * rate * wrong), poisson(random, 10 * rate * (1 - wrong))
            arms.append((bad + good, bad))
        rows.append(window(second, arms[0], arms[1], span_s=10))
    return rows


def convicted_at(policy: Policy, rows: list[Window]) -> float | None:
    """Seconds until the first unhealthy verdict, looked at after each window."""
    state = start(policy)
    for row in rows:
        state = step(policy, state, row)
        if judge(policy, state).outcome == "unhealthy":
            return row.second + row.span_s
    return None


def upper_bound(hits: int, runs: int, confidence: float) -> float:
    """The upper Clopper-Pearson bound, by bisection."""

    def at_most(p: float) -> float:
        logs = [
            lgamma(runs + 1) - lgamma(k + 1) - lgamma(runs - k + 1) + k * log(p) + (runs - k) * log(1 - p)
            for k in range(hits + 1)
        ]
        return sum(exp(one) for one in logs)

    low, high = 1e-9, 1 - 1e-9
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if at_most(middle) > 1 - confidence else (low, middle)
    return high


counts = st.one_of(st.just(0), st.integers(0, 60)).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n)))
rows_of = st.lists(
    st.builds(window, st.integers(0, 400).map(float), counts, counts, st.integers(1, 3), st.sampled_from((1.0, 5.0))),
    max_size=30,
)
policies = st.sampled_from([DEFAULT, EQUAL, ALONE, Policy(at_most=None), Policy(dispersion=3.0)])


# The fold


@settings(deadline=None)
@given(policies, rows_of, st.lists(st.integers(0, 30), max_size=4))
def test_folding_in_pieces_is_folding_at_once(policy: Policy, rows: list[Window], cuts: list[int]) -> None:
    """Killed between any two windows, and its state kept as JSON, the fold ends in the very same state."""
    state = start(policy)
    edges = [0, *sorted(min(cut, len(rows)) for cut in cuts), len(rows)]
    for first, last in pairwise(edges):
        state = fold(policy, state, Watched(tuple(rows[first:last])))
        state = data.load(State, json.loads(json.dumps(asdict(state), allow_nan=False)))
    assert run(policy, rows) == state


@settings(deadline=None)
@given(policies, rows_of)
def test_a_verdict_is_plain_data(policy: Policy, rows: list[Window]) -> None:
    """Whatever was seen, the verdict survives JSON without loss, infinities or not-a-numbers."""
    verdict = judge(policy, run(policy, rows))
    assert verdict == data.load(Verdict, json.loads(json.dumps(asdict(verdict), allow_nan=False)))


@settings(deadline=None)
@given(policies, rows_of, st.floats(0, 1e6), st.integers(0, 9))
def test_a_window_without_requests_changes_nothing(policy: Policy, rows: list[Window], second: float, era: int) -> None:
    """Zero traffic leaves the state as it was: neither evidence nor time."""
    state = run(policy, rows)
    assert state == step(policy, state, window(second, (0, 0), (0, 0), era))


@settings(deadline=None)
@given(rows_of)
def test_every_request_is_judged_pending_or_alone(rows: list[Window]) -> None:
    """No request is lost or counted twice by pooling."""
    state = run(replace(DEFAULT, false_rollbacks=1e-290), rows)  # a conviction would end the counting
    held = state.pending or window(0, (0, 0), (0, 0))
    candidate = state.candidate + state.candidate_alone + held.candidate
    stable = state.stable + state.stable_alone + held.stable
    assert sum((row.candidate for row in rows), Counts()) == candidate
    assert sum((row.stable for row in rows), Counts()) == stable


def test_requests_of_a_lone_arm_are_counted_apart() -> None:
    """A pool in which one arm stays silent is no comparison; its requests are counted beside."""
    rows = [window(0, (0, 0), (90, 2), span_s=30), window(30, (7, 1), (0, 0), span_s=30)]
    state = run(DEFAULT, rows)
    assert (Counts(), Counts()) == (state.candidate, state.stable)
    assert (Counts(7, 1), Counts(90, 2)) == (state.candidate_alone, state.stable_alone)


def test_small_windows_are_pooled_within_an_era() -> None:
    """Seconds too small to judge wait for each other, but never across a change of the split."""
    state = run(DEFAULT, [window(0, (2, 0), (40, 0)), window(1, (2, 1), (40, 0))])
    assert window(0, (4, 1), (80, 0), span_s=2) == state.pending
    assert Counts() == state.candidate
    state = step(DEFAULT, state, window(2, (2, 0), (2, 0), era=2))
    assert window(2, (2, 0), (2, 0), era=2) == state.pending
    assert Counts(4, 1) == state.candidate


def test_a_small_pool_is_judged_in_bounded_time() -> None:
    """However little traffic, a pool is judged after `pool_s`."""
    rows = [window(second, (int(second == 0), 0), (3, 0)) for second in range(30)]
    assert Counts(1, 0) == run(DEFAULT, rows).candidate


def fair(policy: Policy, state: State, size: tuple[int, int], wrong: tuple[float, float], which: str) -> float:
    """The exact mean, over the errors of one window, of what it multiplies the evidence by."""

    def value(after: State) -> float:
        verdict = judge(policy, after)
        return verdict.acceptance if which == "acceptance" else verdict.odds

    chances = [[comb(n, k) * p**k * (1 - p) ** (n - k) for k in range(n + 1)] for n, p in zip(size, wrong, strict=True)]
    mean = 0.0
    for k_c, chance_c in enumerate(chances[0]):
        for k_b, chance_b in enumerate(chances[1]):
            mean += chance_c * chance_b * value(step(policy, state, window(999, (size[0], k_c), (size[1], k_b))))
    return mean / value(state)


sides = st.tuples(st.integers(5, 12), st.integers(5, 12))


@settings(max_examples=40, deadline=None)
@given(policies, rows_of, sides, st.floats(0.001, 0.6), st.floats(0, 1))
def test_no_past_makes_a_window_unfair(
    policy: Policy, rows: list[Window], size: tuple[int, int], p_b: float, inside: float
) -> None:
    """Whatever was seen before, a good candidate's next window does not raise the odds in the mean."""
    state = replace(run(policy, rows), pending=None)
    edge = min(policy.margin.edge(p_b), 1 if policy.at_most is None else policy.at_most)
    assert fair(policy, state, size, (edge * inside, p_b), "odds") <= 1 + 1e-9


@settings(max_examples=40, deadline=None)
@given(st.sampled_from([DEFAULT, ALONE]), rows_of, sides, st.floats(0.001, 0.4), st.floats(1, 2))
def test_no_past_makes_acceptance_unfair(
    policy: Policy, rows: list[Window], size: tuple[int, int], p_b: float, worse: float
) -> None:
    """Whatever was seen before, a bad candidate's next window does not raise acceptance in the mean."""
    state = replace(run(policy, rows), pending=None)
    p_c = min(1.0, policy.accepted.edge(p_b) * worse)
    assert fair(policy, state, size, (p_c, p_b), "acceptance") <= 1 + 1e-9


def test_bets_do_not_see_their_own_window() -> None:
    """The guess comes from windows before: the first window is judged by the prior, whatever it holds."""
    policy = Policy(at_most=None)
    one = run(policy, [window(0, (50, 1), (950, 100))])
    bets = bets_against(0.001, 50 / 950, policy.margin, WORSE.ratios)
    factors = tempered(log_factors(Counts(50, 1), Counts(950, 100), bets, policy.margin))
    assert grow(begin(WORSE, policy.starts), WORSE, policy.starts, 0, factors) == one.channels["relative"]


def test_dispersion_tempers_both_ways() -> None:
    """Where errors come in clusters of three, conviction and acceptance take about three times as much."""
    plain, clustered = Policy(), Policy(dispersion=3.0)
    bad = [window(t, (50, 1), (950, 1)) for t in range(600)]
    good = [window(t, (50, 0), (950, 1)) for t in range(600)]
    assert 2 < (convicted_at(clustered, bad) or 0) / (convicted_at(plain, bad) or 1) < 4
    accepted = [
        next(n for n in range(1, 600) if judge(policy, run(policy, good[:n])).outcome == "healthy")
        for policy in (plain, clustered)
    ]
    assert 2 < accepted[1] / accepted[0] < 4


# What it comes to


def test_the_sentence_of_a_conviction() -> None:
    """A conviction says the counts of both arms over the same seconds, and the odds."""
    rows = [window(t, (116, (0, 0, 0, 2, 4, 4, 4)[t]), (2200, int(t < 3))) for t in range(7)]
    verdict = judge(DEFAULT, run(DEFAULT, rows))
    assert "unhealthy" == verdict.outcome
    assert verdict.sentence.startswith("10 of 696 requests failed on the candidate, 3 of 13,200 on stable in the same ")
    assert verdict.sentence.endswith(f"; the odds against a healthy candidate are {spoken(verdict.odds)} to 1")
    assert verdict.odds >= 100


@pytest.mark.parametrize(
    ("odds", "words"),
    [
        (0.2, "less than 1"),
        (1, "1"),
        (2.14, "2.1"),
        (99.6, "100"),
        (4123, "4,100"),
        (2e9, "more than a million"),
    ],
)
def test_odds_are_spoken(odds: float, words: str) -> None:
    """Odds have two figures."""
    assert words == spoken(odds)


def test_a_good_candidate_is_accepted() -> None:
    """With enough traffic and no more errors than stable, the candidate is healthy."""
    verdict = judge(DEFAULT, run(DEFAULT, [window(t, (250, 0), (750, int(t % 2))) for t in range(10)]))
    assert "healthy" == verdict.outcome
    assert verdict.acceptance >= 20
    assert "at most 2 times stable's errors + 0.5 points" in verdict.sentence


def test_nothing_is_said_before_there_is_traffic() -> None:
    """No traffic on the candidate neither passes nor fails, however much stable has."""
    verdict = judge(DEFAULT, run(DEFAULT, [window(t, (0, 0), (900, 1)) for t in range(600)]))
    assert ("undecided", 1.0, 1.0) == (
        verdict.outcome,
        pytest.approx(verdict.odds),
        pytest.approx(verdict.acceptance),
    )
    assert "no request on the candidate was judged yet: that is neither good nor bad" == verdict.sentence


def test_the_gate() -> None:
    """A candidate ten times worse but inside a wide promotion margin is held while its odds are above 3."""
    policy = Policy(ratio=1.0, points=0.0, at_most=None)
    random = Random(7)
    state, seen = start(policy), False
    for row in traffic(random, 3000, (50, 950), (0.001, 0.0001)):
        state = step(policy, state, row)
        verdict = judge(policy, state)
        if verdict.acceptance >= 20 and GATE <= verdict.odds < 100:
            seen = True
            assert "undecided" == verdict.outcome
            assert "it is accepted only below 3" in verdict.sentence
    assert seen


def test_a_conviction_outweighs_acceptance() -> None:
    """Where both thresholds are reached the candidate is unhealthy."""
    policy = Policy(ratio=1.0, points=0.0, at_most=None, promote_points=0.2)
    rows = [window(t, (1000, 30), (1000, 1)) for t in range(20)]
    verdict = judge(policy, run(policy, rows))
    assert verdict.acceptance >= 20
    assert "unhealthy" == verdict.outcome


def test_a_conviction_is_final() -> None:
    """Whoever looks an hour after the threshold was crossed sees the verdict of that moment."""
    bad = [window(t, (50, 5), (950, 1)) for t in range(30)]
    good = [window(t, (50, 0), (950, 9)) for t in range(30, 3600)]
    at_once, later = run(DEFAULT, bad), run(DEFAULT, [*bad, *good])
    assert at_once == later
    assert "unhealthy" == judge(DEFAULT, later).outcome


# The absolute limit


def test_a_limit_convicts_without_a_stable_arm() -> None:
    """All at once and bake: a tenth of the requests failing breaks a limit of 5 %, a fiftieth does not."""
    bad = judge(ALONE, run(ALONE, [window(t, (50, 5), (0, 0)) for t in range(60)]))
    good = judge(ALONE, run(ALONE, [window(t, (50, 1), (0, 0)) for t in range(60)]))
    assert ("unhealthy", "healthy") == (bad.outcome, good.outcome)
    assert "35 of 350 requests failed on the candidate; the odds" in bad.sentence
    assert bad.sentence.endswith("by the limit of 5 %")


def test_a_limit_counts_requests_while_stable_is_silent() -> None:
    """Seconds without stable traffic give no comparison, but the limit still judges them."""
    verdict = judge(DEFAULT, run(DEFAULT, [window(t, (200, 100), (0, 0)) for t in range(20)]))
    assert "unhealthy" == verdict.outcome
    assert pytest.approx(1) == verdict.channels["relative"]


@pytest.mark.parametrize("shock", [0.06, 0.1, 0.5, 1.0])
@pytest.mark.parametrize("load", [(2, 38), (50, 950), (500, 500)])
def test_a_limit_is_suspended_while_stable_breaks_it(shock: float, load: tuple[int, int]) -> None:
    """An outage that both arms share convicts nobody, and the suspension is said."""
    random = Random(3)
    calm = [replace(row, span_s=1.0) for row in traffic(random, 600, (load[0] / 10, load[1] / 10), (0.001, 0.001))]
    outage = [replace(row, span_s=1.0) for row in traffic(random, 1200, (load[0] / 10, load[1] / 10), (shock, shock))]
    rows = [replace(row, second=float(t)) for t, row in enumerate([*calm, *outage])]
    assert convicted_at(DEFAULT, rows) is None
    verdict = judge(DEFAULT, run(DEFAULT, rows))
    assert verdict.suspended
    assert "stable itself breaks the limit of 5 %" in verdict.sentence


def test_a_suspended_limit_leaves_the_comparison() -> None:
    """While stable fails at 6 %, a candidate that fails at 40 % is convicted by comparison."""
    rows = [window(t, (50, 20), (950, 57)) for t in range(60)]
    verdict = judge(DEFAULT, run(DEFAULT, rows))
    assert ("unhealthy", True) == (verdict.outcome, verdict.suspended)
    assert verdict.channels["absolute"] == pytest.approx(1)


def test_without_a_limit_or_a_stable_arm_nothing_is_judged() -> None:
    """Where there is nothing to judge by, the verdict stays undecided and says why."""
    policy = Policy(compared=False, at_most=None)
    verdict = judge(policy, run(policy, [window(t, (50, 50), (0, 0)) for t in range(60)]))
    assert ("undecided", 1.0) == (verdict.outcome, verdict.odds)
    assert "nothing can be judged" in verdict.sentence


# What statistics promise


@pytest.mark.parametrize("policy", [EQUAL, DEFAULT])
@pytest.mark.parametrize("wrong", [0.001, 0.02])
def test_same_against_same(policy: Policy, wrong: float) -> None:
    """Looked at after each of 180 windows, at most 1 % of 300 releases of the very same version go back."""
    random = Random(20)
    hits = sum(convicted_at(policy, traffic(random, 1800, (25, 75), (wrong, wrong))) is not None for _ in range(300))
    assert upper_bound(hits, 300, 0.5) <= 0.0125  # three of 300 would be 1.22 % at the median


def test_five_times_worse_is_found_in_time() -> None:
    """100 requests/s, 5 % weight, 0.1 % against 0.5 %: a median near the 330 s of the reference, ever."""
    random = Random(5)
    times = [convicted_at(EQUAL, traffic(random, 3000, (5, 95), (0.005, 0.001))) for _ in range(60)]
    found = sorted(time for time in times if time is not None)
    assert 60 == len(found)
    assert 200 <= found[30] <= 480


def test_a_late_regression_is_found() -> None:
    """Ten times worse after an hour of health is found in minutes, not after winning back the hour."""
    random = Random(6)
    times = []
    for _ in range(20):
        good = traffic(random, 3600, (5, 95), (0.001, 0.001))
        bad = [replace(row, second=row.second + 3600) for row in traffic(random, 1800, (5, 95), (0.01, 0.001))]
        times.append(convicted_at(EQUAL, [*good, *bad]) or 9999)
    assert sorted(times)[10] - 3600 <= 300


def test_a_changing_split_convicts_nobody() -> None:
    """Simpson: the split grows with the error rate, and merged readings would blame the candidate."""
    random = Random(8)
    for _ in range(20):
        rows = []
        for era, (weight, wrong) in enumerate([(0.01, 0.001), (0.05, 0.01), (0.25, 0.05)], start=1):
            part = traffic(random, 600, (100 * weight, 100 * (1 - weight)), (wrong, wrong))
            rows += [replace(row, second=row.second + 600 * era, era=era) for row in part]
        assert convicted_at(replace(EQUAL, at_most=None), rows) is None


def test_a_burst_in_one_window_does_not_convict() -> None:
    """However many errors one second holds, it is worth at most e^2.5."""
    calm = [window(t, (50, 0), (950, 1)) for t in range(30)]
    verdict = judge(DEFAULT, run(DEFAULT, [*calm, window(30, (50, 50), (950, 0))]))
    assert "unhealthy" != verdict.outcome
    assert verdict.odds < exp(2)


# Windows


def reading(second: float, revision: str, requests: int = 100, **changes: object) -> Reading:
    plain = Reading("web", revision, second, second + 1, requests, 1, era=2)
    return replace(plain, **changes)  # type: ignore[arg-type]


ERAS = Eras({2: 100.0}, settle_s=5)


def test_both_arms_of_a_second_are_one_window() -> None:
    """Readings of one second meet, whatever their order; the units of a service are summed."""
    rows = [
        reading(111, "old"),
        reading(110, "new"),
        reading(110, "old"),
        reading(110, "new", unit="api", requests=7),
    ]
    expected = (Window(110, Counts(107, 2), Counts(100, 1), 2), Window(111, Counts(), Counts(100, 1), 2))
    assert Watched(expected) == windows(rows, "new", "old", ERAS)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (reading(120, "new", era=0), "moving"),
        (reading(120, "new", era=1), "other era"),
        (reading(104, "new"), "settling"),
        (reading(120, "new", end=122.0), "hole"),
        (reading(120, "older"), "other revision"),
    ],
)
def test_what_is_dropped_is_counted_never_judged(row: Reading, reason: str) -> None:
    """Every reading that cannot be judged is counted by its reason and leaves the evidence alone."""
    watched = windows([row] * 50, "new", "old", ERAS)
    assert Watched((), {reason: 5000}) == watched
    before = run(DEFAULT, [window(110, (50, 0), (950, 1), 2)])
    after = fold(DEFAULT, before, watched)
    assert replace(before, dropped={reason: 5000}) == after
    assert judge(DEFAULT, before).odds == judge(DEFAULT, after).odds
    assert {reason: 10_000} == fold(DEFAULT, after, watched).dropped


def test_an_open_reading_waits() -> None:
    """A reading that its source may still revise is neither judged nor counted."""
    assert Watched() == windows([reading(120, "new", final=False)], "new", "old", ERAS)


def test_a_source_with_longer_steps() -> None:
    """One-minute readings are whole where the source's step is a minute."""
    rows = [reading(120, "new", end=180.0), reading(120, "old", end=180.0)]
    watched = windows(rows, "new", "old", Eras({2: 0.0}, step_s=60))
    assert (Window(120, Counts(100, 1), Counts(100, 1), 2, 60.0),) == watched.windows


def test_without_stable_only_the_candidate_counts() -> None:
    """In a bake other revisions are dropped, and the candidate stands alone."""
    watched = windows([reading(120, "new"), reading(120, "old")], "new", None, ERAS)
    assert Watched((Window(120, Counts(100, 1), Counts(), 2),), {"other revision": 100}) == watched


# What would decide


def test_the_outlook_meets_what_happens() -> None:
    """The predicted mean time to acceptance is right within a third."""
    random = Random(9)
    times = []
    for _ in range(60):
        state = start(DEFAULT)
        for row in traffic(random, 6000, (1, 9), (0.001, 0.001)):
            state = step(DEFAULT, state, row)
            if judge(DEFAULT, state).outcome == "healthy":
                times.append(row.second + 10)
                break
    predicted = what_would_decide(DEFAULT, 10, 100, 0.001).seconds
    assert predicted == pytest.approx(sum(times) / 60, rel=0.33)


def test_the_outlook_names_other_weights() -> None:
    """More weight decides sooner, and the sentence says at which weight how soon."""
    outlook = what_would_decide(DEFAULT, 10, 50, 0.001)
    times = [outlook.at[weight] for weight in (50, 100, 250, 500)]
    assert sorted(times, key=lambda t: t or 0, reverse=True) == times
    assert outlook.seconds == times[0]
    assert "min at 25 %" in outlook.sentence


def test_evidence_so_far_shortens_the_outlook() -> None:
    """What was already won need not be won again; evidence against makes it longer."""
    fresh, half, behind = (what_would_decide(DEFAULT, 10, 50, 0.001, so_far).seconds or 0 for so_far in (1, 8, 0.1))
    assert half < fresh < behind


@pytest.mark.parametrize(
    ("policy", "traffic_per_s", "weight", "wrong"),
    [(DEFAULT, 0.0, 50, 0.001), (DEFAULT, 10, 0, 0.001), (DEFAULT, 1e-5, 50, 0.001), (ALONE, 10, 1000, 0.06)],
)
def test_the_outlook_may_be_never(policy: Policy, traffic_per_s: float, weight: int, wrong: float) -> None:
    """Without traffic, or where the limit is already broken, no time is promised."""
    assert what_would_decide(policy, traffic_per_s, weight, wrong).seconds is None


def test_the_horizon_bounds_starts_not_the_verdict() -> None:
    """After the last start the running bets still convict."""
    policy = Policy(starts=Starts(horizon_s=60))
    rows = [window(t, (50, 0), (950, 1)) for t in range(200)] + [window(t, (50, 20), (950, 1)) for t in range(200, 300)]
    assert convicted_at(policy, rows) is not None


# Penstock's own requests, and units


def own(second: float, candidate: tuple[int, int], stable: tuple[int, int]) -> Window:
    """A window of Penstock's own requests."""
    return replace(window(second, candidate, stable), synthetic=True)


def test_own_requests_accept_where_users_are_silent() -> None:
    """Without users their like is all there is; the sentence says whose requests those were."""
    policy = Policy(traffic=True)
    verdict = judge(policy, run(policy, [own(t, (20, 0), (20, 0)) for t in range(300)]))
    assert "healthy" == verdict.outcome
    assert "0 of 6,000 requests of Penstock's own failed on the candidate, 0 of 6,000 on stable" in verdict.sentence


def test_own_requests_never_outvote_users() -> None:
    """However many of ours are answered well: a candidate that fails its users is not accepted."""
    policy = Policy(traffic=True)
    rows = []
    for t in range(600):
        rows += [own(t, (100, 0), (100, 0)), window(t, (6, t % 2), (90, 0))]
    verdict = judge(policy, run(policy, rows))
    assert verdict.accepting["traffic"] >= 20
    assert "unhealthy" == verdict.outcome


def test_few_failing_users_hold_what_ours_would_accept() -> None:
    """Users' evidence against the candidate, too little to convict, is enough not to promote it."""
    policy = Policy(traffic=True, false_rollbacks=1e-12)
    rows = [own(t, (100, 0), (100, 0)) for t in range(60)] + [window(60 + t, (10, 1), (190, 0)) for t in range(12)]
    verdict = judge(policy, run(policy, rows))
    assert verdict.accepting["traffic"] >= 20
    assert "undecided" == verdict.outcome


def test_own_requests_convict_by_themselves() -> None:
    """What fails ours alone goes back, and the sentence begins with that."""
    policy = Policy(traffic=True)
    verdict = judge(policy, run(policy, [own(t, (20, 4), (20, 0)) for t in range(60)]))
    assert "unhealthy" == verdict.outcome
    assert "of Penstock's own failed on the candidate" in verdict.sentence.split(";")[0]


def test_a_unit_that_only_one_revision_has_is_compared_with_nothing() -> None:
    """Its requests are dropped by that name: on one arm alone they would convict, or hide, anybody."""
    eras = Eras({2: 0.0})
    rows = [
        Reading("web", "new", 5, 6, 10, 0, era=2),
        Reading("web", "old", 5, 6, 90, 1, era=2),
        Reading("static", "old", 5, 6, 300, 0, era=2),
    ]
    found = windows(rows, "new", "old", eras, {"web"})
    assert {"other unit": 300} == found.dropped
    assert [(Counts(10, 0), Counts(90, 1))] == [(one.candidate, one.stable) for one in found.windows]


def test_events_that_an_arm_did_not_tell_are_not_none() -> None:
    """Silence is no zero: such a window knows nothing of the rate."""
    rows = [
        Reading("web", "new", 5, 6, 10, 0, era=2),
        Reading("web", "old", 5, 6, 90, 1, era=2, events=(("orders", 9),)),
    ]
    assert [{}] == [one.events for one in windows(rows, "new", "old", Eras({2: 0.0})).windows]


def test_nobody_is_slow_while_caches_are_cold() -> None:
    """During `warm_up` errors count and times do not."""
    rows = [Reading("web", name, 5, 6, 10, 1, era=2, latency=((900.0, 10),)) for name in ("new", "old")]
    cold, warm = (windows(rows, "new", "old", Eras({2: 0.0}, warm_s=warm_s)).windows[0] for warm_s in (10.0, 5.0))
    assert (((), ()), Counts(10, 1)) == (cold.slow, cold.candidate)
    assert ((900.0, 10),) == warm.slow[0]

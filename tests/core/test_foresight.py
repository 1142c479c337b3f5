"""What is foretold: the limits of theory against published numbers, and a forecast that adds up."""

from __future__ import annotations

import random
from math import exp, inf, isclose, log
from statistics import fmean

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from penstock.core.eprocess import Margin
from penstock.core.evidence_outlook import WEIGHTS
from penstock.core.foresight import ahead_of, blind_spots, foresee
from penstock.core.history import History
from penstock.core.known import Known
from penstock.core.policy import Policy
from penstock.core.prediction import information, predict, wald_s
from penstock.core.verdict import Counts, Window, start, step
from penstock.manifest import Environment, TargetEntry
from penstock.manifest.rollout import Rollout
from penstock.manifest.section import Section
from penstock.manifest.verdict import Verdict

EQUAL = Margin(1.0, 0.0)
STRICT = Policy(ratio=1.0, points=0.0, at_most=None)
STEPS = ((50, 1800.0), (250, 1800.0), (500, 1800.0))
HOUR_S = 3600.0


def history(rps: float, error_rate: float, seconds: float = 86_400.0) -> History:
    """A day of steady traffic."""
    requests = round(rps * seconds)
    return History(rps, error_rate, round(requests * error_rate), seconds, requests)


def divergence(candidate: float, stable: float, worse: float, base: float, margin: Margin) -> float:
    """The least Poisson divergence to rates that keep the margin, by search: independent of any bet."""

    def at(other: float) -> float:
        edge = margin.edge(other)
        ours = candidate * (worse * log(worse / edge) - worse + edge)
        return ours + stable * (base * log(base / other) - base + other)

    low, high = log(base) - 3, log(worse) + 3
    for _ in range(200):
        one, two = low + (high - low) / 3, high - (high - low) / 3
        low, high = (low, two) if at(exp(one)) < at(exp(two)) else (one, high)
    return at(exp(low))


@pytest.mark.parametrize(
    ("candidate", "stable", "worse", "base", "seconds"),
    [
        (50, 950, 0.002, 0.001, 254.6),
        (50, 950, 0.005, 0.001, 25.1),
        (50, 950, 0.01, 0.001, 7.5),
        (1, 99, 0.0005, 0.0001, 11605),
        (250, 750, 0.02, 0.01, 6.8),
    ],
)
def test_walds_bound(candidate: float, stable: float, worse: float, base: float, seconds: float) -> None:
    """The seconds that were calculated for the reference, at one per cent, to its last digit."""
    found = wald_s(information(candidate, stable, worse, base, EQUAL), 0.01)

    assert found is not None
    assert isclose(seconds, found, abs_tol=0.5 if seconds > 1000 else 0.05)


@given(
    st.floats(0.1, 500), st.floats(0.1, 500), st.floats(1e-5, 0.05), st.floats(1.1, 20), st.floats(1, 3), st.floats(0, 0.01)
)  # fmt: skip
def test_information_is_the_least_divergence(
    candidate: float, stable: float, base: float, times: float, ratio: float, points: float
) -> None:
    """The growth of the best bet is the distance to the margin: no test can learn more, and ours leaves nothing."""
    margin = Margin(ratio, points)
    worse = times * margin.edge(base)
    assume(worse < 1)

    found = information(candidate, stable, worse, base, margin)
    assert isclose(divergence(candidate, stable, worse, base, margin), found, rel_tol=1e-6, abs_tol=1e-12)


def test_nothing_is_learned_inside_the_margin_or_of_a_silent_arm() -> None:
    """No evidence for what is allowed, and none without requests; then there is no bound."""
    margin = Margin(1.5, 0.0005)

    assert 0 == information(50, 950, 0.002, 0.001, margin)
    assert 0 == information(0, 950, 0.1, 0.001, margin) == information(50, 0, 0.1, 0.001, margin)
    assert None is wald_s(0.0, 0.01)


def test_low_traffic_is_said_before() -> None:
    """A request in five seconds does not show doubled errors in ninety minutes; what would is named, and does."""
    found = foresee(history(0.2, 0.05), STEPS, STRICT, hold_s=2 * HOUR_S)

    doubled, fivefold, good = found.prospects
    assert (None, False) == (doubled.after_s, found.is_enough)
    assert fivefold.after_s is not None
    assert good.after_s is not None
    assert found.remedies is not None
    told = " ".join(found.sentences)
    assert "0.2 requests/s, and 5 % of stable's failed" in told
    assert "twice the errors (4.9 % to 9.7 %) needs about" in told
    assert "not seen in 90 min; up to 2 h of holding may follow, where it is not accepted before" in told
    assert "in the 24 h of its past that were counted there were 0.2 requests/s" in told
    assert "for all of these to be found in time it would take " in found.sentences[-1]
    assert f"`traffic: {{get: [/], rps: {found.remedies.traffic_rps}}}`" in told


def test_the_least_weight_that_would_do_is_said() -> None:
    """Of the usual weights the first at which everything is seen in the time that is planned."""
    before, lasts_s = history(5, 0.05), 1200.0
    found = foresee(before, [(50, lasts_s)], STRICT)

    enough = [weight for weight in WEIGHTS if foresee(before, [(weight, lasts_s)], STRICT).is_enough]
    assert enough
    assert found.remedies is not None
    assert enough[0] == found.remedies.weight_permille > 50
    assert f"{enough[0] / 10:g} % from the first increment on" in found.sentences[-1]


@settings(max_examples=25)
@given(st.floats(0.02, 0.2), st.floats(0.005, 0.05))
def test_every_remedy_is_one(rps: float, error_rate: float) -> None:
    """A rollout that is changed as one remedy says is long enough; one synthetic request a second less is not."""
    before = history(rps, error_rate)
    found = foresee(before, STEPS, STRICT)
    assert found.remedies is not None

    weight, more_s, ours = found.remedies.weight_permille, found.remedies.more_s, found.remedies.traffic_rps
    if weight is not None:
        assert foresee(before, [(max(weight, w), s) for w, s in STEPS], STRICT).is_enough
    if more_s is not None:
        assert foresee(before, [*STEPS, (500, more_s + 1)], STRICT).is_enough
    if ours is not None:
        assert foresee(before, STEPS, STRICT, synthetic_rps=ours).is_enough
        assert not foresee(before, STEPS, STRICT, synthetic_rps=ours - 1).is_enough


def test_evidence_adds_up_over_the_steps() -> None:
    """A step that was cut in two changes nothing; caution is a factor."""
    before = history(100, 0.01)
    whole = foresee(before, [(100, 7200.0)], STRICT).prospects[0].after_s
    cut = foresee(before, [(100, 60.0), (100, 7140.0)], STRICT).prospects[0].after_s
    careful = foresee(before, [(100, 7200.0)], STRICT, factor=1.2).prospects[0].after_s

    assert whole is not None
    assert [pytest.approx(whole), pytest.approx(1.2 * whole)] == [cut, careful]


def poisson(chance: random.Random, mean: float) -> int:
    """A count with this mean, by its waiting times."""
    count, passed = 0, chance.expovariate(1)
    while passed < mean:
        count, passed = count + 1, passed + chance.expovariate(1)
    return count


def convicted_s(
    policy: Policy, rates: tuple[float, float], failing: tuple[float, float], chance: random.Random
) -> float:
    """When the verdict itself convicts, looked at each second; rates and failing shares are of (candidate, stable)."""
    state = start(policy)
    for second in range(20_000):
        candidate, stable = [
            Counts(poisson(chance, rate * (1 - share)) + (errors := poisson(chance, rate * share)), errors)
            for rate, share in zip(rates, failing, strict=True)
        ]
        state = step(policy, state, Window(second, candidate, stable, 1))
        if state.convicted:
            return second + 1
    raise AssertionError("never convicted")


@pytest.mark.parametrize(
    ("candidate", "stable", "base", "worse"),
    [(5, 95, 0.01, 0.02), (5, 15, 0.05, 0.15), (25, 75, 0.001, 0.005)],
)
def test_a_forecast_is_near_what_happens(candidate: float, stable: float, base: float, worse: float) -> None:
    """Within a quarter of the mean over simulated releases: so much is chance, and the overshoot."""
    policy, chance = STRICT, random.Random(11)
    found = [convicted_s(policy, (candidate, stable), (worse, base), chance) for _ in range(40)]

    assert pytest.approx(fmean(found), rel=0.25) == predict(policy, candidate, stable, worse, base).seconds


@given(st.floats(1, 100), st.floats(1, 100), st.floats(1e-4, 0.02), st.floats(1.2, 20))
def test_no_forecast_beats_the_limit(candidate: float, stable: float, base: float, times: float) -> None:
    """What is foretold is never sooner than any test could be; and inside the margin nothing is ever found."""
    policy = Policy()
    worse = min(1.0, times * policy.margin.edge(base))
    bound = wald_s(information(candidate, stable, worse, base, policy.margin), policy.false_rollbacks)
    found = predict(policy, candidate, stable, worse, base).seconds

    assert bound is not None
    assert found is None or found >= bound
    assert None is predict(policy, candidate, stable, policy.margin.edge(base), base).seconds


@given(st.floats(1, 100), st.floats(1, 30))
def test_own_requests_are_another_way_to_see_it(rps: float, own: float) -> None:
    """Requests of Penstock's own never delay what is foretold, and bring no more than the quicker of both ways."""
    alone, both = (
        foresee(history(rps, 0.01), STEPS, Policy(), synthetic_rps=more).prospects[1].at for more in (0.0, own)
    )

    for weight, seconds in both.items():
        ours = predict(Policy(), own / 2, own / 2, 0.05, 0.01).seconds or inf
        assert (seconds or inf) == pytest.approx(min(alone[weight] or inf, ours), rel=1e-2)


def test_without_a_stable_arm_the_limit_is_what_finds() -> None:
    """Where nothing is compared, only the candidate's own requests and the absolute limit count."""
    policy = Policy(compared=False, at_most=0.02)

    found = predict(policy, 10.0, 0.0, 0.1, 0.001).seconds
    assert found == predict(policy, 10.0, 90.0, 0.1, 0.001).seconds
    assert found is not None


@settings(max_examples=25)
@given(st.floats(1, 200), st.floats(0.001, 0.05))
def test_time_is_requests(rps: float, error_rate: float) -> None:
    """Twice the requests see a fault in about half the time; never sooner, for a look is not cut in half."""
    one, two = (foresee(history(n * rps, error_rate, 1e7 / n), STEPS, Policy()).prospects[1].at for n in (1, 2))

    for weight, seconds in one.items():
        if seconds is not None:
            assert seconds / 2 * (1 - 1e-3) <= (two[weight] or 0) < seconds


def test_a_fault_inside_the_margin_is_none() -> None:
    """What the policy allows is said to be allowed, and asks for no remedy."""
    found = foresee(history(100, 0.001), STEPS, Policy())

    assert (True, True, None) == (bool(found.prospects[0].never), found.is_enough, found.remedies)
    assert any("is no fault by this policy" in sentence for sentence in found.sentences)


def test_a_fault_just_beyond_the_margin_is_said_to_be_missed() -> None:
    """What no bet tells from the margin is never found, and is said so: neither weight nor time is recommended."""
    policy = Policy(ratio=1.99, points=0.0)
    found = foresee(history(100, 0.01), STEPS, policy)

    assert "never told from it" in found.prospects[0].never
    assert found.prospects[0].never in found.sentences[1]
    assert None is found.remedies


@pytest.mark.parametrize(
    ("past", "steps", "said"),
    [
        (None, STEPS, "there is no history"),
        (History(0.0, 0.0, 0, 86_400.0), STEPS, "there was no traffic"),
        (history(5, 0.01), (), "nothing is watched beside stable"),
        (history(5, 0.01), ((1000, 60.0),), "nothing is watched beside stable"),
    ],
)
def test_what_cannot_be_foretold_is_said(past: History | None, steps: tuple[tuple[int, float], ...], said: str) -> None:
    """Without a past, without traffic or beside nothing there is no forecast, but a sentence."""
    found = foresee(past, steps, Policy())

    assert ((), None, False) == (found.prospects, found.remedies, found.is_enough)
    assert found.sentences[0].startswith(said)


def test_a_past_without_errors_is_not_reckoned_as_none() -> None:
    """Nothing failed so far: that is said as it is, and the forecast reckons with a little."""
    found = foresee(history(100, 0.0, seconds=100), STEPS, Policy(points=0.0))

    assert "none of stable's failed" in found.sentences[0]
    assert found.prospects[1].at[500] is not None


@pytest.mark.parametrize(
    ("dispersion", "word"),
    [(None, "too little is known of how errors come together"), (1.2, ""), (7.0, "clusters of about 4.0")],
)
def test_what_is_not_known_of_clusters_is_said(dispersion: float | None, word: str) -> None:
    """Before the release starts a team knows whether the promise covers errors that come together."""
    environment = Environment(
        name="production", units={}, target=TargetEntry(kind="fake", section=Section()),
        rollout=Rollout.model_validate({"is": "canary", "increments": ["5% for 30m"]}),
    )  # fmt: skip

    said = ahead_of(environment, Known(history(100, 0.001, 86_400), dispersion)).sentences

    assert bool(word) == any(word in sentence for sentence in said if word)


def sourced(rollout: str = "canary") -> Environment:
    """An environment whose requests are counted by an endpoint, and whose response times are judged."""
    asked = {"metrics": {"is": "json", "url": "http://h/r"}, "latency": {"p95": {"against_stable": "1.3x"}}}
    more = {"increments": ["5% for 30m"]} if rollout == "canary" else {}
    return Environment(
        name="production", units={}, target=TargetEntry(kind="fake", section=Section()),
        rollout=Rollout.model_validate({"is": rollout, **more}), verdict=Verdict.model_validate(asked),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("known", "named"),
    [
        (Known(), {"no-times", "no-stable"}),
        (Known(History(5.0, 0.0, 0, 60.0, requests=0), edges=(1e4,)), {"no-stable"}),
        (Known(history(5, 0.0), edges=(1e4,)), set()),
        (Known(history(5, 0.0)), {"no-times"}),
    ],
)
def test_what_a_source_has_never_told_is_said_before(known: Known, named: set[str]) -> None:
    """A source that tells nothing of what serves has nobody to compare with, and one without times judges none."""
    assert named == set(blind_spots(sourced(), known))


def test_nothing_is_said_of_a_past_that_was_not_read() -> None:
    """Where the source is down, or nothing is compared, it is not said that it knows nothing of what serves."""
    assert {"no-times"} == set(blind_spots(sourced(), Known(), is_read=False))
    assert {"no-times"} == set(blind_spots(sourced("rolling"), Known()))
    assert {} == blind_spots(sourced().model_copy(update={"verdict": Verdict()}), Known())

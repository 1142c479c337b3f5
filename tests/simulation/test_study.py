"""A policy on paper: the figures move as the policy does, and the moves are the product's own."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.core.latency import EDGES
from penstock.core.policy import LatencyRule, Policy, RateRule
from penstock.core.rollout import Place, Standing, ladder, next_move
from penstock.core.simulated import Fault, Found, upper_bound
from penstock.core.target import Capabilities
from penstock.core.verdict import GATE
from penstock.manifest.rollout import Rollout
from penstock.simulation.histograms import Whole
from penstock.simulation.lanes import Counts, Lanes
from penstock.simulation.quantiles import edges_near
from penstock.simulation.releases import PROMOTED, ROLLED_BACK, RUNNING, UNDECIDED, Course, Ladder, Step
from penstock.simulation.study import LOOKS, LOOKS_S, LOOKS_TIMED, Study, along, find, look_s
from penstock.simulation.world import Fault as Wrong
from penstock.simulation.world import Service

POLICY = Policy(past=0.01)
SHORT = Course((Step(0.1, 60, may_leave_early=True), Step(0.5, 60, may_leave_early=True)), hold_s=300)
STUDY = Study("production", POLICY, SHORT, Service(100, 0.01), runs=100, seed=7)


def fault(found: Found, name: str) -> Fault:
    """The fault whose name begins so."""
    return next(one for one in found.faults if one.name.startswith(name))


@pytest.fixture(scope="module")
def found() -> Found:
    return find(STUDY)


@given(
    st.lists(st.tuples(st.integers(1, 40), st.booleans()), min_size=1, max_size=4),
    st.integers(0, 30),
    st.sampled_from(["roll_back", "promote"]),
    st.integers(0, 1 << 32),
)
@settings(max_examples=40, deadline=None)
def test_every_move_is_the_products(steps: list[tuple[int, bool]], hold_s: int, then: str, seed: int) -> None:
    """Whatever the verdict says, look by look: a release on paper advances, waits and ends as `next_move` decides."""
    words = [f"{10 * n}% {'up to' if early else 'for'} {length}s" for n, (length, early) in enumerate(steps, 1)]
    rollout = Rollout.model_validate({"is": "canary", "increments": words})
    full = Capabilities(split="permille", coexist="many", place_apart=True, arms=True)
    rungs = ladder(rollout, {"web": Place(2)}, "old", "new", full)
    course = Course(tuple(Step(0.1 * n, s, early) for n, (s, early) in enumerate(steps, 1)), hold_s, then)
    lanes = 5
    paper, rung, on_rung, ends = Ladder(course, lanes), [1] * lanes, [0.0] * lanes, [RUNNING] * lanes
    chance = np.random.default_rng(seed)
    trouble = chance.choice([0.0, 0.02], lanes)
    for _ in range(200):
        odds = chance.choice([0.5, 0.5, 0.5, GATE, 20.0], lanes)
        convicted = chance.random(lanes) < trouble
        healthy = (chance.random(lanes) < 0.2) & (odds < GATE)
        for lane in range(lanes):
            if ends[lane] != RUNNING:
                continue
            on_rung[lane] += 1
            outcome = "unhealthy" if convicted[lane] else "healthy" if healthy[lane] else "undecided"
            standing = Standing(
                rung[lane], on_rung[lane], outcome, float(odds[lane]), waited_s=on_rung[lane]  # type: ignore[arg-type]
            )  # fmt: skip
            move = next_move(rungs, standing, then, hold_s)
            if move.kind == "abort":
                ends[lane] = ROLLED_BACK if move.cause == "verdict" else UNDECIDED
            elif move.kind == "advance" and move.rung == len(rungs) - 1:
                ends[lane] = PROMOTED
            elif move.kind == "advance":
                rung[lane], on_rung[lane] = move.rung, 0.0
        paper.on_rung_s += 1
        paper.move(odds, convicted, healthy)
        assert ends == paper.end.tolist()
        assert [n - 1 for n, end in zip(rung, ends, strict=True) if end == RUNNING] == [
            n for n, end in zip(paper.rung.tolist(), ends, strict=True) if end == RUNNING
        ]


def test_the_same_seed_gives_the_same_answer(found: Found) -> None:
    """Everything but the seed decides nothing by chance."""
    assert found == find(STUDY)
    assert found.faults != find(replace(STUDY, seed=8)).faults


def test_progress_only_rises_to_the_end() -> None:
    """What is told rises, and ends at the whole."""
    told: list[float] = []
    find(replace(STUDY, runs=20), told.append)
    assert sorted(told) == told
    assert 1.0 == pytest.approx(told[-1])


def test_good_releases_keep_the_promise() -> None:
    """Of good releases no more are rolled back than chance allows at the promised share, and the bound is above what was seen."""
    seen = find(replace(STUDY, policy=replace(POLICY, ratio=1.0, points=0.0, false_rollbacks=0.05), runs=400)).good
    assert 400 * 0.05 + 3 * (400 * 0.05 * 0.95) ** 0.5 >= seen.rolled_back
    assert seen.at_most > seen.rolled_back / seen.runs
    assert seen.runs == seen.rolled_back + seen.undecided + seen.promoted


def test_more_weight_finds_sooner(found: Found) -> None:
    """At three times the weight a fault is found sooner, and the bound says so, too."""
    more = find(replace(STUDY, course=replace(SHORT, steps=(Step(0.3, 60, may_leave_early=True), *SHORT.steps[1:]))))
    for name in ("5x", "10x"):
        less_s, more_s = fault(found, name), fault(more, name)
        assert less_s.found_s is not None
        assert more_s.found_s is not None
        assert less_s.found_s.mean > more_s.found_s.mean
        assert (less_s.limit_s or 0) > (more_s.limit_s or 0)


def test_without_a_margin_more_is_found(found: Found) -> None:
    """What a margin allows is marked as no fault; without the margin it is one, and is found more often."""
    wide = find(replace(STUDY, policy=replace(POLICY, ratio=2.5, promote_ratio=3.0)))
    narrow = find(replace(STUDY, policy=replace(POLICY, ratio=1.0, points=0.0)))
    assert [True, False, False] == [fault(one, "2x").inside for one in (wide, found, narrow)]
    assert fault(wide, "2x").predicted_s is None
    assert fault(wide, "2x").found < fault(narrow, "2x").found


def test_a_fault_that_acceptance_allows_is_marked() -> None:
    """Between `against_stable` and `promote_at` a fault may be promoted, and that is said."""
    seen = find(replace(STUDY, policy=replace(POLICY, promote_ratio=6.0), runs=20))
    assert [True, False] == [fault(seen, name).promotable for name in ("5x", "10x")]


def test_what_is_foretold_comes(found: Found) -> None:
    """The mean that is foretold along the increments is within a third of what comes, and never below Wald's bound."""
    for name in ("5x", "10x"):
        one = fault(found, name)
        assert one.found_s is not None
        assert one.predicted_s is not None
        assert (one.limit_s or 0) < one.predicted_s
        assert one.predicted_s == pytest.approx(one.found_s.mean, rel=0.33)


def test_clusters_move_the_bound() -> None:
    """Errors that come three at a time tell a third as much: Wald's bound is three times as late, at the same weight."""
    flat = replace(SHORT, steps=(Step(0.1, 200),))
    alone = find(replace(STUDY, course=flat, runs=20))
    three = find(replace(STUDY, course=flat, runs=20, cluster=3.0, policy=replace(POLICY, dispersion=5.0)))
    assert 3 * (fault(alone, "10x").limit_s or 0) == pytest.approx(fault(three, "10x").limit_s)


def test_a_late_fault_counts_from_its_beginning(found: Found) -> None:
    """Nobody finds a fault before it begins, and none of its time is counted before."""
    late = fault(found, "5x the errors after")
    assert late.begins_s > 0
    assert late.predicted_s is None
    assert late.found_s is not None
    assert late.found_s.p10 > 0


def test_response_times_are_tried_where_they_are_judged() -> None:
    """With a quantile in the policy slow candidates are tried: what the margin allows is marked, more is found."""
    policy = replace(POLICY, latency=(LatencyRule(0.95, ratio=1.3, promote_ratio=1.6),))
    seen = find(Study("production", policy, SHORT, Service(200, 0.01, 20.0, 0.5), runs=40, seed=3))
    assert fault(seen, "25 % slower").inside
    assert not fault(seen, "twice as slow").inside
    assert fault(seen, "twice as slow").found == fault(seen, "twice as slow").runs
    harmed = fault(seen, "twice as slow").harmed
    assert harmed is not None
    assert harmed.mean > 0


def test_rates_are_tried_where_they_are_judged() -> None:
    """A candidate with half as many events goes back, at no harm that could be counted; what the margin allows is marked."""
    service = replace(STUDY.service, events={"orders": 0.3})
    study = replace(STUDY, service=service, policy=replace(POLICY, rates=(RateRule("orders", 0.8, 0.9),)), runs=40)
    seen = find(study)
    half = fault(seen, "half as many orders")
    assert (False, None, half.runs) == (half.inside, half.harmed, half.found)
    assert fault(find(replace(study, policy=replace(POLICY, rates=(RateRule("orders", 0.4, 0.5),)))), "half").inside
    assert seen.good.promoted > 0.9 * seen.good.runs


def test_requests_of_our_own_help_where_users_are_few() -> None:
    """With `traffic:` good ones are promoted sooner at a request a second; no time is foretold, which knows users alone."""
    quiet = replace(STUDY, service=Service(1, 0.01), course=replace(SHORT, hold_s=1200), runs=60)
    alone, helped = (
        find(quiet),
        find(replace(quiet, policy=replace(POLICY, traffic=True), service=Service(1, 0.01, own_rps=50.0))),
    )
    assert helped.good.promoted > 1.5 * alone.good.promoted
    soon, late = fault(helped, "10x").found_s, fault(alone, "10x").found_s
    assert soon is not None
    assert late is not None
    assert soon.mean < late.mean / 3
    assert [None] * len(helped.faults) == [one.predicted_s or one.limit_s for one in helped.faults]


def test_longer_windows_find_as_much() -> None:
    """Faults are found to the second in the half hour from their beginning; others are no different but for chance."""
    course = Course((Step(0.02, 4000), Step(0.05, 4000)), hold_s=300)
    fine, coarse = (find(replace(STUDY, course=course, look_s=apart)) for apart in (1, 30))
    assert 2 >= coarse.good.rolled_back
    for name, late_s in (("5x the errors, ", 1), ("10x", 1), ("5x the errors after", 45)):
        one, other = fault(fine, name), fault(coarse, name)
        assert (one.found, one.runs) == (other.found, other.runs)
        assert one.found_s is not None
        assert other.found_s is not None
        assert abs(other.found_s.mean - one.found_s.mean) < late_s


def test_a_rollout_of_days_has_no_more_looks_than_one_of_hours() -> None:
    """A second apart where it lasts hours; so far apart in days that an answer takes seconds; a pool of a minute at most."""
    hour = 3600.0
    assert [1, 1, 10, 30, 60] == [look_s(hours * hour, timed=False) for hours in (1.5, 2.5, 24, 72, 1000)]
    assert [1, 15, 60] == [look_s(hours * hour, timed=True) for hours in (1.5, 24, 72)]
    assert LOOKS_TIMED < LOOKS
    assert sorted(LOOKS_S) == list(LOOKS_S)


def test_few_buckets_judge_as_all_do() -> None:
    """Over the buckets near the quantiles every look is the same as over all of them."""
    rules = (LatencyRule(0.5, None, 1.1, 0.0, 2.6), LatencyRule(0.99, 300_000.0, 1.2, 2000.0, 3.0, past_us=100_000.0))
    policy, service, rng, lanes = Policy(latency=rules), Service(100, 0.01, 20.0, 0.7), np.random.default_rng(1), 40
    near = edges_near(policy, {rule.quantile: service.quantile_us(rule.quantile) for rule in rules})
    groups = np.searchsorted(np.array(near), np.array(EDGES))
    every, few = (Lanes(policy, lanes, times=Whole(lanes, some)) for some in (EDGES, near))
    logs = np.log(np.array(EDGES[:-1]))
    for second in range(60):
        hists = []
        for size, times in ((10, np.where(np.arange(lanes) % 2, 1.0, 1.5)), (90, np.ones(lanes))):
            drawn = rng.normal(np.log(20_000 * times)[:, None], 0.7, (lanes, size))
            hists.append(np.stack([np.bincount(np.searchsorted(logs, one), minlength=len(EDGES)) for one in drawn]))
        counts = [np.full(lanes, n) for n in (10, 0, 90, 1)]
        merged = [np.stack([np.bincount(groups, row, len(near)) for row in one]).astype(np.int64) for one in hists]
        every.step(float(second), Counts(*counts, *hists), np.ones(lanes, np.int64))
        few.step(float(second), Counts(*counts, *merged), np.ones(lanes, np.int64))
        assert every.odds == pytest.approx(few.odds, rel=1e-9)
        assert every.acceptance == pytest.approx(few.acceptance, rel=1e-9)
    assert len(near) < len(EDGES) / 3
    assert every.odds.max() > 10


def test_peers_are_judged_on_the_same_traffic(found: Found) -> None:
    """Every judge sees every fault of errors; ours finds a tenfold one, at less harm than a threshold that is never broken."""
    judges = {one.name: one for one in found.compared.judges}
    assert ["this policy", "Argo Rollouts 0.95, limit 3", "Flagger, threshold 10", "CodeDeploy, sample alarm",
            "Kayenta, 1 h interval"] == list(judges)  # fmt: skip
    assert {("2x", "5x", "10x", "1")} == {tuple(seen.fault.split()[0] for seen in one.seen) for one in judges.values()}
    ours, argo = judges["this policy"].seen[2], judges["Argo Rollouts 0.95, limit 3"].seen[2]
    assert found.compared.runs == ours.found
    assert ours.harmed < argo.harmed
    assert found.compared.good_runs == judges["CodeDeploy, sample alarm"].rolled_back


def test_the_bound_is_clopper_and_pearsons() -> None:
    """None of n leaves 1 - 0.01**(1/n); all of n leave 1; and at the bound so few are seen once in a hundred."""
    assert 1 - 0.01 ** (1 / 458) == pytest.approx(upper_bound(0, 458))
    assert 1.0 == upper_bound(20, 20)
    assert upper_bound(3, 100) > upper_bound(2, 100) > 0.02


@given(
    st.lists(st.tuples(st.sampled_from([0.1, 0.5]), st.floats(1, 100)), min_size=1, max_size=5), st.floats(0.1, 1000)
)
def test_evidence_adds_up_along_the_increments(steps: list[tuple[float, float]], needed: float) -> None:
    """Where every weight needs the same time, the increments do not matter; what is not reached in them is None."""
    lasts = sum(seconds for _, seconds in steps)
    found_s = along(steps, {0.1: needed, 0.5: needed})
    if needed < 0.999 * lasts:
        assert needed == pytest.approx(found_s)
    elif needed > 1.001 * lasts:
        assert found_s is None


def test_nobody_is_harmed_by_a_good_release() -> None:
    """Of a candidate as good as stable the excess is 0 in the mean."""
    from penstock.simulation import releases

    seen = releases.run(releases.Study(POLICY, SHORT, Service(100, 0.01), [Wrong()] * 300), 4)
    assert 0 == pytest.approx(seen.excess.mean(), abs=3 * seen.excess.std() / 300**0.5)


def test_a_late_fault_begins_before_good_releases_are_through() -> None:
    """Whether increments are fixed or left early: what was promoted before the fault began would tell nothing of it."""
    for steps in (
        (Step(0.1, 20), Step(0.5, 300, may_leave_early=True)),
        (Step(0.05, 600), Step(0.25, 1800, may_leave_early=True), Step(0.5, 1800, may_leave_early=True)),
        (Step(0.1, 600, may_leave_early=True), Step(0.5, 600, may_leave_early=True)),
    ):
        seen = find(replace(STUDY, course=Course(steps, hold_s=300), runs=100))
        late = fault(seen, "5x the errors after")
        assert seen.good.promoted_s is not None
        assert 0 < late.begins_s < seen.good.promoted_s.median
        assert late.found >= 0.8 * late.runs
        assert late.early <= late.promoted < late.runs / 2

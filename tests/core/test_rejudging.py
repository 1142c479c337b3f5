"""Records by another policy: what never changes, whatever was read."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.core import verdict
from penstock.core.known import NOTHING_KNOWN, Known
from penstock.core.plan import Plan
from penstock.core.policy import Policy
from penstock.core.reading import Reading
from penstock.core.rejudging import Course, Judged, Rejudged, policy_by, summary, unjudged
from penstock.core.replay import Rules
from penstock.core.rollout import Rung
from penstock.core.target import Artifact, Revision
from penstock.core.verdict import Eras
from penstock.manifest.verdict import Verdict

BEGAN = 1_000.0
SECONDS = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=60)
"""Each second: the candidate's requests, its errors, and stable's errors among ten times as many."""

Second = tuple[int, int, int]


def revision(name: str) -> Revision:
    return Revision(name, name * 40, Artifact("folder", "", "d" * 64), "", {})


def rules(policy: Policy) -> Rules:
    """A canary of 10 % for a minute."""
    rungs = (Rung("candidate placed", 0, {}), Rung("10 %", 100, {}, 60.0, judged=True), Rung("100 %", 1000, {}))
    plan = Plan(
        1, "release", "shop", "production", "canary", revision("b"), revision("a"), rungs, {}, {}, (), "", "", {},
        "roll_back", 0.0, 600.0, None,
    )  # fmt: skip
    return Rules(plan, policy, (), 0.0)


def readings(seconds: list[Second]) -> list[Reading]:
    found = []
    for number, (requests, errors, others) in enumerate(seconds):
        at = BEGAN + number
        for name, count, bad in (("a", requests * 10, others), ("b", requests, errors)):
            found.append(Reading("web", name, at, at + 1, count, min(bad, count), 1, position=str(at)))
    return found


def move(second: int, what: str = "advance", rung: int = 1, cause: str = "", phase: str = "watch") -> dict[str, Any]:
    """A line of the audit log, written when so many seconds had been read."""
    standing = {"phase": phase}
    return {
        "what": f"move: {what}",
        "cause": cause,
        "rung": rung,
        "position": str(BEGAN + second - 1),
        "standing": standing,
    }


def course(seconds: list[Second], policy: Policy | None = None) -> Course:
    return Course(rules(policy or Policy()), readings(seconds), [move(len(seconds))])


@given(SECONDS)
@settings(max_examples=60)
def test_window_by_window_is_the_product_at_once(seconds: list[Second]) -> None:
    """The verdict at the end of a record is the product's own fold of its readings, convicted or not."""
    policy = Policy(false_rollbacks=0.3, false_promotions=0.3)
    told = verdict.windows(readings(seconds), "b", "a", Eras({1: BEGAN}))
    said = verdict.judge(policy, verdict.fold(policy, verdict.start(policy), told))
    assert said.outcome == course(seconds).judged(policy, 0.0)[0].outcome


@given(SECONDS, st.sampled_from([0.3, 0.1, 0.01]))
@settings(max_examples=60)
def test_less_evidence_is_never_later(seconds: list[Second], wrong: float) -> None:
    """With the same bets, who may be wrong more often convicts whatever the other convicts, no later, and no more is harmed."""
    made = course(seconds)
    strict, careful = (made.judged(Policy(false_rollbacks=one), 0.0)[0] for one in (min(0.5, 3 * wrong), wrong))
    if careful.outcome == "unhealthy":
        assert strict.outcome == "unhealthy"
        assert (strict.at_s or 0.0) <= (careful.at_s or 0.0)
        assert strict.harmed <= careful.harmed


@given(SECONDS, st.integers(0, 60))
@settings(max_examples=60)
def test_a_conviction_does_not_depend_on_what_comes_after(seconds: list[Second], more: int) -> None:
    """What a longer record adds changes nothing of a conviction: nobody looks into the future."""
    policy = Policy(false_rollbacks=0.3)
    short = course(seconds).judged(policy, 0.0)[0]
    if short.outcome == "unhealthy":
        assert short == course(seconds + [(40, 3, 0)] * more).judged(policy, 0.0)[0]


def test_the_moment_of_a_conviction_is_the_first_that_convicts() -> None:
    """A record that ends a second earlier is not convicted yet, and one that ends there is."""
    seconds, policy = [(40, 2, 1)] * 40, Policy()
    found = course(seconds).judged(policy, 0.0)[0]
    assert found.at_s is not None
    first = round(found.at_s)
    assert 1 < first < 40
    assert "undecided" == course(seconds[: first - 1]).judged(policy, 0.0)[0].outcome
    assert found == course(seconds[:first]).judged(policy, 0.0)[0]
    assert 2 * first == found.harmed


@given(SECONDS)
@settings(max_examples=60)
def test_undecided_has_no_moment_and_counts_all(seconds: list[Second]) -> None:
    """Who has not decided by the end has no second of it, and harmed whoever failed in all the record."""
    made = course(seconds)
    found = made.judged(Policy(false_rollbacks=1e-250, false_promotions=1e-250), 0.0)[0]
    assert ("undecided", None) == (found.outcome, found.at_s)
    assert found.harmed == sum(one.errors for one in readings(seconds) if one.revision == "b")
    assert found.peak >= 1.0


def test_synthetic_requests_harm_nobody() -> None:
    """Of the failed requests only those of users count."""
    told = [replace(one, synthetic=one.start == BEGAN) for one in readings([(10, 5, 0), (10, 2, 0)])]
    made = Course(rules(Policy()), told, [move(2)])
    assert 2 == made.harmed_by(BEGAN + 2)


def test_the_weight_is_the_one_that_was_in_force() -> None:
    """Up to the reading at which a rung was left, its weight; after the rollout, all."""
    made = Course(rules(Policy()), readings([(0, 0, 0)] * 3 + [(5, 0, 0)] * 4), [move(3, rung=0), move(7)])
    assert [0, 100, 100, 1000] == [made.weight_at(BEGAN + after) for after in (3, 4, 7, 8)]
    assert [(BEGAN, 0), (BEGAN + 3, 100)] == made.weights()


def test_time_counts_from_the_first_request() -> None:
    """What was read before the candidate had traffic is judged, and is before the beginning."""
    made = Course(rules(Policy()), readings([(0, 0, 0)] * 3 + [(40, 3, 0)] * 30), [move(3, rung=0), move(33)])
    assert BEGAN + 3 == made.began
    assert 30.0 == made.reaches_s
    found = made.judged(Policy(), 0.0)[0]
    assert found.at_s is not None
    assert 0 < found.at_s < 30


def test_what_came_after_the_rollout_is_not_judged() -> None:
    """Readings of the bake, where there is no stable arm, are no part of the rollout."""
    seconds = [(20, 0, 0)] * 5 + [(40, 3, 0)] * 50
    made = Course(rules(Policy()), readings(seconds), [move(5), move(55, "abort", 2, "verdict", "bake")])
    then = made.judged(Policy(), 0.0)[0]
    assert "unhealthy" != then.outcome
    assert Judged("unhealthy", 55.0, 1000, 150, then.peak) == made.sent_back(then)


def test_a_record_that_was_decided_otherwise_is_noticed() -> None:
    """Convicted by the log and not by its policy, or the other way round, does not come out; trouble may be faster than both."""
    good, bad = [(20, 0, 0)] * 20, [(40, 3, 0)] * 20
    for seconds, line, expected in (
        (good, move(20), True), (good, move(20, "abort", cause="verdict"), False), (bad, move(20), False),
        (bad, move(20, "abort", cause="verdict"), True), (bad, move(20, "abort", cause="crash_loop"), True),
        (good, move(20, "abort", cause="person"), True),
    ):  # fmt: skip
        made = Course(rules(Policy()), readings(seconds), [line])
        assert expected == made.comes_out(made.judged(Policy(), 0.0)[0]), line


def test_the_policy_has_the_increments_that_were_planned() -> None:
    """How long evidence is looked for covers the recorded rollout and the time that the other policy would wait."""
    asked = Verdict.model_validate({"undecided": {"hold": 1000}})
    assert 1060.0 == policy_by(asked, rules(Policy()), NOTHING_KNOWN).starts.horizon_s


def test_the_other_policy_knows_what_was_known() -> None:
    """Clusters of errors that were learned before the release are paid for by every policy that is tried."""
    assert 3.0 == policy_by(Verdict(), rules(Policy()), Known(errors=3.0)).dispersion


def test_the_source_is_the_one_of_then() -> None:
    """A manifest that names another source today judges response times as they were recorded; of unseen buckets it does not."""
    asked = Verdict.model_validate(
        {"metrics": {"is": "json", "url": "http://127.0.0.1:1"}, "latency": {"p99": {"against_stable": "1.1x"}}}
    )
    own = replace(rules(Policy()), units=("web",))
    assert 1 == len(policy_by(asked, own, NOTHING_KNOWN).latency)
    assert () == policy_by(asked, rules(Policy()), NOTHING_KNOWN).latency
    assert 1 == len(policy_by(asked, rules(Policy()), Known(edges=(1000.0,))).latency)


def test_requests_that_nobody_sent_are_said_to_be_lacking() -> None:
    """`traffic` of the manifest as it lies judges what was recorded of it, and where that is nothing, it is said."""
    asked = Verdict.model_validate({"traffic": {"get": ["/"], "rps": 5}})
    made = course([(20, 0, 0)] * 5)
    said = "no requests of Penstock's own were recorded: `traffic` tells nothing"
    assert [said] == made.lacks(policy_by(asked, made.rules, NOTHING_KNOWN), asked)
    told = [replace(made.readings[0], synthetic=True), *made.readings]
    sent = Course(made.rules, told, [move(5)])
    assert [] == sent.lacks(policy_by(asked, made.rules, NOTHING_KNOWN), asked)


def test_keys_that_readings_do_not_tell() -> None:
    """Only what was said is named: defaults are no wish."""
    assert () == unjudged(Verdict())
    asked = Verdict.model_validate({"errors": {"at_most": "9 per 5m", "once_per": "client"}, "cpu": {"at_most": "80%"}})
    assert ("cpu", "errors.at_most", "errors.once_per") == unjudged(asked)


OUTCOMES = st.sampled_from(["unhealthy", "healthy", "undecided"])


@st.composite
def rejudged(draw: st.DrawFn) -> Rejudged:
    """Any release: a bad one was convicted, at some second."""
    was = draw(st.sampled_from(["good", "bad", "neither"]))

    def judged(outcome: str) -> Judged:
        at_s = None if outcome == "undecided" else float(draw(st.integers(0, 99)))
        return Judged(outcome, at_s, 100, 0, 1.0)  # type: ignore[arg-type]

    then = judged("unhealthy" if was == "bad" else "healthy")
    return Rejudged(f"shop/production/{draw(st.integers(1, 999))}", "", "", was, 99.0, then, judged(draw(OUTCOMES)))


@given(st.lists(rejudged(), max_size=20))
def test_a_summary_leaves_nobody_out(found: list[Rejudged]) -> None:
    """Every bad release is sooner, as soon, later or missed; a good one is lost, waiting or let through; order means nothing."""
    told = summary(found)
    assert told.bad == told.sooner + told.as_soon + told.later + len(told.missed)
    through = sum(one.was == "good" and one.other.outcome == "healthy" for one in found)
    assert told.good == len(told.lost) + len(told.waiting) + through
    assert (told.median_sooner_s is None) == (told.bad == len(told.missed))
    assert told.median_sooner_s == summary(found[::-1]).median_sooner_s

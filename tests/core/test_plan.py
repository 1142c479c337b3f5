"""A plan says all that may happen, and its way back is always whole."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.core import data
from penstock.core.pacing import calibration, rehearsal
from penstock.core.plan import Facts, Plan, draw, still_true
from penstock.core.rollout import Place
from penstock.core.target import Artifact, Capabilities, Fence, Observed, Revision, Unit
from penstock.errors import UserError
from penstock.manifest.groups import Group
from penstock.manifest.metrics import MetricsSource
from penstock.manifest.rollout import Rollout
from penstock.render.plan import text
from penstock.testing.simulation import environment
from penstock.testing.target import EVERYTHING


def revision(name: str, units: tuple[str, ...] = ("web",)) -> Revision:
    return Revision(name, name * 8, Artifact("none"), "c", units={u: Unit(("run",)) for u in units})


def facts(**more: object) -> Facts:
    plain = {
        "release": 7, "kind": "release", "service": "shop", "candidate": revision("new"), "observed": Observed("3"),
        "capabilities": EVERYTHING, "places": {"web": Place(4)}, "stable": revision("old"),
    }  # fmt: skip
    return Facts(**{**plain, **more})  # type: ignore[arg-type]


def drawn(rollout: str = "canary", **more: object) -> Plan:
    return draw(environment(rollout), facts(**more))


@given(st.sampled_from(["canary", "rolling", "all_at_once"]), st.integers(1, 9), st.booleans())
def test_every_rung_has_a_whole_way_back(rollout: str, copies: int, first: bool) -> None:
    """From any rung the way back gives stable everything, at full capacity; without a stable nothing is left."""
    plan = drawn(rollout, places={"web": Place(copies)}, stable=None if first else revision("old"))
    for rung in range(len(plan.rungs)):
        back = plan.desire(rung, Fence(7), None).way_back
        assert back is not None
        if first:
            assert set() == back.placed()
        else:
            assert {"old": 1000} == back.units["web"].split
            assert copies == back.units["web"].placed["old"]
            assert {"old", "new"} >= back.revisions.keys()


@given(st.sampled_from(["canary", "rolling", "all_at_once"]))
def test_a_plan_is_the_same_after_the_journal(rollout: str) -> None:
    """Written down and read again, a plan is equal, and so is its digest."""
    plan = drawn(rollout)
    again = data.load(Plan, data.dump(plan))
    assert plan == again
    assert plan.digest == again.digest


def test_the_dead_man_watches_only_while_the_candidate_has_traffic() -> None:
    """Without traffic on the candidate, or with nothing to go back to, nobody need watch."""
    plan = drawn()
    assert [None, 120, 120, 120] == [plan.desire(n, Fence(7), None).attended_s for n in range(4)]
    assert None is drawn(stable=None).desire(1, Fence(7), None).attended_s


def test_what_runs_is_nothing_to_do_unless_asked_again() -> None:
    """A candidate that serves everything already is not released again."""
    observed = Observed("3", {"web": {"new": 1000}}, {"web": {"new": 4}})
    assert drawn(observed=observed).nothing_to_do
    assert "" == drawn(observed=observed, again=True).nothing_to_do
    assert "" == drawn(observed=replace(observed, serving={"web": {"new": 500, "old": 500}})).nothing_to_do


@pytest.mark.parametrize("rollout", ["canary", "rolling", "all_at_once"])
def test_what_runs_can_be_planned_with_every_strategy(rollout: str) -> None:
    """Stable and candidate may be one: the plan says that there is nothing to do, and draws no split of one with itself."""
    one = revision("new")
    observed = Observed("3", {"web": {"new": 1000}}, {"web": {"new": 4}})
    assert drawn(rollout, stable=one, observed=observed).nothing_to_do


def test_an_older_revision_is_blocked_unless_asked() -> None:
    """An older commit does not overwrite a newer one without being asked."""
    assert "rollback" in drawn(older=True).blocked
    assert "" == drawn(older=True, may_be_older=True).blocked


def test_a_strategy_that_cannot_be_is_an_error_that_names_those_that_can() -> None:
    """A canary on a platform without a split: the error says why, and what can be."""
    with pytest.raises(UserError) as caught:
        drawn(capabilities=Capabilities())
    assert "strategy" == caught.value.code
    assert "split" in caught.value.why
    assert "all_at_once" in caught.value.next


def test_risks_are_printed() -> None:
    """No dead man's rule, no way back after a reboot, a first release: each is a line of the plan."""
    plan = drawn(capabilities=replace(EVERYTHING, dead_man=False))
    assert any("dead man" in risk for risk in plan.risks)
    assert any("reboot" in risk for risk in drawn().risks)
    assert any("first release" in risk for risk in drawn(stable=None).risks)
    assert not any("reboot" in risk for risk in drawn(at_boot=True).risks)


def test_a_plan_that_was_overtaken_is_not_true_any_more() -> None:
    """The token says whether what was seen is still so."""
    plan = drawn()
    assert still_true(plan, Observed("3"))
    assert not still_true(plan, Observed("4"))


def test_a_unit_that_the_new_revision_adds_or_drops_goes_and_comes_back() -> None:
    """Going back restores the units that stable has, and takes away the one that only the candidate has."""
    plan = drawn(
        candidate=revision("new", ("web", "jobs")), stable=revision("old", ("web",)),
        places={"web": Place(2), "jobs": Place(1, traffic=False)},
    )  # fmt: skip
    back = plan.back({"web": 1, "jobs": 1}, Fence(7))
    assert {"web"} == {name for name, unit in back.units.items() if unit.placed.get("old")}
    for rung in plan.rungs:
        assert "old" not in rung.units["jobs"].placed


def test_a_plan_names_whom_to_reach() -> None:
    """The manifest's groups are contacts of the plan, a line each in its text; without groups nothing is said."""
    groups = {"on-call": Group.model_validate({"reach": "pagerduty:P1", "people": ["ana"]})}
    plan = draw(environment().model_copy(update={"groups": groups}), facts())
    assert ("on-call: pagerduty:P1 (ana)",) == plan.contacts
    assert text(plan).endswith("\n\ncontacts\n  - on-call: pagerduty:P1 (ana)")
    assert "contacts" not in text(drawn())


def test_a_plan_of_an_older_journal_has_no_contacts() -> None:
    """A plan that was written down before there were contacts is still read."""
    old = {name: value for name, value in data.dump(drawn()).items() if name != "contacts"}
    assert () == data.load(Plan, old).contacts


def test_the_text_of_a_plan_names_every_stage_and_the_way_back() -> None:
    """What a person reads: stages in order, bounds, the way back, risks."""
    plan = drawn()
    shown = text(plan)
    assert [] == [stage.name for stage in plan.stages if stage.name not in shown]
    assert plan.way_back in shown
    assert all(risk in shown for risk in plan.risks)


@pytest.mark.parametrize("faulty", [False, True])
def test_a_drill_goes_by_the_manifests_own_weights(faulty: bool) -> None:
    """The same weights, none longer than it takes to see requests; only a planted fault is waited for, at the last."""
    asked = Rollout.model_validate({"is": "canary", "increments": ["5% for 30m", "25% up to 1h"]})
    found = rehearsal(asked, faulty=faulty).increments
    assert [50, 250] == [step.weight_permille for step in found]
    assert [10.0, 60.0 if faulty else 10.0] == [step.duration_s for step in found]
    assert not found[-1].may_leave_early
    assert 1 == len(rehearsal(Rollout.model_validate({"is": "rolling"})).increments)


@given(weights=st.lists(st.integers(1, 999), min_size=1, max_size=4, unique=True), for_s=st.none() | st.floats(1, 1e5))
def test_a_calibration_is_paced_as_planned(weights: list[int], for_s: float | None) -> None:
    """The manifest's own weights, in their order and proportion, for as long as was asked; none is left early."""
    asked = Rollout.model_validate(
        {"is": "canary", "increments": [f"{w / 10}% up to {n + 1}m" for n, w in enumerate(sorted(weights))]}
    )
    found = calibration(asked, for_s).increments
    assert sorted(weights) == [step.weight_permille for step in found]
    assert not any(step.may_leave_early for step in found)
    total = sum(step.duration_s for step in asked.increments)
    assert pytest.approx(for_s or total) == sum(step.duration_s for step in found)
    assert pytest.approx([s.duration_s / total for s in asked.increments]) == [
        step.duration_s / (for_s or total) for step in found
    ]


def test_a_source_too_coarse_for_its_increments_is_a_risk() -> None:
    """Steps of fifteen seconds in an increment of twenty: nearly all of it lies beside a shift, and that is said."""
    source = MetricsSource.model_validate({"is": "file", "path": "/srv/readings"})
    asked = environment("canary")
    coarse = asked.model_copy(update={"verdict": asked.verdict.model_copy(update={"metrics": source})})

    assert any("holds few whole steps" in risk for risk in draw(coarse, facts(stable=revision("old"))).risks)
    assert not any("holds few whole steps" in risk for risk in drawn().risks)


def test_a_unit_of_one_revision_alone_is_not_compared() -> None:
    """What only one of both serves has no like: its requests would count on one arm."""
    places = {"web": Place(2), "new": Place(1), "jobs": Place(1, traffic=False)}
    plan = replace(
        drawn(), places=places, standing={"web": Place(2), "static": Place(1), "jobs": Place(1, traffic=False)}
    )

    assert frozenset({"web"}) == plan.compared_units

"""The ladder of a strategy, and the next move on it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.core.rollout import Move, Place, Rung, Standing, alone, ladder, next_move, strategies
from penstock.core.target import Capabilities
from penstock.manifest.rollout import Rollout

FULL = Capabilities(split="permille", coexist="many", place_apart=True, arms=True)
CANARY = Rollout.model_validate({"is": "canary", "increments": ["5% for 30s", "50% up to 60s"]})
ONE = {"web": Place(4)}
RUNGS = ladder(CANARY, ONE, "old", "new", FULL)

instances = st.integers(1, 40)
places = st.dictionaries(
    st.sampled_from(["web", "api", "jobs"]), st.builds(Place, instances, st.booleans()), min_size=1
)
amounts = st.one_of(st.integers(0, 8).map(str), st.integers(0, 100).map(lambda n: f"{n}%"))


def test_a_canary_places_first_then_follows_its_increments_then_takes_all() -> None:
    """The rungs of a canary are: no traffic, the increments as asked, everything."""
    assert [0, 50, 500, 1000] == [rung.weight_permille for rung in RUNGS]
    assert [False, True, True, False] == [rung.judged for rung in RUNGS]


def test_stable_keeps_its_full_capacity_through_a_canary() -> None:
    """Going back needs no new instance: stable stays whole on every rung."""
    assert [4, 4, 4, 4] == [rung.units["web"].placed["old"] for rung in RUNGS]
    assert [1, 1, 2, 4] == [rung.units["web"].placed["new"] for rung in RUNGS]


@given(places, st.sampled_from(["canary", "all_at_once"]))
def test_every_ladder_ends_with_all_traffic_on_the_candidate(units: dict[str, Place], kind: str) -> None:
    """On the last rung every unit with traffic sends everything to the candidate, at full capacity."""
    rungs = ladder(
        Rollout.model_validate({"is": kind, **({"increments": ["5% for 30s"]} if kind == "canary" else {})}),
        units,
        "old",
        "new",
        FULL,
    )
    for name, place in units.items():
        assert place.instances == rungs[-1].units[name].placed["new"]
        assert ({"new": 1000} if place.traffic else {}) == rungs[-1].units[name].split


@given(instances, amounts, amounts)
def test_rolling_never_leaves_its_bounds(total: int, surge: str, missing: str) -> None:
    """Between surge and unavailable: never more than asked for plus surge, never fewer than asked for less missing."""
    try:
        rollout = Rollout.model_validate({"is": "rolling", "max_surge": surge, "max_unavailable": missing})
    except ValueError:
        return
    more, fewer = rollout.max_surge.of(total, up=True), rollout.max_unavailable.of(total, up=False)
    rungs = ladder(rollout, {"web": Place(total)}, "old", "new", FULL)
    before = {"old": total}
    for rung in rungs:
        placed = rung.units["web"].placed
        # what is new is started before what is old is let go
        most = sum(max(before.get(r, 0), placed.get(r, 0)) for r in ("old", "new"))
        assert most <= total + max(1, more)
        assert sum(placed.values()) >= max(1, total - fewer)
        before = placed
    assert {"new": total} == rungs[-1].units["web"].placed


@given(instances, amounts, amounts)
def test_rolling_only_moves_forward(total: int, surge: str, missing: str) -> None:
    """From rung to rung the candidate's weight never falls."""
    try:
        rollout = Rollout.model_validate({"is": "rolling", "max_surge": surge, "max_unavailable": missing})
    except ValueError:
        return
    weights = [r.weight_permille for r in ladder(rollout, {"web": Place(total)}, "old", "new", FULL)]
    assert sorted(weights) == weights
    assert 0 == weights[0]
    assert 1000 == weights[-1]


def test_a_first_release_has_nothing_to_split_with() -> None:
    """Without a stable revision the candidate is placed, checked, and then gets everything."""
    rungs = ladder(CANARY, ONE, None, "new", FULL)
    assert [0, 1000] == [rung.weight_permille for rung in rungs]
    assert alone(ONE, "new") == rungs[-1].units


def test_a_platform_that_cannot_place_apart_gets_one_rung() -> None:
    """Where nothing can be placed without traffic, the one rung is everything."""
    rungs = ladder(Rollout.model_validate({"is": "all_at_once"}), ONE, "old", "new", Capabilities())
    assert [1000] == [rung.weight_permille for rung in rungs]


@pytest.mark.parametrize(
    ("capabilities", "able"),
    [
        (FULL, {"all_at_once", "rolling", "canary"}),
        (replace(FULL, arms=False), {"all_at_once", "rolling"}),
        (replace(FULL, split="none"), {"all_at_once"}),
        (replace(FULL, coexist="1"), {"all_at_once"}),
    ],
)
def test_strategies_follow_from_capabilities(capabilities: Capabilities, able: set[str]) -> None:
    """A canary needs a split, two revisions side by side, and arms that can be told apart; each lack is named."""
    assert able == {name for name, why in strategies(capabilities).items() if not why}


AT_LAST = Standing(rung=2, watched_s=61, outcome="healthy", sentence="fine")


def decide(standing: Standing, then: str = "roll_back") -> Move:
    return next_move(RUNGS, standing, then, 100)


@pytest.mark.parametrize(
    ("standing", "kind", "cause"),
    [
        (Standing(0, 0), "advance", ""),
        (Standing(1, 29), "hold", ""),
        (Standing(1, 29, "healthy"), "hold", ""),  # `for` soaks
        (Standing(1, 31), "advance", ""),  # only the last step demands acceptance
        (Standing(1, 31, odds=3.1), "hold", ""),
        (Standing(1, 31, source="down"), "hold", ""),
        (Standing(1, 31, unended="300 open"), "hold", ""),
        (Standing(2, 5, "healthy"), "advance", ""),  # `up to` may leave early
        (Standing(2, 5, "healthy", unended="300 open"), "hold", ""),
        (Standing(2, 61, "healthy", unended="300 open"), "hold", ""),
        (Standing(2, 161, "healthy", unended="300 open"), "abort", "undecided"),
        (Standing(2, 5), "hold", ""),
        (Standing(2, 61), "hold", ""),
        (Standing(2, 161), "abort", "undecided"),
        (AT_LAST, "advance", ""),
        (replace(AT_LAST, source="down"), "hold", ""),
        (replace(AT_LAST, watched_s=161, source="down"), "abort", "undecided"),
        (replace(AT_LAST, outcome="unhealthy"), "abort", "verdict"),
        (replace(AT_LAST, trouble=("health", "ill")), "abort", "health"),
        (replace(AT_LAST, trouble=("health", "ill"), order=("person", "ana")), "abort", "person"),
        (replace(AT_LAST, held="ana"), "hold", ""),
        (replace(AT_LAST, held="ana", outcome="unhealthy"), "abort", "verdict"),
        (Standing(1, 0, hurried="bo"), "advance", ""),
        (Standing(3, 0), "promote", ""),
    ],
)
def test_the_next_move(standing: Standing, kind: str, cause: str) -> None:
    """Orders, then trouble, then the verdict, then time: each standing has one move."""
    move = decide(standing)
    assert (kind, cause) == (move.kind, move.cause)


def test_hurrying_skips_to_all_traffic() -> None:
    """`promote` goes on to the last rung, whatever the increments still ask for."""
    assert 3 == decide(Standing(1, 0, hurried="bo")).rung


def test_undecided_promotes_only_when_the_manifest_says_so_and_the_source_is_there() -> None:
    """`then: promote` needs readings, and odds below three; a source that is down never promotes."""
    late = Standing(2, 161)
    assert "advance" == decide(late, "promote").kind
    assert "abort" == decide(replace(late, odds=4), "promote").kind
    assert "abort" == decide(replace(late, source="down"), "promote").kind
    assert "abort" == decide(replace(late, unended="300 open"), "promote").kind


@given(
    st.integers(0, 3), st.floats(0, 1e4), st.sampled_from(["healthy", "unhealthy", "undecided"]),
    st.floats(0, 1e6), st.booleans(), st.booleans(),
)  # fmt: skip
def test_no_standing_is_without_a_move(
    rung: int, watched: float, outcome: str, odds: float, down: bool, ill: bool
) -> None:
    """Every standing has a move with a reason, and an unhealthy one never goes forward."""
    standing = Standing(rung, watched, outcome, odds, "x", ("health", "ill") if ill else None, None, "down" * down)  # type: ignore[arg-type]
    move = decide(standing)
    assert move.reason
    if outcome == "unhealthy" or ill:
        assert "abort" == move.kind


@given(standing=st.builds(
    Standing, rung=st.integers(0, 2), watched_s=st.floats(0, 1e4), outcome=st.sampled_from(["healthy", "undecided"]),
    odds=st.floats(0, 1e3), source=st.sampled_from(["", "down"]), hurried=st.sampled_from(["", "ana"]),
    waited_s=st.floats(0, 1e4),
), then=st.sampled_from(["roll_back", "promote"]), hold_s=st.floats(0, 1e4))  # fmt: skip
def test_a_drill_never_promotes(standing: Standing, then: str, hold_s: float) -> None:
    """Whatever the evidence, the clock and people say: a drill never takes the last step, and goes back in its time."""
    rungs = (
        Rung("candidate placed", 0, {}), Rung("20 %", 200, {}, 10.0, judged=True), Rung("50 %", 500, {}, 10.0, judged=True),
        Rung("100 %", 1000, {}),
    )  # fmt: skip
    move = next_move(rungs, standing, then, hold_s, kind="drill")
    takes_everything = move.kind == "promote" or (move.kind == "advance" and move.rung == 3)
    assert not takes_everything, move
    if standing.rung == 2 and standing.waited_s >= 10:
        assert ("abort", "drill") == (move.kind, move.cause)


@given(standing=st.builds(
    Standing, rung=st.integers(0, 2), watched_s=st.floats(0, 1e4), outcome=st.sampled_from(["healthy", "undecided"]),
    odds=st.floats(0, 1e3), source=st.sampled_from(["", "down"]), hurried=st.sampled_from(["", "ana"]),
    waited_s=st.floats(0, 1e4),
), then=st.sampled_from(["roll_back", "promote"]), hold_s=st.floats(0, 1e4))  # fmt: skip
def test_a_calibration_never_serves_everybody_and_never_waits(standing: Standing, then: str, hold_s: float) -> None:
    """Whatever is seen, it never takes the last step; where its time on a rung is over it goes on, or goes back."""
    rungs = (
        Rung("candidate placed", 0, {}), Rung("20 %", 200, {}, 10.0, judged=True), Rung("50 %", 500, {}, 10.0, judged=True),
        Rung("100 %", 1000, {}),
    )  # fmt: skip
    move = next_move(rungs, standing, then, hold_s, "calibrate")
    takes_everything = move.kind == "promote" or (move.kind == "advance" and move.rung == 3)
    assert not takes_everything, move
    if standing.rung and standing.watched_s >= 10:
        assert "hold" != move.kind
    if move.kind == "abort":
        assert move.cause in ("calibrate", "undecided")


def test_a_convicted_copy_goes_back_by_the_verdict() -> None:
    """The verdict in force judges a copy like any candidate: its conviction comes first."""
    rungs = (Rung("placed", 0, {}), Rung("50 %", 500, {}, 10.0, judged=True), Rung("100 %", 1000, {}))
    move = next_move(rungs, Standing(1, 20.0, "unhealthy", 200.0, "it fails"), "roll_back", 0.0, "calibrate")
    assert ("abort", "verdict", "it fails") == (move.kind, move.cause, move.reason)

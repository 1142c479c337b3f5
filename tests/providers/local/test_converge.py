"""Capacity first, then traffic, and what leaves comes last."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from penstock.providers.local.converge import Copy, may_retire, may_shift, standing
from penstock.providers.local.wanted import Program, Runnable, Unit, Wanted

PROGRAM = Runnable("", "/", (), None, {"web": Program(("x",)), "jobs": Program(("x",))})
R1, R2 = ("web", "r1"), ("web", "r2")


def wanted(placed: dict[str, int], split: dict[str, int]) -> Wanted:
    """A desire of one unit."""
    revisions = dict.fromkeys(placed, PROGRAM)
    return Wanted(2, units={"web": Unit(placed, split)}, revisions=revisions, min_ready_s=5, start_within_s=60)


def ready(arm: tuple[str, str], ready_s: float = 100.0) -> Copy:
    """An instance that serves."""
    return Copy(arm, ready_s, is_proven=True, is_seen=True)


STABLE = {"web": {"r1": 1000}}
CANARY = wanted({"r1": 1, "r2": 1}, {"r1": 500, "r2": 500})


def test_no_split_before_capacity() -> None:
    """Not while an instance is missing, starting, just ready, or not seen by Envoy."""
    assert not may_shift(CANARY, [ready(R1)], STABLE)
    assert not may_shift(CANARY, [ready(R1), Copy(R2, None)], STABLE)
    assert not may_shift(CANARY, [ready(R1), ready(R2, 4.9)], STABLE)
    assert not may_shift(CANARY, [ready(R1), replace(ready(R2), is_seen=False)], STABLE)
    assert may_shift(CANARY, [ready(R1), ready(R2, 5.0)], STABLE)


def test_going_back_does_not_hang_on_a_crashed_neighbour() -> None:
    """Of two stable instances one is down for the moment: traffic goes back to the other at once."""
    back = wanted({"r1": 2}, {"r1": 1000})
    down = Copy(R1, None, is_proven=True)
    assert may_shift(back, [ready(R1), down, ready(R2)], {"web": {"r1": 500, "r2": 500}})
    assert not may_shift(back, [down, down, ready(R2)], {"web": {"r1": 500, "r2": 500}})


def test_where_nobody_serves_one_instance_is_enough() -> None:
    """After a reboot the first that is ready serves, whatever is still missing."""
    back = wanted({"r1": 4}, {"r1": 1000})
    assert may_shift(back, [ready(R1, 0.1)], {"web": {"r2": 1000}})
    assert not may_shift(back, [ready(R1, 0.1), ready(R2)], {"web": {"r2": 1000}})


def test_nothing_leaves_before_the_split() -> None:
    """Retired last: the split is in force, and all that stays is there."""
    promoted = wanted({"r2": 1}, {"r2": 1000})
    assert not may_retire(promoted, [ready(R1), ready(R2)], STABLE)
    assert may_retire(promoted, [ready(R1), ready(R2)], {"web": {"r2": 1000}})
    assert not may_retire(promoted, [ready(R1)], {"web": {"r2": 1000}})


def test_a_standing_is_a_word_and_a_reason() -> None:
    """From starting over shifting and retiring to settled; late is failed."""
    split = {"web": {"r1": 500, "r2": 500}}
    both = [ready(R1), ready(R2)]
    assert "failed" == standing(CANARY, [ready(R1), Copy(R2, None, age_s=61)], STABLE, {}).phase
    assert "web r2: 0 of 1 ready" == standing(CANARY, [ready(R1)], STABLE, {}).reason
    assert "shifting" == standing(CANARY, both, STABLE, {}).phase
    assert "shifting" == standing(CANARY, both, split, {"web": "not read yet"}).phase
    assert "settled" == standing(CANARY, both, split, {}).phase
    assert "retiring" == standing(CANARY, [*both, ready(R2)], split, {}).phase


copies = st.lists(
    st.builds(
        Copy,
        st.sampled_from([R1, R2]),
        st.none() | st.floats(0, 10),
        st.booleans(),
        st.booleans(),
        st.booleans(),
    ),
    max_size=6,
)


@given(copies, st.sampled_from([{}, STABLE, {"web": {"r2": 1000}}]))
def test_no_split_to_a_revision_without_a_ready_instance(found: list[Copy], splits: dict[str, dict[str, int]]) -> None:
    """Whatever the circumstances."""
    if may_shift(CANARY, found, splits):
        for arm in (R1, R2):
            assert any(c.arm == arm and c.ready_s is not None and not c.is_leaving for c in found)


@given(copies)
def test_settled_is_what_is_wanted(found: list[Copy]) -> None:
    """Settled: as many ready instances as are placed, and no other."""
    if standing(CANARY, found, {"web": {"r1": 500, "r2": 500}}, {}).phase == "settled":
        assert [R1, R2] == sorted(c.arm for c in found)
        assert all(c.ready_s is not None and not c.is_leaving for c in found)

"""The fakes do as they are told: clock, faults, readings."""

from __future__ import annotations

import pytest

from penstock.core.target import Artifact, Desired, Fence, Revision, UnitDesire
from penstock.errors import PenstockError
from penstock.testing import FakeClock, FakeMetrics, FakeTarget, Killed

REVISIONS = {name: Revision(name, name, Artifact("none"), "") for name in "ab"}


def desire(split: dict[str, int], release: int = 1, **others: object) -> Desired:
    """Two copies of whatever has traffic."""
    unit = UnitDesire(dict.fromkeys(split, 2), split)
    return Desired(Fence(release), {"web": unit}, REVISIONS, **others)  # type: ignore[arg-type]


def settle(target: FakeTarget, clock: FakeClock, desired: Desired) -> str:
    """Converge for at most a thousand seconds."""
    for _ in range(2000):
        progress = target.converge(desired)
        if progress.state != "working":
            return progress.state
        clock.sleep(0.5)
    return "working"


def made() -> tuple[FakeClock, FakeTarget]:
    """`a` alone, settled."""
    clock = FakeClock()
    target = FakeTarget(clock)
    assert "done" == settle(target, clock, desire({"a": 1000}))
    return clock, target


def test_sleep_moves_both_clocks_and_a_jump_one() -> None:
    """The monotonic clock never jumps; what the wall clock showed is remembered."""
    clock = FakeClock(1000.0)
    clock.sleep(10)
    clock.jump(-3600)
    clock.sleep(5)
    assert (15.0, 1015.0 - 3600) == (clock.monotonic(), clock.now())
    assert [1009.0, 1012.0 - 3600] == [clock.wall_at(9), clock.wall_at(12)]


@pytest.mark.parametrize(("when", "serves"), [("before", "a"), ("after", "b")])
def test_a_caller_dies_before_or_after_the_effect(when: str, serves: str) -> None:
    """Killed before a call nothing of it happens, after it all of it; no `except Exception` stops it."""
    clock, target = made()
    target.die_at(len(target.calls) + 1, when)  # type: ignore[arg-type]
    with pytest.raises(Killed):
        target.converge(desire({"b": 1000}, 2))
    clock.sleep(60)
    assert target.observe().serves(serves)


def test_an_answer_is_lost_and_the_effect_is_there() -> None:
    """A lost answer is an error to the caller alone."""
    clock, target = made()
    target.lose_answers(1)
    with pytest.raises(PenstockError):
        target.converge(desire({"b": 1000}, 2))
    clock.sleep(60)
    assert target.observe().serves("b")


def test_copies_fail_as_they_are_told() -> None:
    """Unhealthy and crashing copies are told of; a revision that hangs, or crashes at once, makes a desire fail."""
    clock, target = made()
    target.make_unhealthy("a")
    assert {"unhealthy"} == {i.state for i in target.observe().instances}
    target.make_crash("a")
    assert all(i.crash_loop for i in target.observe().instances)
    target.mend_revision("a")
    for how in ("silent", "crashing"):
        target.break_revision("b", how=how)  # type: ignore[arg-type]
        assert "failed" == settle(target, clock, desire({"b": 1000}, 2, start_within_s=5.0))
        assert target.observe().serves("a")
        assert "done" == settle(target, clock, desire({"a": 1000}, 2))


def test_nobody_beats_and_the_way_back_is_taken_in_its_time() -> None:
    """The dead man's rule acts at its second, however late anybody looks; a heartbeat puts it off."""
    clock, target = made()
    back = Desired(Fence(2), {"web": UnitDesire({"a": 2, "b": 2}, {"a": 1000})}, REVISIONS)
    settle(target, clock, desire({"a": 900, "b": 100}, 2, attended_s=20, way_back=back))
    clock.sleep(15)
    target.heartbeat()
    beat = clock.monotonic()
    clock.sleep(15)
    assert not target.observe().taken_back
    clock.sleep(1000)
    assert target.observe().serves("a")
    assert "no heartbeat for 20 s" == target.observe().taken_back
    assert beat + 20 <= target.history[-1].at <= beat + 21


def test_readings_follow_the_split_and_the_rates() -> None:
    """Requests are split as the traffic is, errors come at their rate, and seconds of a move are era 0."""
    clock, target = made()
    metrics = FakeMetrics(target, clock, 200.0, errors={"b": 0.2})
    start = metrics.position()
    settle(target, clock, desire({"a": 750, "b": 250}, 2))
    clock.sleep(200)
    found = metrics.readings(start)
    judged = [r for r in found if r.era]
    requests = {name: sum(r.requests for r in judged if r.revision == name) for name in "ab"}
    errors = {name: sum(r.errors for r in judged if r.revision == name) for name in "ab"}
    assert 0.25 == pytest.approx(requests["b"] / sum(requests.values()), abs=0.02)
    assert 0 == errors["a"]
    assert 0.2 == pytest.approx(errors["b"] / requests["b"], abs=0.03)
    assert 1 == len({r.start for r in found if not r.era})
    assert found == sorted(found, key=lambda r: int(r.position))


def test_equal_seeds_give_equal_readings_whenever_asked() -> None:
    """Readings depend on the seed, not on how often somebody looks."""
    clock, target = made()
    often, once, other = (FakeMetrics(target, clock, seed=seed) for seed in (1, 1, 2))
    seen = []
    for _ in range(30):
        clock.sleep(0.7)
        seen += often.readings(seen[-1].position if seen else "")
    assert seen == once.readings("")
    assert seen != other.readings("")


def test_a_source_is_down_or_stale() -> None:
    """Down is an error; stale is silence, and what was missed comes later."""
    clock, target = made()
    metrics = FakeMetrics(target, clock)
    clock.sleep(10)
    before = metrics.position()
    metrics.is_stale = True
    clock.sleep(10)
    assert [] == metrics.readings(before)
    metrics.is_stale = False
    assert 10 == len(metrics.readings(before))
    metrics.down = "no route"
    with pytest.raises(PenstockError):
        metrics.readings(before)

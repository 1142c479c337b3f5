"""The Target contract as tests: subclass, say how your platform is made and disturbed, and pytest does the rest.

    class TestMyTarget(TargetConformance):
        def make(self): return MyTarget(...)
        def revision(self, name): return Revision(...)
        ...

A platform that declares that it cannot do something is held to its word: what it cannot do it refuses whole.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

import pytest

from penstock.core.target import Change, Desired, Fence, Observed, Progress, Revision, UnitDesire
from penstock.errors import Refused
from penstock.ports import Target
from penstock.testing.platform import State

CALL_S = 10.0  # the longest that any call may take
_MOST_CALLS = 10_000


class TargetConformance:
    """The hooks come first, the laws after them; every test method's docstring is the law.

    `units` says of each unit whether it takes traffic, `instances` how many copies it has, `deadline_s` how long
    reaching any desire may take, `attended_s` how long the dead man's rule waits in these tests, and
    `can_see_foreign_changes` whether the platform can be asked what is there.
    """

    units: Mapping[str, bool] = {"web": True}
    instances = 2
    deadline_s = 30.0
    start_within_s = 600.0
    attended_s = 2
    can_see_foreign_changes = True

    # Hooks

    def make(self) -> Target:
        """A target on a platform that is empty and ours."""
        raise NotImplementedError

    def unmake(self, target: Target) -> None:
        """Take the platform away again."""

    def revision(self, name: str) -> Revision:
        """A good revision; `old` and `new` are asked for."""
        raise NotImplementedError

    def broken(self) -> Revision:
        """A revision that never gets ready in at least one unit."""
        raise NotImplementedError

    def kill(self, target: Target) -> None:
        """What `kill -9` of whoever used the target does; nothing, where all state is the platform's."""

    def successor(self, target: Target) -> Target:
        """The target as the next process makes it."""
        return target

    def disturb(self, target: Target) -> None:
        """Change what `old` alone came to, as a person at the platform's own console would."""
        raise NotImplementedError

    def foreign(self) -> tuple[Target, Desired]:
        """A target that points at something which is not ours, and a desire for it."""
        raise NotImplementedError

    def pause(self, seconds: float) -> None:
        """Wait; a fake's clock is moved instead."""
        time.sleep(seconds)

    def history(self, target: Target) -> list[State]:
        """Every state that the platform passed through, where it remembers; else what was seen while waiting."""
        return []

    # What the laws are told with

    @pytest.fixture
    def target(self) -> Iterator[Target]:
        """A fresh target, taken away in the end."""
        self._seen: list[State] = []
        target = self.make()
        yield target
        self.unmake(target)

    def alone(self, revision: Revision, release: int, expecting: str | None = None) -> Desired:
        """One revision, with all the traffic."""
        return self._desire({revision.id: self.instances}, {revision.id: 1000}, (revision,), release, expecting)

    def both(self, old: Revision, new: Revision, weight_permille: int, release: int) -> Desired:
        """Two revisions side by side; the way back is `old` with all the traffic, and `new` still there."""
        placed = {old.id: self.instances, new.id: 1}
        split = {old.id: 1000 - weight_permille, new.id: weight_permille}
        some = {name: share for name, share in split.items() if share}
        desired = self._desire(placed, some, (old, new), release)
        back = self._desire(placed, {old.id: 1000}, (old, new), release)
        return replace(desired, way_back=back, preview=new.id)

    def way(self, target: Target, old: Revision, new: Revision, release: int) -> list[Desired]:
        """The desires from `old` alone to `new` alone, as far apart as the platform can tell them."""
        can = target.capabilities()
        between = can.split == "permille" and can.coexist != "1"
        steps = [self.both(old, new, weight, release) for weight in (0, 100, 500)] if between else []
        return [*steps, self.alone(new, release)]

    def settle(
        self, target: Target, desired: Desired, deadline_s: float | None = None, handle: str | None = None
    ) -> Progress:
        """Converge until it is done or failed; an assertion after `deadline_s`."""
        left_s = self.deadline_s if deadline_s is None else deadline_s
        for _ in range(_MOST_CALLS):
            progress = target.converge(desired, handle)
            self._look(target)
            if progress.state != "working":
                return progress
            assert progress.reason, "what still works says at what"
            assert left_s > 0, f"not done in time: {progress.reason}"
            wait_s = min(max(progress.retry_after_s, 0.01), 1.0)
            self.pause(wait_s)
            left_s -= wait_s
            handle = progress.handle
        raise AssertionError("never done")

    def reached(self, target: Target, desired: Desired) -> Observed:
        """Settle, and assert that what is there is what was wanted."""
        progress = self.settle(target, desired)
        assert progress.state == "done", progress.reason
        observed = target.observe()
        assert {n: _some(u.split) for n, u in desired.units.items() if u.split} == _whole(observed.serving)
        assert {n: _some(u.placed) for n, u in desired.units.items() if _some(u.placed)} == _whole(observed.placed)
        assert observed.settled
        return observed

    def refused(self, target: Target, desired: Desired) -> bool:
        """Whether a desire is refused, by an error or in so many words."""
        try:
            return target.converge(desired).state == "refused"
        except Refused:
            return True

    # The laws

    def test_twice_is_once(self, target: Target) -> None:
        """1. The same desire again is done at once, and changes nothing: same token, same copies."""
        desired = self.alone(self.revision("old"), 1)
        before = self.reached(target, desired)
        assert target.converge(desired).state == "done"
        after = target.observe()
        assert (before.token, before.stamp) == (after.token, after.stamp)
        assert {i.id for i in before.instances} == {i.id for i in after.instances}

    @pytest.mark.parametrize("calls", [1, 2, 4])
    def test_killed_and_called_again_by_a_successor(self, target: Target, calls: int) -> None:
        """2. Killed after any call and called again by a successor, with or without the handle: the same end."""
        old, new = self.revision("old"), self.revision("new")
        self.reached(target, self.alone(old, 1))
        handle = None
        desired = self.alone(new, 2)
        for _ in range(calls):
            handle = target.converge(desired, handle).handle
        self.kill(target)
        successor = self.successor(target)
        progress = self.settle(successor, desired, handle=handle if calls % 2 else None)
        assert progress.state == "done", progress.reason
        self.reached(successor, desired.under(Fence(2, 1), None))

    def test_a_lower_fence_is_refused(self, target: Target) -> None:
        """3. A desire under a lower fence is refused, and nothing is done; without a fence that is declared."""
        old, new = self.revision("old"), self.revision("new")
        before = self.reached(target, self.alone(old, 2).under(Fence(2, 1), None))
        if not target.capabilities().fence:
            assert not target.capabilities().stamp, "what could be stamped could be fenced"
            return
        for lower in (Fence(1, 5), Fence(2, 0)):
            assert self.refused(target, self.alone(new, 1).under(lower, None))
            assert _truth(before) == _truth(target.observe())

    def test_an_untrue_token_is_refused(self, target: Target) -> None:
        """3. A desire made from an observation that is no longer true is refused, and nothing is done."""
        old, new = self.revision("old"), self.revision("new")
        first = target.observe()
        second = self.reached(target, self.alone(old, 1, expecting=first.token))
        assert self.refused(target, self.alone(new, 2, expecting=first.token))
        assert _truth(second) == _truth(target.observe())
        self.reached(target, self.alone(new, 2, expecting=second.token))

    def test_only_old_and_new_and_what_lies_between(self, target: Target) -> None:
        """4. Capacity comes before traffic and goes after it; nothing but old and new ever serves."""
        old, new = self.revision("old"), self.revision("new")
        self.reached(target, self.alone(old, 1))
        begun = len(self._states(target))
        for desired in self.way(target, old, new, 2):
            self.reached(target, desired)
        for state in self._states(target)[begun:]:
            self._lies_between(target, state, old, new)

    def test_a_different_desire_turns_it_round(self, target: Target) -> None:
        """5. Another desire while it works turns it round, or it says until when not; the last one wanted wins."""
        old, new = self.revision("old"), self.revision("new")
        self.reached(target, self.alone(old, 1))
        target.converge(self.alone(new, 2))
        self.reached(target, self.alone(old, 3))

    def test_every_call_is_bounded(self, target: Target) -> None:
        """6. Every call of the port returns within ten seconds."""
        old, new = self.revision("old"), self.revision("new")
        self.reached(target, self.alone(old, 1))
        desired = self.alone(new, 2)
        calls: dict[str, Callable[[], object]] = {
            "capabilities": target.capabilities,
            "observe": target.observe,
            "preview": lambda: target.preview(Change(desired)),
            "converge": lambda: target.converge(desired),
            "reach": lambda: [target.reach(unit, new.id) for unit in self.units],
            "testimony": lambda: target.testimony(new.id),
            "heartbeat": target.heartbeat,
            "take_way_back": lambda: target.take_way_back("a test asks"),
        }
        for name, call in calls.items():
            began = time.monotonic()
            call()
            assert time.monotonic() - began < CALL_S * max(1, len(self.units) if name == "reach" else 1), name

    def test_observe_after_done_equals_desired(self, target: Target) -> None:
        """7. After done every revision is placed and serves as wanted, at every step of the way and back."""
        old, new = self.revision("old"), self.revision("new")
        self.reached(target, self.alone(old, 1))
        for desired in (*self.way(target, old, new, 2), *self.way(target, new, old, 3)):
            observed = self.reached(target, desired)
            if target.capabilities().stamp:
                assert desired.fence == observed.stamp
                assert desired.placed() <= observed.revisions.keys()

    def test_one_unit_fails_and_all_come_back(self, target: Target) -> None:
        """8. One unit fails: failed, with the reason; and converging on what was brings all back."""
        old, broken = self.revision("old"), self.broken()
        before = self.reached(target, self.alone(old, 1))
        desired = replace(self.alone(broken, 2), start_within_s=self.start_within_s)
        progress = self.settle(target, desired)
        assert progress.state == "failed"
        assert progress.reason
        if target.capabilities().coexist != "1":
            assert _whole(before.serving) == _whole(target.observe().serving)
        self.reached(target, self.alone(old, 2))

    def test_foreign_changes_are_seen(self, target: Target) -> None:
        """9. A change by another hand is observed, and a desire that does not know of it is refused."""
        old, new = self.revision("old"), self.revision("new")
        before = self.reached(target, self.alone(old, 1))
        if not self.can_see_foreign_changes:
            said = " ".join(target.preview(Change(self.alone(new, 2))).summary)
            assert "cannot be seen" in said, "a platform that is blind says so"
            return
        self.disturb(target)
        assert _truth(before) != _truth(target.observe())
        assert self.refused(target, self.alone(new, 2, expecting=before.token))
        self.reached(target, self.alone(old, 2))

    def test_what_it_does_not_own_it_refuses(self) -> None:
        """10. What belongs to somebody else is refused."""
        target, desired = self.foreign()
        assert self.refused(target, desired)

    def test_a_preview_changes_nothing(self, target: Target) -> None:
        """A preview has no lasting effect, and says something about a change that would be one."""
        before = self.reached(target, self.alone(self.revision("old"), 1))
        preview = target.preview(Change(self.alone(self.revision("new"), 2), before))
        assert preview.summary
        assert _truth(before) == _truth(target.observe())

    def test_what_it_cannot_do_it_refuses(self, target: Target) -> None:
        """Where there is no split, or no room for two, such a desire is refused whole; where there is, it is done."""
        old, new = self.revision("old"), self.revision("new")
        before = self.reached(target, self.alone(old, 1))
        can = target.capabilities()
        desired = self.both(old, new, 100, 2)
        if can.split == "permille" and can.coexist != "1":
            self.reached(target, desired)
            return
        assert self.refused(target, desired)
        assert _truth(before) == _truth(target.observe())

    def test_nobody_watches(self, target: Target) -> None:
        """With a dead man's rule the way back is taken when nobody beats, and said; without one nothing is done."""
        old, new = self.revision("old"), self.revision("new")
        self.reached(target, self.alone(old, 1))
        desired = replace(self.way(target, old, new, 2)[-2:][0], attended_s=self.attended_s)
        target.heartbeat()
        before = self.reached(target, desired)
        if not target.capabilities().dead_man:
            self.pause(0.1)
            assert _truth(before) == _truth(target.observe())
            return
        assert self._waits_for(target, lambda seen: bool(seen.taken_back) and seen.serves(old.id))

    def test_the_way_back_lies_ready(self, target: Target) -> None:
        """Where going back is a shift it can be taken without a desire, once; elsewhere nothing is pretended."""
        old, new = self.revision("old"), self.revision("new")
        before = self.reached(target, self.alone(old, 1))
        assert not target.take_way_back("nothing was laid")
        assert _truth(before) == _truth(target.observe())
        if target.capabilities().way_back != "shift" or target.capabilities().split != "permille":
            return
        self.reached(target, self.both(old, new, 500, 2))
        if target.take_way_back("a test asks"):
            assert self._waits_for(target, lambda seen: bool(seen.taken_back) and seen.serves(old.id))

    # Within

    def _desire(
        self,
        placed: dict[str, int],
        split: dict[str, int],
        revisions: tuple[Revision, ...],
        release: int,
        expecting: str | None = None,
    ) -> Desired:
        units = {name: UnitDesire(dict(placed), dict(split) if traffic else {}) for name, traffic in self.units.items()}
        known = {revision.id: revision for revision in revisions}
        reason = f"conformance: release {release}"
        return Desired(Fence(release), units, known, reason, expecting, start_within_s=self.deadline_s)

    def _look(self, target: Target) -> None:
        seen = target.observe()
        self._seen.append(State(0.0, _whole(seen.serving), _whole(seen.placed)))

    def _states(self, target: Target) -> list[State]:
        return self.history(target) or self._seen

    def _waits_for(self, target: Target, is_so: Callable[[Observed], bool]) -> bool:
        for _ in range(int(self.deadline_s * 10)):
            if is_so(target.observe()):
                return True
            self.pause(0.1)
        return False

    def _lies_between(self, target: Target, state: State, old: Revision, new: Revision) -> None:
        known = {old.id, new.id}
        one_at_a_time = target.capabilities().coexist == "1"
        for unit, traffic in self.units.items():
            split, placed = state.serving.get(unit, {}), state.placed.get(unit, {})
            assert {*split, *placed} <= known, f"something else is there: {state}"
            assert all(placed.get(revision) for revision in split), f"traffic without capacity: {state}"
            if one_at_a_time:
                assert len(split) <= 1, f"two serve where one may: {state}"
                continue
            assert sum(placed.values()) >= self.instances, f"capacity went before traffic did: {state}"
            assert not traffic or sum(split.values()) == 1000, f"traffic that nobody gets: {state}"


def _some(shares: Mapping[str, int]) -> dict[str, int]:
    return {name: share for name, share in shares.items() if share}


def _whole(units: Mapping[str, Mapping[str, int]]) -> dict[str, dict[str, int]]:
    """Without what is zero or empty: platforms differ in whether they tell of it."""
    return {name: _some(shares) for name, shares in units.items() if _some(shares)}


def _truth(seen: Observed) -> tuple[object, ...]:
    return seen.token, _whole(seen.serving), _whole(seen.placed), seen.stamp, seen.settled

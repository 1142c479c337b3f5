"""The conformance suite fails for a target that breaks a law: one target for each law, broken in just that."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from penstock.core.target import Change, Desired, Observed, Preview, Progress
from penstock.ports import Target
from penstock.testing import EVERYTHING, FakeClock, FakeTarget
from penstock.testing.platform import Platform
from tests.conformance.test_fake import TestFake as Kept


class CountsTwice(FakeTarget):
    """Every converge is a new one."""

    def _is_in_force(self, desired: Desired) -> bool:
        return False


class IgnoresFences(FakeTarget):
    """A lower fence writes all the same."""

    def _refuse(self, desired: Desired) -> None:
        self._fence = desired.fence


class IgnoresTokens(FakeTarget):
    """An untrue token writes all the same."""

    def _refuse_untrue(self, desired: Desired) -> None:
        return


class Hasty(Platform):
    """Retires before anything else."""

    def _tick(self, desired: Desired) -> None:
        self._retire({**desired.units})
        super()._tick(desired)


class RetiresFirst(FakeTarget):
    """Stands on a hasty platform."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__(clock)
        self.platform = Hasty(clock.monotonic(), EVERYTHING, 0.3, 0.2)


class Stubborn(FakeTarget):
    """Goes on with what it began, whatever is wanted."""

    def _put(self, desired: Desired) -> None:
        if self._generation < 2:
            super()._put(desired)


class Slow(FakeTarget):
    """Does not answer within ten seconds, as far as anybody can tell."""

    def preview(self, change: Change) -> Preview:
        began = time.monotonic()
        time.monotonic = lambda: began + 11.0
        return super().preview(change)


class Boasts(FakeTarget):
    """Says done before it is."""

    def converge(self, desired: Desired, handle: str | None = None) -> Progress:
        return replace(super().converge(desired, handle), state="done")


class HidesFailure(FakeTarget):
    """Never says failed."""

    def converge(self, desired: Desired, handle: str | None = None) -> Progress:
        progress = super().converge(desired, handle)
        return replace(progress, state="working") if progress.state == "failed" else progress


class Forgets(FakeTarget):
    """Observes what was wanted, not what is there."""

    def observe(self) -> Observed:
        seen = super().observe()
        self._last = seen if self._desired else getattr(self, "_last", seen)
        return self._last

    def change_by_foreign_hand(self, unit: str, split: dict[str, int]) -> None:
        super().change_by_foreign_hand(unit, split)
        self._generation -= 1


class Takes(FakeTarget):
    """Takes what is somebody else's."""

    @property
    def owner(self) -> str:
        return self.service

    @owner.setter
    def owner(self, name: str) -> None:
        return


class Previews(FakeTarget):
    """Does what it should only tell of."""

    def preview(self, change: Change) -> Preview:
        self.converge(change.desired)
        return super().preview(change)


class Immortal(FakeTarget):
    """Promises a dead man's rule that it does not have."""

    def catch_up(self) -> None:
        self._beat = self._clock.monotonic()
        super().catch_up()


BREAKS: list[tuple[str, type[FakeTarget]]] = [
    ("test_twice_is_once", CountsTwice),
    ("test_a_lower_fence_is_refused", IgnoresFences),
    ("test_an_untrue_token_is_refused", IgnoresTokens),
    ("test_only_old_and_new_and_what_lies_between", RetiresFirst),
    ("test_a_different_desire_turns_it_round", Stubborn),
    ("test_every_call_is_bounded", Slow),
    ("test_observe_after_done_equals_desired", Boasts),
    ("test_one_unit_fails_and_all_come_back", HidesFailure),
    ("test_foreign_changes_are_seen", Forgets),
    ("test_what_it_does_not_own_it_refuses", Takes),
    ("test_a_preview_changes_nothing", Previews),
    ("test_nobody_watches", Immortal),
]


@pytest.mark.parametrize(("law", "broken"), BREAKS, ids=[law for law, _ in BREAKS])
def test_a_broken_law_is_found(law: str, broken: type[FakeTarget], monkeypatch: pytest.MonkeyPatch) -> None:
    """The test of a law fails where that law is broken, and passes where it is kept."""
    monkeypatch.setattr(time, "monotonic", time.monotonic)
    _hold(law, FakeTarget)
    with pytest.raises(AssertionError):
        _hold(law, broken)


def _hold(law: str, kind: type[FakeTarget]) -> None:
    suite = Kept()
    suite.__dict__["_seen"] = []

    def make() -> Target:
        suite.clock = FakeClock()
        target = kind(suite.clock)
        target.break_revision("broken", unit="jobs")
        return target

    def foreign() -> tuple[Target, Desired]:
        target = make()
        assert isinstance(target, FakeTarget)
        target.owner = "somebody"
        return target, suite.alone(suite.revision("old"), 1)

    suite.foreign = foreign  # type: ignore[method-assign]
    needs = [] if law == "test_what_it_does_not_own_it_refuses" else [make()]
    getattr(suite, law)(*needs)

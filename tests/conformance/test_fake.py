"""The fake target keeps the contract that every target must keep, whatever its capabilities."""

from __future__ import annotations

from dataclasses import replace

from penstock.core.target import Artifact, Capabilities, Desired, Revision
from penstock.ports import Target
from penstock.testing import EVERYTHING, FakeClock, FakeTarget, State
from penstock.testing.conformance import TargetConformance


class TestFake(TargetConformance):
    """Everything can be done."""

    capabilities = EVERYTHING
    units = {"web": True, "jobs": False}  # noqa: RUF012
    start_within_s = 5.0

    def make(self) -> Target:
        self.clock = FakeClock()
        target = FakeTarget(self.clock, self.capabilities)
        target.break_revision("broken", unit="jobs" if "jobs" in self.units else "web")
        return target

    def revision(self, name: str) -> Revision:
        return Revision(name, f"{name}-commit", Artifact("none"), "c0ffee")

    def broken(self) -> Revision:
        return self.revision("broken")

    def disturb(self, target: Target) -> None:
        assert isinstance(target, FakeTarget)
        target.change_by_foreign_hand("web", {"elsewhere": 1000})

    def foreign(self) -> tuple[Target, Desired]:
        target = FakeTarget(FakeClock(), self.capabilities)
        target.owner = "somebody"
        return target, self.alone(self.revision("old"), 1)

    def pause(self, seconds: float) -> None:
        self.clock.sleep(seconds)

    def history(self, target: Target) -> list[State]:
        assert isinstance(target, FakeTarget)
        return list(target.history)


class TestFakeAtomic(TestFake):
    """All units' traffic moves at once."""

    capabilities = replace(EVERYTHING, atomic=True)


class TestFakeOfOneRevision(TestFake):
    """Nothing can be done but replacing what runs."""

    capabilities = Capabilities()

"""A target in memory that keeps the whole contract of its port, and breaks it when it is told to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Literal

from penstock.core.target import (
    Capabilities,
    Change,
    Desired,
    Evidence,
    Fence,
    Observed,
    Preview,
    Progress,
    Reach,
    Revision,
)
from penstock.errors import PenstockError, Refused
from penstock.ports import Clock
from penstock.testing.platform import TICK_S, Platform, State, some

EVERYTHING = Capabilities(
    split="permille", coexist="many", place_apart=True, reach_unsplit=True, arms=True, cancel=True,
    fence=True, way_back="shift", dead_man=True, stamp=True,
)  # fmt: skip

How = Literal["silent", "crashing"]


class Killed(BaseException):
    """Stands for `kill -9` of the caller: no `except Exception` survives it."""


class FakeTarget:
    """The Target port over a platform in memory, which moves as `clock` does.

    Killing its caller leaves it as it is: hand the same target to the successor. `start_s` and `drain_s` are
    how long a copy takes to start and to end. `calls` names every call of the port so far. What `capabilities`
    does not have it does not do: no fence, and a lower one is not refused; no split, and a split desire is.
    """

    def __init__(
        self,
        clock: Clock,
        capabilities: Capabilities = EVERYTHING,
        *,
        start_s: float = 0.3,
        drain_s: float = 0.2,
        service: str = "shop",
    ) -> None:
        self.calls: list[str] = []
        self.service = service
        self.owner = service  # set it to another name, and the platform is somebody else's
        self.platform = Platform(clock.monotonic(), capabilities, start_s, drain_s)
        self._clock = clock
        self._capabilities = capabilities
        self._desired: Desired | None = None
        self._fence = Fence(0)
        self._known: dict[str, Revision] = {}
        self._generation = 0
        self._beat = clock.monotonic()
        self._taken_back = ""
        self._deaths: dict[int, Literal["before", "after"]] = {}
        self._lost = 0

    @property
    def history(self) -> list[State]:
        """Every state passed through, oldest first."""
        return self.platform.history

    # The port

    def capabilities(self) -> Capabilities:
        """What it was made to be able to do."""
        return self._capabilities

    def observe(self) -> Observed:
        """What is there now, after everything that happened since the last call."""
        with self._call("observe"):
            here = self.history[-1]
            instances = tuple(copy.told for copy in self.platform.copies)
            there = {*(i.revision for i in instances), *(r for split in here.serving.values() for r in split)}
            return Observed(
                str(self._generation),
                here.serving,
                here.placed,
                settled=not self.platform.is_moving,
                stamp=self._fence if self._generation and self._capabilities.stamp else None,
                instances=instances,
                revisions={name: revision for name, revision in self._known.items() if name in there},
                taken_back=self._taken_back,
            )

    def preview(self, change: Change) -> Preview:
        """One line for each unit that would change."""
        with self._call("preview"):
            here, units = self.history[-1], change.desired.units
            lines = [
                f"{name}: placed {unit.placed}, split {unit.split}"
                for name, unit in sorted(units.items())
                if (some(unit.placed), some(unit.split)) != (here.placed.get(name, {}), here.serving.get(name, {}))
            ]
            return Preview((*lines, *(f"{name}: removed" for name in sorted(here.placed.keys() - units.keys()))))

    def converge(self, desired: Desired, handle: str | None = None) -> Progress:
        """Put a desire in force, unless it is already, and say how far the platform got."""
        with self._call("converge"):
            self._refuse(desired)
            if not self._is_in_force(desired):
                self._refuse_untrue(desired)
                self._put(desired)
            self._fence = max(self._fence, desired.fence)
            return self._progress(desired)

    def reach(self, unit: str, revision: str) -> Reach | None:
        """An address that no server answers, where a revision can be reached apart from the split."""
        with self._call("reach"):
            if not self._capabilities.reach_unsplit:
                return None
            return Reach("http://fake.invalid", {"x-penstock-unit": unit, "x-penstock-preview": revision})

    def testimony(self, revision: str) -> list[Evidence]:
        """One log of what a revision's copies came to; none where there is no copy."""
        with self._call("testimony"):
            copies = [c for c in self.platform.copies if c.revision == revision]
            told = "\n".join(f"{c.told.id} {c.state} {c.note}".rstrip() for c in copies)
            return [Evidence(f"{revision}.log", "text/x-log", told)] if told else []

    def take_way_back(self, why: str) -> bool:
        """Put the way back of the desire in force itself in force; False where none is laid."""
        with self._call("take_way_back"):
            return self._take_way_back(why)

    def heartbeat(self) -> None:
        """Somebody still watches."""
        with self._call("heartbeat"):
            self._beat = self._clock.monotonic()

    # What a test may do to it

    def die_at(self, call: int, when: Literal["before", "after"] = "before") -> None:
        """The caller is Killed at a call of the port (counted from 1), before or after its effect."""
        self._deaths[call] = when

    def lose_answers(self, count: int) -> None:
        """The next calls have their effect, and the caller gets a PenstockError `lost` instead of the answer."""
        self._lost = count

    def break_revision(self, revision: str, unit: str = "", how: How = "silent") -> None:
        """Copies started from now on hang, or exit again and again (in one unit, or in all of them)."""
        self.catch_up()
        self.platform.broken[unit, revision] = how

    def mend_revision(self, revision: str) -> None:
        """Copies get ready again, those there are too."""
        self.catch_up()
        for key in [key for key in self.platform.broken if key[1] == revision]:
            del self.platform.broken[key]
        self._set(revision, "", "ready", "")

    def make_unhealthy(self, revision: str, unit: str = "", note: str = "health answers 503") -> None:
        """Copies that are there fail their health check from now on."""
        self.catch_up()
        self._set(revision, unit, "unhealthy", note)

    def make_crash(self, revision: str, unit: str = "", note: str = "exit 1") -> None:
        """Copies that are there exit again and again from now on."""
        self.catch_up()
        self._set(revision, unit, "crashed", note)

    def change_by_foreign_hand(self, unit: str, split: dict[str, int]) -> None:
        """Somebody else moves the traffic; it stays so until the next converge."""
        self.catch_up()
        self.platform.split[unit] = some(split)
        self.platform.is_moving = False
        self.platform.note()
        self._generation += 1
        self._desired = None

    def catch_up(self) -> None:
        """Everything that happens until now, the dead man's rule in its time; no call of the port."""
        now = self._clock.monotonic()
        attended_s = self._desired.attended_s if self._desired and self._capabilities.dead_man else None
        if attended_s is not None and self._beat + attended_s <= now:
            self.platform.run(self._beat + attended_s)
            self._take_way_back(f"no heartbeat for {attended_s} s")
        self.platform.run(now)

    # Within

    @contextmanager
    def _call(self, name: str) -> Iterator[None]:
        self.calls.append(name)
        death = self._deaths.pop(len(self.calls), None)
        if death == "before":
            raise Killed(f"before {name}")
        self.catch_up()
        yield
        if death == "after":
            raise Killed(f"after {name}")
        if self._lost:
            self._lost -= 1
            raise PenstockError("lost", f"the answer to {name} was lost", "fake target")

    def _take_way_back(self, why: str) -> bool:
        if not self._desired or not self._desired.way_back:
            return False
        self._put(replace(self._desired.way_back, attended_s=None))
        self._taken_back = why
        return True

    def _put(self, desired: Desired) -> None:
        self._desired = desired
        self._known |= desired.revisions
        self._generation += 1
        self._taken_back = ""
        self._beat = self._clock.monotonic()
        self.platform.want(desired)

    def _set(self, revision: str, unit: str, state: Literal["ready", "unhealthy", "crashed"], note: str) -> None:
        for copy in self.platform.of(revision, unit):
            copy.state, copy.note, copy.restarts = state, note, 3 if state == "crashed" else 0
        self.platform.note()

    def _refuse(self, desired: Desired) -> None:
        if self.owner != self.service:
            raise Refused("not-ours", f"it belongs to {self.owner}, not to {self.service}", "fake target")
        if self._capabilities.fence and desired.fence < self._fence:
            raise Refused("fence", f"{desired.fence} is lower than {self._fence}", "fake target")
        for name, unit in desired.units.items():
            if self._capabilities.split == "none" and len(some(unit.split)) > 1:
                raise Refused("split", f"{name}: this platform cannot split its traffic", "fake target")
            if self._capabilities.coexist == "1" and len(some(unit.placed)) > 1:
                raise Refused("coexist", f"{name}: no two revisions run side by side here", "fake target")

    def _refuse_untrue(self, desired: Desired) -> None:
        if desired.expecting not in (None, str(self._generation)):
            what = f"{desired.expecting} was expected, and {self._generation} is in force"
            raise Refused("token", what, "fake target")

    def _is_in_force(self, desired: Desired) -> bool:
        """Whether the very same was wanted last, by whatever hand and for whatever reason."""
        if self._desired is None:
            return False
        now = self._desired.under(desired.fence, None)
        return replace(now, reason="") == replace(desired.under(desired.fence, None), reason="")

    def _progress(self, desired: Desired) -> Progress:
        placed = self.platform.placed()
        units = {
            f"{name}/{revision}": f"{placed.get(name, {}).get(revision, 0)}/{count}"
            for name, unit in desired.units.items()
            for revision, count in unit.placed.items()
        }
        if not self.platform.is_moving:
            return Progress("done", units=units)
        failed = self.platform.failed()
        if failed:
            return Progress("failed", failed, units=units)
        return Progress("working", "moving", 2 * TICK_S, units=units)

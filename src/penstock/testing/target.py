"""A platform in memory that keeps the whole contract of the Target port, and breaks it when it is told to."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Literal

from penstock.core.target import (
    Capabilities,
    Change,
    Desired,
    Evidence,
    Fence,
    Instance,
    Observed,
    Preview,
    Progress,
    Reach,
    Revision,
)
from penstock.errors import PenstockError, Refused
from penstock.ports import Clock

EVERYTHING = Capabilities(
    split="permille", coexist="many", place_apart=True, reach_unsplit=True, arms=True, atomic=False, cancel=True,
    fence=True, way_back="shift", dead_man=True, stamp=True,
)  # fmt: skip
TICK_S = 0.1  # how long the platform takes for one small move
_MOST_TICKS = 100_000


class Killed(BaseException):
    """Stands for `kill -9` of the caller: no `except Exception` survives it."""


@dataclass(frozen=True)
class State:
    """What the platform came to at a monotonic second: traffic in permille, and ready copies, by unit and revision."""

    at: float
    serving: dict[str, dict[str, int]]
    placed: dict[str, dict[str, int]]


@dataclass
class _Copy:
    unit: str
    revision: str
    number: int
    due: float
    state: Literal["starting", "ready", "unhealthy", "draining", "crashed"] = "starting"
    restarts: int = 0
    note: str = ""

    @property
    def told(self) -> Instance:
        name = f"{self.unit}/{self.revision}/{self.number}"
        return Instance(name, self.unit, self.revision, self.state, self.restarts, self.restarts > 2, self.note)


class FakeTarget:
    """The Target port over a platform in memory. Killing its caller leaves the platform as it is: pass it to a successor.

    The platform moves in ticks of `TICK_S` of the clock, one small move each: copies are started first; when all
    are ready traffic moves, unit by unit (all at once where `capabilities.atomic`); what is not wanted is drained
    last. `start_s` and `drain_s` are how long a copy takes; with `coexist` 1 the old copies go before the new come.
    `history` holds every state passed through, oldest first. `calls` names every call of the port so far.
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
        self._clock = clock
        self._capabilities = capabilities
        self.start_s = start_s
        self.drain_s = drain_s
        self.service = service
        self.owner = service
        self.calls: list[str] = []
        self.history: list[State] = [State(clock.monotonic(), {}, {})]
        self._time = clock.monotonic()
        self._beat = self._time
        self._generation = 0
        self._desired: Desired | None = None
        self._since = self._time
        self._taken_back = ""
        self._is_moving = False
        self._copies: list[_Copy] = []
        self._split: dict[str, dict[str, int]] = {}
        self._known: dict[str, Revision] = {}
        self._started = 0
        self._broken: dict[tuple[str, str], str] = {}
        self._deaths: dict[int, Literal["before", "after"]] = {}
        self._lost = 0

    # The port

    def capabilities(self) -> Capabilities:
        """What this platform was made to be able to do."""
        return self._capabilities

    def observe(self) -> Observed:
        """What is there now, after everything that happened since the last call."""
        with self._call("observe"):
            here = self.history[-1]
            return Observed(
                str(self._generation),
                here.serving,
                here.placed,
                settled=not self._is_moving,
                stamp=self._desired.fence if self._desired and self._capabilities.stamp else None,
                instances=tuple(copy.told for copy in self._copies),
                revisions={name: self._known[name] for name in self._there() if name in self._known},
                taken_back=self._taken_back,
            )

    def preview(self, change: Change) -> Preview:
        """One line for each unit that would change."""
        with self._call("preview"):
            here = self.history[-1]
            units = change.desired.units
            lines = [
                f"{name}: placed {unit.placed}, split {unit.split}"
                for name, unit in sorted(units.items())
                if _some(unit.placed) != here.placed.get(name, {}) or _some(unit.split) != here.serving.get(name, {})
            ]
            return Preview((*lines, *(f"{name}: removed" for name in sorted(here.placed.keys() - units.keys()))))

    def converge(self, desired: Desired, handle: str | None = None) -> Progress:
        """Put a desire in force, unless it is already, and say how far the platform got."""
        with self._call("converge"):
            self._refuse(desired)
            if not self._is_in_force(desired):
                self._refuse_untrue(desired)
                self._put(desired)
            assert self._desired is not None, "a desire was just put in force"
            self._desired = replace(self._desired, fence=desired.fence)
            return self._progress(self._desired)

    def reach(self, unit: str, revision: str) -> Reach | None:
        """An address that no server answers, where the platform can reach a revision apart from its split."""
        with self._call("reach"):
            if not self._capabilities.reach_unsplit:
                return None
            return Reach("http://fake.invalid", {"x-penstock-unit": unit, "x-penstock-preview": revision})

    def testimony(self, revision: str) -> list[Evidence]:
        """One log, of what its copies came to; none where there is no copy."""
        with self._call("testimony"):
            told = [f"{c.told.id} {c.state} {c.note}".rstrip() for c in self._copies if c.revision == revision]
            return [Evidence(f"{revision}.log", "text/x-log", "\n".join(told))] if told else []

    def take_way_back(self, why: str) -> bool:
        """The way back of the desire in force is put in force; False where none is laid."""
        with self._call("take_way_back"):
            return self._take_way_back(why)

    def heartbeat(self) -> None:
        """Somebody still watches."""
        with self._call("heartbeat"):
            self._beat = self._time

    # What a test may do to it

    def die_at(self, call: int, when: Literal["before", "after"] = "before") -> None:
        """The caller is Killed at a call of the port (counted from 1), before or after its effect."""
        self._deaths[call] = when

    def lose_answers(self, count: int) -> None:
        """The next answers are lost on their way: the effect is there, and the caller gets a PenstockError `fake-lost`."""
        self._lost = count

    def break_revision(self, revision: str, unit: str = "", how: Literal["silent", "crashing"] = "silent") -> None:
        """Copies started from now on never get ready (in one unit, or in all): they hang, or exit again and again."""
        self._broken[unit, revision] = how

    def mend_revision(self, revision: str) -> None:
        """Copies get ready again, those there are too."""
        self._advance()
        self._broken = {key: how for key, how in self._broken.items() if key[1] != revision}
        for copy in self._of(revision):
            copy.state, copy.restarts, copy.note, copy.due = "starting", 0, "", self._time
        self._is_moving = True
        self._note()

    def make_unhealthy(self, revision: str, unit: str = "", note: str = "health answers 503") -> None:
        """Copies that are there fail their health check from now on."""
        self._advance()
        for copy in self._of(revision, unit):
            copy.state, copy.note = "unhealthy", note
        self._note()

    def make_crash(self, revision: str, unit: str = "", note: str = "exit 1") -> None:
        """Copies that are there exit again and again from now on."""
        self._advance()
        for copy in self._of(revision, unit):
            copy.state, copy.restarts, copy.note = "crashed", 3, note
        self._note()

    def change_by_foreign_hand(self, unit: str, split: dict[str, int]) -> None:
        """Somebody else moves the traffic: seen by `observe`, under another token, until somebody converges again."""
        self._advance()
        self._split[unit] = _some(split)
        self._generation += 1
        self._is_moving = False
        self._desired = replace(self._desired, units={}) if self._desired else None
        self._note()

    # The platform

    @contextmanager
    def _call(self, name: str) -> Iterator[None]:
        self.calls.append(name)
        death = self._deaths.pop(len(self.calls), None)
        if death == "before":
            raise Killed(f"before {name}")
        self._advance()
        yield
        if death == "after":
            raise Killed(f"after {name}")
        if self._lost:
            self._lost -= 1
            raise PenstockError("fake-lost", f"the answer to {name} was lost")

    def _advance(self) -> None:
        """Everything that happened until now. Still time is skipped: while nothing moves only the dead man's rule acts."""
        now = self._clock.monotonic()
        for _ in range(_MOST_TICKS):
            if not self._is_moving and not self._way_back_is_due(now):
                break
            if self._time + TICK_S > now:
                return
            if not self._is_moving:
                self._time = max(self._time, self._deadline() - TICK_S)
            self._time += TICK_S
            if self._way_back_is_due(self._time):
                self._take_way_back("no heartbeat")
            if self._is_moving and self._desired:
                self._tick(self._desired)
        self._time = max(self._time, now)

    def _deadline(self) -> float:
        attended = self._desired.attended_s if self._desired and self._capabilities.dead_man else None
        return float("inf") if attended is None else self._beat + attended

    def _way_back_is_due(self, at: float) -> bool:
        return at > self._deadline() and bool(self._desired and self._desired.way_back)

    def _take_way_back(self, why: str) -> bool:
        if not self._desired or not self._desired.way_back:
            return False
        self._put(replace(self._desired.way_back, fence=self._desired.fence, way_back=None, attended_s=None))
        self._taken_back = why
        return True

    def _put(self, desired: Desired) -> None:
        self._desired = desired
        self._known |= desired.revisions
        self._generation += 1
        self._taken_back = ""
        self._is_moving = True
        self._since = self._beat = self._time

    def _refuse(self, desired: Desired) -> None:
        if self.owner != self.service:
            raise Refused("not-ours", f"it belongs to {self.owner}, not to {self.service}")
        fence = self._desired.fence if self._desired else Fence(0)
        if self._capabilities.fence and desired.fence < fence:
            raise Refused("fence", f"{desired.fence} is lower than {fence}")
        for name, unit in desired.units.items():
            if self._capabilities.split == "none" and len(_some(unit.split)) > 1:
                raise Refused("split", f"{name}: this platform cannot split its traffic")
            if self._capabilities.coexist == "1" and len(_some(unit.placed)) > 1:
                raise Refused("coexist", f"{name}: this platform cannot run two revisions side by side")

    def _refuse_untrue(self, desired: Desired) -> None:
        if desired.expecting is not None and desired.expecting != str(self._generation):
            raise Refused("token", f"{desired.expecting} was expected, and {self._generation} is in force")

    def _is_in_force(self, desired: Desired) -> bool:
        if self._desired is None:
            return False
        same = {"fence": desired.fence, "expecting": None, "reason": "", "way_back": None}
        return replace(self._desired, **same) == replace(desired, **same)

    def _progress(self, desired: Desired) -> Progress:
        units = {
            f"{name}/{revision}": f"{self.history[-1].placed.get(name, {}).get(revision, 0)}/{count}"
            for name, unit in desired.units.items()
            for revision, count in unit.placed.items()
        }
        if not self._is_moving:
            return Progress("done", units=units)
        failed = self._failed(desired)
        if failed:
            return Progress("failed", failed, units=units)
        return Progress("working", "moving", 2 * TICK_S, units=units)

    def _failed(self, desired: Desired) -> str:
        is_late = self._time - self._since > desired.start_within_s
        for name, unit in desired.units.items():
            for copy in self._copies:
                if copy.unit != name or not unit.placed.get(copy.revision):
                    continue
                if copy.told.crash_loop:
                    return f"{copy.told.id} keeps crashing: {copy.note}"
                if is_late and copy.state != "ready":
                    return f"{copy.told.id} was not ready within {desired.start_within_s:g} s"
        return ""

    def _tick(self, desired: Desired) -> None:
        self._age()
        names = [*desired.units, *sorted(self._there_by_unit().keys() - desired.units.keys())]
        wanted = {name: _some(desired.units[name].placed) if name in desired.units else {} for name in names}
        split = {name: _some(desired.units[name].split) if name in desired.units else {} for name in names}
        in_place = self._capabilities.coexist == "1"
        moved = (in_place and self._retire(wanted)) or self._place(wanted, desired.min_ready_s)
        if not moved and not self._shift(split) and not self._retire(wanted):
            self._is_moving = False
        self._note()

    def _age(self) -> None:
        for copy in self._copies:
            how = self._broken.get(("", copy.revision)) or self._broken.get((copy.unit, copy.revision))
            if copy.state == "starting" and self._time >= copy.due and how == "crashing":
                copy.restarts, copy.note, copy.due = copy.restarts + 1, "exit 1", self._time + self.start_s
                copy.state = "crashed" if copy.restarts > 2 else "starting"
            elif copy.state == "starting" and self._time >= copy.due and not how:
                copy.state = "ready"
        self._copies = [c for c in self._copies if c.state != "draining" or self._time < c.due]

    def _place(self, wanted: dict[str, dict[str, int]], min_ready_s: float) -> bool:
        """Whether capacity is still missing; starts what is not there."""
        missing = False
        for unit, placed in wanted.items():
            for revision, count in placed.items():
                copies = self._of(revision, unit)
                for _ in range(count - len(copies)):
                    self._started += 1
                    due = self._time + self.start_s + min_ready_s
                    self._copies.append(_Copy(unit, revision, self._started, due))
                missing |= sum(copy.state == "ready" for copy in copies) < count
        return missing

    def _shift(self, split: dict[str, dict[str, int]]) -> bool:
        """Whether traffic was still to be moved; moves one unit's, or all at once where the platform can."""
        apart = [unit for unit, shares in split.items() if self._split.get(unit, {}) != shares]
        for unit in apart if self._capabilities.atomic else apart[:1]:
            self._split[unit] = dict(split[unit])
        return bool(apart)

    def _retire(self, wanted: dict[str, dict[str, int]]) -> bool:
        """Whether something is still to be drained; in place its traffic ends with it."""
        for unit, placed in wanted.items():
            for revision in {c.revision for c in self._copies if c.unit == unit}:
                surplus = self._of(revision, unit)[placed.get(revision, 0) :]
                for copy in surplus:
                    copy.state, copy.due = "draining", self._time + self.drain_s
                if surplus and not placed.get(revision) and revision in self._split.get(unit, {}):
                    self._split[unit] = {}
        return any(copy.state == "draining" for copy in self._copies)

    def _of(self, revision: str, unit: str = "") -> list[_Copy]:
        """Copies that are not on their way out, the best first."""
        mine = [c for c in self._copies if c.revision == revision and (not unit or c.unit == unit)]
        return sorted((c for c in mine if c.state != "draining"), key=lambda c: (c.state != "ready", c.number))

    def _there(self) -> list[str]:
        split = [revision for shares in self._split.values() for revision in shares]
        return list(dict.fromkeys([*split, *(copy.revision for copy in self._copies)]))

    def _there_by_unit(self) -> dict[str, dict[str, int]]:
        found: dict[str, dict[str, int]] = {}
        for copy in self._copies:
            unit = found.setdefault(copy.unit, {})
            unit[copy.revision] = unit.get(copy.revision, 0) + (copy.state == "ready")
        return {name: _some(revisions) for name, revisions in found.items() if _some(revisions)}

    def _note(self) -> None:
        here = self.history[-1]
        serving = {unit: shares for unit, shares in self._split.items() if shares}
        now = State(self._time, json.loads(json.dumps(serving)), self._there_by_unit())
        if (now.serving, now.placed) != (here.serving, here.placed):
            self.history.append(now)


def _some(shares: dict[str, int]) -> dict[str, int]:
    return {revision: share for revision, share in shares.items() if share}

"""What stands behind the fake target: copies that start, traffic that is moved, a history of every state."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from typing import Literal

from penstock.core.target import Capabilities, Desired, Instance, UnitDesire

TICK_S = 0.1  # how long the platform takes for one small move
_MOST_TICKS = 100_000
_CRASH_LOOP = 3  # restarts


@dataclass(frozen=True)
class State:
    """What there was from a monotonic second on: traffic in permille, ready copies; by unit and revision."""

    at: float
    serving: dict[str, dict[str, int]]
    placed: dict[str, dict[str, int]]


@dataclass
class Copy:
    """One running copy; `due` is when it is ready, or gone."""

    unit: str
    revision: str
    number: int
    due: float
    state: Literal["starting", "ready", "unhealthy", "draining", "crashed"] = "starting"
    restarts: int = 0
    note: str = ""

    @property
    def told(self) -> Instance:
        """As the port tells of it."""
        name = f"{self.unit}/{self.revision}/{self.number}"
        crash_loop = self.restarts >= _CRASH_LOOP
        return Instance(name, self.unit, self.revision, self.state, self.restarts, crash_loop, self.note)


class Platform:
    """Moves towards what is wanted in ticks of `TICK_S`, one small move each.

    Copies are started first; when all are ready traffic moves, unit by unit (all at once where
    `capabilities.atomic`); what is not wanted is drained last. With `coexist` 1 the old copies go before the
    new come. What was there before and only stays, without traffic, is not waited for: it may be broken.
    """

    def __init__(self, time: float, capabilities: Capabilities, start_s: float, drain_s: float) -> None:
        self.time = time
        self.start_s = start_s
        self.drain_s = drain_s
        self.is_moving = False
        self.copies: list[Copy] = []
        self.split: dict[str, dict[str, int]] = {}
        self.history = [State(time, {}, {})]
        self.broken: dict[tuple[str, str], str] = {}
        self._capabilities = capabilities
        self._wanted: Desired | None = None
        self._since = time
        self._had: dict[tuple[str, str], int] = {}
        self._started = 0

    def want(self, desired: Desired) -> None:
        """From now on move towards this."""
        self._wanted = desired
        self._since = self.time
        self.is_moving = True
        self._had = {(c.unit, c.revision): len(self.of(c.revision, c.unit)) for c in self.copies}

    def run(self, until: float) -> None:
        """Everything that happens until a monotonic second; time in which nothing moves is skipped."""
        for _ in range(_MOST_TICKS):
            if self._wanted is None or not self.is_moving or self.time + TICK_S > until:
                break
            self.time += TICK_S
            self._tick(self._wanted)
        if not self.is_moving:
            self.time = max(self.time, until)

    def failed(self) -> str:
        """Why what is wanted will not come about; empty while it may."""
        if self._wanted is None:
            return ""
        is_late = self.time - self._since > self._wanted.start_within_s
        for copy in self.copies:
            unit = self._wanted.units.get(copy.unit)
            if unit is None or not self._is_awaited(copy.unit, copy.revision, unit):
                continue
            if copy.told.crash_loop:
                return f"{copy.told.id} keeps crashing: {copy.note}"
            if is_late and copy.state != "ready":
                return f"{copy.told.id} was not ready within {self._wanted.start_within_s:g} s"
        return ""

    def of(self, revision: str, unit: str = "") -> list[Copy]:
        """Copies that are not on their way out, the best first."""
        mine = [c for c in self.copies if c.revision == revision and (not unit or c.unit == unit)]
        return sorted((c for c in mine if c.state != "draining"), key=lambda c: (c.state != "ready", c.number))

    def placed(self) -> dict[str, dict[str, int]]:
        """Ready copies, by unit and revision."""
        found: dict[str, dict[str, int]] = {}
        for copy in self.copies:
            if copy.state == "ready":
                unit = found.setdefault(copy.unit, {})
                unit[copy.revision] = unit.get(copy.revision, 0) + 1
        return found

    def note(self) -> None:
        """Keep the state in the history, if it is another one."""
        serving = {unit: shares for unit, shares in self.split.items() if shares}
        now = State(self.time, deepcopy(serving), self.placed())
        if (now.serving, now.placed) != (self.history[-1].serving, self.history[-1].placed):
            self.history.append(now)

    def _tick(self, desired: Desired) -> None:
        if self._age():
            self.note()
            return
        gone = sorted({copy.unit for copy in self.copies} - desired.units.keys())
        units = {**desired.units, **{name: UnitDesire({}) for name in gone}}
        in_place = self._capabilities.coexist == "1"
        is_placing = (in_place and self._retire(units)) or self._place(units, desired.min_ready_s)
        if not is_placing and not self._shift(units) and not self._retire(units):
            self.is_moving = False
        self.note()

    def _age(self) -> bool:
        """Whether a copy got ready, or crashed, or is gone by now."""
        before = [(copy.number, copy.state, copy.restarts) for copy in self.copies]
        for copy in self.copies:
            how = self.broken.get(("", copy.revision)) or self.broken.get((copy.unit, copy.revision))
            if copy.state != "starting" or self.time < copy.due:
                continue
            if how == "crashing":
                copy.restarts, copy.note, copy.due = copy.restarts + 1, "exit 1", self.time + self.start_s
                copy.state = "crashed" if copy.restarts >= _CRASH_LOOP else "starting"
            elif not how:
                copy.state = "ready"
        self.copies = [c for c in self.copies if c.state != "draining" or self.time < c.due]
        return before != [(copy.number, copy.state, copy.restarts) for copy in self.copies]

    def _place(self, units: dict[str, UnitDesire], min_ready_s: float) -> bool:
        """Whether capacity is still missing; starts what is not there."""
        is_missing = False
        for name, unit in units.items():
            for revision, count in unit.placed.items():
                copies = self.of(revision, name)
                for _ in range(count - len(copies)):
                    self._started += 1
                    due = self.time + self.start_s + min_ready_s
                    self.copies.append(Copy(name, revision, self._started, due))
                ready = sum(copy.state == "ready" for copy in copies)
                is_missing |= ready < count and self._is_awaited(name, revision, unit)
        return is_missing

    def _is_awaited(self, name: str, revision: str, unit: UnitDesire) -> bool:
        count = unit.placed.get(revision, 0)
        only_stays = bool(unit.split) and not unit.split.get(revision) and self._had.get((name, revision), 0) >= count
        return count > 0 and not only_stays

    def _shift(self, units: dict[str, UnitDesire]) -> bool:
        """Whether traffic was still to be moved; moves one unit's, or all at once where the platform can."""
        wanted = {name: some(unit.split) for name, unit in units.items()}
        apart = [name for name, split in wanted.items() if self.split.get(name, {}) != split]
        for name in apart if self._capabilities.atomic else apart[:1]:
            self.split[name] = wanted[name]
        return bool(apart)

    def _retire(self, units: dict[str, UnitDesire]) -> bool:
        """Whether something is still being drained; a revision that goes whole takes its traffic with it."""
        for name, unit in units.items():
            for revision in {c.revision for c in self.copies if c.unit == name}:
                surplus = self.of(revision, name)[unit.placed.get(revision, 0) :]
                for copy in surplus:
                    copy.state, copy.due = "draining", self.time + self.drain_s
                if surplus and not unit.placed.get(revision) and revision in self.split.get(name, {}):
                    self.split[name] = {}
        return any(copy.state == "draining" for copy in self.copies)


def some(shares: dict[str, int]) -> dict[str, int]:
    """Without those that are zero."""
    return {revision: share for revision, share in shares.items() if share}

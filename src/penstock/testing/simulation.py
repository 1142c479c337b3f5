"""A whole release on paper: the real story, steps, planner, rollout and verdict; clock, target and traffic are fakes."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_type_hints

from penstock.core import data
from penstock.core.ending import Ending, Over, Parked
from penstock.core.revision import revision_of
from penstock.core.target import Artifact, Desired, Fence, Revision, UnitDesire
from penstock.errors import PenstockError
from penstock.manifest import Environment, TargetEntry
from penstock.manifest.bake import BakePeriod
from penstock.manifest.rollout import Rollout
from penstock.manifest.section import Command, Section
from penstock.manifest.unit import Unit
from penstock.manifest.verdict import Undecided, Verdict
from penstock.ports import Check
from penstock.records import environments, releases, revisions
from penstock.records.store import Store
from penstock.release import walk
from penstock.steps import Steps
from penstock.steps.world import World
from penstock.testing.clock import FakeClock
from penstock.testing.metrics import FakeMetrics
from penstock.testing.target import FakeTarget, Killed


class Agenda(FakeClock):
    """A clock at which things happen: each (monotonic second, deed) once, while somebody sleeps past it."""

    def __init__(self) -> None:
        super().__init__()
        self.deeds: list[tuple[float, Callable[[], None]]] = []

    def at(self, second: float, deed: Callable[[], None]) -> None:
        """Do something when that second has come."""
        self.deeds.append((second, deed))
        self.deeds.sort(key=lambda entry: entry[0])

    def sleep(self, seconds: float) -> None:
        """Sleep, and do what is due on the way."""
        end = self.monotonic() + seconds
        while self.deeds and self.deeds[0][0] <= end:
            second, deed = self.deeds.pop(0)
            super().sleep(max(0.0, second - self.monotonic()))
            deed()
        super().sleep(max(0.0, end - self.monotonic()))


class MemoryJournal:
    """Keeps what steps returned, as the engine does: a walk that is begun again is answered from here first.

    Results pass through JSON, so that what a replay gets is what the first run got.
    """

    def __init__(self) -> None:
        self.kept: list[tuple[str, str, Any]] = []
        self._next = 0

    def begin(self) -> MemoryJournal:
        """The same journal, from its first result on."""
        self._next = 0
        return self

    def run(self, step: Callable[..., Any], world: World, *values: Any) -> Any:
        """A step's result: the kept one, or a new one."""
        if self._next == len(self.kept):
            self.kept.append(self._do(step, world, *values))
        name, kind, plain = self.kept[self._next]
        assert name == step.__name__, f"the replay asks for {step.__name__}, the journal has {name}"
        self._next += 1
        if kind == "over":
            raise Over(data.load(Ending, plain))
        return data.load(get_type_hints(step)["return"], plain)

    def _do(self, step: Callable[..., Any], world: World, *values: Any) -> tuple[str, str, Any]:
        try:
            return step.__name__, "ok", json.loads(json.dumps(data.dump(step(world, *values))))
        except Over as over:
            return step.__name__, "over", data.dump(over.ending)
        except PenstockError as error:
            return step.__name__, "over", data.dump(Ending("blocked", "error", str(error)))


class FakeSection(Section):
    """The target's section: how many copies."""

    copies: int = 4
    keep_revisions: int = 3

    def instances_of(self, unit: str) -> int:
        return self.copies


class FakeBuilds:
    """Artifacts out of nothing."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def build(self, log_file: Path) -> Artifact:
        return Artifact("folder", str(self._folder / "artifact"), "d" * 64)

    def paths(self, artifact: Artifact) -> list[str]:
        return []

    def checkout(self, revision: Revision) -> Path:
        return self._folder

    def workplace(self, revision: Revision, name: str, needs: tuple[str, ...]) -> Path:
        return self._folder

    def leave(self, name: str) -> None:
        return None

    def prune(self, keep: set[str]) -> None:
        return None


def environment(
    rollout: str | dict[str, object] = "canary",
    *,
    bake_s: float = 0.0,
    bake: tuple[BakePeriod, ...] = (),
    hold_s: float = 120.0,
) -> Environment:
    """An environment of one unit, four copies, a canary of two short increments."""
    asked = {"is": "canary", "increments": ["10% for 20s", "50% up to 60s"]} if rollout == "canary" else rollout
    return Environment(
        name="production",
        units={"web": Unit(run=Command(words=("serve",)))},
        target=TargetEntry(kind="fake", section=FakeSection()),
        rollout=Rollout.model_validate(asked if isinstance(asked, dict) else {"is": asked}),
        verdict=Verdict(undecided=Undecided(hold=hold_s)),
        bake=bake or ((BakePeriod.model_validate({"for": f"{bake_s:g}s"}),) if bake_s else ()),
    )


@dataclass
class Simulation:
    """One environment in which a stable revision serves; `release` walks a candidate through it."""

    folder: Path
    requests_per_s: float = 200.0
    seed: int = 1
    asked: Environment = field(default_factory=environment)
    absence_s: float = 2.0
    patience_s: float = 30.0
    checks: Mapping[str, Check] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.clock = Agenda()
        self.target = FakeTarget(self.clock)
        self.store = Store(self.folder / "records.sqlite")
        self.stable = self._revision("a" * 40)
        self.candidate = self._revision("b" * 40)
        errors = {self.stable.id: 0.001, self.candidate.id: 0.001}
        self.metrics = FakeMetrics(self.target, self.clock, self.requests_per_s, errors, seed=self.seed, lag_s=1.0)
        environments.place(self.store, "shop", "production", "fake", str(self.folder))
        self._serve(self.stable)

    def order(self, kind: str = "release", **options: object) -> int:
        """A release, waiting to be walked."""
        return releases.create(
            self.store, self.clock.now(), service="shop", environment="production", kind=kind, asked="HEAD",
            commit_id=self.candidate.commit, uid=0, person="ana", host="here", options=options,
        )  # fmt: skip

    def world(self, number: int, epoch: int = 1) -> World:
        """The world of a release, as a worker would bind it."""
        work = self.folder / str(number)
        work.mkdir(exist_ok=True)
        return World(
            number, self.store, self.folder / "audit.log", self.folder / "evidence", work, self.clock, self.asked,
            self.target, self.metrics, FakeBuilds(self.folder), self.checks, self.candidate, epoch,
        )  # fmt: skip

    def release(self, **options: object) -> Ending:
        """Order a release and walk it to its end; a worker that is Killed has a successor."""
        return self.walk(self.order(**options))  # type: ignore[arg-type]

    def walk(self, number: int, lives: int = 20) -> Ending:
        """Walk a release; each life replays the journal of the one before, `absence_s` later."""
        journal, epoch = MemoryJournal(), 1
        while epoch < lives:
            try:
                return walk(Steps(self.world(number, epoch), journal.begin().run))
            except Killed:
                epoch += 1
                self.clock.sleep(self.absence_s)
            except Parked as parked:  # told again when its time has come; what people say meanwhile is on the agenda
                self.clock.sleep(min(max(1.0, parked.wakes_at - self.clock.now()), self.patience_s))
        raise AssertionError("more deaths than lives")

    def _revision(self, commit: str) -> Revision:
        return revision_of(self.asked, commit, secrets_digest="", secrets="")

    def _serve(self, revision: Revision) -> None:
        units = {"web": UnitDesire({revision.id: 4}, {revision.id: 1000})}
        while self.target.converge(Desired(Fence(0), units, {revision.id: revision})).state != "done":
            self.clock.sleep(1)
        now = self.clock.now()
        revisions.remember(self.store, now, "shop", "production", 0, data.dump(revision))
        environments.promote(self.store, "shop", "production", revision.id, now)

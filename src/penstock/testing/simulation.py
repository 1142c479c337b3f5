"""A whole release on paper: the real story, steps, planner, rollout and verdict; clock, target and traffic are fakes."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

from penstock.core.ending import Ending
from penstock.core.revision import revision_of
from penstock.core.target import Artifact, Desired, Fence, Revision, UnitDesire
from penstock.manifest import Environment, TargetEntry
from penstock.manifest.rollout import Rollout
from penstock.manifest.section import Command, Section
from penstock.manifest.unit import Unit
from penstock.manifest.verdict import Undecided, Verdict
from penstock.records import environments, releases, revisions
from penstock.records.store import Store
from penstock.release import walk
from penstock.steps import Steps
from penstock.steps.world import World
from penstock.testing.clock import FakeClock
from penstock.testing.metrics import FakeMetrics, Traffic
from penstock.testing.target import FakeTarget, Platform


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

    def prune(self, keep: set[str]) -> None:
        return None


def environment(rollout: str | dict[str, object] = "canary", *, bake_s: float = 0.0, hold_s: float = 120.0) -> Environment:
    """An environment of one unit, four copies, a canary of two short increments."""
    asked = {"is": "canary", "increments": ["10% for 20s", "50% up to 60s"]} if rollout == "canary" else rollout
    return Environment(
        name="production",
        units={"web": Unit(run=Command(words=("serve",)))},
        target=TargetEntry(kind="fake", section=FakeSection()),
        rollout=Rollout.model_validate(asked if isinstance(asked, dict) else {"is": asked}),
        verdict=Verdict(undecided=Undecided(hold=hold_s)),  # type: ignore[call-arg]
        bake_s=bake_s,
    )


@dataclass
class Simulation:
    """One environment in which a stable revision serves; `release` walks a candidate through it."""

    folder: Path
    traffic: Traffic
    seed: int = 1
    asked: Environment = field(default_factory=environment)

    def __post_init__(self) -> None:
        self.clock = FakeClock()
        self.platform = Platform()
        self.target = FakeTarget(self.clock, self.platform)
        self.metrics = FakeMetrics(self.clock, self.target, self.traffic, self.seed)
        self.store = Store(self.folder / "records.sqlite")
        self.stable = self._revision("a" * 40)
        self.candidate = self._revision("b" * 40)
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
            self.target, self.metrics, FakeBuilds(self.folder), {}, self.candidate, epoch,
        )  # fmt: skip

    def release(self, **options: object) -> Ending:
        """Order a release and walk it to its end."""
        return walk(Steps(self.world(self.order(**options))))

    def _revision(self, commit: str) -> Revision:
        return revision_of(self.asked, commit, secrets_digest="", secrets="")

    def _serve(self, revision: Revision) -> None:
        units = {"web": UnitDesire({revision.id: 4}, {revision.id: 1000})}
        while self.target.converge(Desired(Fence(0), units, {revision.id: revision})).state != "done":
            self.clock.sleep(1)
        now = self.clock.now()
        plain = json.loads(json.dumps(_plain(revision)))
        revisions.remember(self.store, now, "shop", "production", 0, plain)
        environments.promote(self.store, "shop", "production", revision.id, now)


def _plain(revision: Revision) -> object:
    from penstock.core import data

    return data.dump(revision)

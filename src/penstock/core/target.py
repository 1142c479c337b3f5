"""The words in which a release speaks with a platform: what is wanted, what is there, how far it got.

Plain frozen data. A desire is whole: it says everything that shall be, never a difference.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Literal

Split = Literal["none", "fixed", "permille"]


@dataclass(frozen=True, order=True)
class Fence:
    """Who may write: a release's number, and the epoch of the worker's lease.

    A target refuses a lower fence. The epoch stops a paused worker against its own successor.
    """

    release: int
    epoch: int = 0


@dataclass(frozen=True)
class Artifact:
    """What a build made. A folder's digest is identity on one host only."""

    kind: Literal["folder", "zip", "wheel", "image", "bundle", "none"]
    locator: str = ""
    digest: str = ""


@dataclass(frozen=True)
class Unit:
    """One deployable part of a revision, ready to be run: words still to be filled in, never a secret's value."""

    argv: tuple[str, ...]
    env: dict[str, str] = field(default_factory=dict)
    sees: tuple[str, ...] = ()
    traffic: bool = True
    health: dict[str, Any] | None = None


@dataclass(frozen=True)
class Revision:
    """The immutable thing released: commit + artifact + configuration.

    `floor` is the oldest revision that can run on the schema this one leaves behind (None: any).
    `secrets` names the place where its secrets' values lie; the values are never here.
    """

    id: str
    commit: str
    artifact: Artifact
    configuration: str
    version: str = ""
    units: dict[str, Unit] = field(default_factory=dict)
    secrets: str = ""
    floor: str | None = None


@dataclass(frozen=True)
class UnitDesire:
    """For one unit: capacity by revision, and traffic by revision in permille (empty: takes no traffic)."""

    placed: dict[str, int]
    split: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        assert all(count >= 0 for count in self.placed.values()), "capacity is never negative"
        assert not self.split or sum(self.split.values()) == 1000, "a split adds up to 1000"
        assert all(self.placed.get(r, 0) > 0 for r, w in self.split.items() if w), "no traffic without capacity"


@dataclass(frozen=True)
class Desired:
    """All that shall be, in one environment.

    `expecting` is the token of the last observation this desire was made from; untrue, it is refused.
    `way_back` is what shall be if nobody watches any more: laid beside this desire before it is in force.
    `attended_s`: the way back is taken when no heartbeat came for that long (None: nobody need watch).
    `preview` is the revision that can be reached apart from the split.
    """

    fence: Fence
    units: dict[str, UnitDesire]
    revisions: dict[str, Revision] = field(default_factory=dict)
    reason: str = ""
    expecting: str | None = None
    preview: str | None = None
    attended_s: int | None = None
    min_ready_s: float = 0.0
    start_within_s: float = 600.0
    way_back: Desired | None = None

    def placed(self) -> set[str]:
        """Every revision that has capacity somewhere."""
        return {r for unit in self.units.values() for r, count in unit.placed.items() if count}

    def weight(self, revision: str) -> int:
        """The largest share, in permille, that a revision has in any unit."""
        return max((unit.split.get(revision, 0) for unit in self.units.values()), default=0)

    def under(self, fence: Fence, expecting: str | None) -> Desired:
        """The same desire, wanted by another hand."""
        back = self.way_back.under(fence, None) if self.way_back else None
        return replace(self, fence=fence, expecting=expecting, way_back=back)


@dataclass(frozen=True)
class Instance:
    """A running copy, as the platform tells of it."""

    id: str
    unit: str
    revision: str
    state: Literal["starting", "ready", "unhealthy", "draining", "stopped", "crashed"]
    restarts: int = 0
    crash_loop: bool = False
    note: str = ""
    address: str = ""


@dataclass(frozen=True)
class Observed:
    """The truth, from the platform. `stamp` says who wrote it; `taken_back` says that the way back was taken, and why."""

    token: str
    serving: dict[str, dict[str, int]] = field(default_factory=dict)
    placed: dict[str, dict[str, int]] = field(default_factory=dict)
    settled: bool = True
    stamp: Fence | None = None
    instances: tuple[Instance, ...] = ()
    revisions: dict[str, Revision] = field(default_factory=dict)
    taken_back: str = ""

    def serves(self, revision: str) -> bool:
        """Whether every unit that takes traffic sends all of it to this revision."""
        splits = [s for s in self.serving.values() if s]
        return bool(splits) and all(s.get(revision, 0) == 1000 for s in splits)

    @property
    def standing(self) -> str | None:
        """The revision that counts as stable: the one with most of the traffic; without traffic, one that is placed."""
        for split in self.serving.values():
            if split:
                return max(split, key=lambda revision: split[revision])
        return next((r for unit in self.placed.values() for r, copies in unit.items() if copies), None)


@dataclass(frozen=True)
class Progress:
    """How far a converge got. `handle` is an opaque word that is journaled and passed back."""

    state: Literal["done", "working", "refused", "failed"]
    reason: str = ""
    retry_after_s: float = 0.5
    handle: str | None = None
    units: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Capabilities:
    """What a platform can do; `core.rollout.strategies` alone draws consequences from it."""

    split: Split = "none"
    coexist: Literal["1", "2", "many"] = "1"
    place_apart: bool = False
    reach_unsplit: bool = False
    arms: bool = False
    atomic: bool = False
    cancel: bool = False
    fence: bool = False
    pinned_to_host: bool = False
    way_back: Literal["shift", "replace", "reapply"] = "reapply"
    settle_s: float = 0.0
    slow: bool = False
    dead_man: bool = False
    stamp: bool = False


@dataclass(frozen=True)
class Change:
    """From what runs to what is wanted, for a preview."""

    desired: Desired
    previous: Observed | None = None


@dataclass(frozen=True)
class Preview:
    """What a change would do, with no lasting effect; `irreversible` says what no rollback would undo."""

    summary: tuple[str, ...] = ()
    irreversible: tuple[str, ...] = ()
    handle: str | None = None


@dataclass(frozen=True)
class Reach:
    """How to talk to exactly one revision.

    `synthetic` are the headers that mark a request there as Penstock's own; empty where the target cannot tell them apart.
    """

    url: str
    headers: dict[str, str] = field(default_factory=dict)
    synthetic: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Evidence:
    """Something kept as proof: a name, what kind of text it is, and the text (masked, size-limited)."""

    name: str
    media: str
    text: str

"""One instance: a copy of a unit's revision, from its first start until it is gone."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass, field
from typing import Any, Literal

from penstock import shell
from penstock.providers.local import probe
from penstock.providers.local.wanted import Arm

State = Literal["starting", "ready", "unhealthy", "draining", "stopping", "crashed"]

_LOOP_EXITS, _LOOP_WITHIN_S = 3, 60.0


@dataclass
class Instance:
    """One copy of a unit's revision. Times ending in `_s` or `_at` are monotonic, `since` is seconds
    since the epoch.
    """

    id: str
    unit: str
    revision: str
    process: shell.Process | None = None
    handle: int | None = None
    port: int = 0
    state: State = "starting"
    since: float = field(default_factory=time.time)
    asked_since: float = field(default_factory=time.time)
    is_proven: bool = False
    is_seen: bool = False
    ready_at: float | None = None
    health: str = ""
    failures: int = 0
    restarts: int = 0
    in_a_row: int = 0
    exit: int | None = None
    exits: deque[float] = field(default_factory=lambda: deque(maxlen=_LOOP_EXITS))
    start_at: float = 0.0
    probe: probe.Probe | None = None
    ask_at: float = 0.0
    drain_until: float = 0.0
    drained_from: float = 0.0
    stop_until: float = 0.0

    @property
    def arm(self) -> Arm:
        """Its unit and revision."""
        return self.unit, self.revision

    @property
    def is_leaving(self) -> bool:
        """Whether it is on its way out."""
        return self.state in ("draining", "stopping")

    @property
    def is_ready(self) -> bool:
        """Whether it may be given requests."""
        return self.state == "ready"

    @property
    def crash_loop(self) -> bool:
        """Three exits within a minute."""
        recent = [at for at in self.exits if time.monotonic() - at <= _LOOP_WITHIN_S]
        return len(recent) >= _LOOP_EXITS

    def become(self, state: State) -> None:
        """Enter a state."""
        if state != self.state:
            self.state, self.since = state, time.time()

    def record(self) -> dict[str, Any]:
        """What a later keeper needs to adopt it."""
        process = self.process or shell.Process(0, "", 0)
        return {
            "id": self.id, "unit": self.unit, "revision": self.revision, "pid": process.pid,
            "boot_id": process.boot_id, "start_ticks": process.start_ticks, "port": self.port,
            "restarts": self.restarts, "asked_since": self.asked_since, "is_proven": self.is_proven,
            "ready_since": self.since if self.is_ready else None, "is_stopping": self.state == "stopping",
        }  # fmt: skip

    def told(self) -> dict[str, Any]:
        """What is said of it in `observed.json`."""
        return {
            "id": self.id, "unit": self.unit, "revision": self.revision,
            "pid": self.process.pid if self.process else None, "port": self.port, "state": self.state,
            "since": self.since, "restarts": self.restarts, "crash_loop": self.crash_loop,
            "health": self.health, "exit": self.exit,
        }  # fmt: skip

    def number(self) -> int:
        """Its number among the instances of its arm."""
        return int(self.id.rpartition("-")[2])

    def forget_question(self) -> None:
        """Nobody waits for its answer any more."""
        if self.probe:
            self.probe.socket.close()
            self.probe = None

"""The worker: runs releases, one per state folder. Started on demand; it ends when nothing is left to do.

On any error of journal or records it applies the way back outside the engine, leaves a mark, and exits: what is done
must be written down, and what cannot be written down must not go on.
"""

from __future__ import annotations

import fcntl
import os
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import IO

from penstock import durable, shell, waking
from penstock.core import data
from penstock.core.plan import Plan
from penstock.errors import JournalError, StateError
from penstock.records import answers, releases
from penstock.records.store import Store
from penstock.release import bake, walk
from penstock.state import State
from penstock.steps import Steps
from penstock.worlds import world_of

TICK_S = 0.2
LINGER_S = 1.0
HALF_WRITTEN_S = 3600.0  # no order takes so long to write
LOCK_TRIES = 20
EXIT_BROKEN = 70  # the journal or the records could not be written


def work(state: State, linger_s: float = LINGER_S) -> int:
    """Run every release that is not over, until there is none; then the process ends: with 0, or with 70 when
    nothing could be written down. Returns only when another worker lives.
    """
    lock = state.worker_lock.open("a+")
    if not _is_ours(lock):
        return 0  # another worker lives; it will see every order
    store = Store(state.records)
    epoch = _lease(store)
    walker = _Walker(state, store, epoch)
    try:
        engine = durable.Engine(state.journal, {"release": walker.release, "bake": walker.bake}, walker.abandon)
        engine.resume()
        _serve(store, engine, linger_s)
    except (JournalError, StateError) as error:
        walker.abandon(error)
    # An order that came after the last look found this lock held, and started nobody: it is looked for once more without it.
    lock.close()
    if releases.unended(store):
        waking.ensure(state)
    # Crash-only: everything is on disk, and ending is being killed.
    sys.stdout.flush()
    os._exit(0)


def _is_ours(lock: IO[str]) -> bool:
    """Take the worker's lock. Whoever only asks whether a worker lives holds it for an instant: hence the tries."""
    for _ in range(LOCK_TRIES):
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            time.sleep(0.05)
    return False


class _Walker:
    """Tells the stories under their names, and knows what to do when the journal breaks."""

    def __init__(self, state: State, store: Store, epoch: int) -> None:
        self._state = state
        self._store = store
        self._epoch = epoch
        self._breaking = threading.Lock()

    def release(self, name: str) -> None:
        """`release/NUMBER`"""
        world = world_of(self._state, self._store, int(name.split("/")[1]), self._epoch)
        walk(Steps(world, durable.run))

    def bake(self, name: str) -> None:
        """`bake/NUMBER/HOUR`"""
        world = world_of(self._state, self._store, int(name.split("/")[1]), self._epoch)
        plan = {k: v for k, v in world.row()["plan"].items() if k != "digest"}
        bake(Steps(world, durable.run), data.load(Plan, plan))

    def abandon(self, error: Exception) -> None:
        """Every release that moves traffic goes back now, outside the engine; then the process ends."""
        with self._breaking:
            _say(str(error))
            for number in _moving(self._state):
                self._take_back(number, str(error).splitlines()[0])
            os._exit(EXIT_BROKEN)

    def _take_back(self, number: int, why: str) -> None:
        try:
            world = world_of(self._state, self._store, number, self._epoch)
            if world.row()["promoted_at"] is not None:
                return  # it serves, by record: the rest is done when it can be written down
            world.target.take_way_back(f"release {number}: {why}")
        except Exception as error:
            _say(f"release {number}: the way back could not be taken: {error}")
        mark(self._state, number, why)


def _say(text: str) -> None:
    """To the worker's log, which may lie on the very disk that is full."""
    with suppress(OSError):
        print(text, file=sys.stderr, flush=True)


def mark(state: State, number: int, why: str) -> None:
    """Write into space that was set aside when the release began: works on a full disk."""
    try:
        with (state.release(number) / "mark").open("r+b") as file:
            file.write(why.encode()[:4000].ljust(4096, b"\0"))
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        _say(f"release {number}: no mark could be left: {error}")


def _moving(state: State) -> list[int]:
    """Releases whose mark was set aside and who may have moved traffic; from the folder, as the records may be broken."""
    return [int(path.parent.name) for path in Path(state.root / "releases").glob("*/mark")]


def _lease(store: Store) -> int:
    with store.write() as db:
        row = store.row("SELECT epoch FROM lease WHERE name = 'worker'")
        epoch = int(row["epoch"]) + 1 if row else 1
        db.execute("INSERT OR REPLACE INTO lease VALUES ('worker', ?, ?, ?)", (epoch, os.getpid(), shell.boot_id()))
    return epoch


def _serve(store: Store, engine: durable.Engine, linger_s: float) -> None:
    begun: set[str] = set()
    releases.drop_half_written(store, time.time() - HALF_WRITTEN_S)
    idle_since = time.monotonic()
    while True:
        rows = releases.unended(store)
        for row in rows:
            name = _story_of(engine, row["number"], row["state"])
            if name not in begun:
                begun.add(name)
                engine.start(name)
            _mind_failure(store, engine, name, row["number"])
        _wake_parked(store, engine, begun)
        if rows:
            idle_since = time.monotonic()
        elif time.monotonic() - idle_since > linger_s:
            return
        time.sleep(TICK_S)


def _wake_parked(store: Store, engine: durable.Engine, begun: set[str]) -> None:
    """Tell again what only waits: something was said since it looked, or its time has come."""
    for name in begun:
        parked = engine.parked(name)
        if parked and (parked.wakes_at <= time.time() or parked.heard != answers.newest(store)):
            engine.go_on(name)


def _story_of(engine: durable.Engine, number: int, state: str) -> str:
    """The name of the story that a release is in: its walk, or the hour of its bake."""
    if state != "baking":
        return f"release/{number}"
    hour = 0
    while engine.outcome(f"bake/{number}/{hour}") == "done":
        hour += 1
    return f"bake/{number}/{hour}"


def _mind_failure(store: Store, engine: durable.Engine, name: str, number: int) -> None:
    """A story that failed outside its steps is our bug; the release says so, and asks for a person."""
    if engine.outcome(name) == "failed":
        why = f"a bug of Penstock stopped this release: {engine.why(name)}; see `penstock doctor`"
        releases.update(store, number, state="stuck", cause="bug", sentence=why, ended_at=time.time())

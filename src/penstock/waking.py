"""Whether a worker lives, and starting one; and previews that are over, taken down by the way. Without importing the engine."""

from __future__ import annotations

import fcntl
import os
import sys
import time
from contextlib import suppress
from pathlib import Path

from penstock import shell
from penstock.errors import PenstockError
from penstock.records import previews
from penstock.records.store import Store
from penstock.state import State

LOOK_EVERY_S = 600.0  # whether the branches of previews are still there

COMING_S = 1.0  # an older one without the lock may be one that ends; a second one too many ends by itself

_started: dict[Path, tuple[shell.Process, float]] = {}  # by this process, and when: it starts no second one meanwhile


def lives(state: State) -> bool:
    """Whether a worker holds the lock."""
    try:
        with state.worker_lock.open("a+") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return False
    except BlockingIOError:
        return True


def ensure(state: State) -> None:
    """Start a worker if none lives, and none that we started is just coming up."""
    coming, since = _started.get(state.root, (None, 0.0))
    if (
        coming is not None
        and shell.reap(coming.pid) is None
        and shell.alive(coming)
        and time.monotonic() - since < COMING_S
    ):
        return
    if not lives(state):
        env = {**os.environ, "PENSTOCK_STATE": str(state.root)}
        argv = [sys.executable, "-m", "penstock", "work"]
        _started[state.root] = (shell.spawn(argv, state.worker_log, cwd="/", env=env), time.monotonic())


def mind_previews(state: State, store: Store) -> None:
    """Start to take down what is over, beside whatever is done now: when a preview's time has come, and now and then for
    those whose branch may be gone.
    """
    ends = [row["expires_at"] for row in previews.living(store) if not row["busy"]]
    if not ends:
        return
    now, looked = time.time(), _looked(state)
    if any(looked < end <= now for end in ends) or now - looked > LOOK_EVERY_S:
        env = {**os.environ, "PENSTOCK_STATE": str(state.root)}
        with suppress(OSError, PenstockError):  # whatever is asked for is done all the same
            state.previews_looked.touch(mode=0o600)
            shell.spawn([sys.executable, "-m", "penstock", "preview", "--expire"], state.previews_log, cwd="/", env=env)


def _looked(state: State) -> float:
    """When previews were last looked at; 0 for never."""
    try:
        return state.previews_looked.stat().st_mtime
    except FileNotFoundError:
        return 0.0

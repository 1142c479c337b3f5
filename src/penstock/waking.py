"""Whether a worker lives, and starting one: without importing the engine."""

from __future__ import annotations

import fcntl
import os
import sys
from pathlib import Path

from penstock import shell
from penstock.state import State

_started: dict[Path, shell.Process] = {}  # by this process, so that it starts no second one meanwhile


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
    coming = _started.get(state.root)
    if coming is not None and shell.reap(coming.pid) is None and shell.alive(coming):
        return
    if not lives(state):
        env = {**os.environ, "PENSTOCK_STATE": str(state.root)}
        argv = [sys.executable, "-m", "penstock", "work"]
        _started[state.root] = shell.spawn(argv, state.worker_log, cwd="/", env=env)

"""Whether a worker lives, and starting one: without importing the engine."""

from __future__ import annotations

import fcntl
import os
import sys

from penstock import shell
from penstock.state import State


def lives(state: State) -> bool:
    """Whether a worker holds the lock."""
    try:
        with state.worker_lock.open("a+") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return False
    except BlockingIOError:
        return True


def ensure(state: State) -> None:
    """Start a worker if none lives. Two started at once are one: the second finds the lock taken, and ends."""
    if not lives(state):
        env = {**os.environ, "PENSTOCK_STATE": str(state.root)}
        shell.spawn([sys.executable, "-m", "penstock", "work"], state.worker_log, cwd="/", env=env)

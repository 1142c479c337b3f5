"""A lock of the state folder: one process at a time, and it goes with the process that holds it."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from penstock.errors import PenstockError

_POLL_S = 0.05


@contextmanager
def held(path: Path, within_s: float) -> Iterator[None]:
    """Hold a lock; a PenstockError `locked` where somebody has it for longer than one waits."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        deadline = time.monotonic() + within_s
        while not _is_taken(handle):
            if time.monotonic() > deadline:
                raise PenstockError("locked", f"somebody has held this lock for {within_s:g} s", str(path))
            time.sleep(_POLL_S)
        yield
    finally:
        os.close(handle)


def _is_taken(handle: int) -> bool:
    """Whether it is ours now."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True

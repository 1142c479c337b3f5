"""Who keeps an environment: at most one process, the one that holds `keeper.lock`."""

from __future__ import annotations

import os
from pathlib import Path

from penstock.errors import PenstockError
from penstock.providers.local.paths import Folder, try_lock


def take(folder: Folder) -> int:
    """Become the keeper until the returned handle is closed; a PenstockError `keeper-lives` when there
    is one.
    """
    handle = os.open(folder.keeper_lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    if not try_lock(handle):
        pid = os.read(handle, 32).decode("ascii", "replace").strip() or "unknown"
        os.close(handle)
        raise PenstockError(
            "keeper-lives",
            f"this environment has a keeper already: process {pid}",
            str(folder.root),
            "two keepers would undo each other's work",
            f"leave it to that one, or end it first: kill {pid}",
        )
    os.ftruncate(handle, 0)
    os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
    return handle


def is_kept(folder: str | os.PathLike[str]) -> bool:
    """Whether a keeper lives for this environment."""
    try:
        handle = os.open(Folder.of(Path(folder)).keeper_lock, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        return not try_lock(handle)
    finally:
        os.close(handle)

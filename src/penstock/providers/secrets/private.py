"""Files that only their owner may read, there whole or not at all."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from penstock.errors import StateError


def write_private(path: Path, data: bytes) -> None:
    """Write a file (0600) in the place of what was there; a StateError `private-file` when it cannot be."""
    try:
        beside = _beside(path, data)
        try:
            beside.rename(path)
        finally:
            beside.unlink(missing_ok=True)
    except OSError as error:
        raise _not_written(path, error) from error


def keep_first(path: Path, length: int) -> bytes:
    """Random bytes that are made once: of two who make them at once, both get those of the first."""
    try:
        if not path.exists():
            beside = _beside(path, secrets.token_bytes(length))
            try:
                os.link(beside, path)
            except FileExistsError:
                pass  # somebody was quicker: theirs it is
            finally:
                beside.unlink()
        found = path.read_bytes()
    except OSError as error:
        raise _not_written(path, error) from error
    if len(found) != length:
        raise StateError(
            "private-file",
            f"this key has {len(found)} bytes, not {length}",
            str(path),
            "it was changed, or is not ours",
            "put back the one it was; without it every secret counts as changed",
        )
    return found


def _beside(path: Path, data: bytes) -> Path:
    """A new file of a name of its own in the same folder, on the disk."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    return beside


def _not_written(path: Path, error: OSError) -> StateError:
    return StateError(
        "private-file",
        f"a private file cannot be written or read: {error.strerror or error}",
        str(path),
        next="make space, or see `penstock doctor`",
    )

"""What a store does with its disk: locks that end with their holder, whole files, folders removed."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from penstock import shell
from penstock.errors import PenstockError

_POLL_S = 0.05


@contextmanager
def locked(path: Path, wait_s: float) -> Iterator[bool]:
    """Hold the lock of that name; False when somebody else still held it after `wait_s`.

    Who holds a lock may unlink its file: whoever waited for that one then takes the next.
    """
    deadline = time.monotonic() + wait_s
    while (held := _take(path)) is None and time.monotonic() < deadline:
        time.sleep(_POLL_S)
    try:
        yield held is not None
    finally:
        if held is not None:
            os.close(held)


def _take(path: Path) -> int | None:
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(fd).st_ino == os.stat(path).st_ino:
            return fd
    except (BlockingIOError, FileNotFoundError):
        pass
    except BaseException:
        os.close(fd)
        raise
    os.close(fd)
    return None


def write_whole(path: Path, data: dict[str, Any]) -> None:
    """JSON in a file (0600) that is there whole or not at all; OSError when it cannot be."""
    beside = path.with_name(f"{path.name}.tmp")
    try:
        with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump(data, file)
            file.flush()
            os.fsync(file.fileno())
        beside.rename(path)
    finally:
        beside.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def flush(folder: Path) -> None:
    """Everything in a folder to the disk: a marker must not outlive a power cut that the files did not."""
    done = shell.run(["sync", "--file-system", str(folder)], timeout_s=300)
    if not done.ok:
        raise PenstockError("build-disk", f"the build is not on the disk: {done.err.strip()}", str(folder))


def make_read_only(folder: Path) -> None:
    """Take the right to write from every file. Folders keep it: Python writes its caches there.

    A file with other names (a hard link into a package cache) is left alone: it is not only ours.
    """
    for here, _, names in os.walk(folder):
        for path in (os.path.join(here, name) for name in names):
            found = os.lstat(path)
            if stat.S_ISREG(found.st_mode) and found.st_nlink == 1:
                os.chmod(path, stat.S_IMODE(found.st_mode) & ~0o222)


def remove(place: Path) -> None:
    """Remove a file, or a folder with all it holds, read-only or not; OSError when it stays."""
    if place.is_symlink() or not place.is_dir():
        place.unlink(missing_ok=True)
        return
    os.chmod(place, 0o700)
    for here, folders, _ in os.walk(place):
        for path in (os.path.join(here, name) for name in folders):
            if not os.path.islink(path):
                with suppress(FileNotFoundError):
                    os.chmod(path, 0o700)
    shutil.rmtree(place)

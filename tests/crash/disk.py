"""A small disk of its own, and filling it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from penstock import shell

SIZE = "64m"


class NoSmallDisk(Exception):
    """Mounting one needs root."""


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """A folder that is a small disk; raises NoSmallDisk where none can be mounted."""
    disk = folder / "disk"
    disk.mkdir()
    if os.geteuid() != 0 or not shell.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(disk)]).ok:
        raise NoSmallDisk("mounting a small disk needs root")
    try:
        yield disk
    finally:
        shell.run(["umount", "-l", str(disk)])


def fill(ballast: Path, left: int = 0) -> None:
    """Write until nothing more fits, then give so many bytes back."""
    with ballast.open("wb", buffering=0) as file:
        for size in (1 << 16, 1 << 12, 1):
            with suppress(OSError):
                while True:
                    file.write(b"x" * size)
        if left:
            file.truncate(max(0, file.tell() - left))

"""Processes that a build left behind: in the background, or orphaned when its worker was killed."""

from __future__ import annotations

import os
import select
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from penstock.errors import PenstockError

_ROUNDS = 20
_WAIT_MS = 500


def end_all(home: Path) -> int:
    """Kill every process that was started with this HOME, wherever it went; how many there were.

    An orphan would go on writing into a folder that is being built anew. A build's HOME is its own, so
    nothing else carries it. Bounded: a PenstockError `stragglers` if some cannot be ended.
    """
    ended = 0
    for _ in range(_ROUNDS):
        found = list(_living(home))
        if not found:
            return ended
        ended += len(found)
        for pidfd in found:
            _kill(pidfd)
    raise PenstockError(
        "stragglers",
        "a process of an earlier build does not end",
        str(home),
        "it would go on writing into the folder",
        f"end it: grep -lz HOME={home} /proc/[0-9]*/environ",
    )


def _living(home: Path) -> Iterator[int]:
    """A descriptor of each; it names that very process, whatever becomes of its number."""
    mark = b"HOME=" + os.fsencode(home)
    for entry in os.listdir("/proc"):
        if entry.isdigit() and int(entry) != os.getpid():
            with suppress(OSError):  # it is gone, or another user's
                pidfd = os.pidfd_open(int(entry))
                if mark in Path(f"/proc/{entry}/environ").read_bytes().split(b"\0"):
                    yield pidfd
                else:
                    os.close(pidfd)


def _kill(pidfd: int) -> None:
    with suppress(ProcessLookupError):
        signal.pidfd_send_signal(pidfd, signal.SIGKILL)
    gone = select.poll()
    gone.register(pidfd, select.POLLIN)
    gone.poll(_WAIT_MS)
    os.close(pidfd)

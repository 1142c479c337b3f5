"""Processes of this environment: found by their mark, their exits heard, whether they are children or not."""

from __future__ import annotations

import os
import select
import signal
import stat
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from penstock import shell
from penstock.providers.local.environment import MARK

_LOG_LIMIT = 16 << 20


@dataclass(frozen=True)
class Marked:
    """A living process that carries an environment's mark; `parts` is what the mark says beside the
    folder.
    """

    pid: int
    is_leader: bool
    parts: tuple[str, ...]


def mark(folder: Path, *parts: str) -> str:
    """What a process of ours carries in its environment; the folder is first, so that it may hold any
    character.
    """
    return "\n".join([str(folder), *parts])


def marked(folder: Path) -> list[Marked]:
    """Every living process, ours and our children's, that was started for this folder."""
    found = []
    start = f"{MARK}={folder}\n".encode()
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        with suppress(OSError):
            for variable in Path("/proc", entry, "environ").read_bytes().split(b"\0"):
                if variable.startswith(start):
                    pid, parts = int(entry), variable[len(start) :].decode("utf-8", "replace").split("\n")
                    found.append(Marked(pid, os.getsid(pid) == pid, tuple(parts)))
    return found


def known(pid: int) -> shell.Process:
    """A living process by its pid alone."""
    return shell.Process(pid, shell.boot_id(), shell.start_ticks(pid))


def watch(process: shell.Process) -> int | None:
    """A handle that becomes readable when that very process ends; None where there is none to be had."""
    try:
        handle = os.pidfd_open(process.pid)
    except OSError:
        return None
    if not shell.alive(process):
        os.close(handle)
        return None
    return handle


def has_ended(process: shell.Process, handle: int | None) -> bool:
    """Whether a process has ended, by its handle if there is one."""
    if handle is None:
        return not shell.alive(process)
    poll = select.poll()
    poll.register(handle, select.POLLIN)
    return bool(poll.poll(0))


def end_left_behind(folder: Path, instance: str) -> None:
    """End what an instance left behind when it went: its own children, wherever they moved."""
    for process in marked(folder):
        if process.parts and process.parts[0] == instance:
            with suppress(OSError):
                os.kill(process.pid, signal.SIGKILL)


def cut(log: Path, limit: int = _LOG_LIMIT) -> None:
    """Keep a log that others append to within bounds: the last part is copied to `NAME.1`, the file
    emptied.
    """
    with suppress(FileNotFoundError):
        found = log.stat()
        if found.st_size <= limit or not stat.S_ISREG(found.st_mode):
            return
        with suppress(OSError), log.open("rb") as file:  # on a full disk the copy is given up, the cut is not
            file.seek(-limit // 2, os.SEEK_END)
            target = os.open(log.with_name(log.name + ".1"), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with open(target, "wb") as kept:
                while data := file.read(1 << 20):
                    kept.write(data)
        os.truncate(log, 0)

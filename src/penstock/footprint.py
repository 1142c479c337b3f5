"""What a process and all that descends from it uses of the machine: processes, memory, disk.

Read from /proc and from the folders themselves. Imports little: the launcher of every command reads this file.
"""

from __future__ import annotations

import os
import stat
import time

_PAGE = os.sysconf("SC_PAGE_SIZE")
_WALK_S = 5.0
_WALK_SHARE = 50  # walking may cost a fiftieth of the time
_LITTLE = 64 << 20


class Family:
    """The descendants of a process: by pid, the threads and the resident bytes of each."""

    def __init__(self, root: int) -> None:
        self.members: dict[int, tuple[int, int]] = {}
        children: dict[int, list[int]] = {}
        seen: dict[int, tuple[int, int]] = {}
        for name in _entries("/proc"):
            if name.isdigit() and (found := _stat(name)):
                children.setdefault(found[0], []).append(int(name))
                seen[int(name)] = found[1:]
        waiting = [root]
        while waiting:
            for pid in children.pop(waiting.pop(), ()):
                self.members[pid] = seen[pid]
                waiting.append(pid)

    @property
    def threads(self) -> int:
        return sum(threads for threads, _ in self.members.values())

    def memory(self, enough: int) -> int:
        """The memory of all in bytes. What several share is counted once, where the simple sum would reach `enough`."""
        simple = sum(resident for _, resident in self.members.values())
        if simple < enough:
            return simple
        return sum(min(resident, _share(pid, resident)) for pid, (_, resident) in self.members.items())

    def unnamed(self, since_ns: int) -> int:
        """Bytes on disk of files that are deleted, written since, and held open: no folder shows them."""
        found: dict[tuple[int, int], int] = {}
        for pid in self.members:
            for name in _entries(f"/proc/{pid}/fd"):
                try:
                    seen = os.stat(f"/proc/{pid}/fd/{name}")
                except OSError:
                    continue
                if stat.S_ISREG(seen.st_mode) and not seen.st_nlink and seen.st_ctime_ns > since_ns:
                    found[seen.st_dev, seen.st_ino] = seen.st_blocks * 512
        return sum(found.values())


def _entries(path: str) -> list[str]:
    try:
        return os.listdir(path)
    except OSError:
        return []


def _stat(pid: str) -> tuple[int, int, int] | None:
    """Its parent, its threads and its resident bytes; None when it is gone."""
    try:
        with open(f"/proc/{pid}/stat", "rb", buffering=0) as file:
            fields = file.read(4096).rpartition(b")")[2].split()  # the name may hold spaces and parentheses
        return int(fields[1]), int(fields[17]), int(fields[21]) * _PAGE
    except (OSError, IndexError, ValueError):
        return None


def _share(pid: int, resident: int) -> int:
    try:
        with open(f"/proc/{pid}/smaps_rollup", "rb", buffering=0) as file:
            found = file.read(8192).partition(b"\nPss:")[2].split()
        return int(found[0]) * 1024
    except (OSError, IndexError, ValueError):
        return resident


def removal(folder: bytes) -> list[bytes]:
    """The command that removes a folder though it is closed to its owner, or deeper than a path may be long."""
    return [b"/bin/sh", b"-c", b'chmod -R u+rwX -- "$1"; rm -rf -- "$1"', b"sh", folder]


class Growth:
    """What lies in folders that was not there, or was not so, before: bytes and entries.

    `unseen` are folders that could not be looked into: what is in them counts against whoever made them so.
    """

    def __init__(self, folders: list[bytes], since_ns: int) -> None:
        self.size = self.entries = 0
        self.unseen: list[bytes] = []
        self.files: list[bytes] = []
        self._until = time.monotonic() + _WALK_S
        waiting = list(folders)
        while waiting:
            folder = waiting.pop()
            if time.monotonic() > self._until:
                self.unseen.append(folder)
                continue
            try:
                with os.scandir(folder) as found:
                    for entry in found:
                        self._count(entry, since_ns, waiting)
            except (FileNotFoundError, NotADirectoryError):
                continue  # it was removed meanwhile
            except OSError:
                self.unseen.append(folder)

    def _count(self, entry: os.DirEntry[bytes], since_ns: int, waiting: list[bytes]) -> None:
        if entry.is_dir(follow_symlinks=False):
            waiting.append(entry.path)
        try:
            seen = entry.stat(follow_symlinks=False)
        except OSError:
            return
        if seen.st_ctime_ns > since_ns:  # no program can set this time
            self.size += seen.st_blocks * 512
            self.entries += 1
            if not stat.S_ISDIR(seen.st_mode):
                self.files.append(entry.path)


class Disk:
    """The file systems below some folders, from a moment on."""

    def __init__(self, folders: list[bytes], since_ns: int, most: int, least_free: int, walk_s: float) -> None:
        self.folders, self.since_ns, self.most, self.least_free, self.walk_s = (
            folders,
            since_ns,
            most,
            least_free,
            walk_s,
        )
        self._began: dict[int, tuple[bytes, int, int]] = {}
        for folder in folders:
            try:
                space = os.statvfs(folder)
                self._began.setdefault(os.stat(folder).st_dev, (folder, _free(space), space.f_favail))
            except OSError:
                continue
        self._walked = 0
        self._walk_at = time.monotonic() + walk_s

    def complaint(self, family: Family) -> str:
        """Why this is too much; empty when it is not.

        The folders are walked through when space was lost, and now and then, as others may free what is lost meanwhile.
        """
        began = time.monotonic()
        losses = [self._loss(*before) for before in self._began.values()]
        lost, free, full = max(losses, key=lambda loss: (loss[2], loss[0]), default=(0, 0, False))
        pressing = (lost > self.most or full) and lost >= self._walked
        if not pressing and began < self._walk_at:
            return ""
        said = self._blame(family, lost if pressing else 0, free, full)
        ended = time.monotonic()
        self._walk_at = ended + max(self.walk_s, _WALK_SHARE * (ended - began))
        if pressing:
            self._walked = lost + self.most // 16
        return said

    def _loss(self, folder: bytes, free: int, entries: int) -> tuple[int, int, bool]:
        """What a file system has less than before, what is left of it, and whether that is too little."""
        try:
            space = os.statvfs(folder)
        except OSError:
            return 0, 0, False
        lost = max(free - _free(space), 0)
        low = _free(space) < max(self.least_free, space.f_blocks * space.f_frsize // 50)
        few = space.f_favail < space.f_files // 50 < entries - space.f_favail
        return lost, _free(space), (low and lost > _LITTLE) or few

    def _blame(self, family: Family, lost: int, free: int, full: bool) -> str:
        """Others write to this disk too: what was lost is theirs, unless it is found."""
        found = Growth(self.folders, self.since_ns)
        size = found.size + family.unnamed(self.since_ns)
        if found.unseen:
            size = max(size, lost)
        if size > self.most:
            return f"wrote {size >> 20} MiB to the disk"
        if full and (size > _LITTLE or found.entries > 10_000):
            return f"wrote {size >> 20} MiB in {found.entries} files to a disk with {free >> 20} MiB free"
        return ""


def _free(space: os.statvfs_result) -> int:
    return space.f_bavail * space.f_frsize

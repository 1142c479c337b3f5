"""What one environment is like now: memory and CPU of its instances, as the machine shows them, and the requests that are
open, as Envoy tells them; the keeper is not asked.
"""

from __future__ import annotations

import time
from collections import defaultdict
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from penstock import shell
from penstock.core.reading import OPEN_REQUESTS, Level
from penstock.providers.local import admin
from penstock.providers.local.paths import Folder, read_json

Known = tuple[int, int]
"""A process for certain: its pid, and the tick since this machine's boot at which it was made."""


class Gauges:
    """Looks again and again; between two looks it remembers how much CPU was used."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self._used_s: dict[Known, float] = {}
        self._looked_s: dict[Known, float] = {}

    def look(self) -> list[Level]:
        """`memory`, `memory_share` and `cpu` of every instance that lives and was not told to stop, and `open_requests` of every
        revision that Envoy knows.

        Memory is resident bytes of the instance's whole process tree: what its processes share counts for each of them. Its
        share is of all that this machine has.
        CPU is the share of one core that the tree has used since the last look (two busy processes: 2.0), so the first look
        at an instance has none; what a process used between the last look and its own end is not seen.
        Open are the requests that an instance has not answered to the end, in all units, with previews and Penstock's own; a
        stream is open as long as it lasts. Those of an instance that Envoy was told to forget are not seen. Without Envoy, or
        where it does not answer within a second, nothing is said of them.
        Raises PenstockError when the keeper's file cannot be read.
        """
        recorded = read_json(self._folder.instances) or {}
        instances = [one for one in recorded.get("instances", []) if _lives(one)]
        children = _children() if instances else {}
        levels: list[Level] = []
        used_s: dict[Known, float] = {}
        looked_s: dict[Known, float] = {}
        for one in instances:
            root = one["pid"], one["start_ticks"]
            tree = _tree(one["pid"], children)
            if root not in tree:
                continue  # it ended just now
            at, looked_s[root] = time.time(), time.monotonic()
            memory = sum(rss for rss, _ in tree.values())
            levels.append(Level("memory", one["revision"], at, float(memory), one["id"]))
            levels.append(Level("memory_share", one["revision"], at, memory / _machine_bytes(), one["id"]))
            if root in self._looked_s:
                spent_s = sum(cpu_s - self._used_s.get(known, 0.0) for known, (_, cpu_s) in tree.items())
                passed_s = max(looked_s[root] - self._looked_s[root], 1e-3)
                levels.append(Level("cpu", one["revision"], at, spent_s / passed_s, one["id"]))
            used_s |= {known: cpu_s for known, (_, cpu_s) in tree.items()}
        self._used_s, self._looked_s = used_s, looked_s
        return levels + _open_requests(recorded.get("envoy"))


def _open_requests(envoy: dict[str, Any] | None) -> list[Level]:
    try:
        hosts = admin.hosts(Path(envoy["admin_socket"])) if envoy else {}
    except OSError:
        return []
    at, found = time.time(), dict[str, int]()
    for (_, revision), ports in hosts.items():
        found[revision] = found.get(revision, 0) + sum(host.active_requests for host in ports.values())
    return [Level(OPEN_REQUESTS, revision, at, float(count)) for revision, count in found.items()]


def _machine_bytes() -> int:
    """All of this machine's memory: an instance may have all of it."""
    return int(psutil.virtual_memory().total)


def _lives(record: dict[str, Any]) -> bool:
    process = shell.Process(record["pid"], record["boot_id"], record["start_ticks"])
    return bool(record["pid"]) and not record["is_stopping"] and shell.alive(process)


def _children() -> dict[int, list[int]]:
    """The processes of this machine by their parent, in one look for all instances."""
    found: dict[int, list[int]] = defaultdict(list)
    for process in psutil.process_iter(["ppid"]):
        found[process.info["ppid"]].append(process.pid)
    return found


def _tree(root: int, children: dict[int, list[int]]) -> dict[Known, tuple[int, float]]:
    """Resident bytes and CPU seconds so far of a process and all below it; without those that are gone."""
    found = {}
    left = [root]
    while left:
        pid = left.pop()
        left += children.get(pid, [])
        with suppress(psutil.Error, OSError):
            process = psutil.Process(pid)
            times = process.cpu_times()
            found[pid, shell.start_ticks(pid)] = (process.memory_info().rss, times.user + times.system)
    return found

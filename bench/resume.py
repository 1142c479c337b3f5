"""How long a release stands still when its worker is killed: from the start of the next worker to its first look."""

from __future__ import annotations

import os
import signal
import statistics
import tempfile
import time
from pathlib import Path

from penstock import waking
from tests.site import Site

ROUNDS = 7


def main() -> None:
    """A held canary, its worker killed again and again."""
    site = Site(Path(tempfile.mkdtemp()))
    try:
        site.release(site.commit(site.manifest(rollout="{is: all_at_once, min_ready: 200ms}")))
        held = "{is: canary, increments: [50% for 600s], min_ready: 200ms}"
        number = site.order(site.commit(site.manifest(rollout=held, env="A: b")))
        site.wait_weight(number, 500)
        times = [_once(site, number) for _ in range(ROUNDS)]
        print("| | median s | longest of 7 |\n|---|---|---|")
        print(f"| worker started → the release goes on | {statistics.median(times):.2f} | {max(times):.2f} |")
    finally:
        site.close()


def _once(site: Site, number: int) -> float:
    pid = site.worker_pid()
    os.kill(pid, signal.SIGKILL)
    while waking.lives(site.desk.state):
        time.sleep(0.005)
    last = _looks(site, number)
    began = time.monotonic()
    while _looks(site, number) == last:
        waking.ensure(site.desk.state)
        time.sleep(0.005)
    return time.monotonic() - began


def _looks(site: Site, number: int) -> int:
    row = site.desk.store.row("SELECT count(*) AS n FROM looks WHERE release = ?", number)
    assert row
    return int(row["n"])


if __name__ == "__main__":
    main()

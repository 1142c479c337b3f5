"""What doing nothing costs: keeper and worker over half a minute without a request, Envoy apart."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import psutil

from penstock import waking
from tests.site import Site

SECONDS = 30


def main() -> None:
    """CPU as a share of one core, and resident memory: with nothing under way, and while a canary is held."""
    site = Site(Path(tempfile.mkdtemp()))
    try:
        site.release(site.commit(site.manifest(rollout="{is: all_at_once, min_ready: 200ms}")))
        while waking.lives(site.desk.state):
            time.sleep(0.1)
        print("| | process | % of a core | resident MB |\n|---|---|---|---|")
        _measure("nothing under way", {"keeper": site.keeper_pid()})
        held = "{is: canary, increments: [50% for 600s], min_ready: 200ms}"
        number = site.order(site.commit(site.manifest(rollout=held, env="A: b")))
        site.wait_weight(number, 500)
        envoy = site.observed()["envoy"]["pid"]
        _measure("a canary held", {"keeper": site.keeper_pid(), "worker": site.worker_pid(), "Envoy": envoy})
    finally:
        site.close()


def _measure(when: str, who: dict[str, int]) -> None:
    found = {name: psutil.Process(pid) for name, pid in who.items()}
    before = {name: sum(p.cpu_times()[:2]) for name, p in found.items()}
    time.sleep(SECONDS)
    for name, process in found.items():
        used = sum(process.cpu_times()[:2]) - before[name]
        print(f"| {when} | {name} | {100 * used / SECONDS:.2f} | {process.memory_info().rss / 1e6:.0f} |", flush=True)


if __name__ == "__main__":
    main()

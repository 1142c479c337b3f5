"""What doing nothing costs: keeper and worker over half a minute without a request, Envoy apart."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import psutil

from tests.site import Site

SECONDS = 30


def main() -> None:
    """CPU as a share of one core, and resident memory."""
    site = Site(Path(tempfile.mkdtemp()))
    try:
        site.release(site.commit(site.manifest(rollout="{is: all_at_once, min_ready: 200ms}")))
        held = "{is: canary, increments: [50% for 600s], min_ready: 200ms}"
        number = site.order(site.commit(site.manifest(rollout=held, env="A: b")))
        site.wait_weight(number, 500)
        who = {"keeper": site.keeper_pid(), "worker, watching a canary": site.worker_pid(),
               "Envoy": site.observed()["envoy"]["pid"]}  # fmt: skip
        found = {name: psutil.Process(pid) for name, pid in who.items()}
        before = {name: sum(p.cpu_times()[:2]) for name, p in found.items()}
        time.sleep(SECONDS)
        print("| process | % of a core | resident MB |\n|---|---|---|")
        for name, process in found.items():
            used = sum(process.cpu_times()[:2]) - before[name]
            print(f"| {name} | {100 * used / SECONDS:.2f} | {process.memory_info().rss / 1e6:.0f} |")
    finally:
        site.close()


if __name__ == "__main__":
    main()

"""`make crash`: every boundary of every scenario, two sites at a time; prints a table, exits 1 when anything is wrong."""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import time

from tests.crash.scenarios import SCENARIOS
from tests.crash.town import Outcome, walk


def main() -> int:
    """All scenarios; returns the exit code."""
    words = argparse.ArgumentParser(prog="tests.crash")
    words.add_argument("--every", action="store_true", help="every boundary, not a sample")
    words.add_argument("--seed", type=int, default=1)
    words.add_argument("--most", type=int, default=6, help="boundaries of each scenario, in a sample")
    words.add_argument("--scenario", action="append", choices=sorted(SCENARIOS))
    asked = words.parse_args()
    names = asked.scenario or list(SCENARIOS)
    began = time.monotonic()
    jobs = [(name, None if asked.every else asked.seed, asked.most) for name in names]
    print(
        "| scenario | deaths | same end, nothing left over | resumed after, median | longest |\n|---|---|---|---|---|"
    )
    found: list[Outcome] = []
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        walks = [(job[0], pool.apply_async(walk, job)) for job in jobs]
        for name, walked in walks:
            outcomes = walked.get()
            times = sorted(o.resumed_s for o in outcomes)
            good = sum(not o.wrong for o in outcomes)
            print(
                f"| {name} | {len(outcomes)} | {good} | {times[len(times) // 2]:.2f} s | {times[-1]:.2f} s |",
                flush=True,
            )
            found += outcomes
    bad = [o for o in found if o.wrong]
    for outcome in bad:
        print(f"\nWRONG {outcome.point}: " + "\n  ".join(outcome.wrong))
    print(f"\n{len(found)} deaths, {len(bad)} wrong, {time.monotonic() - began:.0f} s")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())

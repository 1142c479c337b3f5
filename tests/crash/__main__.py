"""`make crash`: everything is killed everywhere, some sites at a time; prints a table, exits 1 when anything is wrong."""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import time
from collections import Counter

from tests.crash.rows import ROWS, Asked, walk, walk_full
from tests.crash.town import Outcome

SITES = 5


def main() -> int:
    """Every row; returns the exit code."""
    words = argparse.ArgumentParser(prog="tests.crash")
    words.add_argument("--every", action="store_true", help="every boundary, not a sample")
    words.add_argument("--seed", type=int, default=1)
    words.add_argument("--most", type=int, default=6, help="points of each row, in a sample")
    words.add_argument("--row", action="append", help="only rows whose name has this in it")
    words.add_argument("--sites", type=int, default=SITES, help="so many at a time")
    said = words.parse_args()
    asked = Asked(said.seed, None if said.every else said.most)
    rows = [row for row in ROWS if not said.row or any(word in row[2] for word in said.row)]
    began = time.monotonic()
    print(f"seed {said.seed}, {said.sites} sites at a time\n")
    print(
        "| what dies, and where | points | deaths | right | resumed after, median | longest |\n|---|---|---|---|---|---|"
    )
    found: list[Outcome] = []
    with multiprocessing.get_context("spawn").Pool(said.sites, maxtasksperchild=1) as pool:
        walks = [
            (row, [pool.apply_async(walk_full, (row[1], asked, part, row[3])) if row[0] == "disk" else
                   pool.apply_async(walk, (row[0], row[1], asked, part, row[3])) for part in range(row[3])])
            for row in rows
        ]  # fmt: skip
        for row, parts in walks:
            outcomes = [outcome for part in parts for outcome in part.get()]
            print(line(row[2], outcomes), flush=True)
            found += outcomes
    bad = [outcome for outcome in found if outcome.wrong]
    for outcome in bad:
        print(f"\nWRONG {outcome.point}: " + "\n  ".join(outcome.wrong))
    died = sum(outcome.deaths for outcome in found)
    print(f"\n{len(found)} points, {died} deaths, {len(bad)} wrong, {time.monotonic() - began:.0f} s")
    return 1 if bad else 0


def line(name: str, outcomes: list[Outcome]) -> str:
    """A row of the table."""
    times = sorted(o.resumed_s for o in outcomes if o.resumed_s)
    resumed = f"{times[len(times) // 2]:.2f} s | {times[-1]:.2f} s" if times else "- | -"
    right = sum(not o.wrong for o in outcomes)
    notes = Counter(o.note for o in outcomes if o.note)
    more = f" ({', '.join(f'{note}: {count}' for note, count in notes.items())})" if notes else ""
    return f"| {name} | {len(outcomes)} | {sum(o.deaths for o in outcomes)} | {right}{more} | {resumed} |"


if __name__ == "__main__":
    sys.exit(main())

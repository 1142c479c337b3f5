"""`make bench`: every table, or those that are named; options go to those that have some (`verdict-truth --releases 20000`)."""

from __future__ import annotations

import importlib
import sys
from itertools import takewhile

NAMES = ("steps", "resume", "cli", "fold", "switch", "idle", "peers", "records", "contain", "checks", "planted")
VERDICT = ("verdict-truth", "verdict-latency", "verdict-speed", "verdict-peers", "verdict-promotion", "verdict-cost")

if __name__ == "__main__":
    names = list(takewhile(lambda word: not word.startswith("-"), sys.argv[1:]))
    options = sys.argv[1 + len(names) :]
    for name in names or (*NAMES, *VERDICT):
        print(f"\n## {name}\n", flush=True)
        main = importlib.import_module(f"bench.{name.replace('-', '_')}").main
        main(options) if options else main()

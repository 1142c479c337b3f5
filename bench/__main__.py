"""`make bench`: every table, or those that are named."""

from __future__ import annotations

import importlib
import sys

NAMES = ("steps", "resume", "cli", "fold", "switch", "idle", "peers", "records", "contain", "checks", "planted")

if __name__ == "__main__":
    for name in sys.argv[1:] or NAMES:
        print(f"\n## {name}\n", flush=True)
        importlib.import_module(f"bench.{name}").main()
